/* SPDX-License-Identifier: Apache-2.0 */
#include "node.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/datapath/null.h"
#include "control/log.h"
#include "fastpath/rcu.h"

/* ---- Apps */

static void l2_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    if (!df_compile_needs_network(c, lport->lswitch))
        return;
    struct df_l2_key key = {.network = df_compile_key(c, DF_NB_LSWITCH, lport->lswitch)};
    struct df_l2_value value = {.lport = lport->unique_key};
    for (size_t i = 0; key.network && i < lport->n_macs; i++)
        if (df_mac_parse(lport->macs[i], &key.mac) == 0)
            df_compile_emit(c, DF_TABLE_L2, &key, sizeof(key), &value, sizeof(value));
}

static const struct df_app_rule l2_rules[] = {{DF_NB_LPORT, l2_lport}, {0}};
const struct df_app node_l2 = {.abi = DF_APP_ABI, .name = "l2", .provides = DF_APP_L2, .rules = l2_rules};

static void sec_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    struct df_port_security_key key = {.lport = lport->unique_key};
    struct df_port_security_value value = {.enabled = 0};
    if (!df_compile_is_local(c, lport))
        return;
    if (lport->n_macs == 0)
        df_compile_refuse(c, "has no macs");
    df_compile_emit(c, DF_TABLE_PORT_SECURITY, &key, sizeof(key), &value, sizeof(value));
}

static const struct df_app_rule sec_rules[] = {{DF_NB_LPORT, sec_lport}, {0}};
const struct df_app node_sec = {.abi = DF_APP_ABI, .name = "sec", .provides = DF_APP_PORT_SECURITY, .rules = sec_rules};

static void mtu_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    if (!df_compile_is_local(c, lport))
        return;
    const Df__LogicalSwitch *network = (const Df__LogicalSwitch *)df_compile_read(c, DF_NB_LSWITCH, lport->lswitch);
    struct df_dhcp_key key = {.lport = lport->unique_key, .ip_version = 4};
    struct df_dhcp_value value = {.app = network ? network->mtu : 0};
    if (network)
        df_compile_emit(c, DF_TABLE_DHCP, &key, sizeof(key), &value, sizeof(value));
    if (network && network->mtu == NODE_REFUSED_MTU)
        df_compile_refuse(c, "mtu %u is refused", network->mtu);
    if (network && network->mtu > 9000)
        df_compile_problem(c, "mtu %u is too much", network->mtu);
}

static const struct df_app_rule mtu_rules[] = {{DF_NB_LPORT, mtu_lport}, {0}};
const struct df_app node_mtu = {.abi = DF_APP_ABI, .name = "mtu", .rules = mtu_rules};

static void gateway_lsubnet(struct df_compile *c, const ProtobufCMessage *object, void *arg)
{
    const Df__Subnet *subnet = (const Df__Subnet *)object;
    struct df_neighbour_key key = {.network = *(uint32_t *)arg};
    struct df_neighbour_value value = {.is_router = 1};
    if (subnet->gateway_ip && df_ip_parse(subnet->gateway_ip, &key.ip) == 0)
        df_compile_emit(c, DF_TABLE_ARP, &key, sizeof(key), &value, sizeof(value));
}

static void gateway_lswitch(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalSwitch *network = (const Df__LogicalSwitch *)object;
    struct df_services_key key = {.eth_type = 0x0806};
    struct df_services_value value = {.table = DF_TABLE_ARP};
    uint32_t unique_key = network->unique_key;
    if (!df_compile_needs_network(c, network->id))
        return;
    df_compile_emit(c, DF_TABLE_SERVICES, &key, sizeof(key), &value, sizeof(value));
    df_compile_referrers(c, DF_NB_LSUBNET, "lswitch", network->id, gateway_lsubnet, &unique_key);
}

static const struct df_app_rule gateway_rules[] = {{DF_NB_LSWITCH, gateway_lswitch}, {0}};
const struct df_app node_gateway = {.abi = DF_APP_ABI, .name = "gateway", .rules = gateway_rules};

const struct df_app *const node_apps[] = {&node_l2, &node_sec, &node_mtu, &node_gateway, NULL};

/* ---- The node */

uint64_t node_now;

static uint64_t now_ms(const struct df_clock *clock)
{
    (void)clock;
    return node_now;
}

static const struct df_clock node_clock = {.now_ms = now_ms};

const struct df_self_config *node_self;
bool node_selective;
const struct df_underlay_config *node_underlay;
const char *const *node_load;

void node_init(void)
{
    df_rcu_register();
    df_log_set_level(DF_LOG_ERROR);
}

void node_up(struct node *node, const struct df_app *const *apps)
{
    node_up_on(node, apps, df_datapath_null_open());
}

void node_up_on(struct node *node, const struct df_app *const *apps, struct df_datapath *dp)
{
    struct df_error error = {""};
    node->dp = dp;
    struct df_controller_config config = {
        .host = "here",
        .apps_dir = BUILT_APPS_DIR,
        .apps = node_load,
        .builtin = apps,
        .vhost_sock_dir = "/run/df",
        .self = node_self,
        .selective = node_selective,
        .underlay = node_underlay,
        .dp = node->dp,
        .clock = &node_clock,
    };
    cr_assert_eq(df_controller_new(&config, &node->controller, &error), 0, "%s", error.text);
}

void node_down(struct node *node)
{
    node_settle(node);
    cr_assert_eq(df_controller_recompile(node->controller), 0, "a full recompile changed something");
    df_controller_free(node->controller);
    node->dp->ops->close(node->dp);
}

