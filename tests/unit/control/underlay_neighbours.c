/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/neighbours.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "control/model/address.h"

/* The resolver alone: whom it asks when, and whom it believes. The test turns the clock. */

static unsigned n_asked, n_to_all, n_changed;
static struct df_ip last_asked;
static struct df_mac last_to;
static int listening;
static uint64_t now = 1000000;
static struct df_neighbours *neighbours;

static void ask(void *arg, const struct df_ip *ip, const struct df_mac *to)
{
    (void)arg;
    n_asked++;
    n_to_all += to == NULL;
    last_asked = *ip;
    last_to = to ? *to : (struct df_mac){{0}};
}

static void changed(void *arg, struct df_neighbour *neighbour)
{
    (void)arg, (void)neighbour;
    n_changed++;
}

static void listen_to(void *arg, const struct df_ip *ip, bool on)
{
    (void)arg, (void)ip;
    listening += on ? 1 : -1;
}

static void up(void)
{
    neighbours = df_neighbours_new(
        &(struct df_neighbours_ops){.ask = ask, .changed = changed, .listen = listen_to, .arg = NULL});
}

static void down(void)
{
    df_neighbours_free(neighbours);
    cr_assert_eq(listening, 0, "it still listens to %d addresses", listening);
}

TestSuite(underlay_neighbours, .init = up, .fini = down);

static struct df_ip ip_of(const char *text)
{
    struct df_ip ip;
    cr_assert_eq(df_ip_parse(text, &ip), 0);
    return ip;
}

static struct df_neighbour *want(const char *text)
{
    struct df_ip ip = ip_of(text);
    struct df_neighbour *neighbour = df_neighbours_want(neighbours, &ip);
    cr_assert_not_null(neighbour);
    return neighbour;
}

/* The clock goes on, and all that is due on the way is done. */
static void pass(uint64_t ms)
{
    uint64_t until = now + ms;
    int64_t next;
    while ((next = df_neighbours_next_ms(neighbours)) >= 0 && (uint64_t)next <= until) {
        now = (uint64_t)next > now ? (uint64_t)next : now;
        df_neighbours_run(neighbours, now);
    }
    now = until;
}

static void say(const char *ip, uint8_t mac, bool solicited, bool override)
{
    struct df_frames_answer answer = {
        .ip = ip_of(ip), .mac = {{2, 0, 0, 0, 0, mac}}, .solicited = solicited, .override = override};
    if (mac == 0)
        answer.mac = (struct df_mac){{0}};
    df_neighbours_take(neighbours, &answer, now);
}

static void answer(const char *ip, uint8_t mac)
{
    say(ip, mac, true, true);
}

static void expect(const struct df_neighbour *neighbour, enum df_neighbour_state state, uint8_t mac)
{
    struct df_mac wanted = {{0}};
    if (mac)
        wanted = (struct df_mac){{2, 0, 0, 0, 0, mac}};
    cr_assert_str_eq(df_neighbour_state_name(neighbour->state), df_neighbour_state_name(state));
    cr_assert(df_mac_equal(&neighbour->mac, &wanted), "its MAC ends with %02x, not %02x", neighbour->mac.byte[5], mac);
}

#define A "192.0.2.2"

Test(underlay_neighbours, one_that_is_wanted_is_asked_for_by_all_means)
{
    struct df_neighbour *a = want(A);
    cr_assert_eq(listening, 1);
    pass(0);
    cr_assert_eq(n_asked, 1);
    cr_assert_eq(n_to_all, 1);
    answer(A, 2);
    expect(a, DF_NEIGHBOUR_REACHABLE, 2);
    cr_assert_eq(n_changed, 1);
    pass(40000);
    cr_assert_eq(n_asked, 1, "it is known for the time being");
}

Test(underlay_neighbours, who_does_not_answer_fails_and_is_asked_ever_more_seldom)
{
    struct df_neighbour *a = want(A);
    pass(2999);
    cr_assert_eq(n_asked, 3);
    expect(a, DF_NEIGHBOUR_ASKING, 0);
    pass(1);
    expect(a, DF_NEIGHBOUR_FAILED, 0);
    cr_assert_eq(n_changed, 1);
    static const unsigned after[] = {2000, 4000, 8000, 16000, 32000, 32000};
    for (unsigned i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
        pass(after[i] - 1);
        cr_assert_eq(n_asked, 3 + i, "%u ms before the %u. time", 1, i + 1);
        pass(1);
        cr_assert_eq(n_asked, 4 + i, "after %u ms", after[i]);
    }
    cr_assert_eq(n_to_all, n_asked);
    cr_assert_eq(n_changed, 1);
    answer(A, 2);
    expect(a, DF_NEIGHBOUR_REACHABLE, 2);
    cr_assert_eq(n_changed, 2);
}

Test(underlay_neighbours, one_that_is_known_is_asked_itself_before_it_is_forgotten)
{
    struct df_neighbour *a = want(A);
    pass(0);
    answer(A, 2);
    pass(44000);
    while (a->state != DF_NEIGHBOUR_FAILED)
        pass(100);
    cr_assert_eq(n_asked, 7, "once, three times itself, three times all");
    cr_assert_eq(n_to_all, 4);
    expect(a, DF_NEIGHBOUR_FAILED, 0);
    cr_assert_eq(n_changed, 2);
}

