/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/mld.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <string.h>

#include "fastpath/lookup/hash.h"
#include "fastpath/packet/checksum.h"
#include "fastpath/packet/packet.h"

#include <netinet/in.h>

/* RFC 3810 section 9: 2 * 125 s and 10 s. */
#define V1_PRESENT_MS 260000

enum { QUERY = 130, REPORT1 = 131, REPORT2 = 143 }; /* RFC 2710 section 3.1, RFC 3810 section 5 */

#define HOP_LIMIT 1
#define QUERY1_LEN 24 /* RFC 3810 section 8.1: a query of another length is of version 2, and has four bytes more */
#define QUERY2_LEN 28
#define GROUP_AT 8 /* in a query */

/* RFC 2711: the hop-by-hop option by which routers look into the packet. */
#define ROUTER_ALERT 5
struct hop_by_hop {
    uint8_t next;
    uint8_t len; /* in units of 8 bytes, without the first */
    uint8_t alert[4];
    uint8_t pad[2];
};

struct report1 {
    uint8_t type, code;
    uint8_t checksum[2];
    uint8_t zero[4];
    uint8_t group[16];
};

struct report2 {
    uint8_t type, zero;
    uint8_t checksum[2];
    uint8_t zero2[2];
    uint8_t n_records[2];
    uint8_t record_type, aux_len;
    uint8_t n_sources[2];
    uint8_t group[16];
};

/* ff02::1:ffXX:XXXX (RFC 4291 section 2.7.1). */
static struct df_ip group_of(const struct df_frames_self *self)
{
    struct df_ip group = {.byte = {0xff, 0x02, [11] = 1, [12] = 0xff}};
    memcpy(group.byte + 13, self->ip6.byte + 13, 3);
    return group;
}

static bool is_link_local(const struct df_ip *ip)
{
    return ip->byte[0] == 0xfe && (ip->byte[1] & 0xc0) == 0x80;
}

/* ---- Saying */

static uint32_t write(uint8_t *frame, const struct df_frames_self *self, const struct df_ip *dst, uint8_t *message,
                      uint16_t len)
{
    static const struct hop_by_hop hop_by_hop = {.next = IPPROTO_ICMPV6, .alert = {ROUTER_ALERT, 2}, .pad = {1}};
    static const struct df_ip none;
    const struct df_ip *src = is_link_local(&self->ip6) ? &self->ip6 : &none;
    struct df_mac to = {{0x33, 0x33, dst->byte[12], dst->byte[13], dst->byte[14], dst->byte[15]}};
    struct rte_ipv6_hdr ip = {.vtc_flow = RTE_BE32(6u << 28),
                              .payload_len = rte_cpu_to_be_16((uint16_t)(sizeof(hop_by_hop) + len)),
                              .proto = IPPROTO_HOPOPTS,
                              .hop_limits = HOP_LIMIT};
    memcpy(ip.src_addr, src, sizeof(*src));
    memcpy(ip.dst_addr, dst, sizeof(*dst));
    rte_be16_t checksum = df_checksum_ip6(src, dst, IPPROTO_ICMPV6, message, len);
    memcpy(message + 2, &checksum, sizeof(checksum));
    uint8_t *at = df_frames_put_ethernet(frame, self, &to, RTE_ETHER_TYPE_IPV6);
    memcpy(at, &ip, sizeof(ip));
    memcpy(at + sizeof(ip), &hop_by_hop, sizeof(hop_by_hop));
    memcpy(at + sizeof(ip) + sizeof(hop_by_hop), message, len);
    return (uint32_t)(at - frame) + (uint32_t)(sizeof(ip) + sizeof(hop_by_hop)) + len;
}

/* Version 1 has one kind of report, to the group itself. */
uint32_t df_mld_report(struct df_mld *mld, uint8_t frame[DF_FRAMES_MAX], const struct df_frames_self *self,
                       enum df_mld_record record, uint64_t now_ms)
{
    static const struct df_ip all_routers = {.byte = {0xff, 0x02, [15] = 0x16}}; /* that speak MLDv2 */
    struct df_ip group = group_of(self);
    mld->reports++;
    if (now_ms < mld->v1_until_ms) {
        struct report1 report = {.type = REPORT1};
        memcpy(report.group, &group, sizeof(group));
        return write(frame, self, &group, (uint8_t *)&report, sizeof(report));
    }
    struct report2 report = {.type = REPORT2, .n_records = {0, 1}, .record_type = (uint8_t)record};
    memcpy(report.group, &group, sizeof(group));
    return write(frame, self, &all_routers, (uint8_t *)&report, sizeof(report));
}

