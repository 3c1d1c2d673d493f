/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/underlay.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "control/model/address.h"

/* The node's own port: its configuration, and how it is opened, again and again where it must. */

static int add_result; /* of port_add */
static unsigned adds, dels;
static struct df_port_spec last;
static struct df_mac device_mac;

static int port_add(struct df_datapath *dp, const struct df_port_spec *spec, struct df_error *error)
{
    (void)dp;
    adds++;
    last = *spec;
    return add_result == 0 ? 0 : df_error_set(error, add_result, "no such device");
}

static int port_del(struct df_datapath *dp, uint16_t port)
{
    (void)dp;
    cr_assert_eq(port, DF_UNDERLAY_PORT);
    dels++;
    return 0;
}

static int port_state(struct df_datapath *dp, uint16_t port, struct df_port_state *state)
{
    (void)dp;
    cr_assert_eq(port, DF_UNDERLAY_PORT);
    *state = (struct df_port_state){.attached = true, .detail = "", .mac = device_mac};
    return 0;
}

static const struct df_datapath_ops ops = {.port_add = port_add, .port_del = port_del, .port_state = port_state};
static struct df_datapath dp = {.ops = &ops};

static int make(const char *port, const char *ip, const char *const *neighbours, struct df_underlay_port **made,
                struct df_error *error)
{
    const char *const ips[] = {*ip ? ip : NULL, NULL};
    struct df_underlay_config config = {.port = port, .local_ips = ips, .neighbours = neighbours, .mtu = 1600};
    device_mac = (struct df_mac){{2, 0, 0, 0, 0, 9}};
    return df_underlay_port_new(&config, &dp, made, error);
}

static struct df_underlay_port *good(const char *const *neighbours)
{
    struct df_underlay_port *underlay;
    struct df_error error = {""};
    cr_assert_eq(make("up0", "192.0.2.1", neighbours, &underlay, &error), 0, "%s", error.text);
    cr_assert_not_null(underlay);
    return underlay;
}

static struct df_underlay_info info_of(const struct df_underlay_port *underlay)
{
    struct df_underlay_info info;
    cr_assert(df_underlay_port_info(underlay, &info));
    return info;
}

/* ---- the configuration */

Test(underlay, a_node_without_one_has_none)
{
    struct df_underlay_port *underlay;
    struct df_underlay_info info;
    struct df_error error;
    struct df_mac mac;
    struct df_ip ip = {.byte = {1}};
    cr_assert_eq(make("", "192.0.2.1", NULL, &underlay, &error), 0);
    cr_assert_null(underlay);
    cr_assert_eq(df_underlay_port_new(NULL, &dp, &underlay, &error), 0);
    cr_assert_null(underlay);
    df_underlay_port_settle(underlay, 0);
    cr_assert_eq(adds, 0);
    cr_assert_eq(df_underlay_port_next_ms(underlay), -1);
    cr_assert_null(df_underlay_port_end(underlay));
    cr_assert_not(df_underlay_port_info(underlay, &info));
    struct df_due due = {0};
    struct df_watcher watcher = {.queue = &due};
    cr_assert_eq(df_underlay_port_neighbour(underlay, &ip, &watcher, &mac), DF_PEER_UNREACHABLE);
    cr_assert_eq(df_underlay_port_path_mtu(underlay, &ip, &watcher), 0);
    cr_assert_null(watcher.watches);
    df_underlay_port_free(underlay);
}

Test(underlay, an_address_that_cannot_be_is_refused_by_name)
{
    static const struct {
        const char *ip, *part;
    } bad[] = {{"", "local_ip is not"},    {"nowhere", "must be ADDRESS"}, {"192.0.2.1/33", "must be ADDRESS"},
               {"ff02::1", "one station"}, {"::", "one station"},          {"224.0.0.1", "one station"},
               {"0.0.0.0", "one station"}, {"127.0.0.1", "one station"},   {"255.255.255.255", "one station"}};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct df_underlay_port *underlay;
        struct df_error error = {""};
        cr_assert_eq(make("up0", bad[i].ip, NULL, &underlay, &error), -EINVAL, "%s", bad[i].ip);
        cr_assert_not_null(strstr(error.text, bad[i].part), "%s: %s", bad[i].ip, error.text);
        cr_assert_null(underlay);
    }
}

