/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>

#include "fastpath/packet/nd.h"
#include "fastpath/tables/builtin.h"
#include "fastpath/tables/neighbour.h"

/*
 * Neighbour solicitations for addresses that are known are answered on the spot, also those of duplicate address
 * detection; advertisements and the owner's own solicitations go on as any multicast.
 */

static bool is_solicitation(const struct df_packet *packet)
{
    return packet->ip_proto == IPPROTO_ICMPV6 && (packet->bits & DF_PACKET_ND) && packet->l4_dst == DF_ND_SOLICITATION;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    if (!is_solicitation(packet))
        return DF_TABLE_L2;
    walk->uncacheable = true; /* the target is not in the flow cache's key */

    struct df_neighbour_key key = {.network = walk->network, .ip = packet->nd.target};
    const struct df_neighbour_value *owner = df_exact_find(state, walk, &key, NULL);
    if (owner == NULL || owner->lport == walk->in_lport)
        return DF_TABLE_L2;
    walk->verdict.kind = DF_VERDICT_ANSWER;
    walk->verdict.answer = DF_ANSWER_ND;
    walk->verdict.answer_mac = owner->mac;
    walk->verdict.answer_is_router = owner->is_router != 0;
    return DF_TABLE_END;
}

const struct df_table_ops df_table_nd = {
    .desc = {.number = DF_TABLE_ND,
             .name = "nd",
             .upstream = "IPV6_ND",
             .summary = "who has an IPv6 address on a network, for answers to neighbour discovery",
             .key_size = sizeof(struct df_neighbour_key),
             .value_size = sizeof(struct df_neighbour_value),
             .order = DF_ORDER_ND,
             .key_fields = df_neighbour_key_fields,
             .value_fields = df_neighbour_value_fields},
    DF_EXACT_OPS,
    .decide = decide,
};
