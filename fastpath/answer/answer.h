/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/walk.h"

/*
 * Answers written into the packet itself: ARP and ND for known neighbours, ICMP echo for router addresses, ICMP errors.
 *
 * The walk decided what is due (df_verdict.answer*); these functions only write it. They run on a worker and never
 * allocate: the packet becomes its own answer, to be sent out of the port it came from.
 */

/**
 * Turns the mbuf into the answer that walk->verdict asks for.
 * The mbuf is the caller's alone and its headers lie in the first segment; parsed is what was on the wire, before the
 * walk rewrote its copy. VLAN tags stay. What was asked of the device (checksums, segmentation) is cleared.
 *
 * @return DF_DROP_NONE, DF_DROP_ANSWER_NONE (none is due), DF_DROP_NO_MBUF (no head or tail room); the mbuf may then
 *         not be sent
 */
enum df_drop df_answer_write(struct rte_mbuf *mbuf, const struct df_packet *parsed, const struct df_walk *walk);
