/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastpath/buffers.h"
#include "fastpath/eal_check.h"

#define DEFAULT_PROGRAM "df-switchd"
#define DEFAULT_MEMORY_MB 64u
#define DEFAULT_MBUFS 32768u
#define DEFAULT_MBUF_SIZE 2048u
#define MBUFS_MIN 1024u
#define MBUF_CACHE 256u
#define MBUF_OVERHEAD 192 /* mempool header and trailer, rounding */
#define ARGUMENTS_MAX (24 + 4 * DF_EAL_LIST_MAX)
#define CPU_LIST_MAX 512

struct arguments {
    char *value[ARGUMENTS_MAX + 1];
    int n;
    bool failed;
};

static const struct {
    const char *text, *remedy;
} causes[DF_EAL_CAUSES] = {
    [DF_EAL_OK] = {"", ""},
    [DF_EAL_NO_HUGEPAGES] = {"There are too few free hugepages. Without them packets cost more time, and most physical "
                             "NICs cannot be used.",
                             "Reserve some with scripts/hugepages, or ask for fewer packet buffers."},
    [DF_EAL_BAD_CPU] = {"A CPU that was asked for cannot be used.",
                        "Name CPUs that are online and that this process may run on (nproc, taskset -p, the unit's "
                        "AllowedCPUs)."},
    [DF_EAL_BAD_CONFIG] = {"A value is out of its range.", "Mend the configuration."},
    [DF_EAL_NO_PLUGIN] = {"A driver plug-in cannot be loaded.",
                          "Give the path of a shared object that only its owner can write, as all folders above it."},
    [DF_EAL_NO_PERMISSION] = {"The process lacks a permission.",
                              "Run it as root, or with CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_NICE and CAP_IPC_LOCK."},
    [DF_EAL_NO_MEMORY] = {"There is not enough memory for packet buffers.",
                          "Reserve more hugepages with scripts/hugepages, or ask for fewer packet buffers."},
    [DF_EAL_STARTED_BEFORE] = {"DPDK was started in this process before.", "Restart the process."},
    [DF_EAL_REFUSED] = {"DPDK did not start.", "Its own messages above say why."},
};

const char *df_eal_cause_text(enum df_eal_cause cause)
{
    return cause < DF_EAL_CAUSES ? causes[cause].text : "";
}

const char *df_eal_cause_remedy(enum df_eal_cause cause)
{
    return cause < DF_EAL_CAUSES ? causes[cause].remedy : "";
}

__attribute__((format(printf, 4, 5))) static int fail(struct df_eal *eal, enum df_eal_cause cause, int err,
                                                      const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(eal->detail, sizeof(eal->detail), format, list);
    va_end(list);
    eal->cause = cause;
    return err;
}

__attribute__((format(printf, 2, 3))) static void add(struct arguments *arguments, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    if (arguments->n == ARGUMENTS_MAX || vasprintf(&arguments->value[arguments->n], format, list) < 0)
        arguments->failed = true;
    else
        arguments->n++;
    va_end(list);
}

static void free_arguments(struct arguments *arguments)
{
    for (int i = 0; i < arguments->n; i++)
        free(arguments->value[i]);
}

static uint64_t bytes_wanted(const struct df_eal_config *config)
{
    uint64_t mbuf =
        sizeof(struct rte_mbuf) + DF_MBUF_PRIVATE + RTE_PKTMBUF_HEADROOM + config->mbuf_size + MBUF_OVERHEAD;
    return config->n_mbufs * mbuf + ((uint64_t)config->memory_mb << 20);
}

static int check_lists(const struct df_eal_config *config, struct df_eal *eal)
{
    unsigned n = 0;
    for (; config->plugins && config->plugins[n]; n++)
        if (!df_eal_plugin_usable(config->plugins[n], eal->detail, sizeof(eal->detail))) {
            eal->cause = DF_EAL_NO_PLUGIN;
            return -ENOENT;
        }
    if (n > DF_EAL_LIST_MAX)
        return fail(eal, DF_EAL_BAD_CONFIG, -EINVAL, "%u plug-ins, at most %d", n, DF_EAL_LIST_MAX);
    for (n = 0; config->pci && config->pci[n];)
        n++;
    if (n > DF_EAL_LIST_MAX)
        return fail(eal, DF_EAL_BAD_CONFIG, -EINVAL, "%u PCI devices, at most %d", n, DF_EAL_LIST_MAX);
    return 0;
}

