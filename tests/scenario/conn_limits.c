/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/conn.h"
#include "tests/scenario/groups.h"

#include <stdio.h>

/*
 * Limits of connections: what a guest may cost the switch. What is over one is refused by name, what is established
 * goes on, and a guest that floods has used up its own share, nobody else's.
 */

#define TOTAL 256
#define PER_PORT 40

static void model(void)
{
    lab_model(MODEL_NETWORKS);
    lab_model(GROUPS(CLIENT "," GROUP("server", IN4("udp", PROTOCOL("udp")) "," IN4("tcp", PROTOCOL("tcp")))));
    lab_model(PORTS(VM1_IN("'client'") "," PORT("vm2", "net1", MAC2, "'10.1.0.12'", "'sub1'", OPEN) "," PORT(
        "vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", IN_GROUPS("'client'"))));
}

static void per_port(void)
{
    lab_up_connections(&(const struct lab_connections){.max = TOTAL, .max_per_port = PER_PORT});
    model();
}

static void in_total(void)
{
    lab_up_connections(&(const struct lab_connections){.max = TOTAL});
    model();
}

#define VM5_VM2 ",dl_src=02:00:00:00:01:15,dl_dst=" MAC2 ",nw_src=10.1.0.15,nw_dst=10.1.0.12"
#define VM2_VM5 ",dl_src=" MAC2 ",dl_dst=02:00:00:00:01:15,nw_src=10.1.0.12,nw_dst=10.1.0.15"

/* Sends a UDP packet from vm1 by that source port. False: it was dropped. */
static bool opens(unsigned source)
{
    char words[256];
    size_t len;
    snprintf(words, sizeof(words), "udp,tp_src=%u,tp_dst=53" VM1_VM2, source);
    lab_send("vm1", words);
    return lab_receive("vm2", &len) != NULL;
}

/* Opens connections by new source ports from first on until one is refused, or there are n. The number opened. */
static unsigned open_many(unsigned first, unsigned n)
{
    unsigned opened = 0;
    while (opened < n && opens(first + opened))
        opened++;
    return opened;
}

static void replies(unsigned source)
{
    char words[256];
    snprintf(words, sizeof(words), "udp,tp_src=53,tp_dst=%u" VM2_VM1, source);
    lab_send("vm2", words);
    lab_expect("vm1", words);
    lab_expect_silence();
}

static bool is_known(unsigned source)
{
    char words[256];
    size_t len;
    snprintf(words, sizeof(words), "udp,tp_src=53,tp_dst=%u" VM2_VM1, source);
    lab_send("vm2", words);
    return lab_receive("vm1", &len) != NULL;
}

TestSuite(conn_limits);

Test(conn_limits, a_port_has_as_many_as_it_may, .init = per_port, .fini = lab_down)
{
    cr_assert_eq(open_many(1000, 1000), PER_PORT);
    lab_expect_drop("conn_port_limit", 1);
    cr_assert_not(opens(5000));
    lab_expect_drop("conn_port_limit", 1);
    for (unsigned i = 0; i < PER_PORT; i++) {
        cr_assert(opens(1000 + i));
        replies(1000 + i);
    }
    lab_expect_no_drop();
}

Test(conn_limits, a_flood_of_one_port_costs_no_other, .init = per_port, .fini = lab_down)
{
    for (unsigned i = 0; i < 10 * PER_PORT; i++)
        opens(1000 + i);
    lab_expect_drop("conn_port_limit", 9 * PER_PORT);
    lab_passes("vm5", "udp,tp_src=4000,tp_dst=53" VM5_VM2, "vm2");
    lab_passes("vm2", "udp,tp_src=53,tp_dst=4000" VM2_VM5, "vm5");
}

static uint32_t live(void)
{
    struct df_conns_tally tally;
    df_conns_tally(&tally);
    return tally.live;
}