static ProtobufCMessage *parse(enum df_nb_table table, const char *text)
{
    char *quoted = strdup(text);
    for (char *c = quoted; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_error_t json_error;
    struct df_error error = {""};
    ProtobufCMessage *object = NULL;
    json_t *json = json_loads(quoted, 0, &json_error);
    cr_assert_not_null(json, "%s: %s", json_error.text, quoted);
    cr_assert_eq(df_schema_from_json(table, json, &object, &error), 0, "%s", error.text);
    json_decref(json);
    free(quoted);
    return object;
}

void node_set_at(struct node *node, enum df_nb_table table, const char *json, uint64_t revision)
{
    ProtobufCMessage *object = parse(table, json);
    char id[64];
    snprintf(id, sizeof(id), "%s", df_schema_id(object));
    struct df_nb_change change = {.event = DF_NB_SET, .table = table, .id = id, .object = object, .revision = revision};
    df_controller_change(node->controller, &change);
    if (change.object)
        protobuf_c_message_free_unpacked(change.object, NULL);
}

void node_set(struct node *node, enum df_nb_table table, const char *json)
{
    static uint64_t revision;
    node_set_at(node, table, json, ++revision);
}

void node_setf(struct node *node, enum df_nb_table table, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    node_set(node, table, text);
}

void node_delete(struct node *node, enum df_nb_table table, const char *id)
{
    struct df_nb_change change = {.event = DF_NB_DELETE, .table = table, .id = id};
    df_controller_change(node->controller, &change);
}

void node_bad(struct node *node, enum df_nb_table table, const char *id, const char *why)
{
    struct df_nb_change change = {.event = DF_NB_BAD, .table = table, .id = id, .error = why};
    df_controller_change(node->controller, &change);
}

void node_snapshot(struct node *node, enum df_nb_event event)
{
    struct df_nb_change change = {.event = event};
    df_controller_change(node->controller, &change);
}

size_t node_settle(struct node *node)
{
    return df_controller_settle(node->controller);
}

uint64_t node_compiles(struct node *node)
{
    uint64_t before = df_controller_work(node->controller).compiles;
    node_settle(node);
    return df_controller_work(node->controller).compiles - before;
}

/* ---- Looking at it */

struct dump {
    char **line;
    size_t n;
};

static void add_line(struct dump *dump, char *line)
{
    dump->line = realloc(dump->line, (dump->n + 1) * sizeof(*dump->line));
    dump->line[dump->n++] = line;
}

static void hex(FILE *out, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        fprintf(out, "%02x", ((const uint8_t *)bytes)[i]);
}

/* The bytes of a value that are a port number; size 0: none. */
static struct part {
    size_t offset, size;
} port_in_value(uint16_t table)
{
    switch (table) {
    case DF_TABLE_DISPATCH:
        return (struct part){offsetof(struct df_dispatch_value, port), sizeof(uint16_t)};
    case DF_TABLE_EGRESS_CONNTRACK:
    case DF_TABLE_INGRESS_CONNTRACK:
        return (struct part){offsetof(struct df_conntrack_value, port), sizeof(uint32_t)};
    default:
        return (struct part){0, 0};
    }
}

/* The port number is left out of the key of classification, and of values. */
static int dump_entry(const struct df_entry *entry, uint64_t hits, void *arg)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    size_t skip_key = entry->table == DF_TABLE_CLASSIFICATION ? 2 : 0;
    struct part port = port_in_value(entry->table);
    size_t behind = port.offset + port.size;
    (void)hits;
    fprintf(out, "%u ", entry->table);
    hex(out, entry->key + skip_key, entry->key_len - skip_key);
    fprintf(out, " = ");
    hex(out, entry->value, port.offset);
    hex(out, (const uint8_t *)entry->value + behind, entry->value_len - behind);
    const struct df_origin *origin = entry->origin;
    fprintf(out, " of %s %s %s v%lu", origin->app, origin->table, origin->id, (unsigned long)origin->version);
    fclose(out);
    add_line(arg, text);
    return 0;
}

static void dump_ports(struct node *node, struct dump *dump)
{
    size_t i;
    json_t *port, *ports = df_controller_report(node->controller, "ports", NULL, NULL);
    json_array_foreach(ports, i, port) {
        char *text = NULL;
        json_object_del(port, "number");
        text = json_dumps(port, JSON_SORT_KEYS);
        add_line(dump, text);
    }
    json_decref(ports);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *node_dump(struct node *node)
{
    struct dump dump = {0};
    for (uint16_t table = 0; table < DF_TABLE_MAX; table++)
        node->dp->ops->for_each(node->dp, table, dump_entry, &dump);
    dump_ports(node, &dump);
    if (dump.n)
        qsort(dump.line, dump.n, sizeof(*dump.line), by_text);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (size_t i = 0; i < dump.n; i++) {
        fprintf(out, "%s\n", dump.line[i]);
        free(dump.line[i]);
    }
    fclose(out);
    free(dump.line);
    return text;
}

struct entry_search {
    const void *key;
    size_t key_len;
    const struct df_entry *found;
};

static int match_entry(const struct df_entry *entry, uint64_t hits, void *arg)
{
    struct entry_search *search = arg;
    (void)hits;
    if (entry->key_len == search->key_len && memcmp(entry->key, search->key, search->key_len) == 0)
        search->found = entry;
    return search->found != NULL;
}

const struct df_entry *node_entry(struct node *node, uint16_t table, const void *key, size_t key_len)
{
    struct entry_search search = {key, key_len, NULL};
    node->dp->ops->for_each(node->dp, table, match_entry, &search);
    return search.found;
}

const char *node_reason(struct node *node, const char *lport)
{
    struct df_port_status status;
    return df_controller_port_status(node->controller, lport, &status) == 0 ? status.reason : NULL;
}

uint32_t node_count(struct node *node, uint16_t table)
{
    return node->dp->ops->count(node->dp, table);
}
