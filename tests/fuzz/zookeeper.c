/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/log_store/body.h"
#include "dbsync/drivers/zookeeper/node.h"
#include "dbsync/drivers/zookeeper/place.h"

/* What comes from the nodes of ZooKeeper: the first byte says which, the rest is the node's data or name. */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void read_row(const char *data, size_t len)
{
    struct df_zk_row row;
    const char *rest;
    if (df_zk_row_take(&row, data, len))
        return;
    if (row.data + row.len != data + len)
        abort();
    df_zk_tail_take(&row, data, len, &rest);
}

static int count(const struct df_db_row *row, void *arg)
{
    size_t *bytes = arg;
    *bytes += strlen(row->table) + strlen(row->id) + (row->data ? row->len : 0);
    return 0;
}

static void read_log(const char *data, size_t len)
{
    struct df_zk_log log;
    size_t bytes = 0;
    if (df_zk_log_take(&log, data, len))
        return;
    if (log.pieces > DF_ZK_PIECES_MAX)
        abort();
    if (!log.body || df_body_verify(log.body, log.len))
        return;
    df_body_tell(log.body, log.len, 1, count, &bytes);
    if (bytes > log.len)
        abort();
}

static void read_name(const char *data, size_t len)
{
    char *name = strndup(data, len), first[DF_BODY_NAME_MAX + 1], second[DF_BODY_NAME_MAX + 1];
    if (name && df_zk_name_split(name, first, second, DF_BODY_NAME_MAX) == 0 && (!*first || !*second))
        abort();
    free(name);
}

static void read_location(const char *data, size_t len)
{
    struct df_zk_place place;
    char *location = strndup(data, len);
    if (location) {
        df_zk_place_parse(&place, location, NULL);
        df_zk_place_clear(&place);
    }
    free(location);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *data = (const char *)bytes + 1;
    struct df_zk_state state;
    unsigned version;
    if (len == 0)
        return 0;
    switch (bytes[0]) {
    case 's':
        df_zk_state_take(&state, data, len - 1);
        break;
    case 'm':
        df_zk_marker_take(&version, data, len - 1);
        break;
    case 'r':
        read_row(data, len - 1);
        break;
    case 'l':
        read_log(data, len - 1);
        break;
    case 'n':
        read_name(data, len - 1);
        break;
    default:
        read_location(data, len - 1);
    }
    return 0;
}
