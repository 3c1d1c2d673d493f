/* SPDX-License-Identifier: Apache-2.0 */
#include "control/datapath/fastpath_conns.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/model/address.h"
#include "fastpath/lookup/hash.h"
#include "fastpath/rcu.h"

/* Pages of the connection table: filters, and cursors while connections come and go. */

#define NOW 5000

static void up(uint32_t max)
{
    struct df_conns_config config = {
        .max = max, .max_per_port = max, .n_workers = 1, .tcp_pick_up = true, .timeouts = df_conn_timeouts_default};
    df_rcu_register();
    df_hash_init();
    cr_assert_eq(df_conns_init(&config), 0);
}

static void down(void)
{
    df_rcu_barrier();
    df_conns_fini();
    df_rcu_unregister();
}

static struct df_ip ip(const char *text)
{
    struct df_ip address;
    cr_assert_eq(df_ip_parse(text, &address), 0, "%s", text);
    return address;
}

static struct df_conn *begin_key(const struct df_conn_key *key)
{
    struct df_packet packet = {.bits = DF_PACKET_L4, .ip_proto = key->ip_proto, .ip_src = key->src, .ip_dst = key->dst};
    struct df_conn *conn = NULL;
    packet.bits |= df_ip_is4(&key->src) ? DF_PACKET_IP4 : DF_PACKET_IP6;
    packet.l4_src = key->l4_src;
    packet.l4_dst = key->l4_dst;
    if (key->ip_proto == IPPROTO_ICMP) {
        packet.bits |= DF_PACKET_ICMP_ECHO;
        packet.icmp_id = key->l4_src;
        packet.l4_src = 0;
        packet.l4_dst = 8;
    }
    if (key->ip_proto == IPPROTO_TCP) {
        packet.tcp.flags = 0x02; /* SYN */
        packet.tcp.window_shift = 0xff;
    }
    cr_assert_eq(df_conn_begin(0, key, df_conn_hash(key), &packet, NOW, NULL, &conn), 0);
    return conn;
}

static struct df_conn *begin(uint16_t port, uint8_t proto, const char *src, uint16_t l4_src, const char *dst,
                             uint16_t l4_dst)
{
    struct df_conn_key key = {.src = ip(src),
                              .dst = ip(dst),
                              .l4_src = l4_src,
                              .l4_dst = l4_dst,
                              .zone = df_conn_zone(port),
                              .ip_proto = proto};
    return begin_key(&key);
}

/* The i-th of many: another source port, and port i % 16 + 1. */
static struct df_conn *begin_nth(uint32_t i)
{
    struct df_conn_key key = {.src = df_ip_from4(htonl(0x0a000000 + i)),
                              .dst = ip("10.255.0.1"),
                              .l4_src = 1024,
                              .l4_dst = 53,
                              .zone = df_conn_zone((uint16_t)(i % 16 + 1)),
                              .ip_proto = IPPROTO_UDP};
    return begin_key(&key);
}

static struct df_conns_query query(const char *json)
{
    json_error_t why;
    struct df_error error;
    struct df_conns_query read;
    json_t *params = json_loads(json, 0, &why);
    cr_assert_not_null(params, "%s: %s", json, why.text);
    cr_assert_eq(df_conns_query_read(params, &read, &error), 0, "%s: %s", json, error.text);
    json_decref(params);
    return read;
}

/* How many connections a query lists, page by page. */
static uint32_t listed(const char *json)
{
    struct df_conns_query ask = query(json);
    uint32_t n = 0;
    do {
        json_t *page = df_conns_list_page(&ask, NOW);
        n += (uint32_t)json_array_size(json_object_get(page, "connections"));
        ask.from = (uint32_t)json_integer_value(json_object_get(page, "next"));
        json_decref(page);
    } while (ask.from != 0);
    return n;
}

/* ---- The query */

struct bad {
    char params[80];
    char expected[80];
};

