/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fastpath/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <rte_ethdev.h>

#include "fastpath/ports/guest_devargs.h"
#include "fastpath/ports/vif_name.h"

/* ---- Names from the database. */

static const char *const bad_devices[] = {
    "",           "veth0,foo=bar", "../../x",   ".",         "..",   ".hidden",           "-rf",
    "a b",        "a\n",           "a/b",       "a:1",       "a%d",  "sixteen-letters-x", "veth0;reboot",
    "\xc3\xa4th", "a=b",           "eth0[0-3]", "eth0\x01b", "a\tb", "\"eth0\"",
};

static const char *const bad_sockets[] = {
    "",         "relative",  "/",          "/tmp/",    "/tmp/x,queues=8", "/tmp/../etc/x", "/..", "/tmp/..",
    "/tmp/a b", "/tmp/a\nb", "/tmp/a\x7f", "/tmp/a=b", "/tmp/[a]",        "/tmp/\"a\"",    "@x",  "/tmp/\xc3\xa4",
};

static const char *long_name(char first)
{
    static char name[301];
    memset(name, 'a', 300);
    name[0] = first;
    return name;
}

Test(vif_name, devices)
{
    static const char *const good[] = {"a", "eth0", "tap0123-4567-ab", "veth.100", "x_y", "0"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect_eq(df_vif_name_check_device(good[i]), 0, "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad_devices) / sizeof(bad_devices[0]); i++)
        cr_expect_eq(df_vif_name_check_device(bad_devices[i]), -EINVAL, "%s", bad_devices[i]);
    cr_expect_eq(df_vif_name_check_device("fifteen-letters"), 0);
    cr_expect_eq(df_vif_name_check_device(long_name('a')), -EINVAL);
    cr_expect_eq(df_vif_name_check_device(NULL), -EINVAL);
}

Test(vif_name, sockets)
{
    static const char *const good[] = {"/run/vhu01234567-89", "/a", "/var/run/..hidden/a.sock", "/tmp/a..b"};
    char longest[109];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_expect_eq(df_vif_name_check_socket(good[i]), 0, "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad_sockets) / sizeof(bad_sockets[0]); i++)
        cr_expect_eq(df_vif_name_check_socket(bad_sockets[i]), -EINVAL, "%s", bad_sockets[i]);
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    longest[108] = '\0';
    cr_expect_eq(df_vif_name_check_socket(longest), -EINVAL, "no room for the terminator");
    longest[107] = '\0';
    cr_expect_eq(df_vif_name_check_socket(longest), 0);
    cr_expect_eq(df_vif_name_check_socket(long_name('/')), -EINVAL);
    cr_expect_eq(df_vif_name_check_socket(NULL), -EINVAL);
}

/* Each vif_type looks at its name before it does anything with it: no EAL runs here. */
Test(ports, bad_names_are_refused_by_every_type)
{
    static const char *const devices[] = {"tap", "veth", "afxdp"};
    static const char *const sockets[] = {"memif", "vhostuser"};
    struct df_port *port;
    for (size_t t = 0; t < 3; t++)
        for (size_t i = 0; i < sizeof(bad_devices) / sizeof(bad_devices[0]); i++)
            cr_expect_eq(try_open(1, devices[t], bad_devices[i], &port), -EINVAL, "%s %s", devices[t], bad_devices[i]);
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < sizeof(bad_sockets) / sizeof(bad_sockets[0]); i++)
            cr_expect_eq(try_open(1, sockets[t], bad_sockets[i], &port), -EINVAL, "%s %s", sockets[t], bad_sockets[i]);
    cr_expect_eq(try_open(1, "tap", NULL, &port), -EINVAL);
    cr_expect_eq(try_open(1, "vhostuser", NULL, &port), -EINVAL);
    cr_expect_null(port);
}

Test(ports, device_arguments_say_what_was_asked_for)
{
    char devargs[DF_DEVARGS_MAX];
    struct df_port_config config = port_config(7, "memif", "/tmp/no-such-memif");
    config.mtu = 1500;
    cr_expect_eq(df_guest_devargs(&config, devargs), 0);
    cr_expect_str_eq(devargs, "net_memif_df7,role=client,id=0,socket=/tmp/no-such-memif,socket-abstract=no,bsize=2048");

    config.vif_type = "veth";
    config.vif_name = "lo";
    cr_expect_eq(df_guest_devargs(&config, devargs), 0);
    cr_expect_str_eq(devargs, "net_af_packet_df7,iface=lo,qpairs=1,framesz=2048,blocksz=4096,framecnt=512");
    config.mtu = 9000;
    cr_expect_eq(df_guest_devargs(&config, devargs), 0);
    cr_expect_str_eq(devargs, "net_af_packet_df7,iface=lo,qpairs=1,framesz=9216,blocksz=36864,framecnt=512");
    config.mtu = 2000; /* a page has not room for two */
    cr_expect_eq(df_guest_devargs(&config, devargs), 0);
    cr_expect_str_eq(devargs, "net_af_packet_df7,iface=lo,qpairs=1,framesz=3072,blocksz=12288,framecnt=512");
    config.vif_name = "nosuchdev";
    cr_expect_eq(df_guest_devargs(&config, devargs), -ENODEV);

    config.vif_type = "ethdev";
    cr_expect_eq(df_guest_devargs(&config, devargs), -ENODEV, "without device arguments");
    config.devargs = "net_null0,copy=1";
    cr_expect_eq(df_guest_devargs(&config, devargs), 0);
    cr_expect_str_eq(devargs, "net_null0,copy=1");
}

/* ---- The registry. */

static int open_nothing(struct df_port *port, const struct df_port_config *config)
{
    port->n_rxq = config->mtu == 1500 ? 1 : 0;
    return 0;
}

static void close_nothing(struct df_port *port)
{
    (void)port;
}

Test(ports, types_are_found_by_name)
{
    static const char *const names[] = {"vhostuser", "tap", "veth", "afxdp", "memif", "ethdev"};
    for (size_t i = 0; i < 6; i++)
        cr_expect_str_eq(df_port_ops_find(names[i])->vif_type, names[i]);
    cr_expect_null(df_port_ops_find("carrier-pigeon"));
    cr_expect_null(df_port_ops_find(NULL));
}

Test(ports, a_type_can_be_added_once)
{
    static const struct df_port_ops memory = {.vif_type = "memory", .open = open_nothing, .close = close_nothing};
    struct df_port *port;
    cr_expect_eq(try_open(1, "memory", "x", &port), -EPROTONOSUPPORT);
    cr_expect_eq(df_port_ops_register(&memory), 0);
    cr_expect_eq(df_port_ops_register(&memory), -EEXIST);
    cr_assert_eq(try_open(1023, "memory", "x", &port), 0);
    cr_expect_eq(port->number, 1023);
    cr_expect_eq(port->mtu, 1500);
    cr_expect_eq(port->n_rxq, 1, "the type is told the default mtu");
    cr_expect_str_eq(port->name, "test port");
    cr_expect_str_eq(port->vif_type, "memory");
    df_port_close(port);
    df_port_close(NULL);
    cr_expect_eq(try_open(0, "memory", "x", &port), -EINVAL);
    cr_expect_eq(try_open(DF_PORTS_MAX, "memory", "x", &port), -EINVAL);
}

Test(ports, a_type_of_a_test_takes_the_place_of_ours)
{
    static const struct df_port_ops memory = {.vif_type = "tap", .open = open_nothing, .close = close_nothing};
    cr_expect_eq(df_port_ops_register(&memory), 0);
    cr_expect_eq(df_port_ops_find("tap"), &memory);
    cr_expect_eq(df_port_ops_register(&memory), -EEXIST);
}

/* ---- Devices. */

Test(ports, what_is_not_there_is_refused)
{
    start_eal();
    struct df_port *port;
    cr_expect_eq(try_open(1, "veth", "nosuchdev", &port), -ENODEV);
    cr_expect_eq(try_open(1, "afxdp", "nosuchdev", &port), -ENODEV);
    cr_expect_eq(try_device(1, NULL, &port), -ENODEV);
    cr_expect_eq(try_device(1, "net_nosuchdriver0", &port), -ENODEV);
    cr_expect_eq(try_device(1, "net_pcap0,rx_pcap=/nonexistent", &port), -ENODEV);
    cr_expect_eq(try_device(1, "net_null0,nonsense=1", &port), -ENODEV);
    struct df_port_config config = port_config(1, "ethdev", "configured");
    config.devargs = "net_null0";
    config.mtu = 2048;
    cr_expect_eq(df_port_open(&config, &port), -EMSGSIZE, "mtu and headers do not fit a packet buffer");
    cr_expect_eq(rte_eth_dev_count_total(), 0);
    df_eal_fini(&eal);
}

Test(ports, null_swallows_and_leaks_nothing)
{
    start_eal();
    unsigned free_before = rte_mempool_avail_count(eal.pool);
    struct df_port *port = open_device(1, "net_null0,no-rx=1");
    struct rte_mbuf *mbufs[32];
    cr_expect_eq(port->n_rxq, 1);
    cr_expect_eq(port->n_txq, 1);
    cr_expect_not(port->tx_shared);
    cr_expect(attached(port));
    cr_expect_eq(port->ops->rx(port, 0, mbufs, 32), 0);
    for (uint32_t i = 0; i < 100; i++)
        cr_expect(send_frame(port, i));
    struct df_port *other;
    cr_expect_eq(try_device(2, "net_null0", &other), -EBUSY, "another port has it");
    df_port_close(port);
    cr_expect_eq(rte_mempool_avail_count(eal.pool), free_before);

    port = open_device(2, "net_null0,size=128");
    uint16_t n = port->ops->rx(port, 0, mbufs, 32);
    cr_expect_eq(n, 32, "the name is free again, and the new arguments count");
    cr_expect_eq(mbufs[0]->pkt_len, 128);
    rte_pktmbuf_free_bulk(mbufs, n);
    df_port_close(port);
    cr_expect_eq(rte_mempool_avail_count(eal.pool), free_before);
    df_eal_fini(&eal);
}

Test(ports, queues_for_each_worker_as_far_as_the_device_has_them)
{
    start_eal();
    const char *folder = temporary();
    char devargs[256];
    struct df_port_config config = port_config(1, "ethdev", "configured");
    struct df_port *port;
    config.n_workers = 4;
    config.devargs = devargs;
    snprintf(devargs, sizeof(devargs), "net_pcap0,tx_pcap=%s/a.pcap", folder);
    cr_assert_eq(df_port_open(&config, &port), 0);
    cr_expect_eq(port->n_txq, 1);
    cr_expect(port->tx_shared);
    df_port_close(port);

    snprintf(devargs, sizeof(devargs), "net_null0,no-rx=1");
    cr_assert_eq(df_port_open(&config, &port), 0);
    cr_expect_eq(port->n_rxq, 4);
    cr_expect_eq(port->n_txq, 4);
    cr_expect_not(port->tx_shared);
    df_port_close(port);
    remove_temporary(folder);
    df_eal_fini(&eal);
}

Test(ports, the_33rd_ethdev_is_one_too_many)
{
    start_eal();
    struct df_port *ports[RTE_MAX_ETHPORTS], *extra;
    char devargs[32];
    for (uint16_t i = 0; i < RTE_MAX_ETHPORTS; i++) {
        snprintf(devargs, sizeof(devargs), "net_null%u,no-rx=1", i);
        ports[i] = open_device((uint16_t)(i + 1), devargs);
    }
    cr_expect_eq(try_device(100, "net_null99", &extra), -E2BIG);
    df_port_close(ports[7]);
    cr_expect_eq(try_device(100, "net_null99", &extra), 0);
    df_port_close(extra);
    for (uint16_t i = 0; i < RTE_MAX_ETHPORTS; i++)
        if (i != 7)
            df_port_close(ports[i]);
    df_eal_fini(&eal);
}

static off_t file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}

Test(ports, pcap_writes_what_it_is_sent_and_reads_it_back)
{
    start_eal();
    const char *folder = temporary();
    char devargs[256], path[128];
    snprintf(path, sizeof(path), "%s/a.pcap", folder);
    snprintf(devargs, sizeof(devargs), "net_pcap0,tx_pcap=%s", path);
    struct df_port *port = open_device(1, devargs);
    for (uint32_t i = 0; i < 10; i++)
        cr_expect(send_frame(port, i));
    df_port_close(port);
    cr_expect_eq(file_size(path), 24 + 10 * (16 + (off_t)FRAME_LEN));

    snprintf(devargs, sizeof(devargs), "net_pcap0,rx_pcap=%s", path);
    port = open_device(1, devargs);
    struct rte_mbuf *mbufs[32];
    uint16_t n = port->ops->rx(port, 0, mbufs, 32);
    cr_expect_eq(n, 10);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t tag = UINT32_MAX;
        cr_expect(read_frame(rte_pktmbuf_mtod(mbufs[i], uint8_t *), mbufs[i]->data_len, &tag));
        cr_expect_eq(tag, i);
    }
    rte_pktmbuf_free_bulk(mbufs, n);
    df_port_close(port);
    remove_temporary(folder);
    df_eal_fini(&eal);
}

