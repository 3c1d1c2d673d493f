/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/binding/local_ports_private.h"
#include "control/log.h"

/* What is wanted of ports becomes what is open. */

#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS 30000
#define RETRY_LEAST_MS 100 /* a device that comes and goes, or does so when it is opened */
#define VIF_TEXT_MAX 600

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

void df_local_port_set_failing(struct df_local_ports *ports, struct local_port *port, const char *why, uint64_t now_ms)
{
    uint32_t next = port->backoff_ms ? 2 * port->backoff_ms : RETRY_FIRST_MS;
    uint32_t backoff = !why ? 0 : next < RETRY_MOST_MS ? next : RETRY_MOST_MS;
    ports->n_failing += (backoff != 0) - (port->backoff_ms != 0);
    port->backoff_ms = backoff;
    port->tried_ms = now_ms;
    port->retry_ms = why ? now_ms + backoff : 0;
    df_local_port_set_text(&port->failure, why);
}

/* ---- One port */

static void close_port(struct df_local_ports *ports, struct local_port *port)
{
    if (!port->open.type)
        return;
    int err = ports->dp->ops->port_del(ports->dp, port->number);
    if (err < 0)
        df_log(DF_LOG_ERROR, "lport '%s': closing port %u (%s): %s", port->id, port->number, port->open.name,
               strerror(-err));
    df_local_port_clear_vif(&port->open);
    df_local_port_set_attached(port, false, NULL);
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
    if (!df_local_port_same_text(port->failure, why))
        df_log(DF_LOG_WARNING, "lport '%s': %s; the port is opened again when it is back", port->id, why);
    df_local_port_set_failing(ports, port, why, now_ms);
}

static void set_not_opened(struct df_local_ports *ports, struct local_port *port, const char *why, uint64_t now_ms)
{
    const struct df_vif *vif = &port->want.vif;
    if (!df_local_port_same_text(port->failure, why))
        df_log(DF_LOG_ERROR, "lport '%s': opening %s '%s': %s", port->id, vif->type, vif->name, why);
    df_local_port_set_failing(ports, port, why, now_ms);
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
    df_local_port_set_failing(ports, port, NULL, now_ms);
    port->gone = false;
    df_local_port_set_vif(&port->open, vif);
    if (ports->dp->ops->port_state && ports->dp->ops->port_state(ports->dp, port->number, &state) == 0)
        df_local_port_set_attached(port, state.attached, state.detail);
}

/* ---- All that are due */

void df_local_ports_close(struct df_local_ports *ports)
{
    if (ports->n_touched == 0)
        return;
    for (struct local_port *port = ports->port; port; port = port->hh.next) {
        if (!port->touched)
            continue;
        bool wanted = is_local(ports, port) && port->number;
        if (!wanted)
            df_local_port_clear_vif(&port->want.vif);
        if (port->gone || !df_local_port_same_vif(&port->open, &port->want.vif))
            close_port(ports, port);
        if (!port->want.vif.type) {
            df_local_port_set_failing(ports, port, NULL, 0);
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
            df_local_port_release_number(ports, port);
        if (!is_bound(ports, port))
            df_local_port_forget(ports, port);
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
