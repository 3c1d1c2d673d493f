/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fastpath/lookup/hash.h"
#include "fastpath/packet/packet.h"

/*
 * Connections: what the switch remembers of both directions of a conversation, for stateful security groups.
 *
 * One table for all workers. A connection belongs to a zone, which is a local port: a packet from one local port to
 * another has two connections, the sender's and the receiver's. It is kept by the tuple of the packet that began it
 * (its original direction); the reply direction is the same tuple with both ends swapped.
 *
 * Invariants:
 * - A zone has at most one live connection for a tuple and its reverse, whatever workers do at the same time.
 * - Memory is preallocated and type-stable: a struct df_conn is one for ever, so a stale reference reads a connection,
 *   perhaps another one; its generation tells. What a worker found by df_conn_find() stays what it is until that
 *   worker's next quiescent state: an entry is given to another connection only a grace period after it was taken out.
 * - Policy is not in here. Who uses a connection judges its original direction by the rules of today (tables
 *   egress_security_group and ingress_security_group), so a removed rule cuts it and nothing needs to be flushed.
 * - A connection is changed only for a packet that is delivered.
 *
 * Threads: look-ups by any registered thread between two quiescent states, lock-free. Inserts by workers, under a lock
 * of the bucket that only workers take, never the control thread. Everything else that is written is atomic.
 * df_conns_age() and what is below "control thread" there alone. No DPDK in here.
 *
 * Time is in milliseconds of a clock of the caller's, 32 bits, wrapping around; one clock for all callers.
 */

#define DF_CONN_PORTS 1024           /* datapath port numbers are below this */
#define DF_CONN_MAX ((1u << 24) - 1) /* connections that a reference can name */

/* A tuple in a zone. Compared as bytes. */
struct df_conn_key {
    struct df_ip src, dst;
    uint16_t l4_src, l4_dst; /* host order; ICMP echo: the identifier in both; 0 where the protocol has none */
    uint32_t zone;           /* df_conn_zone() */
    uint8_t ip_proto;
    uint8_t zero[7];
};
_Static_assert(sizeof(struct df_conn_key) == 48, "no padding");

/*
 * States of all protocols: name for people, time-out in seconds (those of Linux's nf_conntrack, of which a pick-up has
 * the one for data that is not acknowledged), what they are. What may follow what is in the tables of tcp.c, sctp.c,
 * other.c.
 */