Test(underlay, a_neighbour_that_cannot_be_is_refused)
{
    static const char *const bad[] = {"",
                                      "192.0.2.2",
                                      "=02:00:00:00:00:02",
                                      "192.0.2.2=",
                                      "192.0.2=02:00:00:00:00:02",
                                      "ff02::2=02:00:00:00:00:02",
                                      "192.0.2.2=02:00:00:00:00",
                                      "192.0.2.2=ff:ff:ff:ff:ff:ff",
                                      "*=00:00:00:00:00:00",
                                      "**=02:00:00:00:00:02"};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct df_underlay_port *underlay;
        struct df_error error = {""};
        cr_assert_not_null(df_underlay_neighbour_error(bad[i]), "%s", bad[i]);
        cr_assert_eq(make("up0", "192.0.2.1", (const char *const[]){bad[i], NULL}, &underlay, &error), -EINVAL);
        cr_assert_not_null(strstr(error.text, "underlay_neighbours"), "%s", error.text);
    }
    cr_assert_null(df_underlay_neighbour_error("192.0.2.2=02:00:00:00:00:02"));
    cr_assert_null(df_underlay_neighbour_error("2001:db8::2=02:00:00:00:00:02"));
    cr_assert_null(df_underlay_neighbour_error("*=02:00:00:00:00:02"));
}

static void expect_neighbour(struct df_underlay_port *underlay, const char *text, enum df_peer_reach reach,
                             const char *wanted)
{
    struct df_ip ip;
    struct df_mac mac, want = {{0}};
    struct df_due due = {0};
    struct df_watcher watcher = {.queue = &due};
    cr_assert_eq(df_ip_parse(text, &ip), 0);
    cr_assert_eq(df_underlay_port_neighbour(underlay, &ip, &watcher, &mac), reach, "%s", text);
    if (wanted)
        df_mac_parse(wanted, &want);
    cr_assert(df_mac_equal(&mac, &want), "%s", text);
    df_watches_drop(df_watcher_renew(&watcher));
}

Test(underlay, a_neighbour_has_its_mac_and_others_have_the_gateways)
{
    struct df_underlay_port *underlay = good((const char *const[]){"192.0.2.2=02:00:00:00:00:02", NULL});
    expect_neighbour(underlay, "192.0.2.2", DF_PEER_REACHABLE, "02:00:00:00:00:02");
    expect_neighbour(underlay, "192.0.2.3", DF_PEER_RESOLVING, NULL);
    expect_neighbour(underlay, "2001:db8::3", DF_PEER_UNREACHABLE, NULL); /* it has no address of that family */
    df_underlay_port_free(underlay);
    underlay = good((const char *const[]){"*=02:00:00:00:00:fe", "192.0.2.2=02:00:00:00:00:02", NULL});
    expect_neighbour(underlay, "192.0.2.2", DF_PEER_REACHABLE, "02:00:00:00:00:02");
    expect_neighbour(underlay, "198.51.100.3", DF_PEER_REACHABLE, "02:00:00:00:00:fe");
    df_underlay_port_free(underlay);
}

/* ---- the port */

