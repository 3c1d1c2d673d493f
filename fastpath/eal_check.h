/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What DPDK would only find out half way through its start, or by a panic. Control thread, before the EAL; private to
 * eal.c.
 */

/** Whether a thread of this process may run on that CPU (cgroup, offline). Leaves the caller's affinity as it was. */
bool df_eal_cpu_usable(unsigned cpu);

/**
 * Writes the CPUs the process runs on but those in workers as a list like "0,2-5"; all of them when no other is left.
 */
void df_eal_other_cpus(const unsigned *workers, unsigned n_workers, char *list, size_t size);

/** Free hugepages of every size, in bytes. */
uint64_t df_eal_hugepage_bytes(void);

/**
 * Whether DPDK will load that plug-in: it is there, and nobody but its owner and group can write it or a folder above.
 *
 * @param why what is wrong, when it is
 */
bool df_eal_plugin_usable(const char *path, char *why, size_t size);
