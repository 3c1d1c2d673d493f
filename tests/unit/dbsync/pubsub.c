/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "dbsync/pubsub/announcer.h"
#include "dbsync/pubsub/publisher_sockets.h"
#include "dbsync/pubsub/sequence.h"
#include "dbsync/pubsub/subscriber.h"
#include "dbsync/row.h"

/* Numbers by which losses are noticed, what a publisher says to whom, and both over real sockets. */

/* ---- Numbers */

Test(sequences, what_is_lost_is_noticed)
{
    struct df_sequences *s = df_sequences_new();
    cr_expect_eq(df_sequences_hear(s, "p", "t", 5, false), DF_SEQUENCE_KNOWN, "where it begins");
    cr_expect_eq(df_sequences_hear(s, "p", "t", 6, true), DF_SEQUENCE_NEXT);
    cr_expect_eq(df_sequences_hear(s, "p", "t", 6, false), DF_SEQUENCE_KNOWN);
    cr_expect_eq(df_sequences_hear(s, "p", "t", 8, true), DF_SEQUENCE_GAP);
    cr_expect_eq(df_sequences_hear(s, "p", "t", 9, true), DF_SEQUENCE_NEXT, "in order again");
    cr_expect_eq(df_sequences_hear(s, "p", "t", 10, false), DF_SEQUENCE_GAP, "the last one was lost");
    cr_expect_eq(df_sequences_hear(s, "p", "t", 10, true), DF_SEQUENCE_REPEAT);
    cr_expect_eq(df_sequences_hear(s, "p", "u", 1, true), DF_SEQUENCE_NEXT, "each topic by itself");
    df_sequences_free(s);
}

Test(sequences, a_publisher_that_was_started_anew_is_a_gap)
{
    struct df_sequences *s = df_sequences_new();
    df_sequences_hear(s, "p", "t", 5, true);
    cr_expect_eq(df_sequences_hear(s, "q", "t", 0, false), DF_SEQUENCE_GAP);
    cr_expect_eq(df_sequences_hear(s, "q", "t", 1, true), DF_SEQUENCE_NEXT);
    df_sequences_free(s);
}

Test(sequences, a_topic_that_was_forgotten_begins_anew)
{
    struct df_sequences *s = df_sequences_new();
    df_sequences_hear(s, "p", "t", 5, true);
    cr_expect(df_sequences_heard(s, "t"));
    df_sequences_forget(s, "t");
    cr_expect_not(df_sequences_heard(s, "t"));
    cr_expect_eq(df_sequences_hear(s, "p", "t", 9, true), DF_SEQUENCE_NEXT);
    df_sequences_free(s);
}

/* ---- Messages */

static const char *fault_of(const char *frame, char *topic)
{
    static struct df_error error;
    void *data;
    size_t len;
    Df__Publication publication = DF__PUBLICATION__INIT;
    publication.publisher = "p";
    publication.topic = topic;
    publication.has_sequence = publication.has_total = publication.has_revision = true;
    cr_assert_eq(df_publication_write(&publication, &data, &len), 0);
    Df__Publication *read = df_publication_read(frame, strlen(frame), data, len, &error);
    free(data);
    if (!read)
        return error.text;
    df__publication__free_unpacked(read, NULL);
    return "";
}

/* ZeroMQ filters by prefix, and each topic that is heard of is remembered. */
Test(publication, is_of_the_topic_that_its_frame_says_and_of_one_that_can_be_asked_for)
{
    const char *other = "a publication that cannot be: sent to another topic than it names";
    cr_expect_str_eq(fault_of("a\n", "a"), "");
    cr_expect_str_eq(fault_of("b\n", "a"), other);
    cr_expect_str_eq(fault_of("ab", "a"), other);
    cr_expect_str_eq(fault_of("a\nb\n", "a\nb"), other);
}

/* Rows of two bytes each, which unpack to a hundred: it is not unpacked to be counted. */
Test(publication, a_few_bytes_cannot_ask_for_much_memory)
{
    static uint8_t rows[DF_PUBLICATION_MAX / 2 * 2];
    struct df_error error;
    for (size_t i = 0; i < sizeof(rows); i += 2)
        rows[i] = 5 << 3 | 2;
    cr_expect_null(df_publication_read(NULL, 0, rows, sizeof(rows), &error));
    cr_expect_str_eq(error.text, "a publication that cannot be: no publication");
}

/* ---- What a publisher says: each message as "TOPIC#NUMBER@REVISION[id=data id-]" */

static char said[4096];

static int note(void *arg, const char *topic, const void *data, size_t len)
{
    size_t used = strlen(said);
    (void)arg;
    struct df_error error;
    Df__Publication *p = df_publication_read(topic, strlen(topic), data, len, &error);
    cr_assert_not_null(p, "%s", error.text);
    used +=
        (size_t)snprintf(said + used, sizeof(said) - used, "%s#%d@%d[", p->topic, (int)p->sequence, (int)p->revision);
    for (size_t i = 0; i < p->n_rows; i++)
        used += (size_t)snprintf(said + used, sizeof(said) - used, "%s%s%s", i ? " " : "", p->rows[i]->id,
                                 !p->rows[i]->has_data ? "-"
                                 : p->rows[i]->moved   ? ">"
                                                       : "");
    snprintf(said + used, sizeof(said) - used, "] ");
    df__publication__free_unpacked(p, NULL);
    return 0;
}

static const char *what_was_said(void)
{
    static char text[sizeof(said)];
    strcpy(text, said);
    said[0] = '\0';
    return text;
}

