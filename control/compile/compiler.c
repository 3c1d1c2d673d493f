/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/compiler.h"

#include <stdlib.h>
#include <string.h>

#include "control/compile/context.h"
#include "control/compile/segment.h"
#include "control/model/alloc.h"

struct df_compiler {
    struct df_compile call;
    struct df_unit_rule *rule[DF_NB_TABLES]; /* of each table, in order of the apps */
    uint32_t n_rules[DF_NB_TABLES];
    struct df_due due, due_last;
    uint64_t compiles;
};

static void add_rules(struct df_compiler *compiler, const struct df_app *app, uint32_t app_id, bool last,
                      uint32_t *order)
{
    compiler->call.provides |= app->provides;
    for (const struct df_app_rule *rule = app->rules; rule && rule->compile; rule++) {
        enum df_nb_table table = rule->table;
        uint32_t n = ++compiler->n_rules[table];
        compiler->rule[table] = df_realloc(compiler->rule[table], n * sizeof(struct df_unit_rule));
        compiler->rule[table][n - 1] = (struct df_unit_rule){
            .app = app, .compile = rule->compile, .app_id = app_id, .order = (*order)++, .last = last};
    }
}

struct df_compiler *df_compiler_new(const struct df_compiler_config *config)
{
    struct df_compiler *compiler = df_alloc(sizeof(*compiler));
    uint32_t order = 0;
    compiler->call = (struct df_compile){
        .store = config->store,
        .relevance = config->relevance,
        .ports = config->ports,
        .underlay = config->underlay,
        .entries = df_entries_new(),
        .objects = df_numbers_new(),
        .parts = df_numbers_new(),
    };
    for (size_t i = 0; i < config->n_apps; i++)
        add_rules(compiler, config->apps[i], (uint32_t)i + 1, i + 1 == config->n_apps, &order);
    return compiler;
}

/* ---- Units */

static void units_make(struct df_compiler *compiler, struct df_object *object)
{
    uint32_t n = compiler->n_rules[object->table];
    if (object->units || n == 0)
        return;
    object->units = df_alloc(sizeof(struct df_units) + n * sizeof(struct df_unit));
    object->units->n = n;
    for (uint32_t i = 0; i < n; i++) {
        struct df_unit *unit = &object->units->unit[i];
        unit->object = object;
        unit->rule = &compiler->rule[object->table][i];
        unit->watcher.queue = unit->rule->last ? &compiler->due_last : &compiler->due;
    }
}

static void units_due(struct df_object *object, bool last_only)
{
    struct df_units *units = object->units;
    for (uint32_t i = 0; units && i < units->n; i++)
        if (!last_only || units->unit[i].rule->last)
            df_watcher_due(&units->unit[i].watcher);
}

/* When the last unit of an object without a message has taken everything back, they go. */
static void units_retire(struct df_object *object)
{
    struct df_units *units = object->units;
    for (uint32_t i = 0; i < units->n; i++)
        if (units->unit[i].watcher.due)
            return;
    object->units = NULL;
    free(units);
    df_object_trim(object);
}

static const char *refusal_in(const struct df_note *note)
{
    while (note && !note->refusal)
        note = note->next;
    return note ? note->text : "";
}

static void compile_unit(struct df_compiler *compiler, struct df_unit *unit)
{
    struct df_compile *call = &compiler->call;
    struct df_object *object = unit->object;
    struct df_watch *watches = df_watcher_renew(&unit->watcher);
    struct df_number_holds held_before = unit->holds;
    unit->holds = (struct df_number_holds){0};
    call->unit = unit;
    call->said_before = unit->notes;
    unit->notes = NULL;

    df_entries_begin(unit);
    if (object->message) {
        compiler->compiles++;
        unit->rule->compile(call, object->message);
    }
    df_entries_end(call->entries, unit);
    df_number_holds_drop(&held_before);

    if (!unit->rule->last && strcmp(refusal_in(call->said_before), refusal_in(unit->notes)) != 0)
        units_due(object, true);
    df_notes_free(call->said_before);
    df_watches_drop(watches);
    if (!object->message)
        units_retire(object);
}

void df_compiler_run(struct df_compiler *compiler)
{
    df_relevance_update(compiler->call.relevance);
    for (;;) {
        struct df_watcher *watcher = df_due_take(&compiler->due);
        if (!watcher)
            watcher = df_due_take(&compiler->due_last);
        if (!watcher)
            return;
        compile_unit(compiler, (struct df_unit *)watcher);
    }
}

