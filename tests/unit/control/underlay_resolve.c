/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/underlay.h"

#include <criterion/criterion.h>
#include <string.h>

#include "control/model/address.h"
#include "control/underlay/frames.h"
#include "control/underlay/held.h"
#include "fastpath/underlay/underlay.h"

/*
 * The underlay as a whole on a datapath that only takes notes: who asks for a neighbour is told what becomes of it, and
 * packets wait for that.
 */

#define LPORT 5
#define LPORT_PORT 3

static struct df_mac device_mac = {{2, 0, 0, 0, 0xff, 1}};
static struct df_mac exception_mac;
static unsigned n_out, n_in, n_open;
static uint8_t out[DF_FRAMES_MAX];
static uint8_t in[64];
static uint64_t drops[DF_DROPS];
static uint16_t dropped_at;
static struct df_underlay_port *underlay;
static struct df_due due;
static struct df_watcher watcher = {.queue = &due};
static uint64_t now = 1000000;

static int port_add(struct df_datapath *dp, const struct df_port_spec *spec, struct df_error *error)
{
    (void)dp, (void)error;
    n_open++;
    if (spec->port == DF_UNDERLAY_EXCEPTION) {
        cr_assert_str_eq(spec->vif_type, "tap");
        cr_assert_str_eq(spec->vif_name, "host0");
        exception_mac = *spec->mac;
    }
    return 0;
}

static int port_del(struct df_datapath *dp, uint16_t port)
{
    (void)dp;
    cr_assert(port == DF_UNDERLAY_PORT || port == DF_UNDERLAY_EXCEPTION);
    n_open--;
    return 0;
}

static int port_state(struct df_datapath *dp, uint16_t port, struct df_port_state *state)
{
    (void)dp, (void)port;
    *state = (struct df_port_state){.attached = true, .detail = "", .mac = device_mac};
    return 0;
}

static int packet_out(struct df_datapath *dp, uint16_t port, const uint8_t *frame, uint32_t len)
{
    (void)dp;
    cr_assert_eq(port, DF_UNDERLAY_PORT);
    cr_assert_leq(len, sizeof(out));
    memcpy(out, frame, len);
    n_out++;
    return 0;
}

static int packet_in(struct df_datapath *dp, uint16_t port, const uint8_t *frame, uint32_t len)
{
    (void)dp;
    cr_assert_eq(port, LPORT_PORT);
    cr_assert_leq(len, sizeof(in));
    memcpy(in, frame, len);
    n_in++;
    return 0;
}

static void dropped(struct df_datapath *dp, uint16_t port, enum df_drop reason)
{
    (void)dp;
    dropped_at = port;
    drops[reason]++;
}

static const struct df_datapath_ops ops = {.port_add = port_add,
                                           .port_del = port_del,
                                           .port_state = port_state,
                                           .packet_out = packet_out,
                                           .packet_in = packet_in,
                                           .dropped = dropped};
static struct df_datapath dp = {.ops = &ops};

static uint16_t port_of(void *arg, uint32_t lport)
{
    (void)arg;
    return lport == LPORT ? LPORT_PORT : 0;
}

static void make(const char *exception)
{
    static const char *const local_ips[] = {"192.0.2.1/24", "2001:db8::1/64", NULL};
    static const char *const gateways[] = {"192.0.2.254", NULL};
    struct df_underlay_config config = {
        .port = "up0", .local_ips = local_ips, .gateways = gateways, .exception = exception, .mtu = 1550};
    struct df_error error = {""};
    cr_assert_eq(df_underlay_port_new(&config, &dp, &underlay, &error), 0, "%s", error.text);
    df_underlay_port_set_ports(underlay, port_of, NULL);
}

static void up(void)
{
    make("");
    df_underlay_port_settle(underlay, now);
    n_out = 0;
}

static void down(void)
{
    df_watches_drop(df_watcher_renew(&watcher));
    df_underlay_port_free(underlay);
}

TestSuite(underlay_resolve, .init = up, .fini = down);
TestSuite(underlay_ports, .fini = down);

static struct df_ip ip_of(const char *text)
{
    struct df_ip ip;
    cr_assert_eq(df_ip_parse(text, &ip), 0);
    return ip;
}

/* As a compile function asks. */
static enum df_peer_reach reach(const char *text, struct df_mac *mac)
{
    struct df_ip ip = ip_of(text);
    struct df_watch *old = df_watcher_renew(&watcher);
    enum df_peer_reach reach = df_underlay_port_neighbour(underlay, &ip, &watcher, mac);
    df_watches_drop(old);
    return reach;
}

