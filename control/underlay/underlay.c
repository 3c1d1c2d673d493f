/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/underlay.h"

#include <stdlib.h>
#include <string.h>

#include "control/log.h"
#include "control/model/address.h"
#include "control/model/alloc.h"
#include "control/underlay/underlay_private.h"
#include "fastpath/underlay/underlay.h"

/* RFC 5227 section 1.1: ANNOUNCE_NUM, ANNOUNCE_INTERVAL, DEFEND_INTERVAL. */
#define ANNOUNCES 2
#define ANNOUNCE_MS 2000
#define DEFEND_MS 10000

#define FRAME_MIN 14 /* an Ethernet header */

/* ---- What it says */

static struct df_frames_self self_of(const struct df_underlay_port *underlay)
{
    const struct df_underlay_end *end = &underlay->settings.end;
    return (struct df_frames_self){.mac = underlay->port.mac, .ip4 = end->ip4, .ip6 = end->ip6, .vlan = end->vlan};
}

/* What finds no room is as what is lost on the wire: it is said again. */
static void say(struct df_underlay_port *underlay, const uint8_t *frame, uint32_t len)
{
    if (underlay->dp->ops->packet_out)
        underlay->dp->ops->packet_out(underlay->dp, DF_UNDERLAY_PORT, frame, len);
}

static void ask(void *arg, const struct df_ip *ip, const struct df_mac *to)
{
    struct df_underlay_port *underlay = arg;
    struct df_frames_self self = self_of(underlay);
    uint8_t frame[DF_FRAMES_MAX];
    say(underlay, frame, df_frames_ask(frame, &self, ip, to));
}

static void say_group(struct df_underlay_port *underlay, enum df_mld_record record, uint64_t now_ms)
{
    struct df_frames_self self = self_of(underlay);
    uint8_t frame[DF_FRAMES_MAX];
    if (!df_ip_is_zero(&self.ip6))
        say(underlay, frame, df_mld_report(&underlay->mld, frame, &self, record, now_ms));
}

static void answer_query(struct df_underlay_port *underlay, uint64_t now_ms)
{
    if (underlay->mld.due_ms == 0 || now_ms < underlay->mld.due_ms)
        return;
    underlay->mld.due_ms = 0;
    say_group(underlay, DF_MLD_LISTENS, now_ms);
}

static void announce_one(struct df_underlay_port *underlay, const struct df_ip *ip)
{
    struct df_frames_self self = self_of(underlay);
    uint8_t frame[DF_FRAMES_MAX];
    if (!df_ip_is_zero(ip))
        say(underlay, frame, df_frames_announce(frame, &self, ip));
}

static void announce(struct df_underlay_port *underlay, uint64_t now_ms)
{
    if (underlay->announces == 0 || now_ms < underlay->announce_ms)
        return;
    underlay->announces--;
    underlay->announce_ms = now_ms + ANNOUNCE_MS;
    announce_one(underlay, &underlay->settings.end.ip4);
    say_group(underlay, DF_MLD_BEGINS, now_ms);
    announce_one(underlay, &underlay->settings.end.ip6);
}

/* ---- What its parts call back with */

static void neighbour_changed(void *arg, struct df_neighbour *neighbour)
{
    struct df_underlay_port *underlay = arg;
    df_remotes_changed(underlay->remotes, neighbour);
}

static void listen_to(void *arg, const struct df_ip *ip, bool on)
{
    struct df_underlay_port *underlay = arg;
    if (underlay->dp && underlay->dp->ops->listen)
        underlay->dp->ops->listen(underlay->dp, ip, on);
}

static uint16_t port_of(const struct df_underlay_port *underlay, uint32_t lport)
{
    return underlay->port_of ? underlay->port_of(underlay->port_of_arg, lport) : 0;
}

/* Against the port of who sent it, or our own if that is gone. */
static void drop(void *arg, uint32_t lport, enum df_drop reason)
{
    struct df_underlay_port *underlay = arg;
    uint16_t port = port_of(underlay, lport);
    if (underlay->dp->ops->dropped)
        underlay->dp->ops->dropped(underlay->dp, port ? port : DF_UNDERLAY_PORT, reason);
}

