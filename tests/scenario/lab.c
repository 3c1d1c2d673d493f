/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"

#include <rte_eal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "control/datapath/fastpath.h"
#include "control/trace/words.h"
#include "fastpath/rcu.h"
#include "tests/scenario/memory_port.h"

#define CYCLES_PER_SECOND 1000000000ull
#define N_DEVICES 16

static struct df_fastpath_device devices[N_DEVICES];
static char device_names[N_DEVICES][8];
static char directory[] = "/tmp/df-scenario-XXXXXX";
static uint64_t now_ms = 1000;
static struct rte_mempool *pool;
static struct df_nb *nb;
static struct df_datapath *dp;
static struct df_controller *controller;
static uint64_t drops_seen[DF_DROPS];
static uint64_t misses_before, hits_before;

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

static const struct df_clock lab_clock = {.now_ms = clock_ms};

static void start_eal(void)
{
    char *arguments[] = {"lab", "--no-huge", "--no-pci", "--no-shconf", "-m", "128", "--no-telemetry", "--log-level=4",
                         "-l", "0"};
    cr_assert_geq(rte_eal_init(RTE_DIM(arguments), arguments), 0, "the EAL does not start");
    pool = rte_pktmbuf_pool_create("lab", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    cr_assert_not_null(pool);
}

static void open_database(void)
{
    struct df_error error = {""};
    cr_assert_not_null(mkdtemp(directory));
    struct df_db_config config = {.location = directory, .create = true};
    cr_assert_eq(df_nb_open("lmdb", &config, &nb, &error), 0, "%s", error.text);
}

static void open_datapath(void)
{
    struct df_error error = {""};
    for (unsigned i = 0; i < N_DEVICES; i++) {
        snprintf(device_names[i], sizeof(device_names[i]), "vm%u", i + 1);
        devices[i] = (struct df_fastpath_device){device_names[i], "memory"};
    }
    struct df_fastpath_config config = {
        .workers = {.n_workers = 1,
                    .flow_cache_entries = 1024,
                    .answers_per_second = 80,
                    .punts_per_second = 80,
                    .pool = pool,
                    .cycles = clock_cycles,
                    .cycles_per_second = CYCLES_PER_SECOND},
        .table_entries_max = 4096,
        .devices = devices,
        .n_devices = N_DEVICES,
    };
    cr_assert_eq(df_datapath_fastpath_open(&config, &dp, &error), 0, "%s", error.text);
}

static void open_controller(const char *const *apps, const char *apps_dir)
{
    struct df_error error = {""};
    struct df_controller_config config = {
        .host = "node1", .apps_dir = apps_dir, .apps = apps, .vhost_sock_dir = directory, .dp = dp, .clock = &lab_clock};
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

void lab_up_with(const char *const *apps, const char *apps_dir)
{
    df_rcu_register();
    start_eal();
    memory_ports_register();
    open_database();
    open_datapath();
    open_controller(apps, apps_dir);
    settle();
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
}

static void remember_tally(void)
{
    struct df_worker_tally tally;
    df_worker_tally(df_worker(0), &tally);
    misses_before = tally.misses;
    hits_before = tally.hits;
}

void lab_send_bytes(const char *port, const uint8_t *frame, size_t len)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
    cr_assert_not_null(mbuf);
    char *room = rte_pktmbuf_append(mbuf, (uint16_t)len);
    cr_assert_not_null(room);
    memcpy(room, frame, len);
    remember_tally();
    cr_assert(memory_port_put(port, mbuf), "no port '%s' is open, or it is full", port);
    df_worker_round(df_worker(0));
    df_datapath_fastpath_poll(dp); /* to the app */
    df_worker_round(df_worker(0)); /* and what it sends */
}

static void frame_of(const char *words, uint8_t *frame, size_t *len)
{
    struct df_error error = {""};
    cr_assert_eq(df_words_to_frame(words, NULL, frame, len, &error), 0, "%s: %s", words, error.text);
}

void lab_send(const char *port, const char *words)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    frame_of(words, frame, &len);
    lab_send_bytes(port, frame, len);
}

