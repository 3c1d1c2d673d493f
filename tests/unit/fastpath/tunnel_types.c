/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "fastpath/lookup/hash.h"
#include "fastpath/tunnel/tunnel.h"
#include "tests/unit/fastpath/frame.h"

/*
 * All types over both families, with and without a tag of the underlay: what is put in front and taken off, against
 * headers made by hand from RFC 7348, RFC 8926, RFC 2784, RFC 2890 and RFC 8200.
 */

#define NODE_MAC TEST_ROUTER_MAC
#define PEER_MAC TEST_GUEST_MAC
#define NODE4 "192.0.2.1"
#define PEER4 "192.0.2.2"
#define NODE6 "2001:db8::1"
#define PEER6 "2001:db8::2"
#define INNER_LEN 60u
#define VLAN 100

/* One way of tunnelling. */
struct way {
    enum df_tunnel_type type;
    bool ip6, tagged, checksum;
};

static const struct way ways[] = {
    {DF_TUNNEL_VXLAN, false, false, false}, {DF_TUNNEL_GENEVE, false, false, false},
    {DF_TUNNEL_GRE, false, false, false},   {DF_TUNNEL_VXLAN, true, false, false},
    {DF_TUNNEL_GENEVE, true, false, false}, {DF_TUNNEL_GRE, true, false, false},
    {DF_TUNNEL_VXLAN, true, false, true},   {DF_TUNNEL_GENEVE, true, false, true},
    {DF_TUNNEL_VXLAN, false, true, false},  {DF_TUNNEL_GENEVE, false, true, false},
    {DF_TUNNEL_GRE, false, true, false},    {DF_TUNNEL_VXLAN, true, true, true},
    {DF_TUNNEL_GENEVE, true, true, true},   {DF_TUNNEL_GRE, true, true, false},
};
#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

static const char *name(const struct way *way)
{
    static char text[64];
    snprintf(text, sizeof(text), "%s over IPv%d%s%s", df_tunnel_type_names[way->type], way->ip6 ? 6 : 4,
             way->tagged ? " with a tag" : "", way->checksum ? " with a checksum" : "");
    return text;
}

static struct df_ip address(const char *text)
{
    struct df_ip ip;
    if (inet_pton(AF_INET6, text, &ip) != 1)
        ip = df_ip_from4(inet_addr(text));
    return ip;
}

static void set_node(unsigned types, bool tagged)
{
    struct df_underlay underlay = {
        .port = 7, .vlan = tagged ? VLAN : 0, .types = (uint16_t)types, .ip4 = inet_addr(NODE4), .ip6 = address(NODE6)};
    memcpy(underlay.mac.byte, NODE_MAC, 6);
    df_underlay_set(&underlay);
}

static void node(void)
{
    set_node(DF_TUNNEL_ALL, false);
    df_hash_init();
}

TestSuite(tunnel_types, .init = node);

/* ---- Frames by hand. Only what the standards leave open differs between what the node sends and what comes. */

struct sides {
    const char *dst_mac, *src_mac, *dst4, *src4, *dst6, *src6;
    unsigned ecn, port;
};

static const struct sides from_peer = {NODE_MAC, PEER_MAC, NODE4, PEER4, NODE6, PEER6, 0, 50000};
static const struct sides to_peer = {PEER_MAC, NODE_MAC, PEER4, NODE4, PEER6, NODE6, 0, 50000};

static void add_ip(struct test_frame *frame, const struct way *way, const struct sides *sides)
{
    unsigned proto = way->type == DF_TUNNEL_GRE ? 47 : 17;
    frame_16(frame, way->ip6 ? 0x86dd : 0x0800);
    frame->ip = frame->len;
    if (way->ip6) {
        frame_32(frame, 0x60000000 | sides->ecn << 20 | sides->port); /* the flow label is the entropy */
        frame_16(frame, 0);
        frame_16(frame, proto << 8 | 64);
        struct df_ip ips[2] = {address(sides->src6), address(sides->dst6)};
        frame_bytes(frame, ips, 32);
    } else {
        frame_16(frame, 0x4500 | sides->ecn);
        frame_16(frame, 0);
        frame_32(frame, 0x00004000); /* do not fragment */
        frame_32(frame, 64u << 24 | proto << 16);
        uint32_t ips[2] = {inet_addr(sides->src4), inet_addr(sides->dst4)};
        frame_bytes(frame, ips, 8);
    }
    frame->l4 = frame->len;
}

static void add_tunnel(struct test_frame *frame, const struct way *way, const struct sides *sides, uint32_t key)
{
    if (way->type == DF_TUNNEL_GRE) {
        frame_32(frame, 0x20006558);
        frame_32(frame, key);
        return;
    }
    frame_16(frame, sides->port);
    frame_16(frame, way->type == DF_TUNNEL_VXLAN ? 4789 : 6081);
    frame_32(frame, 0);
    frame_32(frame, way->type == DF_TUNNEL_VXLAN ? 0x08000000 : 0x00006558);
    frame_32(frame, key << 8);
}

