/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/config.h"
#include "apps/dhcp/limit.h"
#include "apps/dhcp/server.h"
#include "apps/lport.h"
#include "control/log.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>

/*
 * dhcp: a distributed DHCPv4 server. Every node answers its own ports from the model; there is no lease database.
 *
 * 20 SERVICES_CLASSIFICATION sends UDP to port 67 to 30 DHCP, 30 punts the packets of ports that are served to here,
 * and everything else goes on to L2. The way of a request: limit.c, codec.c, lease.c (the model), server.c (the
 * protocol), reply.c (the options), and out of the port it came from.
 */

#define ETH_TYPE_IP4 0x0800
#define SERVER_PORT 67
#define RANK_BEHIND_PORTS 2 /* ports of the model answer for their addresses first */
#define DECLINES_SHOWN 16

static struct df_dhcp_limit *limit;
static uint64_t counters[DF_DHCP_COUNTERS];

/* The last DECLINEs: somebody else uses an address of ours, which an operator wants to know. */
struct decline {
    char lport[64];
    char ip[DF_IP_TEXT];
};
static struct decline declines[DECLINES_SHOWN];

/* ---- Compile */

static void compile_lswitch(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalSwitch *lswitch = (const Df__LogicalSwitch *)object;
    struct df_services_key key = {.eth_type = ETH_TYPE_IP4, .ip_proto = IPPROTO_UDP, .l4_dst = SERVER_PORT};
    struct df_services_value value = {.table = DF_TABLE_DHCP};
    if (df_compile_needs_network(c, lswitch->id))
        df_compile_emit(c, DF_TABLE_SERVICES, &key, sizeof(key), &value, sizeof(value));
}

/* Where dhcp_ip is no port's address, ARP for it is answered all the same, or a client could not renew by unicast. */
static void compile_lsubnet(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__Subnet *subnet = (const Df__Subnet *)object;
    if (!subnet->enable_dhcp || !subnet->dhcp_ip || !df_compile_needs_network(c, subnet->lswitch))
        return;
    struct df_neighbour_key key = {.network = df_compile_key(c, DF_NB_LSWITCH, subnet->lswitch)};
    if (key.network == 0)
        return;
    if (df_ip_parse(subnet->dhcp_ip, &key.ip) < 0 || !df_ip_is4(&key.ip)) {
        df_compile_problem(c, "dhcp_ip: %s is not an IPv4 address; correct it", subnet->dhcp_ip);
        return;
    }
    struct df_neighbour_value value = {.mac = df_dhcp_server_mac(key.network)};
    df_compile_emit_ranked(c, RANK_BEHIND_PORTS, DF_TABLE_ARP, &key, sizeof(key), &value, sizeof(value));
}

static void name_bad_option(void *arg, const char *key, const char *value, const char *why)
{
    df_compile_problem(arg, "dhcp_params.opts: %s = %s: %s", key, value, why);
}

static const Df__Subnet *read_subnet(void *arg, const char *id)
{
    return (const Df__Subnet *)df_compile_read(arg, DF_NB_LSUBNET, id);
}

static void compile_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    const Df__Subnet *subnet;
    struct df_dhcp_opts opts;
    size_t index;
    if (!df_compile_is_local(c, lport))
        return;
    df_dhcp_opts_read(lport->dhcp_params, &opts, name_bad_option, c);
    if (df_dhcp_lease_subnet(lport, read_subnet, c, &index, &subnet) < 0)
        return;
    struct df_dhcp_key key = {.lport = lport->unique_key, .ip_version = 4};
    struct df_dhcp_value value = {.app = df_compile_app_id(c)};
    df_compile_emit(c, DF_TABLE_DHCP, &key, sizeof(key), &value, sizeof(value));
}

/* ---- Packets */

static void count(enum df_dhcp_counter counter)
{
    if (counter < DF_DHCP_COUNTERS)
        counters[counter]++;
}

/* With port security on, a client speaks for itself: chaddr is whom the answer goes to. */
static bool is_own_client(const Df__LogicalPort *lport, const struct df_dhcp_request *request)
{
    if (!lport->port_security_enabled)
        return true;
    if (!df_mac_equal(&request->chaddr, &request->eth_src))
        return false;
    for (size_t i = 0; i < lport->n_macs; i++) {
        struct df_mac mac;
        if (df_mac_parse(lport->macs[i], &mac) == 0 && df_mac_equal(&mac, &request->chaddr))
            return true;
    }
    return false;
}

