/* SPDX-License-Identifier: Apache-2.0 */
#include "control/datapath/fastpath_conns.h"

#include <errno.h>
#include <string.h>

#include "control/daemon/internal.h"
#include "control/model/address.h"

/*
 * Connections for `df-ctl conn`: pages of the data plane's table, with the names of ports, and with which side of the
 * conversation a connection is.
 */

/* Of a port with thousands of address pairs these are enough to tell who began nearly all of its connections. */
#define ADDRESSES_MAX 32

struct addresses {
    unsigned n;
    struct {
        struct df_ip ip;
        unsigned bits;
    } prefix[ADDRESSES_MAX];
};

/* The ports that the rows of one page name. */
struct ports {
    struct df_controller *controller;
    uint32_t lport[DF_CONN_PORTS]; /* unique_key by datapath port; 0: none */
    uint8_t slot[DF_CONN_PORTS];   /* place in addresses, from 1; 0: not asked for yet */
    unsigned n;
    struct addresses addresses[DF_CONNS_PAGE_ROWS + 1];
};
_Static_assert(DF_CONNS_PAGE_ROWS <= UINT8_MAX, "a slot for each row's port");

static int note_lport(const struct df_entry *entry, uint64_t hits, void *arg)
{
    struct ports *ports = arg;
    const struct df_dispatch_value *value = entry->value;
    (void)hits;
    if (value->port < DF_CONN_PORTS)
        memcpy(&ports->lport[value->port], entry->key + offsetof(struct df_dispatch_key, lport),
               sizeof(ports->lport[0]));
    return 0;
}

static void add_address(struct addresses *addresses, const char *text)
{
    unsigned n = addresses->n;
    if (n < ADDRESSES_MAX && df_prefix_parse(text, &addresses->prefix[n].ip, &addresses->prefix[n].bits) == 0)
        addresses->n++;
}

static const struct addresses *addresses_of(struct ports *ports, uint16_t number)
{
    if (ports->slot[number] != 0)
        return &ports->addresses[ports->slot[number]];
    ports->slot[number] = (uint8_t)++ports->n;
    struct addresses *addresses = &ports->addresses[ports->n];
    const Df__LogicalPort *lport = df_controller_lport(ports->controller, ports->lport[number]);
    for (size_t i = 0; lport != NULL && i < lport->n_ips; i++)
        add_address(addresses, lport->ips[i]);
    for (size_t i = 0; lport != NULL && i < lport->n_allowed_address_pairs; i++)
        add_address(addresses, lport->allowed_address_pairs[i]->ip_address);
    return addresses;
}

/* ::/0 is every IPv6 address and no IPv4 one, though it has their mapped form in it. */
static bool has(const struct addresses *addresses, json_t *text)
{
    struct df_ip ip;
    if (df_ip_parse(json_string_value(text), &ip) != 0)
        return false;
    for (unsigned i = 0; i < addresses->n; i++)
        if (df_ip_is4(&ip) == df_ip_is4(&addresses->prefix[i].ip) &&
            df_ip_in_prefix(&ip, &addresses->prefix[i].ip, addresses->prefix[i].bits))
            return true;
    return false;
}

/* Who began it, as Neutron says it: egress is what the guest does. Nothing where the addresses do not tell. */
static void add_direction(const struct addresses *guest, json_t *row)
{
    bool by_guest = has(guest, json_object_get(row, "ip_src"));
    bool to_guest = has(guest, json_object_get(row, "ip_dst"));
    if (by_guest != to_guest)
        json_object_set_new(row, "direction", json_string(by_guest ? "egress" : "ingress"));
}

/* Rows of connections, at most DF_CONNS_PAGE_ROWS, or of counts by port. */
static void add_names(struct df_daemon *daemon, json_t *rows)
{
    struct ports ports = {.controller = daemon->controller};
    size_t i;
    json_t *row;
    daemon->dp->ops->for_each(daemon->dp, DF_TABLE_DISPATCH, note_lport, &ports);
    json_array_foreach(rows, i, row) {
        json_int_t number = json_integer_value(json_object_get(row, "port"));
        if (number <= 0 || number >= DF_CONN_PORTS)
            continue;
        const char *name = df_controller_lport_name(daemon->controller, ports.lport[number]);
        if (name != NULL)
            json_object_set_new(row, "port_name", json_string(name));
        if (json_object_get(row, "ip_src") != NULL)
            add_direction(addresses_of(&ports, (uint16_t)number), row);
    }
}

static int read_query(struct df_daemon *daemon, json_t *params, struct df_conns_query *query, struct df_error *error)
{
    const char *id;
    if (!daemon->is_fastpath || !df_conns_ready())
        return df_error_set(error, -ENOTSUP, "the %s data plane tracks no connections", daemon->dp->ops->name);
    int rc = df_conns_query_read(params, query, error);
    if (rc == 0 && query->port != NULL)
        rc = df_controller_find_port(daemon->controller, query->port, &query->filter.port, &id, error);
    return rc;
}

static enum df_rpc_code code_of(int rc)
{
    return rc == -ENOENT    ? DF_RPC_NOT_FOUND
           : rc == -EEXIST  ? DF_RPC_AMBIGUOUS
           : rc == -ENOTSUP ? DF_RPC_FAILED
                            : DF_RPC_BAD_PARAMS;
}

static void answer(struct df_rpc_call *call, json_t *params, struct df_daemon *daemon, const char *rows,
                   json_t *(*page)(const struct df_conns_query *query, uint32_t now_ms))
{
    struct df_conns_query query;
    struct df_error error;
    int rc = read_query(daemon, params, &query, &error);
    if (rc != 0) {
        df_rpc_fail(call, code_of(rc), "%s", error.text);
        return;
    }
    json_t *json = page(&query, df_workers_now_ms());
    add_names(daemon, json_object_get(json, rows));
    df_rpc_reply(call, json);
}

void df_daemon_conn_list(struct df_rpc_call *call, json_t *params, void *daemon)
{
    answer(call, params, daemon, "connections", df_conns_list_page);
}

void df_daemon_conn_count(struct df_rpc_call *call, json_t *params, void *daemon)
{
    answer(call, params, daemon, "counts", df_conns_count_page);
}

void df_daemon_conn_top(struct df_rpc_call *call, json_t *params, void *daemon)
{
    answer(call, params, daemon, "connections", df_conns_top_page);
}

void df_daemon_conn_delete(struct df_rpc_call *call, json_t *params, void *daemon)
{
    struct df_conns_query query;
    struct df_error error;
    if (df_conns_query_read(params, &query, &error) == 0 && !query.all && query.port == NULL &&
        df_conns_filter_is_empty(&query.filter)) {
        df_rpc_fail(call, DF_RPC_BAD_PARAMS, "delete: say which connections, or `all'");
        return;
    }
    answer(call, params, daemon, "", df_conns_delete_page);
}