/* The UDP checksum of the frame, which has one already or zeroes. */
static unsigned udp_checksum(const struct test_frame *frame)
{
    const uint8_t *udp = frame->byte + frame->l4;
    uint32_t len = frame->len - frame->l4;
    bool ip6 = frame->byte[frame->ip] >> 4 == 6;
    uint8_t rest[4] = {(uint8_t)(len >> 8), (uint8_t)len, 0, 17};
    uint32_t sum = ip6 ? plain_sum(0, frame->byte + frame->ip + 8, 32) : plain_sum(0, frame->byte + frame->ip + 12, 8);
    sum = plain_sum(plain_sum(sum, rest, 4), udp, 6);
    sum = ~plain_sum(sum, udp + 8, len - 8) & 0xffff;
    return sum != 0 ? sum : 0xffff;
}

static void close_frame(struct test_frame *frame, const struct way *way)
{
    if (way->type != DF_TUNNEL_GRE)
        frame_set16(frame, frame->l4 + 4, frame->len - frame->l4);
    frame_close(frame);
    if (way->checksum)
        frame_set16(frame, frame->l4 + 6, udp_checksum(frame));
}

static struct test_frame headers(const struct way *way, const struct sides *sides, uint32_t key)
{
    struct test_frame frame = {.len = 0};
    frame_bytes(&frame, sides->dst_mac, 6);
    frame_bytes(&frame, sides->src_mac, 6);
    if (way->tagged)
        frame_tag(&frame, 0x8100, VLAN);
    add_ip(&frame, way, sides);
    add_tunnel(&frame, way, sides, key);
    return frame;
}

static struct test_frame wrapped(const struct way *way, uint32_t key)
{
    struct test_frame frame = headers(way, &from_peer, key);
    for (unsigned i = 0; i < INNER_LEN; i++)
        frame_8(&frame, i * 11 + 3);
    close_frame(&frame, way);
    return frame;
}

static enum df_drop read_frame(const struct test_frame *frame)
{
    struct df_tunnel_in in;
    return df_tunnel_read(frame->byte, frame->len, &in);
}

