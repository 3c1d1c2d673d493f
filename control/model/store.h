/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "control/model/watch.h"
#include "dbsync/schema.h"

/*
 * The model store: the northbound objects by table and id, with an index of references in both directions.
 *
 * Invariants:
 * - A message is immutable once it is in the store; a change replaces it.
 * - The index always is what df_schema_references() says of the messages in it.
 * - An object also stands for one that is missing: it has no message then, and is there as long as something refers to
 *   it, watches it, or says that its row is bad. So a reference may come before what it refers to.
 * - Whoever watches an aspect of an object is made due by the change itself, in set and unset:
 *     read       any change of the object
 *     key        it appeared, went, or its unique_key changed
 *     needed_by  this node began or ceased to need the network, or the rules of the secgroup (fired by
 *                compile/relevance, as the next two)
 *     members_needed_by  this node began or ceased to need the members of the secgroup or address_group
 *     domain     the network came to another domain, or its domain got another number
 *     alive      the chassis died, or lives again (fired by nodes/liveness)
 *     places     the network's ports are at other places (fired by compile/places)
 *     segment    it appeared, went, or what the network is on the wire changed (fired by compile/segment)
 *     referrers  one of the objects that refer to it by a field appeared, went, or changed
 *
 * Control thread. Out of memory ends the process (alloc.h).
 */

struct df_store;

/* The objects of one table that refer to an object by one field. */
struct df_referrers {
    struct df_referrers *next; /* of the same object */
    struct df_reference *first;
    struct df_object **sorted; /* by id, each once; NULL: to be made again */
    size_t n_sorted;
    size_t n;
    struct df_watched watched;
    uint16_t field; /* number of (table, field name) in the store */
};

struct df_object {
    UT_hash_handle by_id, by_key;
    struct df_store *store;
    ProtobufCMessage *message; /* NULL while it is missing */
    uint64_t revision;         /* of the row */
    uint64_t version;
    uint32_t unique_key;
    uint32_t snapshot; /* in which it was seen last */
    enum df_nb_table table;
    char *bad; /* why the newest row of this id could not be used, or NULL */

    struct df_reference *refers; /* what it refers to */
    struct df_referrers *referrers;
    struct df_watched read, key, needed_by, members_needed_by, domain, places, segment, alive;

    struct df_units *units; /* compile/: what the apps made of it */

    /* compile/relevance, of networks and routers; of a secgroup local_ports, of a group that is a remote remote_of. */
    uint32_t local_ports;
    uint32_t remote_of;      /* rules in force that name it */
    uint32_t reached;        /* number of the search that found it last */
    uint32_t domain_key;     /* the smallest unique_key of a network in its domain; 0: none, or not needed */
    struct df_place *placed; /* compile/places: where else a network's ports are */
    bool keeps_places;
    bool needed;
    bool dead; /* nodes/liveness, of a chassis */

    char id[];
};

struct df_store *df_store_new(void);

/** The end begins: objects stay until df_store_free(), so that every watch and unit can be dropped in any order. */
void df_store_close(struct df_store *store);

/** Frees objects and messages. No watch and no unit may be left. */
void df_store_free(struct df_store *store);

/** The object, or NULL when nothing is known of it; may be missing (no message). */
struct df_object *df_store_find(const struct df_store *store, enum df_nb_table table, const char *id);

/** As df_store_find(), and makes a missing object where there is none; df_object_trim() it when it stays unused. */
struct df_object *df_store_want(struct df_store *store, enum df_nb_table table, const char *id);

/** The object with that unique_key, or NULL. */
struct df_object *df_store_by_key(const struct df_store *store, enum df_nb_table table, uint32_t unique_key);

/** How many objects of the table have a message. */
size_t df_store_count(const struct df_store *store, enum df_nb_table table);

/** Calls cb with every object of a table, missing ones too; cb may trim its own. Order of arrival. */
void df_store_each(struct df_store *store, enum df_nb_table table, void (*cb)(struct df_object *object, void *arg),
                   void *arg);

/** Puts a message in place (it becomes the store's) and makes due who watches what changed by that. */
void df_object_set(struct df_object *object, ProtobufCMessage *message, uint64_t revision);

/** Takes the message away, likewise. The object stays until df_object_trim(). */
void df_object_unset(struct df_object *object);

/** Notes why the newest row cannot be used; NULL: it can. */
void df_object_set_bad(struct df_object *object, const char *why);

/** Frees the object if nothing needs it any more. */
void df_object_trim(struct df_object *object);

/**
 * The set of objects of table that refer to object by field, named without list indexes ("ports.lswitch"). It is made
 * where there is none, for a watch; the caller watches it or uses it at once.
 */
struct df_referrers *df_object_referrers(struct df_object *object, enum df_nb_table table, const char *field);

/** Tells each reference in no order, so who refers to the object twice comes twice. cb must not change references. */
void df_referrers_each(const struct df_referrers *referrers, void (*cb)(struct df_object *from, void *arg), void *arg);

/** Its members ordered by id, each once; valid until a member comes or goes, which then costs a sort of all. */
struct df_object *const *df_referrers_sorted(struct df_referrers *referrers, size_t *n);
