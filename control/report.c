/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/controller_state.h"
#include "control/daemon/build_info.h"
#include "control/model/address.h"

/* The reports of controller.h: what this node knows and does, for people. */

#define LIST_MAX 100

static json_t *text(const char *value)
{
    json_t *json = value ? json_string(value) : NULL;
    return json ? json : json_null();
}

static json_t *number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *texts(char *const *value, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, text(value[i]));
    return list;
}

static const char *table_name(enum df_nb_table table)
{
    return df_schema_table(table)->name;
}

/* ---- show */

struct findings {
    json_t *bad, *waiting, *problems;
    size_t n_bad, n_waiting, n_problems;
};

static void add_problem(const struct df_object *object, const char *app, const char *what, bool refusal, void *arg)
{
    struct findings *findings = arg;
    if (refusal)
        return; /* the port shows it */
    if (findings->n_problems++ < LIST_MAX)
        json_array_append_new(findings->problems, json_pack("{s:s, s:s, s:s, s:o}", "table", table_name(object->table),
                                                            "id", object->id, "app", app, "text", text(what)));
}

struct waiting {
    json_t *waiters;
    size_t n;
};

static void add_waiter(const struct df_object *object, const char *app, void *arg)
{
    struct waiting *waiting = arg;
    if (waiting->n++ < LIST_MAX)
        json_array_append_new(waiting->waiters, json_pack("{s:s, s:s, s:s}", "table", table_name(object->table), "id",
                                                          object->id, "app", app));
}

static void add_missing(struct findings *findings, const struct df_object *object)
{
    struct waiting waiting = {json_array(), 0};
    df_compiler_waiters(object, add_waiter, &waiting);
    if (waiting.n && findings->n_waiting++ < LIST_MAX)
        json_array_append_new(findings->waiting,
                              json_pack("{s:s, s:s, s:I, s:O}", "table", table_name(object->table), "id", object->id,
                                        "n", (json_int_t)waiting.n, "for", waiting.waiters));
    json_decref(waiting.waiters);
}

static void find(struct df_object *object, void *arg)
{
    struct findings *findings = arg;
    if (object->bad && findings->n_bad++ < LIST_MAX)
        json_array_append_new(findings->bad, json_pack("{s:s, s:o, s:o, s:b}", "table", table_name(object->table), "id",
                                                       text(object->id), "error", text(object->bad), "in_force",
                                                       object->message != NULL));
    if (!object->message)
        add_missing(findings, object);
    const char *refused = df_compiler_refusal(object);
    if (refused)
        add_problem(object, "datapath", refused, false, findings);
    df_compiler_notes(object, add_problem, findings);
}

static void add_findings(struct df_controller *controller, json_t *report)
{
    struct findings findings = {json_array(), json_array(), json_array(), 0, 0, 0};
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++)
        df_store_each(controller->store, table, find, &findings);
    json_object_set_new(report, "n_bad", number(findings.n_bad));
    json_object_set_new(report, "n_waiting", number(findings.n_waiting));
    json_object_set_new(report, "n_problems", number(findings.n_problems));
    json_object_set_new(report, "bad", findings.bad);
    json_object_set_new(report, "waiting", findings.waiting);
    json_object_set_new(report, "problems", findings.problems);
}

static json_t *object_counts(const struct df_controller *controller)
{
    json_t *counts = json_object();
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++)
        json_object_set_new(counts, table_name(table), number(df_store_count(controller->store, table)));
    return counts;
}

static json_t *entry_counts(struct df_datapath *dp)
{
    json_t *counts = json_object();
    for (uint16_t table = 0; table < DF_TABLE_MAX; table++) {
        const struct df_table_desc *desc = df_table_desc(table);
        if (desc && dp->ops->count)
            json_object_set_new(counts, desc->name, number(dp->ops->count(dp, table)));
    }
    return counts;
}

static int count_state(const struct df_local_port_info *info, void *arg)
{
    ((size_t *)arg)[info->state]++;
    return 0;
}

