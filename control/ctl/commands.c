/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"

#define FLOWS_MAX 10000   /* that the daemon gives */
#define ADDRESSES_SHOWN 3 /* of a port: it may have thousands, and they are all in --json */

static void print_report(const struct ctl *ctl, json_t *json)
{
    (void)ctl;
    print_object(json, 0);
}

/* A controller's report is the list, or an object that holds it under the report's own name. */
static json_t *list_in(json_t *json, const char *name)
{
    return json_is_array(json) ? json : json_object_get(json, name);
}

static json_t *fetch_ports(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "ports", NULL, error);
}

static void print_ports(const struct ctl *ctl, json_t *json)
{
    static const struct column columns[] = {
        {"PORT", "number", true, NULL},
        {"NAME", "name", false, NULL},
        {"ID", "id", false, NULL},
        {"NETWORK", "network", false, NULL},
        {"VIF", "vif_type", false, NULL},
        {"INTERFACE", "vif_name", false, NULL},
        {"MAC", "macs", false, NULL, ADDRESSES_SHOWN},
        {"ADDRESSES", "ips", false, NULL, ADDRESSES_SHOWN},
        {"STATUS", "status", false, NULL},
        {"ATTACHED", "attached", false, NULL},
        {"VERSION", "applied_version", true, NULL},
        {"OF", "desired_version", true, NULL},
        {"WHY NOT", "reason", false, NULL},
        {0},
    };
    (void)ctl;
    print_table(columns, list_in(json, "ports"), "no port of this node is in the model");
}

static json_t *fetch_networks(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "networks", NULL, error);
}

static void print_networks(const struct ctl *ctl, json_t *json)
{
    static const struct column columns[] = {
        {"KEY", "unique_key", true, NULL},
        {"NAME", "name", false, NULL},
        {"ID", "id", false, NULL},
        {"TYPE", "network_type", false, NULL},
        {"MTU", "mtu", true, NULL},
        {"SUBNETS", "subnets", false, NULL},
        {"LOCAL PORTS", "local_ports", true, NULL},
        {0},
    };
    (void)ctl;
    print_table(columns, list_in(json, "networks"), "this node needs no network");
}

static json_t *fetch_routers(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "routers", NULL, error);
}

/* What a row of the table shows of the lists in a router. */
static void add_router_words(json_t *router)
{
    json_t *networks = json_array();
    json_t *routes = json_array();
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(router, "ports"), i, item) {
        if (json_is_string(json_object_get(item, "network")))
            json_array_append(networks, json_object_get(item, "network"));
        json_array_extend(networks, json_object_get(item, "networks"));
    }
    json_array_foreach(json_object_get(router, "routes"), i, item)
        json_array_append_new(routes, json_sprintf("%s via %s", json_string_value(json_object_get(item, "destination")),
                                                   json_string_value(json_object_get(item, "nexthop"))));
    json_object_set_new(router, "network_words", networks);
    json_object_set_new(router, "route_words", routes);
}

static void print_routers(const struct ctl *ctl, json_t *json)
{
    static const struct column columns[] = {
        {"KEY", "unique_key", true, NULL},           {"NAME", "name", false, NULL},          {"ID", "id", false, NULL},
        {"ADDRESSES", "network_words", false, NULL}, {"ROUTES", "route_words", false, NULL}, {0},
    };
    (void)ctl;
    size_t i;
    json_t *router;
    json_array_foreach(list_in(json, "routers"), i, router)
        add_router_words(router);
    print_table(columns, list_in(json, "routers"), "this node needs no router");
}

static json_t *fetch_apps(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "apps", NULL, error);
}

static void print_apps(const struct ctl *ctl, json_t *json)
{
    (void)ctl;
    size_t i;
    json_t *app;
    json_array_foreach(list_in(json, "apps"), i, app) {
        if (i > 0)
            putchar('\n');
        print_object(app, 0);
    }
}

static json_t *fetch_flows(struct ctl *ctl, struct df_error *error)
{
    if (ctl->limit > FLOWS_MAX) {
        df_error_set(error, -1, "flows: --limit %ld: must be a number from 0 to %d", ctl->limit, FLOWS_MAX);
        return NULL;
    }
    return ctl_call(ctl, "flows", json_pack("{s:I}", "limit", (json_int_t)(ctl->limit ? ctl->limit : 1000)), error);
}

