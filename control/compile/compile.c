/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/binding/local_ports.h"
#include "control/compile/context.h"
#include "control/compile/places.h"
#include "control/compile/segment.h"
#include "control/log.h"
#include "control/model/alloc.h"

#define NOTE_MAX 512
#define NOTES_MAX 16 /* of one unit */

/* ---- Reading the model */

static struct df_object *thing(struct df_compile *c, enum df_nb_table table, const char *id)
{
    return id && *id ? df_store_want(c->store, table, id) : NULL;
}

const ProtobufCMessage *df_compile_read(struct df_compile *c, enum df_nb_table table, const char *id)
{
    struct df_object *object = thing(c, table, id);
    if (!object)
        return NULL;
    df_watch(&object->read, &c->unit->watcher, object);
    return object->message;
}

uint32_t df_compile_key(struct df_compile *c, enum df_nb_table table, const char *id)
{
    struct df_object *object = thing(c, table, id);
    if (!object)
        return 0;
    df_watch(&object->key, &c->unit->watcher, object);
    return object->unique_key;
}

bool df_compile_is_local(struct df_compile *c, const Df__LogicalPort *lport)
{
    return df_relevance_is_local(c->relevance, lport);
}

bool df_compile_needs_network(struct df_compile *c, const char *lswitch_id)
{
    struct df_object *network = thing(c, DF_NB_LSWITCH, lswitch_id);
    if (!network)
        return false;
    df_watch(&network->needed_by, &c->unit->watcher, network);
    return network->needed;
}

uint32_t df_compile_domain(struct df_compile *c, const char *lswitch_id)
{
    struct df_object *network = thing(c, DF_NB_LSWITCH, lswitch_id);
    if (!network)
        return 0;
    df_watch(&network->domain, &c->unit->watcher, network);
    return network->domain_key;
}

void df_compile_places(struct df_compile *c, const char *lswitch_id,
                       void (*cb)(struct df_compile *c, const struct df_compile_place *place, void *arg), void *arg)
{
    struct df_object *network = thing(c, DF_NB_LSWITCH, lswitch_id);
    if (!network)
        return;
    df_watch(&network->places, &c->unit->watcher, network);
    for (const struct df_place *at = df_places_sorted(network); at; at = at->hh.next) {
        struct df_compile_place place = {.chassis = at->is_vtep ? NULL : at->where,
                                         .vtep_address = at->is_vtep ? at->where : NULL,
                                         .is_open = at->open_ports != 0};
        cb(c, &place, arg);
    }
}

bool df_compile_is_dead(struct df_compile *c, const char *chassis_id)
{
    struct df_object *chassis = thing(c, DF_NB_CHASSIS, chassis_id);
    if (!chassis)
        return false;
    df_watch(&chassis->alive, &c->unit->watcher, chassis);
    return chassis->dead;
}

bool df_compile_segment(struct df_compile *c, const char *lswitch_id, struct df_segment *segment)
{
    struct df_object *network = thing(c, DF_NB_LSWITCH, lswitch_id);
    if (!network)
        return false;
    df_watch(&network->segment, &c->unit->watcher, network);
    if (!network->message)
        return false;
    *segment = df_segment_of((const Df__LogicalSwitch *)network->message);
    return true;
}

void df_compile_referrers(struct df_compile *c, enum df_nb_table table, const char *field, const char *id,
                          void (*cb)(struct df_compile *c, const ProtobufCMessage *object, void *arg), void *arg)
{
    enum df_nb_table to = df_schema_refers(table, field);
    struct df_object *object;
    size_t n;
    if (to == DF_NB_TABLES) {
        df_compile_problem(c, "table %s has no reference '%s'", df_schema_table(table)->name, field);
        return;
    }
    object = thing(c, to, id);
    if (!object)
        return;
    struct df_referrers *referrers = df_object_referrers(object, table, field);
    df_watch(&referrers->watched, &c->unit->watcher, object);
    struct df_object *const *member = df_referrers_sorted(referrers, &n);
    for (size_t i = 0; i < n; i++)
        cb(c, member[i]->message, arg);
}

uint16_t df_compile_port(struct df_compile *c, const Df__LogicalPort *lport)
{
    if (!df_relevance_is_local(c->relevance, lport))
        return 0;
    return df_local_ports_number(c->ports, lport->id, &c->unit->watcher);
}

uint32_t df_compile_number(struct df_compile *c, enum df_nb_table table, const char *id)
{
    return df_numbers_hold(c->objects, &c->unit->holds, table, id, "");
}

uint32_t df_compile_part_number(struct df_compile *c, const char *part)
{
    const struct df_object *object = c->unit->object;
    return df_numbers_hold(c->parts, &c->unit->holds, object->table, object->id, part);
}

