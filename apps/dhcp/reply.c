/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/reply.h"

#include <arpa/inet.h>
#include <string.h>

/* ---- Values from the lease, one function per option. */

static void put_be32(struct df_dhcp_buffer *value, uint32_t be32)
{
    df_dhcp_value_put(value, &be32, sizeof(be32));
}

static uint32_t netmask(const struct df_dhcp_lease *lease)
{
    return lease->prefix_len ? htonl(UINT32_MAX << (32 - lease->prefix_len)) : 0;
}

static void put_netmask(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    put_be32(value, netmask(lease));
}

static void put_router(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    if (lease->gateway)
        put_be32(value, lease->gateway);
}

static void put_dns(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    df_dhcp_value_put(value, lease->dns.data, lease->dns.len);
}

static void put_host_name(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    df_dhcp_value_put(value, lease->host_name.data, lease->host_name.len);
}

static void put_domain(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    df_dhcp_value_put(value, lease->domain.data, lease->domain.len);
}

static void put_mtu(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    uint16_t mtu = htons(lease->mtu);
    df_dhcp_value_put(value, &mtu, sizeof(mtu));
}

static void put_broadcast(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    put_be32(value, lease->address | ~netmask(lease));
}

static void put_lease_time(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    put_be32(value, htonl(lease->lease_s));
}

static bool is_for_ever(const struct df_dhcp_lease *lease)
{
    return lease->lease_s == UINT32_MAX;
}

/* RFC 2131 section 4.4.5: T1 is half of the lease, T2 seven eighths of it. */
static void put_t1(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    put_be32(value, htonl(is_for_ever(lease) ? UINT32_MAX : lease->lease_s / 2));
}

static void put_t2(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    put_be32(value, htonl(is_for_ever(lease) ? UINT32_MAX : lease->lease_s - lease->lease_s / 8));
}

static void put_routes(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value)
{
    df_dhcp_value_put(value, lease->routes.data, lease->routes.len);
}

static const struct {
    uint8_t code;
    void (*put)(const struct df_dhcp_lease *lease, struct df_dhcp_buffer *value);
} values[] = {
    {DF_DHCP_NETMASK, put_netmask},
    {DF_DHCP_ROUTER, put_router},
    {DF_DHCP_DNS, put_dns},
    {DF_DHCP_HOST_NAME, put_host_name},
    {DF_DHCP_DOMAIN_NAME, put_domain},
    {DF_DHCP_MTU, put_mtu},
    {DF_DHCP_BROADCAST, put_broadcast},
    {DF_DHCP_LEASE_TIME, put_lease_time},
    {DF_DHCP_T1, put_t1},
    {DF_DHCP_T2, put_t2},
    {DF_DHCP_ROUTES, put_routes},
    {DF_DHCP_MS_ROUTES, put_routes},
};

bool df_dhcp_reply_value(const struct df_dhcp_lease *lease, uint8_t code, struct df_dhcp_buffer *value)
{
    const char *own = lease->opts.text[code];
    value->len = 0;
    if (own)
        return df_dhcp_option_encode(code, own, value) == 0;
    if (code == DF_DHCP_MS_ROUTES && lease->opts.text[DF_DHCP_ROUTES])
        return df_dhcp_reply_value(lease, DF_DHCP_ROUTES, value);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (values[i].code == code)
            values[i].put(lease, value);
    }
    return value->len > 0;
}

/* ---- Which of them, and in what order. */

/* A reply being filled: which options it has, and which it may not have (again). */
struct filler {
    struct df_dhcp_reply *reply;
    const struct df_dhcp_lease *lease;
    bool done[256];
};

static void put_option(struct filler *filler, uint8_t code)
{
    struct df_dhcp_buffer value;
    if (filler->done[code])
        return;
    filler->done[code] = true;
    if (df_dhcp_reply_value(filler->lease, code, &value))
        df_dhcp_reply_option(filler->reply, code, value.data, value.len);
}

static bool asks_for(const struct df_dhcp_request *request, uint8_t code)
{
    const struct df_dhcp_bytes *list = &request->parameters;
    return list->data && memchr(list->data, code, list->len) != NULL;
}

