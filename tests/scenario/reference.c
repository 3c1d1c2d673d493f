/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/reference.h"

#include <stddef.h>
#include <string.h>

static uint8_t protocol_of(const struct ref_packet *packet)
{
    static const uint8_t protocol[] = {[REF_TCP] = 6, [REF_UDP] = 17};
    bool icmp = packet->kind == REF_ECHO || packet->kind == REF_ERROR;
    return packet->kind == REF_OTHER ? packet->proto : icmp ? (packet->version == 4 ? 1 : 58) : protocol[packet->kind];
}

/* ---- Rules */

static bool in_prefix(uint8_t host, struct ref_prefix prefix)
{
    return (host ^ prefix.host) >> (8 - prefix.bits) == 0;
}

static bool is_other_network(unsigned port)
{
    return port >= 4;
}

/* Of those on the network of the port that asks. */
static bool is_member(const struct ref_model *model, unsigned asks, unsigned group, uint8_t host)
{
    for (unsigned i = 0; i < REF_PORTS; i++) {
        const struct ref_port *port = &model->port[i];
        if (is_other_network(i) == is_other_network(asks) && (port->groups & 1u << group) &&
            (port->host == host || (port->pair != 0 && port->pair == host)))
            return true;
    }
    return false;
}

static bool is_meant(const struct ref_model *model, unsigned asks, const struct ref_rule *rule, uint8_t remote)
{
    switch (rule->remote) {
    case REF_PREFIX:
        return in_prefix(remote, rule->prefix);
    case REF_GROUP:
        return is_member(model, asks, rule->group, remote);
    case REF_ADDRESSES:
        return in_prefix(remote, model->addresses);
    default:
        return true;
    }
}

static bool fits(const struct ref_rule *rule, const struct ref_packet *packet)
{
    if (rule->proto >= 0 && rule->proto != protocol_of(packet))
        return false;
    if (rule->first < 0)
        return true;
    if (packet->kind == REF_ERROR || packet->kind == REF_ECHO) {
        int echo = packet->version == 4 ? (packet->is_answer ? 0 : 8) : (packet->is_answer ? 129 : 128);
        int error = packet->version == 4 ? 3 : 1;
        return rule->first == (packet->kind == REF_ERROR ? error : echo) && (rule->last < 0 || rule->last == 0);
    }
    return rule->first <= packet->dport && packet->dport <= rule->last;
}

/* Does a rule of the port's groups of that kind let the packet out (egress), or in? */
static bool allows(const struct ref_model *model, unsigned port, bool egress, const struct ref_packet *packet,
                   bool stateful)
{
    for (unsigned g = 0; g < REF_GROUPS; g++) {
        const struct ref_group *group = &model->group[g];
        if (!(model->port[port].groups & 1u << g) || !group->exists || group->stateful != stateful)
            continue;
        for (unsigned r = 0; r < group->n_rules; r++) {
            const struct ref_rule *rule = &group->rule[r];
            if (rule->ingress != egress && rule->version == packet->version && fits(rule, packet) &&
                is_meant(model, port, rule, egress ? packet->dst : packet->src))
                return true;
        }
    }
    return false;
}

/* ---- Connections */

static bool is_tuple(const struct ref_packet *first, const struct ref_packet *packet, bool reply)
{
    if (first->version != packet->version || protocol_of(first) != protocol_of(packet))
        return false;
    return reply ? first->src == packet->dst && first->dst == packet->src && first->sport == packet->dport &&
                       first->dport == packet->sport
                 : first->src == packet->src && first->dst == packet->dst && first->sport == packet->sport &&
                       first->dport == packet->dport;
}

static struct ref_connection *find(struct ref_state *state, unsigned zone, const struct ref_packet *packet, bool *reply)
{
    for (unsigned i = 0; i < state->n; i++) {
        struct ref_connection *connection = &state->connection[i];
        for (*reply = false; connection->zone == zone;) {
            if (is_tuple(&connection->first, packet, *reply))
                return connection;
            if ((*reply = !*reply) == false)
                break;
        }
    }
    return NULL;
}

/* Does the segment fit where the handshake is? Of what is out of order some is for the ends to answer, and passes. */
static bool tcp_fits(const struct ref_connection *connection, bool reply, const struct ref_packet *packet)
{
    bool unanswered = connection->tcp == REF_SENT || connection->tcp == REF_SENT_BOTH;
    if (packet->flags == REF_SYN)
        return !reply || unanswered || connection->tcp == REF_PICKED_UP;
    if (packet->flags == REF_ACK)
        return reply || !unanswered;
    return connection->tcp == REF_SENT_BOTH || connection->tcp == REF_RECEIVED ||
           (reply && connection->tcp != REF_PICKED_UP);
}

/* Questions and answers of two who ask each other by the same identifier are not told apart. */
static bool fits_connection(const struct ref_connection *connection, bool reply, const struct ref_packet *packet)
{
    if (packet->kind == REF_TCP)
        return tcp_fits(connection, reply, packet);
    return packet->kind != REF_ECHO || !packet->is_answer || reply || connection->crossed;
}

