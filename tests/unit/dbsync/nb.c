/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/nb.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/dbsync/place.h"

/* The NB API on the embedded driver. */

static struct place place;
static struct df_nb *nb;
static struct df_error error;

static void set_up(void)
{
    place_make(&place);
    cr_assert_eq(df_nb_open("lmdb", &place.create, &nb, &error), 0, "%s", error.text);
}

static void tear_down(void)
{
    df_nb_close(nb);
    place_remove(&place);
}

TestSuite(nb, .init = set_up, .fini = tear_down);

static Df__LogicalPort port_of(char *id)
{
    Df__LogicalPort port = DF__LOGICAL_PORT__INIT;
    port.id = id;
    port.lswitch = "net";
    return port;
}

static int write_port(enum df_nb_write how, Df__LogicalPort port)
{
    return df_nb_write(nb, how, DF_NB_LPORT, &port.base, &error);
}

static Df__LogicalPort *get_port(const char *id)
{
    ProtobufCMessage *object;
    cr_assert_eq(df_nb_get(nb, DF_NB_LPORT, id, &object, &error), 0, "%s", error.text);
    return (Df__LogicalPort *)object;
}

static uint32_t key_of(const char *id)
{
    Df__LogicalPort *port = get_port(id);
    uint32_t key = port->unique_key;
    df__logical_port__free_unpacked(port, NULL);
    return key;
}

static uint64_t version_of(const char *id)
{
    Df__LogicalPort *port = get_port(id);
    uint64_t version = port->version;
    df__logical_port__free_unpacked(port, NULL);
    return version;
}

/* A row as somebody else's program may have written it, below the API. */
static void write_row(const char *table, const char *id, const void *data, size_t len)
{
    struct df_db *db;
    const struct df_db_driver *driver = df_db_driver_find("lmdb");
    struct df_db_op op = {.table = table, .id = id, .data = data, .len = len};
    size_t failed;
    uint64_t revision;
    cr_assert_eq(driver->open(&place.exists, &db, &error), 0);
    cr_assert_eq(driver->commit(db, &op, 1, &failed, &revision, &error), 0);
    driver->close(db);
}

Test(nb, create_refuses_what_exists)
{
    cr_expect_eq(write_port(DF_NB_CREATE, port_of("p")), 0);
    cr_expect_eq(write_port(DF_NB_CREATE, port_of("p")), -EEXIST);
    cr_expect_str_eq(error.text, "lport 'p': exists already");
}

Test(nb, update_and_delete_refuse_what_does_not_exist)
{
    ProtobufCMessage *object;
    cr_expect_eq(write_port(DF_NB_UPDATE, port_of("p")), -ENOENT);
    cr_expect_str_eq(error.text, "lport 'p': does not exist");
    cr_expect_eq(df_nb_delete(nb, DF_NB_LPORT, "p", &error), -ENOENT);
    cr_expect_eq(df_nb_get(nb, DF_NB_LPORT, "p", &object, &error), -ENOENT);
}

Test(nb, update_replaces_the_fields_that_are_set_and_keeps_the_others)
{
    char *two[] = {"10.0.0.1", "10.0.0.2"}, *one[] = {"10.0.0.9"};
    Df__LogicalPort port = port_of("p"), change = DF__LOGICAL_PORT__INIT;
    port.name = "kept";
    port.ips = two;
    port.n_ips = 2;
    cr_assert_eq(write_port(DF_NB_CREATE, port), 0);
    change.id = "p";
    change.ips = one;
    change.n_ips = 1;
    change.has_enabled = 1;
    change.enabled = 0;
    cr_assert_eq(write_port(DF_NB_UPDATE, change), 0, "%s", error.text);

    Df__LogicalPort *stored = get_port("p");
    cr_expect_str_eq(stored->name, "kept");
    cr_expect_str_eq(stored->lswitch, "net");
    cr_expect_eq(stored->n_ips, 1);
    cr_expect_str_eq(stored->ips[0], "10.0.0.9");
    cr_expect(stored->has_enabled && !stored->enabled);
    cr_expect_eq(stored->version, 2);
    df__logical_port__free_unpacked(stored, NULL);
}

