/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "dbsync/schema.h"

/*
 * Numbers by which table entries name what has no unique_key: security groups, address groups, and the rules of groups.
 *
 * Invariant: a number is given out once, from 1 on, and names the same thing as long as the list lives, also while that
 * thing is missing and after it is gone. So an entry, a hit counter or a trace never names another rule than it meant.
 * What it costs is an entry in the list for every group and rule that was ever seen.
 *
 * Control thread.
 */

struct df_numbers;

/* What a number stands for; valid as long as the list. */
struct df_numbered {
    enum df_nb_table table;
    const char *id;
    const char *part; /* of that object: a rule's id; "": the object itself */
};

struct df_numbers *df_numbers_new(void);
void df_numbers_free(struct df_numbers *numbers);

/** The number of an object (part "") or of a part of it; given out at the first call. Never 0. */
uint32_t df_numbers_of(struct df_numbers *numbers, enum df_nb_table table, const char *id, const char *part);

/** The number, or 0 if none was given out. */
uint32_t df_numbers_find(const struct df_numbers *numbers, enum df_nb_table table, const char *id, const char *part);

/** What the number stands for, or NULL. */
const struct df_numbered *df_numbers_name(const struct df_numbers *numbers, uint32_t number);
