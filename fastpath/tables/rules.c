/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/rules.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "fastpath/lookup/route_table.h"
#include "fastpath/tables/address_set.h"

#define ANY_PROTO 256
#define L4_MAX 65535
#define WORD_BITS 64

enum { IP4, IP6, VERSIONS };

/* What is left of a rule once it is a bit. */
struct rule {
    uint32_t number;
    uint32_t set;
    uint32_t next_set; /* the first rule behind those for the same set */
    bool everywhere;   /* the set is an address group's: the same in all domains */
};

struct slice {
    uint32_t n_rules, words; /* bits, and words that they take */
    uint32_t n_any;          /* rules [0, n_any) are for everybody, */
    uint32_t sets_from;      /* [n_any, sets_from) for a prefix, the rest for an address set */
    uint32_t n_pieces;
    uint16_t *from;                  /* where each piece of the l4 range begins; the first at 0 */
    uint64_t *holds;                 /* of each piece, the rules that hold in it */
    uint64_t *prefix_bits;           /* of each prefix, the rules for it and for those around it */
    struct df_route_table *prefixes; /* to prefix_bits; NULL: none */
    struct rule *rule;
};

struct df_rules {
    uint16_t by_proto[VERSIONS][ANY_PROTO + 1]; /* slice, or 0 */
    uint32_t n_slices;
    struct slice slice[]; /* the first is not used */
};

/* ---- look-up */

/* Where in holds the last piece is that begins at or before l4. */
static size_t piece_of(const struct slice *slice, uint16_t l4)
{
    uint32_t low = 0, n = slice->n_pieces;
    while (n > 1) {
        uint32_t half = n / 2;
        low += slice->from[low + half] <= l4 ? half : 0;
        n -= half;
    }
    return (size_t)low * slice->words;
}

/* The first bit from `from` on, or n_rules. */
static uint32_t next_bit(const struct slice *slice, const uint64_t *bits, uint32_t from)
{
    uint64_t mask = ~0ull << from % WORD_BITS;
    for (uint32_t word = from / WORD_BITS; word < slice->words; word++, mask = ~0ull)
        if ((bits[word] & mask) != 0)
            return word * WORD_BITS + (uint32_t)__builtin_ctzll(bits[word] & mask);
    return slice->n_rules;
}

static uint32_t match_any(const struct slice *slice, const uint64_t *holds)
{
    uint32_t bit = slice->n_any > 0 ? next_bit(slice, holds, 0) : slice->n_rules;
    return bit < slice->n_any ? slice->rule[bit].number : 0;
}

static uint32_t match_prefixes(const struct slice *slice, const uint64_t *holds,
                               const struct df_rules_question *question)
{
    if (slice->prefixes == NULL)
        return 0;
    const uint64_t *around = df_route_table_lookup(slice->prefixes, &question->remote, question->ip4);
    for (uint32_t word = slice->n_any / WORD_BITS; around != NULL && word < slice->words; word++) {
        uint64_t both = holds[word] & around[word];
        if (both != 0)
            return slice->rule[word * WORD_BITS + (uint32_t)__builtin_ctzll(both)].number;
    }
    return 0;
}

static struct df_rules_answer match_sets(const struct slice *slice, const uint64_t *holds, struct df_walk *walk,
                                         const struct df_rules_question *question)
{
    for (uint32_t bit = slice->sets_from; (bit = next_bit(slice, holds, bit)) < slice->n_rules;) {
        const struct rule *rule = &slice->rule[bit];
        uint32_t domain = rule->everywhere ? 0 : question->domain;
        if (df_address_set_has(walk, rule->set, domain, &question->remote))
            return (struct df_rules_answer){rule->number, rule->set, domain};
        bit = rule->next_set;
    }
    return (struct df_rules_answer){0};
}

static struct df_rules_answer slice_match(const struct slice *slice, struct df_walk *walk,
                                          const struct df_rules_question *question)
{
    const uint64_t *holds = slice->holds;
    if (slice->n_pieces > 1) {
        walk->read_l4 = true;
        holds += piece_of(slice, question->l4);
    }
    uint32_t rule = match_any(slice, holds);
    if (rule == 0)
        rule = match_prefixes(slice, holds, question);
    return rule != 0 ? (struct df_rules_answer){.rule = rule} : match_sets(slice, holds, walk, question);
}

