/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include <stdio.h>

#include "tests/scenario/mtu_lab.h"

/*
 * Routers between networks of different MTUs. vm1 to vm3 of models.h are here, and far3 is on node2; the underlay takes
 * 9000 bytes.
 *
 *   net1 9000, vm1 10.1.0.11     router r1     net2 1400, vm3 10.2.0.13, far3 10.2.0.23
 *                                              net2 10.2.0.254 router r2 10.3.0.254 net3 1300, vm5 10.3.0.15
 */

#define FAR3 "02:00:00:00:02:23"
#define MAC5 "02:00:00:00:05:15"
#define R2_NET2 "02:00:00:00:02:fe"
#define R2_NET3 "02:00:00:00:05:fe"

#define NETWORK(id, key, mtu)                                                                                          \
    "{'id': '" id "', 'topic': 'red', 'name': '" id "', 'network_type': 'vxlan', 'segmentation_id': " key              \
    ", 'mtu': " mtu "}"
#define NET2(mtu) "{'lswitch': [" NETWORK("net2", "5002", mtu) "]}"
#define MODEL_ROUTERS                                                                                                  \
    "{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["                                               \
    "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"                 \
    "   'network': '10.1.0.1/24', 'networks': ['2001:db8:1::1/64']},"                                                  \
    "  {'id': 'r1-net2', 'topic': 'red', 'unique_key': 9002, 'mac': '" ROUTER2 "', 'lswitch': 'net2',"                 \
    "   'network': '10.2.0.1/24', 'networks': ['2001:db8:2::1/64']}],"                                                 \
    "  'routes': [{'destination': '10.3.0.0/24', 'nexthop': '10.2.0.254'}]},"                                          \
    " {'id': 'r2', 'topic': 'red', 'name': 'r2', 'ports': ["                                                           \
    "  {'id': 'r2-net2', 'topic': 'red', 'unique_key': 9003, 'mac': '" R2_NET2 "', 'lswitch': 'net2',"                 \
    "   'network': '10.2.0.254/24'},"                                                                                  \
    "  {'id': 'r2-net3', 'topic': 'red', 'unique_key': 9004, 'mac': '" R2_NET3 "', 'lswitch': 'net3',"                 \
    "   'network': '10.3.0.254/24'}]}]}"
#define VM5 PORT("vm5", "net3", MAC5, "'10.3.0.15'", "", OPEN)

static void routed(void)
{
    static const char *const neighbours[] = {LAB_PEER2 "=" LAB_PEER2_MAC, NULL};
    static const char *const local_ips[] = {LAB_UNDERLAY_IP, NULL};
    static const struct df_underlay_config underlay = {
        .port = "up0", .local_ips = local_ips, .neighbours = neighbours, .mtu = 9000};
    size_t len;
    lab_take_jumbo_frames();
    lab_up_underlay(&underlay);
    lab_turn_ms(LAB_ANNOUNCE_MS);
    while (lab_receive("up0", &len) != NULL)
        ; /* what it says of itself */
    lab_model(MODEL_NETWORKS);
    lab_model("{'lswitch': [" NETWORK("net1", "5001", "9000") "," NETWORK("net2", "5002", "1400") "," NETWORK(
        "net3", "5003", "1300") "]}");
    lab_model(MODEL_ROUTERS);
    lab_model("{'chassis': [{'id': 'node2', 'ip': '" LAB_PEER2 "', 'tunnel_types': ['vxlan']}]}");
    lab_model(GROUPS(EVERYTHING));
    lab_model(PORTS(VM1_IN("'everything'") "," VM2_IN("'everything'") "," VM3_IN("'everything'") "," VM5));
    lab_model(PORTS("{'id': 'far3', 'topic': 'red', 'name': 'far3', 'lswitch': 'net2', 'macs': ['" FAR3
                    "'], 'ips': ['10.2.0.23', '2001:db8:2::23'], 'binding': {'type': 'chassis', 'chassis': 'node2'}}"));
    lab_expect_silence();
}