#define expect_read(frame, reason, way)                                                                                \
    do {                                                                                                               \
        enum df_drop got_ = read_frame(frame);                                                                         \
        cr_assert_eq(got_, DF_DROP_##reason, "%s: %s, wanted %s", name(way), df_drop_name(got_),                       \
                     df_drop_name(DF_DROP_##reason));                                                                  \
    } while (0)

/* ---- Taking off */

Test(tunnel_types, what_comes_is_read)
{
    static const uint32_t keys[] = {0, 1, 5000, 0xffffff};
    for (unsigned i = 0; i < N_WAYS; i++) {
        const struct way *way = &ways[i];
        set_node(DF_TUNNEL_ALL, way->tagged);
        for (unsigned k = 0; k < 4; k++) {
            struct test_frame frame = wrapped(way, keys[k]);
            struct df_tunnel_in in;
            cr_assert_eq(df_tunnel_read(frame.byte, frame.len, &in), DF_DROP_NONE, "%s", name(way));
            struct df_ip peer = df_tunnel_peer(&in), wanted = address(way->ip6 ? PEER6 : PEER4);
            cr_assert(in.key == keys[k] && in.type == way->type && in.ip6 == way->ip6, "%s", name(way));
            cr_assert(in.len == frame.len - INNER_LEN && in.ecn == 0, "%s: %u bytes", name(way), in.len);
            cr_assert(df_ip_equal(&peer, &wanted), "%s", name(way));
        }
    }
}

Test(tunnel_types, gre_has_a_key_of_32_bits)
{
    struct test_frame frame = wrapped(&ways[2], 0xfedcba98);
    struct df_tunnel_in in;
    cr_assert_eq(df_tunnel_read(frame.byte, frame.len, &in), DF_DROP_NONE);
    cr_assert_eq(in.key, 0xfedcba98);
}

Test(tunnel_types, the_mark_of_congestion_is_read)
{
    for (unsigned i = 0; i < N_WAYS; i++) {
        set_node(DF_TUNNEL_ALL, ways[i].tagged);
        for (unsigned ecn = 0; ecn < 4; ecn++) {
            struct sides sides = from_peer;
            struct df_tunnel_in in;
            sides.ecn = 0xb8 | ecn; /* and a class, which is nothing to us */
            struct test_frame frame = headers(&ways[i], &sides, 1);
            frame_fill(&frame, 0, INNER_LEN);
            close_frame(&frame, &ways[i]);
            cr_assert_eq(df_tunnel_read(frame.byte, frame.len, &in), DF_DROP_NONE, "%s", name(&ways[i]));
            cr_assert_eq(in.ecn, ecn, "%s", name(&ways[i]));
        }
    }
}

Test(tunnel_types, a_type_that_this_node_does_not_speak_is_the_hosts)
{
    for (unsigned i = 0; i < N_WAYS; i++) {
        struct test_frame frame = wrapped(&ways[i], 1);
        set_node(DF_TUNNEL_ALL & ~DF_TUNNEL_BIT(ways[i].type), ways[i].tagged);
        expect_read(&frame, UNDERLAY_OTHER, &ways[i]);
        set_node(DF_TUNNEL_BIT(ways[i].type), ways[i].tagged);
        expect_read(&frame, NONE, &ways[i]);
    }
}

Test(tunnel_types, a_node_has_only_the_families_that_it_has_addresses_of)
{
    for (unsigned i = 0; i < N_WAYS; i++) {
        struct test_frame frame = wrapped(&ways[i], 1);
        set_node(DF_TUNNEL_ALL, ways[i].tagged);
        struct df_underlay other = df_underlay;
        if (ways[i].ip6)
            other.ip6 = (struct df_ip){{{0}}};
        else
            other.ip4 = 0;
        df_underlay_set(&other);
        expect_read(&frame, UNDERLAY_OTHER, &ways[i]);
    }
}

/* Of an address of zeroes there is none to be for. */
Test(tunnel_types, a_frame_for_no_address_is_no_tunnels)
{
    struct sides sides = from_peer;
    sides.dst4 = "0.0.0.0";
    sides.dst6 = "::";
    for (unsigned i = 0; i < N_WAYS; i++) {
        set_node(DF_TUNNEL_ALL, ways[i].tagged);
        struct df_underlay without = df_underlay;
        without.ip4 = 0;
        without.ip6 = (struct df_ip){{{0}}};
        df_underlay_set(&without);
        struct test_frame frame = headers(&ways[i], &sides, 1);
        frame_fill(&frame, 0, INNER_LEN);
        close_frame(&frame, &ways[i]);
        expect_read(&frame, UNDERLAY_OTHER, &ways[i]);
    }
}

Test(tunnel_types, the_tag_is_the_underlays_or_none)
{
    for (unsigned i = 0; i < N_WAYS; i++) {
        struct test_frame frame = wrapped(&ways[i], 1);
        set_node(DF_TUNNEL_ALL, !ways[i].tagged);
        expect_read(&frame, UNDERLAY_OTHER, &ways[i]);
        if (!ways[i].tagged)
            continue;
        frame_set16(&frame, 14, 0); /* VLAN 0: a priority is all that the tag has */
        expect_read(&frame, NONE, &ways[i]);
        set_node(DF_TUNNEL_ALL, true);
        expect_read(&frame, UNDERLAY_OTHER, &ways[i]);
        frame_set16(&frame, 14, 0xf000 | VLAN); /* any priority */
        expect_read(&frame, NONE, &ways[i]);
        frame_set16(&frame, 14, VLAN + 1);
        expect_read(&frame, UNDERLAY_OTHER, &ways[i]);
        frame_set16(&frame, 14, VLAN);
        frame_set16(&frame, 12, 0x88a8);
        expect_read(&frame, UNDERLAY_OTHER, &ways[i]);
    }
}

Test(tunnel_types, lengths_that_do_not_fit_are_malformed)
{
    for (unsigned i = 0; i < N_WAYS; i++) {
        const struct way *way = &ways[i];
        set_node(DF_TUNNEL_ALL, way->tagged);
        for (int more = -1; more <= 1; more += 2) {
            struct test_frame frame = wrapped(way, 1);
            uint32_t at = frame.ip + (way->ip6 ? 4 : 2);
            frame_set16(&frame, at, (unsigned)((int)frame_get16(frame.byte + at) + more));
            if (!way->ip6)
                frame_checksum4(&frame);
            expect_read(&frame, TUNNEL_MALFORMED, way);
            if (way->type == DF_TUNNEL_GRE)
                continue;
            frame = wrapped(way, 1);
            frame_set16(&frame, frame.l4 + 4, (unsigned)((int)frame.len - (int)frame.l4 + more));
            expect_read(&frame, TUNNEL_MALFORMED, way);
        }
        struct test_frame frame = wrapped(way, 1);
        frame_fill(&frame, 0, 4);
        expect_read(&frame, TUNNEL_MALFORMED, way); /* bytes behind the packet */
    }
}

/* In memory of just that size, so that a sanitizer sees a byte read too many. */
Test(tunnel_types, a_cut_frame_is_refused_at_every_length)
{
    for (unsigned i = 0; i < N_WAYS; i++) {
        struct test_frame frame = wrapped(&ways[i], 5);
        set_node(DF_TUNNEL_ALL, ways[i].tagged);
        for (uint32_t len = 0; len < frame.len; len++) {
            uint8_t *cut = malloc(len != 0 ? len : 1);
            struct df_tunnel_in in;
            memcpy(cut, frame.byte, len);
            enum df_drop drop = df_tunnel_read(cut, len, &in);
            cr_assert_eq(drop, len < frame.l4 + 4 ? DF_DROP_UNDERLAY_OTHER : DF_DROP_TUNNEL_MALFORMED, "%s, %u: %s",
                         name(&ways[i]), len, df_drop_name(drop));
            cr_assert(in.key == 0 && in.src4 == 0 && in.len == 0 && in.type == 0);
            free(cut);
        }
    }
}

/* Likewise when the lengths in the headers say that all of it is there. */
Test(tunnel_types, a_packet_that_ends_too_early_is_malformed)
{
    for (unsigned i = 0; i < N_WAYS; i++) {
        struct test_frame whole = wrapped(&ways[i], 5);
        set_node(DF_TUNNEL_ALL, ways[i].tagged);
        uint32_t least = whole.len - INNER_LEN + 14;
        for (uint32_t len = whole.l4 + 8; len <= least; len++) {
            struct test_frame frame = whole;
            frame.len = len;
            close_frame(&frame, &ways[i]);
            uint8_t *cut = malloc(len);
            struct df_tunnel_in in;
            memcpy(cut, frame.byte, len);
            enum df_drop drop = df_tunnel_read(cut, len, &in);
            cr_assert_eq(drop, len < least ? DF_DROP_TUNNEL_MALFORMED : DF_DROP_NONE, "%s, %u: %s", name(&ways[i]), len,
                         df_drop_name(drop));
            free(cut);
        }
    }
}

Test(tunnel_types, fragments_and_options_of_ipv4_are_refused)
{
    for (unsigned i = 0; i < N_WAYS; i++) {
        const struct way *way = &ways[i];
        if (way->ip6)
            continue;
        set_node(DF_TUNNEL_ALL, way->tagged);
        struct test_frame frame = wrapped(way, 1);
        frame_set16(&frame, frame.ip + 6, 0x2000);
        frame_checksum4(&frame);
        expect_read(&frame, TUNNEL_FRAGMENT, way);
        frame_set16(&frame, frame.ip + 6, 0x0003);
        frame_checksum4(&frame);
        expect_read(&frame, UNDERLAY_OTHER, way); /* a later one does not show its ports */
        frame = wrapped(way, 1);
        frame.byte[frame.ip + 11] ^= 1;
        expect_read(&frame, TUNNEL_MALFORMED, way); /* the checksum */
        struct test_frame options = frame;
        memmove(options.byte + frame.l4 + 4, options.byte + frame.l4, frame.len - frame.l4);
        memset(options.byte + frame.l4, 1, 4);
        options.byte[frame.ip] = 0x46;
        options.len += 4;
        frame_close(&options);
        expect_read(&options, TUNNEL_MALFORMED, way);
    }
}

/* A frame with an extension header of so many bytes between the outer IPv6 header and what is behind. */
static struct test_frame extended(const struct way *way, unsigned next, const uint8_t *extension, uint32_t len)
{
    struct test_frame frame = wrapped(way, 1);
    memmove(frame.byte + frame.l4 + len, frame.byte + frame.l4, frame.len - frame.l4);
    memcpy(frame.byte + frame.l4, extension, len);
    frame.byte[frame.l4] = frame.byte[frame.ip + 6];
    frame.byte[frame.ip + 6] = (uint8_t)next;
    frame.len += len;
    frame_set16(&frame, frame.ip + 4, frame.len - frame.ip - 40);
    return frame;
}

Test(tunnel_types, extension_headers_of_ipv6_are_refused)
{
    static const uint8_t options[16] = {0, 0, 1, 4}, longer[16] = {0, 1, 1, 12}, atomic[8] = {0};
    static const uint8_t first[8] = {0, 0, 0, 1}, later[8] = {0, 0, 0, 8};
    for (unsigned i = 0; i < N_WAYS; i++) {
        const struct way *way = &ways[i];
        if (!way->ip6)
            continue;
        set_node(DF_TUNNEL_ALL, way->tagged);
        static const unsigned kinds[] = {0, 43, 60};
        for (unsigned k = 0; k < 3; k++) {
            struct test_frame frame = extended(way, kinds[k], options, 8);
            expect_read(&frame, TUNNEL_EXTENSION, way);
            frame = extended(way, kinds[k], longer, 16);
            expect_read(&frame, TUNNEL_EXTENSION, way);
            frame.byte[frame.l4 + 1] = 200; /* longer than the packet */
            expect_read(&frame, UNDERLAY_OTHER, way);
        }
        struct test_frame frame = extended(way, 44, first, 8);
        expect_read(&frame, TUNNEL_FRAGMENT, way);
        frame = extended(way, 44, atomic, 8);
        expect_read(&frame, TUNNEL_FRAGMENT, way);
        frame = extended(way, 44, later, 8);
        expect_read(&frame, UNDERLAY_OTHER, way);
        frame = extended(way, 51, options, 16); /* AH is nothing that could be stepped over */
        expect_read(&frame, UNDERLAY_OTHER, way);
    }
}

Test(tunnel_types, a_chain_of_extension_headers_is_followed_so_far_and_no_further)
{
    struct test_frame frame = headers(&ways[3], &from_peer, 1);
    uint8_t tunnel[16];
    memcpy(tunnel, frame.byte + frame.l4, sizeof(tunnel));
    for (unsigned n = 8; n <= 9; n++) {
        frame.len = frame.l4;
        frame.byte[frame.ip + 6] = 60;
        for (unsigned i = 0; i < n; i++) {
            frame_8(&frame, i + 1 < n ? 60 : 17);
            frame_fill(&frame, 0, 7);
        }
        frame_bytes(&frame, tunnel, sizeof(tunnel));
        frame_fill(&frame, 0, INNER_LEN);
        frame_set16(&frame, frame.ip + 4, frame.len - frame.ip - 40);
        cr_assert_eq(read_frame(&frame), n == 8 ? DF_DROP_TUNNEL_EXTENSION : DF_DROP_UNDERLAY_OTHER);
    }
}

Test(tunnel_types, a_frame_for_another_address_is_the_hosts)
{
    for (unsigned i = 0; i < N_WAYS; i++) {
        set_node(DF_TUNNEL_ALL, ways[i].tagged);
        struct test_frame frame = wrapped(&ways[i], 1);
        frame.byte[frame.ip + (ways[i].ip6 ? 39 : 19)] ^= 1;
        if (!ways[i].ip6)
            frame_checksum4(&frame);
        expect_read(&frame, UNDERLAY_OTHER, &ways[i]);
        frame = wrapped(&ways[i], 1);
        frame.byte[5] ^= 1;
        expect_read(&frame, UNDERLAY_OTHER, &ways[i]); /* MAC */
        frame = wrapped(&ways[i], 1);
        frame.byte[frame.ip] ^= 0x10;
        expect_read(&frame, UNDERLAY_OTHER, &ways[i]); /* version */
    }
}

/* ---- Geneve */

/* Geneve over the family, with so many bytes of options and these flags. */
static struct test_frame geneve(bool ip6, uint32_t first, unsigned options)
{
    const struct way *way = &ways[ip6 ? 4 : 1];
    struct test_frame frame = headers(way, &from_peer, 5);
    frame.len -= 8;
    frame_32(&frame, first);
    frame_32(&frame, 5 << 8);
    for (unsigned i = 0; i < options; i += 4)
        frame_32(&frame, i == 0 ? 0x01028000u | (options - 4) / 4 : 0); /* its type says that it is critical */
    frame_fill(&frame, 0, INNER_LEN);
    close_frame(&frame, way);
    return frame;
}

Test(tunnel_types, geneve_options_are_stepped_over)
{
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        for (unsigned len = 0; len <= 252; len += 4) {
            struct test_frame frame = geneve(ip6, len / 4 << 24 | 0x6558, len);
            struct df_tunnel_in in;
            cr_assert_eq(df_tunnel_read(frame.byte, frame.len, &in), DF_DROP_NONE, "%u bytes of options", len);
            cr_assert_eq(in.len, frame.len - INNER_LEN);
            cr_assert_eq(in.key, 5);
        }
    }
}

Test(tunnel_types, geneve_that_cannot_be_understood_is_refused_by_name)
{
    static const struct {
        uint32_t first;
        enum df_drop reason;
    } refused[] = {
        {0x40006558, DF_DROP_TUNNEL_MALFORMED}, /* version */
        {0x80006558, DF_DROP_TUNNEL_MALFORMED},
        {0x00806558, DF_DROP_TUNNEL_CONTROL},
        {0x00c06558, DF_DROP_TUNNEL_CONTROL},
        {0x02406558, DF_DROP_TUNNEL_OPTION},
        {0x00406558, DF_DROP_TUNNEL_OPTION}, /* the bit alone is enough */
        {0x00000800, DF_DROP_TUNNEL_PAYLOAD},
        {0x00006559, DF_DROP_TUNNEL_PAYLOAD},
        {0x3f006558, DF_DROP_TUNNEL_MALFORMED}, /* more options than there are bytes */
        {0x003f6558, DF_DROP_NONE},             /* reserved bits are ignored */
    };
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
            struct test_frame frame = geneve(ip6, refused[i].first, 8);
            enum df_drop drop = read_frame(&frame);
            cr_assert_eq(drop, refused[i].reason, "%08x: %s", refused[i].first, df_drop_name(drop));
        }
    }
}

