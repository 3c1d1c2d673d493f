/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include "control/trace/words.h"

#include <stdio.h>

/*
 * Fragments inside of tunnels. Two tenants' networks are alike, and have one key: vx of type vxlan with vm1, gn of type
 * geneve with vm2. A datagram of the one has the addresses and the identification of a datagram of the other.
 */

#define KEY 5001
#define NETWORK(id, type)                                                                                              \
    "{'id': '" id "', 'topic': '" id "', 'name': '" id "', 'network_type': '" type                                     \
    "', 'segmentation_id': 5001, 'mtu': 1400}"
#define HERE(id, net, more)                                                                                            \
    "{'id': '" id "', 'topic': '" net "', 'lswitch': '" net "', 'macs': ['" MAC1                                       \
    "'], 'ips': ['10.1.0.11'], 'binding': {'type': 'chassis', 'chassis': 'node1',"                                     \
    " 'vif_type': 'ethdev', 'vif_name': '" id "'}" more "}"

static void two_tenants(void)
{
    lab_up_tunneling();
    lab_model("{'lswitch': [" NETWORK("vx", "vxlan") "," NETWORK("gn", "geneve") "]}");
    lab_model("{'chassis': [{'id': 'node2', 'ip': '" LAB_PEER2 "', 'tunnel_types': ['vxlan', 'geneve']}]}");
    lab_model(GROUPS(GROUP("web", IN4("web-in", PROTOCOL("udp") RANGE("2000", "2000")))));
    lab_model(PORTS(HERE("vm1", "vx", IN_GROUPS("'web'")) "," HERE("vm2", "gn", OPEN)));
}

TestSuite(tunnel_fragments, .init = two_tenants, .fini = lab_down);

static const struct lab_way vxlan = {.type = "vxlan"}, geneve = {.type = "geneve"};

#define DATAGRAM                                                                                                       \
    "udp,tp_src=1000,tp_dst=2000,len=64,dl_src=02:00:00:00:01:21,dl_dst=" MAC1 ",nw_src=10.1.0.21,nw_dst=10.1.0.11"

/* The first or the last fragment: the same bytes, as what they are does not matter. */
static void send_fragment(const struct lab_way *way, bool first, uint8_t *inside, size_t *inside_len)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame), outer = lab_way_len(way);
    lab_wrap_by(way, LAB_PEER2, KEY, DATAGRAM, frame, &len);
    uint8_t *ip = frame + outer + 14;
    uint32_t sum = 0;
    ip[6] = first ? 0x20 : 0;
    ip[7] = first ? 0 : (64 + 8) / 8;
    ip[10] = ip[11] = 0;
    for (unsigned i = 0; i < 20; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    ip[10] = (uint8_t)(~sum >> 8);
    ip[11] = (uint8_t)~sum;
    *inside_len = len - outer;
    memcpy(inside, frame + outer, *inside_len);
    lab_send_bytes("up0", frame, len);
}

Test(tunnel_fragments, a_later_fragment_is_not_judged_by_the_first_one_of_another_tenant)
{
    uint8_t first[DF_WORDS_FRAME_MAX], later[DF_WORDS_FRAME_MAX];
    size_t first_len, later_len;
    send_fragment(&geneve, true, first, &first_len);
    lab_expect_bytes("vm2", first, first_len);
    send_fragment(&vxlan, false, later, &later_len);
    lab_expect_silence(); /* it waits for its own */
    lab_expect_no_drop();
    send_fragment(&vxlan, true, first, &first_len);
    lab_expect_bytes("vm1", first, first_len);
    lab_expect_bytes("vm1", later, later_len);
    lab_expect_silence();
    lab_expect_no_drop();
}

/* ---- who shares the room for fragments: all of these come in by one port */

#define VXLAN(id, key)                                                                                                 \
    "{'id': '" id "', 'topic': '" id "', 'name': '" id "', 'network_type': 'vxlan', 'segmentation_id': " key           \
    ", 'mtu': 1400}"

/* Two tenants, and guests of both on other nodes: red's network goes on on both nodes, blue's on node3. */
static void strangers(void)
{
    lab_up_tunneling();
    lab_model("{'lswitch': [" VXLAN("red", "5001") "," VXLAN("blue", "5002") "]}");
    lab_model("{'chassis': [{'id': 'node2', 'ip': '" LAB_PEER2 "', 'tunnel_types': ['vxlan']},"
              "{'id': 'node3', 'ip': '" LAB_PEER3 "', 'tunnel_types': ['vxlan']}]}");
    lab_model(GROUPS(GROUP("web", IN4("web-in", PROTOCOL("udp") RANGE("2000", "2000")))));
    lab_model(PORTS(HERE("vm1", "red", IN_GROUPS("'web'")) "," HERE("vm2", "blue", IN_GROUPS("'web'"))));
}

