/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static ProtobufCBinaryData key_bytes(const struct df_etcd_key *key)
{
    return (ProtobufCBinaryData){key->len, (uint8_t *)(uintptr_t)key->bytes};
}

/* The rows' own keys: 2i is where row i is with topics, 2i + 1 where it is without. */
int df_etcd_build_keys(struct df_etcd_build *build, size_t *failed)
{
    for (size_t i = 0; i < build->n; i++) {
        const struct df_db_op *op = &build->ops[i];
        *failed = i;
        if (strcmp(op->table, DF_DB_LEASES) == 0 ||
            df_etcd_key_make(&build->row_keys[2 * i], DF_ETCD_TOPICAL, NULL, op->table, op->id) ||
            df_etcd_key_make(&build->row_keys[2 * i + 1], DF_ETCD_SHARED, NULL, op->table, op->id))
            return -EINVAL;
    }
    return 0;
}

/* The key that each write of the row touches. */
static size_t own_key(const struct df_etcd_state *state, size_t i)
{
    return 2 * i + (state->places.topics[0] ? 0 : 1);
}

static void compare_version_zero(struct df_etcd_build *build, size_t key)
{
    DfEtcd__Compare *compare = &build->compares[build->n_compares];
    df_etcd__compare__init(compare);
    compare->target = DF_ETCD__COMPARE__TARGET__VERSION;
    compare->target_union_case = DF_ETCD__COMPARE__TARGET_UNION_VERSION;
    compare->key = key_bytes(&build->row_keys[key]);
    build->compare_list[build->n_compares++] = compare;
}

static void compare_revision(struct df_etcd_build *build, size_t key, uint64_t revision)
{
    DfEtcd__Compare *compare = &build->compares[build->n_compares];
    df_etcd__compare__init(compare);
    compare->target = DF_ETCD__COMPARE__TARGET__MOD;
    compare->target_union_case = DF_ETCD__COMPARE__TARGET_UNION_MOD_REVISION;
    compare->mod_revision = (int64_t)revision;
    compare->key = key_bytes(&build->row_keys[key]);
    build->compare_list[build->n_compares++] = compare;
}

void df_etcd_build_compares(struct df_etcd_build *build)
{
    build->n_compares = 0;
    for (size_t i = 0; i < build->n; i++) {
        const struct df_etcd_state *state = &build->states[i];
        if (state->revision) {
            compare_revision(build, own_key(state, i), state->revision);
        } else {
            compare_version_zero(build, 2 * i);
            compare_version_zero(build, 2 * i + 1);
        }
    }
}

void df_etcd_build_reads(struct df_etcd_build *build)
{
    for (size_t i = 0; i < 2 * build->n; i++) {
        df_etcd__range_request__init(&build->ranges[i]);
        build->ranges[i].key = key_bytes(&build->row_keys[i]);
        df_etcd__request_op__init(&build->reads[i]);
        build->reads[i].request_case = DF_ETCD__REQUEST_OP__REQUEST_REQUEST_RANGE;
        build->reads[i].request_range = &build->ranges[i];
        build->read_list[i] = &build->reads[i];
    }
}

/* Writes. */

static struct df_etcd_write *new_write(struct df_etcd_build *build, const struct df_etcd_key *key)
{
    if (build->n_writes == build->max_writes) {
        size_t max = build->max_writes ? build->max_writes * 2 : 64;
        struct df_etcd_write *writes = realloc(build->writes, max * sizeof *writes);
        if (!writes) {
            build->rc = -ENOMEM;
            return NULL;
        }
        build->writes = writes;
        build->max_writes = max;
    }
    struct df_etcd_write *write = &build->writes[build->n_writes++];
    write->key = *key;
    df_etcd__request_op__init(&write->op);
    df_etcd__put_request__init(&write->put);
    df_etcd__delete_range_request__init(&write->delete);
    write->op.request_case = DF_ETCD__REQUEST_OP__REQUEST_REQUEST_PUT;
    return write;
}

static void add_write(struct df_etcd_build *build, const struct df_etcd_key *key)
{
    const struct df_db_op *op = &build->ops[build->at];
    struct df_etcd_write *write = new_write(build, key);
    if (write && op->data) {
        size_t header = DF_ETCD_VALUE_HEADER + strlen(build->next[build->at].places.topics);
        write->put.value = (ProtobufCBinaryData){header + op->len, build->values[build->at]};
    } else if (write) {
        write->op.request_case = DF_ETCD__REQUEST_OP__REQUEST_REQUEST_DELETE_RANGE;
    }
}

static int add_copy(const char *topic, void *arg)
{
    struct df_etcd_build *build = arg;
    struct df_etcd_key key;
    const struct df_db_op *op = &build->ops[build->at];
    if (df_etcd_key_make(&key, DF_ETCD_COPY, topic, op->table, op->id) == 0)
        add_write(build, &key);
    return 0;
}