static json_t *port_counts(struct df_controller *controller)
{
    size_t count[DF_LOCAL_PORT_DOWN + 1] = {0};
    json_t *counts = json_object();
    df_local_ports_each(controller->ports, count_state, count);
    for (unsigned state = 0; state <= DF_LOCAL_PORT_DOWN; state++)
        json_object_set_new(counts, df_local_port_state_name(state), number(count[state]));
    return counts;
}

static json_t *app_names(const struct df_controller *controller)
{
    json_t *names = json_array();
    for (size_t i = 0; i < controller->apps.n; i++)
        json_array_append_new(names, text(controller->apps.app[i]->name));
    return names;
}

static json_t *work_of(const struct df_controller *controller)
{
    struct df_controller_work work = df_controller_work(controller);
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "changes", number(work.changes), "compiles", number(work.compiles),
                     "puts", number(work.puts), "dels", number(work.dels), "refused", number(work.refused));
}

static json_t *report_show(struct df_controller *controller)
{
    json_t *report =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "host", text(controller->host), "apps",
                  app_names(controller), "objects", object_counts(controller), "networks",
                  number(df_relevance_count(controller->relevance, DF_NB_LSWITCH)), "routers",
                  number(df_relevance_count(controller->relevance, DF_NB_LROUTER)), "ports", port_counts(controller),
                  "entries", entry_counts(controller->dp), "work", work_of(controller), "unknown_punts",
                  number(controller->unknown_punts), "in_snapshot", controller->in_snapshot, "held", controller->held);
    json_object_set_new(report, "ignored_leases", number(df_liveness_ignored(controller->liveness)));
    json_object_set_new(report, "underlay", df_underlay_port_summary(controller->underlay));
    add_findings(controller, report);
    return report;
}

/* ---- ports */

struct port_list {
    struct df_controller *controller;
    json_t *list;
};

static void add_model_of_port(struct df_controller *controller, const char *id, json_t *item)
{
    const struct df_object *object = df_store_find(controller->store, DF_NB_LPORT, id);
    const Df__LogicalPort *lport = object ? (const Df__LogicalPort *)object->message : NULL;
    if (!lport)
        return;
    const struct df_object *network = df_store_find(controller->store, DF_NB_LSWITCH, lport->lswitch);
    const Df__LogicalSwitch *lswitch = network ? (const Df__LogicalSwitch *)network->message : NULL;
    json_object_set_new(item, "name", text(lport->name));
    json_object_set_new(item, "lswitch", text(lport->lswitch));
    json_object_set_new(item, "network", text(lswitch ? lswitch->name : NULL));
    json_object_set_new(item, "unique_key", number(lport->unique_key));
    json_object_set_new(item, "macs", texts(lport->macs, lport->n_macs));
    json_object_set_new(item, "ips", texts(lport->ips, lport->n_ips));
}

static void add_statistics(struct df_datapath *dp, uint16_t port, json_t *item)
{
    struct df_port_stats stats = {0};
    if (port && dp->ops->port_stats && dp->ops->port_stats(dp, port, &stats) < 0)
        stats = (struct df_port_stats){0};
    json_object_set_new(item, "rx_packets", number(stats.rx_packets));
    json_object_set_new(item, "rx_bytes", number(stats.rx_bytes));
    json_object_set_new(item, "tx_packets", number(stats.tx_packets));
    json_object_set_new(item, "tx_bytes", number(stats.tx_bytes));
    json_object_set_new(item, "rx_drops", number(stats.rx_drops));
    json_object_set_new(item, "tx_drops", number(stats.tx_drops));
}

static int add_port(const struct df_local_port_info *info, void *arg)
{
    struct port_list *ports = arg;
    json_t *item = json_object();
    json_object_set_new(item, "id", text(info->id));
    add_model_of_port(ports->controller, info->id, item);
    json_object_set_new(item, "number", number(info->number));
    json_object_set_new(item, "vif_type", text(info->vif.type));
    json_object_set_new(item, "vif_name", text(info->vif.name));
    json_object_set_new(item, "status", text(df_local_port_state_name(info->state)));
    json_object_set_new(item, "reason", text(info->reason));
    json_object_set_new(item, "attached", json_boolean(info->attached));
    json_object_set_new(item, "detail", text(info->detail));
    json_object_set_new(item, "desired_version", number(info->desired_version));
    json_object_set_new(item, "applied_version", number(info->applied_version));
    add_statistics(ports->controller->dp, info->number, item);
    json_array_append_new(ports->list, item);
    return 0;
}

