/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "control/app.h"
#include "control/clock.h"
#include "control/datapath/datapath.h"
#include "control/nodes/self.h"
#include "control/underlay/underlay.h"
#include "dbsync/nb.h"

/*
 * The local controller without its event loop: changes of the model go in, changes of tables and ports come out.
 *
 *   df_controller_change() ─► model store ─► compiler (apps) ─► one transaction ─► datapath
 *
 * The daemon feeds it from the database and runs df_controller_settle() once per turn of its loop; the scenario tests
 * and the simulation do the same by hand. Everything on one thread.
 */

struct df_controller;

struct df_controller_config {
    const char *host;        /* this node's chassis id: lport.binding.chassis of local ports */
    const char *apps_dir;    /* where df_app_NAME.so are */
    const char *const *apps; /* names in order of apps_list, ends with NULL */
    const struct df_app *const
        *builtin; /* apps that are linked in, before those of the list; ends with NULL; may be NULL */
    const char *vhost_sock_dir;
    const struct df_underlay_config *underlay; /* NULL: no tunnels */
    struct df_datapath *dp;                    /* stays the caller's */
    const struct df_clock *clock;
    const struct df_self_config *self; /* what it writes of itself; NULL: nothing */
    bool selective;                    /* df_controller_interest() says what it has to hear of */
    /** An app's option in the configuration file, or NULL for its default. */
    const char *(*option)(void *arg, const char *section, const char *key);
    void *option_arg;
};

/**
 * Loads the apps. Errors name the app and the remedy. The calling thread is registered with RCU and online, here and
 * below.
 */
int df_controller_new(const struct df_controller_config *config, struct df_controller **controller,
                      struct df_error *error);

/**
 * Entries and ports stay in the datapath, which forwards on until it is closed; nobody may read the origins of its
 * entries after this (trace, dump).
 */
void df_controller_free(struct df_controller *controller);

/** Takes one event of df_nb_sync(). Nothing happens in the datapath yet. */
void df_controller_change(struct df_controller *controller, struct df_nb_change *change);

/** The database went away, or is back and was read: nodes that it does not tell of are not dead at once. */
void df_controller_database(struct df_controller *controller, bool away);

/**
 * Another df-switchd has this node's name, as text says; NULL: none has. Until then the ports of this node are that
 * one's: none is opened here. Told before the first change, if it is so from the start.
 */
void df_controller_rival(struct df_controller *controller, const char *rival);

/**
 * The topics to follow from now on (df_nb_follow()), if they changed since the last call; else NULL, and so always when
 * the controller is not selective. Call after df_controller_settle(); valid until the next call.
 *
 * @param less set if something of the last ones is not wanted any more; false otherwise
 */
const char *const *df_controller_interest(struct df_controller *controller, size_t *n, bool *less);

/**
 * Compiles what is due, commits the difference, opens and closes ports. Inside a snapshot it does nothing: half a
 * snapshot is never applied.
 *
 * @return the number of entries put and deleted
 */
size_t df_controller_settle(struct df_controller *controller);

/**
 * When df_controller_settle() has something to do: what a punted packet brought, or to try again (a port that would not
 * open, an entry that was refused). The clock's milliseconds, maybe past; -1: never by itself.
 */
int64_t df_controller_next_due_ms(const struct df_controller *controller);

/**
 * Compiles everything again and applies the difference: what a restart would do. Always 0 unless the compiler is
 * wrong, which is what tests end with.
 */
size_t df_controller_recompile(struct df_controller *controller);

/* Work done since the start, for tests ("no more than it had to") and metrics. */
struct df_controller_work {
    uint64_t changes;  /* events taken */
    uint64_t compiles; /* calls of a compile function */
    uint64_t puts, dels;
    uint64_t refused; /* entries that the datapath would not take */
};
struct df_controller_work df_controller_work(const struct df_controller *controller);

/** To be called by the datapath's owner as df_datapath_events. */
void df_controller_punt(void *controller, uint32_t app, uint32_t lport, uint32_t network, const uint8_t *frame,
                        uint32_t len);
void df_controller_port_changed(void *controller, uint16_t port, const struct df_port_state *state);

/**
 * A network device of that name is there now; NULL: any may be. Whether a port waits for it, which the next settle opens
 * then.
 */
