/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fastpath/conn/conn.h"
#include "fastpath/worker/worker.h"
#include "tests/scenario/reference.h"
#include "tests/unit/fastpath/frame.h"

/*
 * Security groups against a naive evaluator (reference.h). A case is some changes of groups, rules, members and ports,
 * and packets between them, made at random from few values so that they meet. What the evaluator makes of each packet,
 * the switch does. Cases follow each other in one running switch; connections are deleted between them.
 *
 * DF_SEED repeats a run, DF_CASES says how many cases it has. A case that fails is tried again from its start in the
 * same switch with steps left out, and the shortest one that still fails is shown.
 */

#define CASES 10000
#define STEPS 16

static const char *const port_ids[REF_PORTS] = {"vm1", "vm2", "vm3", "vm4", "vm5", "vm6"};
static const char *const group_ids[REF_GROUPS] = {"g0", "g1", "g2", "g3"};

static bool is_other_network(unsigned port)
{
    return port >= 4;
}

/* ---- Random numbers: xorshift64*, the same everywhere */

static uint64_t random_state;

static unsigned any(unsigned n)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static bool chance(unsigned percent)
{
    return any(100) < percent;
}

#define ONE_OF(array) ((array)[any(sizeof(array) / sizeof((array)[0]))])

/* ---- Steps of a case */

enum step_kind { STEP_GROUP, STEP_PORT, STEP_ADDRESSES, STEP_PACKET, STEP_TIME };

struct step {
    enum step_kind kind;
    unsigned index;
    struct ref_group group;
    struct ref_port port;
    struct ref_prefix addresses;
    struct ref_packet packet;
};

static const uint8_t hosts[REF_PORTS] = {11, 12, 13, 14, 11, 12};

static struct ref_prefix any_prefix(void)
{
    static const uint8_t bits[] = {0, 4, 6, 7, 8, 8};
    struct ref_prefix prefix = {.bits = ONE_OF(bits)};
    unsigned host = chance(80) ? hosts[any(4)] : 64 + any(4);
    prefix.host = (uint8_t)(prefix.bits == 0 ? 0 : host >> (8 - prefix.bits) << (8 - prefix.bits));
    return prefix;
}

static void any_l4(struct ref_rule *rule)
{
    static const int ports[][2] = {{53, 53}, {80, 80}, {0, 65535}, {54, 80}, {53, 1500}, {81, 4000}, {4000, 4001}};
    static const int types[][2] = {{8, -1}, {8, 0}, {0, -1}, {3, 0}, {3, -1}};
    static const int types6[][2] = {{128, -1}, {128, 0}, {129, -1}, {1, 0}, {1, -1}};
    const int *pair = rule->proto == 6 || rule->proto == 17 ? ONE_OF(ports)
                      : rule->proto == 1                    ? ONE_OF(types)
                                                            : ONE_OF(types6);
    rule->first = pair[0];
    rule->last = pair[1];
}

static struct ref_rule any_rule(void)
{
    static const int protos[] = {-1, 6, 6, 17, 17, 1, 47, 112};
    static const enum ref_remote remotes[] = {REF_ANYBODY, REF_ANYBODY, REF_PREFIX,
                                              REF_GROUP,   REF_GROUP,   REF_ADDRESSES};
    struct ref_rule rule = {.ingress = chance(50),
                            .version = chance(70) ? 4 : 6,
                            .proto = ONE_OF(protos),
                            .first = -1,
                            .last = -1,
                            .remote = ONE_OF(remotes),
                            .prefix = any_prefix(),
                            .group = any(REF_GROUPS)};
    if (rule.version == 6 && rule.proto == 1)
        rule.proto = 58;
    if ((rule.proto == 6 || rule.proto == 17 || rule.proto == 1 || rule.proto == 58) && chance(60))
        any_l4(&rule);
    return rule;
}

