/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/netdev.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Of /dev/net/tun: Documentation/admin-guide/devices.txt of the kernel. */
#define TUN_MAJOR 10
#define TUN_MINOR 200

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

void df_netdev_take(struct df_netdev *netdev, const char *name)
{
    snprintf(netdev->name, sizeof(netdev->name), "%s", name);
    netdev->index = if_nametoindex(name);
}

bool df_netdev_is_gone(const struct df_netdev *netdev)
{
    return netdev->index == 0 || if_nametoindex(netdev->name) != netdev->index;
}

/* Documentation/networking/ip-sysctl.rst of the kernel. */
static void set_sysctl(const char *family, const char *name, const char *key, const char *value)
{
    char path[128];
    snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, name, key);
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return;
    fputs(value, file);
    fclose(file);
}

void df_netdev_silence(const char *name)
{
    set_sysctl("ipv6", name, "disable_ipv6", "1");
    set_sysctl("ipv4", name, "arp_ignore", "8");
    set_sysctl("ipv4", name, "rp_filter", "1");
}

static bool is_tap_file(int fd)
{
    struct stat st;
    struct ifreq request = {0};
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(TUN_MAJOR, TUN_MINOR) &&
           ioctl(fd, TUNGETIFF, &request) == 0;
}

unsigned df_tap_files(int *fds)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    for (const struct dirent *entry; n < DF_TAP_FILES_MAX && (entry = readdir(dir));) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && is_tap_file(fd))
            fds[n++] = fd;
    }
    closedir(dir);
    return n;
}

static bool is_in(const int *fds, unsigned n, int fd)
{
    for (unsigned i = 0; i < n; i++)
        if (fds[i] == fd)
            return true;
    return false;
}

int df_tap_file_new(const int *before, unsigned n_before, const int *now, unsigned n_now)
{
    for (unsigned i = 0; i < n_now; i++)
        if (!is_in(before, n_before, now[i]))
            return now[i];
    return -1;
}

bool df_tap_is_gone(int fd)
{
    struct ifreq request = {0};
    return ioctl(fd, TUNGETIFF, &request) != 0 && errno == EBADFD;
}
