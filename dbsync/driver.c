/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/driver.h"

#include <string.h>

#include "dbsync/drivers/lmdb.h"

static const struct df_db_driver *const drivers[] = {
    &df_db_lmdb_driver,
};

const struct df_db_driver *df_db_driver_at(size_t i)
{
    return i < sizeof drivers / sizeof drivers[0] ? drivers[i] : NULL;
}

const struct df_db_driver *df_db_driver_find(const char *name)
{
    const struct df_db_driver *driver;
    for (size_t i = 0; (driver = df_db_driver_at(i)); i++)
        if (strcmp(driver->name, name) == 0)
            return driver;
    return NULL;
}
