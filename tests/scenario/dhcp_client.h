/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>

#include "tests/scenario/lab.h"
#include "tests/unit/fastpath/frame.h"

/*
 * A DHCP client by hand (RFC 2131 section 2): what it says is put together here byte by byte, and what it is told is
 * taken apart here, with none of the product's code.
 *
 *     struct dhcp_said said = {.type = DISCOVER};
 *     struct dhcp_heard heard = dhcp_ask("vm1", &said);
 *     dhcp_expect_ip(&heard, 3, "10.1.0.1");
 */

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };

struct dhcp_said {
    uint8_t type;
    const char *src, *dst; /* NULL: 0.0.0.0 and 255.255.255.255 */
    const char *ciaddr;    /* NULL: none */
    const char *giaddr;
    const char *requested; /* option 50 */
    const char *server;    /* option 54 */
    const char *wanted;    /* option 55: codes as bytes, ends with 0 */
    bool broadcast;        /* the flag */
    uint8_t chaddr_last;   /* 0: the port's own MAC, else its last byte is another */
};

struct dhcp_heard {
    const uint8_t *frame; /* NULL: nothing; valid until the next lab_receive() */
    size_t len;
    const uint8_t *ip, *bootp;
};

/* The MACs of models.h, by port. */
static inline const char *dhcp_mac(const char *port)
{
    static const char *const macs[] = {"\x02\x00\x00\x00\x01\x11", "\x02\x00\x00\x00\x01\x12",
                                       "\x02\x00\x00\x00\x02\x13", "\x02\x00\x00\x00\x03\x11"};
    return macs[port[2] - '1'];
}

static inline void dhcp_put_ip_option(struct test_frame *frame, unsigned code, const char *ip)
{
    if (ip == NULL)
        return;
    frame_8(frame, code);
    frame_8(frame, 4);
    inet_pton(AF_INET, ip, frame->byte + frame->len);
    frame->len += 4;
}

static inline void dhcp_put_options(struct test_frame *frame, const struct dhcp_said *said)
{
    frame_bytes(frame, "\x63\x82\x53\x63\x35\x01", 6);
    frame_8(frame, said->type);
    dhcp_put_ip_option(frame, 50, said->requested);
    dhcp_put_ip_option(frame, 54, said->server);
    if (said->wanted != NULL) {
        frame_8(frame, 55);
        frame_8(frame, (unsigned)strlen(said->wanted));
        frame_bytes(frame, said->wanted, (uint32_t)strlen(said->wanted));
    }
    frame_8(frame, 255);
    frame_fill(frame, 0, 60);
}

static inline void dhcp_frame(struct test_frame *frame, const char *mac, const struct dhcp_said *said)
{
    frame_ethernet(frame);
    memset(frame->byte, 0xff, 6);
    memcpy(frame->byte + 6, mac, 6);
    frame_ip4(frame, 17, said->src ? said->src : "0.0.0.0", said->dst ? said->dst : "255.255.255.255", 0);
    frame_udp(frame, 68, 67, 0);
    uint32_t bootp = frame->len;
    frame_32(frame, 0x01010600);
    frame_32(frame, 0x12345678);
    frame_16(frame, 0);
    frame_16(frame, said->broadcast ? 0x8000 : 0);
    frame_fill(frame, 0, 16 + 16 + 64 + 128);
    if (said->ciaddr != NULL)
        inet_pton(AF_INET, said->ciaddr, frame->byte + bootp + 12);
    if (said->giaddr != NULL)
        inet_pton(AF_INET, said->giaddr, frame->byte + bootp + 24);
    memcpy(frame->byte + bootp + 28, mac, 6);
    if (said->chaddr_last != 0)
        frame->byte[bootp + 33] = said->chaddr_last;
    dhcp_put_options(frame, said);
    frame_set16(frame, frame->l4 + 4, frame->len - frame->l4);
    frame_close(frame);
}

