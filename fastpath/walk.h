/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/cache/stamps.h"
#include "fastpath/cache/ways.h"
#include "fastpath/conn/conn.h"
#include "fastpath/drop.h"
#include "fastpath/packet/packet.h"
#include "fastpath/pipeline.h"
#include "fastpath/ports/port.h"

/*
 * A walk: one packet's way through the pipeline tables, and the verdict it ends with.
 *
 * The packet is never changed during a walk. Each table's decide() reads and rewrites the walk's copy of the headers
 * and its registers, adds to the verdict, and names the next table. What the decision depended on is recorded: the
 * stamp of every look-up, and whether ports or anything the flow cache cannot check were read. A worker and `df-ctl
 * trace` run the same walk; only a worker acts on it.
 */

/* Answers that a worker writes into the packet itself and sends back where it came from. */
enum df_answer {
    DF_ANSWER_NONE,
    DF_ANSWER_ARP,        /* reply: answer_mac is the address asked for */
    DF_ANSWER_ND,         /* neighbour advertisement for nd.target by answer_mac */
    DF_ANSWER_ECHO,       /* ICMP and ICMPv6 echo reply */
    DF_ANSWER_ICMP_ERROR, /* answer_type, answer_code, answer_mtu, from answer_ip */
};

enum df_verdict_kind {
    DF_VERDICT_DROP,
    DF_VERDICT_OUTPUT, /* n_outputs deliveries */
    DF_VERDICT_ANSWER,
    DF_VERDICT_PUNT, /* to app punt_app */
    DF_VERDICT_HOLD, /* a later fragment, whose ports a table needs: to wait for the first one */
    DF_VERDICT_HOST, /* as it is between underlay and host (fastpath/underlay), and a copy to punt_app if that is set */
};

struct df_output {
    uint16_t port;
    uint16_t vlan;       /* 0: untagged */
    uint16_t peer;       /* 0: as it is; else in the outer headers of df_peer_headers (tunnel.h), with */
    uint16_t entropy;    /* this entropy (df_tunnel_entropy()), */
    uint32_t tunnel_key; /* and this key */
    uint16_t mtu;        /* the longest IP packet that gets there, what is longer goes in fragments; 0: any */
    uint16_t lost;       /* of a flood: enum df_drop for which this copy is not made; the rest is zero */
};

/* What connection tracking has to do with a packet in one zone, the sender's or the receiver's. */
struct df_track {
    struct df_conn_key key; /* the packet's tuple in the zone */
    uint64_t hash;
    struct df_conn *conn; /* whose packet it is; NULL: it has none yet */
    bool tracked;         /* 0: nothing to do, and the rest is not set */
    bool reply;           /* direction of the packet in conn */
    bool begin;           /* a connection is to be begun, in place of conn if there is one, */
    bool began;           /* and was, by this packet */
    bool related;         /* an ICMP error about conn: it changes nothing */
};
enum df_track_side { DF_TRACK_EGRESS, DF_TRACK_INGRESS, DF_TRACK_SIDES };

/* What a walk through the tables finds out about its way (cache/ways.h). */
struct df_judged { /* of the walk's stamps, those that a judge noted */
    uint32_t sum;
    uint16_t from, to;
};
struct df_way_draft {
    bool wanted;               /* 0: the rest is not set */
    bool read_l4, uncacheable; /* noted by a judge */
    uint32_t from_key;
    uint64_t hash;
    struct df_way *way; /* the one that held no more; NULL: there was none */
    const struct df_conntrack_value *conntrack[DF_TRACK_SIDES];
    struct df_judged judged[DF_TRACK_SIDES];
};

struct df_verdict {
    uint8_t kind; /* enum df_verdict_kind */
    uint8_t drop; /* enum df_drop, also why a flood reached nobody */
    uint8_t answer;
    uint8_t answer_type, answer_code;
    bool answer_is_router;
    struct df_mac answer_mac;
    struct df_ip answer_ip;
    uint16_t answer_mtu; /* of a packet too big; else 0 */
    uint32_t punt_app;
    uint16_t n_outputs;
    uint16_t n_lost; /* of these, copies that are lost */
};

struct df_table;
struct df_walk;
struct df_flood_allowance;

/*
 * Who follows a walk (control/trace) embeds this as its first member and is told each step, on the thread that walks.
 * No hook may be NULL. Pointers are valid during the call.
 */
