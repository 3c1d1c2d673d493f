/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "farm.h"

/*
 * Does each node know what it should, and no less?
 *
 * Two oracles: compiling everything again changes nothing, and a controller of the same name that hears of the whole
 * cloud at once, without topics and without a history, has the same entries in all its tables. Numbers that a
 * controller gives out by itself (ports, groups, rules) are told apart by what they stand for, or left out.
 */

/** The number of nodes that are not as they should be; each is printed. Loop's thread. */
unsigned views_check(struct farm *farm, struct df_nb *nb);
