/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud.h"

#include "dbsync/json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum kind { PROJECT, LSWITCH, LSUBNET, LROUTER, LROUTER_PORT, SECGROUP, RULE, LPORT, DEVICE };

#define NETWORKS 2 /* of a tenant */
#define FIRST_HOST 16

/* The first 11 characters tell ports apart: a port's interface is named by them. */
static void make_id(enum kind kind, unsigned tenant, unsigned number, char id[CLOUD_ID])
{
    snprintf(id, CLOUD_ID, "%04x%04x-%02x00-4000-8000-%012x", tenant & 0xffff, number & 0xffff, number >> 16 & 0xff,
             (unsigned)kind);
}

/* ---- Shape */

unsigned cloud_tenants(const struct cloud *cloud)
{
    return cloud->tenants + 2 + (cloud->group > 0);
}

struct cloud_tenant cloud_few(const struct cloud *cloud)
{
    unsigned n = cloud->nodes < CLOUD_FEW ? cloud->nodes : CLOUD_FEW;
    return (struct cloud_tenant){.number = cloud->tenants, .ports = n, .spread = n};
}

struct cloud_tenant cloud_many(const struct cloud *cloud)
{
    return (struct cloud_tenant){.number = cloud->tenants + 1, .ports = cloud->nodes, .spread = cloud->nodes};
}

struct cloud_tenant cloud_group(const struct cloud *cloud)
{
    return (struct cloud_tenant){.number = cloud->tenants + 2, .ports = cloud->group, .spread = cloud->chassis};
}

/* The first node of a plain tenant. Those that may not be here have the chassis behind the simulated ones to themselves. */
static unsigned first_of(const struct cloud *cloud, unsigned number)
{
    uint64_t place = (uint64_t)number * cloud->spread;
    if (cloud->here == 0)
        return (unsigned)(place % cloud->chassis);
    if (number < cloud->here)
        return (unsigned)(place % cloud->nodes);
    return cloud->nodes + (unsigned)(place % (cloud->chassis - cloud->nodes - cloud->spread + 1));
}

struct cloud_tenant cloud_tenant(const struct cloud *cloud, unsigned number)
{
    if (number == cloud->tenants)
        return cloud_few(cloud);
    if (number == cloud->tenants + 1)
        return cloud_many(cloud);
    if (number > cloud->tenants)
        return cloud_group(cloud);
    unsigned more = number < cloud->ports % cloud->tenants;
    return (struct cloud_tenant){.number = number,
                                 .ports = cloud->ports / cloud->tenants + more,
                                 .first = first_of(cloud, number),
                                 .spread = cloud->spread};
}

static unsigned node_of(const struct cloud *cloud, const struct cloud_tenant *tenant, unsigned port)
{
    return (tenant->first + port % tenant->spread) % cloud->chassis;
}

unsigned cloud_local_ports(const struct cloud *cloud, const struct cloud_tenant *tenant, unsigned node)
{
    unsigned place = (node + cloud->chassis - tenant->first) % cloud->chassis;
    if (place >= tenant->spread)
        return 0;
    return tenant->ports / tenant->spread + (place < tenant->ports % tenant->spread);
}

/* ---- Names */

void cloud_host(unsigned node, char host[CLOUD_HOST])
{
    snprintf(host, CLOUD_HOST, "node-%05u", node);
}

void cloud_ip(unsigned node, char ip[CLOUD_HOST])
{
    snprintf(ip, CLOUD_HOST, "172.16.%u.%u", node / 250, node % 250 + 1);
}

void cloud_port_id(const struct cloud_tenant *tenant, unsigned port, char id[CLOUD_ID])
{
    make_id(LPORT, tenant->number, port, id);
}

/* ---- Objects */

static json_t *chassis_json(unsigned node)
{
    char host[CLOUD_HOST], ip[CLOUD_HOST];
    cloud_host(node, host);
    cloud_ip(node, ip);
    return json_pack("{s:s, s:s, s:[s], s:[s, s, s], s:s}", "id", host, "ip", ip, "ips", ip, "tunnel_types", "geneve",
                     "vxlan", "gre", "datapath", "fastpath");
}

