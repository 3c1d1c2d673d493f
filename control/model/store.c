/* SPDX-License-Identifier: Apache-2.0 */
#include "control/model/store.h"

#include <stdlib.h>
#include <string.h>

#include "control/model/alloc.h"
#include "control/model/references.h"

struct df_store {
    struct df_object *by_id[DF_NB_TABLES];
    struct df_object *by_key[DF_NB_TABLES];
    size_t count[DF_NB_TABLES];
    struct df_reference_names names;
    bool closing; /* everything goes: nothing is trimmed one by one */
};

struct df_store *df_store_new(void)
{
    return df_alloc(sizeof(struct df_store));
}

static void free_object(struct df_object *object)
{
    HASH_DELETE(by_id, object->store->by_id[object->table], object);
    free(object->bad);
    free(object);
}

void df_store_close(struct df_store *store)
{
    store->closing = true;
}

void df_store_free(struct df_store *store)
{
    if (!store)
        return;
    struct df_object *object, *next;
    df_store_close(store);
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++)
        HASH_ITER(by_id, store->by_id[table], object, next)
            df_object_unset(object);
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++)
        HASH_ITER(by_id, store->by_id[table], object, next) {
            df_references_trim(object);
            free_object(object);
        }
    df_reference_names_free(&store->names);
    free(store);
}

struct df_object *df_store_find(const struct df_store *store, enum df_nb_table table, const char *id)
{
    struct df_object *object;
    HASH_FIND(by_id, store->by_id[table], id, strlen(id), object);
    return object;
}

struct df_object *df_store_want(struct df_store *store, enum df_nb_table table, const char *id)
{
    struct df_object *object = df_store_find(store, table, id);
    if (object)
        return object;
    size_t len = strlen(id);
    object = df_alloc(sizeof(*object) + len + 1);
    memcpy(object->id, id, len + 1);
    object->store = store;
    object->table = table;
    HASH_ADD_KEYPTR(by_id, store->by_id[table], object->id, len, object);
    return object;
}

struct df_object *df_store_by_key(const struct df_store *store, enum df_nb_table table, uint32_t unique_key)
{
    struct df_object *object;
    HASH_FIND(by_key, store->by_key[table], &unique_key, sizeof(unique_key), object);
    return object;
}

size_t df_store_count(const struct df_store *store, enum df_nb_table table)
{
    return store->count[table];
}

void df_store_each(struct df_store *store, enum df_nb_table table, void (*cb)(struct df_object *object, void *arg),
                   void *arg)
{
    struct df_object *object, *next;
    HASH_ITER(by_id, store->by_id[table], object, next)
        cb(object, arg);
}

/* Two objects of one table with one unique_key are a fault of the database; a look-up then finds one of them. */
static void set_key(struct df_object *object, uint32_t unique_key)
{
    struct df_object **keys = &object->store->by_key[object->table];
    if (object->unique_key)
        HASH_DELETE(by_key, *keys, object);
    object->unique_key = unique_key;
    if (object->unique_key)
        HASH_ADD(by_key, *keys, unique_key, sizeof(object->unique_key), object);
}

void df_object_set(struct df_object *object, ProtobufCMessage *message, uint64_t revision)
{
    ProtobufCMessage *old = object->message;
    uint32_t unique_key = df_schema_unique_key(message);
    bool key_changed = !old || unique_key != object->unique_key;

    /* The new references are entered before the old ones leave, so that what both name is not trimmed in between. */
    struct df_reference *leaving = object->refers;
    df_references_fire(object);
    object->refers = NULL;
    object->message = message;
    object->version = df_schema_version(message);
    object->revision = revision;
    df_references_enter(object, &object->store->names);
    df_references_fire(object);
    struct df_reference *entered = object->refers;
    object->refers = leaving;
    df_references_leave(object);
    object->refers = entered;

    if (key_changed) {
        set_key(object, unique_key);
        df_watched_fire(&object->key);
    }
    df_watched_fire(&object->read);
    if (old)
        protobuf_c_message_free_unpacked(old, NULL);
    else
        object->store->count[object->table]++;
}

void df_object_unset(struct df_object *object)
{
    if (!object->message)
        return;
    df_references_fire(object);
    df_references_leave(object);
    set_key(object, 0);
    df_watched_fire(&object->key);
    df_watched_fire(&object->read);
    protobuf_c_message_free_unpacked(object->message, NULL);
    object->message = NULL;
    object->version = 0;
    object->revision = 0;
    object->store->count[object->table]--;
}

void df_object_set_bad(struct df_object *object, const char *why)
{
    free(object->bad);
    object->bad = df_strdup(why);
}

void df_object_trim(struct df_object *object)
{
    if (object->store->closing)
        return;
    df_references_trim(object);
    bool watched = object->read.first || object->key.first || object->needed_by.first ||
                   object->members_needed_by.first || object->domain.first || object->places.first ||
                   object->segment.first || object->alive.first;
    bool used =
        object->message || object->bad || object->units || object->local_ports || object->remote_of || object->needed;
    if (!watched && !used && !object->referrers)
        free_object(object);
}

struct df_referrers *df_object_referrers(struct df_object *object, enum df_nb_table table, const char *field)
{
    return df_references_set(object, table, field, &object->store->names);
}
