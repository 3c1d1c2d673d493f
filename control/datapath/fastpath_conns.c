/* SPDX-License-Identifier: Apache-2.0 */
#include "control/datapath/fastpath_conns.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "control/model/address.h"

/* ---- names */

static const struct {
    const char *name;
    uint8_t number;
} protocols[] = {
    {"tcp", IPPROTO_TCP},       {"udp", IPPROTO_UDP},   {"icmp", IPPROTO_ICMP},       {"icmp6", IPPROTO_ICMPV6},
    {"icmpv6", IPPROTO_ICMPV6}, {"sctp", IPPROTO_SCTP}, {"udplite", IPPROTO_UDPLITE}, {"dccp", IPPROTO_DCCP},
};
#define N_PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static const char *protocol_name(uint8_t number)
{
    for (size_t i = 0; i < N_PROTOCOLS; i++)
        if (protocols[i].number == number)
            return protocols[i].name;
    return NULL;
}

static int protocol_number(const char *text, uint8_t *number)
{
    for (size_t i = 0; i < N_PROTOCOLS; i++) {
        if (strcmp(protocols[i].name, text) == 0) {
            *number = protocols[i].number;
            return 0;
        }
    }
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value > UINT8_MAX)
        return -EINVAL;
    *number = (uint8_t)value;
    return 0;
}

/* "tcp_established" is one state, "established" those of all protocols that have it. */
static bool is_state(const char *text, enum df_conn_state state)
{
    const char *name = df_conn_state_name(state);
    const char *own = strchr(name, '_');
    return strcmp(name, text) == 0 || (own != NULL && strcmp(own + 1, text) == 0);
}

static uint64_t states_of(const char *text)
{
    uint64_t states = 0;
    for (unsigned state = DF_CONN_DEAD + 1; state < DF_CONN_STATES; state++)
        if (is_state(text, state))
            states |= 1ull << state;
    return states;
}

/* ---- the query */

static int read_address(const char *text, struct df_conns_filter *filter, struct df_error *error)
{
    unsigned bits;
    if (df_prefix_parse(text, &filter->address, &bits) != 0)
        return df_error_set(error, -EINVAL, "addr must be an address or a prefix such as 10.1.0.0/24, not `%.64s'",
                            text);
    filter->address_bits = (uint8_t)bits;
    filter->by_address = true;
    return 0;
}

static int read_proto(const char *text, struct df_conns_filter *filter, struct df_error *error)
{
    if (protocol_number(text, &filter->ip_proto) != 0)
        return df_error_set(
            error, -EINVAL,
            "proto must be tcp, udp, icmp, icmp6, sctp, udplite, dccp or a number from 0 to 255, not `%.64s'", text);
    filter->by_proto = true;
    return 0;
}

static int read_state(const char *text, struct df_conns_filter *filter, struct df_error *error)
{
    filter->states = states_of(text);
    if (filter->states == 0)
        return df_error_set(error, -EINVAL, "there is no connection state `%.64s'; df-ctl(1) lists them", text);
    return 0;
}

static int read_by(const char *text, struct df_conns_query *query, struct df_error *error)
{
    static const char *const keys[] = {[DF_CONNS_BY_PORT] = "port", "proto", "state"};
    static const char *const orders[] = {[DF_CONNS_BY_PACKETS] = "packets", "bytes"};
    for (unsigned i = DF_CONNS_BY_PORT; i <= DF_CONNS_BY_STATE; i++) {
        if (strcmp(text, keys[i]) == 0) {
            query->count_by = i;
            return 0;
        }
    }
    for (unsigned i = DF_CONNS_BY_PACKETS; i <= DF_CONNS_BY_BYTES; i++) {
        if (strcmp(text, orders[i]) == 0) {
            query->top_by = i;
            return 0;
        }
    }
    return df_error_set(error, -EINVAL, "by must be port, proto or state, of top packets or bytes, not `%.64s'", text);
}

