/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"

/* Somewhere for a test's database, fresh and removed with everything in it. */
struct place {
    char path[64];
    struct df_db_config create; /* to make a database there, to write */
    struct df_db_config exists; /* to open the one that is there */
};

void place_make(struct place *place);
void place_remove(struct place *place);
