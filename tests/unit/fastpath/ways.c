/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/ways.h"

#include "tests/unit/fastpath/table_test.h"

/*
 * The shorter way through the middle of a walk. The guest, lport 11 on network 5 at port 1, sends by router 7 to the
 * peer, lport 12 on network 6 at port 2. Whether a walk took a way is told by its stamps: it finds what the tables have
 * without asking them, so an entry that is taken out behind the back of the stamps is still found.
 */

#define FAR_MAC "\x02\x00\x00\x00\x06\xfe"
#define PEER_MAC "\x02\x00\x00\x00\x06\x01"
#define PEER "10.0.6.1"

static struct df_ways ways;

static void l2_put(uint32_t network, const char *address, uint32_t lport, uint32_t router)
{
    struct df_l2_key key = {.network = network, .mac = mac(address)};
    struct df_l2_value value = {.lport = lport, .router = router};
    must_put(DF_TABLE_L2, &key, &value);
}

static void neighbour_put(const char *ip, uint32_t lport, const char *address)
{
    struct df_l3_proactive_key key = {.network = 6, .ip = ip4(ip)};
    struct df_l3_proactive_value value = {.lport = lport, .mac = mac(address)};
    must_put(DF_TABLE_L3_PROACTIVE, &key, &value);
}

static void route_put(uint32_t n_hops)
{
    uint8_t bytes[sizeof(struct df_l3_value) + 2 * sizeof(struct df_l3_hop)] = {0};
    struct df_l3_value *value = (void *)bytes;
    struct df_l3_key key = {.router = 7, .prefix_len = 120, .prefix = ip4("10.0.6.0")};
    value->n_hops = n_hops;
    for (uint32_t i = 0; i < n_hops; i++)
        value->hop[i] = (struct df_l3_hop){.network = 6, .lport = 30, .mac = mac(FAR_MAC), .kind = DF_ROUTE_CONNECTED};
    cr_assert_eq(put_len(DF_TABLE_L3, &key, sizeof(key), bytes, sizeof(*value) + n_hops * sizeof(value->hop[0])), 0);
}

static void local_put(uint32_t lport, uint16_t port)
{
    struct df_egress_key egress = {.lport = lport};
    struct df_egress_value local = {.kind = DF_EGRESS_LOCAL};
    struct df_dispatch_key dispatch = {.lport = lport};
    struct df_dispatch_value to = {.port = port};
    must_put(DF_TABLE_EGRESS, &egress, &local);
    must_put(DF_TABLE_DISPATCH, &dispatch, &to);
    groups_off(lport);
}

static void guest_on(uint32_t network)
{
    struct df_classification_key key = {.port = 1};
    struct df_classification_value value = {.lport = 11, .network = network};
    must_put(DF_TABLE_CLASSIFICATION, &key, &value);
}

static void setup(void)
{
    struct df_port_security_key key = {.lport = 11};
    struct df_port_security_value off = {.enabled = 0};
    tables_setup();
    cr_assert_eq(df_ways_init(&ways, 64), 0);
    guest_on(5);
    must_put(DF_TABLE_PORT_SECURITY, &key, &off);
    l2_put(5, TEST_ROUTER_MAC, 30, 7);
    route_put(1);
    neighbour_put(PEER, 12, PEER_MAC);
    local_put(11, 1);
    local_put(12, 2);
}

static void teardown(void)
{
    df_ways_fini(&ways);
    tables_teardown();
}

TestSuite(ways, .init = setup, .fini = teardown);

static void send_udp(const char *dst, unsigned sport, unsigned dport)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 17, "10.0.0.1", dst, 0);
    frame_udp(&frame, sport, dport, 4);
    memcpy(frame.byte, TEST_ROUTER_MAC, 6);
    memcpy(frame.byte + 6, TEST_GUEST_MAC, 6);
    frame_close(&frame);
    walk = (struct df_walk){
        .outputs = outputs, .outputs_max = sizeof(outputs) / sizeof(outputs[0]), .ways = &ways, .worker = 0};
    df_walk_frame(&walk, 1, frame.byte, frame.len);
}

