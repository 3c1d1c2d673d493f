/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/tunneling/flood.h"

#include "apps/tunneling/way.h"

struct flooding {
    const struct df_segment *segment;
    const struct df_underlay_end *end;
    size_t n_peers;
};

static void emit(struct df_compile *c, struct flooding *flooding, const struct df_ip *peer, enum df_tunnel_type type,
                 bool is_open)
{
    const struct df_segment *segment = flooding->segment;
    struct df_flood_key key = {.network = segment->network, .peer = *peer};
    struct df_flood_value value = {.unknown = is_open, .tunnel_type = type, .tunnel_key = segment->segmentation_id};
    df_compile_emit_ranked(c, is_open ? 0 : 1, DF_TABLE_FLOOD, &key, sizeof(key), &value, sizeof(value));
    flooding->n_peers++;
}

/* What stands in the way of a port there, the port says. */
static void to_chassis(struct df_compile *c, struct flooding *flooding, const struct df_compile_place *place)
{
    const struct df_underlay_end *end = flooding->end;
    const Df__Chassis *chassis = (const Df__Chassis *)df_compile_read(c, DF_NB_CHASSIS, place->chassis);
    struct df_ip ip;
    if (!chassis || df_compile_is_dead(c, place->chassis))
        return;
    enum df_tunnel_type type = df_way_choose_type(end, df_way_shared_types(end, chassis), flooding->segment);
    if (type != 0 && df_way_choose_ip(end, chassis, &ip) == DF_WAY_GOOD)
        emit(c, flooding, &ip, type, place->is_open);
}

static void to_vtep(struct df_compile *c, struct flooding *flooding, const struct df_compile_place *place)
{
    struct df_ip ip;
    bool is_spoken = df_underlay_end_types(flooding->end) & DF_TUNNEL_BIT(DF_TUNNEL_VXLAN);
    if (is_spoken && df_way_type_of(flooding->segment->network_type) == DF_TUNNEL_VXLAN &&
        df_way_check(flooding->end, place->vtep_address, &ip) == DF_WAY_GOOD)
        emit(c, flooding, &ip, DF_TUNNEL_VXLAN, place->is_open);
}

static void to_place(struct df_compile *c, const struct df_compile_place *place, void *arg)
{
    if (place->chassis)
        to_chassis(c, arg, place);
    else
        to_vtep(c, arg, place);
}

void df_flood_compile(struct df_compile *c, const Df__LogicalSwitch *lswitch, const struct df_segment *segment)
{
    struct flooding flooding = {.segment = segment, .end = df_compile_underlay(c)};
    df_compile_places(c, lswitch->id, to_place, &flooding);
    if (flooding.n_peers > DF_FLOOD_PEERS_MAX)
        df_compile_problem(c,
                           "%zu other nodes have ports of it, and a broadcast goes to %u: %zu do not hear it "
                           "(df-ctl drops: flood_peer_limit); use several networks with routers between them",
                           flooding.n_peers, DF_FLOOD_PEERS_MAX, flooding.n_peers - DF_FLOOD_PEERS_MAX);
}