struct df_trace {
    /** The walk comes to a table; its registers are as they were before. */
    void (*enter)(struct df_trace *trace, uint16_t table, const struct df_walk *walk);
    /**
     * A look-up in a table, hit or miss.
     *
     * @param key   what was looked up, the table's key struct; in DF_TABLE_L3 the address with prefix_len 128
     * @param entry what matched, with its origin; NULL for a miss
     */
    void (*lookup)(struct df_trace *trace, const struct df_table *table, const void *key, uint16_t key_len,
                   const struct df_entry *entry);
    /** The table has decided: next is where the walk goes, or DF_TABLE_END. Registers are as they are now. */
    void (*leave)(struct df_trace *trace, uint16_t table, uint16_t next, const struct df_walk *walk);
};

#define DF_WALK_NOBODY UINT32_MAX /* df_walk.worker of a trace */

/* Tables on one packet's way, or on the way of one copy of a flood; a longer way is a loop of routers. */
#define DF_WALK_STEPS_MAX 40

#define DF_OUTPUTS_MAX                                                                                                 \
    (DF_PORTS_MAX + DF_FLOOD_PEERS_MAX + 1) /* of a flood: ports, peers, and that some are left out */

struct df_walk {
    /* The walker's own, from one walk to the next. */
    uint32_t now_ms;           /* of the clock of connections */
    unsigned worker;           /* whose walk it is, or DF_WALK_NOBODY: hits are not counted */
    struct df_output *outputs; /* room for outputs_max */
    uint16_t outputs_max;
    struct df_ways *ways;              /* the worker's own; NULL: it goes through every table */
    struct df_flood_allowance *floods; /* the worker's own; NULL: no limit */
    struct df_trace *trace;            /* NULL on a worker */

    struct df_packet packet; /* the working copy */
    struct df_packet parsed; /* as it is on the wire */

    struct df_track track[DF_TRACK_SIDES]; /* to be carried out if the packet is delivered */
    struct df_way_draft draft;

    /* What the decision depended on. */
    struct df_stamps stamps;

    /*
     * What is above is set before it is read; what is below is cleared when a walk begins.
     *
     * Registers, named as upstream uses them.
     */
    uint16_t in_port;
    uint32_t in_lport;                   /* reg6 */
    uint32_t out_lport;                  /* reg7 */
    uint32_t network;                    /* metadata */
    uint32_t router;                     /* reg5 */
    struct df_ip router_ip4, router_ip6; /* source of ICMP errors of that router for this packet */
    struct df_ip next_hop;               /* whom the last router sends it to, an address on network */
    uint8_t routed;                      /* how many routers it crossed: TTL goes down by this */
    uint16_t mtu;                        /* the least of the networks that routers sent it to; 0: any */
    bool flooded;                        /* out_lport is one of several that each get a copy */

    const struct df_conntrack_value *conntrack; /* from 10 and 105 to 15 and 110: whose groups judge it */
    uint32_t rule[DF_TRACK_SIDES];              /* number of the security group rule that allowed it; 0: none did */
    uint32_t tunnel_type;                       /* enum df_tunnel_type it came by; 0: from a local port */
    uint32_t tunnel_key;                        /* that it came by; from table 75 to 203, that it goes by */
    struct df_ip tunnel_peer;                   /* who sent it; from table 75 to 203, whom it is sent to */
    uint8_t out_tunnel_type;                    /* from table 75 to 203: enum df_tunnel_type it goes by */
    uint8_t outer_ecn;                          /* of the outer headers (ecn.h) */
    uint16_t outer_len; /* bytes of outer headers in front of the packet, which offsets leave out */

    struct df_verdict verdict;

    bool read_l4;       /* the decision depends on ports, ICMP type or code, */
    bool uncacheable;   /* or on something that the flow cache does not check, */
    bool unless_conn;   /* or on that there is no connection of the packet's tuple: it is denied */
    uint64_t conn_hash; /* of that tuple */

    struct df_way *way; /* that it goes; NULL: through the tables */

    uint8_t steps;
    const struct df_table *table; /* in whose decide() the walk is: stamps of a look-up are its own */
};

static inline uint16_t df_walk_l4_src(struct df_walk *walk)
{
    walk->read_l4 = true;
    return walk->packet.l4_src;
}

static inline uint16_t df_walk_l4_dst(struct df_walk *walk)
{
    walk->read_l4 = true;
    return walk->packet.l4_dst;
}

/** Ends the walk: the packet is dropped for this reason. */
static inline uint16_t df_walk_drop(struct df_walk *walk, enum df_drop reason)
{
    walk->verdict.kind = DF_VERDICT_DROP;
    walk->verdict.drop = (uint8_t)reason;
    return DF_TABLE_END;
}

