/* SPDX-License-Identifier: Apache-2.0 */

#include "fastpath/rcu.h"
#include "fastpath/worker/internal.h"

static uint16_t transmit(struct df_worker *worker, struct df_port *port, struct rte_mbuf **mbufs, uint16_t n)
{
    uint16_t queue = (uint16_t)worker->index;
    if (likely(!port->tx_shared))
        return port->ops->tx(port, queue, mbufs, n);
    while (queue >= port->n_txq)
        queue = (uint16_t)(queue - port->n_txq);
    rte_spinlock_lock(&port->tx_lock[queue]);
    uint16_t sent = port->ops->tx(port, queue, mbufs, n);
    rte_spinlock_unlock(&port->tx_lock[queue]);
    return sent;
}

/* What the port did not take is dropped, by name, against the port it was for. */
static void drop_rest(struct df_worker *worker, uint16_t number, struct df_tx_buffer *tx, uint16_t sent,
                      enum df_drop reason)
{
    for (uint16_t i = sent; i < tx->n; i++)
        tx->bytes -= tx->mbufs[i]->pkt_len;
    worker->ports[number].drops[reason] += (uint64_t)(tx->n - sent);
    rte_pktmbuf_free_bulk(&tx->mbufs[sent], (unsigned)(tx->n - sent));
}

void df_tx_flush(struct df_worker *worker, uint16_t number)
{
    struct df_tx_buffer *tx = &worker->tx[number];
    struct df_port_tally *tally = &worker->ports[number];
    struct df_port *port = df_ports_get(number);
    uint16_t sent = 0;
    if (likely(port != NULL))
        sent = transmit(worker, port, tx->mbufs, tx->n);
    if (unlikely(sent < tx->n))
        drop_rest(worker, number, tx, sent, port == NULL ? DF_DROP_TX_DOWN : DF_DROP_TX_FULL);
    tally->tx_packets += sent;
    tally->tx_bytes += tx->bytes;
    tx->n = 0;
    tx->bytes = 0;
}