ParameterizedTestParameters(conns, what_is_not_understood_is_refused)
{
    static struct bad cases[] = {
        {"{\"adr\": \"10.0.0.1\"}", "adr"},
        {"{\"addr\": 10}", "Expected string"},
        {"{\"addr\": \"10.0.0\"}", "must be an address or a prefix"},
        {"{\"addr\": \"10.0.0.0/33\"}", "must be an address or a prefix"},
        {"{\"addr\": \"\"}", "must be an address or a prefix"},
        {"{\"proto\": \"tpc\"}", "proto must be tcp"},
        {"{\"proto\": \"256\"}", "number from 0 to 255"},
        {"{\"proto\": \"-1\"}", "proto must be"},
        {"{\"proto\": \"\"}", "proto must be"},
        {"{\"state\": \"establish\"}", "no connection state `establish'"},
        {"{\"state\": \"free\"}", "no connection state"},
        {"{\"state\": \"\"}", "no connection state"},
        {"{\"by\": \"size\"}", "by must be"},
        {"{\"cursor\": -1}", "cursor"},
        {"{\"cursor\": 16777216}", "cursor"},
        {"{\"cursor\": \"1\"}", "Expected integer"},
        {"{\"limit\": 0}", "limit"},
        {"{\"above\": -1}", "above"},
        {"[1]", "connections"},
    };
    return cr_make_param_array(struct bad, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad *bad, conns, what_is_not_understood_is_refused)
{
    json_t *params = json_loads(bad->params, 0, NULL);
    struct df_conns_query read;
    struct df_error error = {""};
    cr_assert_not_null(params);
    cr_expect_eq(df_conns_query_read(params, &read, &error), -EINVAL, "%s", bad->params);
    cr_expect(strstr(error.text, bad->expected), "%s: got `%s'", bad->params, error.text);
    json_decref(params);
}

Test(conns, without_parameters_everything_is_meant)
{
    struct df_conns_query read;
    struct df_error error;
    cr_assert_eq(df_conns_query_read(NULL, &read, &error), 0);
    cr_expect(df_conns_filter_is_empty(&read.filter));
    cr_expect_not(read.all);
    cr_expect_eq(read.rows_max, DF_CONNS_PAGE_ROWS);
    read = query("{\"limit\": 100000}");
    cr_expect_eq(read.rows_max, DF_CONNS_PAGE_ROWS, "a page stays a page");
    read = query("{\"proto\": \"0\"}");
    cr_expect_not(df_conns_filter_is_empty(&read.filter), "protocol 0 is a filter, too");
    read = query("{\"addr\": \"::/0\"}");
    cr_expect_not(df_conns_filter_is_empty(&read.filter));
}

/* ---- Filters */

Test(conns, filters)
{
    up(1024);
    begin(1, IPPROTO_TCP, "10.1.0.11", 1234, "10.2.0.13", 80);
    begin(2, IPPROTO_TCP, "10.1.0.11", 1234, "10.2.0.13", 80);
    begin(2, IPPROTO_UDP, "10.2.0.13", 5353, "10.3.0.1", 53);
    begin(3, IPPROTO_UDP, "2001:db8::1", 5353, "2001:db8::2", 53);
    begin(3, IPPROTO_GRE, "10.1.0.11", 0, "10.2.0.99", 0);
    static const struct {
        const char *params;
        uint32_t n;
    } cases[] = {
        {"{}", 5},
        {"{\"proto\": \"tcp\"}", 2},
        {"{\"proto\": \"17\"}", 2},
        {"{\"proto\": \"47\"}", 1},
        {"{\"proto\": \"sctp\"}", 0},
        {"{\"addr\": \"10.1.0.11\"}", 3},
        {"{\"addr\": \"10.2.0.13\"}", 3},
        {"{\"addr\": \"10.2.0.0/24\"}", 4},
        {"{\"addr\": \"0.0.0.0/0\"}", 4},
        {"{\"addr\": \"::/0\"}", 1},
        {"{\"addr\": \"2001:db8::2\"}", 1},
        {"{\"addr\": \"10.2.0.14\"}", 0},
        {"{\"state\": \"syn_sent\"}", 2},
        {"{\"state\": \"tcp_syn_sent\"}", 2},
        {"{\"state\": \"established\"}", 0},
        {"{\"proto\": \"tcp\", \"addr\": \"10.3.0.0/16\"}", 0},
        {"{\"proto\": \"udp\", \"addr\": \"10.3.0.0/16\"}", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(listed(cases[i].params), cases[i].n, "%s: %u", cases[i].params, listed(cases[i].params));
    down();
}

Test(conns, a_filter_by_port_means_its_zone)
{
    up(1024);
    begin(1, IPPROTO_UDP, "10.1.0.11", 1, "10.2.0.13", 2);
    begin(2, IPPROTO_UDP, "10.1.0.11", 1, "10.2.0.13", 2);
    df_conn_zone_renew(2);
    begin(2, IPPROTO_UDP, "10.1.0.99", 1, "10.2.0.13", 2);
    struct df_conns_query ask = {.rows_max = 10, .filter = {.port = 2}};
    json_t *page = df_conns_list_page(&ask, NOW);
    json_t *rows = json_object_get(page, "connections");
    cr_assert_eq(json_array_size(rows), 1, "of the port's present life only");
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(rows, 0), "ip_src")), "10.1.0.99");
    json_decref(page);
    ask.filter.port = 3;
    page = df_conns_list_page(&ask, NOW);
    cr_expect_eq(json_array_size(json_object_get(page, "connections")), 0);
    json_decref(page);
    down();
}