static void print_flows(const struct ctl *ctl, json_t *json)
{
    static const struct column columns[] = {
        {"IN", "in_port", true, "in_port_name"},    {"PROTOCOL", "ip_proto", true, NULL},
        {"SOURCE", "ip_src", false, NULL},          {"PORT", "l4_src", true, NULL},
        {"DESTINATION", "ip_dst", false, NULL},     {"PORT", "l4_dst", true, NULL},
        {"OUT", "out_port", true, "out_port_name"}, {"DROPPED FOR", "drop", false, NULL},
        {"IDLE MS", "idle_ms", true, NULL},         {0},
    };
    (void)ctl;
    json_t *flows = list_in(json, "flows");
    json_int_t total = json_integer_value(json_object_get(json, "total"));
    print_table(columns, flows, "no flow is cached");
    if (total > (json_int_t)json_array_size(flows))
        printf("%zu of %lld flows; --limit N shows more\n", json_array_size(flows), (long long)total);
}

static json_t *fetch_drops(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "drops", json_pack("{s:b}", "all", ctl->all), error);
}

static void print_drops(const struct ctl *ctl, json_t *json)
{
    static const struct column columns[] = {
        {"PORT", "port", true, "port_name"},
        {"REASON", "reason", false, NULL},
        {"PACKETS", "packets", true, NULL},
        {"WHAT IT MEANS", "help", false, NULL},
        {0},
    };
    (void)ctl;
    print_table(columns, list_in(json, "drops"), "nothing was dropped");
}

static json_t *fetch_wait(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "wait",
                    json_pack("{s:s, s:I, s:f, s:b}", "lport", ctl->args[0], "version", ctl->version, "timeout",
                              ctl->timeout, "programmed", ctl->programmed),
                    error);
}

static void print_wait(const struct ctl *ctl, json_t *json)
{
    printf("%s is ready: version %lld is in force%s\n", ctl->args[0],
           (long long)json_integer_value(json_object_get(json, "applied_version")),
           json_is_true(json_object_get(json, "attached")) ? "" : ", nothing is attached yet");
}

static json_t *fetch_version(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "version", NULL, error);
}

static json_t *fetch_log_level(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "log_level", json_pack("{s:s}", "level", ctl->args[0]), error);
}

static const char conn_help[] =
    "  df-ctl conn [list] [FILTER]... [--limit N]           lists connections, as they come\n"
    "  df-ctl conn count [FILTER]... [--by port|proto|state] counts them\n"
    "  df-ctl conn top [N] [FILTER]... [--by packets|bytes] the N (10) that sent most\n"
    "  df-ctl conn delete FILTER... | --all                 forgets them; a session that the rules allow goes on as a "
    "new\n"
    "                                                       connection, unless [fastpath] tcp_pick_up = no\n"
    "\n"
    "Filters, of which all must be so:\n"
    "  --port PORT      of this port: its name, or its id or the beginning of it\n"
    "  --addr A[/LEN]   one end has the address, or is in the prefix\n"
    "  --proto PROTO    tcp, udp, icmp, icmp6, sctp, udplite, dccp, or a number\n"
    "  --state STATE    established, syn_sent, ...; tcp_established where it must be TCP's\n"
    "\n"
    "A connection is one port's: between two ports of this node there are two. SIDE is egress where the port's guest "
    "began\n"
    "it, ingress where the other end did. Packets and bytes are estimates: one packet of a batch stands for all of "
    "it.\n";

static const char underlay_help[] = "A neighbour is another node, or the gateway to others. STATE:\n"
                                    "  permanent  of [df] underlay_neighbours\n"
                                    "  asking     nobody answered yet; a few packets wait\n"
                                    "  reachable  it answered\n"
                                    "  probing    it is asked whether it is still there, and used meanwhile\n"
                                    "  failed     it did not answer; what goes by it is dropped as resolve_failed, and "
                                    "it is asked again now and then\n";

static const char chassis_help[] =
    "TUNNEL is the type by which packets go there of networks whose own type not both nodes speak. FOR is how long "
    "the\n"
    "node has been in that state, as far as this one saw it. PORTS are those that this node knows of. STATE:\n"
    "  alive         it holds its lease in the database\n"
    "  lost          it does not, and is dead if that lasts\n"
    "  dead          tunnels to it are withdrawn, its ports are marked\n"
    "  unregistered  no df-switchd ever registered for it: it is not judged\n";