void df_compiler_settled(struct df_compiler *compiler)
{
    if (df_entries_refused(compiler->call.entries) != 0)
        return;
    df_numbers_settled(compiler->call.objects);
    df_numbers_settled(compiler->call.parts);
}

bool df_compiler_is_due(const struct df_compiler *compiler)
{
    return compiler->due.n + compiler->due_last.n > 0;
}

/* ---- Changes */

void df_compiler_set(struct df_compiler *compiler, struct df_object *object, ProtobufCMessage *message,
                     uint64_t revision)
{
    df_relevance_changes(compiler->call.relevance, object->table, object->message, message);
    df_segment_changes(object, message);
    df_object_set(object, message, revision);
    units_make(compiler, object);
    units_due(object, false);
}

void df_compiler_unset(struct df_compiler *compiler, struct df_object *object)
{
    df_relevance_changes(compiler->call.relevance, object->table, object->message, NULL);
    df_segment_changes(object, NULL);
    df_object_unset(object);
    units_due(object, false);
    if (!object->units)
        df_object_trim(object);
}

static void object_due(struct df_object *object, void *arg)
{
    (void)arg;
    units_due(object, false);
}

void df_compiler_all_due(struct df_compiler *compiler)
{
    df_relevance_recount(compiler->call.relevance);
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++)
        df_store_each(compiler->call.store, table, object_due, NULL);
}

/* ---- What is asked of it */

struct df_entries *df_compiler_entries(struct df_compiler *compiler)
{
    return compiler->call.entries;
}

const struct df_numbers *df_compiler_objects(const struct df_compiler *compiler)
{
    return compiler->call.objects;
}

const struct df_numbers *df_compiler_parts(const struct df_compiler *compiler)
{
    return compiler->call.parts;
}

uint64_t df_compiler_compiles(const struct df_compiler *compiler)
{
    return compiler->compiles;
}

const char *df_compiler_refusal(const struct df_object *object)
{
    const char *why = NULL;
    for (uint32_t i = 0; object->units && !why && i < object->units->n; i++)
        why = df_entries_refusal(&object->units->unit[i]);
    return why;
}

void df_compiler_notes(const struct df_object *object,
                       void (*cb)(const struct df_object *object, const char *app, const char *text, bool refusal,
                                  void *arg),
                       void *arg)
{
    for (uint32_t i = 0; object->units && i < object->units->n; i++) {
        const struct df_unit *unit = &object->units->unit[i];
        for (const struct df_note *note = unit->notes; note; note = note->next)
            cb(object, unit->rule->app->name, note->text, note->refusal, arg);
    }
}

static void waiters(const struct df_watched *thing,
                    void (*cb)(const struct df_object *object, const char *app, void *arg), void *arg)
{
    for (const struct df_watch *watch = thing->first; watch; watch = watch->next) {
        const struct df_unit *unit = (const struct df_unit *)watch->watcher;
        cb(unit->object, unit->rule->app->name, arg);
    }
}

void df_compiler_waiters(const struct df_object *missing,
                         void (*cb)(const struct df_object *object, const char *app, void *arg), void *arg)
{
    waiters(&missing->read, cb, arg);
    waiters(&missing->key, cb, arg);
    waiters(&missing->segment, cb, arg);
}

/* ---- The end */

static void units_drop(struct df_object *object, void *arg)
{
    struct df_compiler *compiler = arg;
    struct df_units *units = object->units;
    for (uint32_t i = 0; units && i < units->n; i++) {
        struct df_unit *unit = &units->unit[i];
        df_entries_begin(unit);
        df_entries_end(compiler->call.entries, unit);
        df_entries_forget(unit);
        df_notes_free(unit->notes);
        df_number_holds_drop(&unit->holds);
        df_watches_drop(df_watcher_renew(&unit->watcher));
    }
    object->units = NULL;
    free(units);
}

void df_compiler_free(struct df_compiler *compiler)
{
    if (!compiler)
        return;
    df_store_close(compiler->call.store);
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++) {
        df_store_each(compiler->call.store, table, units_drop, compiler);
        free(compiler->rule[table]);
    }
    df_entries_free(compiler->call.entries);
    df_numbers_free(compiler->call.objects);
    df_numbers_free(compiler->call.parts);
    free(compiler);
}
