/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"

/* `df-ctl table [NAME]`: the list of tables, or the entries of one, fetched in pages. */

json_t *fetch_table(struct ctl *ctl, struct df_error *error)
{
    if (ctl->n_args == 0)
        return ctl_call(ctl, "tables", NULL, error);
    json_t *whole = ctl_call(ctl, "table", json_pack("{s:s}", "name", ctl->args[0]), error);
    json_t *next = whole ? json_incref(json_object_get(whole, "next")) : NULL;
    while (next) {
        json_t *page = ctl_call(ctl, "table", json_pack("{s:s, s:O}", "name", ctl->args[0], "cursor", next), error);
        json_decref(next);
        if (!page) {
            json_decref(whole);
            return NULL;
        }
        json_array_extend(json_object_get(whole, "entries"), json_object_get(page, "entries"));
        next = json_incref(json_object_get(page, "next"));
        json_decref(page);
    }
    json_object_del(whole, "next");
    return whole;
}

static char *entry_text(json_t *entry)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    char *key = fields_text(json_object_get(entry, "key"));
    char *value = fields_text(json_object_get(entry, "value"));
    fprintf(out, "%s -> %s", key, value);
    free(key);
    free(value);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(entry, "items"), i, item) {
        char *words = fields_text(item);
        fprintf(out, " [%s]", words);
        free(words);
    }
    json_t *origin = json_object_get(entry, "origin");
    if (origin)
        fprintf(out, "  # %s: %s %s version %lld", json_string_value(json_object_get(origin, "app")),
                json_string_value(json_object_get(origin, "table")), json_string_value(json_object_get(origin, "id")),
                (long long)json_integer_value(json_object_get(origin, "version")));
    fclose(out);
    return text;
}

static int compare(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

static void print_tables(json_t *tables)
{
    static const struct column columns[] = {{"TABLE", "table", true, NULL},         {"NAME", "name", false, NULL},
                                            {"UPSTREAM", "upstream", false, NULL},  {"ENTRIES", "entries", true, NULL},
                                            {"WHAT IT IS", "summary", false, NULL}, {0}};
    print_table(columns, tables, "no table");
}

void print_entries(const struct ctl *ctl, json_t *json)
{
    (void)ctl;
    if (json_object_get(json, "tables")) {
        print_tables(json_object_get(json, "tables"));
        return;
    }
    json_t *entries = json_object_get(json, "entries");
    size_t n = json_array_size(entries);
    char **lines = calloc(n + 1, sizeof(*lines));
    if (!lines)
        abort();
    printf("table %lld %s (%s): %zu entries\n", (long long)json_integer_value(json_object_get(json, "table")),
           json_string_value(json_object_get(json, "name")), json_string_value(json_object_get(json, "upstream")), n);
    for (size_t i = 0; i < n; i++)
        lines[i] = entry_text(json_array_get(entries, i));
    qsort(lines, n, sizeof(*lines), compare);
    for (size_t i = 0; i < n; i++) {
        puts(lines[i]);
        free(lines[i]);
    }
    free(lines);
}
