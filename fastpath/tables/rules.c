/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/rules_internal.h"

#include "fastpath/tables/address_set.h"

/* The first bit from `from` on, or n_rules. */
static uint32_t next_bit(const struct rules_slice *slice, const uint64_t *bits, uint32_t from)
{
    uint64_t mask = ~0ull << from % RULES_WORD_BITS;
    for (uint32_t word = from / RULES_WORD_BITS; word < slice->words; word++, mask = ~0ull)
        if ((bits[word] & mask) != 0)
            return word * RULES_WORD_BITS + (uint32_t)__builtin_ctzll(bits[word] & mask);
    return slice->n_rules;
}

static uint32_t match_any(const struct rules_slice *slice, const uint64_t *holds)
{
    uint32_t bit = slice->n_any > 0 ? next_bit(slice, holds, 0) : slice->n_rules;
    return bit < slice->n_any ? slice->rule[bit].number : 0;
}

static uint32_t match_prefixes(const struct rules_slice *slice, const uint64_t *holds,
                               const struct df_rules_question *question)
{
    if (slice->prefixes == NULL)
        return 0;
    const uint64_t *around = df_route_table_lookup(slice->prefixes, &question->remote, question->ip4);
    for (uint32_t word = slice->n_any / RULES_WORD_BITS; around != NULL && word < slice->words; word++) {
        uint64_t both = holds[word] & around[word];
        if (both != 0)
            return slice->rule[word * RULES_WORD_BITS + (uint32_t)__builtin_ctzll(both)].number;
    }
    return 0;
}

static struct df_rules_answer match_sets(const struct rules_slice *slice, const uint64_t *holds, struct df_walk *walk,
                                         const struct df_rules_question *question)
{
    for (uint32_t bit = slice->sets_from; (bit = next_bit(slice, holds, bit)) < slice->n_rules;) {
        const struct rules_rule *rule = &slice->rule[bit];
        uint32_t domain = rule->everywhere ? 0 : question->domain;
        if (df_address_set_has(walk, rule->set, domain, &question->remote))
            return (struct df_rules_answer){rule->number, rule->set, domain};
        bit = rule->next_set;
    }
    return (struct df_rules_answer){0};
}

static struct df_rules_answer slice_match(const struct rules_slice *slice, struct df_walk *walk,
                                          const struct df_rules_question *question)
{
    const uint64_t *holds = slice->holds;
    if (slice->n_pieces > 1) {
        walk->read_l4 = true;
        holds += rules_piece_of(slice, question->l4);
    }
    uint32_t rule = match_any(slice, holds);
    if (rule == 0)
        rule = match_prefixes(slice, holds, question);
    return rule != 0 ? (struct df_rules_answer){.rule = rule} : match_sets(slice, holds, walk, question);
}

struct df_rules_answer df_rules_match(const struct df_rules *rules, struct df_walk *walk,
                                      const struct df_rules_question *question)
{
    const uint16_t *by_proto = rules->by_proto[question->ip4 ? RULES_IP4 : RULES_IP6];
    uint16_t own = by_proto[question->ip_proto], any = by_proto[RULES_ANY_PROTO];
    struct df_rules_answer answer = {0};
    if (any != 0)
        answer = slice_match(&rules->slice[any], walk, question);
    if (answer.rule == 0 && own != 0)
        answer = slice_match(&rules->slice[own], walk, question);
    return answer;
}
