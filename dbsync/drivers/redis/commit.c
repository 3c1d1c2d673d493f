/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/commit.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/redis/redis.h"

/* What the command of an operation points to. */
struct argument {
    char key[DF_REDIS_KEY_MAX + 1];
    size_t key_len;
    uint64_t revision; /* big endian */
};

static int check_topics(const struct df_db_op *op, struct df_error *error)
{
    const char *topics = op->topics ? op->topics : "";
    if (strlen(topics) > DF_REDIS_TOPICS_MAX)
        return df_error_set(error, -E2BIG, "%s '%s': topics of more than %d bytes", op->table, op->id,
                            DF_REDIS_TOPICS_MAX);
    while (*topics) {
        size_t len = strcspn(topics, " ");
        if (len == 0 || len > DF_REDIS_TOPIC_MAX)
            return df_error_set(error, -EINVAL, "%s '%s': topics are words of up to %d bytes, with single spaces",
                                op->table, op->id, DF_REDIS_TOPIC_MAX);
        topics += len;
        topics += *topics == ' ';
    }
    return 0;
}

static int check(const struct df_db_op *op, struct argument *argument, struct df_error *error)
{
    argument->key_len = df_redis_row_key(op->table, op->id, argument->key);
    if (argument->key_len == 0 || strcmp(op->table, DF_DB_LEASES) == 0)
        return df_error_set(error, -EINVAL,
                            "'%s' '%s': a table and an id have 1 to %d bytes, and leases are not written", op->table,
                            op->id, DF_REDIS_NAME_MAX);
    if (op->data && op->len > DF_REDIS_DATA_MAX)
        return df_error_set(error, -E2BIG, "%s '%s': %zu bytes are more than the %zu a row may have", op->table, op->id,
                            op->len, DF_REDIS_DATA_MAX);
    return check_topics(op, error);
}

static void add_op(struct df_redis_command *command, const struct df_db_op *op, struct argument *argument)
{
    df_redis_command_add(command, argument->key, argument->key_len);
    argument->revision = htobe64(op->revision);
    if (op->expect == DF_DB_REVISION)
        df_redis_command_add(command, &argument->revision, sizeof argument->revision);
    else
        df_redis_command_word(command, op->expect == DF_DB_ABSENT ? "-" : "");
    df_redis_command_word(command, op->data ? "S" : "D");
    df_redis_command_add(command, op->data ? op->data : "", op->data ? op->len : 0);
    df_redis_command_word(command, op->data && op->topics ? op->topics : "");
}

static int compose(const struct df_db_op *ops, size_t n, struct argument *arguments, struct df_redis_command *command,
                   struct df_error *error)
{
    size_t bytes = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = check(&ops[i], &arguments[i], error);
        bytes += ops[i].data ? ops[i].len : 0;
        if (rc == 0)
            add_op(command, &ops[i], &arguments[i]);
    }
    if (rc == 0 && bytes > DF_REDIS_COMMIT_MAX)
        rc = df_error_set(error, -E2BIG, "redis: a transaction of %zu bytes; %zu are the limit", bytes,
                          DF_REDIS_COMMIT_MAX);
    return rc;
}

/* What a commit was for, and what came of it. */
struct outcome {
    const struct df_db_op *ops;
    size_t n;
    size_t *failed;
    uint64_t *revision;
};

static int read_outcome(struct df_db *db, const redisReply *reply, void *arg, struct df_error *error)
{
    const struct outcome *of = arg;
    const char *outcome;
    uint64_t number;
    int rc = df_redis_outcome(db, reply, &outcome, error);
    if (rc)
        return rc;
    bool is_done = strcmp(outcome, "done") == 0;
    if (!df_redis_is_list(reply, 2) || df_redis_number(reply->element[1], &number) || (!is_done && number >= of->n))
        return df_error_set(error, -EPROTO, "redis: a commit's answer is garbled");
    if (is_done) {
        *of->revision = number;
        return 0;
    }
    const struct df_db_op *op = &of->ops[number];
    *of->failed = number;
    if (strcmp(outcome, "changed") == 0)
        return df_error_set(error, -EAGAIN, "%s '%s' was changed by another writer", op->table, op->id);
    return df_error_set(error, -EINVAL, "%s '%s' is written twice in one transaction", op->table, op->id);
}

