/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/drop.h"
#include "fastpath/packet/packet.h"

/*
 * Virtual reassembly: later fragments get the transport ports of their datagram's first fragment, and wait for it if
 * they come before it. The datagram is never put together.
 *
 * Only what a table needs ports of is tracked: a walk that needs the ports of a later fragment ends with
 * DF_VERDICT_HOLD (walk.h; df_packet_needs_first()), and only then a datagram is noted; a first fragment whose walk
 * read ports is noted too.
 *
 * Invariants:
 * - One per worker, private to it. All fragments of a datagram are taken to come to one worker: RSS spreads fragments
 *   by addresses, and a guest sends a datagram by one queue.
 * - A datagram is known by (port it came in by, tunnel type and key, source, destination, identification), in IPv4 also by its
 *   protocol (RFC 791 section 3.2); in IPv6 fragments may name different next headers, of which only the first one's
 *   counts (RFC 8200 section 4.5).
 * - Fragments that overlap, by whatever order they come in, end their datagram: it and all that follows of it until it
 *   times out is dropped as DF_DROP_FRAG_OVERLAP (RFC 5722). So do two that say where it ends. An exact duplicate is
 *   dropped alone (RFC 8200 section 4.5).
 * - Datagrams, packets that wait, and fragments of a datagram have a limit; what is over it is dropped as
 *   DF_DROP_FRAG_LIMIT. Of datagrams and of packets that is not who comes last but the oldest of whose there are most:
 *   those of one port of this node, or of an eighth of the addresses of one network that come by tunnels (senders.h).
 *   So whatever anybody sends, others have their share, and nobody is kept out by what was there before.
 * - What waits longer than the time-out, counted from the first packet of its datagram that was noted, is dropped as
 *   DF_DROP_FRAG_TIMEOUT.
 *
 * Threads: the worker. No malloc after df_fragments_new(). Packets are opaque pointers: the holder gives back what is
 * not released by a callback, of a datagram all at once.
 */

struct df_fragments;

struct df_fragments_config {
    uint32_t datagrams_max; /* known at a time, rounded up to a power of two */
    uint32_t held_max;      /* packets that wait */
    uint32_t timeout_ms;
};

/* Which datagram a fragment is of. Compared as bytes. */
struct df_fragment_key {
    struct df_ip src, dst;
    uint32_t id;         /* df_packet.fragment_id */
    uint32_t tunnel_key; /* 0: none */
    uint16_t port;       /* it came in by */
    uint8_t ip_proto;
    uint8_t tunnel_type; /* enum df_tunnel_type; 0: none */
    uint8_t zero[4];
};
_Static_assert(sizeof(struct df_fragment_key) == 48, "no padding");

/**
 * Takes back a packet that waits no more, which came in by port. Must not call what is declared here.
 *
 * @param reason DF_DROP_FRAG_LIMIT, DF_DROP_FRAG_OVERLAP, DF_DROP_FRAG_TIMEOUT
 */
typedef void df_fragments_drop(void *packet, uint16_t port, enum df_drop reason, void *arg);

/** NULL: no memory. Control thread. */
struct df_fragments *df_fragments_new(const struct df_fragments_config *config, df_fragments_drop *drop, void *arg);

/** Frees it; packets that still wait are dropped as timed out. NULL is ignored. Control thread, when no worker runs. */
void df_fragments_free(struct df_fragments *fragments);

/** The key of a fragment that came in by port, and there by a tunnel of that type and key. */
void df_fragment_key(const struct df_packet *packet, uint16_t port, uint8_t tunnel_type, uint32_t tunnel_key,
                     struct df_fragment_key *key);

/**
 * Looks at a fragment before it walks: if its datagram is known, notes which bytes it has (df_fragments_hold() and
 * df_fragments_first() do so where it was not known yet), and gives a later fragment what the first one's transport
 * header said: protocol, ports, DF_PACKET_L4, of ICMP type, code, icmp_id and what an error quotes, of TCP and SCTP
 * their fields. So it is judged as the first one is.
 *
 * @param packet DF_PACKET_FRAGMENT is set
 * @return DF_DROP_NONE, DF_DROP_FRAG_OVERLAP (what waited of the datagram is dropped, unless this is a duplicate),
 *         DF_DROP_FRAG_LIMIT (a datagram of too many), DF_DROP_FRAG_TIMEOUT
 */
enum df_drop df_fragments_see(struct df_fragments *fragments, const struct df_fragment_key *key,
                              struct df_packet *packet, uint32_t now_ms);

/**
 * Keeps a later fragment whose walk ended with DF_VERDICT_HOLD until the first one comes; notes its datagram. Where
 * there is no room, another datagram is forgotten and what waited of it dropped.
 *
 * @param mbuf the packet; it is the holder's from here on, unless a reason is returned
 * @return DF_DROP_NONE, DF_DROP_FRAG_OVERLAP; DF_DROP_FRAG_LIMIT: no packet may wait, or it is this datagram that was
 *         forgotten
 */
enum df_drop df_fragments_hold(struct df_fragments *fragments, const struct df_fragment_key *key,
                               const struct df_packet *packet, void *mbuf, uint32_t now_ms);

/**
 * Notes a first fragment whose walk read ports. Then df_fragments_release() gives the packets that waited for it; until
 * it gave all, nothing but df_fragments_see() and df_fragments_recall() may be called. Where there is no room, another
 * datagram is forgotten and what waited of it dropped.
 */
void df_fragments_first(struct df_fragments *fragments, const struct df_fragment_key *key,
                        const struct df_packet *packet, uint32_t now_ms);

/** The next packet that waited and need not any more, in the order they came in; NULL: none, to be asked for that. */
void *df_fragments_release(struct df_fragments *fragments);

/**
 * Gives the packet that was released last what the first fragment said, as df_fragments_see() does, without noting its
 * bytes a second time.
 *
 * @return DF_DROP_NONE; DF_DROP_FRAG_OVERLAP: its datagram ended meanwhile; DF_DROP_FRAG_TIMEOUT: it is not known any
 *         more
 */
enum df_drop df_fragments_recall(const struct df_fragments *fragments, const struct df_fragment_key *key,
                                 struct df_packet *packet);

/** Drops what waited too long, and forgets what took too long, a few at a time; once a round. */
void df_fragments_expire(struct df_fragments *fragments, uint32_t now_ms);

/** Is any datagram known? Their number is the first member of struct df_fragments. */
static inline bool df_fragments_any(const struct df_fragments *fragments)
{
    return *(const uint32_t *)(const void *)fragments != 0;
}
