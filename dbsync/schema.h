/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "dbsync/error.h"
#include "dbsync/model.pb-c.h"

/*
 * The schema of the northbound model: which tables there are, what a field means beyond its protobuf type
 * (an address, a prefix, a reference to another table), and JSON in both directions.
 *
 * Everything is driven by the protobuf descriptors and one list of field annotations (schema.c): a new field needs
 * model.proto and at most a line of annotation, no code. A JSON name is the field's name.
 */

/* Table names are the contract of the model; the order is that of references: what is referred to comes first. */
#define DF_NB_TABLE_LIST(X)                                                                                            \
    X(CHASSIS, chassis, Chassis)                                                                                       \
    X(SERVICE, service, Service)                                                                                       \
    X(PUBLISHER, publisher, Publisher)                                                                                 \
    X(QOSPOLICY, qospolicy, QosPolicy)                                                                                 \
    X(ADDRESS_GROUP, address_group, AddressGroup)                                                                      \
    X(SECGROUP, secgroup, SecurityGroup)                                                                               \
    X(LSWITCH, lswitch, LogicalSwitch)                                                                                 \
    X(LSUBNET, lsubnet, Subnet)                                                                                        \
    X(LPORT, lport, LogicalPort)                                                                                       \
    X(LROUTER, lrouter, LogicalRouter)                                                                                 \
    X(FLOATINGIP, floatingip, FloatingIp)                                                                              \
    X(CHILD_PORT_SEGMENTATION, child_port_segmentation, ChildPortSegmentation)                                         \
    X(ACTIVEPORT, activeport, ActivePort)                                                                              \
    X(SFC_PORTPAIR, sfc_portpair, SfcPortPair)                                                                         \
    X(SFC_PORTPAIRGROUP, sfc_portpairgroup, SfcPortPairGroup)                                                          \
    X(SFC_FLOWCLASSIFIER, sfc_flowclassifier, SfcFlowClassifier)                                                       \
    X(SFC_PORTCHAIN, sfc_portchain, SfcPortChain)                                                                      \
    X(BGP_PEER, bgp_peer, BgpPeer)                                                                                     \
    X(BGP_SPEAKER, bgp_speaker, BgpSpeaker)                                                                            \
    X(MIGRATION, migration, Migration)                                                                                 \
    X(PORT_STATUS, port_status, PortStatus)

enum df_nb_table {
#define X(ENUM, name, type) DF_NB_##ENUM,
    DF_NB_TABLE_LIST(X)
#undef X
        DF_NB_TABLES
};

struct df_schema_table {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor; /* the C types are Df__LogicalPort and so on (package df) */
    bool has_topic, has_version, has_unique_key, has_name;
};

/** A table's description; table < DF_NB_TABLES. */
const struct df_schema_table *df_schema_table(enum df_nb_table table);

/** The table of that name, or DF_NB_TABLES. */
enum df_nb_table df_schema_find(const char *name);

/** The object's id, never NULL in a checked object. */
const char *df_schema_id(const ProtobufCMessage *object);

/** Its version / unique_key / name / topic; 0 or NULL where the table has none or it is unset. */
uint64_t df_schema_version(const ProtobufCMessage *object);
uint32_t df_schema_unique_key(const ProtobufCMessage *object);
const char *df_schema_name(const ProtobufCMessage *object);
const char *df_schema_topic(const ProtobufCMessage *object);

/**
 * Checks every field against its annotation: address and prefix syntax, MACs (unicast where they name a station),
 * enumerations, ranges, lengths (ids at most 63 bytes, names 255, lists 65536 items), one subnet per ip, min <= max ...
 * It does not look at other objects. -EINVAL names table, id and field.
 */
int df_schema_check(enum df_nb_table table, const ProtobufCMessage *object, struct df_error *error);

/**
 * The same for an object that is stored: the parts of which one must not take the others along, the rules of a security
 * group, are left to who uses them, with df_schema_check_part().
 */
int df_schema_check_stored(enum df_nb_table table, const ProtobufCMessage *object, struct df_error *error);

/** Checks one of these parts. -EINVAL names the field. */
int df_schema_check_part(const ProtobufCMessage *part, struct df_error *error);

/* Calls cb for every reference in the object: (field path, table it refers to, id). */
typedef void (*df_schema_ref_cb)(const char *path, enum df_nb_table table, const char *id, void *arg);
void df_schema_references(enum df_nb_table table, const ProtobufCMessage *object, df_schema_ref_cb cb, void *arg);

/** The table that a reference field names, by its path without indexes ("ports.lswitch"); DF_NB_TABLES: none. */
enum df_nb_table df_schema_refers(enum df_nb_table table, const char *path);

/** JSON object -> message and back. Unknown fields and wrong types are errors that name the field. It is checked. */
int df_schema_from_json(enum df_nb_table table, const json_t *json, ProtobufCMessage **object, struct df_error *error);
json_t *df_schema_to_json(const ProtobufCMessage *object);
