/* SPDX-License-Identifier: Apache-2.0 */
#include "control/trace/trace.h"

#include <stdio.h>
#include <string.h>

#include "control/model/address.h"
#include "control/trace/judgement.h"
#include "fastpath/tables/table.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/walk.h"

#define DEPTH_MAX 8

/* What a table can change in a walk: compared before and after it. */
struct registers {
    uint32_t in_lport, out_lport, network, router;
    struct df_mac eth_src, eth_dst;
    uint8_t routed;
    uint16_t mtu;
};

struct step {
    json_t *json;
    json_t *lookups;
    struct registers before;
};

struct recorder {
    struct df_trace hooks; /* first: what the walk knows of us */
    const struct df_names *names;
    json_t *steps;
    struct step open[DEPTH_MAX]; /* a flood walks again from within a step */
    unsigned depth;
};

static struct registers registers_of(const struct df_walk *walk)
{
    return (struct registers){walk->in_lport,       walk->out_lport,      walk->network, walk->router,
                              walk->packet.eth_src, walk->packet.eth_dst, walk->routed,  walk->mtu};
}

static const char *table_name(uint16_t number)
{
    const struct df_table_desc *desc = df_table_desc(number);
    return desc ? desc->name : "?";
}

static void enter(struct df_trace *trace, uint16_t table, const struct df_walk *walk)
{
    struct recorder *recorder = (struct recorder *)trace;
    if (recorder->depth++ >= DEPTH_MAX)
        return;
    struct step *step = &recorder->open[recorder->depth - 1];
    const struct df_table_desc *desc = df_table_desc(table);
    step->before = registers_of(walk);
    step->lookups = json_array();
    step->json = json_pack("{s:i, s:s, s:s, s:i, s:o}", "table", (int)table, "name", table_name(table), "upstream",
                           desc ? desc->upstream : "", "depth", (int)recorder->depth - 1, "lookups", step->lookups);
    json_array_append_new(recorder->steps, step->json);
}

static void lookup(struct df_trace *trace, const struct df_table *table, const void *key, uint16_t key_len,
                   const struct df_entry *entry)
{
    struct recorder *recorder = (struct recorder *)trace;
    if (recorder->depth == 0 || recorder->depth > DEPTH_MAX)
        return;
    const struct df_table_desc *desc = &table->ops->desc;
    json_t *match = entry ? df_table_entry_json(desc, entry, recorder->names) : json_null();
    json_t *json = json_pack("{s:s, s:o*, s:o}", "table", desc->name, "key",
                             df_table_key_json(desc, key, key_len, recorder->names), "match", match);
    json_array_append_new(recorder->open[recorder->depth - 1].lookups, json);
}

static void set_mac(json_t *json, const char *name, const struct df_mac *mac)
{
    char text[DF_MAC_TEXT];
    json_object_set_new(json, name, json_string(df_mac_text(mac, text)));
}

static json_t *changes(const struct df_names *names, const struct registers *was, const struct registers *is)
{
    json_t *json = json_object();
    if (was->in_lport != is->in_lport)
        df_names_add(names, json, "in_lport", "lport", is->in_lport);
    if (was->network != is->network)
        df_names_add(names, json, "network", "network", is->network);
    if (was->router != is->router)
        df_names_add(names, json, "router", "router", is->router);
    if (was->out_lport != is->out_lport)
        df_names_add(names, json, "out_lport", "lport", is->out_lport);
    if (!df_mac_equal(&was->eth_src, &is->eth_src))
        set_mac(json, "eth_src", &is->eth_src);
    if (!df_mac_equal(&was->eth_dst, &is->eth_dst))
        set_mac(json, "eth_dst", &is->eth_dst);
    if (was->routed != is->routed)
        json_object_set_new(json, "routed", json_integer(is->routed));
    if (was->mtu != is->mtu)
        json_object_set_new(json, "mtu", json_integer(is->mtu));
    return json;
}

