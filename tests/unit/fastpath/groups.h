/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/tables/rules.h"
#include "tests/unit/fastpath/table_test.h"

/*
 * Security groups and packets for the tests of their tables: the guest is lport 11 at datapath port 3, with 10.0.0.1
 * and 2001:db8::1, in domain 300; what it talks to is elsewhere.
 *
 *     guest_in(1, (uint32_t[]){GROUP});
 *     rules_put(OUT, GROUP, 1, 1, &(struct df_security_group_rule){ANY4});
 *     send_tcp("10.0.0.2", 443, SYN);
 *     cr_assert_eq(through(OUT), DF_TABLE_SERVICES);
 */

#define GUEST 11
#define GUEST_PORT 3
#define GUEST4 "10.0.0.1"
#define GUEST6 "2001:db8::1"
#define GROUP 5
#define OTHER_GROUP 6
#define DOMAIN 300

/* The way of a packet: what the guest sends, and what it gets. */
enum way { OUT = DF_TRACK_EGRESS, IN = DF_TRACK_INGRESS };

static const uint16_t conntrack_of[] = {DF_TABLE_EGRESS_CONNTRACK, DF_TABLE_INGRESS_CONNTRACK};
static const uint16_t rules_of[] = {DF_TABLE_EGRESS_SECURITY_GROUP, DF_TABLE_INGRESS_SECURITY_GROUP};
static const uint16_t past_of[] = {DF_TABLE_SERVICES, DF_TABLE_DISPATCH};

/* ---- groups */

static inline int conntrack_put_at(uint16_t port, uint32_t lport, uint32_t enabled, uint32_t said, uint32_t n,
                                   const uint32_t *groups)
{
    uint8_t bytes[4096] = {0};
    struct df_conntrack_value *value = (void *)bytes;
    struct df_conntrack_key key = {.lport = lport};
    value->enabled = enabled;
    value->port = port;
    value->domain = DOMAIN;
    value->n_groups = said;
    for (uint32_t i = 0; i < n; i++)
        value->group[i].group = groups[i];
    size_t len = sizeof(*value) + n * sizeof(value->group[0]);
    int rc = put_len(DF_TABLE_INGRESS_CONNTRACK, &key, sizeof(key), value, len);
    return rc != 0 ? rc : put_len(DF_TABLE_EGRESS_CONNTRACK, &key, sizeof(key), value, len);
}

static inline int conntrack_put(uint32_t lport, uint32_t enabled, uint32_t said, uint32_t n, const uint32_t *groups)
{
    return conntrack_put_at(GUEST_PORT, lport, enabled, said, n, groups);
}

static inline void guest_in(uint32_t n, const uint32_t *groups)
{
    cr_assert_eq(conntrack_put(GUEST, 1, n, n, groups), 0);
}

static inline int try_rules(enum way way, uint32_t group, uint32_t stateful, uint32_t said, uint32_t n,
                            const struct df_security_group_rule *rules)
{
    struct df_security_group_key key = {.group = group};
    size_t len = sizeof(struct df_security_group_value) + n * sizeof(*rules);
    struct df_security_group_value *value = calloc(1, len);
    value->stateful = stateful;
    value->n_rules = said;
    if (n > 0)
        memcpy(value->rule, rules, n * sizeof(*rules));
    int rc = put_len(rules_of[way], &key, sizeof(key), value, len);
    free(value);
    return rc;
}

static inline void rules_put(enum way way, uint32_t group, uint32_t stateful, uint32_t n,
                             const struct df_security_group_rule *rules)
{
    cr_assert_eq(try_rules(way, group, stateful, n, n, rules), 0);
}

static inline void rules_del(enum way way, uint32_t group)
{
    struct df_security_group_key key = {.group = group};
    must_del(rules_of[way], &key);
}

/* Initializers of a rule. */
#define ANY4 .rule = 100, .ip_version = 4, .any_proto = 1
#define ANY6 .rule = 101, .ip_version = 6, .any_proto = 1
#define PROTO4(number) .rule = 102, .ip_version = 4, .ip_proto = (number)
#define PROTO6(number) .rule = 103, .ip_version = 6, .ip_proto = (number)
#define TO_PORTS(a, b) .l4 = DF_RULE_L4_PORTS, .first = (uint16_t)(a), .last = (uint16_t)(b)
#define OF_TYPE(a) .l4 = DF_RULE_L4_TYPE, .first = (a)
#define OF_CODE(a, b) .l4 = DF_RULE_L4_TYPE_CODE, .first = (a), .last = (b)
#define IN_PREFIX(ip, bits) .remote = DF_REMOTE_PREFIX, .prefix = (ip), .prefix_len = (bits)
#define IN_SET(number) .remote = DF_REMOTE_SET, .set = (number)
#define IN_ADDRESS_GROUP(number) .remote = DF_REMOTE_ADDRESS_GROUP, .set = (number)

