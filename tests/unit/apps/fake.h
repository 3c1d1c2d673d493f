/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/app.h"

/*
 * A compiler to test compile functions in isolation: objects in, entries out. It implements compile.h and what app.h
 * offers to punt handlers, over a model that the test fills, and records everything that the app does.
 *
 * Every network and group is needed and every bound lport is local unless the test says otherwise. All needed networks
 * are in one domain.
 */
#define FAKE_DOMAIN 500

/** Forgets the model and all that was recorded. Use as Criterion's .init. */
void fake_reset(void);

/** Puts an object into the model; it stays the caller's. */
void fake_add(enum df_nb_table table, const void *object);

void fake_set_unneeded(const char *lswitch_id); /* or id of a secgroup or address_group */
void fake_set_remote(const char *lport_id);
void fake_set_dead(const char *chassis_id);

/** Where else ports of every network are; kept as they are. n 0: nowhere. */
void fake_set_places(const struct df_compile_place *places, size_t n);

/**
 * The node's end of tunnels; it stays the caller's. Its MAC is FAKE_UNDERLAY_MAC, that of a neighbour 02:00:00:00:01:xx
 * with xx the last byte of its address, and .99 is no neighbour. To
 * .98 the path's MTU is FAKE_PATH_MTU.
 */
void fake_set_underlay(const struct df_underlay_end *end);
#define FAKE_UNDERLAY_MAC "02:00:00:00:00:01"
#define FAKE_PATH_MTU 1400

/** Calls every rule that the app has for the table. */
void fake_compile(enum df_nb_table table, const void *object);

/** The number that the app got for a group, and for a part of an object; 0: it asked for none. */
uint32_t fake_number(enum df_nb_table table, const char *id);
uint32_t fake_part_number(const char *part);

/** The entry of lowest rank with this key, or NULL; its value is the key's winner. */
struct fake_entry {
    unsigned rank;
    uint16_t table;
    uint16_t key_len;
    uint32_t value_len;
    uint8_t key[DF_KEY_MAX];
    uint8_t value[DF_VALUE_MAX];
};
const struct fake_entry *fake_find(uint16_t table, const void *key, size_t key_len);
const void *fake_value(uint16_t table, const void *key, size_t key_len);
#define FAKE_VALUE(table, ...) fake_value(table, &(__VA_ARGS__), sizeof(__VA_ARGS__))

/** How many entries the table got. */
size_t fake_count(uint16_t table);

/** Is there a problem (or a log line) whose text has all of this in it? Part may be NULL. */
bool fake_has_problem(const char *part, const char *other_part);
size_t fake_problems(void);

/** Why the port was refused, or "". */
const char *fake_refusal(void);

/** Was the object read, so that its change compiles the other one again? */
bool fake_was_read(enum df_nb_table table, const char *id);

/** The last frame sent, and how many there were. fake_send_error makes df_app_packet_out() fail. */
struct fake_sent {
    size_t n;
    uint16_t port;
    uint32_t len;
    uint8_t frame[2048];
};
extern struct fake_sent fake_sent;
extern int fake_send_error;
extern size_t fake_logged;

/** Addresses from text; the test fails when it is none. */
struct df_mac fake_mac(const char *text);
struct df_ip fake_ip(const char *text);
uint32_t fake_ip4(const char *text);

/* Objects in one line. Strings and arrays are the test's. */
#define LIST(name, ...)                                                                                                \
    .n_##name = sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), .name = (char *[])                       \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
#define OBJECTS(type, name, ...)                                                                                       \
    .n_##name = sizeof((type *[]){__VA_ARGS__}) / sizeof(type *), .name = (type *[])                                   \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

#define LSWITCH(...)                                                                                                   \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__logical_switch__descriptor), .has_unique_key = 1, .enabled = 1,           \
        __VA_ARGS__                                                                                                    \
    }
#define CHASSIS(...)                                                                                                   \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__chassis__descriptor), __VA_ARGS__                                         \
    }
#define LSUBNET(...)                                                                                                   \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__subnet__descriptor), __VA_ARGS__                                          \
    }
#define LPORT(...)                                                                                                     \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__logical_port__descriptor), .has_unique_key = 1, .enabled = 1,             \
        .port_security_enabled = 1, __VA_ARGS__                                                                        \
    }
#define LROUTER(...)                                                                                                   \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__logical_router__descriptor), .has_unique_key = 1, .enabled = 1,           \
        .distributed = 1, __VA_ARGS__                                                                                  \
    }
#define ROUTER_PORT(...)                                                                                               \
    &(Df__LogicalRouterPort)                                                                                           \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__logical_router_port__descriptor), __VA_ARGS__                             \
    }
#define ROUTE(to, via)                                                                                                 \
    &(Df__HostRoute)                                                                                                   \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__host_route__descriptor), .destination = to, .nexthop = via                \
    }
#define SECGROUP(...)                                                                                                  \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__security_group__descriptor), .stateful = 1, __VA_ARGS__                   \
    }
#define SG_RULE(...)                                                                                                   \
    &(Df__SecurityGroupRule)                                                                                           \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__security_group_rule__descriptor), __VA_ARGS__                             \
    }
#define ADDRESS_GROUP(...)                                                                                             \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__address_group__descriptor), __VA_ARGS__                                   \
    }
#define PAIR(ip, mac)                                                                                                  \
    &(Df__AddressPair)                                                                                                 \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__address_pair__descriptor), .ip_address = ip, .mac_address = mac           \
    }
#define BOUND_TO(host)                                                                                                 \
    .binding = &(Df__PortBinding)                                                                                      \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__port_binding__descriptor), .type = "chassis", .chassis = host             \
    }
#define DHCP_OPT(name, text)                                                                                           \
    &(Df__DhcpOption)                                                                                                  \
    {                                                                                                                  \
        .base = PROTOBUF_C_MESSAGE_INIT(&df__dhcp_option__descriptor), .key = name, .value = text                      \
    }