static void leave(struct df_trace *trace, uint16_t table, uint16_t next, const struct df_walk *walk)
{
    struct recorder *recorder = (struct recorder *)trace;
    if (recorder->depth == 0 || --recorder->depth >= DEPTH_MAX)
        return;
    struct step *step = &recorder->open[recorder->depth];
    struct registers after = registers_of(walk);
    json_object_set_new(step->json, "set", changes(recorder->names, &step->before, &after));
    df_trace_add_judgement(step->json, recorder->names, table, walk);
    json_object_set_new(step->json, "next", json_string(next == DF_TABLE_END ? "end" : table_name(next)));
}

/* ---- the verdict */

static json_t *rewrite_json(const struct df_walk *walk, const struct df_packet *was)
{
    json_t *json = json_object();
    const struct df_packet *is = &walk->packet;
    if (!df_mac_equal(&was->eth_src, &is->eth_src))
        set_mac(json, "eth_src", &is->eth_src);
    if (!df_mac_equal(&was->eth_dst, &is->eth_dst))
        set_mac(json, "eth_dst", &is->eth_dst);
    if (walk->routed)
        json_object_set_new(json, "ttl", json_integer(was->ip_ttl - walk->routed));
    return json;
}

static json_t *tunnel_json(unsigned type, uint32_t key, const struct df_ip *peer)
{
    char text[DF_IP_TEXT];
    return json_pack("{s:s, s:I, s:s}", "type", df_tunnel_type_names[type], "key", (json_int_t)key, "peer",
                     df_ip_text(peer, text));
}

static json_t *way_json(const struct df_output *output)
{
    const struct df_peer_header *header = &df_peer_headers[output->peer];
    return tunnel_json(header->type, output->tunnel_key, &header->peer);
}

static void add_reason(json_t *json, enum df_drop reason)
{
    json_object_set_new(json, "reason", json_string(df_drop_name(reason)));
    json_object_set_new(json, "help", json_string(df_drop_help(reason)));
}

static json_t *outputs_json(const struct df_names *names, const struct df_walk *walk)
{
    json_t *list = json_array();
    for (uint16_t i = 0; i < walk->verdict.n_outputs; i++) {
        const struct df_output *output = &walk->outputs[i];
        json_t *json = json_object();
        json_array_append_new(list, json);
        if (output->lost) {
            add_reason(json, output->lost);
            continue;
        }
        df_names_add(names, json, "port", "port", output->port);
        json_object_set_new(json, "vlan", json_integer(output->vlan));
        if (output->peer)
            json_object_set_new(json, "tunnel", way_json(output));
        if (output->mtu)
            json_object_set_new(json, "mtu", json_integer(output->mtu));
        if (output->mtu && df_packet_len(&walk->packet) > output->mtu)
            json_object_set_new(json, "fragmented", json_true());
    }
    return list;
}

static json_t *answer_json(const struct df_verdict *verdict)
{
    char text[DF_IP_TEXT];
    json_t *json = json_object();
    switch (verdict->answer) {
    case DF_ANSWER_ARP:
    case DF_ANSWER_ND:
        json_object_set_new(json, "type", json_string(verdict->answer == DF_ANSWER_ARP ? "arp" : "nd"));
        set_mac(json, "mac", &verdict->answer_mac);
        break;
    case DF_ANSWER_ECHO:
        json_object_set_new(json, "type", json_string("echo"));
        break;
    case DF_ANSWER_ICMP_ERROR:
        json_object_set_new(json, "type", json_string("icmp_error"));
        json_object_set_new(json, "icmp_type", json_integer(verdict->answer_type));
        json_object_set_new(json, "icmp_code", json_integer(verdict->answer_code));
        json_object_set_new(json, "from", json_string(df_ip_text(&verdict->answer_ip, text)));
        if (verdict->answer_mtu)
            json_object_set_new(json, "mtu", json_integer(verdict->answer_mtu));
        break;
    default:
        break;
    }
    return json;
}

