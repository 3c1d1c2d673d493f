/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "dbsync/field.h"
#include "dbsync/path.h"
#include "dbsync/rule.h"

struct walk {
    df_schema_ref_cb cb;
    void *arg;
};

static void walk_message(const struct walk *walk, const struct df_path *up, const ProtobufCMessage *message);

static void tell(const struct walk *walk, const struct df_path *path, enum df_nb_table table, const char *id)
{
    char text[DF_PATH_MAX];
    walk->cb(df_path_text(path, text), table, id, walk->arg);
}

static void walk_field(const struct walk *walk, const struct df_path *up, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field)
{
    const struct df_rule *rule = df_rule_of(message->descriptor, field);
    bool is_message = field->type == PROTOBUF_C_TYPE_MESSAGE;
    if (rule->kind != DF_KIND_REF && !is_message)
        return;
    size_t n = df_field_count(message, field);
    for (size_t i = 0; i < n; i++) {
        bool in_list = field->label == PROTOBUF_C_LABEL_REPEATED;
        struct df_path path = {up, field->name, in_list ? i : DF_PATH_NO_INDEX};
        if (is_message)
            walk_message(walk, &path, df_field_message(message, field, i));
        else
            tell(walk, &path, rule->refers, df_field_string(message, field, i));
    }
}

static void walk_message(const struct walk *walk, const struct df_path *up, const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        walk_field(walk, up, message, &message->descriptor->fields[i]);
}

void df_schema_references(enum df_nb_table table, const ProtobufCMessage *object, df_schema_ref_cb cb, void *arg)
{
    (void)table;
    struct walk walk = {cb, arg};
    walk_message(&walk, NULL, object);
}

enum df_nb_table df_schema_refers(enum df_nb_table table, const char *path)
{
    const ProtobufCMessageDescriptor *message = df_schema_table(table)->descriptor;
    for (;;) {
        char name[DF_PATH_MAX];
        size_t len = strcspn(path, ".");
        if (len >= sizeof name)
            return DF_NB_TABLES;
        memcpy(name, path, len);
        name[len] = '\0';
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message, name);
        if (!field)
            return DF_NB_TABLES;
        path += len;
        if (*path == '\0') {
            const struct df_rule *rule = df_rule_of(message, field);
            return rule->kind == DF_KIND_REF ? rule->refers : DF_NB_TABLES;
        }
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            return DF_NB_TABLES;
        message = field->descriptor;
        path++;
    }
}
