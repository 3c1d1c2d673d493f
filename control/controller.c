/* SPDX-License-Identifier: Apache-2.0 */
#include "control/controller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/binding/binding.h"
#include "control/compile/entries.h"
#include "control/controller_state.h"
#include "control/log.h"
#include "control/model/alloc.h"
#include "dbsync/field.h"
#include "fastpath/underlay/underlay.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS 30000

/* Whom df_app_packet_out() and df_app_model_get() speak of: the controller whose app runs, else the one made last. */
static struct df_controller *current;

/* The datapath port of a local lport, by its unique_key; 0: it has none. */
static uint16_t port_of_key(void *arg, uint32_t lport)
{
    const struct df_controller *controller = arg;
    const struct df_object *object = df_store_by_key(controller->store, DF_NB_LPORT, lport);
    return object ? df_local_ports_number_of(controller->ports, object->id) : 0;
}

int df_controller_new(const struct df_controller_config *config, struct df_controller **made, struct df_error *error)
{
    struct df_apps apps;
    struct df_underlay_port *underlay;
    int err = df_underlay_port_new(config->underlay, config->dp, &underlay, error);
    if (err < 0)
        return err;
    err = df_apps_load(config, &df_app_binding, &apps, error);
    if (err < 0) {
        df_underlay_port_free(underlay);
        return err;
    }
    struct df_controller *controller = df_alloc(sizeof(*controller));
    controller->underlay = underlay;
    controller->host = df_strdup(config->host);
    controller->dp = config->dp;
    controller->clock = config->clock;
    controller->apps = apps;
    controller->store = df_store_new();
    controller->relevance = df_relevance_new(controller->store, config->host);
    controller->ports =
        df_local_ports_new(controller->store, controller->relevance, config->dp, config->vhost_sock_dir);
    controller->liveness = df_liveness_new(controller->store, config->host);
    controller->self = config->self ? df_self_new(config->self) : NULL;
    if (config->selective)
        controller->interest = df_interest_new(controller->store, controller->relevance, config->host);
    controller->compiler = df_compiler_new(&(struct df_compiler_config){
        .store = controller->store,
        .relevance = controller->relevance,
        .ports = controller->ports,
        .underlay = controller->underlay,
        .apps = apps.app,
        .n_apps = apps.n,
    });
    df_underlay_port_set_ports(controller->underlay, port_of_key, controller);
    current = controller;
    *made = controller;
    return 0;
}

void df_controller_free(struct df_controller *controller)
{
    if (!controller)
        return;
    if (current == controller)
        current = NULL;
    df_compiler_free(controller->compiler);
    df_local_ports_free(controller->ports);
    df_underlay_port_free(controller->underlay);
    df_interest_free(controller->interest);
    df_self_free(controller->self);
    df_liveness_free(controller->liveness);
    df_relevance_free(controller->relevance);
    df_store_free(controller->store);
    df_apps_unload(&controller->apps);
    free(controller->host);
    free(controller);
}

/* ---- Changes */

/* A snapshot tells again what is known. The revision alone does not do: a database that was made anew counts from 1. */
static bool is_known(const struct df_object *object, const struct df_nb_change *change)
{
    return object->message && object->revision == change->revision && df_message_equal(object->message, change->object);
}

static void touch_port(struct df_controller *controller, const struct df_object *object)
{
    if (object->table == DF_NB_LPORT)
        df_local_ports_touch(controller->ports, object->id);
}

/*
 * Of those that nodes write themselves. A database that has no others is empty: it was made anew, and the nodes that
 * came first told of themselves.
 */
static bool is_of_nodes(enum df_nb_table table)
{
    return table == DF_NB_CHASSIS || table == DF_NB_SERVICE || table == DF_NB_PORT_STATUS;
}

static void take_set(struct df_controller *controller, struct df_nb_change *change)
{
    struct df_object *object = df_store_want(controller->store, change->table, change->id);
    ProtobufCMessage *message = change->object;
    object->snapshot = controller->snapshot;
    df_object_set_bad(object, NULL);
    if (change->table == DF_NB_PORT_STATUS && controller->self)
        df_self_hear(controller->self, (const Df__PortStatus *)message);
    if (is_known(object, change))
        return;
    change->object = NULL;
    touch_port(controller, object);
    df_compiler_set(controller->compiler, object, message, change->revision);
}

static void take_delete(struct df_controller *controller, struct df_object *object)
{
    df_object_set_bad(object, NULL);
    touch_port(controller, object);
    if (object->message)
        df_compiler_unset(controller->compiler, object);
    else
        df_object_trim(object);
}

static void take_bad(struct df_controller *controller, const struct df_nb_change *change)
{
    struct df_object *object = df_store_want(controller->store, change->table, change->id);
    const char *why = change->error ? change->error : "its row cannot be read";
    object->snapshot = controller->snapshot;
    if (!object->bad || strcmp(object->bad, why) != 0)
        df_log(DF_LOG_ERROR, "%s; %s", why,
               object->message ? "its older version stays in force" : "it is left out until it is mended");
    df_object_set_bad(object, why);
}

