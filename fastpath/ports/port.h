/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_mbuf.h>
#include <rte_spinlock.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fastpath/packet/addr.h"

/*
 * Ports: where workers get packets from and put them.
 *
 * Our own operations table and not ethdev ids, because a node has hundreds of guests and DPDK is built for 32 ethdevs.
 *
 * Life of a port: df_port_open() on the control thread; df_ports_publish() makes workers see it (they poll its receive
 * queues and may transmit); df_ports_withdraw() hides it; after a grace period, when no worker can be inside its rx or
 * tx any more, the control thread calls df_port_close(). Nothing in between stops a worker.
 *
 * rx: one worker per queue, never two at once. tx: any worker; a queue that workers share has its lock.
 */

#define DF_PORTS_MAX 1024 /* port numbers 1 to 1023; 0 is none */
#define DF_PORT_QUEUES_MAX 16
#define DF_PORT_FRAME_OVERHEAD 22 /* Ethernet header and two tags: a frame is this much longer than the mtu */

struct df_port;

struct df_port_config {
    uint16_t number;
    const char *name;
    const char *vif_type;
    const char *vif_name;
    bool server;
    uint16_t mtu;             /* 0: 1500 */
    const struct df_mac *mac; /* tap: that the device is to have; NULL: one of its own */
    uint16_t n_workers;       /* transmit queues wanted, and receive queues where the device has several */
    const char *devargs;      /* ethdev only: from the daemon's own configuration */
    struct rte_mempool *pool; /* receive buffers */
    /** Called on any thread when attachment or link changes; must only wake the control thread. */
    void (*changed)(void *arg, uint16_t number);
    void *changed_arg;
};

struct df_port_counters {
    uint64_t rx_missed, rx_errors, tx_errors; /* what the device itself lost */
};

struct df_port_ops {
    const char *vif_type;
    int (*open)(struct df_port *port, const struct df_port_config *config);
    void (*close)(struct df_port *port); /* after the grace period; control thread */
    uint16_t (*rx)(struct df_port *port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n);
    /* Takes the first mbufs, as many as it returns; the caller frees the rest. */
    uint16_t (*tx)(struct df_port *port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n);
    /* detail is text that stays. */
    bool (*attached)(const struct df_port *port, const char **detail);
    /*
     * The device is not there any more, and will not come back to this port: close it, and open it again later. Asked
     * once in a while; may be NULL.
     */
    bool (*gone)(const struct df_port *port);
    void (*counters)(const struct df_port *port, struct df_port_counters *counters);
    /* A handle can be opened for nothing but itself: no thread of its own touches mbufs. */
};

struct df_port {
    const struct df_port_ops *ops;
    void *priv;
    uint16_t number;
    uint16_t n_rxq;
    uint16_t n_txq;
    uint16_t mtu;
    struct df_mac mac; /* the device's own, for the underlay; zero: it has none */
    bool tx_shared;    /* fewer transmit queues than workers: take the lock */
    rte_spinlock_t tx_lock[DF_PORT_QUEUES_MAX];
    char name[64];
    char vif_type[16];
};

/**
 * Opens a port of config->vif_type. Control thread.
 *
 * @return 0, -EPROTONOSUPPORT (no such vif_type), -EINVAL (number, or vif_name is not one that can be), -ENODEV (no
 *         such device, or its driver refused it), -EBUSY (another port has the device, or the kernel still does: try
 *         again), -EADDRINUSE (socket path is taken), -ECONNREFUSED (memif as client: no server), -EMSGSIZE (mtu is
 *         over the packet buffers' size), -EACCES, -ENOENT (socket's folder), -ENOMEM (no buffers or queues), -E2BIG
 *         (no ethdev or vhost slot left), or what the device said
 */
int df_port_open(const struct df_port_config *config, struct df_port **port);
void df_port_close(struct df_port *port);

/** The operations for a vif_type, or NULL. */
const struct df_port_ops *df_port_ops_find(const char *vif_type);

/** Adds a type, or takes the place of a built-in one, as tests do. Control thread. 0, -EEXIST, -ENOSPC. */
int df_port_ops_register(const struct df_port_ops *ops);
