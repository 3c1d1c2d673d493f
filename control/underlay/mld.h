/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/underlay/frames.h"

/*
 * Multicast listener discovery, MLDv2 (RFC 3810) and MLDv1 (RFC 2710): the node says that it listens to the group at
 * which it is asked for the MAC of its IPv6 address (the solicited-node group, RFC 4861 section 7.2.1), so that a
 * switch that snoops delivers neighbour discovery there.
 *
 * Invariants:
 * - There is one group, and at most one answer that waits: a query that comes meanwhile makes it no later.
 * - It speaks MLDv2, and MLDv1 until four minutes after the last query of that version (RFC 3810 section 8.2.1).
 * - Reports have no source address unless the node's own is link-local (RFC 3590): others are not to be seen in them.
 *
 * Control thread. Times are of the caller's clock, in milliseconds.
 */

/* What it knows; zeroes: nothing yet. */
struct df_mld {
    uint64_t v1_until_ms; /* a querier of that version was heard */
    uint64_t due_ms;      /* of the answer; 0: none waits */
    uint64_t queries, reports;
};

/* That it listens from now on, or that it does: the answer to a query. */
enum df_mld_record { DF_MLD_BEGINS = 4, DF_MLD_LISTENS = 2 };

/** Writes a report. self has an IPv6 address. Bytes of the frame. */
uint32_t df_mld_report(struct df_mld *mld, uint8_t frame[DF_FRAMES_MAX], const struct df_frames_self *self,
                       enum df_mld_record record, uint64_t now_ms);

/** A frame that may be a query; one that is for the group, or all groups, is to be answered after a while. */
void df_mld_hear(struct df_mld *mld, const uint8_t *frame, uint32_t len, const struct df_frames_self *self,
                 uint64_t now_ms);
