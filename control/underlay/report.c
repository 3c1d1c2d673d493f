/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "control/model/address.h"
#include "control/underlay/underlay_private.h"
#include "fastpath/tunnel/tunnel.h"

/* The underlay for people: `df-ctl underlay`. */

#define MAPPED_BITS 96 /* of an IPv4 prefix, in front of its own */

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *mac_json(const struct df_mac *mac)
{
    static const struct df_mac zero;
    char text[DF_MAC_TEXT];
    return df_mac_equal(mac, &zero) ? json_null() : json_string(df_mac_text(mac, text));
}

static json_t *ip_json(const struct df_ip *ip)
{
    char text[DF_IP_TEXT];
    return json_string(df_ip_text(ip, text));
}

static void add_family(const struct df_settings_family *family, json_t *ips, json_t *gateways)
{
    char text[DF_IP_TEXT];
    if (df_ip_is_zero(&family->ip))
        return;
    unsigned bits = family->bits - (df_ip_is4(&family->ip) ? MAPPED_BITS : 0);
    json_array_append_new(ips, json_sprintf("%s/%u", df_ip_text(&family->ip, text), bits));
    if (!df_ip_is_zero(&family->gateway))
        json_array_append_new(gateways, ip_json(&family->gateway));
}

static json_t *exception_json(const struct df_underlay_port *underlay)
{
    const struct df_own_port *port = &underlay->exception;
    if (underlay->settings.end.exception == 0)
        return json_null();
    return json_pack("{s:s, s:i, s:b, s:b, s:s}", "name", port->spec.name, "number", DF_UNDERLAY_EXCEPTION, "open",
                     port->open, "attached", port->attached, "reason", df_own_port_reason(port));
}

static json_t *conflict_json(const struct df_underlay_conflict *conflict, uint64_t now_ms)
{
    if (conflict->n == 0)
        return json_null();
    return json_pack("{s:o, s:o, s:o}", "ip", ip_json(&conflict->ip), "mac", mac_json(&conflict->mac), "age_ms",
                     number(now_ms - conflict->at_ms));
}

/* ---- Neighbours and remotes */

struct listing {
    const struct df_underlay_port *underlay;
    json_t *neighbours, *path_mtus;
    size_t n_remotes;
    uint64_t now_ms;
};

static void add_neighbour(const struct df_neighbour *neighbour, void *arg)
{
    struct listing *listing = arg;
    size_t peers = 0;
    unsigned waiting = 0;
    for (const struct df_remote *remote = neighbour->wanted_by; remote; remote = remote->sibling) {
        waiting += df_held_count(listing->underlay->held, &remote->ip);
        peers++;
    }
    json_t *age = neighbour->confirmed_ms ? number(listing->now_ms - neighbour->confirmed_ms) : json_null();
    json_array_append_new(listing->neighbours,
                          json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "ip", ip_json(&neighbour->ip), "mac",
                                    mac_json(&neighbour->mac), "state", df_neighbour_state_name(neighbour->state),
                                    "age_ms", age, "unanswered", number(neighbour->unanswered), "peers", number(peers),
                                    "waiting", number(waiting)));
}

static void add_permanent(struct listing *listing, const char *ip, const struct df_mac *mac)
{
    json_array_append_new(listing->neighbours,
                          json_pack("{s:s, s:o, s:s, s:n, s:n, s:n, s:n}", "ip", ip, "mac", mac_json(mac), "state",
                                    "permanent", "age_ms", "unanswered", "peers", "waiting"));
}

static void add_permanents(struct listing *listing, const struct df_settings *settings)
{
    static const struct df_mac zero;
    char text[DF_IP_TEXT];
    for (size_t i = 0; i < settings->n_neighbours; i++)
        add_permanent(listing, df_ip_text(&settings->neighbours[i].ip, text), &settings->neighbours[i].mac);
    if (!df_mac_equal(&settings->others, &zero))
        add_permanent(listing, "*", &settings->others);
}

static void add_remote(const struct df_remote *remote, void *arg)
{
    struct listing *listing = arg;
    listing->n_remotes++;
    if (remote->path_mtu && remote->path_mtu_until_ms > listing->now_ms)
        json_array_append_new(listing->path_mtus,
                              json_pack("{s:o, s:i, s:o}", "ip", ip_json(&remote->ip), "mtu", (int)remote->path_mtu,
                                        "expires_ms", number(remote->path_mtu_until_ms - listing->now_ms)));
}

