/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_byteorder.h>
#include <stdint.h>

/*
 * Tunnel headers as they lie in a frame. Fields are in network order; flags are masks of the words that hold them.
 *
 *     Ethernet [802.1Q] IPv4 UDP VXLAN                  50 bytes, 54 with a tag, 20 more over IPv6
 *     Ethernet [802.1Q] IPv4 UDP Geneve                 the same
 *     Ethernet [802.1Q] IPv4 GRE with a key             42
 */

#define DF_VXLAN_PORT 4789  /* IANA */
#define DF_GENEVE_PORT 6081 /* IANA */

/* RFC 7348 section 5, and RFC 8926 section 3.1: alike in length, and in where the VNI is. */
struct df_vni_header {
    rte_be32_t first; /* flags, and of Geneve the protocol inside */
    rte_be32_t vni;   /* and 8 reserved bits behind it */
} __attribute__((packed));
_Static_assert(sizeof(struct df_vni_header) == 8, "RFC 7348 section 5");

#define DF_VNI_SHIFT 8
#define DF_VNI_MAX 0xffffff

#define DF_VXLAN_FLAG_VNI RTE_BE32(0x08000000) /* I: the VNI is valid */

#define DF_GENEVE_VERSION RTE_BE32(0xc0000000)
#define DF_GENEVE_OPTIONS 0x3f000000u           /* host order: their length in four bytes, */
#define DF_GENEVE_OPTIONS_SHIFT 22              /* of which this makes bytes */
#define DF_GENEVE_CONTROL RTE_BE32(0x00800000)  /* O: a message between end points */
#define DF_GENEVE_CRITICAL RTE_BE32(0x00400000) /* C: an option that must be understood */
#define DF_GENEVE_PROTOCOL RTE_BE32(0x0000ffff)
#define DF_GENEVE_ETHERNET RTE_BE32(0x00006558) /* transparent Ethernet bridging, as in GRE */

/* RFC 2784 and RFC 2890: four bytes, then a checksum, a key and a sequence number, each of four bytes, if it has them. */
struct df_gre_header {
    rte_be16_t flags;
    rte_be16_t protocol;
} __attribute__((packed));
struct df_gre_key_header {
    struct df_gre_header base;
    rte_be32_t key;
} __attribute__((packed));
_Static_assert(sizeof(struct df_gre_key_header) == 8, "RFC 2890 section 2");

#define DF_GRE_CHECKSUM RTE_BE16(0x8000)
#define DF_GRE_KEY RTE_BE16(0x2000)
#define DF_GRE_SEQUENCE RTE_BE16(0x1000)
#define DF_GRE_REFUSED RTE_BE16(0x4c00) /* routing and what else RFC 1701 had: RFC 2784 section 2.3 */
#define DF_GRE_VERSION RTE_BE16(0x0007)
#define DF_GRE_ETHERNET RTE_BE16(0x6558)