static int read_numbers(struct df_conns_query *query, json_int_t from, json_int_t limit, json_int_t above,
                        struct df_error *error)
{
    if (from < 0 || from > DF_CONN_MAX)
        return df_error_set(error, -EINVAL, "cursor is no `next' of a page");
    if (limit < 1 || above < 0)
        return df_error_set(error, -EINVAL, "limit must be 1 or more, and above 0 or more");
    query->from = (uint32_t)from;
    query->rows_max = limit < DF_CONNS_PAGE_ROWS ? (uint32_t)limit : DF_CONNS_PAGE_ROWS;
    query->above = (uint64_t)above;
    return 0;
}

int df_conns_query_read(json_t *params, struct df_conns_query *query, struct df_error *error)
{
    const char *addr = NULL, *proto = NULL, *state = NULL, *by = NULL;
    json_int_t from = 0, limit = DF_CONNS_PAGE_ROWS, above = 0;
    int all = 0;
    json_error_t why;
    *query = (struct df_conns_query){0};
    if (params != NULL && json_unpack_ex(params, &why, JSON_STRICT, "{s?s, s?s, s?s, s?s, s?s, s?I, s?I, s?I, s?b}",
                                         "port", &query->port, "addr", &addr, "proto", &proto, "state", &state, "by",
                                         &by, "cursor", &from, "limit", &limit, "above", &above, "all", &all) != 0)
        return df_error_set(error, -EINVAL, "connections: %s", why.text);
    query->all = all;
    int code = read_numbers(query, from, limit, above, error);
    if (code == 0 && addr != NULL)
        code = read_address(addr, &query->filter, error);
    if (code == 0 && proto != NULL)
        code = read_proto(proto, &query->filter, error);
    if (code == 0 && state != NULL)
        code = read_state(state, &query->filter, error);
    if (code == 0 && by != NULL)
        code = read_by(by, query, error);
    return code;
}

bool df_conns_filter_is_empty(const struct df_conns_filter *filter)
{
    return filter->states == 0 && !filter->by_address && !filter->by_proto && filter->port == 0;
}

/* ::/0 is all of IPv6, not IPv4 in its mapped form as well. */
static bool is_in(const struct df_conns_filter *filter, const struct df_ip *ip)
{
    return df_ip_is4(ip) == df_ip_is4(&filter->address) && df_ip_in_prefix(ip, &filter->address, filter->address_bits);
}

bool df_conns_filter_match(const struct df_conns_filter *filter, const struct df_conn_info *info)
{
    const struct df_conn_key *key = &info->key;
    if (filter->port != 0 && filter->port != df_conn_zone_port(key->zone))
        return false;
    if (filter->by_proto && filter->ip_proto != key->ip_proto)
        return false;
    if (filter->states != 0 && (filter->states >> info->state & 1) == 0)
        return false;
    return !filter->by_address || is_in(filter, &key->src) || is_in(filter, &key->dst);
}

/* ---- rows */

static void set(json_t *row, const char *field, uint64_t value)
{
    json_object_set_new_nocheck(row, field, json_integer((json_int_t)value));
}

static void set_text(json_t *row, const char *field, const char *text)
{
    json_object_set_new_nocheck(row, field, json_string_nocheck(text));
}

static void set_protocol(json_t *row, uint8_t ip_proto)
{
    const char *name = protocol_name(ip_proto);
    set(row, "ip_proto", ip_proto);
    if (name != NULL)
        set_text(row, "protocol", name);
}

static void set_ends(json_t *row, const struct df_conn_key *key)
{
    char text[DF_IP_TEXT];
    set_text(row, "ip_src", df_ip_text(&key->src, text));
    set_text(row, "ip_dst", df_ip_text(&key->dst, text));
    switch (key->ip_proto) {
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        set(row, "icmp_id", key->l4_src);
        break;
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
    case IPPROTO_DCCP:
        set(row, "l4_src", key->l4_src);
        set(row, "l4_dst", key->l4_dst);
        break;
    default:
        break;
    }
}

