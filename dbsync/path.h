/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dbsync/schema.h"

/*
 * Where in an object we are: "ports[2].network". Steps live on the stack of the walk, each pointing to the one
 * above; text is made only when somebody needs it.
 */

#define DF_PATH_MAX 256
#define DF_PATH_NO_INDEX ((size_t)-1)

struct df_path {
    const struct df_path *up; /* NULL at the top */
    const char *name;
    size_t index; /* in a list, or DF_PATH_NO_INDEX */
};

/** Writes the path's text, cut to fit; returns text. */
const char *df_path_text(const struct df_path *path, char text[DF_PATH_MAX]);

/* The object that a walk is in, for its error messages. */
struct df_object_at {
    enum df_nb_table table;
    const char *id; /* NULL while it is not known */
    struct df_error *error;
    bool leaves_parts; /* DF_KIND_PARTS are not looked at */
};

/** Sets "table 'id': path: ..." (path may be NULL; DF_NB_TABLES: without the object) and returns -EINVAL. */
int df_object_error(const struct df_object_at *at, const struct df_path *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
