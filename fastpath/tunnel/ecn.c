/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tunnel/ecn.h"

#include "fastpath/packet/checksum.h"

#define IP4_CHECKSUM_AT (RTE_ETHER_HDR_LEN + 10)
#define IP4_HEADER_MIN 20

static uint16_t load16(const uint8_t *at)
{
    uint16_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

static bool is_ip(const uint8_t *frame, uint32_t len)
{
    if (len < RTE_ETHER_HDR_LEN + IP4_HEADER_MIN)
        return false;
    uint16_t type = load16(frame + RTE_ETHER_HDR_LEN - 2);
    return type == RTE_BE16(RTE_ETHER_TYPE_IPV4) || type == RTE_BE16(RTE_ETHER_TYPE_IPV6);
}

bool df_ecn_decide(uint8_t outer, const uint8_t *frame, uint32_t len, uint8_t *ecn)
{
    uint8_t inner = df_ecn_of(frame, len);
    *ecn = inner;
    if (!is_ip(frame, len))
        return true;
    if (outer == DF_ECN_CE) {
        *ecn = DF_ECN_CE;
        return inner != DF_ECN_NOT_ECT;
    }
    if (outer == DF_ECN_ECT1 && inner == DF_ECN_ECT0)
        *ecn = DF_ECN_ECT1;
    return true;
}

void df_ecn_write(uint8_t outer, uint8_t *frame, uint32_t len)
{
    uint8_t ecn;
    uint8_t *first = frame + RTE_ETHER_HDR_LEN;
    if (!df_ecn_decide(outer, frame, len, &ecn) || ecn == df_ecn_of(frame, len))
        return;
    uint16_t before = load16(first);
    if (load16(frame + RTE_ETHER_HDR_LEN - 2) == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
        first[1] = (uint8_t)((first[1] & ~(DF_ECN_MASK << 4)) | ecn << 4);
        return;
    }
    first[1] = (uint8_t)((first[1] & ~DF_ECN_MASK) | ecn);
    rte_be16_t checksum = df_checksum_update(load16(frame + IP4_CHECKSUM_AT), before, load16(first));
    memcpy(frame + IP4_CHECKSUM_AT, &checksum, sizeof(checksum));
}
