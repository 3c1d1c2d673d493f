/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "dbsync/driver.h"

/*
 * Writes a row past the NB API and its checks, as a program with a fault would: raw-row LOCATION TABLE ID BYTES. For the
 * tests of what the switch makes of it.
 */

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: raw-row LOCATION TABLE ID BYTES\n");
        return 2;
    }
    const struct df_db_driver *driver = df_db_driver_find("lmdb");
    struct df_db_config config = {.location = argv[1]};
    struct df_db_op op = {.table = argv[2], .id = argv[3], .data = argv[4], .len = strlen(argv[4])};
    struct df_error error;
    struct df_db *db;
    size_t failed;
    uint64_t revision;
    int rc = driver->open(&config, &db, &error);
    if (rc == 0) {
        rc = driver->commit(db, &op, 1, &failed, &revision, &error);
        driver->close(db);
    }
    if (rc != 0)
        fprintf(stderr, "raw-row: %s\n", error.text);
    return rc != 0;
}