Test(tunnel_types, the_checksum_of_geneve_is_verified_and_that_of_vxlan_is_not)
{
    for (unsigned i = 0; i < 8; i++) {
        struct way way = ways[i];
        if (way.type == DF_TUNNEL_GRE)
            continue;
        way.checksum = true;
        struct test_frame frame = wrapped(&way, 1);
        expect_read(&frame, NONE, &way);
        frame.byte[frame.len - 1] ^= 1;
        if (way.type == DF_TUNNEL_GENEVE)
            expect_read(&frame, TUNNEL_CHECKSUM, &way);
        else
            expect_read(&frame, NONE, &way);
        frame_set16(&frame, frame.l4 + 6, 0);
        expect_read(&frame, NONE, &way); /* there is none (RFC 6935) */
    }
}

Test(tunnel_types, a_checksum_over_an_odd_number_of_bytes_is_right)
{
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        struct way way = ways[ip6 ? 4 : 1];
        way.checksum = true;
        struct test_frame frame = wrapped(&way, 1);
        frame.len -= 1;
        close_frame(&frame, &way);
        expect_read(&frame, NONE, &way);
        frame.byte[frame.len - 1] ^= 0x80;
        expect_read(&frame, TUNNEL_CHECKSUM, &way);
    }
}

/* ---- GRE */

