/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/underlay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/log.h"
#include "control/model/address.h"
#include "control/model/alloc.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS 30000
#define VIF_TYPE "ethdev"

struct neighbour {
    struct df_ip ip;
    struct df_mac mac;
};

struct df_underlay_port {
    struct df_datapath *dp;
    struct df_underlay_end end;
    struct neighbour *neighbours;
    size_t n_neighbours;
    struct df_mac gateway; /* of all others; zero: none */

    bool open;
    bool gone;
    bool attached;
    char *detail;
    struct df_mac mac;
    struct df_watched mac_watched;

    char *failure; /* why it could not be opened */
    uint64_t retry_ms;
    uint32_t backoff_ms; /* 0: not failing */
};

static bool mac_is_zero(const struct df_mac *mac)
{
    static const struct df_mac zero;
    return df_mac_equal(mac, &zero);
}

/* ---- The configuration */

/* Reads IP=MAC or *=MAC; for * the address is zero. NULL, or why it is none. */
static const char *read_neighbour(const char *text, struct neighbour *neighbour)
{
    char ip[64];
    size_t len = strcspn(text, "=");
    *neighbour = (struct neighbour){0};
    if (text[len] != '=' || len >= sizeof(ip))
        return "must be IP=MAC, or *=MAC for all others";
    memcpy(ip, text, len);
    ip[len] = '\0';
    if (strcmp(ip, "*") != 0 && (df_ip_parse(ip, &neighbour->ip) < 0 || !df_ip_is4(&neighbour->ip)))
        return "must begin with an IPv4 address or *";
    if (df_mac_parse(text + len + 1, &neighbour->mac) < 0 || df_mac_is_group(&neighbour->mac) ||
        mac_is_zero(&neighbour->mac))
        return "must end with =MAC, the MAC of one station";
    return NULL;
}

const char *df_underlay_neighbour_error(const char *text)
{
    struct neighbour neighbour;
    return read_neighbour(text, &neighbour);
}

static int add_neighbour(struct df_underlay_port *underlay, const char *text, struct df_error *error)
{
    struct neighbour neighbour;
    const char *why = read_neighbour(text, &neighbour);
    if (why)
        return df_error_set(error, -EINVAL, "[df] underlay_neighbours: %s, not `%.100s'", why, text);
    if (df_ip_is_zero(&neighbour.ip)) {
        underlay->gateway = neighbour.mac;
        return 0;
    }
    size_t size = (underlay->n_neighbours + 1) * sizeof(neighbour);
    underlay->neighbours = df_realloc(underlay->neighbours, size);
    underlay->neighbours[underlay->n_neighbours++] = neighbour;
    return 0;
}

static int read_local_ip(struct df_underlay_port *underlay, const char *text, struct df_error *error)
{
    struct df_ip *ip = &underlay->end.ip;
    if (!text || df_ip_parse(text, ip) < 0)
        return df_error_set(error, -EINVAL,
                            "[df] underlay_port is set, and local_ip is not: set it to this node's tunnel end point");
    if (!df_ip_is4(ip))
        return df_error_set(error, -EINVAL,
                            "[df] local_ip %s: tunnels over IPv6 are not supported yet; set an IPv4 address", text);
    if (df_ip_is_never_source(ip) || ip->word[3] == 0)
        return df_error_set(error, -EINVAL, "[df] local_ip %s is not the address of one station", text);
    return 0;
}

int df_underlay_port_new(const struct df_underlay_config *config, struct df_datapath *dp,
                         struct df_underlay_port **made, struct df_error *error)
{
    *made = NULL;
    if (!config || !config->port || !*config->port)
        return 0;
    struct df_underlay_port *underlay = df_alloc(sizeof(*underlay));
    underlay->dp = dp;
    underlay->end =
        (struct df_underlay_end){.name = df_strdup(config->port), .port = DF_UNDERLAY_PORT, .mtu = config->mtu};
    int err = read_local_ip(underlay, config->local_ip, error);
    for (const char *const *text = config->neighbours; err == 0 && text && *text; text++)
        err = add_neighbour(underlay, *text, error);
    if (err < 0) {
        df_underlay_port_free(underlay);
        return err;
    }
    *made = underlay;
    return 0;
}

void df_underlay_port_free(struct df_underlay_port *underlay)
{
    if (!underlay)
        return;
    free((char *)underlay->end.name);
    free(underlay->neighbours);
    free(underlay->failure);
    free(underlay->detail);
    free(underlay);
}

/* ---- Opening */

static void set_text(char **to, const char *from)
{
    char *text = df_strdup(from);
    free(*to);
    *to = text;
}

