/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/act/split.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <rte_eal.h>

#include "tests/unit/fastpath/frame.h"

/* A frame in pieces: lengths, offsets and flags of each, what is in front of it, and buffers that run out. */

#define POOL_SIZE 64
#define ROOM 1000 /* bytes of a frame that a buffer holds */

static struct rte_mempool *pool;
static struct test_frame frame;
static struct rte_mbuf *pieces[DF_SPLIT_MAX];
static int n_pieces;

static void set_up(void)
{
    char *arguments[] = {"split", "--no-huge",      "--no-pci",      "--no-shconf", "-m",
                         "64",    "--no-telemetry", "--log-level=4", "-l",          "0"};
    cr_assert_geq(rte_eal_init(RTE_DIM(arguments), arguments), 0);
    pool = rte_pktmbuf_pool_create("split", POOL_SIZE, 0, 0, RTE_PKTMBUF_HEADROOM + ROOM, SOCKET_ID_ANY);
    cr_assert_not_null(pool);
}

TestSuite(split, .init = set_up);

/* The frame's packet, in a buffer of its own. */
static struct rte_mbuf *buffer(void)
{
    static struct rte_mbuf mbuf;
    static uint8_t bytes[RTE_PKTMBUF_HEADROOM + sizeof(frame.byte)];
    memcpy(bytes + RTE_PKTMBUF_HEADROOM, frame.byte, frame.len);
    mbuf = (struct rte_mbuf){.buf_addr = bytes,
                             .buf_len = sizeof(bytes),
                             .data_off = RTE_PKTMBUF_HEADROOM,
                             .data_len = (uint16_t)frame.len,
                             .pkt_len = frame.len,
                             .nb_segs = 1};
    return &mbuf;
}

static void datagram(unsigned tags, unsigned fragment, unsigned payload)
{
    frame_ethernet(&frame);
    for (unsigned i = 0; i < tags; i++)
        frame_tag(&frame, 0x8100, 7 + i);
    frame_ip4(&frame, 17, "10.0.0.1", "10.0.0.2", 0);
    frame_set16(&frame, frame.ip + 6, fragment);
    for (unsigned i = 0; i < payload; i++)
        frame_8(&frame, i * 3 + (i >> 8));
    frame_close(&frame);
}

/* Splits it, and nothing of the packet changes. */
static int split(uint16_t mtu)
{
    struct rte_mbuf *mbuf = buffer(), before = *mbuf;
    const struct df_split how = {
        .l2_len = (uint16_t)frame.ip, .l3_len = (uint16_t)frame_get16(frame.byte + frame.ip + 2), .mtu = mtu};
    n_pieces = df_split(mbuf, &how, pool, pieces);
    cr_assert_arr_eq(mbuf, &before, sizeof(before));
    cr_assert_arr_eq(rte_pktmbuf_mtod(mbuf, uint8_t *), frame.byte, frame.len);
    return n_pieces;
}

static const uint8_t *ip_of(int i)
{
    return rte_pktmbuf_mtod(pieces[i], const uint8_t *) + frame.ip;
}

/* Each is well formed, begins where the one before ended, and together they are the payload. */
static void expect_whole(uint16_t mtu)
{
    unsigned at = 0, first = frame_get16(frame.byte + frame.ip + 6) & 0x1fff;
    unsigned payload = frame_get16(frame.byte + frame.ip + 2) - 20;
    for (int i = 0; i < n_pieces; i++) {
        unsigned total = frame_get16(ip_of(i) + 2), fragment = frame_get16(ip_of(i) + 6);
        bool more = i + 1 < n_pieces || (frame_get16(frame.byte + frame.ip + 6) & 0x2000);
        cr_assert_leq(total, mtu);
        cr_assert_eq(pieces[i]->pkt_len, frame.ip + total);
        cr_assert_eq(pieces[i]->data_len, pieces[i]->pkt_len);
        cr_assert_eq(pieces[i]->ol_flags, 0);
        cr_assert_eq(pieces[i]->tx_offload, 0);
        cr_assert_arr_eq(rte_pktmbuf_mtod(pieces[i], uint8_t *), frame.byte, frame.ip, "in front of piece %d", i);
        cr_assert_eq(plain_checksum(ip_of(i), 20), 0);
        cr_assert_eq(fragment, (first + at / 8) | (more ? 0x2000u : 0), "piece %d: %04x", i, fragment);
        cr_assert_arr_eq(ip_of(i) + 20, frame.byte + frame.l4 + at, total - 20);
        at += total - 20;
    }
    cr_assert_eq(at, payload);
    rte_pktmbuf_free_bulk(pieces, (unsigned)n_pieces);
    cr_assert_eq(rte_mempool_avail_count(pool), POOL_SIZE, "a buffer is lost");
}