static struct ref_group any_group(void)
{
    struct ref_group group = {.exists = chance(95), .stateful = chance(80), .n_rules = any(REF_RULES + 1)};
    for (unsigned i = 0; i < group.n_rules; i++)
        group.rule[i] = any_rule();
    return group;
}

static struct ref_port any_port(unsigned index)
{
    return (struct ref_port){.secured = chance(85),
                             .host = hosts[index],
                             .pair = (uint8_t)(chance(30) ? 64 + any(4) : 0),
                             .groups = any(1u << REF_GROUPS)};
}

/* ---- Packets */

static struct ref_packet answer_to(const struct ref_packet *packet)
{
    struct ref_packet answer = *packet;
    answer.from = packet->to;
    answer.to = packet->from;
    answer.src = packet->dst;
    answer.dst = packet->src;
    answer.sport = packet->dport;
    answer.dport = packet->sport;
    if (packet->kind == REF_ECHO)
        answer.is_answer = !packet->is_answer;
    if (packet->kind == REF_TCP)
        answer.flags = packet->flags == REF_SYN ? chance(85) ? REF_SYN | REF_ACK : REF_SYN : REF_ACK;
    return answer;
}

/* Sent by who got the packet, to who had sent it. The tuple stays the one of the packet. */
static struct ref_packet error_about(const struct ref_packet *packet)
{
    struct ref_packet error = *packet;
    error.kind = REF_ERROR;
    error.quoted = packet->kind;
    error.from = packet->to;
    error.to = packet->from;
    error.src = packet->dst;
    error.dst = packet->src;
    error.is_answer = false;
    if (chance(20) && (packet->kind == REF_TCP || packet->kind == REF_UDP))
        error.dport++;
    return error;
}

static uint8_t source_of(const struct ref_model *model, unsigned port)
{
    const struct ref_port *from = &model->port[port];
    return from->pair != 0 && chance(30) ? from->pair : from->host;
}

static struct ref_packet new_packet(const struct ref_model *model)
{
    static const uint16_t servers[] = {53, 80, 80, 1500};
    static const enum ref_kind kinds[] = {REF_TCP, REF_TCP, REF_UDP, REF_UDP, REF_ECHO, REF_OTHER};
    static const uint8_t flags[] = {REF_SYN, REF_SYN, REF_SYN, REF_ACK, REF_SYN | REF_ACK};
    struct ref_packet packet = {.kind = ONE_OF(kinds), .version = chance(70) ? 4 : 6};
    bool other = chance(20);
    packet.from = other ? 4 + any(2) : any(4);
    packet.to = other ? 9 - packet.from : (packet.from + 1 + any(3)) % 4;
    packet.src = source_of(model, packet.from);
    packet.dst = source_of(model, packet.to);
    if (packet.src == packet.dst) /* they share the address of a pair */
        packet.dst = model->port[packet.to].host;
    if (packet.kind == REF_TCP || packet.kind == REF_UDP) {
        packet.sport = (uint16_t)(4000 + any(2));
        packet.dport = ONE_OF(servers);
        packet.flags = packet.kind == REF_TCP ? ONE_OF(flags) : 0;
    } else if (packet.kind == REF_ECHO) {
        packet.sport = packet.dport = (uint16_t)(100 + packet.from); /* two that ping each other have two connections */
        packet.is_answer = chance(10);
    } else {
        packet.proto = chance(50) ? 47 : 112;
    }
    return packet;
}

/* The next one in a conversation of the case, or the first of another one. */
static struct ref_packet any_packet(const struct ref_model *model, const struct step *steps, unsigned n)
{
    if (n > 0 && steps[n - 1].kind == STEP_PACKET && chance(35))
        return steps[n - 1].packet; /* often enough to come from the cache */
    const struct step *last = n > 0 ? &steps[any(n)] : NULL;
    if (last == NULL || last->kind != STEP_PACKET || last->packet.kind == REF_ERROR || chance(15))
        return new_packet(model);
    if (chance(10) && last->packet.kind != REF_ECHO)
        return error_about(&last->packet);
    if (chance(60))
        return answer_to(&last->packet);
    struct ref_packet again = last->packet;
    if (again.kind == REF_TCP && chance(50))
        again.flags = REF_ACK;
    return again;
}

