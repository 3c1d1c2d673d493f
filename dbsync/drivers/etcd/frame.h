/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/etcd/buffer.h"

/*
 * Messages in a stream of bytes, as gRPC over HTTP/2 has them ("Length-Prefixed-Message"): a byte that says whether it
 * is compressed, four of length (big endian), the message. We never offer compression, so a compressed message is an
 * error.
 */

#define DF_ETCD_FRAME_HEADER 5
#define DF_ETCD_MESSAGE_MAX ((size_t)16 << 20)

typedef int (*df_etcd_message_cb)(const uint8_t *data, size_t len, void *arg);

/** Appends a message with its prefix. -ENOMEM; -EMSGSIZE. */
int df_etcd_frame_put(struct df_etcd_buffer *out, const void *message, size_t len);

/**
 * Takes what has come; tells each message that is whole. An incomplete one waits in `in`.
 *
 * @return 0, -EPROTO, -EMSGSIZE (a message is announced that is over DF_ETCD_MESSAGE_MAX), -ENOMEM, or what cb returned
 */
int df_etcd_frame_take(struct df_etcd_buffer *in, const uint8_t *data, size_t len, df_etcd_message_cb cb, void *arg);
