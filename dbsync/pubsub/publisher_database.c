/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/publisher_database.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "dbsync/nb.h"

#define FIRST_PAUSE_MS 1000
#define AWAY_PAUSE_MS 8000
#define SILENT_MS 3000 /* after so long an absence: a database that is started again is back before */
#define ROW_PAUSE_MS 64000

/* When to try again: later each time. */
struct patience {
    uint64_t due_ms;
    unsigned pause_ms; /* 0: it did not fail */
};

struct df_publisher_database {
    struct df_publisher_database_config config;
    char id[64]; /* of the publisher; new with each */
    struct df_publisher *publisher;
    struct df_db *db; /* NULL: not open */
    bool synced, registered;
    uint64_t revision;
    struct patience away, unregistered;
    uint64_t away_ms; /* when it went away */
    bool silent;
};

/* ---- Patience */

static uint64_t now_ms(const struct df_publisher_database *database)
{
    return database->config.now_ms(database->config.arg);
}

/* By the time after the call, which may have taken long. */
static void lose_patience(const struct df_publisher_database *database, struct patience *patience, unsigned last_ms)
{
    unsigned pause_ms = patience->pause_ms ? 2 * patience->pause_ms : FIRST_PAUSE_MS;
    patience->pause_ms = pause_ms < last_ms ? pause_ms : last_ms;
    patience->due_ms = now_ms(database) + patience->pause_ms;
}

