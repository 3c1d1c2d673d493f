/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "control/app.h"

/* An app that takes "good" for its option, starts unless it is told "good but broken", and shows what it was told. */

static char told[64];

static int set(const char *value)
{
    if (strncmp(value, "good", 4) != 0)
        return -EINVAL;
    strncpy(told, value, sizeof(told) - 1);
    return 0;
}

static int init(void)
{
    return strcmp(told, "good but broken") == 0 ? -ENODEV : 0;
}

static json_t *show(void)
{
    return json_pack("{s:s}", "told", told);
}

static const struct df_app_option options[] = {
    {"df_picky_app", "mood", "good by default", "how it is", set},
    {0},
};

const struct df_app df_app = {
    .abi = DF_APP_ABI, .name = "picky", .summary = "wants to be told", .options = options, .init = init, .show = show};