static inline struct dhcp_heard dhcp_hear(const char *port)
{
    struct dhcp_heard heard = {0};
    heard.frame = lab_receive(port, &heard.len);
    if (heard.frame == NULL)
        return heard;
    heard.ip = heard.frame + 14;
    heard.bootp = heard.frame + 42;
    cr_assert_geq(heard.len, 42 + 240 + 3);
    cr_assert_eq(frame_get16(heard.frame + 12), 0x0800);
    cr_assert_eq(plain_checksum(heard.ip, 20), 0);
    cr_assert_eq(frame_get16(heard.ip + 20), 67, "from the server's port");
    cr_assert_eq(frame_get16(heard.ip + 22), 68, "to the client's port");
    cr_assert_eq(heard.bootp[0], 2, "a reply");
    cr_assert_arr_eq(heard.bootp + 4, "\x12\x34\x56\x78", 4, "to this request");
    return heard;
}

/* Says it from the port and hears the answer to it, if there is one. */
static inline struct dhcp_heard dhcp_ask(const char *port, const struct dhcp_said *said)
{
    struct test_frame frame;
    dhcp_frame(&frame, dhcp_mac(port), said);
    lab_send_bytes(port, frame.byte, frame.len);
    lab_turn_ms(1100); /* the next one is not over the limit */
    return dhcp_hear(port);
}

/* The option's value, *len its length; NULL: it is not there. */
static inline const uint8_t *dhcp_option(const struct dhcp_heard *heard, uint8_t code, uint8_t *len)
{
    const uint8_t *at = heard->bootp + 240, *end = heard->frame + heard->len;
    while (at + 1 < end && *at != 255) {
        if (*at == code) {
            *len = at[1];
            return at + 2;
        }
        at += *at == 0 ? 1 : 2 + at[1];
    }
    return NULL;
}

static inline void dhcp_expect_bytes(const struct dhcp_heard *heard, uint8_t code, const void *bytes, size_t n)
{
    uint8_t len = 0;
    const uint8_t *value = dhcp_option(heard, code, &len);
    cr_assert_not_null(value, "option %u is missing", code);
    cr_assert_eq(len, n, "option %u has %u bytes, expected %zu", code, len, n);
    cr_assert_arr_eq(value, (const uint8_t *)bytes, n, "option %u is another", code);
}

static inline void dhcp_expect_none(const struct dhcp_heard *heard, uint8_t code)
{
    uint8_t len;
    cr_assert_null(dhcp_option(heard, code, &len), "option %u is there", code);
}

static inline void dhcp_expect_ip(const struct dhcp_heard *heard, uint8_t code, const char *ip)
{
    uint8_t bytes[4];
    inet_pton(AF_INET, ip, bytes);
    dhcp_expect_bytes(heard, code, bytes, 4);
}

static inline void dhcp_expect_seconds(const struct dhcp_heard *heard, uint8_t code, uint32_t seconds)
{
    uint32_t be = htonl(seconds);
    dhcp_expect_bytes(heard, code, &be, 4);
}

static inline void dhcp_expect_type(const struct dhcp_heard *heard, uint8_t type)
{
    cr_assert_not_null(heard->frame, "no answer");
    dhcp_expect_bytes(heard, 53, &type, 1);
}

/* offset: 12 ciaddr, 16 yiaddr, 20 siaddr of the fixed part. */
static inline void dhcp_expect_field(const struct dhcp_heard *heard, unsigned offset, const char *ip)
{
    uint8_t bytes[4];
    inet_pton(AF_INET, ip, bytes);
    cr_assert_arr_eq(heard->bootp + offset, bytes, 4, "the address at %u is not %s", offset, ip);
}

static inline void dhcp_expect_to(const struct dhcp_heard *heard, const char *mac, const char *ip)
{
    uint8_t bytes[4];
    inet_pton(AF_INET, ip, bytes);
    cr_assert_arr_eq(heard->frame, (const uint8_t *)mac, 6, "to another MAC");
    cr_assert_arr_eq(heard->ip + 16, bytes, 4, "not to %s", ip);
}
