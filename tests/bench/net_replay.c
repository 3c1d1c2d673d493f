/* SPDX-License-Identifier: Apache-2.0 */

/*
 * net_replay: a DPDK port that receives the frames of a pcap file over and over and swallows what is
 * sent to it, at about the cost of a port with DMA: receiving is a bulk allocation and one copy a frame,
 * sending is a bulk free. It exists to measure what lies between the two.
 *
 * Device arguments, all optional:
 *   pcap=FILE         the frames to receive; without it the port receives nothing
 *   copy=BYTES        copy only the head of each frame, for long ones: a NIC copies with no core's time
 *   repeat=N          receive each frame N times before the next one
 *   every=N           receive a burst for N bursts that come by the port without this, there being one, only ...
 *   phase=K           ... and the first one after K of those
 *   mac=MAC           the port's address; a random one if not said
 *   ctl=FILE          the control page, see replay_ctl.h; without it the port runs from the start
 *   line=K            the first of the port's lines in that page, 0 if not said
 *   capture=FILE      write the first frames sent to the port to this pcap file ...
 *   capture_frames=N  ... so many of them, 1000 if not said
 *   watch_mac=1       count where the destination MAC of what is sent to the port changes, and note when
 */

#include "replay_ctl.h"
#include "replay_file.h"
#include "replay_log.h"

#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_kvargs.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CAPTURE_FRAMES_DEFAULT 1000

RTE_LOG_REGISTER_DEFAULT(replay_logtype, NOTICE)

struct rx_queue {
    const struct frame *next;
    uint64_t left;       /* frames of this run still to come */
    uint64_t run;        /* the control page's number when this run began */
    uint32_t frame_left; /* times that the next frame is still to come */
    uint64_t turn;       /* pull mode: that many bursts of the fast ports come before the next one */
    uint64_t wakes;      /* the control page's number when ... */
    uint64_t next_tsc;   /* ... paced frames began to arrive: when the next one does */
    const struct replay_port *port;
    struct replay_ctl *ctl;
    /* Second line. */
    struct replay_counters *counters;
    struct rte_mempool *pool;
    const struct frame *start;
    uint16_t descriptors;
    uint16_t port_id;
    struct share *share;
} __rte_cache_aligned;

/*
 * Bursts that queues with the same number received in pull mode: by one thread, as a thread has one queue of each port.
 * `fast` are those of the port without `every`, `slow` those of all others together.
 */
struct share {
    uint64_t run;
    uint64_t fast, slow;
    bool has_fast, has_slow; /* such a port receives anything in this run */
    bool over;               /* one has received all of its passes */
} __rte_cache_aligned;

static struct share shares[REPLAY_QUEUES_MAX];

struct tx_queue {
    struct replay_counters *counters;
    struct capture *capture;
    bool watch_mac;
    struct rte_ether_addr mac; /* that the last frame went to */
} __rte_cache_aligned;

struct replay_port {
    struct rx_queue rx[REPLAY_QUEUES_MAX];
    struct tx_queue tx[REPLAY_QUEUES_MAX];
    struct frames frames;
    struct capture capture;
    struct replay_ctl *ctl;
    struct rte_ether_addr mac;
    uint32_t line;   /* its first one in the control page */
    uint32_t copy;   /* bytes */
    uint32_t repeat; /* times */
    uint32_t every, phase;
    bool watch_mac;
};

static inline void count_burst(struct replay_counters *counters, uint64_t packets, uint64_t bytes)
{
    uint64_t now = rte_rdtsc();

    if (unlikely(counters->first_tsc == 0))
        counters->first_tsc = now;
    __atomic_store_n(&counters->packets, counters->packets + packets, __ATOMIC_RELAXED);
    __atomic_store_n(&counters->bytes, counters->bytes + bytes, __ATOMIC_RELAXED);
    __atomic_store_n(&counters->last_tsc, now, __ATOMIC_RELAXED);
}

