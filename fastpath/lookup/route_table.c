/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/lookup/route_table.h"

#include <errno.h>
#include <stdlib.h>

#include "fastpath/rcu.h"

/* A node in the array of words: eight of bitmap, one of four byte-wide ranks, then its items. */
enum { BITMAP_WORDS = 8, RANKS = BITMAP_WORDS, ITEMS, SLOTS = 256 };

/* An item: where the child node is, or with this bit the number of a value; value 0 is "no route". */
#define LEAF (1u << 31)

#define IP4_BITS 96 /* that come before an IPv4 address */

struct df_route_table {
    uint32_t root4, root6; /* items */
    uint32_t *words;
    const void **values;
    uint32_t n_words, n_values;
    struct rcu_head rcu;
};

/* ---- look-up */

static inline uint32_t step(const uint32_t *node, uint8_t slot)
{
    uint64_t bitmap;
    unsigned word = slot >> 6;
    memcpy(&bitmap, node + word * 2, sizeof(bitmap));
    uint32_t before = node[RANKS] >> (word * 8) & 0xff;
    uint64_t up_to_slot = bitmap << (63 - (slot & 63));
    return node[ITEMS + before + (uint32_t)__builtin_popcountll(up_to_slot) - 1];
}

const void *df_route_table_lookup(const struct df_route_table *table, const struct df_ip *ip, bool ip4)
{
    const uint8_t *byte = ip->byte + (ip4 ? IP4_BITS / 8 : 0);
    uint32_t item = ip4 ? table->root4 : table->root6;
    while (!(item & LEAF))
        item = step(table->words + item, *byte++);
    return table->values[item & ~LEAF];
}

/* ---- compilation */

struct builder {
    const struct df_route *routes;
    uint32_t *words;
    uint32_t n, room;
};

static bool is_ip4(const struct df_route *route)
{
    return route->bits >= IP4_BITS && df_ip_is4(&route->prefix);
}

int df_route_compare(const void *a, const void *b)
{
    const struct df_route *x = a, *y = b;
    if (is_ip4(x) != is_ip4(y))
        return is_ip4(x) ? -1 : 1;
    int order = memcmp(&x->prefix, &y->prefix, sizeof(x->prefix));
    return order != 0 ? order : (int)x->bits - (int)y->bits;
}

static int reserve(struct builder *b, uint32_t n)
{
    if (b->n + n <= b->room)
        return 0;
    uint32_t room = b->room * 2 + n;
    uint32_t *words = room < LEAF ? realloc(b->words, room * sizeof(*words)) : NULL;
    if (words == NULL)
        return -ENOMEM;
    b->words = words;
    b->room = room;
    return 0;
}

static uint32_t leaf_of(uint32_t route)
{
    return (route + 1) | LEAF;
}

/* The slots that a route covers in a node whose slots are told apart by the address's byte at depth. */
static void paint(uint32_t item[SLOTS], const struct df_route *route, unsigned depth, uint32_t leaf)
{
    unsigned first = route->prefix.byte[depth];
    unsigned n = 1u << ((depth + 1) * 8 - route->bits);
    for (unsigned i = 0; i < n; i++)
        item[first + i] = leaf;
}

static bool goes_deeper(const struct df_route *route, unsigned depth)
{
    return depth + 1 < sizeof(route->prefix) && route->bits > (depth + 1) * 8;
}

/* Writes the node for the slots' items; children, if any, are filled in later. The node's offset, or -ENOMEM. */
static int64_t node_write(struct builder *b, const uint32_t item[SLOTS], const bool is_child[SLOTS])
{
    if (reserve(b, ITEMS + SLOTS) != 0)
        return -ENOMEM;
    uint32_t *node = b->words + b->n;
    uint32_t runs = 0;
    memset(node, 0, ITEMS * sizeof(*node));
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        if (slot % 64 == 0)
            node[RANKS] |= runs << (slot / 64 * 8);
        if (slot > 0 && !is_child[slot] && !is_child[slot - 1] && item[slot] == item[slot - 1])
            continue;
        uint64_t bit = 1ull << (slot % 64), bitmap;
        memcpy(&bitmap, node + slot / 64 * 2, sizeof(bitmap));
        bitmap |= bit;
        memcpy(node + slot / 64 * 2, &bitmap, sizeof(bitmap));
        node[ITEMS + runs++] = item[slot];
    }
    int64_t offset = b->n;
    b->n += ITEMS + runs;
    return offset;
}

