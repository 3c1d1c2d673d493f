/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/app.h"
#include "control/compile/numbers.h"
#include "control/compile/relevance.h"
#include "control/datapath/datapath.h"
#include "control/model/store.h"

/*
 * The compiler: objects of the model to table entries, through the apps.
 *
 * Invariant: after df_compiler_run() the entries wanted are those that a compile of everything from scratch would
 * give. A unit of work is one rule of an app for one object (unit.h). Each thing that a unit reads is recorded as a
 * watch, so a change makes due the units of the object itself and those that read what changed of it, and nothing else.
 *
 *     change ─► store (fires watches) ─► units due ─► run: apps emit ─► entries (candidates) ─► changes: one
 *     transaction
 *
 * Units of a rule that comes last (binding) run when no other is due, because they read what the others said.
 *
 * Control thread.
 */

struct df_compiler;
struct df_local_ports;
struct df_underlay_port;

struct df_compiler_config {
    struct df_store *store;
    struct df_relevance *relevance;
    struct df_local_ports *ports;
    struct df_underlay_port *underlay; /* NULL: none */
    const struct df_app *const *apps;  /* app id i + 1; the last one is the one that reads refusals */
    size_t n_apps;
};

struct df_compiler *df_compiler_new(const struct df_compiler_config *config);

/** Takes all entries back (from the compiler, not from the datapath) and frees units. Before the store is freed. */
void df_compiler_free(struct df_compiler *compiler);

/* A change of the model. The message becomes the store's. */
void df_compiler_set(struct df_compiler *compiler, struct df_object *object, ProtobufCMessage *message,
                     uint64_t revision);
void df_compiler_unset(struct df_compiler *compiler, struct df_object *object);

/** Compiles what is due, until nothing is. */
void df_compiler_run(struct df_compiler *compiler);

/** Is something due? */
bool df_compiler_is_due(const struct df_compiler *compiler);

/** Makes everything due, and searches anew for what this node needs. */
void df_compiler_all_due(struct df_compiler *compiler);

/** The entries, to be committed. */
struct df_entries *df_compiler_entries(struct df_compiler *compiler);

/**
 * What was wanted has been committed: numbers that no unit uses any more may be given anew. Where an entry was refused
 * its predecessor may be in force still, and they wait.
 */
void df_compiler_settled(struct df_compiler *compiler);

/** The numbers of objects and of parts of objects; the lists live as long as the compiler. */
const struct df_numbers *df_compiler_objects(const struct df_compiler *compiler);
const struct df_numbers *df_compiler_parts(const struct df_compiler *compiler);

/** Calls of compile functions so far. */
uint64_t df_compiler_compiles(const struct df_compiler *compiler);

/** Why the datapath refuses an entry of the object, or NULL. */
const char *df_compiler_refusal(const struct df_object *object);

/** Calls cb with each problem and refusal of an object, with the name of the app that has it. */
void df_compiler_notes(const struct df_object *object,
                       void (*cb)(const struct df_object *object, const char *app, const char *text, bool refusal,
                                  void *arg),
                       void *arg);

/** Calls cb with each (object, app) that waits for the missing object. */
void df_compiler_waiters(const struct df_object *missing,
                         void (*cb)(const struct df_object *object, const char *app, void *arg), void *arg);

/* ---- For the app that comes last, inside a compile function */

struct df_compile;

/** What the other apps refuse the object for, the first of them, or NULL. */
const char *df_compile_refusal(const struct df_compile *c);

/** Bits of enum df_app_provides of all apps. */
uint32_t df_compile_provides(const struct df_compile *c);

/** Is the port bound to this node, enabled or not? */
bool df_compile_is_bound(const struct df_compile *c, const Df__LogicalPort *lport);

struct df_local_ports *df_compile_local_ports(const struct df_compile *c);

/** Who is being compiled, to set watches for, and the object's version. */
struct df_watcher *df_compile_watcher(const struct df_compile *c);