static void apply(struct ref_model *model, const struct step *step)
{
    if (step->kind == STEP_GROUP)
        model->group[step->index] = step->group;
    else if (step->kind == STEP_PORT)
        model->port[step->index] = step->port;
    else if (step->kind == STEP_ADDRESSES)
        model->addresses = step->addresses;
}

static struct step any_change(void)
{
    struct step step = {.kind = chance(60) ? STEP_GROUP : chance(85) ? STEP_PORT : STEP_ADDRESSES};
    step.index = any(step.kind == STEP_GROUP ? REF_GROUPS : REF_PORTS);
    if (step.kind == STEP_GROUP)
        step.group = any_group();
    else if (step.kind == STEP_PORT)
        step.port = any_port(step.index);
    else
        step.addresses = any_prefix();
    return step;
}

static unsigned make_case(const struct ref_model *start, struct step steps[STEPS])
{
    struct ref_model model = *start;
    unsigned n = 4 + any(STEPS - 3);
    bool time_passed = false;
    for (unsigned i = 0; i < n; i++) {
        if (chance(15))
            steps[i] = any_change();
        else if (chance(2) && !time_passed)
            steps[i] = (struct step){.kind = STEP_TIME};
        else
            steps[i] = (struct step){.kind = STEP_PACKET, .packet = any_packet(&model, steps, i)};
        time_passed |= steps[i].kind == STEP_TIME;
        apply(&model, &steps[i]);
    }
    return n;
}

/* ---- The model, as the switch gets it */

static size_t put_rule(char *text, size_t room, const struct ref_rule *rule, unsigned id)
{
    const char *six = rule->version == 4 ? "10.1.0." : "2001:db8:1::";
    size_t n = (size_t)snprintf(text, room, "%s{'id': 'r%u', 'direction': '%s', 'ethertype': 'IPv%u'", id ? "," : "",
                                id, rule->ingress ? "ingress" : "egress", rule->version);
    if (rule->proto >= 0)
        n += (size_t)snprintf(text + n, room - n, ", 'protocol': '%d'", rule->proto);
    if (rule->first >= 0)
        n += (size_t)snprintf(text + n, room - n, ", 'port_range_min': %d", rule->first);
    if (rule->last >= 0)
        n += (size_t)snprintf(text + n, room - n, ", 'port_range_max': %d", rule->last);
    if (rule->remote == REF_PREFIX)
        n +=
            (size_t)snprintf(text + n, room - n,
                             rule->version == 4 ? ", 'remote_ip_prefix': '%s%u/%u'" : ", 'remote_ip_prefix': '%s%x/%u'",
                             six, rule->prefix.host, (rule->version == 4 ? 24u : 120u) + rule->prefix.bits);
    else if (rule->remote == REF_GROUP)
        n += (size_t)snprintf(text + n, room - n, ", 'remote_group_id': '%s'", group_ids[rule->group]);
    else if (rule->remote == REF_ADDRESSES)
        n += (size_t)snprintf(text + n, room - n, ", 'remote_address_group_id': 'addresses'");
    return n + (size_t)snprintf(text + n, room - n, "}");
}

static void write_group(const struct ref_model *model, unsigned index)
{
    static bool is_there[REF_GROUPS];
    const struct ref_group *group = &model->group[index];
    char text[2000];
    if (!group->exists) {
        if (is_there[index])
            lab_delete("secgroup", group_ids[index]);
        is_there[index] = false;
        return;
    }
    is_there[index] = true;
    size_t n =
        (size_t)snprintf(text, sizeof(text), "{'secgroup': [{'id': '%s', 'topic': 't', 'stateful': %s, 'rules': [",
                         group_ids[index], group->stateful ? "true" : "false");
    for (unsigned i = 0; i < group->n_rules; i++)
        n += put_rule(text + n, sizeof(text) - n, &group->rule[i], i);
    snprintf(text + n, sizeof(text) - n, "]}]}");
    lab_model(text);
}

