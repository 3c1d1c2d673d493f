/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/builtin.h"
#include "fastpath/tables/services.h"

/*
 * Which ports are served DHCP, and by which app. What others say to DHCP servers goes on as any broadcast, and so does
 * what relays and servers say to each other, from their port (RFC 2131 section 4.1): it is no client's of ours.
 *
 * What comes here by a port of UDP is special (services.h): its ports may be read.
 */

static bool is_of_server_port(const struct df_packet *packet)
{
    return packet->ip_proto == IPPROTO_UDP && packet->l4_src == DF_DHCP_SERVER;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_dhcp_key key = {.lport = walk->in_lport, .ip_version = walk->packet.bits & DF_PACKET_IP4 ? 4 : 6};
    if (!(walk->packet.bits & (DF_PACKET_IP4 | DF_PACKET_IP6)) || is_of_server_port(&walk->packet))
        return DF_TABLE_L2;
    const struct df_dhcp_value *value = df_exact_find(state, walk, &key, NULL);
    return value != NULL ? df_walk_punt(walk, value->app) : DF_TABLE_L2;
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_dhcp_key, lport, DF_FIELD_UINT),
    DF_FIELD(df_dhcp_key, ip_version, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_dhcp_value, app, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_dhcp = {
    .desc = {.number = DF_TABLE_DHCP,
             .name = "dhcp",
             .upstream = "DHCP",
             .summary = "which ports are served DHCP",
             .key_size = sizeof(struct df_dhcp_key),
             .value_size = sizeof(struct df_dhcp_value),
             .order = DF_ORDER_DHCP,
             .key_fields = key_fields,
             .value_fields = value_fields},
    DF_EXACT_OPS,
    .decide = decide,
};
