/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/system/db/program.h"
#include "tests/system/db/store.h"

/* Passwords and certificates. Which of them a server wants its kind says. */

static struct store store;

static void set_up(void)
{
    store_make(&store);
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