static const char trace_help[] =
    "PORT is a port of this node: its name, or its id or the beginning of it. PACKET is in words, separated by blanks "
    "or\n"
    "commas, or a frame in hexadecimal. Nothing is changed and nothing is sent.\n"
    "\n"
    "Words: ip icmp tcp udp sctp udplite dccp arp, ipv6 and these with a 6, src=PORT, dst=PORT, dl_src, dl_dst, "
    "dl_vlan,\n"
    "dl_vlan_pcp, dl_type, nw_src, nw_dst, nw_proto, nw_ttl, nw_tos, nw_frag (no, first, later), ipv6_src, ipv6_dst,\n"
    "tp_src, tp_dst, tcp_flags (syn|ack), icmp_type, icmp_code, arp_op, arp_spa, arp_tpa, arp_sha, arp_tha, "
    "nd_target,\n"
    "nd_sll, nd_tll, len (bytes of payload). What is left out is filled in as the guest behind the port would.\n"
    "\n"
    "  df-ctl trace web1 icmp,dst=db1\n"
    "  df-ctl trace web1 tcp,nw_dst=10.1.0.7,tp_dst=443\n"
    "  df-ctl trace web1 arp,arp_tpa=10.0.0.1\n";

const struct command ctl_commands[] = {
    {"show", "", "the node at a glance: database, ports, what is wrong", NULL, 0, 0, fetch_show, print_show},
    {"ports", "", "this node's ports, and why one is not open", NULL, 0, 0, fetch_ports, print_ports},
    {"networks", "", "the networks that this node needs", NULL, 0, 0, fetch_networks, print_networks},
    {"routers", "", "the routers that this node needs", NULL, 0, 0, fetch_routers, print_routers},
    {"underlay", "", "the port that leads to other nodes, and its neighbours", underlay_help, 0, 0, fetch_underlay,
     print_underlay},
    {"chassis", "", "the nodes: alive or dead, and how tunnels get there", chassis_help, 0, 0, fetch_chassis,
     print_chassis},
    {"secgroup", "[NAME]", "the security groups of this node's ports, or the rules of one and their hits",
     "NAME is a group's name or id. HITS are packets that a rule let pass by itself: that began a connection, or, "
     "where the\n"
     "group is stateless or nothing is tracked, that were looked up in the tables.\n",
     0, 1, fetch_secgroup, print_secgroup},
    {"table", "[NAME]", "the pipeline's tables, or the entries of one and where they come from",
     "NAME is a table's name, upstream's name of it, or its number.\n", 0, 1, fetch_table, print_entries},
    {"flows", "[--limit N]", "the flows that workers have cached", NULL, 0, 0, fetch_flows, print_flows},
    {"conn", "[list|count|top [N]|delete] [FILTER]...", "the connections of stateful security groups", conn_help, 0, 2,
     NULL, NULL, run_conn},
    {"workers", "", "how busy the workers are and what a packet costs",
     "Rates are taken over one second, or the interval of --watch. BATCH is the packets of a full round, 32 at most.\n",
     0, 0, fetch_workers, print_workers},
    {"drops", "[--all]", "dropped packets by port and reason",
     "--all shows reasons that nothing was dropped for, too.\n", 0, 0, fetch_drops, print_drops},
    {"apps", "", "the network services and their state", NULL, 0, 0, fetch_apps, print_apps},
    {"trace", "PORT PACKET...", "follows a packet through the tables, without sending it", trace_help, 2, 64,
     fetch_trace, print_trace},
    {"wait", "PORT [--version N] [--timeout SECONDS] [--programmed]", "waits until a port is open and a guest attached",
     "--version N waits for that version of the port, otherwise it is the one that the database has.\n"
     "--programmed does not wait for a guest. Ends with 1 after --timeout (60 seconds).\n",
     1, 1, fetch_wait, print_wait},
    {"log-level", "LEVEL", "sets what the daemon logs: error, warning, info or debug", NULL, 1, 1, fetch_log_level,
     print_report},
    {"version", "", "versions of the daemon and of what it runs on", NULL, 0, 0, fetch_version, print_report},
    {0},
};
