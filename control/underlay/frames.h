/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/packet/addr.h"

/*
 * What the node says on its underlay, and what it understands of what others say: ARP (RFC 826, RFC 5227), neighbour
 * discovery (RFC 4861) and errors about too long packets (RFC 1191, RFC 8201).
 *
 * What is read came from the network: it is parsed with every length checked, and a checksum that the worker left to
 * who receives it is verified here. Any thread; nothing is kept.
 */

#define DF_FRAMES_MAX 96 /* bytes of the longest that is written */

/* Who speaks. */
struct df_frames_self {
    struct df_mac mac;
    struct df_ip ip4, ip6; /* zero: none */
    uint16_t vlan;         /* 0: untagged */
};

/** Puts an Ethernet header from self, with its tag if it has one; type in host order. Returns what is behind it. */
uint8_t *df_frames_put_ethernet(uint8_t *at, const struct df_frames_self *self, const struct df_mac *to, uint16_t type);

/**
 * Asks for the MAC of an address of a family that self has.
 *
 * @param to whom: to see whether it still has it; NULL: everybody (ARP), or the group of those that may have it (RFC
 *           4861 section 7.2.2)
 * @return bytes of the frame
 */
uint32_t df_frames_ask(uint8_t frame[DF_FRAMES_MAX], const struct df_frames_self *self, const struct df_ip *target,
                       const struct df_mac *to);

/** Says that self has ip, one of its own (RFC 5227 section 3, RFC 4861 section 7.2.6). Bytes of the frame. */
uint32_t df_frames_announce(uint8_t frame[DF_FRAMES_MAX], const struct df_frames_self *self, const struct df_ip *ip);

/* Somebody has an address. */
struct df_frames_answer {
    struct df_ip ip;
    struct df_mac mac; /* zero: it does not say which, only that it is there */
    bool solicited;    /* it is an answer to this node's question */
    bool override;     /* it holds against what was known (the O flag; always in ARP) */
};

/** False: it says nothing of that kind, or what cannot be. */
bool df_frames_read_answer(const uint8_t *frame, uint32_t len, const struct df_frames_self *self,
                           struct df_frames_answer *answer);

/* A link on the way to a tunnel end point takes packets of at most mtu bytes. */
struct df_frames_too_big {
    struct df_ip peer;
    uint16_t mtu;
};

/**
 * Reads an ICMP error about a packet that self sent. False: it is none, or malformed.
 *
 * An MTU below the least of the family (576, 1280) is read as that; a router that does not say its MTU (RFC 1191 section
 * 5) is read as the next lower one of that section's table below the length of the packet that it quotes.
 */
bool df_frames_read_too_big(const uint8_t *frame, uint32_t len, const struct df_frames_self *self,
                            struct df_frames_too_big *too_big);
