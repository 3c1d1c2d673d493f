/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/rethinkdb/location.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_DATABASE "dragonflow"
#define DEFAULT_PORT "28015"

static char default_database[] = DEFAULT_DATABASE, default_port[] = DEFAULT_PORT;

static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");
    long port = len && len <= 5 && !text[len] ? strtol(text, NULL, 10) : 0;
    return port > 0 && port < 65536;
}

static bool take_host(struct df_rethinkdb_location *location, char *host)
{
    char *end = host[0] == '[' ? strchr(host, ']') : host + strcspn(host, ":");
    if (!end || location->n == DF_RETHINKDB_HOSTS)
        return false;
    char *port = host[0] == '[' ? end + 1 : end;
    if (*port && (*port != ':' || !is_port(port + 1)))
        return false;
    location->ports[location->n] = *port ? port + 1 : default_port;
    *end = *port = '\0';
    location->hosts[location->n] = host + (host[0] == '[');
    return *location->hosts[location->n++] != '\0';
}

/* What RethinkDB takes for a name. */
static bool is_database(const char *name)
{
    const char *plain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
    return *name && strlen(name) <= 127 && name[strspn(name, plain)] == '\0';
}

int df_rethinkdb_location_parse(struct df_rethinkdb_location *location, const char *text, struct df_error *error)
{
    char *rest = NULL;
    *location = (struct df_rethinkdb_location){.text = strdup(text), .database = default_database};
    if (!location->text)
        return df_error_set(error, -ENOMEM, "out of memory");
    char *slash = strchr(location->text, '/');
    bool good = true;
    if (slash) {
        *slash = '\0';
        location->database = slash + 1;
        good = is_database(slash + 1);
    }
    for (char *host = strtok_r(location->text, ",", &rest); host && good; host = strtok_r(NULL, ",", &rest))
        good = take_host(location, host);
    if (good && location->n)
        return 0;
    return df_error_set(error, -EINVAL,
                        "rethinkdb:%s: a location is HOST[:PORT],HOST[:PORT]...[/DATABASE], such as "
                        "10.0.0.1:28015,[fd00::1]:28015/dragonflow",
                        text);
}

void df_rethinkdb_location_clear(struct df_rethinkdb_location *location)
{
    free(location->text);
}
