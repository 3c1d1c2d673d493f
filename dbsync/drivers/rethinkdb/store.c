/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/rethinkdb/store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/rethinkdb/line.h"
#include "dbsync/net/tls.h"

#define TABLE "dragonflow"

/* Numbers of terms (ql2.proto, Term.TermType). */
enum {
    MAKE_ARRAY = 2,
    VAR = 10,
    DB = 14,
    TABLE_TERM = 15,
    GET = 16,
    EQ = 17,
    NE = 18,
    BRACKET = 170,
    REPLACE = 55,
    INSERT = 56,
    DB_CREATE = 57,
    DB_LIST = 59,
    TABLE_CREATE = 60,
    TABLE_LIST = 62,
    BRANCH = 65,
    AND = 67,
    FUNC = 69,
    WAIT = 177,
    BETWEEN = 182,
    CHANGES = 152,
    CONTAINS = 93
};

struct df_kv {
    struct df_rethinkdb_location location;
    const struct df_db_config *config;
    SSL_CTX *tls;                          /* NULL: none */
    struct df_rethinkdb_line *line, *feed; /* feed: of wait() */
    unsigned fed;                          /* the feed's connection in which it was asked for */
};

static int open_kv(const struct df_db_config *config, struct df_kv **result, struct df_error *error)
{
    struct df_kv *kv = calloc(1, sizeof *kv);
    if (!kv)
        return df_error_set(error, -ENOMEM, "out of memory");
    kv->config = config;
    int rc = df_rethinkdb_location_parse(&kv->location, config->location, error);
    if (rc == 0)
        rc = df_tls_new(config, "rethinkdb", &kv->tls, error);
    if (rc == 0) {
        kv->line = df_rethinkdb_line_new(&kv->location, config, kv->tls);
        kv->feed = df_rethinkdb_line_new(&kv->location, config, kv->tls);
        if (!kv->line || !kv->feed)
            rc = df_error_set(error, -ENOMEM, "out of memory");
    }
    *result = kv;
    if (rc == 0)
        return 0;
    df_rethinkdb_line_free(kv->line);
    df_rethinkdb_line_free(kv->feed);
    SSL_CTX_free(kv->tls);
    df_rethinkdb_location_clear(&kv->location);
    free(kv);
    *result = NULL;
    return rc;
}

static void close_kv(struct df_kv *kv)
{
    df_rethinkdb_line_free(kv->line);
    df_rethinkdb_line_free(kv->feed);
    SSL_CTX_free(kv->tls);
    df_rethinkdb_location_clear(&kv->location);
    free(kv);
}

static json_t *database(const struct df_kv *kv)
{
    return json_pack("[i, [s]]", DB, kv->location.database);
}

/* Reads see what a majority has, or a leader that was deposed might show what is over. */
static json_t *table(const struct df_kv *kv)
{
    return json_pack("[i, [o, s], {s:s}]", TABLE_TERM, database(kv), TABLE, "read_mode", "majority");
}

static json_t *document(const struct df_kv *kv, const char *key)
{
    return json_pack("[i, [o, o]]", GET, table(kv), df_rethinkdb_id(key));
}

static json_t *row(void)
{
    return json_pack("[i, [i]]", VAR, 1);
}

/* What only asks may be asked again, so that a lost answer is no more than that. */
static int ask(struct df_kv *kv, json_t *term, struct df_rethinkdb_answer *answer, struct df_error *error)
{
    int rc = df_rethinkdb_line_ask(kv->line, term, answer, error);
    return rc == -EINPROGRESS ? -ETIMEDOUT : rc;
}

static int is_listed(struct df_kv *kv, json_t *list, const char *name, bool *listed, struct df_error *error)
{
    struct df_rethinkdb_answer answer = {0};
    int rc = ask(kv, json_pack("[i, [o, s]]", CONTAINS, list, name), &answer, error);
    *listed = rc == 0 && json_is_true(json_array_get(answer.results, 0));
    json_decref(answer.json);
    return rc;
}

