/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/conn.h"
#include "fastpath/packet/checksum.h"
#include "fastpath/packet/icmp.h"
#include "fastpath/rcu.h"
#include "fastpath/tables/conntrack.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

/*
 * Any sequence of packets of a few conversations, with time between them: each is judged, and begins a connection or
 * moves it on. Whatever comes, the table stays sound, and what a judgement promises is kept.
 *
 * Or it is quoted by an ICMP error, a frame whose quotation may be cut short and have a wrong byte: the error belongs to
 * the connection of what it quotes, or to none, and changes nothing.
 *
 * Sixteen bytes are a packet, of which the first says which; every other packet may be a step of the control thread.
 */

#define MAX 8
#define MAX_PER_PORT 5
#define PORT 3

struct step {
    uint8_t what; /* two bits of protocol, of tuple, and direction; then what else happens, and whether it is quoted */
    uint8_t flags;
    uint8_t chunk, bits;
    uint32_t seq, ack; /* or tags */
    uint16_t window;
    uint16_t seconds;
};
_Static_assert(sizeof(struct step) == 16, "no padding");

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t now_ms;

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void open_table(bool tcp_pick_up)
{
    static bool ready;
    struct df_conns_config config = {.max = MAX,
                                     .max_per_port = MAX_PER_PORT,
                                     .n_workers = 1,
                                     .tcp_pick_up = tcp_pick_up,
                                     .timeouts = df_conn_timeouts_default};
    if (!ready)
        df_rcu_register();
    ready = true;
    check(df_conns_init(&config) == 0);
    now_ms = 0xffff0000;
}

/* The last one of the four speaks IPv6. */
static struct df_ip address_of(bool ip4, uint32_t host)
{
    return ip4 ? df_ip_from4(htonl(0x0a000000 + host)) : (struct df_ip){.word = {htonl(0x20010db8), 0, 0, htonl(host)}};
}

static struct df_packet packet_of(const struct step *step)
{
    static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_SCTP, IPPROTO_ICMP, IPPROTO_UDP};
    unsigned tuple = step->what >> 2 & 3;
    bool ip4 = tuple < 3, back = step->what & 16;
    struct df_ip a = address_of(ip4, 1 + tuple), b = address_of(ip4, 0xff);
    struct df_packet packet = {
        .bits = (uint16_t)((ip4 ? DF_PACKET_IP4 : DF_PACKET_IP6) | DF_PACKET_L4 |
                           (step->bits & 1 ? DF_PACKET_LATER_FRAGMENT : 0)),
        .ip_proto = protos[step->what & 3],
        .ip_src = back ? b : a,
        .ip_dst = back ? a : b,
    };
    if (packet.ip_proto == IPPROTO_ICMP && !ip4)
        packet.ip_proto = IPPROTO_ICMPV6;
    if (packet.ip_proto == IPPROTO_SCTP) {
        packet.sctp.has_chunk = !(step->bits & 2);
        packet.sctp.chunk = step->chunk & 15;
        packet.sctp.tag = step->seq & 7; /* so that it is the right one at times */
        packet.sctp.initiate_tag = step->ack & 7;
    } else if (packet.ip_proto == IPPROTO_TCP) {
        packet.tcp.flags = step->flags & 0x3f;
        packet.tcp.seq = step->seq;
        packet.tcp.ack = step->ack;
        packet.tcp.window = step->window;
        packet.tcp.payload_len = step->chunk;
        packet.tcp.window_shift = (step->bits >> 2) % 15;
    } else {
        packet.l4_dst = step->chunk;
    }
    return packet;
}

static uint32_t state_of(const struct df_conn *conn)
{
    return DF_CONN_STATE(atomic_load(&conn->word));
}

static struct df_conn *begin(const struct df_packet *packet, const struct df_conn_key *key, struct df_conn *anew)
{
    struct df_conn *conn = NULL;
    bool reply;
    bool can = df_conn_can_begin(packet);
    int rc = df_conn_begin(0, key, df_conn_hash(key), packet, now_ms, anew, &conn);
    check((rc == -EINVAL) == !can);
    check(anew == NULL || can); /* what replaces a connection can begin one */
    if (rc != 0)
        return NULL;
    check(df_conn_find(key, df_conn_hash(key), now_ms, &reply) == conn && !reply);
    check(state_of(conn) > DF_CONN_DEAD && state_of(conn) < DF_CONN_STATES);
    check(anew == NULL || state_of(anew) == DF_CONN_DEAD);
    return conn;
}

