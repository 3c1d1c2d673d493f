/* SPDX-License-Identifier: Apache-2.0 */
#include "control/ctl/ctl.h"

/* `df-ctl chassis`: the nodes that this one knows. */

json_t *fetch_chassis(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "chassis", NULL, error);
}

/* A person reads "5 s" with less effort than 5023. */
static void add_seconds(json_t *chassis)
{
    json_t *since = json_object_get(chassis, "since_ms");
    if (json_is_integer(since))
        json_object_set_new(chassis, "since_s", json_sprintf("%lld s", json_integer_value(since) / 1000));
}

void print_chassis(const struct ctl *ctl, json_t *json)
{
    static const struct column columns[] = {
        {"CHASSIS", "id", false, NULL},
        {"ADDRESS", "ips", false, NULL},
        {"SPEAKS", "tunnel_types", false, NULL},
        {"TUNNEL", "tunnel_type", false, NULL},
        {"PATH MTU", "path_mtu", true, NULL},
        {"STATE", "state", false, NULL},
        {"FOR", "since_s", true, NULL},
        {"PORTS", "ports", true, NULL},
        {0},
    };
    (void)ctl;
    size_t i;
    json_t *chassis;
    json_array_foreach(json, i, chassis)
        add_seconds(chassis);
    print_table(columns, json, "no node is in the model");
}
