/* SPDX-License-Identifier: Apache-2.0 */
#include "control/datapath/fastpath.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fastpath/eal.h"
#include "fastpath/lookup/hash.h"
#include "fastpath/rcu.h"
#include "node.h"

/*
 * The DPDK backend below the controller: which ports it refuses and what it says, and devices that come and go. Rounds
 * of the worker and the clock are turned by hand.
 */

static struct node node;
static struct df_eal eal;
static unsigned events; /* calls of port_changed */

static void start_eal(void)
{
    cpu_set_t cpus;
    unsigned cpu = 0;
    cr_assert_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
    while (!CPU_ISSET(cpu, &cpus))
        cpu++;
    struct df_eal_config config = {.program = "test",
                                   .worker_cpus = &cpu,
                                   .n_workers = 1,
                                   .control_cpu = -1,
                                   .n_mbufs = 4096,
                                   .memory_mb = 96,
                                   .log_level = "critical"};
    cr_assert_eq(df_eal_init(&config, &eal), 0, "%s %s", df_eal_cause_text(eal.cause), eal.detail);
}

static void on_port_changed(void *arg, uint16_t port, const struct df_port_state *state)
{
    events++;
    df_controller_port_changed(arg, port, state);
}

/* The clock of the worker and of connections. */
static uint64_t cycles(void)
{
    return node_now * 1000000;
}

static void up(bool allow_memif)
{
    static const struct df_fastpath_device devices[] = {{"null", "net_null0"}, {"null1", "net_null1"}};
    struct df_datapath *dp;
    struct df_error error;
    node_init();
    df_hash_init();
    start_eal();
    struct df_fastpath_config config = {
        .workers = {.n_workers = 1,
                    .flow_cache_entries = 64,
                    .fragments = {.datagrams_max = 16, .held_max = 4, .timeout_ms = 1000},
                    .pool = eal.pool,
                    .cycles = cycles,
                    .cycles_per_second = 1000000000},
        .table_entries_max = 1024,
        .devices = devices,
        .n_devices = 2,
        .conns = {.max = 1024, .max_per_port = 1024, .timeouts = df_conn_timeouts_default},
        .allow_memif = allow_memif,
    };
    cr_assert_eq(df_datapath_fastpath_open(&config, &dp, &error), 0, "%s", error.text);
    node_up_on(&node, node_apps, dp);
    dp->events = (struct df_datapath_events){
        .punt = df_controller_punt, .port_changed = on_port_changed, .arg = node.controller};
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1}");
}

static void down(void)
{
    node_down(&node);
    df_eal_fini(&eal);
}

static void port(const char *id, unsigned key, const char *vif_type, const char *vif_name)
{
    node_setf(&node, DF_NB_LPORT,
              "{'id': '%s', 'unique_key': %u, 'lswitch': 'n', 'macs': ['02:00:00:00:00:%02x'], 'binding': {'type': "
              "'chassis', 'chassis': 'here', 'vif_type': '%s', 'vif_name': '%s'}}",
              id, key, key, vif_type, vif_name);
    node_settle(&node);
}

static void expect_reason(const char *id, const char *wanted)
{
    const char *reason = node_reason(&node, id);
    cr_assert_not_null(reason);
    cr_expect(*wanted ? strstr(reason, wanted) != NULL : !*reason, "the reason is '%s', not '%s'", reason, wanted);
}

/* What the daemon's timer does, and the turn of the loop that it brings. */
static void tick(void)
{
    df_datapath_fastpath_tick(node.dp);
    node_settle(&node);
}

/* ---- What is refused */

Test(fastpath, memif_is_refused_and_the_key_named)
{
    up(false);
    port("p", 1, "memif", "a");
    expect_reason("p", "[fastpath] memif = yes");
    expect_reason("p", "memif '/run/df/a'");
    cr_expect_null(df_ports_get(1));
    down();
}

Test(fastpath, memif_is_tried_where_it_is_allowed)
{
    up(true);
    port("p", 1, "memif", "a"); /* a client without a server, or without a folder */
    expect_reason("p", "memif '/run/df/a'");
    cr_expect_null(strstr(node_reason(&node, "p"), "[fastpath] memif"));
    down();
}

Test(fastpath, an_mtu_that_does_not_fit_names_the_key)
{
    up(false);
    port("p", 1, "ethdev", "null");
    expect_reason("p", "");
    node_delete(&node, DF_NB_LPORT, "p");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 2027}");
    port("q", 1, "ethdev", "null");
    expect_reason("q", "mtu of 2027 does not fit a packet buffer: raise [fastpath] mbuf_size to at least 2049");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 16363}");
    node_now += 1000;
    node_settle(&node);
    expect_reason("q", "mtu of 16363 is too long: lower it to at most 16362");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 2026}");
    node_now += 2000;
    node_settle(&node);
    expect_reason("q", "");
    down();
}

