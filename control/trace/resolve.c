/* SPDX-License-Identifier: Apache-2.0 */
#include "control/trace/resolve.h"

#include <errno.h>
#include <string.h>

#include "control/app.h"
#include "control/model/address.h"

/* ---- names of numbers */

static const char *lport_name(void *arg, uint32_t key)
{
    return df_controller_lport_name(((struct df_resolver *)arg)->controller, key);
}

static const char *network_name(void *arg, uint32_t key)
{
    return df_controller_network_name(((struct df_resolver *)arg)->controller, key);
}

static const char *router_name(void *arg, uint32_t key)
{
    return df_controller_router_name(((struct df_resolver *)arg)->controller, key);
}

static const char *group_name(void *arg, uint32_t number)
{
    return df_controller_group_name(((struct df_resolver *)arg)->controller, number);
}

static const char *rule_name(void *arg, uint32_t number)
{
    return df_controller_rule_name(((struct df_resolver *)arg)->controller, number);
}

static json_t *rule_words(void *arg, uint32_t number)
{
    return df_controller_rule(((struct df_resolver *)arg)->controller, number);
}

struct port_search {
    uint16_t port;
    uint32_t lport;
};

static int match_dispatch(const struct df_entry *entry, uint64_t hits, void *arg)
{
    (void)hits;
    struct port_search *search = arg;
    const struct df_dispatch_value *value = entry->value;
    if (value->port != search->port)
        return 0;
    memcpy(&search->lport, entry->key + offsetof(struct df_dispatch_key, lport), sizeof(search->lport));
    return 1;
}

static const char *port_name(void *arg, uint16_t number)
{
    struct df_resolver *resolver = arg;
    struct port_search search = {.port = number};
    const struct df_underlay_end *underlay = df_controller_underlay(resolver->controller);
    if (underlay && underlay->port == number)
        return underlay->name;
    if (resolver->dp->ops->for_each(resolver->dp, DF_TABLE_DISPATCH, match_dispatch, &search) <= 0)
        return NULL;
    return lport_name(resolver, search.lport);
}

struct df_names df_resolver_names(struct df_resolver *resolver)
{
    return (struct df_names){.lport = lport_name,
                             .network = network_name,
                             .router = router_name,
                             .port = port_name,
                             .group = group_name,
                             .rule = rule_name,
                             .rule_words = rule_words,
                             .arg = resolver};
}

/* ---- stations */

static const Df__LogicalPort *get_lport(const char *id)
{
    return (const Df__LogicalPort *)df_app_model_get(DF_NB_LPORT, id);
}

static void station_of_lport(const Df__LogicalPort *lport, struct df_words_station *station)
{
    if (lport->n_macs)
        df_mac_parse(lport->macs[0], &station->mac);
    for (size_t i = 0; i < lport->n_ips; i++) {
        struct df_ip ip;
        if (df_ip_parse(lport->ips[i], &ip) != 0)
            continue;
        struct df_ip *slot = df_ip_is4(&ip) ? &station->ip4 : &station->ip6;
        if (df_ip_is_zero(slot))
            *slot = ip;
    }
}

/* A port of another node has no datapath port, but its addresses are in the tables. */
struct name_search {
    struct df_resolver *resolver;
    const char *name;
    struct df_words_station *station;
    bool found;
};

static int match_name(const struct df_entry *entry, uint64_t hits, void *arg)
{
    (void)hits;
    struct name_search *search = arg;
    const struct df_l3_proactive_value *value = entry->value;
    const char *name = lport_name(search->resolver, value->lport);
    if (value->router || !name || strcmp(name, search->name) != 0)
        return 0;
    struct df_l3_proactive_key key;
    memcpy(&key, entry->key, sizeof(key));
    search->found = true;
    search->station->mac = value->mac;
    *(df_ip_is4(&key.ip) ? &search->station->ip4 : &search->station->ip6) = key.ip;
    return 0;
}

static int station_elsewhere(struct df_resolver *resolver, const char *name, struct df_words_station *station,
                             struct df_error *error)
{
    const Df__LogicalPort *lport = get_lport(name);
    if (lport) {
        station_of_lport(lport, station);
        return 0;
    }
    struct name_search search = {resolver, name, station, false};
    resolver->dp->ops->for_each(resolver->dp, DF_TABLE_L3_PROACTIVE, match_name, &search);
    if (!search.found)
        return df_error_set(error, -ENOENT, "%s: no port of that name or id is known on this node", name);
    return 0;
}

static int station(void *arg, const char *name, struct df_words_station *out, struct df_error *error)
{
    struct df_resolver *resolver = arg;
    const char *id = resolver->lport;
    uint16_t port;
    int rc = name ? df_controller_find_port(resolver->controller, name, &port, &id, error) : 0;
    if (rc == -ENOENT)
        return station_elsewhere(resolver, name, out, error);
    if (rc != 0)
        return rc;
    const Df__LogicalPort *lport = get_lport(id);
    if (!lport)
        return df_error_set(error, -ENOENT, "%s: no port of the model; give the frame in hexadecimal, or another port",
                            name ? name : id);
    station_of_lport(lport, out);
    return 0;
}

