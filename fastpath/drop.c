/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/drop.h"

#include <stddef.h>

static const struct {
    const char *name;
    const char *help;
} reasons[DF_DROPS] = {
#define X(ENUM, name, help) [DF_DROP_##ENUM] = {name, help},
    DF_DROP_LIST(X)
#undef X
};

const char *df_drop_name(enum df_drop reason)
{
    return (size_t)reason < DF_DROPS ? reasons[reason].name : "unknown";
}

const char *df_drop_help(enum df_drop reason)
{
    return (size_t)reason < DF_DROPS ? reasons[reason].help : "not a drop reason";
}
