/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fastpath/ports.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <urcu-qsbr.h>

/*
 * The guest is DPDK's virtio-user driver, opened as a port of its own in the same process: it speaks vhost-user over
 * the same socket as QEMU would, and shares its memory through it.
 */

static char path[96];

static struct df_port *open_switch(uint16_t number, bool server, uint16_t workers)
{
    struct df_port_config config = port_config(number, "vhostuser", path);
    struct df_port *port;
    config.server = server;
    config.n_workers = workers;
    int err = df_port_open(&config, &port);
    cr_assert_eq(err, 0, "%s", strerror(-err));
    return port;
}

/* Where the switch is the client, the guest is the server. */
static struct df_port *open_guest(bool server, uint16_t pairs)
{
    char devargs[256];
    struct df_port_config config = port_config(1000, "ethdev", "guest");
    struct df_port *port;
    snprintf(devargs, sizeof(devargs),
             "net_virtio_user0,path=%s,server=%d,queues=%u,queue_size=256,mac=02:00:00:00:00:01", path, server, pairs);
    config.devargs = devargs;
    config.n_workers = pairs;
    int err = df_port_open(&config, &port);
    cr_assert_eq(err, 0, "guest: %s", strerror(-err));
    return port;
}

static void expect_both_ways(struct df_port *one, struct df_port *other, uint32_t tag)
{
    cr_expect(send_frame(one, tag));
    WAIT_FOR(received(other, tag));
    cr_expect(send_frame(other, tag + 1));
    WAIT_FOR(received(one, tag + 1));
}

static const char *detail(const struct df_port *port)
{
    const char *text = NULL;
    port->ops->attached(port, &text);
    return text;
}

static void expect_switch_survives_guests(bool server)
{
    snprintf(path, sizeof(path), "%s/a.sock", temporary());
    start_eal();
    unsigned free_before = rte_mempool_avail_count(eal.pool);
    struct df_port *port = open_switch(1, server, 1);
    struct rte_mbuf *mbufs[32];
    cr_expect_not(attached(port));
    cr_expect_neq(detail(port)[0], '\0', "it says why");
    cr_expect_not(send_frame(port, 1), "nobody there");
    cr_expect_eq(port->ops->rx(port, 0, mbufs, 32), 0);

    for (uint32_t life = 0; life < 3; life++) {
        unsigned changes_before = changes;
        struct df_port *guest = open_guest(!server, 1);
        WAIT_FOR(attached(port));
        cr_expect_str_eq(detail(port), "");
        cr_expect_gt(changes, changes_before);
        expect_both_ways(port, guest, 100 * life);
        changes_before = changes;
        df_port_close(guest);
        WAIT_FOR(!attached(port));
        WAIT_FOR(changes > changes_before);
        cr_expect_not(send_frame(port, 2));
    }
    df_port_close(port);
    cr_expect_eq(rte_mempool_avail_count(eal.pool), free_before);
    cr_expect_neq(access(path, F_OK), server ? 0 : 1, "a server takes its socket with it");
    df_eal_fini(&eal);
    run("rm -rf $(dirname %s)", path);
}

Test(vhost, as_server_it_outlives_its_guests, .timeout = 60)
{
    expect_switch_survives_guests(true);
}

Test(vhost, as_client_it_connects_again, .timeout = 60)
{
    expect_switch_survives_guests(false);
}

Test(vhost, a_guest_outlives_the_switch, .timeout = 60)
{
    snprintf(path, sizeof(path), "%s/a.sock", temporary());
    start_eal();
    struct df_port *port = open_switch(1, false, 1);
    struct df_port *guest = open_guest(true, 1);
    WAIT_FOR(attached(port));
    expect_both_ways(port, guest, 10);
    df_port_close(port);
    port = open_switch(1, false, 1);
    WAIT_FOR(attached(port));
    expect_both_ways(port, guest, 20);
    df_port_close(guest);
    df_port_close(port);
    df_eal_fini(&eal);
    run("rm -rf $(dirname %s)", path);
}

