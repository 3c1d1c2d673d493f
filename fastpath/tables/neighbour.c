/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/neighbour.h"

const struct df_field df_neighbour_key_fields[] = {
    DF_FIELD(df_neighbour_key, network, DF_FIELD_UINT),
    DF_FIELD(df_neighbour_key, ip, DF_FIELD_IP),
    DF_FIELD_END,
};

const struct df_field df_neighbour_value_fields[] = {
    DF_FIELD(df_neighbour_value, lport, DF_FIELD_UINT),
    DF_FIELD(df_neighbour_value, mac, DF_FIELD_MAC),
    DF_FIELD(df_neighbour_value, is_router, DF_FIELD_UINT),
    DF_FIELD_END,
};
