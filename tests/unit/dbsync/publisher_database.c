/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "dbsync/nb.h"
#include "dbsync/pubsub/publisher_database.h"
#include "tests/unit/dbsync/place.h"

/* A publisher whose database is away, or does not take its row; the test turns the clock. */

struct host {
    struct place place;
    struct df_publisher_database *database;
    uint64_t now_ms;
    unsigned lines;
    char line[1024]; /* the last one */
};

static int send_nothing(void *arg, const char *topic, const void *data, size_t len)
{
    (void)arg;
    (void)topic;
    (void)data;
    (void)len;
    return 0;
}

static uint64_t clock_ms(void *arg)
{
    return ((struct host *)arg)->now_ms;
}

static void log_line(void *arg, const char *text)
{
    struct host *host = arg;
    host->lines++;
    snprintf(host->line, sizeof(host->line), "%s", text);
}

static void host_up(struct host *host, const char *name)
{
    struct df_error error;
    place_make(&host->place);
    struct df_publisher_database_config config = {.driver = df_db_driver_find("lmdb"),
                                                  .database = host->place.exists,
                                                  .name = name,
                                                  .uri = "tcp://api1:8866",
                                                  .send = send_nothing,
                                                  .now_ms = clock_ms,
                                                  .log = log_line,
                                                  .arg = host};
    cr_assert_eq(df_publisher_database_new(&config, &host->database, &error), 0, "%s", error.text);
}

static void host_down(struct host *host)
{
    df_publisher_database_free(host->database);
    place_remove(&host->place);
}

/* What it said at that time; "": nothing. */
static const char *at(struct host *host, uint64_t now_ms)
{
    host->line[0] = '\0';
    host->now_ms = now_ms;
    df_publisher_database_look(host->database);
    return host->line;
}

static struct df_nb *make_database(struct host *host)
{
    struct df_nb *nb;
    struct df_error error;
    cr_assert_eq(df_nb_open("lmdb", &host->place.create, &nb, &error), 0, "%s", error.text);
    return nb;
}

static void write_network(struct df_nb *nb, char *id)
{
    struct df_error error;
    Df__LogicalSwitch network = DF__LOGICAL_SWITCH__INIT;
    network.id = id;
    network.name = id;
    network.topic = "t";
    network.network_type = "local";
    cr_assert_eq(df_nb_write(nb, DF_NB_PUT, DF_NB_LSWITCH, &network.base, &error), 0, "%s", error.text);
}

static uint64_t published(const struct host *host)
{
    return df_publisher_tally(df_publisher_database_publisher(host->database)).published;
}

Test(publisher_database, one_that_is_away_is_asked_less_and_less_and_that_is_said_once)
{
    static struct host host;
    host_up(&host, "api1");
    cr_expect(strstr(at(&host, 10000), "the database is away: "), "%s", host.line);
    cr_expect_eq(df_publisher_database_fd(host.database), -1);
    for (uint64_t now_ms = 10100; now_ms < 25000; now_ms += 100) /* at 11, 13 and 17 s */
        cr_expect_str_eq(at(&host, now_ms), "");
    df_nb_close(make_database(&host));
    cr_expect_str_eq(at(&host, 24999), "", "it is not time to ask");
    cr_expect_str_eq(at(&host, 25000), "the database is back");
    cr_expect_geq(df_publisher_database_fd(host.database), 0);
    host_down(&host);
}

Test(publisher_database, patience_has_an_end)
{
    static struct host host;
    host_up(&host, "api1");
    for (uint64_t now_ms = 0; now_ms <= 1000000; now_ms += 1000)
        at(&host, now_ms);
    df_nb_close(make_database(&host));
    unsigned seconds = 0;
    while (seconds < 60 && !*at(&host, 1000000 + ++seconds * 1000))
        ;
    cr_expect_leq(seconds, 8);
    cr_expect_str_eq(host.line, "the database is back");
    host_down(&host);
}

/* No database takes a row with such an id. */
Test(publisher_database, that_its_row_is_refused_keeps_nothing_from_being_published)
{
    static struct host host;
    static char name[1000];
    memset(name, 'x', sizeof(name) - 1);
    host_up(&host, name);
    struct df_nb *nb = make_database(&host);
    cr_expect(strstr(at(&host, 10000), "row publisher 'xxx"), "%s", host.line);
    cr_expect(strstr(host.line, "docs/databases.md"), "%s", host.line);
    cr_expect_eq(published(&host), 0);
    write_network(nb, "red");
    cr_expect_str_eq(at(&host, 10001), "");
    cr_expect_eq(published(&host), 1, "at once, and not when it is time to try again");
    write_network(nb, "blue");
    cr_expect_str_eq(at(&host, 10002), "");
    cr_expect_eq(published(&host), 2);
    for (uint64_t now_ms = 11000; now_ms < 200000; now_ms += 1000)
        at(&host, now_ms);
    cr_expect_eq(host.lines, 1);
    cr_expect_geq(df_publisher_database_fd(host.database), 0);
    df_nb_close(nb);
    host_down(&host);
}

Test(publisher_database, its_row_is_written)
{
    static struct host host;
    struct df_error error;
    ProtobufCMessage *row;
    host_up(&host, "api1");
    struct df_nb *nb = make_database(&host);
    cr_expect_str_eq(at(&host, 10000), "");
    cr_assert_eq(df_nb_get(nb, DF_NB_PUBLISHER, "api1", &row, &error), 0, "%s", error.text);
    cr_expect_str_eq(((Df__Publisher *)row)->uri, "tcp://api1:8866");
    protobuf_c_message_free_unpacked(row, NULL);
    df_nb_close(nb);
    host_down(&host);
}
