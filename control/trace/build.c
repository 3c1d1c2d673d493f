/* SPDX-License-Identifier: Apache-2.0 */
#include "control/trace/packet_spec.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>

#include "fastpath/packet/sctp.h"

#define FRAGMENT_MORE 1 /* of IPv6's fragment header; its offset counts bytes beside that */

/* The frame so far; too long a packet only counts, and is refused at the end. */
struct writer {
    uint8_t *frame;
    size_t len, room;
};

static void put(struct writer *writer, const void *bytes, size_t len)
{
    bool fits = writer->len + len <= writer->room;
    if (fits && bytes)
        memcpy(writer->frame + writer->len, bytes, len);
    else if (fits)
        memset(writer->frame + writer->len, 0, len);
    writer->len += len;
}

static void put8(struct writer *writer, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    put(writer, &byte, sizeof(byte));
}

static void put16(struct writer *writer, unsigned value)
{
    uint16_t be = htons((uint16_t)value);
    put(writer, &be, sizeof(be));
}

static void put32(struct writer *writer, uint32_t value)
{
    uint32_t be = htonl(value);
    put(writer, &be, sizeof(be));
}

static void set16(uint8_t *at, size_t value)
{
    uint16_t be = htons((uint16_t)value);
    memcpy(at, &be, sizeof(be));
}

/* The sum of RFC 1071 over more bytes, not yet folded. */
static uint32_t sum(const uint8_t *at, size_t len, uint32_t before)
{
    for (; len > 1; at += 2, len -= 2)
        before += (uint32_t)(at[0] << 8 | at[1]);
    return len ? before + (uint32_t)(at[0] << 8) : before;
}

static uint16_t fold(uint32_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return (uint16_t)~total;
}

/* Of the pseudo header: RFC 793 section 3.1, RFC 8200 section 8.1. */
static uint32_t pseudo_sum(const struct df_packet_spec *spec, size_t l4_len)
{
    size_t skip = spec->dl_type == 0x0800 ? 12 : 0;
    uint32_t total = sum(spec->ip_src.byte + skip, 16 - skip, 0);
    total = sum(spec->ip_dst.byte + skip, 16 - skip, total);
    return total + spec->proto + (uint32_t)l4_len;
}

