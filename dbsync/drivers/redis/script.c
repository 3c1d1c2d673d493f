/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/script.h"

static const char *const texts[] = {
    [DF_REDIS_INIT] =
#include "dbsync/drivers/redis/common.lua.inc"
#include "dbsync/drivers/redis/init.lua.inc"
        ,
    [DF_REDIS_COMMIT] =
#include "dbsync/drivers/redis/common.lua.inc"
#include "dbsync/drivers/redis/commit.lua.inc"
        ,
    [DF_REDIS_GLANCE] =
#include "dbsync/drivers/redis/common.lua.inc"
#include "dbsync/drivers/redis/glance.lua.inc"
        ,
    [DF_REDIS_PAGE] =
#include "dbsync/drivers/redis/common.lua.inc"
#include "dbsync/drivers/redis/page.lua.inc"
        ,
    [DF_REDIS_LEASE] =
#include "dbsync/drivers/redis/common.lua.inc"
#include "dbsync/drivers/redis/lease.lua.inc"
        ,
    [DF_REDIS_RELEASE] =
#include "dbsync/drivers/redis/common.lua.inc"
#include "dbsync/drivers/redis/release.lua.inc"
        ,
};

const char *df_redis_script_text(enum df_redis_script script)
{
    return texts[script];
}
