/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>

#include "dbsync/driver.h"
#include "dbsync/drivers/rethinkdb/answer.h"
#include "dbsync/drivers/rethinkdb/location.h"

/*
 * A connection to one of the servers: TCP, TLS where it is configured, the V1_0 handshake, questions and answers. It
 * connects again at the next question, at the next server, in pauses that grow from 100 ms to 5 s; in between it says
 * what failed last. It belongs to one thread. Nothing here raises SIGPIPE.
 */

struct df_rethinkdb_line;

/** All of it must live as long as the line. tls NULL: none. */
struct df_rethinkdb_line *df_rethinkdb_line_new(const struct df_rethinkdb_location *location,
                                                const struct df_db_config *config, SSL_CTX *tls);
void df_rethinkdb_line_free(struct df_rethinkdb_line *line);

/**
 * Asks, and waits for the answer. term becomes the line's; NULL: out of memory.
 * @return 0; -EACCES, -EPROTO, -EIO: the server says so; -EINPROGRESS: the answer was lost, it may be done; others: it
 * was not asked
 */
int df_rethinkdb_line_ask(struct df_rethinkdb_line *line, json_t *term, struct df_rethinkdb_answer *answer,
                          struct df_error *error);

/** The next part of the last answer, which was DF_RETHINKDB_PARTIAL. */
int df_rethinkdb_line_continue(struct df_rethinkdb_line *line, struct df_rethinkdb_answer *answer,
                               struct df_error *error);

/** Asks for the next part of the last answer without waiting for it: it is news, and a feed's comes when there is some. */
int df_rethinkdb_line_expect(struct df_rethinkdb_line *line, struct df_error *error);
/** Waits for that; 1: it is there, 0: the time is over or wake is readable. */
int df_rethinkdb_line_wait(struct df_rethinkdb_line *line, int wake, unsigned ms, struct df_rethinkdb_answer *answer,
                           struct df_error *error);

/** Grows with each connection: what was asked in another one is over. */
unsigned df_rethinkdb_line_serial(const struct df_rethinkdb_line *line);
