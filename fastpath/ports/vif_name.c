/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/ports/vif_name.h"

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/un.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* isalnum() would ask the locale. */
static bool made_of(const char *text, const char *accepted, size_t limit)
{
    size_t len = strnlen(text, limit);
    return len > 0 && len < limit && strspn(text, accepted) == len;
}

int df_vif_name_check_device(const char *name)
{
    if (!name || name[0] == '-' || name[0] == '.')
        return -EINVAL;
    return made_of(name, ALPHANUMERIC "._-", IFNAMSIZ) ? 0 : -EINVAL;
}

static bool goes_up(const char *path)
{
    for (const char *part = path; (part = strstr(part, "/..")); part += 3)
        if (part[3] == '/' || part[3] == '\0')
            return true;
    return false;
}

int df_vif_name_check_socket(const char *path)
{
    if (!path || path[0] != '/')
        return -EINVAL;
    if (!made_of(path, ALPHANUMERIC "/._-+@:~", sizeof(((struct sockaddr_un *)0)->sun_path)))
        return -EINVAL;
    return path[strlen(path) - 1] == '/' || goes_up(path) ? -EINVAL : 0;
}