/* ---- Hearing */

/* RFC 3810 section 6.2: a query without it is none. The parser saw that the header is there whole. */
static bool has_router_alert(const uint8_t *ip)
{
    if (ip[offsetof(struct rte_ipv6_hdr, proto)] != IPPROTO_HOPOPTS)
        return false;
    const uint8_t *header = ip + sizeof(struct rte_ipv6_hdr);
    uint32_t len = 8u * (1u + header[1]);
    for (uint32_t at = 2; at + 1 < len; at += header[at] == 0 ? 1 : 2u + header[at + 1])
        if (header[at] == ROUTER_ALERT && header[at + 1] == 2 && at + 4 <= len && header[at + 2] == 0 &&
            header[at + 3] == 0)
            return true;
    return false;
}

/* RFC 3810 section 5.1.3; of version 1 milliseconds. */
static uint32_t delay_ms(const uint8_t *message, bool is_v1)
{
    uint32_t code = (uint32_t)message[4] << 8 | message[5];
    if (is_v1 || code < 0x8000)
        return code;
    return ((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
}

static bool is_for(const uint8_t *message, const struct df_frames_self *self)
{
    struct df_ip group = group_of(self), asked;
    memcpy(&asked, message + GROUP_AT, sizeof(asked));
    return df_ip_is_zero(&asked) || df_ip_equal(&asked, &group);
}

/* The query from its type on, or NULL: it is none that is to be answered. */
static const uint8_t *query_in(const uint8_t *frame, uint32_t len, const struct df_frames_self *self,
                               uint32_t *message_len)
{
    struct df_packet packet;
    if (df_ip_is_zero(&self->ip6) || df_packet_parse(frame, len, &packet) != DF_DROP_NONE)
        return NULL;
    if (!(packet.bits & DF_PACKET_IP6) || !(packet.bits & DF_PACKET_L4) || (packet.bits & DF_PACKET_FRAGMENT) ||
        packet.ip_proto != IPPROTO_ICMPV6 || packet.l4_dst != QUERY || packet.ip_ttl != HOP_LIMIT)
        return NULL;
    const uint8_t *message = frame + packet.l4_offset;
    *message_len = (uint32_t)(packet.l3_offset + packet.l3_len - packet.l4_offset);
    if (*message_len < QUERY1_LEN || (*message_len > QUERY1_LEN && *message_len < QUERY2_LEN))
        return NULL;
    if (!is_link_local(&packet.ip_src) || !has_router_alert(frame + packet.l3_offset) ||
        df_checksum_ip6(&packet.ip_src, &packet.ip_dst, IPPROTO_ICMPV6, message, *message_len) != 0)
        return NULL;
    return is_for(message, self) ? message : NULL;
}

/* At random, so that not all who are asked answer at once; from what tells nodes apart. */
static uint64_t some_of(uint32_t most_ms, const struct df_frames_self *self, uint64_t now_ms)
{
    struct {
        struct df_mac mac;
        uint16_t zero;
        uint64_t now_ms;
    } seed = {.mac = self->mac, .now_ms = now_ms};
    return df_hash_bytes(&seed, sizeof(seed)) % (most_ms + 1ull);
}

void df_mld_hear(struct df_mld *mld, const uint8_t *frame, uint32_t len, const struct df_frames_self *self,
                 uint64_t now_ms)
{
    uint32_t message_len;
    const uint8_t *message = query_in(frame, len, self, &message_len);
    if (!message)
        return;
    bool is_v1 = message_len == QUERY1_LEN;
    mld->queries++;
    if (is_v1)
        mld->v1_until_ms = now_ms + V1_PRESENT_MS;
    uint64_t due_ms = now_ms + some_of(delay_ms(message, is_v1), self, now_ms);
    if (mld->due_ms == 0 || due_ms < mld->due_ms)
        mld->due_ms = due_ms ? due_ms : 1;
}
