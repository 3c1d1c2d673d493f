/* SPDX-License-Identifier: Apache-2.0 */
#include "control/trace/words.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/model/address.h"
#include "control/trace/packet_spec.h"

#define TEXT_MAX (3 * DF_WORDS_FRAME_MAX)

enum field_kind { FIELD_MAC, FIELD_IP4, FIELD_IP6, FIELD_U8, FIELD_U16, FIELD_U32 };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    uint32_t given;
    uint16_t max; /* of a number; 0: what fits */
};

#define FIELD(name_, kind_, member, ...)                                                                               \
    {                                                                                                                  \
        name_, kind_, offsetof(struct df_packet_spec, member), __VA_ARGS__                                             \
    }

static const struct field fields[] = {
    FIELD("dl_src", FIELD_MAC, dl_src, DF_SPEC_DL_SRC),
    FIELD("dl_dst", FIELD_MAC, dl_dst, DF_SPEC_DL_DST),
    FIELD("dl_type", FIELD_U16, dl_type, DF_SPEC_DL_TYPE),
    FIELD("dl_vlan", FIELD_U16, vlan, DF_SPEC_VLAN, 4094),
    FIELD("dl_vlan_pcp", FIELD_U16, vlan_pcp, DF_SPEC_VLAN, 7),
    FIELD("nw_src", FIELD_IP4, ip_src, DF_SPEC_IP_SRC),
    FIELD("nw_dst", FIELD_IP4, ip_dst, DF_SPEC_IP_DST),
    FIELD("ipv6_src", FIELD_IP6, ip_src, DF_SPEC_IP_SRC),
    FIELD("ipv6_dst", FIELD_IP6, ip_dst, DF_SPEC_IP_DST),
    FIELD("nw_proto", FIELD_U8, proto, DF_SPEC_PROTO),
    FIELD("nw_ttl", FIELD_U8, ttl, DF_SPEC_TTL),
    FIELD("nw_tos", FIELD_U8, tos, 0),
    FIELD("ip_id", FIELD_U32, ip_id, 0),
    FIELD("ip_df", FIELD_U8, df, DF_SPEC_DF, 1),
    FIELD("frag_offset", FIELD_U16, frag_offset, DF_SPEC_FRAG_OFFSET),
    FIELD("frag_more", FIELD_U8, frag_more, DF_SPEC_FRAG_MORE, 1),
    FIELD("tp_src", FIELD_U16, tp_src, DF_SPEC_TP_SRC),
    FIELD("tp_dst", FIELD_U16, tp_dst, 0),
    FIELD("tcp_seq", FIELD_U32, tcp_seq, 0),
    FIELD("tcp_ack", FIELD_U32, tcp_ack, DF_SPEC_TCP_ACK),
    FIELD("tcp_window", FIELD_U16, tcp_window, 0),
    FIELD("tcp_wscale", FIELD_U8, tcp_wscale, DF_SPEC_TCP_WSCALE),
    FIELD("sctp_tag", FIELD_U32, sctp_tag, DF_SPEC_SCTP_TAG),
    FIELD("sctp_init_tag", FIELD_U32, sctp_init_tag, 0),
    FIELD("icmp_type", FIELD_U8, icmp_type, DF_SPEC_ICMP_TYPE),
    FIELD("icmp_code", FIELD_U8, icmp_code, 0),
    FIELD("icmp_id", FIELD_U16, icmp_id, 0),
    FIELD("icmp_seq", FIELD_U16, icmp_seq, 0),
    FIELD("quote_len", FIELD_U16, quote_len, DF_SPEC_QUOTE_LEN),
    FIELD("arp_op", FIELD_U16, arp_op, 0),
    FIELD("arp_spa", FIELD_IP4, arp_spa, DF_SPEC_IP_SRC),
    FIELD("arp_tpa", FIELD_IP4, arp_tpa, DF_SPEC_IP_DST),
    FIELD("arp_sha", FIELD_MAC, arp_sha, DF_SPEC_ARP_SHA),
    FIELD("arp_tha", FIELD_MAC, arp_tha, 0),
    FIELD("nd_target", FIELD_IP6, nd_target, DF_SPEC_ND_TARGET),
    FIELD("nd_sll", FIELD_MAC, nd_lladdr, DF_SPEC_ND_LLADDR),
    FIELD("nd_tll", FIELD_MAC, nd_lladdr, DF_SPEC_ND_LLADDR),
    FIELD("len", FIELD_U16, payload, 0, DF_WORDS_FRAME_MAX),
};

