/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_mempool.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Start of DPDK's environment (EAL) and of the packet buffers.
 *
 * The thread that calls df_eal_init() becomes the main lcore, which is the control thread's; worker i runs on lcore
 * df_eal_worker_lcore(i), pinned to the CPU asked for. Lcore numbers are ours and not CPU numbers, so a machine with
 * one CPU can run control and worker on it.
 *
 * Memory and configuration stay in the process (--in-memory, --no-shconf): there are no files in hugetlbfs to fall
 * over after a crash, several daemons can run side by side, and DPDK's secondary processes cannot attach. PCI is
 * scanned only for the addresses that are configured, so that no NIC of the host is taken unasked.
 *
 * SIGPIPE is ignored from then on: memif and virtio-user write to sockets whose peer may have gone.
 *
 * DPDK starts once in a process's life: after an error the process can only report it and end. What can be found out
 * before is therefore looked at before: CPUs, plug-ins, hugepages.
 */

#define DF_EAL_WORKERS_MAX 64
#define DF_EAL_LIST_MAX 32 /* plug-ins, PCI addresses */
#define DF_MBUF_PRIVATE 64 /* bytes between struct rte_mbuf and the buffer: df_punt_info and what answers need */
#define DF_MBUF_SIZE_MAX 16384

enum df_eal_memory {
    DF_EAL_MEMORY_AUTO, /* hugepages; ordinary pages when there are too few */
    DF_EAL_MEMORY_HUGEPAGES,
    DF_EAL_MEMORY_NO_HUGEPAGES,
};

struct df_eal_config {
    const char *program;         /* of log lines and thread names; NULL: "df-switchd" */
    const char *file_prefix;     /* tells processes apart in DPDK's tools; NULL: program */
    const unsigned *worker_cpus; /* CPU of each worker */
    unsigned n_workers;          /* 1 to DF_EAL_WORKERS_MAX */
    int control_cpu;             /* CPU of the calling thread; negative: those that no worker has */
    enum df_eal_memory memory;
    uint32_t memory_mb;         /* beside packet buffers; 0: 64 */
    uint32_t n_mbufs;           /* packet buffers; 0: 32768 */
    uint16_t mbuf_size;         /* bytes of frame a buffer holds; 0: 2048. A port's mtu + 22 must fit */
    const char *const *plugins; /* shared objects or folders for -d; ends with NULL; may be NULL */
    const char *const *pci;     /* addresses, or addresses with device arguments, for -a; likewise. None: --no-pci */
    const char *log_level;      /* as for --log-level; NULL: "warning" */
};

/* Why it did not start, or started with less than was wished for. */
enum df_eal_cause {
    DF_EAL_OK,
    DF_EAL_NO_HUGEPAGES,
    DF_EAL_BAD_CPU,
    DF_EAL_BAD_CONFIG,
    DF_EAL_NO_PLUGIN,
    DF_EAL_NO_PERMISSION,
    DF_EAL_NO_MEMORY,
    DF_EAL_STARTED_BEFORE,
    DF_EAL_REFUSED,
    DF_EAL_CAUSES,
};

struct df_eal {
    struct rte_mempool *pool; /* packet buffers, for every port and worker */
    bool hugepages;
    enum df_eal_cause cause; /* DF_EAL_NO_HUGEPAGES with success: started without them */
    char detail[192];        /* what exactly, for people: "CPU 7 is not there or not allowed"; "" when OK */
};

/**
 * Starts the EAL and makes the packet buffers. Control thread, once.
 *
 * @param eal filled in in any case
 * @return 0; negative errno, and eal->cause and eal->detail say why
 */
int df_eal_init(const struct df_eal_config *config, struct df_eal *eal);

/** Ends it: no port is open and no worker runs any more. */
void df_eal_fini(struct df_eal *eal);

/** What the cause means and what to do about it, one sentence each. Any thread; "" for DF_EAL_OK. */
const char *df_eal_cause_text(enum df_eal_cause cause);
const char *df_eal_cause_remedy(enum df_eal_cause cause);

/** The lcore of worker i, for df_worker_config.lcores. */
static inline unsigned df_eal_worker_lcore(unsigned i)
{
    return i + 1;
}
