/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/inet.h"
#include "dbsync/rule.h"

/* What a string may hold, kind by kind. Each function answers NULL or what to say of the text. */

static const char *refuse_text(const struct df_rule *rule, const char *text)
{
    static _Thread_local char answer[64];
    size_t len = strlen(text);
    if (len > rule->max) {
        snprintf(answer, sizeof answer, "is longer than %zu bytes", (size_t)rule->max);
        return answer;
    }
    bool ascii = true;
    for (const char *c = text; *c; c++) {
        if (iscntrl((unsigned char)*c))
            return "has control characters";
        ascii = ascii && isascii((unsigned char)*c);
    }
    if (ascii)
        return NULL;
    json_t *probe = json_stringn(text, len);
    json_decref(probe);
    return probe ? NULL : "is not UTF-8";
}

static const char *refuse_id(const struct df_rule *rule, const char *text)
{
    (void)rule;
    size_t len = 0;
    for (; text[len]; len++)
        if (!isascii((unsigned char)text[len]) || !isgraph((unsigned char)text[len]) || text[len] == '/')
            return "is not an id: only printable ASCII without space and slash";
    if (!len)
        return "is not an id: it is empty";
    return len > DF_ID_MAX ? "is not an id: it is longer than 63 bytes" : NULL;
}

static const char *refuse_ip(const struct df_rule *rule, const char *text)
{
    struct df_inet ip;
    if (df_inet_parse(text, &ip) < 0 || ip.has_length)
        return "is not an IP address";
    if (rule->kind == DF_KIND_HOST && !df_inet_is_host(&ip))
        return "is not the address of a single host";
    return NULL;
}

static const char *refuse_prefix(const struct df_rule *rule, const char *text)
{
    struct df_inet ip;
    bool may_be_ip = rule->kind == DF_KIND_IP_PREFIX || rule->kind == DF_KIND_REMOTE;
    if (df_inet_parse(text, &ip) < 0 || (!ip.has_length && !may_be_ip))
        return may_be_ip ? "is not an address or prefix" : "is not an address/length";
    if (rule->kind == DF_KIND_INTERFACE)
        return df_inet_is_host(&ip) ? NULL : "is not the address of a single host and its prefix length";
    if (rule->kind == DF_KIND_REMOTE)
        return NULL;
    return df_inet_has_host_bits(&ip) ? "has bits set behind its prefix length" : NULL;
}

static const char *refuse_mac(const struct df_rule *rule, const char *text)
{
    (void)rule;
    for (size_t i = 0; i < 17; i++)
        if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
            return "is not a MAC address";
    if (text[17])
        return "is not a MAC address";
    if (strtoul(text, NULL, 16) & 1)
        return "is not the MAC address of a station: it is multicast";
    return strspn(text, "0:") == 17 ? "is not the MAC address of a station: it is zero" : NULL;
}

/* Is text one of the words of a list that are separated by one space? */
static bool is_among(const char *words, const char *text)
{
    size_t len = strlen(text);
    for (const char *word = words; len;) {
        size_t end = strcspn(word, " ");
        if (end == len && memcmp(word, text, len) == 0)
            return true;
        if (!word[end])
            break;
        word += end + 1;
    }
    return false;
}

static const char *refuse_word(const struct df_rule *rule, const char *text)
{
    static _Thread_local char answer[128];
    if (is_among(rule->words, text))
        return NULL;
    snprintf(answer, sizeof answer, "is not one of: %s", rule->words);
    return answer;
}

/* The names that Neutron knows. */
#define PROTOCOLS                                                                                                      \
    "ah any dccp egp esp gre hopopt icmp icmpv6 igmp ip ipip ipv6-encap ipv6-frag ipv6-icmp ipv6-nonxt ipv6-opts "     \
    "ipv6-route ospf pgm rsvp sctp tcp udp udplite vrrp"

static const char *refuse_protocol(const struct df_rule *rule, const char *text)
{
    (void)rule;
    size_t digits = strspn(text, "0123456789");
    bool number = digits > 0 && digits <= 3 && !text[digits] && strtoul(text, NULL, 10) <= 255;
    return number || is_among(PROTOCOLS, text) ? NULL : "is not an IP protocol's name or number (0 to 255)";
}

const char *df_rule_refuses(const struct df_rule *rule, const char *text)
{
    static const char *(*const refuse[])(const struct df_rule *, const char *) = {
        [DF_KIND_TEXT] = refuse_text,        [DF_KIND_ID] = refuse_id,
        [DF_KIND_REF] = refuse_id,           [DF_KIND_IP] = refuse_ip,
        [DF_KIND_HOST] = refuse_ip,          [DF_KIND_PREFIX] = refuse_prefix,
        [DF_KIND_IP_PREFIX] = refuse_prefix, [DF_KIND_REMOTE] = refuse_prefix,
        [DF_KIND_INTERFACE] = refuse_prefix, [DF_KIND_MAC] = refuse_mac,
        [DF_KIND_WORD] = refuse_word,        [DF_KIND_PROTOCOL] = refuse_protocol,
    };
    return refuse[rule->kind](rule, text);
}
