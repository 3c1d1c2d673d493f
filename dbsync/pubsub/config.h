/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* What publishers, subscribers and writers have to be told. Strings are the configuration's. */

#define DF_PUBLISHER_IPC "ipc:///var/run/zmq_pubsub/zmq-publisher-socket" /* upstream's [df_zmq] ipc_socket */

/*
 * CURVE (RFC 26 of ZeroMQ): keys are 40 characters of Z85, as zmq_curve_keypair() makes them. A publisher has a secret
 * key; subscribers know its public one, and have a pair of their own. NULL: no encryption.
 */
struct df_curve {
    const char *public_key, *secret_key; /* one's own */
    const char *server_key;              /* a subscriber's: the publisher's public one */
};
