/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/security_group.h"

#include <netinet/in.h>
#include <rte_tcp.h>

#include "fastpath/packet/icmp.h"
#include "fastpath/packet/sctp.h"
#include "fastpath/tables/security_group_internal.h"

/*
 * What the rules of security groups make of a packet.
 *
 * Invariants:
 * - Each walk of a packet of a connection judges the connection's original direction by the rules of today, whichever
 *   way the packet goes: by the egress rules of the port whose zone it is if that one began it, else by its ingress
 *   rules. So a removed rule cuts a connection both ways, and no other one.
 * - Where these allow it no more, a packet that says by itself that it begins something is judged as one without a
 *   connection, and takes the tuple over: else it would be refused for what came before it, while another pair of ports
 *   passes.
 * - The rules of stateful groups are asked first, those of stateless groups about the packet itself, without a
 *   connection. A packet is allowed when any rule allows it.
 */

static const enum df_drop no_rule[DF_TRACK_SIDES] = {
    [DF_TRACK_EGRESS] = DF_DROP_SG_EGRESS,
    [DF_TRACK_INGRESS] = DF_DROP_SG_INGRESS,
};

/* ---- the questions */

static uint16_t icmp_l4(const struct df_packet *packet)
{
    return df_rules_l4_icmp(packet->l4_dst, packet->icmp_code);
}

