/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/memory_port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "fastpath/ports/port.h"

#define PORTS 64
#define QUEUE 1024
#define MTU_MAX 2000
#define MTU_MAX_JUMBO 9000

struct queue {
    unsigned head, tail;
    struct rte_mbuf *mbufs[QUEUE];
};

struct memory_port {
    char name[32];
    bool open;
    bool down;
    struct queue in, out;
};

static struct memory_port ports[PORTS];
static uint16_t mtu_max = MTU_MAX;

static bool queue_put(struct queue *queue, struct rte_mbuf *mbuf)
{
    if (queue->tail - queue->head == QUEUE)
        return false;
    queue->mbufs[queue->tail++ % QUEUE] = mbuf;
    return true;
}

static struct rte_mbuf *queue_take(struct queue *queue)
{
    return queue->head == queue->tail ? NULL : queue->mbufs[queue->head++ % QUEUE];
}

static struct memory_port *find(const char *name)
{
    for (unsigned i = 0; i < PORTS; i++) {
        if (ports[i].open && strcmp(ports[i].name, name) == 0)
            return &ports[i];
    }
    return NULL;
}

static int memory_open(struct df_port *port, const struct df_port_config *config)
{
    static const struct df_mac mac = {MEMORY_PORT_MAC};
    if (config->mtu > mtu_max)
        return -EMSGSIZE;
    for (unsigned i = 0; i < PORTS; i++) {
        if (ports[i].open)
            continue;
        ports[i].open = true;
        ports[i].down = false;
        snprintf(ports[i].name, sizeof(ports[i].name), "%s", config->vif_name);
        port->priv = &ports[i];
        port->mac = mac;
        port->n_rxq = 1;
        port->n_txq = config->n_workers;
        return 0;
    }
    return -E2BIG;
}

static void memory_close(struct df_port *port)
{
    struct memory_port *memory = port->priv;
    struct rte_mbuf *mbuf;
    while ((mbuf = queue_take(&memory->in)) != NULL || (mbuf = queue_take(&memory->out)) != NULL)
        rte_pktmbuf_free(mbuf);
    memory->open = false;
}

static uint16_t memory_rx(struct df_port *port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
    (void)queue;
    struct memory_port *memory = port->priv;
    uint16_t got = 0;
    while (got < n && (mbufs[got] = queue_take(&memory->in)) != NULL)
        got++;
    return got;
}

static uint16_t memory_tx(struct df_port *port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n)
{
    (void)queue;
    struct memory_port *memory = port->priv;
    uint16_t sent = 0;
    while (sent < n && queue_put(&memory->out, mbufs[sent]))
        sent++;
    return sent;
}

static bool memory_attached(const struct df_port *port, const char **detail)
{
    const struct memory_port *memory = port->priv;
    *detail = memory->down ? "link is down" : "";
    return !memory->down;
}

#define OPS(type)                                                                                                      \
    {                                                                                                                  \
        .vif_type = type, .open = memory_open, .close = memory_close, .rx = memory_rx, .tx = memory_tx,                \
        .attached = memory_attached                                                                                    \
    }

void memory_ports_register(void)
{
    static const struct df_port_ops ethdev = OPS("ethdev");
    df_port_ops_register(&ethdev);
}

void memory_ports_take_jumbo_frames(void)
{
    mtu_max = MTU_MAX_JUMBO;
}

void memory_ports_register_tap(void)
{
    static const struct df_port_ops tap = OPS("tap");
    df_port_ops_register(&tap);
}

bool memory_port_put(const char *name, struct rte_mbuf *mbuf)
{
    struct memory_port *memory = find(name);
    return memory != NULL && queue_put(&memory->in, mbuf);
}

struct rte_mbuf *memory_port_take(const char *name)
{
    struct memory_port *memory = find(name);
    return memory != NULL ? queue_take(&memory->out) : NULL;
}

const char *memory_port_waiting(void)
{
    for (unsigned i = 0; i < PORTS; i++) {
        if (ports[i].open && ports[i].out.head != ports[i].out.tail)
            return ports[i].name;
    }
    return NULL;
}

unsigned memory_port_count(const char *name)
{
    const struct memory_port *memory = find(name);
    return memory != NULL ? memory->out.tail - memory->out.head : 0;
}

const struct rte_mbuf *memory_port_peek(const char *name, unsigned i)
{
    const struct queue *out = &find(name)->out;
    return out->mbufs[(out->head + i) % QUEUE];
}

void memory_port_forget_last(const char *name, unsigned n)
{
    for (; n > 0; n--) {
        struct queue *out = &find(name)->out;
        rte_pktmbuf_free(out->mbufs[--out->tail % QUEUE]);
    }
}

void memory_port_set_link(const char *name, bool up)
{
    find(name)->down = !up;
}
