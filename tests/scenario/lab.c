/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"

#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dbsync/driver.h"
#include "control/datapath/fastpath.h"
#include "fastpath/rcu.h"
#include "tests/scenario/lab_private.h"
#include "tests/scenario/memory_port.h"

#define CYCLES_PER_SECOND 1000000000ull

static struct df_fastpath_device devices[LAB_DEVICES];
static char device_names[LAB_DEVICES][8];
static char directory[48];
static uint64_t now_ms = 1000;
static struct rte_mempool *pool;
static struct df_nb *nb;
static struct df_datapath *dp;
static struct df_controller *controller;
static enum lab_cache cache_mode;
static uint16_t buffer_size = RTE_MBUF_DEFAULT_BUF_SIZE;
static uint32_t table_entries_max = 4096;

struct df_controller *lab_controller(void)
{
    return controller;
}

struct df_datapath *lab_datapath(void)
{
    return dp;
}

static uint64_t clock_ms(const struct df_clock *clock)
{
    (void)clock;
    return now_ms;
}

static uint64_t clock_cycles(void)
{
    return now_ms * (CYCLES_PER_SECOND / 1000);
}

static const struct df_clock the_clock = {.now_ms = clock_ms};

static void read_cache_mode(void)
{
    const char *mode = getenv("DF_LAB_CACHE");
    if (mode == NULL || strcmp(mode, "on") == 0)
        cache_mode = LAB_CACHE_ON;
    else if (strcmp(mode, "off") == 0)
        cache_mode = LAB_CACHE_OFF;
    else if (strcmp(mode, "twice") == 0)
        cache_mode = LAB_CACHE_TWICE;
    else
        cr_assert_fail("DF_LAB_CACHE is on, off or twice, not %s", mode);
}

static void start_eal(void)
{
    char *arguments[] = {"lab", "--no-huge",      "--no-pci",      "--no-shconf", "-m",
                         "128", "--no-telemetry", "--log-level=4", "-l",          "0"};
    cr_assert_geq(rte_eal_init(RTE_DIM(arguments), arguments), 0, "the EAL does not start");
    pool = rte_pktmbuf_pool_create("lab", 4095, 0, 0, buffer_size, SOCKET_ID_ANY);
    cr_assert_not_null(pool);
}