#define DF_CONN_STATE_LIST(X)                                                                                          \
    X(FREE, "free", 0, 0)                                                                                              \
    X(DEAD, "dead", 0, 0) /* taken down; the aging reaps it */                                                         \
    X(TCP_SYN_SENT, "tcp_syn_sent", 120, DF_CONN_IS_UNREPLIED)                                                         \
    X(TCP_SYN_RECV, "tcp_syn_recv", 60, DF_CONN_IS_UNREPLIED)                                                          \
    X(TCP_ESTABLISHED, "tcp_established", 432000, DF_CONN_IS_STEADY | DF_CONN_IS_STEADY_REPLY)                         \
    X(TCP_FIN_WAIT, "tcp_fin_wait", 120, DF_CONN_IS_CLOSING)                                                           \
    X(TCP_CLOSE_WAIT, "tcp_close_wait", 60, DF_CONN_IS_CLOSING)                                                        \
    X(TCP_LAST_ACK, "tcp_last_ack", 30, DF_CONN_IS_CLOSING)                                                            \
    X(TCP_TIME_WAIT, "tcp_time_wait", 120, DF_CONN_IS_CLOSING)                                                         \
    X(TCP_CLOSE, "tcp_close", 10, DF_CONN_IS_CLOSING)                                                                  \
    X(TCP_SYN_SENT2, "tcp_syn_sent2", 120, DF_CONN_IS_UNREPLIED)                     /* simultaneous open */           \
    X(TCP_PICKED_UP, "tcp_picked_up", 300, DF_CONN_IS_UNREPLIED | DF_CONN_IS_STEADY) /* in mid-stream; no reply yet */ \
    X(UDP_SINGLE, "udp_single", 30, DF_CONN_IS_UNREPLIED | DF_CONN_IS_STEADY)        /* no reply yet */                \
    X(UDP_STREAM, "udp_stream", 120, DF_CONN_IS_STEADY | DF_CONN_IS_STEADY_REPLY)                                      \
    X(ICMP, "icmp", 30, DF_CONN_IS_UNREPLIED | DF_CONN_IS_STEADY)                                                      \
    X(ICMP_REPLIED, "icmp_replied", 30, DF_CONN_IS_STEADY | DF_CONN_IS_STEADY_REPLY)                                   \
    X(SCTP_CLOSED, "sctp_closed", 10, DF_CONN_IS_CLOSING)                                                              \
    X(SCTP_COOKIE_WAIT, "sctp_cookie_wait", 3, DF_CONN_IS_UNREPLIED)                                                   \
    X(SCTP_COOKIE_ECHOED, "sctp_cookie_echoed", 3, DF_CONN_IS_UNREPLIED)                                               \
    X(SCTP_ESTABLISHED, "sctp_established", 210, DF_CONN_IS_STEADY | DF_CONN_IS_STEADY_REPLY)                          \
    X(SCTP_SHUTDOWN_SENT, "sctp_shutdown_sent", 3, DF_CONN_IS_CLOSING)                                                 \
    X(SCTP_SHUTDOWN_RECD, "sctp_shutdown_recd", 3, DF_CONN_IS_CLOSING)                                                 \
    X(SCTP_SHUTDOWN_ACK_SENT, "sctp_shutdown_ack_sent", 3, DF_CONN_IS_CLOSING)                                         \
    X(SCTP_HEARTBEAT_SENT, "sctp_heartbeat_sent", 30, DF_CONN_IS_UNREPLIED)                                            \
    X(OTHER, "other", 600, DF_CONN_IS_UNREPLIED | DF_CONN_IS_STEADY) /* any other protocol, by addresses */            \
    X(OTHER_REPLIED, "other_replied", 600, DF_CONN_IS_STEADY | DF_CONN_IS_STEADY_REPLY)

enum df_conn_state {
#define X(ENUM, name, seconds, is) DF_CONN_##ENUM,
    DF_CONN_STATE_LIST(X)
#undef X
        DF_CONN_STATES
};

/* What a state is. */
enum df_conn_is {
    DF_CONN_IS_UNREPLIED = 1 << 0,    /* the first to go when the table is nearly full */
    DF_CONN_IS_CLOSING = 1 << 1,      /* the next */
    DF_CONN_IS_STEADY = 1 << 2,       /* a plain packet of the original direction changes nothing */
    DF_CONN_IS_STEADY_REPLY = 1 << 3, /* nor one of the reply direction */
};

/* One direction of a TCP connection (tcp_numbers.h), or of an SCTP association (sctp.c). All relaxed. */
struct df_conn_side {
    _Atomic uint32_t ack; /* the last acknowledgement noted of this side: what it expects next */
    _Atomic uint32_t end; /* the sequence number behind the last noted segment of this side */
    /* The most it offered, as on the wire; above it what tcp_numbers.c has; the highest two bits: DF_CONN_PLAIN_ */
    _Atomic uint32_t window;
};

/* In df_conn_side.window, of any protocol: plain packets that the side sent in a steady state, and that walked. */
#define DF_CONN_PLAIN_ONCE (1u << 30)
#define DF_CONN_PLAIN_TWICE (1u << 31)

struct df_conn {
    /* First line: what a look-up and the fast path touch. */
    _Atomic uint64_t key[6];  /* struct df_conn_key of the original direction */
    _Atomic uint32_t word;    /* see below */
    _Atomic uint32_t seen_ms; /* last packet, as far as it was noted */
    union {
        _Atomic uint32_t born_ms;
        _Atomic uint32_t next; /* while it is dead: the next one that waits for the same grace period */
    };
    _Atomic uint16_t packets_high[2]; /* of packets, by direction: 48 bits are years at any speed */
    /* Second line. */
    struct df_conn_side side[2]; /* original, reply */
    _Atomic uint32_t packets[2]; /* estimates, by direction; df_conn_packets() */
    _Atomic uint64_t bytes[2];
    _Atomic(_Atomic uint8_t *) flow[2]; /* a cached flow of that direction, NULL: none; see df_conn_set_flow() */
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct df_conn) == 128 && offsetof(struct df_conn, side) == 64, "two lines");