static bool is_muted(const struct rx_queue *queue)
{
    return (__atomic_load_n(&queue->ctl->muted, __ATOMIC_RELAXED) >> queue->port->line & 1) != 0;
}

/* The queue takes part in the shares of this run. */
static void share_join(struct rx_queue *queue)
{
    struct share *share = queue->share;

    if (share->run != queue->run)
        *share = (struct share){.run = queue->run};
    if (queue->port->every == 1)
        share->has_fast = true;
    else
        share->has_slow = true;
}

static void run_begin(struct rx_queue *queue, uint64_t run)
{
    const struct replay_port *port = queue->port;
    uint64_t passes = __atomic_load_n(&queue->ctl->passes, __ATOMIC_RELAXED);

    queue->run = run;
    queue->next = queue->start;
    queue->frame_left = port->repeat;
    queue->turn = port->phase;
    queue->left = passes != 0 ? passes * port->frames.count * port->repeat : UINT64_MAX;
    if (is_muted(queue))
        queue->left = 0;
    else
        share_join(queue);
    queue->counters->first_tsc = 0;
}

/* What finds no descriptor is counted, and is not received later either: the ports stay in step. */
static void frames_lose(struct rx_queue *queue, uint64_t lost)
{
    const struct replay_port *port = queue->port;
    uint64_t repeated = port->repeat - queue->frame_left + lost;

    __atomic_store_n(&queue->counters->missed, queue->counters->missed + lost, __ATOMIC_RELAXED);
    queue->left -= RTE_MIN(queue->left, lost);
    queue->next = frames_after(&port->frames, queue->next, repeated / port->repeat);
    queue->frame_left = port->repeat - (uint32_t)(repeated % port->repeat);
}

/* How many of `wanted` frames have arrived, and frees their descriptors. */
static uint64_t frames_arrived(struct rx_queue *queue, uint64_t ticks, uint64_t wanted)
{
    uint64_t wakes = __atomic_load_n(&queue->ctl->wakes, __ATOMIC_RELAXED), now = rte_rdtsc(), waiting;

    if (queue->wakes != wakes) {
        queue->wakes = wakes;
        queue->next_tsc = now;
    }
    waiting = now > queue->next_tsc ? (now - queue->next_tsc) / ticks : 0;
    if (waiting > queue->descriptors) {
        frames_lose(queue, waiting - queue->descriptors);
        queue->next_tsc += (waiting - queue->descriptors) * ticks;
        waiting = queue->descriptors;
    }
    wanted = RTE_MIN(wanted, waiting);
    queue->next_tsc += wanted * ticks;
    return wanted;
}

/*
 * Is it the queue's turn? The fast port is not to get ahead of the slow ones, nor each of those of its place among the
 * bursts of the fast one: how many frames come by each must not depend on how often a program asks a queue before it
 * turns to the next. Where all ports are of one kind none waits for another.
 */
static inline bool is_turn(struct rx_queue *queue)
{
    struct share *share = queue->share;
    bool waits = share->has_fast && share->has_slow && !share->over;

    if (queue->port->every == 1) {
        if (waits && share->fast > share->slow)
            return false;
        share->fast++;
        return true;
    }
    if (waits && queue->turn > share->fast)
        return false;
    queue->turn += queue->port->every;
    share->slow++;
    return true;
}

/* How many of `wanted` frames the queue may receive now. */
static inline uint16_t frames_due(struct rx_queue *queue, uint16_t wanted)
{
    uint64_t run = __atomic_load_n(&queue->ctl->run, __ATOMIC_ACQUIRE);
    uint64_t ticks = __atomic_load_n(&queue->ctl->frame_ticks, __ATOMIC_RELAXED);

    if (unlikely(run == 0))
        return 0;
    if (unlikely(run != queue->run))
        run_begin(queue, run);
    if (unlikely(ticks != 0))
        return (uint16_t)RTE_MIN(queue->left, frames_arrived(queue, ticks * queue->port->every, wanted));
    return queue->left != 0 && is_turn(queue) ? (uint16_t)RTE_MIN(queue->left, wanted) : 0;
}