static void release(void *arg, uint32_t lport, const uint8_t *frame, uint32_t len)
{
    struct df_underlay_port *underlay = arg;
    const struct df_datapath_ops *ops = underlay->dp->ops;
    uint16_t port = port_of(underlay, lport);
    if (port == 0)
        drop(underlay, lport, DF_DROP_TX_DOWN);
    else if (!ops->packet_in || ops->packet_in(underlay->dp, port, frame, len) < 0)
        drop(underlay, lport, DF_DROP_NO_MBUF);
}

/* ---- Life */

static void init_ports(struct df_underlay_port *underlay)
{
    struct df_settings *settings = &underlay->settings;
    underlay->port = (struct df_own_port){
        .dp = underlay->dp,
        .key = "underlay_port",
        .spec = {.port = DF_UNDERLAY_PORT,
                 .name = settings->name,
                 .vif_type = "ethdev",
                 .vif_name = settings->name,
                 .mtu = settings->end.mtu,
                 .underlay = &settings->end},
    };
    underlay->exception = (struct df_own_port){
        .dp = underlay->dp,
        .key = "underlay_exception",
        .spec = {.port = DF_UNDERLAY_EXCEPTION,
                 .name = settings->exception_name,
                 .vif_type = "tap",
                 .vif_name = settings->exception_name,
                 .mtu = settings->end.mtu,
                 .mac = &underlay->port.mac},
    };
}

int df_underlay_port_new(const struct df_underlay_config *config, struct df_datapath *dp,
                         struct df_underlay_port **made, struct df_error *error)
{
    struct df_settings settings;
    *made = NULL;
    if (!config || !config->port || !*config->port)
        return 0;
    int err = df_settings_read(config, &settings, error);
    if (err < 0)
        return err;
    struct df_underlay_port *underlay = df_alloc(sizeof(*underlay));
    underlay->dp = dp;
    underlay->settings = settings;
    init_ports(underlay);
    underlay->neighbours = df_neighbours_new(
        &(struct df_neighbours_ops){.ask = ask, .changed = neighbour_changed, .listen = listen_to, .arg = underlay});
    underlay->remotes = df_remotes_new(&underlay->settings, underlay->neighbours);
    underlay->held = df_held_new(&(struct df_held_ops){.release = release, .drop = drop, .arg = underlay});
    *made = underlay;
    return 0;
}

void df_underlay_port_free(struct df_underlay_port *underlay)
{
    if (!underlay)
        return;
    underlay->port_of = NULL;
    df_held_free(underlay->held);
    df_remotes_free(underlay->remotes);
    df_neighbours_free(underlay->neighbours);
    df_own_port_fini(&underlay->port);
    df_own_port_fini(&underlay->exception);
    df_settings_free(&underlay->settings);
    free(underlay);
}

void df_underlay_port_set_ports(struct df_underlay_port *underlay, uint16_t (*find)(void *arg, uint32_t lport),
                                void *arg)
{
    if (!underlay)
        return;
    underlay->port_of = find;
    underlay->port_of_arg = arg;
}

/* ---- Time */

static void settle_ports(struct df_underlay_port *underlay, uint64_t now_ms)
{
    struct df_mac mac = underlay->port.mac;
    if (underlay->port.open && underlay->port.gone)
        df_own_port_close(&underlay->exception);
    df_own_port_settle(&underlay->port, now_ms);
    if (!df_mac_equal(&mac, &underlay->port.mac))
        df_watched_fire(&underlay->mac_watched);
    if (underlay->port.open && underlay->settings.end.exception)
        df_own_port_settle(&underlay->exception, now_ms);
}

static bool is_up(const struct df_underlay_port *underlay)
{
    return underlay->port.open && underlay->port.attached;
}

static void note_link(struct df_underlay_port *underlay, uint64_t now_ms)
{
    bool up = is_up(underlay);
    if (up && !underlay->was_up) {
        underlay->announces = ANNOUNCES;
        underlay->announce_ms = now_ms;
        df_neighbours_link_up(underlay->neighbours, now_ms);
    }
    underlay->was_up = up;
}

/* Its neighbour answered, or was given up. */
static void remote_settled(struct df_remote *remote, void *arg)
{
    struct df_underlay_port *underlay = arg;
    struct df_mac mac;
    if (df_remotes_reach(underlay->remotes, remote, &mac) == DF_PEER_REACHABLE)
        df_held_release(underlay->held, &remote->ip);
    else
        df_held_fail(underlay->held, &remote->ip);
}

