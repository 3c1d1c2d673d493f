/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/ethdev.h"

#include <rte_ethdev.h>

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastpath/ports/ethdev_plug.h"
#include "fastpath/ports/ethdev_setup.h"
#include "fastpath/ports/guest_devargs.h"
#include "fastpath/ports/netdev.h"

#define DRAIN_BURST 32
#define DRAIN_BURSTS_MAX 256 /* a device that receives without end is left alone then */

struct ethdev {
    uint16_t id;
    uint16_t number;          /* of the port */
    _Atomic bool removed;     /* the hardware was pulled out */
    struct rte_mempool *pool; /* what workers get */
    struct df_ethdev_own own;
    _Atomic uint64_t lost;   /* pool was empty */
    struct df_netdev netdev; /* the kernel's device behind it */
    int tap_file;            /* the driver's, of a tap device; -1: none */
    bool client;             /* memif */
    bool was_down;           /* at the last look */
    void (*changed)(void *arg, uint16_t number);
    void *changed_arg;
};

/* DPDK's interrupt thread. */
static int on_event(uint16_t id, enum rte_eth_event_type event, void *arg, void *ret)
{
    struct ethdev *dev = arg;
    (void)id;
    (void)ret;
    if (event == RTE_ETH_EVENT_INTR_RMV)
        dev->removed = true;
    if (dev->changed)
        dev->changed(dev->changed_arg, dev->number);
    return 0;
}

static int watch(struct ethdev *dev)
{
    int err = rte_eth_dev_callback_register(dev->id, RTE_ETH_EVENT_INTR_LSC, on_event, dev);
    return err ? err : rte_eth_dev_callback_register(dev->id, RTE_ETH_EVENT_INTR_RMV, on_event, dev);
}

/* -EAGAIN: the callback runs right now. */
static void unwatch(struct ethdev *dev)
{
    while (rte_eth_dev_callback_unregister(dev->id, RTE_ETH_EVENT_INTR_LSC, on_event, dev) == -EAGAIN)
        sched_yield();
    while (rte_eth_dev_callback_unregister(dev->id, RTE_ETH_EVENT_INTR_RMV, on_event, dev) == -EAGAIN)
        sched_yield();
}

static int start_error(const struct df_port_config *config, int err)
{
    if (err == -1 && strcmp(config->vif_type, "memif") == 0 && !config->server)
        return -ECONNREFUSED;
    return err == -1 ? -ENODEV : err;
}

static int ethdev_open(struct df_port *port, const struct df_port_config *config)
{
    char devargs[DF_DEVARGS_MAX];
    struct ethdev *dev = calloc(1, sizeof(*dev));
    if (!dev)
        return -ENOMEM;
    dev->number = config->number;
    dev->client = !config->server;
    dev->tap_file = -1;
    dev->pool = config->pool;
    dev->changed = config->changed;
    dev->changed_arg = config->changed_arg;
    int err = df_guest_devargs(config, devargs);
    if (err)
        goto err_dev;
    err = df_ethdev_plug(devargs, &dev->id);
    if (err)
        goto err_dev;
    err = watch(dev);
    if (err)
        goto err_plug;
    err = df_ethdev_start(dev->id, config, port, &dev->own);
    if (err)
        goto err_plug;
    rte_eth_macaddr_get(dev->id, (struct rte_ether_addr *)port->mac.byte);
    port->priv = dev;
    return 0;

err_plug:
    unwatch(dev);
    df_ethdev_unplug(dev->id);
    df_ethdev_own_free(&dev->own);
    err = start_error(config, err);
err_dev:
    free(dev);
    return err;
}

/* Taken before the driver takes it: if it is another one by then, the next look finds out. */
static int netdev_open(struct df_port *port, const struct df_port_config *config)
{
    struct df_netdev netdev;
    df_netdev_take(&netdev, config->vif_name ? config->vif_name : "");
    int err = ethdev_open(port, config);
    if (err)
        return err;
    df_netdev_silence(config->vif_name);
    ((struct ethdev *)port->priv)->netdev = netdev;
    return 0;
}

static int tap_open(struct df_port *port, const struct df_port_config *config)
{
    int before[DF_TAP_FILES_MAX], now[DF_TAP_FILES_MAX];
    unsigned n_before = df_tap_files(before);
    int err = ethdev_open(port, config);
    if (err)
        return err;
    struct ethdev *dev = port->priv;
    df_netdev_take(&dev->netdev, config->vif_name);
    dev->tap_file = df_tap_file_new(before, n_before, now, df_tap_files(now));
    return 0;
}

/* No buffer of own.pool leaves this file, so the pool can go with the port. */
static uint16_t copy_out(struct ethdev *dev, struct rte_mbuf **mbufs, uint16_t n)
{
    uint16_t copied = 0;
    for (uint16_t i = 0; i < n; i++) {
        struct rte_mbuf *copy = rte_pktmbuf_copy(mbufs[i], dev->pool, 0, UINT32_MAX);
        rte_pktmbuf_free(mbufs[i]);
        if (copy)
            mbufs[copied++] = copy;
    }
    if (copied < n)
        dev->lost += (uint64_t)(n - copied);
    return copied;
}