static void write_port(const struct ref_model *model, unsigned index)
{
    const struct ref_port *port = &model->port[index];
    bool other = is_other_network(index);
    char text[2000];
    size_t n = (size_t)snprintf(
        text, sizeof(text),
        "{'lport': [{'id': '%s', 'topic': 't', 'lswitch': '%s', 'macs': ['02:00:00:00:01:%02x'],"
        " 'ips': ['10.1.0.%u', '2001:db8:1::%x'], 'port_security_enabled': %s, 'binding': {'type': 'chassis',"
        " 'chassis': 'node1', 'vif_type': 'ethdev', 'vif_name': '%s'}, 'security_groups': [",
        port_ids[index], other ? "other" : "net1", index + 1, port->host, port->host, port->secured ? "true" : "false",
        port_ids[index]);
    for (unsigned i = 0, first = 1; i < REF_GROUPS; i++) {
        if (port->groups & 1u << i)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s'%s'", first ? "" : ", ", group_ids[i]);
        if (port->groups & 1u << i)
            first = 0;
    }
    n += (size_t)snprintf(text + n, sizeof(text) - n, "]");
    if (port->pair != 0)
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              ", 'allowed_address_pairs': [{'ip_address': '10.1.0.%u'}, {'ip_address':"
                              " '2001:db8:1::%x'}]",
                              port->pair, port->pair);
    snprintf(text + n, sizeof(text) - n, "}]}");
    lab_model(text);
}

static void write_addresses(const struct ref_model *model)
{
    char text[300];
    snprintf(text, sizeof(text),
             "{'address_group': [{'id': 'addresses', 'topic': 't', 'addresses': ['10.1.0.%u/%u',"
             " '2001:db8:1::%x/%u']}]}",
             model->addresses.host, 24u + model->addresses.bits, model->addresses.host, 120u + model->addresses.bits);
    lab_model(text);
}

static void write_change(const struct ref_model *model, const struct step *step)
{
    if (step->kind == STEP_GROUP)
        write_group(model, step->index);
    else if (step->kind == STEP_PORT)
        write_port(model, step->index);
    else if (step->kind == STEP_ADDRESSES)
        write_addresses(model);
}

static void write_all(const struct ref_model *model)
{
    for (unsigned i = 0; i < REF_GROUPS; i++)
        write_group(model, i);
    for (unsigned i = 0; i < REF_PORTS; i++)
        write_port(model, i);
    write_addresses(model);
}

/* ---- Frames */

static void put_headers(struct test_frame *frame, uint8_t version, uint8_t proto, uint8_t src, uint8_t dst)
{
    char from[32], to[32];
    const char *format = version == 4 ? "10.1.0.%u" : "2001:db8:1::%x";
    snprintf(from, sizeof(from), format, src);
    snprintf(to, sizeof(to), format, dst);
    if (version == 4)
        frame_ip4(frame, proto, from, to, 0);
    else
        frame_ip6(frame, proto, 64, from, to);
}

static void put_icmp(struct test_frame *frame, unsigned type, uint32_t rest)
{
    uint32_t at = frame->len;
    frame_8(frame, type);
    frame_fill(frame, 0, 3);
    frame_32(frame, rest);
    if (frame->byte[frame->ip] >> 4 == 6)
        frame->icmp6 = at;
}