/** Ends the walk: the packet goes to that app in the controller. */
static inline uint16_t df_walk_punt(struct df_walk *walk, uint32_t app)
{
    walk->verdict.kind = DF_VERDICT_PUNT;
    walk->verdict.punt_app = app;
    walk->uncacheable = true;
    return DF_TABLE_END;
}

/** Ends the walk: the packet waits for its datagram's first fragment. */
static inline uint16_t df_walk_hold(struct df_walk *walk)
{
    walk->verdict.kind = DF_VERDICT_HOLD;
    walk->uncacheable = true;
    return DF_TABLE_END;
}

/** Adds a delivery, or a lost one. A flood has many; more than there is room for are left out, counted as NO_MBUF. */
static inline uint16_t df_walk_deliver(struct df_walk *walk, struct df_output output)
{
    struct df_verdict *verdict = &walk->verdict;
    if (verdict->n_outputs == walk->outputs_max)
        return df_walk_drop(walk, DF_DROP_NO_MBUF);
    verdict->kind = DF_VERDICT_OUTPUT;
    walk->outputs[verdict->n_outputs++] = output;
    return DF_TABLE_END;
}

static inline uint16_t df_walk_output(struct df_walk *walk, uint16_t port, uint16_t vlan)
{
    return df_walk_deliver(walk, (struct df_output){.port = port, .vlan = vlan, .mtu = walk->mtu});
}

/**
 * Ends the walk: a worker answers with an ICMP error from the router the packet is at. Where none is due (RFC 1122
 * section 3.2.2, RFC 4443 section 2.4 e) or the router has no address to send it from, the packet is dropped for
 * reason; otherwise the verdict is an answer and reason stands in verdict.drop too.
 */
uint16_t df_walk_icmp_error(struct df_walk *walk, uint8_t type4, uint8_t code4, uint8_t type6, uint8_t code6,
                            enum df_drop reason);

/** The lesser of two MTUs, of which 0 is none. */
static inline uint16_t df_mtu_min(uint16_t a, uint16_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/** Bytes of the packet that an MTU limits: of IP the packet's own length, of anything else what is behind the tags. */
static inline uint32_t df_packet_len(const struct df_packet *packet)
{
    bool ip = packet->bits & (DF_PACKET_IP4 | DF_PACKET_IP6);
    return ip ? packet->l3_len : (uint32_t)packet->frame_len - packet->l3_offset;
}

/** Can it go where packets are at most so long (0: any), whole or in fragments? */
static inline bool df_walk_fits(const struct df_walk *walk, uint16_t mtu)
{
    const struct df_packet *packet = &walk->packet;
    return mtu == 0 || df_packet_len(packet) <= mtu || (packet->bits & (DF_PACKET_IP4 | DF_PACKET_DF)) == DF_PACKET_IP4;
}

/**
 * Ends the walk of a packet that does not fit: its sender is told the MTU (RFC 1191 section 4, RFC 4443 section 3.2),
 * by the router that the packet is at; where it crosses none, in the name of whom it is for, as a tunnel's end does
 * whose own address means nothing to the sender. Where no error is due it is dropped. Nothing of this is cached, because
 * shorter packets of the flow pass.
 *
 * IPv6 knows no MTU below 1280. What is not longer and does not fit is dropped as TOO_BIG_IP6: RFC 2473 section 7.1
 * would have the tunnel's packet fragmented, which RFC 7348 section 4.3 forbids.
 */
uint16_t df_walk_too_big(struct df_walk *walk, uint16_t mtu);

/**
 * Walks from table until the verdict is complete. Worker or control thread, between two quiescent states.
 * Flood calls it again for each copy.
 */
void df_walk_from(struct df_walk *walk, uint16_t table);

/**
 * Begins a walk for a frame that was parsed without fault, and walks from table 0.
 * The caller has set outputs, outputs_max, trace, worker and now_ms; everything else is set here.
 */
void df_walk_packet(struct df_walk *walk, uint16_t in_port, const struct df_packet *packet);

/**
 * Begins a walk: parses the frame into walk->parsed, what came in by the underlay (tunnel.h) without its outer headers.
 * The caller has set outputs, outputs_max, trace, worker and now_ms; everything else is set here.
 *
 * @return false: the verdict is complete: the frame is malformed, or it came in by the underlay or the exception port
 *         and is no tunnel's (fastpath/underlay)
 */
bool df_walk_begin(struct df_walk *walk, uint16_t in_port, const uint8_t *data, uint32_t len);

/** Walks what df_walk_begin() parsed: from table 0, or from table 202 what came by a tunnel. */
void df_walk_go(struct df_walk *walk);

/** Both. */
void df_walk_frame(struct df_walk *walk, uint16_t in_port, const uint8_t *data, uint32_t len);