struct df_rules_answer df_rules_match(const struct df_rules *rules, struct df_walk *walk,
                                      const struct df_rules_question *question)
{
    const uint16_t *by_proto = rules->by_proto[question->ip4 ? IP4 : IP6];
    uint16_t own = by_proto[question->ip_proto], any = by_proto[ANY_PROTO];
    struct df_rules_answer answer = {0};
    if (any != 0)
        answer = slice_match(&rules->slice[any], walk, question);
    if (answer.rule == 0 && own != 0)
        answer = slice_match(&rules->slice[own], walk, question);
    return answer;
}

/* ---- is it a rule? */

static bool has_ports(uint8_t ip_proto)
{
    return ip_proto == IPPROTO_TCP || ip_proto == IPPROTO_UDP || ip_proto == IPPROTO_SCTP;
}

static bool l4_is_good(const struct df_security_group_rule *rule)
{
    uint8_t icmp = rule->ip_version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    switch (rule->l4) {
    case DF_RULE_L4_ANY:
        return true;
    case DF_RULE_L4_PORTS:
        return !rule->any_proto && has_ports(rule->ip_proto) && rule->first <= rule->last;
    case DF_RULE_L4_TYPE:
        return !rule->any_proto && rule->ip_proto == icmp && rule->first <= UINT8_MAX;
    case DF_RULE_L4_TYPE_CODE:
        return !rule->any_proto && rule->ip_proto == icmp && rule->first <= UINT8_MAX && rule->last <= UINT8_MAX;
    default:
        return false;
    }
}

/* Of the rule's own IP version, and no bit behind its end. */
static bool prefix_is_good(const struct df_security_group_rule *rule)
{
    struct df_ip whole = {0};
    unsigned bits = rule->prefix_len;
    if (bits > 128 || (bits >= 96 && df_ip_is4(&rule->prefix)) != (rule->ip_version == 4))
        return false;
    for (unsigned bit = 0; bit < bits; bit++)
        whole.byte[bit / 8] |= (uint8_t)(rule->prefix.byte[bit / 8] & 0x80 >> bit % 8);
    return df_ip_equal(&whole, &rule->prefix);
}

static bool names_set(const struct df_security_group_rule *rule)
{
    return rule->remote == DF_REMOTE_SET || rule->remote == DF_REMOTE_ADDRESS_GROUP;
}

static bool remote_is_good(const struct df_security_group_rule *rule)
{
    switch (rule->remote) {
    case DF_REMOTE_ANY:
        return true;
    case DF_REMOTE_PREFIX:
        return prefix_is_good(rule);
    case DF_REMOTE_SET:
    case DF_REMOTE_ADDRESS_GROUP:
        return rule->set != 0;
    default:
        return false;
    }
}

static bool rule_is_good(const struct df_security_group_rule *rule)
{
    bool versioned = rule->ip_version == 4 || rule->ip_version == 6;
    return rule->rule != 0 && versioned && rule->any_proto <= 1 && l4_is_good(rule) && remote_is_good(rule);
}

/* ---- compilation */

static unsigned version_of(const struct df_security_group_rule *rule)
{
    return rule->ip_version == 4 ? IP4 : IP6;
}

static unsigned proto_of(const struct df_security_group_rule *rule)
{
    return rule->any_proto ? ANY_PROTO : rule->ip_proto;
}

static struct df_route route_of(const struct df_security_group_rule *rule)
{
    return (struct df_route){.prefix = rule->prefix, .bits = rule->prefix_len};
}