/* GRE with these flags, and four bytes for each of checksum, key and sequence number that they say. */
static struct test_frame gre(bool ip6, unsigned flags, unsigned protocol)
{
    const struct way *way = &ways[ip6 ? 5 : 2];
    struct test_frame frame = headers(way, &from_peer, 5);
    frame.len -= 8;
    frame_16(&frame, flags);
    frame_16(&frame, protocol);
    if (flags & 0x8000)
        frame_32(&frame, 0);
    if (flags & 0x2000)
        frame_32(&frame, 0x01020304);
    if (flags & 0x1000)
        frame_32(&frame, 77);
    for (unsigned i = 0; i < INNER_LEN; i++)
        frame_8(&frame, i * 5 + 1);
    if (flags & 0x8000)
        frame_set16(&frame, frame.l4 + 4, plain_checksum(frame.byte + frame.l4, frame.len - frame.l4));
    frame_close(&frame);
    return frame;
}

Test(tunnel_types, gre_with_a_checksum_or_a_sequence_number_is_taken)
{
    static const unsigned flags[] = {0x2000, 0x3000, 0xa000, 0xb000, 0x23f8 & ~0x0300};
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
            struct test_frame frame = gre(ip6, flags[i], 0x6558);
            struct df_tunnel_in in;
            cr_assert_eq(df_tunnel_read(frame.byte, frame.len, &in), DF_DROP_NONE, "flags %04x", flags[i]);
            cr_assert_eq(in.key, 0x01020304, "flags %04x: key %08x", flags[i], in.key);
            cr_assert_eq(in.len, frame.len - INNER_LEN, "flags %04x", flags[i]);
        }
    }
}

