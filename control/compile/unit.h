/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/app.h"
#include "control/compile/numbers.h"
#include "control/model/store.h"
#include "control/model/watch.h"

/*
 * The unit of work, inside compile/: one rule of one app for one object. It owns what the app made of the object
 * (entries, notes, the numbers in entries) and remembers what the app read (watches). It is there as long as the object has a message, and
 * compiled once more when it has none to take everything back.
 */

/* A rule of an app, in its place among all rules. */
struct df_unit_rule {
    const struct df_app *app;
    void (*compile)(struct df_compile *c, const ProtobufCMessage *object);
    uint32_t app_id; /* 1 is the first app */
    uint32_t order;  /* of rules: settles who wins between two of one object */
    bool last;       /* after the rules of other apps: it reads their refusals */
};

struct df_emission;
struct df_origin_held;

/* What an app said of an object. */
struct df_note {
    struct df_note *next;
    bool refusal; /* else a problem */
    char text[];
};

struct df_unit {
    struct df_watcher watcher; /* first member: the compiler finds the unit by it */
    struct df_object *object;
    const struct df_unit_rule *rule;
    struct df_emission *emitted;
    struct df_origin_held *origin; /* NULL until it emits */
    struct df_note *notes;
    struct df_number_holds holds; /* the numbers that its entries may have in them */
};

struct df_units {
    uint32_t n;
    struct df_unit unit[];
};