/* Words that stand alone and say what the packet is. */
static const struct {
    const char *name;
    uint16_t dl_type;
    uint8_t proto;
} protocols[] = {
    {"ip", 0x0800, 0},
    {"icmp", 0x0800, IPPROTO_ICMP},
    {"tcp", 0x0800, IPPROTO_TCP},
    {"udp", 0x0800, IPPROTO_UDP},
    {"sctp", 0x0800, IPPROTO_SCTP},
    {"udplite", 0x0800, IPPROTO_UDPLITE},
    {"dccp", 0x0800, IPPROTO_DCCP},
    {"arp", 0x0806, 0},
    {"ipv6", 0x86dd, 0},
    {"icmp6", 0x86dd, IPPROTO_ICMPV6},
    {"tcp6", 0x86dd, IPPROTO_TCP},
    {"udp6", 0x86dd, IPPROTO_UDP},
    {"sctp6", 0x86dd, IPPROTO_SCTP},
    {"udplite6", 0x86dd, IPPROTO_UDPLITE},
    {"dccp6", 0x86dd, IPPROTO_DCCP},
};

struct parser {
    struct df_packet_spec *spec;
    struct df_packet_spec *quotes; /* room for n_quotes packets that it quotes, each within the one before */
    unsigned n_quotes;
    bool has_protocol;
    struct df_error *error;
};

static int bad_value(const struct parser *parser, const char *name, const char *value, const char *wanted)
{
    return df_error_set(parser->error, -EINVAL, "%s=%s: must be %s", name, value, wanted);
}

static unsigned long most(enum field_kind kind)
{
    return kind == FIELD_U8 ? UINT8_MAX : kind == FIELD_U16 ? UINT16_MAX : UINT32_MAX;
}

static int set_number(struct parser *parser, const struct field *field, const char *value)
{
    void *to = (char *)parser->spec + field->offset;
    unsigned long max = field->max ? field->max : most(field->kind);
    char *end;
    unsigned long number = strtoul(value, &end, 0);
    if (!isdigit((unsigned char)*value) || *end || number > max) {
        char wanted[48];
        snprintf(wanted, sizeof(wanted), "a number from 0 to %lu", max);
        return bad_value(parser, field->name, value, wanted);
    }
    if (field->kind == FIELD_U8)
        *(uint8_t *)to = (uint8_t)number;
    else if (field->kind == FIELD_U32)
        *(uint32_t *)to = (uint32_t)number;
    else
        *(uint16_t *)to = (uint16_t)number;
    return 0;
}

static int set_field(struct parser *parser, const struct field *field, const char *value)
{
    void *to = (char *)parser->spec + field->offset;
    parser->spec->given |= field->given;
    switch (field->kind) {
    case FIELD_MAC:
        return df_mac_parse(value, to) == 0 ? 0 : bad_value(parser, field->name, value, "a MAC address");
    case FIELD_IP4:
        return df_ip_parse(value, to) == 0 && df_ip_is4(to) ? 0
                                                            : bad_value(parser, field->name, value, "an IPv4 address");
    case FIELD_IP6:
        return df_ip_parse(value, to) == 0 && !df_ip_is4(to) ? 0
                                                             : bad_value(parser, field->name, value, "an IPv6 address");
    case FIELD_U8:
    case FIELD_U16:
    case FIELD_U32:
        return set_number(parser, field, value);
    }
    return -EINVAL;
}

static int set_tcp_flags(struct parser *parser, const char *value)
{
    static const char *const names[] = {"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"};
    char copy[DF_SPEC_WORD_MAX];
    snprintf(copy, sizeof(copy), "%s", value);
    parser->spec->tcp_flags = 0;
    for (char *rest = copy, *name; (name = strsep(&rest, "|+"));) {
        unsigned bit = 0;
        while (bit < 8 && strcmp(name, names[bit]) != 0)
            bit++;
        if (bit == 8 && *name)
            return bad_value(parser, "tcp_flags", value, "names such as syn|ack, of fin syn rst psh ack urg ece cwr");
        if (*name)
            parser->spec->tcp_flags |= (uint8_t)(1 << bit);
    }
    return 0;
}