Test(split, lengths_around_the_mtu)
{
    for (unsigned payload = 480; payload <= 1000; payload++) {
        datagram(0, 0, payload);
        cr_assert_eq(split(500), payload <= 480 ? 1 : payload <= 960 ? 2 : 3, "%u bytes", payload);
        expect_whole(500);
    }
}

Test(split, an_mtu_that_is_no_multiple_of_eight)
{
    for (uint16_t mtu = 68; mtu < 200; mtu++) {
        datagram(0, 0, 900);
        cr_assert_gt(split(mtu), 5);
        expect_whole(mtu);
    }
}

Test(split, tags_are_in_front_of_each)
{
    for (unsigned tags = 0; tags <= 2; tags++) {
        datagram(tags, 0, 900);
        cr_assert_eq(split(500), 2);
        expect_whole(500);
    }
}

Test(split, a_fragment_stays_where_it_is)
{
    datagram(0, 0x2000 | 100, 800);
    cr_assert_eq(split(500), 2);
    expect_whole(500);
    datagram(0, 100, 801);
    cr_assert_eq(split(500), 2);
    expect_whole(500);
}

Test(split, padding_is_left_out)
{
    datagram(0, 0, 400);
    frame_fill(&frame, 0xaa, 200);
    cr_assert_eq(split(500), 1);
    expect_whole(500);
    datagram(0, 0, 600);
    frame_fill(&frame, 0xaa, 200);
    cr_assert_eq(split(500), 2);
    expect_whole(500);
}

/* A buffer takes less than the MTU. */
Test(split, no_piece_is_longer_than_a_buffer)
{
    datagram(0, 0, 2000);
    cr_assert_eq(split(1500), 3);
    expect_whole(ROOM);
}

Test(split, without_df_only)
{
    datagram(0, 0x4000, 900);
    cr_assert_eq(split(500), -EMSGSIZE);
    cr_assert_eq(rte_mempool_avail_count(pool), POOL_SIZE);
}

Test(split, too_many_pieces_are_none)
{
    datagram(0, 0, DF_SPLIT_MAX * 48);
    cr_assert_eq(split(68), DF_SPLIT_MAX);
    expect_whole(68);
    datagram(0, 0, DF_SPLIT_MAX * 48 + 1);
    cr_assert_eq(split(68), -EMSGSIZE);
    cr_assert_eq(split(67), -EMSGSIZE, "RFC 791 knows no such MTU");
    cr_assert_eq(rte_mempool_avail_count(pool), POOL_SIZE);
}

Test(split, buffers_that_run_out_are_given_back)
{
    struct rte_mbuf *taken[POOL_SIZE];
    unsigned left = 2;
    cr_assert_eq(rte_pktmbuf_alloc_bulk(pool, taken, POOL_SIZE - left), 0);
    datagram(0, 0, 900);
    cr_assert_eq(split(400), -ENOBUFS);
    cr_assert_eq(rte_mempool_avail_count(pool), left);
    cr_assert_eq(split(500), 2);
    rte_pktmbuf_free_bulk(pieces, 2);
    cr_assert_eq(rte_pktmbuf_alloc_bulk(pool, taken + POOL_SIZE - left, left), 0);
    frame_set16(&frame, frame.ip + 2, 400);
    frame.len = frame.ip + 450; /* one of padding alone needs a buffer too */
    cr_assert_eq(split(500), -ENOBUFS);
    rte_pktmbuf_free_bulk(taken, POOL_SIZE);
    cr_assert_eq(rte_mempool_avail_count(pool), POOL_SIZE);
}
