/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/datapath/fastpath_private.h"
#include "fastpath/conn/conn.h"
#include "fastpath/eal.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/underlay/underlay.h"

/* Ports of the backend: opened, closed, looked at, and whose connections theirs are. */

/* A port that went keeps its connections for so long: a device that comes back, or a container that restarts. */
#define CONNS_KEPT_TICKS 60

static struct fastpath *of(struct df_datapath *dp)
{
    return (struct fastpath *)dp;
}

static void port_changed(void *arg, uint16_t number)
{
    struct fastpath *fp = arg;
    atomic_store(&fp->changed[number], true);
    df_fastpath_wake(fp);
}

static const char *devargs_of(const struct fastpath *fp, const char *name)
{
    for (size_t i = 0; i < fp->n_devices; i++) {
        if (strcmp(fp->devices[i].name, name) == 0)
            return fp->devices[i].devargs;
    }
    return NULL;
}

static int mtu_error(const struct df_port_spec *spec, int code, struct df_error *error)
{
    unsigned need = spec->mtu + (unsigned)DF_PORT_FRAME_OVERHEAD;
    if (need > DF_MBUF_SIZE_MAX)
        return df_error_set(error, code, "%s '%s': the network's mtu of %u is too long: lower it to at most %u",
                            spec->vif_type, spec->vif_name, spec->mtu, DF_MBUF_SIZE_MAX - DF_PORT_FRAME_OVERHEAD);
    return df_error_set(
        error, code,
        "%s '%s': the network's mtu of %u does not fit a packet buffer: raise [fastpath] mbuf_size to at "
        "least %u, or lower the mtu",
        spec->vif_type, spec->vif_name, spec->mtu, need);
}

/* What mends a port that cannot be opened. */
static int port_error(const struct df_port_spec *spec, int code, struct df_error *error)
{
    const char *remedy = strerror(-code);
    switch (code) {
    case -EPROTONOSUPPORT:
        remedy = "this vif_type is not known to the fast path";
        break;
    case -ENODEV:
        remedy = "no such device: create it, or mend vif_name";
        break;
    case -EADDRINUSE:
        remedy = "another process listens on this socket";
        break;
    case -EACCES:
        remedy = "no permission: the daemon needs CAP_NET_ADMIN and CAP_NET_RAW, or access to the folder";
        break;
    case -EMSGSIZE:
        return mtu_error(spec, code, error);
    case -ECONNREFUSED:
        remedy = "nobody listens on this socket";
        break;
    case -ENOENT:
        remedy = "the socket's folder is not there: create it";
        break;
    case -E2BIG:
        remedy = "no more devices fit: DPDK is built for a fixed number of them";
        break;
    case -EINVAL:
        remedy = "vif_name is not a name of this kind of device";
        break;
    default:
        break;
    }
    return df_error_set(error, code, "%s '%s': %s", spec->vif_type, spec->vif_name, remedy);
}

void df_fastpath_disown(struct fastpath *fp, uint16_t number)
{
    struct owner *owner = &fp->owners[number];
    if (owner->lport == NULL)
        return;
    free(owner->lport);
    *owner = (struct owner){NULL, 0};
    if (df_conns_ready())
        df_conn_zone_renew(number);
}

/* The number goes to that lport: connections of the one that had it before must not become its. */
static int own(struct fastpath *fp, uint16_t number, const char *lport)
{
    struct owner *owner = &fp->owners[number];
    const char *name = lport != NULL ? lport : "";
    owner->ticks_away = 0;
    if (owner->lport != NULL && strcmp(owner->lport, name) == 0)
        return 0;
    df_fastpath_disown(fp, number);
    owner->lport = strdup(name);
    return owner->lport != NULL ? 0 : -ENOMEM;
}

static int publish(struct fastpath *fp, const struct df_port_spec *spec, struct df_port *port)
{
    int code = own(fp, spec->port, spec->lport);
    if (code != 0)
        return code;
    const struct df_underlay_end *end = spec->underlay;
    if (end != NULL)
        df_underlay_set(&(struct df_underlay){.port = spec->port,
                                              .vlan = end->vlan,
                                              .exception = end->exception,
                                              .types = df_underlay_end_types(end),
                                              .ip4 = end->ip4.word[3],
                                              .ip6 = end->ip6,
                                              .mac = port->mac});
    return df_ports_publish(port);
}

