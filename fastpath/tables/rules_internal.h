/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/lookup/route_table.h"
#include "fastpath/tables/rules.h"

/*
 * Compiled rules from inside, for the files of rules only: rules_compile.c makes them, rules.c looks packets up. What
 * the bits mean is in rules.h.
 */

#define RULES_ANY_PROTO 256
#define RULES_WORD_BITS 64

enum { RULES_IP4, RULES_IP6, RULES_VERSIONS };

/* What is left of a rule once it is a bit. */
struct rules_rule {
    uint32_t number;
    uint32_t set;
    uint32_t next_set; /* the first rule behind those for the same set */
    bool everywhere;   /* the set is an address group's: the same in all domains */
};

struct rules_slice {
    uint32_t n_rules, words; /* bits, and words that they take */
    uint32_t n_any;          /* rules [0, n_any) are for everybody, */
    uint32_t sets_from;      /* [n_any, sets_from) for a prefix, the rest for an address set */
    uint32_t n_pieces;
    uint16_t *from;                  /* where each piece of the l4 range begins; the first at 0 */
    uint64_t *holds;                 /* of each piece, the rules that hold in it */
    uint64_t *prefix_bits;           /* of each prefix, the rules for it and for those around it */
    struct df_route_table *prefixes; /* to prefix_bits; NULL: none */
    struct rules_rule *rule;
};

struct df_rules {
    uint16_t by_proto[RULES_VERSIONS][RULES_ANY_PROTO + 1]; /* slice, or 0 */
    uint32_t n_slices;
    struct rules_slice slice[]; /* the first is not used */
};

/* Where in holds the last piece is that begins at or before l4. */
static inline size_t rules_piece_of(const struct rules_slice *slice, uint16_t l4)
{
    uint32_t low = 0, n = slice->n_pieces;
    while (n > 1) {
        uint32_t half = n / 2;
        low += slice->from[low + half] <= l4 ? half : 0;
        n -= half;
    }
    return (size_t)low * slice->words;
}

static inline bool rules_names_set(const struct df_security_group_rule *rule)
{
    return rule->remote == DF_REMOTE_SET || rule->remote == DF_REMOTE_ADDRESS_GROUP;
}

/** Can there be such a rule? */
bool df_rules_rule_is_good(const struct df_security_group_rule *rule);
