/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dbsync/nb_private.h"

/*
 * What the database says of what a feed told.
 *
 * Numbers and topics say that a publisher is in order, not that it is right. That an object is gone is asked before it is
 * believed, as nobody would tell of the object again. Of the others the newest is asked for after a while: a revision
 * that the database has not reached would hide all that is true. To ask for each would be to watch the database, so
 * there is a limit, and what is over it, or finds no answer, is believed.
 */

#define ASKED_A_SECOND 20
#define UNANSWERED_MS 10000 /* without questions, behind one that found no answer */
#define DOUBT_MS 10000
#define AGAIN_MS 1000
#define STEPS 5 /* in which all members of a database have what one of them has */
#define STEP_US 20000

static uint64_t now_ms(const struct df_nb *nb)
{
    return nb->feed.feed->ops->now_ms(nb->feed.feed);
}

static int note_revision(const struct df_db_row *row, void *arg)
{
    *(uint64_t *)arg = row->revision;
    return 0;
}

/* False: there is no answer. 0: the database does not have it. */
static bool ask(struct df_nb *nb, const char *table, const char *id, uint64_t *revision)
{
    struct df_error error;
    *revision = 0;
    int rc = nb->driver->get(nb->db, table, id, note_revision, revision, &error);
    if (rc == 0 || rc == -ENOENT)
        return true;
    nb->feed.unasked_ms = now_ms(nb) + UNANSWERED_MS;
    return false;
}

static bool may_ask(struct df_nb_feed *feed, uint64_t now)
{
    if (now / 1000 != feed->asked_s) {
        feed->asked_s = now / 1000;
        feed->asked = 0;
    }
    return now >= feed->unasked_ms && feed->asked++ < ASKED_A_SECOND;
}

/* What moved was written by that revision. What was written since, this one says nothing of. */
bool df_nb_feed_is_gone(struct df_nb *nb, const struct df_db_row *row)
{
    uint64_t has;
    if (!may_ask(&nb->feed, now_ms(nb)))
        return true;
    for (unsigned i = 0; i < STEPS; i++) {
        if (!ask(nb, row->table, row->id, &has) || has == 0 || has > row->revision ||
            (row->data && has == row->revision))
            return true;
        usleep(STEP_US);
    }
    return false;
}

void df_nb_feed_doubt(struct df_nb *nb, const struct df_feed_row *row)
{
    struct df_nb_doubt *doubt = &nb->feed.doubt;
    if (doubt->again || row->row.revision <= doubt->revision)
        return;
    if (doubt->revision == 0)
        doubt->due_ms = now_ms(nb) + DOUBT_MS;
    doubt->revision = row->row.revision;
    doubt->publisher = row->publisher;
    snprintf(doubt->table, sizeof(doubt->table), "%s", row->row.table);
    snprintf(doubt->id, sizeof(doubt->id), "%s", row->row.id);
}

void df_nb_feed_settle_doubt(struct df_nb *nb)
{
    struct df_nb_doubt *doubt = &nb->feed.doubt;
    uint64_t has, now = now_ms(nb);
    if (doubt->revision == 0 || now < doubt->due_ms || now < nb->feed.unasked_ms ||
        !ask(nb, doubt->table, doubt->id, &has))
        return;
    bool lie = has > 0 && has < doubt->revision;
    if (lie && !doubt->again) {
        doubt->again = true;
        doubt->due_ms = now + AGAIN_MS;
        return;
    }
    const char *publisher = doubt->publisher;
    *doubt = (struct df_nb_doubt){0};
    if (lie)
        nb->feed.feed->ops->disbelieve(nb->feed.feed, publisher, "a revision that the database has not reached");
}
