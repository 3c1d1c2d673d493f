/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/xdp_socket.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_socket(int fd, struct df_xdp_socket *socket)
{
    struct stat st;
    int domain;
    socklen_t len = sizeof(domain);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 || domain != AF_XDP || fstat(fd, &st) != 0)
        return false;
    *socket = (struct df_xdp_socket){.fd = fd, .inode = st.st_ino};
    return true;
}

static bool is_known(const struct df_xdp_socket *known, unsigned n_known, ino_t inode)
{
    for (unsigned i = 0; i < n_known; i++)
        if (known[i].inode == inode)
            return true;
    return false;
}

unsigned df_xdp_sockets(const struct df_xdp_socket *known, unsigned n_known, struct df_xdp_socket *sockets,
                        unsigned max)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    for (const struct dirent *entry; n < max && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && read_socket((int)strtol(entry->d_name, NULL, 10), &sockets[n]) &&
            !is_known(known, n_known, sockets[n].inode))
            n++;
    closedir(dir);
    return n;
}

void df_xdp_sockets_close(const struct df_xdp_socket *sockets, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct df_xdp_socket now;
        if (read_socket(sockets[i].fd, &now) && now.inode == sockets[i].inode)
            close(now.fd);
    }
}
