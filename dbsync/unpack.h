/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

/**
 * Unpacks what others packed into at most so much memory: two bytes of protobuf can ask for a struct of a hundred, so the
 * bound of the bytes does not bound it.
 *
 * @param memory_max bytes
 * @return NULL: it is no such message, or would take more; else free it with
 *         protobuf_c_message_free_unpacked(message, NULL)
 */
ProtobufCMessage *df_unpack(const ProtobufCMessageDescriptor *descriptor, const void *data, size_t len,
                            size_t memory_max);