/* Where in the array of words the item of a slot is. */
static uint32_t item_offset(const uint32_t *words, uint32_t node, uint8_t slot)
{
    uint32_t index = 0;
    for (unsigned word = 0; word <= slot >> 6; word++) {
        uint64_t bitmap;
        memcpy(&bitmap, words + node + word * 2, sizeof(bitmap));
        if (word == slot >> 6)
            bitmap <<= 63 - (slot & 63);
        index += (uint32_t)__builtin_popcountll(bitmap);
    }
    return node + ITEMS + index - 1;
}

/* The end of the routes from first on that lie deeper in the same slot. */
static uint32_t slot_end(const struct builder *b, uint32_t first, uint32_t end, unsigned depth)
{
    uint32_t at = first;
    while (at < end && b->routes[at].prefix.byte[depth] == b->routes[first].prefix.byte[depth])
        at++;
    return at;
}

/*
 * Compiles routes [first, end), which agree in the bytes before depth and have more bits than that, into a node.
 * inherited: the item where none of them matches. The node's offset, or -ENOMEM.
 *
 * Routes are sorted, so what covers a slot comes before what lies deeper in it, and a longer prefix paints over a
 * shorter one.
 */
static int64_t node_build(struct builder *b, uint32_t first, uint32_t end, unsigned depth, uint32_t inherited)
{
    uint32_t item[SLOTS];
    bool is_child[SLOTS] = {false};
    for (unsigned slot = 0; slot < SLOTS; slot++)
        item[slot] = inherited;
    for (uint32_t i = first; i < end; i++) {
        if (goes_deeper(&b->routes[i], depth))
            is_child[b->routes[i].prefix.byte[depth]] = true;
        else
            paint(item, &b->routes[i], depth, leaf_of(i));
    }

    int64_t node = node_write(b, item, is_child);
    for (uint32_t i = first; i < end && node >= 0; i++) {
        if (!goes_deeper(&b->routes[i], depth))
            continue;
        uint8_t slot = b->routes[i].prefix.byte[depth];
        uint32_t group_end = slot_end(b, i, end, depth);
        int64_t child = node_build(b, i, group_end, depth + 1, item[slot]);
        if (child < 0)
            return child;
        b->words[item_offset(b->words, (uint32_t)node, slot)] = (uint32_t)child;
        i = group_end - 1;
    }
    return node;
}

/* The root item of one family's routes [first, end). */
static int root_build(struct builder *b, uint32_t first, uint32_t end, unsigned start_bits, uint32_t *root)
{
    uint32_t inherited = LEAF;
    if (first < end && b->routes[first].bits == start_bits)
        inherited = leaf_of(first++);
    if (first == end) {
        *root = inherited;
        return 0;
    }
    int64_t node = node_build(b, first, end, start_bits / 8, inherited);
    if (node < 0)
        return (int)node;
    *root = (uint32_t)node;
    return 0;
}

static int values_fill(struct df_route_table *table, const struct df_route *routes, uint32_t n)
{
    table->n_values = n + 1;
    table->values = malloc(table->n_values * sizeof(*table->values));
    if (table->values == NULL)
        return -ENOMEM;
    table->values[0] = NULL;
    for (uint32_t i = 0; i < n; i++)
        table->values[i + 1] = routes[i].value;
    return 0;
}

int df_route_table_new(struct df_route_table **table, const struct df_route *routes, uint32_t n)
{
    struct builder b = {.routes = routes};
    uint32_t n4 = 0;
    int rc = -ENOMEM;
    struct df_route_table *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return -ENOMEM;
    while (n4 < n && is_ip4(&routes[n4]))
        n4++;
    if ((rc = values_fill(made, routes, n)) != 0 || (rc = root_build(&b, 0, n4, IP4_BITS, &made->root4)) != 0 ||
        (rc = root_build(&b, n4, n, 0, &made->root6)) != 0)
        goto err;
    /* Shrinking can't fail in a way that matters: the larger block is as good. */
    made->words = b.n > 0 ? realloc(b.words, b.n * sizeof(*b.words)) : NULL;
    if (made->words == NULL)
        made->words = b.words;
    made->n_words = b.n;
    *table = made;
    return 0;

err:
    free(b.words);
    df_route_table_free(made);
    return rc;
}

void df_route_table_free(struct df_route_table *table)
{
    if (table == NULL)
        return;
    free(table->words);
    free(table->values);
    free(table);
}

static void table_free(struct rcu_head *head)
{
    df_route_table_free(caa_container_of(head, struct df_route_table, rcu));
}

void df_route_table_retire(struct df_route_table *table)
{
    if (table != NULL)
        df_rcu_call(&table->rcu, table_free);
}

size_t df_route_table_size(const struct df_route_table *table)
{
    return sizeof(*table) + table->n_words * sizeof(*table->words) + table->n_values * sizeof(*table->values);
}
