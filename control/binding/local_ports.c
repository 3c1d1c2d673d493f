/* SPDX-License-Identifier: Apache-2.0 */
#include "control/binding/local_ports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "control/compile/compiler.h"
#include "control/log.h"
#include "control/model/alloc.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS 30000
#define RETRY_LEAST_MS 100 /* a device that comes and goes, or does so when it is opened */
#define VIF_TEXT_MAX 600

struct local_port {
    UT_hash_handle hh;
    char *id;
    uint16_t number;                /* 0: none */
    bool touched;                   /* to be looked at by the settle that goes on */
    struct local_port *prev, *next; /* claimants of the interface */
    struct claim *claim;
    struct df_watched claim_watched;

    struct df_local_port_want want; /* its strings are the port's own */
    struct df_vif open;             /* type NULL: it is not open */

    char *failure; /* why it could not be opened */
    uint64_t tried_ms, retry_ms;
    uint32_t backoff_ms; /* 0: not failing */
    bool gone;           /* the device went while it was open, and is waited for */
    bool attached;
    char *detail;
};

/* Who wants one interface. */
struct claim {
    UT_hash_handle hh;
    struct local_port *claimants;
    char name[];
};

struct df_local_ports {
    struct df_store *store;
    const struct df_relevance *relevance;
    struct df_datapath *dp;
    struct df_sock_dir *sock_dir;
    struct local_port *port; /* by id */
    struct claim *claims;
    struct local_port *by_number[DF_LOCAL_PORTS_MAX + 1];
    uint16_t last_number; /* given out */
    struct df_watched number_watched;
    char *rival; /* NULL: none */
    struct df_watched rival_watched;
    size_t n_touched, n_failing;
};

struct df_local_ports *df_local_ports_new(struct df_store *store, const struct df_relevance *relevance,
                                          struct df_datapath *dp, const char *vhost_sock_dir)
{
    struct df_local_ports *ports = df_alloc(sizeof(*ports));
    ports->store = store;
    ports->relevance = relevance;
    ports->dp = dp;
    ports->sock_dir = df_sock_dir_new(vhost_sock_dir);
    return ports;
}

const struct df_sock_dir *df_local_ports_sock_dir(const struct df_local_ports *ports)
{
    return ports->sock_dir;
}

/* ---- Records */

static struct local_port *find(const struct df_local_ports *ports, const char *id)
{
    struct local_port *port;
    HASH_FIND(hh, ports->port, id, strlen(id), port);
    return port;
}

static void touch(struct df_local_ports *ports, struct local_port *port)
{
    ports->n_touched += !port->touched;
    port->touched = true;
}

static struct local_port *want_record(struct df_local_ports *ports, const char *id)
{
    struct local_port *port = find(ports, id);
    if (port)
        return port;
    port = df_alloc(sizeof(*port));
    port->id = df_strdup(id);
    HASH_ADD_KEYPTR(hh, ports->port, port->id, strlen(port->id), port);
    touch(ports, port);
    return port;
}

void df_local_ports_touch(struct df_local_ports *ports, const char *lport)
{
    struct local_port *port = find(ports, lport);
    if (port)
        touch(ports, port);
}

static char *copy(char **to, const char *from)
{
    char *text = df_strdup(from);
    free(*to);
    return *to = text;
}

static void vif_set(struct df_vif *to, const struct df_vif *from)
{
    copy((char **)&to->type, from->type);
    copy((char **)&to->name, from->name);
    to->server = from->server;
}

