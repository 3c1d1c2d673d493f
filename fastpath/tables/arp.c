/* SPDX-License-Identifier: Apache-2.0 */
#include <rte_arp.h>

#include "fastpath/tables/builtin.h"
#include "fastpath/tables/neighbour.h"

/*
 * ARP requests for addresses that are known are answered on the spot; nothing of it reaches anybody. What the owner
 * of an address says of it himself (replies, announcements, probes: RFC 5227) goes on as any broadcast.
 */

static uint16_t decide(void *state, struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    if (!(packet->bits & DF_PACKET_ARP))
        return DF_TABLE_L2;
    walk->uncacheable = true; /* what ARP says is not in the flow cache's key */
    if (packet->arp.op != RTE_ARP_OP_REQUEST || packet->arp.spa == packet->arp.tpa)
        return DF_TABLE_L2;

    struct df_neighbour_key key = {.network = walk->network, .ip = df_ip_from4(packet->arp.tpa)};
    const struct df_neighbour_value *owner = df_exact_find(state, walk, &key, NULL);
    if (owner == NULL || owner->lport == walk->in_lport)
        return DF_TABLE_L2;
    walk->verdict.kind = DF_VERDICT_ANSWER;
    walk->verdict.answer = DF_ANSWER_ARP;
    walk->verdict.answer_mac = owner->mac;
    return DF_TABLE_END;
}

const struct df_table_ops df_table_arp = {
    .desc = {.number = DF_TABLE_ARP,
             .name = "arp",
             .upstream = "ARP",
             .summary = "who has an IPv4 address on a network, for answers to ARP",
             .key_size = sizeof(struct df_neighbour_key),
             .value_size = sizeof(struct df_neighbour_value),
             .order = DF_ORDER_ARP,
             .key_fields = df_neighbour_key_fields,
             .value_fields = df_neighbour_value_fields},
    DF_EXACT_OPS,
    .decide = decide,
};
