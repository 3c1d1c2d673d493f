/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/seen.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 1024

struct slot {
    char *name; /* table, 0, id; NULL: empty */
    char *topics;
    uint64_t revision;
    bool shared;
};

struct df_etcd_seen {
    struct slot slots[SLOTS];
};

struct df_etcd_seen *df_etcd_seen_new(void)
{
    return calloc(1, sizeof(struct df_etcd_seen));
}

static void clear(struct slot *slot)
{
    free(slot->name);
    free(slot->topics);
    *slot = (struct slot){0};
}

void df_etcd_seen_free(struct df_etcd_seen *seen)
{
    for (size_t i = 0; seen && i < SLOTS; i++)
        clear(&seen->slots[i]);
    free(seen);
}

/* FNV-1a. */
static uint32_t hash(uint32_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (uint8_t)*text) * 16777619u;
    return h * 16777619u;
}

static size_t slot_of(const char *table, const char *id)
{
    uint32_t h = hash(hash(2166136261u, table), id);
    return (h ^ h >> 16) % SLOTS;
}

bool df_etcd_seen_find(const struct df_etcd_seen *seen, const char *table, const char *id, struct df_etcd_state *state)
{
    const struct slot *slot = &seen->slots[slot_of(table, id)];
    if (!slot->name || strcmp(slot->name, table) != 0 || strcmp(slot->name + strlen(table) + 1, id) != 0)
        return false;
    state->revision = slot->revision;
    state->places.shared = slot->shared;
    memcpy(state->places.topics, slot->topics, strlen(slot->topics) + 1);
    return true;
}

/* Out of memory: it is not known, that is all. */
void df_etcd_seen_note(struct df_etcd_seen *seen, const char *table, const char *id, const struct df_etcd_state *state)
{
    struct slot *slot = &seen->slots[slot_of(table, id)];
    size_t table_len = strlen(table) + 1, id_len = strlen(id) + 1;
    clear(slot);
    slot->name = malloc(table_len + id_len);
    slot->topics = strdup(state->places.topics);
    if (!slot->name || !slot->topics) {
        clear(slot);
        return;
    }
    memcpy(slot->name, table, table_len);
    memcpy(slot->name + table_len, id, id_len);
    slot->revision = state->revision;
    slot->shared = state->places.shared;
}
