/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>

#include "fastpath/cache/flow_cache.h"
#include "fastpath/tables/networks.h"
#include "fastpath/tunnel/tunnel.h"
#include "tests/unit/fastpath/table_test.h"

/* How long packets may be: table 205, what a peer's line leaves, and what a walk makes of one that does not fit. */

TestSuite(mtu, .init = tables_setup, .fini = tables_teardown);

#define DF 0x4000

static void packet4(unsigned flags, unsigned payload)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, IPPROTO_UDP, "10.0.0.1", "10.0.0.2", 0);
    frame_set16(&frame, frame.ip + 6, flags);
    frame_udp(&frame, 1000, 2000, payload);
    frame_close(&frame);
    walk_parse();
}

static void packet6(unsigned payload)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, IPPROTO_UDP, 64, "2001:db8::1", "2001:db8::2");
    frame_udp(&frame, 1000, 2000, payload);
    frame_close(&frame);
    walk_parse();
}

/* ---- 205 */

Test(mtu, a_network_has_the_mtu_of_its_entry)
{
    struct df_network_key key = {.network = 5};
    struct df_network_value value = {.mtu = 1400};
    walk_reset();
    walk.table = df_table(DF_TABLE_L3);
    cr_assert_eq(df_networks_mtu(&walk, 5), 0, "none is known");
    cr_assert_eq(walk.stamps.n, 1, "a miss is stamped");
    must_put(DF_TABLE_NETWORKS, &key, &value);
    cr_assert_eq(df_networks_mtu(&walk, 5), 1400);
    cr_assert_eq(df_networks_mtu(&walk, 6), 0);
    cr_assert_eq(walk.table, df_table(DF_TABLE_L3), "the walk is where it was");
    uint32_t counter = df_stamps_now();
    value.mtu = 1300;
    must_put(DF_TABLE_NETWORKS, &key, &value);
    cr_assert_neq(df_stamps_now(), counter, "a change is told");
    cr_assert_eq(df_networks_mtu(&walk, 5), 1300);
    must_del(DF_TABLE_NETWORKS, &key);
    cr_assert_eq(df_networks_mtu(&walk, 5), 0);
}

Test(mtu, networks_refuses_what_is_no_mtu)
{
    struct df_network_key key = {.network = 5};
    for (const uint32_t *mtu = (const uint32_t[]){68, 1280, 65535, 0}; *mtu; mtu++) {
        struct df_network_value value = {.mtu = *mtu};
        cr_assert_eq(try_put(DF_TABLE_NETWORKS, &key, &value), 0, "%u", *mtu);
    }
    for (const uint32_t *mtu = (const uint32_t[]){67, 65536, UINT32_MAX, 0};; mtu++) {
        struct df_network_value value = {.mtu = *mtu};
        cr_assert_eq(try_put(DF_TABLE_NETWORKS, &key, &value), -EINVAL, "%u", *mtu);
        if (*mtu == 0)
            break;
    }
    struct df_network_value value = {.mtu = 1500};
    cr_assert_eq(put_len(DF_TABLE_NETWORKS, &key, sizeof(key), &value, sizeof(value) - 1), -EINVAL);
    walk_reset();
    expect_drop(DF_TABLE_NETWORKS, LOOP);
}

/* ---- A peer's line */

Test(mtu, headers_of_every_kind_leave_the_rest)
{
    static const uint16_t overhead[] = {[DF_TUNNEL_VXLAN] = 50, [DF_TUNNEL_GENEVE] = 50, [DF_TUNNEL_GRE] = 42};
    for (unsigned ip6_more = 0; ip6_more <= 20; ip6_more += 20) {
        for (uint16_t vlan = 0; vlan <= 7; vlan = (uint16_t)(vlan + 7)) { /* it is not part of the IP packet */
            for (enum df_tunnel_type type = 1; type < DF_TUNNEL_TYPES; type++) {
                struct df_peer_header header;
                struct df_ip peer = ip6_more ? ip6("2001:db8::2") : ip4("192.0.2.2");
                struct df_peer_value value = {.local_ip = peer, .mtu = 1500, .vlan = vlan};
                df_peer_header_fill(&header, type, &peer, &value);
                cr_assert_eq(header.inner_mtu, 1500 - overhead[type] - ip6_more, "type %u", type);
                value.mtu = 0;
                df_peer_header_fill(&header, type, &peer, &value);
                cr_assert_eq(header.inner_mtu, 0, "not known");
            }
        }
    }
}

/* The MTU of a delivery to the peer, of a packet with so many tags that stays on network 5, or comes from a router. */
static uint16_t mtu_to_peer(unsigned tags, uint32_t router)
{
    frame_ethernet(&frame);
    for (unsigned i = 0; i < tags; i++)
        frame_tag(&frame, i == 0 ? 0x88a8 : 0x8100, 7);
    frame_ip4(&frame, IPPROTO_UDP, "10.0.0.1", "10.0.0.2", 0);
    frame_udp(&frame, 1000, 2000, 20);
    frame_close(&frame);
    walk_parse();
    walk.tunnel_peer = ip4("192.0.2.2");
    walk.out_tunnel_type = DF_TUNNEL_VXLAN;
    walk.network = 5;
    walk.router = router;
    walk.mtu = router != 0 ? 1200 : 0;
    expect_next(DF_TABLE_PEERS, DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT);
    return outputs[0].mtu;
}

