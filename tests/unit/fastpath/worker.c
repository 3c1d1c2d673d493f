/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/worker/worker.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <rte_eal.h>
#include <rte_pause.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "fastpath/tables/security_group.h"
#include "tests/scenario/memory_port.h"
#include "tests/unit/fastpath/groups.h"

/*
 * A worker with two ports of memory, whose rounds and clock are turned by hand: what it counts, what it limits, and
 * what becomes of packets whose port is full or gone.
 */

#define HZ 1000000000ull
#define PER_SECOND 160
#define APP 7
#define NETWORK 1
#define QUEUE 1024 /* of a memory port */

static uint64_t now = HZ;
static struct rte_mempool *pool;
static struct df_port *port[3];
static unsigned wakes;
static uint16_t n_workers = 1;

static uint64_t clock_cycles(void)
{
    return now;
}

static void wake(void *arg)
{
    (void)arg;
    wakes++;
}

static void open_port(uint16_t number)
{
    char name[8];
    snprintf(name, sizeof(name), "p%u", number);
    struct df_port_config config = {
        .number = number, .name = name, .vif_type = "ethdev", .vif_name = name, .n_workers = n_workers, .pool = pool};
    cr_assert_eq(df_port_open(&config, &port[number]), 0);
    cr_assert_eq(df_ports_publish(port[number]), 0);
}

/*
 * Port n has lport 10 + n with MAC 02:00:00:00:00:0n; DHCP of port 1 goes to the controller, ARP for 10.0.0.9 is
 * answered.
 */
static void put_entries(void)
{
    for (uint16_t n = 1; n <= 2; n++) {
        struct df_classification_key in = {.port = n};
        struct df_classification_value lport = {.lport = 10u + n, .network = NETWORK};
        struct df_port_security_key open_key = {.lport = 10u + n};
        struct df_port_security_value open = {.enabled = 0};
        struct df_l2_key mac_key = {.network = NETWORK, .mac = {{2, 0, 0, 0, 0, (uint8_t)n}}};
        struct df_l2_value mac_value = {.lport = 10u + n};
        struct df_egress_key egress = {.lport = 10u + n};
        struct df_egress_value local = {.kind = DF_EGRESS_LOCAL};
        struct df_dispatch_key out = {.lport = 10u + n};
        struct df_dispatch_value to = {.port = n};
        must_put(DF_TABLE_PORT_SECURITY, &open_key, &open);
        must_put(DF_TABLE_L2, &mac_key, &mac_value);
        groups_off(10u + n);
        must_put(DF_TABLE_EGRESS, &egress, &local);
        must_put(DF_TABLE_DISPATCH, &out, &to);
        must_put(DF_TABLE_CLASSIFICATION, &in, &lport);
    }
    struct df_services_key dhcp = {.eth_type = 0x0800, .ip_proto = 17, .l4_dst = 67}, arp = {.eth_type = 0x0806};
    struct df_services_value to_dhcp = {.table = DF_TABLE_DHCP}, to_arp = {.table = DF_TABLE_ARP};
    struct df_dhcp_key served = {.lport = 11, .ip_version = 4};
    struct df_dhcp_value by = {.app = APP};
    struct df_neighbour_key nine = {.network = NETWORK, .ip = ip4("10.0.0.9")};
    struct df_neighbour_value is_at = {.lport = 99, .mac = {{2, 0, 0, 0, 0, 9}}};
    must_put(DF_TABLE_DHCP, &served, &by);
    must_put(DF_TABLE_ARP, &nine, &is_at);
    must_put(DF_TABLE_SERVICES, &dhcp, &to_dhcp);
    must_put(DF_TABLE_SERVICES, &arp, &to_arp);
}

static void workers_up_as(uint32_t flow_cache_entries, uint32_t per_second, void (*on_wake)(void *arg))
{
    struct df_worker_config config = {.n_workers = n_workers,
                                      .flow_cache_entries = flow_cache_entries,
                                      .answers_per_second = per_second,
                                      .punts_per_second = per_second,
                                      .pool = pool,
                                      .cycles = clock_cycles,
                                      .cycles_per_second = HZ,
                                      .wake = on_wake};
    cr_assert_eq(df_workers_init(&config), 0);
    open_port(1);
    open_port(2);
}