struct guest {
    const char *peer;
    uint32_t key;
    const char *addresses;
    const char *to;
};
static const struct guest flooder = {
    LAB_PEER2, 5001, ",dl_src=02:00:00:00:01:21,dl_dst=" MAC1 ",nw_src=10.1.0.21,nw_dst=10.1.0.11", "vm1"};
static const struct guest neighbour = {
    LAB_PEER3, 5001, ",dl_src=02:00:00:00:01:22,dl_dst=" MAC1 ",nw_src=10.1.0.22,nw_dst=10.1.0.11", "vm1"};
static const struct guest stranger = {
    LAB_PEER3, 5002, ",dl_src=02:00:00:00:01:31,dl_dst=" MAC1 ",nw_src=10.1.0.31,nw_dst=10.1.0.11", "vm2"};

#define FIRST "udp,tp_src=9,tp_dst=2000,len=64,frag_more=1"
#define LAST "udp,len=64,frag_offset=72,frag_more=0"

/* A guest sends a fragment of that datagram; returns how many frames came of it. */
static unsigned comes(const struct guest *from, const char *fragment, unsigned id)
{
    char words[400];
    unsigned n = 0;
    size_t len;
    snprintf(words, sizeof(words), "%s,ip_id=%u%s", fragment, id, from->addresses);
    lab_send_tunnel(from->peer, from->key, words);
    while (lab_receive(from->to, &len) != NULL)
        n++;
    lab_expect_silence();
    return n;
}

static void flood(const char *fragment, unsigned n)
{
    static unsigned id = 100;
    for (; n > 0; n--)
        comes(&flooder, fragment, id++);
}

TestSuite(tunnel_fragment_shares, .init = strangers, .fini = lab_down);

Test(tunnel_fragment_shares, a_guest_whose_fragments_wait_in_vain_pushes_out_its_own)
{
    flood(LAST, LAB_FRAGMENTS_HELD);
    lab_expect_no_drop();
    cr_assert_eq(comes(&stranger, LAST, 7), 0, "it waits for its first one");
    lab_expect_drop("frag_limit", 1); /* the flooder's */
    flood(LAST, 5 * LAB_FRAGMENTS_HELD);
    lab_expect_drop("frag_limit", 5 * LAB_FRAGMENTS_HELD);
    cr_assert_eq(comes(&stranger, FIRST, 7), 2, "a tenant's datagram was broken by another one's");
    lab_expect_no_drop();
    cr_assert_eq(comes(&flooder, FIRST, 100), 1, "its own oldest is gone");
}

Test(tunnel_fragment_shares, a_guest_that_finishes_nothing_is_forgotten_itself)
{
    flood(FIRST, 5 * LAB_FRAGMENT_DATAGRAMS);
    cr_assert_eq(comes(&stranger, FIRST, 7), 1);
    flood(FIRST, 5 * LAB_FRAGMENT_DATAGRAMS);
    cr_assert_eq(comes(&stranger, LAST, 7), 1, "a tenant's datagram was broken by another one's");
    cr_assert_eq(comes(&flooder, LAST, 100), 0, "its own oldest is forgotten");
    lab_expect_no_drop();
}

Test(tunnel_fragment_shares, in_the_flooders_own_network_datagrams_come_whole_too)
{
    flood(LAST, LAB_FRAGMENTS_HELD);
    cr_assert_eq(comes(&neighbour, LAST, 7), 0);
    cr_assert_eq(comes(&neighbour, FIRST, 7), 2);
    flood(FIRST, 5 * LAB_FRAGMENT_DATAGRAMS);
    cr_assert_eq(comes(&neighbour, FIRST, 8), 1);
    cr_assert_eq(comes(&neighbour, LAST, 8), 1);
}

Test(tunnel_fragment_shares, a_guest_of_this_node_is_not_reached_by_a_flood_through_tunnels)
{
    lab_model(GROUPS(GROUP("out", OUT4("out-4", ""))));
    lab_model(PORTS(HERE("vm1", "red", IN_GROUPS("'web', 'out'"))));
    lab_model("{'lport': [{'id': 'far', 'topic': 'red', 'lswitch': 'red', 'macs': ['02:00:00:00:01:21'],"
              " 'ips': ['10.1.0.21'], 'binding': {'type': 'chassis', 'chassis': 'node2'}}]}");
#define OUT ",ip_id=7,dl_src=" MAC1 ",dl_dst=02:00:00:00:01:21,nw_src=10.1.0.11,nw_dst=10.1.0.21"
    flood(LAST, LAB_FRAGMENTS_HELD);
    lab_send("vm1", LAST OUT);
    lab_expect_silence();
    flood(LAST, 5 * LAB_FRAGMENTS_HELD);
    lab_send("vm1", FIRST OUT);
    lab_expect_tunnel(LAB_PEER2, 5001, FIRST OUT);
    lab_expect_tunnel(LAB_PEER2, 5001, LAST OUT);
    lab_expect_silence();
}