/* The frame after the one that was just received, which may be the same. */
static inline const struct frame *frame_next(struct rx_queue *queue, const struct frame *frame)
{
    if (likely(--queue->frame_left == 0)) {
        queue->frame_left = queue->port->repeat;
        frame = frame_after(&queue->port->frames, frame);
    }
    return frame;
}

static inline void receive(const struct rx_queue *queue, const struct frame *frame, struct rte_mbuf *mbuf)
{
    rte_memcpy(rte_pktmbuf_mtod(mbuf, void *), frame->data, RTE_MIN((uint32_t)frame->bytes, queue->port->copy));
    mbuf->data_len = frame->bytes;
    mbuf->pkt_len = frame->bytes;
    mbuf->port = queue->port_id;
}

static uint16_t rx_burst(void *rx_queue, struct rte_mbuf **mbufs, uint16_t wanted)
{
    struct rx_queue *queue = rx_queue;
    uint16_t count = frames_due(queue, wanted);
    const struct frame *frame = queue->next;
    uint64_t bytes = 0;

    if (count == 0)
        return 0;
    if (unlikely(rte_pktmbuf_alloc_bulk(queue->pool, mbufs, count) != 0)) {
        queue->counters->no_mbuf++;
        return 0;
    }
    for (uint16_t i = 0; i < count; i++) {
        receive(queue, frame, mbufs[i]);
        bytes += frame->bytes;
        frame = frame_next(queue, frame);
    }
    queue->next = frame;
    queue->left -= count;
    count_burst(queue->counters, count, bytes);
    if (unlikely(queue->left == 0)) {
        queue->share->over = true;
        __atomic_store_n(&queue->counters->done, queue->run, __ATOMIC_RELEASE);
    }
    return count;
}

/* For a port without frames. */
static uint16_t rx_nothing(void *rx_queue, struct rte_mbuf **mbufs, uint16_t wanted)
{
    RTE_SET_USED(rx_queue);
    RTE_SET_USED(mbufs);
    RTE_SET_USED(wanted);
    return 0;
}

/* IPv4 only: what a switch says for itself is ARP and ND. */
static void watch_mac(struct tx_queue *queue, struct rte_mbuf **mbufs, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        const struct rte_ether_hdr *header = rte_pktmbuf_mtod(mbufs[i], const struct rte_ether_hdr *);

        if (header->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
            rte_is_same_ether_addr(&header->dst_addr, &queue->mac))
            continue;
        queue->mac = header->dst_addr;
        queue->counters->turn_tsc = rte_rdtsc();
        __atomic_store_n(&queue->counters->turns, queue->counters->turns + 1, __ATOMIC_RELEASE);
    }
}

static uint16_t tx_burst(void *tx_queue, struct rte_mbuf **mbufs, uint16_t count)
{
    struct tx_queue *queue = tx_queue;
    uint64_t bytes = 0;

    if (unlikely(count == 0))
        return 0;
    if (capture_has_room(queue->capture))
        capture_burst(queue->capture, mbufs, count);
    if (unlikely(queue->watch_mac))
        watch_mac(queue, mbufs, count);
    for (uint16_t i = 0; i < count; i++)
        bytes += mbufs[i]->pkt_len;
    rte_pktmbuf_free_bulk(mbufs, count);
    count_burst(queue->counters, count, bytes);
    return count;
}

static int port_configure(struct rte_eth_dev *dev)
{
    RTE_SET_USED(dev);
    return 0;
}

static int port_start(struct rte_eth_dev *dev)
{
    dev->data->dev_link.link_status = RTE_ETH_LINK_UP;
    return 0;
}

static int port_stop(struct rte_eth_dev *dev)
{
    dev->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
    return 0;
}

