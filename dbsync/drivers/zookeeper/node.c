/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/node.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dbsync/drivers/log_store/body.h"

#define MARKER "dragonflow northbound "

/* A node's data as a string; what has a zero in it or is longer is none of our texts. */
static int take_text(char *text, size_t size, const char *data, size_t len)
{
    if (len == 0 || len >= size || memchr(data, '\0', len))
        return -EBADMSG;
    memcpy(text, data, len);
    text[len] = '\0';
    return 0;
}

size_t df_zk_state_put(char text[DF_ZK_STATE_MAX], const struct df_zk_state *state)
{
    return (size_t)snprintf(text, DF_ZK_STATE_MAX, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %d", state->revision,
                            state->oldest, state->bytes, state->pending);
}

int df_zk_state_take(struct df_zk_state *state, const char *data, size_t len)
{
    char text[DF_ZK_STATE_MAX], more;
    unsigned pending;
    int rc = take_text(text, sizeof text, data, len);
    if (rc)
        return rc;
    if (sscanf(text, "%20" SCNu64 " %20" SCNu64 " %20" SCNu64 " %1u%c", &state->revision, &state->oldest, &state->bytes,
               &pending, &more) != 4)
        return -EBADMSG;
    state->pending = pending != 0;
    return state->revision < INT64_MAX && state->oldest <= state->revision + 1 ? 0 : -EBADMSG;
}

size_t df_zk_marker_put(char text[DF_ZK_STATE_MAX])
{
    return (size_t)snprintf(text, DF_ZK_STATE_MAX, MARKER "%d", DF_ZK_VERSION);
}

int df_zk_marker_take(unsigned *version, const char *data, size_t len)
{
    char text[DF_ZK_STATE_MAX], more;
    int rc = take_text(text, sizeof text, data, len);
    if (rc)
        return rc;
    return sscanf(text, MARKER "%9u%c", version, &more) == 1 ? 0 : -EBADMSG;
}

struct head {
    uint64_t revision; /* big endian, as is total */
    uint32_t total;
} __attribute__((packed));

size_t df_zk_row_put(char to[DF_ZK_HEAD_MAX], uint64_t revision, size_t total)
{
    struct head head = {htobe64(revision), htobe32((uint32_t)total)};
    memcpy(to, &head, sizeof head);
    return sizeof head;
}

static int take_head(struct df_zk_row *row, const char *data, size_t len)
{
    struct head head;
    if (len < sizeof head)
        return -EBADMSG;
    memcpy(&head, data, sizeof head);
    row->revision = be64toh(head.revision);
    row->total = be32toh(head.total);
    row->data = data + sizeof head;
    row->len = len - sizeof head;
    return row->total <= DF_BODY_VALUE_MAX ? 0 : -EBADMSG;
}

int df_zk_row_take(struct df_zk_row *row, const char *data, size_t len)
{
    int rc = take_head(row, data, len);
    size_t here = row->total < DF_ZK_PIECE ? row->total : DF_ZK_PIECE;
    return rc == 0 && row->len != here ? -EBADMSG : rc;
}

int df_zk_tail_take(const struct df_zk_row *row, const char *data, size_t len, const char **rest)
{
    struct df_zk_row tail;
    int rc = take_head(&tail, data, len);
    if (rc)
        return rc;
    *rest = tail.data;
    return tail.revision == row->revision && tail.len == row->total - row->len ? 0 : -EBADMSG;
}

size_t df_zk_log_put_staged(char text[DF_ZK_LOG_STAGED_MAX], size_t len, const char *stage)
{
    return (size_t)snprintf(text, DF_ZK_LOG_STAGED_MAX, "S%zu %s", len, stage);
}

int df_zk_log_take(struct df_zk_log *log, const char *data, size_t len)
{
    char text[DF_ZK_LOG_STAGED_MAX], more;
    *log = (struct df_zk_log){0};
    if (len >= 1 && data[0] == 'B') {
        log->body = data + 1;
        log->len = len - 1;
        return 0;
    }
    int rc = take_text(text, sizeof text, data, len);
    if (rc)
        return rc;
    if (sscanf(text, "S%9zu %63[0-9a-f-]%c", &log->len, log->stage, &more) != 2 || log->len == 0 ||
        log->len > DF_BODY_MAX)
        return -EBADMSG;
    log->pieces = (unsigned)((log->len + DF_ZK_PIECE - 1) / DF_ZK_PIECE);
    return 0;
}