static void expect(const char *ip, enum df_peer_reach wanted, uint8_t mac)
{
    struct df_mac is;
    cr_assert_eq(reach(ip, &is), wanted, "%s", ip);
    cr_assert_eq(is.byte[5], mac, "%s", ip);
}

/* The clock goes on, and all that is due on the way is done. */
static void pass(uint64_t ms)
{
    uint64_t until = now + ms;
    int64_t next;
    while ((next = df_underlay_port_next_ms(underlay)) >= 0 && (uint64_t)next <= until) {
        now = (uint64_t)next > now ? (uint64_t)next : now;
        df_underlay_port_settle(underlay, now);
    }
    now = until;
}

/* An ARP reply from ip to the node. */
static void answer(const char *text, uint8_t mac)
{
    struct df_ip ip = ip_of(text);
    uint8_t frame[42] = {2, 0, 0, 0, 0xff, 1, 2, 0, 0, 0, 0, mac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, mac};
    memcpy(frame + 28, &ip.word[3], 4);
    memcpy(frame + 32, device_mac.byte, 6);
    memcpy(frame + 38, "\xc0\x00\x02\x01", 4);
    df_underlay_port_punt(underlay, DF_PUNT_NEIGHBOUR, 0, frame, sizeof(frame), now);
}

/* A guest's packet for the peer, which a worker punted. */
static void guest_sends(const char *peer, uint8_t mark)
{
    uint8_t punted[16 + 20] = {[16] = mark};
    struct df_ip ip = ip_of(peer);
    memcpy(punted, &ip, sizeof(ip));
    df_underlay_port_punt(underlay, DF_PUNT_UNRESOLVED, LPORT, punted, sizeof(punted), now);
}

static bool is_due(void)
{
    return df_due_take(&due) != NULL;
}

Test(underlay_resolve, a_peer_on_link_is_asked_for_and_who_wants_it_is_told)
{
    expect("192.0.2.2", DF_PEER_RESOLVING, 0);
    pass(0);
    cr_assert_eq(n_out, 1);
    cr_assert_eq(memcmp(out + 38, "\xc0\x00\x02\x02", 4), 0, "who has 192.0.2.2");
    cr_assert_not(is_due());
    answer("192.0.2.2", 2);
    cr_assert(is_due());
    expect("192.0.2.2", DF_PEER_REACHABLE, 2);
}

Test(underlay_resolve, peers_behind_the_gateway_share_it)
{
    expect("198.51.100.4", DF_PEER_RESOLVING, 0);
    pass(0);
    cr_assert_eq(memcmp(out + 38, "\xc0\x00\x02\xfe", 4), 0, "who has 192.0.2.254");
    answer("192.0.2.254", 0xfe);
    expect("198.51.100.4", DF_PEER_REACHABLE, 0xfe);
    expect("203.0.113.7", DF_PEER_REACHABLE, 0xfe);
    pass(0);
    cr_assert_eq(n_out, 1);
}

Test(underlay_resolve, without_a_gateway_of_the_family_others_are_unreachable)
{
    expect("2001:db8::2", DF_PEER_RESOLVING, 0);
    expect("2001:db8:1::2", DF_PEER_UNREACHABLE, 0);
    expect("224.0.0.5", DF_PEER_UNREACHABLE, 0);
}

Test(underlay_resolve, packets_wait_and_go_in_their_order)
{
    expect("192.0.2.2", DF_PEER_RESOLVING, 0);
    guest_sends("192.0.2.2", 1);
    guest_sends("192.0.2.2", 2);
    answer("192.0.2.2", 2);
    cr_assert_eq(n_in, 0, "the datapath does not have the MAC yet");
    cr_assert_eq(df_underlay_port_next_ms(underlay), 0);
    df_underlay_port_settle(underlay, now);
    cr_assert_eq(n_in, 2);
    cr_assert_eq(in[0], 2);
    cr_assert_eq(drops[DF_DROP_RESOLVE_QUEUE_FULL] + drops[DF_DROP_RESOLVE_FAILED], 0);
}