static int check(const struct df_eal_config *config, struct df_eal *eal)
{
    if (config->n_workers == 0 || config->n_workers > DF_EAL_WORKERS_MAX)
        return fail(eal, DF_EAL_BAD_CONFIG, -EINVAL, "%u workers, 1 to %d are possible", config->n_workers,
                    DF_EAL_WORKERS_MAX);
    if (config->n_mbufs < MBUFS_MIN)
        return fail(eal, DF_EAL_BAD_CONFIG, -EINVAL, "%u packet buffers, at least %u", config->n_mbufs, MBUFS_MIN);
    if (config->mbuf_size < DEFAULT_MBUF_SIZE || config->mbuf_size > DF_MBUF_SIZE_MAX)
        return fail(eal, DF_EAL_BAD_CONFIG, -EINVAL, "packet buffers of %u bytes, %u to %d are possible",
                    config->mbuf_size, DEFAULT_MBUF_SIZE, DF_MBUF_SIZE_MAX);
    for (unsigned i = 0; i < config->n_workers; i++)
        if (!df_eal_cpu_usable(config->worker_cpus[i]))
            return fail(eal, DF_EAL_BAD_CPU, -EINVAL, "CPU %u of worker %u", config->worker_cpus[i], i);
    if (config->control_cpu >= 0 && !df_eal_cpu_usable((unsigned)config->control_cpu))
        return fail(eal, DF_EAL_BAD_CPU, -EINVAL, "CPU %d of the control thread", config->control_cpu);
    return check_lists(config, eal);
}

static int choose_memory(const struct df_eal_config *config, struct df_eal *eal)
{
    uint64_t wanted = bytes_wanted(config);
    uint64_t available = df_eal_hugepage_bytes();
    eal->hugepages = config->memory != DF_EAL_MEMORY_NO_HUGEPAGES && available >= wanted;
    if (eal->hugepages || config->memory == DF_EAL_MEMORY_NO_HUGEPAGES)
        return 0;
    int err = config->memory == DF_EAL_MEMORY_HUGEPAGES ? -ENOMEM : 0;
    return fail(eal, DF_EAL_NO_HUGEPAGES, err, "%llu MiB are wanted, %llu MiB of hugepages are free",
                (unsigned long long)(wanted + (1 << 20) - 1) >> 20, (unsigned long long)available >> 20);
}

/* Main lcore 0, worker i on lcore i + 1: "0@(0,2-3),1@1". */
static void add_lcores(struct arguments *arguments, const struct df_eal_config *config)
{
    char control[CPU_LIST_MAX];
    char lcores[CPU_LIST_MAX + 16 * DF_EAL_WORKERS_MAX];
    if (config->control_cpu >= 0)
        snprintf(control, sizeof(control), "%d", config->control_cpu);
    else
        df_eal_other_cpus(config->worker_cpus, config->n_workers, control, sizeof(control));
    int used = snprintf(lcores, sizeof(lcores), "0@(%s)", control);
    for (unsigned i = 0; i < config->n_workers; i++)
        used += snprintf(lcores + used, sizeof(lcores) - (size_t)used, ",%u@%u", df_eal_worker_lcore(i),
                         config->worker_cpus[i]);
    add(arguments, "--lcores=%s", lcores);
    add(arguments, "--main-lcore=0");
}

/*
 * Without PCI devices nothing needs physical addresses; with virtual ones the buffers are one piece, which AF_XDP
 * wants.
 */
static void add_devices(struct arguments *arguments, const struct df_eal_config *config)
{
    for (unsigned i = 0; config->plugins && config->plugins[i]; i++) {
        add(arguments, "-d");
        add(arguments, "%s", config->plugins[i]);
    }
    if (!config->pci || !config->pci[0]) {
        add(arguments, "--no-pci");
        add(arguments, "--iova-mode=va");
        return;
    }
    for (unsigned i = 0; config->pci[i]; i++) {
        add(arguments, "-a");
        add(arguments, "%s", config->pci[i]);
    }
}

