/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/worker/worker.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <rte_eal.h>

#include "tests/scenario/memory_port.h"
#include "tests/unit/fastpath/table_test.h"

/*
 * Frames that lie in several packet buffers: dropped under a name of their own, with and without a flow cache, and the
 * frames around them in a batch lose nothing.
 */

#define NETWORK 1

static struct rte_mempool *pool;

static uint64_t clock_cycles(void)
{
    return 1000000000;
}

static void open_port(uint16_t number, const char *name)
{
    struct df_port *port;
    struct df_port_config config = {
        .number = number, .name = name, .vif_type = "ethdev", .vif_name = name, .n_workers = 1, .pool = pool};
    cr_assert_eq(df_port_open(&config, &port), 0);
    cr_assert_eq(df_ports_publish(port), 0);
    struct df_classification_key in = {.port = number};
    struct df_classification_value lport = {.lport = 10u + number, .network = NETWORK};
    struct df_port_security_key open_key = {.lport = 10u + number};
    struct df_port_security_value open = {.enabled = 0};
    struct df_l2_key mac_key = {.network = NETWORK, .mac = {{2, 0, 0, 0, 0, (uint8_t)number}}};
    struct df_l2_value mac_value = {.lport = 10u + number};
    struct df_egress_key egress = {.lport = 10u + number};
    struct df_egress_value local = {.kind = DF_EGRESS_LOCAL};
    struct df_dispatch_key out = {.lport = 10u + number};
    struct df_dispatch_value to = {.port = number};
    must_put(DF_TABLE_PORT_SECURITY, &open_key, &open);
    must_put(DF_TABLE_L2, &mac_key, &mac_value);
    groups_off(10u + number);
    must_put(DF_TABLE_EGRESS, &egress, &local);
    must_put(DF_TABLE_DISPATCH, &out, &to);
    must_put(DF_TABLE_CLASSIFICATION, &in, &lport);
}

static void up(uint32_t flow_cache_entries)
{
    char *arguments[] = {"test", "--no-huge",      "--no-pci",      "--no-shconf", "-m",
                         "64",   "--no-telemetry", "--log-level=4", "-l",          "0"};
    cr_assert_geq(rte_eal_init(RTE_DIM(arguments), arguments), 0);
    pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    cr_assert_not_null(pool);
    tables_setup();
    memory_ports_register();
    struct df_worker_config config = {.n_workers = 1,
                                      .flow_cache_entries = flow_cache_entries,
                                      .pool = pool,
                                      .cycles = clock_cycles,
                                      .cycles_per_second = 1000000000};
    cr_assert_eq(df_workers_init(&config), 0);
    open_port(1, "p1");
    open_port(2, "p2");
}

/* No buffer may be lost, whatever became of the packets. */
static void down(void)
{
    for (uint16_t number = 1; number <= 2; number++)
        df_port_close(df_ports_withdraw(number));
    df_workers_fini();
    cr_assert_eq(rte_mempool_in_use_count(pool), 0);
    tables_teardown();
}

/*
 * Puts a whole datagram from port 1 to port 2 there. What follows it in buffers of its own is no part of the datagram:
 * a reader who looks at the first buffer alone finds nothing wrong.
 */
static void put(uint8_t tag, unsigned further_buffers)
{
    frame_ethernet(&frame);
    memcpy(frame.byte, ((uint8_t[]){2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1}), 12);
    frame_ip4(&frame, 17, "10.0.0.1", "10.0.0.2", 0);
    frame_udp(&frame, 1000, 2000, 10);
    frame_close(&frame);
    frame.byte[frame.len - 1] = tag;
    struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
    memcpy(rte_pktmbuf_append(mbuf, (uint16_t)frame.len), frame.byte, frame.len);
    for (; further_buffers > 0; further_buffers--) {
        struct rte_mbuf *next = rte_pktmbuf_alloc(pool);
        memset(rte_pktmbuf_append(next, 100), 0, 100);
        cr_assert_eq(rte_pktmbuf_chain(mbuf, next), 0);
    }
    cr_assert(memory_port_put("p1", mbuf));
}

static void expect_delivered(uint8_t tag)
{
    struct rte_mbuf *mbuf = memory_port_take("p2");
    cr_assert_not_null(mbuf, "frame %u", tag);
    cr_assert_eq(*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, mbuf->data_len - 1), tag);
    rte_pktmbuf_free(mbuf);
}

static void expect_dropped(uint64_t chained)
{
    struct df_port_tally tally;
    df_port_tally(1, &tally);
    for (unsigned reason = 0; reason < DF_DROPS; reason++)
        cr_expect_eq(tally.drops[reason], reason == DF_DROP_CHAINED ? chained : 0, "%s", df_drop_name(reason));
}

ParameterizedTestParameters(long_frames, are_dropped_by_name_and_alone)
{
    static uint32_t flow_cache_entries[] = {0, 256};
    return cr_make_param_array(uint32_t, flow_cache_entries, 2);
}

ParameterizedTest(uint32_t *flow_cache_entries, long_frames, are_dropped_by_name_and_alone)
{
    up(*flow_cache_entries);
    put(1, 0);
    df_worker_round(df_worker(0)); /* the flow is in the cache now */
    expect_delivered(1);

    put(2, 1);
    put(3, 0);
    put(4, 5);
    put(5, 2);
    put(6, 0);
    df_worker_round(df_worker(0));
    expect_delivered(3);
    expect_delivered(6);
    cr_expect_null(memory_port_take("p2"));
    expect_dropped(3);

    struct df_worker_tally tally;
    struct df_port_tally port;
    df_worker_tally(df_worker(0), &tally);
    df_port_tally(1, &port);
    cr_expect_eq(tally.packets, 6);
    cr_expect_eq(tally.hits, *flow_cache_entries ? 2 : 0);
    cr_expect_eq(tally.misses, *flow_cache_entries ? 1 : 3);
    cr_expect_eq(port.rx_packets, 6);
    cr_expect_eq(port.rx_bytes, 6 * frame.len + 8 * 100);
    down();
}

Test(long_frames, a_batch_of_nothing_else_is_dropped)
{
    up(256);
    for (uint8_t i = 0; i < DF_BATCH; i++)
        put(i, 1);
    df_worker_round(df_worker(0));
    cr_expect_null(memory_port_take("p2"));
    expect_dropped(DF_BATCH);
    down();
}
