/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "control/binding/local_ports_private.h"
#include "control/model/alloc.h"

/* What ports of the node share: its numbers and its interfaces. */

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
    struct local_port *port = df_local_port_record(ports, lport);
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

void df_local_port_release_number(struct df_local_ports *ports, struct local_port *port)
{
    if (port->number == 0)
        return;
    ports->by_number[port->number] = NULL;
    port->number = 0;
    df_watched_fire(&ports->number_watched);
}

/* ---- Claims of interfaces */

static void claim_fire(struct claim *claim)
{
    struct local_port *port;
    DL_FOREACH(claim->claimants, port)
        df_watched_fire(&port->claim_watched);
}

void df_local_port_leave_claim(struct df_local_ports *ports, struct local_port *port)
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
    struct local_port *port = df_local_port_record(ports, lport);
    df_watch(&port->claim_watched, watcher, NULL);
    if (!port->claim || !vif_name || strcmp(port->claim->name, vif_name) != 0) {
        df_local_port_leave_claim(ports, port);
        if (vif_name)
            claim_enter(ports, port, vif_name);
    }
    return port->claim ? claim_holder(port->claim) : port->id;
}