TestSuite(mtu_routed, .init = routed, .fini = lab_down);

#define FROM1 ",dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11"
#define FROM1_6 ",dl_src=" MAC1 ",dl_dst=" ROUTER1 ",ipv6_src=2001:db8:1::11"
#define IN2 ",nw_ttl=63,dl_src=" ROUTER2 ",nw_src=10.1.0.11"
#define IN2_6 ",nw_ttl=63,dl_src=" ROUTER2 ",ipv6_src=2001:db8:1::11"
#define TO3 ",nw_dst=10.2.0.13"
#define TO3_6 ",ipv6_dst=2001:db8:2::13"
#define TO_FAR3 ",nw_dst=10.2.0.23"
#define TO_FAR3_6 ",ipv6_dst=2001:db8:2::23"
#define TO5 ",nw_dst=10.3.0.15"
#define MAY_SPLIT ",ip_df=0,ip_id=77"

static void too_big(const char *words, const char *from, uint16_t mtu)
{
    lab_turn_ms(200); /* so that no answer is one too many */
    lab_send("vm1", words);
    lab_expect_too_big("vm1", from, mtu, words);
    lab_expect_silence();
    lab_expect_drop("too_big", 1);
}

static void arrives(const char *words, const char *port, const char *as)
{
    lab_send("vm1", words);
    lab_expect(port, as);
    lab_expect_silence();
    lab_expect_no_drop();
}

