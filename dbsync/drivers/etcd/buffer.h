/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Bytes that grow at one end and are taken at the other. All zero is an empty one. */

struct df_etcd_buffer {
    uint8_t *data; /* from `from` to `to` it is filled */
    size_t from, to, size;
};

static inline size_t df_etcd_buffer_len(const struct df_etcd_buffer *buffer)
{
    return buffer->to - buffer->from;
}

/** Room for n bytes more behind the end; they count after `to` was moved. NULL: out of memory. */
uint8_t *df_etcd_buffer_room(struct df_etcd_buffer *buffer, size_t n);

/** -ENOMEM. */
int df_etcd_buffer_add(struct df_etcd_buffer *buffer, const void *data, size_t len);

void df_etcd_buffer_take(struct df_etcd_buffer *buffer, size_t n);
void df_etcd_buffer_free(struct df_etcd_buffer *buffer);
