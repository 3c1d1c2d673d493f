/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/tables/builtin.h"

/* What the tables ARP and IPV6_ND have in common: their entries. */
extern const struct df_field df_neighbour_key_fields[];
extern const struct df_field df_neighbour_value_fields[];
