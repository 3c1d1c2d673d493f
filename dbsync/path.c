/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/path.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static size_t append(char *text, size_t used, const struct df_path *path)
{
    if (path->up)
        used = append(text, used, path->up);
    const char *dot = used ? "." : "";
    int n;
    if (path->index == DF_PATH_NO_INDEX)
        n = snprintf(text + used, DF_PATH_MAX - used, "%s%s", dot, path->name);
    else
        n = snprintf(text + used, DF_PATH_MAX - used, "%s%s[%zu]", dot, path->name, path->index);
    used += n > 0 ? (size_t)n : 0;
    return used < DF_PATH_MAX ? used : DF_PATH_MAX - 1;
}

const char *df_path_text(const struct df_path *path, char text[DF_PATH_MAX])
{
    text[0] = '\0';
    append(text, 0, path);
    return text;
}

int df_object_error(const struct df_object_at *at, const struct df_path *path, const char *format, ...)
{
    char where[DF_PATH_MAX] = "";
    char what[DF_ERROR_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);

    if (path)
        df_path_text(path, where);
    const char *colon = path ? ": " : "";
    if (at->table == DF_NB_TABLES)
        return df_error_set(at->error, -EINVAL, "%s%s%s", where, colon, what);
    const char *table = df_schema_table(at->table)->name;
    if (!at->id)
        return df_error_set(at->error, -EINVAL, "%s: %s%s%s", table, where, colon, what);
    return df_error_set(at->error, -EINVAL, "%s '%.*s': %s%s%s", table, 80, at->id, where, colon, what);
}
