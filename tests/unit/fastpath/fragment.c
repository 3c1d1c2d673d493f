/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/fragment.h"
#include "fastpath/fragment/pieces.h"
#include "fastpath/lookup/hash.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>

/*
 * Virtual reassembly by itself. Packets are made as the parser would, with a number for a buffer; walks are played: a
 * later fragment without ports is held, a first one is noted.
 */

#define PORT 5
#define FIRST_PORT 4000 /* source port of datagram 0; that of datagram n is n higher */

static struct df_fragments *fragments;
static uint32_t now_ms;

static struct df_fragments_config config = {.datagrams_max = 64, .held_max = 64, .timeout_ms = 30000};

static unsigned n_dropped;
static size_t dropped_number[256];
static enum df_drop dropped_reason;
static uint16_t dropped_port;

static void note_dropped(void *packet, uint16_t port, enum df_drop why, void *arg)
{
    cr_assert_eq(arg, &now_ms);
    dropped_number[n_dropped++] = (size_t)packet;
    dropped_reason = why;
    dropped_port = port;
}

static void make(void)
{
    df_hash_init();
    now_ms = UINT32_MAX - 5; /* the clock wraps around */
    fragments = df_fragments_new(&config, note_dropped, &now_ms);
    cr_assert_not_null(fragments);
}

static void unmake(void)
{
    unsigned before = n_dropped;
    df_fragments_free(fragments);
    cr_assert_eq(n_dropped, before, "%u packets still wait", n_dropped - before);
}

TestSuite(fragments, .init = make, .fini = unmake);

/* ---- packets */

struct piece {
    unsigned datagram, offset, len;
    bool more;
};

static struct df_packet packet_of(struct piece piece)
{
    struct df_packet packet = {.bits = DF_PACKET_IP4 | DF_PACKET_FRAGMENT,
                               .ip_proto = IPPROTO_UDP,
                               .ip_src = df_ip_from4(htonl(0x0a000001)),
                               .ip_dst = df_ip_from4(htonl(0x0a000002)),
                               .fragment_id = piece.datagram,
                               .fragment_offset = (uint16_t)piece.offset,
                               .fragment_len = (uint16_t)piece.len};
    if (piece.more)
        packet.bits |= DF_PACKET_MORE_FRAGMENTS;
    if (piece.offset != 0) {
        packet.bits |= DF_PACKET_LATER_FRAGMENT;
    } else {
        packet.bits |= DF_PACKET_L4;
        packet.l4_src = (uint16_t)(FIRST_PORT + piece.datagram);
        packet.l4_dst = 53;
    }
    return packet;
}

static struct df_fragment_key key_of(const struct df_packet *packet, uint16_t port)
{
    struct df_fragment_key key;
    df_fragment_key(packet, port, 0, 0, &key);
    return key;
}

/* What became of a packet. */
enum outcome { PASSED, WAITS, DROPPED };

static enum df_drop reason;

/* Plays a packet's way through a worker. */
static enum outcome send_piece(struct piece piece, size_t number)
{
    struct df_packet packet = packet_of(piece);
    struct df_fragment_key key = key_of(&packet, PORT);
    reason = df_fragments_see(fragments, &key, &packet, now_ms);
    if (reason != DF_DROP_NONE)
        return DROPPED;
    if (df_packet_needs_first(&packet)) {
        reason = df_fragments_hold(fragments, &key, &packet, (void *)number, now_ms);
        return reason == DF_DROP_NONE ? WAITS : DROPPED;
    }
    cr_assert_eq(packet.l4_src, FIRST_PORT + piece.datagram, "ports of another datagram");
    cr_assert_eq(packet.l4_dst, 53);
    if (piece.offset == 0)
        df_fragments_first(fragments, &key, &packet, now_ms);
    return PASSED;
}