/* The word: state, how often the entry was given away, and above that flags of the protocol. */
#define DF_CONN_STATE(word) (0xff & (word))
#define DF_CONN_GENERATION(word) (0xff & (word) >> 8)

/* A reference for the flow cache: index and generation. 0: none. */
typedef uint32_t df_conn_ref;

struct df_conn_timeouts {
    uint32_t ms[DF_CONN_STATES];
};

struct df_conns_config {
    uint32_t max;          /* connections in total; 1 to DF_CONN_MAX */
    uint32_t max_per_port; /* of one zone; nor more than are still free, unless this is max or above */
    unsigned n_workers;    /* who insert: each has a reserve of free entries of its own */
    bool tcp_pick_up;      /* a TCP packet in mid-stream may begin a connection */
    /* How late a packet may be noted of a connection in a steady state: it is given so much longer than its time-out. */
    uint32_t seen_late_ms;
    struct df_conn_timeouts timeouts;
};

/** Linux's defaults (nf_conntrack), in milliseconds. */
extern const struct df_conn_timeouts df_conn_timeouts_default;

/**
 * Makes the table; memory is touched shortly before its use (df_conns_age()). -ENOMEM; -EINVAL: a limit, or a time-out
 * of a live state, is 0 or too high. Control thread, before workers run.
 */
int df_conns_init(const struct df_conns_config *config);
/** Frees it. No worker runs, and callbacks of RCU have run (df_rcu_barrier()). */
void df_conns_fini(void);
/** Is there a table? Where there is none nothing is tracked: unit tests of tables. */
bool df_conns_ready(void);

/** Name of a state, with the protocol's in front: "tcp_established". */
const char *df_conn_state_name(enum df_conn_state state);

/** The zone of a datapath port: the number, below DF_CONN_PORTS, and how often it was given anew. */
uint32_t df_conn_zone(uint16_t port);
static inline uint16_t df_conn_zone_port(uint32_t zone)
{
    return (uint16_t)(zone & 0xffff);
}

/*
 * ---- The hash: the same for both directions. The zone is not in it, so that what a look-up will read can be fetched
 * before it is known which port a packet goes to; the zones that have a tuple in common, in practice two, share a
 * bucket.
 */

static inline uint64_t df_conn_hash_end(uint64_t high, uint64_t low, uint16_t port)
{
    return df_hash_mix(low ^ df_hash_secret[0], df_hash_secret[1] ^ high ^ (uint64_t)port << 48);
}

static inline uint64_t df_conn_hash_join(uint64_t one, uint64_t other, uint8_t ip_proto)
{
    return df_hash_mix((one + other) ^ df_hash_secret[1], ip_proto ^ df_hash_secret[0]);
}

static inline uint64_t df_conn_hash(const struct df_conn_key *key)
{
    uint64_t word[4];
    memcpy(word, &key->src, sizeof(word));
    return df_conn_hash_join(df_conn_hash_end(word[0], word[1], key->l4_src),
                             df_conn_hash_end(word[2], word[3], key->l4_dst), key->ip_proto);
}

/** Fetches what df_conn_find() of that hash reads first; and, when that is there, what it reads then. */
void df_conn_prefetch(uint64_t hash);
void df_conn_prefetch_entry(uint64_t hash);

/* ---- Deciding: any thread that may look up. Nothing is changed. */

/**
 * Fills in a packet's tuple. False: it has none (not IP, a later fragment whose ports are not known, an ICMP error).
 */
bool df_conn_key_of(const struct df_packet *packet, uint32_t zone, struct df_conn_key *key);

