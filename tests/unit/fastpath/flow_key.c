/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/flow_key.h"

#include <criterion/criterion.h>

#include "tests/unit/fastpath/frame.h"

/* What concerns connections in the keys of the flow cache; the rest of them is in flow_cache.c. */

static struct test_frame frame;
static struct df_flow_key key;

TestSuite(flow_key_of_connections);

/* On the heap at its exact length, so that the sanitizer sees a read past the end. */
static unsigned read_key(bool by_l4)
{
    uint8_t *exact = malloc(frame.len);
    memcpy(exact, frame.byte, frame.len);
    unsigned kind = df_flow_key_read(exact, frame.len, 1, by_l4, &key);
    free(exact);
    return kind;
}

static void begin(unsigned proto)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, proto, "10.0.0.1", "10.0.0.2", 0);
}

static void begin6(unsigned proto)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, proto, 64, "2001:db8::1", "2001:db8::2");
}

Test(flow_key_of_connections, tcp_has_one_by_ports_only_with_ack_and_without_syn_fin_rst)
{
    for (unsigned flags = 0; flags < 256; flags++) {
        for (unsigned v6 = 0; v6 < 2; v6++) {
            v6 ? begin6(6) : begin(6);
            frame_tcp(&frame, 1000, 2000);
            frame.byte[frame.l4 + 13] = (uint8_t)flags;
            frame_close(&frame);
            unsigned family = v6 ? DF_FLOW_IP6 : DF_FLOW_IP4;
            bool plain = (flags & 0x10) && !(flags & 0x07);
            cr_assert_eq(read_key(true), plain ? family | DF_FLOW_BY_L4 : DF_FLOW_NONE, "flags %02x", flags);
            cr_assert_eq(read_key(false), family, "flags %02x", flags);
        }
    }
}

static void chunk(unsigned type, unsigned len)
{
    frame_8(&frame, type);
    frame_8(&frame, 0);
    frame_16(&frame, len);
    frame_fill(&frame, 0, ((len + 3) & ~3u) - 4);
}

static void begin_sctp(void)
{
    begin(132);
    frame_16(&frame, 1000);
    frame_16(&frame, 2000);
    frame_fill(&frame, 0, 8);
}

static void expect_sctp_(bool steady, int line)
{
    frame_close(&frame);
    cr_assert_eq(read_key(true), steady ? DF_FLOW_IP4 | DF_FLOW_BY_L4 : DF_FLOW_NONE, "line %d", line);
    cr_assert_eq(read_key(false), DF_FLOW_IP4, "line %d", line);
}

#define expect_sctp(steady) expect_sctp_(steady, __LINE__)

Test(flow_key_of_connections, sctp_has_one_by_ports_only_for_everyday_chunks)
{
    for (unsigned type = 0; type < 256; type++) {
        begin_sctp();
        chunk(type, 16);
        expect_sctp(type == 0 || (type >= 3 && type <= 5));
    }
}

Test(flow_key_of_connections, sctp_a_control_chunk_behind_another_walks)
{
    begin_sctp();
    chunk(3, 16);
    chunk(7, 8);
    expect_sctp(false);
    begin_sctp();
    chunk(3, 15); /* padded */
    chunk(0, 20);
    expect_sctp(true);
    begin_sctp();
    chunk(0, 17);
    chunk(0, 20);
    expect_sctp(true);
    begin_sctp();
    expect_sctp(false); /* no chunk */
    frame_fill(&frame, 0, 3);
    expect_sctp(false);
    begin_sctp();
    chunk(3, 4);
    frame.byte[frame.len - 1] = 0; /* a length of none */
    expect_sctp(false);
    begin_sctp();
    chunk(3, 16);
    frame.byte[frame.l4 + 14] = 0xff; /* past the end: nothing is read there */
    expect_sctp(true);
}

