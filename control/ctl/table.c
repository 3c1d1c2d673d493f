/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"

#define COLUMNS_MAX 20

json_t *json_at(json_t *json, const char *path)
{
    char part[64];
    while (json && *path) {
        size_t len = strcspn(path, ".");
        snprintf(part, sizeof(part), "%.*s", (int)len, path);
        json = json_object_get(json, part);
        path += len + (path[len] == '.');
    }
    return json;
}

/* The first `shown` items, and how many more there are. */
static char *join(json_t *array, size_t shown)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    size_t i;
    json_t *value;
    json_array_foreach(array, i, value) {
        if (i == shown)
            break;
        char *item = value_text(value);
        fprintf(out, "%s%s", i ? "," : "", item);
        free(item);
    }
    if (i < json_array_size(array))
        fprintf(out, ",+%zu", json_array_size(array) - i);
    fclose(out);
    return text;
}

/* Is it the name beside a number, which is shown in brackets behind it? */
static bool is_name_of_other(json_t *object, const char *key)
{
    char other[64];
    size_t len = strlen(key);
    if (len <= 5 || len >= sizeof(other) || strcmp(key + len - 5, "_name") != 0)
        return false;
    snprintf(other, sizeof(other), "%.*s", (int)len - 5, key);
    return json_object_get(object, other) != NULL;
}

char *fields_text(json_t *object)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    const char *key;
    json_t *value;
    bool first = true;
    json_object_foreach(object, key, value) {
        char name_key[80];
        if (is_name_of_other(object, key))
            continue;
        char *word = value_text(value);
        snprintf(name_key, sizeof(name_key), "%s_name", key);
        const char *name = json_string_value(json_object_get(object, name_key));
        fprintf(out, "%s%s=%s", first ? "" : " ", key, word);
        if (name)
            fprintf(out, "(%s)", name);
        free(word);
        first = false;
    }
    fclose(out);
    return text;
}

char *value_text(json_t *value)
{
    char number[40];
    switch (json_typeof(value)) {
    case JSON_STRING:
        return strdup(*json_string_value(value) ? json_string_value(value) : "-");
    case JSON_INTEGER:
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
        return strdup(number);
    case JSON_REAL:
        snprintf(number, sizeof(number), "%.1f", json_real_value(value));
        return strdup(number);
    case JSON_TRUE:
        return strdup("yes");
    case JSON_FALSE:
        return strdup("no");
    case JSON_NULL:
        return strdup("-");
    case JSON_ARRAY:
        return json_array_size(value) ? join(value, SIZE_MAX) : strdup("-");
    case JSON_OBJECT:
        return fields_text(value);
    }
    return strdup("");
}

static char *cell(const struct column *column, json_t *row)
{
    json_t *value = json_at(row, column->path);
    bool cut = column->items && json_array_size(value) > column->items;
    char *text = cut ? join(value, column->items) : value ? value_text(value) : strdup("-");
    const char *name = column->name ? json_string_value(json_at(row, column->name)) : NULL;
    char *named;
    if (!text || !name || asprintf(&named, "%s (%s)", text, name) < 0)
        return text;
    free(text);
    return named;
}

/* Width on a terminal: bytes of UTF-8 that begin a character. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void print_cell(const char *text, int width, bool right, bool last)
{
    int padding = width - width_of(text);
    if (right)
        printf("%*s", padding, "");
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
    if (!right && !last)
        printf("%*s", padding, "");
    fputs(last ? "\n" : "  ", stdout);
}

void print_table(const struct column *columns, json_t *rows, const char *nothing)
{
    int widths[COLUMNS_MAX] = {0};
    size_t n_columns = 0;
    size_t n_rows = json_array_size(rows);
    while (columns[n_columns].heading && n_columns < COLUMNS_MAX)
        n_columns++;
    if (n_rows == 0) {
        puts(nothing);
        return;
    }
    char **cells = calloc(n_rows * n_columns, sizeof(*cells));
    if (!cells)
        abort();
    for (size_t i = 0; i < n_rows * n_columns; i++) {
        const struct column *column = &columns[i % n_columns];
        cells[i] = cell(column, json_array_get(rows, i / n_columns));
        int width = width_of(cells[i]);
        int *widest = &widths[i % n_columns];
        if (*widest == 0)
            *widest = width_of(column->heading);
        if (width > *widest)
            *widest = width;
    }
    for (size_t c = 0; c < n_columns; c++)
        print_cell(columns[c].heading, widths[c], columns[c].right, c + 1 == n_columns);
    for (size_t i = 0; i < n_rows * n_columns; i++) {
        size_t c = i % n_columns;
        print_cell(cells[i], widths[c], columns[c].right, c + 1 == n_columns);
        free(cells[i]);
    }
    free(cells);
}

/* A list of objects as a table with the keys of the first one as headings. */
static void print_rows(json_t *rows)
{
    struct column columns[COLUMNS_MAX + 1] = {0};
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach(json_array_get(rows, 0), key, value) {
        if (n == COLUMNS_MAX)
            break;
        columns[n++] = (struct column){.heading = key, .path = key, .right = json_is_number(value)};
    }
    print_table(columns, rows, "-");
}

void print_object(json_t *object, int indent)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (json_is_object(value) && json_object_size(value) > 0) {
            printf("%*s%s:\n", indent, "", key);
            print_object(value, indent + 2);
        } else if (json_is_array(value) && json_is_object(json_array_get(value, 0))) {
            printf("%*s%s:\n", indent, "", key);
            print_rows(value);
        } else {
            char *text = value_text(value);
            printf("%*s%s: ", indent, "", key);
            print_cell(text, 0, false, true);
            free(text);
        }
    }
}