static bool is_icmp(const struct df_packet *packet)
{
    return packet->ip_proto == (packet->bits & DF_PACKET_IP4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* About the packet as it goes. The rules note it when ports mattered. */
static struct df_rules_question about_packet(const struct df_walk *walk, enum df_track_side side)
{
    const struct df_packet *packet = &walk->packet;
    struct df_rules_question question = {
        .remote = side == DF_TRACK_EGRESS ? packet->ip_dst : packet->ip_src,
        .domain = walk->conntrack->domain,
        .ip_proto = packet->ip_proto,
        .ip4 = packet->bits & DF_PACKET_IP4,
    };
    if (packet->bits & DF_PACKET_L4)
        question.l4 = is_icmp(packet) ? icmp_l4(packet) : packet->l4_dst;
    return question;
}

/* The question that an ICMP message answers (RFC 792, RFC 950, RFC 4443, RFC 4620), or the message itself. */
static uint16_t icmp_l4_of_question(const struct df_packet *packet)
{
    bool ip4 = packet->bits & DF_PACKET_IP4;
    switch (packet->l4_dst) {
    case DF_ICMP_ECHO_REPLY:
        return ip4 ? df_rules_l4_icmp(DF_ICMP_ECHO_REQUEST, 0) : icmp_l4(packet);
    case 14: /* timestamp */
    case 16: /* information */
    case 18: /* address mask */
        return ip4 ? df_rules_l4_icmp(packet->l4_dst - 1, 0) : icmp_l4(packet);
    case DF_ICMP6_ECHO_REPLY:
    case 140: /* node information */
        return ip4 ? icmp_l4(packet) : df_rules_l4_icmp(packet->l4_dst - 1, 0);
    default:
        return icmp_l4(packet);
    }
}

/* About the packet that began the connection, in that direction. A quoted ICMP message is taken for an echo. */
static struct df_rules_question about_original(const struct df_walk *walk, const struct df_track *track,
                                               enum df_track_side direction)
{
    const struct df_conn_key *key = &track->key; /* the connection's or the reverse of it */
    bool reverse = track->related ? !track->reply : track->reply;
    const struct df_ip *src = reverse ? &key->dst : &key->src, *dst = reverse ? &key->src : &key->dst;
    struct df_rules_question question = {
        .remote = direction == DF_TRACK_EGRESS ? *dst : *src,
        .domain = walk->conntrack->domain,
        .l4 = reverse ? key->l4_src : key->l4_dst,
        .ip_proto = key->ip_proto,
        .ip4 = df_ip_is4(&key->src),
    };
    if (key->ip_proto != (question.ip4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return question;
    uint16_t echo = question.ip4 ? DF_ICMP_ECHO_REQUEST : DF_ICMP6_ECHO_REQUEST;
    question.l4 = track->related ? df_rules_l4_icmp(echo, 0) : icmp_l4_of_question(&walk->packet);
    return question;
}

/* ---- judging */

static uint16_t pass(struct df_walk *walk, enum df_track_side side, uint32_t rule)
{
    walk->rule[side] = rule;
    return side == DF_TRACK_EGRESS ? DF_TABLE_SERVICES : DF_TABLE_DISPATCH;
}

/* Without connections: any rule of any group about the packet itself. */
static uint16_t judge_alone(struct df_walk *walk, enum df_track_side side)
{
    unsigned kinds = 0;
    struct df_rules_question question = about_packet(walk, side);
    uint32_t rule = df_security_group_ask(walk, side, &question, SG_BOTH, &kinds);
    if (rule == 0)
        return df_walk_drop(walk, no_rule[side]);
    df_security_group_hit(walk->worker, rule);
    return pass(walk, side, rule);
}

/* A rule that lets it begin a connection, in place of the one it has, if any. */
static uint32_t judge_anew(struct df_walk *walk, enum df_track_side side, unsigned *kinds)
{
    struct df_rules_question question = about_packet(walk, side);
    uint32_t rule = df_security_group_ask(walk, side, &question, SG_STATEFUL, kinds);
    walk->track[side].begin = rule != 0;
    return rule;
}

static enum df_track_side other_of(enum df_track_side side)
{
    return side == DF_TRACK_EGRESS ? DF_TRACK_INGRESS : DF_TRACK_EGRESS;
}

static uint32_t judge_original(struct df_walk *walk, enum df_track_side side, unsigned *kinds)
{
    const struct df_track *track = &walk->track[side];
    enum df_track_side direction = track->reply ? other_of(side) : side;
    struct df_rules_question question = about_original(walk, track, direction);
    return df_security_group_ask(walk, direction, &question, SG_STATEFUL, kinds);
}

static bool is_pure_syn(const struct df_packet *packet)
{
    const uint8_t control = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG | RTE_TCP_RST_FLAG | RTE_TCP_FIN_FLAG;
    return (packet->bits & (DF_PACKET_L4 | DF_PACKET_LATER_FRAGMENT)) == DF_PACKET_L4 &&
           (packet->tcp.flags & control) == RTE_TCP_SYN_FLAG;
}

/*
 * Might it be the first of another connection, whatever there was? What TCP and SCTP can say of that counts, and that
 * they may be picked up in mid-stream does not: an answer to a session that was cut would pick it up the other way
 * round. Of what has no handshake only the direction tells.
 */
static bool may_be_first(const struct df_packet *packet, bool reply)
{
    switch (packet->ip_proto) {
    case IPPROTO_TCP:
        return is_pure_syn(packet);
    case IPPROTO_SCTP:
        return df_conn_can_begin(packet) && packet->sctp.chunk == DF_SCTP_INIT;
    default:
        return reply && df_conn_can_begin(packet);
    }
}

/* A packet of a connection. When that one is not allowed any more, it may begin another in its place. */
static uint32_t judge_part(struct df_walk *walk, enum df_track_side side, unsigned *kinds, enum df_drop *reason)
{
    const struct df_track *track = &walk->track[side];
    enum df_conn_judgement is = df_conn_judge(track->conn, track->reply, &walk->packet);
    if (is == DF_CONN_ANEW)
        return judge_anew(walk, side, kinds);
    bool first = may_be_first(&walk->packet, track->reply);
    uint32_t rule = is == DF_CONN_PASS || first ? judge_original(walk, side, kinds) : 0;
    if (rule == 0 && first)
        return judge_anew(walk, side, kinds);
    if (is == DF_CONN_PASS)
        return rule;
    *kinds = 0; /* not all of them were looked at */
    *reason = is == DF_CONN_RST_WINDOW ? DF_DROP_CONN_RST_WINDOW : DF_DROP_CONN_INVALID;
    return 0;
}

/* By the rules of stateful groups. 0: none lets it pass, and reason says more where there is more to say. */
static uint32_t judge_stateful(struct df_walk *walk, enum df_track_side side, unsigned *kinds, enum df_drop *reason)
{
    const struct df_track *track = &walk->track[side];
    if (track->related)
        return judge_original(walk, side, kinds);
    if (track->conn != NULL)
        return judge_part(walk, side, kinds, reason);
    if (walk->packet.bits & DF_PACKET_ICMP_ERROR) {
        *reason = DF_DROP_CONN_UNRELATED;
        return 0;
    }
    if (df_conn_can_begin(&walk->packet))
        return judge_anew(walk, side, kinds);
    *reason = DF_DROP_CONN_INVALID;
    return 0;
}

/*
 * A packet that no rule lets pass, where a connection would: the flow cache may keep that as long as there is none. Which
 * packet of SCTP may begin an association says more than its key has.
 */
static void note_no_connection(struct df_walk *walk, const struct df_track *track)
{
    const struct df_track *other = &walk->track[DF_TRACK_EGRESS];
    bool none = track->conn == NULL && (other == track || !other->tracked || other->conn == NULL);
    if (none && !(walk->packet.bits & DF_PACKET_ICMP_ERROR) && walk->packet.ip_proto != IPPROTO_SCTP) {
        walk->unless_conn = true;
        walk->conn_hash = track->hash;
        walk->read_l4 = walk->read_l4 || (walk->packet.bits & DF_PACKET_L4) != 0;
    } else {
        walk->uncacheable = true;
    }
}

/*
 * By the rules of stateless groups, when no others let it pass. Where there are both, a connection that comes to be
 * may change the outcome, and no stamp would tell; where there are only stateless ones, none can.
 */
static uint16_t judge_stateless(struct df_walk *walk, enum df_track_side side, unsigned kinds, enum df_drop reason)
{
    uint32_t rule = 0;
    struct df_track *track = &walk->track[side];
    track->tracked = false;
    if (kinds != SG_STATEFUL) {
        struct df_rules_question question = about_packet(walk, side);
        rule = df_security_group_ask(walk, side, &question, SG_STATELESS, &kinds);
    }
    if ((kinds & SG_STATEFUL) && rule == 0)
        note_no_connection(walk, track);
    else if (kinds & SG_STATEFUL)
        walk->uncacheable = true;
    if (rule == 0)
        return df_walk_drop(walk, kinds & SG_STATEFUL ? reason : no_rule[side]);
    df_security_group_hit(walk->worker, rule);
    return pass(walk, side, rule);
}

static uint16_t judge_tracked(struct df_walk *walk, enum df_track_side side)
{
    unsigned kinds = 0;
    enum df_drop reason = no_rule[side];
    uint32_t rule = judge_stateful(walk, side, &kinds, &reason);
    if (rule == 0)
        return judge_stateless(walk, side, kinds, reason);
    if (walk->packet.bits & DF_PACKET_L4)
        walk->read_l4 = true; /* ports say which connection it is */
    return pass(walk, side, rule);
}

uint16_t df_security_group_judge(struct df_walk *walk, enum df_track_side side)
{
    return walk->track[side].tracked ? judge_tracked(walk, side) : judge_alone(walk, side);
}
