/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/links.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * In a network of its own: devices are made by ip(8), and what the kernel would not say is sent to its group by the test,
 * which may, as it administrates that network.
 */

static struct event_base *base;
static struct df_links *links;
static char told[4096]; /* names, each with a space behind */
static unsigned any;

static void came(void *arg, const char *name)
{
    cr_assert_eq(arg, &any);
    if (!name)
        any++;
    else
        snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s ", name);
}

static void up(void)
{
    if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
        cr_skip_test("this host lets nobody make a network");
    base = event_base_new();
    links = df_links_new(base, came, &any);
    cr_assert_not_null(links);
}

static void down(void)
{
    df_links_free(links);
    event_base_free(base);
}

TestSuite(links, .init = up, .fini = down);

static void run(const char *command)
{
    cr_assert_eq(system(command), 0, "%s", command);
}

static void expect_told(const char *names)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
    cr_expect_str_eq(told, names);
    cr_expect_eq(any, 0);
    told[0] = '\0';
}

static void expect_any(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
    cr_expect_gt(any, 0);
    any = 0;
    told[0] = '\0';
}

/* ---- What the kernel says */

Test(links, a_device_that_is_made_or_set_up_is_told)
{
    run("ip link add b0 type bridge");
    expect_told("b0 ");
    run("ip link set b0 up");
    event_base_loop(base, EVLOOP_NONBLOCK);
    cr_expect_not_null(strstr(told, "b0 "));
}

Test(links, a_device_that_comes_from_another_network_is_told)
{
    char command[128];
    snprintf(command, sizeof(command), "ip link add w0 type veth peer name w1 && ip link set w0 netns %d", getpid());
    pid_t other = fork();
    if (other == 0)
        _exit(unshare(CLONE_NEWNET) || system(command));
    int status = -1;
    waitpid(other, &status, 0);
    cr_assert_eq(status, 0);
    expect_told("w0 ");
}

Test(links, a_device_that_changes_or_goes_is_not)
{
    run("ip link add b0 type bridge");
    expect_told("b0 ");
    run("ip link set b0 mtu 1400");
    expect_told("");
    run("ip link del b0");
    expect_told("");
}

/* ---- What else may be in a message */

struct message {
    struct nlmsghdr header;
    struct ifinfomsg info;
    struct rtattr name;
    char text[32];
};

/* name_len: of what is in the attribute. */
static struct message message(uint16_t type, unsigned change, const char *name, size_t name_len)
{
    struct message m = {.header = {.nlmsg_type = type, .nlmsg_len = sizeof(m)},
                        .info = {.ifi_change = change},
                        .name = {.rta_type = IFLA_IFNAME, .rta_len = (uint16_t)RTA_LENGTH(name_len)}};
    memcpy(m.text, name, name_len);
    return m;
}

static void say(const void *data, size_t len)
{
    struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    cr_assert_geq(fd, 0);
    cr_assert_eq(sendto(fd, data, len, 0, (struct sockaddr *)&group, sizeof(group)), (ssize_t)len);
    close(fd);
}

Test(links, a_message_may_be_anything)
{
    struct message good = message(RTM_NEWLINK, UINT32_MAX, "good", 5);
    struct message bad[] = {
        message(RTM_NEWADDR, UINT32_MAX, "other", 6),  message(RTM_NEWLINK, ~(unsigned)IFF_UP, "as_it_was", 10),
        message(RTM_NEWLINK, UINT32_MAX, "no_end", 6), message(RTM_NEWLINK, UINT32_MAX, "", 0),
        message(RTM_NEWLINK, UINT32_MAX, "short", 6),  message(RTM_NEWLINK, UINT32_MAX, "past", 5),
        message(RTM_NEWLINK, UINT32_MAX, "none", 5),
    };
    bad[4].header.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg) - 1);
    bad[5].name.rta_len = 200;
    bad[6].name.rta_type = IFLA_MTU;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        say(&bad[i], sizeof(bad[i]));
        expect_told("");
        say(&good, sizeof(good));
        expect_told("good ");
    }
    bad[0].header.nlmsg_len = 5000;
    say(&bad[0], sizeof(bad[0]));
    say(&bad[0], 5);
    expect_told("");
}

Test(links, several_messages_may_come_at_once)
{
    struct message all[] = {message(RTM_NEWLINK, UINT32_MAX, "one", 4), message(RTM_DELLINK, UINT32_MAX, "two", 4),
                            message(RTM_NEWLINK, UINT32_MAX, "three", 6)};
    say(all, sizeof(all));
    expect_told("one three ");
}

/* ---- When it cannot be known */

Test(links, of_a_message_that_is_too_long_any_may_have_come)
{
    static char text[20000];
    struct message first = message(RTM_NEWLINK, UINT32_MAX, "first", 6);
    memcpy(text, &first, sizeof(first));
    say(text, sizeof(text));
    expect_any();
}

Test(links, when_messages_were_lost_any_may_have_come)
{
    static char text[16000];
    struct message other = message(RTM_DELLINK, 0, "other", 6);
    memcpy(text, &other, sizeof(other));
    for (unsigned i = 0; i < 1000; i++)
        say(text, sizeof(text));
    expect_any();
    run("ip link add b0 type bridge");
    expect_told("b0 ");
}

Test(links, without_one_there_is_nothing_to_free, .init = NULL, .fini = NULL)
{
    df_links_free(NULL);
}