struct sweep {
    struct df_object **gone;
    size_t n, room;
    uint32_t snapshot;
};

static void find_gone(struct df_object *object, void *arg)
{
    struct sweep *sweep = arg;
    if ((!object->message && !object->bad) || object->snapshot == sweep->snapshot)
        return;
    if (sweep->n == sweep->room) {
        sweep->room = sweep->room ? 2 * sweep->room : 64;
        sweep->gone = df_realloc(sweep->gone, sweep->room * sizeof(struct df_object *));
    }
    sweep->gone[sweep->n++] = object;
}

/*
 * Is a snapshot without rows what is to be expected? A selective node without a port asks for none; the rest of what it
 * knows is what a port needed that is gone, and nobody tells it any more what becomes of that.
 */
static bool expects_nothing(const struct df_controller *controller)
{
    return controller->interest && !df_interest_has_port(controller->interest);
}

/* Deletes what the snapshot did not tell. An object without a message may go with the last that refers to it, so one
 * that still is to be deleted always has one, or is bad. */
static void sweep(struct df_controller *controller)
{
    struct sweep sweep = {.snapshot = controller->snapshot};
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++)
        df_store_each(controller->store, table, find_gone, &sweep);
    controller->held = controller->snapshot_rows == 0 && sweep.n > 0 && !expects_nothing(controller);
    if (controller->held)
        df_log(DF_LOG_WARNING,
               "the database is empty; this node keeps the %zu objects it knows until the database has some again, or "
               "df-switchd is started again",
               sweep.n);
    for (size_t i = 0; i < sweep.n && !controller->held; i++)
        take_delete(controller, sweep.gone[i]);
    free(sweep.gone);
}

void df_controller_change(struct df_controller *controller, struct df_nb_change *change)
{
    struct df_object *object;
    controller->work.changes++;
    df_liveness_take(controller->liveness, change, controller->clock->now_ms(controller->clock));
    switch (change->event) {
    case DF_NB_SNAPSHOT_BEGIN:
        controller->in_snapshot = true;
        controller->snapshot++;
        controller->snapshot_rows = 0;
        break;
    case DF_NB_SET:
        controller->snapshot_rows += !is_of_nodes(change->table);
        take_set(controller, change);
        break;
    case DF_NB_DELETE:
        object = df_store_find(controller->store, change->table, change->id);
        if (object)
            take_delete(controller, object);
        break;
    case DF_NB_BAD:
        controller->snapshot_rows++;
        take_bad(controller, change);
        break;
    case DF_NB_SNAPSHOT_END:
        sweep(controller);
        controller->in_snapshot = false;
        break;
    case DF_NB_LEASE_HELD:
    case DF_NB_LEASE_ENDED:
        break;
    }
}

void df_controller_database(struct df_controller *controller, bool away)
{
    df_liveness_database(controller->liveness, away, controller->clock->now_ms(controller->clock));
    if (!away && controller->self)
        df_self_repeat(controller->self);
}

void df_controller_rival(struct df_controller *controller, const char *rival)
{
    df_local_ports_set_rival(controller->ports, rival);
    if (!rival && controller->self)
        df_self_bury(controller->self, controller->store, controller->liveness);
}

const char *const *df_controller_interest(struct df_controller *controller, size_t *n, bool *less)
{
    *less = false;
    if (!controller->interest || controller->in_snapshot)
        return NULL;
    return df_interest_update(controller->interest, n, less);
}

/* ---- Settling */

static void back_off(struct df_controller *controller, uint64_t now_ms)
{
    if (df_entries_refused(df_compiler_entries(controller->compiler)) == 0) {
        controller->backoff_ms = 0;
        return;
    }
    if (controller->backoff_ms && now_ms < controller->retry_ms)
        return;
    uint32_t next = controller->backoff_ms ? 2 * controller->backoff_ms : RETRY_FIRST_MS;
    controller->backoff_ms = next < RETRY_MOST_MS ? next : RETRY_MOST_MS;
    controller->retry_ms = now_ms + controller->backoff_ms;
}

static size_t commit(struct df_controller *controller, uint64_t now_ms)
{
    struct df_entries *entries = df_compiler_entries(controller->compiler);
    struct df_datapath_work before = controller->dp->work;
    if (controller->backoff_ms && now_ms >= controller->retry_ms)
        df_entries_retry(entries);
    struct df_txn *txn = df_entries_changes(entries);
    if (txn)
        controller->work.refused += df_datapath_commit(controller->dp, txn, df_entries_failed, entries);
    df_entries_committed(entries);
    df_compiler_settled(controller->compiler);
    back_off(controller, now_ms);
    uint64_t puts = controller->dp->work.puts - before.puts;
    uint64_t dels = controller->dp->work.dels - before.dels;
    controller->work.puts += puts;
    controller->work.dels += dels;
    return (size_t)(puts + dels);
}

