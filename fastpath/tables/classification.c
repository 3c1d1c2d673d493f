/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/builtin.h"

/* Which logical port a packet comes from: the port's own if it is untagged, a subport's if it has a tag. */

#define VID_MASK 0xfff /* of a tag's TCI */

static void pop_tag(struct df_packet *packet)
{
    packet->n_vlans--;
    packet->vlan[0] = packet->vlan[1];
    packet->vlan[1] = 0;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_packet *packet = &walk->packet;
    /* VID 0 is a priority tag: the frame counts as untagged (IEEE 802.1Q section 6.9). */
    struct df_classification_key key = {.port = walk->in_port, .vlan = packet->vlan[0] & VID_MASK};
    const struct df_classification_value *value = df_exact_find(state, walk, &key, NULL);
    if (value == NULL)
        return df_walk_drop(walk, DF_DROP_NO_LPORT);
    if (packet->n_vlans > 0)
        pop_tag(packet);
    walk->in_lport = value->lport;
    walk->network = value->network;
    return DF_TABLE_PORT_SECURITY;
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_classification_key, port, DF_FIELD_UINT),
    DF_FIELD(df_classification_key, vlan, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_classification_value, lport, DF_FIELD_UINT),
    DF_FIELD(df_classification_value, network, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_classification = {
    .desc = {.number = DF_TABLE_CLASSIFICATION,
             .name = "classification",
             .upstream = "INGRESS_CLASSIFICATION_DISPATCH",
             .summary = "which logical port a packet comes from",
             .key_size = sizeof(struct df_classification_key),
             .value_size = sizeof(struct df_classification_value),
             .order = DF_ORDER_CLASSIFICATION,
             .key_fields = key_fields,
             .value_fields = value_fields},
    DF_EXACT_OPS,
    .decide = decide,
};
