/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_ROOT "/dragonflow"
#define DEFAULT_PORT 2181

static int bad(const char *location, const char *what, struct df_error *error)
{
    return df_error_set(error, -EINVAL,
                        "zookeeper:%s: %s: a location is HOST[:PORT],HOST[:PORT]...[/ROOT], such as "
                        "10.0.0.1:2181,[fd00::1]:2181/dragonflow",
                        location, what);
}

static int take_root(struct df_zk_place *place, const char *root)
{
    size_t len = strlen(root);
    while (len > 1 && root[len - 1] == '/')
        len--;
    if (len < 2 || len >= sizeof place->root || strstr(root, "//") || strstr(root, "/."))
        return -EINVAL;
    for (size_t i = 0; i < len; i++)
        if (root[i] <= ' ' || root[i] == 0x7f)
            return -EINVAL;
    memcpy(place->root, root, len);
    place->root[len] = '\0';
    return 0;
}

/* The port's number, 0 when it is none. */
static unsigned port_number(const char *text)
{
    if (!*text)
        return DEFAULT_PORT;
    char *end;
    unsigned long port = text[1] >= '0' && text[1] <= '9' ? strtoul(text + 1, &end, 10) : 0;
    return text[0] == ':' && port > 0 && port < 65536 && *end == '\0' ? (unsigned)port : 0;
}

static int add_host(struct df_zk_place *place, size_t room, const char *host)
{
    bool brackets = host[0] == '[';
    size_t len = strcspn(host, brackets ? "]" : ":");
    const char *port = host + len;
    if (brackets && *port == ']')
        port++, len++;
    else if (brackets)
        return -EINVAL;
    unsigned number = port_number(port);
    if (len < (brackets ? 3 : 1) || number == 0)
        return -EINVAL;
    size_t used = strlen(place->hosts);
    snprintf(place->hosts + used, room - used, "%s%.*s:%u", used ? "," : "", (int)len, host, number);
    return 0;
}

static int take_hosts(struct df_zk_place *place, const char *location, struct df_error *error)
{
    size_t len = strcspn(location, "/"), room = len + 8 * DF_ZK_HOSTS;
    char *list = strndup(location, len), *rest;
    int rc = 0, n = 0;
    place->hosts = calloc(1, room);
    if (!list || !place->hosts)
        rc = df_error_set(error, -ENOMEM, "out of memory");
    for (char *host = rc ? NULL : strtok_r(list, ",", &rest); host && rc == 0; host = strtok_r(NULL, ",", &rest))
        if (++n > DF_ZK_HOSTS)
            rc = bad(location, "more than 16 hosts", error);
        else if (add_host(place, room, host))
            rc = bad(location, host, error);
    free(list);
    return rc == 0 && n == 0 ? bad(location, "there is no host", error) : rc;
}

int df_zk_place_parse(struct df_zk_place *place, const char *location, struct df_error *error)
{
    *place = (struct df_zk_place){.text = strdup(location), .root = DEFAULT_ROOT};
    if (!place->text)
        return df_error_set(error, -ENOMEM, "out of memory");
    int rc = take_hosts(place, location, error);
    const char *root = strchr(location, '/');
    if (rc == 0 && root && root[1] && take_root(place, root))
        rc = bad(location, "the root is no path", error);
    return rc;
}

void df_zk_place_clear(struct df_zk_place *place)
{
    free(place->text);
    free(place->hosts);
}

/* What ZooKeeper takes in a name, and does not mean anything to it or to us. */
static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
           c == ':' || c == '@';
}

static char *escape(char *to, const char *text)
{
    for (; *text; text++)
        if (is_plain(*text))
            *to++ = *text;
        else
            to += sprintf(to, "%%%02X", (unsigned char)*text);
    *to = '\0';
    return to;
}

static char *begin(const struct df_zk_place *place, const char *folder, char path[DF_ZK_PATH_MAX])
{
    return path + snprintf(path, DF_ZK_PATH_MAX, "%s/%s/", place->root, folder);
}

const char *df_zk_path(const struct df_zk_place *place, const char *name, char path[DF_ZK_PATH_MAX])
{
    snprintf(path, DF_ZK_PATH_MAX, "%s%s%s", place->root, *name ? "/" : "", name);
    return path;
}

const char *df_zk_path_log(const struct df_zk_place *place, uint64_t revision, char path[DF_ZK_PATH_MAX])
{
    sprintf(begin(place, "log", path), "%" PRIu64, revision);
    return path;
}

const char *df_zk_path_bucket(const struct df_zk_place *place, unsigned bucket, char path[DF_ZK_PATH_MAX])
{
    sprintf(begin(place, "rows", path), "%02x", bucket);
    return path;
}

/* FNV-1a: anything that spreads ids which differ in few places. */
static unsigned bucket_of(const char *table, const char *id)
{
    uint32_t hash = 2166136261;
    for (; *table; table++)
        hash = (hash ^ (unsigned char)*table) * 16777619;
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619;
    return (hash ^ hash >> 8 ^ hash >> 16) % DF_ZK_BUCKETS;
}

static void add_pair(char *to, const char *first, const char *second)
{
    to = escape(to, first);
    *to++ = ',';
    escape(to, second);
}

const char *df_zk_path_row(const struct df_zk_place *place, const char *table, const char *id,
                           char path[DF_ZK_PATH_MAX])
{
    df_zk_path_bucket(place, bucket_of(table, id), path);
    char *to = path + strlen(path);
    *to++ = '/';
    add_pair(to, table, id);
    return path;
}

const char *df_zk_path_tail(const struct df_zk_place *place, const char *table, const char *id,
                            char path[DF_ZK_PATH_MAX])
{
    add_pair(begin(place, "tail", path), table, id);
    return path;
}

const char *df_zk_path_name(const struct df_zk_place *place, const char *folder, const char *name, const char *owner,
                            char path[DF_ZK_PATH_MAX])
{
    char *to = begin(place, folder, path);
    if (owner)
        add_pair(to, name, owner);
    else
        escape(to, name);
    return path;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The text up to stop, unescaped; NULL when it is none of ours. */
static const char *unescape(const char *from, char stop, char *to, size_t max)
{
    size_t n = 0;
    for (; *from != stop; n++) {
        if (n == max)
            return NULL;
        int high = *from == '%' ? hex_digit(from[1]) : -1, low = high >= 0 ? hex_digit(from[2]) : -1;
        if (low < 0 && !is_plain(*from))
            return NULL;
        to[n] = low >= 0 ? (char)(high << 4 | low) : *from;
        if (to[n] == '\0')
            return NULL;
        from += low >= 0 ? 3 : 1;
    }
    to[n] = '\0';
    return n ? from : NULL;
}

int df_zk_name_split(const char *name, char *first, char *second, size_t max)
{
    const char *comma = unescape(name, ',', first, max);
    return comma && unescape(comma + 1, '\0', second, max) ? 0 : -EBADMSG;
}
