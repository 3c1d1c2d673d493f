/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "dbsync/error.h"

/* What a server says no with: an error in an answer, such as "NOAUTH Authentication required." */

/** Its negative errno, with a text that says what mends it; where: which server. */
int df_redis_refusal(const char *text, const char *where, struct df_error *error);

/** Was nothing done, since this connection leads to the wrong server, or to one that must be told of us again? */
bool df_redis_refusal_is_astray(const char *text);
