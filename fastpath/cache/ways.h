/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/cache/stamps.h"
#include "fastpath/packet/addr.h"

/*
 * Ways: the middle of a walk, by address pair.
 *
 * Motivation: the first packets of a connection walk, and most of a walk are look-ups of the tables between the
 * sender's security groups and the receiver's (20 to 75), which ask nothing about ports. Of two hosts that open their
 * hundredth connection only the connection and the rules are new.
 *
 * Invariant: a way says where the tables from services on would lead a plain packet with these MACs and addresses from
 * this port now, as long as its stamps hold. What reads ports on the way (ECMP, a service that wants the packet),
 * floods, answers or drops makes none. It is a cache: losing a way costs a longer walk.
 *
 * One per worker, private to it. Direct-mapped. A trace takes no ways, so it shows every table.
 */

struct df_walk;

#define DF_WAY_STAMPS_MAX 14

struct df_way {
    /* Of which packets. */
    struct df_ip src, dst;
    struct df_mac eth_dst, eth_src;
    uint32_t in_lport; /* 0: free */
    /* Where they go. */
    struct df_mac out_dst, out_src;
    uint32_t changes; /* change counter at which the sum was last good */
    uint32_t sum;
    uint32_t in_network;
    uint32_t out_lport, network, tunnel_key;
    uint32_t peer; /* tunnel end point, network order; 0: none */
    uint8_t ttl_less;
    uint8_t n_stamps;
    uint8_t next; /* table */
    uint8_t tunnel_type;
    uint16_t stamp[DF_WAY_STAMPS_MAX];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct df_way) == 128, "two lines");

struct df_ways {
    struct df_way *way; /* NULL: none are kept */
    uint32_t mask;
};

/** Makes room for at least n ways, rounded up to a power of two; 0: none are kept. -ENOMEM. Control thread. */
int df_ways_init(struct df_ways *ways, uint32_t n);
void df_ways_fini(struct df_ways *ways);

/** Fetches the way between two addresses. */
void df_ways_prefetch(const struct df_ways *ways, const struct df_ip *src, const struct df_ip *dst);

/**
 * The walk comes to table services: if its way is known, goes it at once.
 *
 * @return the next table; DF_TABLE_SERVICES: go on there, and tell df_ways_learn() where that led
 */
uint16_t df_ways_take(struct df_walk *walk);

/** The walk comes to the first table behind the middle: keeps the way that it went, if it may be kept. */
void df_ways_learn(struct df_walk *walk, uint16_t next);