Test(tunnel_types, a_wrong_checksum_of_gre_is_refused)
{
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        struct test_frame frame = gre(ip6, 0xa000, 0x6558);
        frame.byte[frame.len - 1] ^= 1;
        cr_assert_eq(read_frame(&frame), DF_DROP_TUNNEL_CHECKSUM);
    }
}

Test(tunnel_types, gre_that_no_tunnel_of_ours_is_made_of_is_the_hosts_or_malformed)
{
    static const struct {
        unsigned flags, protocol;
        enum df_drop reason;
    } refused[] = {
        {0x0000, 0x6558, DF_DROP_UNDERLAY_OTHER}, /* no key */
        {0x1000, 0x6558, DF_DROP_UNDERLAY_OTHER},
        {0x2000, 0x0800, DF_DROP_UNDERLAY_OTHER}, /* a packet and no frame in it */
        {0x2000, 0x86dd, DF_DROP_UNDERLAY_OTHER},
        {0x2001, 0x6558, DF_DROP_UNDERLAY_OTHER}, /* version 1 is PPTP's (RFC 2637) */
        {0x2001, 0x880b, DF_DROP_UNDERLAY_OTHER},
        {0x6000, 0x6558, DF_DROP_TUNNEL_MALFORMED}, /* source routing */
        {0x2800, 0x6558, DF_DROP_TUNNEL_MALFORMED},
        {0x2400, 0x6558, DF_DROP_TUNNEL_MALFORMED},
    };
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
            struct test_frame frame = gre(ip6, refused[i].flags, refused[i].protocol);
            enum df_drop drop = read_frame(&frame);
            cr_assert_eq(drop, refused[i].reason, "%u: %s", i, df_drop_name(drop));
        }
    }
}

Test(tunnel_types, gre_whose_header_goes_past_the_end_is_malformed)
{
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        struct test_frame frame = gre(ip6, 0xb000, 0x6558);
        for (uint32_t len = frame.l4 + 4; len < frame.l4 + 16 + 14; len++) {
            struct test_frame cut = frame;
            cut.len = len;
            frame_set16(&cut, cut.l4 + 4, 0);
            frame_set16(&cut, cut.l4 + 4, plain_checksum(cut.byte + cut.l4, cut.len - cut.l4));
            frame_close(&cut);
            uint8_t *exact = malloc(len);
            struct df_tunnel_in in;
            memcpy(exact, cut.byte, len);
            cr_assert_eq(df_tunnel_read(exact, len, &in), DF_DROP_TUNNEL_MALFORMED, "%u bytes", len);
            free(exact);
        }
    }
}

/* ---- Putting in front */

struct packet {
    struct rte_mbuf mbuf;
    uint8_t room[4096];
};

static void packet_make(struct packet *packet, uint16_t headroom, uint16_t len)
{
    memset(packet, 0, sizeof(*packet));
    packet->mbuf.buf_addr = packet->room;
    packet->mbuf.buf_len = sizeof(packet->room);
    packet->mbuf.data_off = headroom;
    packet->mbuf.data_len = len;
    packet->mbuf.pkt_len = len;
    packet->mbuf.nb_segs = 1;
    for (unsigned i = 0; i < len; i++)
        packet->room[headroom + i] = (uint8_t)(i * 7 + 1);
}

static uint16_t line_of(const struct way *way)
{
    uint16_t index = df_peer_header_take();
    struct df_ip peer = address(way->ip6 ? PEER6 : PEER4);
    struct df_peer_value value = {.local_ip = address(way->ip6 ? NODE6 : NODE4),
                                  .vlan = way->tagged ? VLAN : 0,
                                  .mtu = 1500,
                                  .udp6_checksum = way->checksum};
    memcpy(&value.src, NODE_MAC, 6);
    memcpy(&value.dst, PEER_MAC, 6);
    df_peer_header_fill(&df_peer_headers[index], way->type, &peer, &value);
    return index;
}

