/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "dbsync/schema.h"

/*
 * Numbers by which table entries name what has no unique_key: security groups, address groups, and the rules of groups.
 *
 * Invariants:
 * - A number, from 1 on, names one thing as long as somebody holds it, also while that thing is missing; and then until
 *   the datapath has no entry with it any more, and a grace period longer, so that no packet is on its way by such an
 *   entry. Asked for again until then it is the same. So an entry, a hit counter or a trace never names another rule
 *   than it meant.
 * - A number that is free is given out before a new one is: so numbers stay as few as what they name, whatever comes and
 *   goes, and a table by number does for counters.
 *
 * Who holds numbers is a unit of the compiler (unit.h): those that its last compile asked for.
 *
 * Control thread.
 */

struct df_numbers;

/* What a number stands for; valid as long as it is held, or until df_numbers_settled() is called next. */
struct df_numbered {
    enum df_nb_table table;
    const char *id;
    const char *part; /* of that object: a rule's id; "": the object itself */
};

/* The numbers that somebody holds, of any lists. Zeroed: none. */
struct df_number_holds {
    struct numbered **of;
    uint32_t n, room;
};

struct df_numbers *df_numbers_new(void);

/** Frees it. Whoever holds numbers lets go of them before. */
void df_numbers_free(struct df_numbers *numbers);

/** The number of an object (part "") or of a part of it, never 0; it is held from now on. */
uint32_t df_numbers_hold(struct df_numbers *numbers, struct df_number_holds *holds, enum df_nb_table table,
                         const char *id, const char *part);

/** Lets go of them all. */
void df_number_holds_drop(struct df_number_holds *holds);

/** No entry of the datapath has a number that nobody holds: after a grace period these are free. */
void df_numbers_settled(struct df_numbers *numbers);

/** The number, or 0 if there is none. */
uint32_t df_numbers_find(const struct df_numbers *numbers, enum df_nb_table table, const char *id, const char *part);

/** What the number stands for, or NULL. */
const struct df_numbered *df_numbers_name(const struct df_numbers *numbers, uint32_t number);
