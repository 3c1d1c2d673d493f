/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/underlay/end.h"
#include "dbsync/error.h"
#include "fastpath/drop.h"
#include "fastpath/pipeline.h"

/*
 * The seam between the controller and whatever moves packets. Three backends implement it and pass one test suite:
 * fastpath (DPDK), openflow (Open vSwitch), null (counts, for simulations). All calls on the control thread.
 *
 * A commit is ordered so that at any moment a packet goes the old way, the new way, or is dropped by name, never a
 * third way: entries are put from the end of the pipeline to its beginning and deleted from the beginning to the end,
 * so what leads to an entry is put after it and deleted before it, and a port opens last.
 */

/* Where an interface is to come from; strings are the caller's. */
struct df_port_spec {
    uint16_t port;        /* the number the controller gave it */
    const char *name;     /* for people: lport name or id */
    const char *lport;    /* lport id, or NULL for a port of the node itself */
    const char *vif_type; /* vhostuser, tap, veth, afxdp, memif, ethdev */
    const char *vif_name; /* socket path, device, or name of a configured ethdev */
    bool server;          /* vhostuser, memif: listen rather than connect */
    uint16_t mtu;
    const struct df_underlay_end *underlay; /* this node's end of tunnels, if the port is the underlay; else NULL */
    const struct df_mac *mac;               /* tap: that the device is to have; NULL: one of its own */
};

struct df_port_stats {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, rx_drops, tx_drops;
};

struct df_port_state {
    bool attached;      /* link is up, a guest is behind it */
    bool gone;          /* in events: its device is not there any more; remove the port, and try to add it again */
    const char *detail; /* of the backend, valid until the port is removed or changes: "no guest yet" */
    struct df_mac mac;  /* of the device; zero: it has none. Not in events */
};

struct df_datapath;

/* What a backend calls back with, on the control thread. */
struct df_datapath_events {
    /** A packet punted to app; frame is valid during the call. lport/network: registers of the walk. */
    void (*punt)(void *arg, uint32_t app, uint32_t lport, uint32_t network, const uint8_t *frame, uint32_t len);
    /** A port came up or went down, or its device is gone. The port may not be removed in the call. */
    void (*port_changed)(void *arg, uint16_t port, const struct df_port_state *state);
    void *arg;
};

/* What one commit did, for the tests' oracle and for metrics. */
struct df_datapath_work {
    uint64_t puts, dels, commits;
};

struct df_datapath_ops {
    const char *name;
    int (*put)(struct df_datapath *dp, const struct df_entry *entry, struct df_error *error);
    int (*del)(struct df_datapath *dp, const struct df_entry *entry, struct df_error *error);
    int (*flush)(struct df_datapath *dp, uint16_t table); /* puts and deletes of this table are all in */
    int (*port_add)(struct df_datapath *dp, const struct df_port_spec *spec, struct df_error *error);
    int (*port_del)(struct df_datapath *dp, uint16_t port);
    int (*port_state)(struct df_datapath *dp, uint16_t port, struct df_port_state *state);
    int (*port_stats)(struct df_datapath *dp, uint16_t port, struct df_port_stats *stats);
    /** Sends a frame out of a port as if the pipeline had decided so. Copies it. -ENOBUFS, -ENODEV. */
    int (*packet_out)(struct df_datapath *dp, uint16_t port, const uint8_t *frame, uint32_t len);
    /** Lets a frame go through the pipeline as if it came in by the port now. Copies it. -ENOBUFS, -ENODEV. */
    int (*packet_in)(struct df_datapath *dp, uint16_t port, const uint8_t *frame, uint32_t len);
    /** Counts a punted packet from the port that is not sent back. NULL, here and below: the backend punts nothing. */
    void (*dropped)(struct df_datapath *dp, uint16_t port, enum df_drop reason);
    /** Whether what the underlay says of an address is punted, as df_punt_own (fastpath/underlay/underlay.h). Counted. */
    void (*listen)(struct df_datapath *dp, const struct df_ip *ip, bool on);
    int (*for_each)(struct df_datapath *dp, uint16_t table,
                    int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg);
    uint32_t (*count)(struct df_datapath *dp, uint16_t table);
    /** The backend's own reports as JSON, by name: "workers", "drops", "flows", "connections"; NULL when it has none of that name. */
    json_t *(*report)(struct df_datapath *dp, const char *what, json_t *params, struct df_error *error);
    void (*close)(struct df_datapath *dp);
};

/* First member of each backend's own struct. */
struct df_datapath {
    const struct df_datapath_ops *ops;
    struct df_datapath_events events;
    struct df_datapath_work work;
};

/**
 * A change of many entries, applied by df_datapath_commit() in the order above.
 * It keeps copies of keys and values; origin pointers are kept as they are.
 */
struct df_txn;
struct df_txn *df_txn_new(void);
void df_txn_put(struct df_txn *txn, const struct df_entry *entry);
void df_txn_del(struct df_txn *txn, const struct df_entry *entry);

/**
 * Applies and frees the transaction. Entries that the backend refuses are skipped, the rest goes on; failed is called
 * for each with the reason.
 *
 * @return the number of entries refused
 */
size_t df_datapath_commit(struct df_datapath *dp, struct df_txn *txn,
                          void (*failed)(const struct df_entry *entry, const struct df_error *error, void *arg),
                          void *arg);
