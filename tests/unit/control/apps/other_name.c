/* SPDX-License-Identifier: Apache-2.0 */
#include "control/app.h"

/* An app whose file was renamed. */
const struct df_app df_app = {.abi = DF_APP_ABI, .name = "something_else"};
