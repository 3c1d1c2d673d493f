/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/system/db/server.h"

/* What the files of server.h share. */

#define SERVER_ENVIRONMENT "DF_TEST_SERVER" /* the shared file, for processes that are not forked from the first one */
#define SERVER_READY_MS 60000

/** Starts a process that nobody has to wait for; *pid is set before this returns. body must not return. */
void server_spawn(pid_t *pid, void (*body)(const struct server *server, unsigned m), const struct server *server,
                  unsigned m);

/** SIGKILL, and waits for its end. *pid is 0 after that. */
void server_end(pid_t *pid);

/** The monotonic clock, in milliseconds. */
uint64_t server_now_ms(void);

void server_pause_ms(unsigned ms);
