/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/underlay.h"

#include <stdlib.h>

#include "control/underlay/frames.h"
#include "fastpath/rcu.h"
#include "fastpath/tables/table.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/underlay/underlay.h"

/*
 * Any bytes come in by the underlay, on the heap at their exact length: the worker decides, and the controller reads
 * what is punted to it, and what is not. Whatever it is: nothing is delivered but to the host, an answer asks for an
 * address of ours, and a path MTU is never below the least. The first byte says whether there are VLAN and exception port.
 */

#define FRAME_MAX 4096

const char *__lsan_default_options(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct df_underlay end = {.port = DF_UNDERLAY_PORT,
                                 .ip4 = RTE_BE32(0xc0000201),
                                 .ip6 = {.byte = {0x20, 1, 0xd, 0xb8, [15] = 1}},
                                 .mac = {{2, 0, 0, 0, 0, 1}}};
static struct df_underlay_port *underlay;
static struct df_due due;
static struct df_watcher watcher = {.queue = &due};
static struct df_ip peer4, peer6 = {.byte = {0x20, 1, 0xd, 0xb8, [15] = 2}};
static uint64_t now_ms = 1;

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* A map keeps its objects in words that LeakSanitizer does not take for pointers (hash_map.h). */
const char *__lsan_default_options(void)
{
    return "detect_leaks=0";
}

static int port_add(struct df_datapath *dp, const struct df_port_spec *spec, struct df_error *error)
{
    (void)dp, (void)spec, (void)error;
    return 0;
}

static int port_state(struct df_datapath *dp, uint16_t port, struct df_port_state *state)
{
    (void)dp, (void)port;
    *state = (struct df_port_state){.attached = true, .detail = "", .mac = end.mac};
    return 0;
}

static void dropped(struct df_datapath *dp, uint16_t port, enum df_drop reason)
{
    (void)dp, (void)port;
    check(reason == DF_DROP_RESOLVE_FAILED || reason == DF_DROP_RESOLVE_QUEUE_FULL || reason == DF_DROP_TX_DOWN);
}

static void put_peer(const struct df_ip *ip)
{
    const struct df_table *table = df_table(DF_TABLE_PEERS);
    struct df_peer_key key = {.ip = *ip};
    struct df_peer_value value = {.local_ip = df_ip_is4(ip) ? df_ip_from4(end.ip4) : end.ip6, .port = DF_UNDERLAY_PORT};
    struct df_entry entry = {
        .table = DF_TABLE_PEERS, .key_len = sizeof(key), .value_len = sizeof(value), .value = &value};
    memcpy(entry.key, &key, sizeof(key));
    check(table->ops->put(table->state, &entry) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const struct df_datapath_ops ops = {.port_add = port_add, .port_state = port_state, .dropped = dropped};
    static struct df_datapath dp = {.ops = &ops};
    static const char *const local_ips[] = {"192.0.2.1/24", "2001:db8::1/64", NULL};
    struct df_underlay_config config = {.port = "up0", .local_ips = local_ips, .mtu = 1550};
    struct df_error error;
    struct df_mac mac;
    (void)argc, (void)argv;
    df_hash_init();
    df_rcu_register();
    check(df_tables_init(100) == 0);
    check(df_underlay_port_new(&config, &dp, &underlay, &error) == 0);
    df_underlay_port_settle(underlay, now_ms);
    peer4 = df_ip_from4(RTE_BE32(0xc0000202));
    put_peer(&peer4);
    put_peer(&peer6);
    df_underlay_port_neighbour(underlay, &peer4, &watcher, &mac);
    df_underlay_port_neighbour(underlay, &peer6, &watcher, &mac);
    df_underlay_listen(&peer4, true);
    df_underlay_listen(&peer6, true);
    return 0;
}

static void decide(const uint8_t *frame, uint32_t len)
{
    struct df_output outputs[4];
    struct df_walk walk = {.outputs = outputs, .outputs_max = 4, .worker = DF_WALK_NOBODY};
    df_walk_frame(&walk, DF_UNDERLAY_PORT, frame, len);
    const struct df_verdict *verdict = &walk.verdict;
    check(verdict->kind != DF_VERDICT_OUTPUT && verdict->n_outputs == 0);
    if (verdict->kind == DF_VERDICT_DROP)
        check(verdict->drop != DF_DROP_NONE);
    if (verdict->kind == DF_VERDICT_HOST)
        check(end.exception != 0 && len >= RTE_ETHER_HDR_LEN);
    if (verdict->kind == DF_VERDICT_ANSWER)
        check(verdict->answer == DF_ANSWER_ARP || verdict->answer == DF_ANSWER_ND ||
              (verdict->answer == DF_ANSWER_ECHO && end.exception == 0));
    if (verdict->kind == DF_VERDICT_PUNT)
        df_underlay_port_punt(underlay, verdict->punt_app, 5, frame, len, now_ms);
    df_rcu_quiescent();
}

/* The controller does not rely on what the worker looked at. */
static void hear(const uint8_t *frame, uint32_t len)
{
    struct df_frames_self self = {.mac = end.mac, .ip4 = df_ip_from4(end.ip4), .ip6 = end.ip6};
    struct df_frames_too_big too_big;
    if (df_frames_read_too_big(frame, len, &self, &too_big))
        check(too_big.mtu >= (df_ip_is4(&too_big.peer) ? 576 : 1280));
    for (uint32_t what = DF_PUNT_OWN_FIRST; what != 0; what++)
        df_underlay_port_punt(underlay, what, 5, frame, len, now_ms);
    df_underlay_port_settle(underlay, now_ms += 50);
    check(df_underlay_port_path_mtu(underlay, &peer4, &watcher) >= 576);
    check(df_underlay_port_path_mtu(underlay, &peer6, &watcher) >= 1280);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > FRAME_MAX)
        return 0;
    uint32_t len = (uint32_t)size - 1;
    uint8_t *frame = malloc(len != 0 ? len : 1);
    check(frame != NULL);
    memcpy(frame, data + 1, len);
    end.vlan = data[0] & 1 ? 100 : 0;
    end.exception = data[0] & 2 ? DF_UNDERLAY_EXCEPTION : 0;
    df_underlay_set(&end);
    decide(frame, len);
    hear(frame, len);
    while (df_due_take(&due) != NULL)
        ;
    free(frame);
    return 0;
}