/* Does it begin another connection where there is one? */
static bool begins_anew(const struct ref_connection *connection, bool reply, bool allowed,
                        const struct ref_packet *packet)
{
    if (packet->kind == REF_ECHO)
        return !packet->is_answer && reply;
    if (packet->kind == REF_UDP || packet->kind == REF_OTHER)
        return !allowed && reply;
    return packet->kind == REF_TCP && packet->flags == REF_SYN && (!allowed || connection->tcp == REF_PICKED_UP);
}

static void tcp_goes_on(struct ref_connection *connection, bool reply, const struct ref_packet *packet)
{
    if (packet->flags == REF_SYN && reply && connection->tcp == REF_SENT)
        connection->tcp = REF_SENT_BOTH;
    else if (packet->flags == (REF_SYN | REF_ACK) && connection->tcp != REF_OPEN)
        connection->tcp = REF_RECEIVED;
    else if (packet->flags == REF_ACK && connection->tcp == (reply ? REF_PICKED_UP : REF_RECEIVED))
        connection->tcp = REF_OPEN;
}

static bool can_begin(const struct ref_packet *packet)
{
    return packet->kind == REF_TCP ? packet->flags != (REF_SYN | REF_ACK)
                                   : packet->kind != REF_ECHO || !packet->is_answer;
}

/* ---- Both sides */

struct side {
    unsigned zone;
    bool egress;
    bool begins; /* once it is delivered */
    struct ref_connection *connection;
    bool reply;
};

static bool is_allowed_original(const struct ref_model *model, const struct side *side)
{
    const struct ref_connection *connection = side->connection;
    return allows(model, side->zone, connection->egress, &connection->first, true);
}

/* By the stateful groups of one side. */
static const char *judge_tracked(const struct ref_model *model, struct ref_state *state, struct side *side,
                                 const struct ref_packet *packet)
{
    const char *no_rule = side->egress ? "sg_egress" : "sg_ingress";
    if (packet->kind == REF_ERROR) {
        struct ref_packet quoted = *packet;
        quoted.kind = packet->quoted;
        quoted.src = packet->dst;
        quoted.dst = packet->src;
        bool reply;
        side->connection = find(state, side->zone, &quoted, &reply);
        if (side->connection == NULL)
            return "conn_unrelated";
        const char *reason = is_allowed_original(model, side) ? NULL : no_rule;
        side->connection = NULL; /* an error changes nothing */
        return reason;
    }
    side->connection = find(state, side->zone, packet, &side->reply);
    if (side->connection == NULL && !can_begin(packet))
        return "conn_invalid";
    bool allowed = side->connection != NULL && is_allowed_original(model, side);
    bool anew = side->connection == NULL || begins_anew(side->connection, side->reply, allowed, packet);
    if (!anew && !fits_connection(side->connection, side->reply, packet))
        return "conn_invalid";
    if (!anew)
        return allowed ? NULL : no_rule;
    side->begins = allows(model, side->zone, side->egress, packet, true);
    return side->begins ? NULL : no_rule;
}

static const char *judge_side(const struct ref_model *model, struct ref_state *state, struct side *side,
                              const struct ref_packet *packet)
{
    bool any_stateful = false;
    const struct ref_port *port = &model->port[side->zone];
    if (!port->secured)
        return NULL;
    for (unsigned g = 0; g < REF_GROUPS; g++)
        any_stateful |= (port->groups & 1u << g) && (!model->group[g].exists || model->group[g].stateful);
    const char *reason = judge_tracked(model, state, side, packet);
    if (reason == NULL)
        return NULL;
    side->connection = NULL;
    if (allows(model, side->zone, side->egress, packet, false))
        return NULL;
    return any_stateful ? reason : side->egress ? "sg_egress" : "sg_ingress";
}

static void note(struct ref_state *state, struct side *side, const struct ref_packet *packet)
{
    if (side->begins) {
        bool in_place = side->connection != NULL;
        struct ref_connection *to = in_place ? side->connection : &state->connection[state->n++];
        *to = (struct ref_connection){.zone = side->zone,
                                      .egress = side->egress,
                                      .first = *packet,
                                      .crossed = in_place,
                                      .tcp = packet->flags == REF_SYN ? REF_SENT : REF_PICKED_UP};
    } else if (side->connection != NULL) {
        side->connection->answered |= side->reply;
        if (packet->kind == REF_TCP)
            tcp_goes_on(side->connection, side->reply, packet);
    }
}

const char *ref_judge(const struct ref_model *model, struct ref_state *state, const struct ref_packet *packet)
{
    struct side out = {.zone = packet->from, .egress = true}, in = {.zone = packet->to};
    const struct ref_port *from = &model->port[packet->from];
    if (from->secured && packet->src != from->host && packet->src != from->pair)
        return packet->version == 4 ? "spoofed_ipv4" : "spoofed_ipv6";
    const char *reason = judge_side(model, state, &out, packet);
    if (reason == NULL)
        reason = judge_side(model, state, &in, packet);
    if (reason != NULL)
        return reason;
    note(state, &out, packet);
    note(state, &in, packet);
    return NULL;
}

void ref_time_passes(struct ref_state *state)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < state->n; i++) {
        const struct ref_connection *connection = &state->connection[i];
        bool short_lived =
            connection->first.kind == REF_ECHO || (connection->first.kind == REF_UDP && !connection->answered);
        if (!short_lived)
            state->connection[kept++] = *connection;
    }
    state->n = kept;
}
