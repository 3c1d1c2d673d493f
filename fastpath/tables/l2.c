/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/builtin.h"

/* Who has the destination MAC on the network: a port, or a router, which routes; otherwise the network floods it. */

/* IEEE 802.1Q table 8-1: 01-80-C2-00-00-00 to -0F never cross a bridge. */
static bool is_reserved(const struct df_mac *mac)
{
    static const struct df_mac block = {{0x01, 0x80, 0xc2}};
    return memcmp(mac, &block, 5) == 0 && mac->byte[5] < 0x10;
}

static uint16_t to_router(struct df_walk *walk, const struct df_l2_value *value)
{
    walk->router = value->router;
    walk->router_ip4 = value->ip4;
    walk->router_ip6 = value->ip6;
    return DF_TABLE_L3;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    const struct df_mac *mac = &walk->packet.eth_dst;
    if (is_reserved(mac))
        return df_walk_drop(walk, DF_DROP_L2_RESERVED);
    if (df_mac_is_group(mac))
        return DF_TABLE_FLOOD;

    struct df_l2_key key = {.network = walk->network, .mac = *mac};
    const struct df_l2_value *value = df_exact_find(state, walk, &key, NULL);
    if (value == NULL)
        return DF_TABLE_FLOOD;
    if (value->router != 0)
        return to_router(walk, value);
    if (value->lport == walk->in_lport)
        return df_walk_drop(walk, DF_DROP_HAIRPIN);
    walk->out_lport = value->lport;
    return DF_TABLE_EGRESS;
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_l2_key, network, DF_FIELD_UINT),
    DF_FIELD(df_l2_key, mac, DF_FIELD_MAC),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_l2_value, lport, DF_FIELD_UINT),
    DF_FIELD(df_l2_value, router, DF_FIELD_UINT),
    DF_FIELD(df_l2_value, ip4, DF_FIELD_IP),
    DF_FIELD(df_l2_value, ip6, DF_FIELD_IP),
    DF_FIELD_END,
};

const struct df_table_ops df_table_l2 = {
    .desc = {.number = DF_TABLE_L2,
             .name = "l2",
             .upstream = "L2_LOOKUP",
             .summary = "who has a MAC on a network",
             .key_size = sizeof(struct df_l2_key),
             .value_size = sizeof(struct df_l2_value),
             .order = DF_ORDER_L2,
             .key_fields = key_fields,
             .value_fields = value_fields},
    DF_EXACT_OPS,
    .decide = decide,
};
