/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/builtin.h"

/*
 * Which local port has the destination MAC, for what came by a tunnel. It is not routed: the sending node did that. The
 * network's other traffic is for those who hear it, and flood knows only the ports of this node.
 */

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_ingress_lookup_key key = {.network = walk->network, .mac = walk->packet.eth_dst};
    if (df_mac_is_group(&key.mac))
        return DF_TABLE_FLOOD;
    const struct df_ingress_lookup_value *value = df_exact_find(state, walk, &key, NULL);
    if (value == NULL)
        return DF_TABLE_FLOOD;
    walk->out_lport = value->lport;
    return DF_TABLE_INGRESS_CONNTRACK;
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_ingress_lookup_key, network, DF_FIELD_UINT),
    DF_FIELD(df_ingress_lookup_key, mac, DF_FIELD_MAC),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_ingress_lookup_value, lport, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_ingress_lookup = {
    .desc = {.number = DF_TABLE_INGRESS_LOOKUP,
             .name = "ingress_lookup",
             .upstream = "INGRESS_DESTINATION_PORT_LOOKUP",
             .summary = "which local port has a MAC, for what comes by a tunnel",
             .key_size = sizeof(struct df_ingress_lookup_key),
             .value_size = sizeof(struct df_ingress_lookup_value),
             .order = DF_ORDER_INGRESS_LOOKUP,
             .key_fields = key_fields,
             .value_fields = value_fields},
    DF_EXACT_OPS,
    .decide = decide,
};
