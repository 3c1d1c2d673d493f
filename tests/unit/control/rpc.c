/* SPDX-License-Identifier: Apache-2.0 */
#include "control/rpc/server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/rpc/client.h"

/* A server on one end of a socket pair, its loop turned by hand; the test is the client. */
struct lab {
    struct event_base *base;
    struct df_rpc_server *server;
    int fd;
    struct df_rpc_call *kept[256];
    unsigned n_kept, n_cancelled, n_run;
};

static void echo(struct df_rpc_call *call, json_t *params, void *arg)
{
    struct lab *lab = arg;
    lab->n_run++;
    df_rpc_reply(call, json_pack("{s:O?}", "params", params));
}

static void fail(struct df_rpc_call *call, json_t *params, void *arg)
{
    (void)params;
    (void)arg;
    df_rpc_fail(call, DF_RPC_NOT_FOUND, "no %s here", "such thing");
}

static void cancelled(void *arg)
{
    ((struct lab *)arg)->n_cancelled++;
}

static void keep(struct df_rpc_call *call, json_t *params, void *arg)
{
    struct lab *lab = arg;
    (void)params;
    lab->kept[lab->n_kept++] = call;
    df_rpc_call_keep(call, cancelled, lab);
}

static void large(struct df_rpc_call *call, json_t *params, void *arg)
{
    struct lab *lab = arg;
    (void)params;
    lab->n_run++;
    char *text = malloc(3 * 1024 * 1024 + 1);
    memset(text, 'x', 3 * 1024 * 1024);
    df_rpc_reply(call, json_stringn(text, 3 * 1024 * 1024));
    free(text);
}

static void stop(struct df_rpc_call *call, json_t *params, void *arg)
{
    struct lab *lab = arg;
    (void)params;
    struct timeval later = {.tv_usec = 50000}; /* when the answer is out */
    df_rpc_reply(call, json_true());
    event_base_loopexit(lab->base, &later);
}

static const struct df_rpc_method methods[] = {{"echo", echo},   {"fail", fail}, {"keep", keep},
                                               {"large", large}, {"stop", stop}, {NULL, NULL}};

static struct lab lab;

static void make_server(void)
{
    lab.base = event_base_new();
    lab.server = df_rpc_server_new(lab.base, methods, &lab);
    cr_assert_not_null(lab.server);
}

static int connect_one(void)
{
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    cr_expect_eq(df_rpc_server_adopt(lab.server, fds[1]), 0);
    return fds[0];
}

static void setup(void)
{
    make_server();
    lab.fd = connect_one();
}

static void teardown(void)
{
    close(lab.fd);
    df_rpc_server_free(lab.server);
    event_base_free(lab.base);
}

static void turn(void)
{
    for (int i = 0; i < 8; i++)
        event_base_loop(lab.base, EVLOOP_NONBLOCK);
}

static void say(const char *text)
{
    cr_assert_eq(write(lab.fd, text, strlen(text)), (ssize_t)strlen(text));
    turn();
}

/* What the server has said since, as one string. */
static const char *heard(void)
{
    static char text[65536];
    ssize_t len = read(lab.fd, text, sizeof(text) - 1);
    text[len > 0 ? len : 0] = '\0';
    return text;
}

static bool closed(void)
{
    char byte;
    return read(lab.fd, &byte, 1) == 0;
}

TestSuite(rpc, .init = setup, .fini = teardown);

Test(rpc, a_request_is_answered_with_its_id)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"echo\",\"params\":{\"a\":1}}\n");
    cr_expect_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"params\":{\"a\":1}}}\n");
    say("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"echo\"}\n");
    cr_expect_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{\"params\":null}}\n");
}

Test(rpc, a_request_may_come_in_pieces_and_several_in_one)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":1,");
    cr_expect_str_eq(heard(), "");
    say("\"method\":\"echo\"}\n\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n{\"json");
    cr_expect_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"params\":null}}\n"
                              "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"params\":null}}\n");
}

Test(rpc, a_notification_is_run_and_not_answered)
{
    say("{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}\n{\"jsonrpc\":\"2.0\",\"method\":\"fail\"}\n"
        "{\"jsonrpc\":\"2.0\",\"method\":\"nothing\"}\n");
    cr_expect_eq(lab.n_run, 1);
    cr_expect_str_eq(heard(), "");
}

static void expect_error(const char *request, int code, const char *id)
{
    char wanted[64];
    say(request);
    const char *answer = heard();
    snprintf(wanted, sizeof(wanted), "\"id\":%s,\"error\":{\"code\":%d,", id, code);
    cr_expect(strstr(answer, wanted), "to %s: %s", request, answer);
}

