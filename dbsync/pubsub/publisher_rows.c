/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/pubsub/publisher_private.h"

/* The rows that a publisher knows, and those that it knew. */

#define KEY_MAX 512    /* two names that a message carries, with a slash */
#define GONE_MAX 65536 /* rows that are remembered behind their end */

/* False: it is longer than any key may be. */
static bool key_of(const char *table, const char *id, char key[KEY_MAX])
{
    return snprintf(key, KEY_MAX, "%s/%s", table, id) < KEY_MAX;
}

static struct known *find_row(const struct df_publisher *publisher, const char *key)
{
    struct known *known;
    HASH_FIND_STR(publisher->rows, key, known);
    return known;
}

struct known *df_publisher_want_row(struct df_publisher *publisher, const char *table, const char *id)
{
    char key[KEY_MAX];
    if (!key_of(table, id, key))
        return NULL;
    struct known *known = find_row(publisher, key);
    if (known)
        return known;
    size_t len = strlen(key) + 1;
    known = calloc(1, sizeof(*known) + len);
    if (!known)
        return NULL;
    memcpy(known->key, key, len);
    HASH_ADD_STR(publisher->rows, key, known);
    return known;
}

/* ---- Their end */

static void forget_gone(struct df_publisher *publisher, struct gone *gone)
{
    HASH_DEL(publisher->gone, gone);
    free(gone);
}

static struct gone *find_gone(const struct df_publisher *publisher, const char *key)
{
    struct gone *gone;
    HASH_FIND_STR(publisher->gone, key, gone);
    return gone;
}

/* Out of memory: who is late brings it back until the next snapshot. */
static void remember_gone(struct df_publisher *publisher, const char *key, uint64_t revision)
{
    size_t len = strlen(key) + 1;
    struct gone *gone = find_gone(publisher, key);
    if (gone)
        forget_gone(publisher, gone);
    gone = calloc(1, sizeof(*gone) + len);
    if (!gone)
        return;
    memcpy(gone->key, key, len);
    gone->revision = revision;
    HASH_ADD_STR(publisher->gone, key, gone);
    if (HASH_COUNT(publisher->gone) > GONE_MAX)
        forget_gone(publisher, publisher->gone); /* uthash keeps the order of arrival */
}

static void drop_row(struct df_publisher *publisher, struct known *known)
{
    HASH_DEL(publisher->rows, known);
    free(known->topics);
    free(known);
}

void df_publisher_forget_row(struct df_publisher *publisher, struct known *known)
{
    remember_gone(publisher, known->key, known->revision);
    drop_row(publisher, known);
}

void df_publisher_forget_rows(struct df_publisher *publisher)
{
    struct known *known, *next_known;
    struct gone *gone, *next_gone;
    HASH_ITER(hh, publisher->rows, known, next_known) {
        drop_row(publisher, known);
    }
    HASH_ITER(hh, publisher->gone, gone, next_gone) {
        forget_gone(publisher, gone);
    }
}

bool df_publisher_is_late(const struct df_publisher *publisher, const struct df_db_row *row)
{
    char key[KEY_MAX];
    if (!key_of(row->table, row->id, key))
        return false;
    const struct known *known = find_row(publisher, key);
    const struct gone *gone = find_gone(publisher, key);
    return (known && row->revision < known->revision) || (gone && row->revision < gone->revision);
}
