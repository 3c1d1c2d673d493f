/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/ovsdb/answer.h"
#include "dbsync/drivers/ovsdb/frame.h"
#include "dbsync/drivers/ovsdb/lease.h"
#include "dbsync/drivers/ovsdb/location.h"
#include "dbsync/drivers/ovsdb/plan.h"
#include "dbsync/drivers/ovsdb/text.h"

/* The pure parts of the ovsdb driver. */

static struct df_error error;

Test(ovsdb_text, all_bytes_come_back_and_are_utf8)
{
    unsigned char all[256], back[2 * sizeof all + 1];
    size_t len;
    for (int i = 0; i < 256; i++)
        all[i] = (unsigned char)i;
    json_t *text = df_ovsdb_text(all, sizeof all), *checked = json_string(json_string_value(text));
    cr_assert_not_null(checked, "no UTF-8");
    cr_expect_eq(json_string_length(text), 95 + 2 * (256 - 95));
    cr_assert_eq(df_ovsdb_text_bytes(json_string_value(text), json_string_length(text), (char *)back, &len), 0);
    cr_expect_eq(len, sizeof all);
    cr_expect_arr_eq(back, all, sizeof all);
    json_decref(text);
    json_decref(checked);
}

Test(ovsdb_text, what_others_wrote_is_refused)
{
    char to[16];
    size_t len;
    const char *const texts[] = {"\xc3\xa9", "\x01", "\xc4", "a\xc4\x20", "\xc5\xa1", "\xe2\x82\xac"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect_eq(df_ovsdb_text_bytes(texts[i], strlen(texts[i]), to, &len), -EPROTO, "%zu", i);
}

Test(ovsdb_text, names_have_uuids_of_their_own)
{
    char one[DF_OVSDB_UUID_LEN + 1], two[DF_OVSDB_UUID_LEN + 1];
    df_ovsdb_row_uuid("a", "bc", one);
    df_ovsdb_row_uuid("ab", "c", two);
    cr_expect_eq(strlen(one), DF_OVSDB_UUID_LEN);
    cr_expect_str_neq(one, two);
    df_ovsdb_row_uuid("a", "bc", two);
    cr_expect_str_eq(one, two);
}

static ssize_t end_of(const char *text)
{
    struct df_ovsdb_frame frame = {0};
    return df_ovsdb_frame_end(&frame, text, strlen(text));
}

Test(ovsdb_frame, a_message_ends_at_its_last_brace)
{
    cr_expect_eq(end_of("{\"a\":[{}]}{"), 10);
    cr_expect_eq(end_of(" {\"}\\\"}\":1}x"), 11);
    cr_expect_eq(end_of("{\"a\":{}"), 0);
    cr_expect_eq(end_of("{\"a"), 0);
    cr_expect_eq(end_of(" \n"), 0);
    cr_expect_eq(end_of("[1]"), -EPROTO);
    cr_expect_eq(end_of("}"), -EPROTO);
    cr_expect_eq(end_of("HTTP/1.1 400"), -EPROTO);
    cr_expect_eq(end_of("\"{}\""), -EPROTO);
    char deep[128];
    memset(deep, '{', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    cr_expect_eq(end_of(deep), -EPROTO);
}

static struct df_ovsdb_endpoint endpoints[DF_OVSDB_ENDPOINTS];

Test(ovsdb_location, places_are_written_as_by_open_vswitch)
{
    cr_assert_eq(
        df_ovsdb_location_parse("tcp:10.0.0.1:6641,ssl:[fd00::1]:1,unix:/a:b/c,db,ssl:[::1]", endpoints, &error), 5,
        "%s", error.text);
    cr_expect_eq(endpoints[0].transport, DF_OVSDB_TCP);
    cr_expect_str_eq(endpoints[0].host, "10.0.0.1");
    cr_expect_str_eq(endpoints[0].port, "6641");
    cr_expect_eq(endpoints[1].transport, DF_OVSDB_SSL);
    cr_expect_str_eq(endpoints[1].host, "fd00::1");
    cr_expect_str_eq(endpoints[2].host, "/a:b/c");
    cr_expect_str_eq(endpoints[3].host, "db");
    cr_expect_str_eq(endpoints[3].port, "6640");
    cr_expect_str_eq(endpoints[4].port, "6640");
}

Test(ovsdb_location, what_is_no_place_is_refused)
{
    const char *const texts[] = {"",         "tcp:",      "tcp:a:", "tcp:a:0",     "tcp:a:65536", "tcp:a:1x", "tcp:a,",
                                 "ssl:[::1", "tcp:::1:1", "unix:",  "tcp:[::1]:x", "tcp:[::1]1",  "tcp:a:-1", ",tcp:a"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_expect_eq(df_ovsdb_location_parse(texts[i], endpoints, &error), -EINVAL, "'%s'", texts[i]);
    cr_expect_eq(df_ovsdb_location_parse("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", endpoints, &error), -EINVAL);
}

static int server_says(const char *text)
{
    json_t *updates = json_loads(text, 0, NULL);
    cr_assert_not_null(updates);
    int rc = df_ovsdb_answer_server(updates, &error);
    json_decref(updates);
    return rc;
}

#define SERVES(rest) "{\"Database\": {\"u\": {\"initial\": {\"name\": \"Dragonflow_Northbound\", " rest "}}}}"

Test(ovsdb_answer, a_server_must_have_our_database)
{
    cr_expect_eq(server_says("{}"), -ENOENT);
    cr_expect_not_null(strstr(error.text, "ovsdb-tool create"), "%s", error.text);
    cr_expect_eq(server_says(SERVES("\"connected\": false")), -EHOSTDOWN);
    cr_expect_eq(server_says(SERVES("\"connected\": true, \"schema\": [\"set\", []]")), -EHOSTDOWN);
    cr_expect_eq(server_says(SERVES("\"connected\": true, \"schema\": \"{}\"")), -EPROTO);
    cr_expect_eq(
        server_says(SERVES("\"connected\": true, \"schema\": \"{\\\"version\\\": \\\"1.2.0\\\", \\\"tables\\\": "
                           "{\\\"Change\\\": {}}}\"")),
        0, "%s", error.text);
    cr_expect_eq(
        server_says(SERVES("\"connected\": true, \"schema\": \"{\\\"version\\\": \\\"2.0.0\\\", \\\"tables\\\": "
                           "{\\\"Change\\\": {}}}\"")),
        -EPROTO);
    cr_expect_not_null(strstr(error.text, "newer Dragonflow"), "%s", error.text);
}

/* Plans. */

static const struct df_db_op put = {
    .table = "t", .id = "a", .data = "1", .len = 1, .expect = DF_DB_REVISION, .revision = 3, .topics = "x"};
static const struct df_ovsdb_head head = {.is_there = true, .revision = 7, .mark = 5};

static struct df_ovsdb_plan plan_of(const struct df_db_op *op, const struct df_ovsdb_known *known,
                                    const struct df_ovsdb_head *from)
{
    struct df_ovsdb_plan plan;
    struct df_ovsdb_wish wish = {.ops = op, .n = 1, .known = known};
    cr_assert_eq(df_ovsdb_plan_make(&plan, &wish, from, &error), 0, "%s", error.text);
    return plan;
}

/* The operation of a plan on that table. */
static const json_t *find_op(const struct df_ovsdb_plan *plan, const char *op, const char *table)
{
    size_t i;
    json_t *one;
    json_array_foreach(plan->params, i, one) {
        const char *name = json_string_value(json_object_get(one, "op"));
        const char *on = json_string_value(json_object_get(one, "table"));
        if (name && on && strcmp(name, op) == 0 && strcmp(on, table) == 0)
            return one;
    }
    return NULL;
}

static void expect_topics(const struct df_ovsdb_plan *plan, const char *topics)
{
    const json_t *row = json_object_get(find_op(plan, "insert", "Change"), "row");
    char *text = json_dumps(json_object_get(row, "topics"), JSON_ENCODE_ANY | JSON_COMPACT);
    cr_expect_str_eq(text, topics);
    free(text);
}

Test(ovsdb_plan, a_change_is_told_to_whom_the_row_concerned_before)
{
    json_t *both = json_pack("[s, [s, s]]", "set", "x", "y"), *one = json_string("z"),
           *none = json_pack("[s, []]", "set");
    struct df_ovsdb_known known = {.exists = true, .revision = 3, .topics = both};
    struct df_db_op deletion = {.table = "t", .id = "a"};
    struct df_ovsdb_plan plan = plan_of(&put, &known, &head);
    expect_topics(&plan, "[\"set\",[\"x\",\"y\"]]");
    df_ovsdb_plan_clear(&plan);
    known.topics = one;
    plan = plan_of(&put, &known, &head);
    expect_topics(&plan, "[\"set\",[\"x\",\"z\"]]");
    df_ovsdb_plan_clear(&plan);
    plan = plan_of(&deletion, &known, &head);
    expect_topics(&plan, "\"z\"");
    df_ovsdb_plan_clear(&plan);
    known.topics = none;
    plan = plan_of(&put, &known, &head);
    expect_topics(&plan, "[\"set\",[]]");
    df_ovsdb_plan_clear(&plan);
    json_decref(both);
    json_decref(one);
    json_decref(none);
}

Test(ovsdb_plan, a_full_log_loses_its_older_generation)
{
    struct df_ovsdb_head full = head;
    struct df_ovsdb_plan plan = plan_of(&put, NULL, &full);
    cr_expect_null(find_op(&plan, "delete", "Change"));
    cr_expect_eq(plan.after.mark, 5);
    cr_expect_eq(plan.after.log_rows, 1);
    df_ovsdb_plan_clear(&plan);
    full.log_rows = DF_OVSDB_LOG_ROWS;
    plan = plan_of(&put, NULL, &full);
    cr_expect_not_null(find_op(&plan, "delete", "Change"));
    cr_expect_eq(plan.after.floor, 5);
    cr_expect_eq(plan.after.mark, 8);
    cr_expect_eq(plan.after.log_rows, 0);
    df_ovsdb_plan_clear(&plan);
}

#define FIRST                                                                                                          \
    "{\"rows\": [%s]}, {\"rows\": [{\"revision\": 7}]}, {\"rows\": [{\"instance\": "                                   \
    "\"00000000-0000-4000-8000-000000000000\", \"version\": 1, \"floor\": 0, \"mark\": 5}]}"

static struct df_ovsdb_outcome judge(const char *own, const char *rest)
{
    char text[1024];
    struct df_ovsdb_plan plan = plan_of(&put, NULL, &head);
    snprintf(text, sizeof text, "[" FIRST "%s]", own, rest);
    json_t *result = json_loads(text, 0, NULL);
    cr_assert_not_null(result, "%s", text);
    struct df_ovsdb_outcome outcome = df_ovsdb_plan_judge(&plan, result, &error);
    json_decref(result);
    df_ovsdb_plan_clear(&plan);
    return outcome;
}

#define LATE "{\"error\": \"timed out\", \"details\": \"\"}, null"

Test(ovsdb_plan, the_answer_says_what_became_of_it)
{
    cr_expect_eq(judge("", ", {}, " LATE).fate, DF_OVSDB_DEMAND);
    cr_expect_eq(judge("", ", {}, {}, " LATE).fate, DF_OVSDB_TOPICS);
    cr_expect_eq(judge("", ", {}, {}, {}, {}, {}, " LATE).fate, DF_OVSDB_RACED);
    struct df_ovsdb_outcome done = judge("", ", {}, {}, {}, {}, {}, {}, {}, {}, {}");
    cr_expect_eq(done.fate, DF_OVSDB_DONE, "%s", error.text);
    cr_expect_eq(done.revision, 8);
    done = judge("{\"revision\": 6}", ", " LATE);
    cr_expect_eq(done.fate, DF_OVSDB_DONE, "it was done by an attempt whose answer was lost");
    cr_expect_eq(done.revision, 6);
}

Test(ovsdb_plan, refusals_are_told_in_words)
{
    struct df_ovsdb_outcome outcome = judge("", ", {}, {}, {}, {\"error\": \"permission error\", \"details\": \"no\"}");
    cr_expect_eq(outcome.fate, DF_OVSDB_FAILED);
    cr_expect_eq(outcome.rc, -EACCES);
    cr_expect_not_null(strstr(error.text, "RBAC"));
    cr_expect_eq(judge("", ", {}, {}, {}, {}, {}, {}, {}, {}, {}, {\"error\": \"I/O error\"}").rc, -EIO);
    cr_expect_not_null(strstr(error.text, "disk full"));
    cr_expect_eq(judge("", ", {}").rc, -EPROTO, "results are missing");
    cr_expect_eq(judge("", ", 7").rc, -EPROTO);
}

/* Looks each step_ms from begin to end; returns when the lease is dead, 0: it is not. */
static uint64_t look(struct df_ovsdb_leases *leases, uint64_t begin, uint64_t end, uint64_t step_ms)
{
    const struct df_ovsdb_lease lease = {.name = "host1", .owner = "me", .beats = 7, .ttl = 4};
    for (uint64_t now = begin; now <= end; now += step_ms)
        if (df_ovsdb_lease_see(leases, &lease, now) == 1)
            return now;
    return 0;
}

Test(ovsdb_lease, who_was_seen_to_be_silent_for_the_time_to_live_is_dead)
{
    struct df_ovsdb_leases leases = {0};
    cr_expect_eq(look(&leases, 10000, 20000, 500), 14000);
    df_ovsdb_lease_forget(&leases);
    cr_expect_eq(look(&leases, 10000, 20000, 2000), 14000, "it is enough to look twice");
    df_ovsdb_lease_forget(&leases);
}

Test(ovsdb_lease, the_time_in_which_nobody_looked_does_not_count)
{
    struct df_ovsdb_leases leases = {0};
    cr_expect_eq(look(&leases, 10000, 11000, 500), 0);
    cr_expect_eq(look(&leases, 20000, 30000, 500), 24000, "the machine stood still for nine seconds");
    df_ovsdb_lease_forget(&leases);
}
