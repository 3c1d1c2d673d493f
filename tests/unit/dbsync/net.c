/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "dbsync/net/line.h"
#include "dbsync/net/tls.h"

/* Names and lines, without a server; tests/system/names.sh and tests/system/db have some. */

static struct df_error error;

Test(net, addresses_are_found_without_time)
{
    struct df_net_address found[4];
    const char *why;
    cr_assert_eq(df_net_resolve("192.0.2.1", "6379", 0, found, 4, &why), 1);
    const struct sockaddr_in *in = (const struct sockaddr_in *)&found[0].address;
    cr_expect_eq(in->sin_addr.s_addr, inet_addr("192.0.2.1"));
    cr_expect_eq(in->sin_port, htons(6379));
    cr_assert_eq(df_net_resolve("2001:db8::1", "1", 0, found, 4, &why), 1);
    cr_expect_eq(found[0].address.ss_family, AF_INET6);
    cr_expect_eq(df_net_resolve("a.example", "1", 0, found, 4, &why), -EHOSTUNREACH);
    cr_expect_str_eq(why, "its address is not known yet");
}

/* A listening socket of the loopback, and where it is. */
static int listen_here(struct df_net_address *here)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in *in = (struct sockaddr_in *)&here->address;
    here->len = sizeof *in;
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cr_assert_eq(bind(fd, (struct sockaddr *)in, here->len), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)in, &here->len), 0);
    return fd;
}

static void wait_for(const struct df_line *line, bool has_output)
{
    struct pollfd fd = {.fd = df_line_fd(line), .events = df_line_events(line, has_output)};
    cr_assert_eq(poll(&fd, 1, 5000), 1, "nothing happens");
}

static int connect_line(struct df_line *line)
{
    int rc;
    while ((rc = df_line_connect(line, &error)) == -EAGAIN)
        wait_for(line, false);
    return rc;
}

Test(net, bytes_go_both_ways)
{
    struct df_net_address here;
    struct df_line *line;
    char got[8] = "";
    int server = listen_here(&here);
    cr_assert_eq(df_line_open("db at here", &here, NULL, NULL, &line, &error), 0);
    cr_assert_eq(connect_line(line), 0, "%s", error.text);
    cr_expect_eq(df_line_read(line, got, sizeof got, &error), -EAGAIN);
    int peer = accept(server, NULL, NULL);
    cr_expect_eq(df_line_write(line, "ping", 4, &error), 4);
    cr_expect_eq(read(peer, got, 4), 4);
    cr_expect_eq(write(peer, "pong", 4), 4);
    wait_for(line, false);
    cr_expect_eq(df_line_read(line, got, sizeof got, &error), 4);
    cr_expect_str_eq(got, "pong");
    close(peer);
    wait_for(line, false);
    cr_expect_eq(df_line_read(line, got, sizeof got, &error), -ECONNRESET);
    cr_expect_str_eq(error.text, "db at here: it closed the connection");
    df_line_close(line);
    close(server);
}

Test(net, what_a_server_said_before_it_went_is_read)
{
    struct df_net_address here;
    struct df_line *line;
    char got[8] = "";
    ssize_t rc;
    int server = listen_here(&here);
    cr_assert_eq(df_line_open("db at here", &here, NULL, NULL, &line, &error), 0);
    cr_assert_eq(connect_line(line), 0, "%s", error.text);
    int peer = accept(server, NULL, NULL);
    cr_expect_eq(write(peer, "no", 2), 2);
    close(peer);
    do
        wait_for(line, true);
    while ((rc = df_line_write(line, "x", 1, &error)) == 1); /* until the other end's refusal has come */
    cr_expect_eq(rc, -EAGAIN, "%zd", rc);
    cr_expect_eq(df_line_read(line, got, sizeof got, &error), 2);
    cr_expect_str_eq(got, "no");
    rc = df_line_write(line, "x", 1, &error);
    cr_expect(rc == -EPIPE || rc == -ECONNRESET, "%zd", rc);
    df_line_close(line);
    close(server);
}

Test(net, nobody_there_is_told_with_a_remedy)
{
    struct df_net_address here, path = {.len = sizeof(struct sockaddr_un)};
    struct df_line *line;
    close(listen_here(&here));
    int rc = df_line_open("db at here", &here, NULL, NULL, &line, &error);
    if (rc == 0) {
        rc = connect_line(line);
        df_line_close(line);
    }
    cr_expect_eq(rc, -ECONNREFUSED);
    cr_expect_not_null(strstr(error.text, "db at here: "), "%s", error.text);
    cr_expect_not_null(strstr(error.text, "is the server running"), "%s", error.text);
    *(struct sockaddr_un *)&path.address = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "/nowhere/db.sock"};
    cr_expect_eq(df_line_open("unix:/nowhere/db.sock", &path, NULL, NULL, &line, &error), -ECONNREFUSED);
}

Test(net, tls_is_wanted_as_a_whole)
{
    SSL_CTX *tls;
    struct df_db_config none = {.ca = "", .cert = ""}, no_key = {.ca = "ca.pem", .cert = "cert.pem"},
                        no_ca = {.cert = "cert.pem", .key = "key.pem"}, no_file = {.ca = "/nowhere/ca.pem"};
    cr_expect_eq(df_tls_new(&none, "db", &tls, &error), 0);
    cr_expect_null(tls);
    cr_expect_eq(df_tls_new(&no_key, "db", &tls, &error), -EINVAL);
    cr_expect_not_null(strstr(error.text, "a certificate and its key"));
    cr_expect_eq(df_tls_new(&no_ca, "db", &tls, &error), -EINVAL);
    cr_expect_not_null(strstr(error.text, "name the server's ca"));
    cr_expect_eq(df_tls_new(&no_file, "db", &tls, &error), -EINVAL);
    cr_expect_not_null(strstr(error.text, "/nowhere/ca.pem"));
    cr_expect_null(tls);
}
