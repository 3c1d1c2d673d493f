/* SPDX-License-Identifier: Apache-2.0 */
#include "control/datapath/fastpath.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/datapath/fastpath_private.h"
#include "control/datapath/fastpath_report.h"
#include "fastpath/conn/conn.h"
#include "fastpath/rcu.h"
#include "fastpath/tables/table.h"
#include "fastpath/underlay/underlay.h"

#define PUNTS_PER_POLL 256

/* df_conns_age_budget() is for a call each 10 ms; a hundred of them see all connections. */
#define AGE_SLICE_MS 10
#define AGE_SLICES_MAX 100

static struct fastpath *of(struct df_datapath *dp)
{
    return (struct fastpath *)dp;
}

/* On a worker or a thread of vhost's: an eventfd write never blocks before 2^64. */
void df_fastpath_wake(void *arg)
{
    const struct fastpath *fp = arg;
    uint64_t one = 1;
    if (write(fp->wake_fd, &one, sizeof(one)) < 0)
        return; /* EAGAIN: it is readable already */
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
        df_fastpath_port_del(dp, number);
        df_fastpath_disown(fp, number);
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
    .port_add = df_fastpath_port_add,
    .port_del = df_fastpath_port_del,
    .port_state = df_fastpath_port_state,
    .port_stats = df_fastpath_port_stats,
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
    conns.seen_late_ms = DF_WORKER_SEEN_LATE_MS;
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
    fp->workers.wake = df_fastpath_wake;
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
    df_fastpath_tell_changed(dp);
    for (unsigned i = 0; i < PUNTS_PER_POLL; i++) {
        if (!hand_over_one(dp))
            return;
    }
    df_fastpath_wake(fp); /* there is more */
}
