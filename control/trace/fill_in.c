/* SPDX-License-Identifier: Apache-2.0 */
#include "control/trace/packet_spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "fastpath/packet/sctp.h"

#define LATER_FRAGMENT_OFFSET 1480 /* bytes; the first one filled an Ethernet frame */

/* What was left out of the words: filled in as the guest behind the port would. */

struct filler {
    struct df_packet_spec *spec;
    const struct df_words_names *names;
    struct df_error *error;
};

static bool is_ip(const struct df_packet_spec *spec)
{
    return spec->dl_type == 0x0800 || spec->dl_type == 0x86dd;
}

static int look_up(struct filler *filler, const char *name, struct df_words_station *station)
{
    *station = (struct df_words_station){0};
    if (filler->names && filler->names->station)
        return filler->names->station(filler->names->arg, name, station, filler->error);
    if (!name)
        return 0;
    return df_error_set(filler->error, -EINVAL, "%s: names of ports are not known here", name);
}

static const struct df_ip *address_of(const struct df_packet_spec *spec, const struct df_words_station *station)
{
    return spec->dl_type == 0x86dd ? &station->ip6 : &station->ip4;
}

static int missing(const struct filler *filler, const char *name, const char *why)
{
    return df_error_set(filler->error, -EINVAL, "%s is missing: %s", name, why);
}

struct df_packet_spec df_spec_default(void)
{
    return (struct df_packet_spec){.arp_op = 1,
                                   .tcp_flags = 0x02, /* SYN */
                                   .tcp_seq = 1,
                                   .tcp_window = 65535,
                                   .sctp_init_tag = 1,
                                   .icmp_id = 1,
                                   .icmp_seq = 1,
                                   .ip_id = 1,
                                   .quote_len = UINT16_MAX};
}

/* nw_frag=first and nw_frag=later are short for an offset and whether more follow. */
static void fill_in_fragment(struct df_packet_spec *spec)
{
    if (!(spec->given & DF_SPEC_FRAG_OFFSET))
        spec->frag_offset = spec->fragment == DF_SPEC_LATER_FRAGMENT ? LATER_FRAGMENT_OFFSET : 0;
    if (!(spec->given & DF_SPEC_FRAG_MORE))
        spec->frag_more = spec->fragment == DF_SPEC_FIRST_FRAGMENT;
    if (spec->frag_offset != 0)
        spec->fragment = DF_SPEC_LATER_FRAGMENT;
    else
        spec->fragment = spec->frag_more ? DF_SPEC_FIRST_FRAGMENT : DF_SPEC_WHOLE;
    if (!(spec->given & DF_SPEC_DF))
        spec->df = spec->fragment == DF_SPEC_WHOLE;
}

/* An association begins with INIT, whose packet has no tag yet (RFC 9260 section 8.5.1). */
static void fill_in_sctp(struct df_packet_spec *spec)
{
    if (!(spec->given & DF_SPEC_SCTP_CHUNK))
        spec->sctp_chunk = spec->payload == 0 ? DF_SCTP_INIT : DF_SCTP_DATA;
    if (!(spec->given & DF_SPEC_SCTP_TAG))
        spec->sctp_tag = spec->sctp_chunk == DF_SCTP_INIT ? 0 : 1;
}

/* Destination unreachable if it quotes a packet, else an echo request. */
static uint8_t default_icmp_type(const struct df_packet_spec *spec)
{
    if (spec->proto == IPPROTO_ICMPV6)
        return spec->quote ? 1 : 128;
    return spec->quote ? 3 : 8;
}

static void fill_in_numbers(struct df_packet_spec *spec)
{
    fill_in_fragment(spec);
    fill_in_sctp(spec);
    if (!(spec->given & DF_SPEC_ICMP_TYPE))
        spec->icmp_type = default_icmp_type(spec);
    if (!(spec->given & DF_SPEC_TCP_ACK))
        spec->tcp_ack = spec->tcp_flags & 0x10 ? 1 : 0;
    if (!(spec->given & DF_SPEC_TTL))
        spec->ttl = df_spec_is_nd(spec) ? 255 : 64; /* RFC 4861 section 7.1 */
    if (!(spec->given & DF_SPEC_TP_SRC))
        spec->tp_src = 40000;
}