/* ---- Rows */

static json_t *only_row(json_t *page)
{
    json_t *rows = json_object_get(page, "connections");
    cr_assert_eq(json_array_size(rows), 1);
    return json_array_get(rows, 0);
}

Test(conns, a_row_says_what_there_is_to_know)
{
    up(1024);
    struct df_conn *conn = begin(7, IPPROTO_UDP, "10.1.0.11", 1234, "10.2.0.13", 53);
    json_t *before = df_conns_list_page(&(struct df_conns_query){.rows_max = 10}, NOW);
    json_int_t packets = json_integer_value(json_object_get(only_row(before), "packets"));
    json_decref(before);
    df_conn_count(conn, false, 3, 300);
    df_conn_count(conn, true, 2, 5000);
    json_t *page = df_conns_list_page(&(struct df_conns_query){.rows_max = 10}, NOW + 1500);
    json_t *row = only_row(page);
    const char *ip_src, *ip_dst, *protocol, *state;
    json_int_t port, ip_proto, l4_src, l4_dst, idle_ms, age_ms, expires_ms, packets_now, reply_bytes;
    cr_assert_eq(json_unpack(row, "{s:I s:I s:s s:s s:I s:s s:I s:s s:I s:I s:I s:I s:I}", "port", &port, "ip_proto",
                             &ip_proto, "protocol", &protocol, "ip_src", &ip_src, "l4_src", &l4_src, "ip_dst", &ip_dst,
                             "l4_dst", &l4_dst, "state", &state, "idle_ms", &idle_ms, "age_ms", &age_ms, "expires_ms",
                             &expires_ms, "packets", &packets_now, "reply_bytes", &reply_bytes),
                 0);
    cr_expect_eq(port, 7);
    cr_expect_eq(ip_proto, IPPROTO_UDP);
    cr_expect_str_eq(protocol, "udp");
    cr_expect_str_eq(ip_src, "10.1.0.11");
    cr_expect_eq(l4_src, 1234);
    cr_expect_str_eq(ip_dst, "10.2.0.13");
    cr_expect_eq(l4_dst, 53);
    cr_expect_eq(idle_ms, 1500);
    cr_expect_eq(age_ms, 1500);
    cr_expect_eq(expires_ms, 28500);
    cr_expect_eq(packets_now, packets + 3);
    cr_expect_eq(reply_bytes, 5000);
    cr_expect_str_eq(state, df_conn_state_name(DF_CONN_UDP_SINGLE));
    cr_expect_null(json_object_get(page, "next"));
    json_decref(page);
    down();
}

Test(conns, an_echo_has_an_identifier_and_other_protocols_no_ports)
{
    up(1024);
    begin(1, IPPROTO_ICMP, "10.1.0.11", 77, "10.2.0.13", 77);
    json_t *page = df_conns_list_page(&(struct df_conns_query){.rows_max = 10}, NOW);
    cr_expect_eq(json_integer_value(json_object_get(only_row(page), "icmp_id")), 77);
    cr_expect_null(json_object_get(only_row(page), "l4_src"));
    json_decref(page);
    struct df_conns_query ask = query("{\"proto\": \"47\"}");
    begin(1, IPPROTO_GRE, "10.1.0.11", 0, "10.2.0.13", 0);
    page = df_conns_list_page(&ask, NOW);
    cr_expect_null(json_object_get(only_row(page), "l4_dst"));
    cr_expect_null(json_object_get(only_row(page), "icmp_id"));
    cr_expect_null(json_object_get(only_row(page), "protocol"), "there is no name for it");
    json_decref(page);
    down();
}

