/* SPDX-License-Identifier: Apache-2.0 */
#include "control/app.h"

/* An app of a daemon that is to come. */
const struct df_app df_app = {.abi = DF_APP_ABI + 1, .name = "other_abi"};
