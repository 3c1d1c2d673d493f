/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"

/* `df-ctl underlay`: the node's own port, and the neighbours by which it reaches other nodes. */

json_t *fetch_underlay(struct ctl *ctl, struct df_error *error)
{
    return ctl_call(ctl, "underlay", NULL, error);
}

static const char *text_of(json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    return text ? text : "-";
}

static long long number_of(json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key));
}

/* "up0 (02:..:01), open", or why it is not. */
static void print_state(const char *label, json_t *port)
{
    printf("%-12s%s", label, text_of(port, "name"));
    if (json_is_string(json_object_get(port, "mac")))
        printf(" (%s)", text_of(port, "mac"));
    if (!json_is_true(json_object_get(port, "open")))
        printf(", not open: %s\n", text_of(port, "reason"));
    else
        puts(json_is_true(json_object_get(port, "attached")) ? ", open" : ", open, its link is down");
}

static void print_list(const char *label, json_t *list)
{
    if (json_array_size(list) == 0)
        return;
    char *text = value_text(list);
    printf("%-12s%s\n", label, text);
    free(text);
}

static void print_port(json_t *json)
{
    print_state("port", json);
    print_list("addresses", json_object_get(json, "ips"));
    print_list("gateways", json_object_get(json, "gateways"));
    print_list("tunnels", json_object_get(json, "tunnel_types"));
    if (number_of(json, "vlan"))
        printf("%-12s%lld\n", "vlan", number_of(json, "vlan"));
    printf("%-12s%lld\n", "mtu", number_of(json, "mtu"));
    if (json_is_object(json_object_get(json, "exception")))
        print_state("exception", json_object_get(json, "exception"));
    json_t *conflict = json_object_get(json, "conflict");
    if (json_is_object(conflict))
        printf("%-12s%s is the address of %s too, who said so %lld s ago\n", "conflict", text_of(conflict, "ip"),
               text_of(conflict, "mac"), number_of(conflict, "age_ms") / 1000);
    if (number_of(json, "refused"))
        printf("%-12s%lld times, for there were as many peers or neighbours as may be\n", "refused",
               number_of(json, "refused"));
    printf("%-12s%lld asked, %lld answers, %lld of what nobody asked for; %lld packets wait\n\n", "resolver",
           number_of(json, "asked"), number_of(json, "answers"), number_of(json, "unasked"),
           number_of(json, "waiting"));
}

void print_underlay(const struct ctl *ctl, json_t *json)
{
    static const struct column neighbours[] = {
        {"NEIGHBOUR", "ip", false, NULL},         {"MAC", "mac", false, NULL},
        {"STATE", "state", false, NULL},          {"AGE MS", "age_ms", true, NULL},
        {"UNANSWERED", "unanswered", true, NULL}, {"PEERS", "peers", true, NULL},
        {"WAITING", "waiting", true, NULL},       {0},
    };
    static const struct column path_mtus[] = {
        {"PEER", "ip", false, NULL}, {"PATH MTU", "mtu", true, NULL}, {"EXPIRES MS", "expires_ms", true, NULL}, {0}};
    (void)ctl;
    if (!json_is_object(json)) {
        puts("this node has no underlay: [df] underlay_port is not set");
        return;
    }
    print_port(json);
    print_table(neighbours, json_object_get(json, "neighbours"), "no other node is in the model");
    if (json_array_size(json_object_get(json, "path_mtus"))) {
        putchar('\n');
        print_table(path_mtus, json_object_get(json, "path_mtus"), "");
    }
}