/* ---- Pages */

#define MANY 5000

/* Notes a page's connections by the number that begin_nth() put into the address; each may be noted once. */
static uint32_t note(json_t *page, uint8_t *seen)
{
    size_t i;
    json_t *row;
    cr_assert_leq(json_array_size(json_object_get(page, "connections")), DF_CONNS_PAGE_ROWS);
    json_array_foreach(json_object_get(page, "connections"), i, row) {
        struct df_ip src = ip(json_string_value(json_object_get(row, "ip_src")));
        uint32_t n = ntohl(src.word[3]) & 0xffffff;
        cr_assert_eq(seen[n]++, 0, "connection %u is listed twice", n);
    }
    return (uint32_t)json_integer_value(json_object_get(page, "next"));
}

Test(conns, pages_show_each_connection_once)
{
    static uint8_t seen[MANY];
    up(8192);
    for (uint32_t i = 0; i < MANY; i++)
        begin_nth(i);
    struct df_conns_query ask = {.rows_max = DF_CONNS_PAGE_ROWS};
    unsigned pages = 0;
    do {
        json_t *page = df_conns_list_page(&ask, NOW);
        ask.from = note(page, seen);
        json_decref(page);
        pages++;
    } while (ask.from != 0);
    for (uint32_t i = 0; i < MANY; i++)
        cr_assert(seen[i], "connection %u is not listed", i);
    cr_expect_geq(pages, MANY / DF_CONNS_PAGE_ROWS);
    down();
}

/* Between two pages every connection that is no multiple of 3 may go, others come, and ages pass. */
Test(conns, what_lives_throughout_is_listed_once_while_others_come_and_go)
{
    static uint8_t seen[16 * MANY];
    static struct df_conn *conn[MANY];
    up(8192);
    for (uint32_t i = 0; i < MANY; i++)
        conn[i] = begin_nth(i);
    struct df_conns_query ask = {.rows_max = DF_CONNS_PAGE_ROWS};
    uint32_t next_killed = 1, next_begun = MANY;
    do {
        json_t *page = df_conns_list_page(&ask, NOW);
        ask.from = note(page, seen);
        json_decref(page);
        for (unsigned i = 0; i < 50 && next_killed < MANY; i++, next_killed += next_killed % 3 == 1 ? 1 : 2)
            df_conn_kill(conn[next_killed]);
        df_conns_age(NOW, 8192);
        df_rcu_barrier();
        for (unsigned i = 0; i < 40; i++)
            begin_nth(next_begun++);
    } while (ask.from != 0);
    cr_assert_gt(next_begun, MANY + 1000, "many came meanwhile");
    for (uint32_t i = 0; i < MANY; i += 3)
        cr_assert(seen[i], "connection %u is not listed", i);
    down();
}

Test(conns, a_cursor_behind_the_end_is_the_end)
{
    up(1024);
    begin_nth(1);
    json_t *page = df_conns_list_page(&(struct df_conns_query){.from = DF_CONN_MAX, .rows_max = 10}, NOW);
    cr_expect_eq(json_array_size(json_object_get(page, "connections")), 0);
    cr_expect_null(json_object_get(page, "next"));
    json_decref(page);
    down();
}

/* ---- Count, top, delete */

static json_int_t counted(const char *params, const char *field, const char *value)
{
    struct df_conns_query ask = query(params);
    json_int_t n = 0;
    do {
        json_t *page = df_conns_count_page(&ask, NOW);
        size_t i;
        json_t *row;
        json_array_foreach(json_object_get(page, "counts"), i, row) {
            char *text = json_dumps(json_object_get(row, field), JSON_ENCODE_ANY);
            if (field == NULL || (text != NULL && strcmp(text, value) == 0))
                n += json_integer_value(json_object_get(row, "connections"));
            free(text);
        }
        ask.from = (uint32_t)json_integer_value(json_object_get(page, "next"));
        json_decref(page);
    } while (ask.from != 0);
    return n;
}

