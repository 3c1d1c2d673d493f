/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dbsync/drivers/etcd/decode.h"
#include "dbsync/drivers/etcd/endpoint.h"
#include "dbsync/drivers/etcd/frame.h"
#include "dbsync/drivers/etcd/note.h"
#include "dbsync/drivers/etcd/queue.h"
#include "dbsync/drivers/etcd/status.h"

/* The parts of the etcd driver that need no etcd. */

Test(etcd, end_points_have_a_port_and_brackets_when_they_need_them)
{
    struct df_etcd_endpoints endpoints;
    struct df_error error;
    cr_assert_eq(df_etcd_endpoints_parse("a,b:1,[::1],[fe80::1]:65535", &endpoints, &error), 0);
    cr_assert_eq(endpoints.n, 4);
    cr_expect_str_eq(endpoints.list[0].name, "a:2379");
    cr_expect_str_eq(endpoints.list[1].name, "b:1");
    cr_expect_str_eq(endpoints.list[2].name, "[::1]:2379");
    cr_expect_str_eq(endpoints.list[3].name, "[fe80::1]:65535");
    cr_expect_str_eq(endpoints.list[3].host, "fe80::1");
    cr_expect_eq(df_etcd_endpoints_parse("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", &endpoints, &error), 0);
    cr_expect_eq(df_etcd_endpoints_parse("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", &endpoints, &error), -EINVAL);
}

Test(etcd, a_key_is_taken_apart_as_it_was_made)
{
    struct df_etcd_key key;
    struct df_etcd_name name;
    cr_assert_eq(df_etcd_key_make(&key, DF_ETCD_COPY, "topic", "lport", "a/b \xff"), 0);
    cr_assert(df_etcd_key_parse(key.bytes, key.len, &name));
    cr_expect_eq(name.place, DF_ETCD_COPY);
    cr_expect_str_eq(name.topic, "topic");
    cr_expect_str_eq(name.table, "lport");
    cr_expect_str_eq(name.id, "a/b \xff");
    for (size_t len = 0; len < key.len - 4; len++)
        cr_expect(!df_etcd_key_parse(key.bytes, len, &name), "%zu bytes of it", len);
    cr_expect_eq(df_etcd_key_make(&key, DF_ETCD_SHARED, NULL, "", "x"), -EINVAL);
}

/* Nobody writes such a key, and nobody could ask for it. */
Test(etcd, a_key_whose_topic_is_too_long_is_none_of_ours)
{
    char text[sizeof DF_ETCD_PREFIX + DF_ETCD_NAME_MAX + 10];
    struct df_etcd_name name;
    for (int n = DF_ETCD_NAME_MAX; n <= DF_ETCD_NAME_MAX + 1; n++) {
        int len = snprintf(text, sizeof text, "%sc/%0*d%c%c%c%c", DF_ETCD_PREFIX, n, 0, '\0', 't', '\0', 'x');
        cr_expect_eq(df_etcd_key_parse((const uint8_t *)text, (size_t)len, &name), n == DF_ETCD_NAME_MAX);
    }
}

Test(etcd, the_keys_of_a_topic_are_between_its_first_and_its_end)
{
    struct df_etcd_key first, end, in, out;
    df_etcd_key_first(&first, DF_ETCD_COPY, "A");
    df_etcd_key_end(&end, DF_ETCD_COPY, "A");
    df_etcd_key_make(&in, DF_ETCD_COPY, "A", "\xff", "\xff");
    df_etcd_key_make(&out, DF_ETCD_COPY, "A\x01", "t", "x");
    cr_expect_lt(memcmp(first.bytes, in.bytes, first.len), 1);
    cr_expect_lt(memcmp(in.bytes, end.bytes, end.len), 0);
    cr_expect_geq(memcmp(out.bytes, end.bytes, end.len), 0);
}

Test(etcd, places_only_grow_and_everybodys_rows_need_no_copies)
{
    struct df_etcd_places places = {0};
    df_etcd_places_add(&places, "A B", true);
    df_etcd_places_add(&places, "B C", false);
    cr_expect_str_eq(places.topics, "A B C");
    cr_expect(!places.shared);
    df_etcd_places_add(&places, "", false);
    cr_expect(places.shared);
    cr_expect_str_eq(places.topics, "A B C");
    places = (struct df_etcd_places){0};
    df_etcd_places_add(&places, NULL, true);
    df_etcd_places_add(&places, "A", false);
    cr_expect(places.shared);
    cr_expect_str_eq(places.topics, "");
}

Test(etcd, too_many_topics_are_everybodys)
{
    struct df_etcd_places places = {0};
    char topics[1024] = "";
    for (int i = 0; i <= DF_ETCD_TOPICS_MAX; i++)
        snprintf(topics + strlen(topics), sizeof topics - strlen(topics), "%sT%d", i ? " " : "", i);
    df_etcd_places_add(&places, topics, true);
    cr_expect(places.shared);
    cr_expect_str_eq(places.topics, "");
}

