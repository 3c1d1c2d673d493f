/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/model/address.h"
#include "control/model/alloc.h"
#include "fastpath/ports/vif_name.h"
#include "fastpath/tunnel/tunnel.h"

#define MTU_MIN4 576  /* RFC 791: what every host takes */
#define MTU_MIN6 1280 /* RFC 8200 section 5 */
#define FULL_LENGTH 128
#define NO_LENGTH4 96 /* ::ffff:0:0/96, all of IPv4 */

static bool mac_is_zero(const struct df_mac *mac)
{
    static const struct df_mac zero;
    return df_mac_equal(mac, &zero);
}

/* Not zero, a group's, loopback or broadcast. */
static bool is_station(const struct df_ip *ip)
{
    return !df_ip_is_never_source(ip) && !df_ip_is_zero(ip) && !(df_ip_is4(ip) && ip->byte[12] == 0);
}

/* ---- Permanent neighbours */

/* Reads IP=MAC or *=MAC; for * the address is zero. NULL, or why it is none. */
static const char *read_neighbour(const char *text, struct df_settings_neighbour *neighbour)
{
    char ip[DF_IP_TEXT];
    size_t len = strcspn(text, "=");
    *neighbour = (struct df_settings_neighbour){0};
    if (text[len] != '=' || len >= sizeof(ip))
        return "must be IP=MAC, or *=MAC for all others";
    memcpy(ip, text, len);
    ip[len] = '\0';
    if (strcmp(ip, "*") != 0 && (df_ip_parse(ip, &neighbour->ip) < 0 || !is_station(&neighbour->ip)))
        return "must begin with the IP address of one station or *";
    if (df_mac_parse(text + len + 1, &neighbour->mac) < 0 || df_mac_is_group(&neighbour->mac) ||
        mac_is_zero(&neighbour->mac))
        return "must end with =MAC, the MAC of one station";
    return NULL;
}

const char *df_underlay_neighbour_error(const char *text)
{
    struct df_settings_neighbour neighbour;
    return read_neighbour(text, &neighbour);
}

static int read_neighbours(struct df_settings *settings, const char *const *list, struct df_error *error)
{
    for (; list && *list; list++) {
        struct df_settings_neighbour neighbour;
        const char *why = read_neighbour(*list, &neighbour);
        if (why)
            return df_error_set(error, -EINVAL, "[df] underlay_neighbours: %s, not `%.100s'", why, *list);
        if (df_ip_is_zero(&neighbour.ip)) {
            settings->others = neighbour.mac;
            continue;
        }
        size_t size = (settings->n_neighbours + 1) * sizeof(neighbour);
        settings->neighbours = df_realloc(settings->neighbours, size);
        settings->neighbours[settings->n_neighbours++] = neighbour;
    }
    return 0;
}

/* ---- Addresses */

static struct df_settings_family *family_of(struct df_settings *settings, const struct df_ip *ip)
{
    return df_ip_is4(ip) ? &settings->ip4 : &settings->ip6;
}

const struct df_settings_family *df_settings_family(const struct df_settings *settings, const struct df_ip *ip)
{
    return df_ip_is4(ip) ? &settings->ip4 : &settings->ip6;
}

#define NO_BITS (FULL_LENGTH + 1) /* the configuration names no prefix length */

static int read_local_ip(struct df_settings *settings, const char *text, struct df_error *error)
{
    struct df_ip ip;
    unsigned bits;
    if (df_prefix_parse(text, &ip, &bits) < 0)
        return df_error_set(error, -EINVAL, "[df] local_ip must be ADDRESS or ADDRESS/LENGTH, not `%.100s'", text);
    if (!is_station(&ip))
        return df_error_set(error, -EINVAL, "[df] local_ip %.100s is not the address of one station", text);
    struct df_settings_family *family = family_of(settings, &ip);
    if (!df_ip_is_zero(&family->ip))
        return df_error_set(error, -EINVAL, "[df] local_ip has two addresses of a family: %.100s is one too many",
                            text);
    if (df_ip_is4(&ip) ? settings->end.mtu < MTU_MIN4 : settings->end.mtu < MTU_MIN6)
        return df_error_set(error, -EINVAL, "[df] underlay_mtu %u is below the %u bytes that local_ip %.100s needs",
                            settings->end.mtu, df_ip_is4(&ip) ? MTU_MIN4 : MTU_MIN6, text);
    *family = (struct df_settings_family){.ip = ip, .bits = strchr(text, '/') ? bits : NO_BITS};
    return 0;
}

static int read_local_ips(struct df_settings *settings, const char *const *list, struct df_error *error)
{
    if (!list || !*list)
        return df_error_set(error, -EINVAL,
                            "[df] underlay_port is set, and local_ip is not: set it to this node's tunnel end point");
    for (; *list; list++) {
        int err = read_local_ip(settings, *list, error);
        if (err < 0)
            return err;
    }
    settings->end.ip4 = settings->ip4.ip;
    settings->end.ip6 = settings->ip6.ip;
    return 0;
}

