/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/feed.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/nb.h"
#include "dbsync/pubsub/publication.h"
#include "dbsync/row.h"
#include "tests/unit/dbsync/place.h"

/* What the NB API makes of a feed's rows: a feed of the test's own, beside an empty database. */

#define ROWS_MAX 8

static struct {
    struct df_feed feed;
    struct df_feed_row rows[ROWS_MAX]; /* the next take() brings them */
    size_t n;
    int verdict; /* on the last of them */
    uint64_t now_ms;
    char disbelieved[256]; /* who, and why */
} publisher;

static struct place place;
static struct df_nb *nb;
static struct df_error error;
static uint64_t snapshot_revision;
static char heard[1024];

static int feed_fd(struct df_feed *feed)
{
    (void)feed;
    return -1;
}

static int feed_follow(struct df_feed *feed, const char *const *topics, size_t n, df_feed_row_cb cb, void *arg,
                       struct df_error *why)
{
    (void)feed, (void)topics, (void)n, (void)cb, (void)arg, (void)why;
    return 0;
}

static int feed_take(struct df_feed *feed, df_feed_row_cb cb, void *arg, struct df_error *why)
{
    (void)feed, (void)why;
    for (size_t i = 0; i < publisher.n; i++)
        publisher.verdict = cb(&publisher.rows[i], arg);
    publisher.n = 0;
    return 0;
}

static void feed_disbelieve(struct df_feed *feed, const char *name, const char *why)
{
    (void)feed;
    snprintf(publisher.disbelieved, sizeof(publisher.disbelieved), "%s: %s", name, why);
}

static uint64_t feed_now_ms(struct df_feed *feed)
{
    (void)feed;
    return publisher.now_ms;
}

static void feed_close(struct df_feed *feed)
{
    (void)feed;
}

static void hear(struct df_nb_change *change, void *arg)
{
    size_t used = strlen(heard);
    (void)arg;
    if (change->event == DF_NB_SNAPSHOT_END)
        snapshot_revision = change->revision;
    if (change->event == DF_NB_LEASE_HELD || change->event == DF_NB_LEASE_ENDED)
        snprintf(heard + used, sizeof(heard) - used, "%s%s ", change->id, change->event == DF_NB_LEASE_HELD ? "" : "-");
    else if (change->event == DF_NB_SET || change->event == DF_NB_DELETE || change->event == DF_NB_BAD)
        snprintf(heard + used, sizeof(heard) - used, "%s@%d%s ", change->id, (int)change->revision,
                 change->event == DF_NB_SET ? "" : "-");
}

static const char *what_was_heard(void)
{
    static char text[sizeof(heard)];
    cr_assert_geq(df_nb_sync(nb, hear, NULL, &error), 0, "%s", error.text);
    strcpy(text, heard);
    heard[0] = '\0';
    return text;
}

static void set_up(void)
{
    static const struct df_feed_ops ops = {.fd = feed_fd,
                                           .follow = feed_follow,
                                           .take = feed_take,
                                           .disbelieve = feed_disbelieve,
                                           .now_ms = feed_now_ms,
                                           .close = feed_close};
    publisher.feed.ops = &ops;
    place_make(&place);
    cr_assert_eq(df_nb_open("lmdb", &place.create, &nb, &error), 0, "%s", error.text);
    df_nb_set_feed(nb, &publisher.feed);
    what_was_heard();
}

static void tear_down(void)
{
    df_nb_close(nb);
    place_remove(&place);
}

TestSuite(feed, .init = set_up, .fini = tear_down);

/* After the snapshot's revision; data NULL: it ended. */
static void publish(const char *topic, const char *table, const char *id, const char *data, uint64_t after)
{
    cr_assert_lt(publisher.n, ROWS_MAX);
    publisher.rows[publisher.n++] = (struct df_feed_row){.row = {.table = table,
                                                                 .id = id,
                                                                 .data = data,
                                                                 .len = data ? strlen(data) : 0,
                                                                 .revision = snapshot_revision + after},
                                                         .topic = topic,
                                                         .publisher = "api1"};
}

Test(feed, what_is_not_newer_than_what_is_known_is_no_news)
{
    publish(DF_TOPIC_EVERYBODY, "chassis", "late", NULL, 0);
    publish(DF_TOPIC_EVERYBODY, "chassis", "h", NULL, 2);
    publish(DF_TOPIC_EVERYBODY, "chassis", "h", NULL, 2);
    publish(DF_TOPIC_EVERYBODY, "chassis", "h", NULL, 1);
    char expected[64];
    snprintf(expected, sizeof(expected), "h@%d- ", (int)snapshot_revision + 2);
    cr_expect_str_eq(what_was_heard(), expected);
}

