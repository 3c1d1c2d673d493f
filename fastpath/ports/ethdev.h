/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/ports/port.h"

/*
 * Ports on DPDK ethdevs: tap, veth (af_packet), afxdp, memif, and what the operator configures by device arguments.
 *
 * DPDK as Debian builds it has 32 ethdevs; one more is -E2BIG.
 *
 * Which thread: open, close, attached and counters the control thread; rx the queue's worker; tx any worker, under
 * tx_lock where tx_shared. DPDK's interrupt thread reports link changes where the driver can tell; veth, afxdp and
 * memif cannot, so ask attached() and gone() now and then.
 *
 * How long the kernel takes to open and close a port: null and pcap below 1 ms, tap 15, veth and afxdp 50 each.
 *
 * What a guest or peer sees:
 * - veth: a peer that leaves checksums to its device (CHECKSUM_PARTIAL) sends wrong ones, as af_packet takes frames
 *   before they are filled in: switch tx offload off in the guest (`ethtool -K DEV tx off`).
 * - veth, afxdp: a device that is deleted, renamed or moved to another network namespace is gone, and so is one that
 *   was made again under the same name.
 * - tap: the device goes away with the port. It may be moved to a network namespace; its link can then not be asked
 *   for and counts as up. It is gone when it is deleted, wherever it is.
 * - memif: only for peers that are trusted as the switch itself. The driver believes what the peer writes into rings
 *   and descriptors, and unmaps them when the peer leaves, on DPDK's interrupt thread and without regard to workers:
 *   a peer that leaves under traffic can crash the process, and nothing outside the driver can prevent it. With the
 *   link down nothing is received or taken. As client (not server) it connects once: when there is nobody, open fails
 *   with -ECONNREFUSED, and when the server leaves the port is gone.
 * - afxdp: a socket in copy mode with buffers of its own (10 MiB per queue), from which each frame is copied: the
 *   driver loses those that it has when it closes. Just after close the kernel can still say -EBUSY: open again
 *   later. It needs libbpf 1.0 and a kernel with AF_XDP; without them -ENODEV or -EOPNOTSUPP.
 */

extern const struct df_port_ops df_port_tap, df_port_veth, df_port_afxdp, df_port_memif, df_port_ethdev;