/* The IP packet behind the Ethernet header. */
static void put_packet(struct test_frame *frame, const struct ref_packet *packet, enum ref_kind kind)
{
    bool is4 = packet->version == 4;
    switch (kind) {
    case REF_TCP:
        put_headers(frame, packet->version, 6, packet->src, packet->dst);
        frame_tcp(frame, packet->sport, packet->dport);
        frame_tcp_flags(frame, (packet->flags & REF_SYN ? 0x02u : 0) | (packet->flags & REF_ACK ? 0x10u : 0));
        break;
    case REF_UDP:
        put_headers(frame, packet->version, 17, packet->src, packet->dst);
        frame_udp(frame, packet->sport, packet->dport, 4);
        break;
    case REF_ECHO:
        put_headers(frame, packet->version, is4 ? 1 : 58, packet->src, packet->dst);
        put_icmp(frame, is4 ? packet->is_answer ? 0 : 8 : packet->is_answer ? 129 : 128, (uint32_t)packet->sport << 16);
        break;
    default:
        put_headers(frame, packet->version, packet->proto, packet->src, packet->dst);
        frame_fill(frame, 0x33, 12);
    }
}

static void put_error(struct test_frame *frame, const struct ref_packet *packet)
{
    static struct test_frame quoted;
    struct ref_packet about = *packet;
    bool is4 = packet->version == 4;
    about.src = packet->dst;
    about.dst = packet->src;
    memset(&quoted, 0, sizeof(quoted));
    frame_fill(&quoted, 0, 12);
    put_packet(&quoted, &about, packet->quoted);
    frame_close(&quoted);
    put_headers(frame, packet->version, is4 ? 1 : 58, packet->src, packet->dst);
    put_icmp(frame, is4 ? 3 : 1, 0);
    frame_bytes(frame, quoted.byte + quoted.ip, quoted.len - quoted.ip);
}

static void make_frame(struct test_frame *frame, const struct ref_packet *packet)
{
    memset(frame, 0, sizeof(*frame));
    frame_bytes(frame, "\x02\x00\x00\x00\x01", 5);
    frame_8(frame, packet->to + 1);
    frame_bytes(frame, "\x02\x00\x00\x00\x01", 5);
    frame_8(frame, packet->from + 1);
    if (packet->kind == REF_ERROR)
        put_error(frame, packet);
    else
        put_packet(frame, packet, packet->kind);
    frame_close(frame);
    if (packet->version == 4 && (packet->kind == REF_ECHO || packet->kind == REF_ERROR))
        frame_set16(frame, frame->l4 + 2, plain_checksum(frame->byte + frame->l4, frame->len - frame->l4));
}

/* ---- A run of a case */

static int kill_one(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    (void)info;
    (void)arg;
    df_conn_kill(conn);
    return 0;
}

/* None is left of the case before, and their entries are free again. */
static void forget_connections(void)
{
    uint32_t at = 0;
    do
        at = df_conns_each(at, UINT32_MAX, df_workers_now_ms(), kill_one, NULL);
    while (at != 0);
    df_conns_age(df_workers_now_ms(), UINT32_MAX);
}

static unsigned received(const char *port, const struct test_frame *wanted, bool *same)
{
    unsigned n = 0;
    size_t len;
    for (const uint8_t *frame; (frame = lab_receive(port, &len)) != NULL; n++)
        *same = len == wanted->len && memcmp(frame, wanted->byte, len) == 0;
    return n;
}

/* The port's packets that were dropped, by reason. */
static void count_drops(const char *port, struct df_port_tally *tally)
{
    const char *id;
    uint16_t number;
    struct df_error error = {""};
    cr_assert_eq(df_controller_find_port(lab_controller(), port, &number, &id, &error), 0, "%s", error.text);
    df_port_tally(number, tally);
}

static const char *new_drop(const struct df_port_tally *before, const struct df_port_tally *after)
{
    for (unsigned reason = 1; reason < DF_DROPS; reason++) {
        if (after->drops[reason] != before->drops[reason])
            return df_drop_name(reason);
    }
    return "nothing";
}

