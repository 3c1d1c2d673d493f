/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "control/ctl/ctl.h"

/* `df-ctl workers`: counters only grow, so what a worker does now is the difference of two samples. */

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static json_t *sample(struct ctl *ctl, struct df_error *error)
{
    json_t *json = ctl_call(ctl, "workers", NULL, error);
    if (json)
        json_object_set_new(json, "at", json_real(now_s()));
    return json;
}

static double difference(json_t *before, json_t *after, const char *field)
{
    return (double)(json_integer_value(json_object_get(after, field)) -
                    json_integer_value(json_object_get(before, field)));
}

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static json_t *rates(json_t *before, json_t *after, double seconds)
{
    double busy = difference(before, after, "cycles_busy");
    double all = busy + difference(before, after, "cycles_idle");
    double packets = difference(before, after, "packets");
    double hits = difference(before, after, "hits");
    double lookups = hits + difference(before, after, "misses") + difference(before, after, "stale");
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "busy_percent", 100 * ratio(busy, all),
                     "packets_per_second", ratio(packets, seconds), "cycles_per_packet", ratio(busy, packets),
                     "batch_fill", ratio(packets, difference(before, after, "batches")), "hit_percent",
                     100 * ratio(hits, lookups), "misses_per_second",
                     ratio(difference(before, after, "misses"), seconds), "stale_per_second",
                     ratio(difference(before, after, "stale"), seconds));
}

/* What the connection table does now, where there is one. */
static void add_connection_rates(json_t *before, json_t *after, double seconds)
{
    static const char *const fields[] = {"begun", "timed_out", "evicted", "deleted", "refused_full", "refused_port"};
    json_t *then = json_object_get(before, "connections"), *now = json_object_get(after, "connections");
    json_t *per_second = json_object();
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        json_object_set_new(per_second, fields[i], json_real(ratio(difference(then, now, fields[i]), seconds)));
    if (now)
        json_object_set(now, "per_second", per_second);
    json_decref(per_second);
}

static void print_connections(json_t *tally)
{
    if (!tally)
        return;
    printf(
        "\nconnections: %lld of %lld; a second: %.0f begun, %.0f timed out, %.0f evicted, %.0f refused (table full), "
        "%.0f refused (port's limit)\n",
        (long long)json_integer_value(json_object_get(tally, "live")),
        (long long)json_integer_value(json_object_get(tally, "max")),
        json_real_value(json_at(tally, "per_second.begun")), json_real_value(json_at(tally, "per_second.timed_out")),
        json_real_value(json_at(tally, "per_second.evicted")),
        json_real_value(json_at(tally, "per_second.refused_full")),
        json_real_value(json_at(tally, "per_second.refused_port")));
}

json_t *fetch_workers(struct ctl *ctl, struct df_error *error)
{
    json_t *before = ctl->before ? ctl->before : sample(ctl, error);
    ctl->before = NULL;
    if (!before)
        return NULL;
    if (!ctl->watching) {
        struct timespec pause = {.tv_sec = (time_t)ctl->interval,
                                 .tv_nsec = (long)((ctl->interval - (double)(time_t)ctl->interval) * 1e9)};
        nanosleep(&pause, NULL);
    }
    json_t *after = sample(ctl, error);
    if (!after) {
        json_decref(before);
        return NULL;
    }
    double seconds = json_real_value(json_object_get(after, "at")) - json_real_value(json_object_get(before, "at"));
    size_t i;
    json_t *worker;
    json_array_foreach(json_object_get(after, "workers"), i, worker)
        json_object_set_new(worker, "now",
                            rates(json_array_get(json_object_get(before, "workers"), i), worker, seconds));
    add_connection_rates(before, after, seconds);
    json_decref(before);
    ctl->before = json_incref(after);
    return after;
}

void print_workers(const struct ctl *ctl, json_t *json)
{
    static const struct column columns[] = {
        {"WORKER", "worker", true, NULL},
        {"LCORE", "lcore", true, NULL},
        {"BUSY %", "now.busy_percent", true, NULL},
        {"PACKETS/S", "now.packets_per_second", true, NULL},
        {"CYCLES/PACKET", "now.cycles_per_packet", true, NULL},
        {"BATCH", "now.batch_fill", true, NULL},
        {"HIT %", "now.hit_percent", true, NULL},
        {"MISSES/S", "now.misses_per_second", true, NULL},
        {"STALE/S", "now.stale_per_second", true, NULL},
        {"FLOWS", "flows", true, NULL},
        {"PACKETS", "packets", true, NULL},
        {0},
    };
    (void)ctl;
    print_table(columns, json_object_get(json, "workers"), "no worker runs");
    print_connections(json_object_get(json, "connections"));
}
