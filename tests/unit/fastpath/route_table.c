/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/lookup/route_table.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the model: every route is looked at, the longest that matches wins */

static bool is_ip4_route(const struct df_route *route)
{
    return route->bits >= 96 && df_ip_is4(&route->prefix);
}

static const void *longest(const struct df_route *routes, uint32_t n, const struct df_ip *ip, bool ip4)
{
    const struct df_route *best = NULL;
    for (uint32_t i = 0; i < n; i++)
        if (is_ip4_route(&routes[i]) == ip4 && df_ip_in_prefix(ip, &routes[i].prefix, routes[i].bits) &&
            (best == NULL || routes[i].bits > best->bits))
            best = &routes[i];
    return best != NULL ? best->value : NULL;
}

/* ---- random, the same each time */

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static void mask(struct df_ip *ip, unsigned bits)
{
    for (unsigned bit = bits; bit < 128; bit++)
        ip->byte[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* Few different bytes, so that prefixes nest and meet. */
static struct df_ip draw_ip(bool ip4)
{
    static const uint8_t bytes[] = {0, 1, 0x7f, 0x80, 0xff, 10};
    struct df_ip ip;
    for (unsigned i = 0; i < 16; i++)
        ip.byte[i] = draw(4) ? bytes[draw(sizeof(bytes))] : (uint8_t)draw(256);
    return ip4 ? df_ip_from4(ip.word[3]) : ip;
}

static struct df_route draw_route(uint32_t number)
{
    bool ip4 = draw(2);
    struct df_route route = {.prefix = draw_ip(ip4), .value = (const void *)(uintptr_t)(number + 1)};
    route.bits = ip4 ? 96 + draw(33) : draw(129);
    mask(&route.prefix, route.bits);
    return route;
}

static uint32_t sort_unique(struct df_route *routes, uint32_t n)
{
    uint32_t kept = 0;
    qsort(routes, n, sizeof(*routes), df_route_compare);
    for (uint32_t i = 0; i < n; i++)
        if (kept == 0 || df_route_compare(&routes[kept - 1], &routes[i]) != 0)
            routes[kept++] = routes[i];
    return kept;
}

/* An address of a route with its last bits changed, or any. */
static struct df_ip draw_near(const struct df_route *routes, uint32_t n, bool ip4)
{
    struct df_ip ip = draw_ip(ip4);
    if (n == 0 || draw(4) == 0)
        return ip;
    const struct df_route *near = &routes[draw(n)];
    if (is_ip4_route(near) != ip4)
        return ip;
    unsigned bits = near->bits - (near->bits > 0 && draw(3) == 0);
    for (unsigned bit = 0; bit < bits; bit++) {
        uint8_t one = (uint8_t)(0x80 >> bit % 8);
        ip.byte[bit / 8] = (uint8_t)((ip.byte[bit / 8] & ~one) | (near->prefix.byte[bit / 8] & one));
    }
    return ip;
}

static void compare_with_model(struct df_route *routes, uint32_t n, unsigned lookups)
{
    struct df_route_table *table;
    cr_assert_eq(df_route_table_new(&table, routes, n), 0);
    for (unsigned i = 0; i < lookups; i++) {
        bool ip4 = draw(2);
        struct df_ip ip = draw_near(routes, n, ip4);
        if (!ip4 && df_ip_is4(&ip))
            continue;
        cr_assert_eq(df_route_table_lookup(table, &ip, ip4), longest(routes, n, &ip, ip4), "seed %lu, look-up %u",
                     (unsigned long)state, i);
    }
    df_route_table_free(table);
}

Test(route_table, agrees_with_the_model)
{
    static struct df_route routes[300];
    for (unsigned round = 0; round < 300; round++) {
        state = round;
        uint32_t n = draw(round < 150 ? 12 : 300);
        for (uint32_t i = 0; i < n; i++)
            routes[i] = draw_route(i);
        compare_with_model(routes, sort_unique(routes, n), 300);
    }
}

/* ---- by hand */

static struct df_route route(const char *text, unsigned bits, uintptr_t value)
{
    struct df_route made = {.value = (const void *)value};
    uint32_t be32;
    if (inet_pton(AF_INET, text, &be32) == 1) {
        made.prefix = df_ip_from4(be32);
        made.bits = 96 + bits;
    } else {
        cr_assert_eq(inet_pton(AF_INET6, text, &made.prefix), 1);
        made.bits = bits;
    }
    return made;
}

static struct df_route_table *compile(struct df_route *routes, uint32_t n)
{
    struct df_route_table *table;
    if (n > 1)
        qsort(routes, n, sizeof(*routes), df_route_compare);
    cr_assert_eq(df_route_table_new(&table, routes, n), 0);
    return table;
}

static uintptr_t look_up(const struct df_route_table *table, const char *text)
{
    struct df_route of = route(text, 0, 0);
    return (uintptr_t)df_route_table_lookup(table, &of.prefix, strchr(text, ':') == NULL);
}

Test(route_table, without_routes_nothing_matches)
{
    struct df_route_table *table = compile(NULL, 0);
    cr_assert_eq(look_up(table, "10.0.0.1"), 0);
    cr_assert_eq(look_up(table, "2001:db8::1"), 0);
    df_route_table_free(table);
}

Test(route_table, the_longest_prefix_wins)
{
    struct df_route routes[] = {route("0.0.0.0", 0, 1),     route("10.0.0.0", 8, 2),  route("10.0.0.0", 24, 3),
                                route("10.0.0.128", 25, 4), route("10.0.0.1", 32, 5), route("255.255.255.255", 32, 6)};
    struct df_route_table *table = compile(routes, 6);
    cr_assert_eq(look_up(table, "11.0.0.1"), 1);
    cr_assert_eq(look_up(table, "9.255.255.255"), 1);
    cr_assert_eq(look_up(table, "10.255.255.255"), 2);
    cr_assert_eq(look_up(table, "10.0.1.0"), 2);
    cr_assert_eq(look_up(table, "10.0.0.0"), 3);
    cr_assert_eq(look_up(table, "10.0.0.127"), 3);
    cr_assert_eq(look_up(table, "10.0.0.128"), 4);
    cr_assert_eq(look_up(table, "10.0.0.1"), 5);
    cr_assert_eq(look_up(table, "255.255.255.255"), 6);
    cr_assert_eq(look_up(table, "255.255.255.254"), 1);
    df_route_table_free(table);
}

Test(route_table, families_do_not_mix)
{
    struct df_route six = route("::", 0, 6), four = route("0.0.0.0", 0, 4);
    struct df_route_table *table = compile(&six, 1);
    cr_assert_eq(look_up(table, "10.0.0.1"), 0, "::/0 is no route for IPv4");
    cr_assert_eq(look_up(table, "2001:db8::1"), 6);
    df_route_table_free(table);
    table = compile(&four, 1);
    cr_assert_eq(look_up(table, "10.0.0.1"), 4);
    cr_assert_eq(look_up(table, "2001:db8::1"), 0);
    cr_assert_eq(look_up(table, "::ffff:10.0.0.1"), 0, "an IPv6 packet to a mapped address is not IPv4");
    df_route_table_free(table);
}

Test(route_table, ip6_down_to_the_last_bit)
{
    struct df_route routes[] = {route("2001:db8::", 32, 1), route("2001:db8:0:1::", 64, 2),
                                route("2001:db8:0:1::2", 127, 3), route("2001:db8:0:1::3", 128, 4)};
    struct df_route_table *table = compile(routes, 4);
    cr_assert_eq(look_up(table, "2001:db7:ffff::"), 0);
    cr_assert_eq(look_up(table, "2001:db8:ffff::"), 1);
    cr_assert_eq(look_up(table, "2001:db8:0:1::1"), 2);
    cr_assert_eq(look_up(table, "2001:db8:0:1::2"), 3);
    cr_assert_eq(look_up(table, "2001:db8:0:1::3"), 4);
    df_route_table_free(table);
}

Test(route_table, a_router_with_few_routes_takes_few_bytes)
{
    struct df_route routes[] = {route("0.0.0.0", 0, 1), route("10.0.0.0", 24, 2), route("10.0.0.1", 32, 3),
                                route("10.0.1.0", 24, 4), route("10.0.1.1", 32, 5)};
    struct df_route_table *table = compile(routes, 5);
    cr_assert_lt(df_route_table_size(table), 1024);
    df_route_table_free(table);
}

Test(route_table, a_full_table)
{
    enum { N = 100000 };
    struct df_route *routes = malloc(N * sizeof(*routes));
    state = 1;
    for (uint32_t i = 0; i < N; i++) {
        routes[i] = (struct df_route){
            .prefix = df_ip_from4(htonl(i * 40503u << 8)), .bits = 120, .value = (const void *)(uintptr_t)(i + 1)};
    }
    uint32_t n = sort_unique(routes, N);
    struct df_route_table *table;
    cr_assert_eq(df_route_table_new(&table, routes, n), 0);
    for (uint32_t i = 0; i < n; i++) {
        struct df_ip inside = routes[i].prefix;
        inside.byte[15] = (uint8_t)i;
        cr_assert_eq(df_route_table_lookup(table, &inside, true), routes[i].value);
    }
    df_route_table_free(table);
    free(routes);
}
