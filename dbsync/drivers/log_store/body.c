/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/log_store/body.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SET = 'S', DELETE = 'D' };

struct head {
    uint8_t kind, table_len, id_len;
    uint32_t len; /* big endian */
} __attribute__((packed));

struct change {
    char table[DF_BODY_NAME_MAX + 1], id[DF_BODY_NAME_MAX + 1];
    struct df_db_row row;
};

static int compare(const void *a, const void *b)
{
    const struct df_db_op *x = *(const struct df_db_op *const *)a, *y = *(const struct df_db_op *const *)b;
    int rc = strcmp(x->table, y->table);
    return rc ? rc : strcmp(x->id, y->id);
}

static int check_twice(const struct df_db_op *ops, size_t n, struct df_error *error)
{
    const struct df_db_op **sorted = malloc((n + 1) * sizeof(const struct df_db_op *));
    if (!sorted)
        return df_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        sorted[i] = &ops[i];
    qsort(sorted, n, sizeof(const struct df_db_op *), compare);
    int rc = 0;
    for (size_t i = 1; i < n && rc == 0; i++)
        if (compare(&sorted[i - 1], &sorted[i]) == 0)
            rc = df_error_set(error, -EINVAL, "%s '%s' is written twice in one transaction", sorted[i]->table,
                              sorted[i]->id);
    free(sorted);
    return rc;
}

static bool is_name(const char *name)
{
    return *name && strnlen(name, DF_BODY_NAME_MAX + 1) <= DF_BODY_NAME_MAX;
}

int df_body_check(const struct df_db_op *ops, size_t n, struct df_error *error)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_name(ops[i].table) || !is_name(ops[i].id))
            return df_error_set(error, -EINVAL, "%s '%s': names have 1 to %d bytes", ops[i].table, ops[i].id,
                                DF_BODY_NAME_MAX);
        if (ops[i].data && ops[i].len > DF_BODY_VALUE_MAX)
            return df_error_set(error, -EINVAL, "%s '%s' has %zu bytes, and a row may have %zu", ops[i].table,
                                ops[i].id, ops[i].len, DF_BODY_VALUE_MAX);
        bytes += df_body_size(&ops[i]);
    }
    if (bytes > DF_BODY_MAX)
        return df_error_set(error, -EINVAL, "a transaction has %zu bytes, and may have %zu: split it", bytes,
                            DF_BODY_MAX);
    return check_twice(ops, n, error);
}

size_t df_body_size(const struct df_db_op *op)
{
    return sizeof(struct head) + strlen(op->table) + strlen(op->id) + (op->data ? op->len : 0);
}

static char *put(char *to, const void *bytes, size_t len)
{
    if (len)
        memcpy(to, bytes, len);
    return to + len;
}

char *df_body_put(char *to, const struct df_db_op *op)
{
    size_t len = op->data ? op->len : 0;
    struct head head = {
        .kind = op->data ? SET : DELETE,
        .table_len = (uint8_t)strlen(op->table),
        .id_len = (uint8_t)strlen(op->id),
        .len = htobe32((uint32_t)len),
    };
    to = put(to, &head, sizeof head);
    to = put(to, op->table, head.table_len);
    to = put(to, op->id, head.id_len);
    return put(to, op->data, len);
}

static bool take_name(char name[DF_BODY_NAME_MAX + 1], const char *from, size_t len)
{
    if (len == 0 || len > DF_BODY_NAME_MAX || memchr(from, '\0', len))
        return false;
    memcpy(name, from, len);
    name[len] = '\0';
    return true;
}

/* Takes the change at *at, which moves on to the next. */
static bool take(struct change *change, const char **at, const char *end)
{
    struct head head;
    const char *from = *at;
    if ((size_t)(end - from) < sizeof head)
        return false;
    memcpy(&head, from, sizeof head);
    from += sizeof head;
    size_t len = be32toh(head.len), names = (size_t)head.table_len + head.id_len;
    if ((head.kind != SET && head.kind != DELETE) || (head.kind == DELETE && len) || len > DF_BODY_VALUE_MAX ||
        (size_t)(end - from) < names + len || !take_name(change->table, from, head.table_len) ||
        !take_name(change->id, from + head.table_len, head.id_len))
        return false;
    change->row.table = change->table;
    change->row.id = change->id;
    change->row.data = head.kind == SET ? from + names : NULL;
    change->row.len = len;
    *at = from + names + len;
    return true;
}

int df_body_verify(const void *bytes, size_t len)
{
    const char *at = bytes, *end = at + len;
    struct change change;
    while (at < end)
        if (!take(&change, &at, end))
            return -EBADMSG;
    return 0;
}

int df_body_tell(const void *bytes, size_t len, uint64_t revision, df_db_row_cb cb, void *arg)
{
    const char *at = bytes, *end = at + len;
    struct change change = {.row.revision = revision};
    int rc = 0;
    while (at < end && rc == 0 && take(&change, &at, end))
        rc = cb(&change.row, arg);
    return rc;
}
