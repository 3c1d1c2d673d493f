/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/walk.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include "fastpath/tables/table.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/underlay/underlay.h"

#define IP6_MTU_MIN 1280 /* RFC 8200 section 5 */

static uint16_t visit(struct df_walk *walk, const struct df_table *table)
{
    uint16_t number = table->ops->desc.number;
    walk->table = table;
    if (walk->trace != NULL)
        walk->trace->enter(walk->trace, number, walk);
    uint16_t next = table->ops->decide(table->state, walk);
    if (walk->trace != NULL)
        walk->trace->leave(walk->trace, number, next, walk);
    return next;
}

/*
 * Tables that find a packet's connection and judge it do so on each walk, also on one that goes a way: what they note is
 * theirs, and the rest the way's.
 */
static uint16_t visit_judge(struct df_walk *walk, const struct df_table *table, enum df_track_side side, bool by_rules)
{
    struct df_way_draft *draft = &walk->draft;
    bool read_l4 = walk->read_l4, uncacheable = walk->uncacheable;
    const struct df_stamps_mark before = df_stamps_mark_now(&walk->stamps);
    walk->read_l4 = walk->uncacheable = false;
    uint16_t next = visit(walk, table);
    draft->read_l4 |= walk->read_l4;
    draft->uncacheable |= walk->uncacheable;
    walk->read_l4 = read_l4;
    walk->uncacheable = uncacheable;
    draft->conntrack[side] = walk->conntrack;
    if (by_rules)
        draft->judged[side] = (struct df_judged){walk->stamps.sum - before.sum, before.n, walk->stamps.n};
    return next;
}

static uint16_t visit_for_draft(struct df_walk *walk, const struct df_table *table)
{
    switch (table->ops->desc.number) {
    case DF_TABLE_EGRESS_CONNTRACK:
        return visit_judge(walk, table, DF_TRACK_EGRESS, false);
    case DF_TABLE_EGRESS_SECURITY_GROUP:
        return visit_judge(walk, table, DF_TRACK_EGRESS, true);
    case DF_TABLE_INGRESS_CONNTRACK:
        return visit_judge(walk, table, DF_TRACK_INGRESS, false);
    case DF_TABLE_INGRESS_SECURITY_GROUP:
        return visit_judge(walk, table, DF_TRACK_INGRESS, true);
    default:
        return visit(walk, table);
    }
}

void df_walk_from(struct df_walk *walk, uint16_t table)
{
    const struct df_table *outer = walk->table;
    uint8_t outer_steps = walk->steps;
    while (table != DF_TABLE_END) {
        const struct df_table *next = df_table(table);
        if (next == NULL || walk->steps++ == DF_WALK_STEPS_MAX) {
            df_walk_drop(walk, DF_DROP_LOOP);
            walk->uncacheable = true; /* another packet of the flow may have fewer hops to live than the loop */
            break;
        }
        table = unlikely(walk->draft.wanted) ? visit_for_draft(walk, next) : visit(walk, next);
    }
    walk->table = outer;
    walk->steps = outer_steps;
}

static void begin(struct df_walk *walk, uint16_t in_port)
{
    memset(&walk->in_port, 0, sizeof(*walk) - offsetof(struct df_walk, in_port));
    walk->in_port = in_port;
    walk->track[DF_TRACK_EGRESS].tracked = false;
    walk->track[DF_TRACK_INGRESS].tracked = false;
    walk->draft.wanted = false;
    df_stamps_begin(&walk->stamps);
}

void df_walk_packet(struct df_walk *walk, uint16_t in_port, const struct df_packet *packet)
{
    begin(walk, in_port);
    walk->packet = *packet;
    walk->parsed = *packet;
    df_walk_from(walk, DF_TABLE_CLASSIFICATION);
}

/* Takes the outer headers off, as far as the walk sees them. */
static enum df_drop read_outer(struct df_walk *walk, const uint8_t *data, uint32_t len)
{
    struct df_tunnel_in in;
    enum df_drop malformed = df_tunnel_read(data, len, &in);
    if (malformed != DF_DROP_NONE) {
        walk->parsed = (struct df_packet){0};
        return malformed;
    }
    walk->tunnel_type = in.type;
    walk->tunnel_key = in.key;
    walk->tunnel_peer = df_tunnel_peer(&in);
    walk->outer_len = in.len;
    walk->outer_ecn = in.ecn;
    return DF_DROP_NONE;
}

/* Parses the packet inside, or the only one. */
static enum df_drop read_inner(struct df_walk *walk, const uint8_t *data, uint32_t len)
{
    uint8_t ecn;
    enum df_drop malformed = df_packet_parse(data, len, &walk->parsed);
    if (malformed == DF_DROP_NONE && df_ecn_may_tell(walk->outer_ecn) &&
        !df_ecn_decide(walk->outer_ecn, data, len, &ecn))
        return DF_DROP_TUNNEL_ECN;
    return malformed;
}

bool df_walk_begin(struct df_walk *walk, uint16_t in_port, const uint8_t *data, uint32_t len)
{
    begin(walk, in_port);
    if (unlikely(df_underlay_is_exception(in_port))) {
        df_underlay_from_host(walk, data, len);
        return false;
    }
    enum df_drop malformed = df_underlay_is(in_port) ? read_outer(walk, data, len) : DF_DROP_NONE;
    if (unlikely(malformed == DF_DROP_UNDERLAY_OTHER)) {
        df_underlay_take(walk, data, len);
        return false;
    }
    if (malformed == DF_DROP_NONE)
        malformed = read_inner(walk, data + walk->outer_len, len - walk->outer_len);
    if (malformed == DF_DROP_NONE)
        return true;
    df_walk_drop(walk, malformed);
    walk->packet = walk->parsed;
    walk->uncacheable = true; /* what is wrong need not be in the cache's key */
    return false;
}

