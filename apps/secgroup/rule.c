/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/secgroup/rule.h"

#include <string.h>

#include "apps/secgroup/protocol.h"

/* One rule, as far as it is understood. */
struct reading {
    struct df_compile *c;
    const Df__SecurityGroupRule *rule;
    const char *id;
    struct df_security_group_rule *to;
};

/* Ends the reading. */
#define REFUSE(reading, format, ...)                                                                                   \
    (df_compile_problem((reading)->c, "rule %s: " format "; it matches nothing until it is corrected", (reading)->id,  \
                        ##__VA_ARGS__),                                                                                \
     false)

/* Each field by itself, as whoever writes one is held to. What comes from a database may have been written otherwise. */
static bool read_fields(const struct reading *reading)
{
    struct df_error error;
    if (df_schema_check_part(&reading->rule->base, &error) < 0)
        return REFUSE(reading, "%s", error.text);
    reading->to->ip_version = strcmp(reading->rule->ethertype, "IPv4") == 0 ? 4 : 6;
    return true;
}

static bool read_protocol(const struct reading *reading)
{
    struct df_security_group_rule *to = reading->to;
    struct protocol protocol;
    if (protocol_parse(reading->rule->protocol, to->ip_version, &protocol) < 0)
        return REFUSE(reading, "protocol: IPv%u has no protocol %s", to->ip_version, reading->rule->protocol);
    if (to->ip_version == 6 && !protocol.any && protocol_is_ip6_extension(protocol.number))
        return REFUSE(reading,
                      "protocol: %s is an extension header of IPv6, and a packet is matched by what follows it",
                      reading->rule->protocol);
    to->any_proto = protocol.any;
    to->ip_proto = protocol.number;
    return true;
}

static bool read_icmp(const struct reading *reading)
{
    const Df__SecurityGroupRule *rule = reading->rule;
    struct df_security_group_rule *to = reading->to;
    if (!rule->has_port_range_min)
        return REFUSE(reading, "port_range_max is an ICMP code and needs a type, port_range_min");
    if (rule->port_range_min > UINT8_MAX)
        return REFUSE(reading, "port_range_min: %u is not an ICMP type, 0 to 255", rule->port_range_min);
    if (rule->has_port_range_max && rule->port_range_max > UINT8_MAX)
        return REFUSE(reading, "port_range_max: %u is not an ICMP code, 0 to 255", rule->port_range_max);
    to->l4 = rule->has_port_range_max ? DF_RULE_L4_TYPE_CODE : DF_RULE_L4_TYPE;
    to->first = (uint16_t)rule->port_range_min;
    to->last = rule->has_port_range_max ? (uint16_t)rule->port_range_max : 0;
    return true;
}

static bool read_ports(const struct reading *reading)
{
    const Df__SecurityGroupRule *rule = reading->rule;
    if (!rule->has_port_range_min || !rule->has_port_range_max)
        return REFUSE(reading, "port_range_min and port_range_max belong together");
    if (rule->port_range_min > rule->port_range_max)
        return REFUSE(reading, "port_range_min %u is above port_range_max %u", rule->port_range_min,
                      rule->port_range_max);
    reading->to->l4 = DF_RULE_L4_PORTS;
    reading->to->first = (uint16_t)rule->port_range_min;
    reading->to->last = (uint16_t)rule->port_range_max;
    return true;
}

static bool read_l4(const struct reading *reading)
{
    const Df__SecurityGroupRule *rule = reading->rule;
    const struct df_security_group_rule *to = reading->to;
    if (!rule->has_port_range_min && !rule->has_port_range_max)
        return true;
    if (to->any_proto)
        return REFUSE(reading, "a port range needs a protocol");
    if (protocol_is_icmp(to->ip_proto))
        return read_icmp(reading);
    if (!protocol_has_ports(to->ip_proto))
        return REFUSE(reading, "protocol %s has no ports here, and a port range is set", rule->protocol);
    return read_ports(reading);
}

static bool read_prefix(const struct reading *reading)
{
    const char *text = reading->rule->remote_ip_prefix;
    struct df_security_group_rule *to = reading->to;
    unsigned bits;
    if (df_prefix_parse(text, &to->prefix, &bits) < 0)
        return REFUSE(reading, "remote_ip_prefix: %s is not an address or prefix", text);
    bool is4 = bits >= 96 && df_ip_is4(&to->prefix);
    if (is4 != (to->ip_version == 4))
        return REFUSE(reading, "remote_ip_prefix: %s is not IPv%u", text, to->ip_version);
    df_ip_mask(&to->prefix, bits);
    if (bits == (is4 ? 96 : 0)) {
        to->prefix = (struct df_ip){0};
        return true; /* any address of the family */
    }
    to->remote = DF_REMOTE_PREFIX;
    to->prefix_len = (uint16_t)bits;
    return true;
}

static bool read_remote(const struct reading *reading)
{
    const Df__SecurityGroupRule *rule = reading->rule;
    bool prefix = rule->remote_ip_prefix != NULL;
    bool group = rule->remote_group_id != NULL;
    bool addresses = rule->remote_address_group_id != NULL;
    if (prefix + group + addresses > 1)
        return REFUSE(reading, "it has more than one of remote_ip_prefix, remote_group_id and remote_address_group_id");
    if (prefix)
        return read_prefix(reading);
    if (!group && !addresses)
        return true;
    reading->to->remote = group ? DF_REMOTE_SET : DF_REMOTE_ADDRESS_GROUP;
    reading->to->set = group ? df_compile_number(reading->c, DF_NB_SECGROUP, rule->remote_group_id)
                             : df_compile_number(reading->c, DF_NB_ADDRESS_GROUP, rule->remote_address_group_id);
    return true;
}

bool rule_compile(struct df_compile *c, const Df__SecurityGroupRule *rule, const char *id,
                  struct df_security_group_rule *compiled)
{
    struct reading reading = {.c = c, .rule = rule, .id = id, .to = compiled};
    *compiled = (struct df_security_group_rule){0};
    if (!read_fields(&reading) || !read_protocol(&reading) || !read_l4(&reading) || !read_remote(&reading))
        return false;
    compiled->rule = df_compile_part_number(c, id);
    return true;
}
