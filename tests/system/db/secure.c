/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/system/db/program.h"
#include "tests/system/db/server_private.h"
#include "tests/system/db/store.h"

/* Passwords and certificates. Which of them a server wants its kind says. No test minds what others have written. */

static struct store store;

/* Is the server's from now on, which reads it when it starts, and may not be ready with it. */
static void show_certificate(struct server *server, const char *name)
{
    uint64_t end = 0;
    if (server_command(server, "cmp %s.pem server.pem", name) == 0)
        return;
    server_kill(server, 0);
    cr_assert_eq(server_command(server, "cp %s.pem server.pem && cp %s.key server.key", name, name), 0);
    server_begin(server, 0);
    while (!server_listens(server->members[0].port))
        if (!server_wait(&end))
            server_fail("%s does not start with the certificate %s", server->kind, name);
}

static void set_up(void)
{
    struct server *server = server_here();
    if (server->ca[0])
        show_certificate(server, "good");
    server_heal(server);
    store_find(&store);
    store.driver->close(store_create(&store));
}

TestSuite(secure, .init = set_up);

/* Opening is refused, and the text has a word of the remedy. */
static void expect_refusal(const struct df_db_config *config, int code, const char *remedy)
{
    struct df_error error = {""};
    struct df_db *db = NULL;
    int rc = store.driver->open(config, &db, &error);
    cr_expect_eq(rc, code, "%d instead of %d: %s", rc, code, error.text);
    cr_expect_not_null(strstr(error.text, remedy), "no '%s' in: %s", remedy, error.text);
    if (rc == 0)
        store.driver->close(db);
}

Test(secure, who_is_let_in_writes_and_watches)
{
    uint64_t at;
    struct df_error error;
    struct df_db *writer = store_open(&store), *watcher = store_open(&store);
    store_snapshot(&store, watcher, &at);
    store_put(&store, writer, "t", "a", "1", 1);
    store_expect_watch(&store, watcher, &at, "t/a=1 ");
    cr_expect_eq(store.driver->lease(writer, "host1", "me", 10, &error), 0, "%s", error.text);
    store_expect_watch(&store, watcher, &at, DF_DB_LEASES "/host1=me ");
    store.driver->close(writer);
    store.driver->close(watcher);
}

Test(secure, a_wrong_password_is_refused)
{
    struct df_db_config config = store.exists;
    if (!config.password)
        cr_skip_test("%s has no password", store.server->kind);
    config.password = "wrong";
    expect_refusal(&config, -EACCES, "password");
}

Test(secure, no_password_is_refused)
{
    struct df_db_config config = store.exists;
    if (!config.password)
        cr_skip_test("%s has no password", store.server->kind);
    config.user = config.password = NULL;
    expect_refusal(&config, -EACCES, "password");
}

Test(secure, a_server_of_another_authority_is_refused)
{
    char ca[SERVER_TEXT];
    struct df_db_config config = store.exists;
    if (!config.ca)
        cr_skip_test("%s has no TLS", store.server->kind);
    snprintf(ca, sizeof ca, "%s/other-ca.pem", store.server->path);
    config.ca = ca;
    expect_refusal(&config, -EACCES, "certificate");
}

/* What takes a new start of the server. */
static void need_one_server_with_tls(void)
{
    if (!store.exists.ca)
        cr_skip_test("%s has no TLS", store.server->kind);
    if (store.server->n > 1)
        cr_skip_test("one server shows it");
}

/* Its certificate is none of the server at this end point, and what to do about it is said. */
static void expect_distrust(const char *why)
{
    struct df_error error = {""};
    struct df_db *db = NULL;
    int rc = store.driver->open(&store.exists, &db, &error);
    cr_expect_eq(rc, -EACCES, "%d: %s", rc, error.text);
    cr_expect(store_names_door(&store, error.text), "the end point is missing: %s", error.text);
    cr_expect_not_null(strstr(error.text, why), "no '%s' in: %s", why, error.text);
    cr_expect_not_null(strstr(error.text, "renew it"), "no remedy in: %s", error.text);
    if (rc == 0)
        store.driver->close(db);
}

Test(secure, a_server_whose_certificate_has_expired_is_refused)
{
    need_one_server_with_tls();
    show_certificate(store.server, "expired");
    expect_distrust("certificate has expired");
}

Test(secure, a_server_with_the_certificate_of_another_host_is_refused)
{
    need_one_server_with_tls();
    if (strcmp(store.driver->name, "ovsdb") == 0)
        cr_skip_test("OVSDB's certificates name no hosts");
    show_certificate(store.server, "elsewhere");
    expect_distrust("mismatch");
}

Test(secure, without_tls_there_is_an_error_and_no_hang)
{
    struct df_error error;
    struct df_db *db;
    struct df_db_config config = store.exists;
    if (!config.ca)
        cr_skip_test("%s has no TLS", store.server->kind);
    config.ca = config.cert = config.key = NULL;
    config.timeout_ms = 1000;
    cr_expect_lt(store.driver->open(&config, &db, &error), 0);
}

Test(secure, a_client_without_its_certificate_is_refused)
{
    struct df_db_config config = store.exists;
    if (!config.cert)
        cr_skip_test("%s wants no certificate", store.server->kind);
    config.cert = config.key = NULL;
    struct df_error error = {""};
    struct df_db *db = NULL;
    int rc = store.driver->open(&config, &db, &error);
    /* A server may also close the connection without a word. */
    cr_expect(rc == -EACCES || rc == -ECONNRESET, "%d: %s", rc, error.text);
    cr_expect_not_null(strstr(error.text, "cert"), "no remedy in: %s", error.text);
    if (rc == 0)
        store.driver->close(db);
}

Test(secure, a_client_whose_certificate_has_expired_is_refused)
{
    char cert[SERVER_TEXT], key[SERVER_TEXT];
    struct df_db_config config = store.exists;
    if (!config.cert)
        cr_skip_test("%s wants no certificate", store.server->kind);
    snprintf(cert, sizeof cert, "%s/expired.pem", store.server->path);
    snprintf(key, sizeof key, "%s/expired.key", store.server->path);
    config.cert = cert;
    config.key = key;
    expect_refusal(&config, -EACCES, "expired.pem' has expired: renew it");
}

Test(secure, files_that_cannot_be_used_are_named)
{
    struct df_db_config config = store.exists;
    if (!config.ca)
        cr_skip_test("%s has no TLS", store.server->kind);
    config.ca = "/nowhere/ca.pem";
    expect_refusal(&config, -EINVAL, "/nowhere/ca.pem");
    config = store.exists;
    config.cert = "/nowhere/cert.pem";
    config.key = "/nowhere/key.pem";
    expect_refusal(&config, -EINVAL, "/nowhere/cert.pem");
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
