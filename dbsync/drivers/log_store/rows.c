/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/log_store/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "dbsync/drivers/log_store/body.h"

struct df_rows_item {
    UT_hash_handle hh;
    char *data; /* NULL: deleted */
    size_t len;
    uint64_t revision;
    bool torn;
    size_t table_len, key_len;
    char key[]; /* table, NUL, id, NUL */
};

static struct df_rows_item *find(const struct df_rows *rows, const char *table, const char *id)
{
    char key[2 * (DF_BODY_NAME_MAX + 1)];
    size_t table_len = strlen(table) + 1, id_len = strlen(id) + 1;
    struct df_rows_item *item;
    memcpy(key, table, table_len);
    memcpy(key + table_len, id, id_len);
    HASH_FIND(hh, rows->items, key, table_len + id_len, item);
    return item;
}

static struct df_rows_item *add(struct df_rows *rows, const char *table, const char *id)
{
    size_t table_len = strlen(table) + 1, id_len = strlen(id) + 1;
    struct df_rows_item *item = calloc(1, sizeof *item + table_len + id_len);
    if (!item)
        return NULL;
    memcpy(item->key, table, table_len);
    memcpy(item->key + table_len, id, id_len);
    item->table_len = table_len;
    item->key_len = table_len + id_len;
    HASH_ADD(hh, rows->items, key, item->key_len, item);
    return item;
}

static int set(struct df_rows_item *item, const struct df_db_row *row)
{
    char *copy = row->data ? malloc(row->len + 1) : NULL;
    if (row->data && !copy)
        return -ENOMEM;
    if (row->data && row->len)
        memcpy(copy, row->data, row->len);
    free(item->data);
    item->data = copy;
    item->len = row->len;
    item->revision = row->revision;
    item->torn = false;
    return 0;
}

int df_rows_add(struct df_rows *rows, const struct df_db_row *row, bool torn)
{
    struct df_rows_item *item = find(rows, row->table, row->id);
    if (!item)
        item = add(rows, row->table, row->id);
    int rc = item ? set(item, row) : -ENOMEM;
    if (rc == 0)
        item->torn = torn;
    return rc;
}

int df_rows_change(const struct df_db_row *row, void *arg)
{
    struct df_rows *rows = arg;
    struct df_rows_item *item = find(rows, row->table, row->id);
    if (item && item->revision > row->revision)
        return 0;
    if (!item && row->data)
        item = add(rows, row->table, row->id);
    if (!item)
        return row->data ? -ENOMEM : 0;
    return set(item, row);
}

const char *df_rows_torn(const struct df_rows *rows)
{
    for (const struct df_rows_item *item = rows->items; item; item = item->hh.next)
        if (item->torn)
            return item->key + item->table_len;
    return NULL;
}

int df_rows_tell(const struct df_rows *rows, df_db_row_cb cb, void *arg)
{
    int rc = 0;
    for (const struct df_rows_item *item = rows->items; item && rc == 0; item = item->hh.next) {
        struct df_db_row row = {item->key, item->key + item->table_len, item->data, item->len, item->revision};
        if (item->data)
            rc = cb(&row, arg);
    }
    return rc;
}

void df_rows_clear(struct df_rows *rows)
{
    struct df_rows_item *item, *next;
    HASH_ITER(hh, rows->items, item, next) {
        HASH_DEL(rows->items, item);
        free(item->data);
        free(item);
    }
}