static void leaves(const char *words, const char *as)
{
    lab_send("vm1", words);
    lab_expect_tunnel(LAB_PEER2, 5002, as);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(mtu_routed, to_a_port_of_this_node_the_router_says_what_its_network_takes)
{
    for (unsigned i = 0; i < 3; i++) {
        arrives(UDP_OF(1400, FROM1 TO3), "vm3", UDP_OF(1400, IN2 TO3 ",dl_dst=" MAC3));
        too_big(UDP_OF(1401, FROM1 TO3), "10.1.0.1", 1400);
        too_big(UDP_OF(9000, FROM1 TO3), "10.1.0.1", 1400);
        arrives(UDP6_OF(1400, FROM1_6 TO3_6), "vm3", UDP6_OF(1400, IN2_6 TO3_6 ",dl_dst=" MAC3));
        too_big(UDP6_OF(1401, FROM1_6 TO3_6), "2001:db8:1::1", 1400);
        too_big(UDP6_OF(9000, FROM1_6 TO3_6), "2001:db8:1::1", 1400);
    }
}

Test(mtu_routed, to_another_node_it_is_the_same_router)
{
    for (unsigned i = 0; i < 3; i++) {
        leaves(UDP_OF(1400, FROM1 TO_FAR3), UDP_OF(1400, IN2 TO_FAR3 ",dl_dst=" FAR3));
        too_big(UDP_OF(1401, FROM1 TO_FAR3), "10.1.0.1", 1400);
        leaves(UDP6_OF(1400, FROM1_6 TO_FAR3_6), UDP6_OF(1400, IN2_6 TO_FAR3_6 ",dl_dst=" FAR3));
        too_big(UDP6_OF(1401, FROM1_6 TO_FAR3_6), "2001:db8:1::1", 1400);
    }
}

/* The network takes more than the path: 9000 less 50. */
Test(mtu_routed, where_the_path_takes_less_than_the_network_the_router_says_that)
{
    lab_model(NET2("9000"));
    leaves(UDP_OF(8950, FROM1 TO_FAR3), UDP_OF(8950, IN2 TO_FAR3 ",dl_dst=" FAR3));
    too_big(UDP_OF(8951, FROM1 TO_FAR3), "10.1.0.1", 8950);
    too_big(UDP6_OF(8951, FROM1_6 TO_FAR3_6), "2001:db8:1::1", 8950);
    arrives(UDP_OF(9000, FROM1 TO3), "vm3", UDP_OF(9000, IN2 TO3 ",dl_dst=" MAC3));
}

Test(mtu_routed, of_several_routers_the_one_says_so_whose_network_is_too_small)
{
    const char *const macs = ",nw_ttl=62,dl_src=" R2_NET3 ",dl_dst=" MAC5;
    char there[512];
    snprintf(there, sizeof(there), "%s%s", UDP_OF(1300, ",nw_src=10.1.0.11" TO5), macs);
    arrives(UDP_OF(1300, FROM1 TO5), "vm5", there);
    too_big(UDP_OF(1301, FROM1 TO5), "10.2.0.254", 1300);
    too_big(UDP_OF(1400, FROM1 TO5), "10.2.0.254", 1300);
    too_big(UDP_OF(1401, FROM1 TO5), "10.1.0.1", 1400);
}

Test(mtu_routed, between_two_ports_of_a_network_on_this_node_nothing_is_too_big)
{
    lab_model("{'lswitch': [" NETWORK("net1", "5001", "1400") "]}");
    lab_passes("vm1", UDP_OF(8900, VM1_VM2), "vm2");
    lab_passes("vm1", UDP6_OF(8900, VM1_VM2_6), "vm2");
}

Test(mtu_routed, a_new_mtu_holds_at_once)
{
    for (unsigned i = 0; i < 3; i++)
        arrives(UDP_OF(1400, FROM1 TO3), "vm3", UDP_OF(1400, IN2 TO3 ",dl_dst=" MAC3));
    lab_expect_cached();
    lab_model(NET2("1350"));
    too_big(UDP_OF(1400, FROM1 TO3), "10.1.0.1", 1350);
    lab_model(NET2("1500"));
    arrives(UDP_OF(1500, FROM1 TO3), "vm3", UDP_OF(1500, IN2 TO3 ",dl_dst=" MAC3));
    too_big(UDP_OF(1501, FROM1 TO3), "10.1.0.1", 1500);
}

/* ---- In pieces */

/* The frame's packet, as the router hands it on to that MAC. */
static size_t routed_frame(const char *to_mac, const char *to, unsigned ip_len, uint8_t *frame)
{
    char words[512];
    size_t len = DF_WORDS_FRAME_MAX;
    snprintf(words, sizeof(words), "%s,nw_dst=%s,dl_dst=%s", UDP_OF(ip_len, IN2 MAY_SPLIT), to, to_mac);
    mtu_frame(words, frame, &len);
    return len;
}

static void goes_in_pieces(const char *to, const char *to_mac, const char *port, size_t skip, unsigned ip_len,
                           unsigned n)
{
    static struct mtu_pieces pieces;
    uint8_t sent[DF_WORDS_FRAME_MAX], like[DF_WORDS_FRAME_MAX];
    char words[512];
    const uint8_t *frame;
    size_t len = sizeof(sent), piece_len;
    snprintf(words, sizeof(words), "%s,nw_dst=%s", UDP_OF(ip_len, FROM1 MAY_SPLIT), to);
    mtu_frame(words, sent, &len);
    routed_frame(to_mac, to, ip_len, like);
    pieces = (struct mtu_pieces){.len = 0};
    lab_send_bytes("vm1", sent, len);
    while ((frame = lab_receive(port, &piece_len)) != NULL)
        mtu_add(&pieces, frame + skip, piece_len - skip, like);
    mtu_expect_whole(&pieces, sent, len, 1400);
    cr_assert_eq(pieces.n, n, "%u pieces", pieces.n);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(mtu_routed, without_df_it_goes_in_pieces_to_a_port_here_and_to_another_node)
{
    for (unsigned i = 0; i < 3; i++) {
        goes_in_pieces("10.2.0.13", MAC3, "vm3", 0, 1401, 2);
        goes_in_pieces("10.2.0.13", MAC3, "vm3", 0, 9000, 7);
        goes_in_pieces("10.2.0.23", FAR3, "up0", 50, 9000, 7);
    }
}

Test(mtu_routed, too_many_pieces_are_none)
{
    lab_model(NET2("68"));
    lab_refused("vm1", UDP_OF(9000, FROM1 TO3 MAY_SPLIT), "too_big_pieces");
}