/* UDP-Lite and DCCP. What the parser refuses has no key. */
Test(flow_key_of_connections, others_with_ports_have_them_in_the_key)
{
    static const unsigned others[][2] = {{136, 8}, {33, 12}};
    for (unsigned i = 0; i < 4; i++) {
        const unsigned *other = others[i % 2];
        unsigned family = i < 2 ? DF_FLOW_IP4 : DF_FLOW_IP6;
        struct df_flow_key before = {{0}};
        for (unsigned port = 80; port < 83; port++) {
            i < 2 ? begin(other[0]) : begin6(other[0]);
            frame_16(&frame, 1000);
            frame_16(&frame, port);
            frame_fill(&frame, 0, other[1] - 4);
            frame_close(&frame);
            cr_assert_eq(read_key(true), family | DF_FLOW_BY_L4);
            cr_assert_neq(key.word[0], before.word[0]);
            before = key;
            cr_assert_eq(read_key(false), family);
        }
        frame.len--;
        frame_close(&frame);
        cr_assert_eq(read_key(true), DF_FLOW_NONE);
        cr_assert_eq(read_key(false), DF_FLOW_NONE);
    }
}

static void icmp(unsigned v6, unsigned type, unsigned id)
{
    v6 ? begin6(58) : begin(1);
    frame_icmp(&frame, type, 0, 8);
    frame_set16(&frame, frame.l4 + 4, id);
    frame_close(&frame);
}

Test(flow_key_of_connections, an_echo_has_its_identifier_in_the_key)
{
    static const uint8_t echo[2][2] = {{8, 0}, {128, 129}};
    for (unsigned i = 0; i < 4; i++) {
        unsigned v6 = i / 2, type = echo[v6][i % 2];
        for (unsigned by_l4 = 0; by_l4 < 2; by_l4++) {
            icmp(v6, type, 7);
            cr_assert_eq(read_key(by_l4), (v6 ? DF_FLOW_IP6 : DF_FLOW_IP4) | DF_FLOW_BY_L4);
            struct df_flow_key first = key;
            icmp(v6, type, 7);
            frame.byte[frame.l4 + 7]++; /* the sequence number is not */
            read_key(by_l4);
            cr_assert_eq(memcmp(&key, &first, sizeof(key)), 0);
            icmp(v6, type, 8);
            read_key(by_l4);
            cr_assert_neq(memcmp(&key, &first, sizeof(key)), 0);
        }
    }
}

Test(flow_key_of_connections, another_protocol_has_no_ports_and_is_by_ports_all_the_same)
{
    begin(47);
    frame_fill(&frame, 1, 8);
    frame_close(&frame);
    cr_assert_eq(read_key(true), DF_FLOW_IP4 | DF_FLOW_BY_L4);
    struct df_flow_key first = key;
    frame.byte[frame.l4]++;
    read_key(true);
    cr_assert_eq(memcmp(&key, &first, sizeof(key)), 0);
    cr_assert_eq(read_key(false), DF_FLOW_IP4);
}

Test(flow_key_of_connections, an_icmp_error_has_none_by_ports)
{
    static const uint8_t errors[] = {3, 4, 5, 11, 12}, errors6[] = {1, 2, 3, 4};
    for (unsigned type = 0; type < 256; type++) {
        icmp(0, type, 7);
        bool error = memchr(errors, (int)type, sizeof(errors)) != NULL;
        cr_assert_eq(read_key(true), error ? DF_FLOW_NONE : DF_FLOW_IP4 | DF_FLOW_BY_L4, "type %u", type);
        cr_assert_eq(read_key(false), DF_FLOW_IP4 | DF_FLOW_BY_L4, "type %u", type);
        icmp(1, type, 7);
        error = memchr(errors6, (int)type, sizeof(errors6)) != NULL || (type >= 133 && type <= 137);
        cr_assert_eq(read_key(true), error ? DF_FLOW_NONE : DF_FLOW_IP6 | DF_FLOW_BY_L4, "type %u", type);
    }
}
