/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"

/* `df-ctl trace PORT PACKET`: words may be separated by blanks or commas. */

json_t *fetch_trace(struct ctl *ctl, struct df_error *error)
{
    char *packet = NULL;
    size_t size;
    FILE *out = open_memstream(&packet, &size);
    if (!out)
        abort();
    for (int i = 1; i < ctl->n_args; i++)
        fprintf(out, "%s%s", i > 1 ? " " : "", ctl->args[i]);
    fclose(out);
    json_t *result = ctl_call(ctl, "trace", json_pack("{s:s, s:s}", "port", ctl->args[0], "packet", packet), error);
    free(packet);
    return result;
}

static const char *text_at(json_t *json, const char *path)
{
    const char *text = json_string_value(json_at(json, path));
    return text ? text : "";
}

static void print_fields(const char *label, json_t *object, int indent)
{
    char *text = fields_text(object);
    printf("%*s%s%s\n", indent, "", label, text);
    free(text);
}

static void print_match(json_t *match, int indent)
{
    char *key = fields_text(json_object_get(match, "key"));
    char *value = fields_text(json_object_get(match, "value"));
    printf("%*sentry    %s -> %s\n", indent, "", key, value);
    free(key);
    free(value);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(match, "items"), i, item)
        print_fields("          ", item, indent);
    json_t *origin = json_object_get(match, "origin");
    if (origin)
        printf("%*sfrom     %s %s, version %lld, by app %s\n", indent, "", text_at(origin, "table"),
               text_at(origin, "id"), (long long)json_integer_value(json_object_get(origin, "version")),
               text_at(origin, "app"));
}

static void print_connection(json_t *connection, int indent)
{
    if (!connection)
        return;
    const char *state = text_at(connection, "state");
    printf("%*sis       %s%s%s\n", indent, "", text_at(connection, "found"),
           *state ? ", its connection in state " : ", it has no connection yet", state);
}

/* What security groups say of the packet: a rule, null where none allows it, or nothing. */
static void print_rule(json_t *rule, int indent)
{
    if (json_is_null(rule))
        printf("%*srule     none matched\n", indent, "");
    else if (json_object_get(rule, "id"))
        printf("%*srule     %s of group %s: %s\n", indent, "", text_at(rule, "id"), text_at(rule, "group_name"),
               text_at(rule, "words"));
    else if (rule)
        print_fields("rule     ", rule, indent);
}

static void print_step(json_t *step)
{
    int indent = 4 + 2 * (int)json_integer_value(json_object_get(step, "depth"));
    printf("%*s%3lld %s (%s)\n", indent - 4, "", (long long)json_integer_value(json_object_get(step, "table")),
           text_at(step, "name"), text_at(step, "upstream"));
    size_t i;
    json_t *lookup;
    json_array_foreach(json_object_get(step, "lookups"), i, lookup) {
        json_t *match = json_object_get(lookup, "match");
        if (json_is_object(match))
            print_match(match, indent);
        else
            print_fields("no entry ", json_object_get(lookup, "key"), indent);
    }
    print_connection(json_object_get(step, "connection"), indent);
    print_rule(json_object_get(step, "rule"), indent);
    json_t *set = json_object_get(step, "set");
    if (json_object_size(set) > 0)
        print_fields("sets     ", set, indent);
}

static void print_output(json_t *output)
{
    const char *name = text_at(output, "port_name");
    long long vlan = json_integer_value(json_object_get(output, "vlan"));
    if (*text_at(output, "reason")) {
        printf("verdict: no copy: %s (%s)\n", text_at(output, "reason"), text_at(output, "help"));
        return;
    }
    printf("verdict: deliver to port %lld%s%s", (long long)json_integer_value(json_object_get(output, "port")),
           *name ? " " : "", name);
    if (vlan)
        printf(" in VLAN %lld", vlan);
    if (json_object_get(output, "fragmented"))
        printf(" in fragments of at most %lld bytes", (long long)json_integer_value(json_object_get(output, "mtu")));
    if (json_object_get(output, "tunnel"))
        print_fields(", by tunnel ", json_object_get(output, "tunnel"), 0);
    else
        putchar('\n');
}

static void print_outputs(json_t *verdict)
{
    size_t i;
    json_t *output;
    json_array_foreach(json_object_get(verdict, "outputs"), i, output)
        print_output(output);
    json_t *rewrite = json_object_get(verdict, "rewrite");
    if (json_object_size(rewrite) > 0)
        print_fields("         with ", rewrite, 0);
}

static void print_verdict(json_t *verdict)
{
    const char *kind = text_at(verdict, "kind");
    if (strcmp(kind, "output") == 0)
        print_outputs(verdict);
    else if (strcmp(kind, "answer") == 0)
        print_fields("verdict: answer in place: ", json_object_get(verdict, "answer"), 0);
    else if (strcmp(kind, "punt") == 0)
        printf("verdict: hand to app %s in the controller\n", text_at(verdict, "app_name"));
    else if (strcmp(kind, "host") == 0)
        printf("verdict: as it is between underlay and host, to port %s\n", text_at(verdict, "port_name"));
    else if (strcmp(kind, "hold") == 0)
        puts("verdict: wait for the first fragment of its datagram");
    else
        fputs("verdict: drop", stdout);
    if (*text_at(verdict, "reason"))
        printf("%s%s (%s)\n", strcmp(kind, "drop") == 0 ? ": " : "         because of ", text_at(verdict, "reason"),
               text_at(verdict, "help"));
}

void print_trace(const struct ctl *ctl, json_t *json)
{
    (void)ctl;
    print_fields("packet: ", json_object_get(json, "packet"), 0);
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(json, "steps"), i, step)
        print_step(step);
    print_verdict(json_object_get(json, "verdict"));
}
