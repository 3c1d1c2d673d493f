/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/services.h"

#include <errno.h>
#include <rte_ether.h>
#include <stdlib.h>

#include "fastpath/lookup/hash.h"
#include "fastpath/tables/builtin.h"

/* Which service's table a packet goes to before L2, and the set of ports that services want (services.h). */

static bool has_ports(uint8_t ip_proto)
{
    return ip_proto == IPPROTO_UDP || ip_proto == IPPROTO_TCP || ip_proto == IPPROTO_SCTP;
}

/* ---- the set of wanted ports */

/* No port: the odd one of each pair of slots stands in the even one, and the other way round. */
static uint16_t filler(uint32_t slot)
{
    return (uint16_t)(slot ^ 1);
}

static struct df_services_ports nobody = {.mask = 1, .slot = {1, 0}};

struct df_services_ports *df_services_ports = &nobody;

/* The ports of the table's entries, one bit each. */
struct wanted {
    uint64_t bits[65536 / 64];
};

static int collect(const struct df_entry *entry, uint64_t hits, void *arg)
{
    (void)hits;
    const struct df_services_key *key = (const void *)entry->key;
    struct wanted *wanted = arg;
    if (has_ports(key->ip_proto))
        wanted->bits[key->l4_dst / 64] |= 1ull << (key->l4_dst % 64);
    return 0;
}

/* Puts every wanted port into its slot; false: two want the same one. */
static bool fill(struct df_services_ports *ports, const struct wanted *wanted)
{
    for (uint32_t slot = 0; slot <= ports->mask; slot++)
        ports->slot[slot] = filler(slot);
    for (uint32_t port = 0; port < 65536; port++) {
        if (!(wanted->bits[port / 64] >> (port % 64) & 1))
            continue;
        uint16_t *slot = &ports->slot[port & ports->mask];
        if (*slot != filler(port & ports->mask))
            return false;
        *slot = (uint16_t)port;
    }
    return true;
}

static struct df_services_ports *ports_new(const struct wanted *wanted)
{
    /* With a slot for every port nothing collides, so this ends. */
    for (uint32_t slots = 2; slots <= 65536; slots *= 2) {
        struct df_services_ports *ports = malloc(sizeof(*ports) + slots * sizeof(ports->slot[0]));
        if (ports == NULL)
            return NULL;
        ports->mask = slots - 1;
        if (fill(ports, wanted))
            return ports;
        free(ports);
    }
    return NULL;
}

static void ports_free(struct rcu_head *head)
{
    free(caa_container_of(head, struct df_services_ports, rcu));
}

static void ports_publish(struct df_services_ports *ports)
{
    struct df_services_ports *old = df_services_ports;
    df_rcu_publish(df_services_ports, ports);
    if (old != &nobody)
        df_rcu_call(&old->rcu, ports_free);
}

/* The mark of the set as a whole: no service has an all-zero key. */
static uint32_t ports_mark(void)
{
    static const struct df_services_key whole;
    return df_stamp_mark(DF_TABLE_SERVICES, df_hash_bytes(&whole, sizeof(whole)));
}

static int ports_update(void *state)
{
    struct wanted wanted = {0};
    df_exact_for_each(state, collect, &wanted);
    struct df_services_ports *ports = ports_new(&wanted);
    if (ports == NULL)
        return -ENOMEM;
    ports_publish(ports);
    df_stamps_bump(ports_mark());
    return 0;
}

/* ---- the table */

static bool entry_is_good(const struct df_entry *entry)
{
    static const struct df_services_key whole;
    if (!df_table_entry_fits(&df_table_services.desc, entry) || memcmp(entry->key, &whole, sizeof(whole)) == 0)
        return false;
    const struct df_services_value *value = entry->value;
    return df_table_desc(value->table) != NULL;
}

static int put(void *state, const struct df_entry *entry)
{
    int rc = entry_is_good(entry) ? df_exact_put(state, entry) : -EINVAL;
    return rc == 0 ? ports_update(state) : rc;
}

static int del(void *state, const struct df_entry *entry)
{
    int rc = df_exact_del(state, entry);
    return rc == 0 ? ports_update(state) : rc;
}

static void fini(void *state)
{
    ports_publish(&nobody);
    df_exact_fini(state);
}

/* What the packet would be in the table's key; false: no service can want it. */
static bool key_of(struct df_walk *walk, struct df_services_key *key)
{
    const struct df_packet *packet = &walk->packet;
    key->eth_type = packet->eth_type;
    if (packet->bits & DF_PACKET_ARP)
        return true;
    if (!(packet->bits & DF_PACKET_L4))
        return false;
    key->ip_proto = packet->ip_proto;
    key->l4_dst = packet->l4_dst; /* read of special packets only (services.h) */
    if (has_ports(packet->ip_proto)) {
        df_stamps_add(&walk->stamps, ports_mark());
        return df_services_wants_port(packet->l4_dst);
    }
    return packet->ip_proto == IPPROTO_ICMP || packet->ip_proto == IPPROTO_ICMPV6;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_services_key key = {0};
    if (!key_of(walk, &key))
        return DF_TABLE_L2;
    const struct df_services_value *value = df_exact_find(state, walk, &key, NULL);
    return value != NULL ? value->table : DF_TABLE_L2;
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_services_key, eth_type, DF_FIELD_HEX),
    DF_FIELD(df_services_key, ip_proto, DF_FIELD_UINT),
    DF_FIELD(df_services_key, l4_dst, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_services_value, table, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_services = {
    .desc = {.number = DF_TABLE_SERVICES,
             .name = "services",
             .upstream = "SERVICES_CLASSIFICATION",
             .summary = "which service's table a packet goes to before L2",
             .key_size = sizeof(struct df_services_key),
             .value_size = sizeof(struct df_services_value),
             .order = DF_ORDER_SERVICES,
             .key_fields = key_fields,
             .value_fields = value_fields},
    .init = df_exact_init,
    .fini = fini,
    .put = put,
    .del = del,
    .for_each = df_exact_for_each,
    .count = df_exact_count,
    .decide = decide,
};
