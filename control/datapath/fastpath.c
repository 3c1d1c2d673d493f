/* SPDX-License-Identifier: Apache-2.0 */
#include "control/datapath/fastpath.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/datapath/fastpath_report.h"
#include "fastpath/conn/conn.h"
#include "fastpath/eal.h"
#include "fastpath/rcu.h"
#include "fastpath/tables/table.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/underlay/underlay.h"

#define PUNTS_PER_POLL 256

/* A port that went keeps its connections for so long: a device that comes back, or a container that restarts. */
#define CONNS_KEPT_TICKS 60

/* df_conns_age_budget() is for a call each 10 ms; a hundred of them see all connections. */
#define AGE_SLICE_MS 10
#define AGE_SLICES_MAX 100

/* What the controller was told of a port. */
struct told {
    bool attached, gone;
    const char *detail; /* compared by address, never read: the port may be another one by now */
};

/* Whose connections a port number's are. */
struct owner {
    char *lport;         /* NULL: nobody's */
    unsigned ticks_away; /* since it was last open */
};

struct fastpath {
    struct df_datapath dp;
    struct df_worker_config workers;
    const struct df_fastpath_device *devices;
    size_t n_devices;
    bool allow_memif;
    int wake_fd;
    bool running;
    uint32_t aged_ms; /* of df_workers_now_ms() */
    struct told told[DF_PORTS_MAX];
    struct owner owners[DF_PORTS_MAX];
    /* Ports whose attachment changed; set on any thread, read by the poll. */
    _Atomic bool changed[DF_PORTS_MAX];
};

static struct fastpath *of(struct df_datapath *dp)
{
    return (struct fastpath *)dp;
}

/* On a worker or a thread of vhost's: an eventfd write never blocks before 2^64. */
static void wake(void *arg)
{
    const struct fastpath *fp = arg;
    uint64_t one = 1;
    if (write(fp->wake_fd, &one, sizeof(one)) < 0)
        return; /* EAGAIN: it is readable already */
}

static void port_changed(void *arg, uint16_t number)
{
    struct fastpath *fp = arg;
    atomic_store(&fp->changed[number], true);
    wake(fp);
}

static const struct df_table *table_of(const struct df_entry *entry, struct df_error *error)
{
    const struct df_table *table = df_table(entry->table);
    if (table == NULL)
        df_error_set(error, -ENOENT, "the fast path has no table %u", entry->table);
    return table;
}

static int put(struct df_datapath *dp, const struct df_entry *entry, struct df_error *error)
{
    (void)dp;
    const struct df_table *table = table_of(entry, error);
    if (table == NULL)
        return -ENOENT;
    int code = table->ops->put(table->state, entry);
    if (code == -ENOSPC)
        return df_error_set(error, code, "table %s is full: raise [fastpath] table_entries_max", table->ops->desc.name);
    if (code != 0)
        return df_error_set(error, code, "table %s refused the entry: %s", table->ops->desc.name, strerror(-code));
    return 0;
}

static int del(struct df_datapath *dp, const struct df_entry *entry, struct df_error *error)
{
    (void)dp;
    const struct df_table *table = table_of(entry, error);
    if (table == NULL)
        return -ENOENT;
    int code = table->ops->del(table->state, entry);
    if (code != 0)
        return df_error_set(error, code, "table %s has no such entry", table->ops->desc.name);
    return 0;
}

