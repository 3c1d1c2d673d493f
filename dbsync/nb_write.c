/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/field.h"
#include "dbsync/nb_private.h"
#include "dbsync/row.h"
#include "dbsync/topics.h"
#include "dbsync/unique_key.h"

/* Writing of single objects: read, make the successor, commit; from the start when another writer was quicker. */

/* An object as it is stored. */
struct stored {
    uint64_t revision;        /* 0: it is not there */
    ProtobufCMessage *object; /* NULL: not there, or its row is bad */
};

static int read_stored(struct df_transaction *txn, enum df_nb_table table, const char *id, struct stored *stored,
                       struct df_error *error)
{
    struct df_transaction_row row;
    *stored = (struct stored){0};
    int rc = df_transaction_read(txn, df_schema_table(table)->name, id, &row, error);
    if (rc || !row.revision)
        return rc;
    stored->revision = row.revision;
    /* A bad row can still be replaced or deleted; who needs what is in it finds NULL and the error's text. */
    df_row_decode(table, id, row.data, row.len, &stored->object, error);
    free(row.data);
    return 0;
}

static void set_number(ProtobufCMessage *object, const char *name, uint64_t value)
{
    const ProtobufCFieldDescriptor *field = df_field_find(object, name);
    df_field_reserve(object, field, 1);
    df_field_set_uint(object, field, 0, value);
}

static int raise_version(enum df_nb_table table, ProtobufCMessage *object, const ProtobufCMessage *stored,
                         struct df_error *error)
{
    uint64_t version = df_schema_version(object);
    if (stored)
        version = df_schema_version(stored) + 1;
    else if (version == 0)
        version = 1;
    if (version > INT64_MAX)
        return df_error_set(error, -ERANGE, "%s '%s': version: cannot be raised any more", df_schema_table(table)->name,
                            df_schema_id(object));
    set_number(object, "version", version);
    return 0;
}

