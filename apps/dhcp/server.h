/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "apps/dhcp/counters.h"
#include "apps/dhcp/reply.h"

/*
 * The server's side of RFC 2131 section 4.3: a request and what the model says about the port give a reply or none.
 *
 * It keeps nothing between packets. The port's address is known before anybody asks, so each request is right or wrong,
 * and what is wrong gets a NAK; RFC 2131's "no record of this client" does not happen.
 */

struct df_dhcp_outcome {
    enum df_dhcp_counter received; /* what it was; DF_DHCP_COUNTERS: nothing that clients send */
    enum df_dhcp_counter result;   /* sent, refused; DF_DHCP_COUNTERS: no answer is due */
    uint32_t frame_len;            /* bytes in reply->frame; 0: send nothing */
};

/** Answers the request of the port that the lease is for. No side effect but on reply. */
struct df_dhcp_outcome df_dhcp_serve(const struct df_dhcp_request *request, const struct df_dhcp_lease *lease,
                                     struct df_dhcp_reply *reply);