/* ---- Connections and whose they are */

/* One of the port's, of UDP: without a reply it lives 30 s. */
static void begin_connection(uint16_t port)
{
    static uint16_t l4_src;
    struct df_conn_key key = {.src = df_ip_from4(htonl(0x0a000001)),
                              .dst = df_ip_from4(htonl(0x0a000002)),
                              .l4_src = ++l4_src,
                              .l4_dst = 53,
                              .zone = df_conn_zone(port),
                              .ip_proto = IPPROTO_UDP};
    struct df_packet packet = {.bits = DF_PACKET_IP4 | DF_PACKET_L4, .ip_proto = IPPROTO_UDP};
    struct df_conn *conn;
    cr_assert_eq(df_conn_begin(0, &key, df_conn_hash(&key), &packet, df_workers_now_ms(), NULL, &conn), 0);
}

static void add(uint16_t number, const char *lport)
{
    struct df_port_spec spec = {.port = number,
                                .name = lport,
                                .lport = lport,
                                .vif_type = "ethdev",
                                .vif_name = number == 9 ? "null" : "null1",
                                .mtu = 1500};
    struct df_error error = {""};
    cr_assert_eq(node.dp->ops->port_add(node.dp, &spec, &error), 0, "%s", error.text);
}

static void del(uint16_t number)
{
    cr_assert_eq(node.dp->ops->port_del(node.dp, number), 0);
}

static uint64_t ended(void)
{
    struct df_conns_tally tally;
    df_conns_tally(&tally);
    return tally.begun - tally.live;
}

Test(fastpath, a_port_that_comes_back_has_its_connections_and_another_one_has_none)
{
    up(false);
    add(9, "a");
    begin_connection(9);
    uint32_t zone = df_conn_zone(9);
    del(9);
    add(9, "a");
    cr_expect_eq(df_conn_zone(9), zone);
    cr_expect_eq(df_conns_of_port(9), 1);
    del(9);
    add(9, "b");
    cr_expect_neq(df_conn_zone(9), zone);
    cr_expect_eq(df_conns_of_port(9), 0);
    node_now += 1000;
    df_datapath_fastpath_age(node.dp);
    cr_expect_eq(ended(), 1, "and they give their room back");
    down();
}

Test(fastpath, a_port_that_stays_away_loses_its_connections_after_a_minute)
{
    up(false);
    add(9, "a");
    add(10, "b");
    begin_connection(9);
    begin_connection(10);
    uint32_t zone = df_conn_zone(9), other = df_conn_zone(10);
    del(9);
    for (unsigned i = 0; i < 60; i++)
        tick();
    cr_expect_eq(df_conn_zone(9), zone, "within the minute it may come back");
    tick();
    cr_expect_neq(df_conn_zone(9), zone);
    zone = df_conn_zone(9);
    for (unsigned i = 0; i < 100; i++)
        tick();
    cr_expect_eq(df_conn_zone(9), zone, "once is enough");
    cr_expect_eq(df_conn_zone(10), other, "a port that is there keeps its own");
    down();
}

/* Of UDP that was not answered, and the time by which a worker may be late to say that it was seen. */
#define TIMEOUT_MS (30000 + DF_WORKER_SEEN_LATE_MS)

Test(fastpath, aging_goes_with_the_clock)
{
    up(false);
    add(9, "a");
    for (unsigned i = 0; i < 200; i++)
        begin_connection(9);
    node_now += TIMEOUT_MS + 10;
    df_datapath_fastpath_age(node.dp);
    cr_expect_eq(ended(), 200, "a loop that stood still catches up");
    for (unsigned i = 0; i < 200; i++)
        begin_connection(9);
    for (unsigned ms = 0; ms < TIMEOUT_MS - 10; ms += 10) {
        node_now += 10;
        df_datapath_fastpath_age(node.dp);
    }
    cr_expect_eq(ended(), 200);
    for (unsigned ms = 0; ms < 1100; ms += 10) {
        node_now += 10;
        df_datapath_fastpath_age(node.dp);
    }
    cr_expect_eq(ended(), 400, "each was looked at within a second");
    df_datapath_fastpath_age(node.dp);
    down();
}

/* ---- Devices that come and go */

/* Names clash with nobody's, and all goes with the namespaces, the names of `ip netns` too. */
static void own_namespace(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root: makes network devices");
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
        cr_skip_test("needs network namespaces: %s", strerror(errno));
    cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0, "%s", strerror(errno));
    cr_assert(mkdir("/run/netns", 0755) == 0 || errno == EEXIST);
    cr_assert_eq(mount("netns", "/run/netns", "tmpfs", 0, NULL), 0, "%s", strerror(errno));
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
    char command[512];
    va_list list;
    va_start(list, format);
    vsnprintf(command, sizeof(command), format, list);
    va_end(list);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void make_veth(void)
{
    run("ip link add veth0 type veth peer name guest && ip link set veth0 up && ip link set guest up");
}