/* Sends the packet; what is wrong with what came of it is said in text. */
static bool packet_is_right(const struct ref_model *model, struct ref_state *state, const struct ref_packet *packet,
                            char *text, size_t room)
{
    static struct test_frame frame;
    struct df_port_tally before, after;
    const char *port = port_ids[packet->from];
    bool same = false;
    const char *wanted = ref_judge(model, state, packet);
    make_frame(&frame, packet);
    count_drops(port, &before);
    lab_send_bytes(port, frame.byte, frame.len);
    count_drops(port, &after);
    unsigned came = received(port_ids[packet->to], &frame, &same);
    const char *reason = new_drop(&before, &after);
    snprintf(text, room, "should be %s%s; %u came, dropped as %s", wanted == NULL ? "delivered" : "dropped as ",
             wanted == NULL ? "" : wanted, came, reason);
    return wanted == NULL ? came == 1 && same : came == 0 && strcmp(reason, wanted) == 0;
}

/* The step that went wrong, or n. */
static unsigned run_case(const struct ref_model *start, const struct step *steps, unsigned n, char *text, size_t room)
{
    struct ref_model model = *start;
    struct ref_state state = {0};
    for (unsigned i = 0; i < n; i++) {
        apply(&model, &steps[i]);
        write_change(&model, &steps[i]);
        if (steps[i].kind == STEP_TIME) {
            lab_turn_ms(35000);
            ref_time_passes(&state);
        } else if (steps[i].kind == STEP_PACKET && !packet_is_right(&model, &state, &steps[i].packet, text, room)) {
            return i;
        }
    }
    return n;
}

/* ---- What failed, as short as it can be */

static unsigned without(const struct step *steps, unsigned n, unsigned left_out, struct step *shorter)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < n; i++) {
        if (i != left_out)
            shorter[kept++] = steps[i];
    }
    return kept;
}

static bool fails_again(const struct ref_model *start, const struct step *steps, unsigned n, char *text, size_t room)
{
    forget_connections();
    write_all(start);
    return run_case(start, steps, n, text, room) != n;
}

static unsigned shrink(const struct ref_model *start, struct step *steps, unsigned n, char *text, size_t room)
{
    struct step shorter[STEPS];
    for (bool any_shorter = true; any_shorter;) {
        any_shorter = false;
        for (unsigned i = 0; i < n; i++) {
            unsigned kept = without(steps, n, i, shorter);
            if (!fails_again(start, shorter, kept, text, room))
                continue;
            memcpy(steps, shorter, kept * sizeof(shorter[0]));
            n = kept;
            any_shorter = true;
            break;
        }
    }
    return n;
}

static void show_group(unsigned index, const struct ref_group *group)
{
    fprintf(stderr, "  %s %s%s:", group_ids[index], group->exists ? "" : "is missing ",
            group->stateful ? "stateful" : "stateless");
    for (unsigned i = 0; i < group->n_rules; i++) {
        char text[300];
        put_rule(text, sizeof(text), &group->rule[i], i);
        fprintf(stderr, "\n      %s", text + (text[0] == ','));
    }
    fputc('\n', stderr);
}

static void show_port(unsigned index, const struct ref_port *port)
{
    fprintf(stderr, "  %s .%u, pair .%u, %s, groups %x\n", port_ids[index], port->host, port->pair,
            port->secured ? "secured" : "open", port->groups);
}

static void show_packet(const struct ref_packet *packet)
{
    static const char *const kinds[REF_KINDS] = {"tcp", "udp", "echo", "protocol", "error about"};
    fprintf(stderr, "  %s -> %s IPv%u %s%s%s .%u -> .%u, ports %u %u, protocol %u%s%s%s\n", port_ids[packet->from],
            port_ids[packet->to], packet->version, kinds[packet->kind], packet->kind == REF_ERROR ? " " : "",
            packet->kind == REF_ERROR ? kinds[packet->quoted] : "", packet->src, packet->dst, packet->sport,
            packet->dport, packet->proto, packet->flags & REF_SYN ? " SYN" : "", packet->flags & REF_ACK ? " ACK" : "",
            packet->is_answer ? " reply" : "");
}

