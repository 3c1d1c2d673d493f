/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/apps/dhcp/request.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

/* From memory of exactly len bytes, so that a sanitizer sees a read past the end. */
static int read_exact(const uint8_t *data, uint32_t len, struct df_dhcp_request *request)
{
    uint8_t *copy = malloc(len ? len : 1);
    cr_assert_not_null(copy);
    memcpy(copy, data, len);
    int rc = df_dhcp_read(copy, len, request);
    free(copy);
    return rc;
}

static struct frame discover(void)
{
    struct frame frame;
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_address(&frame, DF_DHCP_REQUESTED_IP, "10.0.0.9");
    request_option(&frame, DF_DHCP_PARAMETERS, 3, "\x01\x03\x79");
    request_option(&frame, DF_DHCP_CLIENT_ID, 7, "\x01\xfa\x16\x3e\x00\x00\x01");
    request_option(&frame, DF_DHCP_MAX_SIZE, 2, "\x05\xdc");
    request_end(&frame);
    return frame;
}

Test(dhcp_codec, reads_what_the_client_wrote)
{
    struct frame frame = discover();
    set_address(&frame, DHCP + CIADDR, "10.0.0.8");
    set_address(&frame, DHCP + GIADDR, "10.0.0.7");
    memcpy(frame.data + DHCP + FLAGS, "\x80\x00", 2);
    struct df_dhcp_request request;
    cr_assert_eq(df_dhcp_read(frame.data, frame.len, &request), 0);
    cr_expect_eq(request.type, DF_DHCP_DISCOVER);
    cr_expect_eq(request.xid, 0x01020304);
    cr_expect_eq(request.flags, 0x8000);
    cr_expect_eq(request.ciaddr, inet_addr("10.0.0.8"));
    cr_expect_eq(request.giaddr, inet_addr("10.0.0.7"));
    cr_expect_eq(request.ip_dst, INADDR_BROADCAST);
    cr_expect_eq(request.requested_ip, inet_addr("10.0.0.9"));
    cr_expect_eq(request.server_id, 0);
    cr_expect_eq(request.max_size, 1500);
    cr_expect_eq(request.parameters.len, 3);
    cr_expect_eq(memcmp(request.parameters.data, "\x01\x03\x79", 3), 0);
    cr_expect_eq(request.client_id.len, 7);
    cr_expect_eq(memcmp(&request.chaddr, (uint8_t[]){CLIENT_MAC}, 6), 0);
}

Test(dhcp_codec, without_maximum_size_it_is_576)
{
    struct frame frame;
    struct df_dhcp_request request;
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_end(&frame);
    cr_assert_eq(df_dhcp_read(frame.data, frame.len, &request), 0);
    cr_expect_eq(request.max_size, 576);
    cr_expect_null(request.parameters.data);
}

Test(dhcp_codec, a_smaller_maximum_size_than_576_is_not_believed)
{
    struct frame frame;
    struct df_dhcp_request request;
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_option(&frame, DF_DHCP_MAX_SIZE, 2, "\x00\x40");
    request_end(&frame);
    cr_assert_eq(df_dhcp_read(frame.data, frame.len, &request), 0);
    cr_expect_eq(request.max_size, 576);
}

Test(dhcp_codec, pads_are_skipped_and_nothing_behind_the_end_is_read)
{
    struct frame frame;
    struct df_dhcp_request request;
    request_begin(&frame, DF_DHCP_REQUEST);
    frame.len += 5;
    request_address(&frame, DF_DHCP_SERVER_ID, "10.0.0.2");
    frame.data[frame.len++] = DF_DHCP_END;
    request_address(&frame, DF_DHCP_REQUESTED_IP, "10.0.0.9");
    request_lengths(&frame);
    cr_assert_eq(df_dhcp_read(frame.data, frame.len, &request), 0);
    cr_expect_eq(request.server_id, inet_addr("10.0.0.2"));
    cr_expect_eq(request.requested_ip, 0);
}

/* Every prefix of a frame, as a cut packet, and as a short one whose own lengths say so. */
Test(dhcp_codec, truncated_anywhere_is_refused_and_never_read_past)
{
    struct frame frame = discover();
    struct df_dhcp_request request;
    uint32_t end_mark = frame.len - 1;
    for (uint32_t len = 0; len < frame.len; len++)
        cr_expect_lt(read_exact(frame.data, len, &request), 0, "cut at %u", len);
    for (uint32_t len = OPTIONS; len < end_mark; len++) {
        struct frame cut = frame;
        cut.len = len;
        request_lengths(&cut);
        int rc = read_exact(cut.data, len, &request);
        bool between = len == OPTIONS + 3 || len == OPTIONS + 9 || len == OPTIONS + 14 || len == OPTIONS + 23;
        cr_expect_eq(rc, between ? 0 : -EBADMSG, "%d with options cut at %u", rc, len);
    }
}

static void expect_refused(struct frame frame, uint32_t at, uint8_t byte, int error)
{
    struct df_dhcp_request request;
    frame.data[at] = byte;
    request_lengths(&frame);
    cr_expect_eq(read_exact(frame.data, frame.len, &request), error, "byte %u as %u", at, byte);
}

