/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/internal.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/datapath/null.h"

/* From the configuration to a running data plane. */

/* Where no CPU is named: the last one that the process may run on. */
static void default_worker(struct df_daemon *daemon)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        CPU_ZERO(&allowed);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            daemon->worker_cpus[0] = cpu;
    daemon->n_workers = 1;
}

static void list_workers(struct df_daemon *daemon)
{
    int n = df_config_lcores(daemon->config->workers, daemon->worker_cpus, DF_EAL_WORKERS_MAX);
    daemon->n_workers = n > 0 ? (unsigned)n : 0;
    if (n <= 0)
        default_worker(daemon);
}

static int control_cpu(const struct df_config *config)
{
    unsigned cpu;
    return df_config_lcores(config->control_lcore, &cpu, 1) == 1 ? (int)cpu : -1;
}

static enum df_eal_memory memory_of(const struct df_config *config)
{
    switch (*config->hugepages) {
    case 'y':
        return DF_EAL_MEMORY_HUGEPAGES;
    case 'n':
        return DF_EAL_MEMORY_NO_HUGEPAGES;
    default:
        return DF_EAL_MEMORY_AUTO;
    }
}

/* A PCI device is named by its address, "0000:02:00.0" or "02:00.0"; every other driver by a word. */
static bool is_pci(const char *devargs)
{
    size_t len = strcspn(devargs, ",");
    return len > 0 && strspn(devargs, "0123456789abcdefABCDEF:.") == len && memchr(devargs, ':', len) != NULL;
}

static int list_devices(struct df_daemon *daemon)
{
    char **ports = daemon->config->ports;
    size_t n = 0;
    while (ports[n])
        n++;
    daemon->devices = calloc(n + 1, sizeof(*daemon->devices));
    if (!daemon->devices)
        return -ENOMEM;
    daemon->n_devices = n;
    for (size_t i = 0; i < n; i++) {
        char *equals = strchr(ports[i], '=');
        char *name = strndup(ports[i], (size_t)(equals - ports[i]));
        if (!name)
            return -ENOMEM;
        daemon->devices[i] = (struct df_fastpath_device){.name = name, .devargs = equals + 1};
    }
    return 0;
}

static void free_devices(struct df_daemon *daemon)
{
    for (size_t i = 0; daemon->devices && i < daemon->n_devices; i++)
        free((char *)daemon->devices[i].name);
    free(daemon->devices);
    daemon->devices = NULL;
}

static int start_eal(struct df_daemon *daemon)
{
    const struct df_config *config = daemon->config;
    const char *pci[DF_EAL_LIST_MAX + 1] = {NULL};
    size_t n_pci = 0;
    for (size_t i = 0; i < daemon->n_devices && n_pci < DF_EAL_LIST_MAX; i++)
        if (is_pci(daemon->devices[i].devargs))
            pci[n_pci++] = daemon->devices[i].devargs;
    struct df_eal_config eal = {
        .worker_cpus = daemon->worker_cpus,
        .n_workers = daemon->n_workers,
        .control_cpu = control_cpu(config),
        .memory = memory_of(config),
        .memory_mb = config->memory_mb,
        .n_mbufs = config->mbufs,
        .mbuf_size = (uint16_t)config->mbuf_size,
        .plugins = (const char *const *)config->plugins,
        .pci = pci,
    };
    int rc = df_eal_init(&eal, &daemon->eal);
    daemon->eal_started = rc == 0;
    if (daemon->eal.cause == DF_EAL_OK)
        return rc;
    const char *detail = daemon->eal.detail;
    df_log(rc == 0 ? DF_LOG_WARNING : DF_LOG_ERROR, "DPDK %s. %s%s%s%s %s", rc == 0 ? "started" : "does not start",
           df_eal_cause_text(daemon->eal.cause), *detail ? " (" : "", detail, *detail ? ")" : "",
           df_eal_cause_remedy(daemon->eal.cause));
    return rc;
}

static int open_fastpath(struct df_daemon *daemon)
{
    const struct df_config *config = daemon->config;
    struct df_fastpath_config fastpath = {
        .workers = {.n_workers = daemon->n_workers,
                    .flow_cache_entries = config->flow_cache_entries,
                    .answers_per_second = config->answers_per_second,
                    .punts_per_second = config->punts_per_second,
                    .exceptions_per_second = config->exceptions_per_second,
                    .flood_copies_per_second = config->flood_copies_per_second,
                    .fragments = {.datagrams_max = config->fragment_datagrams,
                                  .held_max = config->fragments_held,
                                  .timeout_ms = config->fragment_timeout * 1000},
                    .idle_us = config->idle_us,
                    .pool = daemon->eal.pool},
        .table_entries_max = config->table_entries_max,
        .devices = daemon->devices,
        .n_devices = daemon->n_devices,
        .allow_memif = *config->memif == 'y',
        .conns = {.max = config->connections_max,
                  .max_per_port = config->connections_per_port,
                  .tcp_pick_up = *config->tcp_pick_up == 'y',
                  .timeouts = df_config_conn_timeouts(config)},
    };
    for (unsigned i = 0; i < daemon->n_workers; i++)
        fastpath.workers.lcores[i] = df_eal_worker_lcore(i);
    struct df_error error;
    int rc = df_datapath_fastpath_open(&fastpath, &daemon->dp, &error);
    if (rc == 0)
        rc = df_datapath_fastpath_start(daemon->dp, &error);
    if (rc != 0)
        df_log(DF_LOG_ERROR, "%s", error.text);
    return rc;
}

int df_daemon_open_datapath(struct df_daemon *daemon)
{
    daemon->is_fastpath = strcmp(daemon->config->backend, "fastpath") == 0;
    if (!daemon->is_fastpath) {
        daemon->dp = df_datapath_null_open();
        return daemon->dp ? 0 : -ENOMEM;
    }
    list_workers(daemon);
    int rc = list_devices(daemon);
    if (rc == 0)
        rc = start_eal(daemon);
    if (rc == 0)
        rc = open_fastpath(daemon);
    return rc;
}

void df_daemon_close_datapath(struct df_daemon *daemon)
{
    if (daemon->dp)
        daemon->dp->ops->close(daemon->dp);
    daemon->dp = NULL;
    if (daemon->eal_started)
        df_eal_fini(&daemon->eal);
    daemon->eal_started = false;
    free_devices(daemon);
}