/* A guest with four queue pairs and a switch with two workers: every ring of the guest is polled by exactly one. */
Test(vhost, queue_pairs_are_dealt_out, .timeout = 60)
{
    snprintf(path, sizeof(path), "%s/a.sock", temporary());
    start_eal();
    struct df_port *port = open_switch(1, true, 2);
    cr_expect_eq(port->n_rxq, 2);
    cr_expect_eq(port->n_txq, 2);
    struct df_port *guest = open_guest(false, 4);
    cr_assert_eq(guest->n_txq, 4);
    WAIT_FOR(attached(port));
    for (uint16_t q = 0; q < 4; q++) {
        struct rte_mbuf *mbuf = new_frame(500 + q);
        cr_assert_eq(guest->ops->tx(guest, q, &mbuf, 1), 1);
        WAIT_FOR(received(port, 500u + q));
    }
    for (uint16_t q = 0; q < 2; q++) {
        struct rte_mbuf *mbuf = new_frame(600 + q);
        cr_assert_eq(port->ops->tx(port, q, &mbuf, 1), 1);
        WAIT_FOR(received(guest, 600u + q));
    }
    df_port_close(guest);
    df_port_close(port);
    df_eal_fini(&eal);
    run("rm -rf $(dirname %s)", path);
}

/* ---- A worker that never stops while guests come and go. */

struct poller {
    struct df_port *port;
    _Atomic bool stop;
    _Atomic uint64_t seen;
};

static void *poll_always(void *arg)
{
    struct poller *poller = arg;
    urcu_qsbr_register_thread();
    while (!poller->stop) {
        struct rte_mbuf *mbufs[32];
        uint16_t n = poller->port->ops->rx(poller->port, 0, mbufs, 32);
        uint16_t sent = n ? poller->port->ops->tx(poller->port, 0, mbufs, n) : 0;
        rte_pktmbuf_free_bulk(mbufs + sent, n - sent);
        poller->seen += n;
        urcu_qsbr_quiescent_state();
        sched_yield();
    }
    urcu_qsbr_unregister_thread();
    return NULL;
}

Test(vhost, guests_come_and_go_under_a_polling_worker, .timeout = 120)
{
    snprintf(path, sizeof(path), "%s/a.sock", temporary());
    start_eal();
    unsigned free_before = rte_mempool_avail_count(eal.pool);
    struct poller poller = {.port = open_switch(1, true, 1)};
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, poll_always, &poller), 0);
    for (uint32_t life = 0; life < 30; life++) {
        struct df_port *guest = open_guest(false, 1);
        uint64_t seen = poller.seen;
        WAIT_FOR(attached(poller.port));
        while (poller.seen < seen + 64)
            send_frame(guest, life);
        df_port_close(guest);
    }
    poller.stop = true;
    pthread_join(thread, NULL);
    df_port_close(poller.port);
    cr_expect_eq(rte_mempool_avail_count(eal.pool), free_before);
    df_eal_fini(&eal);
    run("rm -rf $(dirname %s)", path);
}

struct leaving {
    struct df_port *guest;
    _Atomic bool left;
};

static void *close_guest(void *arg)
{
    struct leaving *leaving = arg;
    df_port_close(leaving->guest);
    leaving->left = true;
    return NULL;
}

/* This thread is a worker inside rx: until it comes out, the guest's memory must stay, so the guest cannot be gone. */
Test(vhost, a_guest_stays_until_workers_are_out, .timeout = 60)
{
    snprintf(path, sizeof(path), "%s/a.sock", temporary());
    start_eal();
    pthread_t thread;
    struct df_port *port = open_switch(1, true, 1);
    struct leaving leaving = {.guest = open_guest(false, 1)};
    WAIT_FOR(attached(port));
    urcu_qsbr_register_thread();
    cr_assert_eq(pthread_create(&thread, NULL, close_guest, &leaving), 0);
    WAIT_FOR(!attached(port));
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        cr_assert_not(leaving.left, "it did not wait for this thread");
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 200);
    urcu_qsbr_quiescent_state();
    urcu_qsbr_thread_offline();
    WAIT_FOR(leaving.left);
    pthread_join(thread, NULL);
    urcu_qsbr_unregister_thread();
    df_port_close(port);
    df_eal_fini(&eal);
    run("rm -rf $(dirname %s)", path);
}

