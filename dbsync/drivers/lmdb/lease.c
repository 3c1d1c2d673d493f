/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/lmdb/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct df_lmdb_lease {
    struct df_lmdb_lease *next;
    int fd;
    char *name, *owner;
};

static struct df_lmdb_lease **find(struct df_lmdb_lease **held, const char *name)
{
    while (*held && strcmp((*held)->name, name) != 0)
        held = &(*held)->next;
    return held;
}

static int lease_path(const char *location, const char *name, char path[PATH_MAX])
{
    if (!*name || strchr(name, '/') || name[0] == '.' || strlen(name) > NAME_MAX)
        return -EINVAL;
    int n = snprintf(path, PATH_MAX, "%s/leases", location);
    if (n < 0 || n >= PATH_MAX)
        return -ENAMETOOLONG;
    if (mkdir(path, 0770) && errno != EEXIST)
        return -errno;
    n = snprintf(path, PATH_MAX, "%s/leases/%s", location, name);
    return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int df_lmdb_lease_door(const char *location, bool patient)
{
    char path[PATH_MAX];
    int n = snprintf(path, PATH_MAX, "%s/leases", location);
    if (n < 0 || n >= PATH_MAX)
        return -ENAMETOOLONG;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc;
    do
        rc = flock(fd, patient ? LOCK_EX : LOCK_EX | LOCK_NB) ? -errno : 0;
    while (rc == -EINTR);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

static int busy(int fd, const char *name, struct df_error *error)
{
    char holder[128];
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    holder[n > 0 ? n : 0] = '\0';
    return df_error_set(error, -EBUSY, "lease '%s' is held by %s", name, n > 0 ? holder : "another process");
}

static int lock(const char *path, const char *name, const char *owner, struct df_error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
    if (fd < 0)
        return df_error_set(error, -errno, "%s: %s", path, strerror(errno));
    int rc = 0;
    if (flock(fd, LOCK_EX | LOCK_NB))
        rc =
            errno == EWOULDBLOCK ? busy(fd, name, error) : df_error_set(error, -errno, "%s: %s", path, strerror(errno));
    else if (ftruncate(fd, 0) || dprintf(fd, "%s (process %d)", owner, getpid()) < 0)
        rc = df_error_set(error, -errno, "%s: %s", path, strerror(errno));
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

/* Whoever removed the file of a lease has taken it from its holder. */
static bool is_removed(const struct df_lmdb_lease *lease)
{
    struct stat st;
    return fstat(lease->fd, &st) || st.st_nlink == 0;
}

static void lease_free(struct df_lmdb_lease *lease)
{
    if (lease->fd >= 0)
        close(lease->fd);
    free(lease->name);
    free(lease->owner);
    free(lease);
}

static struct df_lmdb_lease *lease_new(const char *name, const char *owner)
{
    struct df_lmdb_lease *lease = calloc(1, sizeof *lease);
    if (!lease)
        return NULL;
    lease->fd = -1;
    lease->name = strdup(name);
    lease->owner = strdup(owner);
    if (lease->name && lease->owner)
        return lease;
    lease_free(lease);
    return NULL;
}

static void drop(struct df_lmdb_lease **at)
{
    struct df_lmdb_lease *lease = *at;
    *at = lease->next;
    lease_free(lease);
}

int df_lmdb_lease_take(struct df_lmdb_lease **held, const char *location, const char *name, const char *owner,
                       bool *taken, struct df_error *error)
{
    *taken = false;
    struct df_lmdb_lease **mine = find(held, name);
    if (*mine && !is_removed(*mine))
        return strcmp((*mine)->owner, owner) == 0 ? 0 : busy((*mine)->fd, name, error);
    if (*mine)
        drop(mine);

    char path[PATH_MAX];
    int rc = lease_path(location, name, path);
    if (rc)
        return df_error_set(error, rc, "lease '%s' in %s: %s", name, location, strerror(-rc));
    struct df_lmdb_lease *lease = lease_new(name, owner);
    if (!lease)
        return df_error_set(error, -ENOMEM, "out of memory");
    int door = df_lmdb_lease_door(location, true);
    lease->fd = door < 0 ? df_error_set(error, door, "lease '%s' in %s: %s", name, location, strerror(-door))
                         : lock(path, name, owner, error);
    if (door >= 0)
        close(door);
    if (lease->fd < 0) {
        rc = lease->fd;
        lease_free(lease);
        return rc;
    }
    lease->next = *held;
    *held = lease;
    *taken = true;
    return 0;
}

int df_lmdb_lease_release(struct df_lmdb_lease **held, const char *name, struct df_error *error)
{
    struct df_lmdb_lease **mine = find(held, name);
    if (!*mine)
        return df_error_set(error, -ENOENT, "lease '%s' is not held", name);
    drop(mine);
    return 0;
}

const char *df_lmdb_lease_first(const struct df_lmdb_lease *held)
{
    return held ? held->name : NULL;
}

bool df_lmdb_lease_is_held(struct df_lmdb_lease *held, const char *name)
{
    return *find(&held, name) != NULL;
}

int df_lmdb_lease_lock_free(const char *location, const char *name)
{
    char path[PATH_MAX];
    int rc = lease_path(location, name, path);
    if (rc)
        return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}
