/* SPDX-License-Identifier: Apache-2.0 */
#include "control/binding/local_ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/binding/local_ports_private.h"
#include "control/compile/compiler.h"
#include "control/model/alloc.h"

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

void df_local_port_touch(struct df_local_ports *ports, struct local_port *port)
{
    ports->n_touched += !port->touched;
    port->touched = true;
}

struct local_port *df_local_port_record(struct df_local_ports *ports, const char *id)
{
    struct local_port *port = find(ports, id);
    if (port)
        return port;
    port = df_alloc(sizeof(*port));
    port->id = df_strdup(id);
    HASH_ADD_KEYPTR(hh, ports->port, port->id, strlen(port->id), port);
    df_local_port_touch(ports, port);
    return port;
}

void df_local_ports_touch(struct df_local_ports *ports, const char *lport)
{
    struct local_port *port = find(ports, lport);
    if (port)
        df_local_port_touch(ports, port);
}

void df_local_port_set_text(char **to, const char *from)
{
    char *text = df_strdup(from);
    free(*to);
    *to = text;
}

void df_local_port_set_vif(struct df_vif *to, const struct df_vif *from)
{
    df_local_port_set_text((char **)&to->type, from->type);
    df_local_port_set_text((char **)&to->name, from->name);
    to->server = from->server;
}

void df_local_port_clear_vif(struct df_vif *vif)
{
    df_local_port_set_vif(vif, &(struct df_vif){0});
}

bool df_local_port_same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool df_local_port_same_vif(const struct df_vif *a, const struct df_vif *b)
{
    return df_local_port_same_text(a->type, b->type) && df_local_port_same_text(a->name, b->name) &&
           a->server == b->server;
}

void df_local_port_set_attached(struct local_port *port, bool attached, const char *detail)
{
    port->attached = attached;
    df_local_port_set_text(&port->detail, detail);
}

void df_local_port_forget(struct df_local_ports *ports, struct local_port *port)
{
    df_local_port_leave_claim(ports, port);
    df_local_port_set_failing(ports, port, NULL, 0);
    HASH_DEL(ports->port, port);
    df_local_port_clear_vif(&port->want.vif);
    df_local_port_clear_vif(&port->open);
    free((char *)port->want.refused);
    free(port->failure);
    free(port->detail);
    free(port->id);
    free(port);
}

void df_local_ports_free(struct df_local_ports *ports)
{
    struct local_port *port, *next;
    if (!ports)
        return;
    HASH_ITER(hh, ports->port, port, next)
        df_local_port_forget(ports, port);
    df_sock_dir_free(ports->sock_dir);
    free(ports->rival);
    free(ports);
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
    df_local_port_set_text(&ports->rival, rival);
    df_watched_fire(&ports->rival_watched);
}

/* ---- Wanting */

void df_local_ports_want(struct df_local_ports *ports, const char *lport, const struct df_local_port_want *want)
{
    struct local_port *port = df_local_port_record(ports, lport);
    /* What may mend a failed attempt is tried at once. */
    bool same = df_local_port_same_vif(&port->want.vif, &want->vif);
    if (!same || port->want.version != want->version)
        port->retry_ms = 0;
    if (!same)
        port->gone = false;
    df_local_port_set_vif(&port->want.vif, &want->vif);
    df_local_port_set_text((char **)&port->want.refused, want->refused);
    port->want.waiting = want->waiting;
    port->want.version = want->version;
    df_local_port_touch(ports, port);
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
    df_local_port_set_attached(port, state->attached, state->detail);
    if (state->gone) {
        port->gone = true;
        df_local_port_touch(ports, port);
    }
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
