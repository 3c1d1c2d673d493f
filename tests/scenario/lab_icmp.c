/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"

#include "control/trace/words.h"
#include "tests/unit/fastpath/frame.h"

/* ICMP errors as they come to a guest, checked field by field. */

#define IP 14      /* of a frame without a tag */
#define MAX4 576u  /* RFC 1812 section 4.3.2.3 */
#define MAX6 1280u /* RFC 4443 section 2.4 c */

static void check_ip4(const uint8_t *ip, size_t len, const char *from, const uint8_t *offender)
{
    uint8_t address[4];
    inet_pton(AF_INET, from, address);
    cr_assert_eq(ip[0], 0x45);
    cr_assert_eq(frame_get16(ip + 2), len, "total length");
    cr_assert_eq(plain_checksum(ip, 20), 0, "header checksum");
    cr_assert_eq(ip[9], 1, "ICMP");
    cr_assert_gt(ip[8], 1, "TTL");
    cr_assert_arr_eq(ip + 12, address, 4, "not from %s", from);
    cr_assert_arr_eq(ip + 16, offender + 12, 4, "not to who sent it");
    cr_assert_eq(plain_checksum(ip + 20, (uint32_t)len - 20), 0, "ICMP checksum");
}

static void check_ip6(const uint8_t *ip, size_t len, const char *from, const uint8_t *offender)
{
    uint8_t address[16];
    inet_pton(AF_INET6, from, address);
    cr_assert_eq(ip[0] >> 4, 6);
    cr_assert_eq(frame_get16(ip + 4), len - 40, "payload length");
    cr_assert_eq(ip[6], 58, "ICMPv6");
    cr_assert_gt(ip[7], 1, "hop limit");
    cr_assert_arr_eq(ip + 8, address, 16, "not from %s", from);
    cr_assert_arr_eq(ip + 24, offender + 8, 16, "not to who sent it");
    cr_assert_eq(plain_checksum6(ip, ip + 40, (uint32_t)len - 40), 0, "ICMPv6 checksum");
}

struct error {
    uint8_t type, code;
    uint16_t mtu; /* of a packet too big; else 0, as those bytes are */
};

static void check_icmp(const uint8_t *icmp, const struct error *error)
{
    const uint8_t mtu[4] = {0, 0, (uint8_t)(error->mtu >> 8), (uint8_t)error->mtu};
    cr_assert_eq(icmp[0], error->type, "type %u, expected %u", icmp[0], error->type);
    cr_assert_eq(icmp[1], error->code, "code %u, expected %u", icmp[1], error->code);
    cr_assert_arr_eq(icmp + 4, mtu, 4, "MTU %u, expected %u", frame_get16(icmp + 6), error->mtu);
}

static void expect_error(const char *port, const char *from, const struct error *error, const char *quoted)
{
    uint8_t sent[DF_WORDS_FRAME_MAX];
    size_t sent_len = sizeof(sent), len = 0;
    lab_frame(quoted, sent, &sent_len);
    bool is4 = sent[12] == 0x08;
    size_t header = is4 ? 28 : 48;
    size_t quote = sent_len - IP;
    if (header + quote > (is4 ? MAX4 : MAX6))
        quote = (is4 ? MAX4 : MAX6) - header;

    const uint8_t *frame = lab_receive(port, &len);
    cr_assert_not_null(frame, "no ICMP error came to %s", port);
    cr_assert_eq(len, IP + header + quote, "%zu bytes, expected %zu", len, IP + header + quote);
    cr_assert_arr_eq(frame, sent + 6, 6, "not to the MAC that sent it");
    cr_assert_arr_eq(frame + 6, sent, 6, "not from the MAC that it was sent to");
    cr_assert_arr_eq(frame + 12, sent + 12, 2);
    (is4 ? check_ip4 : check_ip6)(frame + IP, len - IP, from, sent + IP);
    check_icmp(frame + IP + header - 8, error);
    cr_assert_arr_eq(frame + IP + header, sent + IP, quote, "what is quoted is not what was sent");
}

void lab_expect_icmp_error(const char *port, const char *from, uint8_t type, uint8_t code, const char *quoted)
{
    expect_error(port, from, &(const struct error){type, code, 0}, quoted);
}

void lab_expect_too_big(const char *port, const char *from, uint16_t mtu, const char *quoted)
{
    bool is6 = strchr(from, ':') != NULL;
    expect_error(port, from, &(const struct error){is6 ? 2 : 3, is6 ? 0 : 4, mtu}, quoted);
}