static void set_mac(struct df_underlay_port *underlay, struct df_mac mac)
{
    if (df_mac_equal(&underlay->mac, &mac))
        return;
    underlay->mac = mac;
    df_watched_fire(&underlay->mac_watched);
}

static void set_failing(struct df_underlay_port *underlay, const char *why, uint64_t now_ms)
{
    uint32_t next = underlay->backoff_ms ? 2 * underlay->backoff_ms : RETRY_FIRST_MS;
    underlay->backoff_ms = next < RETRY_MOST_MS ? next : RETRY_MOST_MS;
    underlay->retry_ms = now_ms + underlay->backoff_ms;
    if (!underlay->failure || strcmp(underlay->failure, why) != 0)
        df_log(DF_LOG_ERROR, "[df] underlay_port: %s; no tunnel works until it opens", why);
    set_text(&underlay->failure, why);
}

static void note_state(struct df_underlay_port *underlay, const struct df_port_state *state)
{
    underlay->attached = state->attached;
    set_text(&underlay->detail, state->detail);
}

static void open_port(struct df_underlay_port *underlay, uint64_t now_ms)
{
    const struct df_datapath_ops *ops = underlay->dp->ops;
    struct df_error error = {""};
    struct df_port_state state = {.attached = false};
    struct df_port_spec spec = {
        .port = DF_UNDERLAY_PORT,
        .name = underlay->end.name,
        .vif_type = VIF_TYPE,
        .vif_name = underlay->end.name,
        .mtu = underlay->end.mtu,
        .tunnel_ip = &underlay->end.ip,
    };
    int err = ops->port_add(underlay->dp, &spec, &error);
    if (err < 0) {
        set_failing(underlay, error.text[0] ? error.text : strerror(-err), now_ms);
        return;
    }
    underlay->open = true;
    underlay->gone = false;
    underlay->backoff_ms = 0;
    set_text(&underlay->failure, NULL);
    if (ops->port_state && ops->port_state(underlay->dp, DF_UNDERLAY_PORT, &state) == 0)
        note_state(underlay, &state);
    set_mac(underlay, state.mac);
}

static void close_port(struct df_underlay_port *underlay)
{
    int err = underlay->dp->ops->port_del(underlay->dp, DF_UNDERLAY_PORT);
    if (err < 0)
        df_log(DF_LOG_ERROR, "underlay '%s': closing it: %s", underlay->end.name, strerror(-err));
    underlay->open = false;
    note_state(underlay, &(struct df_port_state){.attached = false});
    set_mac(underlay, (struct df_mac){{0}});
}

void df_underlay_port_settle(struct df_underlay_port *underlay, uint64_t now_ms)
{
    if (!underlay)
        return;
    if (underlay->open && underlay->gone) {
        close_port(underlay);
        set_failing(underlay, "its device is gone", now_ms);
    } else if (!underlay->open && (underlay->backoff_ms == 0 || now_ms >= underlay->retry_ms)) {
        open_port(underlay, now_ms);
    }
}

int64_t df_underlay_port_next_ms(const struct df_underlay_port *underlay)
{
    return underlay && underlay->backoff_ms ? (int64_t)underlay->retry_ms : -1;
}

void df_underlay_port_changed(struct df_underlay_port *underlay, const struct df_port_state *state)
{
    if (!underlay || !underlay->open)
        return;
    note_state(underlay, state);
    underlay->gone = state->gone;
}

/* ---- Asking */

const struct df_underlay_end *df_underlay_port_end(const struct df_underlay_port *underlay)
{
    return underlay ? &underlay->end : NULL;
}

struct df_mac df_underlay_port_mac(struct df_underlay_port *underlay, struct df_watcher *watcher)
{
    if (!underlay)
        return (struct df_mac){{0}};
    df_watch(&underlay->mac_watched, watcher, NULL);
    return underlay->mac;
}

bool df_underlay_port_neighbour(const struct df_underlay_port *underlay, const struct df_ip *ip, struct df_mac *mac)
{
    *mac = underlay ? underlay->gateway : (struct df_mac){{0}};
    for (size_t i = 0; underlay && i < underlay->n_neighbours; i++)
        if (df_ip_equal(&underlay->neighbours[i].ip, ip))
            *mac = underlay->neighbours[i].mac;
    return !mac_is_zero(mac);
}

bool df_underlay_port_info(const struct df_underlay_port *underlay, struct df_underlay_info *info)
{
    if (!underlay)
        return false;
    *info = (struct df_underlay_info){
        .end = &underlay->end,
        .open = underlay->open,
        .attached = underlay->attached,
        .detail = underlay->detail ? underlay->detail : "",
        .reason = underlay->open      ? ""
                  : underlay->failure ? underlay->failure
                                      : "not opened yet",
        .mac = underlay->mac,
    };
    return true;
}
