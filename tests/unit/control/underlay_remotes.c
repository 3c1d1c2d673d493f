/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/remotes.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "control/model/address.h"

/* The limits of peers and of neighbours: what is over them is counted, and nothing else of it happens. */

static struct df_settings settings;
static struct df_neighbours *neighbours;
static struct df_remotes *remotes;
static struct df_watcher watcher;

static void ask(void *arg, const struct df_ip *ip, const struct df_mac *to)
{
    (void)arg, (void)ip, (void)to;
}

static void changed(void *arg, struct df_neighbour *neighbour)
{
    (void)arg, (void)neighbour;
}

static void listen_to(void *arg, const struct df_ip *ip, bool on)
{
    (void)arg, (void)ip, (void)on;
}

static struct df_ip ip_of(uint32_t number)
{
    char text[DF_IP_TEXT];
    struct df_ip ip;
    snprintf(text, sizeof(text), "10.0.%u.%u", number >> 8, number & 0xff);
    cr_assert_eq(df_ip_parse(text, &ip), 0);
    return ip;
}

/* With an address in 10.0.0.0/16, so that each of the others is on link. */
static void up(void)
{
    settings.ip4 = (struct df_settings_family){.ip = ip_of(0xffff), .bits = 96 + 16};
    neighbours = df_neighbours_new(
        &(struct df_neighbours_ops){.ask = ask, .changed = changed, .listen = listen_to, .arg = NULL});
    remotes = df_remotes_new(&settings, neighbours);
}

static void down(void)
{
    df_watches_drop(df_watcher_renew(&watcher));
    df_remotes_free(remotes);
    df_neighbours_free(neighbours);
}

TestSuite(underlay_remotes, .init = up, .fini = down);

Test(underlay_remotes, one_too_many_is_counted_and_not_taken)
{
    for (uint32_t i = 0; i < DF_REMOTES_MAX; i++) {
        struct df_ip ip = ip_of(i);
        cr_assert_not_null(df_remotes_watch(remotes, &ip, &watcher));
    }
    cr_expect_eq(df_remotes_refused(remotes), 0);
    struct df_ip ip = ip_of(DF_REMOTES_MAX);
    cr_expect_null(df_remotes_watch(remotes, &ip, &watcher));
    cr_expect_eq(df_remotes_refused(remotes), 1);
}

Test(underlay_remotes, one_whose_neighbour_is_one_too_many_is_counted_and_not_reached)
{
    for (uint32_t i = 0; i < DF_NEIGHBOURS_MAX; i++) {
        struct df_ip ip = ip_of(i);
        cr_assert_not_null(df_neighbours_want(neighbours, &ip));
    }
    struct df_mac mac;
    struct df_ip ip = ip_of(DF_NEIGHBOURS_MAX);
    struct df_remote *remote = df_remotes_watch(remotes, &ip, &watcher);
    cr_assert_not_null(remote);
    cr_expect_eq(df_remotes_reach(remotes, remote, &mac), DF_PEER_UNREACHABLE);
    cr_expect_eq(df_remotes_refused(remotes), 1);
}
