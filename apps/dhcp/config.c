/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/config.h"
#include "apps/dhcp/limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECTION "df_dhcp_app"
#define MTU_MIN 68 /* RFC 791: what every link can carry */

struct df_dhcp_config df_dhcp_config;

static char dns_domain[256];

static int parse(const char *text, long min, long max, long *number)
{
    char *end;
    errno = 0;
    *number = strtol(text, &end, 10);
    return end != text && *end == 0 && errno == 0 && *number >= min && *number <= max ? 0 : -EINVAL;
}

static int set_dns(const char *value)
{
    df_dhcp_config.dns.len = 0;
    return value[0] ? df_dhcp_option_encode(DF_DHCP_DNS, value, &df_dhcp_config.dns) : 0;
}

static int set_mtu(const char *value)
{
    long number;
    if (parse(value, MTU_MIN, UINT16_MAX, &number) < 0)
        return -EINVAL;
    df_dhcp_config.mtu = (uint16_t)number;
    return 0;
}

static int set_rate(const char *value)
{
    long number;
    if (parse(value, 1, DF_DHCP_RATE_MAX, &number) < 0)
        return -EINVAL;
    df_dhcp_config.max_rate = (uint32_t)number;
    return 0;
}

static int set_block(const char *value)
{
    long number;
    if (parse(value, 0, 86400, &number) < 0)
        return -EINVAL;
    df_dhcp_config.block_ms = (uint32_t)number * 1000;
    return 0;
}

static int set_link_local(const char *value)
{
    struct df_dhcp_buffer truth;
    if (df_dhcp_option_encode(19, value, &truth) < 0)
        return -EINVAL;
    df_dhcp_config.link_local_route = truth.data[0];
    return 0;
}

/* As in Neutron, -1 is for ever. */
static int set_lease(const char *value)
{
    long number;
    if (parse(value, -1, UINT32_MAX - 1L, &number) < 0 || number == 0)
        return -EINVAL;
    df_dhcp_config.lease_s = number < 0 ? UINT32_MAX : (uint32_t)number;
    return 0;
}

static int set_domain(const char *value)
{
    size_t len = strlen(value);
    if (len >= sizeof(dns_domain))
        return -EINVAL;
    memcpy(dns_domain, value, len + 1);
    df_dhcp_config.dns_domain = dns_domain;
    return 0;
}

const struct df_app_option df_dhcp_config_options[] = {
    {SECTION, "df_dns_servers", "8.8.8.8,8.8.4.4", "DNS servers of subnets that name none, IPv4, commas between",
     set_dns},
    {SECTION, "df_default_network_device_mtu", "1460", "MTU of networks that name none, bytes", set_mtu},
    {SECTION, "df_dhcp_max_rate_per_sec", "10", "DHCP packets per port and second, 1 to 64; more block the port",
     set_rate},
    {SECTION, "df_dhcp_block_time_in_sec", "10", "seconds for which a port over the rate is not answered", set_block},
    {SECTION, "df_add_link_local_route", "True", "give guests a route to 169.254.169.254 by the DHCP server",
     set_link_local},
    {SECTION, "dhcp_lease_duration", "86400", "lease time in seconds; -1: for ever", set_lease},
    {SECTION, "dns_domain", "openstacklocal", "domain name on networks that name none; empty: none", set_domain},
    {NULL, NULL, NULL, NULL, NULL},
};
