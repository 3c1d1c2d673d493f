/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "fastpath/cache/flow_key.h"
#include "fastpath/cache/stamps.h"
#include "fastpath/conn/conn.h"
#include "fastpath/walk.h"

/*
 * The flow cache: finished decisions by exact key.
 *
 * Invariant: a flow in the cache says what a walk of the tables would decide now for a packet that has its key and its
 * MACs, as long as its stamps hold (stamps.h) and its connections live and are steady (conn.h). It is a cache: losing a
 * flow costs a walk and changes nothing else.
 *
 * One per worker, private to it: no atomics, memory of the worker's own NUMA node (pages are touched by the worker
 * first).
 *
 * Fifteen ways: a bucket is 1 KiB, its first line holds 16-bit signatures, the fifteen behind it the flows. A flow
 * has a way that its hash prefers, and gets it if it is free when the flow comes, so most packets find their flow in
 * the first line they look at; the others ask the signatures. All of it is within one page, because in a virtual
 * machine a TLB miss is dearer than a line. What is seldom needed (IPv6 addresses, stamps) lies apart. A full bucket
 * gives up its oldest flow, but never for a drop: a scan must not push out the connections of others.
 *
 * A look-up of a batch is passes over all packets, so that their memory accesses overlap: key and hash, prefetch the
 * preferred flow; compare it and act; for what is left: prefetch the signatures; compare them, prefetch the flow;
 * compare it and act.
 */

#define DF_FLOW_WAYS 15
#define DF_FLOW_LINES 16                 /* of a bucket */
#define DF_FLOW_STAMPS_MAX DF_STAMPS_MAX /* a decision with more is not cached */

#define DF_FLOW_TICK_SHIFT 10 /* of milliseconds: a tick of the cache's ages is 1.024 s */

/*
 * A flow that packets use notes the tick this often, and tells its connection: soon enough for every time-out, and so
 * seldom that with a million flows few packets have to fetch a connection from memory.
 */
#define DF_FLOW_NOTE_TICKS 4

/*
 * A flow of a connection that was idle for longer walks. So its reference to the connection cannot have become one to
 * another: the generation would have to come round within that time, and each life of an entry lasts a grace period.
 */
#define DF_FLOW_IDLE_TICKS_MAX 8
_Static_assert(DF_FLOW_NOTE_TICKS < DF_FLOW_IDLE_TICKS_MAX, "a busy flow is never idle");

/* What to do (two bits), and how, or-ed. */
enum df_flow_action {
    DF_FLOW_FREE,
    DF_FLOW_OUTPUT,
    DF_FLOW_DROP,
    DF_FLOW_ACTION = 3,
    DF_FLOW_ENCAP = 1 << 2,       /* output: send it in the outer headers of peer; */
    DF_FLOW_UNLESS_CONN = 1 << 2, /* drop: unless there is a connection of the tuple, whose hash stands in macs */
    DF_FLOW_TCP = 1 << 3,         /* tell the connections what is acknowledged */
    DF_FLOW_REPLY = 1 << 4,       /* is the reply direction of conn */
    DF_FLOW_SECOND = 1 << 5,      /* has a second connection: the receiver's */
    DF_FLOW_REPLY2 = 1 << 6,      /* is the reply direction of that */
};

/* All that an established IPv4 flow needs. */
struct df_flow {
    struct df_flow_key key;
    uint8_t in_macs[12];    /* of the frame: with the key, all that the decision depends on */
    uint8_t macs[12];       /* destination, source, as they leave */
    uint32_t tunnel_key;    /* DF_FLOW_ENCAP: of the outer headers; kind DF_FLOW_TUNNEL: df_flow_probe.outer_src */
    uint32_t changes;       /* change counter at which the sum was last good */
    df_conn_ref conn;       /* 0: belongs to no connection */
    uint32_t acked : 18;    /* DF_FLOW_TCP: the acknowledgement that the connections were told last (df_flow_ack()) */
    uint32_t len_max : 14;  /* bytes of the longest frame that the decision is for; what is longer walks */
    uint16_t out_port;      /* DF_FLOW_ENCAP: source port of the outer headers; DF_FLOW_DROP: enum df_drop */
    uint16_t peer;          /* DF_FLOW_ENCAP; kind DF_FLOW_TUNNEL: the upper bits of the key it came with */
    uint16_t used;          /* tick of the last packet that noted it, see DF_FLOW_NOTE_TICKS */
    uint8_t ttl_less;       /* routers crossed; 0: the frame is not touched */
    _Atomic uint8_t action; /* enum df_flow_action; another thread may set it to DF_FLOW_FREE (df_conn_set_flow()) */
};
_Static_assert(sizeof(struct df_flow) == 64, "a flow is one cache line");

