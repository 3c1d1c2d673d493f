/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * What lies where in redis. All keys have one hash tag, so a Cluster keeps them together.
 *
 *   {dragonflow}:meta        hash: version (of this layout), history (of this database, random), revision, floor (the
 *                            last revision that the log lacks), log_bytes, run (the server process that wrote last),
 *                            seen (when somebody was heard of, ms)
 *   {dragonflow}:rows        hash: key of a row -> revision (8 bytes), length of its topics (2), topics, data
 *   {dragonflow}:of:TOPIC    set: keys of the rows with this topic; of no topic, with TOPIC empty
 *   {dragonflow}:log         stream: an entry for each revision, see log.h
 *   {dragonflow}:log:TOPIC   stream: the part of it that concerns this topic; no topic, with TOPIC empty
 *   {dragonflow}:ages        list: of each revision in the log its size and streams, for trimming
 *   {dragonflow}:leases      sorted set: keys of leases by the time (ms, server's clock) when they end
 *   {dragonflow}:ttls        hash: key of a lease -> its time to live, ms
 *
 * A row's key is "table\0id". Numbers in values are big endian.
 */

#define DF_REDIS_BASE "{dragonflow}"
#define DF_REDIS_META DF_REDIS_BASE ":meta"
#define DF_REDIS_ROWS DF_REDIS_BASE ":rows"
#define DF_REDIS_VERSION 1

#define DF_REDIS_NAME_MAX 128    /* of a table, of an id */
#define DF_REDIS_TOPIC_MAX 255   /* of one topic */
#define DF_REDIS_TOPICS_MAX 4096 /* bytes, of a row's topics */
#define DF_REDIS_DATA_MAX ((size_t)1 << 20)
#define DF_REDIS_KEY_MAX (2 * DF_REDIS_NAME_MAX + 1)

/** Makes a key; returns its length, 0: table or id are empty or too long. */
size_t df_redis_row_key(const char *table, const char *id, char key[DF_REDIS_KEY_MAX + 1]);

struct df_redis_row_name {
    char text[DF_REDIS_KEY_MAX + 1];
    const char *table, *id; /* point into text */
};

/** Takes a key apart. @return 0; -EPROTO: it is none */
int df_redis_row_name(const char *key, size_t len, struct df_redis_row_name *name);

/** Takes a value apart: the data begins at *data. @return 0; -EPROTO: it is none */
int df_redis_row_value(const char *value, size_t len, uint64_t *revision, const char **data, size_t *data_len);