/* CRC32c of SCTP (RFC 9260 appendix A), bit by bit: one packet for a person needs no table. */
static uint32_t crc32c(const uint8_t *at, size_t len)
{
    uint32_t crc = 0xffffffff;
    for (; len > 0; at++, len--) {
        crc ^= *at;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return ~crc;
}

static void put_ethernet(struct writer *writer, const struct df_packet_spec *spec)
{
    put(writer, &spec->dl_dst, sizeof(spec->dl_dst));
    put(writer, &spec->dl_src, sizeof(spec->dl_src));
    if (spec->given & DF_SPEC_VLAN) {
        put16(writer, 0x8100);
        put16(writer, (unsigned)(spec->vlan_pcp << 13 | spec->vlan));
    }
    put16(writer, spec->dl_type);
}

static void put_arp(struct writer *writer, const struct df_packet_spec *spec)
{
    put16(writer, 1); /* Ethernet */
    put16(writer, 0x0800);
    put8(writer, 6);
    put8(writer, 4);
    put16(writer, spec->arp_op);
    put(writer, &spec->arp_sha, sizeof(spec->arp_sha));
    put(writer, &spec->arp_spa.word[3], 4);
    put(writer, &spec->arp_tha, sizeof(spec->arp_tha));
    put(writer, &spec->arp_tpa.word[3], 4);
}

static void put_tcp(struct writer *writer, const struct df_packet_spec *spec)
{
    bool wscale = spec->given & DF_SPEC_TCP_WSCALE;
    put16(writer, spec->tp_src);
    put16(writer, spec->tp_dst);
    put32(writer, spec->tcp_seq);
    put32(writer, spec->tcp_ack);
    put8(writer, wscale ? 6 << 4 : 5 << 4);
    put8(writer, spec->tcp_flags);
    put16(writer, spec->tcp_window);
    put32(writer, 0); /* checksum, urgent */
    if (wscale)
        put32(writer, 0x01030300u | spec->tcp_wscale); /* NOP, window scale: RFC 7323 section 2.2 */
}

/* Bytes of a chunk between its header and what may be of any length (RFC 9260 section 3.3). */
static unsigned sctp_fixed_len(uint8_t chunk)
{
    switch (chunk) {
    case DF_SCTP_DATA:
    case DF_SCTP_SACK:
        return 12;
    case DF_SCTP_INIT:
    case DF_SCTP_INIT_ACK:
        return 16;
    case DF_SCTP_SHUTDOWN:
        return 4;
    default:
        return 0;
    }
}

/* One chunk, which has the payload. */
static void put_sctp(struct writer *writer, const struct df_packet_spec *spec)
{
    unsigned fixed = sctp_fixed_len(spec->sctp_chunk);
    put16(writer, spec->tp_src);
    put16(writer, spec->tp_dst);
    put32(writer, spec->sctp_tag);
    put32(writer, 0); /* checksum */
    put8(writer, spec->sctp_chunk);
    put8(writer, spec->sctp_chunk == DF_SCTP_DATA ? 3 : 0); /* first and last fragment */
    put16(writer, DF_SCTP_CHUNK_HEADER_LEN + fixed + spec->payload);
    if (fixed == 0)
        return;
    bool begins = spec->sctp_chunk == DF_SCTP_INIT || spec->sctp_chunk == DF_SCTP_INIT_ACK;
    put32(writer, begins ? spec->sctp_init_tag : 1); /* else a transmission sequence number */
    put(writer, NULL, fixed - 4);
}

static void build_ip(struct writer *writer, const struct df_packet_spec *spec);

static void put_quote(struct writer *writer, const struct df_packet_spec *spec)
{
    put32(writer, 0);
    size_t end = writer->len + spec->quote_len;
    build_ip(writer, spec->quote);
    if (writer->len > end && writer->len <= writer->room)
        writer->len = end;
}

static void put_icmp(struct writer *writer, const struct df_packet_spec *spec)
{
    put8(writer, spec->icmp_type);
    put8(writer, spec->icmp_code);
    put16(writer, 0);
    if (df_spec_is_nd(spec)) {
        put32(writer, spec->icmp_type == ND_NEIGHBOR_ADVERT ? 0x60000000 : 0); /* solicited, override */
        put(writer, &spec->nd_target, sizeof(spec->nd_target));
        if (spec->given & DF_SPEC_ND_LLADDR) {
            put8(writer, spec->icmp_type == ND_NEIGHBOR_ADVERT ? ND_OPT_TARGET_LINKADDR : ND_OPT_SOURCE_LINKADDR);
            put8(writer, 1); /* in units of 8 bytes */
            put(writer, &spec->nd_lladdr, sizeof(spec->nd_lladdr));
        }
    } else if (spec->quote) {
        put_quote(writer, spec);
    } else {
        put16(writer, spec->icmp_id);
        put16(writer, spec->icmp_seq);
    }
}

/* A request (RFC 4340 section 5.1): with a long sequence number, and for service 0. */
static void put_dccp(struct writer *writer, const struct df_packet_spec *spec)
{
    put16(writer, spec->tp_src);
    put16(writer, spec->tp_dst);
    put8(writer, 5); /* length of the header in words */
    put8(writer, 0);
    put16(writer, 0); /* checksum */
    put16(writer, 0x0100);
    put16(writer, 0);
    put32(writer, 1);
    put32(writer, 0);
}

static void put_l4(struct writer *writer, const struct df_packet_spec *spec)
{
    switch (spec->proto) {
    case IPPROTO_TCP:
        put_tcp(writer, spec);
        break;
    case IPPROTO_UDP:
        put16(writer, spec->tp_src);
        put16(writer, spec->tp_dst);
        put16(writer, 8u + spec->payload);
        put16(writer, 0);
        break;
    case IPPROTO_SCTP:
        put_sctp(writer, spec);
        break;
    case IPPROTO_UDPLITE:
        put16(writer, spec->tp_src);
        put16(writer, spec->tp_dst);
        put32(writer, 0); /* the checksum is of all of it (RFC 3828 section 3.1) */
        break;
    case IPPROTO_DCCP:
        put_dccp(writer, spec);
        break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        put_icmp(writer, spec);
        break;
    default:
        break;
    }
}

/* Transport checksums need the whole packet; a fragment's is left 0, for no fragment is its whole packet. */
static void fill_in_checksum(const struct df_packet_spec *spec, uint8_t *l4, size_t len)
{
    if (spec->fragment != DF_SPEC_WHOLE)
        return;
    uint32_t with_pseudo = pseudo_sum(spec, len);
    if (spec->proto == IPPROTO_TCP) {
        set16(l4 + 16, fold(sum(l4, len, with_pseudo)));
    } else if (spec->proto == IPPROTO_UDP || spec->proto == IPPROTO_UDPLITE) {
        uint16_t checksum = fold(sum(l4, len, with_pseudo));
        set16(l4 + 6, checksum ? checksum : 0xffff); /* 0 would say that there is none (RFC 768) */
    } else if (spec->proto == IPPROTO_DCCP) {
        set16(l4 + 6, fold(sum(l4, len, with_pseudo)));
    } else if (spec->proto == IPPROTO_ICMP) {
        set16(l4 + 2, fold(sum(l4, len, 0)));
    } else if (spec->proto == IPPROTO_ICMPV6) {
        set16(l4 + 2, fold(sum(l4, len, with_pseudo)));
    } else if (spec->proto == IPPROTO_SCTP) {
        uint32_t crc = htole32(crc32c(l4, len)); /* RFC 9260 appendix A: its least significant byte comes first */
        memcpy(l4 + 8, &crc, sizeof(crc));
    }
}

static void put_ipv4(struct writer *writer, const struct df_packet_spec *spec)
{
    unsigned fragment =
        (unsigned)((spec->df ? IP_DF : 0) | (spec->frag_more ? IP_MF : 0)) | (unsigned)spec->frag_offset / 8u;
    put8(writer, 0x45);
    put8(writer, spec->tos);
    put16(writer, 0); /* total length */
    put16(writer, spec->ip_id);
    put16(writer, fragment);
    put8(writer, spec->ttl);
    put8(writer, spec->proto);
    put16(writer, 0); /* checksum */
    put(writer, &spec->ip_src.word[3], 4);
    put(writer, &spec->ip_dst.word[3], 4);
}

static void put_ipv6(struct writer *writer, const struct df_packet_spec *spec)
{
    bool whole = spec->fragment == DF_SPEC_WHOLE;
    put32(writer, (uint32_t)(6u << 28 | (uint32_t)spec->tos << 20));
    put16(writer, 0); /* payload length */
    put8(writer, whole ? spec->proto : IPPROTO_FRAGMENT);
    put8(writer, spec->ttl);
    put(writer, &spec->ip_src, sizeof(spec->ip_src));
    put(writer, &spec->ip_dst, sizeof(spec->ip_dst));
    if (whole)
        return;
    put8(writer, spec->proto);
    put8(writer, 0);
    put16(writer, spec->frag_offset | (spec->frag_more ? FRAGMENT_MORE : 0u));
    put32(writer, spec->ip_id);
}

static void build_ip(struct writer *writer, const struct df_packet_spec *spec)
{
    size_t l3 = writer->len;
    bool is4 = spec->dl_type == 0x0800;
    if (is4)
        put_ipv4(writer, spec);
    else
        put_ipv6(writer, spec);
    size_t l4 = writer->len;
    if (spec->fragment != DF_SPEC_LATER_FRAGMENT)
        put_l4(writer, spec);
    put(writer, NULL, spec->payload);
    if (spec->proto == IPPROTO_SCTP)
        put(writer, NULL, (size_t)-spec->payload % 4);
    if (writer->len > writer->room)
        return;
    set16(writer->frame + l3 + (is4 ? 2 : 4), writer->len - l3 - (is4 ? 0 : 40));
    if (is4)
        set16(writer->frame + l3 + 10, fold(sum(writer->frame + l3, 20, 0)));
    fill_in_checksum(spec, writer->frame + l4, writer->len - l4);
}

int df_spec_build(const struct df_packet_spec *spec, uint8_t *frame, size_t *len)
{
    struct writer writer = {.frame = frame, .room = *len};
    put_ethernet(&writer, spec);
    if (spec->dl_type == 0x0806)
        put_arp(&writer, spec);
    else if (spec->dl_type == 0x0800 || spec->dl_type == 0x86dd)
        build_ip(&writer, spec);
    else
        put(&writer, NULL, spec->payload);
    if (writer.len > writer.room)
        return -ENOSPC;
    *len = writer.len;
    return 0;
}
