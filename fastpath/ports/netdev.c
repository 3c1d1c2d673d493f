/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/netdev.h"

#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum df_netdev_state df_netdev_state(const char *name)
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int ret = fd < 0 ? -1 : ioctl(fd, SIOCGIFFLAGS, &request);
    if (fd >= 0)
        close(fd);
    if (ret < 0)
        return DF_NETDEV_GONE;
    if (!(request.ifr_flags & IFF_UP))
        return DF_NETDEV_DOWN;
    return request.ifr_flags & IFF_RUNNING ? DF_NETDEV_UP : DF_NETDEV_NO_CARRIER;
}