static json_t *lswitch_json(unsigned tenant, unsigned network)
{
    char id[CLOUD_ID], topic[CLOUD_ID], name[CLOUD_ID];
    make_id(LSWITCH, tenant, network, id);
    make_id(PROJECT, tenant, 0, topic);
    snprintf(name, sizeof(name), "net-%u-%u", tenant, network);
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:i}", "id", id, "topic", topic, "name", name, "network_type", "geneve",
                     "segmentation_id", (int)(tenant * NETWORKS + network + 1), "mtu", 1442);
}

static json_t *lsubnet_json(unsigned tenant, unsigned network)
{
    char id[CLOUD_ID], topic[CLOUD_ID], lswitch[CLOUD_ID], cidr[32], gateway[32], dhcp[32];
    make_id(LSUBNET, tenant, network, id);
    make_id(PROJECT, tenant, 0, topic);
    make_id(LSWITCH, tenant, network, lswitch);
    snprintf(cidr, sizeof(cidr), "10.%u.0.0/16", network);
    snprintf(gateway, sizeof(gateway), "10.%u.0.1", network);
    snprintf(dhcp, sizeof(dhcp), "10.%u.0.2", network);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:[s]}", "id", id, "topic", topic, "lswitch", lswitch, "cidr",
                     cidr, "gateway_ip", gateway, "enable_dhcp", 1, "dhcp_ip", dhcp, "dns_nameservers", "192.0.2.53");
}

static json_t *lrouter_json(unsigned tenant)
{
    char id[CLOUD_ID], topic[CLOUD_ID];
    json_t *ports = json_array();
    make_id(LROUTER, tenant, 0, id);
    make_id(PROJECT, tenant, 0, topic);
    for (unsigned i = 0; i < NETWORKS; i++) {
        char port[CLOUD_ID], lswitch[CLOUD_ID], mac[32], network[32];
        make_id(LROUTER_PORT, tenant, i, port);
        make_id(LSWITCH, tenant, i, lswitch);
        snprintf(mac, sizeof(mac), "fa:16:3f:%02x:%02x:%02x", i, tenant >> 8 & 0xff, tenant & 0xff);
        snprintf(network, sizeof(network), "10.%u.0.1/16", i);
        json_array_append_new(ports, json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "id", port, "topic", topic,
                                               "unique_key", (int)(0x20000000 + tenant * NETWORKS + i), "mac", mac,
                                               "lswitch", lswitch, "network", network));
    }
    return json_pack("{s:s, s:s, s:o}", "id", id, "topic", topic, "ports", ports);
}

/* The first group's members may speak with each other, the second lets a service in from everywhere. */
static json_t *secgroup_json(unsigned tenant, unsigned group)
{
    char id[CLOUD_ID], topic[CLOUD_ID], rule[2][CLOUD_ID];
    make_id(SECGROUP, tenant, group, id);
    make_id(PROJECT, tenant, 0, topic);
    for (unsigned i = 0; i < 2; i++)
        make_id(RULE, tenant, group * 2 + i, rule[i]);
    json_t *ingress = group == 0 ? json_pack("{s:s, s:s, s:s, s:s}", "id", rule[0], "direction", "ingress", "ethertype",
                                             "IPv4", "remote_group_id", id)
                                 : json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:s}", "id", rule[0], "direction",
                                             "ingress", "ethertype", "IPv4", "protocol", "tcp", "port_range_min", 443,
                                             "port_range_max", 443, "remote_ip_prefix", "0.0.0.0/0");
    return json_pack("{s:s, s:s, s:[o, {s:s, s:s, s:s}]}", "id", id, "topic", topic, "rules", ingress, "id", rule[1],
                     "direction", "egress", "ethertype", "IPv4");
}

