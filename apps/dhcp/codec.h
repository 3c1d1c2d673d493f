/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fastpath/packet/addr.h"

/*
 * DHCP on the wire (RFC 2131 section 2): frames to requests, replies to frames.
 *
 * A request is a view into the frame it was read from: every length was checked when it was made, so what its
 * pointers name can be read. A reply is written front to back into a buffer of fixed size; an option that does not fit
 * as a whole is not written at all.
 *
 * IPv4 addresses are in network order, everything else is in host order.
 */

/* Option 53, RFC 2132 section 9.6. */
enum df_dhcp_type {
    DF_DHCP_DISCOVER = 1,
    DF_DHCP_OFFER,
    DF_DHCP_REQUEST,
    DF_DHCP_DECLINE,
    DF_DHCP_ACK,
    DF_DHCP_NAK,
    DF_DHCP_RELEASE,
    DF_DHCP_INFORM,
};

/* RFC 2132, RFC 3397 (119), RFC 3442 (121). */
enum df_dhcp_option {
    DF_DHCP_PAD = 0,
    DF_DHCP_NETMASK = 1,
    DF_DHCP_ROUTER = 3,
    DF_DHCP_DNS = 6,
    DF_DHCP_HOST_NAME = 12,
    DF_DHCP_DOMAIN_NAME = 15,
    DF_DHCP_MTU = 26,
    DF_DHCP_BROADCAST = 28,
    DF_DHCP_REQUESTED_IP = 50,
    DF_DHCP_LEASE_TIME = 51,
    DF_DHCP_OVERLOAD = 52,
    DF_DHCP_TYPE = 53,
    DF_DHCP_SERVER_ID = 54,
    DF_DHCP_PARAMETERS = 55,
    DF_DHCP_MESSAGE = 56,
    DF_DHCP_MAX_SIZE = 57,
    DF_DHCP_T1 = 58,
    DF_DHCP_T2 = 59,
    DF_DHCP_CLIENT_ID = 61,
    DF_DHCP_TFTP_NAME = 66,
    DF_DHCP_BOOT_FILE = 67,
    DF_DHCP_RELAY_INFO = 82,
    DF_DHCP_DOMAIN_SEARCH = 119,
    DF_DHCP_ROUTES = 121,
    DF_DHCP_MS_ROUTES = 249, /* what old Windows asks for instead of 121 */
    DF_DHCP_END = 255,
};

#define DF_DHCP_FLAG_BROADCAST 0x8000
#define DF_DHCP_FIXED_LEN 240  /* bytes before the options, magic cookie included */
#define DF_DHCP_MIN_LEN 300    /* bytes of the smallest BOOTP message (RFC 1542 section 2.1) */
#define DF_DHCP_HEADERS_LEN 42 /* Ethernet, IPv4, UDP */
#define DF_DHCP_FRAME_MAX 1514

struct df_dhcp_bytes {
    const uint8_t *data; /* NULL: not there */
    uint32_t len;
};

struct df_dhcp_request {
    struct df_mac eth_src;
    uint32_t ip_dst;
    uint32_t xid;
    uint16_t flags;
    uint32_t ciaddr, giaddr;
    struct df_mac chaddr;
    uint8_t type;                     /* option 53 */
    uint32_t requested_ip, server_id; /* 0: not there */
    uint16_t max_size;                /* option 57 in bytes of IP datagram, at least 576 (also when it is not there) */
    struct df_dhcp_bytes parameters;  /* option 55 */
    struct df_dhcp_bytes client_id;   /* option 61 */
};

/**
 * Reads a request out of an Ethernet frame.
 *
 * @return 0; -EPROTO: not an untagged, unfragmented UDP packet to port 67, or cut short; -EBADMSG: not a DHCP request
 *          of an Ethernet client, or an option is malformed or goes past the end
 */
int df_dhcp_read(const uint8_t *frame, uint32_t len, struct df_dhcp_request *request);

struct df_dhcp_reply {
    uint8_t frame[DF_DHCP_FRAME_MAX];
    uint32_t options_end; /* the next option goes here; bytes from the start of the frame */
    uint32_t limit;       /* options end below this, with room left for the end mark */
    uint32_t left_out;    /* options that did not fit */
};

/* What the fixed part of a reply holds (RFC 2131 table 3). */
struct df_dhcp_header {
    struct df_mac eth_src, eth_dst;
    uint32_t ip_src, ip_dst;
    uint32_t ciaddr, yiaddr, siaddr;
};

/** Begins a reply to the request: headers, and nothing in sname, file and options. */
void df_dhcp_reply_begin(struct df_dhcp_reply *reply, const struct df_dhcp_request *request,
                         const struct df_dhcp_header *header);

/** Puts text into the fixed field sname (64 bytes) or file (128 bytes); false: it is too long with its final zero. */
bool df_dhcp_reply_sname(struct df_dhcp_reply *reply, const uint8_t *text, uint32_t len);
bool df_dhcp_reply_file(struct df_dhcp_reply *reply, const uint8_t *text, uint32_t len);

/**
 * Appends an option; one over 255 bytes is split (RFC 3396). false: it does not fit; counted in left_out.
 * An empty one is not sent: no option here is without a value.
 */
bool df_dhcp_reply_option(struct df_dhcp_reply *reply, uint8_t code, const void *data, uint32_t len);

/** Ends the reply: end mark, padding, lengths, checksums. Returns the frame's length in bytes. */
uint32_t df_dhcp_reply_end(struct df_dhcp_reply *reply);