static json_t *verdict_json(const struct df_names *names, const struct df_walk *walk, const struct df_packet *was)
{
    const struct df_verdict *verdict = &walk->verdict;
    json_t *json = json_object();
    switch (verdict->kind) {
    case DF_VERDICT_OUTPUT:
        json_object_set_new(json, "kind", json_string("output"));
        json_object_set_new(json, "outputs", outputs_json(names, walk));
        json_object_set_new(json, "rewrite", rewrite_json(walk, was));
        break;
    case DF_VERDICT_ANSWER:
        json_object_set_new(json, "kind", json_string("answer"));
        json_object_set_new(json, "answer", answer_json(verdict));
        break;
    case DF_VERDICT_PUNT:
        json_object_set_new(json, "kind", json_string("punt"));
        json_object_set_new(json, "app", json_integer(verdict->punt_app));
        break;
    case DF_VERDICT_HOST:
        json_object_set_new(json, "kind", json_string("host"));
        df_names_add(names, json, "port", "port",
                     df_underlay_is(walk->in_port) ? df_underlay.exception : df_underlay.port);
        break;
    case DF_VERDICT_HOLD:
        json_object_set_new(json, "kind", json_string("hold"));
        break;
    default:
        json_object_set_new(json, "kind", json_string("drop"));
        add_reason(json, verdict->drop);
        return json;
    }
    if (verdict->drop != DF_DROP_NONE)
        add_reason(json, verdict->drop);
    return json;
}

/* ---- the packet, as the parser understood it */

static json_t *packet_json(const struct df_packet *packet)
{
    char text[DF_IP_TEXT];
    json_t *json = json_object();
    set_mac(json, "eth_src", &packet->eth_src);
    set_mac(json, "eth_dst", &packet->eth_dst);
    snprintf(text, sizeof(text), "0x%04x", packet->eth_type);
    json_object_set_new(json, "eth_type", json_string(text));
    if (packet->n_vlans)
        json_object_set_new(json, "vlan", json_integer(packet->vlan[0] & 0xfff));
    if (packet->bits & (DF_PACKET_IP4 | DF_PACKET_IP6)) {
        json_object_set_new(json, "ip_src", json_string(df_ip_text(&packet->ip_src, text)));
        json_object_set_new(json, "ip_dst", json_string(df_ip_text(&packet->ip_dst, text)));
        json_object_set_new(json, "ip_proto", json_integer(packet->ip_proto));
        json_object_set_new(json, "ip_ttl", json_integer(packet->ip_ttl));
    }
    if (packet->bits & DF_PACKET_L4) {
        json_object_set_new(json, "l4_src", json_integer(packet->l4_src));
        json_object_set_new(json, "l4_dst", json_integer(packet->l4_dst));
    }
    json_object_set_new(json, "len", json_integer(packet->frame_len));
    return json;
}

json_t *df_trace_frame(const struct df_names *names, uint16_t in_port, const uint8_t *frame, uint32_t len,
                       uint32_t now_ms)
{
    struct df_output outputs[DF_OUTPUTS_MAX];
    struct recorder recorder = {
        .hooks = {.enter = enter, .lookup = lookup, .leave = leave}, .names = names, .steps = json_array()};
    struct df_walk walk = {.outputs = outputs,
                           .outputs_max = DF_OUTPUTS_MAX,
                           .trace = &recorder.hooks,
                           .worker = DF_WALK_NOBODY,
                           .now_ms = now_ms};
    df_walk_frame(&walk, in_port, frame, len); /* a malformed frame's reason is in the verdict */
    json_t *packet = packet_json(&walk.parsed);
    if (walk.outer_len)
        json_object_set_new(packet, "tunnel", tunnel_json(walk.tunnel_type, walk.tunnel_key, &walk.tunnel_peer));
    return json_pack("{s:o, s:o, s:o}", "packet", packet, "steps", recorder.steps, "verdict",
                     verdict_json(names, &walk, &walk.parsed));
}
