/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/datapath/datapath.h"

/*
 * A port of the node itself: the underlay's, and the exception port.
 *
 * Invariant: one that cannot be opened is tried again after 1 s, 2 s, ... 30 s, and one whose device is gone is closed
 * and treated so.
 *
 * Control thread. Times are of the caller's clock, in milliseconds.
 */

struct df_own_port {
    struct df_datapath *dp;
    struct df_port_spec spec; /* strings and what it points to are the owner's */
    const char *key;          /* of [df], for the log */
    bool open;
    bool gone;
    bool attached;
    char *detail;
    struct df_mac mac;
    char *failure; /* why it could not be opened */
    uint64_t retry_ms;
    uint32_t backoff_ms; /* 0: not failing */
};

/** Opens it, or closes it if its device is gone, if that is due at that time. */
void df_own_port_settle(struct df_own_port *port, uint64_t now_ms);

/** Closes it if it is open. */
void df_own_port_close(struct df_own_port *port);

/** When df_own_port_settle() has something to try again, or -1. */
int64_t df_own_port_next_ms(const struct df_own_port *port);

/** The backend says that it came up or went down, or that its device is gone. */
void df_own_port_changed(struct df_own_port *port, const struct df_port_state *state);

/** Why it is not open, or "". */
const char *df_own_port_reason(const struct df_own_port *port);

/** Frees what is kept of it, and closes nothing: it is the datapath's. */
void df_own_port_fini(struct df_own_port *port);