#define DF_FLOW_LEN_MAX 0x3fffu

/* The longest frame where IP packets are at most mtu bytes; 0: any, so only those that are longer than can be said walk. */
static inline uint32_t df_flow_len_max(uint16_t mtu)
{
    uint32_t len = (uint32_t)mtu + RTE_ETHER_HDR_LEN;
    return mtu != 0 && len < DF_FLOW_LEN_MAX ? len : DF_FLOW_LEN_MAX;
}

/* An acknowledgement in steps of DF_CONN_ACK_NOTE, as a flow remembers it. */
static inline uint32_t df_flow_ack(uint32_t ack)
{
    return ack / DF_CONN_ACK_NOTE;
}
_Static_assert(UINT32_MAX / DF_CONN_ACK_NOTE == (1u << 18) - 1, "18 bits");

/* The rest of it. */
struct df_flow_rest {
    uint64_t ip6[4]; /* IPv6: source and destination */
    uint32_t sum;    /* of its stamps, when it was decided */
    uint16_t n_stamps;
    uint16_t pad;
    df_conn_ref second; /* DF_FLOW_SECOND: the receiver's connection */
    uint16_t stamp[DF_FLOW_STAMPS_MAX];
    uint8_t pad2[4];
};
_Static_assert(sizeof(struct df_flow_rest) == 128, "two cache lines");

struct df_flow_bucket {
    uint16_t signature[DF_FLOW_LINES]; /* 0: free; the last is not a way */
    uint32_t mask;                     /* cache's when flows that a doubling left behind were last cleared away */
    uint16_t unused[DF_FLOW_LINES - 2];
    struct df_flow flow[DF_FLOW_WAYS];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct df_flow_bucket) == 1024, "a quarter of a page");

/*
 * Only as many buckets are used as the flows need, because each page that they are spread over takes a place in the
 * TLB, and where the host of a virtual machine has small pages that is every fourth bucket. When a quarter of the
 * places is taken their number is doubled: then half of the flows are looked for elsewhere, and have to walk once more.
 */
struct df_flow_cache {
    struct df_flow_bucket *buckets; /* NULL: no cache */
    struct df_flow_rest *rest;      /* by line of the buckets */
    uint64_t bucket_mask;           /* of those in use */
    uint64_t mask_max;
    uint64_t n_used; /* places taken, also by flows that a doubling left behind */
    uint64_t hand;   /* bucket that the aging comes to next */
    uint64_t memory; /* bytes, of both */
};

/**
 * Makes a cache for at least entries flows (rounded up to a power of two of buckets; 0: no cache, look-ups must not
 * be made). -ENOMEM. Control thread, before the worker starts.
 */
int df_flow_cache_init(struct df_flow_cache *cache, uint32_t entries);
void df_flow_cache_fini(struct df_flow_cache *cache);

static inline struct df_flow_bucket *df_flow_bucket(const struct df_flow_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & cache->bucket_mask];
}

/* The way that a flow of this hash prefers; the bits are neither the bucket's nor the signature's. */
static inline unsigned df_flow_preferred(uint64_t hash)
{
    return ((unsigned)(hash >> 32) & 0xffff) * DF_FLOW_WAYS >> 16;
}

static inline uint16_t df_flow_signature(uint64_t hash)
{
    return (uint16_t)(hash >> 48) | 1;
}

