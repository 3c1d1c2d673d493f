/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint8_t *df_etcd_buffer_room(struct df_etcd_buffer *buffer, size_t n)
{
    if (buffer->size - buffer->to >= n && buffer->data)
        return buffer->data + buffer->to;
    size_t len = df_etcd_buffer_len(buffer);
    if (buffer->from) {
        memmove(buffer->data, buffer->data + buffer->from, len);
        buffer->from = 0;
        buffer->to = len;
    }
    if (buffer->size - len < n || !buffer->data) {
        size_t size = buffer->size ? buffer->size : 256;
        while (size - len < n)
            size *= 2;
        uint8_t *data = realloc(buffer->data, size);
        if (!data)
            return NULL;
        buffer->data = data;
        buffer->size = size;
    }
    return buffer->data + buffer->to;
}

int df_etcd_buffer_add(struct df_etcd_buffer *buffer, const void *data, size_t len)
{
    uint8_t *to = df_etcd_buffer_room(buffer, len);
    if (!to)
        return -ENOMEM;
    if (len)
        memcpy(to, data, len);
    buffer->to += len;
    return 0;
}

void df_etcd_buffer_take(struct df_etcd_buffer *buffer, size_t n)
{
    buffer->from += n;
    if (buffer->from == buffer->to)
        buffer->from = buffer->to = 0;
}

void df_etcd_buffer_free(struct df_etcd_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct df_etcd_buffer){0};
}