static int set_fragment(struct parser *parser, const char *value)
{
    static const char *const names[] = {"no", "first", "later"};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) == 0) {
            parser->spec->fragment = (uint8_t)i;
            return 0;
        }
    }
    return bad_value(parser, "nw_frag", value, "no, first or later");
}

/* Chunks of SCTP by the names of RFC 9260 section 3.2, or by number. */
static int set_sctp_chunk(struct parser *parser, const char *value)
{
    static const char *const names[] = {"data",          "init",       "init_ack", "sack",         "heartbeat",
                                        "heartbeat_ack", "abort",      "shutdown", "shutdown_ack", "error",
                                        "cookie_echo",   "cookie_ack", NULL,       NULL,           "shutdown_complete"};
    static const struct field by_number = FIELD("sctp_chunk", FIELD_U8, sctp_chunk, DF_SPEC_SCTP_CHUNK);
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i] && strcmp(value, names[i]) == 0) {
            parser->spec->given |= DF_SPEC_SCTP_CHUNK;
            parser->spec->sctp_chunk = (uint8_t)i;
            return 0;
        }
    }
    if (isdigit((unsigned char)*value))
        return set_field(parser, &by_number, value);
    return bad_value(parser, "sctp_chunk", value, "a number, or a name such as init_ack, data, shutdown");
}

/* The same field under the names that ovs-fields(7) has beside its first one. */
static const char *canonical(const char *name)
{
    static const char *const aliases[][2] = {
        {"eth_src", "dl_src"},        {"eth_dst", "dl_dst"},  {"eth_type", "dl_type"},  {"vlan_vid", "dl_vlan"},
        {"ip_src", "nw_src"},         {"ip_dst", "nw_dst"},   {"ip_proto", "nw_proto"}, {"ttl", "nw_ttl"},
        {"ip_frag", "nw_frag"},       {"tcp_src", "tp_src"},  {"tcp_dst", "tp_dst"},    {"udp_src", "tp_src"},
        {"udp_dst", "tp_dst"},        {"sctp_src", "tp_src"}, {"sctp_dst", "tp_dst"},   {"icmpv6_type", "icmp_type"},
        {"icmpv6_code", "icmp_code"},
    };
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcmp(aliases[i][0], name) == 0)
            return aliases[i][1];
    return name;
}

static int take_assignment(struct parser *parser, const char *given_name, const char *value)
{
    const char *name = canonical(given_name);
    if (strcmp(name, "src") == 0 || strcmp(name, "dst") == 0) {
        snprintf(*name == 's' ? parser->spec->src : parser->spec->dst, DF_SPEC_WORD_MAX, "%s", value);
        return *value ? 0 : bad_value(parser, name, value, "the name of a port");
    }
    if (strcmp(name, "tcp_flags") == 0)
        return set_tcp_flags(parser, value);
    if (strcmp(name, "nw_frag") == 0)
        return set_fragment(parser, value);
    if (strcmp(name, "sctp_chunk") == 0)
        return set_sctp_chunk(parser, value);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strcmp(fields[i].name, name) == 0)
            return set_field(parser, &fields[i], value);
    return df_error_set(parser->error, -EINVAL, "%s: there is no such field (df-ctl(1) lists them)", given_name);
}

static int take_protocol(struct parser *parser, const char *name)
{
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (strcmp(protocols[i].name, name) != 0)
            continue;
        if (parser->has_protocol)
            return df_error_set(parser->error, -EINVAL, "%s: the packet has been said to be another one before", name);
        parser->has_protocol = true;
        parser->spec->dl_type = protocols[i].dl_type;
        if (protocols[i].proto) {
            parser->spec->proto = protocols[i].proto;
            parser->spec->given |= DF_SPEC_PROTO;
        }
        return 0;
    }
    return df_error_set(parser->error, -EINVAL,
                        "%s: neither FIELD=VALUE nor one of ip icmp tcp udp sctp arp ipv6 icmp6 tcp6 udp6 sctp6", name);
}

static int take_word(struct parser *parser, char *word)
{
    char *value = strchr(word, '=');
    if (!value)
        return take_protocol(parser, word);
    *value++ = '\0';
    return take_assignment(parser, word, value);
}

