/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/conn/conn.h"
#include "fastpath/rcu.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

/*
 * What the tests of connections share: a table, packets as the parser would hand them over, and what a worker does with
 * a packet. The clock is turned by hand. "a" is 10.0.0.1 port 1000, "b" is 10.0.0.2 port 80, both in the zone of port
 * 7.
 */

#define LAB_PORT 7
#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define PSH 0x08
#define ACK 0x10
#define URG 0x20
#define NO_SHIFT 0xff

enum outcome {
    BEGUN,
    PASSED,
    BEGUN_ANEW,
    INVALID,
    OUTSIDE, /* a reset outside the window */
    NO_TUPLE,
    TABLE_FULL,
    PORT_LIMIT,
};

static struct df_conns_config lab_config;
static uint32_t lab_now_ms;
static struct df_conn *lab_conn; /* of the last packet */
static bool lab_reply;           /* whether that was of its reply direction */

static inline void lab_open(uint32_t max, uint32_t max_per_port)
{
    lab_config.max = max;
    lab_config.max_per_port = max_per_port;
    lab_config.n_workers = 2;
    lab_config.timeouts = df_conn_timeouts_default;
    lab_now_ms = UINT32_MAX - 5000; /* so that the clock wraps around during the test */
    df_rcu_register();
    cr_assert_eq(df_conns_init(&lab_config), 0);
}

static inline void lab_close(void)
{
    df_rcu_barrier();
    df_conns_fini();
    df_rcu_unregister();
}

static inline uint32_t lab_zone(void)
{
    return df_conn_zone(LAB_PORT);
}

/* What a worker does with a packet that the rules allow. */
static inline enum outcome lab_send(const struct df_packet *packet)
{
    struct df_conn_key key;
    lab_conn = NULL;
    lab_reply = false;
    if (!df_conn_key_of(packet, lab_zone(), &key))
        return NO_TUPLE;
    uint64_t hash = df_conn_hash(&key);
    struct df_conn *conn = df_conn_find(&key, hash, lab_now_ms, &lab_reply);
    enum df_conn_judgement judgement = DF_CONN_ANEW;
    if (conn != NULL)
        judgement = df_conn_judge(conn, lab_reply, packet);
    else if (!df_conn_can_begin(packet))
        return INVALID;
    lab_conn = conn;
    if (judgement == DF_CONN_INVALID || judgement == DF_CONN_RST_WINDOW)
        return judgement == DF_CONN_INVALID ? INVALID : OUTSIDE;
    if (judgement == DF_CONN_PASS) {
        df_conn_advance(conn, lab_reply, packet, lab_now_ms);
        return PASSED;
    }
    lab_reply = false;
    int rc = df_conn_begin(0, &key, hash, packet, lab_now_ms, conn, &lab_conn);
    if (rc != 0)
        return rc == -EDQUOT ? PORT_LIMIT : TABLE_FULL;
    return conn != NULL ? BEGUN_ANEW : BEGUN;
}

/* The live connection of a packet's tuple. */
static inline struct df_conn *lab_find(const struct df_packet *packet)
{
    struct df_conn_key key;
    bool reply;
    cr_assert(df_conn_key_of(packet, lab_zone(), &key));
    return df_conn_find(&key, df_conn_hash(&key), lab_now_ms, &reply);
}

static inline enum df_conn_state lab_state(void)
{
    return lab_conn != NULL ? (enum df_conn_state)DF_CONN_STATE(atomic_load(&lab_conn->word)) : DF_CONN_FREE;
}

static inline struct df_packet lab_packet(uint8_t proto, bool from_b)
{
    struct df_ip a = df_ip_from4(htonl(0x0a000001)), b = df_ip_from4(htonl(0x0a000002));
    return (struct df_packet){
        .eth_type = 0x0800,
        .bits = DF_PACKET_IP4,
        .ip_proto = proto,
        .ip_src = from_b ? b : a,
        .ip_dst = from_b ? a : b,
    };
}

static inline struct df_packet lab_ports(uint8_t proto, bool from_b)
{
    struct df_packet packet = lab_packet(proto, from_b);
    packet.bits |= DF_PACKET_L4;
    packet.l4_src = from_b ? 80 : 1000;
    packet.l4_dst = from_b ? 1000 : 80;
    return packet;
}

static inline struct df_packet lab_udp(bool from_b)
{
    return lab_ports(IPPROTO_UDP, from_b);
}

/* One of many conversations. */
static inline struct df_packet lab_udp_nth(uint32_t n)
{
    struct df_packet packet = lab_udp(false);
    packet.ip_src = df_ip_from4(htonl(0x0b000000 + n));
    return packet;
}

static inline struct df_packet lab_tcp(bool from_b, uint8_t flags, uint32_t seq, uint32_t ack)
{
    struct df_packet packet = lab_ports(IPPROTO_TCP, from_b);
    packet.tcp.flags = flags;
    packet.tcp.seq = seq;
    packet.tcp.ack = ack;
    packet.tcp.window = 1000;
    packet.tcp.window_shift = NO_SHIFT;
    return packet;
}

static inline struct df_packet lab_tcp_nth(uint32_t n, bool from_b, uint8_t flags, uint32_t seq, uint32_t ack)
{
    struct df_packet packet = lab_tcp(from_b, flags, seq, ack);
    *(from_b ? &packet.ip_dst : &packet.ip_src) = df_ip_from4(htonl(0x0b000000 + n));
    return packet;
}

/* Once round the table, and until what was taken out can be used again. */
static inline uint32_t lab_age(void)
{
    uint32_t ended = df_conns_age(lab_now_ms, UINT32_MAX);
    df_rcu_barrier();
    return ended;
}

static inline struct df_conns_tally lab_tally(void)
{
    struct df_conns_tally tally;
    df_conns_tally(&tally);
    return tally;
}