__attribute__((format(printf, 2, 3))) static void say(const struct df_publisher_database *database, const char *format,
                                                      ...)
{
    char text[2 * DF_ERROR_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    database->config.log(database->config.arg, text);
}

/* ---- The publisher */

static int make_id(struct df_publisher_database *database)
{
    uint64_t random[2];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    snprintf(database->id, sizeof(database->id), "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
    return 0;
}

/* With an id of its own: to those who listen it is another one, so they take a snapshot. */
static int begin(struct df_publisher_database *database, struct df_error *error)
{
    const struct df_publisher_database_config *config = &database->config;
    struct df_publisher *publisher =
        make_id(database) == 0 ? df_publisher_new(database->id, config->send, config->arg) : NULL;
    if (!publisher)
        return df_error_set(error, -ENOMEM, "out of memory");
    df_publisher_free(database->publisher);
    database->publisher = publisher;
    return 0;
}

int df_publisher_database_new(const struct df_publisher_database_config *config, struct df_publisher_database **made,
                              struct df_error *error)
{
    struct df_publisher_database *database = calloc(1, sizeof(*database));
    if (!database)
        return df_error_set(error, -ENOMEM, "out of memory");
    database->config = *config;
    int rc = begin(database, error);
    if (rc)
        free(database);
    else
        *made = database;
    return rc;
}

static void close_database(struct df_publisher_database *database)
{
    if (database->db)
        database->config.driver->close(database->db);
    database->db = NULL;
}

void df_publisher_database_free(struct df_publisher_database *database)
{
    if (!database)
        return;
    close_database(database);
    df_publisher_free(database->publisher);
    free(database);
}

struct df_publisher *df_publisher_database_publisher(const struct df_publisher_database *database)
{
    return database->publisher;
}

/* ---- Reading */

static int snapshot_row(const struct df_db_row *row, void *arg)
{
    return df_publisher_snapshot_row(((struct df_publisher_database *)arg)->publisher, row);
}

static int change_row(const struct df_db_row *row, void *arg)
{
    return df_publisher_change(((struct df_publisher_database *)arg)->publisher, row);
}

/* A database that was replaced, or put back, counts revisions anew: what is known by the old ones means nothing. */
static int take_snapshot(struct df_publisher_database *database, struct df_error *error)
{
    const struct df_db_driver *driver = database->config.driver;
    uint64_t before = database->revision;
    driver->watch_fd(database->db); /* before, so that nothing is missed */
    df_publisher_snapshot_begin(database->publisher);
    int rc = driver->snapshot(database->db, snapshot_row, database, &database->revision, error);
    if (rc == 0)
        rc = df_publisher_snapshot_end(database->publisher, database->revision);
    database->synced = rc == 0 && database->revision >= before;
    if (rc || database->synced)
        return rc;
    say(database, "the database went back from revision %" PRIu64 " to %" PRIu64 ": beginning anew", before,
        database->revision);
    return begin(database, error);
}

static int read_database(struct df_publisher_database *database, struct df_error *error)
{
    const struct df_publisher_database_config *config = &database->config;
    int rc = database->db ? 0 : config->driver->open(&config->database, &database->db, error);
    if (rc)
        return rc;
    rc = -ESTALE;
    if (database->synced)
        rc = config->driver->watch(database->db, &database->revision, change_row, database, error);
    if (rc == -ESTALE)
        rc = take_snapshot(database, error);
    return rc ? rc : df_publisher_flush(database->publisher);
}

/* It was replaced by another one, of which nothing is known. */
static void forget_database(struct df_publisher_database *database)
{
    close_database(database);
    database->synced = database->registered = false;
    database->revision = 0;
    database->unregistered = (struct patience){0};
    begin(database, NULL);
}

static int ignore_row(const struct df_db_row *row, void *arg)
{
    (void)row;
    (void)arg;
    return 0;
}

/* A watch says nothing while its connection is set up. An answer says that the database is there; any row will do. */
static int ask(const struct df_publisher_database *database, struct df_error *error)
{
    const struct df_publisher_database_config *config = &database->config;
    int rc = config->driver->get(database->db, "publisher", config->name, ignore_row, NULL, error);
    return rc == -ENOENT ? 0 : rc;
}

static int look(struct df_publisher_database *database)
{
    struct df_error error = {""};
    bool was_away = database->away.pause_ms > 0;
    int rc = read_database(database, &error);
    if (rc == 0 && was_away)
        rc = ask(database, &error);
    if (rc && !was_away) {
        say(database, "the database is away: %s; trying again", error.text[0] ? error.text : strerror(-rc));
        database->away_ms = now_ms(database);
    }
    if (rc == 0 && was_away)
        say(database, "the database is back");
    if (rc)
        lose_patience(database, &database->away, AWAY_PAUSE_MS);
    else
        database->away = (struct patience){0};
    if (rc == -ENODEV)
        forget_database(database);
    return rc;
}

/*
 * Nodes hear nothing of what it does not hear, such as that another one died: they must not take its hellos for all
 * there is. Neither can they when writers still push.
 */
static void choose_silence(struct df_publisher_database *database)
{
    bool silent = database->away.pause_ms > 0 && now_ms(database) >= database->away_ms + SILENT_MS;
    if (silent && !database->silent)
        say(database, "the database is still away: silent until it is back, so that nodes watch it themselves");
    database->silent = silent;
    df_publisher_cut_off(database->publisher, silent);
}

/* ---- The row */

/* For operators: what publishers there are, and since when. */
static int write_row(const struct df_publisher_database *database, struct df_error *error)
{
    const struct df_publisher_database_config *config = &database->config;
    struct df_nb *nb;
    Df__Publisher row = DF__PUBLISHER__INIT;
    row.id = (char *)(uintptr_t)config->name;
    row.name = row.id;
    row.uri = (char *)(uintptr_t)config->uri;
    row.has_last_activity_timestamp = true;
    row.last_activity_timestamp = (uint64_t)time(NULL);
    int rc = df_nb_open(config->driver->name, &config->database, &nb, error);
    if (rc)
        return rc;
    rc = df_nb_write(nb, DF_NB_PUT, DF_NB_PUBLISHER, &row.base, error);
    df_nb_close(nb);
    return rc;
}

static void register_self(struct df_publisher_database *database)
{
    struct df_error error = {""};
    int rc = write_row(database, &error);
    bool was_refused = database->unregistered.pause_ms > 0;
    database->registered = rc == 0;
    if (rc && !was_refused)
        say(database,
            "row publisher '%.128s' cannot be written: %s (docs/databases.md lists the rights that a user needs); "
            "publishing without it, and trying again",
            database->config.name, error.text);
    if (rc == 0 && was_refused)
        say(database, "row publisher '%.128s' is written", database->config.name);
    if (rc)
        lose_patience(database, &database->unregistered, ROW_PAUSE_MS);
    else
        database->unregistered = (struct patience){0};
}

/* ---- All of it */

void df_publisher_database_look(struct df_publisher_database *database)
{
    int rc = now_ms(database) < database->away.due_ms ? -EAGAIN : look(database);
    choose_silence(database);
    if (rc)
        return;
    if (!database->registered && now_ms(database) >= database->unregistered.due_ms)
        register_self(database);
}

int df_publisher_database_fd(const struct df_publisher_database *database)
{
    bool listens = database->db && database->synced && database->away.pause_ms == 0;
    return listens ? database->config.driver->watch_fd(database->db) : -1;
}
