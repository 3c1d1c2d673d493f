/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/topics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KIND_CHASSIS "chassis"
#define KIND_NETWORK "network"
#define KIND_PROJECT "project"

struct topics {
    char *text; /* NULL: none yet */
    bool out_of_memory;
};

/* A byte of UTF-8 that is not the first of its character. */
static bool is_inside_character(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

char *df_topic(const char *kind, const char *id)
{
    size_t kind_len = strlen(kind), len = kind_len + 1 + strlen(id);
    if (len > DF_TOPIC_MAX)
        for (len = DF_TOPIC_MAX; is_inside_character(id[len - kind_len - 1]);)
            len--;
    char *topic = malloc(len + 1);
    if (!topic)
        return NULL;
    memcpy(topic, kind, kind_len);
    topic[kind_len] = ':';
    for (size_t i = kind_len + 1; i < len; i++, id++)
        topic[i] = (unsigned char)*id > ' ' ? *id : '_';
    topic[len] = '\0';
    return topic;
}

bool df_topics_have(const char *topics, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = topics; at; at = strchr(at, ' ')) {
        at += at != topics;
        if (strncmp(at, word, len) == 0 && (at[len] == ' ' || at[len] == '\0'))
            return true;
    }
    return false;
}

static void add_word(struct topics *topics, const char *word)
{
    if (topics->out_of_memory || df_topics_have(topics->text, word))
        return;
    size_t len = topics->text ? strlen(topics->text) : 0;
    char *text = realloc(topics->text, len + strlen(word) + 2);
    if (!text) {
        topics->out_of_memory = true;
        return;
    }
    if (len)
        text[len++] = ' ';
    strcpy(text + len, word);
    topics->text = text;
}

/* Nothing where the object does not say of what. */
static void add(struct topics *topics, const char *kind, const char *id)
{
    if (!id || !*id)
        return;
    char *topic = df_topic(kind, id);
    if (topic)
        add_word(topics, topic);
    else
        topics->out_of_memory = true;
    free(topic);
}

static void add_lport(struct topics *topics, const Df__LogicalPort *lport)
{
    add(topics, KIND_NETWORK, lport->lswitch);
    if (!lport->binding)
        return;
    add(topics, KIND_CHASSIS, lport->binding->chassis);
    add(topics, KIND_CHASSIS, lport->binding->additional_chassis);
}

static void add_lrouter(struct topics *topics, const Df__LogicalRouter *lrouter)
{
    for (size_t i = 0; i < lrouter->n_ports; i++)
        add(topics, KIND_NETWORK, lrouter->ports[i]->lswitch);
    for (size_t i = 0; i < lrouter->n_gateways; i++)
        add(topics, KIND_NETWORK, lrouter->gateways[i]->lswitch);
}

static void add_status(struct topics *topics, const Df__PortStatus *status)
{
    add(topics, DF_TOPIC_STATUS, status->chassis);
    if (!status->attached)
        add(topics, KIND_CHASSIS, status->chassis);
}

int df_topics_of(enum df_nb_table table, const ProtobufCMessage *object, char **made)
{
    struct topics topics = {0};
    switch (table) {
    case DF_NB_LSWITCH:
        add(&topics, KIND_NETWORK, df_schema_id(object));
        break;
    case DF_NB_LSUBNET:
        add(&topics, KIND_NETWORK, ((const Df__Subnet *)object)->lswitch);
        break;
    case DF_NB_LPORT:
        add_lport(&topics, (const Df__LogicalPort *)object);
        break;
    case DF_NB_LROUTER:
        add_lrouter(&topics, (const Df__LogicalRouter *)object);
        break;
    case DF_NB_SECGROUP:
    case DF_NB_ADDRESS_GROUP:
    case DF_NB_QOSPOLICY:
        add(&topics, df_schema_table(table)->name, df_schema_id(object));
        break;
    case DF_NB_PORT_STATUS:
        add_status(&topics, (const Df__PortStatus *)object);
        break;
    default:
        add(&topics, KIND_PROJECT, df_schema_topic(object));
        break;
    }
    *made = topics.text;
    if (!topics.out_of_memory)
        return 0;
    free(topics.text);
    *made = NULL;
    return -ENOMEM;
}