static json_t *row_of(const struct df_conn_info *info)
{
    json_t *row = json_object();
    set(row, "port", df_conn_zone_port(info->key.zone));
    set_protocol(row, info->key.ip_proto);
    set_ends(row, &info->key);
    set_text(row, "state", df_conn_state_name(info->state));
    set(row, "idle_ms", info->idle_ms);
    set(row, "age_ms", info->age_ms);
    set(row, "expires_ms", info->expires_ms);
    set(row, "packets", info->packets[0]);
    set(row, "bytes", info->bytes[0]);
    set(row, "reply_packets", info->packets[1]);
    set(row, "reply_bytes", info->bytes[1]);
    return row;
}

static json_t *page_of(const char *what, json_t *content, uint32_t next)
{
    struct df_conns_tally tally;
    df_conns_tally(&tally);
    json_t *page = json_pack("{s:o, s:I}", what, content, "of", (json_int_t)tally.max);
    if (next != 0)
        set(page, "next", next);
    return page;
}

/* ---- list */

struct list {
    const struct df_conns_query *query;
    json_t *rows;
};

static int add_row(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    struct list *list = arg;
    (void)conn;
    if (df_conns_filter_match(&list->query->filter, info))
        json_array_append_new(list->rows, row_of(info));
    return json_array_size(list->rows) >= list->query->rows_max;
}

json_t *df_conns_list_page(const struct df_conns_query *query, uint32_t now_ms)
{
    struct list list = {query, json_array()};
    uint32_t next = df_conns_each(query->from, DF_CONNS_PAGE_ENTRIES, now_ms, add_row, &list);
    return page_of("connections", list.rows, next);
}

/* ---- count */

struct count {
    const struct df_conns_query *query;
    uint32_t n[DF_CONN_PORTS]; /* by key; without one in n[0] */
};
_Static_assert(DF_CONN_PORTS > UINT8_MAX && DF_CONN_PORTS > DF_CONN_STATES, "room for each key");

static uint32_t count_key(enum df_conns_key by, const struct df_conn_info *info)
{
    switch (by) {
    case DF_CONNS_BY_PORT:
        return df_conn_zone_port(info->key.zone);
    case DF_CONNS_BY_PROTO:
        return info->key.ip_proto;
    case DF_CONNS_BY_STATE:
        return info->state;
    case DF_CONNS_BY_NONE:
        break;
    }
    return 0;
}

static int count_one(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    struct count *count = arg;
    (void)conn;
    if (df_conns_filter_match(&count->query->filter, info))
        count->n[count_key(count->query->count_by, info) % DF_CONN_PORTS]++;
    return 0;
}

static json_t *count_row(enum df_conns_key by, uint32_t key, uint32_t n)
{
    json_t *row = json_object();
    if (by == DF_CONNS_BY_PORT)
        set(row, "port", key);
    else if (by == DF_CONNS_BY_PROTO)
        set_protocol(row, (uint8_t)key);
    else if (by == DF_CONNS_BY_STATE)
        set_text(row, "state", df_conn_state_name(key));
    set(row, "connections", n);
    return row;
}

json_t *df_conns_count_page(const struct df_conns_query *query, uint32_t now_ms)
{
    struct count count = {query, {0}};
    uint32_t next = df_conns_each(query->from, DF_CONNS_PAGE_ENTRIES, now_ms, count_one, &count);
    json_t *rows = json_array();
    for (uint32_t key = 0; key < DF_CONN_PORTS; key++)
        if (count.n[key] != 0)
            json_array_append_new(rows, count_row(query->count_by, key, count.n[key]));
    return page_of("counts", rows, next);
}

/* ---- top: a heap whose root is the least of the rows so far */

struct ranked {
    uint64_t rank;
    struct df_conn_info info;
};

