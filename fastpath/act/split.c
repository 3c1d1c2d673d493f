/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/act/split.h"

#include <errno.h>
#include <rte_ip_frag.h>

#include "fastpath/packet/checksum.h"

/*
 * librte_ip_frag copies only those options into later fragments that say so (RFC 791 section 3.1), and carries MF and
 * offset of what is a fragment already over. It takes a packet without anything in front, leaves checksums to the device,
 * and looks whether the payload fits into a buffer but not the header: hence what is around it here.
 */
static int split_ip4(struct rte_mbuf *packet, uint16_t mtu, struct rte_mempool *pool, struct rte_mbuf **pieces)
{
    uint32_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
    uint16_t longest = (uint16_t)RTE_MIN((uint32_t)mtu, room);
    int n = rte_ipv4_fragment_copy_nonseg_packet(packet, pieces, DF_SPLIT_MAX, longest, pool);
    return n == -ENOMEM ? -ENOBUFS : n < 0 ? -EMSGSIZE : n;
}

static bool finish(struct rte_mbuf *piece, const void *l2, uint16_t l2_len)
{
    struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod(piece, struct rte_ipv4_hdr *);
    ip->hdr_checksum = df_checksum(ip, rte_ipv4_hdr_len(ip));
    piece->l3_len = 0; /* it asks nothing of the device */
    void *front = rte_pktmbuf_prepend(piece, l2_len);
    if (front != NULL)
        memcpy(front, l2, l2_len);
    return front != NULL;
}

int df_split(const struct rte_mbuf *mbuf, const struct df_split *split, struct rte_mempool *pool,
             struct rte_mbuf **pieces)
{
    if (split->l3_len <= split->mtu) {
        pieces[0] = rte_pktmbuf_copy(mbuf, pool, 0, (uint32_t)split->l2_len + split->l3_len);
        return pieces[0] != NULL ? 1 : -ENOBUFS;
    }
    struct rte_mbuf packet = *mbuf; /* as the library wants it; it only reads */
    packet.data_off = (uint16_t)(mbuf->data_off + split->l2_len);
    packet.data_len = split->l3_len;
    packet.pkt_len = split->l3_len;
    int n = split_ip4(&packet, split->mtu, pool, pieces);
    for (int i = 0; i < n; i++) {
        if (!finish(pieces[i], rte_pktmbuf_mtod(mbuf, const void *), split->l2_len)) {
            rte_pktmbuf_free_bulk(pieces, (unsigned)n);
            return -ENOBUFS;
        }
    }
    return n;
}
