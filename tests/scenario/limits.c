/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include "fastpath/worker/worker.h"

#include <stdio.h>
#include <stdlib.h>

/* Limits: what a guest may cost. What is over one has a name, and is its own port's. */

static void routed(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(limits, .init = routed, .fini = lab_down);

#define TTL_1 "udp,tp_src=1,tp_dst=2,nw_ttl=1,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"
#define TTL_1_6 "udp6,nw_ttl=1,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13"
#define ARP "arp,arp_op=1,arp_spa=10.1.0.11,arp_tpa=10.1.0.1,arp_sha=" MAC1 ",dl_src=" MAC1
#define NS                                                                                                             \
    "icmp6,icmp_type=135,nw_ttl=255,dl_src=" MAC1 ",dl_dst=" ROUTER1                                                   \
    ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::1,nd_target=2001:db8:1::1"
#define TOO_BIG "udp,len=1400,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"
#define TOO_BIG_6 "udp6,len=1400,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13"
#define PING "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.1.0.1"

static unsigned answers_to(const char *words, unsigned n)
{
    unsigned answered = 0;
    size_t len;
    for (unsigned i = 0; i < n; i++) {
        lab_send("vm1", words);
        answered += lab_receive("vm1", &len) != NULL;
    }
    return answered;
}

Test(limits, answers_of_every_kind_are_limited_per_port)
{
    for (const char *const *words = (const char *const[]){TTL_1, TTL_1_6, TOO_BIG, TOO_BIG_6, ARP, NS, PING, NULL};
         *words; words++) {
        uint64_t before = lab_port_drops("vm1", "rate_answer");
        unsigned answered = answers_to(*words, 200);
        cr_assert(answered >= 5 && answered <= 20, "%u of 200 were answered: %s", answered, *words);
        cr_assert_eq(lab_port_drops("vm1", "rate_answer") - before, 200 - answered);
        lab_turn_ms(1000);
        cr_assert_eq(answers_to(*words, 1), 1, "a second later there is allowance again");
        lab_turn_ms(1000);
    }
}

Test(limits, kinds_of_answers_share_the_allowance)
{
    answers_to(PING, 200);
    cr_assert_eq(answers_to(ARP, 1), 0);
}

Test(limits, another_port_is_not_punished)
{
    size_t len;
    answers_to(TTL_1, 200);
    lab_send("vm2", "arp,arp_op=1,arp_spa=10.1.0.12,arp_tpa=10.1.0.1,arp_sha=" MAC2 ",dl_src=" MAC2);
    cr_assert_not_null(lab_receive("vm2", &len));
    cr_assert_eq(lab_port_drops("vm2", "rate_answer"), 0);
}

Test(limits, what_is_forwarded_is_not_limited)
{
    size_t len;
    answers_to(TTL_1, 200);
    for (unsigned i = 0; i < 1000; i++) {
        lab_send("vm1", "udp,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12");
        cr_assert_not_null(lab_receive("vm2", &len));
    }
}

Test(limits, punts_are_limited_per_port)
{
    for (unsigned i = 0; i < 200; i++)
        lab_send("vm1", "udp,tp_src=68,tp_dst=67,dl_src=" MAC1
                        ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=0.0.0.0,nw_dst=255.255.255.255");
    struct df_worker_tally tally;
    df_worker_tally(df_worker(0), &tally);
    cr_assert(tally.punts >= 5 && tally.punts <= 20, "%lu of 200 went to the controller", (unsigned long)tally.punts);
    lab_expect_drop("rate_punt", 200 - tally.punts);
    cr_assert_eq(lab_port_drops("vm1", "rate_punt"), 200 - tally.punts);
}

Test(limits, drops_are_those_of_the_port_that_sent)
{
    lab_send("vm1", "udp,dl_src=" MAC2 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12");
    lab_send("vm2", "udp,dl_src=" MAC2 ",dl_dst=02:00:00:00:01:77,nw_src=10.1.0.12,nw_dst=10.1.0.77");
    lab_send("vm2", "udp,dl_src=" MAC2 ",dl_dst=02:00:00:00:01:77,nw_src=10.1.0.12,nw_dst=10.1.0.77");
    cr_assert_eq(lab_port_drops("vm1", "spoofed_mac"), 1);
    cr_assert_eq(lab_port_drops("vm1", "l2_unknown"), 0);
    cr_assert_eq(lab_port_drops("vm2", "spoofed_mac"), 0);
    cr_assert_eq(lab_port_drops("vm2", "l2_unknown"), 2);
}

/* Ports of another node, one MAC each: more than a table of the lab holds. */
#define MANY 4200
#define PORT_TEXT 200

static void many_ports(void)
{
    char *model = malloc(MANY * PORT_TEXT + 100);
    size_t n = (size_t)sprintf(model, "{'lport': [");
    for (unsigned i = 0; i < MANY; i++)
        n += (size_t)snprintf(model + n, PORT_TEXT,
                              "%s{'id': 'far%u', 'topic': 'red', 'lswitch': 'net1', 'macs': ['02:00:01:00:%02x:%02x'],"
                              " 'binding': {'type': 'chassis', 'chassis': 'node2'}}",
                              i ? "," : "", i, i >> 8, i & 0xff);
    strcpy(model + n, "]}");
    lab_model(model);
    free(model);
}

static json_int_t shown(const char *number)
{
    struct df_error error = {""};
    json_t *report = df_controller_report(lab_controller(), "show", NULL, &error);
    json_int_t n = json_integer_value(json_object_get(report, number));
    json_decref(report);
    return n;
}

Test(limits, a_full_table_says_whom_it_refused_and_takes_them_when_there_is_room)
{
    const char *ping = "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12";
    many_ports();
    json_int_t refused = shown("n_problems");
    cr_assert(refused > 0 && refused < MANY, "%d were refused", (int)refused);
    lab_send("vm1", ping);
    lab_expect("vm2", ping);
    for (unsigned i = 0; i < MANY; i += 10) {
        char id[16];
        snprintf(id, sizeof(id), "far%u", i);
        lab_delete("lport", id);
    }
    lab_turn_ms(120000);
    cr_assert_eq(shown("n_problems"), 0);
}
