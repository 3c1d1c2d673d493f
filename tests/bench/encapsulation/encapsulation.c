/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fastpath/tunnel/tunnel.h"

/*
 * What df_tunnel_push() costs a packet: outer headers in front of 64 bytes, in batches as a worker has them, each batch
 * to peers in random order. The time of the same loop without it is taken off. The least of many windows counts, since
 * whatever else the machine does only adds. It fails where one costs its limit or more, which is higher where UDP has a
 * checksum, as that reads the whole packet.
 */

#define LIMIT_NS 15.0
#define LIMIT_CHECKSUM_NS 20.0
#define FRAME 64u
#define BATCH 32u
#define PACKETS (1u << 20) /* in a window */
#define WINDOWS 25
#define PEERS_MAX 4096u

struct packet {
    struct rte_mbuf mbuf;
    uint8_t room[RTE_PKTMBUF_HEADROOM + 2048];
} __attribute__((aligned(64)));

static struct packet packets[BATCH];
static uint16_t peers[PACKETS];

static void make_packets(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        uint8_t *frame = packets[i].room + RTE_PKTMBUF_HEADROOM;
        packets[i].mbuf =
            (struct rte_mbuf){.buf_addr = packets[i].room, .buf_len = sizeof packets[i].room, .nb_segs = 1};
        memset(frame, (int)i, FRAME);
        memcpy(frame + 12, "\x08\x00\x45", 3); /* IPv4, so that ECN is read */
    }
}

static void make_peers(enum df_tunnel_type type, bool ip6, bool checksum, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct df_ip peer = {.word = {htonl(0x20010db8), 0, 0, htonl(i + 1)}};
        struct df_ip local = {.word = {htonl(0x20010db8), 0, htonl(1), 0}};
        if (!ip6) {
            peer = df_ip_from4(htonl(0xc6120000 + i));
            local = df_ip_from4(htonl(0xc0000201));
        }
        struct df_peer_value value = {.local_ip = local, .mtu = 1600, .udp6_checksum = checksum};
        df_peer_header_fill(&df_peer_headers[i + 1], type, &peer, &value);
    }
    for (unsigned i = 0; i < PACKETS; i++)
        peers[i] = (uint16_t)(1 + (unsigned)rand() % n);
}

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* As a packet comes from a port. */
static inline void arrive(struct rte_mbuf *mbuf)
{
    mbuf->data_off = RTE_PKTMBUF_HEADROOM;
    mbuf->data_len = FRAME;
    mbuf->pkt_len = FRAME;
}

static double window(bool push)
{
    double begin = now_ns();
    for (unsigned i = 0; i < PACKETS; i += BATCH) {
        for (unsigned j = 0; j < BATCH; j++) {
            struct rte_mbuf *mbuf = &packets[j].mbuf;
            arrive(mbuf);
            if (push && !df_tunnel_push(mbuf, peers[i + j], i & 0xffffff, (uint16_t)i))
                abort();
            __asm__ volatile("" : : "r"(mbuf), "r"(peers[i + j]) : "memory");
        }
    }
    return (now_ns() - begin) / PACKETS;
}

static double least(bool push)
{
    double ns = window(push);
    for (unsigned i = 1; i < WINDOWS; i++) {
        double next = window(push);
        ns = next < ns ? next : ns;
    }
    return ns;
}

static const struct {
    enum df_tunnel_type type;
    bool ip6, checksum;
    const char *name;
} cases[] = {
    {DF_TUNNEL_VXLAN, false, false, "VXLAN, IPv4"},
    {DF_TUNNEL_GENEVE, false, false, "Geneve, IPv4"},
    {DF_TUNNEL_GRE, false, false, "GRE, IPv4"},
    {DF_TUNNEL_VXLAN, true, true, "VXLAN, IPv6"},
    {DF_TUNNEL_VXLAN, true, false, "VXLAN, IPv6, no checksum"},
    {DF_TUNNEL_GENEVE, true, true, "Geneve, IPv6"},
    {DF_TUNNEL_GRE, true, false, "GRE, IPv6"},
};

/* Prints what the case costs. False: too much. */
static bool measure(unsigned i, unsigned n_peers)
{
    double limit = cases[i].checksum ? LIMIT_CHECKSUM_NS : LIMIT_NS;
    make_peers(cases[i].type, cases[i].ip6, cases[i].checksum, n_peers);
    double ns = least(true) - least(false);
    printf("%-26s %6u %6.1f\n", cases[i].name, n_peers, ns);
    if (ns >= limit)
        fprintf(stderr, "%s costs %.1f ns, which is not below %.0f\n", cases[i].name, ns, limit);
    return ns < limit;
}

int main(void)
{
    bool good = true;
    make_packets();
    printf("%-26s %6s %6s\n", "ns per packet of 64 bytes", "peers", "ns");
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        good &= measure(i, 20);
        good &= measure(i, PEERS_MAX);
    }
    return good ? 0 : 1;
}
