/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/rules_internal.h"

#include <errno.h>
#include <stdlib.h>

#define L4_MAX 65535

static unsigned version_of(const struct df_security_group_rule *rule)
{
    return rule->ip_version == 4 ? RULES_IP4 : RULES_IP6;
}

static unsigned proto_of(const struct df_security_group_rule *rule)
{
    return rule->any_proto ? RULES_ANY_PROTO : rule->ip_proto;
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
    if (order == 0 && rules_names_set(x))
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
static int pieces_cut(struct rules_slice *slice, const struct df_security_group_rule *const *rules)
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
    words[bit / RULES_WORD_BITS] ^= 1ull << bit % RULES_WORD_BITS;
}

/* First each piece gets the rules that begin or end with it; then those that began before and did not end. */
static int pieces_build(struct rules_slice *slice, const struct df_security_group_rule *const *rules)
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
        bit_flip(slice->holds + rules_piece_of(slice, (uint16_t)first), i);
        if (last < L4_MAX)
            bit_flip(slice->holds + rules_piece_of(slice, (uint16_t)(last + 1)), i);
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
static uint32_t prefixes_collect(struct rules_slice *slice, const struct df_security_group_rule *const *rules,
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

static int prefixes_build(struct rules_slice *slice, const struct df_security_group_rule *const *rules)
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
static int slice_build(struct rules_slice *slice, const struct df_security_group_rule *const *rules, uint32_t n)
{
    slice->n_rules = n;
    slice->words = (n + RULES_WORD_BITS - 1) / RULES_WORD_BITS;
    slice->rule = malloc(n * sizeof(slice->rule[0]));
    if (slice->rule == NULL)
        return -ENOMEM;
    for (uint32_t i = n; i-- > 0;) {
        bool last = i + 1 == n || !is_same_set(rules[i + 1], rules[i]);
        slice->rule[i] = (struct rules_rule){.number = rules[i]->rule,
                                             .set = rules[i]->set,
                                             .next_set = last ? i + 1 : slice->rule[i + 1].next_set,
                                             .everywhere = rules[i]->remote == DF_REMOTE_ADDRESS_GROUP};
        slice->n_any += rules[i]->remote == DF_REMOTE_ANY;
        slice->sets_from += !rules_names_set(rules[i]);
    }
    int rc = pieces_build(slice, rules);
    return rc != 0 ? rc : prefixes_build(slice, rules);
}

static void slice_free(struct rules_slice *slice)
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
        if (!df_rules_rule_is_good(&value->rule[i]))
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
