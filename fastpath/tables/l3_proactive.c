/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/builtin.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

/*
 * Who has the next hop's address on the network that the router sends to: a port, or another router, which routes
 * on.
 */

/* The address by which it was reached is the source of that router's errors. */
static uint16_t to_router(struct df_walk *walk, uint32_t router)
{
    walk->router = router;
    if (walk->packet.bits & DF_PACKET_IP4)
        walk->router_ip4 = walk->next_hop;
    else
        walk->router_ip6 = walk->next_hop;
    return DF_TABLE_L3;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_l3_proactive_key key = {.network = walk->network, .ip = walk->next_hop};
    const struct df_l3_proactive_value *value = df_exact_find(state, walk, &key, NULL);
    if (value == NULL)
        return df_walk_icmp_error(walk, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR,
                                  DF_DROP_L3_NO_NEIGHBOUR);
    walk->packet.eth_dst = value->mac;
    if (value->router != 0)
        return to_router(walk, value->router);
    walk->out_lport = value->lport;
    return DF_TABLE_EGRESS;
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_l3_proactive_key, network, DF_FIELD_UINT),
    DF_FIELD(df_l3_proactive_key, ip, DF_FIELD_IP),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_l3_proactive_value, lport, DF_FIELD_UINT),
    DF_FIELD(df_l3_proactive_value, router, DF_FIELD_UINT),
    DF_FIELD(df_l3_proactive_value, mac, DF_FIELD_MAC),
    DF_FIELD_END,
};

const struct df_table_ops df_table_l3_proactive = {
    .desc = {.number = DF_TABLE_L3_PROACTIVE,
             .name = "l3_proactive",
             .upstream = "L3_PROACTIVE_LOOKUP",
             .summary = "who has an address on a network, for routers",
             .key_size = sizeof(struct df_l3_proactive_key),
             .value_size = sizeof(struct df_l3_proactive_value),
             .order = DF_ORDER_L3_PROACTIVE,
             .key_fields = key_fields,
             .value_fields = value_fields},
    DF_EXACT_OPS,
    .decide = decide,
};
