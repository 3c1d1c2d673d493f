/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The scripts that run in the server, NAME.lua each, with common.lua before it. */

enum df_redis_script {
    DF_REDIS_INIT,
    DF_REDIS_COMMIT,
    DF_REDIS_GLANCE,
    DF_REDIS_PAGE,
    DF_REDIS_LEASE,
    DF_REDIS_RELEASE,
    DF_REDIS_SCRIPTS
};

#define DF_REDIS_SHA_LEN 40 /* of a script's name: SHA-1 in hexadecimal */

/** The text of a script. */
const char *df_redis_script_text(enum df_redis_script script);
