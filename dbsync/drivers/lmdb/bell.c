/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/lmdb/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

int df_lmdb_bell_grip(const char *location)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/bell", location);
    if (n < 0 || (size_t)n >= sizeof path)
        return -ENAMETOOLONG;
    int bell = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
    return bell < 0 ? -errno : bell;
}

void df_lmdb_bell_ring(int bell)
{
    close(bell);
}

/*
 * The directory rather than the file: so it does not matter when the file is made, or made again, and the removal of
 * the database is news too (IN_DELETE_SELF would not do, open files keep the directory's inode).
 */
int df_lmdb_bell_watch(const char *location)
{
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch < 0)
        return -errno;
    if (inotify_add_watch(watch, location, IN_CLOSE_WRITE | IN_DELETE | IN_MOVE_SELF | IN_ONLYDIR) < 0) {
        int rc = -errno;
        close(watch);
        return rc;
    }
    return watch;
}

void df_lmdb_bell_quiet(int watch)
{
    char events[4096];
    while (read(watch, events, sizeof events) > 0)
        ;
}
