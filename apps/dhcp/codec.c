/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/codec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "fastpath/packet/packet.h"

#define BOOT_REQUEST 1
#define BOOT_REPLY 2
#define HTYPE_ETHERNET 1
#define SERVER_PORT 67
#define CLIENT_PORT 68
#define UDP_HEADER 8u
#define IP_HEADER 20
#define ETH_HEADER 14
#define ETH_TYPE_IP4 0x0800
#define MAX_SIZE_DEFAULT 576 /* RFC 2131 section 2: what every client must be able to receive */

static const uint8_t magic[4] = {99, 130, 83, 99};
static const uint8_t no_mac[6];

/* The fixed part as it is on the wire. */
struct wire {
    uint8_t op, htype, hlen, hops;
    uint8_t xid[4], secs[2], flags[2];
    uint8_t ciaddr[4], yiaddr[4], siaddr[4], giaddr[4];
    uint8_t chaddr[16], sname[64], file[128];
    uint8_t magic[4];
};
static_assert(sizeof(struct wire) == DF_DHCP_FIXED_LEN, "RFC 2131 figure 1");

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static uint32_t get_address(const uint8_t *p)
{
    uint32_t address;
    memcpy(&address, p, sizeof(address));
    return address;
}

/*
 * The UDP payload, or NULL. The checksum is not looked at: a guest on a virtio device leaves it to the device, so it is
 * often not there yet, and nothing that it would protect crossed a wire.
 */
static const uint8_t *find_payload(const uint8_t *frame, uint32_t len, struct df_packet *packet, uint32_t *payload_len)
{
    if (df_packet_parse(frame, len, packet) != DF_DROP_NONE)
        return NULL;
    if (!(packet->bits & DF_PACKET_IP4) || !(packet->bits & DF_PACKET_L4) || (packet->bits & DF_PACKET_FRAGMENT))
        return NULL;
    if (packet->ip_proto != IPPROTO_UDP || packet->l4_dst != SERVER_PORT || packet->n_vlans > 0)
        return NULL;
    uint32_t ip_end = (uint32_t)packet->l3_offset + packet->l3_len;
    if (ip_end > len || packet->l4_offset + UDP_HEADER > ip_end)
        return NULL;
    uint32_t udp_len = get16(frame + packet->l4_offset + 4);
    if (udp_len < UDP_HEADER || packet->l4_offset + udp_len > ip_end)
        return NULL;
    *payload_len = udp_len - UDP_HEADER;
    return frame + packet->l4_offset + UDP_HEADER;
}

static int take_address(const uint8_t *data, uint32_t len, uint32_t *address)
{
    if (len != 4)
        return -EBADMSG;
    *address = get_address(data);
    return 0;
}

/* Takes what the server reads; of an option that comes twice the first one counts. */
static int take_option(struct df_dhcp_request *request, uint8_t code, const uint8_t *data, uint32_t len)
{
    switch (code) {
    case DF_DHCP_TYPE:
        if (len != 1)
            return -EBADMSG;
        if (request->type == 0)
            request->type = data[0];
        return 0;
    case DF_DHCP_REQUESTED_IP:
        return request->requested_ip ? 0 : take_address(data, len, &request->requested_ip);
    case DF_DHCP_SERVER_ID:
        return request->server_id ? 0 : take_address(data, len, &request->server_id);
    case DF_DHCP_MAX_SIZE:
        if (len != 2)
            return -EBADMSG;
        if (get16(data) > request->max_size)
            request->max_size = get16(data);
        return 0;
    case DF_DHCP_PARAMETERS:
        if (!request->parameters.data)
            request->parameters = (struct df_dhcp_bytes){data, len};
        return 0;
    case DF_DHCP_CLIENT_ID:
        if (!request->client_id.data)
            request->client_id = (struct df_dhcp_bytes){data, len};
        return 0;
    default:
        return 0;
    }
}

static int read_options(struct df_dhcp_request *request, const uint8_t *data, uint32_t len)
{
    for (uint32_t at = 0; at < len && data[at] != DF_DHCP_END;) {
        if (data[at] == DF_DHCP_PAD) {
            at++;
            continue;
        }
        if (len - at < 2 || len - at - 2 < data[at + 1])
            return -EBADMSG;
        int rc = take_option(request, data[at], data + at + 2, data[at + 1]);
        if (rc < 0)
            return rc;
        at += 2u + data[at + 1];
    }
    return request->type ? 0 : -EBADMSG;
}

int df_dhcp_read(const uint8_t *frame, uint32_t len, struct df_dhcp_request *request)
{
    struct df_packet packet;
    uint32_t payload_len = 0;
    const uint8_t *payload = find_payload(frame, len, &packet, &payload_len);
    if (!payload || payload_len < DF_DHCP_FIXED_LEN)
        return -EPROTO;
    const struct wire *wire = (const struct wire *)payload;
    if (wire->op != BOOT_REQUEST || wire->htype != HTYPE_ETHERNET || wire->hlen != sizeof(struct df_mac) ||
        memcmp(wire->magic, magic, sizeof(magic)) != 0)
        return -EBADMSG;
    *request = (struct df_dhcp_request){
        .eth_src = packet.eth_src,
        .ip_dst = packet.ip_dst.word[3],
        .xid = (uint32_t)get16(wire->xid) << 16 | get16(wire->xid + 2),
        .flags = get16(wire->flags),
        .ciaddr = get_address(wire->ciaddr),
        .giaddr = get_address(wire->giaddr),
        .max_size = MAX_SIZE_DEFAULT,
    };
    memcpy(&request->chaddr, wire->chaddr, sizeof(request->chaddr));
    if (df_mac_is_group(&request->chaddr) || memcmp(&request->chaddr, no_mac, sizeof(no_mac)) == 0)
        return -EBADMSG;
    return read_options(request, payload + DF_DHCP_FIXED_LEN, payload_len - DF_DHCP_FIXED_LEN);
}

