/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/rpc/server.h"

/*
 * `df-ctl conn` against a daemon that is made up: what it asks for, and what it makes of pages. The daemon has
 * connections 1 to 300, in pages of 100; number n sent n packets and n bytes; with "state": "broken" the second page
 * fails.
 */

#define CONNECTIONS 300
#define PAGE 100

static char socket_path[] = "/tmp/df-ctl-conn-XXXXXX/df.sock";
static pid_t daemon_pid;

/* ---- the daemon */

static bool fails(struct df_rpc_call *call, json_t *params, json_int_t from)
{
    const char *state = json_string_value(json_object_get(params, "state"));
    if (state == NULL || strcmp(state, "broken") != 0 || from == 0)
        return false;
    df_rpc_fail(call, DF_RPC_FAILED, "it broke");
    return true;
}

static json_int_t from_of(json_t *params)
{
    return json_integer_value(json_object_get(params, "cursor"));
}

static json_t *page_of(const char *name, json_t *content, json_int_t from)
{
    json_t *page = json_pack("{s:o, s:i}", name, content, "of", CONNECTIONS);
    if (from + PAGE < CONNECTIONS)
        json_object_set_new(page, "next", json_integer(from + PAGE));
    return page;
}

static json_t *row_of(json_int_t n)
{
    return json_pack("{s:I, s:s, s:s, s:i, s:s, s:s, s:i, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "port",
                     n % 3 + 1, "port_name", n % 2 ? "odd\033[31m" : "even", "direction", "egress", "ip_proto",
                     n % 2 ? 6 : 17, "protocol", n % 2 ? "tcp" : "udp", "ip_src", n == 2 ? "2001:db8::1" : "10.1.0.11",
                     "l4_src", 1234, "ip_dst", "10.2.0.13", "l4_dst", n, "state", "established", "idle_ms",
                     (json_int_t)1500, "expires_ms", (json_int_t)431998500, "packets", n, "bytes", CONNECTIONS - n,
                     "reply_packets", (json_int_t)0, "reply_bytes", (json_int_t)0);
}

static void list(struct df_rpc_call *call, json_t *params, void *arg)
{
    (void)arg;
    json_int_t from = from_of(params);
    json_t *rows = json_array();
    bool nothing = json_object_get(params, "addr") != NULL;
    if (fails(call, params, from)) {
        json_decref(rows);
        return;
    }
    for (json_int_t n = from + 1; n <= from + PAGE && !nothing; n++)
        json_array_append_new(rows, row_of(n));
    df_rpc_reply(call, page_of("connections", rows, from));
}

static void count(struct df_rpc_call *call, json_t *params, void *arg)
{
    (void)arg;
    json_int_t from = from_of(params);
    json_t *rows = json_array();
    if (json_object_get(params, "by") == NULL) {
        json_array_append_new(rows, json_pack("{s:i}", "connections", PAGE));
    } else {
        json_array_append_new(rows, json_pack("{s:s, s:i}", "state", "closing", "connections", from ? 10 : 30));
        json_array_append_new(rows, json_pack("{s:s, s:i}", "state", "established", "connections", PAGE - 30));
    }
    df_rpc_reply(call, page_of("counts", rows, from));
}

/* As the real one: what is above the threshold, at most limit, most first. */
static void top(struct df_rpc_call *call, json_t *params, void *arg)
{
    (void)arg;
    json_int_t from = from_of(params);
    json_int_t above = json_integer_value(json_object_get(params, "above"));
    json_int_t limit = json_integer_value(json_object_get(params, "limit"));
    json_t *rows = json_array();
    for (json_int_t n = from + PAGE; n > from && n > above && n > from + PAGE - limit; n--)
        json_array_append_new(rows, row_of(n));
    df_rpc_reply(call, page_of("connections", rows, from));
}

