/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/system/db/program.h"
#include "tests/system/db/server_private.h"
#include "tests/system/db/store.h"

/* What secure.c leaves out: keys of other certificates, and servers without TLS. */

static struct store store;
static struct df_db_config config;

static void set_up(void)
{
    store_make(&store);
    store.driver->close(store_create(&store));
    config = store.exists;
}

TestSuite(ovsdb_secure, .init = set_up);

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
    static char paths[4][256];
    static unsigned n;
    char *path = paths[n++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", store.server->path, name);
    return path;
}

Test(ovsdb_secure, a_key_of_another_certificate_is_told)
{
    config.key = file("server.key");
    expect(-EINVAL, "server.key");
}

Test(ovsdb_secure, a_server_without_tls_is_told)
{
    struct server *server = store.server;
    uint64_t end = 0;
    cr_assert_eq(server_command(server, "ovs-appctl -t %s/ctl ovsdb-server/add-remote ptcp:%u:127.0.0.1",
                                server->members[0].path, server->members[0].port + 3),
                 0);
    while (!server_listens((uint16_t)(server->members[0].port + 3)))
        cr_assert(server_wait(&end), "ovsdb-server does not listen");
    static char location[64];
    snprintf(location, sizeof location, "ssl:127.0.0.1:%u", server->members[0].port + 3);
    config.location = location;
    config.timeout_ms = 500;
    struct df_error error = {""};
    struct df_db *db;
    int rc = store.driver->open(&config, &db, &error);
    cr_expect(rc == -EPROTO || rc == -ETIMEDOUT || rc == -ECONNRESET, "%d: %s", rc, error.text);
    cr_expect_not_null(strstr(error.text, location));
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