static void note_decline(const Df__LogicalPort *lport, const struct df_dhcp_lease *lease)
{
    struct decline *decline = &declines[counters[DF_DHCP_COUNT_DECLINE] % DECLINES_SHOWN];
    struct df_ip ip = df_ip_from4(lease->address);
    snprintf(decline->lport, sizeof(decline->lport), "%s", lport->id);
    df_ip_text(&ip, decline->ip);
    df_log(DF_LOG_WARNING,
           "dhcp: lport %s declined its address %s: something else on the network uses it; find it there",
           decline->lport, decline->ip);
}

static enum df_dhcp_counter answer(const struct df_punt *punt, const Df__LogicalPort *lport,
                                   const struct df_dhcp_request *request)
{
    static struct df_dhcp_lease lease;
    static struct df_dhcp_reply reply;
    int rc = df_dhcp_lease_find(lport, punt->network, &lease);
    if (rc < 0)
        return rc == -ENOENT ? DF_DHCP_COUNT_NO_LEASE : DF_DHCP_COUNT_NO_SERVER;
    struct df_dhcp_outcome outcome = df_dhcp_serve(request, &lease, &reply);
    if (outcome.received == DF_DHCP_COUNT_DECLINE && outcome.result == DF_DHCP_COUNTERS)
        note_decline(lport, &lease);
    count(outcome.received);
    if (outcome.frame_len == 0)
        return outcome.result;
    counters[DF_DHCP_COUNT_LEFT_OUT] += reply.left_out;
    rc = df_app_packet_out(punt->port, reply.frame, outcome.frame_len);
    return rc < 0 ? DF_DHCP_COUNT_SEND : outcome.result;
}

static enum df_dhcp_counter handle(const struct df_punt *punt)
{
    struct df_dhcp_request request;
    if (!df_dhcp_limit_take(limit, punt->port, punt->lport, punt->now_ms))
        return DF_DHCP_COUNT_RATE;
    int rc = df_dhcp_read(punt->frame, punt->len, &request);
    if (rc < 0)
        return rc == -EPROTO ? DF_DHCP_COUNT_FRAME : DF_DHCP_COUNT_MESSAGE;
    if (request.giaddr)
        return DF_DHCP_COUNT_RELAYED;
    const Df__LogicalPort *lport = (const Df__LogicalPort *)df_app_model_get(DF_NB_LPORT, punt->lport_id);
    if (!lport)
        return DF_DHCP_COUNT_NO_LEASE;
    return is_own_client(lport, &request) ? answer(punt, lport, &request) : DF_DHCP_COUNT_CHADDR;
}

static void take_punt(const struct df_punt *punt)
{
    count(handle(punt));
}

static json_t *show_declines(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < DECLINES_SHOWN; i++) {
        if (declines[i].lport[0])
            json_array_append_new(list, json_pack("{s:s, s:s}", "lport", declines[i].lport, "ip", declines[i].ip));
    }
    return list;
}

static json_t *show(void)
{
    static const struct {
        const char *group, *name;
    } shown[] = {
#define X(ENUM, group, name, help) {group, name},
        DF_DHCP_COUNTER_LIST(X)
#undef X
    };
    json_t *report = json_pack("{s:{}, s:{}, s:{}, s:o}", "received", "sent", "refused", "declined", show_declines());
    for (size_t i = 0; report && i < DF_DHCP_COUNTERS; i++)
        json_object_set_new(json_object_get(report, shown[i].group), shown[i].name,
                            json_integer((json_int_t)counters[i]));
    return report;
}

static int init(void)
{
    df_dhcp_limit_free(limit);
    limit = df_dhcp_limit_new(df_dhcp_config.max_rate, df_dhcp_config.block_ms);
    return limit ? 0 : -ENOMEM;
}

static const struct df_app_rule rules[] = {
    {DF_NB_LSWITCH, compile_lswitch},
    {DF_NB_LSUBNET, compile_lsubnet},
    {DF_NB_LPORT, compile_lport},
    {DF_NB_TABLES, NULL},
};

const struct df_app df_app = {
    .abi = DF_APP_ABI,
    .name = "dhcp",
    .summary = "DHCPv4 answered on every node from the model",
    .rules = rules,
    .options = df_dhcp_config_options,
    .init = init,
    .punt = take_punt,
    .show = show,
};