/* ---- the next hop */

struct mac_search {
    uint32_t network;
    const struct df_ip *ip; /* NULL: any router of the network */
    struct df_mac mac;
};

static int match_address(const struct df_entry *entry, uint64_t hits, void *arg)
{
    (void)hits;
    struct mac_search *search = arg;
    struct df_l3_proactive_key key;
    memcpy(&key, entry->key, sizeof(key));
    if (key.network != search->network || !df_ip_equal(&key.ip, search->ip))
        return 0;
    search->mac = ((const struct df_l3_proactive_value *)entry->value)->mac;
    return 1;
}

static int match_neighbour(const struct df_entry *entry, uint64_t hits, void *arg)
{
    (void)hits;
    struct mac_search *search = arg;
    struct df_neighbour_key key;
    memcpy(&key, entry->key, sizeof(key));
    if (key.network != search->network || !df_ip_equal(&key.ip, search->ip))
        return 0;
    search->mac = ((const struct df_neighbour_value *)entry->value)->mac;
    return 1;
}

static int match_router(const struct df_entry *entry, uint64_t hits, void *arg)
{
    (void)hits;
    struct mac_search *search = arg;
    struct df_l2_key key;
    memcpy(&key, entry->key, sizeof(key));
    if (key.network != search->network || !((const struct df_l2_value *)entry->value)->router)
        return 0;
    search->mac = key.mac;
    return 1;
}

static bool find_owner(struct df_resolver *resolver, struct mac_search *search)
{
    struct df_datapath *dp = resolver->dp;
    uint16_t neighbours = df_ip_is4(search->ip) ? DF_TABLE_ARP : DF_TABLE_ND;
    return dp->ops->for_each(dp, DF_TABLE_L3_PROACTIVE, match_address, search) > 0 ||
           dp->ops->for_each(dp, neighbours, match_neighbour, search) > 0;
}

static bool find_any_router(struct df_resolver *resolver, struct mac_search *search)
{
    return resolver->dp->ops->for_each(resolver->dp, DF_TABLE_L2, match_router, search) > 0;
}

/*
 * The gateway of the subnet that has dst's family, unless dst is on a subnet itself. -EHOSTUNREACH: it is, and
 * unknown.
 */
static int gateway_of(const Df__LogicalPort *lport, const struct df_ip *dst, struct df_ip *gateway)
{
    int rc = -ENOENT;
    for (size_t i = 0; i < lport->n_subnets; i++) {
        const Df__Subnet *subnet = (const Df__Subnet *)df_app_model_get(DF_NB_LSUBNET, lport->subnets[i]);
        struct df_ip prefix, ip;
        unsigned bits;
        if (!subnet || !subnet->cidr || df_prefix_parse(subnet->cidr, &prefix, &bits) != 0)
            continue;
        if (df_ip_in_prefix(dst, &prefix, bits))
            return -EHOSTUNREACH;
        if (subnet->gateway_ip && df_ip_parse(subnet->gateway_ip, &ip) == 0 && df_ip_is4(&ip) == df_ip_is4(dst)) {
            *gateway = ip;
            rc = 0;
        }
    }
    return rc;
}

static int next_hop(void *arg, const struct df_ip *dst, struct df_mac *mac, struct df_error *error)
{
    struct df_resolver *resolver = arg;
    char text[DF_IP_TEXT];
    const Df__LogicalPort *lport = get_lport(resolver->lport);
    const ProtobufCMessage *network = lport && lport->lswitch ? df_app_model_get(DF_NB_LSWITCH, lport->lswitch) : NULL;
    if (!network)
        return df_error_set(error, -ENOENT, "the port has no network yet; give dl_dst=MAC");
    const char *name = df_schema_name(network) ? df_schema_name(network) : df_schema_id(network);
    struct mac_search search = {.network = df_schema_unique_key(network), .ip = dst};
    bool found = find_owner(resolver, &search);
    struct df_ip gateway;
    int rc = found ? 0 : gateway_of(lport, dst, &gateway);
    if (rc == -EHOSTUNREACH)
        return df_error_set(error, rc, "nobody on network %s has %s; give dl_dst=MAC", name, df_ip_text(dst, text));
    if (!found && rc == 0) {
        search.ip = &gateway;
        found = find_owner(resolver, &search);
    }
    if (!found && !find_any_router(resolver, &search))
        return df_error_set(error, -ENETUNREACH, "network %s has no router for %s; give dl_dst=MAC", name,
                            df_ip_text(dst, text));
    *mac = search.mac;
    return 0;
}

struct df_words_names df_resolver_words(struct df_resolver *resolver)
{
    return (struct df_words_names){.station = station, .next_hop = next_hop, .arg = resolver};
}
