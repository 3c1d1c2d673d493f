/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "dbsync/commands/command.h"
#include "dbsync/commands/text_table.h"

/* The commands that only read: dump, list, get. */

/* What `list` shows of a table. */
static const char *const list_columns[DF_NB_TABLES] = {
    [DF_NB_CHASSIS] = "id ip tunnel_types physical_networks datapath availability_zone",
    [DF_NB_SERVICE] = "id chassis binary last_seen_up disabled disabled_reason",
    [DF_NB_PUBLISHER] = "id name uri last_activity_timestamp",
    [DF_NB_QOSPOLICY] = "id name rules",
    [DF_NB_ADDRESS_GROUP] = "id name addresses",
    [DF_NB_SECGROUP] = "id name stateful",
    [DF_NB_LSWITCH] = "id name network_type segmentation_id physical_network mtu is_external enabled unique_key",
    [DF_NB_LSUBNET] = "id name lswitch cidr gateway_ip enable_dhcp dns_nameservers ipv6_ra_mode",
    [DF_NB_LPORT] = "id name lswitch macs ips binding.chassis binding.vif_type enabled device_owner unique_key",
    [DF_NB_LROUTER] = "id name distributed enabled unique_key",
    [DF_NB_FLOATINGIP] = "id name floating_ip_address fixed_ip_address lport lrouter",
    [DF_NB_CHILD_PORT_SEGMENTATION] = "id parent port segmentation_type segmentation_id",
    [DF_NB_ACTIVEPORT] = "id ip network detected_mac detected_lport",
    [DF_NB_SFC_PORTPAIR] = "id name ingress_port egress_port correlation_mechanism weight",
    [DF_NB_SFC_PORTPAIRGROUP] = "id name port_pairs",
    [DF_NB_SFC_FLOWCLASSIFIER] = "id name protocol source_cidr dest_cidr source_port dest_port",
    [DF_NB_SFC_PORTCHAIN] = "id name protocol chain_id port_pair_groups flow_classifiers",
    [DF_NB_BGP_PEER] = "id name peer_ip remote_as auth_type",
    [DF_NB_BGP_SPEAKER] = "id name local_as ip_version peers",
    [DF_NB_MIGRATION] = "id lport dest_chassis status",
    [DF_NB_PORT_STATUS] = "id lport chassis desired_version applied_version attached reason",
};

struct reading {
    bool bad; /* a row could not be read, or not be written so */
    enum df_nb_table table;
    bool first; /* of its table */
    json_t *list;
    struct df_text_table *text;
};

static void say_bad(struct reading *reading, const struct df_nb_change *change)
{
    reading->bad = true;
    df_command_fail("%s", change->error);
}

/* One object on a line: to be searched and compared by line. */
static void dump_object(struct df_nb_change *change, void *arg)
{
    struct reading *reading = arg;
    if (change->event == DF_NB_BAD) {
        say_bad(reading, change);
        return;
    }
    if (reading->first || reading->table != change->table) {
        const char *name = df_schema_table(change->table)->name;
        printf("%s\"%s\": [\n", reading->first ? "" : "\n],\n", name);
        reading->table = change->table;
        reading->first = false;
    } else {
        printf(",\n");
    }
    json_t *json = df_schema_to_json(change->object);
    json_dumpf(json, stdout, 0);
    json_decref(json);
    reading->bad |= df_command_warn(change->table, change->object);
}

static int run_dump(struct df_command_context *context, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct df_error error;
    struct reading reading = {.first = true};
    printf("{\n");
    int rc = df_nb_list(context->nb, DF_NB_TABLES, dump_object, &reading, &error);
    printf("%s}\n", reading.first ? "" : "\n]\n");
    if (rc)
        return df_command_fail("%s", error.text);
    return reading.bad ? DF_EXIT_ERROR : DF_EXIT_OK;
}

const struct df_command df_command_dump = {
    .name = "dump",
    .arguments = "",
    .summary = "Print all objects as JSON, for load",
    .help = "One object a line, in the order of tables and ids. A row that cannot be read is reported and left out,\n"
            "a rule of a security group that cannot be is reported, and the exit code is 1.\n",
    .access = DF_COMMAND_READ,
    .run = run_dump,
};

static void list_object(struct df_nb_change *change, void *arg)
{
    struct reading *reading = arg;
    if (change->event == DF_NB_BAD) {
        say_bad(reading, change);
        return;
    }
    json_t *json = df_schema_to_json(change->object);
    reading->bad |= df_command_warn(change->table, change->object);
    if (reading->list) {
        json_array_append_new(reading->list, json);
        return;
    }
    df_text_table_add(reading->text, json);
    json_decref(json);
}

static int run_list(struct df_command_context *context, int argc, char **argv)
{
    (void)argc;
    struct df_error error;
    struct reading reading = {.table = df_command_table(argv[0])};
    if (reading.table == DF_NB_TABLES)
        return DF_EXIT_ERROR;
    reading.list = context->json ? json_array() : NULL;
    reading.text = df_text_table_new(list_columns[reading.table]);
    if (!reading.text)
        return df_command_fail("out of memory");
    int rc = df_nb_list(context->nb, reading.table, list_object, &reading, &error);
    if (rc == 0 && context->json)
        df_command_print_json(reading.list);
    else if (rc == 0)
        df_text_table_print(reading.text);
    else
        df_command_fail("%s", error.text);
    json_decref(reading.list);
    df_text_table_free(reading.text);
    return rc || reading.bad ? DF_EXIT_ERROR : DF_EXIT_OK;
}

const struct df_command df_command_list = {
    .name = "list",
    .arguments = "TABLE",
    .summary = "Print a table",
    .help = "The columns that matter most; get shows an object whole, and so does list --json.\n",
    .min_args = 1,
    .max_args = 1,
    .access = DF_COMMAND_READ,
    .run = run_list,
};

static void print_fields(const json_t *json)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, name, value) {
        char *cell = df_text_cell(value);
        printf("%-22s %s\n", name, cell ? cell : "");
        free(cell);
    }
}

static int run_get(struct df_command_context *context, int argc, char **argv)
{
    (void)argc;
    struct df_error error;
    ProtobufCMessage *object;
    enum df_nb_table table = df_command_table(argv[0]);
    if (table == DF_NB_TABLES)
        return DF_EXIT_ERROR;
    if (df_nb_get(context->nb, table, argv[1], &object, &error))
        return df_command_fail("%s", error.text);
    json_t *json = df_schema_to_json(object);
    df_command_warn(table, object);
    protobuf_c_message_free_unpacked(object, NULL);
    if (context->json)
        df_command_print_json(json);
    else
        print_fields(json);
    json_decref(json);
    return DF_EXIT_OK;
}

const struct df_command df_command_get = {
    .name = "get",
    .arguments = "TABLE ID",
    .summary = "Print an object",
    .help = "",
    .min_args = 2,
    .max_args = 2,
    .access = DF_COMMAND_READ,
    .run = run_get,
};