static json_t *lport_json(const struct cloud_tenant *tenant, unsigned port, unsigned node, unsigned turn)
{
    char id[CLOUD_ID], topic[CLOUD_ID], lswitch[CLOUD_ID], subnet[CLOUD_ID], group[2][CLOUD_ID], device[CLOUD_ID];
    char host[CLOUD_HOST], name[64], mac[32], ip[32];
    unsigned network = port % NETWORKS, place = port / NETWORKS + FIRST_HOST;
    make_id(LPORT, tenant->number, port, id);
    make_id(PROJECT, tenant->number, 0, topic);
    make_id(LSWITCH, tenant->number, network, lswitch);
    make_id(LSUBNET, tenant->number, network, subnet);
    make_id(SECGROUP, tenant->number, 0, group[0]);
    make_id(SECGROUP, tenant->number, 1, group[1]);
    make_id(DEVICE, tenant->number, port, device);
    cloud_host(node, host);
    snprintf(name, sizeof(name), "vm-%u-%u-%u", tenant->number, port, turn);
    snprintf(mac, sizeof(mac), "fa:16:3e:%02x:%02x:%02x", (port & 0x7f) | (turn & 1) << 7, port >> 15 & 0xff,
             port >> 7 & 0xff);
    snprintf(ip, sizeof(ip), "10.%u.%u.%u", network, place >> 8, place & 0xff);
    return json_pack("{s:s, s:s, s:s, s:s, s:[s], s:[s], s:[s], s:{s:s, s:s, s:s}, s:[s, s], s:s, s:s, s:s, s:s, "
                     "s:{s:{s:s}}}",
                     "id", id, "topic", topic, "name", name, "lswitch", lswitch, "macs", mac, "ips", ip, "subnets",
                     subnet, "binding", "type", "chassis", "chassis", host, "vif_type", "tap", "security_groups",
                     group[0], group[1], "device_owner", "compute:nova", "device_id", device, "binding_vnic_type",
                     "normal", "dns_name", "vm", "dhcp_params", "opts", "15", "example.org");
}

/* ---- Writing */

static int message_of(enum df_nb_table table, json_t *json, ProtobufCMessage **message, struct df_error *error)
{
    int rc = json ? df_schema_from_json(table, json, message, error) : df_error_set(error, -ENOMEM, "out of memory");
    json_decref(json);
    return rc;
}

int cloud_write_port(struct df_nb *nb, const struct cloud_tenant *tenant, unsigned port, unsigned node, unsigned turn,
                     struct df_error *error)
{
    ProtobufCMessage *message;
    int rc = message_of(DF_NB_LPORT, lport_json(tenant, port, node, turn), &message, error);
    if (rc)
        return rc;
    rc = df_nb_write(nb, DF_NB_PUT, DF_NB_LPORT, message, error);
    protobuf_c_message_free_unpacked(message, NULL);
    return rc;
}

struct writing {
    struct df_nb_batch *batch;
    void (*progress)(size_t n);
    size_t n;
    struct df_error *error;
};

static int put(struct writing *writing, enum df_nb_table table, json_t *json)
{
    ProtobufCMessage *message;
    int rc = message_of(table, json, &message, writing->error);
    if (rc)
        return rc;
    rc = df_nb_batch_put(writing->batch, table, message, writing->error);
    protobuf_c_message_free_unpacked(message, NULL);
    writing->progress(++writing->n);
    return rc;
}

static int put_tenant(struct writing *writing, const struct cloud *cloud, unsigned number)
{
    struct cloud_tenant tenant = cloud_tenant(cloud, number);
    int rc = 0;
    for (unsigned i = 0; i < NETWORKS && rc == 0; i++) {
        rc = put(writing, DF_NB_LSWITCH, lswitch_json(number, i));
        if (rc == 0)
            rc = put(writing, DF_NB_LSUBNET, lsubnet_json(number, i));
        if (rc == 0)
            rc = put(writing, DF_NB_SECGROUP, secgroup_json(number, i));
    }
    if (rc == 0)
        rc = put(writing, DF_NB_LROUTER, lrouter_json(number));
    for (unsigned i = 0; i < tenant.ports && rc == 0; i++)
        rc = put(writing, DF_NB_LPORT, lport_json(&tenant, i, node_of(cloud, &tenant, i), 0));
    return rc;
}

int cloud_write(const struct cloud *cloud, struct df_nb *nb, void (*progress)(size_t n), struct df_error *error)
{
    struct writing writing = {.progress = progress, .error = error};
    if (df_nb_batch_begin(nb, &writing.batch))
        return df_error_set(error, -ENOMEM, "out of memory");
    int rc = 0;
    for (unsigned i = 0; i < cloud->chassis && rc == 0; i++)
        rc = put(&writing, DF_NB_CHASSIS, chassis_json(i));
    for (unsigned i = 0; i < cloud_tenants(cloud) && rc == 0; i++)
        rc = put_tenant(&writing, cloud, i);
    int end = df_nb_batch_end(writing.batch, rc ? NULL : error);
    return rc ? rc : end;
}
