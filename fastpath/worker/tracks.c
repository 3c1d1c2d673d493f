/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/worker/tracks.h"

#include <errno.h>
#include <string.h>

#include "fastpath/tables/security_group.h"

/* Does nothing to a connection: it has none in that zone, or is an error about one. */
static bool is_idle(const struct df_track *track)
{
    return !track->tracked || track->related;
}

/* ---- carrying out */

/* What the packet is to the connection that another worker began with its tuple, or the reverse of that. */
static enum df_conn_judgement judge_joined(struct df_track *track, const struct df_packet *packet)
{
    struct df_conn_key key;
    df_conn_key(track->conn, &key);
    track->reply = memcmp(&key, &track->key, sizeof(key)) != 0;
    return df_conn_judge(track->conn, track->reply, packet);
}

/*
 * Another worker may be faster. The packet then joins the connection of that one; whether the rules allow its original
 * direction that worker's walk has just asked. Where it is judged to begin another in its place, as an ICMP question
 * that crosses one of the other end, it tries again: each turn is one in which somebody else got on.
 */
static enum df_drop begin(const struct df_walk *walk, struct df_track *track)
{
    for (;;) {
        int rc = df_conn_begin(walk->worker, &track->key, track->hash, &walk->parsed, walk->now_ms, track->conn,
                               &track->conn);
        track->began = rc == 0;
        if (rc < 0)
            return rc == -EDQUOT ? DF_DROP_CONN_PORT_LIMIT : DF_DROP_CONN_TABLE_FULL;
        if (track->began) {
            track->reply = false;
            return DF_DROP_NONE;
        }
        enum df_conn_judgement is = judge_joined(track, &walk->parsed);
        if (is == DF_CONN_ANEW)
            continue;
        if (is != DF_CONN_PASS)
            return DF_DROP_CONN_INVALID; /* it is no reset, which begins nothing */
        df_conn_advance(track->conn, track->reply, &walk->parsed, walk->now_ms);
        return DF_DROP_NONE;
    }
}

static enum df_drop carry_out(const struct df_walk *walk, struct df_track *track)
{
    if (is_idle(track))
        return DF_DROP_NONE;
    if (track->begin)
        return begin(walk, track);
    df_conn_advance(track->conn, track->reply, &walk->parsed, walk->now_ms);
    return DF_DROP_NONE;
}

/* A rule is hit by what begins a connection. */
static void count_hits(const struct df_walk *walk)
{
    for (unsigned side = 0; side < DF_TRACK_SIDES; side++) {
        const struct df_track *track = &walk->track[side];
        if (track->tracked && track->began)
            df_security_group_hit(walk->worker, walk->rule[side]);
    }
}

bool df_tracks_carry_out(struct df_walk *walk)
{
    struct df_track *first = &walk->track[DF_TRACK_EGRESS], *second = &walk->track[DF_TRACK_INGRESS];
    enum df_drop drop = carry_out(walk, first);
    if (drop == DF_DROP_NONE) {
        drop = carry_out(walk, second);
        if (drop != DF_DROP_NONE && first->tracked && first->began)
            df_conn_take_back(walk->worker, first->conn);
    }
    if (drop == DF_DROP_NONE)
        count_hits(walk);
    else
        df_walk_drop(walk, drop);
    return drop == DF_DROP_NONE;
}

/* ---- what else is asked about them */

void df_tracks_count(const struct df_walk *walk, uint32_t packets, uint32_t bytes)
{
    for (unsigned side = 0; side < DF_TRACK_SIDES; side++) {
        const struct df_track *track = &walk->track[side];
        if (!is_idle(track))
            df_conn_count(track->conn, track->reply, packets, packets * bytes);
    }
}

bool df_tracks_last(const struct df_walk *walk)
{
    for (unsigned side = 0; side < DF_TRACK_SIDES; side++) {
        const struct df_track *track = &walk->track[side];
        if (track->tracked && (track->begin || track->related || !df_conn_is_lasting(track->conn, track->reply)))
            return false;
    }
    return true;
}