static json_t *ips_of(const struct df_underlay_end *end)
{
    char ip[DF_IP_TEXT];
    json_t *list = json_array();
    if (!df_ip_is_zero(&end->ip4))
        json_array_append_new(list, text(df_ip_text(&end->ip4, ip)));
    if (!df_ip_is_zero(&end->ip6))
        json_array_append_new(list, text(df_ip_text(&end->ip6, ip)));
    return list;
}

/* The node's own port, in the words of the others. */
static void add_underlay(struct df_controller *controller, json_t *list)
{
    struct df_underlay_info info;
    char mac[DF_MAC_TEXT];
    if (!df_underlay_port_info(controller->underlay, &info))
        return;
    const struct df_underlay_end *end = info.end;
    json_t *item = json_object();
    json_object_set_new(item, "id", text(end->name));
    json_object_set_new(item, "name", text(end->name));
    json_object_set_new(item, "lswitch", json_null());
    json_object_set_new(item, "network", text("(underlay)"));
    json_object_set_new(item, "unique_key", json_null());
    json_object_set_new(item, "macs", json_pack("[s]", df_mac_text(&info.mac, mac)));
    json_object_set_new(item, "ips", ips_of(end));
    json_object_set_new(item, "number", number(end->port));
    json_object_set_new(item, "vif_type", text("ethdev"));
    json_object_set_new(item, "vif_name", text(end->name));
    json_object_set_new(item, "status",
                        text(df_local_port_state_name(info.open ? DF_LOCAL_PORT_OPEN : DF_LOCAL_PORT_DOWN)));
    json_object_set_new(item, "reason", text(info.reason));
    json_object_set_new(item, "attached", json_boolean(info.attached));
    json_object_set_new(item, "detail", text(info.detail));
    json_object_set_new(item, "desired_version", json_null());
    json_object_set_new(item, "applied_version", json_null());
    add_statistics(controller->dp, info.open ? end->port : 0, item);
    json_array_append_new(list, item);
}

static json_t *report_ports(struct df_controller *controller)
{
    struct port_list ports = {controller, json_array()};
    df_local_ports_each(controller->ports, add_port, &ports);
    add_underlay(controller, ports.list);
    return ports.list;
}

static json_t *report_underlay(struct df_controller *controller)
{
    return df_underlay_port_report(controller->underlay, controller->clock->now_ms(controller->clock));
}

/* ---- networks and routers that this node needs */

static json_t *subnets_of(struct df_object *network)
{
    size_t n;
    json_t *list = json_array();
    struct df_object *const *subnet = df_referrers_sorted(df_object_referrers(network, DF_NB_LSUBNET, "lswitch"), &n);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, text(((const Df__Subnet *)subnet[i]->message)->cidr));
    return list;
}

static json_t *network_item(struct df_object *object)
{
    const Df__LogicalSwitch *lswitch = (const Df__LogicalSwitch *)object->message;
    json_t *segmentation_id = lswitch && lswitch->has_segmentation_id ? number(lswitch->segmentation_id) : json_null();
    json_t *mtu = lswitch && lswitch->has_mtu ? number(lswitch->mtu) : json_null();
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", object->id, "name", text(lswitch ? lswitch->name : NULL),
        "unique_key", number(object->unique_key), "network_type", text(lswitch ? lswitch->network_type : NULL),
        "segmentation_id", segmentation_id, "mtu", mtu, "subnets", subnets_of(object), "ports",
        number(df_object_referrers(object, DF_NB_LPORT, "lswitch")->n), "local_ports", number(object->local_ports));
}

static json_t *router_ports(const Df__LogicalRouter *router)
{
    json_t *list = json_array();
    for (size_t i = 0; i < router->n_ports; i++) {
        const Df__LogicalRouterPort *port = router->ports[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o}", "id", text(port->id), "lswitch",
                                              text(port->lswitch), "network", text(port->network), "mac",
                                              text(port->mac), "networks", texts(port->networks, port->n_networks)));
    }
    return list;
}

