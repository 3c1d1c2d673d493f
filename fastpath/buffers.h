/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_mempool.h>
#include <stdint.h>

/**
 * Makes a pool of packet buffers in one piece, as rte_pktmbuf_pool_create() does.
 *
 * Without hugepages that function lets no buffer cross the end of a 4 KiB page: it takes 4 KiB for a buffer of 2.5, and
 * net_af_xdp, which reckons with the buffers' size, shows the kernel only part of the pool. Here they lie close
 * together; the price is that they have no IOVA, which no device needs that works without hugepages.
 *
 * @param cache buffers that an lcore keeps; at most n / 1.5
 * @param priv  bytes between struct rte_mbuf and the buffer
 * @param room  bytes of the buffer, with its headroom
 * @return the pool, or NULL and rte_errno
 */
struct rte_mempool *df_buffers_new(const char *name, unsigned n, unsigned cache, uint16_t priv, uint16_t room);
