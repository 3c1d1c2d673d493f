/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int df_etcd_frame_put(struct df_etcd_buffer *out, const void *message, size_t len)
{
    uint8_t prefix[DF_ETCD_FRAME_HEADER] = {0};
    if (len > DF_ETCD_MESSAGE_MAX)
        return -EMSGSIZE;
    uint32_t be = htonl((uint32_t)len);
    memcpy(prefix + 1, &be, sizeof be);
    int rc = df_etcd_buffer_add(out, prefix, sizeof prefix);
    return rc ? rc : df_etcd_buffer_add(out, message, len);
}

/* The length of the message at the beginning, or a negative errno. */
static ssize_t check_prefix(const uint8_t *prefix)
{
    uint32_t be;
    if (prefix[0])
        return -EPROTO;
    memcpy(&be, prefix + 1, sizeof be);
    size_t len = ntohl(be);
    return len > DF_ETCD_MESSAGE_MAX ? -EMSGSIZE : (ssize_t)len;
}

int df_etcd_frame_take(struct df_etcd_buffer *in, const uint8_t *data, size_t len, df_etcd_message_cb cb, void *arg)
{
    int rc = df_etcd_buffer_add(in, data, len);
    while (rc == 0 && df_etcd_buffer_len(in) >= DF_ETCD_FRAME_HEADER) {
        ssize_t message = check_prefix(in->data + in->from);
        if (message < 0)
            return (int)message;
        size_t whole = DF_ETCD_FRAME_HEADER + (size_t)message;
        if (df_etcd_buffer_len(in) < whole)
            return df_etcd_buffer_room(in, whole - df_etcd_buffer_len(in)) ? 0 : -ENOMEM;
        rc = cb(in->data + in->from + DF_ETCD_FRAME_HEADER, (size_t)message, arg);
        df_etcd_buffer_take(in, whole);
    }
    return rc;
}
