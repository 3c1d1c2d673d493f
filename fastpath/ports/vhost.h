/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/ports/port.h"

/*
 * vhost-user ports, on librte_vhost without an ethdev between, so that a node can have hundreds.
 *
 * As client (the default: QEMU listens) a port connects and connects again by itself, so the guest survives a restart
 * of the switch and the switch one of the guest. As server it listens; a socket that a dead process left behind is
 * replaced, one that somebody listens on is -EADDRINUSE. The socket file's permissions follow the process's umask:
 * QEMU needs write access.
 *
 * Which thread: open, close, attached and counters the control thread; rx the queue's worker; tx any worker (the
 * library has a lock for each of the guest's rings, so tx_shared is never set and two workers meet only where the
 * guest has fewer rings than there are workers). librte_vhost's thread tells about the guest; when a guest leaves,
 * that thread waits until each worker went through a quiescent state before it lets the library unmap the guest's
 * memory. Workers must be registered readers of liburcu-qsbr. close() may wait for such a grace period in progress:
 * the caller holds no RCU-protected pointer over it.
 *
 * A guest's rings: its queue pairs are spread over the port's receive queues and over the workers that transmit, 16
 * pairs at most; traffic that a guest sends on further ones is not seen, and attached() says so. Pairs that the guest
 * disabled cost nothing.
 *
 * Checksum and segmentation offloads are not offered, so a guest fills in its checksums and sends frames of its MTU.
 * Mergeable buffers, packed rings, in-order and indirect descriptors, live-migration logging and announcements are. A
 * frame longer than one packet buffer is dropped by the library, which counts none and logs the first: mbufs from here
 * are one segment. (Without that it would fill the pool with a single descriptor's gigabyte.)
 *
 * Limits: 1,000 sockets, where one that listens counts twice (the library's poll set has 1,024 places).
 */

extern const struct df_port_ops df_port_vhostuser;
