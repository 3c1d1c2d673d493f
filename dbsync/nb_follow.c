/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/nb_private.h"
#include "dbsync/topics.h"

/* Which rows a handle is told of. */

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool follows_word(const struct df_nb *nb, const char *word)
{
    return bsearch(&word, nb->topics, nb->n_topics, sizeof nb->topics[0], compare);
}

/* Out of memory: told of what does not concern it, which costs only time. */
bool df_nb_follows(const struct df_nb *nb, enum df_nb_table table, const ProtobufCMessage *object)
{
    char *topics, *at;
    if (nb->n_topics == 0 || df_topics_of(table, object, &topics) || !topics)
        return true;
    bool follows = false;
    for (char *word = strtok_r(topics, " ", &at); word && !follows; word = strtok_r(NULL, " ", &at))
        follows = follows_word(nb, word);
    free(topics);
    return follows;
}

static void free_list(char **topics, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(topics[i]);
    free(topics);
}

void df_nb_forget_topics(struct df_nb *nb)
{
    free_list(nb->topics, nb->n_topics);
    nb->topics = NULL;
    nb->n_topics = 0;
}

static char **copy_list(const char *const *topics, size_t n)
{
    char **copy = calloc(n + 1, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = strdup(topics[i]);
        if (copy[i])
            continue;
        free_list(copy, i);
        return NULL;
    }
    if (copy)
        qsort(copy, n, sizeof *copy, compare);
    return copy;
}

/* Is all of it followed already? Then there is nothing to be told. */
static bool only_less(const struct df_nb *nb, char *const *topics, size_t n)
{
    if (nb->n_topics == 0)
        return true;
    for (size_t i = 0; i < n; i++)
        if (!follows_word(nb, topics[i]))
            return false;
    return n > 0;
}

/* A late message of a feed must not undo what is newer. */
static int tell_and_note(const struct df_db_row *row, void *arg)
{
    struct df_nb_teller *teller = arg;
    if (teller->nb->feed.feed)
        df_nb_feed_note(teller->nb, row);
    return df_nb_tell_row(row, arg);
}

int df_nb_follow(struct df_nb *nb, const char *const *topics, size_t n, df_nb_change_cb cb, void *arg,
                 struct df_error *error)
{
    struct df_nb_teller teller = {.nb = nb, .cb = cb, .arg = arg};
    char **copy = copy_list(topics, n);
    if (!copy)
        return df_error_set(error, -ENOMEM, "out of memory");
    bool less = only_less(nb, copy, n);
    df_nb_forget_topics(nb);
    nb->topics = copy;
    nb->n_topics = n;
    struct df_feed *feed = nb->feed.deaf ? NULL : nb->feed.feed;
    int rc =
        feed && nb->synced ? feed->ops->follow(feed, (const char *const *)copy, n, df_nb_feed_row, &teller, error) : 0;
    if (rc == 0 && !nb->driver->follow) {
        nb->synced = nb->synced && less;
        return 0;
    }
    if (rc == 0)
        rc = nb->driver->follow(nb->db, (const char *const *)copy, n, tell_and_note, &teller, error);
    if (rc) /* what it did not come to tell is told by a snapshot */
        nb->synced = false;
    return rc ? rc : teller.events;
}