/* The data are good for the next seven calls. */
static struct df_db_row port_row(const char *id, const char *network, const char *chassis, uint64_t revision)
{
    static char kept[8][512];
    static unsigned turn;
    char *to = kept[turn++ % 8];
    void *data;
    size_t len;
    Df__LogicalPort port = DF__LOGICAL_PORT__INIT;
    Df__PortBinding binding = DF__PORT_BINDING__INIT;
    binding.type = "chassis";
    binding.chassis = (char *)(uintptr_t)chassis;
    port.id = (char *)(uintptr_t)id;
    port.lswitch = (char *)(uintptr_t)network;
    port.binding = chassis ? &binding : NULL;
    cr_assert_eq(df_row_encode(DF_NB_LPORT, &port.base, &data, &len, NULL), 0);
    cr_assert_leq(len, sizeof(kept[0]));
    memcpy(to, data, len);
    free(data);
    return (struct df_db_row){.table = "lport", .id = id, .data = to, .len = len, .revision = revision};
}

static struct df_publisher *primed(void)
{
    struct df_publisher *p = df_publisher_new("me", note, NULL);
    struct df_db_row row = port_row("old", "n", NULL, 3);
    df_publisher_snapshot_begin(p);
    cr_assert_eq(df_publisher_snapshot_row(p, &row), 0);
    cr_assert_eq(df_publisher_snapshot_end(p, 5), 0);
    cr_assert_str_eq(what_was_said(), "", "who listens reads the database first");
    return p;
}

static void change(struct df_publisher *p, struct df_db_row row)
{
    cr_assert_eq(df_publisher_change(p, &row), 0);
}

Test(publisher, a_row_is_told_by_each_of_its_topics)
{
    struct df_publisher *p = primed();
    change(p, port_row("a", "n", "h1", 6));
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "network:n#1@6[a] chassis:h1#1@6[a] ");
    df_publisher_free(p);
}

Test(publisher, those_who_knew_a_row_hear_that_it_moved_or_went)
{
    struct df_publisher *p = primed();
    change(p, port_row("a", "n", "h1", 6));
    df_publisher_flush(p);
    what_was_said();
    change(p, port_row("a", "n", "h2", 7));
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "network:n#2@7[a] chassis:h2#1@7[a] chassis:h1#2@7[a>] ");
    change(p, (struct df_db_row){.table = "lport", .id = "a", .revision = 8});
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "network:n#3@8[a-] chassis:h2#2@8[a-] ");
    df_publisher_free(p);
}

Test(publisher, a_transaction_is_one_message_of_a_topic)
{
    struct df_publisher *p = primed();
    change(p, port_row("a", "n", NULL, 6));
    change(p, port_row("b", "n", NULL, 6));
    change(p, port_row("c", "n", NULL, 7));
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "network:n#1@6[a b] network:n#2@7[c] ");
    df_publisher_free(p);
}

/* Who receives refuses what is longer than DF_PUBLICATION_MAX, and note() does. */
Test(publisher, a_transaction_that_no_message_holds_is_several)
{
    struct df_publisher *p = primed();
    static char much[DF_ROW_MAX];
    change(p, (struct df_db_row){.table = "lport", .id = "a", .data = much, .len = sizeof(much), .revision = 6});
    change(p, (struct df_db_row){.table = "lport", .id = "b", .data = much, .len = sizeof(much), .revision = 6});
    change(p, (struct df_db_row){.table = "lport", .id = "c", .data = much, .len = 1, .revision = 6});
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "*#1@6[a] *#2@6[b] *#3@6[c] ");
    df_publisher_free(p);
}

Test(publisher, a_row_that_no_message_carries_is_counted_and_keeps_nothing_else)
{
    struct df_publisher *p = primed();
    static char much[DF_ROW_MAX + 1], name[257];
    memset(name, 'x', 256);
    change(p, (struct df_db_row){.table = "lport", .id = "a", .data = much, .len = sizeof(much), .revision = 6});
    change(p, (struct df_db_row){.table = "lport", .id = name, .data = "", .revision = 6});
    change(p, port_row("b", "n", NULL, 6));
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "network:n#1@6[b] ");
    cr_expect_eq(df_publisher_tally(p).untold, 2);
    df_publisher_free(p);
}

static void push(struct df_publisher *p, struct df_db_row row, int expected)
{
    struct df_error error;
    void *data;
    size_t len;
    Df__Publication push = DF__PUBLICATION__INIT;
    Df__PublishedRow published = DF__PUBLISHED_ROW__INIT, *list = &published;
    published.table = (char *)(uintptr_t)row.table;
    published.id = (char *)(uintptr_t)row.id;
    published.has_data = true;
    published.data = (ProtobufCBinaryData){.len = row.len, .data = (uint8_t *)(uintptr_t)row.data};
    push.has_revision = true;
    push.revision = row.revision;
    push.rows = &list;
    push.n_rows = 1;
    cr_assert_eq(df_publication_write(&push, &data, &len), 0);
    cr_expect_eq(df_publisher_push(p, data, len, &error), expected);
    free(data);
}

Test(publisher, what_was_pushed_and_read_is_told_once)
{
    struct df_publisher *p = primed();
    push(p, port_row("a", "n", NULL, 6), 0);
    change(p, port_row("a", "n", NULL, 6));
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "network:n#1@6[a] ");
    change(p, port_row("b", "n", NULL, 7));
    df_publisher_flush(p);
    push(p, port_row("b", "n", NULL, 7), 0);
    cr_expect_str_eq(what_was_said(), "network:n#2@7[b] ");
    cr_expect_eq(df_publisher_tally(p).repeated, 1);
    df_publisher_free(p);
}

