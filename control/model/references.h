/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/model/store.h"

/*
 * The index of references, inside the model store: one struct df_reference for each reference field that is set, linked
 * from the object that has it and from the set of referrers of the object that it names.
 */

struct df_reference {
    struct df_reference *next; /* in the set of referrers */
    struct df_reference **link;
    struct df_reference *sibling; /* of the same object */
    struct df_object *from, *to;
    struct df_referrers *set;
};

/* The names of reference fields, numbered. */
struct df_reference_names {
    struct df_reference_name {
        enum df_nb_table table;
        char *field;
    } * name;
    uint16_t n;
};

/** Fires the watchers of every set that the object is in. */
void df_references_fire(struct df_object *object);

/** Enters the references of the object's message / takes them out and trims what they named. */
void df_references_enter(struct df_object *object, struct df_reference_names *names);
void df_references_leave(struct df_object *object);

/** The set for (object, table, field), made where there is none. */
struct df_referrers *df_references_set(struct df_object *object, enum df_nb_table table, const char *field,
                                       struct df_reference_names *names);

/** Frees the sets of referrers that have neither members nor watchers. */
void df_references_trim(struct df_object *object);

void df_reference_names_free(struct df_reference_names *names);
