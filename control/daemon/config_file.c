/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/config_file.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES_MAX 4096
#define ITEMS_MAX 4096

/* libinih tells its handler no line, so the reader below counts them, and sees which ones are indented. */
struct reader {
    FILE *in;
    struct df_config_file *file;
    struct df_error *error;
    unsigned line;
    bool indented;
    int rc;
};

static int refuse(struct reader *reader, const char *problem)
{
    if (reader->rc == 0)
        reader->rc = df_error_set(reader->error, -EINVAL, "%s:%u: %s", reader->file->path, reader->line, problem);
    return 0;
}

static char *read_line(char *text, int size, void *arg)
{
    struct reader *reader = arg;
    if (reader->rc != 0 || !fgets(text, size, reader->in))
        return NULL;
    reader->line++;
    reader->indented = isspace((unsigned char)text[0]);
    size_t len = strlen(text);
    if ((int)len == size - 1 && text[len - 1] != '\n') {
        refuse(reader, "the line is too long; go on in a line that begins with a space");
        return NULL;
    }
    return text;
}

static int join(struct reader *reader, struct df_config_item *item, const char *value)
{
    char *joined;
    if (asprintf(&joined, "%s %s", item->value, value) < 0) {
        reader->rc = -ENOMEM;
        return 0;
    }
    free(item->value);
    item->value = joined;
    item->goes_on = true;
    return 1;
}

static int append(struct reader *reader, const char *section, const char *key, const char *value)
{
    struct df_config_file *file = reader->file;
    if (file->n == ITEMS_MAX)
        return refuse(reader, "more keys than a configuration can have");
    struct df_config_item *grown = realloc(file->items, (file->n + 1) * sizeof(*grown));
    if (!grown) {
        reader->rc = -ENOMEM;
        return 0;
    }
    file->items = grown;
    struct df_config_item *item = &grown[file->n++];
    *item = (struct df_config_item){strdup(section), strdup(key), strdup(value), reader->line, false, false};
    if (!item->section || !item->key || !item->value)
        reader->rc = -ENOMEM;
    return reader->rc == 0;
}

static int take(void *arg, const char *section, const char *key, const char *value)
{
    struct reader *reader = arg;
    struct df_config_file *file = reader->file;
    if (reader->rc != 0)
        return 0;
    struct df_config_item *last = file->n ? &file->items[file->n - 1] : NULL;
    if (reader->indented && last && strcmp(last->section, section) == 0 && strcmp(last->key, key) == 0)
        return join(reader, last, value);
    if (*section == '\0')
        return refuse(reader, "a key stands before the first [section]");
    if (df_config_file_find(file, section, key)) {
        char problem[160];
        snprintf(problem, sizeof(problem), "[%.60s] %.60s is given twice", section, key);
        return refuse(reader, problem);
    }
    return append(reader, section, key, value);
}

int df_config_file_read(const char *path, struct df_config_file **file, struct df_error *error)
{
    struct reader reader = {.error = error};
    reader.file = calloc(1, sizeof(*reader.file));
    if (!reader.file || !(reader.file->path = strdup(path))) {
        reader.rc = df_error_set(error, -ENOMEM, "%s: out of memory", path);
        goto err;
    }
    reader.in = fopen(path, "re");
    if (!reader.in) {
        reader.rc = df_error_set(error, -errno, "%s: cannot be read: %s", path, strerror(errno));
        goto err;
    }
    ini_max_line = LINE_BYTES_MAX;
    int bad_line = ini_parse_stream(read_line, &reader, take, &reader);
    fclose(reader.in);
    if (reader.rc == -ENOMEM)
        df_error_set(error, -ENOMEM, "%s: out of memory", path);
    else if (reader.rc == 0 && bad_line != 0)
        reader.rc =
            df_error_set(error, -EINVAL, "%s:%d: neither [section], nor key = value, nor a # comment", path, bad_line);
    if (reader.rc != 0)
        goto err;
    *file = reader.file;
    return 0;
err:
    df_config_file_free(reader.file);
    return reader.rc;
}

void df_config_file_free(struct df_config_file *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->n; i++) {
        free(file->items[i].section);
        free(file->items[i].key);
        free(file->items[i].value);
    }
    free(file->items);
    free(file->path);
    free(file);
}

struct df_config_item *df_config_file_find(struct df_config_file *file, const char *section, const char *key)
{
    for (size_t i = 0; i < file->n; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): n items are there */
        if (strcmp(file->items[i].section, section) == 0 && strcmp(file->items[i].key, key) == 0)
            return &file->items[i];
    return NULL;
}