bool df_controller_device_came(struct df_controller *controller, const char *name);

/**
 * Reports for RPC, as JSON. The caller owns the result; NULL: there is no report of that name (error says so).
 *
 * show      {host, apps [name], objects {NB table: count}, networks, routers (that this node needs), ports {open,
 *           refused, waiting, down}, entries {table: count}, work {changes, compiles, puts, dels, refused},
 *           unknown_punts, ignored_leases (df_liveness_ignored()), in_snapshot, held (the database is empty and what
 *           was known is kept), underlay (null, or df_underlay_port_summary() of underlay.h), n_bad, n_waiting,
 *           n_problems, bad [{table, id, error, in_force}], waiting [{table, id, n, for [{table, id, app}]}],
 *           problems [{table, id, app, text}]}; each list is cut at 100 items, its n_ is not
 * ports     [{id, name, number, lswitch, network (its name), unique_key, macs, ips, vif_type, vif_name, status (open,
 *           refused, waiting, down), reason, attached, detail, desired_version, applied_version, rx_packets, rx_bytes,
 *           tx_packets, tx_bytes, rx_drops, tx_drops}], by id; behind them the underlay, whose id is its name in
 *           [fastpath] ports
 * networks  [{id, name, unique_key, network_type, segmentation_id, mtu, subnets [cidr], ports, local_ports}] needed,
 *           by id
 * routers   [{id, name, unique_key, enabled, ports [{id, lswitch, network, mac, networks}], routes [{destination,
 *           nexthop}]}] needed, by id
 * secgroups [{id, name, state (in force, missing), stateful, members (ports of all nodes that have it), ports (names,
 *           of this node), rules (how many), problems (how many)}] that a local port has, by id
 * secgroup  one of them, or any other (state: not needed), by params.name, its id or name, with rules [{id, words,
 *           hits, problem}] and problems [text]
 * underlay  null, or what df_underlay_port_report() says (underlay.h)
 * chassis   [{id, ip, tunnel_types [type], tunnel_type (the best that both nodes speak, or null), path_mtu (learnt from
 *           routers, or null), state (this node, alive, lost, dead, unregistered), since_ms (that its lease is held, or
 *           is not; or null), owner (of the lease, or null), ports (that this node knows of there)}] in the model, by id
 * apps      [{id, name, summary, provides [word], state (what the app says, or null)}] in order
 * version   {version, app_abi, backend}
 *
 * A field of the model that is unset is null.
 */
json_t *df_controller_report(struct df_controller *controller, const char *what, json_t *params,
                             struct df_error *error);

/* Names for trace and tables: what people call an lport, network or router key. NULL when unknown. */
const char *df_controller_lport_name(struct df_controller *controller, uint32_t key);
const char *df_controller_network_name(struct df_controller *controller, uint32_t key);
const char *df_controller_router_name(struct df_controller *controller, uint32_t key);

/** The lport of that key, or NULL. Valid until the next change is taken. */
const Df__LogicalPort *df_controller_lport(struct df_controller *controller, uint32_t key);

/** This node's end of tunnels, or NULL. */
const struct df_underlay_end *df_controller_underlay(const struct df_controller *controller);

/* Likewise of the numbers by which entries name a secgroup or address_group, and a rule: its id. */
const char *df_controller_group_name(struct df_controller *controller, uint32_t number);
const char *df_controller_rule_name(struct df_controller *controller, uint32_t number);

/** {number, group, group_name, id, words (null: it is gone)} of a rule's number, or NULL. The caller owns it. */
json_t *df_controller_rule(struct df_controller *controller, uint32_t number);

/** Finds a local port by lport id, unique prefix of it, or name. 0, -ENOENT, -EEXIST (ambiguous). */
int df_controller_find_port(struct df_controller *controller, const char *text, uint16_t *port, const char **lport_id,
                            struct df_error *error);

/* Port status, a level: what this node has done of what the model wants. */
struct df_port_status {
    const char *lport;
    uint64_t desired_version, applied_version;
    bool attached;
    const char *reason; /* why it is not open, "" when it is */
};
int df_controller_port_status(struct df_controller *controller, const char *lport_id, struct df_port_status *status);
