/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/eal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <glob.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "fastpath/eal_check.h"

static unsigned first_cpu(void)
{
    cpu_set_t cpus;
    unsigned cpu = 0;
    sched_getaffinity(0, sizeof(cpus), &cpus);
    while (!CPU_ISSET(cpu, &cpus))
        cpu++;
    return cpu;
}

static struct df_eal_config config_for(const unsigned *cpus, unsigned n)
{
    return (struct df_eal_config){.program = "test",
                                  .worker_cpus = cpus,
                                  .n_workers = n,
                                  .control_cpu = -1,
                                  .memory = DF_EAL_MEMORY_NO_HUGEPAGES,
                                  .n_mbufs = 2048,
                                  .log_level = "critical"};
}

static void expect_refused(const struct df_eal_config *config, int err, enum df_eal_cause cause)
{
    struct df_eal eal;
    cr_expect_eq(df_eal_init(config, &eal), err);
    cr_expect_eq(eal.cause, cause, "%s", eal.detail);
    cr_expect_neq(eal.detail[0], '\0');
    cr_expect_null(eal.pool);
}

static int on_worker(void *arg)
{
    *(unsigned *)arg = rte_lcore_id();
    return 0;
}

/* More workers than CPUs is slow and works. */
Test(eal, workers_get_lcores_and_everybody_packet_buffers, .timeout = 30)
{
    unsigned cpus[2] = {first_cpu(), first_cpu()};
    struct df_eal_config config = config_for(cpus, 2);
    struct df_eal eal;
    cr_assert_eq(df_eal_init(&config, &eal), 0, "%s", eal.detail);
    cr_expect_eq(eal.cause, DF_EAL_OK);
    cr_expect_str_eq(eal.detail, "");
    cr_expect_not(eal.hugepages);
    cr_expect_eq(rte_lcore_id(), 0, "control is the main lcore");
    cr_expect_eq(rte_lcore_count(), 3);
    for (unsigned i = 0; i < 2; i++) {
        unsigned lcore = 0;
        cr_assert_eq(rte_eal_remote_launch(on_worker, &lcore, df_eal_worker_lcore(i)), 0);
        rte_eal_wait_lcore(df_eal_worker_lcore(i));
        cr_expect_eq(lcore, df_eal_worker_lcore(i));
    }
    cr_expect_eq(rte_mempool_avail_count(eal.pool), 2048);
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(eal.pool);
    cr_assert_not_null(mbuf);
    cr_expect_eq(rte_pktmbuf_tailroom(mbuf), 2048);
    cr_expect_eq(rte_pktmbuf_priv_size(eal.pool), DF_MBUF_PRIVATE);
    rte_pktmbuf_free(mbuf);
    df_eal_fini(&eal);
    expect_refused(&config, -EALREADY, DF_EAL_STARTED_BEFORE);
}

Test(eal, values_out_of_range_are_refused)
{
    unsigned cpu = first_cpu();
    struct df_eal_config config = config_for(&cpu, 0);
    expect_refused(&config, -EINVAL, DF_EAL_BAD_CONFIG);
    config.n_workers = DF_EAL_WORKERS_MAX + 1;
    expect_refused(&config, -EINVAL, DF_EAL_BAD_CONFIG);
    config = config_for(&cpu, 1);
    config.n_mbufs = 1023;
    expect_refused(&config, -EINVAL, DF_EAL_BAD_CONFIG);
    config = config_for(&cpu, 1);
    config.mbuf_size = 2047;
    expect_refused(&config, -EINVAL, DF_EAL_BAD_CONFIG);
    config.mbuf_size = DF_MBUF_SIZE_MAX + 1;
    expect_refused(&config, -EINVAL, DF_EAL_BAD_CONFIG);

    const char *many[DF_EAL_LIST_MAX + 2] = {0};
    for (unsigned i = 0; i <= DF_EAL_LIST_MAX; i++)
        many[i] = "0000:00:1f.7";
    config = config_for(&cpu, 1);
    config.pci = many;
    expect_refused(&config, -EINVAL, DF_EAL_BAD_CONFIG);
}

Test(eal, cpus_that_are_not_there_are_refused)
{
    unsigned cpus[2] = {first_cpu(), 1000};
    struct df_eal_config config = config_for(cpus, 2);
    cpu_set_t before, after;
    sched_getaffinity(0, sizeof(before), &before);
    expect_refused(&config, -EINVAL, DF_EAL_BAD_CPU);
    cpus[1] = 1000000;
    expect_refused(&config, -EINVAL, DF_EAL_BAD_CPU);
    config.n_workers = 1;
    config.control_cpu = 1001;
    expect_refused(&config, -EINVAL, DF_EAL_BAD_CPU);
    sched_getaffinity(0, sizeof(after), &after);
    cr_expect(CPU_EQUAL(&before, &after), "looking changed nothing");
}

