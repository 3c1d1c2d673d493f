/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

/*
 * A TCP proxy of 127.0.0.1 from one port to another, a process of its own. To kill it is to cut its connections and to
 * refuse new ones. Where nobody listens at the other port, it takes connections and closes them.
 */

/* What it has seen, in memory that processes share. */
struct proxy_tally {
    _Atomic unsigned connections; /* of clients, also those that were closed at once */
    _Atomic uint64_t answered;    /* bytes passed to clients */
};

/**
 * Is the proxy; does not return. Adds to tally.
 *
 * @param swallows shared, too: as long as it is set, what clients say is passed, and what they are answered is dropped.
 *                 Who sets it before a request is sent can be sure that its answer does not come.
 */
void proxy_run(uint16_t from, uint16_t to, const atomic_bool *swallows, struct proxy_tally *tally)
    __attribute__((noreturn));