Test(tunnel_types, the_headers_of_every_length_are_right_to_the_byte)
{
    static struct packet packet;
    for (unsigned i = 0; i < N_WAYS; i++) {
        const struct way *way = &ways[i];
        uint16_t line = line_of(way);
        for (uint16_t len = 14; len < 2000; len++) {
            uint32_t key = len * 4001u & 0xffffff;
            struct sides sides = to_peer;
            sides.port = 49152u + len;
            struct test_frame frame = headers(way, &sides, key);
            uint32_t outer_len = frame.len;
            packet_make(&packet, 128, len);
            frame_bytes(&frame, rte_pktmbuf_mtod(&packet.mbuf, uint8_t *), len);
            close_frame(&frame, way);
            cr_assert(df_tunnel_push(&packet.mbuf, line, key, (uint16_t)sides.port));
            cr_assert(packet.mbuf.data_len == frame.len && packet.mbuf.pkt_len == frame.len, "%s", name(way));
            const uint8_t *data = rte_pktmbuf_mtod(&packet.mbuf, const uint8_t *);
            cr_assert_arr_eq(data, frame.byte, outer_len, "%s: len %u", name(way), len);
            cr_assert_arr_eq(data + outer_len, frame.byte + outer_len, len, "%s: len %u", name(way), len);
        }
    }
}

/* A sum of zero is sent as all ones, since zero says that there is no checksum (RFC 768). */
Test(tunnel_types, a_checksum_is_never_zero)
{
    static struct packet packet;
    uint16_t line = line_of(&ways[6]);
    unsigned ones = 0;
    for (uint32_t i = 0; i < 65536; i++) {
        packet_make(&packet, 128, 64);
        packet.room[128 + 40] = (uint8_t)(i >> 8);
        packet.room[128 + 41] = (uint8_t)i;
        cr_assert(df_tunnel_push(&packet.mbuf, line, 1, 50000));
        unsigned checksum = frame_get16(rte_pktmbuf_mtod(&packet.mbuf, uint8_t *) + 60);
        cr_assert_neq(checksum, 0);
        ones += checksum == 0xffff;
    }
    cr_assert_geq(ones, 1, "the case did not come");
}

Test(tunnel_types, what_is_put_in_front_can_be_read)
{
    static struct packet packet;
    for (unsigned i = 0; i < N_WAYS; i++) {
        const struct way *way = &ways[i];
        uint16_t line = line_of(way);
        struct df_underlay at_peer = {.port = 7,
                                      .vlan = way->tagged ? VLAN : 0,
                                      .types = DF_TUNNEL_ALL,
                                      .ip4 = inet_addr(PEER4),
                                      .ip6 = address(PEER6)};
        memcpy(&at_peer.mac, PEER_MAC, 6);
        df_underlay_set(&at_peer);
        packet_make(&packet, 128, 99);
        cr_assert(df_tunnel_push(&packet.mbuf, line, 0xabcdef, 60000));
        struct df_tunnel_in in;
        cr_assert_eq(df_tunnel_read(rte_pktmbuf_mtod(&packet.mbuf, uint8_t *), packet.mbuf.data_len, &in), DF_DROP_NONE,
                     "%s", name(way));
        struct df_ip peer = df_tunnel_peer(&in), wanted = address(way->ip6 ? NODE6 : NODE4);
        cr_assert(in.key == 0xabcdef && in.type == way->type && df_ip_equal(&peer, &wanted), "%s", name(way));
        cr_assert_eq(in.len, packet.mbuf.data_len - 99);
    }
}

Test(tunnel_types, a_packet_without_headroom_stays_as_it_is)
{
    static struct packet packet, before;
    for (unsigned i = 0; i < N_WAYS; i++) {
        uint16_t line = line_of(&ways[i]);
        packet_make(&packet, (uint16_t)(df_peer_headers[line].len - 1), 100);
        before = packet;
        cr_assert_not(df_tunnel_push(&packet.mbuf, line, 5, 49152), "%s", name(&ways[i]));
        cr_assert_arr_eq(&packet, &before, sizeof(packet));
        packet_make(&packet, df_peer_headers[line].len, 100);
        cr_assert(df_tunnel_push(&packet.mbuf, line, 5, 49152), "%s", name(&ways[i]));
    }
}

/* A guest's packet with that field, in IPv4 or IPv6. */
static void packet_with_ecn(struct packet *packet, bool ip6, unsigned ecn)
{
    packet_make(packet, 128, 80);
    uint8_t *frame = packet->room + 128;
    frame[12] = ip6 ? 0x86 : 0x08;
    frame[13] = ip6 ? 0xdd : 0x00;
    frame[14] = ip6 ? 0x6b : 0x45;
    frame[15] = (uint8_t)(ip6 ? 0x80 | ecn << 4 : 0xb8 | ecn); /* with a class, which stays inside */
}

Test(tunnel_types, the_guests_mark_of_congestion_is_copied_and_its_class_is_not)
{
    static struct packet packet;
    for (unsigned i = 0; i < N_WAYS; i++) {
        const struct way *way = &ways[i];
        uint16_t line = line_of(way);
        for (unsigned k = 0; k < 8; k++) {
            struct sides sides = to_peer;
            sides.ecn = k % 4;
            packet_with_ecn(&packet, k / 4, k % 4);
            struct test_frame frame = headers(way, &sides, 1);
            uint32_t outer_len = frame.len;
            frame_bytes(&frame, packet.room + 128, 80);
            close_frame(&frame, way);
            cr_assert(df_tunnel_push(&packet.mbuf, line, 1, 50000));
            cr_assert_arr_eq(rte_pktmbuf_mtod(&packet.mbuf, uint8_t *), frame.byte, outer_len, "%s, ECN %u", name(way),
                             k);
        }
    }
}

