/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/unpack.h"

#include <stdlib.h>

static void *bounded_alloc(void *arg, size_t size)
{
    size_t *left = arg;
    if (size > *left)
        return NULL;
    *left -= size;
    return malloc(size);
}

static void bounded_free(void *arg, void *pointer)
{
    (void)arg;
    free(pointer);
}

ProtobufCMessage *df_unpack(const ProtobufCMessageDescriptor *descriptor, const void *data, size_t len,
                            size_t memory_max)
{
    ProtobufCAllocator allocator = {bounded_alloc, bounded_free, &memory_max};
    return protobuf_c_message_unpack(descriptor, &allocator, len, data);
}