static int make_value(struct df_etcd_build *build, size_t i)
{
    const struct df_db_op *op = &build->ops[i];
    const struct df_etcd_places *places = &build->next[i].places;
    free(build->values[i]);
    build->values[i] = malloc(DF_ETCD_VALUE_HEADER + strlen(places->topics) + op->len + 1);
    if (!build->values[i])
        return -ENOMEM;
    size_t header = df_etcd_value_begin(build->values[i], places);
    memcpy(build->values[i] + header, op->data, op->len);
    return 0;
}

/* A row that would be too large with its copies is everybody's. */
static const char *topics_of(const struct df_db_op *op)
{
    size_t copies = 1;
    for (const char *at = op->topics; at && *at; at++)
        copies += *at == ' ';
    return op->topics && op->len * (copies + 1) <= DF_ETCD_COPIES_BYTES ? op->topics : NULL;
}

static int write_row(struct df_etcd_build *build, size_t i)
{
    const struct df_db_op *op = &build->ops[i];
    const struct df_etcd_state *state = &build->states[i];
    struct df_etcd_state *next = &build->next[i];
    next->places = state->places;
    build->at = i;
    if (op->data) {
        df_etcd_places_add(&next->places, topics_of(op), state->revision == 0);
        if (make_value(build, i))
            return -ENOMEM;
    } else if (!state->revision) {
        return 0;
    }
    if (next->places.topics[0])
        add_write(build, &build->row_keys[2 * i]);
    if (next->places.shared)
        add_write(build, &build->row_keys[2 * i + 1]);
    df_etcd_places_each(next->places.topics, add_copy, build);
    return build->rc;
}

/* Notes: one in each range that has rows, unless all rows are in the same ones. */

static bool is_nowhere(const struct df_etcd_places *places)
{
    return !places->shared && !places->topics[0];
}

static bool need_notes(const struct df_etcd_build *build)
{
    const struct df_etcd_places *first = NULL;
    for (size_t i = 0; i < build->n; i++) {
        const struct df_etcd_places *places = &build->next[i].places;
        if (is_nowhere(places))
            continue;
        if (first && (first->shared != places->shared || strcmp(first->topics, places->topics) != 0))
            return true;
        first = places;
    }
    return false;
}

static int add_note(const char *topic, void *arg)
{
    struct df_etcd_build *build = arg;
    struct df_etcd_key key;
    int rc = df_etcd_note_add(&build->note, topic);
    if (rc <= 0)
        return rc;
    df_etcd_key_first(&key, *topic ? DF_ETCD_COPY : DF_ETCD_SHARED, topic);
    struct df_etcd_write *write = new_write(build, &key);
    if (write)
        write->put.value.data = build->note_bytes;
    return build->rc;
}

static int add_notes(struct df_etcd_build *build)
{
    int rc = 0;
    build->note.n = 0;
    if (!need_notes(build))
        return 0;
    size_t first = build->n_writes;
    for (size_t i = 0; i < build->n && rc == 0; i++) {
        const struct df_etcd_places *places = &build->next[i].places;
        rc = df_etcd_places_each(places->topics, add_note, build);
        if (rc == 0 && places->shared)
            rc = add_note("", build);
    }
    size_t len = df_etcd_note_write(&build->note, build->note_bytes);
    for (size_t i = first; i < build->n_writes; i++)
        build->writes[i].put.value.len = len;
    return rc;
}

int df_etcd_build_writes(struct df_etcd_build *build)
{
    int rc = 0;
    build->n_writes = 0;
    for (size_t i = 0; i < build->n && rc == 0; i++)
        rc = write_row(build, i);
    if (rc == 0)
        rc = add_notes(build);
    for (size_t i = 0; i < build->n_writes; i++) { /* here, as the array moves while it grows */
        struct df_etcd_write *write = &build->writes[i];
        write->put.key = write->delete.key = key_bytes(&write->key);
        if (write->op.request_case == DF_ETCD__REQUEST_OP__REQUEST_REQUEST_PUT)
            write->op.request_put = &write->put;
        else
            write->op.request_delete_range = &write->delete;
    }
    return rc;
}

int df_etcd_build_nest(const struct df_etcd_build *build, struct df_etcd_shelf *shelf, DfEtcd__TxnRequest *request)
{
    size_t around = build->n_compares > 2 * build->n ? build->n_compares : 2 * build->n,
           each = DF_ETCD_TXN_OPS - around;
    size_t n = (build->n_writes + each - 1) / each;
    if (n > around)
        return -E2BIG;
    for (size_t i = 0; i < n; i++) {
        size_t begin = i * each;
        df_etcd__txn_request__init(&shelf->inner[i]);
        shelf->inner[i].success = shelf->list + begin;
        shelf->inner[i].n_success = build->n_writes - begin < each ? build->n_writes - begin : each;
        df_etcd__request_op__init(&shelf->inner_ops[i]);
        shelf->inner_ops[i].request_case = DF_ETCD__REQUEST_OP__REQUEST_REQUEST_TXN;
        shelf->inner_ops[i].request_txn = &shelf->inner[i];
        shelf->inner_list[i] = &shelf->inner_ops[i];
    }
    request->success = shelf->inner_list;
    request->n_success = n;
    return 0;
}
