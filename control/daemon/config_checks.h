/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/daemon/config.h"

/* What keys must be together, and the files that they name. Private to config.c. */

/** Checks it, and reads the files. path is for errors; NULL: it is of no file. -EINVAL: error says what to mend. */
int df_config_check(struct df_config *config, const char *path, struct df_error *error);
