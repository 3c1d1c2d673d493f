/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/socket_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* memif sockets are of the one kind, vhost-user's of the other; to connect with the wrong one gives EPROTOTYPE. */
static bool listened_on(const struct sockaddr_un *address, int type)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true;
    int err = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
    close(fd);
    return err != ECONNREFUSED && err != EPROTOTYPE;
}

static int folder_check(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash)
        return -ENOENT;
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path);
    return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
}

int df_socket_path_prepare(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;
    int err = folder_check(path);
    if (err)
        return err;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
        return -EADDRINUSE;
    if (strlen(path) >= sizeof(address.sun_path))
        return -EADDRINUSE;
    memcpy(address.sun_path, path, strlen(path));
    if (listened_on(&address, SOCK_STREAM) || listened_on(&address, SOCK_SEQPACKET))
        return -EADDRINUSE;
    return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}
