/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "fastpath/underlay/underlay.h"
#include "fastpath/worker/internal.h"

/*
 * The way to the controller and back: a ring each way per worker, and an allowance per port, so that a guest can
 * neither fill the ring nor keep the controller busy at the cost of others.
 */

static struct df_allowance *allowance(struct df_worker *worker, uint16_t port)
{
    struct df_allowance *allowance = &worker->allowance[port];
    if (allowance->window != worker->window)
        *allowance = (struct df_allowance){.window = worker->window};
    return allowance;
}

bool df_allow(struct df_worker *worker, uint16_t port, enum df_allowed what)
{
    struct df_allowance *left = allowance(worker, port);
    if (left->used[what] >= worker->per_window[what])
        return false;
    left->used[what]++;
    return true;
}

static enum df_allowed kind_of_punt(uint32_t app)
{
    switch (app) {
    case DF_PUNT_NEIGHBOUR:
        return DF_ALLOW_NEIGHBOUR;
    case DF_PUNT_MLD:
        return DF_ALLOW_MLD;
    case DF_PUNT_PATH_MTU:
        return DF_ALLOW_PATH_MTU;
    case DF_PUNT_UNRESOLVED:
        return DF_ALLOW_UNRESOLVED;
    default:
        return DF_ALLOW_PUNT;
    }
}

void df_punt(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_punt_info *info)
{
    enum df_allowed what = kind_of_punt(info->app);
    if (!df_allow(worker, info->port, what)) {
        enum df_drop reason = what == DF_ALLOW_UNRESOLVED ? DF_DROP_PEER_UNRESOLVED : DF_DROP_RATE_PUNT;
        df_worker_drop(worker, info->port, reason, mbuf);
        return;
    }
    *df_punt_info(mbuf) = *info;
    if (rte_ring_sp_enqueue(worker->punted, mbuf) != 0) {
        df_worker_drop(worker, info->port, DF_DROP_PUNT_FULL, mbuf);
        return;
    }
    worker->tally.punts++;
    if (worker->wake != NULL && !atomic_exchange(&worker->woken, true))
        worker->wake(worker->wake_arg);
}

static struct rte_mbuf *take_punted(struct df_punt_info *info)
{
    for (unsigned i = 0; i < df_workers_count(); i++) {
        void *mbuf;
        if (rte_ring_sc_dequeue(df_worker(i)->punted, &mbuf) == 0) {
            *info = *df_punt_info(mbuf);
            return mbuf;
        }
    }
    return NULL;
}

/*
 * Whether the ring was empty before a packet was put into it does not say whether to wake: the controller may find it
 * empty in between, and each later packet would find it not empty. So workers are told that nobody is awake before the
 * rings are looked at for the last time. Of a worker's exchange after it put a packet, and the one here, the later one
 * sees what came before the other: the worker that it has to wake, or the controller the packet.
 */
struct rte_mbuf *df_workers_punted(struct df_punt_info *info)
{
    struct rte_mbuf *mbuf = take_punted(info);
    if (mbuf != NULL)
        return mbuf;
    for (unsigned i = 0; i < df_workers_count(); i++)
        atomic_exchange(&df_worker(i)->woken, false);
    return take_punted(info);
}

static int inject(const struct df_punt_info *info, const uint8_t *frame, uint32_t len)
{
    struct df_worker *worker = df_worker(info->port % df_workers_count());
    if (df_ports_get(info->port) == NULL)
        return -ENODEV;
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(worker->pool);
    if (mbuf == NULL)
        return -ENOBUFS;
    void *data = len <= UINT16_MAX ? rte_pktmbuf_append(mbuf, (uint16_t)len) : NULL;
    if (data == NULL)
        goto full;
    memcpy(data, frame, len);
    *df_punt_info(mbuf) = *info;
    if (rte_ring_sp_enqueue(worker->injected, mbuf) == 0)
        return 0;
full:
    rte_pktmbuf_free(mbuf);
    return -ENOBUFS;
}

int df_workers_packet_out(uint16_t port, const uint8_t *frame, uint32_t len)
{
    return inject(&(const struct df_punt_info){.port = port}, frame, len);
}

int df_workers_packet_in(uint16_t port, const uint8_t *frame, uint32_t len)
{
    return inject(&(const struct df_punt_info){.port = port, .walks = true}, frame, len);
}
