/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/row.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

size_t df_redis_row_key(const char *table, const char *id, char key[DF_REDIS_KEY_MAX + 1])
{
    size_t table_len = strnlen(table, DF_REDIS_NAME_MAX + 1), id_len = strnlen(id, DF_REDIS_NAME_MAX + 1);
    if (table_len == 0 || table_len > DF_REDIS_NAME_MAX || id_len == 0 || id_len > DF_REDIS_NAME_MAX)
        return 0;
    memcpy(key, table, table_len + 1);
    memcpy(key + table_len + 1, id, id_len + 1);
    return table_len + 1 + id_len;
}

int df_redis_row_name(const char *key, size_t len, struct df_redis_row_name *name)
{
    if (len > DF_REDIS_KEY_MAX)
        return -EPROTO;
    memcpy(name->text, key, len);
    name->text[len] = '\0';
    size_t table_len = strlen(name->text);
    if (table_len == 0 || table_len > DF_REDIS_NAME_MAX || table_len + 1 >= len)
        return -EPROTO;
    name->table = name->text;
    name->id = name->text + table_len + 1;
    size_t id_len = strlen(name->id);
    return id_len > DF_REDIS_NAME_MAX || table_len + 1 + id_len != len ? -EPROTO : 0;
}

int df_redis_row_value(const char *value, size_t len, uint64_t *revision, const char **data, size_t *data_len)
{
    uint16_t topics_len;
    size_t head = sizeof *revision + sizeof topics_len;
    if (len < head)
        return -EPROTO;
    memcpy(revision, value, sizeof *revision);
    memcpy(&topics_len, value + sizeof *revision, sizeof topics_len);
    *revision = be64toh(*revision);
    head += be16toh(topics_len);
    if (len < head || len - head > DF_REDIS_DATA_MAX)
        return -EPROTO;
    *data = value + head;
    *data_len = len - head;
    return 0;
}