static const char separators[] = ", \t\n";

/* Up to the next separator that is not in brackets. */
static size_t word_len(const char *at, const char *end)
{
    unsigned depth = 0;
    const char *word = at;
    for (; at < end && (depth > 0 || !strchr(separators, *at)); at++) {
        depth += *at == '[';
        depth -= *at == ']' && depth > 0;
    }
    return (size_t)(at - word);
}

static int take_words(struct parser *parser, const char *text, const char *end);

/* quote=[WORDS] */
static int take_quote(struct parser *parser, const char *value, size_t len)
{
    if (len < 2 || value[0] != '[' || value[len - 1] != ']')
        return df_error_set(parser->error, -EINVAL, "quote=%.*s: must be words in brackets", (int)(len < 40 ? len : 40),
                            value);
    if (parser->spec->quote || parser->n_quotes == 0)
        return df_error_set(parser->error, -EINVAL, "quote: a packet quotes one packet, and that at most another");
    struct parser quote = {
        .spec = parser->quotes, .quotes = parser->quotes + 1, .n_quotes = parser->n_quotes - 1, .error = parser->error};
    *quote.spec = df_spec_default();
    parser->spec->quote = quote.spec;
    return take_words(&quote, value + 1, value + len - 1);
}

static int take_next(struct parser *parser, const char *at, size_t len)
{
    static const char quote[] = "quote=";
    char word[DF_SPEC_WORD_MAX];
    if (len >= sizeof(quote) - 1 && strncmp(at, quote, sizeof(quote) - 1) == 0)
        return take_quote(parser, at + sizeof(quote) - 1, len - (sizeof(quote) - 1));
    if (len >= sizeof(word))
        return df_error_set(parser->error, -EINVAL, "%.40s...: the word is too long", at);
    memcpy(word, at, len);
    word[len] = '\0';
    return take_word(parser, word);
}

static int take_words(struct parser *parser, const char *text, const char *end)
{
    int rc = 0;
    for (const char *at = text; rc == 0 && at < end;) {
        size_t len = word_len(at, end);
        if (len > 0)
            rc = take_next(parser, at, len);
        at += len > 0 ? len : 1;
    }
    return rc;
}

/* ---- hexadecimal */

static bool is_hex(const char *text)
{
    size_t digits = 0;
    for (; *text; text++) {
        if (isxdigit((unsigned char)*text))
            digits++;
        else if (!isspace((unsigned char)*text) && *text != ':')
            return false;
    }
    return digits >= 28; /* no shorter frame has an Ethernet header, and no word is so long without other letters */
}

static int nibble(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static int hex_to_frame(const char *text, uint8_t *frame, size_t *len, struct df_error *error)
{
    size_t digits = 0;
    for (; *text; text++) {
        if (!isxdigit((unsigned char)*text))
            continue;
        if (digits / 2 == *len)
            return df_error_set(error, -ENOSPC, "the packet is longer than %zu bytes", *len);
        int high = digits % 2 ? frame[digits / 2] : 0;
        frame[digits / 2] = (uint8_t)(high << 4 | nibble(*text));
        digits++;
    }
    if (digits % 2)
        return df_error_set(error, -EINVAL, "the packet in hexadecimal has half a byte at its end");
    *len = digits / 2;
    return 0;
}

int df_words_to_frame(const char *text, const struct df_words_names *names, uint8_t *frame, size_t *len,
                      struct df_error *error)
{
    if (strnlen(text, TEXT_MAX) == TEXT_MAX)
        return df_error_set(error, -EINVAL, "the packet is longer than any frame in words or hexadecimal");
    if (is_hex(text))
        return hex_to_frame(text, frame, len, error);
    struct df_packet_spec spec = df_spec_default(), quotes[DF_SPEC_QUOTES_MAX];
    struct parser parser = {.spec = &spec, .quotes = quotes, .n_quotes = DF_SPEC_QUOTES_MAX, .error = error};
    int rc = take_words(&parser, text, text + strlen(text));
    if (rc == 0)
        rc = df_spec_fill_in(&spec, names, error);
    if (rc != 0)
        return rc;
    rc = df_spec_build(&spec, frame, len);
    return rc == 0 ? 0 : df_error_set(error, rc, "len=%u: the frame is longer than %zu bytes", spec.payload, *len);
}
