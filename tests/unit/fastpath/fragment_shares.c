/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/fragment.h"
#include "fastpath/fragment/senders.h"
#include "fastpath/fragment/shares.h"
#include "fastpath/lookup/hash.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>

/*
 * How those who send fragments share the room for them: whoever has most gives way, and nobody else. A worker's part is
 * played as in fragment.c: a later fragment that knows no ports is held, a first one is noted.
 */

#define DATAGRAMS 256
#define HELD 64

static struct df_fragments *fragments;
static uint32_t now_ms;
static unsigned waiting_of[8], lost_of[8]; /* packets that wait, and that were dropped while they did, by sender */
static unsigned n_lost;

static void lose(void *packet, uint16_t port, enum df_drop reason, void *arg)
{
    (void)port;
    (void)arg;
    waiting_of[(size_t)packet]--;
    lost_of[(size_t)packet]++;
    n_lost += reason == DF_DROP_FRAG_LIMIT;
}

static void make_with(uint32_t held_max)
{
    df_hash_init();
    fragments = df_fragments_new(
        &(struct df_fragments_config){.datagrams_max = DATAGRAMS, .held_max = held_max, .timeout_ms = 30000}, lose,
        NULL);
    cr_assert_not_null(fragments);
}

static void make(void)
{
    make_with(HELD);
}

static void unmake(void)
{
    df_fragments_free(fragments);
}

TestSuite(fragment_shares, .init = make, .fini = unmake);

/* ---- senders */

struct sender {
    size_t number; /* 1 to 7 */
    uint16_t port;
    uint8_t tunnel_type;
    uint32_t tunnel_key;
    uint32_t src;
};

#define UPLINK 1
static const struct sender guest2 = {2, .port = 2, .src = 0x0a000002}, guest3 = {3, .port = 3, .src = 0x0a000003},
                           guest4 = {4, .port = 4, .src = 0x0a000004},
                           red = {5, .port = UPLINK, .tunnel_type = 1, .tunnel_key = 5001, .src = 0x0a000005},
                           blue = {6, .port = UPLINK, .tunnel_type = 1, .tunnel_key = 5002, .src = 0x0a000005},
                           gre = {7, .port = UPLINK, .tunnel_type = 3, .tunnel_key = 5001, .src = 0x0a000005};

static struct df_packet packet_of(const struct sender *sender, uint32_t id, unsigned offset, bool more)
{
    return (struct df_packet){.bits = (uint16_t)(DF_PACKET_IP4 | DF_PACKET_FRAGMENT |
                                                 (more ? DF_PACKET_MORE_FRAGMENTS : 0) |
                                                 (offset != 0 ? DF_PACKET_LATER_FRAGMENT : DF_PACKET_L4)),
                              .ip_proto = IPPROTO_UDP,
                              .ip_src = df_ip_from4(htonl(sender->src)),
                              .ip_dst = df_ip_from4(htonl(0x0a0000ff)),
                              .fragment_id = id,
                              .fragment_offset = (uint16_t)offset,
                              .fragment_len = 64,
                              .l4_src = offset != 0 ? 0 : (uint16_t)id};
}

enum outcome { PASSED, WAITS, DROPPED };

static enum outcome send_piece(const struct sender *sender, uint32_t id, unsigned offset, bool more)
{
    struct df_packet packet = packet_of(sender, id, offset, more);
    struct df_fragment_key key;
    df_fragment_key(&packet, sender->port, sender->tunnel_type, sender->tunnel_key, &key);
    if (df_fragments_see(fragments, &key, &packet, now_ms) != DF_DROP_NONE)
        return DROPPED;
    if (df_packet_needs_first(&packet)) {
        enum df_drop drop = df_fragments_hold(fragments, &key, &packet, (void *)sender->number, now_ms);
        cr_assert(drop == DF_DROP_NONE || drop == DF_DROP_FRAG_LIMIT);
        waiting_of[sender->number] += drop == DF_DROP_NONE;
        return drop == DF_DROP_NONE ? WAITS : DROPPED;
    }
    cr_assert_eq(packet.l4_src, (uint16_t)id, "ports of another datagram");
    if (offset == 0)
        df_fragments_first(fragments, &key, &packet, now_ms);
    return PASSED;
}

/* The last fragment of two, without the first one. */
static enum outcome send_last(const struct sender *sender, uint32_t id)
{
    return send_piece(sender, id, 64, false);
}

