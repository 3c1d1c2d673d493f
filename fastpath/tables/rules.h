/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/pipeline.h"
#include "fastpath/walk.h"

/*
 * The rules of a security group for one direction, compiled: does any of them match?
 *
 * Invariant: a set of rules never changes once it is made. Rules only allow, so which of several that match is found
 * makes no difference but to counters and traces.
 *
 * Rules are kept apart by IP version and protocol; those of any protocol by themselves, so a packet is looked up in at
 * most two such slices. In a slice a rule is a bit. Where ports (or ICMP type and code) matter, their range is cut
 * where a rule begins or ends, and each piece has the bits of the rules that hold in it. The bits then are, from the
 * lowest: rules for everybody, of which the first one answers; rules for a prefix, of which those that match are the
 * bits of the longest prefix; rules for an address set, which are asked one by one, each set once.
 *
 * So the cost hardly grows with the number of rules: a search for the piece, one look-up of the longest prefix, an AND
 * of bits, and a look-up for each address set that is left. Memory is bounded by the square of the number of rules in
 * bits: a group of 1,536 rules takes at most 1 MB.
 *
 * Threads: made by the control thread; read by any registered thread between two quiescent states.
 */

struct df_rules;

/* What rules are asked about. */
struct df_rules_question {
    struct df_ip remote; /* the other end: destination of what the guest sends, source of what it gets */
    uint32_t domain;     /* of the port that is judged */
    uint16_t l4;         /* destination port; ICMP: type and code; 0 where the protocol has neither */
    uint8_t ip_proto;
    bool ip4;
};

/* A rule that matches. */
struct df_rules_answer {
    uint32_t rule; /* its number; 0: none matches */
    uint32_t set;  /* the address set that it asked, and in which domain; 0: none */
    uint32_t domain;
};

/** The l4 of a question about ICMP and ICMPv6. */
static inline uint16_t df_rules_l4_icmp(uint16_t type, uint8_t code)
{
    return (uint16_t)(type << 8 | code);
}

/** Compiles the rules of a value. -EINVAL (a rule that cannot be), -ENOMEM. Control thread. */
int df_rules_new(struct df_rules **rules, const struct df_security_group_value *value);

/** Frees what nobody reads. NULL is ignored. */
void df_rules_free(struct df_rules *rules);

/**
 * A rule that matches. Records in the walk whether ports mattered, but not what the sets that were asked depend on
 * (address_set.h): a rule that is found depends on one of them, and that none is, on all.
 */
struct df_rules_answer df_rules_match(const struct df_rules *rules, struct df_walk *walk,
                                      const struct df_rules_question *question);
