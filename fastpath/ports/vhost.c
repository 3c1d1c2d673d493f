/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/vhost.h"

#include <rte_mbuf.h>
#include <rte_vhost.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <urcu-qsbr.h>

#include "fastpath/ports/socket_path.h"
#include "fastpath/ports/vif_name.h"

#define PAIRS_MAX 16
#define RINGS_MAX (2 * PAIRS_MAX)
#define SOCKETS_MAX 1000
#define CONNECTIONS_MAX 2 /* per port */
#define NO_GUEST (-1)
#define NO_RING UINT16_MAX
#define PATH_LEN 108 /* of sun_path */

/* Virtio 1.2 section 5.1.2: ring 2p carries what the guest receives, ring 2p + 1 what it transmits. */
#define RX_OF_PAIR(PAIR) ((uint16_t)(2 * (PAIR)))
#define TX_OF_PAIR(PAIR) ((uint16_t)(2 * (PAIR) + 1))

/* Virtio 1.2 section 5.1.3: everything about checksums and segmentation. */
#define OFFLOADS                                                                                                       \
    (1ULL << VIRTIO_NET_F_CSUM | 1ULL << VIRTIO_NET_F_GUEST_CSUM | 1ULL << VIRTIO_NET_F_GSO |                          \
     1ULL << VIRTIO_NET_F_GUEST_TSO4 | 1ULL << VIRTIO_NET_F_GUEST_TSO6 | 1ULL << VIRTIO_NET_F_GUEST_ECN |              \
     1ULL << VIRTIO_NET_F_GUEST_UFO | 1ULL << VIRTIO_NET_F_HOST_TSO4 | 1ULL << VIRTIO_NET_F_HOST_TSO6 |                \
     1ULL << VIRTIO_NET_F_HOST_ECN | 1ULL << VIRTIO_NET_F_HOST_UFO)

struct vhost {
    /* Read by workers, written by the library's thread when the guest changes. */
    _Atomic int vid; /* NO_GUEST: no running guest, stay away from the library */
    struct rte_mempool *pool;
    _Atomic uint32_t rx_pairs[DF_PORT_QUEUES_MAX]; /* pairs that a receive queue polls, by bits */
    _Atomic uint16_t tx_ring[DF_PORT_QUEUES_MAX];  /* ring that a transmit queue fills, or NO_RING */

    /* Where each receive queue goes on, so that no pair starves another. One worker's each. */
    struct {
        uint32_t next;
    } __rte_cache_aligned rx[DF_PORT_QUEUES_MAX];

    /* Under vhosts.lock. */
    struct vhost *next __rte_cache_aligned;
    unsigned connections;
    char path[PATH_LEN];
    bool server;

    _Atomic bool closing;
    _Atomic bool connected;
    _Atomic bool too_many_pairs;
    uint16_t n_rxq, n_txq;
    uint16_t number;
    void (*changed)(void *arg, uint16_t number);
    void *changed_arg;
};

/*
 * A connection, by the library's number for it. A port can have two for a moment: a guest that was killed and started
 * again connects before the library has heard that the old connection is dead. The one whose driver came up last
 * counts.
 */
struct connection {
    struct vhost *vhost; /* NULL: none of ours */
    uint32_t enabled;    /* rings, by bits */
    bool too_many_pairs;
};

/* Every open port and connection. No worker takes the lock. */
static struct {
    pthread_mutex_t lock;
    struct vhost *first;
    unsigned places;
    struct connection connections[RTE_MAX_VHOST_DEVICE];
} vhosts = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct vhost *find_by_path(const char *path)
{
    struct vhost *vhost = vhosts.first;
    while (vhost && strcmp(vhost->path, path) != 0)
        vhost = vhost->next;
    return vhost;
}

static void notify(const struct vhost *vhost)
{
    if (vhost->changed)
        vhost->changed(vhost->changed_arg, vhost->number);
}