/**
 * As df_conn_key_of(), of the packet that an ICMP error quotes, as that packet went. False also: it quotes an error.
 */
bool df_conn_key_of_quoted(const struct df_packet *packet, uint32_t zone, struct df_conn_key *key);

/**
 * The live connection of that tuple, or NULL; one that timed out is none.
 *
 * @param hash  df_conn_hash(key)
 * @param reply whether key is its reply direction
 */
struct df_conn *df_conn_find(const struct df_conn_key *key, uint64_t hash, uint32_t now_ms, bool *reply);

/** May there be a connection of that hash, in whatever zone? If it says no there is none. */
bool df_conn_may_be(uint64_t hash);

/** The tuple of its original direction. */
void df_conn_key(const struct df_conn *conn, struct df_conn_key *key);

enum df_conn_judgement {
    DF_CONN_PASS,       /* part of the connection */
    DF_CONN_ANEW,       /* begins another one in its place: a SYN on a closed tuple */
    DF_CONN_INVALID,    /* DF_DROP_CONN_INVALID */
    DF_CONN_RST_WINDOW, /* DF_DROP_CONN_RST_WINDOW */
};

/** What the packet, of that direction, is to the connection. */
enum df_conn_judgement df_conn_judge(const struct df_conn *conn, bool reply, const struct df_packet *packet);

/** May a packet that has no connection begin one? */
bool df_conn_can_begin(const struct df_packet *packet);

/**
 * Would further packets of that direction that are no SYN, FIN, RST or SCTP control change nothing? Then they may be
 * served from the flow cache.
 */
bool df_conn_is_steady(const struct df_conn *conn, bool reply);

/**
 * Is it steady, and was it so for more than one packet of that direction? Most connections end soon after they begin:
 * to keep flows for them would cost more than they save.
 */
bool df_conn_is_lasting(const struct df_conn *conn, bool reply);

/* ---- Changing: workers, for a packet that is delivered. */

/**
 * Begins a connection with this packet as the first of its original direction.
 *
 * @param worker below n_workers; only that worker passes it
 * @param anew   a connection to be taken down first, or NULL
 * @return 0; 1: another worker was faster, and *conn is the one that it began, perhaps the other way round;
 *         -ENOSPC (table is full), -EDQUOT (the port's limit or share), -EINVAL (it can begin none: df_conn_can_begin())
 */
int df_conn_begin(unsigned worker, const struct df_conn_key *key, uint64_t hash, const struct df_packet *packet,
                  uint32_t now_ms, struct df_conn *anew, struct df_conn **conn);

/**
 * Takes down a connection that began for a packet which is not delivered after all. It counts as replaced: until its
 * entry is to be had again it is the port's.
 */
void df_conn_take_back(unsigned worker, struct df_conn *conn);

/**
 * Moves the connection on by a packet that df_conn_judge() passed, and touches it. Other workers may do so at the same
 * time; what the packet is no more by then changes nothing.
 */
void df_conn_advance(struct df_conn *conn, bool reply, const struct df_packet *packet, uint32_t now_ms);

/* ---- The fast path: what a cached flow does for its connection. */

df_conn_ref df_conn_reference(const struct df_conn *conn);

extern struct df_conn *df_conn_array; /* by index */

/** The connection, if it is still the one and lives; else NULL. Touches its first line. */
static inline struct df_conn *df_conn_at(df_conn_ref ref)
{
    struct df_conn *conn = &df_conn_array[ref & DF_CONN_MAX];
    uint32_t word = atomic_load_explicit(&conn->word, memory_order_acquire);
    return DF_CONN_GENERATION(word) == ref >> 24 && DF_CONN_STATE(word) > DF_CONN_DEAD ? conn : NULL;
}

/** Notes that the connection was seen. */
static inline void df_conn_touch(struct df_conn *conn, uint32_t now_ms)
{
    if (atomic_load_explicit(&conn->seen_ms, memory_order_relaxed) != now_ms)
        atomic_store_explicit(&conn->seen_ms, now_ms, memory_order_relaxed);
}

