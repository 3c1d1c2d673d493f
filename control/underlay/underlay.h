/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/datapath/datapath.h"
#include "control/model/watch.h"
#include "control/underlay/end.h"

/*
 * The underlay: the port of the node itself by which tunnels leave and arrive, and the MACs of those it leads to.
 *
 * Invariants:
 * - Its number in the datapath is DF_UNDERLAY_PORT, which no local port gets.
 * - It is tried to be open at every settle that is due: one that cannot be opened is tried again after 1 s, 2 s, ... 30
 *   s, and one whose device is gone is closed and treated so.
 * - Its MAC is known while it is open, and who asked for it is due when it changes.
 *
 * Neighbours are those of the configuration; none is resolved.
 *
 * Control thread.
 */

#define DF_UNDERLAY_PORT 1023

struct df_underlay_config {
    const char *port;              /* name in [fastpath] ports; "": this node has no tunnels */
    const char *local_ip;          /* of the tunnel end point */
    const char *const *neighbours; /* IP=MAC, or *=MAC for all others; ends with NULL */
    uint16_t mtu;                  /* of the underlay: the longest outer IP packet */
};

struct df_underlay_info {
    const struct df_underlay_end *end;
    bool open;
    bool attached;
    const char *detail; /* of the backend; this and the next are valid until the next settle */
    const char *reason; /* why it is not open; "" when it is */
    struct df_mac mac;  /* zero: not open, or the backend has none */
};

struct df_underlay_port;

/** Why text is not a neighbour, or NULL. For the configuration. */
const char *df_underlay_neighbour_error(const char *text);

/**
 * Opens nothing yet.
 *
 * @param made NULL: there is to be none
 * @return -EINVAL when the configuration cannot be; the error names the key and the remedy
 */
int df_underlay_port_new(const struct df_underlay_config *config, struct df_datapath *dp,
                         struct df_underlay_port **made, struct df_error *error);

/** Closes no interface: it is the datapath's. NULL is ignored. */
void df_underlay_port_free(struct df_underlay_port *underlay);

/** Opens or closes it, if that is due at that time. NULL is ignored, here and below. */
void df_underlay_port_settle(struct df_underlay_port *underlay, uint64_t now_ms);

/** When df_underlay_port_settle() has something to try again, in the clock's milliseconds, or -1. */
int64_t df_underlay_port_next_ms(const struct df_underlay_port *underlay);

/** The backend says that it came up or went down, or that its device is gone. */
void df_underlay_port_changed(struct df_underlay_port *underlay, const struct df_port_state *state);

/** NULL: there is none. */
const struct df_underlay_end *df_underlay_port_end(const struct df_underlay_port *underlay);

/** Its MAC, zero while it is not known; the watcher is due when that changes. */
struct df_mac df_underlay_port_mac(struct df_underlay_port *underlay, struct df_watcher *watcher);

/** The MAC to which packets for ip are sent. False: none is known. */
bool df_underlay_port_neighbour(const struct df_underlay_port *underlay, const struct df_ip *ip, struct df_mac *mac);

/** False: there is none. */
bool df_underlay_port_info(const struct df_underlay_port *underlay, struct df_underlay_info *info);
