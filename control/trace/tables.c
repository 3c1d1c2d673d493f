/* SPDX-License-Identifier: Apache-2.0 */
#include "control/trace/tables.h"

#include <stdio.h>
#include <string.h>

#include "control/model/address.h"

static uint64_t read_uint(const uint8_t *at, unsigned size)
{
    switch (size) {
    case 1:
        return *at;
    case 2: {
        uint16_t value;
        memcpy(&value, at, sizeof(value));
        return value;
    }
    case 4: {
        uint32_t value;
        memcpy(&value, at, sizeof(value));
        return value;
    }
    case 8: {
        uint64_t value;
        memcpy(&value, at, sizeof(value));
        return value;
    }
    default:
        return 0;
    }
}

static json_t *prefix_json(const uint8_t *at, unsigned bits)
{
    struct df_ip ip;
    char address[DF_IP_TEXT];
    char text[DF_IP_TEXT + 8];
    memcpy(&ip, at, sizeof(ip));
    bool is4 = df_ip_is4(&ip) && bits >= 96;
    snprintf(text, sizeof(text), "%s/%u", df_ip_text(&ip, address), is4 ? bits - 96 : bits);
    return json_string(text);
}

static json_t *address_json(const struct df_field *field, const uint8_t *at)
{
    char text[DF_IP_TEXT];
    if (field->kind == DF_FIELD_MAC) {
        struct df_mac mac;
        memcpy(&mac, at, sizeof(mac));
        return json_string(df_mac_text(&mac, text));
    }
    struct df_ip ip;
    memcpy(&ip, at, sizeof(ip));
    return json_string(df_ip_is_zero(&ip) ? "" : df_ip_text(&ip, text));
}

static json_t *enum_json(const struct df_field *field, uint64_t value)
{
    for (uint64_t i = 0; field->names && field->names[i]; i++)
        if (i == value)
            return json_string(field->names[i]);
    return json_integer((json_int_t)value);
}

static json_t *field_json(const struct df_field *field, const uint8_t *base)
{
    const uint8_t *at = base + field->offset;
    char text[24];
    switch (field->kind) {
    case DF_FIELD_UINT:
        return json_integer((json_int_t)read_uint(at, field->size));
    case DF_FIELD_HEX:
        snprintf(text, sizeof(text), "0x%0*llx", field->size * 2, (unsigned long long)read_uint(at, field->size));
        return json_string(text);
    case DF_FIELD_MAC:
    case DF_FIELD_IP:
        return address_json(field, at);
    case DF_FIELD_PREFIX:
        return prefix_json(at, (unsigned)read_uint(base + field->len_offset, field->len_size));
    case DF_FIELD_ENUM:
        return enum_json(field, read_uint(at, field->size));
    }
    return json_null();
}

static const char *name_of(const struct df_names *names, const char *what, uint32_t key)
{
    if (!names || key == 0)
        return NULL;
    if (strcmp(what, "lport") == 0)
        return names->lport ? names->lport(names->arg, key) : NULL;
    if (strcmp(what, "network") == 0 || strcmp(what, "domain") == 0) /* one of the domain's networks */
        return names->network ? names->network(names->arg, key) : NULL;
    if (strcmp(what, "router") == 0)
        return names->router ? names->router(names->arg, key) : NULL;
    if (strcmp(what, "port") == 0)
        return names->port ? names->port(names->arg, (uint16_t)key) : NULL;
    if (strcmp(what, "group") == 0 || strcmp(what, "set") == 0)
        return names->group ? names->group(names->arg, key) : NULL;
    if (strcmp(what, "rule") == 0)
        return names->rule ? names->rule(names->arg, key) : NULL;
    return NULL;
}

void df_names_add(const struct df_names *names, json_t *json, const char *field, const char *what, uint32_t key)
{
    json_object_set_new(json, field, json_integer(key));
    const char *name = name_of(names, what, key);
    if (!name)
        return;
    char name_field[64];
    snprintf(name_field, sizeof(name_field), "%s_name", field);
    json_object_set_new(json, name_field, json_string(name));
}

static json_t *struct_json(const struct df_field *fields, const uint8_t *base, const struct df_names *names)
{
    json_t *json = json_object();
    for (const struct df_field *field = fields; field && field->name; field++) {
        if (field->kind == DF_FIELD_UINT)
            df_names_add(names, json, field->name, field->name, (uint32_t)read_uint(base + field->offset, field->size));
        else
            json_object_set_new(json, field->name, field_json(field, base));
    }
    return json;
}

json_t *df_table_key_json(const struct df_table_desc *desc, const void *key, size_t key_len,
                          const struct df_names *names)
{
    return key_len == desc->key_size ? struct_json(desc->key_fields, key, names) : NULL;
}

static json_t *items_json(const struct df_table_desc *desc, const struct df_entry *entry, const struct df_names *names)
{
    json_t *items = json_array();
    const uint8_t *value = entry->value;
    for (uint32_t at = desc->value_size; at + desc->item_size <= entry->value_len; at += desc->item_size)
        json_array_append_new(items, struct_json(desc->item_fields, value + at, names));
    return items;
}

static json_t *origin_json(const struct df_origin *origin)
{
    return json_pack("{s:s, s:s, s:s, s:I}", "app", origin->app, "table", origin->table, "id", origin->id, "version",
                     (json_int_t)origin->version);
}

json_t *df_table_entry_json(const struct df_table_desc *desc, const struct df_entry *entry,
                            const struct df_names *names)
{
    json_t *json = json_object();
    json_object_set_new(json, "key", df_table_key_json(desc, entry->key, entry->key_len, names));
    if (entry->value && entry->value_len >= desc->value_size)
        json_object_set_new(json, "value", struct_json(desc->value_fields, entry->value, names));
    if (entry->value && desc->item_size)
        json_object_set_new(json, "items", items_json(desc, entry, names));
    if (entry->origin)
        json_object_set_new(json, "origin", origin_json(entry->origin));
    return json;
}
