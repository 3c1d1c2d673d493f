/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "control/rpc/rpc.h"
#include "dbsync/error.h"

/*
 * A blocking client of the RPC socket, for df-ctl and tests. One call at a time, one thread.
 */

struct df_rpc_client;

/** Connects. The error of a daemon that is not there says how to look for it. */
int df_rpc_client_open(const char *path, struct df_rpc_client **client, struct df_error *error);
void df_rpc_client_close(struct df_rpc_client *client);

/**
 * Calls a method and waits for its answer.
 *
 * @param params     taken over; NULL for none
 * @param timeout_ms -1: for ever
 * @param code       the server's error code, or DF_RPC_INTERNAL when the connection failed; may be NULL
 * @return the result, which is the caller's, or NULL with the reason in error
 */
json_t *df_rpc_client_call(struct df_rpc_client *client, const char *method, json_t *params, int timeout_ms, int *code,
                           struct df_error *error);
