/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/mld.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "control/model/address.h"
#include "underlay_bytes.h"

/* Multicast listener discovery, byte by byte: reports, and which queries are answered when. */

static struct df_frames_self self = {.mac = {{2, 0, 0, 0, 0xff, 1}}};
static struct df_mld mld;
static uint64_t now = 1000;

static struct df_ip ip_of(const char *text)
{
    struct df_ip ip;
    cr_assert_eq(df_ip_parse(text, &ip), 0);
    return ip;
}

static void up(void)
{
    self.ip6 = ip_of("2001:db8::ab:cdef");
}

TestSuite(underlay_mld, .init = up);

static void expect_report(enum df_mld_record record, const char *hex)
{
    uint8_t frame[DF_FRAMES_MAX];
    expect_bytes(frame, df_mld_report(&mld, frame, &self, record, now), hex);
}

#define GROUP "ff0200000000000000000001ffabcdef"
#define NOBODY "00000000000000000000000000000000"
#define HOP_BY_HOP "3a00 05020000 0100"

/* ---- Reports */

Test(underlay_mld, a_report_of_version_2_is_to_all_routers_that_speak_it)
{
    /* RFC 3810 section 5.2: type 143, one record, EXCLUDE without sources. */
    expect_report(DF_MLD_BEGINS, "333300000016 02000000ff01 86dd 60000000 0024 00 01" NOBODY
                                 "ff020000000000000000000000000016" HOP_BY_HOP "8f00 a0ef 0000 0001 04 00 0000" GROUP);
    expect_report(DF_MLD_LISTENS, "333300000016 02000000ff01 86dd 60000000 0024 00 01" NOBODY
                                  "ff020000000000000000000000000016" HOP_BY_HOP "8f00 a2ef 0000 0001 02 00 0000" GROUP);
    cr_assert_eq(mld.reports, 2);
}

Test(underlay_mld, a_report_has_the_nodes_address_if_that_is_link_local_and_the_underlays_tag)
{
    self.ip6 = ip_of("fe80::ab:cdef");
    self.vlan = 20;
    expect_report(DF_MLD_BEGINS, "333300000016 02000000ff01 8100 0014 86dd 60000000 0024 00 01"
                                 "fe8000000000000000000000 00abcdef ff020000000000000000000000000016" HOP_BY_HOP
                                 "8f00 d3d3 0000 0001 04 00 0000" GROUP);
    self.vlan = 0;
}

/* ---- Queries */

/* A query, 24 bytes of version 1 or 28 of version 2. Zeroes: for all groups, of version 2, and as it must be. */
struct query {
    const char *src, *group;
    unsigned code, len;
    uint8_t hop_limit, alert;
};
static const struct query general = {.len = 28};