static void expect_delivered(uint16_t port, const char *to)
{
    struct df_mac mac_to = mac(to);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT, "%s", df_drop_name(walk.verdict.drop));
    cr_assert_eq(walk.verdict.n_outputs, 1);
    cr_assert_eq(outputs[0].port, port);
    cr_assert(df_mac_equal(&walk.packet.eth_dst, &mac_to));
    cr_assert_eq(walk.packet.ip_ttl, walk.parsed.ip_ttl - 1);
}

static unsigned n_ways(void)
{
    unsigned n = 0;
    for (uint32_t i = 0; i <= ways.mask; i++)
        n += ways.way[i].in_lport != 0;
    return n;
}

/* The one way there is leads to another port from now on: who takes it goes astray. */
static void lead_astray(void)
{
    for (uint32_t i = 0; i <= ways.mask; i++)
        if (ways.way[i].in_lport != 0)
            ways.way[i].out_lport = 11;
}

static void expect_way_taken(bool taken)
{
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT);
    cr_assert_eq(outputs[0].port, taken ? 1 : 2);
}

Test(ways, packets_with_other_ports_go_the_way_of_the_first)
{
    send_udp(PEER, 1000, 2000);
    expect_delivered(2, PEER_MAC);
    cr_assert_eq(n_ways(), 1);
    struct df_stamps first = walk.stamps;
    bool first_read_l4 = walk.read_l4;
    send_udp(PEER, 1001, 2001);
    expect_delivered(2, PEER_MAC);
    cr_assert_eq(walk.stamps.sum, first.sum);
    cr_assert_eq(walk.stamps.n, first.n, "it depends on all that the first one looked up");
    cr_assert_eq(walk.read_l4, first_read_l4);
    cr_assert_eq(n_ways(), 1);
    lead_astray();
    send_udp(PEER, 1002, 2002);
    expect_way_taken(true);
}

Test(ways, a_change_on_the_way_ends_it)
{
    send_udp(PEER, 1000, 2000);
    lead_astray();
    neighbour_put(PEER, 12, FAR_MAC);
    send_udp(PEER, 1000, 2000);
    expect_delivered(2, FAR_MAC);
}

Test(ways, a_change_elsewhere_does_not)
{
    send_udp(PEER, 1000, 2000);
    lead_astray();
    neighbour_put("10.0.6.9", 12, FAR_MAC);
    send_udp(PEER, 1000, 2000);
    expect_way_taken(true);
}

Test(ways, a_port_that_moved_to_another_network_has_another_way)
{
    send_udp(PEER, 1000, 2000);
    lead_astray();
    l2_put(9, TEST_ROUTER_MAC, 30, 7);
    guest_on(9);
    send_udp(PEER, 1000, 2000);
    expect_way_taken(false);
}

Test(ways, who_has_not_the_hops_left_walks)
{
    send_udp(PEER, 1000, 2000);
    lead_astray();
    frame.byte[frame.ip + 8] = 1;
    frame_checksum4(&frame);
    df_walk_frame(&walk, 1, frame.byte, frame.len);
    cr_assert_eq(walk.verdict.drop, DF_DROP_L3_TTL);
}

Test(ways, ways_that_ports_choose_are_not_kept)
{
    route_put(2);
    send_udp(PEER, 1000, 2000);
    expect_delivered(2, PEER_MAC);
    cr_assert(walk.read_l4);
    cr_assert_eq(n_ways(), 0);
}

Test(ways, what_a_service_may_want_walks)
{
    send_udp(PEER, 68, 67);
    cr_assert_eq(n_ways(), 0);
}

Test(ways, what_does_not_arrive_leaves_no_way)
{
    send_udp("10.0.6.77", 1000, 2000);
    cr_assert_eq(walk.verdict.drop, DF_DROP_L3_NO_NEIGHBOUR);
    cr_assert_eq(n_ways(), 0);
    cr_assert_not(walk.read_l4);
}

Test(ways, a_trace_goes_through_every_table)
{
    send_udp(PEER, 1000, 2000);
    lead_astray();
    walk.ways = NULL;
    df_walk_frame(&walk, 1, frame.byte, frame.len);
    expect_way_taken(false);
}
