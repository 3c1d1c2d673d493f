/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * net_af_xdp of DPDK 22.11 never closes its sockets (its reference count of a UMEM ends one too high), and as long as
 * one is open the queue cannot be bound again. So we look which sockets came with a device and close what is left of
 * them. A driver that closes them itself loses nothing: a socket is known by its inode, not by its descriptor alone.
 *
 * Control thread; nobody else in the process makes such sockets.
 */

struct df_xdp_socket {
    int fd;
    ino_t inode;
};

/**
 * Lists the AF_XDP sockets of this process that are not in known.
 *
 * @return how many were written, at most max
 */
unsigned df_xdp_sockets(const struct df_xdp_socket *known, unsigned n_known, struct df_xdp_socket *sockets,
                        unsigned max);

/** Closes those that are still what they were. */
void df_xdp_sockets_close(const struct df_xdp_socket *sockets, unsigned n);