const uint8_t *lab_receive(const char *port, size_t *len)
{
    static uint8_t frame[DF_WORDS_FRAME_MAX];
    struct rte_mbuf *mbuf = memory_port_take(port);
    if (mbuf == NULL)
        return NULL;
    *len = mbuf->data_len;
    memcpy(frame, rte_pktmbuf_mtod(mbuf, uint8_t *), *len);
    rte_pktmbuf_free(mbuf);
    return frame;
}

static void show(const char *title, const uint8_t *frame, size_t len)
{
    fprintf(stderr, "%s (%zu bytes):", title, len);
    for (size_t i = 0; i < len; i++)
        fprintf(stderr, "%s%02x", i % 16 == 0 ? "\n  " : " ", frame[i]);
    fputc('\n', stderr);
}

void lab_expect(const char *port, const char *words)
{
    uint8_t wanted[DF_WORDS_FRAME_MAX];
    size_t wanted_len = sizeof(wanted);
    size_t len = 0;
    frame_of(words, wanted, &wanted_len);
    const uint8_t *frame = lab_receive(port, &len);
    cr_assert_not_null(frame, "nothing came to %s; expected %s", port, words);
    if (len == wanted_len && memcmp(frame, wanted, len) == 0)
        return;
    show("expected", wanted, wanted_len);
    show("came", frame, len);
    cr_assert_fail("another frame than %s came to %s", words, port);
}

void lab_expect_none(const char *port)
{
    size_t len;
    const uint8_t *frame = lab_receive(port, &len);
    if (frame == NULL)
        return;
    show("came", frame, len);
    cr_assert_fail("a frame came to %s, which should hear nothing", port);
}

void lab_expect_silence(void)
{
    const char *port = memory_port_waiting();
    if (port != NULL)
        lab_expect_none(port);
}

static void drops_since(uint64_t drops[DF_DROPS])
{
    for (unsigned reason = 0; reason < DF_DROPS; reason++)
        drops[reason] = 0;
    for (uint16_t port = 0; port < DF_PORTS_MAX; port++) {
        struct df_port_tally tally;
        df_port_tally(port, &tally);
        for (unsigned reason = 0; reason < DF_DROPS; reason++)
            drops[reason] += tally.drops[reason];
    }
    for (unsigned reason = 0; reason < DF_DROPS; reason++) {
        uint64_t total = drops[reason];
        drops[reason] -= drops_seen[reason];
        drops_seen[reason] = total;
    }
}

void lab_expect_drop(const char *name, uint64_t n)
{
    uint64_t drops[DF_DROPS];
    bool known = n == 0;
    drops_since(drops);
    for (unsigned reason = 1; reason < DF_DROPS; reason++) {
        bool wanted = strcmp(df_drop_name(reason), name) == 0;
        known |= wanted;
        cr_assert_eq(drops[reason], wanted ? n : 0, "%lu packets dropped as %s, expected %lu as %s",
                     (unsigned long)drops[reason], df_drop_name(reason), (unsigned long)n, name);
    }
    cr_assert(known, "there is no drop reason '%s'", name);
}

void lab_expect_no_drop(void)
{
    lab_expect_drop("none", 0);
}

void lab_expect_walked(void)
{
    struct df_worker_tally tally;
    df_worker_tally(df_worker(0), &tally);
    cr_assert_gt(tally.misses, misses_before, "the packet did not walk the tables");
}

void lab_expect_cached(void)
{
    struct df_worker_tally tally;
    df_worker_tally(df_worker(0), &tally);
    cr_assert_gt(tally.hits, hits_before, "the packet was not served by the flow cache");
    cr_assert_eq(tally.misses, misses_before, "the packet walked the tables");
}