/* The first one; returns how many packets had waited for it. */
static unsigned send_first(const struct sender *sender, uint32_t id)
{
    unsigned n = 0;
    cr_assert_eq(send_piece(sender, id, 0, true), PASSED);
    while (df_fragments_release(fragments) != NULL)
        n++;
    waiting_of[sender->number] -= n;
    return n;
}

/* ---- packets that wait */

static void flood_with_last(const struct sender *sender, uint32_t n)
{
    static uint32_t id = 10000;
    for (uint32_t i = 0; i < n; i++)
        cr_assert_eq(send_last(sender, id++), WAITS, "whoever comes gets in");
}

static void must_not_lose_to(const struct sender *victim, const struct sender *flooder)
{
    flood_with_last(flooder, HELD);
    cr_assert_eq(n_lost, 0);
    for (uint32_t id = 0; id < 10; id++)
        cr_assert_eq(send_last(victim, id), WAITS);
    flood_with_last(flooder, 20 * HELD);
    cr_assert_eq(lost_of[victim->number], 0);
    cr_assert_eq(n_lost, lost_of[flooder->number]);
    for (uint32_t id = 0; id < 10; id++)
        cr_assert_eq(send_first(victim, id), 1, "its packet was lost to others");
}

Test(fragment_shares, a_port_that_floods_pushes_out_its_own_packets)
{
    must_not_lose_to(&guest3, &guest2);
}

Test(fragment_shares, so_does_a_network_by_tunnels_though_others_come_in_by_the_same_port)
{
    must_not_lose_to(&blue, &red);
}

Test(fragment_shares, networks_of_one_key_and_two_types_are_two)
{
    must_not_lose_to(&gre, &red);
}

Test(fragment_shares, the_oldest_goes)
{
    flood_with_last(&guest2, HELD + 5);
    cr_assert_eq(n_lost, 5);
    for (uint32_t i = 0; i < HELD + 5; i++)
        cr_assert_eq(send_first(&guest2, 10000 + i), i < 5 ? 0 : 1, "datagram %u", i);
}

Test(fragment_shares, those_who_want_more_than_there_is_get_equally_much)
{
    static const struct sender *const greedy[] = {&guest2, &guest3, &guest4};
    for (uint32_t i = 0; i < 30 * HELD; i++) {
        cr_assert_eq(send_last(greedy[i % 10 < 3 ? i % 10 : 0], i), WAITS); /* one sends eight times as fast */
        if (i % 30 == 0)
            cr_assert_eq(send_last(&red, i), WAITS);
    }
    for (unsigned who = 0; who < 3; who++)
        cr_assert_eq(waiting_of[greedy[who]->number], HELD / 4, "%u has %u", who, waiting_of[greedy[who]->number]);
    cr_assert_eq(waiting_of[red.number], HELD / 4);
}

Test(fragment_shares, a_datagram_that_pushes_out_itself_is_lost_whole)
{
    for (unsigned i = 1; i <= HELD; i++)
        cr_assert_eq(send_piece(&guest2, 1, i * 64, true), WAITS);
    cr_assert_eq(send_piece(&guest2, 1, (HELD + 1) * 64, true), DROPPED);
    cr_assert_eq(n_lost, HELD);
    cr_assert_not(df_fragments_any(fragments));
}

Test(fragment_shares, what_an_overlap_ended_leaves_its_room_at_once)
{
    flood_with_last(&guest2, HELD - 1);
    cr_assert_eq(send_last(&guest3, 1), WAITS);
    cr_assert_eq(send_piece(&guest3, 1, 72, true), DROPPED);
    cr_assert_eq(lost_of[guest3.number], 1);
    cr_assert_eq(send_last(&guest4, 1), WAITS);
    cr_assert_eq(n_lost, 0);
    flood_with_last(&guest2, 10 * HELD); /* the datagram that ended holds nothing, and is not asked for it */
    cr_assert_eq(send_first(&guest4, 1), 1);
}

static void no_room(void)
{
    unmake();
    make_with(0);
}

Test(fragment_shares, where_none_may_wait_all_are_dropped, .init = no_room)
{
    cr_assert_eq(send_last(&guest2, 1), DROPPED);
    cr_assert_eq(send_last(&red, 1), DROPPED);
    cr_assert_not(df_fragments_any(fragments), "nothing is kept of what was refused");
    send_first(&guest2, 2);
    cr_assert_eq(send_last(&guest2, 2), PASSED);
}

