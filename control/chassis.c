/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "control/controller_state.h"
#include "control/model/address.h"
#include "fastpath/tunnel/tunnel.h"

/* The report of the nodes that this one knows: `df-ctl chassis`. */

static json_t *text(const char *value)
{
    json_t *json = value ? json_string(value) : NULL;
    return json ? json : json_null();
}

static json_t *number_or_null(bool has, uint64_t value)
{
    return has ? json_integer((json_int_t)value) : json_null();
}

static bool speaks(const Df__Chassis *chassis, enum df_tunnel_type type)
{
    for (size_t i = 0; i < chassis->n_tunnel_types; i++)
        if (df_tunnel_type_of(chassis->tunnel_types[i]) == type)
            return true;
    return false;
}

/* For networks whose own type not both speak. */
static const char *best_type(const struct df_underlay_end *end, const Df__Chassis *chassis)
{
    for (const uint8_t *type = end ? end->types : NULL; type && *type; type++)
        if (speaks(chassis, *type))
            return df_tunnel_type_names[*type];
    return NULL;
}

/* All that it says, the first as ip too (model.proto). */
static json_t *ips_json(const Df__Chassis *chassis)
{
    json_t *ips = json_array();
    for (size_t i = 0; i < chassis->n_ips; i++)
        json_array_append_new(ips, text(chassis->ips[i]));
    if (chassis->n_ips == 0 && chassis->ip)
        json_array_append_new(ips, text(chassis->ip));
    return ips;
}

/* Of the address that it is sent to at: of others nothing is learnt. */
static uint16_t learnt_mtu(const struct df_controller *controller, const char *address)
{
    struct df_ip ip;
    return address && df_ip_parse(address, &ip) == 0 ? df_underlay_port_learnt_mtu(controller->underlay, &ip) : 0;
}

static uint16_t path_mtu(const struct df_controller *controller, const Df__Chassis *chassis)
{
    uint16_t mtu = learnt_mtu(controller, chassis->ip);
    for (size_t i = 0; mtu == 0 && i < chassis->n_ips; i++)
        mtu = learnt_mtu(controller, chassis->ips[i]);
    return mtu;
}

static void add_tunnel(struct df_controller *controller, const Df__Chassis *chassis, bool is_self, json_t *item)
{
    const struct df_underlay_end *end = df_underlay_port_end(controller->underlay);
    json_t *types = json_array();
    uint16_t mtu = is_self ? 0 : path_mtu(controller, chassis);
    for (size_t i = 0; i < chassis->n_tunnel_types; i++)
        json_array_append_new(types, text(chassis->tunnel_types[i]));
    json_object_set_new(item, "ip", text(chassis->ip));
    json_object_set_new(item, "ips", ips_json(chassis));
    json_object_set_new(item, "tunnel_types", types);
    json_object_set_new(item, "tunnel_type", text(is_self ? NULL : best_type(end, chassis)));
    json_object_set_new(item, "path_mtu", number_or_null(mtu != 0, mtu));
}

static json_t *chassis_item(struct df_controller *controller, struct df_object *object)
{
    const Df__Chassis *chassis = (const Df__Chassis *)object->message;
    uint64_t now_ms = controller->clock->now_ms(controller->clock);
    struct df_liveness_info info;
    df_liveness_describe(controller->liveness, object, &info);
    json_t *item = json_pack("{s:o}", "id", text(object->id));
    add_tunnel(controller, chassis, info.state == DF_LIVENESS_SELF, item);
    json_object_set_new(item, "state", text(df_liveness_state_name(info.state)));
    json_object_set_new(item, "since_ms", number_or_null(info.has_since, now_ms - info.since_ms));
    json_object_set_new(item, "owner", text(info.owner));
    json_object_set_new(item, "ports",
                        number_or_null(true, df_object_referrers(object, DF_NB_LPORT, "binding.chassis")->n));
    return item;
}

struct known {
    struct df_object **object;
    size_t n;
};

static void collect(struct df_object *object, void *arg)
{
    struct known *known = arg;
    if (object->message)
        known->object[known->n++] = object;
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct df_object *const *)a)->id, (*(struct df_object *const *)b)->id);
}

json_t *df_controller_chassis(struct df_controller *controller)
{
    json_t *list = json_array();
    size_t most = df_store_count(controller->store, DF_NB_CHASSIS);
    struct known known = {.object = calloc(most + 1, sizeof(struct df_object *))};
    if (known.object)
        df_store_each(controller->store, DF_NB_CHASSIS, collect, &known);
    if (known.n)
        qsort(known.object, known.n, sizeof(*known.object), by_id);
    for (size_t i = 0; i < known.n; i++)
        json_array_append_new(list, chassis_item(controller, known.object[i]));
    free(known.object);
    return list;
}
