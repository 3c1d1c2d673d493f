/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "tests/system/db/server.h"

/*
 * What the files of redis' servers share. Where there are several, they know each other by their doors, since that is
 * where clients are sent.
 */

#define REDIS_DISK_MIB 384 /* for the append-only file */

enum { REDIS_REPLICAS = 2 };

bool redis_is_secure(const struct server *server);

/** Options that let redis-cli in as the user who may do everything. */
const char *redis_options(const struct server *server);

/** Runs a command of redis-cli; returns its status. */
int redis_control(const struct server *server, unsigned m, const char *what);

/** Runs a command until it is done. */
void redis_insist(const struct server *server, unsigned m, const char *what);

/** Whether a command prints this, or does not print it. */
bool redis_prints(const struct server *server, unsigned m, const char *what, bool does, const char *pattern);

/** Waits until a command prints what it should. */
void redis_wait_for(const struct server *server, unsigned m, const char *what, const char *printed);
void redis_wait_for_replicas(const struct server *server, unsigned m);

bool redis_is_ready(const struct server *server, unsigned m);
bool redis_is_master(const struct server *server, unsigned m);

/** Certificates, user and password. */
void redis_prepare_secure(struct server *server);

/* In the process that becomes a member. */

/** The configuration, NULL when it is there: servers write what changes into it themselves. */
FILE *redis_begin(void);

/** Where it listens; to each other servers speak as they do to clients. */
void redis_write_port(FILE *file, const struct server *server, unsigned m);

/** All that a server has that has data, wherever it is. */
void redis_write_data_server(FILE *file, const struct server *server, unsigned m);

void redis_exec(FILE *file, const char *option);

/* Of several. */

/** settle() of a kind: who leads has its replicas, and the whole is as it should be. Members that have data are first. */
void redis_settle(const struct server *server, unsigned data_servers,
                  bool (*is_whole)(const struct server *server, unsigned leader));
void redis_wipe_leader(const struct server *server);