static uint32_t queues_max(const struct replay_port *port)
{
    return RTE_MIN(REPLAY_LINES - port->line, (uint32_t)REPLAY_QUEUES_MAX);
}

static int port_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
    info->max_mac_addrs = 1;
    info->max_rx_pktlen = UINT16_MAX;
    info->max_rx_queues = (uint16_t)queues_max(dev->data->dev_private);
    info->max_tx_queues = info->max_rx_queues;
    return 0;
}

/* Every queue receives the whole file, each from a place of its own: no worker has an easier share, and
 * no two meet on a flow at once. */
static int port_rx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t descriptors, unsigned int socket,
                               const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
    struct replay_port *port = dev->data->dev_private;
    struct rx_queue *queue = &port->rx[id];

    RTE_SET_USED(socket);
    RTE_SET_USED(conf);
    if (port->frames.longest + RTE_PKTMBUF_HEADROOM > rte_pktmbuf_data_room_size(pool)) {
        LOG("a frame of %u bytes does not fit into the buffers of mempool %s\n", port->frames.longest, pool->name);
        return -EINVAL;
    }
    *queue = (struct rx_queue){
        .start = port->frames.first,
        .port = port,
        .ctl = port->ctl,
        .counters = &port->ctl->rx[port->line + id],
        .pool = pool,
        .share = &shares[id],
        .descriptors = descriptors,
        .port_id = dev->data->port_id,
    };
    for (uint64_t skip = port->frames.count * id / dev->data->nb_rx_queues; skip > 0; skip--)
        queue->start = frame_after(&port->frames, queue->start);
    dev->data->rx_queues[id] = queue;
    return 0;
}

static int port_tx_queue_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t descriptors, unsigned int socket,
                               const struct rte_eth_txconf *conf)
{
    struct replay_port *port = dev->data->dev_private;

    RTE_SET_USED(descriptors);
    RTE_SET_USED(socket);
    RTE_SET_USED(conf);
    port->tx[id] = (struct tx_queue){
        .counters = &port->ctl->tx[port->line + id],
        .capture = &port->capture,
        .watch_mac = port->watch_mac,
    };
    dev->data->tx_queues[id] = &port->tx[id];
    return 0;
}

static int port_link_update(struct rte_eth_dev *dev, int wait)
{
    RTE_SET_USED(dev);
    RTE_SET_USED(wait);
    return 0;
}

/* The file is received whole, whatever its addresses. */
static int port_set_filter(struct rte_eth_dev *dev)
{
    RTE_SET_USED(dev);
    return 0;
}

static int port_mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
    RTE_SET_USED(dev);
    RTE_SET_USED(mtu);
    return 0;
}

/* Without a reset beside it: whoever measures reads the same counters. */
static int port_stats_get(struct rte_eth_dev *dev, struct rte_eth_stats *stats)
{
    const struct replay_port *port = dev->data->dev_private;
    const struct replay_counters *rx = &port->ctl->rx[port->line], *tx = &port->ctl->tx[port->line];

    for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++) {
        stats->ipackets += rx[i].packets;
        stats->ibytes += rx[i].bytes;
        stats->imissed += rx[i].missed;
        stats->rx_nombuf += rx[i].no_mbuf;
    }
    for (uint16_t i = 0; i < dev->data->nb_tx_queues; i++) {
        stats->opackets += tx[i].packets;
        stats->obytes += tx[i].bytes;
    }
    return 0;
}

static void port_release(struct replay_port *port)
{
    frames_free(&port->frames);
    capture_close(&port->capture);
    if (port->ctl != NULL)
        munmap(port->ctl, sizeof(*port->ctl));
}

static int port_close(struct rte_eth_dev *dev)
{
    port_release(dev->data->dev_private);
    dev->data->mac_addrs = NULL; /* part of dev_private, not for ethdev to free */
    return 0;
}