/* Deals the guest's enabled pairs out to our queues. Under the lock. */
static void deal(struct vhost *vhost, uint32_t enabled)
{
    uint32_t rx_pairs[DF_PORT_QUEUES_MAX] = {0};
    uint16_t tx_rings[PAIRS_MAX];
    unsigned n_tx = 0;
    unsigned n_rx = 0;
    for (unsigned pair = 0; pair < PAIRS_MAX; pair++) {
        if (enabled & 1u << TX_OF_PAIR(pair))
            rx_pairs[n_rx++ % vhost->n_rxq] |= 1u << pair;
        if (enabled & 1u << RX_OF_PAIR(pair))
            tx_rings[n_tx++] = RX_OF_PAIR(pair);
    }
    for (unsigned q = 0; q < vhost->n_rxq; q++)
        vhost->rx_pairs[q] = rx_pairs[q];
    for (unsigned q = 0; q < vhost->n_txq; q++)
        vhost->tx_ring[q] = n_tx ? tx_rings[q % n_tx] : NO_RING;
}

/* ---- The library's threads. A connection belongs to one of them at a time. */

static int on_new_connection(int vid)
{
    char path[PATH_LEN];
    if (rte_vhost_get_ifname(vid, path, sizeof(path)) != 0)
        return -1;
    pthread_mutex_lock(&vhosts.lock);
    struct vhost *vhost = find_by_path(path);
    bool taken = vhost && !vhost->closing && vhost->connections < CONNECTIONS_MAX;
    if (taken) {
        vhosts.connections[vid] = (struct connection){.vhost = vhost};
        vhost->connections++;
        vhost->connected = true;
    }
    pthread_mutex_unlock(&vhosts.lock);
    if (!taken)
        return -1;
    notify(vhost);
    return 0;
}

static void on_destroy_connection(int vid)
{
    pthread_mutex_lock(&vhosts.lock);
    struct vhost *vhost = vhosts.connections[vid].vhost;
    vhosts.connections[vid].vhost = NULL;
    if (vhost)
        vhost->connected = --vhost->connections > 0;
    pthread_mutex_unlock(&vhosts.lock);
    if (vhost)
        notify(vhost);
}

/* The guest's driver is up. Workers poll, so the guest need not kick. */
static int on_new_device(int vid)
{
    for (uint16_t ring = 0; ring < rte_vhost_get_vring_num(vid); ring++)
        rte_vhost_enable_guest_notification(vid, ring, 0);
    pthread_mutex_lock(&vhosts.lock);
    const struct connection *connection = &vhosts.connections[vid];
    struct vhost *vhost = connection->vhost;
    if (vhost) {
        deal(vhost, connection->enabled);
        vhost->too_many_pairs = connection->too_many_pairs;
        vhost->vid = vid;
    }
    pthread_mutex_unlock(&vhosts.lock);
    if (!vhost)
        return -1;
    notify(vhost);
    return 0;
}

/*
 * The guest's driver went down, or the guest did. The library unmaps its memory, and gives the vid to another guest,
 * after we return: no worker may be inside it then. The library holds none of its ring locks here, so a worker that
 * waits for one gets it. A port that is being closed has been through its grace period.
 */
static void on_destroy_device(int vid)
{
    pthread_mutex_lock(&vhosts.lock);
    struct vhost *vhost = vhosts.connections[vid].vhost;
    if (vhost && vhost->vid == vid)
        vhost->vid = NO_GUEST;
    pthread_mutex_unlock(&vhosts.lock);
    if (!vhost || vhost->closing)
        return;
    urcu_qsbr_synchronize_rcu();
    notify(vhost);
}

