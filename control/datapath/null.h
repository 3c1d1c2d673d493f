/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/datapath/datapath.h"

/*
 * The null backend: it keeps what it is told and moves no packet. For simulations of many nodes and for tests, which
 * read its entries back by for_each() and compare them. Every port that it is given opens and has a guest.
 */

/** A datapath without entries and ports; close it by its operation. Never NULL. */
struct df_datapath *df_datapath_null_open(void);
