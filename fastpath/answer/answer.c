/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/answer/answer.h"
#include "fastpath/answer/writers.h"

bool df_answer_resize(struct rte_mbuf *mbuf, uint32_t len)
{
    if (len > (uint32_t)mbuf->data_len + rte_pktmbuf_tailroom(mbuf))
        return false;
    if (mbuf->next != NULL) {
        rte_pktmbuf_free(mbuf->next);
        mbuf->next = NULL;
        mbuf->nb_segs = 1;
    }
    mbuf->data_len = (uint16_t)len;
    mbuf->pkt_len = len;
    return true;
}

void df_answer_ethernet(uint8_t *frame, const struct df_mac *dst, const struct df_mac *src)
{
    memcpy(frame, dst, sizeof(*dst));
    memcpy(frame + sizeof(*dst), src, sizeof(*src));
}

bool df_answer_is_unicast(const struct df_packet *parsed)
{
    bool class_e = (parsed->bits & DF_PACKET_IP4) && parsed->ip_src.byte[12] >= 240;
    bool unspecified = (parsed->bits & DF_PACKET_IP4) ? parsed->ip_src.byte[12] == 0 : df_ip_is_zero(&parsed->ip_src);
    return !class_e && !unspecified && !df_ip_is_never_source(&parsed->ip_src) &&
           !df_ip_is_never_source(&parsed->ip_dst) && !df_mac_is_group(&parsed->eth_dst);
}

static enum df_drop write_answer(struct rte_mbuf *mbuf, const struct df_packet *parsed, const struct df_walk *walk)
{
    switch (walk->verdict.answer) {
    case DF_ANSWER_ARP:
        return df_answer_arp(mbuf, parsed, walk);
    case DF_ANSWER_ND:
        return df_answer_nd(mbuf, parsed, walk);
    case DF_ANSWER_ECHO:
        return df_answer_echo(mbuf, parsed);
    case DF_ANSWER_ICMP_ERROR:
        return df_answer_icmp_error(mbuf, parsed, walk);
    default:
        return DF_DROP_ANSWER_NONE;
    }
}

enum df_drop df_answer_write(struct rte_mbuf *mbuf, const struct df_packet *parsed, const struct df_walk *walk)
{
    enum df_drop drop = write_answer(mbuf, parsed, walk);
    if (drop != DF_DROP_NONE)
        return drop;
    /* What the sender asked of its device (a checksum, segmentation) was for the packet that is gone. */
    mbuf->ol_flags &= RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
    mbuf->tx_offload = 0;
    mbuf->packet_type = 0;
    return DF_DROP_NONE;
}
