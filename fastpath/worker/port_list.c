/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fastpath/rcu.h"
#include "fastpath/worker/internal.h"

/*
 * Which ports there are and who polls them. The control thread publishes; a worker sees the change at its next round.
 *
 * A worker has two lists: the one it reads, and the one in which the control thread prepares the successor. The
 * control thread waits for the worker to leave the old list before it uses that one again, so neither memory nor a
 * free is needed.
 */

static struct df_port *ports[DF_PORTS_MAX]; /* RCU */

struct df_port *df_ports_get(uint16_t number)
{
    return number < DF_PORTS_MAX ? df_rcu_read(ports[number]) : NULL;
}

static struct df_worker *least_busy(void)
{
    struct df_worker *least = df_worker(0);
    for (unsigned i = 1; i < df_workers_count(); i++) {
        if (df_worker(i)->polls->n < least->polls->n)
            least = df_worker(i);
    }
    return least;
}

static struct df_polls *successor(struct df_worker *worker)
{
    return worker->polls == &worker->poll_lists[0] ? &worker->poll_lists[1] : &worker->poll_lists[0];
}

static void replace(struct df_worker *worker, struct df_polls *next)
{
    df_rcu_publish(worker->polls, next);
    df_rcu_synchronize();
}

static int poll_add(struct df_port *port, uint16_t queue)
{
    struct df_worker *worker = least_busy();
    struct df_polls *next = successor(worker);
    if (worker->polls->n == DF_POLLS_MAX)
        return -ENOSPC;
    *next = *worker->polls;
    next->poll[next->n++] = (struct df_poll){port, queue};
    replace(worker, next);
    return 0;
}

static void poll_remove(struct df_worker *worker, const struct df_port *port)
{
    const struct df_polls *old = worker->polls;
    struct df_polls *next = successor(worker);
    next->n = 0;
    for (unsigned i = 0; i < old->n; i++) {
        if (old->poll[i].port != port)
            next->poll[next->n++] = old->poll[i];
    }
    if (next->n != old->n)
        replace(worker, next);
}

int df_ports_publish(struct df_port *port)
{
    if (port->number == 0 || port->number >= DF_PORTS_MAX)
        return -EINVAL;
    if (ports[port->number] != NULL)
        return -EEXIST;
    df_rcu_publish(ports[port->number], port);
    for (uint16_t queue = 0; queue < port->n_rxq; queue++) {
        int error = poll_add(port, queue);
        if (error != 0) {
            df_ports_withdraw(port->number);
            return error;
        }
    }
    return 0;
}

struct df_port *df_ports_withdraw(uint16_t number)
{
    struct df_port *port = df_ports_get(number);
    if (port == NULL)
        return NULL;
    for (unsigned i = 0; i < df_workers_count(); i++)
        poll_remove(df_worker(i), port);
    df_rcu_publish(ports[number], NULL);
    /* What waits in transmit buffers goes by the number, and must not go to who has it next. */
    for (unsigned round = 0; round < DF_ROUNDS_HELD_MAX; round++)
        df_rcu_synchronize();
    return port;
}
