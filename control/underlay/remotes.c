/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/remotes.h"

#include <stdlib.h>

#include "control/log.h"
#include "control/model/address.h"
#include "control/model/alloc.h"
#include "fastpath/lookup/hash.h"

#define BUCKETS 1024
#define REAP_MS 10000

struct df_remotes {
    const struct df_settings *settings;
    struct df_neighbours *neighbours;
    size_t n;
    uint64_t refused;
    bool any_settled;
    uint64_t mtu_ms;  /* when the first path MTU is to be forgotten; 0: there is none */
    uint64_t reap_ms; /* when to look for those that nobody watches */
    struct df_remote *bucket[BUCKETS];
};

static struct df_remote **bucket_of(struct df_remotes *remotes, const struct df_ip *ip)
{
    return &remotes->bucket[df_hash_bytes(ip, sizeof(*ip)) % BUCKETS];
}

struct df_remotes *df_remotes_new(const struct df_settings *settings, struct df_neighbours *neighbours)
{
    struct df_remotes *remotes = df_alloc(sizeof(*remotes));
    remotes->settings = settings;
    remotes->neighbours = neighbours;
    return remotes;
}

static void refuse(struct df_remotes *remotes, const struct df_ip *ip)
{
    char text[DF_IP_TEXT];
    if (remotes->refused++ == 0)
        df_log(DF_LOG_WARNING, "underlay: nothing is sent to %s and others: there are %d peers or neighbours already",
               df_ip_text(ip, text), DF_REMOTES_MAX);
}

uint64_t df_remotes_refused(const struct df_remotes *remotes)
{
    return remotes->refused;
}

/* ---- Its neighbour */

static void join(struct df_remotes *remotes, struct df_remote *remote)
{
    struct df_ip hop;
    if (df_settings_permanent(remotes->settings, &remote->ip) ||
        !df_settings_next_hop(remotes->settings, &remote->ip, &hop))
        return;
    remote->hop = df_neighbours_want(remotes->neighbours, &hop);
    if (!remote->hop) {
        refuse(remotes, &remote->ip);
        return;
    }
    remote->sibling = remote->hop->wanted_by;
    remote->hop->wanted_by = remote;
}

static void leave(struct df_remotes *remotes, struct df_remote *remote)
{
    if (!remote->hop)
        return;
    struct df_remote *first = remote->hop->wanted_by;
    struct df_remote **link = &first;
    while (*link != remote)
        link = &(*link)->sibling;
    *link = remote->sibling;
    remote->hop->wanted_by = first;
    df_neighbours_unwant(remotes->neighbours, remote->hop);
}

/* ---- Those that are watched */

struct df_remote *df_remotes_find(struct df_remotes *remotes, const struct df_ip *ip)
{
    struct df_remote *remote = *bucket_of(remotes, ip);
    while (remote && !df_ip_equal(&remote->ip, ip))
        remote = remote->next;
    return remote;
}

static struct df_remote *add(struct df_remotes *remotes, const struct df_ip *ip)
{
    if (remotes->n == DF_REMOTES_MAX) {
        refuse(remotes, ip);
        return NULL;
    }
    struct df_remote *remote = df_alloc(sizeof(*remote));
    struct df_remote **bucket = bucket_of(remotes, ip);
    *remote = (struct df_remote){.ip = *ip, .next = *bucket};
    *bucket = remote;
    remotes->n++;
    join(remotes, remote);
    return remote;
}

struct df_remote *df_remotes_watch(struct df_remotes *remotes, const struct df_ip *ip, struct df_watcher *watcher)
{
    struct df_remote *remote = df_remotes_find(remotes, ip);
    if (!remote)
        remote = add(remotes, ip);
    if (remote)
        df_watch(&remote->watched, watcher, NULL);
    return remote;
}

void df_remotes_free(struct df_remotes *remotes)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct df_remote *remote;
        while ((remote = remotes->bucket[i])) {
            remotes->bucket[i] = remote->next;
            leave(remotes, remote);
            free(remote);
        }
    }
    free(remotes);
}

/* ---- What is known of them */