Test(conn_limits, the_sender_keeps_nothing_of_what_the_receiver_has_no_room_for, .init = per_port, .fini = lab_down)
{
    lab_model(PORTS(VM2_IN("'server'"))); /* it is open else, and counts nothing */
    cr_assert_eq(open_many(1000, PER_PORT), PER_PORT);
    uint32_t before = live();
    lab_refused("vm5", "udp,tp_src=4000,tp_dst=53" VM5_VM2, "conn_port_limit");
    cr_assert_eq(live(), before);
}

/* A datagram from an address that vm1 made up. False: it was dropped. */
static bool forges(unsigned nth)
{
    char words[256];
    size_t len;
    snprintf(words, sizeof(words),
             "udp,tp_src=4000,tp_dst=53,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=203.0.113.%u,nw_dst=10.1.0.12", nth);
    lab_send("vm1", words);
    return lab_receive("vm2", &len) != NULL;
}

Test(conn_limits, forged_addresses_do_not_shut_a_server_out, .init = per_port, .fini = lab_down)
{
    lab_model(GROUPS(GROUP("server", IN4("udp", PROTOCOL("udp")) "," OUT4("out", ""))));
    lab_model(PORTS(PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", OPEN) "," VM2_IN("'server'")));
    unsigned n = 0;
    while (forges(n + 1))
        n++;
    cr_assert_eq(n, PER_PORT);
    lab_expect_drop("conn_port_limit", 1);
    lab_turn_ms(1000);
    lab_age();
    lab_passes("vm2", "udp,tp_src=5000,tp_dst=123" VM2_VM1, "vm1");
    lab_passes("vm1", "udp,tp_src=123,tp_dst=5000" VM1_VM2, "vm2");
    cr_assert(forges(250), "nor anybody else");
    lab_expect_no_drop();
}

Test(conn_limits, what_timed_out_makes_room, .init = per_port, .fini = lab_down)
{
    cr_assert_eq(open_many(1000, 1000), PER_PORT);
    lab_turn_ms(35000);
    lab_age();
    cr_assert_eq(open_many(2000, 1000), PER_PORT);
}

Test(conn_limits, a_full_table_refuses_new_ones_and_keeps_the_old, .init = in_total, .fini = lab_down)
{
    unsigned n = open_many(1000, 2 * TOTAL);
    cr_assert(n > TOTAL / 2 && n <= TOTAL, "%u", n);
    lab_expect_drop("conn_table_full", 1);
    lab_refused("vm5", "udp,tp_src=4000,tp_dst=53" VM5_VM2, "conn_table_full");
    for (unsigned i = 0; i < n; i++)
        replies(1000 + i);
    lab_expect_no_drop();
}

Test(conn_limits, what_had_no_answer_goes_first, .init = in_total, .fini = lab_down)
{
    unsigned answered = 50;
    cr_assert_eq(open_many(1000, answered), answered);
    for (unsigned i = 0; i < answered; i++)
        replies(1000 + i);
    open_many(2000, 2 * TOTAL);
    lab_expect_drop("conn_table_full", 1);
    lab_age();
    unsigned more = open_many(4000, 8);
    cr_assert_eq(more, 8, "there is room for %u", more);
    lab_expect_no_drop();
    for (unsigned i = 0; i < answered; i++)
        cr_assert(is_known(1000 + i), "an answered one was taken down, and others had no answer");
}

/* ---- more guests than fit, each with as many as it may have */

#define GUEST_PORT(nr)                                                                                                 \
    PORT("vm" #nr, "net1", "02:00:00:00:01:1" #nr, "'10.1.0.1" #nr "'", "'sub1'", IN_GROUPS("'client'"))

static void many_guests(void)
{
    lab_up_connections(&(const struct lab_connections){.max = TOTAL, .max_per_port = TOTAL / 4});
    lab_model(MODEL_NETWORKS);
    lab_model(GROUPS(CLIENT));
    lab_model(PORTS(PORT("vm2", "net1", MAC2, "'10.1.0.12'", "'sub1'", OPEN)));
    lab_model(PORTS(GUEST_PORT(4) "," GUEST_PORT(5) "," GUEST_PORT(6) "," GUEST_PORT(7) "," GUEST_PORT(8)));
}

/* vm2 answers. False: the question was dropped. */
static bool is_answered(unsigned guest, unsigned source)
{
    char words[256], name[8];
    size_t len;
    snprintf(name, sizeof(name), "vm%u", guest);
    snprintf(words, sizeof(words),
             "udp,tp_src=%u,tp_dst=53,dl_src=02:00:00:00:01:1%u,dl_dst=" MAC2 ",nw_src=10.1.0.1%u,nw_dst=10.1.0.12",
             source, guest, guest);
    lab_send(name, words);
    if (lab_receive("vm2", &len) == NULL)
        return false;
    snprintf(words, sizeof(words),
             "udp,tp_src=53,tp_dst=%u,dl_src=" MAC2 ",dl_dst=02:00:00:00:01:1%u,nw_src=10.1.0.12,nw_dst=10.1.0.1%u",
             source, guest, guest);
    lab_passes("vm2", words, name);
    return true;
}

Test(conn_limits, four_guests_do_not_take_all, .init = many_guests, .fini = lab_down)
{
    unsigned n = 0;
    for (unsigned guest = 4; guest < 8; guest++) {
        while (is_answered(guest, 1000 + n))
            n++;
        lab_expect_drop("conn_port_limit", 1);
    }
    lab_age();
    for (unsigned i = 0; i < 5; i++)
        cr_assert(is_answered(8, 1000 + i), "the fifth has only %u", i);
    lab_expect_no_drop();
}

static void tcp(const char *from, const char *to, const char *format, unsigned port)
{
    char words[256];
    snprintf(words, sizeof(words), format, port);
    lab_passes(from, words, to);
}

#define TCP_TO "tcp,tp_src=%u,tp_dst=80,tcp_flags="
#define TCP_BACK "tcp,tp_src=80,tp_dst=%u,tcp_flags="
#define SYN TCP_TO "syn,tcp_seq=1" VM1_VM2
#define SYN_ACK TCP_BACK "syn|ack,tcp_seq=8,tcp_ack=2" VM2_VM1
#define ACK TCP_TO "ack,tcp_seq=2,tcp_ack=9" VM1_VM2
#define DATA_BACK TCP_BACK "ack|psh,len=7,tcp_seq=9,tcp_ack=2" VM2_VM1

static bool tcp_opens(unsigned port)
{
    char words[256];
    size_t len;
    snprintf(words, sizeof(words), SYN, port);
    lab_send("vm1", words);
    if (lab_receive("vm2", &len) == NULL)
        return false;
    tcp("vm2", "vm1", SYN_ACK, port);
    tcp("vm1", "vm2", ACK, port);
    return true;
}

Test(conn_limits, what_is_established_is_never_taken_down, .init = in_total, .fini = lab_down)
{
    unsigned n = 0;
    while (n < 2 * TOTAL && tcp_opens(1000 + n))
        n++;
    cr_assert(n > TOTAL / 2 && n <= TOTAL, "%u", n);
    lab_expect_drop("conn_table_full", 1);
    for (unsigned i = 0; i < 5; i++) {
        lab_age();
        cr_assert_not(opens(50000 + i));
        lab_expect_drop("conn_table_full", 1);
    }
    for (unsigned i = 0; i < n; i++)
        tcp("vm2", "vm1", DATA_BACK, 1000 + i);
}

Test(conn_limits, what_was_closed_goes_before_what_is_established, .init = in_total, .fini = lab_down)
{
    unsigned n = 0;
    while (n < 2 * TOTAL && tcp_opens(1000 + n))
        n++;
    lab_expect_drop("conn_table_full", 1);
    for (unsigned i = 0; i < 20; i++)
        tcp("vm1", "vm2", TCP_TO "rst,tcp_seq=2" VM1_VM2, 1000 + i);
    lab_age();
    cr_assert(tcp_opens(60000), "nothing made room");
    for (unsigned i = 20; i < n; i++)
        tcp("vm2", "vm1", DATA_BACK, 1000 + i);
}