static const struct eth_dev_ops operations = {
    .dev_configure = port_configure,
    .dev_start = port_start,
    .dev_stop = port_stop,
    .dev_close = port_close,
    .dev_infos_get = port_infos_get,
    .rx_queue_setup = port_rx_queue_setup,
    .tx_queue_setup = port_tx_queue_setup,
    .link_update = port_link_update,
    .promiscuous_enable = port_set_filter,
    .promiscuous_disable = port_set_filter,
    .allmulticast_enable = port_set_filter,
    .allmulticast_disable = port_set_filter,
    .mtu_set = port_mtu_set,
    .stats_get = port_stats_get,
};

static int parse_text(const char *key, const char *value, void *text)
{
    RTE_SET_USED(key);
    *(const char **)text = value;
    return 0;
}

static int parse_number(const char *key, const char *value, void *number)
{
    char *end;

    errno = 0;
    *(uint64_t *)number = strtoull(value, &end, 10);
    if (errno == 0 && end != value && *end == '\0')
        return 0;
    LOG("%s=%s: not a number\n", key, value);
    return -EINVAL;
}

static int parse_mac(const char *key, const char *value, void *mac)
{
    if (rte_ether_unformat_addr(value, mac) == 0)
        return 0;
    LOG("%s=%s: not a MAC address\n", key, value);
    return -EINVAL;
}

/* Maps the control file, or, without one, a page of the port's own that says run. */
static int ctl_map(struct replay_port *port, const char *path)
{
    int flags = path != NULL ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
    int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    void *page = MAP_FAILED;
    int err;

    if (path == NULL || (fd >= 0 && ftruncate(fd, sizeof(*port->ctl)) == 0))
        page = mmap(NULL, sizeof(*port->ctl), PROT_READ | PROT_WRITE, flags, fd, 0);
    err = errno;
    if (fd >= 0)
        close(fd);
    if (page == MAP_FAILED) {
        LOG("%s: %s\n", path != NULL ? path : "control page", strerror(err));
        return -err;
    }
    port->ctl = page;
    if (path == NULL)
        port->ctl->run = 1;
    port->ctl->tsc_hz = rte_get_tsc_hz();
    port->ctl->rx[port->line].frames = port->frames.count;
    __atomic_store_n(&port->ctl->magic, REPLAY_CTL_MAGIC, __ATOMIC_RELEASE);
    __atomic_fetch_add(&port->ctl->ports, 1, __ATOMIC_RELEASE);
    return 0;
}

/* What the device arguments say. */
struct arguments {
    const char *pcap, *ctl, *capture;
    uint64_t copy, repeat, every, phase, line, capture_frames, watch_mac;
};

static int arguments_check(const struct arguments *arguments)
{
    if (arguments->repeat == 0 || arguments->repeat > UINT32_MAX || arguments->every == 0 ||
        arguments->every > UINT32_MAX || arguments->phase >= arguments->every) {
        LOG("repeat and every are at least 1, and phase is below every\n");
        return -EINVAL;
    }
    if (arguments->line >= REPLAY_LINES) {
        LOG("line=%" PRIu64 ": a control page has %u\n", arguments->line, REPLAY_LINES);
        return -EINVAL;
    }
    return 0;
}

static int arguments_read(const struct rte_kvargs *list, struct arguments *arguments, struct rte_ether_addr *mac)
{
    const struct {
        const char *key;
        uint64_t *value;
    } numbers[] = {
        {"copy", &arguments->copy},           {"repeat", &arguments->repeat},
        {"every", &arguments->every},         {"phase", &arguments->phase},
        {"line", &arguments->line},           {"capture_frames", &arguments->capture_frames},
        {"watch_mac", &arguments->watch_mac},
    };

    rte_kvargs_process(list, "pcap", parse_text, &arguments->pcap);
    rte_kvargs_process(list, "ctl", parse_text, &arguments->ctl);
    rte_kvargs_process(list, "capture", parse_text, &arguments->capture);
    for (unsigned i = 0; i < RTE_DIM(numbers); i++)
        if (rte_kvargs_process(list, numbers[i].key, parse_number, numbers[i].value) != 0)
            return -EINVAL;
    return rte_kvargs_process(list, "mac", parse_mac, mac) != 0 ? -EINVAL : arguments_check(arguments);
}