static void show_case(const struct ref_model *start, const struct step *steps, unsigned n)
{
    for (unsigned i = 0; i < REF_PORTS; i++)
        show_port(i, &start->port[i]);
    for (unsigned i = 0; i < REF_GROUPS; i++)
        show_group(i, &start->group[i]);
    fprintf(stderr, "  addresses .%u/%u\n  then:\n", start->addresses.host, start->addresses.bits);
    for (unsigned i = 0; i < n; i++) {
        if (steps[i].kind == STEP_GROUP)
            show_group(steps[i].index, &steps[i].group);
        else if (steps[i].kind == STEP_PORT)
            show_port(steps[i].index, &steps[i].port);
        else if (steps[i].kind == STEP_ADDRESSES)
            fprintf(stderr, "  addresses .%u/%u\n", steps[i].addresses.host, steps[i].addresses.bits);
        else if (steps[i].kind == STEP_PACKET)
            show_packet(&steps[i].packet);
        else
            fprintf(stderr, "  35 seconds pass\n");
    }
}

static void report(const struct ref_model *start, struct step *steps, unsigned n, uint64_t seed, unsigned number)
{
    char text[200], first[200];
    if (!fails_again(start, steps, n, text, sizeof(text)))
        cr_assert_fail("DF_SEED=%lu fails in case %u, and not from a new start", (unsigned long)seed, number);
    memcpy(first, text, sizeof(first));
    n = shrink(start, steps, n, text, sizeof(text));
    n = fails_again(start, steps, n, text, sizeof(text)) ? n : 0;
    show_case(start, steps, n);
    cr_assert_fail("DF_SEED=%lu, case %u, the last packet of: %s", (unsigned long)seed, number, n ? text : first);
}

/* ---- The run */

static void up(void)
{
    lab_up_secgroup();
    lab_model("{'lswitch': [{'id': 'net1', 'topic': 't', 'network_type': 'local', 'mtu': 1500},"
              " {'id': 'other', 'topic': 't', 'network_type': 'local', 'mtu': 1500}]}");
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static unsigned packets_in(const struct step *steps, unsigned n)
{
    unsigned packets = 0;
    for (unsigned i = 0; i < n; i++)
        packets += steps[i].kind == STEP_PACKET;
    return packets;
}

TestSuite(secgroup_model, .init = up, .fini = lab_down);

Test(secgroup_model, the_switch_agrees_with_a_naive_evaluator, .timeout = 280)
{
    uint64_t seed = number_from("DF_SEED", (uint64_t)time(NULL) << 8 | 1);
    unsigned cases = (unsigned)number_from("DF_CASES", CASES), packets = 0;
    struct ref_model model = {0};
    struct step steps[STEPS];
    char text[200];
    random_state = seed != 0 ? seed : 1;
    for (unsigned i = 0; i < REF_PORTS; i++)
        model.port[i] = any_port(i);
    for (unsigned i = 0; i < REF_GROUPS; i++)
        model.group[i] = any_group();
    model.addresses = any_prefix();
    write_all(&model);
    fprintf(stderr, "DF_SEED=%lu\n", (unsigned long)seed);
    for (unsigned i = 0; i < cases; i++) {
        unsigned n = make_case(&model, steps);
        if (run_case(&model, steps, n, text, sizeof(text)) != n)
            report(&model, steps, n, seed, i);
        for (unsigned at = 0; at < n; at++)
            apply(&model, &steps[at]);
        forget_connections();
        if (i % 4096 == 4095)
            lab_age(); /* so that the table has its entries back */
        packets += packets_in(steps, n);
    }
    struct df_worker_tally tally;
    df_worker_tally(df_worker(0), &tally);
    fprintf(stderr, "%u packets, %lu of them from the flow cache\n", packets, (unsigned long)tally.hits);
    cr_assert_gt(packets, 4 * cases);
    cr_assert(df_worker_flows(df_worker(0)) == 0 || tally.hits > packets / 50);
}