Test(dhcp_codec, what_is_not_a_request_is_refused)
{
    struct frame frame = discover();
    expect_refused(frame, DHCP + OP, 2, -EBADMSG);
    expect_refused(frame, DHCP + HTYPE, 6, -EBADMSG);
    expect_refused(frame, DHCP + HLEN, 16, -EBADMSG);
    expect_refused(frame, DHCP + COOKIE, 0, -EBADMSG);
    expect_refused(frame, DHCP + CHADDR, 0x01, -EBADMSG); /* a group address */
    expect_refused(frame, OPTIONS, 12, -EBADMSG);         /* no message type: plain BOOTP */
    expect_refused(frame, OPTIONS + 1, 2, -EBADMSG);      /* a message type of two bytes */
    expect_refused(frame, OPTIONS + 4, 3, -EBADMSG);      /* an address of three bytes */
    expect_refused(frame, OPTIONS + 10, 255, -EBADMSG);   /* past the end */
    expect_refused(frame, UDP + 3, 68, -EPROTO);          /* not to the server's port */
    expect_refused(frame, IP + 9, 6, -EPROTO);            /* TCP */
    expect_refused(frame, IP + 6, 0x20, -EPROTO);         /* a fragment */
}

Test(dhcp_codec, a_tagged_frame_is_not_of_this_network)
{
    struct frame frame = discover();
    struct df_dhcp_request request;
    memmove(frame.data + 16, frame.data + 12, frame.len - 12);
    memcpy(frame.data + 12, "\x81\x00\x00\x05", 4);
    cr_expect_eq(read_exact(frame.data, frame.len + 4, &request), -EPROTO);
}

Test(dhcp_codec, udp_length_is_checked_against_the_packet)
{
    struct frame frame = discover();
    struct df_dhcp_request request;
    put_be16(frame.data + UDP + 4, frame.len - UDP + 1);
    cr_expect_eq(read_exact(frame.data, frame.len, &request), -EPROTO);
    put_be16(frame.data + UDP + 4, 7);
    cr_expect_eq(read_exact(frame.data, frame.len, &request), -EPROTO);
    put_be16(frame.data + UDP + 4, 8 + 239);
    cr_expect_eq(read_exact(frame.data, frame.len, &request), -EPROTO);
}

/* ---- Replies */

static const struct df_dhcp_header header = {.ip_src = 0x0200000a, .ip_dst = 0x0500000a};

static struct df_dhcp_reply *begin(uint16_t max_size)
{
    static struct df_dhcp_reply reply;
    struct df_dhcp_request request = {.xid = 1, .max_size = max_size};
    df_dhcp_reply_begin(&reply, &request, &header);
    return &reply;
}

Test(dhcp_codec, short_reply_is_padded_to_the_bootp_minimum)
{
    struct df_dhcp_reply *reply = begin(576);
    df_dhcp_reply_option(reply, DF_DHCP_TYPE, "\x02", 1);
    uint32_t len = df_dhcp_reply_end(reply);
    cr_expect_eq(len, 14 + 20 + 8 + 300);
    cr_expect_eq(reply->frame[OPTIONS + 3], 255);
    cr_expect_eq(ones_sum(reply->frame + IP, 20, 0), 0xffff);
    cr_expect_eq(ones_sum(reply->frame + UDP, len - UDP, ones_sum(reply->frame + IP + 12, 8, 17 + len - UDP)), 0xffff);
}

Test(dhcp_codec, long_option_is_split)
{
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    struct df_dhcp_reply *reply = begin(1500);
    cr_assert(df_dhcp_reply_option(reply, 121, bytes, 300));
    cr_expect_eq(reply->frame[OPTIONS], 121);
    cr_expect_eq(reply->frame[OPTIONS + 1], 255);
    cr_expect_eq(memcmp(reply->frame + OPTIONS + 2, bytes, 255), 0);
    cr_expect_eq(reply->frame[OPTIONS + 257], 121);
    cr_expect_eq(reply->frame[OPTIONS + 258], 45);
    cr_expect_eq(memcmp(reply->frame + OPTIONS + 259, bytes + 255, 45), 0);
}

/* 576 bytes of datagram hold 20 of IP, 8 of UDP, 240 fixed, the end mark and so 307 of options. */
Test(dhcp_codec, the_maximum_size_is_filled_to_its_last_byte)
{
    static const uint8_t bytes[255];
    struct df_dhcp_reply *reply = begin(576);
    cr_assert(df_dhcp_reply_option(reply, 43, bytes, 255));
    cr_expect_not(df_dhcp_reply_option(reply, 60, bytes, 49));
    cr_expect_eq(reply->left_out, 1);
    cr_expect(df_dhcp_reply_option(reply, 60, bytes, 48));
    cr_expect_eq(df_dhcp_reply_end(reply), 14 + 576);
}

Test(dhcp_codec, a_large_maximum_size_still_fits_one_frame)
{
    static const uint8_t bytes[1000];
    struct df_dhcp_reply *reply = begin(65535);
    cr_expect(df_dhcp_reply_option(reply, 43, bytes, 1000));
    cr_expect_not(df_dhcp_reply_option(reply, 43, bytes, 1000));
    while (df_dhcp_reply_option(reply, 60, bytes, 1))
        continue;
    cr_expect_leq(df_dhcp_reply_end(reply), DF_DHCP_FRAME_MAX);
}

Test(dhcp_codec, fixed_fields_keep_their_final_zero)
{
    struct df_dhcp_reply *reply = begin(576);
    uint8_t text[128];
    memset(text, 'x', sizeof(text));
    cr_expect_not(df_dhcp_reply_sname(reply, text, 64));
    cr_expect(df_dhcp_reply_sname(reply, text, 63));
    cr_expect_not(df_dhcp_reply_file(reply, text, 128));
    cr_expect(df_dhcp_reply_file(reply, text, 127));
    cr_expect_eq(reply->frame[DHCP + SNAME + 63], 0);
    cr_expect_eq(reply->frame[DHCP + FILE_NAME + 127], 0);
}
