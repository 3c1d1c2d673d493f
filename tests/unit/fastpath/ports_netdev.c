/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fastpath/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <rte_ethdev.h>

/*
 * Ports on devices of the kernel. Each test has a network namespace of its own, so names clash with nobody's and all
 * goes with it.
 */

static void own_namespace(void)
{
    if (geteuid() != 0)
        cr_skip_test("needs root: makes network devices");
    if (unshare(CLONE_NEWNET) != 0)
        cr_skip_test("needs network namespaces: %s", strerror(errno));
}

static struct df_port *open_port(uint16_t number, const char *vif_type, const char *vif_name)
{
    struct df_port *port;
    int err;
    WAIT_FOR((err = try_open(number, vif_type, vif_name, &port)) != -EBUSY);
    cr_assert_eq(err, 0, "%s %s: %s", vif_type, vif_name, strerror(-err));
    return port;
}

/* net_af_xdp forgets each UMEM (fastpath/ports/xdp_socket.h): 80 bytes that are not ours to free. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:xsk_umem__create\n";
}

/* ---- The guest: a packet socket on its device. */

static int guest_open(const char *device)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    address.sll_ifindex = (int)if_nametoindex(device);
    cr_assert_neq(address.sll_ifindex, 0, "%s", device);
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
    cr_assert_geq(fd, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void guest_send(int fd, uint32_t tag)
{
    uint8_t frame[FRAME_LEN];
    write_frame(frame, tag);
    cr_assert_eq(send(fd, frame, sizeof(frame), 0), (ssize_t)sizeof(frame), "%s", strerror(errno));
}

static bool guest_received(int fd, uint32_t wanted)
{
    uint8_t frame[2048];
    struct sockaddr_ll from;
    socklen_t len = sizeof(from);
    bool found = false;
    for (ssize_t n; (n = recvfrom(fd, frame, sizeof(frame), 0, (struct sockaddr *)&from, &len)) > 0;) {
        uint32_t tag;
        found |= from.sll_pkttype != PACKET_OUTGOING && read_frame(frame, (size_t)n, &tag) && tag == wanted;
    }
    return found;
}

static void expect_both_ways(struct df_port *port, int guest, uint32_t tag)
{
    cr_expect(send_frame(port, tag));
    WAIT_FOR(guest_received(guest, tag));
    guest_send(guest, tag + 1);
    WAIT_FOR(received(port, tag + 1));
}

static void make_veth(void)
{
    run("ip link add sw type veth peer name guest && ip link set sw up && ip link set guest up");
    run("ethtool -K guest tx off >/dev/null 2>&1 || true");
}

/* ---- veth: af_packet. */

static void expect_port_on_veth(const char *vif_type)
{
    own_namespace();
    make_veth();
    start_eal();
    unsigned free_before = rte_mempool_avail_count(eal.pool);
    for (uint32_t i = 0; i < 3; i++) {
        struct df_port *port = open_port(5, vif_type, "sw");
        int guest = guest_open("guest");
        cr_expect(attached(port));
        expect_both_ways(port, guest, 10 * i);
        run("ip link set guest down");
        WAIT_FOR(!attached(port));
        run("ip link set guest up");
        WAIT_FOR(attached(port));
        expect_both_ways(port, guest, 10 * i + 5);
        close(guest);
        df_port_close(port);
    }
    cr_expect_eq(rte_mempool_avail_count(eal.pool), free_before);
    df_eal_fini(&eal);
}

Test(netdev, veth_carries_frames_both_ways, .timeout = 60)
{
    expect_port_on_veth("veth");
}

Test(netdev, afxdp_carries_frames_both_ways, .timeout = 60)
{
    expect_port_on_veth("afxdp");
}

static void expect_sysctl(const char *path, int value)
{
    int now = -1;
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s: %s", path, strerror(errno));
    cr_expect_eq(fscanf(file, "%d", &now), 1);
    fclose(file);
    cr_expect_eq(now, value, "%s is %d", path, now);
}

Test(netdev, the_hosts_own_stack_does_not_speak_on_a_guests_device, .timeout = 60)
{
    own_namespace();
    make_veth();
    start_eal();
    struct df_port *port = open_port(5, "veth", "sw");
    expect_sysctl("/proc/sys/net/ipv6/conf/sw/disable_ipv6", 1);
    expect_sysctl("/proc/sys/net/ipv4/conf/sw/arp_ignore", 8);
    expect_sysctl("/proc/sys/net/ipv4/conf/sw/rp_filter", 1);
    df_port_close(port);
    df_eal_fini(&eal);
}

/* The guest's namespace is deleted, and the device with it, while the port is open. */
static void expect_device_may_vanish(const char *vif_type)
{
    own_namespace();
    make_veth();
    start_eal();
    unsigned free_before = rte_mempool_avail_count(eal.pool);
    struct df_port *port = open_port(5, vif_type, "sw");
    cr_expect(attached(port));
    cr_expect_not(port->ops->gone(port));
    run("ip link del guest");
    cr_expect(port->ops->gone(port));
    for (uint32_t i = 0; i < 2000; i++) {
        send_frame(port, i);
        received(port, i);
    }
    cr_expect_not(attached(port));
    struct df_port *again;
    cr_expect_eq(try_open(6, vif_type, "sw", &again), -ENODEV);
    df_port_close(port);
    cr_expect_eq(rte_mempool_avail_count(eal.pool), free_before);
    make_veth();
    port = open_port(5, vif_type, "sw");
    cr_expect_not(port->ops->gone(port));
    int guest = guest_open("guest");
    expect_both_ways(port, guest, 10);
    close(guest);
    df_port_close(port);
    df_eal_fini(&eal);
}

Test(netdev, veth_may_vanish, .timeout = 60)
{
    expect_device_may_vanish("veth");
}

Test(netdev, afxdp_may_vanish, .timeout = 60)
{
    expect_device_may_vanish("afxdp");
}

Test(netdev, veth_takes_tags_and_long_frames, .timeout = 60)
{
    own_namespace();
    make_veth();
    run("ip link set sw mtu 1500 && ip link set guest mtu 1500");
    start_eal();
    struct df_port *port = open_port(5, "veth", "sw");
    int guest = guest_open("guest");
    uint8_t frame[1518];
    write_frame(frame, 0);
    for (size_t i = FRAME_LEN; i < sizeof(frame); i++)
        frame[i] = (uint8_t)i;
    memcpy(frame + 12, "\x81\x00\x00\x05\x88\xb5", 6); /* VLAN 5 */
    cr_assert_eq(send(guest, frame, sizeof(frame), 0), (ssize_t)sizeof(frame), "%s", strerror(errno));
    struct rte_mbuf *mbuf;
    do
        WAIT_FOR(port->ops->rx(port, 0, &mbuf, 1) == 1);
    while (rte_pktmbuf_mtod(mbuf, uint8_t *)[6] != 0x02);
    cr_expect_eq(mbuf->nb_segs, 1);
    cr_expect_eq(mbuf->pkt_len, sizeof(frame));
    cr_expect_arr_eq(rte_pktmbuf_mtod(mbuf, uint8_t *), frame, sizeof(frame), "the tag is in the frame");
    rte_pktmbuf_free(mbuf);
    close(guest);
    df_port_close(port);
    df_eal_fini(&eal);
}

/* ---- tap. */

Test(netdev, tap_is_made_and_goes_with_the_port, .timeout = 60)
{
    own_namespace();
    start_eal();
    unsigned free_before = rte_mempool_avail_count(eal.pool);
    for (uint32_t i = 0; i < 3; i++) {
        struct df_port *port = open_port(5, "tap", "tap01234567-89");
        cr_expect_neq(if_nametoindex("tap01234567-89"), 0);
        run("ip link set tap01234567-89 up");
        WAIT_FOR(attached(port));
        int guest = guest_open("tap01234567-89");
        expect_both_ways(port, guest, 10 * i);
        close(guest);
        df_port_close(port);
        cr_expect_eq(if_nametoindex("tap01234567-89"), 0);
    }
    cr_expect_eq(rte_mempool_avail_count(eal.pool), free_before);
    df_eal_fini(&eal);
}

/* As the demo does: the device is moved to where its guest lives. */
Test(netdev, tap_works_on_in_another_namespace, .timeout = 60)
{
    own_namespace();
    char name[32];
    snprintf(name, sizeof(name), "df-ports-%d", getpid());
    start_eal();
    struct df_port *port = open_port(5, "tap", "tapguest");
    run("ip netns add %s && ip link set tapguest netns %s", name, name);
    run("ip -n %s link set tapguest address 02:00:00:00:00:09 up", name);
    run("ip -n %s addr add 192.0.2.1/24 dev tapguest", name);
    cr_expect(attached(port));
    run("ip netns exec %s ping -c 1 -W 1 192.0.2.2 >/dev/null 2>&1 || true", name);
    struct rte_mbuf *mbuf = NULL;
    uint8_t type[2] = {0};
    while (memcmp(type, "\x08\x06", 2) != 0) { /* it asks for 192.0.2.2 */
        WAIT_FOR(port->ops->rx(port, 0, &mbuf, 1) == 1);
        memcpy(type, rte_pktmbuf_mtod_offset(mbuf, uint8_t *, 12), 2);
        rte_pktmbuf_free(mbuf);
    }
    df_port_close(port);
    run("ip netns exec %s ip link show tapguest >/dev/null 2>&1 && exit 1 || true", name);
    run("ip netns del %s", name);
    df_eal_fini(&eal);
}

/* ---- memif, the one end to the other. */

static struct df_port *open_memif(uint16_t number, const char *path, bool server)
{
    struct df_port_config config = port_config(number, "memif", path);
    struct df_port *port;
    config.server = server;
    int err = df_port_open(&config, &port);
    cr_assert_eq(err, 0, "%s", strerror(-err));
    return port;
}

Test(netdev, memif_carries_frames_both_ways, .timeout = 60)
{
    const char *folder = temporary();
    char path[96];
    snprintf(path, sizeof(path), "%s/memif", folder);
    start_eal();
    unsigned free_before = rte_mempool_avail_count(eal.pool);
    struct df_port *client;
    cr_expect_eq(try_open(1, "memif", path, &client), -ECONNREFUSED, "no server");
    for (uint32_t i = 0; i < 3; i++) {
        struct df_port *server = open_memif(2, path, true);
        struct rte_mbuf *mbufs[32];
        cr_expect_not(attached(server));
        cr_expect_eq(server->ops->rx(server, 0, mbufs, 32), 0);
        cr_expect_not(send_frame(server, 1), "the link is down");
        client = open_memif(1, path, false);
        WAIT_FOR(attached(server) && attached(client));
        cr_expect(send_frame(client, 10 * i));
        WAIT_FOR(received(server, 10 * i));
        received(client, 0); /* that is when it gives the server its buffers */
        cr_expect(send_frame(server, 10 * i + 1));
        WAIT_FOR(received(client, 10 * i + 1));
        df_port_close(client);
        WAIT_FOR(!attached(server));
        cr_expect_not(send_frame(server, 2));
        df_port_close(server);
    }
    cr_expect_eq(rte_mempool_avail_count(eal.pool), free_before);
    remove_temporary(folder);
    df_eal_fini(&eal);
}

Test(netdev, a_memif_client_without_its_server_is_gone, .timeout = 60)
{
    const char *folder = temporary();
    char path[96];
    snprintf(path, sizeof(path), "%s/memif", folder);
    start_eal();
    struct df_port *server = open_memif(2, path, true);
    cr_expect_not(server->ops->gone(server));
    cr_expect_not(server->ops->gone(server), "a server waits");
    struct df_port *client = open_memif(1, path, false);
    WAIT_FOR(attached(client));
    cr_expect_not(client->ops->gone(client));
    cr_expect_not(client->ops->gone(client));
    df_port_close(server);
    WAIT_FOR(!attached(client));
    cr_expect_not(client->ops->gone(client), "it may just be connecting");
    cr_expect(client->ops->gone(client));
    df_port_close(client);
    remove_temporary(folder);
    df_eal_fini(&eal);
}