/* Two writers commit one after the other, and push the other way round. */
Test(publisher, a_push_that_is_late_is_not_told_and_not_remembered)
{
    struct df_publisher *p = primed();
    push(p, port_row("a", "n2", NULL, 7), 0);
    what_was_said();
    push(p, port_row("a", "n1", NULL, 6), 0);
    cr_expect_str_eq(what_was_said(), "");
    change(p, (struct df_db_row){.table = "lport", .id = "a", .revision = 8});
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "network:n2#2@8[a-] ", "those who knew it hear of its end");
    cr_expect_eq(df_publisher_tally(p).late, 1);
    df_publisher_free(p);
}

Test(publisher, a_push_that_is_late_brings_nothing_back)
{
    struct df_publisher *p = primed();
    change(p, port_row("a", "n", NULL, 6));
    change(p, (struct df_db_row){.table = "lport", .id = "a", .revision = 8});
    df_publisher_flush(p);
    what_was_said();
    push(p, port_row("a", "n2", NULL, 7), 0);
    cr_expect_str_eq(what_was_said(), "");
    push(p, port_row("a", "n2", NULL, 9), 0);
    cr_expect_str_eq(what_was_said(), "network:n2#1@9[a] ", "it may be made anew");
    df_publisher_free(p);
}

/* Not each database counts the end of a lease as a transaction. */
Test(publisher, leases_are_told_whatever_their_revision)
{
    struct df_publisher *p = primed();
    change(p, port_row("a", "n", NULL, 6));
    df_publisher_flush(p);
    what_was_said();
    change(p, (struct df_db_row){.table = DF_DB_LEASES, .id = "chassis-h", .data = "me", .len = 2, .revision = 6});
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "*#1@6[chassis-h] ");
    change(p, (struct df_db_row){.table = DF_DB_LEASES, .id = "chassis-h", .revision = 6});
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "*#2@6[chassis-h-] ");
    df_publisher_free(p);
}

Test(publisher, a_push_that_cannot_be_read_is_refused_and_counted)
{
    struct df_error error;
    struct df_publisher *p = primed();
    cr_expect_eq(df_publisher_push(p, "garbage", 7, &error), -EPROTO);
    cr_expect_eq(df_publisher_tally(p).refused, 1);
    cr_expect_str_eq(what_was_said(), "");
    df_publisher_free(p);
}

Test(publisher, after_a_gap_only_what_differs_is_told)
{
    struct df_publisher *p = primed();
    change(p, port_row("a", "n", NULL, 6));
    change(p, port_row("b", "n", NULL, 7));
    df_publisher_flush(p);
    what_was_said();
    struct df_db_row a = port_row("a", "n", NULL, 6), b = port_row("b", "n", NULL, 9);
    df_publisher_snapshot_begin(p);
    df_publisher_snapshot_row(p, &a);
    df_publisher_snapshot_row(p, &b);
    df_publisher_snapshot_end(p, 10);
    cr_expect_str_eq(what_was_said(), "network:n#3@9[b] network:n#4@10[old-] ");
    df_publisher_free(p);
}

Test(publisher, hellos_come_to_who_subscribes_and_after_a_message_for_a_while)
{
    struct df_publisher *p = primed();
    df_publisher_subscribed(p, "network:n\n", 10);
    df_publisher_subscribed(p, "network:m\n", 10);
    df_publisher_subscribed(p, "network:n\n", 10);
    df_publisher_greet(p);
    cr_expect_str_eq(what_was_said(), "network:n#0@5[] network:m#0@5[] ", "all of a topic hear it, so it is said once");
    cr_expect_eq(df_publisher_tally(p).topics, 0, "what a subscriber may have made up is not kept");
    change(p, port_row("a", "n", NULL, 6));
    df_publisher_flush(p);
    what_was_said();
    unsigned hellos = 0;
    for (uint64_t now = 1000; now < 400000; now += 1000) {
        df_publisher_tick(p, now);
        hellos += strstr(what_was_said(), "network:n#1@6[]") != NULL;
    }
    cr_expect_eq(hellos, 7, "after 1, 2, 4, ... 64 s: %u", hellos);
    df_publisher_free(p);
}

/* A node that is greeted reads the database; what is written before the first snapshot ends, nobody else would tell it. */
Test(publisher, nothing_is_said_before_it_knows_what_there_is)
{
    struct df_publisher *p = df_publisher_new("me", note, NULL);
    struct df_db_row row = {.table = DF_DB_LEASES, .id = "chassis-h", .data = "me", .len = 2, .revision = 4};
    df_publisher_subscribed(p, "*\n", 2);
    df_publisher_greet(p);
    df_publisher_tick(p, 1000);
    df_publisher_snapshot_begin(p);
    df_publisher_snapshot_row(p, &row);
    df_publisher_greet(p);
    df_publisher_tick(p, 2000);
    cr_expect_str_eq(what_was_said(), "");
    df_publisher_snapshot_end(p, 5);
    df_publisher_greet(p);
    cr_expect_str_eq(what_was_said(), "*#0@5[] ", "who subscribed meanwhile is not forgotten");
    df_publisher_free(p);
}

