/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "dbsync/error.h"
#include "fastpath/conn/conn.h"

/*
 * The connection table for people, in pages.
 *
 * Invariants:
 * - A page looks at DF_CONNS_PAGE_ENTRIES entries at most and makes DF_CONNS_PAGE_ROWS rows at most, so that the
 *   control thread stands still for about a millisecond, however many connections there are.
 * - A cursor is a place in the table and nothing else: there is nothing to keep between pages, and none to run out of
 *   date. Whoever asks for pages until there is no "next" sees each place once. So a connection that lives all the
 *   while is in exactly one page, and one that comes or goes meanwhile is in one at most.
 *
 * Control thread, online.
 */

#define DF_CONNS_PAGE_ENTRIES 4096
#define DF_CONNS_PAGE_ROWS 128

enum df_conns_key { DF_CONNS_BY_NONE, DF_CONNS_BY_PORT, DF_CONNS_BY_PROTO, DF_CONNS_BY_STATE };
enum df_conns_order { DF_CONNS_BY_PACKETS, DF_CONNS_BY_BYTES };

/* Which connections; all zero: every one. */
struct df_conns_filter {
    uint64_t states;      /* bits by enum df_conn_state; 0: any */
    struct df_ip address; /* of either end */
    uint8_t address_bits; /* in the mapped form */
    bool by_address;
    bool by_proto;
    uint8_t ip_proto;
    uint16_t port; /* datapath port; 0: any */
};
_Static_assert(DF_CONN_STATES <= 64, "a bit for each");

struct df_conns_query {
    struct df_conns_filter filter;
    uint32_t from;     /* cursor; 0: the beginning */
    uint32_t rows_max; /* of this page */
    enum df_conns_key count_by;
    enum df_conns_order top_by;
    uint64_t above;   /* top: no row that is not above this */
    bool all;         /* delete without a filter is meant */
    const char *port; /* the name in params, for the caller to look up; NULL: none */
};

/**
 * Reads a query from RPC parameters; params may be NULL. What is not known is refused: a filter that is misspelt must
 * not match everything.
 *
 *   port    name or id of an lport       addr   address or prefix       proto   tcp, udp, icmp, icmp6, sctp, number
 *   state   a state's name, with its protocol ("tcp_established") or without ("established")
 *   cursor  "next" of the page before    limit  rows     by   port, proto, state; top: packets, bytes
 *   above   top                          all    delete
 *
 * @return 0, -EINVAL; strings are those of params
 */
int df_conns_query_read(json_t *params, struct df_conns_query *query, struct df_error *error);

bool df_conns_filter_is_empty(const struct df_conns_filter *filter);
bool df_conns_filter_match(const struct df_conns_filter *filter, const struct df_conn_info *info);

/*
 * One page each. The caller owns the result: {..., "next": cursor, if there is more, "of": places in the table}.
 *
 * list    "connections" [{port, ip_proto, protocol, ip_src, l4_src, ip_dst, l4_dst, state, idle_ms, age_ms, expires_ms,
 *         packets, bytes, reply_packets, reply_bytes}]: source and destination of the packet that began it; instead of
 *         l4_src and l4_dst an echo has icmp_id, and other protocols nothing
 * count   "counts" [{port or ip_proto and protocol or state, connections}], or without a key [{connections}]; only
 *         what is not 0
 * top     "connections", the first rows_max of this page by packets or bytes of both directions, most first
 * delete  "deleted"
 */
json_t *df_conns_list_page(const struct df_conns_query *query, uint32_t now_ms);
json_t *df_conns_count_page(const struct df_conns_query *query, uint32_t now_ms);
json_t *df_conns_top_page(const struct df_conns_query *query, uint32_t now_ms);
json_t *df_conns_delete_page(const struct df_conns_query *query, uint32_t now_ms);

/**
 * {live, max, max_per_port, port_share (what a port may have of that now), begun, timed_out, evicted, deleted (of ports that went, too), replaced (by a new one of the
 * same tuple), refused_full, refused_port}; NULL: there is no table.
 */
json_t *df_conns_tally_json(void);
