/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/system/db/server.h"

/* What the files of server.h share. */

#define SERVER_ENVIRONMENT "DF_TEST_SERVER" /* the shared file, for processes that are not forked from the first one */
/* Whatever is waited for. Sentinels that were held up for two seconds do nothing for another 30 (TILT). */
#define SERVER_READY_MS 90000

/** Starts a process that nobody has to wait for; *pid is set before this returns. body must not return. */
void server_spawn(pid_t *pid, void (*body)(const struct server *server, unsigned m), const struct server *server,
                  unsigned m);

/** SIGKILL, and waits for its end. *pid is 0 after that. */
void server_end(pid_t *pid);

/** The monotonic clock, in milliseconds. */
uint64_t server_now_ms(void);

void server_pause_ms(unsigned ms);

/**
 * Between two looks for what a server does in its own time: while (!is_so()) if (!server_wait(&end)) server_fail(...).
 *
 * @param end_ms 0 at first
 * @return false: SERVER_READY_MS have passed since then
 */
bool server_wait(uint64_t *end_ms);