static void advance(struct df_conn *conn, bool reply, const struct df_packet *packet)
{
    bool steady = df_conn_is_steady(conn, reply);
    uint32_t before = state_of(conn);
    df_conn_advance(conn, reply, packet, now_ms);
    uint32_t after = state_of(conn);
    check(after > DF_CONN_DEAD && after < DF_CONN_STATES);
    if (packet->ip_proto == IPPROTO_TCP && packet->tcp.flags == 0x10 && steady)
        check(before == after); /* what may be served from the flow cache */
    if (packet->bits & DF_PACKET_LATER_FRAGMENT)
        check(before == after);
}

static void take(const struct df_packet *packet, bool cached)
{
    static _Atomic uint8_t flow;
    struct df_conn_key key;
    bool reply;
    check(df_conn_key_of(packet, df_conn_zone(PORT), &key));
    struct df_conn *conn = df_conn_find(&key, df_conn_hash(&key), now_ms, &reply);
    if (conn == NULL) {
        begin(packet, &key, NULL);
        return;
    }
    enum df_conn_judgement judgement = df_conn_judge(conn, reply, packet);
    if (judgement == DF_CONN_ANEW)
        begin(packet, &key, conn);
    if (judgement != DF_CONN_PASS)
        return;
    if (cached) {
        flow = 1;
        df_conn_set_flow(conn, reply, &flow);
        check(flow == df_conn_is_steady(conn, reply));
    }
    advance(conn, reply, packet);
    check(!cached || flow == 0 || df_conn_is_steady(conn, reply));
}

/* ---- ICMP errors */

#define L4_QUOTED 8u /* RFC 792 */
#define ERROR_LEN_MAX (14 + 40 + 8 + 40 + L4_QUOTED)

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static size_t write_ip(uint8_t *at, const struct df_ip *src, const struct df_ip *dst, uint8_t proto, size_t payload)
{
    if (!df_ip_is4(src)) {
        at[0] = 0x60;
        put16(at + 4, payload);
        at[6] = proto;
        memcpy(at + 8, src, sizeof(*src));
        memcpy(at + 24, dst, sizeof(*dst));
        return 40;
    }
    at[0] = 0x45;
    put16(at + 2, 20 + payload);
    at[9] = proto;
    memcpy(at + 12, &src->word[3], 4);
    memcpy(at + 16, &dst->word[3], 4);
    rte_be16_t checksum = df_checksum(at, 20);
    memcpy(at + 10, &checksum, sizeof(checksum));
    return 20;
}

static bool is_icmp(const struct df_packet *packet)
{
    return packet->ip_proto == IPPROTO_ICMP || packet->ip_proto == IPPROTO_ICMPV6;
}

/* What is amiss with an error, as the step has it. */
static bool is_later_fragment(const struct step *step, const struct df_packet *about)
{
    return (step->bits & 1) && (about->bits & DF_PACKET_IP4);
}

static bool has_wrong_byte(const struct step *step)
{
    return step->flags != 0;
}

static bool is_cut(const struct step *step)
{
    return step->seq != 0;
}

static bool goes_to_other_end(const struct step *step)
{
    return step->window & 1;
}

static size_t write_quoted(uint8_t *at, const struct step *step, const struct df_packet *about)
{
    size_t len = write_ip(at, &about->ip_src, &about->ip_dst, about->ip_proto, L4_QUOTED);
    if (is_later_fragment(step, about))
        at[7] = 1;
    if (is_icmp(about))
        at[len] = (uint8_t)about->l4_dst;
    else
        put16(at + len + 2, about->l4_dst);
    len += L4_QUOTED;
    if (has_wrong_byte(step))
        at[step->ack % len] ^= step->flags;
    return is_cut(step) ? step->seq % len : len;
}