/* Of the machine in all: others give them back at any time. */
static uint32_t hugepages_mb(void)
{
    glob_t pools;
    uint64_t kib = 0;
    cr_assert_eq(glob("/sys/kernel/mm/hugepages/hugepages-*kB", 0, NULL, &pools), 0);
    for (size_t i = 0; i < pools.gl_pathc; i++) {
        char path[256];
        unsigned long long size, n;
        cr_assert_eq(sscanf(pools.gl_pathv[i], "/sys/kernel/mm/hugepages/hugepages-%llukB", &size), 1);
        snprintf(path, sizeof(path), "%s/nr_hugepages", pools.gl_pathv[i]);
        FILE *file = fopen(path, "r");
        cr_assert_not_null(file);
        cr_assert_eq(fscanf(file, "%llu", &n), 1);
        fclose(file);
        kib += size * n;
    }
    globfree(&pools);
    return (uint32_t)(kib >> 10);
}

Test(eal, too_few_hugepages_are_told_before_dpdk_starts)
{
    unsigned cpu = first_cpu();
    struct df_eal_config config = config_for(&cpu, 1);
    struct df_eal eal;
    config.memory = DF_EAL_MEMORY_HUGEPAGES;
    config.memory_mb = 1u << 30; /* a pebibyte */
    expect_refused(&config, -ENOMEM, DF_EAL_NO_HUGEPAGES);

    /* Whatever this machine has is too little for this; ordinary pages are not touched before they are used. */
    config.memory = DF_EAL_MEMORY_AUTO;
    config.memory_mb = hugepages_mb() + 64;
    cr_assert_eq(df_eal_init(&config, &eal), 0, "%s", eal.detail);
    cr_expect_not(eal.hugepages);
    cr_expect_eq(eal.cause, DF_EAL_NO_HUGEPAGES, "started, and something is lost");
    cr_expect_not_null(strstr(eal.detail, "MiB of hugepages are free"));
    df_eal_fini(&eal);
}

Test(eal, plugins_are_looked_at)
{
    char folder[] = "/var/tmp/df-eal-XXXXXX";
    char path[64], why[192] = "";
    unsigned cpu = first_cpu();
    const char *plugins[] = {"/nonexistent.so", NULL};
    struct df_eal_config config = config_for(&cpu, 1);
    config.plugins = plugins;
    expect_refused(&config, -ENOENT, DF_EAL_NO_PLUGIN);

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/plugin.so", folder);
    fclose(fopen(path, "w"));
    cr_expect_not(df_eal_plugin_usable(path, why, sizeof(why)), "everybody can write /var/tmp");
    cr_expect_not_null(strstr(why, "/var/tmp can be written by everybody"), "%s", why);
    unlink(path);
    rmdir(folder);
    cr_expect(df_eal_plugin_usable("/usr/bin/env", why, sizeof(why)), "%s", why);
}

Test(eal, every_cause_has_a_text_and_a_remedy)
{
    cr_expect_str_eq(df_eal_cause_text(DF_EAL_OK), "");
    for (int cause = DF_EAL_OK + 1; cause < DF_EAL_CAUSES; cause++) {
        cr_expect_gt(strlen(df_eal_cause_text((enum df_eal_cause)cause)), 10);
        cr_expect_gt(strlen(df_eal_cause_remedy((enum df_eal_cause)cause)), 10);
    }
    cr_expect_str_eq(df_eal_cause_text(DF_EAL_CAUSES), "");
}

Test(eal, control_runs_where_no_worker_does)
{
    char list[256];
    unsigned cpus[CPU_SETSIZE];
    unsigned n = 0;
    cpu_set_t set;
    sched_getaffinity(0, sizeof(set), &set);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &set))
            cpus[n++] = cpu;
    df_eal_other_cpus(cpus, n, list, sizeof(list));
    char all[256];
    df_eal_other_cpus(NULL, 0, all, sizeof(all));
    cr_expect_str_eq(list, all, "no CPU is left, so all");
    if (n < 2)
        cr_skip_test("needs two CPUs");
    char last[16];
    snprintf(last, sizeof(last), "%u", cpus[n - 1]);
    df_eal_other_cpus(cpus, n - 1, list, sizeof(list));
    cr_expect_str_eq(list, last);
}
