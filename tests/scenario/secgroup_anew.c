/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/conn.h"
#include "tests/scenario/groups.h"

/*
 * A connection whose original direction is allowed no more, and packets of its tuple that rules allow by themselves:
 * who began it first must not matter. vm1 began; its egress rule goes, and an ingress rule of it allows what vm2 sends.
 * vm2 has no port security, so only vm1's groups judge.
 */

#define OUT OUT4("out", "")
#define IN IN4("in", "")
#define PEER(rules) GROUPS(GROUP("peer", rules))

static void up(void)
{
    lab_up_secgroup();
    lab_model(MODEL_NETWORKS);
    lab_model(PEER(OUT "," IN));
    lab_model(PORTS(VM1_IN("'peer'") "," PORT("vm2", "net1", MAC2, "'10.1.0.12'", "'sub1'", OPEN)));
}

TestSuite(secgroup_anew, .init = up, .fini = lab_down);

#define IKE_TO "udp,tp_src=500,tp_dst=500" VM1_VM2
#define IKE_BACK "udp,tp_src=500,tp_dst=500" VM2_VM1
#define ESP_TO "ip,nw_proto=50,len=40" VM1_VM2
#define ESP_BACK "ip,nw_proto=50,len=40" VM2_VM1

/* Both ways, until the flow cache serves it. */
static void talk(const char *to, const char *back)
{
    for (unsigned i = 0; i < 3; i++) {
        lab_passes("vm1", to, "vm2");
        lab_passes("vm2", back, "vm1");
    }
    lab_expect_cached();
}

static uint32_t live(void)
{
    struct df_conns_tally tally;
    df_conns_tally(&tally);
    return tally.live;
}

static void other_end_begins_anew(const char *to, const char *back)
{
    talk(to, back);
    lab_model(PEER(IN));
    lab_refused("vm1", to, "sg_egress");
    lab_passes("vm2", back, "vm1");
    cr_assert_eq(live(), 1, "it took the tuple over");
    lab_passes("vm1", to, "vm2"); /* an answer now */
    talk(to, back);
    lab_model(PEER(OUT));
    lab_refused("vm2", back, "sg_ingress");
    lab_passes("vm1", to, "vm2");
    lab_passes("vm2", back, "vm1");
    lab_model(PEER(""));
    lab_refused("vm2", back, "sg_ingress");
    lab_refused("vm1", to, "sg_egress");
    cr_assert_eq(live(), 1);
}

Test(secgroup_anew, udp)
{
    other_end_begins_anew(IKE_TO, IKE_BACK);
}

Test(secgroup_anew, a_protocol_by_addresses)
{
    other_end_begins_anew(ESP_TO, ESP_BACK);
}

/* The tuple is the other end's from the first packet that it is allowed. */
Test(secgroup_anew, the_rule_that_allowed_the_first_one_comes_back)
{
    talk(IKE_TO, IKE_BACK);
    lab_model(PEER(IN));
    lab_passes("vm2", IKE_BACK, "vm1");
    lab_model(PEER(OUT "," IN));
    talk(IKE_TO, IKE_BACK);
    lab_model(PEER(OUT));
    lab_refused("vm2", IKE_BACK, "sg_ingress");
}

Test(secgroup_anew, not_while_the_original_is_allowed)
{
    talk(IKE_TO, IKE_BACK);
    lab_passes("vm2", IKE_BACK, "vm1");
    lab_model(PEER(OUT));
    lab_expect_no_drop();
    lab_passes("vm2", IKE_BACK, "vm1"); /* an answer, for which no rule is needed */
}

Test(secgroup_anew, not_by_a_rule_for_something_else)
{
    lab_model(PEER(OUT "," IN4("in", PROTOCOL("udp") RANGE("501", "501"))));
    talk(IKE_TO, IKE_BACK);
    lab_model(PEER(IN4("in", PROTOCOL("udp") RANGE("501", "501"))));
    lab_refused("vm2", IKE_BACK, "sg_ingress");
    lab_refused("vm1", IKE_TO, "sg_egress");
    lab_passes("vm2", "udp,tp_src=500,tp_dst=501" VM2_VM1, "vm1");
}

/* ---- What has a handshake begins by it alone */

#define SCTP_TO(more) "sctp,tp_src=36412,tp_dst=36412" more VM1_VM2
#define SCTP_BACK(more) "sctp,tp_src=36412,tp_dst=36412" more VM2_VM1

Test(secgroup_anew, sctp_by_init)
{
    lab_passes("vm1", SCTP_TO(",sctp_chunk=init,sctp_tag=0,sctp_init_tag=9"), "vm2");
    lab_passes("vm2", SCTP_BACK(",sctp_chunk=init_ack,sctp_tag=9,sctp_init_tag=7"), "vm1");
    lab_passes("vm1", SCTP_TO(",sctp_chunk=cookie_echo,sctp_tag=7"), "vm2");
    lab_passes("vm2", SCTP_BACK(",sctp_chunk=cookie_ack,sctp_tag=9"), "vm1");
    lab_model(PEER(IN));
    lab_refused("vm2", SCTP_BACK(",sctp_chunk=data,sctp_tag=9"), "sg_ingress");
    lab_refused("vm2", SCTP_BACK(",sctp_chunk=heartbeat,sctp_tag=9"), "sg_ingress");
    lab_refused("vm1", SCTP_TO(",sctp_chunk=init,sctp_tag=0,sctp_init_tag=10"), "sg_egress");
    lab_passes("vm2", SCTP_BACK(",sctp_chunk=init,sctp_tag=0,sctp_init_tag=20"), "vm1");
    lab_passes("vm1", SCTP_TO(",sctp_chunk=init_ack,sctp_tag=20,sctp_init_tag=30"), "vm2");
}

#define TCP_TO(flags, more) "tcp,tp_src=179,tp_dst=179,tcp_flags=" flags more VM1_VM2
#define TCP_BACK(flags, more) "tcp,tp_src=179,tp_dst=179,tcp_flags=" flags more VM2_VM1

Test(secgroup_anew, tcp_by_syn)
{
    lab_passes("vm1", TCP_TO("syn", ",tcp_seq=1000,tcp_ack=0"), "vm2");
    lab_passes("vm2", TCP_BACK("syn|ack", ",tcp_seq=5000,tcp_ack=1001"), "vm1");
    lab_passes("vm1", TCP_TO("ack", ",tcp_seq=1001,tcp_ack=5001"), "vm2");
    lab_model(PEER(IN));
    lab_refused("vm2", TCP_BACK("ack|psh", ",len=10,tcp_seq=5001,tcp_ack=1001"), "sg_ingress");
    lab_refused("vm2", TCP_BACK("fin|ack", ",tcp_seq=5001,tcp_ack=1001"), "sg_ingress");
    lab_passes("vm2", TCP_BACK("syn", ",tcp_seq=9000,tcp_ack=0"), "vm1");
    lab_passes("vm1", TCP_TO("syn|ack", ",tcp_seq=3000,tcp_ack=9001"), "vm2");
}