static void remote_gone(struct df_remote *remote, void *arg)
{
    struct df_underlay_port *underlay = arg;
    df_held_fail(underlay->held, &remote->ip);
}

void df_underlay_port_settle(struct df_underlay_port *underlay, uint64_t now_ms)
{
    if (!underlay)
        return;
    settle_ports(underlay, now_ms);
    note_link(underlay, now_ms);
    if (is_up(underlay)) {
        announce(underlay, now_ms);
        answer_query(underlay, now_ms);
        df_neighbours_run(underlay->neighbours, now_ms);
    }
    df_remotes_run(underlay->remotes, now_ms, remote_settled, remote_gone, underlay);
    df_held_run(underlay->held, now_ms);
}

/* -1: never. */
static int64_t sooner(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

int64_t df_underlay_port_next_ms(const struct df_underlay_port *underlay)
{
    if (!underlay)
        return -1;
    int64_t next_ms = sooner(df_own_port_next_ms(&underlay->port), df_held_next_ms(underlay->held));
    next_ms = sooner(next_ms, df_remotes_next_ms(underlay->remotes));
    if (underlay->port.open)
        next_ms = sooner(next_ms, df_own_port_next_ms(&underlay->exception));
    if (!is_up(underlay))
        return next_ms;
    next_ms = sooner(next_ms, df_neighbours_next_ms(underlay->neighbours));
    if (underlay->mld.due_ms)
        next_ms = sooner(next_ms, (int64_t)underlay->mld.due_ms);
    return underlay->announces ? sooner(next_ms, (int64_t)underlay->announce_ms) : next_ms;
}

void df_underlay_port_changed(struct df_underlay_port *underlay, const struct df_port_state *state)
{
    if (underlay)
        df_own_port_changed(&underlay->port, state);
}

void df_underlay_exception_changed(struct df_underlay_port *underlay, const struct df_port_state *state)
{
    if (underlay)
        df_own_port_changed(&underlay->exception, state);
}

/* ---- What it hears */

/* RFC 5227 section 2.4 (b): it keeps its address, and says so, not too often. */
static void defend(struct df_underlay_port *underlay, const struct df_frames_answer *answer, uint64_t now_ms)
{
    struct df_underlay_conflict *conflict = &underlay->conflict;
    char ip[DF_IP_TEXT], mac[DF_MAC_TEXT];
    bool due = conflict->n == 0 || now_ms - conflict->at_ms >= DEFEND_MS;
    conflict->n++;
    if (!due)
        return;
    conflict->ip = answer->ip;
    conflict->mac = answer->mac;
    conflict->at_ms = now_ms;
    df_log(DF_LOG_ERROR, "[df] local_ip %s: the station with the MAC %s says that this is its address; give it another",
           df_ip_text(&answer->ip, ip), df_mac_text(&answer->mac, mac));
    announce_one(underlay, &answer->ip);
}

static void hear_answer(struct df_underlay_port *underlay, const uint8_t *frame, uint32_t len, uint64_t now_ms)
{
    struct df_frames_self self = self_of(underlay);
    struct df_frames_answer answer;
    if (!df_frames_read_answer(frame, len, &self, &answer))
        return;
    if (df_ip_equal(&answer.ip, &self.ip4) || df_ip_equal(&answer.ip, &self.ip6))
        defend(underlay, &answer, now_ms);
    else
        df_neighbours_take(underlay->neighbours, &answer, now_ms);
}

static void hear_query(struct df_underlay_port *underlay, const uint8_t *frame, uint32_t len, uint64_t now_ms)
{
    struct df_frames_self self = self_of(underlay);
    df_mld_hear(&underlay->mld, frame, len, &self, now_ms);
}

static void hear_too_big(struct df_underlay_port *underlay, const uint8_t *frame, uint32_t len, uint64_t now_ms)
{
    struct df_frames_self self = self_of(underlay);
    struct df_frames_too_big too_big;
    char ip[DF_IP_TEXT];
    if (!df_frames_read_too_big(frame, len, &self, &too_big))
        return;
    struct df_remote *remote = df_remotes_find(underlay->remotes, &too_big.peer);
    if (remote && df_remotes_note_mtu(underlay->remotes, remote, too_big.mtu, now_ms))
        df_log(DF_LOG_INFO, "underlay: packets of more than %u bytes do not get to %s", too_big.mtu,
               df_ip_text(&too_big.peer, ip));
}

/* The peer's address, and the frame. */
static void hold(struct df_underlay_port *underlay, uint32_t lport, const uint8_t *frame, uint32_t len, uint64_t now_ms)
{
    struct df_ip ip;
    struct df_mac mac;
    if (len < sizeof(ip) + FRAME_MIN)
        return;
    memcpy(&ip, frame, sizeof(ip));
    struct df_remote *remote = df_remotes_find(underlay->remotes, &ip);
    enum df_peer_reach reach = DF_PEER_FAILED;
    if (remote)
        reach = df_remotes_reach(underlay->remotes, remote, &mac);
    if (reach == DF_PEER_UNREACHABLE || reach == DF_PEER_FAILED) {
        drop(underlay, lport, DF_DROP_RESOLVE_FAILED);
        return;
    }
    df_held_put(underlay->held, &ip, lport, frame + sizeof(ip), (uint32_t)(len - sizeof(ip)), now_ms);
    if (reach == DF_PEER_RESOLVING)
        df_neighbours_urge(underlay->neighbours, remote->hop);
    else
        df_remotes_settle(underlay->remotes, remote); /* it was resolved while the packet came here */
}

void df_underlay_port_punt(struct df_underlay_port *underlay, uint32_t what, uint32_t lport, const uint8_t *frame,
                           uint32_t len, uint64_t now_ms)
{
    if (!underlay)
        return;
    switch (what) {
    case DF_PUNT_NEIGHBOUR:
        hear_answer(underlay, frame, len, now_ms);
        break;
    case DF_PUNT_MLD:
        hear_query(underlay, frame, len, now_ms);
        break;
    case DF_PUNT_PATH_MTU:
        hear_too_big(underlay, frame, len, now_ms);
        break;
    case DF_PUNT_UNRESOLVED:
        hold(underlay, lport, frame, len, now_ms);
        break;
    default:
        break;
    }
}

/* ---- Asking */

const struct df_underlay_end *df_underlay_port_end(const struct df_underlay_port *underlay)
{
    return underlay ? &underlay->settings.end : NULL;
}

struct df_mac df_underlay_port_mac(struct df_underlay_port *underlay, struct df_watcher *watcher)
{
    if (!underlay)
        return (struct df_mac){{0}};
    df_watch(&underlay->mac_watched, watcher, NULL);
    return underlay->port.mac;
}

enum df_peer_reach df_underlay_port_neighbour(struct df_underlay_port *underlay, const struct df_ip *ip,
                                              struct df_watcher *watcher, struct df_mac *mac)
{
    struct df_remote *remote = underlay ? df_remotes_watch(underlay->remotes, ip, watcher) : NULL;
    *mac = (struct df_mac){{0}};
    return remote ? df_remotes_reach(underlay->remotes, remote, mac) : DF_PEER_UNREACHABLE;
}

uint16_t df_underlay_port_path_mtu(struct df_underlay_port *underlay, const struct df_ip *ip,
                                   struct df_watcher *watcher)
{
    if (!underlay)
        return 0;
    struct df_remote *remote = df_remotes_watch(underlay->remotes, ip, watcher);
    return remote && remote->path_mtu ? remote->path_mtu : underlay->settings.end.mtu;
}

uint16_t df_underlay_port_learnt_mtu(const struct df_underlay_port *underlay, const struct df_ip *ip)
{
    const struct df_remote *remote = underlay ? df_remotes_find(underlay->remotes, ip) : NULL;
    return remote ? remote->path_mtu : 0;
}

bool df_underlay_port_info(const struct df_underlay_port *underlay, struct df_underlay_info *info)
{
    if (!underlay)
        return false;
    const struct df_own_port *port = &underlay->port;
    *info = (struct df_underlay_info){
        .end = &underlay->settings.end,
        .open = port->open,
        .attached = port->attached,
        .detail = port->detail ? port->detail : "",
        .reason = df_own_port_reason(port),
        .mac = port->mac,
    };
    return true;
}
