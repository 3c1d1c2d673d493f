/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/app.h"

/*
 * The built-in app "binding": it lets the traffic of local ports in and out.
 *
 * Invariant (deny until programmed): a port has its classification entry only when its interface is known, its network
 * is known, no app refuses it, and the loaded apps provide what it demands. The controller loads it behind all other
 * apps, so that it knows what they said. Where none of them provides security groups, it says in 10 and 105 that the
 * ports have none.
 */

extern const struct df_app df_app_binding;