/* Must there be replicas? Where servers take over from each other it is so unless the location says otherwise. */
static bool is_strict(const struct df_db *db)
{
    return db->place.counts_replicas || db->place.mode != DF_REDIS_SERVERS;
}

static unsigned replicas_wanted(const struct df_db *db)
{
    if (db->place.counts_replicas)
        return db->place.replicas;
    return is_strict(db) || db->replicas ? 1 : 0;
}

/* A script says how many replicas there are; with too few of them it does nothing. */
static int read_replicas(struct df_db *db, const redisReply *reply, unsigned wanted, struct df_error *error)
{
    const char *outcome;
    uint64_t replicas;
    int rc = df_redis_outcome(db, reply, &outcome, error);
    if (rc)
        return rc;
    if (!df_redis_is_list(reply, 3) || df_redis_number(reply->element[2], &replicas))
        return df_error_set(error, -EPROTO, "redis: a commit's answer is garbled");
    db->replicas = (unsigned)replicas;
    if (strcmp(outcome, "alone") != 0)
        return 0;
    return df_error_set(
        error, -EHOSTDOWN,
        "redis at %s: %u of %u replicas are connected: start them, or see replicas= in docs/databases.md",
        db->config.location, db->replicas, wanted);
}

/* The WAIT said how many have it. Where it was not sure that there are any, there may be none. */
static int check_replicas(struct df_db *db, const redisReply *reply, unsigned wanted, struct df_error *error)
{
    uint64_t have = 0;
    df_redis_number(reply, &have);
    if (have >= wanted || (!is_strict(db) && db->replicas == 0))
        return 0;
    return df_error_set(error, -EINPROGRESS, "redis at %s: it is written, but only %u of %u replicas have it",
                        db->config.location, (unsigned)have, wanted);
}

int df_redis_write(struct df_db *db, enum df_redis_script script, const char *history,
                   const struct df_redis_command *arguments, df_redis_answer_cb answer, void *arg,
                   struct df_error *error)
{
    struct df_redis_command commands[2] = {0};
    redisReply *replies[2] = {NULL};
    char count[12], least[12], ms[12];
    unsigned wanted = replicas_wanted(db);
    snprintf(count, sizeof count, "%u", wanted);
    snprintf(least, sizeof least, "%u", is_strict(db) ? wanted : 0);
    snprintf(ms, sizeof ms, "%u", db->access.timeout_ms / 2);
    df_redis_command_script(&commands[0], script, history);
    df_redis_command_word(&commands[0], least);
    for (size_t i = 0; i < arguments->n; i++)
        df_redis_command_add(&commands[0], arguments->args[i], arguments->lens[i]);
    df_redis_command_words(&commands[1], "WAIT", count, ms, NULL);
    int rc = df_redis_call(db->link, commands, wanted ? 2 : 1, DF_REDIS_ONCE, replies, error);
    df_redis_command_clear(&commands[0]);
    df_redis_command_clear(&commands[1]);
    if (rc == 0)
        rc = read_replicas(db, replies[0], wanted, error);
    if (rc == 0 && answer)
        rc = answer(db, replies[0], arg, error);
    if (rc == 0 && wanted)
        rc = check_replicas(db, replies[1], wanted, error);
    df_redis_replies_free(replies, 2);
    return rc;
}

int df_redis_commit(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                    struct df_error *error)
{
    if (db->config.read_only)
        return df_error_set(error, -EROFS, "%s was opened for reading only", db->config.location);
    if (n > DF_REDIS_OPS_MAX)
        return df_error_set(error, -E2BIG, "redis: a transaction of %zu rows; %d are the limit", n, DF_REDIS_OPS_MAX);
    struct df_redis_command command = {0};
    struct outcome outcome = {ops, n, failed, revision};
    struct argument *arguments = calloc(n + 1, sizeof *arguments);
    int rc = arguments ? compose(ops, n, arguments, &command, error) : df_error_set(error, -ENOMEM, "out of memory");
    if (rc == 0)
        rc = df_redis_write(db, DF_REDIS_COMMIT, db->history, &command, read_outcome, &outcome, error);
    df_redis_command_clear(&command);
    free(arguments);
    return rc;
}
