/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "fastpath/ports/port.h"
#include "fastpath/ports/xdp_socket.h"

/*
 * Queues of an ethdev: as many as there are workers, as far as device and port allow. Several receive queues need a
 * device that spreads packets by itself (RSS); all checksum and segmentation offloads stay off.
 */

/* What a driver must have for itself alone; most need nothing. */
struct df_ethdev_own {
    struct rte_mempool *pool; /* receive buffers, NULL: it has those of everybody */
    struct df_xdp_socket sockets[DF_PORT_QUEUES_MAX];
    unsigned n_sockets;
};

/**
 * Configures a stopped ethdev and starts it; sets n_rxq, n_txq and tx_shared of the port. Control thread.
 *
 * @param own is filled in in any case, also on error; the caller frees it when the ethdev is closed
 * @return 0, or the driver's negative errno (-ENOMEM: not enough packet buffers or rings; -EBUSY: the kernel still has
 *         the queue of a socket that was just closed, try again)
 */
int df_ethdev_start(uint16_t id, const struct df_port_config *config, struct df_port *port, struct df_ethdev_own *own);

/** Control thread, after the ethdev was closed. */
void df_ethdev_own_free(struct df_ethdev_own *own);
