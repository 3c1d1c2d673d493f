/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dbsync/drivers/redis/script.h"

/*
 * A command for redis, in the making. Arguments are not copied: they must live until the command is sent. What depends
 * on the connection, which may be another one each time a command is sent, is filled in then: the name of a script and
 * which server process runs it.
 */

struct df_redis_command {
    const char **args;
    size_t *lens;
    size_t n, max;
    bool out_of_memory;
    bool is_script;
    enum df_redis_script script;
};

void df_redis_command_add(struct df_redis_command *command, const void *data, size_t len);
void df_redis_command_word(struct df_redis_command *command, const char *word);

/** Several words, to a NULL. */
void df_redis_command_words(struct df_redis_command *command, ...) __attribute__((sentinel));

/** Begins a call of a script; history is of the database that it is meant for. */
void df_redis_command_script(struct df_redis_command *command, enum df_redis_script script, const char *history);

/** As redis wants it, for the server process `run`, which knows the script as sha; of malloc, NULL: out of memory. */
char *df_redis_command_format(const struct df_redis_command *command, const char *sha, const char *run, size_t *len);

/** Frees what the command has; it is empty then. */
void df_redis_command_clear(struct df_redis_command *command);