/* Those who listen then watch the database, which is there for the writer. */
Test(publisher, cut_off_from_the_database_it_says_nothing_and_goes_on_in_sequence)
{
    struct df_publisher *p = primed();
    push(p, port_row("a", "n", NULL, 6), 0);
    what_was_said();
    df_publisher_cut_off(p, true);
    df_publisher_subscribed(p, "network:n\n", 10);
    df_publisher_greet(p);
    df_publisher_tick(p, 1000);
    push(p, port_row("a", "n", NULL, 7), 0);
    cr_expect_str_eq(what_was_said(), "");
    cr_expect_eq(df_publisher_tally(p).left, 1);
    df_publisher_cut_off(p, false);
    df_publisher_greet(p);
    cr_expect_str_eq(what_was_said(), "network:n#1@6[] ", "who subscribed meanwhile is not forgotten");
    change(p, port_row("a", "n", NULL, 7));
    df_publisher_flush(p);
    cr_expect_str_eq(what_was_said(), "network:n#2@7[a] ", "what was pushed meanwhile the database tells");
    df_publisher_free(p);
}

static int send_nowhere(void *arg, const char *topic, const void *data, size_t len)
{
    (void)arg;
    (void)topic;
    (void)data;
    (void)len;
    return 0;
}

Test(publisher, who_subscribes_before_it_may_speak_is_kept_up_to_a_limit)
{
    struct df_publisher *p = df_publisher_new("me", send_nowhere, NULL);
    for (unsigned i = 0; i < 2000; i++) {
        char frame[16];
        df_publisher_subscribed(p, frame, (size_t)snprintf(frame, sizeof(frame), "t%u\n", i));
    }
    df_publisher_snapshot_begin(p);
    df_publisher_snapshot_end(p, 5);
    df_publisher_greet(p);
    cr_expect_eq(df_publisher_tally(p).hellos, 1024);
    df_publisher_free(p);
}

/* ---- What a writer pushes */

/* Nobody takes it: what was pushed waits, up to a limit. */
Test(announcer, what_does_not_fit_is_counted)
{
    static struct df_db_op ops[DF_PUBLICATION_ROWS_MAX + 1];
    struct df_announcer *announcer;
    struct df_error error;
    char folder[] = "/tmp/df-push-XXXXXX", endpoint[64];
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        ops[i] = (struct df_db_op){.table = "lport", .id = "a"};
    cr_assert_not_null(mkdtemp(folder));
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/nobody", folder);
    cr_assert_eq(df_announcer_new(endpoint, &announcer, &error), 0, "%s", error.text);
    df_announcer_tell(announcer, ops, DF_PUBLICATION_ROWS_MAX + 1, 1);
    cr_expect_eq(df_announcer_tally(announcer).dropped, 1, "no message holds so many rows");
    df_announcer_tell(announcer, ops, DF_PUBLICATION_ROWS_MAX, 2);
    cr_expect_eq(df_announcer_tally(announcer).pushed, 1);
    for (uint64_t revision = 3; revision < 20003; revision++)
        df_announcer_tell(announcer, ops, 1, revision);
    struct df_announcer_tally tally = df_announcer_tally(announcer);
    cr_expect_eq(tally.pushed, 10000);
    cr_expect_eq(tally.pushed + tally.dropped, 20002);
    df_announcer_free(announcer);
    rmdir(folder);
}

/* ---- Over sockets */

#define HELLO_MS 3000

struct station {
    struct df_publisher *publisher;
    struct df_publisher_sockets *sockets;
    pthread_t thread;
    pthread_mutex_t lock;
    _Atomic bool stop;
    unsigned queue_max; /* 0: as the module has it */
    char folder[64], ipc[128], bind[64], name[32];
};

/*
 * An address of this process' own, and a port for each station of it: those of 127.0.0.1 may be taken by anybody who
 * connects to somewhere.
 */
static void name_station(struct station *s)
{
    static int n;
    unsigned self = (unsigned)getpid();
    snprintf(s->name, sizeof(s->name), "127.%u.%u.%u:%d", 128 | (self >> 16 & 63), self >> 8 & 255, self & 255,
             8866 + n++);
}

static int send_by_sockets(void *arg, const char *topic, const void *data, size_t len)
{
    return df_publisher_sockets_send(((struct station *)arg)->sockets, topic, data, len);
}

