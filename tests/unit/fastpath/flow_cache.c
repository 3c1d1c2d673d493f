/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/flow_cache.h"

#include <criterion/criterion.h>

#include "tests/unit/fastpath/frame.h"

#include <stdio.h>

/* The flow cache alone: which frames have a key and what is in it, and who has to go when a bucket is full. */

static struct df_flow_cache cache;
static struct test_frame frame;
static struct df_flow_key key;

static void one_bucket(void)
{
    cr_assert_eq(df_flow_cache_init(&cache, DF_FLOW_WAYS), 0);
    cr_assert_eq(cache.bucket_mask, 0);
}

static void no_bucket(void)
{
    df_flow_cache_fini(&cache);
}

TestSuite(flow_key);
TestSuite(flow_cache, .init = one_bucket, .fini = no_bucket);

static void udp4(unsigned sport, unsigned dport)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 17, "10.0.0.1", "10.0.0.2", 0);
    frame_udp(&frame, sport, dport, 10);
    frame_close(&frame);
}

static void udp6(unsigned sport, unsigned dport)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 17, 64, "2001:db8::1", "2001:db8::2");
    frame_udp(&frame, sport, dport, 10);
    frame_close(&frame);
}

static unsigned read_key(bool by_l4)
{
    return df_flow_key_read(frame.byte, frame.len, 1, by_l4, &key);
}

static bool same_key_as(const struct df_flow_key *other)
{
    return key.word[0] == other->word[0] && key.word[1] == other->word[1];
}

/* ---- Keys */

Test(flow_key, an_address_pair_is_one_key_whatever_its_ports)
{
    udp4(1000, 2000);
    cr_assert_eq(read_key(false), DF_FLOW_IP4);
    struct df_flow_key first = key;
    for (unsigned i = 1; i < 1000; i++) {
        udp4(1000 + i, 2000 + i);
        cr_assert_eq(read_key(false), DF_FLOW_IP4);
        cr_assert(same_key_as(&first));
    }
}

Test(flow_key, where_ports_are_read_they_are_in_the_key)
{
    udp4(1000, 2000);
    cr_assert_eq(read_key(true), DF_FLOW_IP4 | DF_FLOW_BY_L4);
    struct df_flow_key first = key;
    udp4(1001, 2000);
    cr_assert_eq(read_key(true), DF_FLOW_IP4 | DF_FLOW_BY_L4);
    cr_assert_not(same_key_as(&first));
    udp4(1000, 2001);
    read_key(true);
    cr_assert_not(same_key_as(&first));
}

Test(flow_key, dhcp_has_its_ports_in_the_key_everywhere)
{
    const unsigned pairs[][2] = {{68, 67}, {67, 68}, {547, 546}};
    for (unsigned i = 0; i < 3; i++) {
        udp4(pairs[i][0], pairs[i][1]);
        cr_assert_eq(read_key(false), DF_FLOW_IP4 | DF_FLOW_BY_L4, "%u to %u", pairs[i][0], pairs[i][1]);
        udp6(pairs[i][0], pairs[i][1]);
        cr_assert_eq(read_key(false), DF_FLOW_IP6 | DF_FLOW_BY_L4, "%u to %u", pairs[i][0], pairs[i][1]);
    }
}

Test(flow_key, icmp_has_its_type_and_code_in_the_key)
{
    struct df_flow_key first = {{0}};
    for (unsigned type = 0; type < 3; type++) {
        frame_ethernet(&frame);
        frame_ip4(&frame, 1, "10.0.0.1", "10.0.0.2", 0);
        frame_icmp(&frame, type, 0, 8);
        frame_close(&frame);
        cr_assert_eq(read_key(false), DF_FLOW_IP4 | DF_FLOW_BY_L4);
        cr_assert_not(same_key_as(&first));
        first = key;
    }
}

Test(flow_key, port_and_protocol_tell_flows_apart)
{
    udp4(1, 2);
    read_key(false);
    struct df_flow_key first = key;
    df_flow_key_read(frame.byte, frame.len, 2, false, &key);
    cr_assert_not(same_key_as(&first));
    frame.byte[frame.ip + 9] = 132;
    frame_checksum4(&frame);
    cr_assert_eq(read_key(false), DF_FLOW_IP4);
    cr_assert_not(same_key_as(&first));
}

static void expect_no_key(const char *what)
{
    cr_assert_eq(read_key(false), DF_FLOW_NONE, "%s has a key", what);
    cr_assert_eq(read_key(true), DF_FLOW_NONE, "%s has a key", what);
}

