/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/greeting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/redis/refusal.h"
#include "dbsync/drivers/redis/row.h"

/* The steps; a script each from STEP_SCRIPT on. */
enum { STEP_AUTH, STEP_SERVER, STEP_REPLICATION, STEP_DATABASE, STEP_SCRIPT };

#define STEPS (STEP_SCRIPT + DF_REDIS_SCRIPTS)
#define SENTINEL_STEPS 2

static void add_auth(const struct df_db_config *config, struct df_redis_command *command)
{
    if (!config->password) {
        df_redis_command_word(command, "PING");
        return;
    }
    df_redis_command_word(command, "AUTH");
    if (config->user)
        df_redis_command_word(command, config->user);
    df_redis_command_word(command, config->password);
}

bool df_redis_greeting_command(const struct df_redis_access *access, bool to_sentinel, unsigned i,
                               struct df_redis_command *command)
{
    if (i >= (to_sentinel ? SENTINEL_STEPS : STEPS))
        return false;
    if (i == STEP_AUTH)
        add_auth(access->config, command);
    else if (to_sentinel)
        df_redis_command_words(command, "SENTINEL", "get-master-addr-by-name", access->place->master, NULL);
    else if (i == STEP_SERVER)
        df_redis_command_words(command, "INFO", "server", NULL);
    else if (i == STEP_REPLICATION)
        df_redis_command_words(command, "INFO", "replication", NULL);
    else if (i == STEP_DATABASE)
        df_redis_command_words(command, "HMGET", DF_REDIS_META, "version", "history", "revision", "floor", NULL);
    else
        df_redis_command_words(command, "SCRIPT", "LOAD", df_redis_script_text(i - STEP_SCRIPT), NULL);
    return true;
}

/* A line "name:value" of what INFO says; NULL: there is none. *len is of the value. */
static const char *info_value(const redisReply *reply, const char *name, size_t *len)
{
    size_t name_len = strlen(name);
    for (const char *line = reply->str; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_len) != 0 || line[name_len] != ':')
            continue;
        const char *value = line + name_len + 1;
        *len = strcspn(value, "\r\n");
        return value;
    }
    return NULL;
}

static int read_name(char to[DF_REDIS_SHA_LEN + 1], const char *from, size_t len)
{
    if (!from || len == 0 || len > DF_REDIS_SHA_LEN)
        return -EPROTO;
    memcpy(to, from, len);
    to[len] = '\0';
    return 0;
}

static int read_server(struct df_redis_greeting *greeting, const redisReply *reply)
{
    size_t len = 0;
    const char *run = df_redis_is_text(reply) ? info_value(reply, "run_id", &len) : NULL;
    return read_name(greeting->run, run, len);
}

static int read_replication(struct df_redis_greeting *greeting, const redisReply *reply)
{
    size_t len = 0;
    const char *role = df_redis_is_text(reply) ? info_value(reply, "role", &len) : NULL;
    if (!role)
        return -EPROTO;
    greeting->is_master = len == strlen("master") && strncmp(role, "master", len) == 0;
    const char *replicas = info_value(reply, "connected_slaves", &len);
    greeting->replicas = replicas ? (unsigned)strtoul(replicas, NULL, 10) : 0;
    return 0;
}

static int read_database(struct df_redis_greeting *greeting, const redisReply *reply)
{
    if (!df_redis_is_list(reply, 4))
        return -EPROTO;
    greeting->has_database = df_redis_is_text(reply->element[0]);
    if (!greeting->has_database)
        return 0;
    const redisReply *history = reply->element[1];
    if (df_redis_number(reply->element[0], &greeting->version) || !df_redis_is_text(history) ||
        df_redis_number(reply->element[2], &greeting->revision) || df_redis_number(reply->element[3], &greeting->floor))
        return -EPROTO;
    return read_name(greeting->history, history->str, history->len);
}

static int garbled(int rc, const char *where, struct df_error *error)
{
    return rc ? df_error_set(error, rc, "redis at %s answers what no redis answers: is it one, version 7 or newer?",
                             where)
              : 0;
}

int df_redis_greeting_read(struct df_redis_greeting *greeting, unsigned i, const redisReply *reply, const char *where,
                           struct df_error *error)
{
    if (reply->type == REDIS_REPLY_ERROR)
        return df_redis_refusal(reply->str, where, error);
    switch (i) {
    case STEP_AUTH:
        return garbled(reply->type == REDIS_REPLY_STATUS ? 0 : -EPROTO, where, error);
    case STEP_SERVER:
        return garbled(read_server(greeting, reply), where, error);
    case STEP_REPLICATION:
        return garbled(read_replication(greeting, reply), where, error);
    case STEP_DATABASE:
        return garbled(read_database(greeting, reply), where, error);
    default:
        break;
    }
    if (i >= STEPS || !df_redis_is_text(reply))
        return garbled(-EPROTO, where, error);
    return garbled(read_name(greeting->scripts[i - STEP_SCRIPT], reply->str, reply->len), where, error);
}

/* A Sentinel that knows no password, or another one, may well answer without. */
int df_redis_greeting_read_sentinel(struct df_redis_point *master, unsigned i, const redisReply *reply,
                                    const char *where, struct df_error *error)
{
    if (i == STEP_AUTH)
        return 0;
    if (reply->type == REDIS_REPLY_ERROR)
        return df_redis_refusal(reply->str, where, error);
    if (reply->type == REDIS_REPLY_NIL)
        return df_error_set(error, -EHOSTDOWN, "Sentinel at %s knows no such master: check its name", where);
    if (!df_redis_is_list(reply, 2) || !df_redis_is_text(reply->element[0]) || !df_redis_is_text(reply->element[1]) ||
        df_redis_point_set(master, reply->element[0]->str, reply->element[0]->len, reply->element[1]->str,
                           reply->element[1]->len))
        return df_error_set(error, -EPROTO, "Sentinel at %s answers no address", where);
    return 0;
}

int df_redis_greeting_read_moved(const char *text, const char *host, struct df_redis_point *point)
{
    if (strncmp(text, "MOVED ", strlen("MOVED ")) != 0)
        return -EPROTO;
    const char *address = strchr(text + strlen("MOVED "), ' ');
    const char *colon = address ? strrchr(address, ':') : NULL;
    if (!colon)
        return -EPROTO;
    address++;
    size_t len = (size_t)(colon - address);
    if (len == 0) {
        address = host;
        len = strlen(host);
    }
    return df_redis_point_set(point, address, len, colon + 1, strlen(colon + 1)) ? -EPROTO : 0;
}