enum df_peer_reach df_remotes_reach(const struct df_remotes *remotes, const struct df_remote *remote,
                                    struct df_mac *mac)
{
    const struct df_mac *permanent = df_settings_permanent(remotes->settings, &remote->ip);
    *mac = (struct df_mac){{0}};
    if (permanent) {
        *mac = *permanent;
        return DF_PEER_REACHABLE;
    }
    if (!remote->hop)
        return DF_PEER_UNREACHABLE;
    *mac = remote->hop->mac;
    switch (remote->hop->state) {
    case DF_NEIGHBOUR_ASKING:
        return DF_PEER_RESOLVING;
    case DF_NEIGHBOUR_FAILED:
        return DF_PEER_FAILED;
    default:
        return DF_PEER_REACHABLE;
    }
}

void df_remotes_settle(struct df_remotes *remotes, struct df_remote *remote)
{
    remote->is_settled = true;
    remotes->any_settled = true;
}

void df_remotes_changed(struct df_remotes *remotes, const struct df_neighbour *hop)
{
    for (struct df_remote *remote = hop->wanted_by; remote; remote = remote->sibling) {
        df_remotes_settle(remotes, remote);
        df_watched_fire(&remote->watched);
    }
}

bool df_remotes_note_mtu(struct df_remotes *remotes, struct df_remote *remote, uint16_t mtu, uint64_t now_ms)
{
    uint16_t now = remote->path_mtu ? remote->path_mtu : remotes->settings->end.mtu;
    if (mtu >= now)
        return false;
    remote->path_mtu = mtu;
    remote->path_mtu_until_ms = now_ms + DF_PATH_MTU_MS;
    if (remotes->mtu_ms == 0 || remote->path_mtu_until_ms < remotes->mtu_ms)
        remotes->mtu_ms = remote->path_mtu_until_ms;
    df_watched_fire(&remote->watched);
    return true;
}

/* ---- Time */

static void forget_mtus(struct df_remotes *remotes, uint64_t now_ms)
{
    if (remotes->mtu_ms == 0 || now_ms < remotes->mtu_ms)
        return;
    remotes->mtu_ms = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct df_remote *remote = remotes->bucket[i]; remote; remote = remote->next) {
            if (remote->path_mtu && now_ms >= remote->path_mtu_until_ms) {
                remote->path_mtu = 0;
                df_watched_fire(&remote->watched);
            } else if (remote->path_mtu && (remotes->mtu_ms == 0 || remote->path_mtu_until_ms < remotes->mtu_ms)) {
                remotes->mtu_ms = remote->path_mtu_until_ms;
            }
        }
    }
}

static void reap(struct df_remotes *remotes, void (*gone)(struct df_remote *remote, void *arg), void *arg)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct df_remote **link = &remotes->bucket[i];
        while (*link) {
            struct df_remote *remote = *link;
            if (remote->watched.first) {
                link = &remote->next;
                continue;
            }
            *link = remote->next;
            remotes->n--;
            gone(remote, arg);
            leave(remotes, remote);
            free(remote);
        }
    }
}

static void tell_settled(struct df_remotes *remotes, void (*settled)(struct df_remote *remote, void *arg), void *arg)
{
    remotes->any_settled = false;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct df_remote *remote = remotes->bucket[i]; remote; remote = remote->next) {
            if (!remote->is_settled)
                continue;
            remote->is_settled = false;
            settled(remote, arg);
        }
    }
}

void df_remotes_run(struct df_remotes *remotes, uint64_t now_ms, void (*settled)(struct df_remote *remote, void *arg),
                    void (*gone)(struct df_remote *remote, void *arg), void *arg)
{
    forget_mtus(remotes, now_ms);
    if (remotes->any_settled)
        tell_settled(remotes, settled, arg);
    if (now_ms < remotes->reap_ms)
        return;
    remotes->reap_ms = now_ms + REAP_MS;
    reap(remotes, gone, arg);
}

int64_t df_remotes_next_ms(const struct df_remotes *remotes)
{
    if (remotes->any_settled)
        return 0;
    return remotes->mtu_ms ? (int64_t)remotes->mtu_ms : -1;
}

void df_remotes_each(const struct df_remotes *remotes, void (*cb)(const struct df_remote *remote, void *arg), void *arg)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct df_remote *remote = remotes->bucket[i]; remote; remote = remote->next)
            cb(remote, arg);
}
