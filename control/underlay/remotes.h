/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/model/watch.h"
#include "control/underlay/neighbours.h"
#include "control/underlay/settings.h"

/*
 * Remotes: the tunnel end points of other nodes, the neighbour each is reached by, and how long a packet may be on the
 * way to it.
 *
 * Invariants:
 * - There is a remote while somebody watches it, and for some seconds longer: who watches are objects of the model, so
 *   these bound it, beside DF_REMOTES_MAX.
 * - Its watchers are due when its MAC, its reach or its path MTU changes.
 * - A path MTU only goes down, and is forgotten ten minutes after it did (RFC 1191 section 6.3, RFC 8201 section 4).
 *
 * Control thread. Times are of the caller's clock, in milliseconds.
 */

#define DF_REMOTES_MAX DF_NEIGHBOURS_MAX
#define DF_PATH_MTU_MS 600000

struct df_remote {
    struct df_ip ip;
    struct df_watched watched;
    struct df_neighbour *hop;  /* NULL: its MAC is the configuration's, or no way leads to it */
    struct df_remote *sibling; /* of the same hop */
    struct df_remote *next;    /* of the same hash */
    uint16_t path_mtu;         /* 0: the underlay's own */
    uint64_t path_mtu_until_ms;
    bool is_settled; /* its reach changed: what waits for it can go, one way or the other */
};

struct df_remotes;

/** Both outlive it. */
struct df_remotes *df_remotes_new(const struct df_settings *settings, struct df_neighbours *neighbours);
void df_remotes_free(struct df_remotes *remotes);

/** The remote of that address, which is watched from now on. NULL: there are as many as may be. */
struct df_remote *df_remotes_watch(struct df_remotes *remotes, const struct df_ip *ip, struct df_watcher *watcher);

/** NULL: nobody watches it. */
struct df_remote *df_remotes_find(struct df_remotes *remotes, const struct df_ip *ip);

/** How it is reached; mac is zero unless it is DF_PEER_REACHABLE. */
enum df_peer_reach df_remotes_reach(const struct df_remotes *remotes, const struct df_remote *remote,
                                    struct df_mac *mac);

/** What goes to this neighbour goes to another MAC, or nowhere: its remotes are settled and their watchers due. */
void df_remotes_changed(struct df_remotes *remotes, const struct df_neighbour *hop);

/** What waits for this one can go at the next run. */
void df_remotes_settle(struct df_remotes *remotes, struct df_remote *remote);

/** A router takes packets of at most mtu bytes to it. False: that is no news. */
bool df_remotes_note_mtu(struct df_remotes *remotes, struct df_remote *remote, uint16_t mtu, uint64_t now_ms);

/**
 * Forgets path MTUs that are old, and remotes that nobody watches.
 *
 * @param settled called for each remote whose reach changed since
 * @param gone    called before one goes
 */
void df_remotes_run(struct df_remotes *remotes, uint64_t now_ms, void (*settled)(struct df_remote *remote, void *arg),
                    void (*gone)(struct df_remote *remote, void *arg), void *arg);

/** When df_remotes_run() has something to do, maybe in the past; -1: never by itself. */
int64_t df_remotes_next_ms(const struct df_remotes *remotes);

/** How often one was not taken, or its neighbour not, as there were as many as may be. */
uint64_t df_remotes_refused(const struct df_remotes *remotes);

void df_remotes_each(const struct df_remotes *remotes, void (*cb)(const struct df_remote *remote, void *arg),
                     void *arg);