static void workers_up_with(uint32_t flow_cache_entries, uint32_t per_second)
{
    workers_up_as(flow_cache_entries, per_second, wake);
}

static void workers_up(uint32_t flow_cache_entries)
{
    workers_up_with(flow_cache_entries, PER_SECOND);
}

static void up(void)
{
    char *arguments[] = {"test", "--no-huge",      "--no-pci",      "--no-shconf", "-m",
                         "64",   "--no-telemetry", "--log-level=4", "-l",          "0"};
    cr_assert_geq(rte_eal_init(RTE_DIM(arguments), arguments), 0);
    pool = rte_pktmbuf_pool_create("test", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    cr_assert_not_null(pool);
    tables_setup();
    memory_ports_register();
    workers_up(256);
    put_entries();
}

static void withdraw(uint16_t number)
{
    struct df_port *gone = df_ports_withdraw(number);
    cr_assert_eq(gone, port[number]);
    df_port_close(gone);
    port[number] = NULL;
}

/* No buffer may be lost, whatever became of the packets. */
static void workers_down(void)
{
    for (uint16_t n = 1; n <= 2; n++) {
        if (port[n] != NULL)
            withdraw(n);
    }
    df_workers_fini();
    cr_assert_eq(rte_mempool_in_use_count(pool), 0, "%u buffers are lost", rte_mempool_in_use_count(pool));
}

static void down(void)
{
    workers_down();
    tables_teardown();
}

TestSuite(worker, .init = up, .fini = down);

/* ---- Traffic */

static void udp(uint8_t to, unsigned sport, unsigned dport)
{
    frame_ethernet(&frame);
    memcpy(frame.byte, ((uint8_t[]){2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, 1}), 12);
    frame_ip4(&frame, 17, "10.0.0.1", "10.0.0.2", 0);
    frame_udp(&frame, sport, dport, 10);
    frame_close(&frame);
}

static void arp_request(void)
{
    frame_ethernet(&frame);
    memset(frame.byte, 0xff, 6);
    frame_arp(&frame, 1, frame.byte + 6, "10.0.0.1", "10.0.0.9");
}

static bool put_frame(const char *name)
{
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
    cr_assert_not_null(mbuf);
    memcpy(rte_pktmbuf_append(mbuf, (uint16_t)frame.len), frame.byte, frame.len);
    if (memory_port_put(name, mbuf))
        return true;
    rte_pktmbuf_free(mbuf);
    return false;
}

/* Puts n times the frame at port 1 and runs rounds until all are through. */
static void send_frames(unsigned n)
{
    for (; n > 0; n--) {
        cr_assert(put_frame("p1"));
        df_worker_round(df_worker(0));
    }
}

static unsigned take_all(const char *name)
{
    unsigned n = 0;
    for (struct rte_mbuf *mbuf; (mbuf = memory_port_take(name)) != NULL; n++)
        rte_pktmbuf_free(mbuf);
    return n;
}

static struct df_port_tally tally_of(uint16_t number)
{
    struct df_port_tally tally;
    df_port_tally(number, &tally);
    return tally;
}

static uint64_t drops_of(uint16_t number)
{
    struct df_port_tally tally = tally_of(number);
    uint64_t n = 0;
    for (unsigned reason = 0; reason < DF_DROPS; reason++)
        n += tally.drops[reason];
    return n;
}

static struct df_worker_tally worker_tally(void)
{
    struct df_worker_tally tally;
    df_worker_tally(df_worker(0), &tally);
    return tally;
}

Test(worker, what_comes_and_goes_is_counted)
{
    udp(2, 1000, 2000);
    send_frames(10);
    cr_assert_eq(take_all("p2"), 10);
    cr_assert_eq(tally_of(1).rx_packets, 10);
    cr_assert_eq(tally_of(1).rx_bytes, 10 * frame.len);
    cr_assert_eq(tally_of(2).tx_packets, 10);
    cr_assert_eq(tally_of(2).tx_bytes, 10 * frame.len);
    cr_assert_eq(tally_of(1).tx_packets + tally_of(2).rx_packets + drops_of(1) + drops_of(2), 0);
    struct df_worker_tally tally = worker_tally();
    cr_assert_eq(tally.packets, 10);
    cr_assert_eq(tally.batches, 10);
    cr_assert_eq(tally.misses, 1);
    cr_assert_eq(tally.hits, 9);
    cr_assert_eq(tally.inserts, 1);
    cr_assert_eq(df_worker_flows(df_worker(0)), 1);
}

Test(worker, a_batch_of_one_new_flow_walks_once)
{
    udp(2, 1000, 2000);
    for (unsigned i = 0; i < DF_BATCH; i++)
        put_frame("p1");
    cr_assert_eq(df_worker_round(df_worker(0)), DF_BATCH);
    cr_assert_eq(worker_tally().misses, 1);
    cr_assert_eq(worker_tally().hits, DF_BATCH - 1);
    cr_assert_eq(take_all("p2"), DF_BATCH);
}

Test(worker, a_queue_with_more_than_a_batch_is_asked_again_within_bounds)
{
    udp(2, 1000, 2000);
    for (unsigned i = 0; i < QUEUE; i++)
        cr_assert(put_frame("p1"));
    udp(1, 1000, 2000);
    cr_assert(put_frame("p2"));
    unsigned first = df_worker_round(df_worker(0));
    cr_assert_gt(first, 8 * DF_BATCH);
    cr_assert_lt(first, QUEUE, "one queue can keep the worker from the others");
    cr_assert_eq(tally_of(2).rx_packets, 1);
    while (df_worker_round(df_worker(0)) != 0)
        ;
    cr_assert_eq(tally_of(1).rx_packets, QUEUE);
    cr_assert_eq(take_all("p2"), QUEUE);
    cr_assert_eq(take_all("p1"), 1);
}

/* Half a batch for each port in every round, which is one under load. */
Test(worker, what_waits_for_its_port_under_load_is_sent_after_some_rounds)
{
    unsigned rounds = 0;
    do {
        for (unsigned i = 0; i < DF_BATCH; i++) {
            udp(1 + i % 2, 1, 2);
            cr_assert(put_frame(i % 2 ? "p1" : "p2"));
        }
        cr_assert_eq(df_worker_round(df_worker(0)), DF_BATCH);
        take_all("p1");
        take_all("p2");
    } while (++rounds % 8 != 0);
    cr_assert_eq(tally_of(1).tx_packets + tally_of(2).tx_packets, rounds * DF_BATCH);
}

Test(worker, a_thousand_flows_of_an_address_pair_are_one)
{
    for (unsigned i = 0; i < 1000; i++) {
        udp(2, 1000 + i, 2000 + i % 7);
        send_frames(1);
        cr_assert_eq(take_all("p2"), 1);
    }
    cr_assert_eq(worker_tally().misses, 1);
    cr_assert_eq(df_worker_flows(df_worker(0)), 1);
}

Test(worker, dhcp_of_a_known_address_pair_goes_to_the_controller_all_the_same)
{
    struct df_punt_info info;
    udp(2, 1000, 2000);
    send_frames(2);
    udp(2, 68, 67);
    send_frames(1);
    cr_assert_eq(take_all("p2"), 2);
    struct rte_mbuf *mbuf = df_workers_punted(&info);
    cr_assert_not_null(mbuf);
    cr_assert_eq(info.app, APP);
    cr_assert_eq(info.lport, 11);
    cr_assert_eq(info.network, NETWORK);
    cr_assert_eq(info.port, 1);
    cr_assert_eq(mbuf->data_len, frame.len);
    cr_assert_arr_eq(rte_pktmbuf_mtod(mbuf, uint8_t *), frame.byte, frame.len);
    rte_pktmbuf_free(mbuf);
    cr_assert_null(df_workers_punted(&info));
}

Test(worker, the_smallest_cache_serves_as_well)
{
    workers_down();
    workers_up(1);
    udp(2, 1000, 2000);
    send_frames(3);
    cr_assert_eq(take_all("p2"), 3);
    cr_assert_eq(worker_tally().hits, 2);
}

/* ---- The controller is woken */

/* Sleeps until it is woken, which takes some time, and takes all there is, as the control thread does. */
static struct {
    _Atomic unsigned wakes, taken;
    _Atomic bool stop;
} controller;

static void wake_controller(void *arg)
{
    (void)arg;
    controller.wakes++;
}

/* Spins, as what is looked for are nanoseconds, but not for long where there is one core for both. */
static void wait_a_little(unsigned turn)
{
    rte_pause();
    if (turn % 4096 == 0)
        sched_yield();
}

static void *run_controller(void *arg)
{
    struct df_punt_info info;
    cpu_set_t all;
    unsigned seen = 0;
    memset(&all, 0xff, sizeof(all)); /* the EAL's one core is the worker's */
    pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
    for (unsigned turn = 1; !controller.stop; turn++) {
        if (controller.wakes == seen) {
            wait_a_little(turn);
            continue;
        }
        seen = controller.wakes;
        for (unsigned pause = seen % 16; pause > 0; pause--)
            rte_pause();
        for (struct rte_mbuf *mbuf; (mbuf = df_workers_punted(&info)) != NULL; controller.taken++)
            rte_pktmbuf_free(mbuf);
    }
    return arg;
}

static bool is_taken(unsigned n)
{
    time_t deadline = time(NULL) + 10;
    for (unsigned turn = 1; controller.taken != n && time(NULL) < deadline; turn++)
        wait_a_little(turn);
    return controller.taken == n;
}

Test(worker, one_wake_is_enough_for_what_is_not_taken_yet)
{
    struct df_punt_info info;
    udp(2, 68, 67);
    send_frames(3);
    cr_assert_eq(wakes, 1);
    for (unsigned i = 0; i < 3; i++)
        rte_pktmbuf_free(df_workers_punted(&info));
    cr_assert_null(df_workers_punted(&info));
    send_frames(1);
    cr_assert_eq(wakes, 2);
    rte_pktmbuf_free(df_workers_punted(&info));
}

/* The second packet of each pair comes while the controller takes the first, sooner or later. */
Test(worker, no_punt_is_left_behind_by_a_controller_that_goes_to_sleep, .timeout = 60)
{
    time_t end = time(NULL) + 3;
    pthread_t thread;
    workers_down();
    workers_up_as(256, UINT32_MAX, wake_controller);
    cr_assert_eq(pthread_create(&thread, NULL, run_controller, NULL), 0);
    udp(2, 68, 67);
    for (unsigned pair = 1; time(NULL) < end; pair++) {
        send_frames(2);
        cr_assert(is_taken(2 * pair), "%u of %u packets were taken", controller.taken, 2 * pair);
    }
    controller.stop = true;
    pthread_join(thread, NULL);
}

/* ---- Limits */

static unsigned punted(void)
{
    struct df_punt_info info;
    unsigned n = 0;
    for (struct rte_mbuf *mbuf; (mbuf = df_workers_punted(&info)) != NULL; n++)
        rte_pktmbuf_free(mbuf);
    return n;
}

/* How often it goes well in a second in which it is tried 40 times each 20 ms. */
static unsigned in_a_second(unsigned (*count)(void))
{
    unsigned n = 0;
    for (unsigned i = 0; i < 50; i++) {
        send_frames(40);
        n += count();
        now += HZ / 50;
    }
    return n;
}

static unsigned answered(void)
{
    return take_all("p1");
}

/* A window of allowances may begin and end within the second. */
static void expect_about_the_limit(unsigned n)
{
    cr_assert(n >= PER_SECOND * 3 / 4 && n <= PER_SECOND * 5 / 4, "%u went through in a second, the limit is %d", n,
              PER_SECOND);
}

Test(worker, punts_are_limited_per_port_and_the_rest_is_dropped_by_name)
{
    udp(2, 68, 67);
    unsigned n = in_a_second(punted);
    expect_about_the_limit(n);
    cr_assert_eq(worker_tally().punts, n);
    cr_assert_eq(tally_of(1).drops[DF_DROP_RATE_PUNT], 2000 - n);
    cr_assert_eq(drops_of(1), 2000 - n);
    cr_assert_eq(drops_of(2), 0);
}

Test(worker, answers_are_limited_per_port_and_the_rest_is_dropped_by_name)
{
    arp_request();
    unsigned n = in_a_second(answered);
    expect_about_the_limit(n);
    cr_assert_eq(worker_tally().answers, n);
    cr_assert_eq(tally_of(1).drops[DF_DROP_RATE_ANSWER], 2000 - n);
    cr_assert_eq(drops_of(1), 2000 - n);
}

Test(worker, a_limit_may_be_more_than_16_bits_a_window)
{
    unsigned n = 0;
    workers_down();
    workers_up_with(1024, 2000000);
    arp_request();
    for (unsigned sent = 0; sent < 100000; sent += 40) {
        send_frames(40);
        n += answered();
    }
    cr_assert_eq(n, 100000);
    cr_assert_eq(drops_of(1), 0);
}

Test(worker, the_limit_of_one_port_is_not_anothers)
{
    arp_request();
    send_frames(200);
    take_all("p1");
    cr_assert_gt(tally_of(1).drops[DF_DROP_RATE_ANSWER], 0);
    put_frame("p2");
    df_worker_round(df_worker(0));
    cr_assert_eq(take_all("p2"), 1);
    cr_assert_eq(drops_of(2), 0);
}

Test(worker, the_controller_is_woken_once_for_what_waits)
{
    udp(2, 68, 67);
    send_frames(3);
    cr_assert_eq(wakes, 1);
    cr_assert_eq(punted(), 3);
    send_frames(1);
    cr_assert_eq(wakes, 2);
    cr_assert_eq(punted(), 1);
}

/* ---- Ways out */

Test(worker, a_frame_of_the_controller_goes_out_of_its_port)
{
    udp(2, 1, 2);
    cr_assert_eq(df_workers_packet_out(2, frame.byte, frame.len), 0);
    cr_assert_eq(df_worker_round(df_worker(0)), 1);
    struct rte_mbuf *mbuf = memory_port_take("p2");
    cr_assert_not_null(mbuf);
    cr_assert_eq(mbuf->data_len, frame.len);
    cr_assert_arr_eq(rte_pktmbuf_mtod(mbuf, uint8_t *), frame.byte, frame.len);
    rte_pktmbuf_free(mbuf);
    cr_assert_eq(worker_tally().injected, 1);
    cr_assert_eq(tally_of(2).tx_packets, 1);
}

Test(worker, a_frame_of_the_controller_is_refused_without_a_port_or_room)
{
    static uint8_t large[UINT16_MAX];
    udp(2, 1, 2);
    cr_assert_eq(df_workers_packet_out(3, frame.byte, frame.len), -ENODEV);
    cr_assert_eq(df_workers_packet_out(2, large, sizeof(large)), -ENOBUFS);
    int rc = 0;
    for (unsigned i = 0; i < 5000 && rc == 0; i++)
        rc = df_workers_packet_out(2, frame.byte, frame.len);
    cr_assert_eq(rc, -ENOBUFS, "the queue has no end");
    while (df_worker_round(df_worker(0)) != 0)
        take_all("p2");
}

Test(worker, what_a_full_port_does_not_take_is_dropped_against_it)
{
    udp(2, 1, 2);
    send_frames(QUEUE + 10);
    cr_assert_eq(tally_of(2).drops[DF_DROP_TX_FULL], 10);
    cr_assert_eq(tally_of(2).tx_packets, QUEUE);
    cr_assert_eq(tally_of(2).tx_bytes, QUEUE * frame.len);
    cr_assert_eq(drops_of(1), 0);
    cr_assert_eq(take_all("p2"), QUEUE);
    send_frames(1);
    cr_assert_eq(take_all("p2"), 1, "it goes on when there is room");
}

Test(worker, what_waits_for_a_port_that_goes_is_dropped_against_it)
{
    udp(2, 1, 2);
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(df_workers_packet_out(2, frame.byte, frame.len), 0);
    withdraw(2);
    df_worker_round(df_worker(0));
    cr_assert_eq(tally_of(2).drops[DF_DROP_TX_DOWN], 3);
    cr_assert_eq(tally_of(2).tx_packets, 0);
    cr_assert_eq(tally_of(2).tx_bytes, 0);
}

Test(worker, a_flow_to_a_port_that_went_is_dropped_and_comes_back_with_it)
{
    udp(2, 1, 2);
    send_frames(2);
    cr_assert_eq(take_all("p2"), 2);
    withdraw(2);
    send_frames(2);
    cr_assert_eq(tally_of(2).drops[DF_DROP_TX_DOWN], 2);
    open_port(2);
    send_frames(1);
    cr_assert_eq(take_all("p2"), 1);
}

/* Two ports that each get half a batch in a full round: it waits for more. */
Test(worker, what_still_waits_when_workers_end_is_freed)
{
    for (unsigned i = 0; i < DF_BATCH; i++) {
        udp(1 + i % 2, 1, 2);
        cr_assert(put_frame(i % 2 ? "p1" : "p2"));
    }
    cr_assert_eq(df_worker_round(df_worker(0)), DF_BATCH);
    cr_assert_eq(tally_of(1).tx_packets + tally_of(2).tx_packets, 0, "nothing waits, so this test tests nothing");
}

Test(worker, a_port_that_is_not_published_is_not_polled)
{
    struct df_port *withdrawn = df_ports_withdraw(1);
    udp(2, 1, 2);
    cr_assert(put_frame("p1"));
    cr_assert_eq(df_worker_round(df_worker(0)), 0);
    cr_assert_eq(df_ports_publish(withdrawn), 0);
    cr_assert_eq(df_ports_publish(withdrawn), -EEXIST);
    cr_assert_eq(df_worker_round(df_worker(0)), 1);
    cr_assert_eq(take_all("p2"), 1);
}

Test(worker, drops_are_kept_but_push_nobody_out)
{
    udp(2, 1, 2);
    send_frames(1);
    uint64_t evictions = worker_tally().evictions;
    udp(77, 1, 2); /* a MAC that nobody has */
    for (unsigned i = 0; i < 2000; i++) {
        frame.byte[4] = (uint8_t)(i >> 8);
        frame.byte[3] = (uint8_t)i;
        send_frames(1);
    }
    cr_assert_eq(tally_of(1).drops[DF_DROP_L2_UNKNOWN], 2000);
    cr_assert_eq(worker_tally().evictions, evictions);
    udp(2, 1, 2);
    uint64_t misses = worker_tally().misses;
    send_frames(1);
    cr_assert_eq(worker_tally().misses, misses, "the flow was pushed out by drops");
    cr_assert_eq(take_all("p2"), 2);
}

static int check_flow(const struct df_flow_info *flow, void *arg)
{
    struct df_ip source = ip4("10.0.0.1");
    (*(unsigned *)arg)++;
    cr_assert_eq(flow->in_port, 1);
    cr_assert_eq(flow->out_port, 2);
    cr_assert_eq(flow->eth_type, 0x0800);
    cr_assert_eq(flow->ip_proto, 17);
    cr_assert(flow->by_address_pair);
    cr_assert(df_ip_equal(&flow->ip_src, &source));
    cr_assert_eq(flow->drop, DF_DROP_NONE);
    cr_assert_eq(flow->eth_dst.byte[5], 2);
    cr_assert(flow->idle_ms >= 4000 && flow->idle_ms <= 6000, "idle for %u ms", flow->idle_ms);
    return 0;
}

Test(worker, flows_are_shown_with_their_age)
{
    unsigned n = 0;
    udp(2, 1, 2);
    send_frames(1);
    take_all("p2");
    now += 5 * HZ; /* not so long that the aging may end it */
    df_worker_round(df_worker(0));
    df_worker_flows_each(df_worker(0), check_flow, &n);
    cr_assert_eq(n, 1);
}

/* ---- Two workers, of which the second one polls port 2, and a race between them */

#define TABLE_RACE DF_TABLE_FIRST_FREE
#define PORT_RACE 7 /* what is sent there passes by that table */

static bool raced;

static void reply_to_race(void)
{
    frame_ethernet(&frame);
    memcpy(frame.byte, ((uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}), 12);
    frame_ip4(&frame, 17, "10.0.0.2", "10.0.0.1", 0);
    frame_udp(&frame, PORT_RACE, 1000, 10);
    frame_close(&frame);
}

/*
 * The sender's connection is to begin, which the walk decided in a table before this one. Now the other worker has a
 * packet of the same tuple, the other way round, and is through with it before the walk goes on.
 */
static uint16_t race_decide(void *state, struct df_walk *its)
{
    (void)state;
    cr_assert(its->track[OUT].begin && its->track[OUT].conn == NULL);
    reply_to_race();
    cr_assert(put_frame("p2"));
    cr_assert_eq(df_worker_round(df_worker(1)), 1);
    cr_assert_eq(tally_of(1).tx_packets, 1);
    raced = true;
    return DF_TABLE_L2;
}

static const struct df_field no_fields[] = {DF_FIELD_END};

static const struct df_table_ops race_table = {
    .desc = {.number = TABLE_RACE,
             .name = "race",
             .upstream = "RACE",
             .summary = "lets another worker go first",
             .key_size = sizeof(uint32_t),
             .value_size = sizeof(uint32_t),
             .order = DF_ORDER_SERVICE,
             .key_fields = no_fields,
             .value_fields = no_fields},
    DF_EXACT_OPS,
    .decide = race_decide,
};

static void up_race(void)
{
    const struct df_conns_config config = {
        .max = 1000, .max_per_port = 500, .n_workers = 2, .timeouts = df_conn_timeouts_default};
    struct df_services_key seven = {.eth_type = 0x0800, .ip_proto = 17, .l4_dst = PORT_RACE};
    struct df_services_value to_race = {.table = TABLE_RACE};
    n_workers = 2;
    up();
    cr_assert_eq(df_conns_init(&config), 0);
    cr_assert_eq(df_table_register(&race_table), 0);
    must_put(DF_TABLE_SERVICES, &seven, &to_race);
    for (uint16_t n = 1; n <= 2; n++)
        cr_assert_eq(conntrack_put_at(n, 10u + n, 1, 1, 1, (uint32_t[]){GROUP}), 0);
    only_rule(OUT, GROUP, 1, .rule = 201, .ip_version = 4, .any_proto = 1);
    only_rule(IN, GROUP, 1, .rule = 202, .ip_version = 4, .any_proto = 1);
}

static void down_race(void)
{
    workers_down();
    df_tables_fini();
    df_rcu_barrier();
    df_conns_fini();
    df_rcu_unregister();
}

TestSuite(worker_race, .init = up_race, .fini = down_race);

static int check_replied(struct df_conn *conn, const struct df_conn_info *info, void *n)
{
    struct df_ip began = ip4("10.0.0.2");
    (void)conn;
    ++*(unsigned *)n;
    cr_assert(df_ip_equal(&info->key.src, &began), "the one that came second began it");
    cr_assert_eq(info->state, DF_CONN_UDP_STREAM, "%s", df_conn_state_name(info->state));
    cr_assert_eq(info->packets[0], 1);
    cr_assert_eq(info->packets[1], 1);
    return 0;
}

Test(worker_race, who_comes_second_joins_and_is_delivered)
{
    unsigned n = 0;
    struct df_conns_tally conns;
    udp(2, 1000, PORT_RACE);
    send_frames(1);
    cr_assert(raced);
    cr_assert_eq(take_all("p1"), 1);
    cr_assert_eq(take_all("p2"), 1);
    cr_assert_eq(drops_of(1) + drops_of(2), 0);
    df_conns_each(1, UINT32_MAX, df_workers_now_ms(), check_replied, &n);
    cr_assert_eq(n, 2, "%u connections in two zones", n);
    df_conns_tally(&conns);
    cr_assert_eq(conns.begun, 2);
    cr_assert_eq(df_security_group_hits(201) + df_security_group_hits(202), 2, "who joined is a hit of its rule");
}
