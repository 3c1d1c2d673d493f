/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/schema.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "dbsync/field.h"

/* samples.json has one object of each table with every field of the model set. */

static json_t *samples;

static void load_samples(void)
{
    json_error_t error;
    samples = json_load_file(SAMPLES, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(samples, "%s:%d: %s", SAMPLES, error.line, error.text);
}

static void free_samples(void)
{
    json_decref(samples);
}

TestSuite(schema, .init = load_samples, .fini = free_samples);

static const json_t *sample(enum df_nb_table table)
{
    return json_object_get(samples, df_schema_table(table)->name);
}

static ProtobufCMessage *parse(enum df_nb_table table, const json_t *json)
{
    struct df_error error;
    ProtobufCMessage *object = NULL;
    cr_assert_eq(df_schema_from_json(table, json, &object, &error), 0, "%s", error.text);
    return object;
}

/* Every field of a message, and of the messages in it, is set in at least one of the JSON objects. */
static void expect_all_fields(const ProtobufCMessageDescriptor *descriptor, const json_t *list)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        json_t *values = json_array(), *object;
        size_t at;
        json_array_foreach(list, at, object) {
            json_t *value = json_object_get(object, field->name);
            if (json_is_array(value))
                json_array_extend(values, value);
            else if (value)
                json_array_append(values, value);
        }
        cr_expect_gt(json_array_size(values), 0, "samples.json: %s has no %s", descriptor->name, field->name);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->descriptor != (void *)&df__dhcp_option__descriptor)
            expect_all_fields(field->descriptor, values);
        json_decref(values);
    }
}

Test(schema, samples_set_every_field)
{
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++) {
        json_t *list = json_pack("[O]", sample(table));
        expect_all_fields(df_schema_table(table)->descriptor, list);
        json_decref(list);
    }
}

Test(schema, every_table_goes_from_json_to_bytes_and_back)
{
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++) {
        ProtobufCMessage *object = parse(table, sample(table));
        ProtobufCMessage *copy = df_message_copy(object);
        cr_assert_not_null(copy);
        json_t *json = df_schema_to_json(copy);
        cr_expect(json_equal(json, (json_t *)sample(table)), "%s: %s", df_schema_table(table)->name,
                  json_dumps(json, 0));
        json_decref(json);
        protobuf_c_message_free_unpacked(copy, NULL);
        protobuf_c_message_free_unpacked(object, NULL);
    }
}

Test(schema, marks_say_what_the_message_has)
{
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++) {
        const struct df_schema_table *schema = df_schema_table(table);
        ProtobufCMessage *object = parse(table, sample(table));
        cr_expect_eq(schema->has_topic, df_field_find(object, "topic") != NULL, "%s", schema->name);
        cr_expect_eq(schema->has_version, df_field_find(object, "version") != NULL, "%s", schema->name);
        cr_expect_eq(schema->has_unique_key, df_field_find(object, "unique_key") != NULL, "%s", schema->name);
        cr_expect_eq(schema->has_name, df_field_find(object, "name") != NULL, "%s", schema->name);
        cr_expect_eq(df_schema_find(schema->name), table);
        protobuf_c_message_free_unpacked(object, NULL);
    }
    cr_expect_eq(df_schema_find("lports"), DF_NB_TABLES);
}

Test(schema, accessors_read_what_every_table_shares)
{
    ProtobufCMessage *port = parse(DF_NB_LPORT, sample(DF_NB_LPORT));
    ProtobufCMessage *chassis = parse(DF_NB_CHASSIS, sample(DF_NB_CHASSIS));
    cr_expect_str_eq(df_schema_id(port), "port1");
    cr_expect_str_eq(df_schema_topic(port), "tenant");
    cr_expect_eq(df_schema_version(port), INT64_MAX);
    cr_expect_eq(df_schema_unique_key(port), UINT32_MAX);
    cr_expect_null(df_schema_name(chassis));
    cr_expect_null(df_schema_topic(chassis));
    cr_expect_eq(df_schema_version(chassis), 0);
    cr_expect_eq(df_schema_unique_key(chassis), 0);
    protobuf_c_message_free_unpacked(port, NULL);
    protobuf_c_message_free_unpacked(chassis, NULL);
}

Test(schema, what_is_absent_has_neutrons_default)
{
    json_t *json = json_pack("{s:s, s:s}", "id", "p", "lswitch", "n");
    ProtobufCMessage *object = parse(DF_NB_LPORT, json);
    ProtobufCMessage *copy = df_message_copy(object);
    const Df__LogicalPort *port = (const Df__LogicalPort *)copy;
    cr_expect(port->enabled && !port->has_enabled);
    cr_expect(port->port_security_enabled && !port->has_port_security_enabled);
    protobuf_c_message_free_unpacked(object, NULL);
    protobuf_c_message_free_unpacked(copy, NULL);
    json_decref(json);
}