Test(flow_key, what_is_not_plain_has_no_key)
{
    frame_ethernet(&frame);
    frame_tag(&frame, 0x8100, 5);
    frame_ip4(&frame, 17, "10.0.0.1", "10.0.0.2", 0);
    frame_udp(&frame, 1, 2, 10);
    frame_close(&frame);
    expect_no_key("a tagged frame");

    frame_ethernet(&frame);
    frame_ip4(&frame, 17, "10.0.0.1", "10.0.0.2", 4);
    frame_udp(&frame, 1, 2, 10);
    frame_close(&frame);
    expect_no_key("a packet with IPv4 options");

    for (unsigned field = 1; field <= 0x2000; field += 0x1fff) { /* a later fragment, and a first one */
        udp4(1, 2);
        frame_set16(&frame, frame.ip + 6, field);
        frame_checksum4(&frame);
        expect_no_key("a fragment");
    }

    static const uint8_t extensions[] = {0, 43, 44, 51, 60, 59};
    for (unsigned i = 0; i < sizeof(extensions); i++) {
        udp6(1, 2);
        frame.byte[frame.ip + 6] = extensions[i];
        expect_no_key("an IPv6 extension header");
    }
}

Test(flow_key, what_the_parser_refuses_has_no_key)
{
    udp4(1, 2);
    frame.byte[frame.ip + 10] ^= 1;
    expect_no_key("a wrong IPv4 checksum");
    udp4(1, 2);
    frame_set16(&frame, frame.ip + 2, frame.len);
    frame_checksum4(&frame);
    expect_no_key("an IPv4 packet that goes past its end");
    udp6(1, 2);
    frame_set16(&frame, frame.ip + 4, frame.len);
    expect_no_key("an IPv6 packet that goes past its end");
    udp4(1, 2);
    frame_set16(&frame, frame.l4 + 4, 7);
    expect_no_key("a UDP length below 8");
    udp4(1, 2);
    frame_set16(&frame, frame.l4 + 4, 19);
    expect_no_key("a UDP datagram that goes past its end");
    for (unsigned words = 0; words < 16; words += words == 4 ? 2 : 1) { /* 5 is right */
        frame_ethernet(&frame);
        frame_ip4(&frame, 6, "10.0.0.1", "10.0.0.2", 0);
        frame_tcp(&frame, 1, 2);
        frame.byte[frame.l4 + 12] = (uint8_t)(words << 4);
        frame_close(&frame);
        expect_no_key("a TCP header of a wrong length");
    }
}

Test(flow_key, neighbour_discovery_has_no_key)
{
    for (unsigned type = 132; type <= 138; type++) {
        frame_ethernet(&frame);
        frame_ip6(&frame, 58, 255, "2001:db8::1", "2001:db8::2");
        frame_nd(&frame, type, 0, "2001:db8::2");
        frame_close(&frame);
        bool nd = type >= 133 && type <= 137;
        cr_assert_eq(read_key(false), nd ? DF_FLOW_NONE : DF_FLOW_IP6 | DF_FLOW_BY_L4, "type %u", type);
    }
}

Test(flow_key, no_byte_behind_the_frame_is_read)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        kind == 0 ? udp4(1, 2) : udp6(1, 2);
        for (uint32_t len = 14; len < frame.len; len++) {
            uint8_t *exact = malloc(len); /* a sanitizer watches its end */
            memcpy(exact, frame.byte, len);
            cr_assert_eq(df_flow_key_read(exact, len, 1, true, &key), DF_FLOW_NONE, "%u bytes of a frame", len);
            free(exact);
        }
    }
}

/* ---- Places */

static struct df_flow_probe probe_of(unsigned kind)
{
    return (struct df_flow_probe){.key = key, .hash = df_flow_hash(&key), .frame = frame.byte, .kind = (uint8_t)kind};
}

/* A flow by number: its frame is in frame, its key in key. */
static struct df_flow_probe nth_flow(unsigned n)
{
    char source[32];
    snprintf(source, sizeof(source), "10.1.%u.%u", n / 250, n % 250 + 1);
    frame_ethernet(&frame);
    frame_ip4(&frame, 47, source, "10.0.0.2", 0);
    frame_fill(&frame, 0, 20);
    frame_close(&frame);
    cr_assert_eq(read_key(false), DF_FLOW_IP4);
    return probe_of(DF_FLOW_IP4);
}

static struct df_flow *place_probe(const struct df_flow_probe *probe, uint16_t tick, bool may_evict, bool *evicted)
{
    struct df_flow *flow = df_flow_place(&cache, probe, tick, may_evict, evicted);
    if (flow == NULL)
        return NULL;
    flow->key = key;
    memcpy(flow->in_macs, frame.byte, sizeof(flow->in_macs));
    flow->tunnel_key = probe->outer_src;
    flow->peer = probe->outer_key_high;
    return flow;
}

