/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* IP protocols as security group rules name them. */

struct protocol {
    bool any;
    uint8_t number;
};

/**
 * A protocol by name or number, for rules of that IP version. NULL, "", "any" and "ip" are any protocol; 0 is one like
 * all others. What names ICMP is the ICMP of the IP version.
 *
 * @return -EINVAL: none of that name, or none that the IP version has
 */
int protocol_parse(const char *text, unsigned ip_version, struct protocol *protocol);

/** Is it what stands in front of an IPv6 packet's protocol (RFC 8200 section 4)? No packet is matched by it. */
bool protocol_is_ip6_extension(uint8_t number);

/** Does it have ports? Those of neutron_lib.constants.SG_PORT_PROTO_NUMS do. */
bool protocol_has_ports(uint8_t number);

bool protocol_is_icmp(uint8_t number);