Test(mtu, of_path_and_network_the_lesser_and_tags_take_of_the_path)
{
    struct df_peer_key key = {.ip = ip4("192.0.2.2")};
    struct df_peer_value peer = {
        .local_ip = ip4("192.0.2.1"), .port = 9, .reachable = DF_PEER_REACHABLE, .types = 1, .mtu = 1500};
    struct df_network_key network = {.network = 5};
    struct df_network_value value = {.mtu = 1448};
    must_put(DF_TABLE_PEERS, &key, &peer);
    cr_assert_eq(mtu_to_peer(0, 0), 1450);
    cr_assert_eq(mtu_to_peer(1, 0), 1446);
    cr_assert_eq(mtu_to_peer(2, 0), 1442);
    must_put(DF_TABLE_NETWORKS, &network, &value);
    cr_assert_eq(mtu_to_peer(0, 0), 1448);
    cr_assert_eq(mtu_to_peer(1, 0), 1446);
    cr_assert_eq(mtu_to_peer(0, 8), 1200, "the router asked already");
    peer.mtu = 0;
    must_put(DF_TABLE_PEERS, &key, &peer);
    cr_assert_eq(mtu_to_peer(0, 0), 1448);
    must_del(DF_TABLE_NETWORKS, &network);
    cr_assert_eq(mtu_to_peer(1, 0), 0, "nothing is known");
}

/* ---- Fitting */

Test(mtu, of_two_the_lesser_and_zero_is_none)
{
    cr_assert_eq(df_mtu_min(0, 0), 0);
    cr_assert_eq(df_mtu_min(0, 1400), 1400);
    cr_assert_eq(df_mtu_min(1400, 0), 1400);
    cr_assert_eq(df_mtu_min(1300, 1400), 1300);
    cr_assert_eq(df_mtu_min(1400, 1300), 1300);
}

Test(mtu, a_packet_fits_whole_or_in_pieces)
{
    packet4(DF, 1000);
    cr_assert_eq(df_packet_len(&walk.packet), 1028);
    cr_assert(df_walk_fits(&walk, 0));
    cr_assert(df_walk_fits(&walk, 1028));
    cr_assert_not(df_walk_fits(&walk, 1027));
    packet4(0, 1000);
    cr_assert(df_walk_fits(&walk, 1027));
    packet6(1000);
    cr_assert(df_walk_fits(&walk, 1048));
    cr_assert_not(df_walk_fits(&walk, 1047));
}

Test(mtu, padding_and_tags_do_not_count)
{
    frame_ethernet(&frame);
    frame_tag(&frame, 0x8100, 7);
    frame_ip4(&frame, IPPROTO_UDP, "10.0.0.1", "10.0.0.2", 0);
    frame_set16(&frame, frame.ip + 6, DF);
    frame_udp(&frame, 1000, 2000, 1000);
    frame_close(&frame);
    frame_fill(&frame, 0, 50);
    walk_parse();
    cr_assert(df_walk_fits(&walk, 1028));
    cr_assert_not(df_walk_fits(&walk, 1027));
}

static void expect_error(uint16_t mtu, const struct df_ip *from, uint8_t type, uint8_t code, uint16_t told)
{
    cr_assert_eq(df_walk_too_big(&walk, mtu), DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_ANSWER, "%s", df_drop_name(walk.verdict.drop));
    cr_assert_eq(walk.verdict.answer, DF_ANSWER_ICMP_ERROR);
    cr_assert_eq(walk.verdict.drop, DF_DROP_TOO_BIG);
    cr_assert_eq(walk.verdict.answer_type, type);
    cr_assert_eq(walk.verdict.answer_code, code);
    cr_assert_eq(walk.verdict.answer_mtu, told);
    cr_assert(df_ip_equal(&walk.verdict.answer_ip, from));
    cr_assert(walk.uncacheable);
}

Test(mtu, the_answer_is_from_the_router_or_from_whom_it_was_for)
{
    struct df_ip there = ip4("10.0.0.2"), there6 = ip6("2001:db8::2");
    struct df_ip router = ip4("10.0.0.254"), router6 = ip6("2001:db8::fe");
    packet4(DF, 1400);
    expect_error(1400, &there, 3, 4, 1400);
    packet4(DF, 1400);
    walk.router = 9;
    walk.router_ip4 = router;
    expect_error(1400, &router, 3, 4, 1400);
    packet6(1400);
    expect_error(1400, &there6, 2, 0, 1400);
    packet6(1400);
    walk.router = 9;
    walk.router_ip6 = router6;
    expect_error(1279, &router6, 2, 0, 1280);
}

static void expect_no_error(enum df_drop reason)
{
    cr_assert_eq(df_walk_too_big(&walk, 1000), DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_DROP);
    cr_assert_eq(walk.verdict.drop, reason, "%s", df_drop_name(walk.verdict.drop));
    cr_assert(walk.uncacheable, "shorter packets pass");
}

Test(mtu, who_cannot_be_told_is_not)
{
    packet4(DF, 1400);
    walk.router = 9; /* that has no address */
    expect_no_error(DF_DROP_TOO_BIG);
    packet4(DF, 1400);
    walk.flooded = true;
    expect_no_error(DF_DROP_TOO_BIG);
    packet6(1232);
    expect_no_error(DF_DROP_TOO_BIG_IP6);
    frame_ethernet(&frame);
    frame_16(&frame, 0x88b5);
    frame_fill(&frame, 1, 1400);
    walk_parse();
    expect_no_error(DF_DROP_TOO_BIG_NOT_IP);
}

/* ---- What a flow remembers of it */

Test(mtu, a_flow_knows_the_longest_frame)
{
    cr_assert_eq(df_flow_len_max(1400), 1414);
    cr_assert_eq(df_flow_len_max(0), DF_FLOW_LEN_MAX);
    cr_assert_eq(df_flow_len_max(16368), 16382);
    cr_assert_eq(df_flow_len_max(16369), DF_FLOW_LEN_MAX);
    cr_assert_eq(df_flow_len_max(65535), DF_FLOW_LEN_MAX);
}