/* Every sum of the header's fixed part with every field: the carries come round. */
Test(tunnel_types, the_header_checksum_is_right_with_every_mark)
{
    static struct packet packet;
    struct df_peer_value value = {.local_ip = address(NODE4)};
    for (unsigned type = DF_TUNNEL_VXLAN; type <= DF_TUNNEL_GRE; type += 2) {
        uint16_t line = df_peer_header_take();
        for (uint32_t i = 0; i < 65536; i++) {
            struct df_ip peer = df_ip_from4(htonl(0x0a000000 | i));
            df_peer_header_fill(&df_peer_headers[line], type, &peer, &value);
            packet_with_ecn(&packet, false, i % 4);
            cr_assert(df_tunnel_push(&packet.mbuf, line, 1, 49152));
            cr_assert_eq(plain_checksum(rte_pktmbuf_mtod(&packet.mbuf, uint8_t *) + 14, 20), 0, "10.0.%u.%u", i >> 8,
                         i & 255);
        }
    }
}

/* ---- Marks of congestion, when headers are taken off */

/* RFC 6040 figure 4: by inner and outer field; 9: drop. */
static const uint8_t decapsulated[4][4] = {
    [DF_ECN_NOT_ECT] = {[DF_ECN_NOT_ECT] = 0, [DF_ECN_ECT0] = 0, [DF_ECN_ECT1] = 0, [DF_ECN_CE] = 9},
    [DF_ECN_ECT0] = {[DF_ECN_NOT_ECT] = 2, [DF_ECN_ECT0] = 2, [DF_ECN_ECT1] = 1, [DF_ECN_CE] = 3},
    [DF_ECN_ECT1] = {[DF_ECN_NOT_ECT] = 1, [DF_ECN_ECT0] = 1, [DF_ECN_ECT1] = 1, [DF_ECN_CE] = 3},
    [DF_ECN_CE] = {[DF_ECN_NOT_ECT] = 3, [DF_ECN_ECT0] = 3, [DF_ECN_ECT1] = 3, [DF_ECN_CE] = 3},
};

Test(tunnel_types, marks_go_on_with_the_packet_as_rfc_6040_has_it)
{
    for (unsigned k = 0; k < 32; k++) {
        unsigned inner = k % 4, outer = k / 4 % 4, ip6 = k / 16;
        struct test_frame frame, before;
        frame_ethernet(&frame);
        if (ip6)
            frame_ip6(&frame, 17, 64, PEER6, NODE6);
        else
            frame_ip4(&frame, 17, PEER4, NODE4, 0);
        frame.byte[frame.ip + 1] = (uint8_t)(frame.byte[frame.ip + 1] | (ip6 ? inner << 4 : inner));
        frame_udp(&frame, 1, 2, 20);
        frame_close(&frame);
        before = frame;
        uint8_t ecn, wanted = decapsulated[inner][outer];
        bool kept = df_ecn_decide((uint8_t)outer, frame.byte, frame.len, &ecn);
        cr_assert_eq(kept, wanted != 9, "inner %u, outer %u", inner, outer);
        if (!df_ecn_may_tell((uint8_t)outer))
            cr_assert_eq(wanted, inner, "it is not asked for");
        df_ecn_write((uint8_t)outer, frame.byte, frame.len);
        cr_assert_eq(df_ecn_of(frame.byte, frame.len), kept ? wanted : inner);
        if (!ip6)
            cr_assert_eq(plain_checksum(frame.byte + frame.ip, 20), 0);
        frame.byte[frame.ip + 1] = before.byte[before.ip + 1];
        frame_set16(&frame, frame.ip + 10, frame_get16(before.byte + before.ip + 10));
        cr_assert_arr_eq(frame.byte, before.byte, frame.len, "nothing else changes");
    }
}

Test(tunnel_types, what_is_not_ip_has_no_marks)
{
    struct test_frame frame;
    uint8_t ecn;
    frame_ethernet(&frame);
    frame_arp(&frame, 1, PEER_MAC, PEER4, NODE4);
    struct test_frame before = frame;
    cr_assert(df_ecn_decide(DF_ECN_CE, frame.byte, frame.len, &ecn));
    df_ecn_write(DF_ECN_CE, frame.byte, frame.len);
    cr_assert_arr_eq(&frame, &before, sizeof(frame));
    static uint8_t cut[15] = {[12] = 0x08};
    cr_assert(df_ecn_decide(DF_ECN_CE, cut, sizeof(cut), &ecn));
    cr_assert_eq(df_ecn_of(cut, sizeof(cut)), 0);
}

/* ---- Names */

Test(tunnel_types, names_and_sets_of_types_are_words)
{
    cr_assert_eq(df_tunnel_type_of("vxlan"), DF_TUNNEL_VXLAN);
    cr_assert_eq(df_tunnel_type_of("geneve"), DF_TUNNEL_GENEVE);
    cr_assert_eq(df_tunnel_type_of("gre"), DF_TUNNEL_GRE);
    cr_assert_eq(df_tunnel_type_of("none"), 0);
    cr_assert_eq(df_tunnel_type_of("stt"), 0);
    for (unsigned set = 0; set <= DF_TUNNEL_ALL; set++)
        cr_assert_not_null(df_tunnel_set_names[set]);
}