static bool is_link_local(const struct df_ip *ip)
{
    return ip->byte[0] == 0xfe && (ip->byte[1] & 0xc0) == 0x80;
}

static int read_gateway(struct df_settings *settings, const char *text, struct df_error *error)
{
    struct df_ip ip;
    if (df_ip_parse(text, &ip) < 0 || !is_station(&ip))
        return df_error_set(error, -EINVAL, "[df] underlay_gateway must be the address of one station, not `%.100s'",
                            text);
    struct df_settings_family *family = family_of(settings, &ip);
    if (df_ip_is_zero(&family->ip))
        return df_error_set(error, -EINVAL, "[df] underlay_gateway %.100s: local_ip has no address of its family",
                            text);
    if (df_ip_equal(&family->ip, &ip))
        return df_error_set(error, -EINVAL, "[df] underlay_gateway %.100s is this node's own local_ip", text);
    if (family->bits != NO_BITS && !is_link_local(&ip) && !df_ip_in_prefix(&ip, &family->ip, family->bits))
        return df_error_set(error, -EINVAL, "[df] underlay_gateway %.100s is not in the prefix of local_ip", text);
    if (!df_ip_is_zero(&family->gateway))
        return df_error_set(error, -EINVAL,
                            "[df] underlay_gateway has two addresses of a family: %.100s is one too many", text);
    family->gateway = ip;
    return 0;
}

/* Without a prefix length all are on link, or behind the gateway where there is one. */
static void fill_in_bits(struct df_settings_family *family)
{
    if (family->bits != NO_BITS)
        return;
    unsigned none = df_ip_is4(&family->ip) ? NO_LENGTH4 : 0;
    family->bits = df_ip_is_zero(&family->gateway) ? none : FULL_LENGTH;
}

static int read_exception(struct df_settings *settings, const char *name, struct df_error *error)
{
    if (!name || !*name)
        return 0;
    if (df_vif_name_check_device(name) != 0)
        return df_error_set(error, -EINVAL,
                            "[df] underlay_exception %.60s cannot be the name of a network device: letters, digits, "
                            "`.', `_' and `-', at most 15",
                            name);
    settings->exception_name = df_strdup(name);
    settings->end.exception = DF_UNDERLAY_EXCEPTION;
    return 0;
}

static int read_types(struct df_settings *settings, const char *const *list, struct df_error *error)
{
    static const char *const all[] = {"geneve", "vxlan", "gre", NULL};
    uint8_t *types = settings->end.types;
    size_t n = 0;
    for (list = list ? list : all; *list; list++) {
        enum df_tunnel_type type = df_tunnel_type_of(*list);
        if (!type)
            return df_error_set(error, -EINVAL, "[df] tunnel_types must be of geneve, vxlan and gre, not `%.60s'",
                                *list);
        if (df_underlay_end_types(&settings->end) & DF_TUNNEL_BIT(type))
            return df_error_set(error, -EINVAL, "[df] tunnel_types has %s twice", *list);
        types[n++] = (uint8_t)type;
    }
    return n ? 0 : df_error_set(error, -EINVAL, "[df] underlay_port is set, and tunnel_types is empty: name one");
}

int df_settings_read(const struct df_underlay_config *config, struct df_settings *settings, struct df_error *error)
{
    *settings = (struct df_settings){.name = df_strdup(config->port)};
    settings->end = (struct df_underlay_end){.name = settings->name,
                                             .port = DF_UNDERLAY_PORT,
                                             .vlan = config->vlan,
                                             .mtu = config->mtu,
                                             .udp6_checksum = config->udp6_checksum};
    int err = read_local_ips(settings, config->local_ips, error);
    if (err == 0)
        err = read_types(settings, config->types, error);
    for (const char *const *text = config->gateways; err == 0 && text && *text; text++)
        err = read_gateway(settings, *text, error);
    if (err == 0)
        err = read_neighbours(settings, config->neighbours, error);
    if (err == 0)
        err = read_exception(settings, config->exception, error);
    if (err < 0) {
        df_settings_free(settings);
        return err;
    }
    fill_in_bits(&settings->ip4);
    fill_in_bits(&settings->ip6);
    return 0;
}

void df_settings_free(struct df_settings *settings)
{
    free(settings->name);
    free(settings->exception_name);
    free(settings->neighbours);
}

/* ---- Ways */

const struct df_mac *df_settings_permanent(const struct df_settings *settings, const struct df_ip *ip)
{
    for (size_t i = 0; i < settings->n_neighbours; i++)
        if (df_ip_equal(&settings->neighbours[i].ip, ip))
            return &settings->neighbours[i].mac;
    return mac_is_zero(&settings->others) ? NULL : &settings->others;
}

bool df_settings_next_hop(const struct df_settings *settings, const struct df_ip *ip, struct df_ip *hop)
{
    const struct df_settings_family *family = df_settings_family(settings, ip);
    if (df_ip_is_zero(&family->ip) || !is_station(ip))
        return false;
    *hop = df_ip_in_prefix(ip, &family->ip, family->bits) ? *ip : family->gateway;
    return !df_ip_is_zero(hop);
}
