/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/apps/fake.h"
#include "control/log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

extern const struct df_app df_app; /* of the app under test */

#define OBJECTS_MAX 64
#define ENTRIES_MAX 512
#define NUMBERS_MAX 4096
#define NOTES_MAX 300
#define NOTE_MAX 512

static struct {
    enum df_nb_table table;
    const ProtobufCMessage *message;
} model[OBJECTS_MAX];
static size_t n_model;

static struct {
    enum df_nb_table table;
    char id[64];
} reads[OBJECTS_MAX];
static size_t n_reads;

static struct fake_entry *entries[ENTRIES_MAX];
static size_t n_entries;
static char notes[NOTES_MAX][NOTE_MAX];
static size_t n_notes;
static char refusal[NOTE_MAX];
static const char *unneeded, *dead;
static const char *remote;
static const struct df_underlay_end *underlay;
static const struct df_compile_place *places;
static size_t n_places;

static struct {
    enum df_nb_table table;
    char id[64];
} numbers[NUMBERS_MAX]; /* table DF_NB_TABLES: a part */
static size_t n_numbers;

struct fake_sent fake_sent;
int fake_send_error;
size_t fake_logged;

void fake_reset(void)
{
    for (size_t i = 0; i < n_entries; i++)
        free(entries[i]);
    n_model = n_reads = n_entries = n_notes = n_numbers = fake_logged = 0;
    refusal[0] = 0;
    unneeded = remote = dead = NULL;
    underlay = NULL;
    n_places = 0;
    fake_sent.n = 0;
    fake_send_error = 0;
}

void fake_add(enum df_nb_table table, const void *object)
{
    assert(n_model < OBJECTS_MAX);
    model[n_model].table = table;
    model[n_model++].message = object;
}

void fake_set_unneeded(const char *lswitch_id)
{
    unneeded = lswitch_id;
}

void fake_set_remote(const char *lport_id)
{
    remote = lport_id;
}

void fake_set_dead(const char *chassis_id)
{
    dead = chassis_id;
}

void fake_set_places(const struct df_compile_place *list, size_t n)
{
    places = list;
    n_places = n;
}

void fake_set_underlay(const struct df_underlay_end *end)
{
    underlay = end;
}

void fake_compile(enum df_nb_table table, const void *object)
{
    for (const struct df_app_rule *rule = df_app.rules; rule->compile; rule++) {
        if (rule->table == table)
            rule->compile(NULL, object);
    }
}

/* ---- What the test asks. */

const struct fake_entry *fake_find(uint16_t table, const void *key, size_t key_len)
{
    const struct fake_entry *best = NULL;
    for (size_t i = 0; i < n_entries; i++) {
        const struct fake_entry *entry = entries[i];
        if (entry->table == table && entry->key_len == key_len && memcmp(entry->key, key, key_len) == 0 &&
            (!best || entry->rank < best->rank))
            best = entry;
    }
    return best;
}

const void *fake_value(uint16_t table, const void *key, size_t key_len)
{
    const struct fake_entry *entry = fake_find(table, key, key_len);
    return entry ? entry->value : NULL;
}

size_t fake_count(uint16_t table)
{
    size_t n = 0;
    for (size_t i = 0; i < n_entries; i++)
        n += entries[i]->table == table;
    return n;
}

bool fake_has_problem(const char *part, const char *other_part)
{
    for (size_t i = 0; i < n_notes; i++) {
        if (strstr(notes[i], part) && (!other_part || strstr(notes[i], other_part)))
            return true;
    }
    return false;
}

size_t fake_problems(void)
{
    return n_notes;
}

const char *fake_refusal(void)
{
    return refusal;
}

bool fake_was_read(enum df_nb_table table, const char *id)
{
    for (size_t i = 0; i < n_reads; i++) {
        if (reads[i].table == table && strcmp(reads[i].id, id) == 0)
            return true;
    }
    return false;
}