Test(underlay_resolve, only_so_many_wait_for_a_peer_and_in_all)
{
    char peer[32];
    expect("192.0.2.2", DF_PEER_RESOLVING, 0);
    for (unsigned i = 0; i < DF_HELD_PER_PEER + 2; i++)
        guest_sends("192.0.2.2", 1);
    cr_assert_eq(drops[DF_DROP_RESOLVE_QUEUE_FULL], 2);
    cr_assert_eq(dropped_at, LPORT_PORT);
    for (unsigned i = 0; i < DF_HELD_MAX; i++) {
        snprintf(peer, sizeof(peer), "192.0.2.%u", 10 + i);
        struct df_ip ip = ip_of(peer);
        struct df_mac mac;
        df_underlay_port_neighbour(underlay, &ip, &watcher, &mac);
        guest_sends(peer, 1);
    }
    cr_assert_eq(drops[DF_DROP_RESOLVE_QUEUE_FULL], 2 + DF_HELD_PER_PEER);
}

Test(underlay_resolve, what_waits_for_one_that_fails_is_dropped_by_name)
{
    expect("192.0.2.2", DF_PEER_RESOLVING, 0);
    guest_sends("192.0.2.2", 1);
    pass(3000);
    cr_assert(is_due());
    expect("192.0.2.2", DF_PEER_FAILED, 0);
    cr_assert_eq(drops[DF_DROP_RESOLVE_FAILED], 1);
    guest_sends("192.0.2.2", 1);
    cr_assert_eq(drops[DF_DROP_RESOLVE_FAILED], 2, "nothing waits for it");
    guest_sends("192.0.2.77", 1);
    cr_assert_eq(drops[DF_DROP_RESOLVE_FAILED], 3, "nor for one that nobody wants");
    cr_assert_eq(n_in, 0);
}

Test(underlay_resolve, what_is_cut_off_is_nothing)
{
    uint8_t punted[64] = {0};
    expect("192.0.2.2", DF_PEER_RESOLVING, 0);
    for (uint32_t len = 0; len < 30; len++)
        df_underlay_port_punt(underlay, DF_PUNT_UNRESOLVED, LPORT, punted, len, now);
    for (uint32_t len = 0; len < sizeof(punted); len++) {
        df_underlay_port_punt(underlay, DF_PUNT_NEIGHBOUR, 0, punted, len, now);
        df_underlay_port_punt(underlay, DF_PUNT_PATH_MTU, 0, punted, len, now);
        df_underlay_port_punt(underlay, 1, 0, punted, len, now);
    }
    cr_assert_eq(drops[DF_DROP_RESOLVE_FAILED] + drops[DF_DROP_RESOLVE_QUEUE_FULL], 0);
}

Test(underlay_resolve, one_that_nobody_wants_any_more_is_forgotten)
{
    expect("192.0.2.2", DF_PEER_RESOLVING, 0);
    df_watches_drop(df_watcher_renew(&watcher));
    pass(20000);
    df_underlay_port_settle(underlay, now);
    n_out = 0;
    pass(100000);
    cr_assert_eq(n_out, 0);
    json_t *report = df_underlay_port_report(underlay, now);
    cr_assert_eq(json_array_size(json_object_get(report, "neighbours")), 0);
    json_decref(report);
}

/* ---- Path MTU */

static uint16_t path_mtu(const char *text)
{
    struct df_ip ip = ip_of(text);
    return df_underlay_port_path_mtu(underlay, &ip, &watcher);
}

static uint16_t learnt_mtu(const char *text)
{
    struct df_ip ip = ip_of(text);
    return df_underlay_port_learnt_mtu(underlay, &ip);
}

