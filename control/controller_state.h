/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/apps_load.h"
#include "control/binding/local_ports.h"
#include "control/compile/compiler.h"
#include "control/compile/relevance.h"
#include "control/controller.h"
#include "control/model/store.h"
#include "control/nodes/interest.h"
#include "control/nodes/liveness.h"
#include "control/nodes/self.h"
#include "control/underlay/underlay.h"

/* What controller.c, its look-ups and its reports share. Nobody else includes this. */

struct df_controller {
    char *host;
    struct df_datapath *dp;
    const struct df_clock *clock;
    struct df_apps apps;
    struct df_store *store;
    struct df_relevance *relevance;
    struct df_local_ports *ports;
    struct df_underlay_port *underlay; /* NULL: none */
    struct df_compiler *compiler;
    struct df_liveness *liveness;
    struct df_self *self;         /* NULL: it writes nothing */
    struct df_interest *interest; /* NULL: everything is of interest */
    struct df_controller_work work;

    bool in_snapshot;
    uint32_t snapshot;    /* number of the last one */
    size_t snapshot_rows; /* rows told in it */
    bool held;            /* the last snapshot was empty, so nothing was deleted */

    /* Entries that the datapath refused are tried again. */
    uint64_t retry_ms;
    uint32_t backoff_ms; /* 0: it has them all */

    uint64_t unknown_punts;
};

/* The report of chassis.c, and those of secgroups.c. */
json_t *df_controller_chassis(struct df_controller *controller);
json_t *df_controller_secgroups(struct df_controller *controller);
json_t *df_controller_secgroup(struct df_controller *controller, json_t *params, struct df_error *error);
