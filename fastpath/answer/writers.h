/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/answer/answer.h"

/*
 * Private to fastpath/answer: the writers, one per kind of answer, and what they share.
 *
 * A writer takes every value from parsed, never from the bytes it is about to overwrite, and decides that an answer is
 * due before it changes anything.
 */

enum df_drop df_answer_arp(struct rte_mbuf *mbuf, const struct df_packet *parsed, const struct df_walk *walk);
enum df_drop df_answer_nd(struct rte_mbuf *mbuf, const struct df_packet *parsed, const struct df_walk *walk);
enum df_drop df_answer_echo(struct rte_mbuf *mbuf, const struct df_packet *parsed);
enum df_drop df_answer_icmp_error(struct rte_mbuf *mbuf, const struct df_packet *parsed, const struct df_walk *walk);

#define DF_ANSWER_TTL 64

/* Makes the frame len bytes long, in one segment; false if the buffer has no room for it. */
bool df_answer_resize(struct rte_mbuf *mbuf, uint32_t len);

/* Writes the addresses of the Ethernet header; tags and type stay. */
void df_answer_ethernet(uint8_t *frame, const struct df_mac *dst, const struct df_mac *src);

/* Has the packet one sender and one receiver, so that it may be answered at all? RFC 1122 3.2.2, RFC 4443 2.4 e. */
bool df_answer_is_unicast(const struct df_packet *parsed);