/* One rule is all that the group has for that way. */
#define only_rule(way, group, stateful, ...)                                                                           \
    rules_put(way, group, stateful, 1, &(const struct df_security_group_rule){__VA_ARGS__})

/* Domain 0 is an address group's. */
static inline void member_put_in(uint32_t domain, uint32_t set, struct df_ip ip, uint32_t bits)
{
    struct df_address_set_key key = {.set = set, .domain = domain, .prefix_len = bits, .ip = ip};
    struct df_address_set_value value = {.lport = 0};
    must_put(DF_TABLE_ADDRESS_SET, &key, &value);
}

static inline void member_put(uint32_t set, struct df_ip ip, uint32_t bits)
{
    member_put_in(DOMAIN, set, ip, bits);
}

static inline void member_del(uint32_t set, struct df_ip ip, uint32_t bits)
{
    struct df_address_set_key key = {.set = set, .domain = DOMAIN, .prefix_len = bits, .ip = ip};
    must_del(DF_TABLE_ADDRESS_SET, &key);
}

/* Does a decision that was made before still hold? */
static inline bool holds(const struct df_stamps *stamps)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < stamps->n; i++)
        sum += df_stamp_array[stamps->slot[i]].value;
    return sum == stamps->sum;
}

/* ---- packets: remote is the other end, port the destination port */

static inline void frame_open(enum way way, unsigned proto, const char *remote)
{
    bool six = strchr(remote, ':') != NULL;
    const char *guest = six ? GUEST6 : GUEST4;
    const char *src = way == OUT ? guest : remote, *dst = way == OUT ? remote : guest;
    frame_ethernet(&frame);
    if (six)
        frame_ip6(&frame, proto, 64, src, dst);
    else
        frame_ip4(&frame, proto, src, dst, 0);
}

static inline void walk_ready(enum way way)
{
    walk_parse();
    if (way == OUT)
        walk.in_lport = GUEST;
    else
        walk.out_lport = GUEST;
    walk.parsed = walk.packet;
    walk.worker = DF_WALK_NOBODY;
}

static inline void frame_shut(enum way way)
{
    frame_close(&frame);
    walk_ready(way);
}

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

static inline void make_tcp(enum way way, const char *remote, unsigned sport, unsigned dport, unsigned flags)
{
    frame_open(way, 6, remote);
    frame_tcp(&frame, sport, dport);
    frame_tcp_flags(&frame, flags);
    frame_shut(way);
}

static inline void make_udp(enum way way, const char *remote, unsigned sport, unsigned dport)
{
    frame_open(way, 17, remote);
    frame_udp(&frame, sport, dport, 4);
    frame_set16(&frame, frame.l4 + 6, 0xabcd); /* IPv6 has no UDP without a checksum */
    frame_shut(way);
}

static inline void make_icmp(enum way way, const char *remote, unsigned type, unsigned code)
{
    frame_open(way, strchr(remote, ':') ? 58 : 1, remote);
    frame_icmp(&frame, type, code, 24);
    frame_shut(way);
}

static inline void make_proto(enum way way, const char *remote, unsigned proto)
{
    frame_open(way, proto, remote);
    frame_fill(&frame, 0, 24);
    frame_shut(way);
}

/* ---- through both tables of that way */

static inline uint16_t through(enum way way)
{
    uint16_t next = visit(conntrack_of[way]);
    return next == rules_of[way] ? visit(next) : next;
}

static inline void expect_pass_(enum way way, int line)
{
    uint16_t next = through(way);
    cr_assert_eq(next, past_of[way], "line %d: next table is %u (%s)", line, next, df_drop_name(walk.verdict.drop));
}

static inline void expect_denied_(enum way way, enum df_drop wanted, int line)
{
    uint16_t next = through(way);
    cr_assert_eq(next, DF_TABLE_END, "line %d: passes, wanted a drop: %s", line, df_drop_name(wanted));
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_DROP, "line %d: verdict is %u", line, walk.verdict.kind);
    cr_assert_eq(walk.verdict.drop, wanted, "line %d: %s, wanted %s", line, df_drop_name(walk.verdict.drop),
                 df_drop_name(wanted));
    cr_assert_eq(walk.rule[way], 0, "line %d", line);
}

#define expect_pass(way) expect_pass_(way, __LINE__)
#define expect_denied(way, wanted) expect_denied_(way, DF_DROP_##wanted, __LINE__)
