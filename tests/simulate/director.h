/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "farm.h"
#include "usage.h"

#include <sys/types.h>

/*
 * The director writes to the database what a cloud's API servers would, waits until the nodes have it in force, and says
 * how long that took and what it cost: a JSON object a line on standard output.
 *
 * A thread of its own. Its connections to the database and its CPU time are not counted as the nodes'.
 */

struct director_options {
    const struct cloud *cloud;
    const char *driver;
    struct df_db_config database;
    unsigned rounds;              /* changes of each kind */
    unsigned seconds;             /* of idleness */
    pid_t others;                 /* the process that `die` kills; 0: none */
    unsigned n_others;            /* nodes in it */
    int go_fd, ready_fd;          /* a byte tells it to start, and a byte says that it has */
    const char *const *scenarios; /* ends with NULL */
};

/** Is there a scenario of that name? */
bool director_knows(const char *scenario);

/** What --help says of them. */
extern const char director_help[];

/**
 * Runs the scenarios in order, until one fails. 0, or -1 when a node did not come to what it should, which was printed.
 */
int director_run(const struct director_options *options, struct farm *farm, struct df_nb *nb);
