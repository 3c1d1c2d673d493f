/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dbsync/error.h"
#include "dbsync/net/resolve.h"

/*
 * Where the servers are: `tcp:HOST[:PORT]`, `ssl:HOST[:PORT]` and `unix:PATH`, separated by commas, as Open vSwitch
 * writes them; an IPv6 address in brackets. Without a word in front it is ssl where a CA is configured, and else tcp. They
 * are members of one cluster, tried in this order.
 */

#define DF_OVSDB_ENDPOINTS 16
#define DF_OVSDB_PORT 6640 /* IANA's for OVSDB, RFC 7047, 7 */
#define DF_OVSDB_ADDRESSES 4

enum df_ovsdb_transport { DF_OVSDB_TCP, DF_OVSDB_SSL, DF_OVSDB_UNIX };

struct df_ovsdb_endpoint {
    enum df_ovsdb_transport transport;
    bool is_bare;   /* no word said which */
    char text[160]; /* as messages name it */
    char host[128]; /* or the path */
    char port[8];
    /* What the name stands for; one after the other is tried. */
    struct df_net_address addresses[DF_OVSDB_ADDRESSES];
    unsigned n, next;
};

/** @return how many, or -EINVAL with a message */
int df_ovsdb_location_parse(const char *location, struct df_ovsdb_endpoint endpoints[DF_OVSDB_ENDPOINTS],
                            struct df_error *error);

/**
 * Sees that the end point has an address that was not tried yet. A name is looked up within the time, if there is any;
 * where that fails the addresses known from before are tried again.
 *
 * @return 0, or an error of df_net_resolve() with a message
 */
int df_ovsdb_endpoint_resolve(struct df_ovsdb_endpoint *endpoint, unsigned timeout_ms, struct df_error *error);