struct bad {
    enum df_nb_table table;
    const char *patch; /* laid over the sample */
    const char *error;
};

static const struct bad bads[] = {
    {DF_NB_LPORT, "{'ipz': []}", "lport 'port1': ipz: there is no such field"},
    {DF_NB_LPORT, "{'binding': {'chasis': 'x'}}", "lport 'port1': binding.chasis: there is no such field"},
    {DF_NB_LPORT, "{'ips': ['10.0.0.300', '10.0.0.1']}", "lport 'port1': ips[0]: '10.0.0.300' is not an IP address"},
    {DF_NB_LPORT, "{'ips': ['10.0.0.1', '10.0.0.1/24']}", "ips[1]: '10.0.0.1/24' is not an IP address"},
    {DF_NB_LPORT, "{'ips': ['224.0.0.1', '10.0.0.1']}", "ips[0]: '224.0.0.1' is not the address of a single host"},
    {DF_NB_LPORT, "{'ips': ['::', '10.0.0.1']}", "ips[0]: '::' is not the address of a single host"},
    {DF_NB_LPORT, "{'ips': ['fe80::1%eth0', '10.0.0.1']}", "is not an IP address"},
    {DF_NB_LPORT, "{'ips': '10.0.0.1'}", "ips: must be a list"},
    {DF_NB_LPORT, "{'ips': [1, 2]}", "ips[0]: must be a string"},
    {DF_NB_LPORT, "{'ips': ['10.0.0.1']}", "subnets: 2 for 1 ips: there must be one for each"},
    {DF_NB_LPORT, "{'macs': ['fa:16:3e:00:00']}", "macs[0]: 'fa:16:3e:00:00' is not a MAC address"},
    {DF_NB_LPORT, "{'macs': ['fa-16-3e-00-00-01']}", "is not a MAC address"},
    {DF_NB_LPORT, "{'macs': ['fa:16:3e:00:00:01:']}", "is not a MAC address"},
    {DF_NB_LPORT, "{'macs': ['ff:ff:ff:ff:ff:ff']}", "it is multicast"},
    {DF_NB_LPORT, "{'macs': ['00:00:00:00:00:00']}", "it is zero"},
    {DF_NB_LPORT, "{'lswitch': 'a b'}", "lswitch: 'a b' is not an id"},
    {DF_NB_LPORT, "{'lswitch': 'a/b'}", "lswitch: 'a/b' is not an id"},
    {DF_NB_LPORT, "{'lswitch': ''}", "lswitch: '' is not an id: it is empty"},
    {DF_NB_LPORT, "{'lswitch': null}", "lswitch: is missing"},
    {DF_NB_LPORT, "{'id': '0123456789012345678901234567890123456789012345678901234567890123'}", "longer than 63"},
    {DF_NB_LPORT, "{'id': 5}", "lport: id: is missing or not a string"},
    {DF_NB_LPORT, "{'id': null}", "lport: id: is missing or not a string"},
    {DF_NB_LPORT, "{'unique_key': 0}", "unique_key: 0 is not in 1 to 4294967295"},
    {DF_NB_LPORT, "{'unique_key': 4294967296}", "unique_key: 4294967296 is not in 0 to 4294967295"},
    {DF_NB_LPORT, "{'version': -1}", "version: -1 is not in"},
    {DF_NB_LPORT, "{'version': '1'}", "version: must be an integer"},
    {DF_NB_LPORT, "{'enabled': 1}", "enabled: must be true or false"},
    {DF_NB_LPORT, "{'binding': []}", "binding: must be an object"},
    {DF_NB_LPORT, "{'binding': {'vif_type': 'vhost'}}", "binding.vif_type: 'vhost' is not one of: vhostuser tap"},
    {DF_NB_LPORT, "{'binding': {'type': 'chassis'}}", "binding.chassis: is missing: type is chassis"},
    {DF_NB_LPORT, "{'binding': {'type': 'vtep'}}", "binding.vtep_address: is missing: type is vtep"},
    {DF_NB_LPORT, "{'allowed_address_pairs': [{'ip_address': '10.0.0.1/24'}]}",
     "allowed_address_pairs[0].ip_address: '10.0.0.1/24' has bits set behind its prefix length"},
    {DF_NB_LPORT, "{'allowed_address_pairs': [{}]}", "allowed_address_pairs[0].ip_address: is missing"},
    {DF_NB_LPORT, "{'allowed_address_pairs': [null]}", "allowed_address_pairs[0]: must be an object"},
    {DF_NB_LPORT, "{'dhcp_params': {'opts': []}}", "dhcp_params.opts: must be an object"},
    {DF_NB_LPORT, "{'dhcp_params': {'opts': {'15': []}}}", "dhcp_params.opts.15: must be a string or an integer"},
    {DF_NB_LPORT, "{'name': 'a\\u001b[31m'}", "name: 'a?[31m' has control characters"},
    {DF_NB_LSWITCH, "{'network_type': 'VXLAN'}",
     "network_type: 'VXLAN' is not one of: local flat vlan vxlan geneve gre"},
    {DF_NB_LSWITCH, "{'network_type': 'vlan vxlan'}", "is not one of"},
    {DF_NB_LSWITCH, "{'network_type': 'vlan'}", "segmentation_id: 16777215 is not a VLAN id"},
    {DF_NB_LSWITCH, "{'segmentation_id': 16777216}", "segmentation_id: 16777216 does not fit vxlan's 24 bits"},
    {DF_NB_LSWITCH, "{'mtu': 67}", "mtu: 67 is not in 68 to 65535"},
    {DF_NB_LSUBNET, "{'cidr': '10.0.0.0'}", "cidr: '10.0.0.0' is not an address/length"},
    {DF_NB_LSUBNET, "{'cidr': '10.0.0.0/33'}", "is not an address/length"},
    {DF_NB_LSUBNET, "{'cidr': '10.0.0.0/'}", "is not an address/length"},
    {DF_NB_LSUBNET, "{'cidr': '10.0.0.0/24x'}", "is not an address/length"},
    {DF_NB_LSUBNET, "{'cidr': '10.0.0.0/24'}", "gateway_ip: 'fe80::1' and '10.0.0.0/24' are of different IP versions"},
    {DF_NB_LSUBNET, "{'cidr': '10.0.0.0/24', 'gateway_ip': null, 'dhcp_ip': null}",
     "ipv6_ra_mode: '10.0.0.0/24' is not"},
    {DF_NB_LSUBNET, "{'host_routes': [{'destination': '10.0.0.0/8', 'nexthop': '2001:db8::1'}]}",
     "host_routes[0].nexthop: '2001:db8::1' and '10.0.0.0/8' are of different IP versions"},
    {DF_NB_LROUTER, "{'ports': [{'id': 'r', 'mac': '02:00:00:00:00:01', 'lswitch': 'n', 'network': '10.0.0.1'}]}",
     "ports[0].network: '10.0.0.1' is not an address/length"},
    {DF_NB_SECGROUP, "{'rules': [{'direction': 'in', 'ethertype': 'IPv4'}]}", "rules[0].direction: 'in' is not one of"},
    {DF_NB_SECGROUP, "{'rules': [{'direction': 'ingress', 'ethertype': 'IPv4', 'protocol': 256}]}",
     "rules[0].protocol: '256' is not an IP protocol's name or number"},
    {DF_NB_SECGROUP, "{'rules': [{'direction': 'ingress', 'ethertype': 'IPv4', 'port_range_min': 65536}]}",
     "rules[0].port_range_min: 65536 is not in 0 to 65535"},
    {DF_NB_SECGROUP, "{'rules': [{'direction': 'ingress', 'ethertype': 'IPv4', 'remote_ip_prefix': '10.0.0.0/33'}]}",
     "rules[0].remote_ip_prefix: '10.0.0.0/33' is not an address or prefix"},
    {DF_NB_ADDRESS_GROUP, "{'addresses': ['10.0.0']}", "addresses[0]: '10.0.0' is not an address or prefix"},
    {DF_NB_QOSPOLICY, "{'rules': [{'type': 'dscp_marking', 'dscp_mark': 64}]}", "dscp_mark: 64 is not in 0 to 63"},
    {DF_NB_QOSPOLICY, "{'rules': [{'type': 'bandwidth_limit'}]}", "rules[0].max_kbps: is missing"},
    {DF_NB_FLOATINGIP,
     "{'port_forwardings': [{'protocol': 'tcp', 'external_port_min': 1, 'external_port_max': 65535,"
     " 'internal_ip': '10.0.0.3', 'internal_port_min': 2}]}",
     "port_forwardings[0].internal_port_min: 2 and 65534 more are over 65535"},
    {DF_NB_SFC_FLOWCLASSIFIER, "{'source_transport_ports': [2, 1]}", "source_transport_ports: is not [min, max]"},
    {DF_NB_SFC_FLOWCLASSIFIER, "{'dest_transport_ports': [1]}", "dest_transport_ports: is not [min, max]"},
    {DF_NB_CHILD_PORT_SEGMENTATION, "{'segmentation_id': 4095}", "segmentation_id: 4095 is not a VLAN id"},
    {DF_NB_BGP_SPEAKER, "{'ip_version': 5}", "ip_version: 5 is neither 4 nor 6"},
    {DF_NB_CHASSIS, "{'ips': ['192.0.2.1', 'nowhere']}", "chassis 'host1': ips[1]: 'nowhere' is not an IP address"},
    {DF_NB_CHASSIS, "{'tunnel_types': ['stt']}", "chassis 'host1': tunnel_types[0]: 'stt' is not one of"},
};