Test(nb, the_merged_object_is_checked)
{
    char *bad[] = {"10.0.0.300"};
    Df__LogicalPort change = DF__LOGICAL_PORT__INIT;
    change.id = "p";
    change.ips = bad;
    change.n_ips = 1;
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("p")), 0);
    cr_expect_eq(write_port(DF_NB_UPDATE, change), -EINVAL);
    cr_expect_str_eq(error.text, "lport 'p': ips[0]: '10.0.0.300' is not an IP address");
    cr_expect_eq(version_of("p"), 1);
}

Test(nb, put_creates_and_replaces)
{
    Df__LogicalPort port = port_of("p");
    port.name = "first";
    cr_assert_eq(write_port(DF_NB_PUT, port), 0);
    cr_assert_eq(write_port(DF_NB_PUT, port_of("p")), 0);
    Df__LogicalPort *stored = get_port("p");
    cr_expect_null(stored->name);
    cr_expect_eq(stored->version, 2);
    cr_expect_eq(stored->unique_key, 1);
    df__logical_port__free_unpacked(stored, NULL);
}

Test(nb, ensure_writes_only_what_differs)
{
    Df__LogicalPort port = port_of("p");
    cr_assert_eq(write_port(DF_NB_ENSURE, port), 0);
    cr_expect_eq(version_of("p"), 1);
    cr_assert_eq(write_port(DF_NB_ENSURE, port), 0);
    cr_expect_eq(version_of("p"), 1, "the same was written again");
    port.name = "other";
    cr_assert_eq(write_port(DF_NB_ENSURE, port), 0);
    cr_expect_eq(version_of("p"), 2);
    cr_assert_eq(write_port(DF_NB_ENSURE, port_of("p")), 0);
    cr_expect_eq(version_of("p"), 3, "a field that is gone is a difference");
}

Test(nb, versions_rise_over_the_stored_one_whatever_the_object_says)
{
    Df__LogicalPort port = port_of("p");
    port.has_version = 1;
    port.version = 40;
    cr_assert_eq(write_port(DF_NB_PUT, port), 0);
    cr_expect_eq(version_of("p"), 40, "an object from a dump comes with its version");
    port.version = 7;
    cr_assert_eq(write_port(DF_NB_PUT, port), 0);
    cr_expect_eq(version_of("p"), 41);
    port.version = 7000;
    cr_assert_eq(write_port(DF_NB_UPDATE, port), 0);
    cr_expect_eq(version_of("p"), 42);
}

Test(nb, unique_keys_are_kept_and_never_given_twice)
{
    for (int i = 0; i < 3; i++) {
        char id[] = {(char)('a' + i), '\0'};
        cr_assert_eq(write_port(DF_NB_CREATE, port_of(id)), 0);
        cr_expect_eq(key_of(id), (uint32_t)i + 1);
    }
    cr_assert_eq(df_nb_delete(nb, DF_NB_LPORT, "c", &error), 0);
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("c")), 0);
    cr_expect_eq(key_of("c"), 4);
    cr_assert_eq(write_port(DF_NB_PUT, port_of("a")), 0);
    cr_expect_eq(key_of("a"), 1);
}

Test(nb, an_object_may_name_a_key_that_is_free)
{
    Df__LogicalPort port = port_of("high");
    port.has_unique_key = 1;
    port.unique_key = 10;
    cr_assert_eq(write_port(DF_NB_CREATE, port), 0);
    cr_expect_eq(key_of("high"), 10);
    port.id = "low";
    port.unique_key = 5;
    cr_assert_eq(write_port(DF_NB_CREATE, port), 0);
    cr_expect_eq(key_of("low"), 5);
    port.id = "taken";
    cr_assert_eq(write_port(DF_NB_CREATE, port), 0);
    cr_expect_eq(key_of("taken"), 11, "5 is low's, and 11 is the first that nobody ever had");
    port.id = "low";
    port.unique_key = 6;
    cr_assert_eq(write_port(DF_NB_UPDATE, port), 0);
    cr_expect_eq(key_of("low"), 6);
    port.id = "taken";
    port.unique_key = 5;
    cr_assert_eq(write_port(DF_NB_UPDATE, port), 0);
    cr_expect_eq(key_of("taken"), 5);
}