static struct df_flow *place(unsigned n, uint16_t tick, bool may_evict, bool *evicted)
{
    struct df_flow_probe probe = nth_flow(n);
    return place_probe(&probe, tick, may_evict, evicted);
}

static struct df_flow *find(unsigned n)
{
    struct df_flow_probe probe = nth_flow(n);
    return df_flow_find(&cache, &probe);
}

/* Fills the bucket with flows 0 to 14; flow n was used at tick 100 + n, but flow 9 before all others. */
static void fill_bucket(void)
{
    bool evicted;
    for (unsigned n = 0; n < DF_FLOW_WAYS; n++) {
        cr_assert_not_null(place(n, n == 9 ? 50 : (uint16_t)(100 + n), true, &evicted));
        cr_assert_not(evicted, "flow %u had to push another out", n);
    }
    for (unsigned n = 0; n < DF_FLOW_WAYS; n++)
        cr_assert_not_null(find(n), "flow %u is lost", n);
}

Test(flow_cache, a_bucket_holds_a_flow_in_each_way)
{
    fill_bucket();
    cr_assert_null(find(100));
}

Test(flow_cache, a_full_bucket_gives_up_its_oldest_flow)
{
    bool evicted;
    fill_bucket();
    cr_assert_not_null(place(100, 200, true, &evicted));
    cr_assert(evicted);
    cr_assert_null(find(9), "not the oldest one had to go");
    cr_assert_not_null(find(100));
    for (unsigned n = 0; n < DF_FLOW_WAYS; n++)
        cr_assert(n == 9 || find(n) != NULL, "flow %u had to go too", n);
}

Test(flow_cache, the_oldest_is_found_when_the_tick_wraps)
{
    bool evicted;
    for (unsigned n = 0; n < DF_FLOW_WAYS; n++)
        place(n, (uint16_t)(65530 + n), true, &evicted); /* flow 6 is used at tick 0 */
    cr_assert_not_null(place(100, 20, true, &evicted));
    cr_assert_null(find(0));
    cr_assert_not_null(find(6));
}

Test(flow_cache, a_full_bucket_gives_up_none_for_a_drop)
{
    bool evicted;
    fill_bucket();
    cr_assert_null(place(100, 200, false, &evicted));
    cr_assert_not(evicted);
    for (unsigned n = 0; n < DF_FLOW_WAYS; n++)
        cr_assert_not_null(find(n), "flow %u had to go", n);
}

Test(flow_cache, a_drop_takes_a_free_place)
{
    bool evicted;
    cr_assert_not_null(place(0, 1, false, &evicted));
    cr_assert_not_null(find(0));
}

Test(flow_cache, a_flow_that_is_there_keeps_its_place)
{
    bool evicted;
    fill_bucket();
    struct df_flow *old = find(3);
    cr_assert_eq(place(3, 200, false, &evicted), old, "it is placed anew, also as a drop");
    cr_assert_not(evicted);
    cr_assert_eq(old->used, 200);
}

Test(flow_cache, another_mac_is_another_flow)
{
    bool evicted;
    place(0, 1, true, &evicted);
    struct df_flow_probe probe = nth_flow(0);
    for (unsigned byte = 0; byte < 12; byte++) {
        frame.byte[byte] ^= 1;
        cr_assert_null(df_flow_find(&cache, &probe));
        frame.byte[byte] ^= 1;
    }
    cr_assert_not_null(df_flow_find(&cache, &probe));
}

Test(flow_cache, ipv6_addresses_are_compared_in_full)
{
    bool evicted;
    udp6(1, 2);
    cr_assert_eq(read_key(false), DF_FLOW_IP6);
    struct df_flow_probe probe = probe_of(DF_FLOW_IP6);
    struct df_flow *flow = place_probe(&probe, 1, true, &evicted);
    memcpy(df_flow_rest(&cache, flow)->ip6, frame.byte + frame.ip + 8, 32);
    cr_assert_eq(df_flow_find(&cache, &probe), flow);
    frame.byte[frame.ip + 8 + 31] ^= 1; /* a frame whose folded key would be the same */
    cr_assert_null(df_flow_find(&cache, &probe));
}

Test(flow_cache, another_outer_source_or_tunnel_key_is_another_flow)
{
    bool evicted;
    struct df_flow_probe probe = nth_flow(0);
    probe.kind |= DF_FLOW_TUNNEL;
    probe.outer_src = 0x0100000a;
    probe.outer_key_high = 7;
    struct df_flow *flow = place_probe(&probe, 1, true, &evicted);
    cr_assert_eq(df_flow_find(&cache, &probe), flow);
    probe.outer_src ^= 1u << 31;
    cr_assert_null(df_flow_find(&cache, &probe));
    probe.outer_src ^= 1u << 31;
    probe.outer_key_high ^= 0x80;
    cr_assert_null(df_flow_find(&cache, &probe));
}

