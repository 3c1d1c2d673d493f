/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_repeated(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_REPEATED;
}

static bool is_pointer(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
}

static size_t value_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT64:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_UINT32:
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    default:
        return sizeof(void *);
    }
}

static void *member(const ProtobufCMessage *message, unsigned offset)
{
    return (char *)(uintptr_t)message + offset;
}

static void *value_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i)
{
    void *at = member(message, field->offset);
    return is_repeated(field) ? *(char **)at + i * value_size(field) : at;
}

const ProtobufCFieldDescriptor *df_field_find(const ProtobufCMessage *message, const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
}

size_t df_field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (is_repeated(field))
        return *(size_t *)member(message, field->quantifier_offset);
    if (is_pointer(field))
        return *(void **)member(message, field->offset) != NULL;
    return *(protobuf_c_boolean *)member(message, field->quantifier_offset) != 0;
}

const char *df_field_string(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i)
{
    return *(const char **)value_at(message, field, i);
}

ProtobufCMessage *df_field_message(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i)
{
    return *(ProtobufCMessage **)value_at(message, field, i);
}

uint64_t df_field_uint(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i)
{
    const void *at = value_at(message, field, i);
    if (field->type == PROTOBUF_C_TYPE_UINT64)
        return *(const uint64_t *)at;
    if (field->type == PROTOBUF_C_TYPE_BOOL)
        return *(const protobuf_c_boolean *)at != 0;
    return *(const uint32_t *)at;
}

ProtobufCMessage *df_message_new(const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = malloc(descriptor->sizeof_message);
    if (message)
        descriptor->message_init(message);
    return message;
}

int df_field_reserve(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t n)
{
    if (is_repeated(field)) {
        void *values = calloc(n, value_size(field));
        if (!values)
            return -ENOMEM;
        *(void **)member(message, field->offset) = values;
        *(size_t *)member(message, field->quantifier_offset) = n;
    } else if (!is_pointer(field)) {
        *(protobuf_c_boolean *)member(message, field->quantifier_offset) = 1;
    }
    return 0;
}

int df_field_set_string(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    *(char **)value_at(message, field, i) = copy;
    return 0;
}

void df_field_set_message(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i,
                          ProtobufCMessage *value)
{
    *(ProtobufCMessage **)value_at(message, field, i) = value;
}

void df_field_set_uint(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i, uint64_t value)
{
    void *at = value_at(message, field, i);
    if (field->type == PROTOBUF_C_TYPE_UINT64)
        *(uint64_t *)at = value;
    else if (field->type == PROTOBUF_C_TYPE_BOOL)
        *(protobuf_c_boolean *)at = value != 0;
    else
        *(uint32_t *)at = (uint32_t)value;
}

static void swap_bytes(void *a, void *b, size_t size)
{
    char kept[sizeof(uint64_t)];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

void df_field_swap(ProtobufCMessage *a, ProtobufCMessage *b, const ProtobufCFieldDescriptor *field)
{
    size_t size = is_repeated(field) ? sizeof(void *) : value_size(field);
    swap_bytes(member(a, field->offset), member(b, field->offset), size);
    if (is_repeated(field))
        size = sizeof(size_t);
    else if (!is_pointer(field))
        size = sizeof(protobuf_c_boolean);
    else
        return; /* presence is the pointer itself */
    swap_bytes(member(a, field->quantifier_offset), member(b, field->quantifier_offset), size);
}

static uint8_t *pack(const ProtobufCMessage *message, size_t *len)
{
    *len = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(*len + 1);
    if (packed)
        protobuf_c_message_pack(message, packed);
    return packed;
}

ProtobufCMessage *df_message_copy(const ProtobufCMessage *message)
{
    size_t len;
    uint8_t *packed = pack(message, &len);
    if (!packed)
        return NULL;
    ProtobufCMessage *copy = protobuf_c_message_unpack(message->descriptor, NULL, len, packed);
    free(packed);
    return copy;
}

bool df_message_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t a_len, b_len;
    uint8_t *a_bytes = pack(a, &a_len), *b_bytes = pack(b, &b_len);
    bool same =
        a->descriptor == b->descriptor && a_bytes && b_bytes && a_len == b_len && memcmp(a_bytes, b_bytes, a_len) == 0;
    free(a_bytes);
    free(b_bytes);
    return same;
}
