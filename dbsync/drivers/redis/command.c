/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/command.h"

#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/redis/row.h"

/* EVALSHA sha numkeys key run history ... */
enum { ARG_SHA = 1, ARG_RUN = 4 };

static int grow(struct df_redis_command *command)
{
    size_t max = command->max ? command->max * 2 : 16;
    const char **args = realloc(command->args, max * sizeof *args);
    if (args)
        command->args = args;
    size_t *lens = realloc(command->lens, max * sizeof *lens);
    if (lens)
        command->lens = lens;
    if (!args || !lens)
        return -1;
    command->max = max;
    return 0;
}

void df_redis_command_add(struct df_redis_command *command, const void *data, size_t len)
{
    if (command->n == command->max && grow(command)) {
        command->out_of_memory = true;
        return;
    }
    command->args[command->n] = data;
    command->lens[command->n++] = len;
}

void df_redis_command_word(struct df_redis_command *command, const char *word)
{
    df_redis_command_add(command, word, strlen(word));
}

void df_redis_command_words(struct df_redis_command *command, ...)
{
    va_list args;
    const char *word;
    va_start(args, command);
    while ((word = va_arg(args, const char *)))
        df_redis_command_word(command, word);
    va_end(args);
}

void df_redis_command_script(struct df_redis_command *command, enum df_redis_script script, const char *history)
{
    command->is_script = true;
    command->script = script;
    df_redis_command_words(command, "EVALSHA", "", "1", DF_REDIS_BASE, "", history, NULL);
}

char *df_redis_command_format(const struct df_redis_command *command, const char *sha, const char *run, size_t *len)
{
    char *text;
    if (command->out_of_memory || command->n > INT_MAX)
        return NULL;
    if (command->is_script) {
        command->args[ARG_SHA] = sha;
        command->lens[ARG_SHA] = strlen(sha);
        command->args[ARG_RUN] = run;
        command->lens[ARG_RUN] = strlen(run);
    }
    int n = redisFormatCommandArgv(&text, (int)command->n, command->args, command->lens);
    if (n < 0)
        return NULL;
    *len = (size_t)n;
    return text;
}

void df_redis_command_clear(struct df_redis_command *command)
{
    free(command->args);
    free(command->lens);
    *command = (struct df_redis_command){0};
}
