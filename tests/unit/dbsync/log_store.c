/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/log_store/store.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/log_store/record.h"

/*
 * What is so whatever key-value store it is: a database that a newer program has made is left alone, and who has not
 * looked at a lease for a while does not take its holder to be dead.
 */

enum { KEYS = 8 };

/* What a store must at least be (kv.h), in memory. */
static struct {
    char key[DF_KV_KEY_MAX];
    struct df_kv_value value;
} stored[KEYS];

static size_t place_of(const char *key)
{
    size_t i = 0;
    while (i < KEYS && stored[i].key[0] && strcmp(stored[i].key, key) != 0)
        i++;
    cr_assert_lt(i, (size_t)KEYS);
    return i;
}

static int open_kv(const struct df_db_config *config, struct df_kv **kv, struct df_error *error)
{
    (void)config;
    (void)error;
    *kv = (struct df_kv *)stored;
    return 0;
}

static void close_kv(struct df_kv *kv)
{
    (void)kv;
}

static int prepare(struct df_kv *kv, bool make, struct df_error *error)
{
    (void)kv;
    (void)make;
    (void)error;
    return 0;
}

static int read_key(struct df_kv *kv, const char *key, struct df_kv_value *value, struct df_error *error)
{
    const struct df_kv_value *found = &stored[place_of(key)].value;
    (void)kv;
    (void)error;
    if (!found->data)
        return -ENOENT;
    *value = *found;
    value->data = malloc(found->len);
    memcpy(value->data, found->data, found->len);
    return 0;
}

static int swap(struct df_kv *kv, const char *key, uint64_t stamp, const struct df_kv_value *value,
                struct df_error *error)
{
    size_t i = place_of(key);
    (void)kv;
    (void)error;
    if (stored[i].value.stamp != stamp)
        return -EAGAIN;
    free(stored[i].value.data);
    snprintf(stored[i].key, sizeof stored[i].key, "%s", key);
    stored[i].value = *value;
    stored[i].value.data = malloc(value->len);
    memcpy(stored[i].value.data, value->data, value->len);
    return 0;
}

static int drop(struct df_kv *kv, const char *key, uint64_t stamp, struct df_error *error)
{
    struct df_kv_value *value = &stored[place_of(key)].value;
    (void)kv;
    (void)error;
    if (!value->data || value->stamp != stamp)
        return -EAGAIN;
    free(value->data);
    *value = (struct df_kv_value){0};
    return 0;
}

static const struct df_kv_ops ops = {.name = "memory",
                                     .open = open_kv,
                                     .close = close_kv,
                                     .prepare = prepare,
                                     .read = read_key,
                                     .swap = swap,
                                     .drop = drop};
static const struct df_db_config exists = {.location = "here"}, create = {.location = "here", .create = true};
static struct df_db *db;
static struct df_error error;

static void set_up(void)
{
    cr_assert_eq(df_log_store_open(&ops, &create, &db, &error), 0, "%s", error.text);
}

static void tear_down(void)
{
    df_log_store_close(db);
    for (size_t i = 0; i < KEYS; i++)
        free(stored[i].value.data);
}

TestSuite(log_store, .init = set_up, .fini = tear_down);

/* The state is text and begins with its version (record.c). */
static void set_version(int version)
{
    char head[32];
    int len = snprintf(head, sizeof head, "dragonflow %d ", version);
    struct df_kv_value *state = &stored[place_of("state")].value;
    cr_assert(state->data && state->len > (size_t)len && strncmp(state->data, "dragonflow ", 11) == 0);
    memcpy(state->data, head, (size_t)len);
}

static void expect_refusal(int rc)
{
    cr_expect_eq(rc, -EPROTO, "%d", rc);
    cr_expect_str_eq(error.text, "memory:here: the database is of a newer version: upgrade this program");
    error.text[0] = '\0';
}

static int nothing(const struct df_db_row *row, void *arg)
{
    (void)row;
    (void)arg;
    return 0;
}

Test(log_store, a_database_of_a_newer_version_is_refused)
{
    struct df_db *other;
    set_version(DF_RECORD_VERSION + 1);
    expect_refusal(df_log_store_open(&ops, &exists, &other, &error));
    expect_refusal(df_log_store_open(&ops, &create, &other, &error));
    set_version(DF_RECORD_VERSION);
    cr_assert_eq(df_log_store_open(&ops, &exists, &other, &error), 0, "%s", error.text);
    df_log_store_close(other);
}

Test(log_store, a_database_that_becomes_newer_is_neither_read_nor_written_any_more)
{
    const struct df_db_op op = {.table = "t", .id = "a", .data = "1", .len = 1};
    uint64_t revision;
    size_t failed;
    set_version(DF_RECORD_VERSION + 1);
    expect_refusal(df_log_store_get(db, "t", "a", nothing, NULL, &error));
    expect_refusal(df_log_store_snapshot(db, nothing, NULL, &revision, &error));
    expect_refusal(df_log_store_commit(db, &op, 1, &failed, &revision, &error));
    for (size_t i = 0; i < KEYS; i++)
        cr_expect(!stored[i].key[0] || strcmp(stored[i].key, "state") == 0, "%s was written", stored[i].key);
}

static int take_as(struct df_db *from, const char *owner)
{
    return df_log_store_lease(from, "host1", owner, 1, &error);
}

/* It is so for any longer time, too. */
static void let_the_time_to_live_pass(void)
{
    poll(NULL, 0, 1200);
}

Test(log_store, the_time_in_which_nobody_looked_at_a_lease_does_not_count, .timeout = 60)
{
    struct df_db *other;
    int rc = -EBUSY;
    cr_assert_eq(df_log_store_open(&ops, &exists, &other, &error), 0, "%s", error.text);
    cr_assert_eq(take_as(db, "me"), 0, "%s", error.text);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(take_as(other, "you"), -EBUSY);
        let_the_time_to_live_pass();
    }
    while (rc == -EBUSY) {
        rc = take_as(other, "you");
        poll(NULL, 0, 20);
    }
    cr_expect_eq(rc, 0, "%s", error.text);
    df_log_store_close(other);
}
