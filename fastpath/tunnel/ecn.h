/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Explicit congestion notification across a tunnel (RFC 6040, normal mode): the outer header begins with the inner
 * packet's field, and what routers on the way wrote into it goes into the packet when the header is taken off.
 */

enum df_ecn { DF_ECN_NOT_ECT, DF_ECN_ECT1, DF_ECN_ECT0, DF_ECN_CE }; /* RFC 3168 section 5 */
#define DF_ECN_MASK 3

/** The field of the packet in a frame of which len bytes are there; 0 of what is not IP. */
static inline uint8_t df_ecn_of(const uint8_t *frame, uint32_t len)
{
    uint16_t type;
    if (unlikely(len < RTE_ETHER_HDR_LEN + 2))
        return DF_ECN_NOT_ECT;
    memcpy(&type, frame + RTE_ETHER_HDR_LEN - sizeof(type), sizeof(type));
    if (likely(type == RTE_BE16(RTE_ETHER_TYPE_IPV4)))
        return frame[RTE_ETHER_HDR_LEN + 1] & DF_ECN_MASK;
    return type == RTE_BE16(RTE_ETHER_TYPE_IPV6) ? frame[RTE_ETHER_HDR_LEN + 1] >> 4 & DF_ECN_MASK : DF_ECN_NOT_ECT;
}

/** May an outer header with this field say something that the packet inside does not say yet? Most do not. */
static inline bool df_ecn_may_tell(uint8_t outer)
{
    return outer & 1; /* ECT(1) or CE */
}

/**
 * What becomes of the field of the packet in a frame (RFC 6040 section 4.2).
 *
 * @param outer of the header that was taken off
 * @param frame of which len bytes are there
 * @param ecn   what the packet's is to be
 * @return false: the packet is to be dropped, because it was marked and who sent it would not see that
 */
bool df_ecn_decide(uint8_t outer, const uint8_t *frame, uint32_t len, uint8_t *ecn);

/** Does it, where df_ecn_decide() did not say that the packet is to be dropped. */
void df_ecn_write(uint8_t outer, uint8_t *frame, uint32_t len);