Test(nb, the_highest_key_leaves_the_others)
{
    Df__LogicalPort port = port_of("max");
    port.has_unique_key = 1;
    port.unique_key = UINT32_MAX;
    cr_assert_eq(write_port(DF_NB_CREATE, port), 0);
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("p")), 0);
    cr_expect_eq(key_of("max"), UINT32_MAX);
    cr_expect_eq(key_of("p"), 1);
}

static int rename_port(ProtobufCMessage **object, void *arg, struct df_error *why)
{
    (void)why;
    Df__LogicalPort *port = (Df__LogicalPort *)*object;
    free(port->name);
    port->name = arg ? strdup(arg) : NULL;
    return 0;
}

Test(nb, edit_sets_and_unsets)
{
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("p")), 0);
    cr_expect_eq(df_nb_edit(nb, DF_NB_LPORT, "p", rename_port, "new", &error), 0);
    Df__LogicalPort *port = get_port("p");
    cr_expect_str_eq(port->name, "new");
    df__logical_port__free_unpacked(port, NULL);
    cr_expect_eq(df_nb_edit(nb, DF_NB_LPORT, "p", rename_port, NULL, &error), 0);
    port = get_port("p");
    cr_expect_null(port->name);
    cr_expect_eq(port->version, 3);
    df__logical_port__free_unpacked(port, NULL);
}

Test(nb, a_batch_writes_everything_and_the_last_put_of_an_id_counts)
{
    struct df_nb_batch *batch;
    char id[16];
    cr_assert_eq(df_nb_batch_begin(nb, &batch), 0);
    for (int i = 0; i < 2500; i++) {
        snprintf(id, sizeof id, "p%04d", i);
        Df__LogicalPort port = port_of(id);
        cr_assert_eq(df_nb_batch_put(batch, DF_NB_LPORT, &port.base, &error), 0);
        port.name = "last";
        cr_assert_eq(df_nb_batch_put(batch, DF_NB_LPORT, &port.base, &error), 0);
    }
    cr_assert_eq(df_nb_batch_end(batch, &error), 0, "%s", error.text);
    bool used[5001] = {false};
    for (int i = 0; i < 2500; i++) {
        snprintf(id, sizeof id, "p%04d", i);
        Df__LogicalPort *port = get_port(id);
        cr_assert_str_eq(port->name, "last");
        cr_assert(port->unique_key >= 1 && port->unique_key <= 5000 && !used[port->unique_key]);
        used[port->unique_key] = true;
        df__logical_port__free_unpacked(port, NULL);
    }
}

Test(nb, a_batch_restores_the_keys_of_a_dump_in_any_order)
{
    struct df_nb_batch *batch;
    char id[16];
    cr_assert_eq(df_nb_batch_begin(nb, &batch), 0);
    for (uint32_t i = 1; i <= 1500; i++) {
        snprintf(id, sizeof id, "p%u", i);
        Df__LogicalPort port = port_of(id);
        port.has_unique_key = 1;
        port.unique_key = 1501 - i;
        cr_assert_eq(df_nb_batch_put(batch, DF_NB_LPORT, &port.base, &error), 0);
    }
    cr_assert_eq(df_nb_batch_end(batch, &error), 0, "%s", error.text);
    for (uint32_t i = 1; i <= 1500; i++) {
        snprintf(id, sizeof id, "p%u", i);
        cr_assert_eq(key_of(id), 1501 - i);
    }
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("next")), 0);
    cr_expect_eq(key_of("next"), 1501);
}

/* Events as one line of text. */
static char told[4096];

static void tell(struct df_nb_change *change, void *arg)
{
    static const char *const names[] = {
        [DF_NB_SNAPSHOT_BEGIN] = "[", [DF_NB_SET] = "+", [DF_NB_DELETE] = "-", [DF_NB_BAD] = "!",
        [DF_NB_SNAPSHOT_END] = "]",
    };
    (void)arg;
    size_t used = strlen(told);
    bool is_row = change->table < DF_NB_TABLES;
    snprintf(told + used, sizeof told - used, "%s%s%s", names[change->event], is_row ? change->id : "",
             is_row ? " " : "");
    if (change->event == DF_NB_BAD)
        cr_expect_not_null(change->error);
}

