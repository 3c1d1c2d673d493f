/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dbsync/error.h"

/* An INI file as it was read: every key with its line, before anybody knows what it means. Private to config.c. */

struct df_config_item {
    char *section, *key, *value;
    unsigned line;
    bool goes_on; /* it has continuation lines, joined to value by a space */
    bool claimed; /* somebody knows this key */
};

struct df_config_file {
    char *path;
    struct df_config_item *items;
    size_t n;
    const struct df_config_item *last_asked;
};

/** Reads a file. -ENOENT, -EINVAL (error has file and line), -ENOMEM. */
int df_config_file_read(const char *path, struct df_config_file **file, struct df_error *error);
void df_config_file_free(struct df_config_file *file);

/** The item of that section and key, or NULL. */
struct df_config_item *df_config_file_find(struct df_config_file *file, const char *section, const char *key);
