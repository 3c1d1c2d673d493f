/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tunnel/tunnel.h"

#include <stdlib.h>

#include "fastpath/rcu.h"
#include "fastpath/tables/table.h"

/*
 * Any bytes come in by the underlay, on the heap at their exact length: what is read of them is what the invariant of
 * tunnel.h says, asked one by one. Then the same bytes are a guest's frame in good outer headers: whatever the tables
 * make of it, it goes to local ports only, and as it came.
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

static const struct df_underlay underlay = {
    .port = UNDERLAY_PORT, .ip = RTE_BE32(0xc0000201), .mac = {{2, 0, 0, 0, 0, 1}}};
static const uint32_t peer_ip = RTE_BE32(0xc0000202);
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
    struct df_peer_key peer = {.ip = df_ip_from4(peer_ip)};
    struct df_peer_value peer_value = {.local_ip = df_ip_from4(underlay.ip),
                                       .src = underlay.mac,
                                       .dst = peer_mac,
                                       .port = UNDERLAY_PORT,
                                       .reachable = 1};
    struct df_tunnel_key tunnel = {.tunnel_type = DF_TUNNEL_VXLAN, .tunnel_key = KEY};
    struct df_tunnel_value network = {.network = NETWORK};
    struct df_ingress_lookup_key mac = {.network = NETWORK, .mac = {{2, 0, 0, 0, 1, 5}}};
    struct df_ingress_lookup_value lport = {.lport = LPORT};
    struct df_flood_key flood = {.network = NETWORK, .lport = LPORT};
    struct df_flood_value flood_value = {.unknown = 0};
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
    PUT(DF_TABLE_PEERS, peer, peer_value);
    PUT(DF_TABLE_TUNNEL, tunnel, network);
    PUT(DF_TABLE_INGRESS_LOOKUP, mac, lport);
    PUT(DF_TABLE_FLOOD, flood, flood_value);
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
static unsigned plain_sum(const uint8_t *at, unsigned len)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < len; i += 2)
        sum += word(at + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static bool is_tunnelled(const uint8_t *at, size_t len)
{
    return len >= 64 && memcmp(at, underlay.mac.byte, 6) == 0 && word(at + 12) == 0x0800 && at[14] == 0x45 &&
           word(at + 16) == len - 14 && (word(at + 20) & 0x3fff) == 0 && at[23] == 17 &&
           plain_sum(at + 14, 20) == 0xffff && memcmp(at + 30, &underlay.ip, 4) == 0 && word(at + 36) == 4789 &&
           word(at + 38) == len - 34 && (at[42] & 8) != 0;
}

static void read_outer(const uint8_t *frame, size_t len)
{
    struct df_tunnel_in in;
    enum df_drop drop = df_tunnel_read(frame, (uint32_t)len, &in);
    check(drop == DF_DROP_NONE || drop == DF_DROP_UNDERLAY_OTHER || drop == DF_DROP_TUNNEL_MALFORMED);
    check((drop == DF_DROP_NONE) == is_tunnelled(frame, len));
    if (drop != DF_DROP_NONE)
        return;
    check(in.key == (uint32_t)(frame[46] << 16 | frame[47] << 8 | frame[48]));
    check(memcmp(&in.src, frame + 26, 4) == 0);
}

static void check_output(const struct df_walk *walk)
{
    check(walk->outer_len == DF_VXLAN_OVERHEAD && walk->tunnel_key == KEY && walk->in_lport == 0);
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
    df_walk_frame(&walk, UNDERLAY_PORT, frame, (uint32_t)len);
    if (walk.verdict.kind == DF_VERDICT_OUTPUT)
        check_output(&walk);
    else
        check(walk.verdict.kind == DF_VERDICT_DROP && walk.verdict.drop != DF_DROP_NONE);
    df_rcu_quiescent();
}

/* The bytes as a guest's frame, from the peer. */
static void walk_inside(const uint8_t *data, size_t size)
{
    struct rte_mbuf mbuf = {.buf_len = (uint16_t)(DF_VXLAN_OVERHEAD + size), .data_off = DF_VXLAN_OVERHEAD};
    struct df_tunnel_in in;
    mbuf.buf_addr = malloc(mbuf.buf_len);
    check(mbuf.buf_addr != NULL);
    mbuf.data_len = (uint16_t)size;
    mbuf.pkt_len = (uint32_t)size;
    memcpy(rte_pktmbuf_mtod(&mbuf, uint8_t *), data, size);
    df_peer_header_fill(&df_peer_headers[DF_PEERS_MAX - 1], &underlay.mac, &peer_mac, underlay.ip, peer_ip);
    check(df_tunnel_push(&mbuf, DF_PEERS_MAX - 1, KEY, 50000));
    const uint8_t *frame = rte_pktmbuf_mtod(&mbuf, uint8_t *);
    check((df_tunnel_read(frame, mbuf.data_len, &in) == DF_DROP_NONE) == (size >= RTE_ETHER_HDR_LEN));
    walk_frame(frame, mbuf.data_len);
    free(mbuf.buf_addr);
}

/* The fuzzer cannot guess a checksum. */
static void mend_checksum(uint8_t *frame, size_t size)
{
    if (size < 34)
        return;
    frame[24] = frame[25] = 0;
    unsigned checksum = ~plain_sum(frame + 14, 20) & 0xffff;
    frame[24] = (uint8_t)(checksum >> 8);
    frame[25] = (uint8_t)checksum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *frame = malloc(size != 0 ? size : 1);
    check(frame != NULL);
    if (size > FRAME_MAX)
        goto out;
    memcpy(frame, data, size);
    read_outer(frame, size);
    walk_frame(frame, size);
    mend_checksum(frame, size);
    read_outer(frame, size);
    walk_frame(frame, size);
    walk_inside(frame, size);
out:
    free(frame);
    return 0;
}
