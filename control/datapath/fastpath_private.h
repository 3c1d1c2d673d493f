/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/datapath/fastpath.h"

/* What fastpath.c (tables, packets, life) and fastpath_ports.c share. Private to the two. */

/* What the controller was told of a port. */
struct told {
    bool attached, gone;
    const char *detail; /* compared by address, never read: the port may be another one by now */
};

/* Whose connections a port number's are. */
struct owner {
    char *lport;         /* NULL: nobody's */
    unsigned ticks_away; /* since it was last open */
};

struct fastpath {
    struct df_datapath dp;
    struct df_worker_config workers;
    const struct df_fastpath_device *devices;
    size_t n_devices;
    bool allow_memif;
    int wake_fd;
    bool running;
    uint32_t aged_ms; /* of df_workers_now_ms() */
    struct told told[DF_PORTS_MAX];
    struct owner owners[DF_PORTS_MAX];
    /* Ports whose attachment changed; set on any thread, read by the poll. */
    _Atomic bool changed[DF_PORTS_MAX];
};

/** Lets df_datapath_fastpath_fd() poll readable. Any thread; never blocks. */
void df_fastpath_wake(void *fp);

/* ---- fastpath_ports.c: operations of the backend */

int df_fastpath_port_add(struct df_datapath *dp, const struct df_port_spec *spec, struct df_error *error);
int df_fastpath_port_del(struct df_datapath *dp, uint16_t number);
int df_fastpath_port_state(struct df_datapath *dp, uint16_t number, struct df_port_state *state);
int df_fastpath_port_stats(struct df_datapath *dp, uint16_t number, struct df_port_stats *stats);

/** Tells dp->events of the ports whose attachment changed. */
void df_fastpath_tell_changed(struct df_datapath *dp);

/** The number is nobody's any more, and neither are its connections. */
void df_fastpath_disown(struct fastpath *fp, uint16_t number);
