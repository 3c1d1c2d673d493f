/* SPDX-License-Identifier: Apache-2.0 */
#include "control/binding/sock_dir.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/model/alloc.h"

struct df_sock_dir {
    char *path; /* plain, as all paths here; "" when there is none */
    char *real; /* the same without symbolic links, or NULL */
};

/* Without empty components and ".". Returns -EINVAL for a "..", -ENAMETOOLONG. */
static int make_plain(const char *path, char *plain, size_t size)
{
    size_t used = 0;
    plain[0] = '\0';
    for (const char *part = path; *part;) {
        size_t len = strcspn(part, "/");
        bool skip = len == 0 || (len == 1 && part[0] == '.');
        if (len == 2 && memcmp(part, "..", 2) == 0)
            return -EINVAL;
        if (!skip && used + len + 2 > size)
            return -ENAMETOOLONG;
        if (!skip)
            used += (size_t)snprintf(plain + used, size - used, "/%.*s", (int)len, part);
        part += len + (part[len] == '/');
    }
    return 0;
}

struct df_sock_dir *df_sock_dir_new(const char *path)
{
    struct df_sock_dir *dir = df_alloc(sizeof(*dir));
    char plain[PATH_MAX] = "";
    char *real = path && *path ? realpath(path, NULL) : NULL;
    if (path && make_plain(path, plain, sizeof(plain)) != 0)
        make_plain(real ? real : "", plain, sizeof(plain));
    dir->path = df_strdup(plain);
    dir->real = real;
    return dir;
}

void df_sock_dir_free(struct df_sock_dir *dir)
{
    if (!dir)
        return;
    free(dir->path);
    free(dir->real);
    free(dir);
}

bool df_sock_dir_is_for(const char *vif_type)
{
    return strcmp(vif_type, "vhostuser") == 0 || strcmp(vif_type, "memif") == 0;
}

/* What stands behind the folder's path, with its slash, or NULL. */
static const char *below(const char *folder, const char *path)
{
    size_t len = folder ? strlen(folder) : 0;
    return len > 0 && strncmp(path, folder, len) == 0 && path[len] == '/' ? path + len : NULL;
}

int df_sock_dir_path(const struct df_sock_dir *dir, const char *name, char *path, size_t size, struct df_error *error)
{
    char plain[PATH_MAX];
    const char *rest = plain;
    if (!*dir->path)
        return df_error_set(error, -EINVAL, "vif_name %.80s is a socket; let [df] vhost_sock_dir be a folder for it",
                            name);
    if (make_plain(name, plain, sizeof(plain)) != 0)
        return df_error_set(error, -EINVAL, "vif_name %.80s is too long or has .. in it; name a socket in %.80s", name,
                            dir->path);
    if (name[0] == '/') {
        rest = below(dir->path, plain);
        rest = rest ? rest : below(dir->real, plain);
    }
    if (!rest || !*rest)
        return df_error_set(error, -EINVAL,
                            "vif_name %.80s is not in %.80s; name a socket there, or change [df] vhost_sock_dir", name,
                            dir->path);
    int n = snprintf(path, size, "%s%s", dir->path, rest);
    return n < 0 || (size_t)n >= size ? df_error_set(error, -EINVAL, "vif_name is too long") : 0;
}

/* A missing last component is what is to be made. */
static int check_component(const char *path, bool is_last, struct df_error *error)
{
    struct stat st;
    if (lstat(path, &st) == 0)
        return S_ISLNK(st.st_mode) ? df_error_set(error, -ELOOP, "%s is a symbolic link; remove it", path) : 0;
    if (is_last && errno == ENOENT)
        return 0;
    return df_error_set(error, -errno, "%s: %s", path, strerror(errno));
}

int df_sock_dir_check(const struct df_sock_dir *dir, const char *path, struct df_error *error)
{
    char part[PATH_MAX];
    const char *rest = below(dir->path, path);
    struct stat st;
    if (!rest)
        return df_error_set(error, -EINVAL, "%s is not in %s", path, dir->path);
    if (stat(dir->path, &st) != 0)
        return 0; /* what opens the socket says so */
    while (*rest) {
        rest += 1 + strcspn(rest + 1, "/");
        snprintf(part, sizeof(part), "%.*s", (int)(rest - path), path);
        int err = check_component(part, !*rest, error);
        if (err != 0)
            return err;
    }
    return 0;
}
