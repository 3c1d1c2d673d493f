/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/buffers.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

static int populate(struct rte_mempool *pool, uint16_t priv, uint16_t room)
{
    struct rte_pktmbuf_pool_private config = {.mbuf_data_room_size = room, .mbuf_priv_size = priv};
    int err = rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL);
    if (err)
        return err;
    rte_pktmbuf_pool_init(pool, &config);
    err = rte_mempool_populate_default(pool);
    if (err < 0)
        return err;
    rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
    return 0;
}

struct rte_mempool *df_buffers_new(const char *name, unsigned n, unsigned cache, uint16_t priv, uint16_t room)
{
    if (rte_eal_has_hugepages())
        return rte_pktmbuf_pool_create(name, n, cache, priv, room, SOCKET_ID_ANY);
    unsigned size = (unsigned)sizeof(struct rte_mbuf) + priv + room;
    struct rte_mempool *pool = rte_mempool_create_empty(name, n, size, cache, sizeof(struct rte_pktmbuf_pool_private),
                                                        SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
    if (!pool)
        return NULL;
    int err = populate(pool, priv, room);
    if (err) {
        rte_mempool_free(pool);
        rte_errno = -err;
        return NULL;
    }
    return pool;
}
