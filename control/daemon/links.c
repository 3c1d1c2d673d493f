/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/links.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS_MAX 64 /* in a turn of the loop */

struct df_links {
    int fd;
    struct event *event;
    void (*came)(void *arg, const char *name);
    void *arg;
};

static const char *name_in(const struct nlmsghdr *header, const struct ifinfomsg *info)
{
    int left = (int)IFLA_PAYLOAD(header);
    for (const struct rtattr *attribute = IFLA_RTA(info); RTA_OK(attribute, left);
         attribute = RTA_NEXT(attribute, left)) {
        const char *name = RTA_DATA(attribute);
        if (attribute->rta_type == IFLA_IFNAME && memchr(name, '\0', RTA_PAYLOAD(attribute)))
            return name;
    }
    return NULL;
}

/* A device that is new, or new in this namespace, changed in everything (rtnetlink(7)). */
static void take(struct df_links *links, const struct nlmsghdr *header)
{
    const struct ifinfomsg *info = NLMSG_DATA(header);
    if (header->nlmsg_type != RTM_NEWLINK || header->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
        return;
    const char *name = info->ifi_change & IFF_UP ? name_in(header, info) : NULL;
    if (name)
        links->came(links->arg, name);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct df_links *links = arg;
    _Alignas(struct nlmsghdr) char buffer[16384];
    (void)what;
    for (unsigned i = 0; i < READS_MAX; i++) {
        ssize_t len = recv(fd, buffer, sizeof(buffer), MSG_TRUNC);
        if (len < 0 && errno != ENOBUFS)
            return;
        if (len < 0 || (size_t)len > sizeof(buffer)) {
            links->came(links->arg, NULL);
            continue;
        }
        unsigned left = (unsigned)len;
        for (const struct nlmsghdr *header = (void *)buffer; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
            take(links, header);
    }
}

/* Only the kernel sends to a group of rtnetlink, and a process that may administrate this network. */
static int subscribe(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int err = errno;
    close(fd);
    errno = err;
    return -1;
}

struct df_links *df_links_new(struct event_base *base, void (*came)(void *arg, const char *name), void *arg)
{
    struct df_links *links = calloc(1, sizeof(*links));
    if (!links)
        return NULL;
    links->came = came;
    links->arg = arg;
    links->fd = subscribe();
    links->event = links->fd >= 0 ? event_new(base, links->fd, EV_READ | EV_PERSIST, on_readable, links) : NULL;
    if (links->event && event_add(links->event, NULL) == 0)
        return links;
    int err = errno;
    df_links_free(links);
    errno = err;
    return NULL;
}

void df_links_free(struct df_links *links)
{
    if (!links)
        return;
    if (links->event)
        event_free(links->event);
    if (links->fd >= 0)
        close(links->fd);
    free(links);
}