Test(rpc, what_is_no_request_gets_the_code_of_the_specification)
{
    expect_error("{\"jsonrpc\":\n", -32700, "null");
    expect_error("\"text\"\n", -32700, "null");
    expect_error("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"echo\"}\n", -32700, "null");
    expect_error("{\"id\":1,\"method\":\"echo\"}\n", -32600, "null");
    expect_error("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"echo\"}\n", -32600, "null");
    expect_error("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}\n", -32600, "null");
    expect_error("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\",\"params\":1}\n", -32600, "null");
    expect_error("{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"echo\"}\n", -32600, "null");
    expect_error("[]\n", -32600, "null");
    expect_error("{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"nothing\"}\n", -32601, "3");
    expect_error("{\"jsonrpc\":\"2.0\",\"id\":4,\"method\":\"fail\"}\n", DF_RPC_NOT_FOUND, "4");
    expect_error("{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"fail\"}\n", -32001, "5");
    cr_expect_eq(lab.n_run, 0);
}

Test(rpc, a_batch_is_answered_whole_when_its_last_call_is)
{
    say("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"keep\"},{\"jsonrpc\":\"2.0\",\"method\":\"echo\"},1,"
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}]\n");
    cr_expect_str_eq(heard(), "", "the first call is still open");
    df_rpc_reply(lab.kept[0], json_integer(5));
    turn();
    json_t *answers = json_loads(heard(), 0, NULL);
    cr_assert_eq(json_array_size(answers), 3, "no answer to the notification");
    cr_expect_not_null(json_object_get(json_array_get(answers, 0), "error"));
    cr_expect_eq(json_integer_value(json_object_get(json_array_get(answers, 2), "result")), 5);
    json_decref(answers);
}

Test(rpc, a_batch_of_notifications_gets_no_answer)
{
    say("[{\"jsonrpc\":\"2.0\",\"method\":\"echo\"},{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}]\n");
    cr_expect_eq(lab.n_run, 2);
    cr_expect_str_eq(heard(), "");
}

Test(rpc, a_batch_has_a_limit)
{
    char text[8192] = "[1";
    for (unsigned i = 1; i <= DF_RPC_BATCH_MAX; i++)
        strcat(text, ",1");
    strcat(text, "]\n");
    expect_error(text, -32600, "null");
}

Test(rpc, a_kept_call_is_answered_later_while_others_go_on)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"keep\"}\n{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"echo\"}\n");
    cr_expect(strstr(heard(), "\"id\":2"));
    df_rpc_fail(lab.kept[0], DF_RPC_TIMEOUT, "too late");
    turn();
    cr_expect(strstr(heard(), "\"id\":1,\"error\":{\"code\":-32003,\"message\":\"too late\"}"));
}

Test(rpc, a_connection_that_goes_cancels_its_calls)
{
    say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"keep\"}\n[{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"keep\"}]\n");
    cr_expect_eq(lab.n_kept, 2);
    shutdown(lab.fd, SHUT_WR);
    turn();
    cr_expect_eq(lab.n_cancelled, 2);
    cr_expect(closed());
}

Test(rpc, a_client_that_closes_its_half_still_gets_its_answer)
{
    static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"echo\"}\n";
    cr_assert_eq(write(lab.fd, request, sizeof(request) - 1), (ssize_t)sizeof(request) - 1);
    shutdown(lab.fd, SHUT_WR);
    turn();
    cr_expect(strstr(heard(), "\"id\":1"));
    cr_expect(closed());
}

Test(rpc, a_request_without_end_is_refused_and_the_connection_closed)
{
    static char garbage[65536];
    memset(garbage, 'a', sizeof(garbage));
    for (size_t sent = 0; sent < DF_RPC_REQUEST_MAX;) {
        ssize_t len = write(lab.fd, garbage, sizeof(garbage));
        cr_assert_gt(len, 0, "the server reads no more after %zu bytes", sent);
        sent += (size_t)len;
        turn();
    }
    cr_expect(strstr(heard(), "longer than 1 MiB"));
    cr_expect(closed());
}

Test(rpc, a_client_with_too_many_open_calls_is_not_read_from)
{
    for (unsigned i = 0; i < DF_RPC_PENDING_MAX + 5; i++)
        say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"keep\"}\n");
    cr_expect_eq(lab.n_kept, DF_RPC_PENDING_MAX);
    df_rpc_reply(lab.kept[0], json_true());
    df_rpc_reply(lab.kept[1], json_true());
    turn();
    cr_expect_eq(lab.n_kept, DF_RPC_PENDING_MAX + 2);
}

Test(rpc, a_client_that_takes_no_answers_is_not_read_from)
{
    for (unsigned i = 0; i < 6; i++)
        say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"large\"}\n");
    cr_expect_leq(lab.n_run, 2);
    static char sink[1 << 20];
    for (unsigned i = 0; i < 2000 && lab.n_run < 6; i++) {
        ssize_t len = read(lab.fd, sink, sizeof(sink));
        cr_assert(len > 0 || errno == EAGAIN);
        turn();
    }
    cr_expect_eq(lab.n_run, 6);
}

