/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/rules_internal.h"

#include <netinet/in.h>

static bool l4_is_good(const struct df_security_group_rule *rule)
{
    uint8_t icmp = rule->ip_version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    switch (rule->l4) {
    case DF_RULE_L4_ANY:
        return true;
    case DF_RULE_L4_PORTS:
        return !rule->any_proto && df_packet_proto_has_ports(rule->ip_proto) && rule->first <= rule->last;
    case DF_RULE_L4_TYPE:
        return !rule->any_proto && rule->ip_proto == icmp && rule->first <= UINT8_MAX;
    case DF_RULE_L4_TYPE_CODE:
        return !rule->any_proto && rule->ip_proto == icmp && rule->first <= UINT8_MAX && rule->last <= UINT8_MAX;
    default:
        return false;
    }
}

/* Of the rule's own IP version, and no bit behind its end. */
static bool prefix_is_good(const struct df_security_group_rule *rule)
{
    struct df_ip whole = {0};
    unsigned bits = rule->prefix_len;
    if (bits > 128 || (bits >= 96 && df_ip_is4(&rule->prefix)) != (rule->ip_version == 4))
        return false;
    for (unsigned bit = 0; bit < bits; bit++)
        whole.byte[bit / 8] |= (uint8_t)(rule->prefix.byte[bit / 8] & 0x80 >> bit % 8);
    return df_ip_equal(&whole, &rule->prefix);
}

static bool remote_is_good(const struct df_security_group_rule *rule)
{
    switch (rule->remote) {
    case DF_REMOTE_ANY:
        return true;
    case DF_REMOTE_PREFIX:
        return prefix_is_good(rule);
    case DF_REMOTE_SET:
    case DF_REMOTE_ADDRESS_GROUP:
        return rule->set != 0;
    default:
        return false;
    }
}

bool df_rules_rule_is_good(const struct df_security_group_rule *rule)
{
    bool versioned = rule->ip_version == 4 || rule->ip_version == 6;
    return rule->rule != 0 && versioned && rule->any_proto <= 1 && l4_is_good(rule) && remote_is_good(rule);
}