static int compare_numbers(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

/* Slices one after the other, and a slice's rules in the order of their bits. */
static int compare_rules(const void *a, const void *b)
{
    const struct df_security_group_rule *x = *(const void *const *)a, *y = *(const void *const *)b;
    int order = compare_numbers(version_of(x), version_of(y));
    if (order == 0)
        order = compare_numbers(proto_of(x), proto_of(y));
    if (order == 0)
        order = compare_numbers(x->remote, y->remote);
    if (order == 0 && x->remote == DF_REMOTE_PREFIX) {
        struct df_route route_x = route_of(x), route_y = route_of(y);
        order = df_route_compare(&route_x, &route_y);
    }
    if (order == 0 && names_set(x))
        order = compare_numbers(x->set, y->set);
    return order != 0 ? order : compare_numbers(x->rule, y->rule);
}

static bool is_same_slice(const struct df_security_group_rule *x, const struct df_security_group_rule *y)
{
    return version_of(x) == version_of(y) && proto_of(x) == proto_of(y);
}

static bool is_same_set(const struct df_security_group_rule *x, const struct df_security_group_rule *y)
{
    return x->remote == y->remote && x->set == y->set;
}

/* Which l4 of a question the rule holds for: first to last. */
static void l4_range(const struct df_security_group_rule *rule, uint32_t *first, uint32_t *last)
{
    switch (rule->l4) {
    case DF_RULE_L4_PORTS:
        *first = rule->first;
        *last = rule->last;
        break;
    case DF_RULE_L4_TYPE:
        *first = df_rules_l4_icmp(rule->first, 0);
        *last = df_rules_l4_icmp(rule->first, UINT8_MAX);
        break;
    case DF_RULE_L4_TYPE_CODE:
        *first = *last = df_rules_l4_icmp(rule->first, (uint8_t)rule->last);
        break;
    default:
        *first = 0;
        *last = L4_MAX;
    }
}

static int compare_l4(const void *a, const void *b)
{
    return compare_numbers(*(const uint16_t *)a, *(const uint16_t *)b);
}

/* Cuts the l4 range where a rule begins or ends. */
static int pieces_cut(struct slice *slice, const struct df_security_group_rule *const *rules)
{
    uint32_t n = 1, first, last;
    slice->from = malloc((2 * slice->n_rules + 1) * sizeof(slice->from[0]));
    if (slice->from == NULL)
        return -ENOMEM;
    slice->from[0] = 0;
    for (uint32_t i = 0; i < slice->n_rules; i++) {
        l4_range(rules[i], &first, &last);
        slice->from[n++] = (uint16_t)first;
        if (last < L4_MAX)
            slice->from[n++] = (uint16_t)(last + 1);
    }
    qsort(slice->from, n, sizeof(slice->from[0]), compare_l4);
    slice->n_pieces = 1;
    for (uint32_t i = 1; i < n; i++)
        if (slice->from[i] != slice->from[slice->n_pieces - 1])
            slice->from[slice->n_pieces++] = slice->from[i];
    return 0;
}

static void bit_flip(uint64_t *words, uint32_t bit)
{
    words[bit / WORD_BITS] ^= 1ull << bit % WORD_BITS;
}

/* First each piece gets the rules that begin or end with it; then those that began before and did not end. */
static int pieces_build(struct slice *slice, const struct df_security_group_rule *const *rules)
{
    uint32_t first, last;
    int rc = pieces_cut(slice, rules);
    if (rc != 0)
        return rc;
    size_t words = (size_t)slice->n_pieces * slice->words;
    slice->holds = calloc(words, sizeof(slice->holds[0]));
    if (slice->holds == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < slice->n_rules; i++) {
        l4_range(rules[i], &first, &last);
        bit_flip(slice->holds + piece_of(slice, (uint16_t)first), i);
        if (last < L4_MAX)
            bit_flip(slice->holds + piece_of(slice, (uint16_t)(last + 1)), i);
    }
    for (size_t i = slice->words; i < words; i++)
        slice->holds[i] ^= slice->holds[i - slice->words];
    return 0;
}

/* The prefixes around the one that is at hand, the narrowest last. Each has more bits than the one before it. */
struct nest {
    uint32_t n;
    struct df_route route[129];
};

/* Prefixes come in order, so what is not around this one is not around a later one either. */
static const uint64_t *nest_add(struct nest *nest, const struct df_route *route)
{
    const struct df_route *top = nest->route + nest->n;
    while (top > nest->route && !df_ip_in_prefix(&route->prefix, &top[-1].prefix, top[-1].bits))
        top--;
    nest->n = (uint32_t)(top - nest->route);
    nest->route[nest->n++] = *route;
    return top > nest->route ? top[-1].value : NULL;
}

/* A prefix has the bits of its own rules and those of the narrowest prefix around it. The number of prefixes. */
static uint32_t prefixes_collect(struct slice *slice, const struct df_security_group_rule *const *rules,
                                 struct df_route *routes)
{
    struct nest nest = {0};
    uint64_t *bits = slice->prefix_bits;
    uint32_t n = 0;
    for (uint32_t i = slice->n_any; i < slice->sets_from; i++) {
        struct df_route route = route_of(rules[i]);
        if (n == 0 || df_route_compare(&route, &routes[n - 1]) != 0) {
            route.value = bits = slice->prefix_bits + (size_t)n * slice->words;
            routes[n++] = route;
            const uint64_t *around = nest_add(&nest, &route);
            if (around != NULL)
                memcpy(bits, around, slice->words * sizeof(*bits));
        }
        bit_flip(bits, i);
    }
    return n;
}

static int prefixes_build(struct slice *slice, const struct df_security_group_rule *const *rules)
{
    uint32_t most = slice->sets_from - slice->n_any;
    if (most == 0)
        return 0;
    slice->prefix_bits = calloc((size_t)most * slice->words, sizeof(slice->prefix_bits[0]));
    struct df_route *routes = malloc(most * sizeof(*routes));
    int rc = -ENOMEM;
    if (slice->prefix_bits != NULL && routes != NULL)
        rc = df_route_table_new(&slice->prefixes, routes, prefixes_collect(slice, rules, routes));
    free(routes);
    return rc;
}

/* rules: n of one slice, sorted. */
static int slice_build(struct slice *slice, const struct df_security_group_rule *const *rules, uint32_t n)
{
    slice->n_rules = n;
    slice->words = (n + WORD_BITS - 1) / WORD_BITS;
    slice->rule = malloc(n * sizeof(slice->rule[0]));
    if (slice->rule == NULL)
        return -ENOMEM;
    for (uint32_t i = n; i-- > 0;) {
        bool last = i + 1 == n || !is_same_set(rules[i + 1], rules[i]);
        slice->rule[i] = (struct rule){.number = rules[i]->rule,
                                       .set = rules[i]->set,
                                       .next_set = last ? i + 1 : slice->rule[i + 1].next_set,
                                       .everywhere = rules[i]->remote == DF_REMOTE_ADDRESS_GROUP};
        slice->n_any += rules[i]->remote == DF_REMOTE_ANY;
        slice->sets_from += !names_set(rules[i]);
    }
    int rc = pieces_build(slice, rules);
    return rc != 0 ? rc : prefixes_build(slice, rules);
}

static void slice_free(struct slice *slice)
{
    free(slice->from);
    free(slice->holds);
    free(slice->prefix_bits);
    free(slice->rule);
    df_route_table_free(slice->prefixes);
}

static int slices_build(struct df_rules *rules, const struct df_security_group_rule *const *sorted, uint32_t n)
{
    int rc = 0;
    rules->n_slices = 1;
    for (uint32_t first = 0, end; first < n && rc == 0; first = end) {
        for (end = first + 1; end < n && is_same_slice(sorted[end], sorted[first]);)
            end++;
        rules->by_proto[version_of(sorted[first])][proto_of(sorted[first])] = (uint16_t)rules->n_slices;
        rc = slice_build(&rules->slice[rules->n_slices++], sorted + first, end - first);
    }
    return rc;
}

int df_rules_new(struct df_rules **rules, const struct df_security_group_value *value)
{
    uint32_t n = value->n_rules;
    for (uint32_t i = 0; i < n; i++)
        if (!rule_is_good(&value->rule[i]))
            return -EINVAL;
    const struct df_security_group_rule **sorted = malloc((n + 1) * sizeof(sorted[0]));
    struct df_rules *made = calloc(1, sizeof(*made) + (n + 1) * sizeof(made->slice[0]));
    int rc = -ENOMEM;
    if (sorted == NULL || made == NULL)
        goto err;
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = &value->rule[i];
    qsort(sorted, n, sizeof(sorted[0]), compare_rules);
    rc = slices_build(made, sorted, n);
    if (rc != 0)
        goto err;
    free(sorted);
    *rules = made;
    return 0;
err:
    free(sorted);
    df_rules_free(made);
    return rc;
}

void df_rules_free(struct df_rules *rules)
{
    if (rules == NULL)
        return;
    for (uint32_t i = 1; i < rules->n_slices; i++)
        slice_free(&rules->slice[i]);
    free(rules);
}
