/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/daemon/config_keys.h"

/* A value of a key: from text, of any of its types. Private to config.c. */

/* Why a value is refused; text is part of a sentence that begins with the key. */
struct df_config_problem {
    char text[256];
};

/** Puts what the text says in place of the key's value. -EINVAL: problem says why; -ENOMEM. */
int df_config_set_value(struct df_config *config, const struct df_config_key *key, const char *value,
                        struct df_config_problem *problem);
bool df_config_values_equal(const struct df_config *a, const struct df_config *b, const struct df_config_key *key);
void df_config_free_value(struct df_config *config, const struct df_config_key *key);

bool df_config_is_list(const struct df_config_key *key);