void df_walk_go(struct df_walk *walk)
{
    struct df_way_draft *draft = &walk->draft;
    walk->packet = walk->parsed;
    if (walk->ways != NULL && df_ways_go(walk))
        return;
    df_walk_from(walk, walk->tunnel_type != 0 ? DF_TABLE_TUNNEL : DF_TABLE_CLASSIFICATION);
    if (!draft->wanted)
        return;
    df_ways_learn(walk);
    walk->read_l4 = walk->read_l4 || draft->read_l4;
    walk->uncacheable = walk->uncacheable || draft->uncacheable;
}

void df_walk_frame(struct df_walk *walk, uint16_t in_port, const uint8_t *data, uint32_t len)
{
    if (df_walk_begin(walk, in_port, data, len))
        df_walk_go(walk);
}

/* RFC 1122 section 3.2.2: the types of ICMP messages that are errors. */
static bool is_icmp4_error(const struct df_packet *packet)
{
    switch (packet->l4_dst) {
    case ICMP_DEST_UNREACH:
    case ICMP_SOURCE_QUENCH:
    case ICMP_REDIRECT:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETERPROB:
        return true;
    default:
        return false;
    }
}

/* RFC 4443 section 2.4 (e.1) and (e.2): types below 128 are errors, and a redirect counts as one. */
static bool is_icmp6_error(const struct df_packet *packet)
{
    return packet->l4_dst < ICMP6_ECHO_REQUEST || packet->l4_dst == ND_REDIRECT;
}

/* Not "this network", class E, unspecified, multicast, broadcast or loopback. */
static bool is_single_host(const struct df_ip *ip)
{
    bool special = df_ip_is4(ip) ? ip->byte[12] == 0 || ip->byte[12] >= 240 : df_ip_is_zero(ip);
    return !special && !df_ip_is_never_source(ip);
}

/*
 * No answer to what is an error itself, came to a group, or has no single host as its source, nor to a later
 * fragment.
 */
static bool error_is_due(const struct df_packet *packet)
{
    if ((packet->bits & DF_PACKET_LATER_FRAGMENT) || df_mac_is_group(&packet->eth_dst))
        return false;
    if (!is_single_host(&packet->ip_src) || df_ip_is_never_source(&packet->ip_dst))
        return false;
    if (!(packet->bits & DF_PACKET_L4))
        return true;
    /* ICMP is special (services.h): reading its type needs no note. */
    if (packet->ip_proto == IPPROTO_ICMP)
        return !is_icmp4_error(packet);
    return packet->ip_proto != IPPROTO_ICMPV6 || !is_icmp6_error(packet);
}

static uint16_t answer_with_error(struct df_walk *walk, const struct df_ip *from, uint8_t type, uint8_t code,
                                  enum df_drop reason)
{
    struct df_verdict *verdict = &walk->verdict;
    walk->uncacheable = true; /* for another packet of the flow hops may run out, or have not run out yet */
    if (df_ip_is_zero(from) || !error_is_due(&walk->packet))
        return df_walk_drop(walk, reason);
    verdict->kind = DF_VERDICT_ANSWER;
    verdict->drop = (uint8_t)reason;
    verdict->answer = DF_ANSWER_ICMP_ERROR;
    verdict->answer_type = type;
    verdict->answer_code = code;
    verdict->answer_ip = *from;
    return DF_TABLE_END;
}

static const struct df_ip *router_ip(const struct df_walk *walk)
{
    return walk->packet.bits & DF_PACKET_IP4 ? &walk->router_ip4 : &walk->router_ip6;
}

uint16_t df_walk_icmp_error(struct df_walk *walk, uint8_t type4, uint8_t code4, uint8_t type6, uint8_t code6,
                            enum df_drop reason)
{
    bool ip4 = walk->packet.bits & DF_PACKET_IP4;
    return answer_with_error(walk, router_ip(walk), ip4 ? type4 : type6, ip4 ? code4 : code6, reason);
}

/* Dropped, and not told: shorter ones of the flow pass. */
static uint16_t drop_long(struct df_walk *walk, enum df_drop reason)
{
    walk->uncacheable = true;
    return df_walk_drop(walk, reason);
}

uint16_t df_walk_too_big(struct df_walk *walk, uint16_t mtu)
{
    const struct df_packet *packet = &walk->packet;
    const struct df_ip *from = walk->router != 0 ? router_ip(walk) : &packet->ip_dst;
    if (!(packet->bits & (DF_PACKET_IP4 | DF_PACKET_IP6)))
        return drop_long(walk, DF_DROP_TOO_BIG_NOT_IP);
    if ((packet->bits & DF_PACKET_IP6) && packet->l3_len <= IP6_MTU_MIN)
        return drop_long(walk, DF_DROP_TOO_BIG_IP6);
    if (walk->flooded) /* others may hear it whole */
        return drop_long(walk, DF_DROP_TOO_BIG);
    walk->verdict.answer_mtu = mtu;
    if (packet->bits & DF_PACKET_IP4)
        return answer_with_error(walk, from, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, DF_DROP_TOO_BIG);
    if (mtu < IP6_MTU_MIN)
        walk->verdict.answer_mtu = IP6_MTU_MIN;
    return answer_with_error(walk, from, ICMP6_PACKET_TOO_BIG, 0, DF_DROP_TOO_BIG);
}