/* Single quotes in the table above stand for JSON's double ones. */
static json_t *patched(const struct bad *bad)
{
    char text[512];
    snprintf(text, sizeof text, "%s", bad->patch);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json_error_t error;
    json_t *patch = json_loads(text, 0, &error);
    cr_assert_not_null(patch, "%s: %s", text, error.text);
    json_t *json = json_copy((json_t *)sample(bad->table));
    json_object_update(json, patch);
    json_decref(patch);
    return json;
}

Test(schema, a_bad_value_is_refused_by_name)
{
    for (size_t i = 0; i < sizeof bads / sizeof bads[0]; i++) {
        struct df_error error = {""};
        ProtobufCMessage *object;
        json_t *json = patched(&bads[i]);
        int rc = df_schema_from_json(bads[i].table, json, &object, &error);
        cr_expect_eq(rc, -EINVAL, "%s was taken", bads[i].patch);
        cr_expect_not_null(strstr(error.text, bads[i].error), "%s: '%s' instead of '%s'", bads[i].patch, error.text,
                           bads[i].error);
        if (rc == 0)
            protobuf_c_message_free_unpacked(object, NULL);
        json_decref(json);
    }
}

/* Rules of which only the service can say that they match nothing, and prefixes as users write them. */
static const struct bad taken[] = {
    {DF_NB_SECGROUP,
     "{'rules': [{'direction': 'ingress', 'ethertype': 'IPv4', 'protocol': 6, 'port_range_min': 2, 'port_range_max': "
     "1}]}",
     NULL},
    {DF_NB_SECGROUP, "{'rules': [{'direction': 'ingress', 'ethertype': 'IPv4', 'protocol': 50, 'port_range_min': 7}]}",
     NULL},
    {DF_NB_SECGROUP, "{'rules': [{'direction': 'egress', 'ethertype': 'IPv4', 'protocol': 1, 'port_range_max': 0}]}",
     NULL},
    {DF_NB_SECGROUP, "{'rules': [{'direction': 'ingress', 'ethertype': 'IPv4', 'remote_ip_prefix': '::/0'}]}", NULL},
    {DF_NB_SECGROUP, "{'rules': [{'direction': 'ingress', 'ethertype': 'IPv4', 'remote_ip_prefix': '10.0.0.9/8'}]}",
     NULL},
    {DF_NB_SECGROUP,
     "{'rules': [{'direction': 'ingress', 'ethertype': 'IPv4', 'remote_group_id': 'a', 'remote_address_group_id': "
     "'b'}]}",
     NULL},
    {DF_NB_ADDRESS_GROUP, "{'addresses': ['10.0.0.9/8', '2001:db8::1/32', '10.0.0.1']}", NULL},
};