int df_fastpath_port_add(struct df_datapath *dp, const struct df_port_spec *spec, struct df_error *error)
{
    struct fastpath *fp = of(dp);
    struct df_port_config config = {
        .number = spec->port,
        .name = spec->name,
        .vif_type = spec->vif_type,
        .vif_name = spec->vif_name,
        .server = spec->server,
        .mtu = spec->mtu,
        .mac = spec->mac,
        .n_workers = (uint16_t)fp->workers.n_workers,
        .pool = fp->workers.pool,
        .changed = port_changed,
        .changed_arg = fp,
    };
    if (strcmp(spec->vif_type, "memif") == 0 && !fp->allow_memif)
        return df_error_set(
            error, -EACCES,
            "memif '%s': refused, because a peer on shared memory can crash the switch; where every such "
            "peer is trusted, set [fastpath] memif = yes",
            spec->vif_name);
    if (strcmp(spec->vif_type, "ethdev") == 0) {
        config.devargs = devargs_of(fp, spec->vif_name);
        if (config.devargs == NULL)
            return df_error_set(error, -ENODEV, "ethdev '%s': not in [fastpath] ports of this node's configuration",
                                spec->vif_name);
    }
    struct df_port *port;
    int code = df_port_open(&config, &port);
    if (code != 0)
        return port_error(spec, code, error);
    code = publish(fp, spec, port);
    if (code != 0) {
        df_port_close(port);
        return df_error_set(error, code, "port %u of '%s' cannot be polled: %s", spec->port, spec->name,
                            strerror(-code));
    }
    return 0;
}

int df_fastpath_port_del(struct df_datapath *dp, uint16_t number)
{
    struct fastpath *fp = of(dp);
    struct df_port *port = df_ports_withdraw(number);
    if (port == NULL)
        return -ENODEV;
    df_port_close(port);
    atomic_store(&fp->changed[number], false);
    return 0;
}

/* False: the controller was told the same. */
static bool tell(struct fastpath *fp, uint16_t number, const struct df_port_state *state)
{
    struct told *told = &fp->told[number];
    bool is_news = told->attached != state->attached || told->gone != state->gone || told->detail != state->detail;
    *told = (struct told){state->attached, state->gone, state->detail};
    return is_news;
}

int df_fastpath_port_state(struct df_datapath *dp, uint16_t number, struct df_port_state *state)
{
    const struct df_port *port = df_ports_get(number);
    if (port == NULL)
        return -ENODEV;
    const char *detail = "";
    bool attached = port->ops->attached(port, &detail);
    *state = (struct df_port_state){.attached = attached, .detail = detail, .mac = port->mac};
    tell(of(dp), number, state);
    return 0;
}

int df_fastpath_port_stats(struct df_datapath *dp, uint16_t number, struct df_port_stats *stats)
{
    (void)dp;
    const struct df_port *port = df_ports_get(number);
    if (port == NULL)
        return -ENODEV;
    struct df_port_tally tally;
    df_port_tally(number, &tally);
    struct df_port_counters device = {0};
    if (port->ops->counters != NULL)
        port->ops->counters(port, &device);
    *stats = (struct df_port_stats){
        .rx_packets = tally.rx_packets,
        .rx_bytes = tally.rx_bytes,
        .tx_packets = tally.tx_packets,
        .tx_bytes = tally.tx_bytes,
        .tx_drops = tally.drops[DF_DROP_TX_FULL] + tally.drops[DF_DROP_TX_DOWN] + device.tx_errors,
        .rx_drops = device.rx_missed + device.rx_errors,
    };
    for (unsigned reason = 0; reason < DF_DROPS; reason++) {
        if (reason != DF_DROP_TX_FULL && reason != DF_DROP_TX_DOWN)
            stats->rx_drops += tally.drops[reason];
    }
    return 0;
}

/* ---- What changed */

void df_fastpath_tell_changed(struct df_datapath *dp)
{
    struct fastpath *fp = of(dp);
    for (uint16_t number = 1; number < DF_PORTS_MAX; number++) {
        struct df_port_state state;
        if (!atomic_exchange(&fp->changed[number], false) || df_fastpath_port_state(dp, number, &state) != 0)
            continue;
        dp->events.port_changed(dp->events.arg, number, &state);
    }
}

static void look(struct fastpath *fp, const struct df_port *port)
{
    struct df_datapath *dp = &fp->dp;
    const char *detail = "";
    bool attached = port->ops->attached(port, &detail);
    struct df_port_state state = {
        .attached = attached,
        .gone = port->ops->gone != NULL && port->ops->gone(port),
        .detail = detail,
    };
    if (tell(fp, port->number, &state))
        dp->events.port_changed(dp->events.arg, port->number, &state);
}

static void count_absence(struct fastpath *fp, uint16_t number)
{
    struct owner *owner = &fp->owners[number];
    if (owner->lport != NULL && ++owner->ticks_away > CONNS_KEPT_TICKS)
        df_fastpath_disown(fp, number);
}

void df_datapath_fastpath_tick(struct df_datapath *dp)
{
    for (uint16_t number = 1; number < DF_PORTS_MAX; number++) {
        const struct df_port *port = df_ports_get(number);
        if (port != NULL)
            look(of(dp), port);
        else
            count_absence(of(dp), number);
    }
}