/* Bit i: way i has the signature. */
static inline uint32_t df_flow_match(const struct df_flow_bucket *bucket, uint16_t signature)
{
#ifdef __SSE2__
    const __m128i *ways = (const __m128i *)bucket->signature;
    __m128i wanted = _mm_set1_epi16((short)signature);
    __m128i low = _mm_cmpeq_epi16(_mm_load_si128(ways), wanted);
    __m128i high = _mm_cmpeq_epi16(_mm_load_si128(ways + 1), wanted);
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) & ((1u << DF_FLOW_WAYS) - 1);
#else
    uint32_t match = 0;
    for (unsigned i = 0; i < DF_FLOW_WAYS; i++)
        match |= (uint32_t)(bucket->signature[i] == signature) << i;
    return match;
#endif
}

static inline struct df_flow_rest *df_flow_rest(const struct df_flow_cache *cache, const struct df_flow *flow)
{
    return &cache->rest[flow - (const struct df_flow *)cache->buckets];
}

/* A packet as the cache sees it. */
struct df_flow_probe {
    struct df_flow_key key;
    uint64_t hash; /* of the key */
    const uint8_t *frame;
    /*
     * kind DF_FLOW_TUNNEL: the outer source, an IPv4 address or the number of an IPv6 peer (df_peers_number()), and the
     * upper bits of the tunnel key; the lower ones are the key's port.
     */
    uint32_t outer_src;
    uint16_t outer_key_high;
    uint16_t outer_len; /* bytes to be taken off */
    uint8_t outer_ecn;  /* that is to be told (ecn.h) */
    uint8_t kind;       /* enum df_flow_kind */
};

/* Does the flow speak of this packet? */
static inline bool df_flow_is(const struct df_flow_cache *cache, const struct df_flow *flow,
                              const struct df_flow_probe *probe)
{
    uint64_t differ = (flow->key.word[0] ^ probe->key.word[0]) | (flow->key.word[1] ^ probe->key.word[1]) |
                      (df_load64(flow->in_macs) ^ df_load64(probe->frame)) |
                      (df_load32(flow->in_macs + 8) ^ df_load32(probe->frame + 8));
    if (probe->kind & DF_FLOW_TUNNEL)
        differ |= (flow->tunnel_key ^ probe->outer_src) | (flow->peer ^ probe->outer_key_high);
    if (differ)
        return false;
    return !(probe->kind & DF_FLOW_IP6) || memcmp(df_flow_rest(cache, flow)->ip6, probe->frame + RTE_ETHER_HDR_LEN + 8,
                                                  sizeof(((struct df_flow_rest *)0)->ip6)) == 0;
}

/** The sum of the flow's stamps now; slow half of df_flow_holds(). */
uint32_t df_flow_sum(const struct df_flow_cache *cache, const struct df_flow *flow);

/** Is the decision still what a walk would decide? changes: df_stamps_now() since the last quiescent state. */
static inline bool df_flow_holds(const struct df_flow_cache *cache, struct df_flow *flow, uint32_t changes)
{
    if (likely(flow->changes == changes))
        return true;
    if (!df_stamps_remembered(flow->changes) || df_flow_sum(cache, flow) != df_flow_rest(cache, flow)->sum)
        return false;
    flow->changes = changes;
    return true;
}

/** The flow for a packet, after a batch's first passes missed; NULL when there is none. */
struct df_flow *df_flow_find(const struct df_flow_cache *cache, const struct df_flow_probe *probe);

/**
 * Ends the flows of a part of the cache that were idle for DF_FLOW_IDLE_TICKS_MAX and more. Once a tick; within
 * DF_FLOW_AGING_TICKS of them every flow is looked at, long before a tick comes round that looks like its last one.
 */
#define DF_FLOW_AGING_TICKS 8192
void df_flow_cache_age(struct df_flow_cache *cache, uint16_t tick);

/**
 * A place for a new flow, for which the cache may grow: the one that already has the key and the MACs, a free one, or
 * the oldest. Marked used and with its signature.
 *
 * @param may_evict false: only take a free place
 * @param evicted   set when another flow had to go
 * @return NULL: no place
 */
struct df_flow *df_flow_place(struct df_flow_cache *cache, const struct df_flow_probe *probe, uint16_t tick,
                              bool may_evict, bool *evicted);
