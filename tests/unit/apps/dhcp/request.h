/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "apps/dhcp/codec.h"

#include <arpa/inet.h>
#include <string.h>

/*
 * A client's frames, written by hand: what RFC 2131 figure 1 looks like in Ethernet, IPv4 and UDP. Offsets are public
 * so that a test can break any byte.
 */

enum { ETH = 0, IP = 14, UDP = 34, DHCP = 42, OPTIONS = DHCP + 240 };
enum {
    OP = 0,
    HTYPE = 1,
    HLEN = 2,
    XID = 4,
    FLAGS = 10,
    CIADDR = 12,
    YIADDR = 16,
    SIADDR = 20,
    GIADDR = 24,
    CHADDR = 28,
    SNAME = 44,
    FILE_NAME = 108,
    COOKIE = 236
};

#define CLIENT_MAC 0xfa, 0x16, 0x3e, 0x00, 0x00, 0x01

struct frame {
    uint8_t data[1600];
    uint32_t len;
};

static inline void set_address(struct frame *frame, uint32_t at, const char *text)
{
    uint32_t address = inet_addr(text);
    memcpy(frame->data + at, &address, 4);
}

static inline void request_option(struct frame *frame, uint8_t code, uint8_t len, const void *bytes)
{
    frame->data[frame->len++] = code;
    frame->data[frame->len++] = len;
    memcpy(frame->data + frame->len, bytes, len);
    frame->len += len;
}

static inline void request_address(struct frame *frame, uint8_t code, const char *text)
{
    uint32_t address = inet_addr(text);
    request_option(frame, code, 4, &address);
}

/* A broadcast DHCP message from the client, with option 53 and xid 0x01020304; request_end() closes it. */
static inline void request_begin(struct frame *frame, uint8_t type)
{
    static const uint8_t mac[] = {CLIENT_MAC};
    memset(frame, 0, sizeof(*frame));
    memset(frame->data + ETH, 0xff, 6);
    memcpy(frame->data + ETH + 6, mac, 6);
    memcpy(frame->data + ETH + 12, "\x08\x00", 2);
    frame->data[IP] = 0x45;
    frame->data[IP + 8] = 64;
    frame->data[IP + 9] = 17;
    set_address(frame, IP + 16, "255.255.255.255");
    memcpy(frame->data + UDP, "\x00\x44\x00\x43", 4);
    memcpy(frame->data + DHCP, "\x01\x01\x06\x00\x01\x02\x03\x04", 8);
    memcpy(frame->data + DHCP + CHADDR, mac, 6);
    memcpy(frame->data + DHCP + COOKIE, "\x63\x82\x53\x63", 4);
    frame->len = OPTIONS;
    request_option(frame, 53, 1, &type);
}

static inline void put_be16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* Lengths and the IP checksum fit the frame as it is now. */
static inline void request_lengths(struct frame *frame)
{
    uint32_t sum = 0;
    uint8_t *ip = frame->data + IP;
    put_be16(ip + 2, frame->len - IP);
    put_be16(frame->data + UDP + 4, frame->len - UDP);
    put_be16(ip + 10, 0);
    for (int i = 0; i < 20; i += 2)
        sum += (uint32_t)ip[i] << 8 | ip[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    put_be16(ip + 10, ~(sum + (sum >> 16)) & 0xffff);
}

static inline void request_end(struct frame *frame)
{
    frame->data[frame->len++] = 255;
    request_lengths(frame);
}

/* ---- Replies */

/* The option in a reply's bytes, or NULL; parts of a split one are not joined. */
static inline const uint8_t *reply_option(const uint8_t *frame, uint32_t len, uint8_t code, uint8_t *option_len)
{
    for (uint32_t at = OPTIONS; at + 1 < len && frame[at] != 255; at += 2u + frame[at + 1]) {
        if (frame[at] != code)
            continue;
        *option_len = frame[at + 1];
        return frame + at + 2;
    }
    return NULL;
}

/* Is the option there with exactly these bytes? */
static inline bool reply_has(const uint8_t *frame, uint32_t len, uint8_t code, const void *bytes, size_t n)
{
    uint8_t option_len;
    const uint8_t *option = reply_option(frame, len, code, &option_len);
    return option && option_len == n && memcmp(option, bytes, n) == 0;
}

/* The codes of the options in their order. */
static inline size_t reply_codes(const uint8_t *frame, uint32_t len, uint8_t codes[256])
{
    size_t n = 0;
    for (uint32_t at = OPTIONS; at + 1 < len && frame[at] != 255; at += 2u + frame[at + 1])
        codes[n++] = frame[at];
    return n;
}

/* One's complement sum of everything that a checksum covers is 0xffff when it is right (RFC 1071). */
static inline uint32_t ones_sum(const uint8_t *data, uint32_t len, uint32_t sum)
{
    for (uint32_t i = 0; i < len; i++)
        sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}