static uint32_t find_number(enum df_nb_table table, const char *id)
{
    for (size_t i = 0; i < n_numbers; i++) {
        if (numbers[i].table == table && strcmp(numbers[i].id, id) == 0)
            return (uint32_t)i + 1;
    }
    return 0;
}

uint32_t fake_number(enum df_nb_table table, const char *id)
{
    return find_number(table, id);
}

uint32_t fake_part_number(const char *part)
{
    return find_number(DF_NB_TABLES, part);
}

struct df_mac fake_mac(const char *text)
{
    struct df_mac mac = {{0}};
    if (df_mac_parse(text, &mac) < 0)
        abort();
    return mac;
}

struct df_ip fake_ip(const char *text)
{
    struct df_ip ip = {{{0}}};
    if (df_ip_parse(text, &ip) < 0)
        abort();
    return ip;
}

uint32_t fake_ip4(const char *text)
{
    return fake_ip(text).word[3];
}

/* ---- compile.h */

static const ProtobufCMessage *find_object(enum df_nb_table table, const char *id)
{
    for (size_t i = 0; i < n_model; i++) {
        if (model[i].table == table && strcmp(df_schema_id(model[i].message), id) == 0)
            return model[i].message;
    }
    return NULL;
}

const ProtobufCMessage *df_compile_read(struct df_compile *c, enum df_nb_table table, const char *id)
{
    (void)c;
    assert(n_reads < OBJECTS_MAX);
    reads[n_reads].table = table;
    snprintf(reads[n_reads++].id, sizeof(reads[0].id), "%s", id);
    return find_object(table, id);
}

uint32_t df_compile_key(struct df_compile *c, enum df_nb_table table, const char *id)
{
    (void)c;
    const ProtobufCMessage *object = find_object(table, id);
    return object ? df_schema_unique_key(object) : 0;
}

bool df_compile_is_local(struct df_compile *c, const Df__LogicalPort *lport)
{
    (void)c;
    return lport->enabled && lport->binding && !(remote && strcmp(remote, lport->id) == 0);
}

bool df_compile_needs_network(struct df_compile *c, const char *lswitch_id)
{
    (void)c;
    return !(unneeded && strcmp(unneeded, lswitch_id) == 0);
}

uint32_t df_compile_domain(struct df_compile *c, const char *lswitch_id)
{
    return lswitch_id && df_compile_needs_network(c, lswitch_id) ? FAKE_DOMAIN : 0;
}

bool df_compile_segment(struct df_compile *c, const char *lswitch_id, struct df_segment *segment)
{
    (void)c;
    const Df__LogicalSwitch *lswitch = (const Df__LogicalSwitch *)find_object(DF_NB_LSWITCH, lswitch_id);
    if (!lswitch)
        return false;
    *segment = (struct df_segment){.network = lswitch->unique_key,
                                   .network_type = lswitch->network_type,
                                   .has_segmentation_id = lswitch->has_segmentation_id,
                                   .segmentation_id = lswitch->segmentation_id};
    return true;
}

static uint32_t number_of(enum df_nb_table table, const char *id)
{
    uint32_t number = find_number(table, id);
    if (number)
        return number;
    assert(n_numbers < NUMBERS_MAX);
    numbers[n_numbers].table = table;
    snprintf(numbers[n_numbers].id, sizeof(numbers[0].id), "%s", id);
    return (uint32_t)++n_numbers;
}

uint32_t df_compile_number(struct df_compile *c, enum df_nb_table table, const char *id)
{
    (void)c;
    return number_of(table, id);
}

uint32_t df_compile_part_number(struct df_compile *c, const char *part)
{
    (void)c;
    return number_of(DF_NB_TABLES, part);
}

bool df_compile_needs_rules(struct df_compile *c, const char *secgroup_id)
{
    return df_compile_needs_network(c, secgroup_id);
}

bool df_compile_needs_members(struct df_compile *c, enum df_nb_table table, const char *id)
{
    (void)table;
    return df_compile_needs_network(c, id);
}

uint16_t df_compile_port(struct df_compile *c, const Df__LogicalPort *lport)
{
    return df_compile_is_local(c, lport) ? 3 : 0;
}

