/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/*
 * df-switchd's life, on one thread (the control thread):
 *
 *   configuration ─► RPC socket ─► EAL, workers ─► controller, apps ─► database ─► snapshot ─► first settle ─► READY
 *
 * What can be refused is refused before a port is opened: a second daemon on the socket before DPDK starts, a second
 * one of the host's name before the first change is applied. From then on nothing stops it but SIGTERM, SIGINT or a
 * crash, after which a new process builds everything again from the database.
 */

struct df_daemon_options {
    const char *config_path; /* NULL: defaults only */
    int log_level;           /* enum df_log_level; 0: as configured */
};

/** Runs until it is told to stop. 0, 1 (cannot run; logged), 78 (EX_CONFIG: the configuration is wrong; logged). */
int df_daemon_run(const struct df_daemon_options *options);