Test(underlay_neighbours, what_was_known_is_used_while_it_is_asked)
{
    struct df_neighbour *a = want(A);
    pass(0);
    answer(A, 2);
    while (a->state == DF_NEIGHBOUR_REACHABLE)
        pass(100);
    cr_assert_eq(last_to.byte[5], 2);
    for (unsigned second = 0; second < 5; second++) {
        expect(a, DF_NEIGHBOUR_PROBING, 2);
        pass(1000);
    }
    cr_assert_eq(n_changed, 1);
    answer(A, 2);
    expect(a, DF_NEIGHBOUR_REACHABLE, 2);
    cr_assert_eq(n_changed, 1, "it never was away");
    pass(40000);
    cr_assert_eq(n_asked, 7);
}

Test(underlay_neighbours, an_answer_without_a_mac_confirms_who_is_known_and_tells_nothing_of_others)
{
    struct df_neighbour *a = want(A);
    pass(0);
    say(A, 0, true, true);
    expect(a, DF_NEIGHBOUR_ASKING, 0);
    answer(A, 2);
    while (a->state == DF_NEIGHBOUR_REACHABLE)
        pass(100);
    say(A, 0, true, false);
    expect(a, DF_NEIGHBOUR_REACHABLE, 2);
}

Test(underlay_neighbours, another_mac_is_taken_over_at_once_and_then_not_for_a_second)
{
    struct df_neighbour *a = want(A);
    pass(0);
    answer(A, 2);
    say(A, 3, false, true); /* a gateway that took over says so */
    expect(a, DF_NEIGHBOUR_PROBING, 3);
    cr_assert_eq(n_changed, 2);
    pass(0);
    cr_assert_eq(last_to.byte[5], 3, "whether that is so is asked");
    answer(A, 3);
    pass(500);
    say(A, 4, false, true);
    expect(a, DF_NEIGHBOUR_PROBING, 3);
    cr_assert_eq(n_changed, 2);
    cr_assert_eq(df_neighbours_counters(neighbours).held_back, 1);
    unsigned before = n_to_all;
    pass(500);
    cr_assert_eq(n_to_all, before + 1, "all are asked who has it");
    answer(A, 4);
    expect(a, DF_NEIGHBOUR_REACHABLE, 4);
    cr_assert_eq(n_changed, 3);
}

Test(underlay_neighbours, without_the_override_flag_another_mac_is_only_a_reason_to_ask)
{
    struct df_neighbour *a = want("2001:db8::2");
    pass(0);
    answer("2001:db8::2", 2);
    say("2001:db8::2", 3, true, false);
    expect(a, DF_NEIGHBOUR_PROBING, 2);
    cr_assert_eq(n_changed, 1);
    pass(0);
    cr_assert_eq(last_to.byte[5], 2);
}

Test(underlay_neighbours, what_is_said_of_others_changes_nothing)
{
    struct df_neighbour *a = want(A);
    pass(0);
    for (unsigned i = 0; i < 1000; i++) {
        char ip[32];
        snprintf(ip, sizeof(ip), "198.51.100.%u", i % 256);
        answer(ip, 9);
    }
    expect(a, DF_NEIGHBOUR_ASKING, 0);
    cr_assert_eq(df_neighbours_counters(neighbours).unasked, 1000);
    cr_assert_eq(listening, 1);
    cr_assert_eq(n_changed, 0);
}

Test(underlay_neighbours, it_is_there_as_long_as_somebody_wants_it)
{
    struct df_neighbour *a = want(A);
    cr_assert_eq(want(A), a);
    df_neighbours_unwant(neighbours, a);
    cr_assert_eq(listening, 1);
    df_neighbours_unwant(neighbours, a);
    cr_assert_eq(listening, 0);
    answer(A, 2);
    cr_assert_eq(df_neighbours_counters(neighbours).unasked, 1);
}

Test(underlay_neighbours, when_the_link_comes_up_all_are_asked_and_what_was_known_holds)
{
    struct df_neighbour *a = want(A), *b = want("192.0.2.3");
    pass(0);
    answer(A, 2);
    pass(5000);
    expect(b, DF_NEIGHBOUR_FAILED, 0);
    n_asked = n_to_all = 0;
    df_neighbours_link_up(neighbours, now);
    pass(0);
    cr_assert_eq(n_asked, 2);
    cr_assert_eq(n_to_all, 1);
    expect(a, DF_NEIGHBOUR_PROBING, 2);
}

Test(underlay_neighbours, many_are_asked_by_and_by_and_those_for_which_packets_wait_first)
{
    struct df_neighbour *last = NULL;
    for (unsigned i = 0; i < 200; i++) {
        char ip[32];
        snprintf(ip, sizeof(ip), "10.0.0.%u", i + 1);
        last = want(ip);
    }
    df_neighbours_urge(neighbours, last);
    df_neighbours_run(neighbours, now);
    cr_assert_eq(n_asked, DF_NEIGHBOURS_PER_RUN);
    cr_assert_eq(last->unanswered, 1);
    df_neighbours_run(neighbours, now + 99);
    cr_assert_eq(n_asked, DF_NEIGHBOURS_PER_RUN);
    pass(2000);
    cr_assert_geq(n_asked, 200);
    cr_assert_leq(n_asked, 21 * DF_NEIGHBOURS_PER_RUN);
}

static void count(const struct df_neighbour *neighbour, void *arg)
{
    *(unsigned *)arg += neighbour->unanswered > 0;
}

Test(underlay_neighbours, each_gets_its_turn)
{
    unsigned n = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char ip[32];
        snprintf(ip, sizeof(ip), "10.0.%u.%u", i / 250, i % 250 + 1);
        want(ip);
    }
    pass(6400); /* what 1000 questions take */
    df_neighbours_each(neighbours, count, &n);
    cr_assert_eq(n, 1000);
}
