/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/internal.h"

#include <errno.h>
#include <rte_version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/daemon/build_info.h"
#include "control/trace/trace.h"

/*
 * What `df-ctl` and other clients can ask. Every method is answered on the control thread; only wait is answered
 * later.
 */

static enum df_rpc_code code_of(int rc)
{
    switch (rc) {
    case -ENOENT:
    case -ESTALE:
        return DF_RPC_NOT_FOUND;
    case -EEXIST:
        return DF_RPC_AMBIGUOUS;
    case -EINVAL:
    case -ENOSPC:
        return DF_RPC_BAD_PARAMS;
    default:
        return DF_RPC_FAILED;
    }
}

static void reply(struct df_rpc_call *call, json_t *result, const struct df_error *error)
{
    if (result)
        df_rpc_reply(call, result);
    else
        df_rpc_fail(call, DF_RPC_FAILED, "%s", error->text);
}

static const char *text_param(json_t *params, const char *name)
{
    return json_string_value(json_object_get(params, name));
}

/* ---- reports of the controller */

static json_t *controller_report(struct df_daemon *daemon, const char *what, json_t *params, struct df_error *error)
{
    *error = (struct df_error){.text = "the controller has no such report"};
    return df_controller_report(daemon->controller, what, params, error);
}

static json_t *devices_json(const struct df_daemon *daemon)
{
    json_t *list = json_array();
    for (size_t i = 0; i < daemon->n_devices; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "name", daemon->devices[i].name, "devargs", daemon->devices[i].devargs));
    return list;
}

static json_t *daemon_json(const struct df_daemon *daemon)
{
    json_t *cpus = json_array();
    for (unsigned i = 0; i < daemon->n_workers; i++)
        json_array_append_new(cpus, json_integer(daemon->worker_cpus[i]));
    uint64_t uptime_ms = df_clock_monotonic.now_ms(&df_clock_monotonic) - daemon->started_ms;
    json_t *json = json_pack("{s:s, s:i, s:I, s:s, s:s, s:o, s:o, s:o}", "version", DF_VERSION, "pid", (int)getpid(),
                             "uptime_s", (json_int_t)(uptime_ms / 1000), "config",
                             daemon->options.config_path ? daemon->options.config_path : "", "datapath",
                             daemon->dp->ops->name, "worker_cpus", cpus, "devices", devices_json(daemon), "database",
                             df_sync_report(df_node_sync(daemon->node)));
    if (daemon->is_fastpath)
        json_object_set_new(json, "hugepages", json_boolean(daemon->eal.hugepages));
    return json;
}

static void show(struct df_rpc_call *call, json_t *params, void *arg)
{
    struct df_daemon *daemon = arg;
    struct df_error error;
    json_t *json = controller_report(daemon, "show", params, &error);
    if (json && daemon->is_fastpath)
        json_object_set_new(json, "connections", daemon->dp->ops->report(daemon->dp, "connections", NULL, &error));
    if (json)
        json_object_set_new(json, "daemon", daemon_json(daemon));
    reply(call, json, &error);
}

static void pass_on(struct df_rpc_call *call, json_t *params, void *arg, const char *what)
{
    struct df_error error;
    json_t *json = controller_report(arg, what, params, &error);
    reply(call, json, &error);
}

static void ports(struct df_rpc_call *call, json_t *params, void *arg)
{
    pass_on(call, params, arg, "ports");
}

static void show_underlay(struct df_rpc_call *call, json_t *params, void *arg)
{
    pass_on(call, params, arg, "underlay");
}

static void chassis(struct df_rpc_call *call, json_t *params, void *arg)
{
    pass_on(call, params, arg, "chassis");
}

static void networks(struct df_rpc_call *call, json_t *params, void *arg)
{
    pass_on(call, params, arg, "networks");
}

static void routers(struct df_rpc_call *call, json_t *params, void *arg)
{
    pass_on(call, params, arg, "routers");
}

static void secgroups(struct df_rpc_call *call, json_t *params, void *arg)
{
    pass_on(call, params, arg, "secgroups");
}

static void secgroup(struct df_rpc_call *call, json_t *params, void *arg)
{
    pass_on(call, params, arg, "secgroup");
}

static void apps(struct df_rpc_call *call, json_t *params, void *arg)
{
    pass_on(call, params, arg, "apps");
}

static void version(struct df_rpc_call *call, json_t *params, void *arg)
{
    struct df_error error;
    json_t *json = controller_report(arg, "version", params, &error);
    if (json)
        json_object_update_new(json, json_pack("{s:s, s:s, s:s}", "dpdk", rte_version(), "libevent",
                                               event_get_version(), "jansson", jansson_version_str()));
    reply(call, json, &error);
}

/* ---- reports of the data plane */

