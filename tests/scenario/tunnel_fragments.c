/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include "control/trace/words.h"

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