static void vif_clear(struct df_vif *vif)
{
    vif_set(vif, &(struct df_vif){0});
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool vif_same(const struct df_vif *a, const struct df_vif *b)
{
    return same_text(a->type, b->type) && same_text(a->name, b->name) && a->server == b->server;
}

/* ---- Numbers */

/* The free number that has been free for longest, or 0. */
static uint16_t free_number(const struct df_local_ports *ports)
{
    uint16_t number = ports->last_number;
    for (unsigned i = 0; i < DF_LOCAL_PORTS_MAX; i++) {
        number = number < DF_LOCAL_PORTS_MAX ? (uint16_t)(number + 1) : 1;
        if (!ports->by_number[number])
            return number;
    }
    return 0;
}

uint16_t df_local_ports_number(struct df_local_ports *ports, const char *lport, struct df_watcher *watcher)
{
    struct local_port *port = want_record(ports, lport);
    if (port->number)
        return port->number;
    port->number = free_number(ports);
    if (port->number == 0) {
        df_watch(&ports->number_watched, watcher, NULL);
        return 0;
    }
    ports->last_number = port->number;
    ports->by_number[port->number] = port;
    return port->number;
}

static void release_number(struct df_local_ports *ports, struct local_port *port)
{
    if (port->number == 0)
        return;
    ports->by_number[port->number] = NULL;
    port->number = 0;
    df_watched_fire(&ports->number_watched);
}

/* ---- A rival for all of them */

const char *df_local_ports_rival(struct df_local_ports *ports, struct df_watcher *watcher)
{
    if (watcher)
        df_watch(&ports->rival_watched, watcher, NULL);
    return ports->rival;
}

void df_local_ports_set_rival(struct df_local_ports *ports, const char *rival)
{
    copy(&ports->rival, rival);
    df_watched_fire(&ports->rival_watched);
}

/* ---- Claims of interfaces */

static void claim_fire(struct claim *claim)
{
    struct local_port *port;
    DL_FOREACH(claim->claimants, port)
        df_watched_fire(&port->claim_watched);
}

static void claim_leave(struct df_local_ports *ports, struct local_port *port)
{
    struct claim *claim = port->claim;
    if (!claim)
        return;
    port->claim = NULL;
    DL_DELETE(claim->claimants, port);
    if (claim->claimants) {
        claim_fire(claim);
        return;
    }
    HASH_DEL(ports->claims, claim);
    free(claim);
}

static void claim_enter(struct df_local_ports *ports, struct local_port *port, const char *name)
{
    struct claim *claim;
    size_t len = strlen(name);
    HASH_FIND(hh, ports->claims, name, len, claim);
    if (!claim) {
        claim = df_alloc(sizeof(*claim) + len + 1);
        memcpy(claim->name, name, len + 1);
        HASH_ADD_KEYPTR(hh, ports->claims, claim->name, len, claim);
    }
    claim_fire(claim);
    DL_APPEND(claim->claimants, port);
    port->claim = claim;
}

static const char *claim_holder(const struct claim *claim)
{
    const struct local_port *port, *holder = claim->claimants;
    DL_FOREACH(claim->claimants, port)
        if (strcmp(port->id, holder->id) < 0)
            holder = port;
    return holder->id;
}

const char *df_local_ports_claim(struct df_local_ports *ports, const char *lport, const char *vif_name,
                                 struct df_watcher *watcher)
{
    struct local_port *port = want_record(ports, lport);
    df_watch(&port->claim_watched, watcher, NULL);
    if (!port->claim || !vif_name || strcmp(port->claim->name, vif_name) != 0) {
        claim_leave(ports, port);
        if (vif_name)
            claim_enter(ports, port, vif_name);
    }
    return port->claim ? claim_holder(port->claim) : port->id;
}

/* ---- Wanting */

void df_local_ports_want(struct df_local_ports *ports, const char *lport, const struct df_local_port_want *want)
{
    struct local_port *port = want_record(ports, lport);
    /* What may mend a failed attempt is tried at once. */
    bool same = vif_same(&port->want.vif, &want->vif);
    if (!same || port->want.version != want->version)
        port->retry_ms = 0;
    if (!same)
        port->gone = false;
    vif_set(&port->want.vif, &want->vif);
    copy((char **)&port->want.refused, want->refused);
    port->want.waiting = want->waiting;
    port->want.version = want->version;
    touch(ports, port);
}

/* ---- Settling */

static const Df__LogicalPort *lport_of(const struct df_local_ports *ports, const struct local_port *port)
{
    const struct df_object *object = df_store_find(ports->store, DF_NB_LPORT, port->id);
    return object ? (const Df__LogicalPort *)object->message : NULL;
}

static bool is_bound(const struct df_local_ports *ports, const struct local_port *port)
{
    const Df__LogicalPort *lport = lport_of(ports, port);
    return lport && df_relevance_is_bound(ports->relevance, lport);
}

static bool is_local(const struct df_local_ports *ports, const struct local_port *port)
{
    const Df__LogicalPort *lport = lport_of(ports, port);
    return lport && df_relevance_is_local(ports->relevance, lport);
}

static void set_failing(struct df_local_ports *ports, struct local_port *port, const char *why, uint64_t now_ms)
{
    uint32_t next = port->backoff_ms ? 2 * port->backoff_ms : RETRY_FIRST_MS;
    uint32_t backoff = !why ? 0 : next < RETRY_MOST_MS ? next : RETRY_MOST_MS;
    ports->n_failing += (backoff != 0) - (port->backoff_ms != 0);
    port->backoff_ms = backoff;
    port->tried_ms = now_ms;
    port->retry_ms = why ? now_ms + backoff : 0;
    copy(&port->failure, why);
}

static void set_attached(struct local_port *port, bool attached, const char *detail)
{
    port->attached = attached;
    copy(&port->detail, detail);
}

static void close_port(struct df_local_ports *ports, struct local_port *port)
{
    if (!port->open.type)
        return;
    int err = ports->dp->ops->port_del(ports->dp, port->number);
    if (err < 0)
        df_log(DF_LOG_ERROR, "lport '%s': closing port %u (%s): %s", port->id, port->number, port->open.name,
               strerror(-err));
    vif_clear(&port->open);
    set_attached(port, false, NULL);
}

/* 0: the port's default. A change of the network's MTU does not open the port again: guests would lose their link. */
static uint16_t mtu_of(const struct df_local_ports *ports, const Df__LogicalPort *lport)
{
    const struct df_object *object = df_store_find(ports->store, DF_NB_LSWITCH, lport->lswitch ? lport->lswitch : "");
    const Df__LogicalSwitch *network = object ? (const Df__LogicalSwitch *)object->message : NULL;
    return network && network->has_mtu && network->mtu <= UINT16_MAX ? (uint16_t)network->mtu : 0;
}

static void set_gone(struct df_local_ports *ports, struct local_port *port, uint64_t now_ms)
{
    char why[VIF_TEXT_MAX];
    snprintf(why, sizeof(why), "device %s is gone", port->want.vif.name);
    if (!same_text(port->failure, why))
        df_log(DF_LOG_WARNING, "lport '%s': %s; the port is opened again when it is back", port->id, why);
    set_failing(ports, port, why, now_ms);
}

static void set_not_opened(struct df_local_ports *ports, struct local_port *port, const char *why, uint64_t now_ms)
{
    const struct df_vif *vif = &port->want.vif;
    if (!same_text(port->failure, why))
        df_log(DF_LOG_ERROR, "lport '%s': opening %s '%s': %s", port->id, vif->type, vif->name, why);
    set_failing(ports, port, why, now_ms);
}

static void open_port(struct df_local_ports *ports, struct local_port *port, uint64_t now_ms)
{
    const Df__LogicalPort *lport = lport_of(ports, port);
    struct df_port_state state = {.attached = false};
    struct df_error error = {""};
    const struct df_vif *vif = &port->want.vif;
    struct df_port_spec spec = {
        .port = port->number,
        .name = lport->name && *lport->name ? lport->name : port->id,
        .lport = port->id,
        .vif_type = vif->type,
        .vif_name = vif->name,
        .server = vif->server,
        .mtu = mtu_of(ports, lport),
    };
    int err = df_sock_dir_is_for(vif->type) ? df_sock_dir_check(ports->sock_dir, vif->name, &error) : 0;
    if (err == 0)
        err = ports->dp->ops->port_add(ports->dp, &spec, &error);
    if (err == -ENODEV && port->gone) {
        set_gone(ports, port, now_ms);
        return;
    }
    if (err < 0) {
        set_not_opened(ports, port, error.text[0] ? error.text : strerror(-err), now_ms);
        return;
    }
    set_failing(ports, port, NULL, now_ms);
    port->gone = false;
    vif_set(&port->open, vif);
    if (ports->dp->ops->port_state && ports->dp->ops->port_state(ports->dp, port->number, &state) == 0)
        set_attached(port, state.attached, state.detail);
}

static void forget(struct df_local_ports *ports, struct local_port *port)
{
    claim_leave(ports, port);
    set_failing(ports, port, NULL, 0);
    HASH_DEL(ports->port, port);
    vif_clear(&port->want.vif);
    vif_clear(&port->open);
    free((char *)port->want.refused);
    free(port->failure);
    free(port->detail);
    free(port->id);
    free(port);
}

void df_local_ports_close(struct df_local_ports *ports)
{
    if (ports->n_touched == 0)
        return;
    for (struct local_port *port = ports->port; port; port = port->hh.next) {
        if (!port->touched)
            continue;
        bool wanted = is_local(ports, port) && port->number;
        if (!wanted)
            vif_clear(&port->want.vif);
        if (port->gone || !vif_same(&port->open, &port->want.vif))
            close_port(ports, port);
        if (!port->want.vif.type) {
            set_failing(ports, port, NULL, 0);
            port->gone = false;
        }
    }
}

void df_local_ports_open(struct df_local_ports *ports, uint64_t now_ms)
{
    struct local_port *port, *next;
    if (ports->n_touched + ports->n_failing == 0)
        return;
    HASH_ITER(hh, ports->port, port, next) {
        if (!port->touched && port->backoff_ms == 0)
            continue;
        ports->n_touched -= port->touched;
        port->touched = false;
        if (!is_local(ports, port))
            release_number(ports, port);
        if (!is_bound(ports, port))
            forget(ports, port);
        else if (port->gone && port->backoff_ms == 0)
            set_gone(ports, port, now_ms);
        else if (port->want.vif.type && !port->open.type && now_ms >= port->retry_ms)
            open_port(ports, port, now_ms);
    }
}

int64_t df_local_ports_next_ms(const struct df_local_ports *ports)
{
    int64_t soonest = -1;
    for (const struct local_port *port = ports->port; port && ports->n_failing; port = port->hh.next)
        if (port->backoff_ms && (soonest < 0 || (int64_t)port->retry_ms < soonest))
            soonest = (int64_t)port->retry_ms;
    return soonest;
}

void df_local_ports_free(struct df_local_ports *ports)
{
    struct local_port *port, *next;
    if (!ports)
        return;
    HASH_ITER(hh, ports->port, port, next)
        forget(ports, port);
    df_sock_dir_free(ports->sock_dir);
    free(ports->rival);
    free(ports);
}

/* ---- Asking */

static const char *reason_of(const struct local_port *port, const struct df_object *object,
                             enum df_local_port_state *state)
{
    const char *entry = object ? df_compiler_refusal(object) : NULL;
    *state = port->want.waiting ? DF_LOCAL_PORT_WAITING : DF_LOCAL_PORT_REFUSED;
    if (port->want.refused)
        return port->want.refused;
    *state = DF_LOCAL_PORT_DOWN;
    if (entry)
        return entry;
    if (!port->open.type)
        return port->failure ? port->failure : "not opened yet";
    *state = DF_LOCAL_PORT_OPEN;
    return "";
}

static void fill(const struct df_local_ports *ports, const struct local_port *port, struct df_local_port_info *info)
{
    const struct df_object *object = df_store_find(ports->store, DF_NB_LPORT, port->id);
    *info = (struct df_local_port_info){
        .id = port->id,
        .number = port->number,
        .vif = port->want.vif,
        .attached = port->attached,
        .detail = port->detail ? port->detail : "",
        .desired_version = object ? object->version : 0,
    };
    info->reason = reason_of(port, object, &info->state);
    info->applied_version = info->state == DF_LOCAL_PORT_OPEN ? port->want.version : 0;
}

static int by_id(const struct local_port *a, const struct local_port *b)
{
    return strcmp(a->id, b->id);
}

int df_local_ports_each(struct df_local_ports *ports, int (*cb)(const struct df_local_port_info *info, void *arg),
                        void *arg)
{
    HASH_SORT(ports->port, by_id);
    for (const struct local_port *port = ports->port; port; port = port->hh.next) {
        struct df_local_port_info info;
        fill(ports, port, &info);
        int stop = cb(&info, arg);
        if (stop)
            return stop;
    }
    return 0;
}

int df_local_ports_info(struct df_local_ports *ports, const char *lport, struct df_local_port_info *info)
{
    const struct local_port *port = find(ports, lport);
    if (!port)
        return -ENOENT;
    fill(ports, port, info);
    return 0;
}

uint16_t df_local_ports_number_of(struct df_local_ports *ports, const char *lport)
{
    const struct local_port *port = find(ports, lport);
    return port ? port->number : 0;
}

void df_local_ports_changed(struct df_local_ports *ports, uint16_t number, const struct df_port_state *state)
{
    struct local_port *port = number <= DF_LOCAL_PORTS_MAX ? ports->by_number[number] : NULL;
    if (!port || !port->open.type)
        return;
    set_attached(port, state->attached, state->detail);
    if (state->gone) {
        port->gone = true;
        touch(ports, port);
    }
}

static bool try_sooner(struct local_port *port)
{
    uint64_t retry_ms = port->tried_ms + RETRY_LEAST_MS;
    if (port->backoff_ms == 0 || retry_ms >= port->retry_ms)
        return false;
    port->retry_ms = retry_ms;
    return true;
}

bool df_local_ports_device_came(struct df_local_ports *ports, const char *name)
{
    bool sooner = false;
    for (struct local_port *port = ports->port; port && ports->n_failing; port = port->hh.next)
        if (port->want.vif.name && (!name || strcmp(port->want.vif.name, name) == 0))
            sooner |= try_sooner(port);
    return sooner;
}

const char *df_local_port_state_name(enum df_local_port_state state)
{
    static const char *const name[] = {
        [DF_LOCAL_PORT_OPEN] = "open",
        [DF_LOCAL_PORT_REFUSED] = "refused",
        [DF_LOCAL_PORT_WAITING] = "waiting",
        [DF_LOCAL_PORT_DOWN] = "down",
    };
    return name[state];
}
