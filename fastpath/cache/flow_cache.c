/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/flow_cache.h"

#include <errno.h>
#include <rte_common.h>

#include "fastpath/cache/map.h"

#define FIRST_BUCKETS 1024

int df_flow_cache_init(struct df_flow_cache *cache, uint32_t entries)
{
    *cache = (struct df_flow_cache){0};
    if (entries == 0)
        return 0;
    uint64_t n = rte_align64pow2((entries + DF_FLOW_LINES - 1) / DF_FLOW_LINES);
    cache->memory = n * (sizeof(struct df_flow_bucket) + DF_FLOW_LINES * sizeof(struct df_flow_rest));
    cache->buckets = df_cache_map(cache->memory);
    if (cache->buckets == NULL)
        return -ENOMEM;
    cache->rest = (struct df_flow_rest *)(cache->buckets + n);
    cache->mask_max = n - 1;
    cache->bucket_mask = RTE_MIN(n, (uint64_t)FIRST_BUCKETS) - 1;
    return 0;
}

void df_flow_cache_fini(struct df_flow_cache *cache)
{
    df_cache_unmap(cache->buckets, cache->memory);
    *cache = (struct df_flow_cache){0};
}

uint32_t df_flow_sum(const struct df_flow_cache *cache, const struct df_flow *flow)
{
    const struct df_flow_rest *rest = df_flow_rest(cache, flow);
    return df_stamps_sum(rest->stamp, rest->n_stamps);
}

static int find_way(const struct df_flow_cache *cache, const struct df_flow_probe *probe)
{
    const struct df_flow_bucket *bucket = df_flow_bucket(cache, probe->hash);
    uint32_t match = df_flow_match(bucket, df_flow_signature(probe->hash));
    for (; match != 0; match &= match - 1) {
        int way = __builtin_ctz(match);
        if (df_flow_is(cache, &bucket->flow[way], probe))
            return way;
    }
    return -1;
}

struct df_flow *df_flow_find(const struct df_flow_cache *cache, const struct df_flow_probe *probe)
{
    int way = find_way(cache, probe);
    return way < 0 ? NULL : &df_flow_bucket(cache, probe->hash)->flow[way];
}

static int oldest_way(const struct df_flow_bucket *bucket, uint16_t tick)
{
    int oldest = 0;
    uint16_t age = 0;
    for (int i = 0; i < DF_FLOW_WAYS; i++) {
        uint16_t this_age = (uint16_t)(tick - bucket->flow[i].used);
        if (this_age > age) {
            age = this_age;
            oldest = i;
        }
    }
    return oldest;
}

static void grow(struct df_flow_cache *cache)
{
    uint64_t places = (cache->bucket_mask + 1) * DF_FLOW_WAYS;
    if (cache->bucket_mask < cache->mask_max && cache->n_used > places / 4)
        cache->bucket_mask = cache->bucket_mask * 2 + 1;
}

/* Flows that a doubling left behind are not found any more, and would keep others from the places they prefer. */
static void clear_left_behind(struct df_flow_cache *cache, struct df_flow_bucket *bucket)
{
    if (likely(bucket->mask == (uint32_t)cache->bucket_mask))
        return;
    for (unsigned way = 0; way < DF_FLOW_WAYS; way++) {
        uint64_t hash = df_flow_hash(&bucket->flow[way].key);
        if (bucket->signature[way] == 0 || df_flow_bucket(cache, hash) == bucket)
            continue;
        bucket->signature[way] = 0;
        cache->n_used--;
    }
    bucket->mask = (uint32_t)cache->bucket_mask;
}

/* A place that no flow has, or else, if one may be evicted, the oldest one's; -1: none. */
static int vacant_way(const struct df_flow_bucket *bucket, uint64_t hash, uint16_t tick, bool may_evict, bool *evicted)
{
    uint32_t vacant = df_flow_match(bucket, 0);
    *evicted = false;
    if (vacant & 1u << df_flow_preferred(hash))
        return (int)df_flow_preferred(hash);
    if (vacant != 0)
        return __builtin_ctz(vacant);
    *evicted = may_evict;
    return may_evict ? oldest_way(bucket, tick) : -1;
}

struct df_flow *df_flow_place(struct df_flow_cache *cache, const struct df_flow_probe *probe, uint16_t tick,
                              bool may_evict, bool *evicted)
{
    struct df_flow_bucket *bucket = df_flow_bucket(cache, probe->hash);
    *evicted = false;
    clear_left_behind(cache, bucket);
    int way = find_way(cache, probe);
    if (way < 0) {
        way = vacant_way(bucket, probe->hash, tick, may_evict, evicted);
        if (way < 0)
            return NULL;
        cache->n_used += !*evicted;
    }
    bucket->signature[way] = df_flow_signature(probe->hash);
    bucket->flow[way].used = tick;
    grow(cache); /* this one is where it will not be looked for, perhaps: it walks once more */
    return &bucket->flow[way];
}

static void age_bucket(struct df_flow_cache *cache, struct df_flow_bucket *bucket, uint16_t tick)
{
    for (unsigned way = 0; way < DF_FLOW_WAYS; way++) {
        struct df_flow *flow = &bucket->flow[way];
        if (bucket->signature[way] == 0 || (uint16_t)(tick - flow->used) <= DF_FLOW_IDLE_TICKS_MAX)
            continue;
        atomic_store_explicit(&flow->action, DF_FLOW_FREE, memory_order_relaxed);
        bucket->signature[way] = 0;
        cache->n_used--;
    }
}

void df_flow_cache_age(struct df_flow_cache *cache, uint16_t tick)
{
    for (uint64_t n = cache->bucket_mask / DF_FLOW_AGING_TICKS + 1; n > 0 && cache->buckets != NULL; n--)
        age_bucket(cache, &cache->buckets[cache->hand++ & cache->bucket_mask], tick);
}