/* A port's name is looked for once per answer: a report may name each of them a thousand times. */
struct port_names {
    struct df_names names;
    const char *known[DF_PORTS_MAX];
    bool asked[DF_PORTS_MAX];
};

static void add_port_name(struct port_names *ports_of, json_t *json, const char *field)
{
    json_int_t number = json_integer_value(json_object_get(json, field));
    if (number <= 0 || number >= DF_PORTS_MAX)
        return;
    if (!ports_of->asked[number]) {
        ports_of->known[number] = ports_of->names.port(ports_of->names.arg, (uint16_t)number);
        ports_of->asked[number] = true;
    }
    char name_field[32];
    snprintf(name_field, sizeof(name_field), "%s_name", field);
    if (ports_of->known[number])
        json_object_set_new(json, name_field, json_string(ports_of->known[number]));
}

static void add_port_names(struct df_daemon *daemon, json_t *list)
{
    struct port_names ports_of = {.names = df_resolver_names(&daemon->resolver)};
    size_t i;
    json_t *json;
    json_array_foreach(list, i, json) {
        add_port_name(&ports_of, json, "port");
        add_port_name(&ports_of, json, "in_port");
        add_port_name(&ports_of, json, "out_port");
    }
}

static json_t *data_plane_report(struct df_daemon *daemon, const char *what, json_t *params, struct df_error *error)
{
    *error = (struct df_error){.text = "this data plane has no such report"};
    json_t *json = daemon->dp->ops->report ? daemon->dp->ops->report(daemon->dp, what, params, error) : NULL;
    if (json)
        add_port_names(daemon, json_object_get(json, what));
    return json;
}

static void report(struct df_rpc_call *call, json_t *params, void *arg, const char *what)
{
    struct df_error error;
    json_t *json = data_plane_report(arg, what, params, &error);
    reply(call, json, &error);
}

static void workers(struct df_rpc_call *call, json_t *params, void *arg)
{
    report(call, params, arg, "workers");
}

/* For `all`: the reasons that nothing was dropped for, so that somebody who looks for one sees that it is there. */
static void add_other_reasons(json_t *list)
{
    bool seen[DF_DROPS] = {false};
    size_t i;
    json_t *json;
    json_array_foreach(list, i, json)
        for (unsigned reason = 1; reason < DF_DROPS; reason++)
            if (strcmp(df_drop_name(reason), json_string_value(json_object_get(json, "reason"))) == 0)
                seen[reason] = true;
    for (unsigned reason = 1; reason < DF_DROPS; reason++)
        if (!seen[reason])
            json_array_append_new(list, json_pack("{s:s, s:s, s:i}", "reason", df_drop_name(reason), "help",
                                                  df_drop_help(reason), "packets", 0));
}

static void drops(struct df_rpc_call *call, json_t *params, void *arg)
{
    struct df_error error;
    json_t *json = data_plane_report(arg, "drops", params, &error);
    if (json && json_is_true(json_object_get(params, "all")))
        add_other_reasons(json_object_get(json, "drops"));
    reply(call, json, &error);
}

static void flows(struct df_rpc_call *call, json_t *params, void *arg)
{
    report(call, params, arg, "flows");
}

static void connections(struct df_rpc_call *call, json_t *params, void *arg)
{
    report(call, params, arg, "connections");
}

/* ---- tables */

static void tables(struct df_rpc_call *call, json_t *params, void *arg)
{
    struct df_daemon *daemon = arg;
    (void)params;
    json_t *list = json_array();
    for (uint16_t number = 0; number < DF_TABLE_END; number++) {
        const struct df_table_desc *desc = df_table_desc(number);
        if (desc)
            json_array_append_new(list, json_pack("{s:i, s:s, s:s, s:s, s:I}", "table", (int)number, "name", desc->name,
                                                  "upstream", desc->upstream, "summary", desc->summary, "entries",
                                                  (json_int_t)daemon->dp->ops->count(daemon->dp, number)));
    }
    df_rpc_reply(call, json_pack("{s:o}", "tables", list));
}

static const struct df_table_desc *find_table(const char *name)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    bool is_number = name[0] >= '0' && name[0] <= '9' && *end == '\0';
    return is_number && number < DF_TABLE_END ? df_table_desc((uint16_t)number) : df_table_desc_find(name);
}

static void table(struct df_rpc_call *call, json_t *params, void *arg)
{
    struct df_daemon *daemon = arg;
    const char *name = text_param(params, "name");
    if (!name) {
        df_rpc_fail(call, DF_RPC_BAD_PARAMS, "table: `name' is missing");
        return;
    }
    const struct df_table_desc *desc = find_table(name);
    if (!desc) {
        df_rpc_fail(call, DF_RPC_NOT_FOUND, "there is no table `%.64s'; `df-ctl table' lists them", name);
        return;
    }
    struct df_names names = df_resolver_names(&daemon->resolver);
    struct df_error error;
    json_int_t limit = json_integer_value(json_object_get(params, "limit"));
    json_t *json = df_dumps_page(daemon->dumps, daemon->dp, desc, text_param(params, "cursor"),
                                 limit > 0 ? (size_t)limit : 0, &names, &error);
    reply(call, json, &error);
}

