/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Fields of a protobuf-c message by their descriptor. It knows what model.proto uses: optional and repeated
 * string, message, uint32, uint64 and bool (not repeated). A field has df_field_count() values: none or one, or as many
 * as the list is long. i is always below that.
 */

/** The descriptor of a field by name, or NULL. */
const ProtobufCFieldDescriptor *df_field_find(const ProtobufCMessage *message, const char *name);

size_t df_field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
const char *df_field_string(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i);
ProtobufCMessage *df_field_message(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i);
/** Of uint32, uint64 and bool. */
uint64_t df_field_uint(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i);

/* Building a message. Memory comes from malloc, so protobuf_c_message_free_unpacked(message, NULL) frees it all. */

/** A new message with nothing set, or NULL. */
ProtobufCMessage *df_message_new(const ProtobufCMessageDescriptor *descriptor);

/** Makes room for n values, all zero; the field must be unset and n > 0. -ENOMEM. */
int df_field_reserve(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t n);

/* Set value i of a reserved field. Strings and messages become the message's own. */
int df_field_set_string(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i, const char *text);
void df_field_set_message(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i,
                          ProtobufCMessage *value);
void df_field_set_uint(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i, uint64_t value);

/** Exchanges one field's values between two messages of one type. */
void df_field_swap(ProtobufCMessage *a, ProtobufCMessage *b, const ProtobufCFieldDescriptor *field);

/** A deep copy, or NULL. */
ProtobufCMessage *df_message_copy(const ProtobufCMessage *message);

/** Are they of one type and packed alike? Out of memory: no. */
bool df_message_equal(const ProtobufCMessage *a, const ProtobufCMessage *b);
