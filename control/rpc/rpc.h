/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * JSON-RPC 2.0 over a unix socket: one request, or one batch, per line; one line per answer. What server and client
 * share.
 */

/* Limits of the server. What goes over one of them is answered by an error that names it. */
#define DF_RPC_REQUEST_MAX (1024 * 1024) /* bytes of a line */
#define DF_RPC_CONNECTIONS_MAX 64
#define DF_RPC_BATCH_MAX 64                 /* requests in a batch */
#define DF_RPC_PENDING_MAX 64               /* unanswered calls of a connection; then it is not read from */
#define DF_RPC_OUTPUT_MAX (4 * 1024 * 1024) /* bytes not yet taken by the client; then it is not read from */
#define DF_RPC_WRITE_TIMEOUT_S 30           /* a client that takes nothing for so long is dropped */

enum df_rpc_code {
    DF_RPC_PARSE_ERROR = -32700,
    DF_RPC_INVALID_REQUEST = -32600,
    DF_RPC_NO_METHOD = -32601,
    DF_RPC_BAD_PARAMS = -32602,
    DF_RPC_INTERNAL = -32603,
    /* Ours, in the range that the specification leaves to servers. */
    DF_RPC_FAILED = -32000,
    DF_RPC_NOT_FOUND = -32001,
    DF_RPC_AMBIGUOUS = -32002,
    DF_RPC_TIMEOUT = -32003,
    DF_RPC_BUSY = -32004,
};
