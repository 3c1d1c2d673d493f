/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "apps/dhcp/codec.h"
#include "apps/dhcp/lease.h"

/*
 * What is in a reply.
 *
 * Options stand in this order, and what does not fit into the client's maximum message size is left out from the back:
 * type (53), server identifier (54), lease time (51), client identifier (61, RFC 6842), then what the client asked for
 * in option 55 in its order, except that the netmask comes before the routers (RFC 2132 section 3.3). A client without
 * option 55 gets the usual ones and then the port's own, by number.
 */

/** An OFFER or an ACK. lease_times: false for the answer to an INFORM, which has none (RFC 2131 section 4.3.5). */
void df_dhcp_reply_options(struct df_dhcp_reply *reply, const struct df_dhcp_request *request,
                           const struct df_dhcp_lease *lease, enum df_dhcp_type type, bool lease_times);

/** A NAK with its reason for people (RFC 2131 table 3). */
void df_dhcp_reply_nak(struct df_dhcp_reply *reply, const struct df_dhcp_request *request,
                       const struct df_dhcp_lease *lease, const char *reason);

/** An option's value for this lease; false: there is none. */
bool df_dhcp_reply_value(const struct df_dhcp_lease *lease, uint8_t code, struct df_dhcp_buffer *value);