struct top {
    const struct df_conns_query *query;
    unsigned n;
    struct ranked heap[DF_CONNS_PAGE_ROWS];
};

static uint64_t rank_of(enum df_conns_order by, const struct df_conn_info *info)
{
    return by == DF_CONNS_BY_BYTES ? info->bytes[0] + info->bytes[1] : info->packets[0] + info->packets[1];
}

static void sift_up(struct top *top, struct ranked item)
{
    unsigned at = top->n++;
    for (; at > 0 && top->heap[(at - 1) / 2].rank > item.rank; at = (at - 1) / 2)
        top->heap[at] = top->heap[(at - 1) / 2];
    top->heap[at] = item;
}

static void replace_root(struct top *top, struct ranked item)
{
    unsigned at = 0;
    for (;;) {
        unsigned child = 2 * at + 1;
        if (child >= top->n)
            break;
        if (child + 1 < top->n && top->heap[child + 1].rank < top->heap[child].rank)
            child++;
        if (top->heap[child].rank >= item.rank)
            break;
        top->heap[at] = top->heap[child];
        at = child;
    }
    top->heap[at] = item;
}

static int rank_one(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    struct top *top = arg;
    const struct df_conns_query *query = top->query;
    (void)conn;
    uint64_t rank = rank_of(query->top_by, info);
    if (rank <= query->above || !df_conns_filter_match(&query->filter, info))
        return 0;
    if (top->n < query->rows_max)
        sift_up(top, (struct ranked){rank, *info});
    else if (rank > top->heap[0].rank)
        replace_root(top, (struct ranked){rank, *info});
    return 0;
}

static int by_rank(const void *a, const void *b)
{
    uint64_t x = ((const struct ranked *)a)->rank, y = ((const struct ranked *)b)->rank;
    return x < y ? 1 : x > y ? -1 : 0;
}

json_t *df_conns_top_page(const struct df_conns_query *query, uint32_t now_ms)
{
    struct top top = {.query = query};
    uint32_t next = df_conns_each(query->from, DF_CONNS_PAGE_ENTRIES, now_ms, rank_one, &top);
    qsort(top.heap, top.n, sizeof(top.heap[0]), by_rank);
    json_t *rows = json_array();
    for (unsigned i = 0; i < top.n; i++)
        json_array_append_new(rows, row_of(&top.heap[i].info));
    return page_of("connections", rows, next);
}

/* ---- delete */

struct deletion {
    const struct df_conns_query *query;
    uint32_t n;
};

static int delete_one(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    struct deletion *deletion = arg;
    if (!df_conns_filter_match(&deletion->query->filter, info))
        return 0;
    df_conn_kill(conn);
    deletion->n++;
    return 0;
}

json_t *df_conns_delete_page(const struct df_conns_query *query, uint32_t now_ms)
{
    struct deletion deletion = {query, 0};
    uint32_t next = df_conns_each(query->from, DF_CONNS_PAGE_ENTRIES, now_ms, delete_one, &deletion);
    return page_of("deleted", json_integer(deletion.n), next);
}

/* ---- tally */

json_t *df_conns_tally_json(void)
{
    struct df_conns_tally tally;
    if (!df_conns_ready())
        return NULL;
    df_conns_tally(&tally);
    return json_pack("{sI sI sI sI sI sI sI sI sI sI sI}", "live", (json_int_t)tally.live, "max", (json_int_t)tally.max,
                     "max_per_port", (json_int_t)tally.max_per_port, "port_share", (json_int_t)tally.port_share,
                     "begun", (json_int_t)tally.begun, "timed_out", (json_int_t)tally.timed_out, "evicted",
                     (json_int_t)tally.evicted, "deleted", (json_int_t)tally.killed, "replaced",
                     (json_int_t)tally.replaced, "refused_full", (json_int_t)tally.refused_full, "refused_port",
                     (json_int_t)tally.refused_port);
}
