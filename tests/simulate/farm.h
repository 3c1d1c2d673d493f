/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cloud.h"

#include "control/daemon/node.h"

/*
 * Many nodes in one process: what df-switchd is but for the data plane, with the null backend in its place. All
 * controllers share one thread and its loop, so that on a machine with few CPUs none is late because of many threads; a
 * node's database thread is its own, as in the daemon.
 *
 * The loop's thread runs the farm; one other thread, the director, asks and waits. Functions say whose they are.
 */

struct farm;

struct farm_config {
    const struct cloud *cloud;
    unsigned first, n; /* nodes of the cloud that this farm is */
    const char *driver;
    struct df_db_config database;
    const struct df_subscriber_config *subscriber; /* NULL: the database's own watch */
    bool selective;
    const char *apps_dir;
};

/* A node as it is looked at, on the loop's thread. */
struct farm_node {
    unsigned number; /* in the cloud */
    struct df_controller *controller;
    struct df_datapath *dp;
};

/* When a node did what was waited for, in nanoseconds of CLOCK_MONOTONIC. */
struct farm_mark {
    bool done;
    uint64_t event_ns;    /* the turn of the loop in which it heard of it began */
    uint64_t in_force_ns; /* and it was committed */
};

/* Is it so on that node? Asked after each settle, until it is. */
typedef bool (*farm_is_so)(const struct farm_node *node, void *arg);

/** Loop's thread. NULL: error was printed. */
struct farm *farm_new(const struct farm_config *config);
void farm_free(struct farm *farm);

/** Runs until farm_stop(). Loop's thread. */
void farm_run(struct farm *farm);

/** Any thread. */
void farm_stop(struct farm *farm);

/** Runs fn on the loop's thread and waits for it. The director. */
void farm_call(struct farm *farm, void (*fn)(struct farm *farm, void *arg), void *arg);

/** Connects all nodes. Loop's thread. */
void farm_connect(struct farm *farm);

unsigned farm_size(const struct farm *farm);
struct farm_node farm_node(const struct farm *farm, unsigned i);

/** CPU time of all controllers, without their database threads. Loop's thread. */
uint64_t farm_control_ns(const struct farm *farm);

/** Events that all controllers took. Loop's thread. */
uint64_t farm_events(const struct farm *farm);

/** Watches all nodes from now on. The director. */
void farm_watch(struct farm *farm, farm_is_so is_so, void *arg);

/** Waits until it is so on n nodes, no longer than so many seconds. How many it is. The director. */
unsigned farm_wait(struct farm *farm, unsigned n, unsigned seconds);

/** The mark of a node, after farm_wait(). The director. */
struct farm_mark farm_mark(const struct farm *farm, unsigned i);

uint64_t farm_now_ns(void);

/** A controller as the farm's, without a line to the database; for comparing. Loop's thread. */
struct df_controller *farm_twin(const struct farm *farm, unsigned i, struct df_datapath *dp);