Test(schema, a_rule_that_cannot_be_does_not_take_its_group_along)
{
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        json_t *json = patched(&taken[i]);
        ProtobufCMessage *object = parse(taken[i].table, json);
        protobuf_c_message_free_unpacked(object, NULL);
        json_decref(json);
    }
}

/* Whoever writes a rule is told what is wrong with it (bads); one that is stored is for its service to name. */
Test(schema, a_stored_rule_is_checked_by_itself)
{
    struct df_error error = {""};
    Df__SecurityGroupRule rule = DF__SECURITY_GROUP_RULE__INIT;
    Df__SecurityGroup group = DF__SECURITY_GROUP__INIT;
    group.id = "web";
    group.n_rules = 1;
    group.rules = (Df__SecurityGroupRule *[]){&rule};
    rule.direction = "ingress";
    rule.ethertype = "IPv4";
    cr_expect_eq(df_schema_check_part(&rule.base, &error), 0);
    rule.remote_ip_prefix = "10.0.0.0/33";
    cr_expect_eq(df_schema_check(DF_NB_SECGROUP, &group.base, &error), -EINVAL);
    cr_expect_str_eq(error.text,
                     "secgroup 'web': rules[0].remote_ip_prefix: '10.0.0.0/33' is not an address or prefix");
    cr_expect_eq(df_schema_check_part(&rule.base, &error), -EINVAL);
    cr_expect_str_eq(error.text, "remote_ip_prefix: '10.0.0.0/33' is not an address or prefix");
    cr_expect_eq(df_schema_check_stored(DF_NB_SECGROUP, &group.base, &error), 0);
    group.name = "a\nb";
    cr_expect_eq(df_schema_check_stored(DF_NB_SECGROUP, &group.base, &error), -EINVAL, "the group's own field");
}