static int port_open_files(struct replay_port *port, const struct arguments *arguments)
{
    int err = 0;

    if (arguments->pcap != NULL)
        err = frames_load(&port->frames, arguments->pcap, port->copy);
    if (err == 0 && arguments->capture != NULL)
        err = capture_open(&port->capture, arguments->capture, arguments->capture_frames);
    return err != 0 ? err : ctl_map(port, arguments->ctl);
}

static int port_open(struct replay_port *port, const char *text)
{
    static const char *const keys[] = {"pcap", "copy", "repeat",  "every",          "phase",     "mac",
                                       "ctl",  "line", "capture", "capture_frames", "watch_mac", NULL};
    struct arguments arguments = {
        .copy = UINT32_MAX, .repeat = 1, .every = 1, .capture_frames = CAPTURE_FRAMES_DEFAULT};
    struct rte_kvargs *list = rte_kvargs_parse(text != NULL ? text : "", keys);
    int err;

    if (list == NULL) {
        LOG("\"%s\": the arguments are pcap, copy, repeat, every, phase, mac, ctl, line, capture, capture_frames, "
            "watch_mac\n",
            text);
        return -EINVAL;
    }
    rte_eth_random_addr(port->mac.addr_bytes);
    err = arguments_read(list, &arguments, &port->mac);
    if (err == 0) {
        port->copy = (uint32_t)RTE_MIN(arguments.copy, UINT32_MAX);
        port->repeat = (uint32_t)arguments.repeat;
        port->every = (uint32_t)arguments.every;
        port->phase = (uint32_t)arguments.phase;
        port->line = (uint32_t)arguments.line;
        port->watch_mac = arguments.watch_mac != 0;
        err = port_open_files(port, &arguments);
    }
    rte_kvargs_free(list);
    return err;
}

static int replay_probe(struct rte_vdev_device *vdev)
{
    struct replay_port *port;
    struct rte_eth_dev *dev;
    int err;

    if (rte_eal_process_type() != RTE_PROC_PRIMARY)
        return -ENOTSUP;
    dev = rte_eth_vdev_allocate(vdev, sizeof(*port));
    if (dev == NULL)
        return -ENOMEM;
    port = dev->data->dev_private;
    err = port_open(port, rte_vdev_device_args(vdev));
    if (err != 0) {
        port_release(port);
        rte_eth_dev_release_port(dev);
        return err;
    }
    dev->data->mac_addrs = &port->mac;
    dev->data->dev_link.link_speed = RTE_ETH_SPEED_NUM_100G;
    dev->data->dev_link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
    dev->dev_ops = &operations;
    dev->rx_pkt_burst = port->frames.count != 0 ? rx_burst : rx_nothing;
    dev->tx_pkt_burst = tx_burst;
    rte_eth_dev_probing_finish(dev);
    return 0;
}

static int replay_remove(struct rte_vdev_device *vdev)
{
    struct rte_eth_dev *dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

    if (dev == NULL)
        return 0; /* closed before */
    port_close(dev);
    return rte_eth_dev_release_port(dev);
}

static struct rte_vdev_driver replay_driver = {.probe = replay_probe, .remove = replay_remove};

RTE_PMD_REGISTER_VDEV(net_replay, replay_driver);
RTE_PMD_REGISTER_PARAM_STRING(net_replay,
                              "pcap=<file> copy=<bytes> repeat=<times> every=<bursts> phase=<bursts> mac=<mac> "
                              "ctl=<file> line=<number> capture=<file> capture_frames=<count> "
                              "watch_mac=<0|1>");