static void open_database(void)
{
    struct df_error error = {""};
    /* In memory where there is such a place: a test writes often, and nothing of it has to last. */
    snprintf(directory, sizeof(directory), "%s/df-scenario-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    cr_assert_not_null(mkdtemp(directory));
    struct df_db_config config = {.location = directory, .create = true};
    cr_assert_eq(df_nb_open("lmdb", &config, &nb, &error), 0, "%s", error.text);
}

/* A table of 4096 connections unless the test wants another. */
static struct df_conns_config conns_config(const struct lab_connections *wanted)
{
    uint32_t max = wanted->max ? wanted->max : 4096;
    return (struct df_conns_config){.max = max,
                                    .max_per_port = wanted->max_per_port ? wanted->max_per_port : max,
                                    .tcp_pick_up = !wanted->no_pick_up,
                                    .timeouts = df_conn_timeouts_default};
}

static void open_datapath(const struct lab_connections *connections)
{
    struct df_error error = {""};
    for (unsigned i = 0; i < LAB_DEVICES; i++) {
        snprintf(device_names[i], sizeof(device_names[i]), i + 1 < LAB_DEVICES ? "vm%u" : "up0", i + 1);
        devices[i] = (struct df_fastpath_device){device_names[i], "memory"};
    }
    struct df_fastpath_config config = {
        .workers = {.n_workers = 1,
                    .flow_cache_entries = cache_mode == LAB_CACHE_OFF ? 0 : 1024,
                    .answers_per_second = 80,
                    .punts_per_second = 80,
                    .exceptions_per_second = LAB_EXCEPTIONS_PER_SECOND,
                    .flood_copies_per_second = LAB_FLOOD_COPIES_PER_SECOND,
                    .fragments = {.datagrams_max = LAB_FRAGMENT_DATAGRAMS,
                                  .held_max = LAB_FRAGMENTS_HELD,
                                  .timeout_ms = LAB_FRAGMENT_TIMEOUT_MS},
                    .pool = pool,
                    .cycles = clock_cycles,
                    .cycles_per_second = CYCLES_PER_SECOND},
        .table_entries_max = table_entries_max,
        .devices = devices,
        .n_devices = LAB_DEVICES,
        .conns = conns_config(connections),
    };
    cr_assert_eq(df_datapath_fastpath_open(&config, &dp, &error), 0, "%s", error.text);
}

static void open_controller(const char *const *apps, const char *apps_dir, const struct df_underlay_config *underlay)
{
    struct df_error error = {""};
    struct df_controller_config config = {.host = "node1",
                                          .apps_dir = apps_dir,
                                          .apps = apps,
                                          .vhost_sock_dir = directory,
                                          .underlay = underlay,
                                          .dp = dp,
                                          .clock = &the_clock};
    cr_assert_eq(df_controller_new(&config, &controller, &error), 0, "%s", error.text);
    dp->events = (struct df_datapath_events){
        .punt = df_controller_punt, .port_changed = df_controller_port_changed, .arg = controller};
}

static void take(struct df_nb_change *change, void *arg)
{
    (void)arg;
    df_controller_change(controller, change);
}

/* What the daemon does in a turn of its loop. */
static void settle(void)
{
    struct df_error error = {""};
    cr_assert_geq(df_nb_sync(nb, take, NULL, &error), 0, "%s", error.text);
    df_controller_settle(controller);
}

static void up(const char *const *apps, const char *apps_dir, const struct lab_connections *connections,
               const struct df_underlay_config *underlay)
{
    read_cache_mode();
    df_rcu_register();
    start_eal();
    memory_ports_register();
    open_database();
    open_datapath(connections);
    open_controller(apps, apps_dir, underlay);
    settle();
}

void lab_take_jumbo_frames(void)
{
    buffer_size = RTE_PKTMBUF_HEADROOM + 9216;
    memory_ports_take_jumbo_frames();
}

void lab_take_large_tables(void)
{
    table_entries_max = 16384;
}

void lab_up_with(const char *const *apps, const char *apps_dir)
{
    up(apps, apps_dir, &(const struct lab_connections){0}, NULL);
}

void lab_up_connections(const struct lab_connections *connections)
{
    static const char *const apps[] = {"l2", "l3", "portsec", "dhcp", "secgroup", NULL};
    up(apps, DF_TEST_APPS_DIR, connections, NULL);
}

void lab_up_secgroup(void)
{
    lab_up_connections(&(const struct lab_connections){0});
}

void lab_up_underlay(const struct df_underlay_config *underlay)
{
    static const char *const apps[] = {"l2", "l3", "portsec", "secgroup", "dhcp", "tunneling", NULL};
    if (underlay->exception != NULL)
        memory_ports_register_tap();
    up(apps, DF_TEST_APPS_DIR, &(const struct lab_connections){0}, underlay);
}

/* What the node says of itself when its underlay opens is not what a test of tunnels is about. */
static void let_it_announce_itself(void)
{
    struct rte_mbuf *mbuf;
    lab_turn_ms(LAB_ANNOUNCE_MS);
    while ((mbuf = memory_port_take("up0")) != NULL)
        rte_pktmbuf_free(mbuf);
}

void lab_up_tunneling(void)
{
    static const char *const neighbours[] = {LAB_PEER2 "=" LAB_PEER2_MAC, LAB_PEER3 "=" LAB_PEER3_MAC, NULL};
    static const char *const local_ips[] = {LAB_UNDERLAY_IP, NULL};
    static const struct df_underlay_config underlay = {
        .port = "up0", .local_ips = local_ips, .neighbours = neighbours, .mtu = 1550};
    lab_up_underlay(&underlay);
    let_it_announce_itself();
}

void lab_up(void)
{
    static const char *const apps[] = {"l2", "l3", "portsec", "dhcp", NULL};
    lab_up_with(apps, DF_TEST_APPS_DIR);
}

void lab_down(void)
{
    cr_assert_eq(df_controller_recompile(controller), 0, "a full recompile changed something");
    df_controller_free(controller);
    dp->ops->close(dp);
    df_nb_close(nb);
    df_rcu_unregister();
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

static json_t *parse(const char *text)
{
    char *copy = strdup(text);
    for (char *c = copy; *c != '\0'; c++) {
        if (*c == '\'')
            *c = '"';
    }
    json_error_t error;
    json_t *json = json_loads(copy, 0, &error);
    cr_assert_not_null(json, "%s at %d: %s", error.text, error.position, copy);
    free(copy);
    return json;
}

static void put(enum df_nb_table table, const json_t *object)
{
    struct df_error error = {""};
    ProtobufCMessage *message = NULL;
    cr_assert_eq(df_schema_from_json(table, object, &message, &error), 0, "%s", error.text);
    cr_assert_eq(df_nb_write(nb, DF_NB_PUT, table, message, &error), 0, "%s", error.text);
    protobuf_c_message_free_unpacked(message, NULL);
}

void lab_model(const char *text)
{
    json_t *json = parse(text);
    const char *name;
    json_t *objects, *object;
    size_t i;
    json_object_foreach(json, name, objects) {
        enum df_nb_table table = df_schema_find(name);
        cr_assert_neq(table, DF_NB_TABLES, "no table '%s'", name);
        json_array_foreach(objects, i, object)
            put(table, object);
    }
    json_decref(json);
    settle();
}

void lab_delete(const char *table, const char *id)
{
    struct df_error error = {""};
    cr_assert_eq(df_nb_delete(nb, df_schema_find(table), id, &error), 0, "%s", error.text);
    settle();
}

void lab_turn_ms(uint64_t ms)
{
    now_ms += ms;
    settle();
    df_worker_round(df_worker(0));
    df_datapath_fastpath_age(dp);
}

void lab_age(void)
{
    for (unsigned second = 0; second < 2; second++) {
        for (unsigned i = 0; i < 100; i++)
            lab_turn_ms(10);
        df_rcu_barrier();
    }
}

void lab_write_row(const char *table, const char *id, const void *bytes, size_t len)
{
    struct df_db *db;
    struct df_error error = {""};
    size_t failed;
    uint64_t revision;
    const struct df_db_driver *driver = df_db_driver_find("lmdb");
    struct df_db_config config = {.location = directory};
    struct df_db_op op = {.table = table, .id = id, .data = bytes, .len = len};
    cr_assert_eq(driver->open(&config, &db, &error), 0, "%s", error.text);
    cr_assert_eq(driver->commit(db, &op, 1, &failed, &revision, &error), 0, "%s", error.text);
    driver->close(db);
    settle();
}

enum lab_cache lab_cache(void)
{
    return cache_mode;
}

const char *lab_device(unsigned i)
{
    return device_names[i];
}

struct rte_mempool *lab_pool(void)
{
    return pool;
}

void lab_let_pass_ms(uint64_t ms)
{
    now_ms += ms;
}

const struct df_clock *lab_clock(void)
{
    return &the_clock;
}