static const char *sync_nb(void)
{
    told[0] = '\0';
    int n = df_nb_sync(nb, tell, NULL, &error);
    cr_expect_geq(n, 0, "%s", error.text);
    return told;
}

Test(nb, sync_is_a_snapshot_and_then_changes_in_order)
{
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("a")), 0);
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("b")), 0);
    cr_expect_str_eq(sync_nb(), "[+a +b ]");
    cr_expect_str_eq(sync_nb(), "");
    cr_assert_eq(write_port(DF_NB_UPDATE, port_of("b")), 0);
    cr_assert_eq(df_nb_delete(nb, DF_NB_LPORT, "a", &error), 0);
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("a")), 0);
    cr_expect_str_eq(sync_nb(), "+b -a +a ");
}

Test(nb, the_descriptor_polls_when_there_is_news)
{
    sync_nb();
    struct pollfd fd = {.fd = df_nb_sync_fd(nb), .events = POLLIN};
    cr_expect_eq(poll(&fd, 1, 0), 0);
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("a")), 0);
    cr_expect_eq(poll(&fd, 1, 0), 1);
    sync_nb();
    cr_expect_eq(poll(&fd, 1, 0), 0);
}

Test(nb, a_bad_row_is_told_alone_and_mends)
{
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("a")), 0);
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("b")), 0);
    sync_nb();
    write_row("lport", "a", "\xff\xff", 2);
    cr_expect_str_eq(sync_nb(), "!a ");

    ProtobufCMessage *object;
    cr_expect_eq(df_nb_get(nb, DF_NB_LPORT, "a", &object, &error), -EBADMSG);
    cr_expect_str_eq(error.text, "lport 'a': the row is not a packed LogicalPort");
    cr_expect_eq(write_port(DF_NB_UPDATE, port_of("a")), -EBADMSG);
    told[0] = '\0';
    cr_assert_eq(df_nb_list(nb, DF_NB_LPORT, tell, NULL, &error), 0);
    cr_expect_str_eq(told, "!a +b ");

    cr_assert_eq(write_port(DF_NB_PUT, port_of("a")), 0, "%s", error.text);
    cr_expect_str_eq(sync_nb(), "+a ");
}

static void write_rule(Df__SecurityGroupRule *rule)
{
    uint8_t packed[1024];
    Df__SecurityGroup group = DF__SECURITY_GROUP__INIT;
    group.id = "web";
    group.n_rules = 1;
    group.rules = &rule;
    size_t len = df__security_group__get_packed_size(&group);
    cr_assert_leq(len, sizeof packed);
    write_row("secgroup", "web", packed, df__security_group__pack(&group, packed));
}

/* Valid until the next call. */
static const char *stored_protocol(void)
{
    static char protocol[512];
    ProtobufCMessage *object;
    cr_assert_eq(df_nb_get(nb, DF_NB_SECGROUP, "web", &object, &error), 0, "%s", error.text);
    snprintf(protocol, sizeof protocol, "%s", ((Df__SecurityGroup *)object)->rules[0]->protocol);
    protobuf_c_message_free_unpacked(object, NULL);
    return protocol;
}

Test(nb, a_stored_rule_that_cannot_be_makes_no_bad_row)
{
    char text[301];
    Df__SecurityGroupRule rule = DF__SECURITY_GROUP_RULE__INIT;
    rule.protocol = "tpc";
    write_rule(&rule);
    cr_expect_str_eq(sync_nb(), "[+web ]");
    cr_expect_str_eq(stored_protocol(), "tpc");
    rule.protocol = "tc\xffp\x1b[1m";
    write_rule(&rule);
    cr_expect_str_eq(stored_protocol(), "tc p [1m");
    memset(text, '1', sizeof text);
    text[300] = '\0';
    rule.protocol = text;
    write_rule(&rule);
    cr_expect_eq(strlen(stored_protocol()), 255);

    Df__SecurityGroup named = DF__SECURITY_GROUP__INIT;
    named.id = "web";
    named.name = "web";
    cr_expect_eq(df_nb_write(nb, DF_NB_UPDATE, DF_NB_SECGROUP, &named.base, &error), -EINVAL);
    cr_expect_str_eq(error.text, "secgroup 'web': rules[0].direction: is missing");
    cr_expect_eq(df_nb_write(nb, DF_NB_PUT, DF_NB_SECGROUP, &named.base, &error), 0);
}