Test(rpc, connections_have_a_limit)
{
    int fds[DF_RPC_CONNECTIONS_MAX];
    for (unsigned i = 1; i < DF_RPC_CONNECTIONS_MAX; i++)
        fds[i] = connect_one();
    int pair[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_expect_eq(df_rpc_server_adopt(lab.server, pair[1]), -EMFILE);
    char text[256] = "";
    cr_expect_gt(read(pair[0], text, sizeof(text) - 1), 0);
    cr_expect(strstr(text, "too many connections"));
    close(fds[1]);
    turn();
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_expect_eq(df_rpc_server_adopt(lab.server, pair[1]), 0, "one has gone");
}

/* ---- the socket, and the client */

static char folder[] = "/tmp/df-rpc-XXXXXX";
static char path[64];

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/run/df.sock", folder);
    make_server();
}

static void remove_folder(void)
{
    df_rpc_server_free(lab.server);
    event_base_free(lab.base);
    char command[128];
    snprintf(command, sizeof(command), "%s.lock", path);
    unlink(command);
    snprintf(command, sizeof(command), "%s/run", folder);
    rmdir(command);
    rmdir(folder);
}

TestSuite(socket, .init = make_folder, .fini = remove_folder);

Test(socket, only_its_owner_may_connect)
{
    struct df_error error;
    struct stat status;
    cr_assert_eq(df_rpc_server_listen(lab.server, path, &error), 0, "%s", error.text);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect(S_ISSOCK(status.st_mode));
    cr_expect_eq(status.st_mode & 0777, 0600);
}

Test(socket, a_second_server_is_refused_and_told_who_has_it)
{
    struct df_error error;
    char pid[32];
    cr_assert_eq(df_rpc_server_listen(lab.server, path, &error), 0);
    struct df_rpc_server *second = df_rpc_server_new(lab.base, methods, NULL);
    cr_expect_eq(df_rpc_server_listen(second, path, &error), -EADDRINUSE);
    snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
    cr_expect(strstr(error.text, pid), "%s", error.text);
    df_rpc_server_free(second);
    cr_expect_eq(access(path, F_OK), 0, "the refused one must not remove the socket of the first");
}

Test(socket, a_socket_that_a_dead_server_left_behind_is_taken_over)
{
    struct df_error error;
    pid_t child = fork();
    if (child == 0) {
        struct df_rpc_server *server = df_rpc_server_new(lab.base, methods, NULL);
        _exit(df_rpc_server_listen(server, path, &error) == 0 ? 0 : 1); /* as killed: nothing is removed */
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_eq(access(path, F_OK), 0);
    cr_expect_eq(df_rpc_server_listen(lab.server, path, &error), 0, "%s", error.text);
}

Test(socket, a_client_without_a_server_is_told_where_to_look)
{
    struct df_rpc_client *client;
    struct df_error error;
    cr_expect_eq(df_rpc_client_open("/nowhere/df.sock", &client, &error), -ENOENT);
    cr_expect_str_eq(error.text, "cannot reach df-switchd at /nowhere/df.sock: is it running? "
                                 "(systemctl status df-switchd)");
}

static void *serve(void *arg)
{
    event_base_dispatch(arg);
    return NULL;
}

Test(socket, the_client_gets_results_errors_and_large_answers)
{
    struct df_error error;
    struct df_rpc_client *client;
    pthread_t thread;
    int code;
    cr_assert_eq(df_rpc_server_listen(lab.server, path, &error), 0);
    pthread_create(&thread, NULL, serve, lab.base);
    cr_assert_eq(df_rpc_client_open(path, &client, &error), 0, "%s", error.text);

    json_t *result = df_rpc_client_call(client, "echo", json_pack("{s:i}", "n", 3), 5000, &code, &error);
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(result, "params"), "n")), 3);
    json_decref(result);

    cr_expect_null(df_rpc_client_call(client, "fail", NULL, 5000, &code, &error));
    cr_expect_eq(code, DF_RPC_NOT_FOUND);
    cr_expect_str_eq(error.text, "no such thing here");

    result = df_rpc_client_call(client, "large", NULL, 5000, &code, &error);
    cr_expect_eq(json_string_length(result), 3 * 1024 * 1024);
    json_decref(result);

    cr_expect_null(df_rpc_client_call(client, "keep", NULL, 50, &code, &error));
    cr_expect(strstr(error.text, "does not answer"), "%s", error.text);

    result = df_rpc_client_call(client, "stop", NULL, 5000, &code, &error);
    cr_expect(json_is_true(result));
    df_rpc_client_close(client);
    pthread_join(thread, NULL);
}