/* ---- trace */

static void add_frame(json_t *json, const uint8_t *frame, size_t len)
{
    char hex[2 * DF_WORDS_FRAME_MAX + 1];
    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", frame[i]);
    json_object_set_new(json, "frame", json_stringn(hex, 2 * len));
}

/* A punt names its app by number. */
static void add_app_name(struct df_daemon *daemon, json_t *verdict)
{
    json_t *number = json_object_get(verdict, "app");
    struct df_error error;
    json_t *list = number ? controller_report(daemon, "apps", NULL, &error) : NULL;
    size_t i;
    json_t *app;
    json_array_foreach(list, i, app)
        if (json_equal(json_object_get(app, "id"), number))
            json_object_set(verdict, "app_name", json_object_get(app, "name"));
    json_decref(list);
}

/* A port of the model, or the underlay. */
static int find_trace_port(struct df_daemon *daemon, const char *text, uint16_t *port, const char **id,
                           struct df_error *error)
{
    const struct df_underlay_end *underlay = df_controller_underlay(daemon->controller);
    int rc = df_controller_find_port(daemon->controller, text, port, id, error);
    if (rc != -ENOENT || !underlay || strcmp(underlay->name, text) != 0)
        return rc;
    *port = underlay->port;
    *id = underlay->name;
    return 0;
}

static void trace(struct df_rpc_call *call, json_t *params, void *arg)
{
    struct df_daemon *daemon = arg;
    const char *port_text = text_param(params, "port");
    const char *packet = text_param(params, "packet");
    if (!port_text || !packet) {
        df_rpc_fail(call, DF_RPC_BAD_PARAMS, "trace: `port' and `packet' are needed");
        return;
    }
    if (!daemon->is_fastpath) {
        df_rpc_fail(call, DF_RPC_FAILED, "the %s data plane moves no packets that could be traced",
                    daemon->dp->ops->name);
        return;
    }
    uint16_t port;
    struct df_resolver resolver = daemon->resolver;
    struct df_error error;
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    int rc = find_trace_port(daemon, port_text, &port, &resolver.lport, &error);
    struct df_words_names words = df_resolver_words(&resolver);
    if (rc == 0)
        rc = df_words_to_frame(packet, &words, frame, &len, &error);
    if (rc != 0) {
        df_rpc_fail(call, code_of(rc), "%s", error.text);
        return;
    }
    struct df_names names = df_resolver_names(&resolver);
    json_t *json = df_trace_frame(&names, port, frame, (uint32_t)len, df_workers_now_ms());
    json_object_set_new(json, "lport", json_string(resolver.lport));
    json_object_set_new(json, "port", json_integer(port));
    add_app_name(daemon, json_object_get(json, "verdict"));
    add_frame(json, frame, len);
    df_rpc_reply(call, json);
}

/* ---- the rest */

static void wait_for_port(struct df_rpc_call *call, json_t *params, void *arg)
{
    df_waits_add(((struct df_daemon *)arg)->waits, call, params);
}

static void log_level(struct df_rpc_call *call, json_t *params, void *arg)
{
    static const struct {
        const char *name;
        enum df_log_level level;
    } levels[] = {{"error", DF_LOG_ERROR}, {"warning", DF_LOG_WARNING}, {"info", DF_LOG_INFO}, {"debug", DF_LOG_DEBUG}};
    (void)arg;
    const char *name = text_param(params, "level");
    for (size_t i = 0; name && i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcmp(levels[i].name, name) == 0) {
            df_log_set_level(levels[i].level);
            df_rpc_reply(call, json_pack("{s:s}", "level", name));
            return;
        }
    }
    df_rpc_fail(call, DF_RPC_BAD_PARAMS, "log_level: `level' must be one of error, warning, info, debug");
}

const struct df_rpc_method df_daemon_methods[] = {
    {"show", show},
    {"ports", ports},
    {"networks", networks},
    {"routers", routers},
    {"secgroups", secgroups},
    {"secgroup", secgroup},
    {"underlay", show_underlay},
    {"chassis", chassis},
    {"apps", apps},
    {"version", version},
    {"workers", workers},
    {"drops", drops},
    {"flows", flows},
    {"connections", connections},
    {"conn_list", df_daemon_conn_list},
    {"conn_count", df_daemon_conn_count},
    {"conn_top", df_daemon_conn_top},
    {"conn_delete", df_daemon_conn_delete},
    {"tables", tables},
    {"table", table},
    {"trace", trace},
    {"wait", wait_for_port},
    {"log_level", log_level},
    {NULL, NULL},
};
