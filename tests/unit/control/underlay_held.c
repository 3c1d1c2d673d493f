/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/held.h"

#include <criterion/criterion.h>
#include <string.h>

#include "control/model/address.h"

/* Who may have packets wait for a MAC: the frame of each is one byte, its number. */

static struct df_held *held;
static unsigned n_full, full_of, n_failed;
static char released[DF_HELD_MAX + 1];

static void release(void *arg, uint32_t lport, const uint8_t *frame, uint32_t len)
{
    (void)arg;
    (void)lport;
    cr_assert_eq(len, 1);
    released[strlen(released)] = (char)*frame;
}

static void drop(void *arg, uint32_t lport, enum df_drop reason)
{
    (void)arg;
    n_full += reason == DF_DROP_RESOLVE_QUEUE_FULL;
    full_of = lport;
    n_failed += reason == DF_DROP_RESOLVE_FAILED;
}

static void up(void)
{
    held = df_held_new(&(struct df_held_ops){.release = release, .drop = drop});
}

static void down(void)
{
    df_held_free(held);
}

TestSuite(underlay_held, .init = up, .fini = down);

static struct df_ip peer_of(unsigned number)
{
    return df_ip_from4(number);
}

static void put(unsigned peer, uint32_t lport, char frame)
{
    struct df_ip ip = peer_of(peer);
    df_held_put(held, &ip, lport, (const uint8_t *)&frame, 1, 0);
}

static const char *released_for(unsigned peer)
{
    struct df_ip ip = peer_of(peer);
    memset(released, 0, sizeof(released));
    df_held_release(held, &ip);
    return released;
}

Test(underlay_held, of_one_port_the_first_three_wait_for_a_peer)
{
    for (char frame = 'a'; frame <= 'e'; frame++)
        put(1, 7, frame);
    cr_assert_eq(n_full, 2);
    cr_assert_str_eq(released_for(1), "abc");
    cr_assert_str_eq(released_for(1), "");
}

Test(underlay_held, a_port_that_has_all_of_a_peers_places_gives_one_to_another_port)
{
    for (char frame = 'a'; frame <= 'c'; frame++)
        put(1, 7, frame);
    put(1, 8, 'x');
    cr_assert_eq(n_full, 1);
    cr_assert_eq(full_of, 7);
    put(1, 8, 'y');
    cr_assert_eq(full_of, 8, "who would have most is not made room for");
    put(1, 9, 'z');
    cr_assert_eq(full_of, 7);
    put(1, 10, 'u');
    cr_assert_eq(full_of, 10, "each has one, and the first ones wait");
    cr_assert_str_eq(released_for(1), "axz");
}

static void fill(uint32_t lport, unsigned first_peer)
{
    for (unsigned i = 0; i < 2 * DF_HELD_MAX; i++)
        put(first_peer + i / DF_HELD_PER_PEER, lport, 'f');
}

Test(underlay_held, a_port_that_sends_to_many_nodes_is_not_in_the_way_of_others)
{
    fill(7, 100);
    cr_assert_eq(n_full, DF_HELD_MAX);
    cr_assert_eq(df_held_count(held, NULL), DF_HELD_MAX);
    put(1, 8, 'x');
    put(1, 8, 'y');
    cr_assert_eq(full_of, 7);
    fill(7, 200);
    cr_assert_eq(full_of, 7);
    cr_assert_eq(df_held_count(held, NULL), DF_HELD_MAX);
    cr_assert_str_eq(released_for(1), "xy");
}

Test(underlay_held, two_that_send_to_many_nodes_have_half_each)
{
    fill(7, 100);
    fill(8, 200);
    unsigned n = 0;
    for (unsigned peer = 200; peer < 300; peer++)
        n += (unsigned)strlen(released_for(peer));
    cr_assert_eq(n, DF_HELD_MAX / 2);
}

Test(underlay_held, all_that_wait_end_once)
{
    fill(7, 100);
    put(1, 8, 'x');
    df_held_run(held, DF_HELD_MS - 1);
    cr_assert_eq(n_failed, 0);
    df_held_run(held, DF_HELD_MS);
    cr_assert_eq(n_failed, DF_HELD_MAX);
    cr_assert_eq(df_held_next_ms(held), -1);
}