const struct df_underlay_end *df_compile_underlay(struct df_compile *c)
{
    (void)c;
    return underlay;
}

struct df_mac df_compile_underlay_mac(struct df_compile *c)
{
    (void)c;
    return fake_mac(FAKE_UNDERLAY_MAC);
}

enum df_peer_reach df_compile_neighbour(struct df_compile *c, const struct df_ip *ip, struct df_mac *mac)
{
    (void)c;
    *mac = (struct df_mac){{0}};
    if (ip->byte[15] == 99)
        return DF_PEER_UNREACHABLE;
    *mac = (struct df_mac){{2, 0, 0, 0, 1, ip->byte[15]}};
    return DF_PEER_REACHABLE;
}

void df_compile_places(struct df_compile *c, const char *lswitch_id,
                       void (*cb)(struct df_compile *c, const struct df_compile_place *place, void *arg), void *arg)
{
    for (size_t i = 0; lswitch_id && i < n_places; i++)
        cb(c, &places[i], arg);
}

bool df_compile_is_dead(struct df_compile *c, const char *chassis_id)
{
    (void)c;
    return dead && strcmp(chassis_id, dead) == 0;
}

uint16_t df_compile_path_mtu(struct df_compile *c, const struct df_ip *ip)
{
    (void)c;
    return ip->byte[15] == 98 ? FAKE_PATH_MTU : underlay->mtu;
}

uint32_t df_compile_app_id(struct df_compile *c)
{
    (void)c;
    return 7;
}

void df_compile_emit_ranked(struct df_compile *c, unsigned rank, uint16_t table, const void *key, uint16_t key_len,
                            const void *value, uint32_t value_len)
{
    (void)c;
    assert(n_entries < ENTRIES_MAX && key_len <= DF_KEY_MAX && value_len <= DF_VALUE_MAX);
    struct fake_entry *entry = calloc(1, sizeof(*entry));
    assert(entry);
    *entry = (struct fake_entry){.rank = rank, .table = table, .key_len = key_len, .value_len = value_len};
    memcpy(entry->key, key, key_len);
    memcpy(entry->value, value, value_len);
    entries[n_entries++] = entry;
}

void df_compile_emit(struct df_compile *c, uint16_t table, const void *key, uint16_t key_len, const void *value,
                     uint32_t value_len)
{
    df_compile_emit_ranked(c, 0, table, key, key_len, value, value_len);
}

void df_compile_problem(struct df_compile *c, const char *format, ...)
{
    (void)c;
    va_list args;
    va_start(args, format);
    assert(n_notes < NOTES_MAX);
    vsnprintf(notes[n_notes++], NOTE_MAX, format, args);
    va_end(args);
}

void df_compile_refuse(struct df_compile *c, const char *format, ...)
{
    (void)c;
    va_list args;
    va_start(args, format);
    vsnprintf(refusal, sizeof(refusal), format, args);
    va_end(args);
}

/* ---- app.h and log.h */

int df_app_packet_out(uint16_t port, const uint8_t *frame, uint32_t len)
{
    if (fake_send_error)
        return fake_send_error;
    assert(len <= sizeof(fake_sent.frame));
    fake_sent.n++;
    fake_sent.port = port;
    fake_sent.len = len;
    memcpy(fake_sent.frame, frame, len);
    return 0;
}

const ProtobufCMessage *df_app_model_get(enum df_nb_table table, const char *id)
{
    return find_object(table, id);
}

void df_app_model_referrers(enum df_nb_table table, const char *field, const char *id,
                            bool (*cb)(const ProtobufCMessage *object, void *arg), void *arg)
{
    assert(table == DF_NB_LPORT && strcmp(field, "lswitch") == 0);
    for (size_t i = 0; i < n_model; i++) {
        const Df__LogicalPort *lport = (const Df__LogicalPort *)model[i].message;
        if (model[i].table == table && strcmp(lport->lswitch, id) == 0 && !cb(model[i].message, arg))
            return;
    }
}

void df_log(enum df_log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
    fake_logged++;
}