static uint16_t ethdev_rx(struct df_port *port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
    struct ethdev *dev = port->priv;
    uint16_t got = rte_eth_rx_burst(dev->id, queue, mbufs, n);
    return unlikely(dev->own.pool != NULL) ? copy_out(dev, mbufs, got) : got;
}

static uint16_t ethdev_tx(struct df_port *port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
    const struct ethdev *dev = port->priv;
    return rte_eth_tx_burst(dev->id, queue, mbufs, n);
}

/* Not every driver frees what still waits in its rings (net_ring does not). */
static void drain(struct df_port *port)
{
    struct rte_mbuf *mbufs[DRAIN_BURST];
    for (uint16_t q = 0; q < port->n_rxq; q++)
        for (unsigned i = 0; i < DRAIN_BURSTS_MAX; i++) {
            uint16_t n = ethdev_rx(port, q, mbufs, DRAIN_BURST);
            rte_pktmbuf_free_bulk(mbufs, n);
            if (n == 0)
                break;
        }
}

static void ethdev_close(struct df_port *port)
{
    struct ethdev *dev = port->priv;
    unwatch(dev);
    drain(port);
    df_ethdev_unplug(dev->id);
    df_ethdev_own_free(&dev->own);
    free(dev);
}

static bool ethdev_attached(const struct df_port *port, const char **detail)
{
    const struct ethdev *dev = port->priv;
    struct rte_eth_link link = {0};
    bool up = !dev->removed && rte_eth_link_get_nowait(dev->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
    *detail = up ? "" : dev->removed ? "the device is gone" : "link is down";
    return up;
}

/* The drivers on kernel devices call every link up. */
static bool netdev_attached(const struct df_port *port, const char **detail)
{
    static const char *const text[] = {
        [DF_NETDEV_GONE] = "the device is gone",
        [DF_NETDEV_DOWN] = "the device is down",
        [DF_NETDEV_NO_CARRIER] = "the device's peer is down",
        [DF_NETDEV_UP] = "",
    };
    const struct ethdev *dev = port->priv;
    enum df_netdev_state state = df_netdev_is_gone(&dev->netdev) ? DF_NETDEV_GONE : df_netdev_state(dev->netdev.name);
    *detail = text[state];
    return state == DF_NETDEV_UP;
}

static bool ethdev_gone(const struct df_port *port)
{
    return ((const struct ethdev *)port->priv)->removed;
}

static bool netdev_gone(const struct df_port *port)
{
    return df_netdev_is_gone(&((const struct ethdev *)port->priv)->netdev);
}

static bool tap_gone(const struct df_port *port)
{
    const struct ethdev *dev = port->priv;
    return dev->tap_file >= 0 && df_tap_is_gone(dev->tap_file);
}

/* A client connects once. It may do so from one look to the next. */
static bool memif_gone(const struct df_port *port)
{
    struct ethdev *dev = port->priv;
    const char *detail;
    bool is_down = dev->client && !ethdev_attached(port, &detail);
    bool was_down = dev->was_down;
    dev->was_down = is_down;
    return is_down && was_down;
}

/* A tap device that is not here was moved to where its guest is, if it is at all. */
static bool tap_attached(const struct df_port *port, const char **detail)
{
    const struct ethdev *dev = port->priv;
    if (tap_gone(port) || !df_netdev_is_gone(&dev->netdev))
        return netdev_attached(port, detail);
    *detail = "in another network namespace";
    return true;
}

static void ethdev_counters(const struct df_port *port, struct df_port_counters *counters)
{
    const struct ethdev *dev = port->priv;
    struct rte_eth_stats stats = {0};
    rte_eth_stats_get(dev->id, &stats);
    *counters = (struct df_port_counters){.rx_missed = stats.imissed + stats.rx_nombuf + dev->lost,
                                          .rx_errors = stats.ierrors,
                                          .tx_errors = stats.oerrors};
}

#define OPS(VIF_TYPE, OPEN, ATTACHED, GONE)                                                                            \
    {                                                                                                                  \
        .vif_type = VIF_TYPE, .open = OPEN, .close = ethdev_close, .rx = ethdev_rx, .tx = ethdev_tx,                   \
        .attached = ATTACHED, .gone = GONE, .counters = ethdev_counters                                                \
    }

const struct df_port_ops df_port_tap = OPS("tap", tap_open, tap_attached, tap_gone);
const struct df_port_ops df_port_veth = OPS("veth", netdev_open, netdev_attached, netdev_gone);
const struct df_port_ops df_port_afxdp = OPS("afxdp", netdev_open, netdev_attached, netdev_gone);
const struct df_port_ops df_port_memif = OPS("memif", ethdev_open, ethdev_attached, memif_gone);
const struct df_port_ops df_port_ethdev = OPS("ethdev", ethdev_open, ethdev_attached, ethdev_gone);
