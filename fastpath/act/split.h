/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_mbuf.h>
#include <stdint.h>

/*
 * A packet that is longer than the way carries becomes pieces that fit: IPv4 fragments (RFC 791 section 3.2), of which
 * each is a frame of its own, with the Ethernet header and tags of the packet. A fragment becomes smaller ones.
 *
 * Pieces are copies in buffers of a pool that is there, so a worker makes them without asking for memory, and the
 * packet may be other ports' too. All pieces or none.
 */

#define DF_SPLIT_MAX 64 /* pieces; a packet of 9000 bytes has so many where the way carries 164 */

struct df_split {
    uint16_t l2_len; /* bytes in front of the IP header */
    uint16_t l3_len; /* of the IP packet; what is behind it is padding, and left out */
    uint16_t mtu;    /* bytes of the longest IP packet */
};

/**
 * Makes the pieces: one, where only the padding was too long. Worker.
 *
 * @param mbuf   frame in one segment, of an IP packet that was parsed without fault; it is not changed
 * @param pieces room for DF_SPLIT_MAX; the caller's to send or free
 * @return how many; -ENOBUFS: the pool is empty; -EMSGSIZE: it would be too many, or DF forbids them
 */
int df_split(const struct rte_mbuf *mbuf, const struct df_split *split, struct rte_mempool *pool,
             struct rte_mbuf **pieces);
