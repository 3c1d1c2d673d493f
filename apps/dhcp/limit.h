/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How often a port may ask: at most rate packets in any second; the one that is too many blocks the port for a while,
 * as a guest that floods should cost nothing.
 *
 * Kept by the datapath's port number, so there is a fixed number of entries; one whose lport changed starts anew.
 */

#define DF_DHCP_RATE_MAX 64

struct df_dhcp_limit;

/** rate: 1 to DF_DHCP_RATE_MAX packets per second. NULL: no memory. */
struct df_dhcp_limit *df_dhcp_limit_new(uint32_t rate, uint32_t block_ms);
void df_dhcp_limit_free(struct df_dhcp_limit *limit);

/** Takes one packet of the port at now_ms (monotonic); false: it is over the limit. */
bool df_dhcp_limit_take(struct df_dhcp_limit *limit, uint16_t port, uint32_t lport, uint64_t now_ms);
