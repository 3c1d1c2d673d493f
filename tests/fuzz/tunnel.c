/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tunnel/tunnel.h"

#include <stdlib.h>

#include "fastpath/rcu.h"
#include "fastpath/tables/table.h"

/*
 * Any bytes come in by the underlay, on the heap at their exact length: what is read of them is what the invariant of
 * tunnel.h says, asked one by one. Then the same bytes are a guest's frame in good outer headers, of each type over
 * each family: whatever the tables make of it, it goes to local ports only, and as it came. The underlay has a tag or
 * none, by the last byte. What is for no tunnel is the business of the target `underlay`.
 */

#define FRAME_MAX 4096
#define UNDERLAY_PORT 1000
#define LOCAL_PORT 3
#define NETWORK 7
#define KEY 5000
#define LPORT 5

const char *__lsan_default_options(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UNDERLAY_VLAN 100
#define IP6(last)                                                                                                      \
    {                                                                                                                  \
        .byte = { 0x20, 0x01, 0x0d, 0xb8, [15] = last }                                                                \
    }

static struct df_underlay underlay = {.port = UNDERLAY_PORT,
                                      .types = DF_TUNNEL_ALL,
                                      .ip4 = RTE_BE32(0xc0000201),
                                      .ip6 = IP6(1),
                                      .mac = {{2, 0, 0, 0, 0, 1}}};
static const uint32_t peer_ip4 = RTE_BE32(0xc0000202);
static const struct df_ip peer_ip6 = IP6(2);
static const struct df_mac peer_mac = {{2, 0, 0, 0, 0, 2}};

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* A map keeps its objects in words that LeakSanitizer does not take for pointers (hash_map.h). */
const char *__lsan_default_options(void)
{
    return "detect_leaks=0";
}

static void put(uint16_t number, const void *key, size_t key_len, const void *value, size_t value_len)
{
    const struct df_table *table = df_table(number);
    struct df_entry entry = {
        .table = number, .key_len = (uint16_t)key_len, .value_len = (uint32_t)value_len, .value = value};
    memcpy(entry.key, key, key_len);
    check(table->ops->put(table->state, &entry) == 0);
    check(table->ops->flush == NULL || table->ops->flush(table->state) == 0);
}
#define PUT(number, key, value) put(number, &(key), sizeof(key), &(value), sizeof(value))

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct df_peer_key peer4 = {.ip = df_ip_from4(peer_ip4)}, peer6 = {.ip = peer_ip6};
    struct df_peer_value peer_value = {.local_ip = df_ip_from4(underlay.ip4),
                                       .src = underlay.mac,
                                       .dst = peer_mac,
                                       .port = UNDERLAY_PORT,
                                       .reachable = DF_PEER_REACHABLE,
                                       .types = DF_TUNNEL_ALL};
    struct df_peer_value peer6_value = peer_value;
    peer6_value.local_ip = underlay.ip6;
    struct df_tunnel_key tunnel = {.tunnel_key = KEY};
    struct df_tunnel_value network = {.network = NETWORK};
    struct df_ingress_lookup_key mac = {.network = NETWORK, .mac = {{2, 0, 0, 0, 1, 5}}};
    struct df_ingress_lookup_value lport = {.lport = LPORT};
    struct df_flood_key flood = {.network = NETWORK, .lport = LPORT};
    struct df_flood_value flood_value = {.unknown = 0};
    struct df_flood_key flood_peer = {.network = NETWORK, .peer = peer4.ip}; /* gets nothing that came by a tunnel */
    struct df_flood_value peer_way = {.unknown = 1, .tunnel_type = DF_TUNNEL_VXLAN, .tunnel_key = KEY};
    struct df_egress_key egress = {.lport = LPORT};
    struct df_egress_value local = {.kind = DF_EGRESS_LOCAL};
    struct df_conntrack_key conntrack = {.lport = LPORT};
    struct df_conntrack_value open = {.port = LOCAL_PORT};
    struct df_dispatch_key dispatch = {.lport = LPORT};
    struct df_dispatch_value port = {.port = LOCAL_PORT};
    df_hash_init();
    df_rcu_register();
    df_underlay_set(&underlay);
    check(df_tables_init(100) == 0);
    PUT(DF_TABLE_PEERS, peer4, peer_value);
    PUT(DF_TABLE_PEERS, peer6, peer6_value);
    for (tunnel.tunnel_type = 1; tunnel.tunnel_type < DF_TUNNEL_TYPES; tunnel.tunnel_type++)
        PUT(DF_TABLE_TUNNEL, tunnel, network);
    PUT(DF_TABLE_INGRESS_LOOKUP, mac, lport);
    PUT(DF_TABLE_FLOOD, flood, flood_value);
    PUT(DF_TABLE_FLOOD, flood_peer, peer_way);
    PUT(DF_TABLE_EGRESS, egress, local);
    PUT(DF_TABLE_INGRESS_CONNTRACK, conntrack, open);
    PUT(DF_TABLE_DISPATCH, dispatch, port);
    return 0;
}

