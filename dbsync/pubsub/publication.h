/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbsync/driver.h"
#include "dbsync/pubsub/publication.pb-c.h"

/*
 * Publications on the wire: two frames of a ZeroMQ message, the topic (so that the library filters) and a packed
 * Publication. A topic's frame ends with DF_PUBLICATION_END, because ZeroMQ filters by prefix.
 *
 * What comes from the network is untrusted: it is bounded, unpacked and checked here and nowhere else. That the rows
 * are good objects, and of that topic, is checked by who knows the model (nb_feed.c).
 */

#define DF_PUBLICATION_MAX (9u << 20) /* bytes of one message: a row of DF_ROW_MAX, and its names */
#define DF_PUBLICATION_ROWS_MAX 4096
#define DF_PUBLICATION_END "\n"
#define DF_TOPIC_EVERYBODY "*" /* rows without topics */

/**
 * Unpacks and checks what a publisher sent, or (from_writer) a writer pushed.
 *
 * @param topic the first frame; NULL: there is none, it is a push
 * @return NULL: error says what is wrong; else free it with df__publication__free_unpacked(publication, NULL)
 */
Df__Publication *df_publication_read(const void *topic, size_t topic_len, const void *data, size_t len,
                                     struct df_error *error);

/** Can a message carry such a row? A database may hold others, which are bad: a snapshot says so. */
bool df_publication_carries(const char *table, const char *id, size_t len);

/** Packs; *data is the caller's, of malloc. -ENOMEM. */
int df_publication_write(const Df__Publication *publication, void **data, size_t *len);