/* A frame from the guest comes to the worker. Waits for the kernel; ten seconds are a failure. */
static void expect_traffic(const char *device, uint16_t number)
{
    uint8_t frame[60] = "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x09\x88\xb5";
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device)};
    struct df_port_tally before, after;
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    cr_assert_geq(fd, 0);
    df_port_tally(number, &before);
    cr_assert_eq(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&address, sizeof(address)), sizeof(frame));
    close(fd);
    time_t until = time(NULL) + 10;
    do {
        cr_assert(time(NULL) < until, "no frame of %s came", device);
        df_worker_round(df_worker(0));
        df_rcu_quiescent();
        df_port_tally(number, &after);
    } while (after.rx_packets == before.rx_packets);
}

/* The port is down now, and opened again by the try that comes next once the device is back. */
static void expect_gone_and_back(const char *id, const char *device, void (*make)(void))
{
    char reason[64];
    snprintf(reason, sizeof(reason), "device %s is gone", device);
    expect_reason(id, reason);
    cr_expect_null(df_ports_get(1));
    cr_assert_eq(df_controller_next_due_ms(node.controller), (int64_t)node_now + 1000);
    make();
    node_now += 999;
    node_settle(&node);
    cr_expect_null(df_ports_get(1));
    node_now += 1;
    node_settle(&node);
    expect_reason(id, "");
    cr_assert_not_null(df_ports_get(1));
}

static void nothing(void)
{
}

static void up_with(const char *vif_type, const char *vif_name)
{
    up(false);
    port("p", 1, vif_type, vif_name);
    port("q", 2, "ethdev", "null");
    expect_reason("p", "");
    expect_reason("q", "");
}

static void expect_veth_comes_back(const char *vif_type)
{
    own_namespace();
    make_veth();
    up_with(vif_type, "veth0");
    const struct df_port *other = df_ports_get(2);
    expect_traffic("guest", 1);

    run("ip link del veth0");
    tick();
    expect_reason("p", "device veth0 is gone");
    cr_expect_null(df_ports_get(1));
    node_now += 1000;
    node_settle(&node);
    expect_reason("p", "device veth0 is gone");
    make_veth();
    node_now += 2000;
    node_settle(&node);
    expect_reason("p", "");
    expect_traffic("guest", 1);

    /* Made again before anybody looked: another device of the same name. */
    run("ip link del veth0");
    make_veth();
    tick();
    expect_gone_and_back("p", "veth0", nothing);
    expect_traffic("guest", 1);
    cr_expect_eq(df_ports_get(2), other, "nothing else was opened again");
    down();
}

Test(fastpath, a_veth_is_closed_when_it_goes_and_opened_when_it_is_back, .timeout = 60)
{
    expect_veth_comes_back("veth");
}

static void tap_is_not_there(void)
{
    cr_expect_eq(if_nametoindex("tap0"), 0);
}

Test(fastpath, a_tap_is_made_again_when_it_was_deleted_and_left_alone_when_it_was_moved, .timeout = 60)
{
    own_namespace();
    up_with("tap", "tap0");
    run("ip link set tap0 up");
    tick();
    run("ip link del tap0");
    tick();
    expect_gone_and_back("p", "tap0", tap_is_not_there);
    cr_expect_neq(if_nametoindex("tap0"), 0);
    const struct df_port *first = df_ports_get(1);

    run("ip netns add guest && ip link set tap0 netns guest");
    run("ip -n guest link set tap0 name eth0");
    tick();
    expect_reason("p", "");
    cr_expect_eq(df_ports_get(1), first, "moved and renamed, it still is");
    run("ip -n guest link del eth0");
    tick();
    expect_gone_and_back("p", "tap0", tap_is_not_there);
    down();
}

static bool is_attached(const char *id)
{
    struct df_port_status status;
    cr_assert_eq(df_controller_port_status(node.controller, id, &status), 0);
    cr_expect_str_eq(status.reason, "", "it is open, whether somebody is there or not");
    return status.attached;
}

/* The kernel takes its time over a carrier; ten seconds are a failure. */
static void tick_until_attached(const char *id, bool wanted)
{
    time_t until = time(NULL) + 10;
    while (is_attached(id) != wanted) {
        cr_assert(time(NULL) < until, "attached is not %d", wanted);
        tick();
    }
}

Test(fastpath, what_changes_is_told_once, .timeout = 60)
{
    own_namespace();
    make_veth();
    up_with("veth", "veth0");
    tick_until_attached("p", true);
    unsigned before = events;
    tick();
    tick();
    cr_expect_eq(events, before);
    run("ip link set guest down");
    tick_until_attached("p", false);
    tick();
    cr_expect_eq(events, before + 1);
    run("ip link set guest up");
    tick_until_attached("p", true);
    tick();
    cr_expect_eq(events, before + 2);
    down();
}