/* The library holds the locks of all rings: nothing here may wait for a worker. */
static int on_vring_state_changed(int vid, uint16_t ring, int enable)
{
    pthread_mutex_lock(&vhosts.lock);
    struct connection *connection = &vhosts.connections[vid];
    struct vhost *vhost = connection->vhost;
    if (ring >= RINGS_MAX)
        connection->too_many_pairs |= enable != 0;
    else if (enable)
        connection->enabled |= 1u << ring;
    else
        connection->enabled &= ~(1u << ring);
    if (vhost && vhost->vid == vid) {
        deal(vhost, connection->enabled);
        vhost->too_many_pairs = connection->too_many_pairs;
    }
    pthread_mutex_unlock(&vhosts.lock);
    return 0;
}

static const struct rte_vhost_device_ops callbacks = {
    .new_connection = on_new_connection,
    .destroy_connection = on_destroy_connection,
    .new_device = on_new_device,
    .destroy_device = on_destroy_device,
    .vring_state_changed = on_vring_state_changed,
};

/* ---- Control thread. */

static int enlist(struct vhost *vhost)
{
    unsigned places = vhost->server ? 2 : 1;
    int err = 0;
    pthread_mutex_lock(&vhosts.lock);
    if (find_by_path(vhost->path)) {
        err = -EADDRINUSE;
    } else if (vhosts.places + places > SOCKETS_MAX) {
        err = -E2BIG;
    } else {
        vhosts.places += places;
        vhost->next = vhosts.first;
        vhosts.first = vhost;
    }
    pthread_mutex_unlock(&vhosts.lock);
    return err;
}

static void delist(struct vhost *vhost)
{
    pthread_mutex_lock(&vhosts.lock);
    struct vhost **link = &vhosts.first;
    while (*link != vhost)
        link = &(*link)->next;
    *link = vhost->next;
    vhosts.places -= vhost->server ? 2 : 1;
    for (unsigned vid = 0; vid < RTE_MAX_VHOST_DEVICE; vid++)
        if (vhosts.connections[vid].vhost == vhost)
            vhosts.connections[vid].vhost = NULL;
    pthread_mutex_unlock(&vhosts.lock);
}

/*
 * The library waits here for its thread to leave our callbacks, and that thread may wait for all readers to be
 * quiescent, of which the caller can be one.
 */
static void unregister(const struct vhost *vhost)
{
    bool reader = urcu_qsbr_read_ongoing();
    if (reader)
        urcu_qsbr_thread_offline();
    rte_vhost_driver_unregister(vhost->path);
    if (reader)
        urcu_qsbr_thread_online();
}

static int serve(const struct vhost *vhost)
{
    uint64_t flags = RTE_VHOST_USER_LINEARBUF_SUPPORT | RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;
    if (!vhost->server)
        flags |= RTE_VHOST_USER_CLIENT;
    int err = vhost->server ? df_socket_path_prepare(vhost->path) : 0;
    if (err)
        return err;
    if (rte_vhost_driver_register(vhost->path, flags) != 0)
        return -ENOMEM;
    if (rte_vhost_driver_disable_features(vhost->path, OFFLOADS) != 0 ||
        rte_vhost_driver_callback_register(vhost->path, &callbacks) != 0 || rte_vhost_driver_start(vhost->path) != 0) {
        unregister(vhost);
        return -EIO;
    }
    return 0;
}

static struct vhost *new_vhost(const struct df_port_config *config)
{
    struct vhost *vhost =
        aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(*vhost), (size_t)RTE_CACHE_LINE_SIZE));
    if (!vhost)
        return NULL;
    memset(vhost, 0, sizeof(*vhost));
    vhost->vid = NO_GUEST;
    vhost->pool = config->pool;
    vhost->server = config->server;
    vhost->number = config->number;
    vhost->changed = config->changed;
    vhost->changed_arg = config->changed_arg;
    vhost->n_rxq = config->n_workers > DF_PORT_QUEUES_MAX ? DF_PORT_QUEUES_MAX : config->n_workers;
    if (!vhost->n_rxq)
        vhost->n_rxq = 1;
    vhost->n_txq = vhost->n_rxq;
    snprintf(vhost->path, sizeof(vhost->path), "%s", config->vif_name);
    deal(vhost, 0);
    return vhost;
}

