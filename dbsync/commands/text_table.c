/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/commands/text_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define MAX_COLUMNS 16

struct df_text_table {
    char *names; /* what columns points into */
    char *columns[MAX_COLUMNS];
    size_t n_columns, n_rows, max_rows;
    char **cells; /* row by row */
};

struct df_text_table *df_text_table_new(const char *columns)
{
    struct df_text_table *table = calloc(1, sizeof *table);
    if (!table || !(table->names = strdup(columns))) {
        free(table);
        return NULL;
    }
    char *rest = table->names, *name;
    while (table->n_columns < MAX_COLUMNS && (name = strsep(&rest, " ")))
        table->columns[table->n_columns++] = name;
    return table;
}

static const json_t *at_path(const json_t *value, const char *path)
{
    char name[64];
    while (value && *path) {
        size_t len = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)len, path);
        value = json_object_get(value, name);
        path += len + (path[len] == '.');
    }
    return value;
}

static void print_cell(FILE *to, const json_t *value)
{
    size_t i;
    const json_t *item;
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_NULL:
        break;
    case JSON_STRING:
        fputs(json_string_value(value), to);
        break;
    case JSON_ARRAY:
        json_array_foreach(value, i, item) {
            if (i)
                fputc(',', to);
            print_cell(to, item);
        }
        break;
    default:
        json_dumpf(value, to, JSON_COMPACT | JSON_ENCODE_ANY);
    }
}

char *df_text_cell(const json_t *value)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    if (!to)
        return NULL;
    print_cell(to, value);
    fclose(to);
    return text;
}

int df_text_table_add(struct df_text_table *table, const json_t *row)
{
    if (table->n_rows == table->max_rows) {
        size_t max = table->max_rows ? table->max_rows * 2 : 64;
        char **cells = realloc(table->cells, max * table->n_columns * sizeof *cells);
        if (!cells)
            return -ENOMEM;
        table->cells = cells;
        table->max_rows = max;
    }
    char **cells = table->cells + table->n_rows++ * table->n_columns;
    int rc = 0;
    for (size_t i = 0; i < table->n_columns; i++) {
        cells[i] = df_text_cell(at_path(row, table->columns[i]));
        if (!cells[i])
            rc = -ENOMEM;
    }
    return rc;
}

/* How many cells of a terminal a text takes. */
static size_t text_width(const char *text)
{
    enum { MOST = 256 };
    wchar_t wide[MOST];
    size_t n = mbstowcs(wide, text, MOST);
    if (n >= MOST)
        return strlen(text);
    int width = wcswidth(wide, n);
    return width < 0 ? strlen(text) : (size_t)width;
}

/* The width of a column, 0 when it is empty in every row. */
static size_t column_width(const struct df_text_table *table, size_t column)
{
    size_t most = 0;
    for (size_t row = 0; row < table->n_rows; row++) {
        size_t width = text_width(table->cells[row * table->n_columns + column]);
        most = width > most ? width : most;
    }
    size_t name = strlen(table->columns[column]);
    return most && most < name ? name : most;
}

static void print_line(const struct df_text_table *table, char *const *cells, const size_t *widths)
{
    size_t gap = 0;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (!widths[i])
            continue;
        printf("%*s%s", (int)gap, "", cells[i]);
        gap = widths[i] - text_width(cells[i]) + 2;
    }
    putchar('\n');
}

void df_text_table_print(const struct df_text_table *table)
{
    size_t widths[MAX_COLUMNS];
    for (size_t i = 0; i < table->n_columns; i++)
        widths[i] = column_width(table, i);
    if (table->n_rows)
        print_line(table, table->columns, widths);
    for (size_t row = 0; row < table->n_rows; row++)
        print_line(table, table->cells + row * table->n_columns, widths);
}

void df_text_table_free(struct df_text_table *table)
{
    for (size_t i = 0; i < table->n_rows * table->n_columns; i++)
        free(table->cells[i]);
    free(table->cells);
    free(table->names);
    free(table);
}