static void put_requested(struct filler *filler, const struct df_dhcp_request *request)
{
    for (uint32_t i = 0; i < request->parameters.len; i++) {
        uint8_t code = request->parameters.data[i];
        if (code == DF_DHCP_ROUTER && asks_for(request, DF_DHCP_NETMASK))
            put_option(filler, DF_DHCP_NETMASK);
        put_option(filler, code);
    }
}

static void put_usual(struct filler *filler)
{
    static const uint8_t usual[] = {DF_DHCP_NETMASK,   DF_DHCP_ROUTER, DF_DHCP_DNS, DF_DHCP_DOMAIN_NAME, DF_DHCP_MTU,
                                    DF_DHCP_BROADCAST, DF_DHCP_T1,     DF_DHCP_T2,  DF_DHCP_ROUTES};
    for (size_t i = 0; i < sizeof(usual); i++)
        put_option(filler, usual[i]);
    for (unsigned code = 1; code < DF_DHCP_END; code++) {
        if (filler->lease->opts.text[code])
            put_option(filler, (uint8_t)code);
    }
}

/* Boot ROMs that do not ask for options 66 and 67 look into the fixed fields (RFC 2131 table 1), as with dnsmasq. */
static void put_boot_fields(struct filler *filler, const struct df_dhcp_request *request)
{
    const char *server = filler->lease->opts.text[DF_DHCP_TFTP_NAME];
    const char *file = filler->lease->opts.text[DF_DHCP_BOOT_FILE];
    if (server && !asks_for(request, DF_DHCP_TFTP_NAME))
        filler->done[DF_DHCP_TFTP_NAME] =
            df_dhcp_reply_sname(filler->reply, (const uint8_t *)server, (uint32_t)strlen(server));
    if (file && !asks_for(request, DF_DHCP_BOOT_FILE))
        filler->done[DF_DHCP_BOOT_FILE] =
            df_dhcp_reply_file(filler->reply, (const uint8_t *)file, (uint32_t)strlen(file));
}

/* What comes first in every reply; false never leaves it out, for the smallest message has room for these. */
static void put_head(struct df_dhcp_reply *reply, const struct df_dhcp_request *request,
                     const struct df_dhcp_lease *lease, enum df_dhcp_type type, bool lease_times)
{
    struct df_dhcp_buffer value;
    uint8_t code = (uint8_t)type;
    df_dhcp_reply_option(reply, DF_DHCP_TYPE, &code, 1);
    df_dhcp_reply_option(reply, DF_DHCP_SERVER_ID, &lease->server_ip, 4);
    if (lease_times && df_dhcp_reply_value(lease, DF_DHCP_LEASE_TIME, &value))
        df_dhcp_reply_option(reply, DF_DHCP_LEASE_TIME, value.data, value.len);
    df_dhcp_reply_option(reply, DF_DHCP_CLIENT_ID, request->client_id.data, request->client_id.len);
}

void df_dhcp_reply_options(struct df_dhcp_reply *reply, const struct df_dhcp_request *request,
                           const struct df_dhcp_lease *lease, enum df_dhcp_type type, bool lease_times)
{
    static const uint8_t settled[] = {DF_DHCP_PAD,      DF_DHCP_REQUESTED_IP, DF_DHCP_LEASE_TIME, DF_DHCP_OVERLOAD,
                                      DF_DHCP_TYPE,     DF_DHCP_SERVER_ID,    DF_DHCP_PARAMETERS, DF_DHCP_MESSAGE,
                                      DF_DHCP_MAX_SIZE, DF_DHCP_CLIENT_ID,    DF_DHCP_RELAY_INFO, DF_DHCP_END};
    struct filler filler = {.reply = reply, .lease = lease};
    for (size_t i = 0; i < sizeof(settled); i++)
        filler.done[settled[i]] = true;
    filler.done[DF_DHCP_T1] = filler.done[DF_DHCP_T2] = !lease_times;

    put_head(reply, request, lease, type, lease_times);
    put_boot_fields(&filler, request);
    if (request->parameters.data)
        put_requested(&filler, request);
    else
        put_usual(&filler);
}

void df_dhcp_reply_nak(struct df_dhcp_reply *reply, const struct df_dhcp_request *request,
                       const struct df_dhcp_lease *lease, const char *reason)
{
    put_head(reply, request, lease, DF_DHCP_NAK, false);
    df_dhcp_reply_option(reply, DF_DHCP_MESSAGE, reason, (uint32_t)strlen(reason));
}