Test(schema, text_is_bounded_and_utf8)
{
    struct df_error error;
    char text[300];
    Df__LogicalPort port = DF__LOGICAL_PORT__INIT;
    port.id = "p";
    port.lswitch = "n";
    port.name = text;
    memset(text, 'x', sizeof text);
    text[255] = '\0';
    cr_expect_eq(df_schema_check(DF_NB_LPORT, &port.base, &error), 0);
    text[255] = 'x';
    text[256] = '\0';
    cr_expect_eq(df_schema_check(DF_NB_LPORT, &port.base, &error), -EINVAL);
    cr_expect_not_null(strstr(error.text, "is longer than 255 bytes"), "%s", error.text);
    strcpy(text, "\xc3\x28");
    cr_expect_eq(df_schema_check(DF_NB_LPORT, &port.base, &error), -EINVAL);
    cr_expect_not_null(strstr(error.text, "is not UTF-8"), "%s", error.text);
}

Test(schema, lists_are_bounded)
{
    struct df_error error;
    ProtobufCMessage *object;
    json_t *addresses = json_array();
    for (int i = 0; i <= 65536; i++)
        json_array_append_new(addresses, json_string("10.0.0.1"));
    json_t *json = json_pack("{s:s, s:o}", "id", "ag", "addresses", addresses);
    cr_expect_eq(df_schema_from_json(DF_NB_ADDRESS_GROUP, json, &object, &error), -EINVAL);
    cr_expect_str_eq(error.text, "address_group 'ag': addresses: 65537 items are more than 65536");
    json_decref(json);
}

Test(schema, an_object_of_another_table_is_refused)
{
    struct df_error error;
    ProtobufCMessage *object = parse(DF_NB_CHASSIS, sample(DF_NB_CHASSIS));
    cr_expect_eq(df_schema_check(DF_NB_LPORT, object, &error), -EINVAL);
    protobuf_c_message_free_unpacked(object, NULL);
}

static void collect_reference(const char *path, enum df_nb_table table, const char *id, void *arg)
{
    char *text = arg;
    size_t used = strlen(text);
    snprintf(text + used, 1024 - used, "%s=%s/%s ", path, df_schema_table(table)->name, id);
}

Test(schema, references_are_told_with_their_path)
{
    char text[1024] = "";
    ProtobufCMessage *router = parse(DF_NB_LROUTER, sample(DF_NB_LROUTER));
    df_schema_references(DF_NB_LROUTER, router, collect_reference, text);
    cr_expect_str_eq(text, "ports[0].lswitch=lswitch/net1 gateways[0].lport=lport/gw1 gateways[0].lswitch=lswitch/ext "
                           "gateways[0].chassis[0]=chassis/host1 gateways[0].chassis[1]=chassis/host2 ");
    protobuf_c_message_free_unpacked(router, NULL);
}

Test(schema, a_path_says_what_it_refers_to)
{
    cr_expect_eq(df_schema_refers(DF_NB_LPORT, "lswitch"), DF_NB_LSWITCH);
    cr_expect_eq(df_schema_refers(DF_NB_LPORT, "binding.chassis"), DF_NB_CHASSIS);
    cr_expect_eq(df_schema_refers(DF_NB_LROUTER, "ports.lswitch"), DF_NB_LSWITCH);
    cr_expect_eq(df_schema_refers(DF_NB_LPORT, "name"), DF_NB_TABLES);
    cr_expect_eq(df_schema_refers(DF_NB_LPORT, "name.x"), DF_NB_TABLES);
    cr_expect_eq(df_schema_refers(DF_NB_LPORT, "binding."), DF_NB_TABLES);
    cr_expect_eq(df_schema_refers(DF_NB_LPORT, ""), DF_NB_TABLES);
}