Test(etcd, a_value_is_taken_apart_as_it_was_made)
{
    uint8_t value[64];
    size_t begin;
    struct df_etcd_places places = {.shared = true, .topics = "A B"}, read;
    size_t len = df_etcd_value_begin(value, &places);
    memcpy(value + len, "data", 4);
    cr_assert(df_etcd_value_parse(value, len + 4, &read, &begin));
    cr_expect_eq(begin, len);
    cr_expect(read.shared);
    cr_expect_str_eq(read.topics, "A B");
    for (size_t cut = 0; cut < len; cut++)
        cr_expect(!df_etcd_value_parse(value, cut, &read, &begin));
    value[0] = 9;
    cr_expect(!df_etcd_value_parse(value, len + 4, &read, &begin));
}

static int append(const uint8_t *data, size_t len, void *arg)
{
    char *text = arg;
    snprintf(text + strlen(text), 16, "%.*s.", (int)len, (const char *)data);
    return 0;
}

Test(etcd, messages_come_whole_however_they_are_cut)
{
    struct df_etcd_buffer out = {0};
    df_etcd_frame_put(&out, "one", 3);
    df_etcd_frame_put(&out, "", 0);
    df_etcd_frame_put(&out, "three", 5);
    size_t len = df_etcd_buffer_len(&out);
    for (size_t cut = 0; cut <= len; cut++) {
        struct df_etcd_buffer in = {0};
        char text[32] = "";
        cr_expect_eq(df_etcd_frame_take(&in, out.data, cut, append, text), 0);
        cr_expect_eq(df_etcd_frame_take(&in, out.data + cut, len - cut, append, text), 0);
        cr_expect_str_eq(text, "one..three.");
        df_etcd_buffer_free(&in);
    }
    df_etcd_buffer_free(&out);
}

Test(etcd, bad_messages_are_refused_before_they_are_there)
{
    struct df_etcd_buffer in = {0};
    char text[32] = "";
    cr_expect_eq(df_etcd_frame_take(&in, (const uint8_t *)"\0\xff\xff\xff\xff", 5, append, text), -EMSGSIZE);
    df_etcd_buffer_free(&in);
    cr_expect_eq(df_etcd_frame_take(&in, (const uint8_t *)"\1\0\0\0\1x", 6, append, text), -EPROTO);
    df_etcd_buffer_free(&in);
}

static int ignore(const struct df_etcd_row *row, void *arg)
{
    (void)row;
    (void)arg;
    return 0;
}

Test(etcd, answers_that_are_none_are_refused)
{
    struct df_etcd_page page;
    struct df_etcd_verdict verdict;
    int64_t id, ttl;
    char *value;
    cr_expect_eq(df_etcd_decode_page((const uint8_t *)"", 0, &page, ignore, NULL), -EPROTO, "no header");
    cr_expect_eq(df_etcd_decode_page((const uint8_t *)"\x0a\xff", 2, &page, ignore, NULL), -EPROTO);
    cr_expect_eq(df_etcd_decode_txn((const uint8_t *)"\x10\x01", 2, &verdict, ignore, NULL), -EPROTO);
    cr_expect_eq(df_etcd_decode_value((const uint8_t *)"", 0, &value), -EPROTO);
    cr_expect_eq(df_etcd_decode_lease((const uint8_t *)"\x18\x0a", 2, &id, &ttl), -EPROTO, "no id");
    cr_expect_null(df_etcd_decode_token((const uint8_t *)"\x12\x03"
                                                         "a\nb",
                                        5));
}

static int print(const struct df_db_row *row, void *arg)
{
    char *text = arg;
    snprintf(text + strlen(text), 16, "%s%s%u ", row->id, row->data ? "=" : "-", (unsigned)row->revision);
    return 0;
}

static void no_matter(int64_t watch, uint64_t revision, void *arg)
{
    (void)watch;
    (void)revision;
    (void)arg;
}

static void add(struct df_etcd_queue *queue, const char *id, uint64_t revision, int64_t watch)
{
    struct df_etcd_row row = {.name = {.table = "t", .id = id}, .revision = revision, .data = (const uint8_t *)""};
    cr_assert_eq(df_etcd_queue_add(queue, &row, watch), 0);
}

Test(etcd, events_of_several_watches_are_told_by_revision_and_once)
{
    struct df_etcd_queue queue;
    char text[64] = "";
    df_etcd_queue_init(&queue);
    add(&queue, "a", 5, 1);
    add(&queue, "b", 7, 1);
    df_etcd_queue_complete(&queue, 1);
    add(&queue, "a", 5, 2);
    add(&queue, "c", 6, 2);
    add(&queue, "d", 8, 3); /* its transaction is not whole yet */
    df_etcd_queue_complete(&queue, 2);
    while (!df_etcd_queue_is_empty(&queue))
        df_etcd_queue_tell(&queue, no_matter, NULL, print, text);
    cr_expect_str_eq(text, "a=5 c=6 b=7 ");
    df_etcd_queue_clear(&queue);
    cr_expect_eq(queue.bytes, 0);
}

