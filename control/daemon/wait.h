/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <event2/event.h>

#include "control/controller.h"
#include "control/rpc/server.h"

/*
 * `wait`: RPC calls that are answered when a port is as they want it, or when their time is over. The loop goes on
 * meanwhile: port status is a level, so it is enough to look again whenever something may have changed.
 */

struct df_waits;

struct df_waits *df_waits_new(struct event_base *base, struct df_controller *controller);
void df_waits_free(struct df_waits *waits); /* the calls must be gone: free the RPC server first */

/**
 * The RPC method. params: lport (name or id), version (0 or none: the one that the model has), timeout (seconds, 60),
 * programmed (true: a guest need not be attached).
 */
void df_waits_add(struct df_waits *waits, struct df_rpc_call *call, json_t *params);

/** Answers those whose port is as they want it. Call after each settle and each change of a port. */
void df_waits_check(struct df_waits *waits);
