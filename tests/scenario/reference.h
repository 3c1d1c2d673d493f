/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What Neutron's security groups make of a packet, evaluated naively: rules are tried one by one, members are looked for
 * among all ports of the network, connections are a list. It shares nothing with the switch, so what both agree on is right twice.
 *
 * Its world is small: an address is a host number on 10.1.0.0/24 or 2001:db8:1::/120; two networks have the same ones.
 * TCP is SYN, SYN-ACK and ACK; of time there is only whether half a minute has passed.
 */

#define REF_PORTS 6  /* the last two are on the other network, with the addresses of the first two */
#define REF_GROUPS 4 /* the ports of both networks are in them */
#define REF_RULES 3
#define REF_CONNECTIONS 64

enum ref_remote { REF_ANYBODY, REF_PREFIX, REF_GROUP, REF_ADDRESSES };

struct ref_prefix {
    uint8_t host, bits; /* of the last byte */
};

struct ref_rule {
    bool ingress;
    uint8_t version;
    int proto;       /* -1: any */
    int first, last; /* ports, or ICMP type and code; -1: not said */
    enum ref_remote remote;
    struct ref_prefix prefix;
    unsigned group;
};

struct ref_group {
    bool exists, stateful;
    unsigned n_rules;
    struct ref_rule rule[REF_RULES];
};

struct ref_port {
    bool secured;
    uint8_t host, pair; /* its address, and that of its allowed address pair; 0: none */
    unsigned groups;    /* bits */
};

struct ref_model {
    struct ref_port port[REF_PORTS];
    struct ref_group group[REF_GROUPS];
    struct ref_prefix addresses; /* of the address group */
};

enum ref_kind { REF_TCP, REF_UDP, REF_ECHO, REF_OTHER, REF_ERROR, REF_KINDS };
enum ref_flags { REF_SYN = 1, REF_ACK = 2 };

struct ref_packet {
    enum ref_kind kind;
    unsigned from, to; /* ports */
    uint8_t version;
    uint8_t proto;         /* REF_OTHER */
    uint8_t src, dst;      /* hosts */
    uint16_t sport, dport; /* REF_ECHO: the identifier in both */
    uint8_t flags;         /* REF_TCP */
    bool is_answer;        /* REF_ECHO: a reply */
    /* REF_ERROR, which goes from src to dst about a packet from dst to src: the tuple of that is in sport, dport. */
    enum ref_kind quoted;
};

struct ref_connection {
    unsigned zone; /* port */
    bool egress;   /* the zone's port began it */
    struct ref_packet first;
    bool answered, crossed; /* it took the place of one that the other end had begun */
    enum { REF_SENT, REF_SENT_BOTH, REF_RECEIVED, REF_OPEN, REF_PICKED_UP } tcp;
};

struct ref_state {
    unsigned n;
    struct ref_connection connection[REF_CONNECTIONS];
};

/** The drop reason, or NULL: it is delivered, and noted in state. */
const char *ref_judge(const struct ref_model *model, struct ref_state *state, const struct ref_packet *packet);

/** 35 seconds without a packet have passed. */
void ref_time_passes(struct ref_state *state);