static void add_all(struct arguments *arguments, const struct df_eal_config *config, bool hugepages)
{
    add(arguments, "%s", config->program);
    add_lcores(arguments, config);
    add(arguments, "--file-prefix=%s", config->file_prefix);
    add(arguments, "--log-level=%s", config->log_level);
    if (hugepages) {
        add(arguments, "--in-memory");
        /* Few files, so that virtio-user can hand all memory to its vhost (8 regions at most). */
        add(arguments, "--single-file-segments");
    } else {
        add(arguments, "--no-shconf"); /* what is left of --in-memory, which it refuses together with --no-huge */
        add(arguments, "--no-huge");
        add(arguments, "-m");
        add(arguments, "%u", (unsigned)((bytes_wanted(config) >> 20) + 1));
    }
    add_devices(arguments, config);
}

static int start_error(struct df_eal *eal)
{
    static const struct {
        int err;
        enum df_eal_cause cause;
    } known[] = {
        {EACCES, DF_EAL_NO_PERMISSION},
        {EPERM, DF_EAL_NO_PERMISSION},
        {ENOMEM, DF_EAL_NO_MEMORY},
        {EALREADY, DF_EAL_STARTED_BEFORE},
    };
    int err = rte_errno > 0 ? rte_errno : EINVAL;
    enum df_eal_cause cause = DF_EAL_REFUSED;
    for (unsigned i = 0; i < RTE_DIM(known); i++)
        if (known[i].err == err)
            cause = known[i].cause;
    return fail(eal, cause, -err, "rte_eal_init: %s", rte_strerror(err));
}

static int start(const struct df_eal_config *config, struct df_eal *eal)
{
    struct arguments arguments = {0};
    char *argv[ARGUMENTS_MAX + 1]; /* DPDK reorders what it gets */
    add_all(&arguments, config, eal->hugepages);
    memcpy(argv, arguments.value, sizeof(argv));
    signal(SIGPIPE, SIG_IGN);
    int ret = arguments.failed ? -1 : rte_eal_init(arguments.n, argv);
    int err = arguments.failed ? fail(eal, DF_EAL_NO_MEMORY, -ENOMEM, "arguments") : 0;
    if (ret < 0 && !err)
        err = start_error(eal);
    free_arguments(&arguments);
    return err;
}

static struct df_eal_config with_defaults(const struct df_eal_config *config)
{
    struct df_eal_config complete = *config;
    complete.program = config->program ? config->program : DEFAULT_PROGRAM;
    complete.file_prefix = config->file_prefix ? config->file_prefix : complete.program;
    complete.memory_mb = config->memory_mb ? config->memory_mb : DEFAULT_MEMORY_MB;
    complete.n_mbufs = config->n_mbufs ? config->n_mbufs : DEFAULT_MBUFS;
    complete.mbuf_size = config->mbuf_size ? config->mbuf_size : (uint16_t)DEFAULT_MBUF_SIZE;
    complete.log_level = config->log_level ? config->log_level : "warning";
    return complete;
}

int df_eal_init(const struct df_eal_config *config, struct df_eal *eal)
{
    struct df_eal_config complete = with_defaults(config);
    *eal = (struct df_eal){0};
    int err = check(&complete, eal);
    if (!err)
        err = choose_memory(&complete, eal);
    if (!err)
        err = start(&complete, eal);
    if (err)
        return err;
    eal->pool = df_buffers_new("df_packets", complete.n_mbufs, MBUF_CACHE, DF_MBUF_PRIVATE,
                               (uint16_t)(complete.mbuf_size + RTE_PKTMBUF_HEADROOM));
    if (eal->pool)
        return 0;
    err = -rte_errno;
    fail(eal, DF_EAL_NO_MEMORY, err, "%u packet buffers of %u bytes", complete.n_mbufs, complete.mbuf_size);
    rte_eal_cleanup();
    return err;
}

void df_eal_fini(struct df_eal *eal)
{
    rte_mempool_free(eal->pool);
    eal->pool = NULL;
    rte_eal_cleanup();
}
