/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/answer/writers.h"

#include <rte_arp.h>
#include <rte_byteorder.h>

/* RFC 826: "swap hardware and protocol fields, putting the local addresses in the sender fields". */
enum df_drop df_answer_arp(struct rte_mbuf *mbuf, const struct df_packet *parsed, const struct df_walk *walk)
{
    if (!(parsed->bits & DF_PACKET_ARP) || parsed->arp.op != RTE_ARP_OP_REQUEST)
        return DF_DROP_ANSWER_NONE;
    const struct df_mac *mac = &walk->verdict.answer_mac;
    uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
    df_answer_ethernet(frame, &parsed->arp.sha, mac);

    struct rte_arp_hdr *arp = (void *)(frame + parsed->l3_offset);
    arp->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
    memcpy(&arp->arp_data.arp_sha, mac, sizeof(*mac));
    memcpy(&arp->arp_data.arp_tha, &parsed->arp.sha, sizeof(parsed->arp.sha));
    arp->arp_data.arp_sip = parsed->arp.tpa;
    arp->arp_data.arp_tip = parsed->arp.spa;
    return DF_DROP_NONE;
}
