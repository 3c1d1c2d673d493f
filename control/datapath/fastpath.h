/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/datapath/datapath.h"
#include "fastpath/worker/worker.h"

/*
 * The DPDK backend: entries go into fastpath/tables/, ports into fastpath/ports/, packets move on workers.
 *
 * The EAL runs already (fastpath/eal.h). One per process.
 */

/* An ethdev of the node's own configuration: [fastpath] ports. Strings are the caller's and outlive the backend. */
struct df_fastpath_device {
    const char *name; /* as a port's vif_name says it */
    const char *devargs;
};

struct df_fastpath_config {
    struct df_worker_config workers; /* wake and wake_arg are set by the backend */
    uint32_t table_entries_max;      /* per table */
    const struct df_fastpath_device *devices;
    size_t n_devices;
    struct df_conns_config conns; /* n_workers is set by the backend; max 0: nothing is tracked */
    bool allow_memif;             /* its peers are trusted as this process itself (fastpath/ports/ethdev.h) */
};

/** Makes tables and workers; df_datapath_fastpath_start() lets them run. -ENOMEM and others, with the remedy. */
int df_datapath_fastpath_open(const struct df_fastpath_config *config, struct df_datapath **dp, struct df_error *error);

/** Starts the workers on their lcores; tests run rounds by hand instead. */
int df_datapath_fastpath_start(struct df_datapath *dp, struct df_error *error);

/** Polls readable when workers have something for the controller: then call the next. */
int df_datapath_fastpath_fd(const struct df_datapath *dp);

/**
 * Looks at ports that change without telling, and hands what changed to dp->events; ends the connections of ports that
 * have been away for long. Once a second: a device that went is found by the second look.
 */
void df_datapath_fastpath_tick(struct df_datapath *dp);

/** Ages a hundredth of the connections for each 10 ms that passed: to be called about so often. */
void df_datapath_fastpath_age(struct df_datapath *dp);

/**
 * Hands punted packets and port changes to dp->events; at most a few hundred packets a call, so that the loop goes
 * on.
 */
void df_datapath_fastpath_poll(struct df_datapath *dp);
