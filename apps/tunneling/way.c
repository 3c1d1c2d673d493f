/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/tunneling/way.h"

#include <string.h>

/* ---- Types */

const struct df_way_type df_way_types[DF_TUNNEL_TYPES] = {
    [DF_TUNNEL_VXLAN] = {"vxlan", 0xffffff, 50},
    [DF_TUNNEL_GENEVE] = {"geneve", 0xffffff, 50},
    [DF_TUNNEL_GRE] = {"gre", UINT32_MAX, 42},
};

enum df_tunnel_type df_way_type_of(const char *name)
{
    for (enum df_tunnel_type type = 1; name && type < DF_TUNNEL_TYPES; type++)
        if (strcmp(name, df_way_types[type].name) == 0)
            return type;
    return 0;
}

bool df_way_is_tunnelled(const struct df_segment *segment)
{
    enum df_tunnel_type type = df_way_type_of(segment->network_type);
    return type != 0 && segment->has_segmentation_id && segment->segmentation_id <= df_way_types[type].key_max;
}

unsigned df_way_shared_types(const struct df_underlay_end *end, const Df__Chassis *chassis)
{
    unsigned set = 0;
    for (size_t i = 0; i < chassis->n_tunnel_types; i++) {
        enum df_tunnel_type type = df_way_type_of(chassis->tunnel_types[i]);
        set |= type != 0 ? DF_TUNNEL_BIT(type) : 0;
    }
    return set & df_underlay_end_types(end);
}

enum df_tunnel_type df_way_choose_type(const struct df_underlay_end *end, unsigned set,
                                       const struct df_segment *segment)
{
    enum df_tunnel_type own = df_way_type_of(segment->network_type);
    if (set & DF_TUNNEL_BIT(own))
        return own;
    for (const uint8_t *type = end->types; *type != 0; type++)
        if ((set & DF_TUNNEL_BIT(*type)) && segment->segmentation_id <= df_way_types[*type].key_max)
            return *type;
    return 0;
}

/* ---- Addresses */

enum df_way_fault df_way_check(const struct df_underlay_end *end, const char *text, struct df_ip *ip)
{
    if (!text || df_ip_parse(text, ip) < 0 || df_ip_is_never_source(ip))
        return DF_WAY_NO_STATION;
    struct df_ip local = df_underlay_end_ip(end, ip);
    if (df_ip_is_zero(&local))
        return DF_WAY_FAMILY;
    return df_ip_equal(ip, &local) ? DF_WAY_OWN : DF_WAY_GOOD;
}

const char *df_way_fault_text(enum df_way_fault fault)
{
    static const char *const texts[] = {
        [DF_WAY_GOOD] = "",
        [DF_WAY_NO_STATION] = "is not the address of one station; correct it",
        [DF_WAY_FAMILY] = "is of a family in which this node has no address; add one to [df] local_ip, or change it",
        [DF_WAY_OWN] = "is this node's own; correct it, or [df] local_ip",
    };
    return texts[fault];
}

const char *df_way_ip(const Df__Chassis *chassis, size_t i)
{
    if (chassis->ip && i == 0)
        return chassis->ip;
    i -= chassis->ip ? 1 : 0;
    return i < chassis->n_ips && i < DF_WAY_IPS_MAX - 1 ? chassis->ips[i] : NULL;
}

enum df_way_fault df_way_choose_ip(const struct df_underlay_end *end, const Df__Chassis *chassis, struct df_ip *ip)
{
    enum df_way_fault first = DF_WAY_NO_STATION;
    const char *text;
    for (size_t i = 0; (text = df_way_ip(chassis, i)); i++) {
        enum df_way_fault fault = df_way_check(end, text, ip);
        if (fault == DF_WAY_GOOD)
            return fault;
        first = i == 0 ? fault : first;
    }
    return first;
}
