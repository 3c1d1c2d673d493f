/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <uthash.h>

#include "control/binding/local_ports.h"

/*
 * What local_ports.c (the records, and who asks about them), claims.c (numbers and interfaces that ports share) and
 * opening.c (what is wanted becomes what is open) have in common. Private to the three.
 */

struct local_port {
    UT_hash_handle hh;
    char *id;
    uint16_t number;                /* 0: none */
    bool touched;                   /* to be looked at by the settle that goes on */
    struct local_port *prev, *next; /* claimants of the interface */
    struct claim *claim;
    struct df_watched claim_watched;

    struct df_local_port_want want; /* its strings are the port's own */
    struct df_vif open;             /* type NULL: it is not open */

    char *failure; /* why it could not be opened */
    uint64_t tried_ms, retry_ms;
    uint32_t backoff_ms; /* 0: not failing */
    bool gone;           /* the device went while it was open, and is waited for */
    bool attached;
    char *detail;
};

/* Who wants one interface. */
struct claim {
    UT_hash_handle hh;
    struct local_port *claimants;
    char name[];
};

struct df_local_ports {
    struct df_store *store;
    const struct df_relevance *relevance;
    struct df_datapath *dp;
    struct df_sock_dir *sock_dir;
    struct local_port *port; /* by id */
    struct claim *claims;
    struct local_port *by_number[DF_LOCAL_PORTS_MAX + 1];
    uint16_t last_number; /* given out */
    struct df_watched number_watched;
    char *rival; /* NULL: none */
    struct df_watched rival_watched;
    size_t n_touched, n_failing;
};

/** The record of a port, made if there is none. */
struct local_port *df_local_port_record(struct df_local_ports *ports, const char *id);

/** It is to be looked at by the next settle. */
void df_local_port_touch(struct df_local_ports *ports, struct local_port *port);

/** Frees the record, with what it claims. */
void df_local_port_forget(struct df_local_ports *ports, struct local_port *port);

void df_local_port_set_attached(struct local_port *port, bool attached, const char *detail);

/** Puts a copy of from, which may be NULL, in place of *to. */
void df_local_port_set_text(char **to, const char *from);
void df_local_port_set_vif(struct df_vif *to, const struct df_vif *from);
void df_local_port_clear_vif(struct df_vif *vif);
bool df_local_port_same_text(const char *a, const char *b);
bool df_local_port_same_vif(const struct df_vif *a, const struct df_vif *b);

/* ---- claims.c */

void df_local_port_leave_claim(struct df_local_ports *ports, struct local_port *port);

/** Whoever waits for a number is due. */
void df_local_port_release_number(struct df_local_ports *ports, struct local_port *port);

/* ---- opening.c */

/** It could not be opened, and why: it is left alone for a while. NULL: it does not fail any more. */
void df_local_port_set_failing(struct df_local_ports *ports, struct local_port *port, const char *why, uint64_t now_ms);