/* A family is in the addresses when no word says it: src=vm1,dst=vm2 alone is a ping. */
static void fill_in_protocol(struct df_packet_spec *spec)
{
    if (spec->dl_type || (spec->given & DF_SPEC_DL_TYPE))
        return;
    const struct df_ip *ip = spec->given & DF_SPEC_IP_DST ? &spec->ip_dst : &spec->ip_src;
    bool is6 = (spec->given & (DF_SPEC_IP_DST | DF_SPEC_IP_SRC)) && !df_ip_is4(ip);
    spec->dl_type = is6 || (spec->given & DF_SPEC_ND_TARGET) ? 0x86dd : 0x0800;
    if (!(spec->given & DF_SPEC_PROTO))
        spec->proto = spec->dl_type == 0x86dd ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
}

static int fill_in_source(struct filler *filler)
{
    struct df_packet_spec *spec = filler->spec;
    struct df_words_station station;
    int rc = look_up(filler, *spec->src ? spec->src : NULL, &station);
    if (rc != 0)
        return rc;
    const struct df_ip *address = address_of(spec, &station);
    if (!(spec->given & DF_SPEC_DL_SRC))
        spec->dl_src = station.mac;
    if (!(spec->given & DF_SPEC_IP_SRC) && !df_ip_is_zero(address)) {
        spec->ip_src = spec->arp_spa = *address;
        spec->given |= DF_SPEC_IP_SRC;
    }
    if (!(spec->given & DF_SPEC_ARP_SHA))
        spec->arp_sha = spec->dl_src;
    static const struct df_mac none;
    if (!(spec->given & DF_SPEC_DL_SRC) && df_mac_equal(&spec->dl_src, &none))
        return missing(filler, "dl_src", "give dl_src=MAC or src=PORT");
    return 0;
}

/* The solicited-node multicast address: RFC 4291 section 2.7.1. */
static struct df_ip solicited_node(const struct df_ip *target)
{
    struct df_ip ip = {.byte = {0xff, 0x02, [11] = 0x01, [12] = 0xff}};
    memcpy(ip.byte + 13, target->byte + 13, 3);
    return ip;
}

static int fill_in_destination(struct filler *filler, struct df_words_station *station)
{
    struct df_packet_spec *spec = filler->spec;
    int rc = *spec->dst ? look_up(filler, spec->dst, station) : 0;
    if (rc != 0 || (spec->given & DF_SPEC_IP_DST))
        return rc;
    const struct df_ip *address = address_of(spec, station);
    if (!df_ip_is_zero(address)) {
        spec->ip_dst = spec->arp_tpa = *address;
        spec->given |= DF_SPEC_IP_DST;
        return 0;
    }
    if (*spec->dst)
        return df_error_set(filler->error, -EINVAL, "dst=%s: the port has no %s address", spec->dst,
                            spec->dl_type == 0x86dd ? "IPv6" : "IPv4");
    if (df_spec_is_nd(spec) && spec->icmp_type == 135 && (spec->given & DF_SPEC_ND_TARGET)) {
        spec->ip_dst = solicited_node(&spec->nd_target);
        spec->given |= DF_SPEC_IP_DST;
    }
    return 0;
}