/*
 * The guest leaves while this thread is a reader that reports no quiescent state, so the library's thread waits for
 * it; close() must not wait for the library's thread then.
 */
Test(vhost, close_on_a_reader_thread_does_not_wait_for_itself, .timeout = 60)
{
    snprintf(path, sizeof(path), "%s/a.sock", temporary());
    start_eal();
    urcu_qsbr_register_thread();
    for (unsigned i = 0; i < 3; i++) {
        pthread_t thread;
        struct df_port *port = open_switch(1, true, 1);
        struct leaving leaving = {.guest = open_guest(false, 1)};
        WAIT_FOR(attached(port));
        cr_assert_eq(pthread_create(&thread, NULL, close_guest, &leaving), 0);
        WAIT_FOR(!attached(port));
        df_port_close(port);
        cr_expect(urcu_qsbr_read_ongoing(), "still a reader");
        pthread_join(thread, NULL);
    }
    urcu_qsbr_unregister_thread();
    df_eal_fini(&eal);
    run("rm -rf $(dirname %s)", path);
}

/* ---- Sockets. */

static int listen_on(const char *socket_path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(fd, 1), 0);
    return fd;
}

static int try_server(uint16_t number, struct df_port **port)
{
    struct df_port_config config = port_config(number, "vhostuser", path);
    config.server = true;
    return df_port_open(&config, port);
}

Test(vhost, a_server_replaces_what_a_dead_one_left_and_nothing_else)
{
    struct df_port *port, *second;
    const char *folder = temporary();
    start_eal();
    snprintf(path, sizeof(path), "%s/a.sock", folder);
    int fd = listen_on(path, SOCK_STREAM);
    cr_expect_eq(try_server(1, &port), -EADDRINUSE, "somebody listens");
    cr_expect_eq(access(path, F_OK), 0);
    close(fd);
    cr_assert_eq(try_server(1, &port), 0, "it is dead now");
    cr_expect_eq(try_server(2, &second), -EADDRINUSE, "our own other port");
    cr_expect_eq(try_open(2, "vhostuser", path, &second), -EADDRINUSE);
    df_port_close(port);

    fd = listen_on(path, SOCK_SEQPACKET);
    cr_expect_eq(try_server(1, &port), -EADDRINUSE, "a memif server");
    close(fd);
    unlink(path);

    run("echo precious > %s", path);
    cr_expect_eq(try_server(1, &port), -EADDRINUSE, "a file");
    run("grep -q precious %s && rm %s && ln -s /dev/null %s", path, path, path);
    cr_expect_eq(try_server(1, &port), -EADDRINUSE, "a link");
    snprintf(path, sizeof(path), "%s/no/such/folder.sock", folder);
    cr_expect_eq(try_server(1, &port), -ENOENT);
    df_eal_fini(&eal);
    remove_temporary(folder);
}

Test(vhost, a_thousand_ports_and_not_one_more, .timeout = 60)
{
    static struct df_port *ports[1000];
    struct df_port *extra;
    const char *folder = temporary();
    start_eal();
    for (uint16_t i = 0; i < 1000; i++) {
        snprintf(path, sizeof(path), "%s/%u", folder, i);
        int err = try_open((uint16_t)(i + 1), "vhostuser", path, &ports[i]);
        cr_assert_eq(err, 0, "%u: %s", i, strerror(-err));
    }
    snprintf(path, sizeof(path), "%s/extra", folder);
    cr_expect_eq(try_open(1001, "vhostuser", path, &extra), -E2BIG);
    cr_expect_eq(try_server(1001, &extra), -E2BIG);
    df_port_close(ports[500]);
    cr_expect_eq(try_server(1001, &extra), -E2BIG, "a server takes two places");
    cr_assert_eq(try_open(1001, "vhostuser", path, &extra), 0);
    df_port_close(extra);
    for (unsigned i = 0; i < 1000; i++)
        if (i != 500)
            df_port_close(ports[i]);
    df_eal_fini(&eal);
    remove_temporary(folder);
}
