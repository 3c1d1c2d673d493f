/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dbsync/nb.h"
#include "dbsync/pubsub/publisher_database.h"
#include "tests/unit/dbsync/place.h"

/* A publisher whose database is away, or does not take its row; the test turns the clock. */

#define STILL_AWAY "the database is still away: silent until it is back, so that nodes watch it themselves"

struct host {
    struct place place;
    struct df_publisher_database *database;
    uint64_t now_ms;
    unsigned lines, sent;
    char line[1024]; /* the last one */
};

static int send_nowhere(void *arg, const char *topic, const void *data, size_t len)
{
    ((struct host *)arg)->sent++;
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

/* The line to the database. One that is set up is silent: a watch has no news, and a question no answer. */
static enum { GOOD, CUT, SET_UP } line;

static int watch_by_line(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error)
{
    if (line == CUT)
        return df_error_set(error, -ETIMEDOUT, "no answer");
    return line == SET_UP ? 0 : df_db_driver_find("lmdb")->watch(db, revision, cb, arg, error);
}

static int get_by_line(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg,
                       struct df_error *error)
{
    if (line != GOOD)
        return df_error_set(error, -ETIMEDOUT, "no answer");
    return df_db_driver_find("lmdb")->get(db, table, id, cb, arg, error);
}

static void host_up(struct host *host, const char *name)
{
    static struct df_db_driver driver;
    struct df_error error;
    driver = *df_db_driver_find("lmdb");
    driver.watch = watch_by_line;
    driver.get = get_by_line;
    place_make(&host->place);
    struct df_publisher_database_config config = {.driver = &driver,
                                                  .database = host->place.exists,
                                                  .name = name,
                                                  .uri = "tcp://api1:8866",
                                                  .send = send_nowhere,
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
        cr_expect_str_eq(at(&host, now_ms), now_ms == 13000 ? STILL_AWAY : "");
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

/* What it says by the clock alone. */
static unsigned hellos_at(struct host *host, uint64_t now_ms)
{
    unsigned before = host->sent;
    df_publisher_tick(df_publisher_database_publisher(host->database), now_ms);
    return host->sent - before;
}

/* Nodes take hellos for a sign that they hear of everything. */
Test(publisher_database, one_that_stays_away_silences_its_publisher_which_then_goes_on)
{
    static struct host host;
    host_up(&host, "api1");
    struct df_nb *nb = make_database(&host);
    cr_expect_str_eq(at(&host, 10000), "");
    cr_expect_str_eq(at(&host, 10001), "");
    cr_expect_eq(published(&host), 1, "its own row");
    struct df_publisher *publisher = df_publisher_database_publisher(host.database);
    cr_expect_geq(hellos_at(&host, 10001), 1);
    line = CUT;
    cr_expect_str_eq(at(&host, 11000), "the database is away: no answer; trying again");
    cr_expect_str_eq(at(&host, 13999), "");
    cr_expect_geq(hellos_at(&host, 13999), 1, "it may be back soon");
    cr_expect_str_eq(at(&host, 14000), STILL_AWAY);
    write_network(nb, "red");
    cr_expect_eq(hellos_at(&host, 14000), 0);
    df_publisher_subscribed(publisher, "*\n", 2);
    df_publisher_greet(publisher);
    cr_expect_eq(published(&host), 1);
    line = SET_UP;
    cr_expect_str_eq(at(&host, 20000), "");
    cr_expect_eq(hellos_at(&host, 20000), 0);
    line = GOOD;
    cr_expect_str_eq(at(&host, 40000), "the database is back");
    cr_expect_eq(published(&host), 2, "what it missed is told");
    cr_expect_geq(hellos_at(&host, 40000), 1);
    cr_expect_eq(df_publisher_database_publisher(host.database), publisher);
    df_nb_close(nb);
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
