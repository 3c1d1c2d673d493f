/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/compile/compiler.h"
#include "control/compile/entries.h"
#include "control/compile/numbers.h"
#include "control/compile/unit.h"
#include "control/underlay/underlay.h"

/*
 * What compile.c (the apps' side) and compiler.c (the controller's side) share, inside compile/: the call that is
 * going on.
 */

struct df_compile {
    struct df_store *store;
    struct df_relevance *relevance;
    struct df_local_ports *ports;
    struct df_underlay_port *underlay; /* NULL: none */
    struct df_entries *entries;
    struct df_numbers *objects, *parts; /* their numbers */
    uint32_t provides;
    struct df_unit *unit;
    struct df_note *said_before; /* notes of the unit's last compile: what is in them is not logged again */
};

/** Adds a note to the unit, and logs it unless it stood there before. */
void df_compile_note(struct df_compile *c, bool refusal, const char *text);

void df_notes_free(struct df_note *notes);