Test(etcd, a_note_is_found_and_not_told)
{
    struct df_etcd_queue queue;
    struct df_etcd_row note = {.name = {.table = "", .id = ""}, .revision = 6, .is_note = true, .data = (uint8_t *)"x"};
    char text[64] = "";
    note.len = 1;
    df_etcd_queue_init(&queue);
    add(&queue, "a", 5, 1);
    add(&queue, "b", 6, 1);
    cr_assert_eq(df_etcd_queue_add(&queue, &note, 1), 0);
    df_etcd_queue_complete(&queue, 1);
    cr_expect_null(df_etcd_queue_note(&queue), "it is of the second transaction");
    df_etcd_queue_tell(&queue, no_matter, NULL, print, text);
    cr_assert_not_null(df_etcd_queue_note(&queue));
    cr_expect_eq(*(const char *)df_etcd_queue_note(&queue)->data, 'x');
    df_etcd_queue_tell(&queue, no_matter, NULL, print, text);
    cr_expect_str_eq(text, "a=5 b=6 ");
    df_etcd_queue_clear(&queue);
}

Test(etcd, a_note_names_the_ranges_of_a_transaction)
{
    static struct df_etcd_note note;
    uint8_t bytes[DF_ETCD_NOTE_BYTES];
    char topic[16];
    cr_expect_eq(df_etcd_note_add(&note, ""), 1);
    for (int i = 1; i < DF_ETCD_NOTE_RANGES; i++) {
        snprintf(topic, sizeof topic, "T%d", i);
        cr_expect_eq(df_etcd_note_add(&note, topic), 1);
        cr_expect_eq(df_etcd_note_add(&note, topic), 0, "it is in it");
    }
    cr_expect_eq(df_etcd_note_add(&note, "one more"), -E2BIG);
    cr_assert_eq(df_etcd_note_write(&note, bytes), sizeof bytes);
    for (int i = 1; i < DF_ETCD_NOTE_RANGES; i++) {
        snprintf(topic, sizeof topic, "T%d", i);
        cr_expect(df_etcd_note_has(bytes, sizeof bytes, df_etcd_note_hash(topic)), "%s", topic);
    }
    cr_expect(df_etcd_note_has(bytes, sizeof bytes, df_etcd_note_hash("")));
    cr_expect(!df_etcd_note_has(bytes, sizeof bytes, df_etcd_note_hash("one more")));
}

Test(etcd, bytes_that_are_no_note_name_nothing)
{
    struct df_etcd_note note = {0};
    uint8_t bytes[DF_ETCD_NOTE_BYTES];
    uint64_t hash = df_etcd_note_hash("A");
    df_etcd_note_add(&note, "A");
    size_t len = df_etcd_note_write(&note, bytes);
    for (size_t cut = 0; cut < len; cut++)
        cr_expect(!df_etcd_note_has(bytes, cut, hash), "%zu bytes of it", cut);
    bytes[0]++;
    cr_expect(!df_etcd_note_has(bytes, len, hash), "another layout");
}

Test(etcd, notes_are_where_no_rows_are)
{
    struct df_etcd_key key;
    struct df_etcd_name name;
    df_etcd_key_first(&key, DF_ETCD_COPY, "A");
    cr_expect(df_etcd_key_is_note(key.bytes, key.len));
    cr_expect(!df_etcd_key_parse(key.bytes, key.len, &name));
    for (size_t len = 0; len < key.len; len++)
        cr_expect(!df_etcd_key_is_note(key.bytes, len), "%zu bytes of it", len);
    df_etcd_key_first(&key, DF_ETCD_SHARED, NULL);
    cr_expect(df_etcd_key_is_note(key.bytes, key.len));
    cr_expect(!df_etcd_key_parse(key.bytes, key.len, &name));
    df_etcd_key_first(&key, DF_ETCD_TOPICAL, NULL);
    cr_expect(!df_etcd_key_is_note(key.bytes, key.len), "who is told of everything has one range");
    df_etcd_key_make(&key, DF_ETCD_COPY, "A", "t", "x");
    cr_expect(!df_etcd_key_is_note(key.bytes, key.len));
}

Test(etcd, a_refusal_has_a_remedy)
{
    struct df_error error;
    char text[DF_ETCD_STATUS_TEXT];
    df_etcd_status_text("etcdserver: no%20leader%0a%zz", 29, text);
    cr_expect_str_eq(text, "etcdserver: no leader?%zz");
    cr_expect_eq(df_etcd_status_error(DF_ETCD_INVALID_ARGUMENT, "etcdserver: authentication failed, invalid user",
                                      "h:1", &error),
                 -EACCES);
    cr_expect_not_null(strstr(error.text, "check user and password"));
    cr_expect_eq(
        df_etcd_status_error(DF_ETCD_RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded", "h:1", &error),
        -ENOSPC);
    cr_expect_not_null(strstr(error.text, "alarm disarm"));
    cr_expect_eq(df_etcd_status_error(99, "what", "h:1", &error), -EPROTO);
    cr_expect(df_etcd_status_is_open(DF_ETCD_UNAVAILABLE, "etcdserver: request timed out"));
    cr_expect(!df_etcd_status_is_open(DF_ETCD_UNAVAILABLE, "etcdserver: no leader"));
    cr_expect(!df_etcd_status_is_open(DF_ETCD_INVALID_ARGUMENT, "x"));
}
