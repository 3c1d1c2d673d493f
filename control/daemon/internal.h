/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <event2/event.h>

#include "control/controller.h"
#include "control/daemon/config.h"
#include "control/daemon/daemon.h"
#include "control/daemon/dump.h"
#include "control/daemon/links.h"
#include "control/daemon/node.h"
#include "control/daemon/wait.h"
#include "control/datapath/fastpath.h"
#include "control/rpc/server.h"
#include "control/trace/resolve.h"
#include "fastpath/eal.h"

/* The parts of the daemon, in the order in which they start. Private to control/daemon. */

struct df_daemon {
    struct df_daemon_options options;
    struct df_config *config;
    struct event_base *base;
    struct df_rpc_server *rpc;

    struct df_eal eal;
    bool eal_started;
    struct df_fastpath_device *devices; /* of [fastpath] ports; strings are the configuration's */
    size_t n_devices;
    unsigned worker_cpus[DF_EAL_WORKERS_MAX];
    unsigned n_workers;
    struct df_datapath *dp;
    bool is_fastpath; /* not the null backend */

    const char **apps; /* those of apps_list that are there; ends with NULL */
    struct df_node *node;
    struct df_controller *controller; /* the node's */
    struct df_resolver resolver;      /* names for RPC answers */
    struct df_waits *waits;
    struct df_dumps *dumps;
    struct df_links *links; /* NULL: the kernel does not tell of devices */
    struct df_subscriber_config subscriber;
    char owner[512]; /* of the lease on the host's name */

    struct event *signals[3];
    struct event *watchdog; /* NULL: systemd wants none */
    struct event *punts;    /* the data plane has something for us */
    struct event *look;     /* at ports that change without telling */
    struct event *age;      /* connections */

    uint64_t started_ms;
    bool ready;
    bool wants_more;    /* of the database, before it knows all that its ports need */
    const char *status; /* what systemd was told last */
    int exit_code;
};

/** start.c: EAL, workers, datapath. Logs what is wrong. */
int df_daemon_open_datapath(struct df_daemon *daemon);
void df_daemon_close_datapath(struct df_daemon *daemon);

/** methods.c: what the RPC server offers. */
extern const struct df_rpc_method df_daemon_methods[];

/** conns.c: methods of the connection table, a page a call (fastpath_conns.h). */
void df_daemon_conn_list(struct df_rpc_call *call, json_t *params, void *daemon);
void df_daemon_conn_count(struct df_rpc_call *call, json_t *params, void *daemon);
void df_daemon_conn_top(struct df_rpc_call *call, json_t *params, void *daemon);
void df_daemon_conn_delete(struct df_rpc_call *call, json_t *params, void *daemon);

/** reload.c: SIGHUP. */
void df_daemon_reload(struct df_daemon *daemon);