Test(underlay, it_is_opened_once_with_what_the_configuration_says)
{
    struct df_underlay_port *underlay = good(NULL);
    cr_assert_str_eq(info_of(underlay).reason, "not opened yet");
    df_underlay_port_settle(underlay, 0);
    df_underlay_port_settle(underlay, 1);
    cr_assert_eq(adds, 1);
    cr_assert_eq(last.port, DF_UNDERLAY_PORT);
    cr_assert_str_eq(last.vif_type, "ethdev");
    cr_assert_str_eq(last.vif_name, "up0");
    cr_assert_eq(last.mtu, 1600);
    cr_assert_null(last.lport);
    cr_assert_eq(last.underlay, df_underlay_port_end(underlay));
    struct df_underlay_info info = info_of(underlay);
    cr_assert(info.open && info.attached && *info.reason == 0);
    cr_assert(df_mac_equal(&info.mac, &device_mac));
    cr_assert_eq(df_underlay_port_next_ms(underlay), 2000, "to say again who it is");
    df_underlay_port_settle(underlay, 2000);
    cr_assert_eq(df_underlay_port_next_ms(underlay), -1);
    df_underlay_port_free(underlay);
}

Test(underlay, one_that_is_not_there_is_tried_again_ever_more_seldom)
{
    struct df_underlay_port *underlay = good(NULL);
    uint64_t now = 0, wait = 1000;
    add_result = -ENODEV;
    for (unsigned i = 1; i <= 8; i++) {
        df_underlay_port_settle(underlay, now);
        cr_assert_eq(adds, i);
        cr_assert_eq(df_underlay_port_next_ms(underlay), (int64_t)(now + wait));
        df_underlay_port_settle(underlay, now + wait - 1);
        cr_assert_eq(adds, i, "too early");
        now += wait;
        wait = 2 * wait < 30000 ? 2 * wait : 30000;
    }
    cr_assert_str_eq(info_of(underlay).reason, "no such device");
    add_result = 0;
    df_underlay_port_settle(underlay, now);
    cr_assert(info_of(underlay).open);
    df_underlay_port_free(underlay);
}

Test(underlay, one_that_went_is_closed_and_waited_for)
{
    struct df_underlay_port *underlay = good(NULL);
    struct df_port_state down = {.attached = false, .detail = "link is down"};
    struct df_port_state gone = {.attached = false, .gone = true, .detail = "the device is gone"};
    df_underlay_port_changed(underlay, &gone); /* it is not open: nothing */
    df_underlay_port_settle(underlay, 0);
    df_underlay_port_changed(underlay, &down);
    df_underlay_port_settle(underlay, 1);
    cr_assert(info_of(underlay).open && !info_of(underlay).attached);
    cr_assert_str_eq(info_of(underlay).detail, "link is down");
    cr_assert_eq(dels, 0);

    df_underlay_port_changed(underlay, &gone);
    df_underlay_port_settle(underlay, 2);
    cr_assert_eq(dels, 1);
    cr_assert_not(info_of(underlay).open);
    cr_assert_eq(df_underlay_port_next_ms(underlay), 1002);
    df_underlay_port_settle(underlay, 1002);
    cr_assert_eq(adds, 2);
    cr_assert(info_of(underlay).open);
    df_underlay_port_free(underlay);
}

Test(underlay, who_asked_for_its_mac_is_told_when_it_changes)
{
    struct df_underlay_port *underlay = good(NULL);
    struct df_port_state gone = {.gone = true};
    struct df_due due = {0};
    struct df_watcher watcher = {.queue = &due};
    struct df_mac none = {{0}}, mac = df_underlay_port_mac(underlay, &watcher);
    cr_assert(df_mac_equal(&mac, &none));
    df_underlay_port_settle(underlay, 0);
    cr_assert_eq(df_due_take(&due), &watcher);
    mac = df_underlay_port_mac(underlay, &watcher);
    cr_assert(df_mac_equal(&mac, &device_mac));
    df_underlay_port_settle(underlay, 1);
    cr_assert_null(df_due_take(&due), "nothing changed");
    df_underlay_port_changed(underlay, &gone);
    df_underlay_port_settle(underlay, 2);
    cr_assert_eq(df_due_take(&due), &watcher);
    df_watches_drop(df_watcher_renew(&watcher));
    df_underlay_port_free(underlay);
}
