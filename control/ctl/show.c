/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"

/* `df-ctl show`: the node on one screen, and what is wrong with it below. */

json_t *fetch_show(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "show", NULL, error);
}

static const char *text_at(json_t *json, const char *path)
{
    const char *text = json_string_value(json_at(json, path));
    return text ? text : "?";
}

static long long number_at(json_t *json, const char *path)
{
    return json_integer_value(json_at(json, path));
}

/* The numbers of an object that are not 0: "6 open, 1 down". */
static void print_counts(const char *label, json_t *counts, bool name_first)
{
    const char *name;
    json_t *count;
    bool any = false;
    printf("%-12s", label);
    json_object_foreach(counts, name, count) {
        if (json_integer_value(count) == 0)
            continue;
        printf("%s", any ? ", " : "");
        printf(name_first ? "%2$s %1$lld" : "%1$lld %2$s", (long long)json_integer_value(count), name);
        any = true;
    }
    puts(any ? "" : "none");
}

static void print_uptime(long long seconds)
{
    long long days = seconds / 86400;
    if (days)
        printf("%lld d ", days);
    printf("%02lld:%02lld:%02lld", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

static void print_node(json_t *json)
{
    printf("%-12s%s, df-switchd %s (pid %lld), up ", "node", text_at(json, "host"), text_at(json, "daemon.version"),
           number_at(json, "daemon.pid"));
    print_uptime(number_at(json, "daemon.uptime_s"));
    putchar('\n');
    printf("%-12s%s:%s, %s", "database", text_at(json, "daemon.database.driver"),
           text_at(json, "daemon.database.location"), text_at(json, "daemon.database.state"));
    if (json_at(json, "daemon.database.error"))
        printf(": %s", text_at(json, "daemon.database.error"));
    if (json_at(json, "daemon.database.rival"))
        printf("; no port is opened: %s", text_at(json, "daemon.database.rival"));
    if (json_is_true(json_at(json, "held")))
        fputs("; it is empty, and what was known is kept", stdout);
    putchar('\n');
    char *cpus = value_text(json_at(json, "daemon.worker_cpus"));
    printf("%-12s%s", "data plane", text_at(json, "daemon.datapath"));
    if (strcmp(cpus, "-") != 0)
        printf(", workers on CPU %s, %s", cpus,
               json_is_true(json_at(json, "daemon.hugepages")) ? "hugepages" : "no hugepages");
    putchar('\n');
    free(cpus);
    char *apps = value_text(json_object_get(json, "apps"));
    printf("%-12s%s\n", "apps", apps);
    free(apps);
}

static void print_publishers(json_t *json)
{
    json_t *tally = json_at(json, "daemon.database.publishers");
    if (!json_is_object(tally))
        return;
    printf("%-12s%lld messages, %lld rows, %lld gaps", "publishers", number_at(tally, "messages"),
           number_at(tally, "rows"), number_at(tally, "gaps"));
    if (number_at(tally, "garbage") || number_at(tally, "lies"))
        printf("; not believed: %lld that cannot be read, %lld lies", number_at(tally, "garbage"),
               number_at(tally, "lies"));
    if (*text_at(tally, "unheard"))
        printf("; not heard: %s", text_at(tally, "unheard"));
    if (json_is_true(json_object_get(tally, "deaf")))
        fputs("; no publisher is heard: watching the database", stdout);
    putchar('\n');
}

static void print_bad(json_t *json)
{
    static const struct column columns[] = {
        {"TABLE", "table", false, NULL}, {"ID", "id", false, NULL}, {"BAD ROW", "error", false, NULL}, {0}};
    if (number_at(json, "n_bad") == 0)
        return;
    printf("\n%lld rows of the database cannot be used:\n", number_at(json, "n_bad"));
    print_table(columns, json_object_get(json, "bad"), "");
}

static void print_waiting(json_t *json)
{
    static const struct column columns[] = {
        {"TABLE", "table", false, NULL}, {"MISSING", "id", false, NULL}, {"OBJECTS WAIT", "n", true, NULL}, {0}};
    if (number_at(json, "n_waiting") == 0)
        return;
    printf("\n%lld objects are referred to and missing:\n", number_at(json, "n_waiting"));
    print_table(columns, json_object_get(json, "waiting"), "");
}

static void print_problems(json_t *json)
{
    static const struct column columns[] = {{"TABLE", "table", false, NULL},
                                            {"ID", "id", false, NULL},
                                            {"APP", "app", false, NULL},
                                            {"PROBLEM", "text", false, NULL},
                                            {0}};
    if (number_at(json, "n_problems") == 0)
        return;
    printf("\n%lld problems:\n", number_at(json, "n_problems"));
    print_table(columns, json_object_get(json, "problems"), "");
}

static void print_connections(json_t *json)
{
    json_t *tally = json_object_get(json, "connections");
    if (!json_is_object(tally))
        return;
    printf("%-12s%lld of %lld, %lld of a port", "connections", number_at(tally, "live"), number_at(tally, "max"),
           number_at(tally, "port_share"));
    if (number_at(tally, "port_share") < number_at(tally, "max_per_port"))
        printf(" now");
    if (number_at(tally, "refused_full") || number_at(tally, "refused_port"))
        printf("; refused: %lld the table was full, %lld the port had its limit", number_at(tally, "refused_full"),
               number_at(tally, "refused_port"));
    putchar('\n');
}

/* "up0 192.0.2.1/24, 3 reachable, 1 asking" */
static void print_underlay_line(json_t *json)
{
    json_t *underlay = json_object_get(json, "underlay");
    json_t *states = json_object_get(underlay, "neighbours");
    const char *state;
    json_t *count;
    if (!json_is_object(underlay))
        return;
    char *ips = value_text(json_object_get(underlay, "ips"));
    printf("%-12s%s %s", "underlay", text_at(underlay, "name"), ips);
    free(ips);
    if (!json_is_true(json_object_get(underlay, "open")))
        printf(", not open: %s", text_at(underlay, "reason"));
    json_object_foreach(states, state, count)
        printf(", %lld %s", (long long)json_integer_value(count), state);
    putchar('\n');
}

void print_show(const struct ctl *ctl, json_t *json)
{
    (void)ctl;
    print_node(json);
    print_publishers(json);
    print_underlay_line(json);
    print_counts("ports", json_object_get(json, "ports"), false);
    printf("%-12s%lld networks, %lld routers\n", "needs", number_at(json, "networks"), number_at(json, "routers"));
    print_counts("model", json_object_get(json, "objects"), false);
    print_counts("entries", json_object_get(json, "entries"), true);
    print_connections(json);
    print_bad(json);
    print_waiting(json);
    print_problems(json);
}