/* ---- Stamps */

/* Flow 0, decided from look-ups of these marks. */
static struct df_flow *decided_from(const uint32_t *marks, unsigned n)
{
    bool evicted;
    struct df_stamps stamps;
    df_stamps_begin(&stamps);
    for (unsigned i = 0; i < n; i++)
        df_stamps_add(&stamps, marks[i]);
    struct df_flow *flow = place(0, 1, true, &evicted);
    flow->changes = stamps.counter;
    struct df_flow_rest *rest = df_flow_rest(&cache, flow);
    rest->sum = stamps.sum;
    rest->n_stamps = (uint16_t)n;
    memcpy(rest->stamp, stamps.slot, n * sizeof(stamps.slot[0]));
    return flow;
}

Test(flow_cache, a_flow_holds_until_one_of_its_slots_moves)
{
    struct df_stamps others;
    uint32_t another = 8;
    struct df_flow *flow = decided_from((const uint32_t[]){7, 65535}, 2);
    cr_assert(df_flow_holds(&cache, flow, df_stamps_now()));
    df_stamps_begin(&others);
    df_stamps_add(&others, another);
    df_stamps_bump(another);
    cr_assert_neq(flow->changes, df_stamps_now());
    cr_assert(df_flow_holds(&cache, flow, df_stamps_now()), "another slot moved");
    cr_assert_eq(flow->changes, df_stamps_now(), "the next check is one compare");
    df_stamps_bump(65535);
    cr_assert_not(df_flow_holds(&cache, flow, df_stamps_now()));
}

Test(flow_cache, two_keys_in_one_slot_cost_a_walk_and_no_wrong_answer)
{
    uint64_t mine = 5, other = mine ^ 1; /* the lowest bits of a hash are in no mark */
    uint32_t mark = df_stamp_mark(DF_TABLE_L2, mine);
    cr_assert_eq(df_stamp_slot(mark), df_stamp_slot(df_stamp_mark(DF_TABLE_L2, other)));
    struct df_flow *flow = decided_from(&mark, 1);
    df_stamps_bump(df_stamp_mark(DF_TABLE_L2, other));
    cr_assert_not(df_flow_holds(&cache, flow, df_stamps_now()));
}

Test(flow_cache_size, a_cache_has_room_for_what_was_asked_and_none_is_none)
{
    struct df_flow_cache sized;
    cr_assert_eq(df_flow_cache_init(&sized, 1000), 0);
    cr_assert_geq((sized.bucket_mask + 1) * DF_FLOW_LINES, 1000);
    cr_assert_eq((sized.bucket_mask + 1) & sized.bucket_mask, 0);
    df_flow_cache_fini(&sized);
    cr_assert_eq(df_flow_cache_init(&sized, 0), 0);
    cr_assert_null(sized.buckets);
}

Test(flow_cache_size, it_grows_with_its_flows_and_no_further_than_was_asked)
{
    bool evicted;
    cr_assert_eq(df_flow_cache_init(&cache, 65536), 0);
    uint64_t first = cache.bucket_mask, last = 0;
    cr_assert_lt(first, cache.mask_max);
    for (unsigned n = 0; n < 60000; n++) {
        struct df_flow_probe probe = nth_flow(n % 62500);
        struct df_flow *flow = df_flow_place(&cache, &probe, 1, true, &evicted);
        cr_assert_not_null(flow);
        flow->key = key;
        memcpy(flow->in_macs, frame.byte, sizeof(flow->in_macs));
        cr_assert_geq(cache.bucket_mask, last);
        last = cache.bucket_mask;
        if (n == 100)
            cr_assert_eq(cache.bucket_mask, first, "a hundred flows need no more");
    }
    cr_assert_eq(cache.bucket_mask, cache.mask_max);
    df_flow_cache_fini(&cache);
}

Test(flow_cache, what_is_idle_goes_before_its_tick_comes_round)
{
    bool evicted;
    uint16_t tick = 65530;
    struct df_flow *flow = place(1, tick, true, &evicted);
    atomic_store(&flow->action, DF_FLOW_OUTPUT);
    for (unsigned i = 0; i < DF_FLOW_IDLE_TICKS_MAX; i++)
        df_flow_cache_age(&cache, ++tick);
    cr_assert_eq(cache.n_used, 1);
    cr_assert_eq(flow->action, DF_FLOW_OUTPUT);
    df_flow_cache_age(&cache, ++tick);
    cr_assert_eq(cache.n_used, 0);
    cr_assert_eq(flow->action, DF_FLOW_FREE);
}