/* Somebody else may make it at the same moment: what counts is that it is there in the end. */
static int make(struct df_kv *kv, json_t *term, struct df_error *error)
{
    struct df_rethinkdb_answer answer = {0};
    int rc = df_rethinkdb_line_ask(kv->line, term, &answer, error);
    json_decref(answer.json);
    return rc == -EIO || rc == -EINPROGRESS ? 0 : rc;
}

static int prepare(struct df_kv *kv, bool create, struct df_error *error)
{
    bool listed = false;
    int rc = is_listed(kv, json_pack("[i, []]", DB_LIST), kv->location.database, &listed, error);
    if (rc == 0 && !listed && create)
        rc = make(kv, json_pack("[i, [s]]", DB_CREATE, kv->location.database), error);
    if (rc == 0 && !listed && !create)
        return -ENOENT;
    if (rc == 0)
        rc = is_listed(kv, json_pack("[i, [o]]", TABLE_LIST, database(kv)), TABLE, &listed, error);
    if (rc == 0 && !listed && create)
        rc = make(kv, json_pack("[i, [o, s]]", TABLE_CREATE, database(kv), TABLE), error);
    if (rc == 0 && !listed && !create)
        return -ENOENT;
    return rc ? rc : make(kv, json_pack("[i, [o], {s:s}]", WAIT, table(kv), "wait_for", "ready_for_writes"), error);
}

static int malformed(const struct df_kv *kv, const char *key, struct df_error *error)
{
    return df_error_set(error, -EPROTO, "rethinkdb:%s: document '%s' is none of Dragonflow's: restore it from a dump",
                        kv->config->location, key);
}

static int read_kv(struct df_kv *kv, const char *key, struct df_kv_value *value, struct df_error *error)
{
    struct df_rethinkdb_answer answer = {0};
    const char *found;
    int rc = ask(kv, document(kv, key), &answer, error);
    if (rc)
        return rc;
    const json_t *got = json_array_get(answer.results, 0);
    if (json_is_null(got))
        rc = -ENOENT;
    else if ((rc = df_rethinkdb_document_take(got, &found, value)) == 0 && strcmp(found, key) != 0)
        rc = -EBADMSG;
    if (rc == -EBADMSG) {
        free(value->data);
        value->data = NULL;
        rc = malformed(kv, key, error);
    }
    json_decref(answer.json);
    return rc;
}

/* replace(function(row) { return row != null && row.s == stamp ? wanted : row }) */
static json_t *replace_term(const struct df_kv *kv, const char *key, uint64_t stamp, json_t *wanted)
{
    json_t *is_there = json_pack("[i, [o, n]]", NE, row());
    json_t *has_stamp = json_pack("[i, [[i, [o, s]], I]]", EQ, BRACKET, row(), "s", (json_int_t)stamp);
    json_t *both = json_pack("[i, [o, o]]", AND, is_there, has_stamp);
    json_t *body = json_pack("[i, [o, o, o]]", BRANCH, both, wanted, row());
    json_t *function = json_pack("[i, [[i, [i]], o]]", FUNC, MAKE_ARRAY, 1, body);
    return json_pack("[i, [o, o]]", REPLACE, document(kv, key), function);
}

/* The answer to a write of one document: which counter says that it was done. */
static int write_one(struct df_kv *kv, json_t *term, const char *done, struct df_error *error)
{
    struct df_rethinkdb_answer answer = {0};
    int rc = df_rethinkdb_line_ask(kv->line, term, &answer, error);
    if (rc)
        return rc;
    const char *why = json_string_value(json_object_get(json_array_get(answer.results, 0), "first_error"));
    if (df_rethinkdb_answer_count(&answer, done) != 1) {
        rc = -EAGAIN;
        if (why && strncmp(why, "Duplicate primary key", 21) != 0)
            rc = df_error_set(error, -EIO, "rethinkdb:%s: %s", kv->config->location, why);
    }
    json_decref(answer.json);
    return rc;
}