size_t df_controller_settle(struct df_controller *controller)
{
    size_t n = 0;
    if (controller->in_snapshot)
        return 0;
    uint64_t now_ms = controller->clock->now_ms(controller->clock);
    bool buries = controller->self && !df_local_ports_rival(controller->ports, NULL);
    if (df_liveness_settle(controller->liveness, now_ms) && buries)
        df_self_bury(controller->self, controller->store, controller->liveness);
    do {
        df_compiler_run(controller->compiler);
        df_local_ports_close(controller->ports);
        n += commit(controller, now_ms);
        df_local_ports_open(controller->ports, now_ms);
        df_underlay_port_settle(controller->underlay, now_ms);
        /* A port that went may have left a number or an interface to another; the underlay's has a MAC. */
    } while (df_compiler_is_due(controller->compiler));
    if (controller->self)
        df_self_settle(controller->self, controller->ports, now_ms);
    return n;
}

size_t df_controller_recompile(struct df_controller *controller)
{
    if (controller->in_snapshot)
        return 0;
    df_compiler_all_due(controller->compiler);
    return df_controller_settle(controller);
}

/* -1: never. */
static int64_t sooner(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

int64_t df_controller_next_due_ms(const struct df_controller *controller)
{
    if (!controller->in_snapshot && df_compiler_is_due(controller->compiler)) /* a punted packet brought news */
        return (int64_t)controller->clock->now_ms(controller->clock);
    int64_t entries = controller->backoff_ms ? (int64_t)controller->retry_ms : -1;
    int64_t ports = df_local_ports_next_ms(controller->ports);
    int64_t nodes =
        sooner(df_liveness_next_ms(controller->liveness), controller->self ? df_self_next_ms(controller->self) : -1);
    return sooner(sooner(entries, nodes), sooner(ports, df_underlay_port_next_ms(controller->underlay)));
}

struct df_controller_work df_controller_work(const struct df_controller *controller)
{
    struct df_controller_work work = controller->work;
    work.compiles = df_compiler_compiles(controller->compiler);
    return work;
}

/* ---- What the datapath calls back with */

void df_controller_punt(void *arg, uint32_t app_id, uint32_t lport, uint32_t network, const uint8_t *frame,
                        uint32_t len)
{
    struct df_controller *controller = arg;
    uint64_t now_ms = controller->clock->now_ms(controller->clock);
    if (app_id >= DF_PUNT_OWN_FIRST) {
        df_underlay_port_punt(controller->underlay, app_id, lport, frame, len, now_ms);
        return;
    }
    const struct df_object *object = df_store_by_key(controller->store, DF_NB_LPORT, lport);
    const struct df_app *app = app_id > 0 && app_id <= controller->apps.n ? controller->apps.app[app_id - 1] : NULL;
    uint16_t port = object ? df_local_ports_number_of(controller->ports, object->id) : 0;
    if (!app || !app->punt || port == 0) {
        controller->unknown_punts++;
        return;
    }
    struct df_punt punt = {
        .lport_id = object->id,
        .port = port,
        .lport = lport,
        .network = network,
        .frame = frame,
        .len = len,
        .now_ms = now_ms,
    };
    struct df_controller *before = current;
    current = controller;
    app->punt(&punt);
    current = before;
}

void df_controller_port_changed(void *arg, uint16_t port, const struct df_port_state *state)
{
    struct df_controller *controller = arg;
    if (port == DF_UNDERLAY_PORT)
        df_underlay_port_changed(controller->underlay, state);
    else if (port == DF_UNDERLAY_EXCEPTION)
        df_underlay_exception_changed(controller->underlay, state);
    else
        df_local_ports_changed(controller->ports, port, state);
}

bool df_controller_device_came(struct df_controller *controller, const char *name)
{
    return df_local_ports_device_came(controller->ports, name);
}

int df_app_packet_out(uint16_t port, const uint8_t *frame, uint32_t len)
{
    if (!current || !current->dp->ops->packet_out)
        return -ENODEV;
    return current->dp->ops->packet_out(current->dp, port, frame, len);
}

const ProtobufCMessage *df_app_model_get(enum df_nb_table table, const char *id)
{
    const struct df_object *object = current && id ? df_store_find(current->store, table, id) : NULL;
    return object ? object->message : NULL;
}

void df_app_model_referrers(enum df_nb_table table, const char *field, const char *id,
                            bool (*cb)(const ProtobufCMessage *object, void *arg), void *arg)
{
    enum df_nb_table to = df_schema_refers(table, field);
    struct df_object *object = current && id && to != DF_NB_TABLES ? df_store_find(current->store, to, id) : NULL;
    if (!object)
        return;
    size_t n;
    struct df_object *const *member = df_referrers_sorted(df_object_referrers(object, table, field), &n);
    for (size_t i = 0; i < n && cb(member[i]->message, arg); i++)
        ;
}
