/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"

/*
 * Zones: a port's number and its life, and how many connections it has in this life.
 *
 * The count of a life is in one word with it, so that what is left of an earlier life is neither counted in nor out.
 */

struct zone {
    _Atomic uint64_t count;    /* live connections; above 32 bits: of which life */
    _Atomic uint32_t replaced; /* that others took the place of, whose entries are not to be had again yet */
} __attribute__((aligned(64)));

/* Workers read a life with each packet, and write a count with each connection: apart. */
static _Atomic uint16_t lives[DF_CONN_PORTS];
static struct zone zones[DF_CONN_PORTS];

static uint32_t zone_life(uint32_t zone)
{
    return zone >> 16;
}

void df_conn_zones_reset(void)
{
    for (uint32_t port = 0; port < DF_CONN_PORTS; port++) {
        atomic_store_explicit(&lives[port], 0, memory_order_relaxed);
        atomic_store_explicit(&zones[port].count, 0, memory_order_relaxed);
        atomic_store_explicit(&zones[port].replaced, 0, memory_order_relaxed);
    }
}

uint32_t df_conn_zone(uint16_t port)
{
    return (uint32_t)atomic_load_explicit(&lives[port], memory_order_relaxed) << 16 | port;
}

void df_conn_zone_renew(uint16_t port)
{
    uint16_t life = (uint16_t)(zone_life(df_conn_zone(port)) + 1);
    atomic_store_explicit(&zones[port].count, (uint64_t)life << 32, memory_order_relaxed);
    atomic_store_explicit(&zones[port].replaced, 0, memory_order_relaxed);
    atomic_store_explicit(&lives[port], life, memory_order_relaxed);
}

bool df_conn_zone_is_current(uint32_t zone)
{
    return df_conn_zone(df_conn_zone_port(zone)) == zone;
}

uint32_t df_conn_zone_most(uint32_t left)
{
    const struct df_conns_config *config = &df_conn_table.config;
    uint32_t least = config->max / DF_CONN_PORTS + 1, most = config->max_per_port;
    if (most >= config->max)
        return most;
    if (left < least)
        left = least;
    return left < most ? left : most;
}

bool df_conn_zone_enter(uint32_t zone, uint32_t most)
{
    struct zone *own = &zones[df_conn_zone_port(zone)];
    _Atomic uint64_t *count = &own->count;
    uint64_t now = atomic_load_explicit(count, memory_order_relaxed);
    do {
        if (now >> 32 != zone_life(zone))
            return true;
        if ((uint32_t)now >= most || atomic_load_explicit(&own->replaced, memory_order_relaxed) >= most)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(count, &now, now + 1, memory_order_relaxed, memory_order_relaxed));
    return true;
}

void df_conn_zone_leave(uint32_t zone)
{
    _Atomic uint64_t *count = &zones[df_conn_zone_port(zone)].count;
    uint64_t now = atomic_load_explicit(count, memory_order_relaxed);
    do {
        if (now >> 32 != zone_life(zone))
            return;
    } while (!atomic_compare_exchange_weak_explicit(count, &now, now - 1, memory_order_relaxed, memory_order_relaxed));
}

uint32_t df_conns_of_port(uint16_t port)
{
    return (uint32_t)atomic_load_explicit(&zones[port].count, memory_order_relaxed);
}

void df_conn_zone_replaced(uint32_t zone)
{
    if (df_conn_zone_is_current(zone))
        atomic_fetch_add_explicit(&zones[df_conn_zone_port(zone)].replaced, 1, memory_order_relaxed);
}

void df_conn_zone_regained(uint32_t zone)
{
    _Atomic uint32_t *replaced = &zones[df_conn_zone_port(zone)].replaced;
    if (df_conn_zone_is_current(zone) && atomic_load_explicit(replaced, memory_order_relaxed) > 0)
        atomic_fetch_sub_explicit(replaced, 1, memory_order_relaxed);
}