static void delete_them(struct df_rpc_call *call, json_t *params, void *arg)
{
    (void)arg;
    json_int_t from = from_of(params);
    bool all = json_is_true(json_object_get(params, "all"));
    df_rpc_reply(call, page_of("deleted", json_integer(all ? PAGE : 1), from));
}

static void serve(void)
{
    static const struct df_rpc_method methods[] = {
        {"conn_list", list}, {"conn_count", count}, {"conn_top", top}, {"conn_delete", delete_them}, {NULL, NULL}};
    struct df_error error;
    struct event_base *base = event_base_new();
    struct df_rpc_server *server = df_rpc_server_new(base, methods, NULL);
    if (server == NULL || df_rpc_server_listen(server, socket_path, &error) != 0)
        _exit(1);
    event_base_dispatch(base);
    _exit(0);
}

/* Its path is there a moment before it listens. */
static bool listens(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(to.sun_path, sizeof(to.sun_path), "%s", socket_path);
    bool listens = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
    close(fd);
    return listens;
}

static void up(void)
{
    char *slash = strrchr(socket_path, '/');
    *slash = '\0';
    cr_assert_not_null(mkdtemp(socket_path));
    *slash = '/';
    daemon_pid = fork();
    if (daemon_pid == 0)
        serve();
    cr_assert_gt(daemon_pid, 0);
    while (!listens())
        cr_assert_eq(waitpid(daemon_pid, NULL, WNOHANG), 0, "the daemon does not start");
}

static void down(void)
{
    char command[80];
    kill(daemon_pid, SIGKILL);
    waitpid(daemon_pid, NULL, 0);
    snprintf(command, sizeof(command), "rm -r %.*s", (int)(strrchr(socket_path, '/') - socket_path), socket_path);
    cr_expect_eq(system(command), 0);
}

TestSuite(ctl_conn, .init = up, .fini = down);

/* ---- df-ctl */

/* What it prints to both, and its exit code. */
static char *df_ctl(const char *arguments, int *code)
{
    static char output[1 << 20];
    char command[512];
    snprintf(command, sizeof(command), "%s --socket %s %s 2>&1", DF_CTL, socket_path, arguments);
    FILE *in = popen(command, "r");
    cr_assert_not_null(in);
    output[fread(output, 1, sizeof(output) - 1, in)] = '\0';
    *code = WEXITSTATUS(pclose(in));
    return output;
}

static json_t *df_ctl_json(const char *arguments)
{
    int code;
    json_error_t why;
    char *output = df_ctl(arguments, &code);
    cr_assert_eq(code, 0, "%s", output);
    json_t *json = json_loads(output, 0, &why);
    cr_assert_not_null(json, "%s in: %.200s", why.text, output);
    return json;
}

static unsigned lines_in(const char *text)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

Test(ctl_conn, a_list_is_all_pages_under_one_heading)
{
    int code;
    char *output = df_ctl("conn", &code);
    cr_expect_eq(code, 0);
    cr_expect_eq(lines_in(output), CONNECTIONS + 1);
    cr_expect_eq(strncmp(output, "PORT ", 5), 0, "%.80s", output);
    cr_expect(strstr(output, "10.1.0.11:1234 -> 10.2.0.13:1\n"));
    cr_expect(strstr(output, "[2001:db8::1]:1234 -> 10.2.0.13:2\n"));
    cr_expect(strstr(output, "10.1.0.11:1234 -> 10.2.0.13:300\n"));
    cr_expect_null(strchr(output, '\033'), "a name may not steer the terminal");
    cr_expect_str_eq(df_ctl("conn list --addr 192.0.2.1", &code), "no such connection\n");
    cr_expect_eq(code, 0);
}

Test(ctl_conn, a_list_in_json_is_one_document)
{
    json_t *json = df_ctl_json("conn --json");
    cr_expect_eq(json_array_size(json_object_get(json, "connections")), CONNECTIONS);
    json_decref(json);
    json = df_ctl_json("conn --json --addr 192.0.2.1");
    cr_expect_eq(json_array_size(json_object_get(json, "connections")), 0);
    cr_expect(json_is_array(json_object_get(json, "connections")));
    json_decref(json);
}