static int vhost_open(struct df_port *port, const struct df_port_config *config)
{
    if (df_vif_name_check_socket(config->vif_name) != 0)
        return -EINVAL;
    struct vhost *vhost = new_vhost(config);
    if (!vhost)
        return -ENOMEM;
    int err = enlist(vhost);
    if (err)
        goto err_free;
    err = serve(vhost);
    if (err)
        goto err_delist;
    port->priv = vhost;
    port->n_rxq = vhost->n_rxq;
    port->n_txq = vhost->n_txq;
    return 0;

err_delist:
    delist(vhost);
err_free:
    free(vhost);
    return err;
}

static void vhost_close(struct df_port *port)
{
    struct vhost *vhost = port->priv;
    vhost->closing = true;
    unregister(vhost);
    delist(vhost);
    free(vhost);
}

static bool vhost_attached(const struct df_port *port, const char **detail)
{
    const struct vhost *vhost = port->priv;
    bool up = vhost->vid != NO_GUEST;
    if (!vhost->connected)
        *detail = vhost->server ? "no guest has connected" : "nobody listens on the socket yet";
    else if (!up)
        *detail = "the guest's driver is not up";
    else
        *detail = vhost->too_many_pairs ? "the guest has more than 16 queue pairs, some are not served" : "";
    return up;
}

static void vhost_counters(const struct df_port *port, struct df_port_counters *counters)
{
    (void)port;
    *counters = (struct df_port_counters){0};
}

/* ---- Workers. */

/* Polls these pairs in order; next is the one to begin with next time. */
static uint16_t poll(const struct vhost *vhost, int vid, uint32_t pairs, uint32_t *next, struct rte_mbuf **mbufs,
                     uint16_t n)
{
    uint16_t got = 0;
    for (; pairs && got < n; pairs &= pairs - 1) {
        unsigned pair = (unsigned)__builtin_ctz(pairs);
        got = (uint16_t)(got +
                         rte_vhost_dequeue_burst(vid, TX_OF_PAIR(pair), vhost->pool, mbufs + got, (uint16_t)(n - got)));
        *next = pair + 1;
    }
    return got;
}

static uint16_t vhost_rx(struct df_port *port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
    struct vhost *vhost = port->priv;
    int vid = atomic_load_explicit(&vhost->vid, memory_order_acquire);
    if (vid == NO_GUEST)
        return 0;
    uint32_t pairs = atomic_load_explicit(&vhost->rx_pairs[queue], memory_order_relaxed);
    uint32_t *next = &vhost->rx[queue].next;
    uint32_t later = pairs & UINT32_MAX << *next;
    uint16_t got = poll(vhost, vid, later, next, mbufs, n);
    return (uint16_t)(got + poll(vhost, vid, pairs & ~later, next, mbufs + got, (uint16_t)(n - got)));
}

/* The library copies, so what it took is ours to free. */
static uint16_t vhost_tx(struct df_port *port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
    struct vhost *vhost = port->priv;
    int vid = atomic_load_explicit(&vhost->vid, memory_order_acquire);
    uint16_t ring = atomic_load_explicit(&vhost->tx_ring[queue], memory_order_relaxed);
    if (vid == NO_GUEST || ring == NO_RING)
        return 0;
    uint16_t sent = rte_vhost_enqueue_burst(vid, ring, mbufs, n);
    rte_pktmbuf_free_bulk(mbufs, sent);
    return sent;
}

const struct df_port_ops df_port_vhostuser = {
    .vif_type = "vhostuser",
    .open = vhost_open,
    .close = vhost_close,
    .rx = vhost_rx,
    .tx = vhost_tx,
    .attached = vhost_attached,
    .counters = vhost_counters,
};