Test(nb, a_row_must_hold_the_object_it_is_named_after)
{
    uint8_t packed[64];
    Df__LogicalPort port = port_of("b");
    size_t len = df__logical_port__pack(&port, packed);
    write_row("lport", "a", packed, len);
    write_row("lport", "with space", packed, len);
    cr_expect_str_eq(sync_nb(), "[!a !with space ]");
}

Test(nb, tables_of_a_newer_program_are_left_alone)
{
    write_row("load_balancer", "x", "y", 1);
    cr_expect_str_eq(sync_nb(), "[]");
}

Test(nb, a_few_bytes_cannot_ask_for_much_memory)
{
    /* Each pair of bytes is an empty rule, and a rule is a struct of over a hundred bytes. */
    enum { LEN = 4 << 20 };
    char *bytes = malloc(LEN);
    cr_assert_not_null(bytes);
    for (size_t i = 0; i < LEN; i += 2) {
        bytes[i] = 6 << 3 | 2;
        bytes[i + 1] = 0;
    }
    write_row("secgroup", "g", bytes, LEN);
    free(bytes);
    cr_expect_str_eq(sync_nb(), "[!g ]");
}

Test(nb, a_gap_gives_a_new_snapshot)
{
    char id[16], blob[1] = {0};
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("a")), 0);
    sync_nb();
    cr_assert_eq(df_nb_delete(nb, DF_NB_LPORT, "a", &error), 0);
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("b")), 0);

    enum { ROWS = 1000 };
    static struct df_db_op ops[ROWS];
    static char ids[ROWS][16];
    struct df_db *db;
    size_t failed;
    uint64_t revision;
    const struct df_db_driver *driver = df_db_driver_find("lmdb");
    cr_assert_eq(driver->open(&place.exists, &db, &error), 0);
    for (int i = 0; i < ROWS; i++) {
        snprintf(ids[i], sizeof id, "%d", i);
        ops[i] = (struct df_db_op){.table = "noise", .id = ids[i], .data = blob, .len = 1};
    }
    for (int i = 0; i < 70; i++)
        cr_assert_eq(driver->commit(db, ops, ROWS, &failed, &revision, &error), 0);
    driver->close(db);
    cr_expect_str_eq(sync_nb(), "[+b ]");
    cr_expect_str_eq(sync_nb(), "");
}

Test(nb, a_database_that_is_gone_is_an_error_and_no_deletes)
{
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("a")), 0);
    sync_nb();
    place_remove(&place);
    told[0] = '\0';
    cr_expect_lt(df_nb_sync(nb, tell, NULL, &error), 0);
    cr_expect_str_eq(told, "");
}

Test(nb, a_database_of_a_newer_schema_is_refused)
{
    struct df_nb *other;
    write_row("schema", "version", "99", 2);
    cr_expect_eq(df_nb_open("lmdb", &place.exists, &other, &error), -ENOTSUP);
    cr_expect_not_null(strstr(error.text, "schema version 99"), "%s", error.text);
}

Test(nb, a_missing_database_says_what_to_do)
{
    struct df_nb *other;
    struct df_db_config nowhere = {.location = "/nonexistent/nb"};
    cr_expect_eq(df_nb_open("lmdb", &nowhere, &other, &error), -ENOENT);
    cr_expect_str_eq(error.text, "no database in /nonexistent/nb: run df-db --db lmdb:/nonexistent/nb init");
    cr_expect_eq(df_nb_open("oracle", &nowhere, &other, &error), -EPROTONOSUPPORT);
}

Test(nb, list_is_in_the_order_of_tables_and_ids)
{
    Df__LogicalSwitch lswitch = DF__LOGICAL_SWITCH__INIT;
    lswitch.id = "z";
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("b")), 0);
    cr_assert_eq(write_port(DF_NB_CREATE, port_of("a")), 0);
    cr_assert_eq(df_nb_write(nb, DF_NB_CREATE, DF_NB_LSWITCH, &lswitch.base, &error), 0);
    told[0] = '\0';
    cr_assert_eq(df_nb_list(nb, DF_NB_TABLES, tell, NULL, &error), 0);
    cr_expect_str_eq(told, "+z +a +b ");
}
