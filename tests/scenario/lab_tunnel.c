/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"

#include <arpa/inet.h>
#include <string.h>

#include "control/model/address.h"
#include "control/trace/words.h"

/* Tunnels of the lab: outer headers made by hand (RFC 7348 section 5), for what comes and what is expected to go. */

#define OVERHEAD 50
#define SOURCE_PORT 50505 /* of the peers */

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

/* RFC 1071 as it is written. */
static unsigned checksum(const uint8_t *at, unsigned len)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < len; i += 2)
        sum += get16(at + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static void put_mac(uint8_t *at, const char *text)
{
    cr_assert_eq(df_mac_parse(text, (struct df_mac *)at), 0);
}

static const char *mac_of(const char *peer)
{
    return strcmp(peer, LAB_PEER2) == 0 ? LAB_PEER2_MAC : LAB_PEER3_MAC;
}

static void put_ip(uint8_t *ip, const char *src, const char *dst, size_t inner_len)
{
    static const uint8_t fixed[] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0};
    memcpy(ip, fixed, sizeof(fixed));
    put16(ip + 2, (unsigned)(36 + inner_len));
    cr_assert_eq(inet_pton(AF_INET, src, ip + 12), 1);
    cr_assert_eq(inet_pton(AF_INET, dst, ip + 16), 1);
    put16(ip + 10, checksum(ip, 20));
}

static void put_vxlan(uint8_t *udp, unsigned source_port, uint32_t key, size_t inner_len)
{
    memset(udp, 0, 16);
    put16(udp, source_port);
    put16(udp + 2, 4789);
    put16(udp + 4, (unsigned)(16 + inner_len));
    udp[8] = 0x08;
    put16(udp + 12, key >> 8);
    udp[14] = (uint8_t)key;
}

void lab_wrap(const char *peer, uint32_t key, const char *words, uint8_t *frame, size_t *len)
{
    size_t inner_len = *len - OVERHEAD;
    lab_frame(words, frame + OVERHEAD, &inner_len);
    put_mac(frame, LAB_UNDERLAY_MAC);
    put_mac(frame + 6, mac_of(peer));
    put16(frame + 12, 0x0800);
    put_ip(frame + 14, peer, LAB_UNDERLAY_IP, inner_len);
    put_vxlan(frame + 34, SOURCE_PORT, key, inner_len);
    *len = inner_len + OVERHEAD;
}

void lab_send_tunnel(const char *peer, uint32_t key, const char *words)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    lab_wrap(peer, key, words, frame, &len);
    lab_send_bytes("up0", frame, len);
}

uint16_t lab_expect_tunnel(const char *peer, uint32_t key, const char *words)
{
    uint8_t wanted[DF_WORDS_FRAME_MAX];
    size_t len, inner_len = sizeof(wanted) - OVERHEAD;
    const uint8_t *frame = lab_receive("up0", &len);
    cr_assert_not_null(frame, "nothing leaves by the underlay; expected %s", words);
    cr_assert_geq(len, OVERHEAD);
    unsigned source_port = get16(frame + 34);
    lab_frame(words, wanted + OVERHEAD, &inner_len);
    put_mac(wanted, mac_of(peer));
    put_mac(wanted + 6, LAB_UNDERLAY_MAC);
    put16(wanted + 12, 0x0800);
    put_ip(wanted + 14, LAB_UNDERLAY_IP, peer, inner_len);
    put_vxlan(wanted + 34, source_port, key, inner_len);
    cr_assert_geq(source_port, 49152, "source port %u", source_port);
    cr_assert_eq(len, inner_len + OVERHEAD);
    for (size_t i = 0; i < len; i++)
        cr_assert_eq(frame[i], wanted[i], "byte %zu of what leaves is %02x, not %02x: %s", i, frame[i], wanted[i],
                     words);
    return (uint16_t)source_port;
}