static unsigned checksum(const uint8_t *at, uint32_t len)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < len; i += 2)
        sum += (uint32_t)at[i] << 8 | at[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

/* Fragmentation needed, about a packet to 192.0.2.2. */
static void too_big(uint16_t mtu)
{
    uint8_t frame[70] = {2,
                         0,
                         0,
                         0,
                         0xff,
                         1,
                         2,
                         0,
                         0,
                         0,
                         0,
                         0xfe,
                         8,
                         0,
                         0x45,
                         0,
                         0,
                         56,
                         0,
                         0,
                         0,
                         0,
                         64,
                         1,
                         0,
                         0,
                         0xc0,
                         0,
                         2,
                         9,
                         0xc0,
                         0,
                         2,
                         1,
                         3,
                         4,
                         0,
                         0,
                         0,
                         0,
                         (uint8_t)(mtu >> 8),
                         (uint8_t)mtu,
                         0x45,
                         0,
                         5,
                         220,
                         0,
                         0,
                         0x40,
                         0,
                         63,
                         17,
                         0,
                         0,
                         0xc0,
                         0,
                         2,
                         1,
                         0xc0,
                         0,
                         2,
                         2,
                         0xc3,
                         0x50,
                         0x12,
                         0xb5,
                         5,
                         200,
                         0,
                         0};
    unsigned sum = checksum(frame + 14, 20);
    frame[24] = (uint8_t)(sum >> 8);
    frame[25] = (uint8_t)sum;
    sum = checksum(frame + 34, 36);
    frame[36] = (uint8_t)(sum >> 8);
    frame[37] = (uint8_t)sum;
    df_underlay_port_punt(underlay, DF_PUNT_PATH_MTU, 0, frame, sizeof(frame), now);
}

Test(underlay_resolve, a_path_mtu_goes_down_and_is_forgotten_after_ten_minutes)
{
    cr_assert_eq(path_mtu("192.0.2.2"), 1550);
    too_big(1600);
    cr_assert_not(is_due(), "that is no news");
    cr_assert_eq(learnt_mtu("192.0.2.2"), 0);
    too_big(1400);
    cr_assert(is_due());
    cr_assert_eq(learnt_mtu("192.0.2.2"), 1400);
    cr_assert_eq(learnt_mtu("192.0.2.3"), 0, "nobody watches it");
    cr_assert_eq(path_mtu("192.0.2.2"), 1400);
    pass(300000);
    while (is_due())
        ;
    too_big(1450);
    cr_assert_not(is_due(), "it never goes up by an error");
    too_big(100);
    cr_assert(is_due());
    cr_assert_eq(path_mtu("192.0.2.2"), 576);
    pass(599999);
    while (is_due())
        ;
    cr_assert_eq(path_mtu("192.0.2.2"), 576);
    pass(1);
    cr_assert(is_due());
    cr_assert_eq(path_mtu("192.0.2.2"), 1550);
}

/* ---- What it says of itself */

Test(underlay_ports, it_says_who_it_is_when_it_opens_and_when_the_link_comes_up)
{
    struct df_port_state link = {.attached = false, .detail = ""};
    make("");
    df_underlay_port_settle(underlay, now);
    cr_assert_eq(n_out, 3, "of each family, and its group");
    pass(1999);
    cr_assert_eq(n_out, 3);
    pass(1);
    cr_assert_eq(n_out, 6);
    pass(100000);
    cr_assert_eq(n_out, 6);
    df_underlay_port_changed(underlay, &link);
    df_underlay_port_settle(underlay, now);
    pass(100000);
    cr_assert_eq(n_out, 6);
    link.attached = true;
    df_underlay_port_changed(underlay, &link);
    df_underlay_port_settle(underlay, now);
    cr_assert_eq(n_out, 9);
}

Test(underlay_resolve, with_the_link_down_nobody_is_asked_and_nobody_fails)
{
    struct df_port_state link = {.attached = false, .detail = ""};
    expect("192.0.2.2", DF_PEER_RESOLVING, 0);
    pass(0);
    answer("192.0.2.2", 2);
    df_underlay_port_changed(underlay, &link);
    df_underlay_port_settle(underlay, now);
    pass(1000000);
    expect("192.0.2.2", DF_PEER_REACHABLE, 2);
}

Test(underlay_resolve, another_with_its_address_is_told_so_now_and_then)
{
    pass(10000);
    n_out = 0;
    answer("192.0.2.1", 9);
    answer("192.0.2.1", 9);
    cr_assert_eq(n_out, 1);
    json_t *report = df_underlay_port_report(underlay, now);
    cr_assert_str_eq(json_string_value(json_object_get(json_object_get(report, "conflict"), "mac")),
                     "02:00:00:00:00:09");
    cr_assert_eq(json_integer_value(json_object_get(report, "conflicts")), 2);
    json_decref(report);
    pass(10000);
    answer("192.0.2.1", 9);
    cr_assert_eq(n_out, 2);
}

/* ---- The exception port */

Test(underlay_ports, the_exception_port_is_open_with_the_underlay_and_has_its_mac)
{
    struct df_port_state gone = {.gone = true, .detail = ""};
    make("host0");
    cr_assert_eq(df_underlay_port_end(underlay)->exception, DF_UNDERLAY_EXCEPTION);
    df_underlay_port_settle(underlay, now);
    cr_assert_eq(n_open, 2);
    cr_assert(df_mac_equal(&exception_mac, &device_mac));
    df_underlay_port_changed(underlay, &gone);
    df_underlay_port_settle(underlay, now);
    cr_assert_eq(n_open, 0);
    pass(1000);
    cr_assert_eq(n_open, 2);
    df_underlay_exception_changed(underlay, &gone);
    df_underlay_port_settle(underlay, now);
    cr_assert_eq(n_open, 1);
    pass(1000);
    cr_assert_eq(n_open, 2);
}