static unsigned word(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

/* RFC 1071 as it is written. */
static unsigned plain_sum(unsigned start, const uint8_t *at, size_t len)
{
    uint32_t sum = start;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* ---- What a frame is, by the standards */

struct seen {
    unsigned type, proto;
    size_t ip, l4, inner;
    uint32_t key;
    bool ip6;
};

static bool has_ip4(const uint8_t *at, size_t len, struct seen *seen)
{
    const uint8_t *ip = at + seen->ip;
    seen->l4 = seen->ip + 20;
    if (len < seen->l4 || ip[0] != 0x45)
        return false;
    seen->proto = ip[9];
    return word(ip + 2) == len - seen->ip && (word(ip + 6) & 0x3fff) == 0 && plain_sum(0, ip, 20) == 0xffff &&
           memcmp(ip + 16, &underlay.ip4, 4) == 0;
}

static bool has_ip6(const uint8_t *at, size_t len, struct seen *seen)
{
    const uint8_t *ip = at + seen->ip;
    seen->l4 = seen->ip + 40;
    seen->ip6 = true;
    if (len < seen->l4 || ip[0] >> 4 != 6)
        return false;
    seen->proto = ip[6];
    return word(ip + 4) == len - seen->l4 && memcmp(ip + 24, &underlay.ip6, 16) == 0;
}

static bool has_ip(const uint8_t *at, size_t len, struct seen *seen)
{
    size_t type_at = 12;
    if (len < 18 || memcmp(at, underlay.mac.byte, 6) != 0)
        return false;
    if (word(at + 12) == 0x8100) {
        if ((word(at + 14) & 0xfff) != underlay.vlan)
            return false;
        type_at = 16;
    } else if (underlay.vlan != 0) {
        return false;
    }
    seen->ip = type_at + 2;
    if (word(at + type_at) == 0x0800)
        return has_ip4(at, len, seen);
    return word(at + type_at) == 0x86dd && has_ip6(at, len, seen);
}

static bool udp_sum_is_good(const uint8_t *at, size_t len, const struct seen *seen)
{
    const uint8_t *ip = at + seen->ip, *udp = at + seen->l4;
    size_t n = len - seen->l4;
    if (word(udp + 6) == 0)
        return true;
    unsigned sum = plain_sum((unsigned)n + 17, ip + (seen->ip6 ? 8 : 12), seen->ip6 ? 32 : 8);
    return plain_sum(sum, udp, n) == 0xffff;
}

static bool has_udp_tunnel(const uint8_t *at, size_t len, struct seen *seen)
{
    const uint8_t *udp = at + seen->l4, *tunnel = udp + 8;
    seen->inner = seen->l4 + 16;
    if (len < seen->inner + 14 || word(udp + 4) != len - seen->l4)
        return false;
    seen->key = (uint32_t)(tunnel[4] << 16 | tunnel[5] << 8 | tunnel[6]);
    if (word(udp + 2) == 4789) {
        seen->type = DF_TUNNEL_VXLAN;
        return tunnel[0] & 8;
    }
    seen->type = DF_TUNNEL_GENEVE;
    seen->inner += (tunnel[0] & 0x3fu) * 4;
    return word(udp + 2) == 6081 && tunnel[0] >> 6 == 0 && (tunnel[1] & 0xc0) == 0 && word(tunnel + 2) == 0x6558 &&
           len >= seen->inner + 14 && udp_sum_is_good(at, len, seen);
}

static bool has_gre_tunnel(const uint8_t *at, size_t len, struct seen *seen)
{
    const uint8_t *gre = at + seen->l4;
    if (len < seen->l4 + 8)
        return false;
    unsigned flags = word(gre), more = (flags & 0x8000 ? 4 : 0) + (flags & 0x1000 ? 4 : 0);
    seen->type = DF_TUNNEL_GRE;
    seen->inner = seen->l4 + 8 + more;
    if ((flags & 0x6c07) != 0x2000 || word(gre + 2) != 0x6558 || len < seen->inner + 14)
        return false;
    const uint8_t *key = gre + (flags & 0x8000 ? 8 : 4);
    seen->key = (uint32_t)word(key) << 16 | word(key + 2);
    return !(flags & 0x8000) || plain_sum(0, gre, len - seen->l4) == 0xffff;
}

static bool is_tunnelled(const uint8_t *at, size_t len, struct seen *seen)
{
    *seen = (struct seen){0};
    if (!has_ip(at, len, seen))
        return false;
    return seen->proto == 17 ? has_udp_tunnel(at, len, seen) : seen->proto == 47 && has_gre_tunnel(at, len, seen);
}

static bool is_a_reason(enum df_drop drop)
{
    return drop == DF_DROP_UNDERLAY_OTHER || (drop >= DF_DROP_TUNNEL_MALFORMED && drop < DF_DROP_TUNNEL_ECN);
}

/* Returns why the frame is no tunnel's. */
static enum df_drop read_outer(const uint8_t *frame, size_t len)
{
    struct df_tunnel_in in;
    struct seen seen;
    enum df_drop drop = df_tunnel_read(frame, (uint32_t)len, &in);
    check((drop == DF_DROP_NONE) == is_tunnelled(frame, len, &seen));
    if (drop != DF_DROP_NONE) {
        check(is_a_reason(drop) && in.len == 0 && in.key == 0);
        return drop;
    }
    struct df_ip peer = df_tunnel_peer(&in);
    check(in.key == seen.key && in.len == seen.inner && in.type == seen.type && in.ip6 == seen.ip6);
    check(memcmp(seen.ip6 ? peer.byte : peer.byte + 12, frame + seen.ip + (seen.ip6 ? 8 : 12), seen.ip6 ? 16 : 4) == 0);
    return drop;
}

/* ---- The walk */

static void check_output(const struct df_walk *walk)
{
    check(walk->outer_len != 0 && walk->tunnel_key == KEY && walk->in_lport == 0);
    check(walk->packet.n_vlans == 0 && walk->routed == 0 && walk->packet.ip_ttl == walk->parsed.ip_ttl);
    check(df_mac_equal(&walk->packet.eth_dst, &walk->parsed.eth_dst));
    check(df_mac_equal(&walk->packet.eth_src, &walk->parsed.eth_src));
    check(walk->verdict.n_outputs == 1);
    check(walk->outputs[0].port == LOCAL_PORT && walk->outputs[0].peer == 0 && walk->outputs[0].vlan == 0);
}

static void walk_frame(const uint8_t *frame, size_t len)
{
    struct df_output outputs[4];
    struct df_walk walk = {.outputs = outputs, .outputs_max = 4, .worker = DF_WALK_NOBODY};
    if (read_outer(frame, len) == DF_DROP_UNDERLAY_OTHER)
        return;
    df_walk_frame(&walk, UNDERLAY_PORT, frame, (uint32_t)len);
    if (walk.verdict.kind == DF_VERDICT_OUTPUT)
        check_output(&walk);
    else
        check(walk.verdict.kind == DF_VERDICT_DROP && walk.verdict.drop != DF_DROP_NONE);
    df_rcu_quiescent();
}

/* The mark of congestion that the outer headers brought is all that may change of what is inside. */
static void mark(uint8_t *frame, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);
    check(copy != NULL);
    for (uint8_t outer = 0; outer <= DF_ECN_MASK; outer++) {
        memcpy(copy, frame, size);
        df_ecn_write(outer, copy, (uint32_t)size);
        for (size_t i = 0; i < size; i++)
            check(copy[i] == frame[i] || i == 15 || i == 24 || i == 25);
    }
    free(copy);
}

/* The bytes as a guest's frame, from the peer by that type and family. */
static void walk_inside(const uint8_t *data, size_t size, enum df_tunnel_type type, bool ip6)
{
    struct df_peer_header *header = &df_peer_headers[DF_PEER_HEADERS_MAX - 1];
    struct df_ip local = ip6 ? underlay.ip6 : df_ip_from4(underlay.ip4);
    struct df_peer_value value = {.local_ip = ip6 ? peer_ip6 : df_ip_from4(peer_ip4),
                                  .src = peer_mac,
                                  .dst = underlay.mac,
                                  .vlan = underlay.vlan,
                                  .udp6_checksum = size & 1};
    df_peer_header_fill(header, type, &local, &value);
    struct rte_mbuf mbuf = {.buf_len = (uint16_t)(header->len + size), .data_off = header->len};
    mbuf.buf_addr = malloc(mbuf.buf_len);
    check(mbuf.buf_addr != NULL);
    mbuf.data_len = (uint16_t)size;
    mbuf.pkt_len = (uint32_t)size;
    memcpy(rte_pktmbuf_mtod(&mbuf, uint8_t *), data, size);
    check(df_tunnel_push(&mbuf, DF_PEER_HEADERS_MAX - 1, KEY, 50000));
    const uint8_t *frame = rte_pktmbuf_mtod(&mbuf, uint8_t *);
    check((read_outer(frame, mbuf.data_len) == DF_DROP_NONE) == (size >= RTE_ETHER_HDR_LEN));
    walk_frame(frame, mbuf.data_len);
    free(mbuf.buf_addr);
}

/* The fuzzer cannot guess a checksum. */
static void mend_checksum(uint8_t *frame, size_t size)
{
    size_t ip = underlay.vlan != 0 ? 18 : 14;
    if (size < ip + 20)
        return;
    frame[ip + 10] = frame[ip + 11] = 0;
    unsigned checksum = ~plain_sum(0, frame + ip, 20) & 0xffff;
    frame[ip + 10] = (uint8_t)(checksum >> 8);
    frame[ip + 11] = (uint8_t)checksum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *frame = malloc(size != 0 ? size : 1);
    check(frame != NULL);
    if (size > FRAME_MAX)
        goto out;
    underlay.vlan = size != 0 && data[size - 1] & 1 ? UNDERLAY_VLAN : 0;
    df_underlay_set(&underlay);
    memcpy(frame, data, size);
    walk_frame(frame, size);
    mark(frame, size);
    for (enum df_tunnel_type type = 1; type < DF_TUNNEL_TYPES; type++) {
        walk_inside(frame, size, type, false);
        walk_inside(frame, size, type, true);
    }
    mend_checksum(frame, size);
    walk_frame(frame, size);
out:
    free(frame);
    return 0;
}
