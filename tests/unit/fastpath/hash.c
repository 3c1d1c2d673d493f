/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <string.h>

#include "fastpath/cache/flow_key.h"
#include "fastpath/cache/ways.h"
#include "fastpath/conn/conn.h"
#include "fastpath/lookup/hash.h"

/*
 * Keys that count up, as the ports and addresses of guests do, spread over buckets as if thrown by chance: with any
 * secret, and by any bits of the hash that a table may take.
 */

#define SECRETS 500
#define KEYS 4096
#define BINS 4096
#define LOAD_MAX 16 /* by chance the fullest bin has 6 to 9 */

typedef uint64_t (*hash_nth)(uint16_t n);

static uint64_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ *state >> 29;
}

static unsigned fullest(hash_nth hash, unsigned shift)
{
    static uint16_t bin[BINS];
    unsigned most = 0;
    memset(bin, 0, sizeof(bin));
    for (unsigned n = 0; n < KEYS; n++) {
        unsigned load = ++bin[hash((uint16_t)(1024 + n)) >> shift & (BINS - 1)];
        most = load > most ? load : most;
    }
    return most;
}

static void spreads(hash_nth hash)
{
    static const unsigned shifts[] = {0, 8, 24, 32, 40, 52};
    uint64_t state = 1;
    for (unsigned i = 0; i < SECRETS; i++) {
        df_hash_secret[0] = draw(&state);
        df_hash_secret[1] = draw(&state) | 1;
        for (unsigned s = 0; s < sizeof(shifts) / sizeof(shifts[0]); s++) {
            unsigned load = fullest(hash, shifts[s]);
            cr_assert_leq(load, LOAD_MAX, "secret %u, bits from %u on: %u keys in one of %u bins", i, shifts[s], load,
                          BINS);
        }
    }
}

/* ---- The keys */

#define SERVER 0x0a010001u

static uint64_t port_of_a_flow(uint16_t n)
{
    struct df_flow_key key = {
        .word = {df_flow_word0(3, 6, DF_FLOW_IP4 | DF_FLOW_BY_L4, (uint32_t)htons(n) | (uint32_t)htons(80) << 16),
                 (uint64_t)htonl(SERVER) << 32 | htonl(SERVER + 1)}};
    return df_flow_hash(&key);
}

static uint64_t address_of_a_flow(uint16_t n)
{
    struct df_flow_key key = {
        .word = {df_flow_word0(3, 6, DF_FLOW_IP4, 0), (uint64_t)htonl(SERVER) << 32 | htonl(SERVER + n)}};
    return df_flow_hash(&key);
}

static uint64_t address(uint16_t n)
{
    struct df_ip ip = df_ip_from4(htonl(SERVER + n));
    return df_hash_bytes(&ip, sizeof(ip));
}

static uint64_t number(uint16_t n)
{
    uint32_t id = n;
    return df_hash_bytes(&id, sizeof(id));
}

static uint64_t way(uint16_t n)
{
    struct df_ip src = df_ip_from4(htonl(SERVER)), dst = df_ip_from4(htonl(SERVER + n));
    return df_ways_hash(&src, &dst);
}

static uint64_t connection(uint16_t n)
{
    struct df_conn_key key = {.src = df_ip_from4(htonl(SERVER)),
                              .dst = df_ip_from4(htonl(SERVER + 1)),
                              .l4_src = n,
                              .l4_dst = 80,
                              .ip_proto = 6};
    return df_conn_hash(&key);
}

Test(hash, ports_of_flows_spread)
{
    spreads(port_of_a_flow);
}

Test(hash, addresses_of_flows_spread)
{
    spreads(address_of_a_flow);
}

Test(hash, addresses_spread)
{
    spreads(address);
}

Test(hash, numbers_spread)
{
    spreads(number);
}

Test(hash, ways_spread)
{
    spreads(way);
}

Test(hash, connections_spread)
{
    spreads(connection);
}
