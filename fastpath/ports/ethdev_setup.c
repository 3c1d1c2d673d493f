/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/ethdev_setup.h"

#include <rte_ethdev.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fastpath/buffers.h"

#define DESCRIPTORS 2048 /* 0.2 ms of 10 million packets a second: a worker loses its core for a moment */
#define RSS_HASHES (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP)

/* Where a driver's own limits are not the whole truth. */
static const struct quirk {
    const char *driver;
    uint16_t descriptors; /* 0: DESCRIPTORS */
    uint16_t queues;      /* 0: what it says */
    uint16_t own_buffers; /* per queue; 0: those of everybody */
} quirks[] = {
    /* It keeps a packet buffer per descriptor for one scattered frame, and its queues need cls_flower for RSS. */
    {"net_tap", 1, 1, 0},
    /* The peer decides how many rings there are; a queue without one would write into another's ring. */
    {"net_memif", 0, 1, 0},
    /* When it closes it forgets the 2,048 buffers that it gave to the kernel, and those in its rings. */
    {"net_af_xdp", 512, 0, 4096},
};

static const struct quirk *find_quirk(const struct rte_eth_dev_info *info)
{
    static const struct quirk none = {0};
    for (unsigned i = 0; i < RTE_DIM(quirks); i++)
        if (strcmp(quirks[i].driver, info->driver_name) == 0)
            return &quirks[i];
    return &none;
}

static uint16_t queues(uint16_t workers, uint16_t limit, const struct quirk *quirk)
{
    uint16_t n = quirk->queues ? quirk->queues : DF_PORT_QUEUES_MAX;
    if (n > limit)
        n = limit;
    if (n > workers)
        n = workers;
    return n ? n : 1;
}

static bool mtu_is_possible(const struct rte_eth_dev_info *info, uint16_t mtu)
{
    uint32_t overhead = info->max_mtu != UINT16_MAX && info->max_rx_pktlen > info->max_mtu
                            ? info->max_rx_pktlen - info->max_mtu
                            : RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
    return mtu >= info->min_mtu && mtu <= info->max_mtu && mtu + overhead <= info->max_rx_pktlen;
}

static int configure(uint16_t id, const struct rte_eth_dev_info *info, const struct df_port *port)
{
    struct rte_eth_conf conf = {0};
    if (mtu_is_possible(info, port->mtu))
        conf.rxmode.mtu = port->mtu;
    conf.intr_conf.lsc = (*info->dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
    uint64_t hashes = info->flow_type_rss_offloads & RSS_HASHES;
    if (port->n_rxq > 1 && hashes) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = hashes;
    }
    return rte_eth_dev_configure(id, port->n_rxq, port->n_txq, &conf);
}

/* af_xdp says EINVAL whatever it was; errno still has what the kernel said. */
static int set_up_queues(uint16_t id, struct rte_mempool *pool, const struct quirk *quirk, const struct df_port *port)
{
    uint16_t n_rx = quirk->descriptors ? quirk->descriptors : DESCRIPTORS;
    uint16_t n_tx = n_rx;
    int err = rte_eth_dev_adjust_nb_rx_tx_desc(id, &n_rx, &n_tx);
    errno = 0;
    unsigned socket = (unsigned)rte_eth_dev_socket_id(id);
    for (uint16_t q = 0; q < port->n_rxq && !err; q++)
        err = rte_eth_rx_queue_setup(id, q, n_rx, socket, NULL, pool);
    for (uint16_t q = 0; q < port->n_txq && !err; q++)
        err = rte_eth_tx_queue_setup(id, q, n_tx, socket, NULL);
    return err && errno == EBUSY ? -EBUSY : err;
}

static struct rte_mempool *make_pool(const struct df_port *port, const struct quirk *quirk, struct rte_mempool *model)
{
    char name[RTE_MEMPOOL_NAMESIZE];
    snprintf(name, sizeof(name), "df_port_%u", port->number);
    return df_buffers_new(name, (unsigned)quirk->own_buffers * port->n_rxq, 0, rte_pktmbuf_priv_size(model),
                          rte_pktmbuf_data_room_size(model));
}

static int start(uint16_t id, const struct rte_eth_dev_info *info, const struct df_port *port, struct rte_mempool *pool)
{
    int err = configure(id, info, port);
    if (!err)
        err = set_up_queues(id, pool, find_quirk(info), port);
    if (err)
        return err;
    /* A driver without them works at its own MTU, and takes every frame anyway. */
    rte_eth_dev_set_mtu(id, port->mtu);
    rte_eth_promiscuous_enable(id);
    return rte_eth_dev_start(id);
}

/* As start(), for a driver that does not clean up behind itself. */
static int start_with_own(uint16_t id, const struct rte_eth_dev_info *info, const struct df_port_config *config,
                          const struct df_port *port, struct df_ethdev_own *own)
{
    struct df_xdp_socket known[RTE_MAX_ETHPORTS * DF_PORT_QUEUES_MAX];
    own->pool = make_pool(port, find_quirk(info), config->pool);
    if (!own->pool)
        return -ENOMEM;
    unsigned n_known = df_xdp_sockets(NULL, 0, known, RTE_DIM(known));
    int err = start(id, info, port, own->pool);
    own->n_sockets = df_xdp_sockets(known, n_known, own->sockets, RTE_DIM(own->sockets));
    return err;
}

int df_ethdev_start(uint16_t id, const struct df_port_config *config, struct df_port *port, struct df_ethdev_own *own)
{
    struct rte_eth_dev_info info;
    *own = (struct df_ethdev_own){0};
    int err = rte_eth_dev_info_get(id, &info);
    if (err)
        return err;
    const struct quirk *quirk = find_quirk(&info);
    port->n_rxq = queues(config->n_workers, info.max_rx_queues, quirk);
    port->n_txq = queues(config->n_workers, info.max_tx_queues, quirk);
    port->tx_shared = port->n_txq < config->n_workers;
    return quirk->own_buffers ? start_with_own(id, &info, config, port, own) : start(id, &info, port, config->pool);
}

void df_ethdev_own_free(struct df_ethdev_own *own)
{
    df_xdp_sockets_close(own->sockets, own->n_sockets);
    rte_mempool_free(own->pool);
}