/* ---- Again and again. */

Test(ports, plug_and_unplug_a_thousand_times, .timeout = 120)
{
    start_eal();
    const char *folder = temporary();
    char pcap[128];
    snprintf(pcap, sizeof(pcap), "net_pcap_many,tx_pcap=%s/a.pcap", folder);
    const char *devargs[] = {"net_null_many,no-rx=1", "net_ring_many", pcap};
    unsigned free_before = rte_mempool_avail_count(eal.pool);
    struct df_port *bystander = open_device(1, "net_ring0");
    for (uint32_t i = 0; i < 1000; i++) {
        struct df_port *port = open_device(2, devargs[i % 3]);
        cr_assert(send_frame(port, i));
        cr_assert(send_frame(bystander, i));
        cr_assert(received(bystander, i));
        df_port_close(port);
    }
    df_port_close(bystander);
    cr_expect_eq(rte_mempool_avail_count(eal.pool), free_before);
    cr_expect_eq(rte_eth_dev_count_total(), 0);
    remove_temporary(folder);
    df_eal_fini(&eal);
}

Test(ports, a_device_that_failed_can_be_plugged_later, .timeout = 60)
{
    start_eal();
    const char *folder = temporary();
    char devargs[256], source[256];
    struct df_port *port;
    snprintf(devargs, sizeof(devargs), "net_pcap_late,rx_pcap=%s/late.pcap", folder);
    for (unsigned i = 0; i < 200; i++)
        cr_assert_eq(try_device(1, devargs, &port), -ENODEV);
    snprintf(source, sizeof(source), "net_pcap0,tx_pcap=%s/late.pcap", folder);
    port = open_device(2, source);
    cr_expect(send_frame(port, 77));
    df_port_close(port);
    port = open_device(1, devargs);
    cr_expect(received(port, 77));
    df_port_close(port);
    remove_temporary(folder);
    df_eal_fini(&eal);
}
