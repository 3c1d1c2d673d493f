/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dbsync/drivers/redis/greeting.h"
#include "dbsync/drivers/redis/log.h"
#include "dbsync/drivers/redis/refusal.h"
#include "dbsync/drivers/redis/row.h"

/* What the redis driver makes of texts and bytes, without a server. */

Test(redis_place, locations)
{
    static const struct {
        const char *location;
        int rc;
        enum df_redis_mode mode;
        size_t n;
        const char *host, *port; /* of the last one */
        unsigned replicas;
    } cases[] = {
        {"db1", 0, DF_REDIS_SERVERS, 1, "db1", "6379", 0},
        {"db1:7000", 0, DF_REDIS_SERVERS, 1, "db1", "7000", 0},
        {"db1,db2:1,10.0.0.3:65535", 0, DF_REDIS_SERVERS, 3, "10.0.0.3", "65535", 0},
        {"[2001:db8::1]", 0, DF_REDIS_SERVERS, 1, "2001:db8::1", "6379", 0},
        {"a,[2001:db8::1]:7000", 0, DF_REDIS_SERVERS, 2, "2001:db8::1", "7000", 0},
        {"db1?replicas=2", 0, DF_REDIS_SERVERS, 1, "db1", "6379", 2},
        {"sentinel:df@s1,s2", 0, DF_REDIS_SENTINEL, 2, "s2", "26379", 0},
        {"sentinel:df@s1:5,[::1]:6?replicas=0", 0, DF_REDIS_SENTINEL, 2, "::1", "6", 0},
        {"cluster:c1,c2:7001", 0, DF_REDIS_CLUSTER, 2, "c2", "7001", 0},
        {"", -EINVAL},
        {",db1", -EINVAL},
        {"db1,", -EINVAL},
        {":7000", -EINVAL},
        {"db1:", -EINVAL},
        {"db1:0", -EINVAL},
        {"db1:65536", -EINVAL},
        {"db1:70x", -EINVAL},
        {"db1: 7", -EINVAL},
        {"2001:db8::1", -EINVAL},
        {"[::1", -EINVAL},
        {"[::1]7000", -EINVAL},
        {"[]:7", -EINVAL},
        {"sentinel:s1", -EINVAL},
        {"sentinel:@s1", -EINVAL},
        {"sentinel:df@", -EINVAL},
        {"cluster:", -EINVAL},
        {"db1?replicas=", -EINVAL},
        {"db1?replicas=-1", -EINVAL},
        {"db1?replicas=101", -EINVAL},
        {"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", -EINVAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct df_redis_place place;
        struct df_error error = {""};
        int rc = df_redis_place_parse(cases[i].location, &place, &error);
        cr_expect_eq(rc, cases[i].rc, "'%s': %d", cases[i].location, rc);
        cr_expect_eq(rc == 0, error.text[0] == '\0', "'%s': '%s'", cases[i].location, error.text);
        if (rc || cases[i].rc)
            continue;
        cr_expect_eq(place.mode, cases[i].mode, "'%s'", cases[i].location);
        cr_assert_eq(place.n, cases[i].n, "'%s'", cases[i].location);
        cr_expect_str_eq(place.points[place.n - 1].host, cases[i].host);
        cr_expect_str_eq(place.points[place.n - 1].port, cases[i].port);
        cr_expect_eq(place.replicas, cases[i].replicas);
    }
}

Test(redis_place, a_name_is_not_looked_up_where_nobody_may_wait)
{
    struct df_redis_point point;
    struct df_error error;
    cr_assert_eq(df_redis_point_set(&point, "localhost", 9, "7000", 4), 0);
    cr_expect_eq(df_redis_point_resolve(&point, false, &error), -EHOSTUNREACH);
    cr_expect_eq(df_redis_point_resolve(&point, true, &error), 0);
    cr_expect_eq(df_redis_point_resolve(&point, false, &error), 0, "it is known from before");
}

Test(redis_greeting, moved)
{
    struct df_redis_point point;
    cr_assert_eq(df_redis_greeting_read_moved("MOVED 8929 10.0.0.1:7000", "old", &point), 0);
    cr_expect_str_eq(point.host, "10.0.0.1");
    cr_expect_str_eq(point.port, "7000");
    cr_assert_eq(df_redis_greeting_read_moved("MOVED 8929 2001:db8::1:7000", "old", &point), 0);
    cr_expect_str_eq(point.host, "2001:db8::1");
    cr_assert_eq(df_redis_greeting_read_moved("MOVED 8929 :7000", "old", &point), 0);
    cr_expect_str_eq(point.host, "old");
    cr_expect_eq(df_redis_greeting_read_moved("MOVED 8929", "old", &point), -EPROTO);
    cr_expect_eq(df_redis_greeting_read_moved("MOVED 8929 10.0.0.1", "old", &point), -EPROTO);
    cr_expect_eq(df_redis_greeting_read_moved("ASK 8929 10.0.0.1:7000", "old", &point), -EPROTO);
}

Test(redis_refusal, says_what_mends_it)
{
    struct df_error error;
    cr_expect_eq(df_redis_refusal("WRONGPASS invalid", "db:1", &error), -EACCES);
    cr_expect_str_eq(error.text, "redis at db:1: WRONGPASS invalid: check the user and password");
    cr_expect_eq(df_redis_refusal("OOM command not allowed", "db:1", &error), -ENOSPC);
    cr_expect_eq(df_redis_refusal("ERR what", "db:1", &error), -EPROTO);
    cr_expect(df_redis_refusal_is_astray("MOVED 1 a:1") && !df_redis_refusal_is_astray("WRONGPASS"));
}

/* Answers. */

static redisReply *read_bytes(const char *bytes, size_t len, int *rc)
{
    struct df_error error;
    redisReply *reply = NULL;
    struct df_redis_reader *reader = df_redis_reader_new();
    *rc = df_redis_reader_feed(reader, bytes, len, &error);
    if (*rc == 0)
        *rc = df_redis_reader_next(reader, &reply, &error);
    df_redis_reader_free(reader);
    return reply;
}

static void expect_bytes(const char *bytes, int expected)
{
    int rc;
    freeReplyObject(read_bytes(bytes, strlen(bytes), &rc));
    cr_expect_eq(rc, expected, "%s: %d", bytes, rc);
}

Test(redis_reply, is_bounded)
{
    expect_bytes("+OK\r\n", 0);
    expect_bytes("*2\r\n+OK\r\n", -EAGAIN);
    expect_bytes("$1000000\r\nx", -EAGAIN);
    expect_bytes("HTTP/1.1 400 Bad Request\r\n", -EPROTO);
    expect_bytes("*1048576\r\n", -EAGAIN);
    expect_bytes("*1048577\r\n", -EPROTO);
    expect_bytes("*2\r\n*1048574\r\n", -EAGAIN);
    expect_bytes("*2\r\n*1048575\r\n", -EPROTO);
    expect_bytes("*-7\r\n", -EPROTO);
    expect_bytes("$99999999999999999999\r\n", -EPROTO);
}

Test(redis_row, takes_keys_and_values_apart)
{
    struct df_redis_row_name name;
    char key[DF_REDIS_KEY_MAX + 1], id[DF_REDIS_NAME_MAX + 2];
    uint64_t revision;
    const char *data;
    size_t len;
    memset(id, 'x', sizeof id);
    id[DF_REDIS_NAME_MAX] = '\0';
    len = df_redis_row_key("t", id, key);
    cr_assert_eq(len, 2 + DF_REDIS_NAME_MAX);
    cr_assert_eq(df_redis_row_name(key, len, &name), 0);
    cr_expect_str_eq(name.table, "t");
    cr_expect_str_eq(name.id, id);
    id[DF_REDIS_NAME_MAX] = 'x';
    id[DF_REDIS_NAME_MAX + 1] = '\0';
    cr_expect_eq(df_redis_row_key("t", id, key), 0);
    cr_expect_eq(df_redis_row_name("t", 1, &name), -EPROTO);
    cr_expect_eq(df_redis_row_name("t\0", 2, &name), -EPROTO);
    cr_expect_eq(df_redis_row_name("\0i", 2, &name), -EPROTO);
    cr_expect_eq(df_redis_row_name("t\0i\0j", 5, &name), -EPROTO);
    cr_assert_eq(df_redis_row_value("\0\0\0\0\0\0\1\2\0\1axy", 13, &revision, &data, &len), 0);
    cr_expect_eq(revision, 258);
    cr_expect(len == 2 && memcmp(data, "xy", 2) == 0);
    cr_expect_eq(df_redis_row_value("\0\0\0\0\0\0\1\2\0", 9, &revision, &data, &len), -EPROTO);
    cr_expect_eq(df_redis_row_value("\0\0\0\0\0\0\1\2\0\4axy", 13, &revision, &data, &len), -EPROTO);
}

/* The log. */

#define RECORD(index, kind, key, data)                                                                                 \
    "\0\0\0" index kind "\0\3"                                                                                         \
    "\0\0\0\1" key data

static int note(const struct df_db_row *row, void *arg)
{
    char *told = arg;
    size_t used = strlen(told);
    snprintf(told + used, 256 - used, "%llu:%s%s%.*s ", (unsigned long long)row->revision, row->id,
             row->data ? "=" : "-", (int)row->len, row->data ? (const char *)row->data : "");
    return 0;
}

static struct df_redis_batch *read_log(const char *bytes, size_t len, size_t count)
{
    struct df_redis_batch *batch = NULL;
    struct df_error error;
    int rc;
    redisReply *reply = read_bytes(bytes, len, &rc);
    cr_assert_eq(rc, 0);
    rc = df_redis_batch_read(reply, 4, 7, count, &batch, &error);
    cr_expect(rc == 0 || rc == -EPROTO);
    return batch;
}

#define ENTRY(id, len, records) "*2\r\n$3\r\n" id "-0\r\n*2\r\n$1\r\nt\r\n$" len "\r\n" records "\r\n"
#define STREAM(n, entries) "*2\r\n$1\r\ns\r\n*" n "\r\n" entries
#define ONE(id, kind) ENTRY(id, "15", RECORD("\1", kind, "t\0a", "x"))

Test(redis_log, a_row_in_several_streams_is_told_once)
{
    static const char bytes[] =
        "*2\r\n" STREAM("1", ENTRY("5", "30", RECORD("\1", "L", "t\0a", "x") RECORD("\2", "S", "t\0b", "x")))
            STREAM("2", ENTRY("5", "30", RECORD("\1", "S", "t\0a", "y") RECORD("\2", "S", "t\0b", "x")) ONE("9", "L"));
    char told[256] = "";
    uint64_t revision = 4;
    struct df_redis_batch *batch = read_log(bytes, sizeof bytes - 1, 10);
    cr_assert_not_null(batch);
    cr_expect_eq(df_redis_batch_tell(batch, &revision, note, told), 0);
    cr_expect_str_eq(told, "5:a=y 5:b=x 9:a- ");
    cr_expect_eq(revision, 9);
    df_redis_batch_free(batch);
}

Test(redis_log, an_answer_that_was_cut_ends_where_all_streams_are_known)
{
    static const char bytes[] = "*2\r\n" STREAM("2", ONE("5", "S") ONE("6", "S")) STREAM("1", ONE("7", "S"));
    char told[256] = "";
    uint64_t revision = 4;
    struct df_redis_batch *batch = read_log(bytes, sizeof bytes - 1, 2);
    cr_assert_not_null(batch);
    cr_expect(df_redis_batch_is_cut(batch));
    cr_expect_eq(df_redis_batch_tell(batch, &revision, note, told), 0);
    cr_expect_str_eq(told, "5:a=x 6:a=x ");
    cr_expect_eq(revision, 6);
    df_redis_batch_free(batch);
}

Test(redis_log, nothing_new_is_complete_up_to_what_the_database_had_reached)
{
    uint64_t revision = 4;
    struct df_redis_batch *batch = read_log("*-1\r\n", 5, 2);
    cr_assert_not_null(batch);
    cr_expect_eq(df_redis_batch_tell(batch, &revision, note, NULL), 0);
    cr_expect_eq(revision, 7);
    df_redis_batch_free(batch);
}

Test(redis_log, a_takeover_is_a_gap_to_those_who_saw_more)
{
    static const char bytes[] =
        "*1\r\n" STREAM("1", "*2\r\n$3\r\n9-0\r\n*2\r\n$1\r\nt\r\n$19\r\n\0\0\0\0T\0\0\0\0\0\10\0\0\0\0\0\0\0\5\r\n");
    struct df_redis_batch *batch = read_log(bytes, sizeof bytes - 1, 2);
    cr_assert_not_null(batch);
    uint64_t revision = 5;
    cr_expect_eq(df_redis_batch_tell(batch, &revision, note, NULL), 0);
    cr_expect_eq(revision, 9);
    revision = 6;
    cr_expect_eq(df_redis_batch_tell(batch, &revision, note, NULL), -ESTALE);
    df_redis_batch_free(batch);
}

Test(redis_log, what_is_garbled_is_no_log)
{
    static const char lengths[] = "*1\r\n" STREAM("1", ENTRY("5", "14", "\0\0\0\1S\0\3\0\0\0\1t\0a"));
    static const char kind[] = "*1\r\n" STREAM("1", ONE("5", "X"));
    static const char order[] = "*1\r\n" STREAM("2", ONE("6", "S") ONE("5", "S"));
    static const char old[] = "*1\r\n" STREAM("1", ONE("4", "S"));
    static const char no_id[] = "*1\r\n" STREAM("1", ONE("x", "S"));
    cr_expect_null(read_log(lengths, sizeof lengths - 1, 10));
    cr_expect_null(read_log(kind, sizeof kind - 1, 10));
    cr_expect_null(read_log(order, sizeof order - 1, 10));
    cr_expect_null(read_log(old, sizeof old - 1, 10));
    cr_expect_null(read_log(no_id, sizeof no_id - 1, 10));
    cr_expect_null(read_log("+OK\r\n", 5, 10));
    cr_expect_null(read_log("*1\r\n+OK\r\n", 9, 10));
}