static int flush(struct df_datapath *dp, uint16_t number)
{
    (void)dp;
    const struct df_table *table = df_table(number);
    return table != NULL && table->ops->flush != NULL ? table->ops->flush(table->state) : 0;
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

static void disown(struct fastpath *fp, uint16_t number)
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
    disown(fp, number);
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

static int port_add(struct df_datapath *dp, const struct df_port_spec *spec, struct df_error *error)
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

static int port_del(struct df_datapath *dp, uint16_t number)
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

static int port_state(struct df_datapath *dp, uint16_t number, struct df_port_state *state)
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

static int port_stats(struct df_datapath *dp, uint16_t number, struct df_port_stats *stats)
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

static int packet_out(struct df_datapath *dp, uint16_t port, const uint8_t *frame, uint32_t len)
{
    (void)dp;
    return df_workers_packet_out(port, frame, len);
}

static int packet_in(struct df_datapath *dp, uint16_t port, const uint8_t *frame, uint32_t len)
{
    (void)dp;
    return df_workers_packet_in(port, frame, len);
}

static void dropped(struct df_datapath *dp, uint16_t port, enum df_drop reason)
{
    (void)dp;
    df_workers_dropped(port, reason);
}

static void listen_to(struct df_datapath *dp, const struct df_ip *ip, bool on)
{
    (void)dp;
    df_underlay_listen(ip, on);
}

static int for_each(struct df_datapath *dp, uint16_t number,
                    int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg)
{
    (void)dp;
    const struct df_table *table = df_table(number);
    return table != NULL ? table->ops->for_each(table->state, cb, arg) : -ENOENT;
}

static uint32_t count(struct df_datapath *dp, uint16_t number)
{
    (void)dp;
    const struct df_table *table = df_table(number);
    return table != NULL ? table->ops->count(table->state) : 0;
}

static json_t *report(struct df_datapath *dp, const char *what, json_t *params, struct df_error *error)
{
    (void)dp;
    return df_fastpath_report(what, params, error);
}

static void fastpath_close(struct df_datapath *dp)
{
    struct fastpath *fp = of(dp);
    if (fp->running)
        df_workers_stop();
    for (uint16_t number = 1; number < DF_PORTS_MAX; number++) {
        port_del(dp, number);
        disown(fp, number);
    }
    df_rcu_barrier();
    df_conns_fini();
    df_workers_fini();
    df_tables_fini();
    close(fp->wake_fd);
    free(fp);
}

static const struct df_datapath_ops fastpath_ops = {
    .name = "fastpath",
    .put = put,
    .del = del,
    .flush = flush,
    .port_add = port_add,
    .port_del = port_del,
    .port_state = port_state,
    .port_stats = port_stats,
    .packet_out = packet_out,
    .packet_in = packet_in,
    .dropped = dropped,
    .listen = listen_to,
    .for_each = for_each,
    .count = count,
    .report = report,
    .close = fastpath_close,
};

/* Tables, connections, workers: in the order in which one uses the other. */
static int start_parts(const struct fastpath *fp, const struct df_fastpath_config *config, struct df_error *error)
{
    struct df_conns_config conns = config->conns;
    conns.n_workers = config->workers.n_workers;
    int code = df_tables_init(config->table_entries_max);
    if (code != 0)
        return df_error_set(error, code, "no memory for the pipeline's tables");
    code = conns.max != 0 ? df_conns_init(&conns) : 0;
    if (code != 0) {
        df_error_set(error, code, "no memory for connections: lower [fastpath] connections_max");
        goto err_tables;
    }
    code = df_workers_init(&fp->workers);
    if (code == 0)
        return 0;
    df_error_set(error, code, "no memory for flow caches: lower [fastpath] flow_cache_entries");
    df_conns_fini();
err_tables:
    df_tables_fini();
    return code;
}

int df_datapath_fastpath_open(const struct df_fastpath_config *config, struct df_datapath **dp, struct df_error *error)
{
    struct fastpath *fp = calloc(1, sizeof(*fp));
    if (fp == NULL)
        return df_error_set(error, -ENOMEM, "no memory for the fast path");
    fp->dp.ops = &fastpath_ops;
    fp->devices = config->devices;
    fp->n_devices = config->n_devices;
    fp->allow_memif = config->allow_memif;
    fp->workers = config->workers;
    fp->workers.wake = wake;
    fp->workers.wake_arg = fp;
    fp->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int code = fp->wake_fd < 0 ? df_error_set(error, -errno, "no eventfd for the workers: %s", strerror(errno))
                               : start_parts(fp, config, error);
    if (code == 0) {
        fp->aged_ms = df_workers_now_ms();
        *dp = &fp->dp;
        return 0;
    }
    if (fp->wake_fd >= 0)
        close(fp->wake_fd);
    free(fp);
    return code;
}

int df_datapath_fastpath_start(struct df_datapath *dp, struct df_error *error)
{
    int code = df_workers_start();
    if (code != 0)
        return df_error_set(error, code, "workers do not start: check [fastpath] workers");
    of(dp)->running = true;
    return 0;
}

int df_datapath_fastpath_fd(const struct df_datapath *dp)
{
    return ((const struct fastpath *)dp)->wake_fd;
}

static bool hand_over_one(struct df_datapath *dp)
{
    struct df_punt_info info;
    struct rte_mbuf *mbuf = df_workers_punted(&info);
    if (mbuf == NULL)
        return false;
    dp->events.punt(dp->events.arg, info.app, info.lport, info.network, rte_pktmbuf_mtod(mbuf, uint8_t *),
                    mbuf->data_len);
    rte_pktmbuf_free(mbuf);
    return true;
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
        disown(fp, number);
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

/* A loop that stood still catches up, with one look at each connection at most. */
void df_datapath_fastpath_age(struct df_datapath *dp)
{
    struct fastpath *fp = of(dp);
    uint32_t now_ms = df_workers_now_ms();
    uint32_t slices = (now_ms - fp->aged_ms) / AGE_SLICE_MS;
    fp->aged_ms += slices * AGE_SLICE_MS;
    if (slices > AGE_SLICES_MAX)
        slices = AGE_SLICES_MAX;
    if (df_conns_ready() && slices != 0)
        df_conns_age(now_ms, slices * df_conns_age_budget());
}

void df_datapath_fastpath_poll(struct df_datapath *dp)
{
    struct fastpath *fp = of(dp);
    uint64_t wakes;
    if (read(fp->wake_fd, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN)
        return;
    for (uint16_t number = 1; number < DF_PORTS_MAX; number++) {
        struct df_port_state state;
        if (!atomic_exchange(&fp->changed[number], false) || port_state(dp, number, &state) != 0)
            continue;
        dp->events.port_changed(dp->events.arg, number, &state);
    }
    for (unsigned i = 0; i < PUNTS_PER_POLL; i++) {
        if (!hand_over_one(dp))
            return;
    }
    wake(fp); /* there is more */
}