static void *serve(void *arg)
{
    struct station *s = arg;
    for (uint64_t turn = 0; !atomic_load(&s->stop); turn++) {
        df_publisher_sockets_wait(s->sockets, -1, 5);
        pthread_mutex_lock(&s->lock);
        df_publisher_sockets_serve(s->sockets, s->publisher);
        df_publisher_tick(s->publisher, turn * 50);
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

static void station_up(struct station *s, const char *id, const char *secret, const char *clients)
{
    struct df_error error;
    if (!*s->folder) {
        strcpy(s->folder, "/tmp/df-pubsub-XXXXXX");
        cr_assert_not_null(mkdtemp(s->folder));
        snprintf(s->ipc, sizeof(s->ipc), "ipc://%s/push", s->folder);
        name_station(s);
        snprintf(s->bind, sizeof(s->bind), "tcp://%s", s->name);
        pthread_mutex_init(&s->lock, NULL);
    }
    struct df_publisher_sockets_config config = {
        .bind = s->bind, .ipc = s->ipc, .secret_key_file = secret, .clients_file = clients, .queue_max = s->queue_max};
    s->publisher = df_publisher_new(id, send_by_sockets, s);
    cr_assert_eq(df_publisher_sockets_open(&config, &s->sockets, &error), 0, "%s", error.text);
    df_publisher_snapshot_begin(s->publisher);
    df_publisher_snapshot_end(s->publisher, 1);
    atomic_store(&s->stop, false);
    pthread_create(&s->thread, NULL, serve, s);
}

static void station_down(struct station *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    df_publisher_sockets_close(s->sockets);
    df_publisher_free(s->publisher);
}

/* Its last end. */
static void station_gone(struct station *s)
{
    char path[sizeof(s->folder) + 16];
    station_down(s);
    snprintf(path, sizeof(path), "%s/push", s->folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/push.lock", s->folder);
    unlink(path);
    cr_expect_eq(rmdir(s->folder), 0, "%s is left", s->folder);
}

static void station_tell(struct station *s, struct df_db_row row)
{
    pthread_mutex_lock(&s->lock);
    change(s->publisher, row);
    df_publisher_flush(s->publisher);
    pthread_mutex_unlock(&s->lock);
}

static uint64_t station_dropped(struct station *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t dropped = df_publisher_tally(s->publisher).dropped;
    pthread_mutex_unlock(&s->lock);
    return dropped;
}

static struct df_feed *listen_by(struct df_subscriber_config config, struct station *s)
{
    const char *publishers[] = {s->name, NULL};
    struct df_feed *feed;
    struct df_error error;
    config.publishers = publishers;
    cr_assert_eq(df_subscriber_new(&config, &feed, &error), 0, "%s", error.text);
    return feed;
}

static struct df_feed *listen_to(struct station *s, const struct df_curve *curve, unsigned hello_ms)
{
    struct df_subscriber_config config = {.hello_ms = hello_ms};
    if (curve)
        config.curve = *curve;
    return listen_by(config, s);
}

static char heard[1024];

static int hear(const struct df_feed_row *row, void *arg)
{
    size_t used = strlen(heard);
    snprintf(heard + used, sizeof(heard) - used, "%s:%s%s ", row->topic, row->row.id, row->moved ? ">" : "");
    return arg ? *(int *)arg : 0;
}

/* Until something was heard, or what take() says is not 0. */
static int take_until_heard(struct df_feed *feed, void *arg)
{
    struct df_error error;
    int rc = 0;
    heard[0] = '\0';
    for (int i = 0; i < 1000 && rc == 0 && !*heard; i++) {
        rc = feed->ops->take(feed, hear, arg, &error);
        if (rc == 0 && !*heard)
            usleep(5000);
    }
    return rc;
}

Test(pubsub, a_subscriber_hears_of_its_topics_and_no_others)
{
    static struct station s;
    const char *topics[] = {"network:n"};
    struct df_error error;
    station_up(&s, "first", NULL, NULL);
    struct df_feed *feed = listen_to(&s, NULL, HELLO_MS);
    cr_assert_eq(feed->ops->follow(feed, topics, 1, NULL, NULL, &error), 0);
    station_tell(&s, port_row("b", "other", NULL, 6));
    station_tell(&s, port_row("c", "n2", NULL, 7));
    station_tell(&s, port_row("a", "n", NULL, 8));
    cr_expect_eq(take_until_heard(feed, NULL), 0);
    cr_expect_str_eq(heard, "network:n:a ");
    feed->ops->close(feed);
    station_gone(&s);
}

/* The hello for the new topic comes behind what was published before, so the row is there while follow() waits. */
Test(pubsub, what_comes_while_more_is_followed_is_heard)
{
    static struct station s;
    const char *topics[] = {"network:n", "network:n2"};
    struct df_error error;
    station_up(&s, "first", NULL, NULL);
    struct df_feed *feed = listen_to(&s, NULL, HELLO_MS);
    cr_assert_eq(feed->ops->follow(feed, topics, 1, NULL, NULL, &error), 0);
    station_tell(&s, port_row("a", "n", NULL, 8));
    heard[0] = '\0';
    cr_assert_eq(feed->ops->follow(feed, topics, 2, hear, NULL, &error), 0);
    cr_expect_str_eq(heard, "network:n:a ");
    station_tell(&s, port_row("b", "n2", NULL, 9));
    cr_expect_eq(take_until_heard(feed, NULL), 0);
    cr_expect_str_eq(heard, "network:n2:b ");
    feed->ops->close(feed);
    station_gone(&s);
}

Test(pubsub, everything_is_heard_by_who_follows_nothing)
{
    static struct station s;
    struct df_error error;
    station_up(&s, "first", NULL, NULL);
    struct df_feed *feed = listen_to(&s, NULL, HELLO_MS);
    cr_assert_eq(feed->ops->follow(feed, NULL, 0, NULL, NULL, &error), 0);
    station_tell(&s, port_row("b", "other", NULL, 6));
    cr_expect_eq(take_until_heard(feed, NULL), 0);
    cr_expect_str_eq(heard, "network:other:b ");
    feed->ops->close(feed);
    station_gone(&s);
}

Test(pubsub, a_publisher_that_was_started_anew_asks_for_a_snapshot)
{
    static struct station s;
    const char *topics[] = {"network:n"};
    struct df_error error;
    station_up(&s, "first", NULL, NULL);
    struct df_feed *feed = listen_to(&s, NULL, HELLO_MS);
    cr_assert_eq(feed->ops->follow(feed, topics, 1, NULL, NULL, &error), 0);
    station_down(&s);
    station_up(&s, "second", NULL, NULL);
    cr_expect_eq(take_until_heard(feed, NULL), -ESTALE);
    cr_expect_eq(df_subscriber_tally(feed).gaps, 1);
    feed->ops->close(feed);
    station_gone(&s);
}

/* As when one publisher dies, and before its silence is noticed another one begins. */
Test(pubsub, a_publisher_that_is_heard_for_the_first_time_asks_for_a_snapshot)
{
    static struct station s, t;
    const char *topics[] = {"network:n"};
    struct df_error error;
    struct df_feed *feed;
    station_up(&s, "first", NULL, NULL);
    station_up(&t, "second", NULL, NULL);
    station_down(&t);
    const char *publishers[] = {s.name, t.name, NULL};
    struct df_subscriber_config config = {.publishers = publishers, .hello_ms = 2000};
    cr_assert_eq(df_subscriber_new(&config, &feed, &error), 0, "%s", error.text);
    cr_assert_eq(feed->ops->follow(feed, topics, 1, NULL, NULL, &error), 0);
    station_tell(&s, port_row("a", "n", NULL, 8));
    cr_expect_eq(take_until_heard(feed, NULL), 0, "who has not been there is not waited for");
    station_gone(&s);
    station_up(&t, "second", NULL, NULL);
    cr_expect_eq(take_until_heard(feed, NULL), -ESTALE);
    feed->ops->close(feed);
    station_gone(&t);
}

Test(pubsub, who_lies_is_counted_and_asks_for_a_snapshot)
{
    static struct station s;
    const char *topics[] = {"network:n"};
    struct df_error error;
    int verdict = -EPROTO;
    station_up(&s, "first", NULL, NULL);
    struct df_feed *feed = listen_to(&s, NULL, HELLO_MS);
    cr_assert_eq(feed->ops->follow(feed, topics, 1, NULL, NULL, &error), 0);
    station_tell(&s, port_row("a", "n", NULL, 8));
    cr_expect_eq(take_until_heard(feed, &verdict), -ESTALE);
    cr_expect_eq(df_subscriber_tally(feed).lies, 1);
    feed->ops->close(feed);
    station_gone(&s);
}

Test(pubsub, no_publisher_is_said_to_be_none)
{
    static struct station s;
    struct df_error error;
    snprintf(s.name, sizeof(s.name), "127.0.0.1:9"); /* discard: nobody is there */
    struct df_feed *feed = listen_to(&s, NULL, HELLO_MS);
    cr_expect_eq(feed->ops->take(feed, hear, NULL, &error), -ENOTCONN);
    feed->ops->close(feed);
}

static uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#define QUEUE 64
#define IDLE_MS 4000

/* What it is of, nobody can tell: everybody hears of it. So large that sockets hold a few, and queues the rest. */
static struct df_db_row large_row(uint64_t revision)
{
    static char much[256 << 10];
    return (struct df_db_row){.table = "lport", .id = "large", .data = much, .len = sizeof(much), .revision = revision};
}

/*
 * The slow one reads at last, and hears by the numbers that it missed some. It is idle for longer than heartbeats would
 * be patient, as ZeroMQ's, behind a full queue, would then abort the process (libzmq issue 3937).
 */
Test(pubsub, who_does_not_keep_up_loses_messages_alone_and_asks_for_a_snapshot, .timeout = 60)
{
    static struct station s = {.queue_max = QUEUE};
    struct df_subscriber_config lazy = {.hello_ms = HELLO_MS, .queue_max = 1};
    struct df_error error;
    station_up(&s, "first", NULL, NULL);
    struct df_feed *fast = listen_to(&s, NULL, HELLO_MS), *slow = listen_by(lazy, &s);
    cr_assert_eq(fast->ops->follow(fast, NULL, 0, NULL, NULL, &error), 0);
    cr_assert_eq(slow->ops->follow(slow, NULL, 0, NULL, NULL, &error), 0);
    unsigned n = 0, more = QUEUE; /* what is dropped first may be a hello */
    for (; n < 1000 && more > 0; n++) {
        station_tell(&s, large_row(6 + n));
        cr_assert_eq(take_until_heard(fast, NULL), 0);
        cr_assert_str_eq(heard, "*:large ");
        more -= station_dropped(&s) > 0;
    }
    cr_expect_eq(more, 0);
    cr_expect_eq(df_subscriber_tally(fast).rows, n);
    cr_expect_eq(df_subscriber_tally(fast).gaps, 0);
    int rc = 0;
    for (uint64_t until_ms = clock_ms() + IDLE_MS; rc == 0 && clock_ms() < until_ms; usleep(5000))
        rc = fast->ops->take(fast, hear, NULL, &error);
    cr_expect_eq(rc, 0);
    for (unsigned i = 0; i <= n && rc == 0; i++)
        rc = take_until_heard(slow, NULL);
    cr_expect_eq(rc, -ESTALE);
    cr_expect_geq(df_subscriber_tally(slow).gaps, 1);
    cr_expect_lt(df_subscriber_tally(slow).rows, n);
    fast->ops->close(fast);
    slow->ops->close(slow);
    station_gone(&s);
}

/* A publisher whose messages the test makes. */
struct voice {
    void *context, *socket;
    uint64_t total;
    struct station station; /* its name alone */
};

/* A row, or else a hello. */
static void voice_say(struct voice *v, bool has_row)
{
    void *data;
    size_t len;
    Df__Publication said_now = DF__PUBLICATION__INIT;
    Df__PublishedRow row = DF__PUBLISHED_ROW__INIT, *rows = &row;
    row.table = "chassis";
    row.id = "h";
    said_now.publisher = "voice";
    said_now.topic = DF_TOPIC_EVERYBODY;
    said_now.has_sequence = said_now.has_total = said_now.has_revision = true;
    said_now.total = v->total += has_row;
    said_now.rows = &rows;
    said_now.n_rows = has_row;
    cr_assert_eq(df_publication_write(&said_now, &data, &len), 0);
    zmq_send(v->socket, DF_TOPIC_EVERYBODY DF_PUBLICATION_END, 2, ZMQ_SNDMORE);
    zmq_send(v->socket, data, len, 0);
    free(data);
}

/* Two things more for each that was heard, so there is always more than was taken. */
static int hear_and_say_more(const struct df_feed_row *row, void *arg)
{
    (void)row;
    voice_say(arg, true);
    voice_say(arg, true);
    return 0;
}

static void voice_up(struct voice *v)
{
    char bind[64];
    int no_limit = 0;
    name_station(&v->station);
    snprintf(bind, sizeof(bind), "tcp://%s", v->station.name);
    v->context = zmq_ctx_new();
    v->socket = zmq_socket(v->context, ZMQ_XPUB);
    zmq_setsockopt(v->socket, ZMQ_SNDHWM, &no_limit, sizeof(no_limit));
    zmq_setsockopt(v->socket, ZMQ_LINGER, &no_limit, sizeof(no_limit));
    cr_assert_eq(zmq_bind(v->socket, bind), 0);
}

static void voice_down(struct voice *v)
{
    zmq_close(v->socket);
    zmq_ctx_term(v->context);
}

/* Listens to everything that it says from now on. */
static struct df_feed *listen_to_voice(struct voice *v)
{
    struct df_error error;
    char subscription[8];
    struct df_feed *feed = listen_to(&v->station, NULL, 1);
    cr_assert_eq(feed->ops->follow(feed, NULL, 0, NULL, NULL, &error), 0);
    cr_assert_eq(zmq_recv(v->socket, subscription, sizeof(subscription), 0), 1);
    voice_say(v, false);
    struct pollfd fd = {.fd = feed->ops->fd(feed), .events = POLLIN};
    for (int i = 0; i < 1000 && df_subscriber_tally(feed).messages == 0; i++) {
        poll(&fd, 1, 10);
        cr_assert_eq(feed->ops->follow(feed, NULL, 0, NULL, NULL, &error), 0); /* as before a snapshot */
    }
    cr_assert_eq(df_subscriber_tally(feed).messages, 1);
    return feed;
}

/* Whoever takes has more to do, such as to hold a lease. */
Test(pubsub, a_flood_keeps_nobody, .timeout = 20)
{
    static struct voice v;
    struct df_error error;
    voice_up(&v);
    struct df_feed *feed = listen_to_voice(&v);
    voice_say(&v, true);
    struct pollfd fd = {.fd = feed->ops->fd(feed), .events = POLLIN};
    while (df_subscriber_tally(feed).messages < 10000) {
        cr_assert_eq(poll(&fd, 1, 5000), 1, "what is left polls readable");
        cr_expect_eq(feed->ops->take(feed, hear_and_say_more, &v, &error), 0);
    }
    feed->ops->close(feed);
    voice_down(&v);
}

/* The rows are heard meanwhile. */
Test(pubsub, a_snapshot_is_asked_for_once_a_second_at_most)
{
    static struct voice v;
    struct df_error error;
    voice_up(&v);
    struct df_feed *feed = listen_to_voice(&v);
    voice_say(&v, true);
    cr_expect_eq(take_until_heard(feed, NULL), 0);
    v.total++;
    voice_say(&v, true);
    uint64_t first_ms = clock_ms(); /* or later */
    cr_expect_eq(take_until_heard(feed, NULL), -ESTALE);
    cr_assert_eq(feed->ops->follow(feed, NULL, 0, NULL, NULL, &error), 0);
    v.total++;
    voice_say(&v, true);
    int rc = take_until_heard(feed, NULL);
    cr_expect_str_eq(heard, "*:h ");
    struct pollfd fd = {.fd = feed->ops->fd(feed), .events = POLLIN};
    while (rc == 0 && clock_ms() < first_ms + 10000) {
        poll(&fd, 1, 10);
        rc = feed->ops->take(feed, hear, NULL, &error);
    }
    cr_expect_eq(rc, -ESTALE);
    cr_expect_geq(clock_ms() - first_ms, 900);
    feed->ops->close(feed);
    voice_down(&v);
}

static void write_file(char *path, const char *folder, const char *name, const char *text)
{
    sprintf(path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static void make_pair(char public_key[41], char secret_key[41])
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    cr_assert_eq(df_publisher_make_keys(out), 0);
    fclose(out);
    cr_assert_eq(sscanf(text, "public %40s secret %40s", public_key, secret_key), 2);
    free(text);
}

Test(pubsub, only_keys_of_the_list_are_let_in)
{
    static struct station s;
    char server_public[41], server_secret[41], good_public[41], good_secret[41], bad_public[41], bad_secret[41];
    char secret_file[128], clients_file[128], line[64], folder[] = "/tmp/df-curve-XXXXXX";
    const char *topics[] = {"network:n"};
    struct df_error error;
    cr_assert_not_null(mkdtemp(folder));
    make_pair(server_public, server_secret);
    make_pair(good_public, good_secret);
    make_pair(bad_public, bad_secret);
    snprintf(line, sizeof(line), "secret %s\n", server_secret);
    write_file(secret_file, folder, "secret", line);
    write_file(clients_file, folder, "clients", good_public);
    station_up(&s, "first", secret_file, clients_file);
    struct df_curve good = {good_public, good_secret, server_public}, bad = {bad_public, bad_secret, server_public};
    struct df_feed *in = listen_to(&s, &good, HELLO_MS), *out = listen_to(&s, &bad, HELLO_MS);
    cr_assert_eq(in->ops->follow(in, topics, 1, NULL, NULL, &error), 0);
    cr_assert_eq(out->ops->follow(out, topics, 1, NULL, NULL, &error), 0);
    station_tell(&s, port_row("a", "n", NULL, 8));
    cr_expect_eq(take_until_heard(in, NULL), 0);
    cr_expect_str_eq(heard, "network:n:a ");
    cr_expect_eq(out->ops->take(out, hear, NULL, &error), -ENOTCONN, "it heard nothing");
    pthread_mutex_lock(&s.lock);
    cr_expect_geq(df_publisher_sockets_not_let_in(s.sockets), 1);
    pthread_mutex_unlock(&s.lock);
    in->ops->close(in);
    out->ops->close(out);
    station_gone(&s);
    unlink(secret_file);
    unlink(clients_file);
    rmdir(folder);
}

/* The handshake fails, and nobody is asked whether to let it in. */
static uint64_t failed_handshakes(const char *secret, const struct df_curve *curve)
{
    static struct station s;
    struct df_error error;
    uint64_t failed = 0;
    station_up(&s, "first", secret, NULL);
    struct df_feed *feed = listen_to(&s, curve, 1);
    cr_assert_eq(feed->ops->follow(feed, NULL, 0, NULL, NULL, &error), 0);
    for (unsigned i = 0; i < 500 && failed == 0; i++) {
        usleep(10000);
        pthread_mutex_lock(&s.lock);
        failed = df_publisher_sockets_failed(s.sockets);
        pthread_mutex_unlock(&s.lock);
    }
    cr_expect_eq(feed->ops->take(feed, hear, NULL, &error), -ENOTCONN);
    cr_expect(df_subscriber_tally(feed).deaf);
    feed->ops->close(feed);
    station_down(&s);
    return failed;
}

Test(pubsub, handshakes_that_fail_are_counted)
{
    char public_key[41], secret_key[41], own_public[41], own_secret[41], other_public[41], other_secret[41];
    char secret_file[128], line[64], folder[] = "/tmp/df-curve-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    make_pair(public_key, secret_key);
    make_pair(own_public, own_secret);
    make_pair(other_public, other_secret);
    snprintf(line, sizeof(line), "secret %s\n", secret_key);
    write_file(secret_file, folder, "secret", line);
    struct df_curve good = {own_public, own_secret, public_key}, bad = {own_public, own_secret, other_public};
    cr_expect_geq(failed_handshakes(secret_file, NULL), 1, "a node has no keys");
    cr_expect_geq(failed_handshakes(secret_file, &bad), 1, "a node has another publisher's");
    cr_expect_geq(failed_handshakes(NULL, &good), 1, "a node has keys, and the publisher has none");
}

/* ---- Who is not heard */

static char lines[4096];

static void note_line(void *arg, const char *text)
{
    size_t used = strlen(lines);
    (void)arg;
    snprintf(lines + used, sizeof(lines) - used, "%s\n", text);
}

/* Until take() says so. */
static void take_until(struct df_feed *feed, bool deaf)
{
    struct df_error error;
    for (int i = 0; i < 1000 && df_subscriber_tally(feed).deaf != deaf; i++) {
        usleep(10000);
        feed->ops->take(feed, hear, NULL, &error);
    }
    cr_assert_eq(df_subscriber_tally(feed).deaf, deaf);
}

Test(pubsub, a_publisher_that_is_not_heard_is_named_and_when_it_is_again, .timeout = 30)
{
    static struct station s;
    char expected[600];
    struct df_error error;
    station_up(&s, "first", NULL, NULL);
    const char *publishers[] = {s.name, "127.0.0.1:1", NULL};
    struct df_subscriber_config config = {.publishers = publishers, .deaf_ms = 500, .log = note_line};
    struct df_feed *feed;
    cr_assert_eq(df_subscriber_new(&config, &feed, &error), 0, "%s", error.text);
    cr_assert_eq(feed->ops->follow(feed, NULL, 0, NULL, NULL, &error), 0);
    cr_expect_neq(feed->ops->take(feed, hear, NULL, &error), -ENOTCONN);
    cr_expect(strstr(lines, "publisher tcp://127.0.0.1:1 is not heard: "), "%s", lines);
    cr_expect_str_eq(df_subscriber_tally(feed).unheard, "tcp://127.0.0.1:1");
    lines[0] = '\0';
    station_down(&s);
    take_until(feed, true);
    snprintf(expected, sizeof(expected), "publisher %s is not heard: ", s.bind);
    cr_expect(strstr(lines, expected), "%s", lines);
    cr_expect(strstr(lines, "\nno publisher is heard: watching the database\n"), "%s", lines);
    lines[0] = '\0';
    station_up(&s, "second", NULL, NULL);
    take_until(feed, false);
    snprintf(expected, sizeof(expected),
             "publisher %s is heard\na publisher is heard: not watching the database any more\n", s.bind);
    cr_expect_str_eq(lines, expected);
    feed->ops->close(feed);
    station_down(&s);
}
