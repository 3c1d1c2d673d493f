/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/table.h"

#include <errno.h>
#include <strings.h>

#include "fastpath/rcu.h"
#include "fastpath/tables/builtin.h"

/* Every table that is registered, by number; those that come with the switch are from the start. */
static const struct df_table_ops *registered[DF_TABLE_MAX + 1] = {
    [DF_TABLE_CLASSIFICATION] = &df_table_classification,
    [DF_TABLE_PORT_SECURITY] = &df_table_port_security,
    [DF_TABLE_EGRESS_CONNTRACK] = &df_table_egress_conntrack,
    [DF_TABLE_EGRESS_SECURITY_GROUP] = &df_table_egress_security_group,
    [DF_TABLE_SERVICES] = &df_table_services,
    [DF_TABLE_ARP] = &df_table_arp,
    [DF_TABLE_ND] = &df_table_nd,
    [DF_TABLE_DHCP] = &df_table_dhcp,
    [DF_TABLE_L2] = &df_table_l2,
    [DF_TABLE_FLOOD] = &df_table_flood,
    [DF_TABLE_L3] = &df_table_l3,
    [DF_TABLE_L3_PROACTIVE] = &df_table_l3_proactive,
    [DF_TABLE_EGRESS] = &df_table_egress,
    [DF_TABLE_INGRESS_LOOKUP] = &df_table_ingress_lookup,
    [DF_TABLE_INGRESS_CONNTRACK] = &df_table_ingress_conntrack,
    [DF_TABLE_INGRESS_SECURITY_GROUP] = &df_table_ingress_security_group,
    [DF_TABLE_DISPATCH] = &df_table_dispatch,
    [DF_TABLE_ADDRESS_SET] = &df_table_address_set,
    [DF_TABLE_TUNNEL] = &df_table_tunnel,
    [DF_TABLE_PEERS] = &df_table_peers,
    [DF_TABLE_NETWORKS] = &df_table_networks,
};

/* Those that are made: between df_tables_init() and df_tables_fini(). ops NULL: not. */
static struct df_table tables[DF_TABLE_MAX + 1];

/* What df_tables_init() was told; 0: it was not called. */
static uint32_t tables_max;

/* Makes the table and shows it to workers, its state first. */
static int make(const struct df_table_ops *ops)
{
    struct df_table *table = &tables[ops->desc.number];
    int rc = ops->init(&table->state, ops, tables_max);
    if (rc == 0)
        df_rcu_publish(table->ops, ops);
    return rc;
}

int df_table_register(const struct df_table_ops *ops)
{
    uint16_t number = ops->desc.number;
    if (number < DF_TABLE_FIRST_FREE || number >= DF_TABLE_END)
        return -EINVAL;
    if (registered[number] == ops)
        return 0;
    if (registered[number] != NULL)
        return -EEXIST;
    int rc = tables_max != 0 ? make(ops) : 0;
    if (rc == 0)
        registered[number] = ops;
    return rc;
}

int df_tables_init(uint32_t max)
{
    tables_max = max;
    for (unsigned number = 0; number < DF_TABLE_END; number++) {
        int rc = registered[number] != NULL ? make(registered[number]) : 0;
        if (rc != 0) {
            df_tables_fini();
            return rc;
        }
    }
    return 0;
}

void df_tables_fini(void)
{
    for (unsigned number = 0; number < DF_TABLE_END; number++) {
        struct df_table *table = &tables[number];
        if (table->ops == NULL)
            continue;
        table->ops->fini(table->state);
        *table = (struct df_table){0};
    }
    tables_max = 0;
    df_rcu_barrier();
}

const struct df_table *df_table(uint16_t number)
{
    return number < DF_TABLE_END && df_rcu_read(tables[number].ops) != NULL ? &tables[number] : NULL;
}

const struct df_table_desc *df_table_desc(uint16_t number)
{
    return number < DF_TABLE_END && registered[number] != NULL ? &registered[number]->desc : NULL;
}

const struct df_table_desc *df_table_desc_find(const char *name)
{
    for (uint16_t number = 0; number < DF_TABLE_END; number++) {
        const struct df_table_desc *desc = df_table_desc(number);
        if (desc != NULL && (strcasecmp(desc->name, name) == 0 || strcasecmp(desc->upstream, name) == 0))
            return desc;
    }
    return NULL;
}

bool df_table_entry_fits(const struct df_table_desc *desc, const struct df_entry *entry)
{
    if (entry->key_len != desc->key_size || entry->value_len < desc->value_size || entry->value_len > DF_VALUE_MAX)
        return false;
    uint32_t items = entry->value_len - desc->value_size;
    return desc->item_size == 0 ? items == 0 : items % desc->item_size == 0;
}

void df_walk_trace_entry(struct df_walk *walk, const void *key, const struct df_entry *entry)
{
    if (walk->trace != NULL)
        walk->trace->lookup(walk->trace, walk->table, key, walk->table->ops->desc.key_size, entry);
}
