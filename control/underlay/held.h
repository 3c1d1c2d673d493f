/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fastpath/drop.h"
#include "fastpath/packet/addr.h"

/*
 * Packets of guests that wait until it is known to which MAC their peer's tunnels are sent (RFC 1122 section 2.3.2.2).
 *
 * Invariant: DF_HELD_PER_PEER of a peer and DF_HELD_MAX in all, for DF_HELD_MS. Each that is taken is either let go or
 * dropped, once. Of one port the first ones wait; but where there is no room for who has less, the last packet goes of
 * the port that has most, so a guest that sends to many nodes is not in the way of others.
 *
 * Control thread. Times are of the caller's clock, in milliseconds.
 */

#define DF_HELD_PER_PEER 3
#define DF_HELD_MAX 64
#define DF_HELD_MS 5000

struct df_held_ops {
    /** It may go, as if it came from the local port now. */
    void (*release)(void *arg, uint32_t lport, const uint8_t *frame, uint32_t len);
    void (*drop)(void *arg, uint32_t lport, enum df_drop reason);
    void *arg;
};

struct df_held;

struct df_held *df_held_new(const struct df_held_ops *ops);

/** Drops what is left. */
void df_held_free(struct df_held *held);

/** Copies a frame that the local port sent to the peer. Where enough wait, it or another is dropped: RESOLVE_QUEUE_FULL. */
void df_held_put(struct df_held *held, const struct df_ip *peer, uint32_t lport, const uint8_t *frame, uint32_t len,
                 uint64_t now_ms);

/** Lets those of the peer go, in the order in which they came; or drops them, if it failed: RESOLVE_FAILED. */
void df_held_release(struct df_held *held, const struct df_ip *peer);
void df_held_fail(struct df_held *held, const struct df_ip *peer);

/** Drops those that waited for too long: RESOLVE_FAILED. */
void df_held_run(struct df_held *held, uint64_t now_ms);

/** When it has something to drop; -1: nothing waits. */
int64_t df_held_next_ms(const struct df_held *held);

/** How many wait for the peer; NULL: for all. */
unsigned df_held_count(const struct df_held *held, const struct df_ip *peer);
