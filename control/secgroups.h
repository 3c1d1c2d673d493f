/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "dbsync/schema.h"

/* How a rule of a security group is called, by its app and in reports. */

#define DF_RULE_ID_MAX 64

/** Its id; of a rule without one its place, which is written to place. */
static inline const char *df_secgroup_rule_id(const Df__SecurityGroup *group, size_t i, char place[DF_RULE_ID_MAX])
{
    const char *id = group->rules[i]->id;
    if (id && *id)
        return id;
    snprintf(place, DF_RULE_ID_MAX, "rules[%zu]", i);
    return place;
}
