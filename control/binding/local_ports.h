/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/binding/sock_dir.h"
#include "control/compile/relevance.h"
#include "control/datapath/datapath.h"
#include "control/model/store.h"

/*
 * The ports bound to this node: their numbers in the datapath, which interfaces are to be open, and which are.
 *
 * Invariants:
 * - A local port has a number (1 to 1022) from the first time somebody asks for it until it is not local any more; the
 *   number of a port that went is given out again last.
 * - Of the ports that name one interface (vif_name) the one with the lowest id has it; the others know whose it is.
 * - Status is a level: wanted and open are compared anew at each settle, so a lost event or a failed attempt repairs
 *   itself. An interface that cannot be opened is tried again after 1 s, 2 s, ... 30 s, and when its device comes; one
 *   whose device is gone is closed and treated so.
 *
 * Entries are committed between df_local_ports_close() and df_local_ports_open(): a port opens last and closes first.
 *
 * Control thread.
 */

#define DF_LOCAL_PORTS_MAX 1021 /* the numbers above are the underlay's (underlay.h) */

struct df_local_ports;

/* An interface, in the words of struct df_port_spec; the strings are the holder's. */
struct df_vif {
    const char *type, *name; /* NULL: none */
    bool server;
};

/* What the compile of a port came to. */
struct df_local_port_want {
    struct df_vif vif;   /* type NULL: no interface is to be open */
    const char *refused; /* why its traffic is not let in, or NULL; for people */
    bool waiting;        /* refused because something is missing that may yet come */
    uint64_t version;    /* of the lport that was compiled */
};

enum df_local_port_state { DF_LOCAL_PORT_OPEN, DF_LOCAL_PORT_REFUSED, DF_LOCAL_PORT_WAITING, DF_LOCAL_PORT_DOWN };

/* A port as it stands; strings are valid until the next settle. */
struct df_local_port_info {
    const char *id;
    uint16_t number; /* 0: has none */
    struct df_vif vif;
    enum df_local_port_state state;
    const char *reason; /* why it is not open; "" when it is */
    bool attached;
    const char *detail; /* of the backend */
    uint64_t desired_version;
    uint64_t applied_version; /* 0 while it is not open */
};

struct df_local_ports *df_local_ports_new(struct df_store *store, const struct df_relevance *relevance,
                                          struct df_datapath *dp, const char *vhost_sock_dir);

/** Closes no interface: they are the datapath's, which outlives the controller or is gone already. */
void df_local_ports_free(struct df_local_ports *ports);

/* ---- While the port is compiled */

/** The number of a local port; 0 when all are given out, and then the watcher is due as soon as one is free. */
uint16_t df_local_ports_number(struct df_local_ports *ports, const char *lport, struct df_watcher *watcher);

/**
 * Claims an interface for the port, or, with name NULL, none. Returns the id of the port that has it (its own, if it is
 * the one); the watcher is due when that may have changed.
 */
const char *df_local_ports_claim(struct df_local_ports *ports, const char *lport, const char *vif_name,
                                 struct df_watcher *watcher);

/**
 * Who has this node's name beside this df-switchd, and with it the ports, or NULL; the watcher, if not NULL, is due when
 * that changes.
 */
const char *df_local_ports_rival(struct df_local_ports *ports, struct df_watcher *watcher);
void df_local_ports_set_rival(struct df_local_ports *ports, const char *rival);

/** Says what is wanted of a port that is bound to this node. */
void df_local_ports_want(struct df_local_ports *ports, const char *lport, const struct df_local_port_want *want);

/** Where the sockets of vhost-user and memif ports are. */
const struct df_sock_dir *df_local_ports_sock_dir(const struct df_local_ports *ports);

/* ---- Settling */

/** The lport changed or went. */
void df_local_ports_touch(struct df_local_ports *ports, const char *lport);

/** Closes interfaces that are not wanted any more, or are wanted otherwise. */
void df_local_ports_close(struct df_local_ports *ports);

/** Opens what is wanted and due at that time, and forgets ports that are not bound here any more. */
void df_local_ports_open(struct df_local_ports *ports, uint64_t now_ms);

/** When df_local_ports_open() has something to try again, in the clock's milliseconds, or -1. */
int64_t df_local_ports_next_ms(const struct df_local_ports *ports);

/* ---- Asking */

/** Calls cb with each port, ordered by id, until it returns non-zero. */
int df_local_ports_each(struct df_local_ports *ports, int (*cb)(const struct df_local_port_info *info, void *arg),
                        void *arg);

/** -ENOENT: the port is not bound to this node. */
int df_local_ports_info(struct df_local_ports *ports, const char *lport, struct df_local_port_info *info);

/** The number of the port, or 0: makes none. */
uint16_t df_local_ports_number_of(struct df_local_ports *ports, const char *lport);

/** The backend says that a port came up or went down, or that its device is gone: the next settle closes it then. */
void df_local_ports_changed(struct df_local_ports *ports, uint16_t number, const struct df_port_state *state);

/** A device of that name is there now; NULL: any may be. Whether a port is tried again sooner for it. */
bool df_local_ports_device_came(struct df_local_ports *ports, const char *name);

const char *df_local_port_state_name(enum df_local_port_state state);
