/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/system/db/program.h"
#include "tests/system/db/store.h"

/* Who is not let in, and by whom we are not had, by the redis driver. */

static struct store store;
static struct df_db_config config;

static void set_up(void)
{
    store_make(&store);
    store.driver->close(store_create(&store));
    config = store.exists;
}

TestSuite(redis_secure, .init = set_up);

static void expect(int rc, const char *text)
{
    struct df_error error = {""};
    struct df_db *db;
    int got = store.driver->open(&config, &db, &error);
    cr_expect_eq(got, rc, "%d: %s", got, error.text);
    cr_expect_not_null(strstr(error.text, text), "no '%s' in: %s", text, error.text);
    if (got == 0)
        store.driver->close(db);
}

static const char *file(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", store.server->path, name);
    return path;
}

Test(redis_secure, a_wrong_password_is_told)
{
    config.password = "sesame";
    expect(-EACCES, "check the user and password");
}

Test(redis_secure, a_missing_password_is_told)
{
    config.user = config.password = NULL;
    expect(-EACCES, "give a user and password");
}

Test(redis_secure, a_user_needs_a_password)
{
    config.password = NULL;
    expect(-EINVAL, "has no password");
}

Test(redis_secure, rights_that_are_missing_are_told)
{
    cr_assert_eq(server_command(store.server,
                                "redis-cli --tls --cacert ca.pem --cert client.pem --key client.key -a secret -p %u "
                                "acl setuser weak on '>weak' '~{dragonflow}*' +ping",
                                store.server->members[0].port),
                 0);
    config.user = config.password = "weak";
    expect(-EACCES, "grant the user");
}

Test(redis_secure, a_server_of_another_authority_is_refused)
{
    config.ca = file("other-ca.pem");
    expect(-EACCES, "name the right ca");
}

Test(redis_secure, without_a_certificate_of_ours_we_are_not_let_in)
{
    config.cert = config.key = NULL;
    expect(-EACCES, "check the certificate and key");
}

Test(redis_secure, files_that_are_no_certificates_are_told)
{
    config.cert = file("commands");
    expect(-EINVAL, "commands");
}

Test(redis_secure, a_key_wants_its_certificate)
{
    config.cert = NULL;
    expect(-EINVAL, "a certificate and its key");
}

Test(redis_secure, without_tls_there_is_no_talking)
{
    config.ca = config.cert = config.key = NULL;
    expect(-ECONNRESET, "closed the connection");
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
