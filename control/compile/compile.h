/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/underlay/end.h"
#include "dbsync/schema.h"
#include "fastpath/pipeline.h"

/*
 * What an app's compile function sees: the object, the rest of the model to read from, and a place to emit entries.
 *
 * Every read is recorded, also one that finds nothing: when the thing read changes, appears or goes, the object is
 * compiled again. Nothing else causes a compile. Read the narrowest thing that will do: df_compile_key() depends only
 * on an object's existence and unique_key, so a change of a network's MTU does not touch its ten thousand ports.
 */

struct df_compile;

/** The object of that id, or NULL while it is missing (the object then shows as waiting for it). */
const ProtobufCMessage *df_compile_read(struct df_compile *c, enum df_nb_table table, const char *id);

/** Its unique_key, or 0 while it is missing. Cheaper for everybody than a read. */
uint32_t df_compile_key(struct df_compile *c, enum df_nb_table table, const char *id);

/** Is the port bound to this node (and enabled)? Depends on the port itself alone. */
bool df_compile_is_local(struct df_compile *c, const Df__LogicalPort *lport);

/** Does this node need the network: has it a local port, or do routers lead to it from one? */
bool df_compile_needs_network(struct df_compile *c, const char *lswitch_id);

/**
 * The number of the domain that the network is in: of all networks that routers connect with it. 0 while this node
 * needs none of them, or knows no unique_key. Depends on that number alone.
 */
uint32_t df_compile_domain(struct df_compile *c, const char *lswitch_id);

/* Where ports of a network are, when they are not on this node. The text is the model's. */
struct df_compile_place {
    const char *chassis;      /* NULL: at a vtep, of this address */
    const char *vtep_address; /* NULL: on a node */
    bool is_open;             /* a port there has no port security, and so may have any MAC */
};

/**
 * Calls cb with each place of the network that has an enabled port of it, in an order that depends on their names
 * alone. None for a network without a local port. Depends on the set of places, not on the ports that are there.
 */
void df_compile_places(struct df_compile *c, const char *lswitch_id,
                       void (*cb)(struct df_compile *c, const struct df_compile_place *place, void *arg), void *arg);

/** Is the node dead (nodes/liveness.h), so that nothing is to be sent to it? Depends on that alone. */
bool df_compile_is_dead(struct df_compile *c, const char *chassis_id);

/* What a network is on the wire. The text is the model's. */
struct df_segment {
    uint32_t network; /* its unique_key */
    const char *network_type;
    bool has_segmentation_id;
    uint32_t segmentation_id;
};

/** Fills in what the network is on the wire; depends on these fields alone. False: it is missing. */
bool df_compile_segment(struct df_compile *c, const char *lswitch_id, struct df_segment *segment);

/**
 * Calls cb with each object of table that refers to id by the reference field (e.g. lsubnets by "lswitch"), ordered by
 * id.
 */
void df_compile_referrers(struct df_compile *c, enum df_nb_table table, const char *field, const char *id,
                          void (*cb)(struct df_compile *c, const ProtobufCMessage *object, void *arg), void *arg);

/** The datapath port number of a local lport; allocated at the first call, 0 when there are none left. */
uint16_t df_compile_port(struct df_compile *c, const Df__LogicalPort *lport);

/**
 * A number for an object by which table entries can name it where it has no unique_key (secgroup, address_group), also
 * while it is missing. Never 0, and the same as long as any object's last compile asked for it; it depends on nothing.
 * Ask for it in each compile that emits it.
 */
uint32_t df_compile_number(struct df_compile *c, enum df_nb_table table, const char *id);

/** Likewise for a part of the object being compiled: a security group's rule by its id. */
uint32_t df_compile_part_number(struct df_compile *c, const char *part);

/** Does this node need the rules of the secgroup: has a port that is bound here, with port security on, it? */
bool df_compile_needs_rules(struct df_compile *c, const char *secgroup_id);

/** Does this node need to know who is in the secgroup or address_group: does a rule in force here name it as remote? */
bool df_compile_needs_members(struct df_compile *c, enum df_nb_table table, const char *id);

/** This node's end of tunnels, or NULL: it has none. Depends on nothing: it is the configuration's. */
const struct df_underlay_end *df_compile_underlay(struct df_compile *c);

/** The MAC of its port; zero while the port is not open. */
struct df_mac df_compile_underlay_mac(struct df_compile *c);

/**
 * How a tunnel end point is reached, and the MAC to which the underlay sends packets for it; zero unless it is
 * DF_PEER_REACHABLE. Who asks has its address, or its gateway's, resolved.
 */
enum df_peer_reach df_compile_neighbour(struct df_compile *c, const struct df_ip *ip, struct df_mac *mac);

/** The longest outer IP packet that gets to a tunnel end point: the underlay's mtu, or what routers said. */
uint16_t df_compile_path_mtu(struct df_compile *c, const struct df_ip *ip);

/** The number by which a table entry names the running app in a punt. */
uint32_t df_compile_app_id(struct df_compile *c);

/**
 * Emits an entry for the object. Two objects may emit the same key: the one of lower rank wins, then the one of
 * lower (table, id), so the outcome does not depend on the order of arrival.
 *
 * @param key   the table's key struct; key_len its size
 * @param value copied
 */
void df_compile_emit(struct df_compile *c, uint16_t table, const void *key, uint16_t key_len, const void *value,
                     uint32_t value_len);
void df_compile_emit_ranked(struct df_compile *c, unsigned rank, uint16_t table, const void *key, uint16_t key_len,
                            const void *value, uint32_t value_len);

/** Says that part of the object cannot be used (logged once, shown by `df-ctl show`); the rest holds. */
void df_compile_problem(struct df_compile *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * Refuses the port the object is: it is not opened, `df-ctl ports` shows the reason. Only for the object being
 * compiled.
 */
void df_compile_refuse(struct df_compile *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
