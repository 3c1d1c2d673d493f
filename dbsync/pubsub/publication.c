/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/publication.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/row.h"
#include "dbsync/unpack.h"

#define NAME_MAX_BYTES 255
#define UNPACKED_MAX ((size_t)4 * DF_PUBLICATION_MAX) /* its rows' data, and structs of small rows */

static bool is_name(const char *text)
{
    return text && *text && strlen(text) <= NAME_MAX_BYTES;
}

static const char *row_fault(const Df__PublishedRow *row)
{
    if (!is_name(row->table))
        return "a row without a table";
    if (!is_name(row->id))
        return "a row without an id";
    return NULL;
}

/* A subscription to "a\n" is also one to "a\nb\n": a topic with an end inside would be one that nobody asked for. */
static bool is_frame_of(const void *frame, size_t len, const char *topic)
{
    size_t end = strlen(DF_PUBLICATION_END);
    return is_name(topic) && !strstr(topic, DF_PUBLICATION_END) && len == strlen(topic) + end &&
           memcmp(frame, topic, len - end) == 0 &&
           memcmp((const char *)frame + len - end, DF_PUBLICATION_END, end) == 0;
}

static const char *fault(const Df__Publication *publication, const void *topic, size_t topic_len)
{
    if (publication->n_rows > DF_PUBLICATION_ROWS_MAX)
        return "too many rows";
    if (!publication->has_revision)
        return "no revision";
    for (size_t i = 0; i < publication->n_rows; i++)
        if (row_fault(publication->rows[i]))
            return row_fault(publication->rows[i]);
    if (!topic)
        return NULL;
    if (!is_name(publication->publisher))
        return "no publisher";
    if (!publication->has_sequence || !publication->has_total)
        return "no sequence";
    return is_frame_of(topic, topic_len, publication->topic) ? NULL : "sent to another topic than it names";
}

Df__Publication *df_publication_read(const void *topic, size_t topic_len, const void *data, size_t len,
                                     struct df_error *error)
{
    if (len > DF_PUBLICATION_MAX) {
        df_error_set(error, -EMSGSIZE, "a publication of %zu bytes; at most %u are taken", len, DF_PUBLICATION_MAX);
        return NULL;
    }
    Df__Publication *publication = (Df__Publication *)df_unpack(&df__publication__descriptor, data, len, UNPACKED_MAX);
    const char *why = publication ? fault(publication, topic, topic_len) : "no publication";
    if (!why)
        return publication;
    df_error_set(error, -EPROTO, "a publication that cannot be: %s", why);
    if (publication)
        df__publication__free_unpacked(publication, NULL);
    return NULL;
}

bool df_publication_carries(const char *table, const char *id, size_t len)
{
    return is_name(table) && is_name(id) && len <= DF_ROW_MAX;
}

int df_publication_write(const Df__Publication *publication, void **data, size_t *len)
{
    *len = df__publication__get_packed_size(publication);
    *data = malloc(*len + 1);
    if (!*data)
        return -ENOMEM;
    df__publication__pack(publication, *data);
    return 0;
}
