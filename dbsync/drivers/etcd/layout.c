/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dbsync/driver.h"

#define VALUE_LAYOUT 1

static void put_text(struct df_etcd_key *key, const char *text, size_t len)
{
    memcpy(key->bytes + key->len, text, len);
    key->len += len;
}

static void put_place(struct df_etcd_key *key, enum df_etcd_place place)
{
    const char begin[] = {(char)place, '/'};
    key->len = 0;
    put_text(key, DF_ETCD_PREFIX, sizeof DF_ETCD_PREFIX - 1);
    put_text(key, begin, sizeof begin);
}

static bool is_name(const char *name)
{
    return *name && strnlen(name, DF_ETCD_NAME_MAX + 1) <= DF_ETCD_NAME_MAX;
}

int df_etcd_key_make(struct df_etcd_key *key, enum df_etcd_place place, const char *topic, const char *table,
                     const char *id)
{
    if (!is_name(id) || (place != DF_ETCD_LEASE && !is_name(table)))
        return -EINVAL;
    df_etcd_key_first(key, place, topic);
    if (place != DF_ETCD_LEASE)
        put_text(key, table, strlen(table) + 1);
    put_text(key, id, strlen(id));
    return 0;
}

void df_etcd_key_first(struct df_etcd_key *key, enum df_etcd_place place, const char *topic)
{
    put_place(key, place);
    if (place == DF_ETCD_COPY)
        put_text(key, topic, strnlen(topic, DF_ETCD_NAME_MAX));
    if (place == DF_ETCD_COPY)
        put_text(key, "", 1);
}

void df_etcd_key_end(struct df_etcd_key *key, enum df_etcd_place place, const char *topic)
{
    df_etcd_key_first(key, place, topic);
    key->bytes[key->len - 1]++; /* '/' or the 0 behind the topic */
}

bool df_etcd_key_is_note(const uint8_t *key, size_t len)
{
    size_t prefix = sizeof DF_ETCD_PREFIX - 1, begin = prefix + 2;
    if (len < begin || memcmp(key, DF_ETCD_PREFIX, prefix) != 0 || key[prefix + 1] != '/')
        return false;
    if (key[prefix] == DF_ETCD_SHARED)
        return len == begin;
    return key[prefix] == DF_ETCD_COPY && len > begin + 1 && memchr(key + begin, '\0', len - begin) == key + len - 1;
}

bool df_etcd_key_parse(const uint8_t *key, size_t len, struct df_etcd_name *name)
{
    size_t prefix = sizeof DF_ETCD_PREFIX - 1;
    if (len < prefix + 3 || len >= sizeof name->text || memcmp(key, DF_ETCD_PREFIX, prefix) != 0 ||
        key[prefix + 1] != '/')
        return false;
    len -= prefix + 2;
    memcpy(name->text, key + prefix + 2, len);
    name->text[len] = '\0';
    const char *at = name->text, *end = name->text + len;
    name->place = key[prefix];
    name->topic = "";
    if (name->place == DF_ETCD_LEASE) {
        name->table = DF_DB_LEASES;
        name->id = at;
        return strlen(at) == len && is_name(at);
    }
    if (name->place == DF_ETCD_COPY) {
        name->topic = at;
        at += strlen(at) + 1;
        if (at - name->topic > DF_ETCD_NAME_MAX + 1)
            return false;
    } else if (name->place != DF_ETCD_SHARED && name->place != DF_ETCD_TOPICAL) {
        return false;
    }
    if (at >= end)
        return false;
    name->table = at;
    name->id = at + strlen(at) + 1;
    return name->id < end && name->id + strlen(name->id) == end && is_name(name->table) && is_name(name->id);
}

/* Places. */

int df_etcd_places_each(const char *topics, int (*cb)(const char *topic, void *arg), void *arg)
{
    char topic[DF_ETCD_NAME_MAX + 1];
    int rc = 0;
    for (const char *at = topics; *at && rc == 0;) {
        size_t len = strcspn(at, " ");
        if (len > 0 && len <= DF_ETCD_NAME_MAX) {
            memcpy(topic, at, len);
            topic[len] = '\0';
            rc = cb(topic, arg);
        }
        at += len;
        at += *at == ' ';
    }
    return rc;
}

static int is_topic(const char *topic, void *arg)
{
    return strcmp(topic, arg) == 0;
}

static int count_topic(const char *topic, void *arg)
{
    (void)topic;
    ++*(size_t *)arg;
    return 0;
}

static int add_topic(const char *topic, void *arg)
{
    struct df_etcd_places *places = arg;
    char word[DF_ETCD_NAME_MAX + 1];
    snprintf(word, sizeof word, "%s", topic);
    if (df_etcd_places_each(places->topics, is_topic, word))
        return 0;
    size_t used = strlen(places->topics), n = 0;
    df_etcd_places_each(places->topics, count_topic, &n);
    if (n >= DF_ETCD_TOPICS_MAX || used + strlen(topic) + 2 > sizeof places->topics)
        return -E2BIG;
    snprintf(places->topics + used, sizeof places->topics - used, "%s%s", used ? " " : "", topic);
    return 0;
}

static bool has_long_word(const char *topics)
{
    for (const char *at = topics; *at; at += *at == ' ') {
        size_t len = strcspn(at, " ");
        if (len > DF_ETCD_NAME_MAX)
            return true;
        at += len;
    }
    return false;
}

/* A row that everybody is told of stays so while it lives, and needs no copies. */
void df_etcd_places_add(struct df_etcd_places *places, const char *topics, bool is_new)
{
    if (!topics)
        topics = "";
    if (!is_new && places->shared)
        return;
    struct df_etcd_places wanted = *places;
    bool none = !*topics || has_long_word(topics) || df_etcd_places_each(topics, add_topic, &wanted);
    if (none)
        places->shared = true;
    else
        *places = wanted;
}

/* Values. */

size_t df_etcd_value_begin(uint8_t *to, const struct df_etcd_places *places)
{
    size_t len = strlen(places->topics);
    to[0] = VALUE_LAYOUT;
    to[1] = places->shared;
    to[2] = (uint8_t)(len >> 8);
    to[3] = (uint8_t)len;
    memcpy(to + DF_ETCD_VALUE_HEADER, places->topics, len);
    return DF_ETCD_VALUE_HEADER + len;
}

bool df_etcd_value_parse(const uint8_t *value, size_t len, struct df_etcd_places *places, size_t *data)
{
    *data = 0;
    places->shared = false;
    places->topics[0] = '\0';
    if (len < DF_ETCD_VALUE_HEADER || value[0] != VALUE_LAYOUT || value[1] > 1)
        return false;
    size_t topics = (size_t)(value[2] << 8 | value[3]);
    if (topics >= sizeof places->topics || len < DF_ETCD_VALUE_HEADER + topics ||
        memchr(value + DF_ETCD_VALUE_HEADER, '\0', topics))
        return false;
    places->shared = value[1];
    memcpy(places->topics, value + DF_ETCD_VALUE_HEADER, topics);
    places->topics[topics] = '\0';
    *data = DF_ETCD_VALUE_HEADER + topics;
    return true;
}