/* Completes, checks and stages `object` as the successor of `stored`. */
static int stage_successor(struct df_transaction *txn, enum df_nb_table table, const struct stored *stored,
                           ProtobufCMessage *object, struct df_error *error)
{
    const struct df_schema_table *schema = df_schema_table(table);
    const char *id = df_schema_id(object);
    int rc = df_schema_check(table, object, error);
    if (rc == 0 && schema->has_version)
        rc = raise_version(table, object, stored->object, error);
    if (rc == 0 && schema->has_unique_key) {
        uint32_t key, has = stored->object ? df_schema_unique_key(stored->object) : 0;
        rc = df_unique_key_assign(txn, table, id, has, df_schema_unique_key(object), &key, error);
        if (rc == 0)
            set_number(object, "unique_key", key);
    }
    void *data;
    size_t len;
    char *topics;
    if (rc == 0)
        rc = df_row_encode(table, object, &data, &len, error);
    if (rc)
        return rc;
    if (df_topics_of(table, object, &topics)) {
        free(data);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    return df_transaction_stage(txn, schema->name, id, stored->revision, data, len, topics, error);
}

/* What is set in `part` (whole fields, lists too) takes the place of what `object` has. */
static int merge(ProtobufCMessage *object, const ProtobufCMessage *part)
{
    ProtobufCMessage *copy = df_message_copy(part);
    if (!copy)
        return -ENOMEM;
    for (unsigned i = 0; i < copy->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &copy->descriptor->fields[i];
        if (df_field_count(copy, field))
            df_field_swap(object, copy, field);
    }
    protobuf_c_message_free_unpacked(copy, NULL);
    return 0;
}

/* May it be written so? The messages name what the caller can do about it. */
static int check_presence(enum df_nb_write how, enum df_nb_table table, const char *id, const struct stored *stored,
                          struct df_error *error)
{
    const char *name = df_schema_table(table)->name;
    if (how == DF_NB_CREATE && stored->revision)
        return df_error_set(error, -EEXIST, "%s '%s': exists already", name, id);
    if (how == DF_NB_UPDATE && !stored->revision)
        return df_error_set(error, -ENOENT, "%s '%s': does not exist", name, id);
    return how == DF_NB_UPDATE && !stored->object ? -EBADMSG : 0;
}

static void free_message(ProtobufCMessage *message)
{
    if (message)
        protobuf_c_message_free_unpacked(message, NULL);
}

/* One write to be made, as often as it takes. */
struct work {
    enum df_nb_table table;
    const char *id;
    enum df_nb_write how;
    const ProtobufCMessage *object; /* of a write */
    df_nb_edit_cb edit;
    void *arg;
    bool unsure; /* an attempt before may have been committed */
};

#define DONE 1 /* of a stage: it is so already, or an attempt before was committed */

static void swap_chosen(ProtobufCMessage *one, ProtobufCMessage *other)
{
    static const char *const chosen[] = {"version", "unique_key"};
    for (unsigned i = 0; i < sizeof chosen / sizeof chosen[0]; i++) {
        const ProtobufCFieldDescriptor *field = df_field_find(one, chosen[i]);
        if (field)
            df_field_swap(one, other, field);
    }
}

/* Is what is stored what a creation would have stored? Version and unique_key are the API's choice. */
static bool is_created(const struct stored *stored, const ProtobufCMessage *object)
{
    ProtobufCMessage *copy = stored->object ? df_message_copy(object) : NULL;
    if (!copy)
        return false;
    swap_chosen(copy, stored->object);
    bool same = df_message_equal(object, stored->object);
    swap_chosen(copy, stored->object);
    free_message(copy);
    return same;
}

typedef int (*stage_fn)(struct df_transaction *txn, const struct work *work, struct df_error *error);

/* The successor that a caller's object or edit makes of the stored one. */
static int make_successor(const struct work *work, const struct stored *stored, ProtobufCMessage **successor,
                          struct df_error *error)
{
    bool from_stored = work->how == DF_NB_UPDATE;
    *successor = df_message_copy(from_stored ? stored->object : work->object);
    if (!*successor || (work->object && from_stored && merge(*successor, work->object)))
        return df_error_set(error, -ENOMEM, "out of memory");
    if (!work->edit)
        return 0;
    int rc = work->edit(successor, work->arg, error);
    const char *id = rc ? NULL : df_schema_id(*successor);
    if (rc == 0 && (!id || strcmp(id, work->id) != 0))
        rc = df_error_set(error, -EINVAL, "%s '%s': id: cannot be changed", df_schema_table(work->table)->name,
                          work->id);
    return rc;
}

static int stage_write(struct df_transaction *txn, const struct work *work, struct df_error *error)
{
    struct stored stored;
    ProtobufCMessage *successor = NULL;
    int rc = read_stored(txn, work->table, work->id, &stored, error);
    if (rc == 0)
        rc = check_presence(work->how, work->table, work->id, &stored, error);
    if (rc == -EEXIST && work->unsure && is_created(&stored, work->object))
        rc = DONE;
    if (rc == 0 && work->how == DF_NB_ENSURE && is_created(&stored, work->object))
        rc = DONE;
    if (rc == 0)
        rc = make_successor(work, &stored, &successor, error);
    if (rc == 0)
        rc = stage_successor(txn, work->table, &stored, successor, error);
    free_message(successor);
    free_message(stored.object);
    return rc;
}

static int stage_delete(struct df_transaction *txn, const struct work *work, struct df_error *error)
{
    struct stored stored;
    const char *name = df_schema_table(work->table)->name;
    int rc = read_stored(txn, work->table, work->id, &stored, error);
    if (rc)
        return rc;
    if (!stored.revision && work->unsure)
        return DONE;
    if (!stored.revision)
        return df_error_set(error, -ENOENT, "%s '%s': does not exist", name, work->id);
    uint32_t key = stored.object ? df_schema_unique_key(stored.object) : 0;
    free_message(stored.object);
    rc = df_transaction_stage(txn, name, work->id, stored.revision, NULL, 0, NULL, error);
    return rc || !key ? rc : df_unique_key_release(txn, work->table, key, error);
}

static int attempt(struct df_nb *nb, stage_fn stage, struct work *work, struct df_error *error)
{
    struct df_transaction txn;
    df_transaction_init(&txn, nb->driver, nb->db, nb->announcer);
    int rc = -EAGAIN;
    for (int i = 0; i < DF_NB_ATTEMPTS && rc == -EAGAIN; i++) {
        rc = stage(&txn, work, error);
        if (rc == 0)
            rc = df_transaction_commit(&txn, error);
        df_transaction_clear(&txn);
        if (rc == -EINPROGRESS) {
            work->unsure = true;
            rc = -EAGAIN;
        }
    }
    return rc == DONE ? 0 : rc;
}

int df_nb_stage(struct df_transaction *txn, enum df_nb_write how, enum df_nb_table table,
                const ProtobufCMessage *object, struct df_error *error)
{
    struct work work = {.table = table, .id = df_schema_id(object), .how = how, .object = object};
    return stage_write(txn, &work, error);
}

int df_nb_write(struct df_nb *nb, enum df_nb_write how, enum df_nb_table table, const ProtobufCMessage *object,
                struct df_error *error)
{
    const struct df_schema_table *schema = df_schema_table(table);
    struct work work = {.table = table, .how = how, .object = object};
    if (object->descriptor != schema->descriptor)
        return df_error_set(error, -EINVAL, "%s: the object is a %s", schema->name, object->descriptor->short_name);
    work.id = df_schema_id(object);
    if (!work.id)
        return df_error_set(error, -EINVAL, "%s: id: is missing", schema->name);
    return attempt(nb, stage_write, &work, error);
}

int df_nb_edit(struct df_nb *nb, enum df_nb_table table, const char *id, df_nb_edit_cb edit, void *arg,
               struct df_error *error)
{
    struct work work = {.table = table, .id = id, .how = DF_NB_UPDATE, .edit = edit, .arg = arg};
    return attempt(nb, stage_write, &work, error);
}

int df_nb_delete(struct df_nb *nb, enum df_nb_table table, const char *id, struct df_error *error)
{
    struct work work = {.table = table, .id = id};
    return attempt(nb, stage_delete, &work, error);
}