Test(ctl_conn, a_limit_ends_the_list)
{
    int code;
    cr_expect_eq(lines_in(df_ctl("conn --limit 150", &code)), 151);
    json_t *json = df_ctl_json("conn list --limit 1 --json");
    cr_expect_eq(json_array_size(json_object_get(json, "connections")), 1);
    json_decref(json);
}

Test(ctl_conn, an_error_in_the_middle_is_an_error)
{
    int code;
    char *output = df_ctl("conn --state broken", &code);
    cr_expect_eq(code, 1);
    cr_expect(strstr(output, "df-ctl: it broke\n"), "%s", output);
}

Test(ctl_conn, counts_of_pages_are_added_up)
{
    int code;
    cr_expect_str_eq(df_ctl("conn count", &code), "300 connections\n");
    json_t *json = df_ctl_json("conn count --by state --json");
    json_t *counts = json_object_get(json, "counts");
    cr_expect_eq(json_integer_value(json_object_get(json, "total")), 260);
    cr_assert_eq(json_array_size(counts), 2);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(counts, 0), "state")), "established");
    cr_expect_eq(json_integer_value(json_object_get(json_array_get(counts, 0), "connections")), 210);
    cr_expect_eq(json_integer_value(json_object_get(json_array_get(counts, 1), "connections")), 50);
    json_decref(json);
    char *output = df_ctl("conn count --by state", &code);
    cr_expect(strstr(output, "established          210\n"), "%s", output);
}

static json_int_t packets_at(json_t *json, size_t i)
{
    return json_integer_value(json_object_get(json_array_get(json_object_get(json, "connections"), i), "packets"));
}

Test(ctl_conn, the_top_of_all_pages)
{
    json_t *json = df_ctl_json("conn top --json");
    cr_assert_eq(json_array_size(json_object_get(json, "connections")), 10);
    cr_expect_eq(packets_at(json, 0), 300);
    cr_expect_eq(packets_at(json, 9), 291);
    json_decref(json);
    json = df_ctl_json("conn top 128 --json");
    cr_assert_eq(json_array_size(json_object_get(json, "connections")), 128);
    cr_expect_eq(packets_at(json, 127), 173);
    json_decref(json);
    int code;
    char *output = df_ctl("conn top 2", &code);
    cr_expect_eq(lines_in(output), 3, "%s", output);
    cr_expect(strstr(output, "10.1.0.11:1234 -> 10.2.0.13:300"), "%s", output);
}

Test(ctl_conn, delete_says_how_many_and_wants_a_filter)
{
    int code;
    cr_expect_str_eq(df_ctl("conn delete --proto tcp", &code), "3 connections deleted\n");
    cr_expect_eq(code, 0);
    cr_expect_str_eq(df_ctl("conn delete --all", &code), "300 connections deleted\n");
    char *output = df_ctl("conn delete", &code);
    cr_expect_eq(code, 1);
    cr_expect(strstr(output, "--all"), "%s", output);
}

Test(ctl_conn, what_makes_no_sense_is_refused)
{
    static const struct {
        const char *arguments, *expected;
    } cases[] = {
        {"conn show", "there is no conn show"},
        {"conn top 0", "must be a number from 1 to 128"},
        {"conn top 129", "must be a number from 1 to 128"},
        {"conn top 5x", "must be a number"},
        {"conn top --by state", "cannot do it by `state'"},
        {"conn count --by bytes", "cannot do it by `bytes'"},
        {"conn --by port", "cannot do it by `port'"},
        {"conn delete web1", "what is `web1'?"},
        {"conn --limit -1", "must be a number"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int code;
        char *output = df_ctl(cases[i].arguments, &code);
        cr_expect_neq(code, 0, "%s", cases[i].arguments);
        cr_expect(strstr(output, cases[i].expected), "%s: %s", cases[i].arguments, output);
    }
}