Test(conns, count)
{
    up(16384);
    for (uint32_t i = 0; i < 10000; i++)
        begin_nth(i);
    begin(5, IPPROTO_TCP, "10.1.0.11", 1, "10.2.0.13", 2);
    cr_expect_eq(counted("{}", NULL, NULL), 10001);
    cr_expect_eq(counted("{\"by\": \"port\"}", "port", "5"), 626);
    cr_expect_eq(counted("{\"by\": \"port\"}", "port", "17"), 0);
    cr_expect_eq(counted("{\"by\": \"proto\"}", "protocol", "\"udp\""), 10000);
    cr_expect_eq(counted("{\"by\": \"proto\"}", "ip_proto", "6"), 1);
    char state[40];
    snprintf(state, sizeof(state), "\"%s\"", df_conn_state_name(DF_CONN_UDP_SINGLE));
    cr_expect_eq(counted("{\"by\": \"state\"}", "state", state), 10000);
    cr_expect_eq(counted("{\"proto\": \"tcp\"}", NULL, NULL), 1);
    down();
}

Test(conns, top_is_what_sent_most)
{
    up(1024);
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t mixed = i * 7919 % 500; /* every number once, in another order */
        struct df_conn *conn = begin_nth(i);
        df_conn_count(conn, i % 2, 1000 + mixed, 1000000 - 1000 * mixed);
        if (mixed >= 490) /* the first ten sent more than 32 bits count */
            df_conn_count(conn, i % 2, UINT32_MAX, 0);
    }
    struct df_conns_query ask = query("{\"limit\": 20}");
    json_t *page = df_conns_top_page(&ask, NOW);
    json_t *rows = json_object_get(page, "connections");
    cr_assert_eq(json_array_size(rows), 20);
    for (size_t i = 0; i < 20; i++) {
        json_t *row = json_array_get(rows, i);
        json_int_t packets = json_integer_value(json_object_get(row, "packets")) +
                             json_integer_value(json_object_get(row, "reply_packets"));
        json_int_t expected = 1499 - (json_int_t)i + (i < 10 ? UINT32_MAX : 0);
        cr_expect(packets == expected || packets == expected + 1, "place %zu has %lld", i, (long long)packets);
    }
    json_decref(page);
    ask = query("{\"limit\": 1, \"by\": \"bytes\"}");
    page = df_conns_top_page(&ask, NOW);
    cr_expect_geq(json_integer_value(json_object_get(only_row(page), "bytes")), 1000000, "mixed is 0 for i = 0");
    json_decref(page);
    ask = query("{\"above\": 1490}");
    page = df_conns_top_page(&ask, NOW);
    cr_expect_lt(json_array_size(json_object_get(page, "connections")), 12);
    cr_expect_gt(json_array_size(json_object_get(page, "connections")), 7);
    json_decref(page);
    down();
}

Test(conns, delete_takes_what_the_filter_says_and_nothing_else)
{
    up(16384);
    for (uint32_t i = 0; i < 10000; i++)
        begin_nth(i);
    begin(5, IPPROTO_TCP, "10.0.0.1", 1, "10.2.0.13", 2);
    struct df_conns_query ask = query("{\"proto\": \"udp\", \"addr\": \"10.0.0.0/24\"}");
    json_int_t deleted = 0;
    do {
        json_t *page = df_conns_delete_page(&ask, NOW);
        deleted += json_integer_value(json_object_get(page, "deleted"));
        ask.from = (uint32_t)json_integer_value(json_object_get(page, "next"));
        json_decref(page);
    } while (ask.from != 0);
    cr_expect_eq(deleted, 256);
    cr_expect_eq(counted("{}", NULL, NULL), 10001 - 256);
    cr_expect_eq(counted("{\"addr\": \"10.0.0.0/24\"}", NULL, NULL), 1, "the TCP one is there");
    json_t *tally = df_conns_tally_json();
    cr_expect_eq(json_integer_value(json_object_get(tally, "deleted")), 256);
    cr_expect_eq(json_integer_value(json_object_get(tally, "begun")), 10001);
    json_decref(tally);
    down();
}
