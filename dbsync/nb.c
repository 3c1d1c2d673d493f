/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/nb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/nb_private.h"
#include "dbsync/row.h"

/*
 * The version of the model that a database holds. Fields and tables are added without raising it, for programs keep
 * what they do not know; it is raised when an older program would do harm.
 */
#define SCHEMA_TABLE "schema"
#define SCHEMA_ID "version"
#define SCHEMA_VERSION 1

static int check_version(const struct df_transaction_row *row, const char *location, struct df_error *error)
{
    char text[16] = "";
    if (row->len < sizeof text)
        memcpy(text, row->data, row->len);
    char *end;
    unsigned long version = strtoul(text, &end, 10);
    if (end == text || *end)
        return df_error_set(error, -EBADMSG, "%s is not a northbound database: its schema version is garbled",
                            location);
    if (version > SCHEMA_VERSION)
        return df_error_set(error, -ENOTSUP, "%s has schema version %lu, this program knows %d: upgrade the program",
                            location, version, SCHEMA_VERSION);
    return 0;
}

static int write_version(struct df_transaction *txn, struct df_error *error)
{
    char *text;
    int len = asprintf(&text, "%d", SCHEMA_VERSION);
    if (len < 0)
        return df_error_set(error, -ENOMEM, "out of memory");
    int rc = df_transaction_stage(txn, SCHEMA_TABLE, SCHEMA_ID, 0, text, (size_t)len, NULL, error);
    return rc ? rc : df_transaction_commit(txn, error);
}

static int settle_version(struct df_nb *nb, const struct df_db_config *config, struct df_error *error)
{
    struct df_transaction txn;
    struct df_transaction_row row;
    int rc;
    df_transaction_init(&txn, nb->driver, nb->db, nb->announcer);
    do {
        df_transaction_clear(&txn);
        rc = df_transaction_read(&txn, SCHEMA_TABLE, SCHEMA_ID, &row, error);
        if (rc)
            break;
        if (row.revision)
            rc = check_version(&row, config->location, error);
        else if (config->create)
            rc = write_version(&txn, error);
        else
            rc = df_error_set(error, -ENOENT, "no northbound database in %s: run df-db --db %s:%s init",
                              config->location, nb->driver->name, config->location);
        free(row.data);
    } while (rc == -EAGAIN);
    df_transaction_clear(&txn);
    return rc;
}

int df_nb_open(const char *driver, const struct df_db_config *config, struct df_nb **nb, struct df_error *error)
{
    struct df_nb *new = calloc(1, sizeof *new);
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    new->driver = df_db_driver_find(driver);
    if (!new->driver) {
        free(new);
        return df_error_set(error, -EPROTONOSUPPORT, "there is no database driver '%s': see df-db drivers", driver);
    }
    int rc = new->driver->open(config, &new->db, error);
    if (rc)
        goto err;
    rc = settle_version(new, config, error);
    if (rc)
        goto err;
    *nb = new;
    return 0;
err:
    if (new->db)
        new->driver->close(new->db);
    free(new);
    return rc;
}

void df_nb_close(struct df_nb *nb)
{
    if (!nb)
        return;
    nb->driver->close(nb->db);
    df_nb_forget_topics(nb);
    df_nb_feed_forget(&nb->feed);
    free(nb);
}

struct decode {
    enum df_nb_table table;
    ProtobufCMessage **object;
    struct df_error *error;
};

static int decode_row(const struct df_db_row *row, void *arg)
{
    const struct decode *decode = arg;
    return df_row_decode(decode->table, row->id, row->data, row->len, decode->object, decode->error);
}

int df_nb_get(struct df_nb *nb, enum df_nb_table table, const char *id, ProtobufCMessage **object,
              struct df_error *error)
{
    struct decode decode = {table, object, error};
    return nb->driver->get(nb->db, df_schema_table(table)->name, id, decode_row, &decode, error);
}

static int pass_over(const struct df_db_row *row, void *arg)
{
    (void)row;
    (void)arg;
    return 0;
}

int df_nb_probe(struct df_nb *nb, struct df_error *error)
{
    return nb->driver->get(nb->db, SCHEMA_TABLE, SCHEMA_ID, pass_over, NULL, error);
}

void df_nb_set_announcer(struct df_nb *nb, struct df_announcer *announcer)
{
    nb->announcer = announcer;
}

int df_nb_lease(struct df_nb *nb, const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    return nb->driver->lease(nb->db, name, owner, ttl, error);
}

int df_nb_release(struct df_nb *nb, const char *name, struct df_error *error)
{
    return nb->driver->release(nb->db, name, error);
}