bool df_compile_needs_rules(struct df_compile *c, const char *secgroup_id)
{
    struct df_object *group = thing(c, DF_NB_SECGROUP, secgroup_id);
    if (!group)
        return false;
    df_watch(&group->needed_by, &c->unit->watcher, group);
    return group->local_ports > 0;
}

bool df_compile_needs_members(struct df_compile *c, enum df_nb_table table, const char *id)
{
    struct df_object *group = thing(c, table, id);
    if (!group)
        return false;
    df_watch(&group->members_needed_by, &c->unit->watcher, group);
    return group->remote_of > 0;
}

const struct df_underlay_end *df_compile_underlay(struct df_compile *c)
{
    return df_underlay_port_end(c->underlay);
}

struct df_mac df_compile_underlay_mac(struct df_compile *c)
{
    return df_underlay_port_mac(c->underlay, &c->unit->watcher);
}

enum df_peer_reach df_compile_neighbour(struct df_compile *c, const struct df_ip *ip, struct df_mac *mac)
{
    return df_underlay_port_neighbour(c->underlay, ip, &c->unit->watcher, mac);
}

uint16_t df_compile_path_mtu(struct df_compile *c, const struct df_ip *ip)
{
    return df_underlay_port_path_mtu(c->underlay, ip, &c->unit->watcher);
}

uint32_t df_compile_app_id(struct df_compile *c)
{
    return c->unit->rule->app_id;
}

/* ---- Emitting */

void df_compile_emit(struct df_compile *c, uint16_t table, const void *key, uint16_t key_len, const void *value,
                     uint32_t value_len)
{
    df_compile_emit_ranked(c, 0, table, key, key_len, value, value_len);
}

void df_compile_emit_ranked(struct df_compile *c, unsigned rank, uint16_t table, const void *key, uint16_t key_len,
                            const void *value, uint32_t value_len)
{
    if (table >= DF_TABLE_MAX || key_len > DF_KEY_MAX || value_len > DF_VALUE_MAX) {
        df_compile_problem(c, "an entry for table %u has a key of %u and a value of %u bytes; at most %u and %u fit",
                           table, key_len, value_len, DF_KEY_MAX, DF_VALUE_MAX);
        return;
    }
    df_entries_emit(c->entries, c->unit, rank, table, key, key_len, value, value_len);
}

/* ---- Notes */

void df_notes_free(struct df_note *note)
{
    while (note) {
        struct df_note *next = note->next;
        free(note);
        note = next;
    }
}

static bool has_note(const struct df_note *note, bool refusal, const char *text)
{
    for (; note; note = note->next)
        if (note->refusal == refusal && strcmp(note->text, text) == 0)
            return true;
    return false;
}

static void log_note(const struct df_compile *c, bool refusal, const char *text)
{
    const struct df_object *object = c->unit->object;
    df_log(DF_LOG_WARNING, "%s '%s': %s: %s%s", df_schema_table(object->table)->name, object->id,
           c->unit->rule->app->name, refusal ? "refused: " : "", text);
}

void df_compile_note(struct df_compile *c, bool refusal, const char *text)
{
    struct df_note **end = &c->unit->notes;
    size_t n = 0;
    if (has_note(c->unit->notes, refusal, text))
        return;
    for (; *end; end = &(*end)->next)
        n++;
    if (n >= NOTES_MAX && !refusal)
        return;
    size_t len = strlen(text);
    struct df_note *note = df_alloc(sizeof(*note) + len + 1);
    note->refusal = refusal;
    memcpy(note->text, text, len + 1);
    *end = note;
    if (!has_note(c->said_before, refusal, text))
        log_note(c, refusal, text);
}

void df_compile_problem(struct df_compile *c, const char *format, ...)
{
    char text[NOTE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    df_compile_note(c, false, text);
}

void df_compile_refuse(struct df_compile *c, const char *format, ...)
{
    char text[NOTE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    df_compile_note(c, c->unit->object->table == DF_NB_LPORT, text);
}

/* ---- For the app that comes last */

const char *df_compile_refusal(const struct df_compile *c)
{
    const struct df_units *units = c->unit->object->units;
    for (uint32_t i = 0; i < units->n; i++)
        for (const struct df_note *note = units->unit[i].notes; note; note = note->next)
            if (note->refusal)
                return note->text;
    return NULL;
}

uint32_t df_compile_provides(const struct df_compile *c)
{
    return c->provides;
}

bool df_compile_is_bound(const struct df_compile *c, const Df__LogicalPort *lport)
{
    return df_relevance_is_bound(c->relevance, lport);
}

struct df_local_ports *df_compile_local_ports(const struct df_compile *c)
{
    return c->ports;
}

struct df_watcher *df_compile_watcher(const struct df_compile *c)
{
    return &c->unit->watcher;
}
