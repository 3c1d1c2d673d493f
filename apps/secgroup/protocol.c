/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/secgroup/protocol.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Numbers: https://www.iana.org/assignments/protocol-numbers; names: neutron_lib.constants.IP_PROTOCOL_MAP. */
enum {
    HOPOPT = 0,
    ICMP = 1,
    TCP = 6,
    UDP = 17,
    DCCP = 33,
    IPV6_ENCAP = 41,
    IPV6_ROUTE = 43,
    IPV6_FRAG = 44,
    AH = 51,
    ICMP6 = 58,
    IPV6_NONXT = 59,
    IPV6_OPTS = 60,
    SCTP = 132,
    UDPLITE = 136,
};

static const struct {
    const char *name;
    uint8_t number;
} names[] = {
    {"ah", AH},
    {"dccp", DCCP},
    {"egp", 8},
    {"esp", 50},
    {"gre", 47},
    {"hopopt", HOPOPT},
    {"icmp", ICMP},
    {"icmpv6", ICMP6},
    {"igmp", 2},
    {"ipip", 4},
    {"ipv6-encap", IPV6_ENCAP},
    {"ipv6-frag", IPV6_FRAG},
    {"ipv6-icmp", ICMP6},
    {"ipv6-nonxt", IPV6_NONXT},
    {"ipv6-opts", IPV6_OPTS},
    {"ipv6-route", IPV6_ROUTE},
    {"ospf", 89},
    {"pgm", 113},
    {"rsvp", 46},
    {"sctp", SCTP},
    {"tcp", TCP},
    {"udp", UDP},
    {"udplite", UDPLITE},
    {"vrrp", 112},
};

static int number_of(const char *text, uint8_t *number)
{
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && digits <= 3 && !text[digits]) {
        unsigned value = 0;
        for (size_t i = 0; i < digits; i++)
            value = 10 * value + (unsigned)(text[i] - '0');
        *number = (uint8_t)value;
        return value <= UINT8_MAX ? 0 : -EINVAL;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i].name, text) == 0) {
            *number = names[i].number;
            return 0;
        }
    }
    return -EINVAL;
}

/* Neutron refuses these in rules for IPv4 (SecurityGroupEthertypeConflictWithProtocol). */
static bool is_of_ip6_alone(uint8_t number)
{
    return number == IPV6_ENCAP || number == IPV6_ROUTE || number == IPV6_FRAG || number == ICMP6 ||
           number == IPV6_NONXT || number == IPV6_OPTS;
}

int protocol_parse(const char *text, unsigned ip_version, struct protocol *protocol)
{
    *protocol = (struct protocol){0};
    if (!text || !*text || strcmp(text, "any") == 0 || strcmp(text, "ip") == 0) {
        protocol->any = true;
        return 0;
    }
    if (number_of(text, &protocol->number) < 0)
        return -EINVAL;
    if (ip_version == 6 && protocol->number == ICMP)
        protocol->number = ICMP6;
    return ip_version == 4 && is_of_ip6_alone(protocol->number) ? -EINVAL : 0;
}

bool protocol_is_ip6_extension(uint8_t number)
{
    return number == HOPOPT || number == IPV6_ROUTE || number == IPV6_FRAG || number == AH || number == IPV6_OPTS;
}

bool protocol_has_ports(uint8_t number)
{
    return number == TCP || number == UDP || number == SCTP || number == UDPLITE || number == DCCP;
}

bool protocol_is_icmp(uint8_t number)
{
    return number == ICMP || number == ICMP6;
}
