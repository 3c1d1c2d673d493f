/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/announcer.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

#include "dbsync/pubsub/publication.h"

#define LINGER_MS 500
#define QUEUE_MAX 10000 /* transactions */

struct df_announcer {
    void *context, *socket;
    struct df_announcer_tally tally;
};

static int open_socket(struct df_announcer *announcer, const char *endpoint, struct df_error *error)
{
    int linger = LINGER_MS, queue = QUEUE_MAX;
    announcer->context = zmq_ctx_new();
    announcer->socket = announcer->context ? zmq_socket(announcer->context, ZMQ_PUSH) : NULL;
    if (!announcer->socket)
        return df_error_set(error, -ENOMEM, "no memory for a socket to the publisher");
    zmq_setsockopt(announcer->socket, ZMQ_LINGER, &linger, sizeof(linger));
    zmq_setsockopt(announcer->socket, ZMQ_SNDHWM, &queue, sizeof(queue));
    if (zmq_connect(announcer->socket, endpoint) == 0)
        return 0;
    return df_error_set(error, -EINVAL, "publisher %s: %s; it must be such as ipc:///run/dragonflow/publisher",
                        endpoint, zmq_strerror(errno));
}

int df_announcer_new(const char *endpoint, struct df_announcer **made, struct df_error *error)
{
    struct df_announcer *announcer = calloc(1, sizeof(*announcer));
    if (!announcer)
        return df_error_set(error, -ENOMEM, "out of memory");
    int rc = open_socket(announcer, endpoint, error);
    if (rc)
        df_announcer_free(announcer);
    else
        *made = announcer;
    return rc;
}

void df_announcer_free(struct df_announcer *announcer)
{
    if (!announcer)
        return;
    if (announcer->socket)
        zmq_close(announcer->socket);
    if (announcer->context)
        zmq_ctx_term(announcer->context);
    free(announcer);
}

static bool push(struct df_announcer *announcer, const Df__Publication *publication)
{
    void *data;
    size_t len;
    if (df_publication_write(publication, &data, &len) != 0)
        return false;
    bool pushed = len <= DF_PUBLICATION_MAX && zmq_send(announcer->socket, data, len, ZMQ_DONTWAIT) >= 0;
    free(data);
    return pushed;
}

void df_announcer_tell(struct df_announcer *announcer, const struct df_db_op *ops, size_t n, uint64_t revision)
{
    Df__Publication publication = DF__PUBLICATION__INIT;
    Df__PublishedRow *rows = n <= DF_PUBLICATION_ROWS_MAX ? calloc(n + 1, sizeof(*rows)) : NULL;
    Df__PublishedRow **list = calloc(n + 1, sizeof(*list));
    for (size_t i = 0; rows && list && i < n; i++) {
        df__published_row__init(&rows[i]);
        rows[i].table = (char *)(uintptr_t)ops[i].table;
        rows[i].id = (char *)(uintptr_t)ops[i].id;
        rows[i].has_data = ops[i].data != NULL;
        rows[i].data = (ProtobufCBinaryData){.len = ops[i].len, .data = (uint8_t *)(uintptr_t)ops[i].data};
        list[i] = &rows[i];
    }
    publication.has_revision = true;
    publication.revision = revision;
    publication.rows = list;
    publication.n_rows = n;
    if (rows && list && push(announcer, &publication))
        announcer->tally.pushed++;
    else
        announcer->tally.dropped++;
    free(rows);
    free(list);
}

struct df_announcer_tally df_announcer_tally(const struct df_announcer *announcer)
{
    return announcer->tally;
}
