/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/server.h"

#include <arpa/inet.h>

static const struct df_mac broadcast_mac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

static struct df_dhcp_outcome refuse(enum df_dhcp_counter received, enum df_dhcp_counter why)
{
    return (struct df_dhcp_outcome){.received = received, .result = why};
}

/* Where a reply goes (RFC 2131 section 4.1): to an address that the client already has, else as the flag says. */
static void address_reply(const struct df_dhcp_request *request, uint32_t client, bool configured,
                          struct df_dhcp_header *header)
{
    bool broadcast = !configured && (request->flags & DF_DHCP_FLAG_BROADCAST);
    header->ip_dst = broadcast ? INADDR_BROADCAST : client;
    header->eth_dst = broadcast ? broadcast_mac : request->chaddr;
}

static struct df_dhcp_outcome offer(const struct df_dhcp_request *request, const struct df_dhcp_lease *lease,
                                    struct df_dhcp_reply *reply)
{
    struct df_dhcp_header header = {
        .eth_src = lease->server_mac, .ip_src = lease->server_ip, .yiaddr = lease->address, .siaddr = lease->siaddr};
    address_reply(request, lease->address, false, &header);
    df_dhcp_reply_begin(reply, request, &header);
    df_dhcp_reply_options(reply, request, lease, DF_DHCP_OFFER, true);
    return (struct df_dhcp_outcome){DF_DHCP_COUNT_DISCOVER, DF_DHCP_COUNT_OFFER, df_dhcp_reply_end(reply)};
}

/* RFC 2131 table 3: ciaddr is the client's, yiaddr the address given, which an INFORM is not (section 4.3.5). */
static struct df_dhcp_outcome ack(enum df_dhcp_counter received, const struct df_dhcp_request *request,
                                  const struct df_dhcp_lease *lease, struct df_dhcp_reply *reply)
{
    bool inform = received == DF_DHCP_COUNT_INFORM;
    struct df_dhcp_header header = {.eth_src = lease->server_mac,
                                    .ip_src = lease->server_ip,
                                    .ciaddr = request->ciaddr,
                                    .yiaddr = inform ? 0 : lease->address,
                                    .siaddr = lease->siaddr};
    address_reply(request, request->ciaddr ? request->ciaddr : lease->address, request->ciaddr != 0, &header);
    df_dhcp_reply_begin(reply, request, &header);
    df_dhcp_reply_options(reply, request, lease, DF_DHCP_ACK, !inform);
    return (struct df_dhcp_outcome){received, DF_DHCP_COUNT_ACK, df_dhcp_reply_end(reply)};
}

/* A NAK is broadcast: the client has no address that it may use (RFC 2131 section 4.1). */
static struct df_dhcp_outcome nak(enum df_dhcp_counter received, const struct df_dhcp_request *request,
                                  const struct df_dhcp_lease *lease, struct df_dhcp_reply *reply)
{
    struct df_dhcp_header header = {
        .eth_src = lease->server_mac, .eth_dst = broadcast_mac, .ip_src = lease->server_ip, .ip_dst = INADDR_BROADCAST};
    df_dhcp_reply_begin(reply, request, &header);
    df_dhcp_reply_nak(reply, request, lease, "the address is not this port's");
    return (struct df_dhcp_outcome){received, DF_DHCP_COUNT_NAK, df_dhcp_reply_end(reply)};
}

static struct df_dhcp_outcome judge(enum df_dhcp_counter received, uint32_t asked,
                                    const struct df_dhcp_request *request, const struct df_dhcp_lease *lease,
                                    struct df_dhcp_reply *reply)
{
    return asked == lease->address ? ack(received, request, lease, reply) : nak(received, request, lease, reply);
}

/* Which state the client is in: RFC 2131 section 4.3.2 and table 4. */
static struct df_dhcp_outcome request_states(const struct df_dhcp_request *request, const struct df_dhcp_lease *lease,
                                             struct df_dhcp_reply *reply)
{
    if (request->server_id) {
        if (request->server_id != lease->server_ip)
            return refuse(DF_DHCP_COUNT_SELECTING, DF_DHCP_COUNT_OTHER_SERVER);
        if (!request->requested_ip)
            return refuse(DF_DHCP_COUNT_SELECTING, DF_DHCP_COUNT_INCOMPLETE);
        return judge(DF_DHCP_COUNT_SELECTING, request->requested_ip, request, lease, reply);
    }
    if (request->ciaddr == 0) {
        if (!request->requested_ip)
            return refuse(DF_DHCP_COUNT_INIT_REBOOT, DF_DHCP_COUNT_INCOMPLETE);
        return judge(DF_DHCP_COUNT_INIT_REBOOT, request->requested_ip, request, lease, reply);
    }
    if (request->ip_dst == INADDR_BROADCAST)
        return judge(DF_DHCP_COUNT_REBINDING, request->ciaddr, request, lease, reply);
    if (request->ip_dst != lease->server_ip)
        return refuse(DF_DHCP_COUNT_RENEWING, DF_DHCP_COUNT_OTHER_SERVER);
    return judge(DF_DHCP_COUNT_RENEWING, request->ciaddr, request, lease, reply);
}

static struct df_dhcp_outcome no_answer(enum df_dhcp_counter received, const struct df_dhcp_request *request,
                                        const struct df_dhcp_lease *lease)
{
    if (request->server_id && request->server_id != lease->server_ip)
        return refuse(received, DF_DHCP_COUNT_OTHER_SERVER);
    return (struct df_dhcp_outcome){received, DF_DHCP_COUNTERS, 0};
}

struct df_dhcp_outcome df_dhcp_serve(const struct df_dhcp_request *request, const struct df_dhcp_lease *lease,
                                     struct df_dhcp_reply *reply)
{
    switch (request->type) {
    case DF_DHCP_DISCOVER:
        return offer(request, lease, reply);
    case DF_DHCP_REQUEST:
        return request_states(request, lease, reply);
    case DF_DHCP_INFORM:
        if (request->ciaddr == 0)
            return refuse(DF_DHCP_COUNT_INFORM, DF_DHCP_COUNT_INCOMPLETE);
        return ack(DF_DHCP_COUNT_INFORM, request, lease, reply);
    case DF_DHCP_RELEASE:
        return no_answer(DF_DHCP_COUNT_RELEASE, request, lease);
    case DF_DHCP_DECLINE:
        return no_answer(DF_DHCP_COUNT_DECLINE, request, lease);
    default:
        return refuse(DF_DHCP_COUNTERS, DF_DHCP_COUNT_TYPE);
    }
}