static json_t *types_json(const struct df_underlay_end *end)
{
    json_t *list = json_array();
    for (const uint8_t *type = end->types; *type; type++)
        json_array_append_new(list, json_string(df_tunnel_type_names[*type]));
    return list;
}

static void add_port(const struct df_underlay_port *underlay, json_t *json, uint64_t now_ms)
{
    const struct df_own_port *port = &underlay->port;
    const struct df_settings *settings = &underlay->settings;
    json_t *ips = json_array(), *gateways = json_array();
    add_family(&settings->ip4, ips, gateways);
    add_family(&settings->ip6, ips, gateways);
    json_object_set_new(json, "name", json_string(settings->name));
    json_object_set_new(json, "number", number(DF_UNDERLAY_PORT));
    json_object_set_new(json, "mac", mac_json(&port->mac));
    json_object_set_new(json, "open", json_boolean(port->open));
    json_object_set_new(json, "attached", json_boolean(port->attached));
    json_object_set_new(json, "reason", json_string(df_own_port_reason(port)));
    json_object_set_new(json, "detail", json_string(port->detail ? port->detail : ""));
    json_object_set_new(json, "ips", ips);
    json_object_set_new(json, "gateways", gateways);
    json_object_set_new(json, "vlan", number(settings->end.vlan));
    json_object_set_new(json, "mtu", number(settings->end.mtu));
    json_object_set_new(json, "tunnel_types", types_json(&settings->end));
    json_object_set_new(json, "exception", exception_json(underlay));
    json_object_set_new(json, "conflict", conflict_json(&underlay->conflict, now_ms));
}

json_t *df_underlay_port_report(const struct df_underlay_port *underlay, uint64_t now_ms)
{
    if (!underlay)
        return json_null();
    json_t *json = json_object();
    struct listing listing = {
        .underlay = underlay, .neighbours = json_array(), .path_mtus = json_array(), .now_ms = now_ms};
    struct df_neighbours_counters counters = df_neighbours_counters(underlay->neighbours);
    add_port(underlay, json, now_ms);
    add_permanents(&listing, &underlay->settings);
    df_neighbours_each(underlay->neighbours, add_neighbour, &listing);
    df_remotes_each(underlay->remotes, add_remote, &listing);
    json_object_set_new(json, "neighbours", listing.neighbours);
    json_object_set_new(json, "path_mtus", listing.path_mtus);
    json_object_set_new(json, "waiting", number(df_held_count(underlay->held, NULL)));
    json_object_set_new(json, "peers", number(listing.n_remotes));
    json_object_set_new(json, "refused", number(df_remotes_refused(underlay->remotes)));
    json_object_set_new(json, "asked", number(counters.asked));
    json_object_set_new(json, "answers", number(counters.answers));
    json_object_set_new(json, "unasked", number(counters.unasked));
    json_object_set_new(json, "held_back", number(counters.held_back));
    json_object_set_new(json, "conflicts", number(underlay->conflict.n));
    json_object_set_new(json, "mld_queries", number(underlay->mld.queries));
    json_object_set_new(json, "mld_reports", number(underlay->mld.reports));
    return json;
}

static void count_state(const struct df_neighbour *neighbour, void *arg)
{
    json_t *counts = arg;
    const char *state = df_neighbour_state_name(neighbour->state);
    json_int_t n = json_integer_value(json_object_get(counts, state));
    json_object_set_new(counts, state, json_integer(n + 1));
}

json_t *df_underlay_port_summary(const struct df_underlay_port *underlay)
{
    if (!underlay)
        return json_null();
    const struct df_settings *settings = &underlay->settings;
    json_t *ips = json_array(), *gateways = json_array(), *counts = json_object();
    add_family(&settings->ip4, ips, gateways);
    add_family(&settings->ip6, ips, gateways);
    json_decref(gateways);
    if (settings->n_neighbours)
        json_object_set_new(counts, "permanent", number(settings->n_neighbours));
    df_neighbours_each(underlay->neighbours, count_state, counts);
    return json_pack("{s:s, s:o, s:b, s:s, s:o}", "name", settings->name, "ips", ips, "open", underlay->port.open,
                     "reason", df_own_port_reason(&underlay->port), "neighbours", counts);
}