static struct wire *wire_of(struct df_dhcp_reply *reply)
{
    return (struct wire *)(reply->frame + DF_DHCP_HEADERS_LEN);
}

static void write_ethernet_ip(uint8_t *frame, const struct df_dhcp_header *header)
{
    memcpy(frame, &header->eth_dst, 6);
    memcpy(frame + 6, &header->eth_src, 6);
    put16(frame + 12, ETH_TYPE_IP4);
    uint8_t *ip = frame + ETH_HEADER;
    ip[0] = 0x45;
    ip[8] = 64;
    ip[9] = IPPROTO_UDP;
    memcpy(ip + 12, &header->ip_src, 4);
    memcpy(ip + 16, &header->ip_dst, 4);
}

void df_dhcp_reply_begin(struct df_dhcp_reply *reply, const struct df_dhcp_request *request,
                         const struct df_dhcp_header *header)
{
    memset(reply, 0, sizeof(*reply));
    write_ethernet_ip(reply->frame, header);

    struct wire *wire = wire_of(reply);
    wire->op = BOOT_REPLY;
    wire->htype = HTYPE_ETHERNET;
    wire->hlen = sizeof(struct df_mac);
    put16(wire->xid, request->xid >> 16);
    put16(wire->xid + 2, request->xid);
    put16(wire->flags, request->flags);
    memcpy(wire->ciaddr, &header->ciaddr, 4);
    memcpy(wire->yiaddr, &header->yiaddr, 4);
    memcpy(wire->siaddr, &header->siaddr, 4);
    memcpy(wire->giaddr, &request->giaddr, 4);
    memcpy(wire->chaddr, &request->chaddr, sizeof(request->chaddr));
    memcpy(wire->magic, magic, sizeof(magic));

    uint32_t frame_max = ETH_HEADER + (uint32_t)request->max_size;
    reply->limit = (frame_max < DF_DHCP_FRAME_MAX ? frame_max : DF_DHCP_FRAME_MAX) - 1;
    reply->options_end = DF_DHCP_HEADERS_LEN + DF_DHCP_FIXED_LEN;
}

static bool put_field(uint8_t *field, size_t size, const uint8_t *text, uint32_t len)
{
    if (len >= size)
        return false;
    memcpy(field, text, len);
    return true;
}

bool df_dhcp_reply_sname(struct df_dhcp_reply *reply, const uint8_t *text, uint32_t len)
{
    struct wire *wire = wire_of(reply);
    return put_field(wire->sname, sizeof(wire->sname), text, len);
}

bool df_dhcp_reply_file(struct df_dhcp_reply *reply, const uint8_t *text, uint32_t len)
{
    struct wire *wire = wire_of(reply);
    return put_field(wire->file, sizeof(wire->file), text, len);
}

bool df_dhcp_reply_option(struct df_dhcp_reply *reply, uint8_t code, const void *data, uint32_t len)
{
    const uint8_t *from = data;
    if (len == 0)
        return true;
    uint32_t parts = (len + 254) / 255;
    if (reply->options_end > reply->limit || len + 2 * parts > reply->limit - reply->options_end) {
        reply->left_out++;
        return false;
    }
    while (len > 0) {
        uint8_t part = len > 255 ? 255 : (uint8_t)len;
        uint8_t *to = reply->frame + reply->options_end;
        to[0] = code;
        to[1] = part;
        memcpy(to + 2, from, part);
        reply->options_end += 2u + part;
        from += part;
        len -= part;
    }
    return true;
}

static uint32_t sum16(const uint8_t *data, uint32_t len, uint32_t sum)
{
    for (uint32_t i = 0; i + 1 < len; i += 2)
        sum += get16(data + i);
    if (len % 2)
        sum += (uint32_t)data[len - 1] << 8;
    return sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint32_t df_dhcp_reply_end(struct df_dhcp_reply *reply)
{
    reply->frame[reply->options_end++] = DF_DHCP_END;
    uint32_t end = reply->options_end;
    if (end < DF_DHCP_HEADERS_LEN + DF_DHCP_MIN_LEN)
        end = DF_DHCP_HEADERS_LEN + DF_DHCP_MIN_LEN;

    uint8_t *ip = reply->frame + ETH_HEADER;
    uint8_t *udp = ip + IP_HEADER;
    uint32_t udp_len = end - ETH_HEADER - IP_HEADER;
    put16(ip + 2, IP_HEADER + udp_len);
    put16(ip + 10, fold(sum16(ip, IP_HEADER, 0)));
    put16(udp, SERVER_PORT);
    put16(udp + 2, CLIENT_PORT);
    put16(udp + 4, udp_len);
    uint16_t checksum = fold(sum16(udp, udp_len, sum16(ip + 12, 8, IPPROTO_UDP + udp_len)));
    put16(udp + 6, checksum ? checksum : 0xffff); /* RFC 768: 0 would say that there is none */
    return end;
}
