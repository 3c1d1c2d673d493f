/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "dbsync/nb_private.h"
#include "dbsync/pubsub/publication.h"
#include "dbsync/row.h"
#include "dbsync/topics.h"

/*
 * News that come by a feed: each row once, in the order of its revisions, and only if it is what it claims to be.
 *
 * Of the rows that were told the revisions are remembered for a while, since two publishers are not in step. That is
 * two generations of KNOWN_MAX each; what is older is not late any more.
 */

#define KNOWN_MAX 65536

struct known {
    UT_hash_handle hh;
    uint64_t revision;
    char key[]; /* "TABLE/ID" */
};

static void forget(struct known **generation)
{
    struct known *known, *next;
    HASH_ITER(hh, *generation, known, next) {
        HASH_DEL(*generation, known);
        free(known);
    }
}

void df_nb_feed_forget(struct df_nb_feed *feed)
{
    forget(&feed->now);
    forget(&feed->before);
    feed->doubt = (struct df_nb_doubt){0};
}

static struct known *find(struct known *generation, const char *key)
{
    struct known *known;
    HASH_FIND_STR(generation, key, known);
    return known;
}

/* Out of memory: a row may be told again, which costs time only. */
static void remember(struct df_nb_feed *feed, const char *key, uint64_t revision)
{
    struct known *known = find(feed->now, key);
    if (known) {
        known->revision = revision;
        return;
    }
    size_t len = strlen(key) + 1;
    known = calloc(1, sizeof(*known) + len);
    if (!known)
        return;
    memcpy(known->key, key, len);
    known->revision = revision;
    if (HASH_COUNT(feed->now) == KNOWN_MAX) {
        forget(&feed->before);
        feed->before = feed->now;
        feed->now = NULL;
    }
    HASH_ADD_STR(feed->now, key, known);
}

/*
 * A lease that ends or changes hands is no transaction: it may come by the revision of the one before (driver.h). So it
 * may be told twice, which says the same.
 */
static bool is_news(const struct df_nb *nb, const char *key, const struct df_db_row *row)
{
    const struct known *now = find(nb->feed.now, key), *before = find(nb->feed.before, key);
    uint64_t next = row->revision + (strcmp(row->table, DF_DB_LEASES) == 0);
    return next > nb->revision && next > (now ? now->revision : 0) && next > (before ? before->revision : 0);
}

static void key_of(const struct df_db_row *row, char *key, size_t size)
{
    snprintf(key, size, "%s/%s", row->table, row->id);
}

void df_nb_feed_note(struct df_nb *nb, const struct df_db_row *row)
{
    char key[512];
    key_of(row, key, sizeof key);
    remember(&nb->feed, key, row->revision);
}

/* ---- Is it what it claims to be? */

enum claim { TRUE_CLAIM, OTHERS, FALSE_CLAIM };

/*
 * An object comes by one of its topics. One that has moved came by a topic that it had: if another one is followed it
 * comes by that.
 */
static enum claim check(const struct df_nb *nb, const struct df_feed_row *row)
{
    ProtobufCMessage *object;
    char *topics;
    enum df_nb_table table = df_schema_find(row->row.table);
    bool everybody = strcmp(row->topic, DF_TOPIC_EVERYBODY) == 0;
    if (table == DF_NB_TABLES) /* a lease */
        return everybody ? TRUE_CLAIM : FALSE_CLAIM;
    if (!row->row.data) /* what topics it had the database knows no more, and this node never did */
        return TRUE_CLAIM;
    if (df_row_decode(table, row->row.id, row->row.data, row->row.len, &object, NULL))
        return TRUE_CLAIM; /* a bad row is the writer's, and told as such */
    enum claim claim = TRUE_CLAIM;
    if (df_topics_of(table, object, &topics) == 0) {
        bool has = topics ? df_topics_have(topics, row->topic) : everybody;
        if (has == row->moved)
            claim = FALSE_CLAIM;
        else if (row->moved && df_nb_follows(nb, table, object))
            claim = OTHERS;
        free(topics);
    }
    protobuf_c_message_free_unpacked(object, NULL);
    return claim;
}

int df_nb_feed_row(const struct df_feed_row *row, void *arg)
{
    struct df_nb_teller *teller = arg;
    struct df_nb *nb = teller->nb;
    char key[512];
    enum claim claim = check(nb, row);
    if (claim == FALSE_CLAIM)
        return -EPROTO;
    key_of(&row->row, key, sizeof key);
    if (claim == OTHERS || !is_news(nb, key, &row->row))
        return 0;
    if (df_schema_find(row->row.table) != DF_NB_TABLES) {
        if ((!row->row.data || row->moved) && !df_nb_feed_is_gone(nb, &row->row))
            return -EEXIST;
        if (row->row.data)
            df_nb_feed_doubt(nb, row);
    }
    remember(&nb->feed, key, row->row.revision);
    return df_nb_tell_row(&row->row, teller);
}