/* ---- datagrams */

static void must_be_followed_beside(const struct sender *victim, const struct sender *flooder)
{
    for (uint32_t i = 0; i < 2 * DATAGRAMS; i++)
        send_first(flooder, 10000 + i); /* that are never finished */
    for (uint32_t id = 0; id < 10; id++)
        send_first(victim, id);
    for (uint32_t i = 0; i < 20 * DATAGRAMS; i++)
        send_first(flooder, 20000 + i);
    for (uint32_t id = 0; id < 10; id++)
        cr_assert_eq(send_last(victim, id), PASSED, "what its first fragment said was forgotten for others");
    cr_assert_eq(n_lost, 0);
}

Test(fragment_shares, a_port_that_finishes_nothing_is_forgotten_itself)
{
    must_be_followed_beside(&guest3, &guest2);
}

Test(fragment_shares, so_is_a_network_by_tunnels_and_no_other)
{
    must_be_followed_beside(&blue, &red);
}

Test(fragment_shares, a_datagram_that_waits_gives_way_with_its_packets)
{
    cr_assert_eq(send_last(&guest2, 1), WAITS);
    for (uint32_t i = 0; i < DATAGRAMS; i++)
        send_first(&guest2, 10000 + i);
    cr_assert_eq(n_lost, 1);
    cr_assert_eq(send_last(&guest2, 10000), PASSED, "only the oldest went");
    cr_assert_eq(send_first(&guest2, 1), 0);
}

/* ---- who is a sender */

/* What a guest has of the room, beside somebody who uses so many addresses. */
static unsigned left_beside_addresses(const struct sender *sender, uint32_t n)
{
    for (uint32_t i = 0; i < 50 * HELD; i++) {
        struct sender other = *sender;
        other.src += i % n;
        cr_assert_eq(send_last(&other, 10000 + i), WAITS);
        cr_assert_eq(send_last(&guest4, i), WAITS);
    }
    cr_assert_eq(waiting_of[sender->number] + waiting_of[guest4.number], HELD);
    return waiting_of[guest4.number];
}

Test(fragment_shares, a_guest_gets_no_more_by_many_addresses)
{
    cr_assert_eq(left_beside_addresses(&guest2, 1000), HELD / 2);
}

Test(fragment_shares, a_network_by_tunnels_gets_eight_shares_by_as_many_addresses_as_it_makes_up)
{
    cr_assert_geq(left_beside_addresses(&red, 1000), HELD / (DF_SENDER_PARTS + 1));
}

Test(fragment_shares, in_a_network_most_addresses_do_not_share)
{
    unsigned shared = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        struct df_fragment_key one = {.tunnel_type = 1, .src = df_ip_from4(htonl(0x0a000000 + i))}, other = one;
        other.src = df_ip_from4(htonl(0x0b000000 + i));
        shared += df_sender_key_of(&one).part == df_sender_key_of(&other).part;
    }
    cr_assert(shared > 1000 / DF_SENDER_PARTS / 2 && shared < 2 * 1000 / DF_SENDER_PARTS, "%u of 1000", shared);
}

/* ---- against a naive model */

#define OWNERS 16
#define ROOM 64

Test(shares, the_greediest_is_whom_counting_finds)
{
    struct df_shares shares;
    unsigned seed = 7, n[OWNERS] = {0}, total = 0;
    cr_assert_eq(df_shares_init(&shares, OWNERS, ROOM), 0);
    cr_assert_eq(df_shares_greediest(&shares, 3), DF_SHARES_NOBODY);
    for (unsigned step = 0; step < 100000; step++) {
        unsigned owner = (unsigned)rand_r(&seed) % OWNERS, most = 0;
        if (total < ROOM && (unsigned)rand_r(&seed) % 2 == 0) {
            df_shares_add(&shares, owner);
            n[owner]++;
            total++;
        } else if (n[owner] != 0) {
            df_shares_take(&shares, owner);
            n[owner]--;
            total--;
        }
        for (unsigned i = 0; i < OWNERS; i++)
            most = n[i] > most ? n[i] : most;
        uint32_t found = df_shares_greediest(&shares, DF_SHARES_NOBODY);
        cr_assert(total == 0 ? found == DF_SHARES_NOBODY : n[found] == most, "step %u", step);
        if (total != 0 && n[owner] == most)
            cr_assert_eq(df_shares_greediest(&shares, owner), owner);
    }
    df_shares_fini(&shares);
}
