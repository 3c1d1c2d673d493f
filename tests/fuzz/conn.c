/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/conn.h"
#include "fastpath/rcu.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

/*
 * Any sequence of packets of a few conversations, with time between them: each is judged, and begins a connection or
 * moves it on. Whatever comes, the table stays sound, and what a judgement promises is kept.
 *
 * Sixteen bytes are a packet, of which the first says which; every other packet may be a step of the control thread.
 */

#define MAX 8
#define MAX_PER_PORT 5
#define PORT 3

struct step {
    uint8_t what; /* two bits of protocol, of tuple, and direction; then what else happens */
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

static struct df_packet packet_of(const struct step *step)
{
    static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_SCTP, IPPROTO_ICMP, IPPROTO_UDP};
    struct df_ip a = df_ip_from4(htonl(0x0a000001 + (step->what >> 2 & 3))), b = df_ip_from4(htonl(0x0a0000ff));
    bool back = step->what & 16;
    struct df_packet packet = {
        .bits = (uint16_t)(DF_PACKET_IP4 | DF_PACKET_L4 | (step->bits & 1 ? DF_PACKET_LATER_FRAGMENT : 0)),
        .ip_proto = protos[step->what & 3],
        .ip_src = back ? b : a,
        .ip_dst = back ? a : b,
    };
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
        take(&packet, step.what & 64);
    }
    if (aged) /* it takes long */
        df_rcu_barrier();
    df_conns_fini();
    return 0;
}
