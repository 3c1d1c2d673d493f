/* SPDX-License-Identifier: Apache-2.0 */
#include "control/app.h"
#include "fastpath/tables/table.h"

#include <netinet/in.h>

/*
 * echo: a guest that sends UDP to port 7 gets it back (RFC 862). The service of docs/writing-a-service.md: it has a
 * table of its own, 210, that lets in the local ports with device_id "echo", and an app that answers what the table
 * punts.
 */

#define TABLE_ECHO DF_TABLE_FIRST_FREE
#define PORT_ECHO 7

struct echo_key {
    uint32_t lport;
};
struct echo_value {
    uint32_t app;
};

static const struct df_field key_fields[] = {DF_FIELD(echo_key, lport, DF_FIELD_UINT), DF_FIELD_END};
static const struct df_field value_fields[] = {DF_FIELD(echo_value, app, DF_FIELD_UINT), DF_FIELD_END};

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct echo_key key = {.lport = walk->in_lport};
    const struct echo_value *value = df_exact_find(state, walk, &key, NULL);
    return value ? df_walk_punt(walk, value->app) : DF_TABLE_L2;
}

static const struct df_table_ops table = {
    .desc = {.number = TABLE_ECHO,
             .name = "echo",
             .upstream = "ECHO",
             .summary = "which ports are echoed",
             .key_size = sizeof(struct echo_key),
             .value_size = sizeof(struct echo_value),
             .order = DF_ORDER_SERVICE,
             .key_fields = key_fields,
             .value_fields = value_fields},
    DF_EXACT_OPS,
    .decide = decide,
};

static int init(void)
{
    return df_table_register(&table);
}

static void compile_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    struct df_services_key service = {.eth_type = 0x0800, .ip_proto = IPPROTO_UDP, .l4_dst = PORT_ECHO};
    struct df_services_value next = {.table = TABLE_ECHO};
    struct echo_key key = {.lport = lport->unique_key};
    struct echo_value value = {.app = df_compile_app_id(c)};
    if (!df_compile_is_local(c, lport) || !lport->device_id || strcmp(lport->device_id, "echo") != 0)
        return;
    df_compile_emit(c, DF_TABLE_SERVICES, &service, sizeof(service), &next, sizeof(next));
    df_compile_emit(c, TABLE_ECHO, &key, sizeof(key), &value, sizeof(value));
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = a[i];
        a[i] = b[i];
        b[i] = byte;
    }
}

/* Swapping source and destination changes no checksum. */
static void punt(const struct df_punt *punt)
{
    uint8_t frame[2048];
    struct df_packet packet;
    if (punt->len > sizeof(frame) || df_packet_parse(punt->frame, punt->len, &packet) != DF_DROP_NONE ||
        !(packet.bits & DF_PACKET_IP4) || !(packet.bits & DF_PACKET_L4) || packet.l4_src == PORT_ECHO)
        return;
    memcpy(frame, punt->frame, punt->len);
    swap(frame, frame + 6, 6);
    swap(frame + packet.l3_offset + 12, frame + packet.l3_offset + 16, 4);
    swap(frame + packet.l4_offset, frame + packet.l4_offset + 2, 2);
    df_app_packet_out(punt->port, frame, punt->len);
}

static const struct df_app_rule rules[] = {{DF_NB_LPORT, compile_lport}, {DF_NB_TABLES, NULL}};

const struct df_app df_app = {
    .abi = DF_APP_ABI, .name = "echo", .summary = "UDP echo (RFC 862)", .rules = rules, .init = init, .punt = punt};