/* RFC 1112 section 6.4, RFC 2464 section 7, and the limited broadcast address. */
static bool mac_of_group(const struct df_ip *ip, struct df_mac *mac)
{
    const uint8_t *b = ip->byte;
    if (df_ip_is4(ip) && (ntohl(ip->word[3]) >> 28) == 0xe)
        *mac = (struct df_mac){{0x01, 0x00, 0x5e, b[13] & 0x7f, b[14], b[15]}};
    else if (df_ip_is4(ip) && ip->word[3] == INADDR_BROADCAST)
        *mac = (struct df_mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    else if (!df_ip_is4(ip) && b[0] == 0xff)
        *mac = (struct df_mac){{0x33, 0x33, b[12], b[13], b[14], b[15]}};
    else
        return false;
    return true;
}

static int fill_in_next_hop(struct filler *filler, const struct df_words_station *station)
{
    struct df_packet_spec *spec = filler->spec;
    if (spec->given & DF_SPEC_DL_DST)
        return 0;
    if (spec->dl_type == 0x0806 && spec->arp_op == 1) {
        spec->dl_dst = (struct df_mac){{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
        return 0;
    }
    if (!is_ip(spec)) {
        spec->dl_dst = station->mac;
        static const struct df_mac none;
        return df_mac_equal(&station->mac, &none) ? missing(filler, "dl_dst", "give dl_dst=MAC or dst=PORT") : 0;
    }
    if (mac_of_group(&spec->ip_dst, &spec->dl_dst))
        return 0;
    if (filler->names && filler->names->next_hop)
        return filler->names->next_hop(filler->names->arg, &spec->ip_dst, &spec->dl_dst, filler->error);
    return missing(filler, "dl_dst", "give dl_dst=MAC");
}

static int check_numbers(const struct filler *filler)
{
    const struct df_packet_spec *spec = filler->spec;
    if (spec->frag_offset % 8 != 0)
        return df_error_set(filler->error, -EINVAL, "frag_offset=%u: must be a multiple of 8", spec->frag_offset);
    if (spec->dl_type == 0x0800 && spec->ip_id > UINT16_MAX)
        return df_error_set(filler->error, -EINVAL, "ip_id=%u: IPv4 has 16 bits for it", spec->ip_id);
    return 0;
}

static int check_families(struct filler *filler)
{
    const struct df_packet_spec *spec = filler->spec;
    bool wants4 = spec->dl_type == 0x0800;
    if (!is_ip(spec))
        return 0;
    if (!(spec->given & DF_SPEC_IP_SRC))
        return missing(filler, wants4 ? "nw_src" : "ipv6_src", "the port has no address of that family");
    if (!(spec->given & DF_SPEC_IP_DST))
        return missing(filler, wants4 ? "nw_dst" : "ipv6_dst", "give it, or dst=PORT");
    if (df_ip_is4(&spec->ip_src) != wants4 || df_ip_is4(&spec->ip_dst) != wants4)
        return df_error_set(filler->error, -EINVAL, "%s and an %s address do not go together", wants4 ? "ip" : "ipv6",
                            wants4 ? "IPv6" : "IPv4");
    if (df_spec_is_nd(spec) && !(spec->given & DF_SPEC_ND_TARGET))
        return missing(filler, "nd_target", "a neighbour solicitation or advertisement has one");
    return check_numbers(filler);
}

/* A quoted packet went the other way than the message that quotes it. */
static int fill_in_quote(struct filler *filler, const struct df_packet_spec *outer)
{
    struct df_packet_spec *spec = filler->spec;
    if (outer->proto != IPPROTO_ICMP && outer->proto != IPPROTO_ICMPV6)
        return df_error_set(filler->error, -EINVAL, "quote: only ICMP and ICMPv6 messages quote a packet");
    if (*spec->src || *spec->dst || (spec->given & (DF_SPEC_DL_SRC | DF_SPEC_DL_DST | DF_SPEC_VLAN)))
        return df_error_set(filler->error, -EINVAL,
                            "quote: a quoted packet has neither ports' names nor MACs nor tags");
    if (!spec->dl_type)
        spec->dl_type = outer->dl_type;
    if (!is_ip(spec))
        return df_error_set(filler->error, -EINVAL, "quote: a quoted packet is an IP packet");
    if (!spec->proto && !(spec->given & DF_SPEC_PROTO))
        spec->proto = spec->dl_type == 0x86dd ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    if (!(spec->given & DF_SPEC_IP_SRC))
        spec->ip_src = outer->ip_dst;
    if (!(spec->given & DF_SPEC_IP_DST))
        spec->ip_dst = outer->ip_src;
    spec->given |= DF_SPEC_IP_SRC | DF_SPEC_IP_DST;
    fill_in_numbers(spec);
    return check_families(filler);
}

static int fill_in_quotes(const struct filler *filler)
{
    int rc = 0;
    for (const struct df_packet_spec *outer = filler->spec; rc == 0 && outer->quote; outer = outer->quote) {
        struct filler inner = {outer->quote, NULL, filler->error};
        rc = fill_in_quote(&inner, outer);
    }
    return rc;
}

int df_spec_fill_in(struct df_packet_spec *spec, const struct df_words_names *names, struct df_error *error)
{
    struct filler filler = {spec, names, error};
    struct df_words_station destination = {0};
    fill_in_protocol(spec);
    fill_in_numbers(spec);
    int rc = fill_in_source(&filler);
    if (rc == 0)
        rc = fill_in_destination(&filler, &destination);
    if (rc == 0)
        rc = check_families(&filler);
    if (rc == 0)
        rc = fill_in_quotes(&filler);
    if (rc == 0)
        rc = fill_in_next_hop(&filler, &destination);
    return rc;
}
