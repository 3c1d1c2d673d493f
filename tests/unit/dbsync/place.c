/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dbsync/place.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

void place_make(struct place *place)
{
    snprintf(place->path, sizeof place->path, "/tmp/df-test-XXXXXX");
    if (!mkdtemp(place->path))
        abort();
    place->create = (struct df_db_config){.location = place->path, .create = true};
    place->exists = (struct df_db_config){.location = place->path};
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void place_remove(struct place *place)
{
    nftw(place->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