static uint16_t checksum_of(const uint8_t *ip, const uint8_t *message, uint32_t len)
{
    uint32_t sum = 58 + len;
    for (unsigned i = 8; i < 40; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    for (unsigned i = 0; i < len; i += 2)
        sum += (uint32_t)(message[i] << 8 | message[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Its checksum is right. */
static uint32_t write_query(const struct query *query, uint8_t *frame)
{
    uint32_t at = bytes_of("333300000001 020000000009 86dd 60000000", frame);
    uint8_t *ip = frame + 14, *message = ip + 48;
    unsigned len = query->len ? query->len : 28;
    struct df_ip dst = ip_of("ff02::1");
    struct df_ip src = ip_of(query->src ? query->src : "fe80::1"), group = ip_of(query->group ? query->group : "::");
    memset(frame + at, 0, 100);
    ip[5] = (uint8_t)(8 + len);
    ip[7] = query->hop_limit ? query->hop_limit : 1;
    memcpy(ip + 8, &src, 16);
    memcpy(ip + 24, &dst, 16);
    memcpy(ip + 40, (const uint8_t[]){58, 0, query->alert ? query->alert : 5, 2, 0, 0, 1, 0}, 8);
    message[0] = 130;
    message[4] = (uint8_t)(query->code >> 8);
    message[5] = (uint8_t)query->code;
    memcpy(message + 8, &group, 16);
    uint16_t checksum = checksum_of(ip, message, len);
    message[2] = (uint8_t)(checksum >> 8);
    message[3] = (uint8_t)checksum;
    return 14 + 40 + 8 + len;
}

/* The delay of its answer; -1: none is due. */
static int64_t hear(struct query query)
{
    uint8_t frame[256];
    uint32_t len = write_query(&query, frame);
    mld.due_ms = 0;
    df_mld_hear(&mld, frame, len, &self, now);
    return mld.due_ms ? (int64_t)(mld.due_ms - now) : -1;
}

#define QUERY(...) ((struct query){__VA_ARGS__})

Test(underlay_mld, queries_for_all_groups_and_for_its_own_are_answered)
{
    cr_assert_eq(hear(general), 0);
    cr_assert_eq(hear(QUERY(.group = "ff02::1:ffab:cdef")), 0);
    cr_assert_eq(hear(QUERY(.group = "ff02::1:ffab:cdee")), -1);
    cr_assert_eq(hear(QUERY(.len = 24)), 0);
    cr_assert_eq(mld.queries, 3);
}

Test(underlay_mld, what_breaks_the_rules_is_no_query)
{
    cr_assert_eq(hear(QUERY(.src = "2001:db8::1")), -1);
    cr_assert_eq(hear(QUERY(.hop_limit = 2)), -1);
    cr_assert_eq(hear(QUERY(.alert = 7)), -1);
    cr_assert_eq(hear(QUERY(.len = 26)), -1);
    cr_assert_eq(hear(QUERY(.len = 20)), -1);
    self.ip6 = (struct df_ip){{{0}}};
    cr_assert_eq(hear(general), -1);
    cr_assert_eq(mld.queries, 0);
}

Test(underlay_mld, a_damaged_or_cut_query_is_none)
{
    uint8_t frame[256];
    uint32_t len = write_query(&general, frame);
    frame[14 + 48 + 20] ^= 1;
    df_mld_hear(&mld, frame, len, &self, now);
    frame[14 + 48 + 20] ^= 1;
    for (uint32_t cut = 0; cut < len; cut++)
        df_mld_hear(&mld, frame, cut, &self, now);
    cr_assert_eq(mld.queries, 0);
    df_mld_hear(&mld, frame, len, &self, now);
    cr_assert_eq(mld.queries, 1);
}

Test(underlay_mld, the_answer_waits_as_long_as_the_query_allows_and_not_always_as_long)
{
    bool differ = false;
    int64_t first = hear(QUERY(.code = 10000));
    for (now = 2000; now < 2100; now++) {
        int64_t delay = hear(QUERY(.code = 10000));
        cr_assert(delay >= 0 && delay <= 10000);
        differ = differ || delay != first;
        cr_assert_leq(hear(QUERY(.code = 0x8000)), 0x1000 << 3);
        cr_assert_leq(hear(QUERY(.code = 0x8000, .len = 24)), 0x8000, "milliseconds in version 1");
    }
    cr_assert(differ);
}

Test(underlay_mld, another_query_makes_a_waiting_answer_no_later)
{
    uint8_t frame[256];
    struct query slow = QUERY(.code = 30000);
    hear(general);
    cr_assert_eq(mld.due_ms, now);
    uint32_t len = write_query(&slow, frame);
    df_mld_hear(&mld, frame, len, &self, now);
    cr_assert_eq(mld.due_ms, now);
}

Test(underlay_mld, version_1_is_spoken_while_a_querier_of_it_is_there)
{
    static const char report1[] =
        "3333ffabcdef 02000000ff01 86dd 60000000 0020 00 01" NOBODY GROUP HOP_BY_HOP "8300 e36d 0000 0000" GROUP;
    hear(QUERY(.len = 24));
    expect_report(DF_MLD_LISTENS, report1);
    hear(general);
    now += 259999;
    expect_report(DF_MLD_LISTENS, report1);
    now++;
    uint8_t frame[DF_FRAMES_MAX];
    cr_assert_eq(df_mld_report(&mld, frame, &self, DF_MLD_LISTENS, now), 90);
}