static int swap(struct df_kv *kv, const char *key, uint64_t stamp, const struct df_kv_value *value,
                struct df_error *error)
{
    if (value->len > DF_KV_BYTES_MAX)
        return df_error_set(error, -EINVAL, "rethinkdb:%s: '%s' has %zu bytes", kv->config->location, key, value->len);
    json_t *wanted = df_rethinkdb_document(key, value);
    if (!wanted)
        return df_error_set(error, -ENOMEM, "out of memory");
    if (stamp)
        return write_one(kv, replace_term(kv, key, stamp, wanted), "replaced", error);
    return write_one(kv, json_pack("[i, [o, o], {s:s}]", INSERT, table(kv), wanted, "conflict", "error"), "inserted",
                     error);
}

static int drop(struct df_kv *kv, const char *key, uint64_t stamp, struct df_error *error)
{
    return write_one(kv, replace_term(kv, key, stamp, json_null()), "deleted", error);
}

static int tell_batch(struct df_kv *kv, const struct df_rethinkdb_answer *answer, df_kv_cb cb, void *arg,
                      struct df_error *error)
{
    int rc = 0;
    for (size_t i = 0; i < json_array_size(answer->results) && rc == 0; i++) {
        struct df_kv_value value;
        const char *key;
        rc = df_rethinkdb_document_take(json_array_get(answer->results, i), &key, &value);
        if (rc == 0) {
            rc = cb(key, &value, arg);
            free(value.data);
        } else {
            rc = malformed(kv, key ? key : "", error);
        }
    }
    return rc;
}

/* All of it before any is told, as a callback may ask for something else on this line. */
static int scan(struct df_kv *kv, const char *folder, df_kv_cb cb, void *arg, struct df_error *error)
{
    char end[DF_KV_KEY_MAX];
    snprintf(end, sizeof end, "%.*s0", (int)strlen(folder) - 1, folder); /* the character after the slash */
    struct df_rethinkdb_answer answer = {0};
    json_t *batches = json_array();
    int rc = ask(kv, json_pack("[i, [o, s, s]]", BETWEEN, table(kv), folder, end), &answer, error);
    while (rc == 0) {
        bool more = answer.type == DF_RETHINKDB_PARTIAL;
        json_array_append_new(batches, answer.json);
        if (!more)
            break;
        rc = df_rethinkdb_line_continue(kv->line, &answer, error);
        rc = rc == -EINPROGRESS ? -ETIMEDOUT : rc;
    }
    for (size_t i = 0; i < json_array_size(batches) && rc == 0; i++) {
        answer.results = json_object_get(json_array_get(batches, i), "r");
        rc = tell_batch(kv, &answer, cb, arg, error);
    }
    json_decref(batches);
    return rc;
}

/* Asks for the feed where that was not done in this connection. What came in between is news, too. */
static int begin_feed(struct df_kv *kv, struct df_error *error)
{
    struct df_rethinkdb_answer answer = {0};
    int rc = df_rethinkdb_line_ask(kv->feed, json_pack("[i, [o]]", CHANGES, document(kv, "state")), &answer, error);
    json_decref(answer.json);
    if (rc == 0)
        rc = df_rethinkdb_line_expect(kv->feed, error);
    kv->fed = rc ? 0 : df_rethinkdb_line_serial(kv->feed);
    return rc == -EINPROGRESS ? -ETIMEDOUT : rc;
}

static int wait_kv(struct df_kv *kv, int wake, unsigned ms, struct df_error *error)
{
    struct df_rethinkdb_answer answer = {0};
    if (!kv->fed)
        return begin_feed(kv, error);
    int rc = df_rethinkdb_line_wait(kv->feed, wake, ms, &answer, error);
    json_decref(answer.json);
    if (rc == 1)
        rc = df_rethinkdb_line_expect(kv->feed, error);
    if (rc)
        kv->fed = 0;
    return rc == -EINPROGRESS ? -ETIMEDOUT : rc;
}

const struct df_kv_ops df_rethinkdb_kv = {
    .name = "rethinkdb",
    .open = open_kv,
    .close = close_kv,
    .prepare = prepare,
    .read = read_kv,
    .swap = swap,
    .drop = drop,
    .scan = scan,
    .wait = wait_kv,
};