/* Its holder died, and another one came, and no transaction was between. */
Test(feed, a_lease_is_heard_of_by_the_revision_of_what_was_before)
{
    publish(DF_TOPIC_EVERYBODY, DF_DB_LEASES, "chassis-h", "me", 0);
    publish(DF_TOPIC_EVERYBODY, DF_DB_LEASES, "chassis-h", NULL, 0);
    publish(DF_TOPIC_EVERYBODY, DF_DB_LEASES, "chassis-h", "you", 0);
    cr_expect_str_eq(what_was_heard(), "chassis-h chassis-h- chassis-h ");
}

Test(feed, what_came_by_a_topic_that_it_has_not_is_a_lie)
{
    publish("network:n", DF_DB_LEASES, "chassis-h", "me", 1);
    cr_expect_str_eq(what_was_heard(), "");
    cr_expect_eq(publisher.verdict, -EPROTO);
}

Test(feed, the_end_of_a_lease_comes_to_everybody)
{
    publish("network:n", DF_DB_LEASES, "chassis-h", NULL, 1);
    cr_expect_str_eq(what_was_heard(), "");
    cr_expect_eq(publisher.verdict, -EPROTO);
}

/* ---- What the database says of it */

static void write_network(const char *id)
{
    char expected[64];
    Df__LogicalSwitch network = DF__LOGICAL_SWITCH__INIT;
    network.id = network.name = (char *)(uintptr_t)id;
    network.topic = "t";
    network.network_type = "local";
    cr_assert_eq(df_nb_write(nb, DF_NB_PUT, DF_NB_LSWITCH, &network.base, &error), 0, "%s", error.text);
    df_nb_resync(nb);
    snprintf(expected, sizeof(expected), "%s@", id);
    cr_assert(strstr(what_was_heard(), expected));
}

static void delete_network(const char *id)
{
    cr_assert_eq(df_nb_delete(nb, DF_NB_LSWITCH, id, &error), 0, "%s", error.text);
}

Test(feed, that_an_object_is_gone_which_the_database_has_is_a_lie)
{
    write_network("n");
    publish("network:other", "lswitch", "n", NULL, 1000000);
    cr_expect_str_eq(what_was_heard(), "");
    cr_expect_eq(publisher.verdict, -EEXIST);
    publish("network:n", "lswitch", "n", NULL, UINT64_MAX - snapshot_revision);
    cr_expect_str_eq(what_was_heard(), "");
    cr_expect_eq(publisher.verdict, -EEXIST, "whatever topic it comes by");
    delete_network("n");
    publish("network:n", "lswitch", "n", NULL, 1);
    cr_expect(strstr(what_was_heard(), "n@"), "what came before hides nothing");
    cr_expect_eq(publisher.verdict, 0);
}

static const char *packed_port(const char *id, const char *network)
{
    static char text[256];
    void *data;
    size_t len;
    Df__LogicalPort port = DF__LOGICAL_PORT__INIT;
    port.id = (char *)(uintptr_t)id;
    port.lswitch = (char *)(uintptr_t)network;
    cr_assert_eq(df_row_encode(DF_NB_LPORT, &port.base, &data, &len, NULL), 0);
    cr_assert(len < sizeof(text) && !memchr(data, 0, len));
    memcpy(text, data, len);
    text[len] = '\0';
    free(data);
    return text;
}

/* It would hide what is true until the next snapshot. */
Test(feed, a_revision_that_the_database_has_not_reached_is_a_lie_and_who_told_it_is_named)
{
    char expected[64];
    Df__LogicalPort port = DF__LOGICAL_PORT__INIT;
    port.id = "p";
    port.lswitch = "n";
    write_network("n");
    cr_assert_eq(df_nb_write(nb, DF_NB_PUT, DF_NB_LPORT, &port.base, &error), 0, "%s", error.text);
    df_nb_resync(nb);
    what_was_heard();
    publish("network:n", "lport", "p", packed_port("p", "n"), 0);
    publish("network:n", "lport", "p", packed_port("p", "n"), 1000000);
    snprintf(expected, sizeof(expected), "p@%d ", (int)snapshot_revision + 1000000);
    cr_expect_str_eq(what_was_heard(), expected, "it is told");
    for (publisher.now_ms = 1000; publisher.now_ms < 10000; publisher.now_ms += 1000)
        what_was_heard();
    cr_expect_str_eq(publisher.disbelieved, "");
    for (; publisher.now_ms <= 11000; publisher.now_ms += 1000)
        what_was_heard();
    cr_expect_str_eq(publisher.disbelieved, "api1: a revision that the database has not reached");
}

Test(feed, a_row_that_the_database_has_is_not_doubted_for_long)
{
    Df__LogicalPort port = DF__LOGICAL_PORT__INIT;
    port.id = "p";
    port.lswitch = "n";
    write_network("n");
    cr_assert_eq(df_nb_write(nb, DF_NB_PUT, DF_NB_LPORT, &port.base, &error), 0, "%s", error.text);
    publish("network:n", "lport", "p", packed_port("p", "n"), 1);
    cr_expect(strstr(what_was_heard(), "p@"));
    for (; publisher.now_ms <= 30000; publisher.now_ms += 1000)
        what_was_heard();
    cr_expect_str_eq(publisher.disbelieved, "");
}