static size_t write_error(uint8_t *frame, const struct step *step, const struct df_packet *about)
{
    bool ip4 = about->bits & DF_PACKET_IP4, other = goes_to_other_end(step);
    size_t icmp = ip4 ? 34 : 54;
    size_t quoted = write_quoted(frame + icmp + 8, step, about);
    frame[0] = frame[6] = 0x02; /* MACs */
    put16(frame + 12, ip4 ? 0x0800 : 0x86dd);
    write_ip(frame + 14, other ? &about->ip_src : &about->ip_dst, other ? &about->ip_dst : &about->ip_src,
             ip4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, 8 + quoted);
    frame[icmp] = ip4 ? 3 : 1; /* destination unreachable */
    return icmp + 8 + quoted;
}

static void expect_owner(const struct step *step, const struct df_packet *about, const struct df_walk *walk)
{
    const struct df_track *track = &walk->track[DF_TRACK_INGRESS];
    bool about_error = is_icmp(about) && df_icmp_is_error(about->ip_proto, (uint8_t)about->l4_dst);
    struct df_conn_key key;
    bool reply;
    check(track->tracked && track->related == (track->conn != NULL));
    check(!track->related || df_ip_equal(&walk->packet.ip_dst, &walk->packet.quoted.src));
    if (has_wrong_byte(step))
        return;
    check(df_conn_key_of(about, df_conn_zone(PORT), &key));
    struct df_conn *conn = df_conn_find(&key, df_conn_hash(&key), now_ms, &reply);
    if (is_cut(step) || is_later_fragment(step, about) || about_error || goes_to_other_end(step))
        conn = NULL;
    check(track->conn == conn && (conn == NULL || track->reply != reply));
}

/* On the heap, at its exact length. */
static void take_error(const struct step *step, const struct df_packet *about)
{
    static const struct df_conntrack_value value = {.enabled = 1, .port = PORT};
    uint8_t bytes[ERROR_LEN_MAX] = {0};
    struct df_walk walk = {.now_ms = now_ms};
    size_t len = write_error(bytes, step, about);
    uint8_t *frame = malloc(len);
    check(frame != NULL);
    memcpy(frame, bytes, len);
    check(df_packet_parse(frame, (uint32_t)len, &walk.packet) == DF_DROP_NONE);
    free(frame);
    check(df_conntrack_follow(&walk, DF_TRACK_INGRESS, &value) == DF_TABLE_INGRESS_SECURITY_GROUP);
    check(walk.uncacheable);
    expect_owner(step, about, &walk);
}

/* ---- the control thread */

static int count(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    bool reply;
    check(df_conn_find(&info->key, df_conn_hash(&info->key), now_ms, &reply) == conn);
    ++*(unsigned *)arg;
    return 0;
}

/* Returns whether a grace period may be running. */
static bool control(const struct step *step)
{
    unsigned shown = 0;
    struct df_conns_tally tally;
    now_ms += step->seconds * 100u;
    if (step->bits & 0x80)
        df_conn_zone_renew(PORT);
    df_conns_age(now_ms, MAX);
    if (step->bits & 0x40)
        df_rcu_barrier();
    check(df_conns_each(0, UINT32_MAX, now_ms, count, &shown) == 0);
    df_conns_tally(&tally);
    check(shown == tally.live && shown <= MAX_PER_PORT && df_conns_of_port(PORT) == shown);
    check(tally.begun == tally.live + tally.timed_out + tally.evicted + tally.killed + tally.replaced);
    return tally.begun != tally.live;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct step step;
    bool aged = false;
    open_table(size > 0 && (data[size - 1] & 1));
    for (; size >= sizeof(step); data += sizeof(step), size -= sizeof(step)) {
        memcpy(&step, data, sizeof(step));
        if (step.what & 32)
            aged |= control(&step);
        struct df_packet packet = packet_of(&step);
        if (step.what & 128)
            take_error(&step, &packet);
        else
            take(&packet, step.what & 64);
    }
    if (aged) /* it takes long */
        df_rcu_barrier();
    df_conns_fini();
    return 0;
}
