/* SPDX-License-Identifier: Apache-2.0 */
#include "control/datapath/fastpath_report.h"

#include <errno.h>
#include <rte_cycles.h>
#include <string.h>

#include "control/datapath/fastpath_conns.h"
#include "control/model/address.h"
#include "fastpath/tables/security_group.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/worker/worker.h"

#define FLOWS_MAX 10000

static json_t *describe_worker(const struct df_worker *worker, unsigned index)
{
    struct df_worker_tally t;
    df_worker_tally(worker, &t);
    return json_pack(
        "{sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI}", "worker", (json_int_t)index, "lcore",
        (json_int_t)df_worker_lcore(worker), "rounds", (json_int_t)t.rounds, "busy_rounds", (json_int_t)t.busy_rounds,
        "packets", (json_int_t)t.packets, "batches", (json_int_t)t.batches, "cycles_busy", (json_int_t)t.cycles_busy,
        "cycles_idle", (json_int_t)t.cycles_idle, "hits", (json_int_t)t.hits, "misses", (json_int_t)t.misses, "stale",
        (json_int_t)t.stale, "inserts", (json_int_t)t.inserts, "evictions", (json_int_t)t.evictions, "uncacheable",
        (json_int_t)t.uncacheable, "punts", (json_int_t)t.punts, "answers", (json_int_t)t.answers, "injected",
        (json_int_t)t.injected, "floods", (json_int_t)t.floods, "flood_copies", (json_int_t)t.flood_copies,
        "flood_tunnel_copies", (json_int_t)t.flood_tunnel_copies, "flows", (json_int_t)df_worker_flows(worker));
}

static json_t *report_workers(void)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < df_workers_count(); i++)
        json_array_append_new(list, describe_worker(df_worker(i), i));
    return json_pack("{sI so so*}", "cycles_per_second", (json_int_t)rte_get_tsc_hz(), "workers", list, "connections",
                     df_conns_tally_json());
}

static void add_drops(json_t *list, uint16_t number)
{
    struct df_port_tally tally;
    df_port_tally(number, &tally);
    for (unsigned reason = 1; reason < DF_DROPS; reason++) {
        if (tally.drops[reason] != 0)
            json_array_append_new(list,
                                  json_pack("{si ss ss sI}", "port", number, "reason", df_drop_name(reason), "help",
                                            df_drop_help(reason), "packets", (json_int_t)tally.drops[reason]));
    }
}

static json_t *report_drops(void)
{
    json_t *list = json_array();
    for (uint16_t number = 1; number < DF_PORTS_MAX; number++)
        add_drops(list, number);
    return json_pack("{so}", "drops", list);
}

struct flow_list {
    json_t *list;
    size_t limit;
};

static int add_flow(const struct df_flow_info *flow, void *arg)
{
    struct flow_list *out = arg;
    char eth_src[DF_MAC_TEXT], eth_dst[DF_MAC_TEXT], ip_src[DF_IP_TEXT], ip_dst[DF_IP_TEXT];
    json_t *json =
        json_pack("{si si ss ss ss ss si sb si}", "in_port", flow->in_port, "ip_proto", flow->ip_proto, "eth_src",
                  df_mac_text(&flow->eth_src, eth_src), "eth_dst", df_mac_text(&flow->eth_dst, eth_dst), "ip_src",
                  df_ip_text(&flow->ip_src, ip_src), "ip_dst", df_ip_text(&flow->ip_dst, ip_dst), "out_port",
                  flow->out_port, "by_address_pair", flow->by_address_pair, "idle_ms", (int)flow->idle_ms);
    if (!flow->by_address_pair) {
        json_object_set_new(json, "l4_src", json_integer(flow->l4_src));
        json_object_set_new(json, "l4_dst", json_integer(flow->l4_dst));
    }
    if (flow->tunnel_type)
        json_object_set_new(
            json, "tunnel",
            json_pack("{ss sI}", "type", df_tunnel_type_names[flow->tunnel_type], "key", (json_int_t)flow->tunnel_key));
    if (flow->drop != DF_DROP_NONE)
        json_object_set_new(json, "drop", json_string(df_drop_name(flow->drop)));
    json_array_append_new(out->list, json);
    return json_array_size(out->list) >= out->limit;
}

static json_t *report_flows(json_t *params)
{
    json_int_t limit = json_integer_value(json_object_get(params, "limit"));
    struct flow_list out = {json_array(), limit > 0 && limit < FLOWS_MAX ? (size_t)limit : FLOWS_MAX};
    json_int_t total = 0;
    for (unsigned i = 0; i < df_workers_count(); i++) {
        total += df_worker_flows(df_worker(i));
        if (json_array_size(out.list) < out.limit)
            df_worker_flows_each(df_worker(i), add_flow, &out);
    }
    return json_pack("{sI so}", "total", total, "flows", out.list);
}

/* Of one rule, by its number in table entries. */
static json_t *report_rule_hits(json_t *params)
{
    uint32_t rule = (uint32_t)json_integer_value(json_object_get(params, "rule"));
    if (rule >= DF_RULES_COUNTED)
        return json_pack("{sn}", "hits");
    return json_pack("{sI}", "hits", (json_int_t)df_security_group_hits(rule));
}

json_t *df_fastpath_report(const char *what, json_t *params, struct df_error *error)
{
    if (strcmp(what, "workers") == 0)
        return report_workers();
    if (strcmp(what, "drops") == 0)
        return report_drops();
    if (strcmp(what, "flows") == 0)
        return report_flows(params);
    if (strcmp(what, "connections") == 0 && df_conns_ready())
        return df_conns_tally_json();
    if (strcmp(what, "rule_hits") == 0)
        return report_rule_hits(params);
    df_error_set(error, -ENOENT, "the fast path has no report '%s'", what);
    return NULL;
}
