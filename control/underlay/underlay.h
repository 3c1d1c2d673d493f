/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/datapath/datapath.h"
#include "control/model/watch.h"
#include "control/underlay/end.h"

/*
 * The underlay: the port of the node itself by which tunnels leave and arrive, whom it leads to, and the exception port
 * by which the host shares it.
 *
 * Invariants:
 * - Its number in the datapath is DF_UNDERLAY_PORT, the exception port's is DF_UNDERLAY_EXCEPTION; no local port gets
 *   them. The exception port is open only while the underlay's is, and has its MAC.
 * - Both are tried to be open at every settle that is due (own_port.h).
 * - Its MAC is known while it is open, and who asked for it is due when it changes. So is who asked for a neighbour, when
 *   its MAC or what is known of its path changes.
 * - When it opens and when its link comes up it says which addresses it has, twice, and which multicast group it
 *   listens to for them (mld.h).
 * - What waits for a neighbour's MAC is let go after the datapath has that MAC: settle comes after the commit.
 *
 * The neighbours of the configuration are permanent; all others are resolved (neighbours.h).
 *
 * Control thread. Times are of the caller's clock, in milliseconds.
 */

#define DF_UNDERLAY_PORT 1023
#define DF_UNDERLAY_EXCEPTION 1022

struct df_underlay_config {
    const char *port;              /* name in [fastpath] ports; "": this node has no tunnels */
    const char *const *local_ips;  /* ADDRESS or ADDRESS/LENGTH, one of a family; this and the next two end with NULL */
    const char *const *gateways;   /* one of a family; may be NULL */
    const char *const *neighbours; /* IP=MAC, or *=MAC for all others; may be NULL */
    const char *exception;         /* name of the host's network device; "" or NULL: none */
    const char *const *types;      /* names of enum df_tunnel_type, the best first; ends with NULL. NULL: all */
    bool udp6_checksum;            /* VXLAN and Geneve over IPv6 leave with a checksum */
    uint16_t vlan;                 /* 0: untagged */
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
 * @param dp   NULL: only to see whether the configuration can be
 * @param made NULL: there is to be none
 * @return -EINVAL when the configuration cannot be; the error names the key and the remedy
 */
int df_underlay_port_new(const struct df_underlay_config *config, struct df_datapath *dp,
                         struct df_underlay_port **made, struct df_error *error);

/** Closes no interface: they are the datapath's. Who watches has been freed. NULL is ignored. */
void df_underlay_port_free(struct df_underlay_port *underlay);

/** How to find the datapath port of an lport by its unique_key: 0 is none. For packets that waited. */
void df_underlay_port_set_ports(struct df_underlay_port *underlay, uint16_t (*port_of)(void *arg, uint32_t lport),
                                void *arg);

/** Opens, closes, asks, says and forgets what is due at that time. NULL is ignored, here and below. */
void df_underlay_port_settle(struct df_underlay_port *underlay, uint64_t now_ms);

/** When df_underlay_port_settle() has something to do, maybe in the past, or -1. */
int64_t df_underlay_port_next_ms(const struct df_underlay_port *underlay);

/** The backend says of one of its two ports that it came up or went down, or that its device is gone. */
void df_underlay_port_changed(struct df_underlay_port *underlay, const struct df_port_state *state);
void df_underlay_exception_changed(struct df_underlay_port *underlay, const struct df_port_state *state);

/** A packet that was punted as one of DF_PUNT_* (fastpath/underlay/underlay.h), not to an app. */
void df_underlay_port_punt(struct df_underlay_port *underlay, uint32_t what, uint32_t lport, const uint8_t *frame,
                           uint32_t len, uint64_t now_ms);

/** NULL: there is none. */
const struct df_underlay_end *df_underlay_port_end(const struct df_underlay_port *underlay);

/** Its MAC, zero while it is not known; the watcher is due when that changes. */
struct df_mac df_underlay_port_mac(struct df_underlay_port *underlay, struct df_watcher *watcher);

/**
 * How a tunnel end point is reached, and the MAC to which packets for it are sent: zero unless that is
 * DF_PEER_REACHABLE. The watcher is due when that changes; its address, or its gateway's, is resolved while it watches.
 */
enum df_peer_reach df_underlay_port_neighbour(struct df_underlay_port *underlay, const struct df_ip *ip,
                                              struct df_watcher *watcher, struct df_mac *mac);

/** The longest outer IP packet that gets to a tunnel end point; the watcher is due when that changes. */
uint16_t df_underlay_port_path_mtu(struct df_underlay_port *underlay, const struct df_ip *ip,
                                   struct df_watcher *watcher);

/** What routers said is the longest outer IP packet that gets there; 0: none said anything. For reports. */
uint16_t df_underlay_port_learnt_mtu(const struct df_underlay_port *underlay, const struct df_ip *ip);

/** False: there is none. */
bool df_underlay_port_info(const struct df_underlay_port *underlay, struct df_underlay_info *info);

/** In a line; null: there is none. {name, ips [address/length], open, reason, neighbours {state: how many}}. */
json_t *df_underlay_port_summary(const struct df_underlay_port *underlay);

/**
 * For `df-ctl underlay`; null: there is none. {name, number, mac, open, attached, reason, detail, ips [address/length],
 * gateways, vlan, mtu, exception (null, or {name, number, open, attached, reason}), conflict (null, or {ip, mac, age_ms}),
 * neighbours [{ip, mac, state (permanent, asking, reachable, probing, failed), age_ms (since it was confirmed, or
 * null), unanswered, peers, waiting}], path_mtus [{ip, mtu, expires_ms}], waiting (packets), peers (watched), asked,
 * answers, unasked, held_back, conflicts, mld_queries, mld_reports}.
 */
json_t *df_underlay_port_report(const struct df_underlay_port *underlay, uint64_t now_ms);
