/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Which ICMP and ICMPv6 messages quote a packet, and which ask or answer under an identifier. */

#define DF_ICMP_ECHO_REPLY 0
#define DF_ICMP_ECHO_REQUEST 8
#define DF_ICMP6_ECHO_REQUEST 128
#define DF_ICMP6_ECHO_REPLY 129

/* Bit n: type n is an error. RFC 1122 section 3.2.2: 3, 4, 5, 11, 12; RFC 4443 section 2.1: 1 to 4. */
#define DF_ICMP_ERRORS (1u << 3 | 1u << 4 | 1u << 5 | 1u << 11 | 1u << 12)
#define DF_ICMP6_ERRORS (1u << 1 | 1u << 2 | 1u << 3 | 1u << 4)

/** Does a message of that type hold the packet that it is about? ip_proto: IPPROTO_ICMP or IPPROTO_ICMPV6. */
static inline bool df_icmp_is_error(uint8_t ip_proto, uint8_t type)
{
    uint32_t errors = ip_proto == IPPROTO_ICMP ? DF_ICMP_ERRORS : DF_ICMP6_ERRORS;
    return type < 32 && (errors >> type & 1);
}

/** Is it an echo request or reply? ip_proto: IPPROTO_ICMP or IPPROTO_ICMPV6. */
static inline bool df_icmp_is_echo(uint8_t ip_proto, uint8_t type)
{
    if (ip_proto == IPPROTO_ICMP)
        return type == DF_ICMP_ECHO_REQUEST || type == DF_ICMP_ECHO_REPLY;
    return type == DF_ICMP6_ECHO_REQUEST || type == DF_ICMP6_ECHO_REPLY;
}

/**
 * Does a message of that type ask for an answer, and so begin a connection? RFC 792: echo, timestamp, information; RFC 950:
 * address mask; RFC 4443: echo; RFC 4620: node information. ip_proto: IPPROTO_ICMP or IPPROTO_ICMPV6.
 */
static inline bool df_icmp_is_question(uint8_t ip_proto, uint8_t type)
{
    if (ip_proto == IPPROTO_ICMP)
        return type == DF_ICMP_ECHO_REQUEST || type == 13 || type == 15 || type == 17;
    return type == DF_ICMP6_ECHO_REQUEST || type == 139;
}