static json_t *router_item(struct df_object *object)
{
    const Df__LogicalRouter *router = (const Df__LogicalRouter *)object->message;
    json_t *routes = json_array();
    for (size_t i = 0; i < router->n_routes; i++)
        json_array_append_new(routes, json_pack("{s:o, s:o}", "destination", text(router->routes[i]->destination),
                                                "nexthop", text(router->routes[i]->nexthop)));
    return json_pack("{s:s, s:o, s:o, s:b, s:o, s:o}", "id", object->id, "name", text(router->name), "unique_key",
                     number(object->unique_key), "enabled", !router->has_enabled || router->enabled, "ports",
                     router_ports(router), "routes", routes);
}

struct needed {
    struct df_object **object;
    size_t n;
};

static void collect_needed(struct df_object *object, void *arg)
{
    struct needed *needed = arg;
    if (object->needed)
        needed->object[needed->n++] = object;
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct df_object *const *)a)->id, (*(struct df_object *const *)b)->id);
}

static json_t *report_needed(struct df_controller *controller, enum df_nb_table table,
                             json_t *(*item)(struct df_object *object))
{
    json_t *list = json_array();
    size_t most = df_relevance_count(controller->relevance, table);
    struct needed needed = {.object = calloc(most + 1, sizeof(struct df_object *))};
    if (needed.object)
        df_store_each(controller->store, table, collect_needed, &needed);
    if (needed.n)
        qsort(needed.object, needed.n, sizeof(*needed.object), by_id);
    for (size_t i = 0; i < needed.n; i++)
        if (table == DF_NB_LSWITCH || needed.object[i]->message)
            json_array_append_new(list, item(needed.object[i]));
    free(needed.object);
    return list;
}

static json_t *report_networks(struct df_controller *controller)
{
    return report_needed(controller, DF_NB_LSWITCH, network_item);
}

static json_t *report_routers(struct df_controller *controller)
{
    return report_needed(controller, DF_NB_LROUTER, router_item);
}

/* ---- apps, version */

static json_t *provides_of(uint32_t provides)
{
    static const struct {
        uint32_t bit;
        const char *word;
    } words[] = {
        {DF_APP_L2, "l2"},
        {DF_APP_PORT_SECURITY, "port_security"},
        {DF_APP_SECURITY_GROUPS, "security_groups"},
    };
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (provides & words[i].bit)
            json_array_append_new(list, text(words[i].word));
    return list;
}

static json_t *report_apps(struct df_controller *controller)
{
    json_t *list = json_array();
    for (size_t i = 0; i < controller->apps.n; i++) {
        const struct df_app *app = controller->apps.app[i];
        json_t *state = app->show ? app->show() : NULL;
        json_array_append_new(list, json_pack("{s:I, s:s, s:o, s:o, s:o}", "id", (json_int_t)i + 1, "name", app->name,
                                              "summary", text(app->summary), "provides", provides_of(app->provides),
                                              "state", state ? state : json_null()));
    }
    return list;
}

static json_t *report_version(struct df_controller *controller)
{
    return json_pack("{s:s, s:I, s:s}", "version", DF_VERSION, "app_abi", (json_int_t)DF_APP_ABI, "backend",
                     controller->dp->ops->name);
}

static const struct {
    const char *name;
    json_t *(*make)(struct df_controller *controller);
} reports[] = {
    {"show", report_show},       {"ports", report_ports},       {"networks", report_networks},
    {"routers", report_routers}, {"underlay", report_underlay}, {"chassis", df_controller_chassis},
    {"apps", report_apps},       {"version", report_version},   {"secgroups", df_controller_secgroups},
};

json_t *df_controller_report(struct df_controller *controller, const char *what, json_t *params, struct df_error *error)
{
    if (strcmp(what, "secgroup") == 0)
        return df_controller_secgroup(controller, params, error);
    for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++)
        if (strcmp(reports[i].name, what) == 0)
            return reports[i].make(controller);
    df_error_set(error, -ENOENT, "there is no report '%s'", what);
    return NULL;
}