/*
 * A cached TCP flow tells its connection what its sender acknowledges whenever that comes to another step of so many
 * bytes, and when it touches it. So what a segment says is checked against a window that is right to within this.
 */
#define DF_CONN_ACK_NOTE 16384

/** Notes acknowledgement and window (as on the wire) of the sender of that direction. */
void df_conn_note_ack(struct df_conn *conn, bool reply, uint32_t ack, uint16_t window);

/** Adds to the estimates of what the direction sent; begin and advance do not count. */
static inline void df_conn_count(struct df_conn *conn, bool reply, uint32_t packets, uint32_t bytes)
{
    uint32_t before = atomic_fetch_add_explicit(&conn->packets[reply], packets, memory_order_relaxed);
    if (before + packets < before)
        atomic_fetch_add_explicit(&conn->packets_high[reply], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&conn->bytes[reply], bytes, memory_order_relaxed);
}

/** The estimate of packets. At the moment of a carry it may be 2^32 less. */
static inline uint64_t df_conn_packets(const struct df_conn *conn, bool reply)
{
    uint64_t high = atomic_load_explicit(&conn->packets_high[reply], memory_order_relaxed);
    return high << 32 | atomic_load_explicit(&conn->packets[reply], memory_order_relaxed);
}

/**
 * Remembers the byte of a cached flow of that direction that is set to 0 to end the flow, when the connection is taken
 * down or leaves its steady state. It must stay valid as long as the table; setting it once too often does no harm. A
 * flow that is not remembered (another worker's) finds out when it touches the connection.
 */
void df_conn_set_flow(struct df_conn *conn, bool reply, _Atomic uint8_t *flow);

/* ---- The control thread. */

/** A new life for the zone of a port: its connections are none any more, and are reaped by and by. */
void df_conn_zone_renew(uint16_t port);

/**
 * Looks at the next `budget` entries that were ever used: takes down what timed out. When less than an eighth of the
 * table has room, patience with what never had a reply sinks from its time-out to nothing at a sixteenth, and from
 * there on patience with what is closing: so the longest idle go first, and no more than need be; never an established
 * connection. The same with those of a port, when less than an eighth of what it may have is left. Hands the entries
 * back after a grace period. Calls df_rcu_call().
 *
 * Also touches memory that workers come to next, so that they do not wait for pages: all of the index, and the 65,536
 * entries behind those that were ever used; 1 MiB of it in a call.
 *
 * @return entries taken down
 */
uint32_t df_conns_age(uint32_t now_ms, uint32_t budget);

/** How many entries to age at a time so that all are looked at once a second, with a call each 10 ms. */
uint32_t df_conns_age_budget(void);

/** Takes a connection down, cached flows at once. */
void df_conn_kill(struct df_conn *conn);

struct df_conn_info {
    uint32_t index;
    struct df_conn_key key; /* of the original direction */
    enum df_conn_state state;
    uint32_t idle_ms, age_ms, expires_ms;
    uint64_t packets[2], bytes[2]; /* original, reply; estimates */
};

/**
 * Calls cb with each live connection from index `from` on, at most `budget` entries, until it returns non-zero. Workers
 * run on: each is shown as it was at one moment or a little torn in its counters, never as a mix of two.
 *
 * @return the index to go on from, or 0 when all were shown
 */
uint32_t df_conns_each(uint32_t from, uint32_t budget, uint32_t now_ms,
                       int (*cb)(struct df_conn *conn, const struct df_conn_info *info, void *arg), void *arg);

struct df_conns_tally {
    uint32_t max, live, max_per_port;
    uint32_t port_share;                           /* what a port may have now: max_per_port or less */
    uint64_t begun;                                /* all that ever lived, */
    uint64_t timed_out, evicted, killed, replaced; /* and how they ended; of a port that is gone: killed */
    uint64_t refused_full, refused_port;
};
void df_conns_tally(struct df_conns_tally *tally);

/** Live connections of a port. */
uint32_t df_conns_of_port(uint16_t port);