#define piece(...) ((struct piece){__VA_ARGS__})
#define passes(...) cr_assert_eq(send_piece(piece(__VA_ARGS__), 99), PASSED, "%s", df_drop_name(reason))
#define waits(number, ...) cr_assert_eq(send_piece(piece(__VA_ARGS__), number), WAITS, "%s", df_drop_name(reason))
#define dropped(wanted, ...)                                                                                           \
    do {                                                                                                               \
        cr_assert_eq(send_piece(piece(__VA_ARGS__), 99), DROPPED);                                                     \
        cr_assert_eq(reason, DF_DROP_##wanted, "%s", df_drop_name(reason));                                            \
    } while (0)

/* The packet of that number is released next, and gets the ports of its datagram. */
static void released(size_t number, struct piece piece)
{
    cr_assert_eq((size_t)df_fragments_release(fragments), number);
    struct df_packet packet = packet_of(piece);
    struct df_fragment_key key = key_of(&packet, PORT);
    cr_assert_eq(df_fragments_recall(fragments, &key, &packet), DF_DROP_NONE);
    cr_assert_eq(packet.l4_src, FIRST_PORT + piece.datagram);
}

static void none_released(void)
{
    cr_assert_null(df_fragments_release(fragments));
}

static void expire(void)
{
    df_fragments_expire(fragments, now_ms);
}

static void expire_all(void)
{
    now_ms += config.timeout_ms;
    for (unsigned i = 0; i < 1000 && df_fragments_any(fragments); i++)
        expire();
    cr_assert_not(df_fragments_any(fragments));
}

/* ---- order */

Test(fragments, in_order_later_ones_get_the_first_ones_ports)
{
    cr_assert_not(df_fragments_any(fragments));
    passes(0, 0, 64, true);
    cr_assert(df_fragments_any(fragments));
    passes(0, 64, 64, true);
    passes(0, 128, 10, false);
    none_released();
    cr_assert_not(df_fragments_any(fragments), "a datagram that is complete is forgotten");
}

Test(fragments, reversed_they_wait_for_the_first_and_keep_their_order)
{
    waits(1, 0, 128, 10, false);
    none_released();
    waits(2, 0, 64, 64, true);
    none_released();
    passes(0, 0, 64, true);
    released(1, piece(0, 128, 10, false));
    released(2, piece(0, 64, 64, true));
    none_released();
    cr_assert_not(df_fragments_any(fragments));
}

Test(fragments, those_that_come_after_the_first_do_not_wait)
{
    waits(1, 0, 64, 64, true);
    passes(0, 0, 64, true);
    released(1, piece(0, 64, 64, true));
    none_released();
    passes(0, 192, 8, false);
    passes(0, 128, 64, true);
    cr_assert_not(df_fragments_any(fragments));
}

Test(fragments, datagrams_interleave)
{
    for (unsigned d = 0; d < 8; d++)
        waits(10 + d, d, 64, 64, true);
    for (unsigned d = 0; d < 8; d += 2) {
        passes(d, 0, 64, true);
        released(10 + d, piece(d, 64, 64, true));
        none_released();
    }
    for (unsigned d = 1; d < 8; d += 2) {
        waits(20 + d, d, 128, 8, false);
        passes(d, 0, 64, true);
        released(10 + d, piece(d, 64, 64, true));
        released(20 + d, piece(d, 128, 8, false));
        none_released();
    }
    for (unsigned d = 0; d < 8; d += 2)
        passes(d, 128, 8, false);
    cr_assert_not(df_fragments_any(fragments));
}

Test(fragments, all_orders_of_five_pieces_end_with_nothing_left)
{
    for (unsigned order = 0; order < 120; order++) {
        unsigned left[5] = {0, 1, 2, 3, 4}, n_waiting = 0;
        for (unsigned n = 5, rest = order; n > 0; rest /= n, n--) {
            unsigned at = rest % n, i = left[at];
            memmove(&left[at], &left[at + 1], (n - at - 1) * sizeof(left[0]));
            enum outcome outcome = send_piece(piece(order, i * 16, i == 4 ? 5 : 16, i != 4), 1 + i);
            cr_assert_neq(outcome, DROPPED);
            n_waiting += outcome == WAITS;
            while (i == 0 && df_fragments_release(fragments) != NULL)
                n_waiting--;
        }
        cr_assert_eq(n_waiting, 0);
        cr_assert_not(df_fragments_any(fragments), "order %u", order);
    }
}

/* ---- overlap */

/* Pieces of which no two go together. */
static const struct {
    struct piece one, other;
} clash[] = {
    {{0, 64, 64, true}, {0, 120, 64, true}},   /* its tail */
    {{0, 64, 64, true}, {0, 72, 8, true}},     /* its middle */
    {{0, 64, 64, true}, {0, 64, 8, true}},     /* begins as it does */
    {{0, 64, 64, true}, {0, 120, 8, true}},    /* ends as it does */
    {{0, 64, 64, true}, {0, 120, 20, false}},  /* the last one */
    {{0, 64, 64, true}, {0, 0, 72, true}},     /* the first one */
    {{0, 64, 64, false}, {0, 128, 8, true}},   /* behind its end */
    {{0, 64, 64, false}, {0, 128, 8, false}},  /* two ends */
    {{0, 64, 64, false}, {0, 256, 64, false}}, /* two ends, far apart */
};
#define CLASHES (sizeof(clash) / sizeof(clash[0]))

/* other ends datagram d, of which one is known. */
static void expect_end(unsigned d, struct piece one, struct piece other)
{
    one.datagram = other.datagram = d;
    cr_assert_neq(send_piece(one, 1), DROPPED, "datagram %u", d);
    while (df_fragments_release(fragments) != NULL)
        continue;
    cr_assert_eq(send_piece(other, 2), DROPPED, "datagram %u", d);
    cr_assert_eq(reason, DF_DROP_FRAG_OVERLAP);
    dropped(FRAG_OVERLAP, d, 512, 8, true);
    dropped(FRAG_OVERLAP, d, 0, 8, true);
    expire();
}

Test(fragments, an_overlap_ends_the_datagram_in_every_order)
{
    for (unsigned i = 0; i < CLASHES; i++) {
        expect_end(2 * i, clash[i].one, clash[i].other);
        expect_end(2 * i + 1, clash[i].other, clash[i].one);
    }
    expire_all();
}

Test(fragments, an_overlap_ends_it_also_behind_its_first_fragment)
{
    for (unsigned i = 0; i < CLASHES; i++) {
        if (clash[i].other.offset == 0)
            continue;
        passes(2 * i, 0, 8, true);
        expect_end(2 * i, clash[i].one, clash[i].other);
        passes(2 * i + 1, 0, 8, true);
        expect_end(2 * i + 1, clash[i].other, clash[i].one);
    }
    expire_all();
}

/* The same bytes, and once they are the last ones. */
Test(fragments, a_last_fragment_that_comes_again_as_a_middle_one_ends_the_datagram)
{
    waits(1, 0, 64, 64, false);
    dropped(FRAG_OVERLAP, 0, 64, 64, true);
    dropped(FRAG_OVERLAP, 0, 0, 64, true);
    expire_all();
}

Test(fragments, what_waits_of_a_datagram_that_ended_is_given_back_as_overlap)
{
    waits(1, 0, 64, 64, true);
    waits(2, 0, 128, 64, true);
    waits(3, 1, 64, 64, true);
    dropped(FRAG_OVERLAP, 0, 120, 16, true);
    cr_assert_eq(n_dropped, 2);
    cr_assert_eq(dropped_number[0], 1);
    cr_assert_eq(dropped_number[1], 2);
    cr_assert_eq(dropped_reason, DF_DROP_FRAG_OVERLAP);
    cr_assert_eq(dropped_port, PORT);
    dropped(FRAG_OVERLAP, 0, 0, 64, true);
    none_released();
    passes(1, 0, 64, true);
    released(3, piece(1, 64, 64, true));
    none_released();
    expire_all();
}

Test(fragments, after_the_timeout_the_identification_may_be_used_again)
{
    passes(0, 0, 64, true);
    dropped(FRAG_OVERLAP, 0, 56, 64, true);
    expire_all();
    passes(0, 0, 64, true);
    passes(0, 64, 8, false);
    cr_assert_not(df_fragments_any(fragments));
}

Test(fragments, a_duplicate_is_dropped_alone)
{
    waits(1, 0, 64, 64, true);
    dropped(FRAG_OVERLAP, 0, 64, 64, true);
    passes(0, 0, 64, true);
    released(1, piece(0, 64, 64, true));
    none_released();
    dropped(FRAG_OVERLAP, 0, 0, 64, true);
    dropped(FRAG_OVERLAP, 0, 64, 64, true);
    passes(0, 128, 8, false);
    cr_assert_not(df_fragments_any(fragments));
}

Test(fragments, a_datagram_that_ends_while_its_packets_are_released_gives_no_ports)
{
    waits(1, 0, 64, 64, true);
    waits(2, 0, 128, 64, true);
    passes(0, 0, 64, true);
    cr_assert_eq((size_t)df_fragments_release(fragments), 1);
    dropped(FRAG_OVERLAP, 0, 72, 8, true);
    struct df_packet packet = packet_of(piece(0, 64, 64, true));
    struct df_fragment_key key = key_of(&packet, PORT);
    cr_assert_eq(df_fragments_recall(fragments, &key, &packet), DF_DROP_FRAG_OVERLAP);
    cr_assert_eq(n_dropped, 1);
    cr_assert_eq(dropped_number[0], 2);
    none_released();
    expire_all();
}

/* ---- what the first fragment says */

Test(fragments, a_later_fragment_is_judged_as_the_first_one)
{
    struct df_packet first = packet_of(piece(0, 0, 64, true));
    struct df_packet later = packet_of(piece(0, 64, 64, true));
    first.ip_proto = later.ip_proto = IPPROTO_TCP;
    first.tcp.seq = 77;
    first.tcp.flags = 0x10;
    struct df_fragment_key key = key_of(&first, PORT);
    df_fragments_first(fragments, &key, &first, now_ms);
    cr_assert_eq(df_fragments_see(fragments, &key, &later, now_ms), DF_DROP_NONE);
    cr_assert(later.bits & DF_PACKET_L4);
    cr_assert(later.bits & DF_PACKET_LATER_FRAGMENT);
    cr_assert_eq(later.tcp.seq, 77);
    cr_assert_eq(later.tcp.flags, 0x10);
    cr_assert_eq(later.fragment_offset, 64);
    expire_all();
}

Test(fragments, of_icmp_type_code_and_identifier_are_told)
{
    struct df_packet first = packet_of(piece(0, 0, 64, true));
    struct df_packet later = packet_of(piece(0, 64, 64, true));
    first.ip_proto = later.ip_proto = IPPROTO_ICMP;
    first.bits |= DF_PACKET_ICMP_ECHO;
    first.l4_src = 0;
    first.l4_dst = 8;
    first.icmp_code = 1;
    first.icmp_id = 1234;
    struct df_fragment_key key = key_of(&first, PORT);
    cr_assert(df_packet_needs_first(&later));
    df_fragments_first(fragments, &key, &first, now_ms);
    df_fragments_see(fragments, &key, &later, now_ms);
    cr_assert_not(df_packet_needs_first(&later));
    cr_assert(later.bits & DF_PACKET_ICMP_ECHO);
    cr_assert_eq(later.l4_dst, 8);
    cr_assert_eq(later.icmp_code, 1);
    cr_assert_eq(later.icmp_id, 1234);
    expire_all();
}

/* RFC 8200 section 4.5: in IPv6 the next header of the first fragment alone counts. */
Test(fragments, ipv6_takes_the_protocol_from_the_first_fragment)
{
    struct df_packet first = packet_of(piece(0, 0, 64, true));
    struct df_packet later = packet_of(piece(0, 64, 64, true));
    first.bits ^= DF_PACKET_IP4 | DF_PACKET_IP6;
    later.bits ^= DF_PACKET_IP4 | DF_PACKET_IP6;
    later.ip_proto = IPPROTO_DSTOPTS;
    cr_assert(df_packet_needs_first(&later));
    struct df_fragment_key key = key_of(&later, PORT);
    cr_assert_eq(df_fragments_hold(fragments, &key, &later, (void *)1, now_ms), DF_DROP_NONE);
    key = key_of(&first, PORT);
    df_fragments_first(fragments, &key, &first, now_ms);
    cr_assert_eq((size_t)df_fragments_release(fragments), 1);
    cr_assert_eq(df_fragments_recall(fragments, &key, &later), DF_DROP_NONE);
    cr_assert_eq(later.ip_proto, IPPROTO_UDP);
    cr_assert_eq(later.l4_src, FIRST_PORT);
    none_released();
    expire_all();
}

Test(fragments, a_protocol_without_ports_waits_for_nothing_and_is_told_that_it_has_none)
{
    struct df_packet first = packet_of(piece(0, 0, 64, true));
    struct df_packet later = packet_of(piece(0, 64, 64, true));
    first.ip_proto = later.ip_proto = IPPROTO_GRE;
    first.bits &= (uint16_t)~DF_PACKET_L4;
    cr_assert_not(df_packet_needs_first(&later));
    cr_assert_not(df_packet_needs_first(&first));
    struct df_fragment_key key = key_of(&first, PORT);
    df_fragments_first(fragments, &key, &first, now_ms);
    df_fragments_see(fragments, &key, &later, now_ms);
    cr_assert(later.bits & DF_PACKET_L4);
    expire_all();
}

/* ---- what is a datagram */

Test(fragments, whatever_the_key_differs_in_it_is_another_datagram)
{
    struct df_packet first = packet_of(piece(0, 0, 64, true));
    struct df_fragment_key key = key_of(&first, PORT);
    df_fragments_first(fragments, &key, &first, now_ms);
    for (unsigned i = 0; i < 8; i++) {
        struct df_packet later = packet_of(piece(0, 64, 64, true));
        if (i == 1)
            later.ip_src.byte[15]++;
        else if (i == 2)
            later.ip_dst.byte[15]++;
        else if (i == 3)
            later.fragment_id++;
        else if (i == 4)
            later.ip_proto = IPPROTO_TCP;
        df_fragment_key(&later, i == 5 ? PORT + 1 : PORT, i == 6, i == 7, &key);
        cr_assert_eq(df_fragments_see(fragments, &key, &later, now_ms), DF_DROP_NONE);
        cr_assert_eq(later.bits & DF_PACKET_L4, i == 0 ? DF_PACKET_L4 : 0, "case %u", i);
    }
    expire_all();
}

/* ---- limits: fragment_shares.c has those that senders share */

Test(fragments, a_datagram_of_too_many_pieces_is_over_the_limit)
{
    passes(0, 0, 8, true);
    for (unsigned i = 1; i < DF_PIECES_MAX; i++)
        passes(0, i * 16, 8, true);
    dropped(FRAG_LIMIT, 0, DF_PIECES_MAX * 16, 8, true);
    dropped(FRAG_OVERLAP, 0, 16, 8, true);
    expire_all();
}

/* ---- time */

Test(fragments, what_waits_too_long_is_given_back)
{
    waits(1, 0, 64, 64, true);
    now_ms += 10000;
    waits(2, 0, 128, 64, true);
    waits(3, 1, 64, 64, true);
    now_ms += config.timeout_ms - 10001;
    expire();
    cr_assert_eq(n_dropped, 0);
    now_ms++;
    dropped(FRAG_TIMEOUT, 0, 0, 64, true);
    expire();
    cr_assert_eq(n_dropped, 2, "the time of a datagram is its first packet's");
    cr_assert_eq(dropped_number[0], 1);
    cr_assert_eq(dropped_number[1], 2);
    cr_assert_eq(dropped_reason, DF_DROP_FRAG_TIMEOUT);
    passes(0, 0, 64, true); /* a new one */
    none_released();
    passes(1, 0, 64, true);
    released(3, piece(1, 64, 64, true));
    none_released();
    expire_all();
    cr_assert_eq(n_dropped, 2);
}

static struct df_fragments_config many = {.datagrams_max = 1024, .held_max = 1024, .timeout_ms = 30000};

static void make_many(void)
{
    unmake();
    config = many;
    make();
}

Test(fragments, a_round_gives_back_a_few_only, .init = make_many)
{
    for (unsigned i = 0; i < 100; i++)
        waits(1 + i, 0, 64 + 8 * i, 8, true);
    now_ms += config.timeout_ms;
    unsigned rounds = 0;
    for (; df_fragments_any(fragments); rounds++) {
        unsigned before = n_dropped;
        expire();
        cr_assert_leq(n_dropped - before, 32);
        cr_assert_lt(rounds, 100);
    }
    cr_assert_eq(n_dropped, 100);
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(dropped_number[i], 1 + i);
}

Test(fragments, what_still_waits_in_the_end_is_given_back)
{
    waits(1, 0, 64, 64, true);
    waits(2, 1, 64, 64, true);
    dropped(FRAG_OVERLAP, 1, 72, 64, true);
    cr_assert_eq(n_dropped, 1);
    df_fragments_free(fragments);
    cr_assert_eq(n_dropped, 2);
    cr_assert_eq(dropped_number[1], 1);
    fragments = NULL; /* freeing that is nothing */
}

/* ---- against a naive model: a byte map of each datagram */

#define MODEL_UNITS 32

/* Bytes of the datagram, in units of 8, by the number of the piece that brought them; 0: none did. */
struct map {
    uint8_t owner[MODEL_UNITS];
    unsigned n;
};

static enum df_piece model_add(struct map *map, unsigned start, unsigned len)
{
    unsigned taken = 0, mine = 0, whole = 0;
    for (unsigned i = 0; i < MODEL_UNITS; i++) {
        bool same = map->owner[start] != 0 && map->owner[i] == map->owner[start];
        whole += same;
        if (i >= start && i < start + len) {
            taken += map->owner[i] != 0;
            mine += same;
        }
    }
    if (taken != 0)
        return mine == len && whole == len ? DF_PIECE_DUPLICATE : DF_PIECE_OVERLAP;
    memset(map->owner + start, (int)++map->n, len);
    return DF_PIECE_NEW;
}

Test(pieces, random_ones_are_told_apart_as_a_map_of_bytes_tells_them)
{
    unsigned seed = 20, seen[4] = {0};
    for (unsigned round = 0; round < 2000; round++) {
        struct df_pieces pieces = {0};
        struct map map = {{0}, 0};
        for (unsigned n = 0; n < 20; n++) {
            unsigned len = 1 + (unsigned)rand_r(&seed) % 3;
            unsigned start = (unsigned)rand_r(&seed) % (MODEL_UNITS - len);
            enum df_piece got = df_pieces_add(&pieces, (uint16_t)(start * 8), (uint16_t)(len * 8), true);
            cr_assert_eq(got, model_add(&map, start, len), "round %u", round);
            seen[got]++;
        }
    }
    cr_assert(seen[DF_PIECE_NEW] > 1000 && seen[DF_PIECE_DUPLICATE] > 1000 && seen[DF_PIECE_OVERLAP] > 1000);
}

Test(pieces, they_are_complete_when_the_last_is_known_and_no_byte_lacks)
{
    struct df_pieces pieces = {0};
    cr_assert_eq(df_pieces_add(&pieces, 0, 64, true), DF_PIECE_NEW);
    cr_assert_not(df_pieces_are_complete(&pieces));
    cr_assert_eq(df_pieces_add(&pieces, 65528, 7, false), DF_PIECE_NEW);
    cr_assert_not(df_pieces_are_complete(&pieces));
    cr_assert_eq(df_pieces_add(&pieces, 64, 65464, true), DF_PIECE_NEW);
    cr_assert(df_pieces_are_complete(&pieces));
}

Test(pieces, one_without_bytes_takes_no_place)
{
    struct df_pieces pieces = {0};
    cr_assert_eq(df_pieces_add(&pieces, 0, 64, true), DF_PIECE_NEW);
    for (unsigned i = 0; i < 2 * DF_PIECES_MAX; i++)
        cr_assert_eq(df_pieces_add(&pieces, 128, 0, true), DF_PIECE_NEW);
    cr_assert_eq(df_pieces_add(&pieces, 64, 0, false), DF_PIECE_NEW);
    cr_assert(df_pieces_are_complete(&pieces));
}
