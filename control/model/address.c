/* SPDX-License-Identifier: Apache-2.0 */
#include "control/model/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int df_mac_parse(const char *text, struct df_mac *mac)
{
    if (!text || strlen(text) != DF_MAC_TEXT - 1)
        return -EINVAL;
    struct df_mac parsed;
    for (unsigned i = 0; i < 6; i++) {
        int high = hex_digit(text[3 * i]);
        int low = hex_digit(text[3 * i + 1]);
        char end = text[3 * i + 2];
        if (high < 0 || low < 0 || end != (i < 5 ? ':' : '\0'))
            return -EINVAL;
        parsed.byte[i] = (uint8_t)(high << 4 | low);
    }
    *mac = parsed;
    return 0;
}

int df_ip_parse(const char *text, struct df_ip *ip)
{
    struct in_addr four;
    struct df_ip six;
    if (!text)
        return -EINVAL;
    if (inet_pton(AF_INET, text, &four) == 1) {
        *ip = df_ip_from4(four.s_addr);
        return 0;
    }
    if (inet_pton(AF_INET6, text, six.byte) != 1)
        return -EINVAL;
    *ip = six;
    return 0;
}

/* Decimal digits alone: no sign, no space, no "0x". */
static int parse_length(const char *text, unsigned most, unsigned *length)
{
    unsigned value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] != '\0')
        return -EINVAL;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    if (value > most)
        return -EINVAL;
    *length = value;
    return 0;
}

int df_prefix_parse(const char *text, struct df_ip *ip, unsigned *bits)
{
    char address[DF_IP_TEXT];
    struct df_ip parsed;
    if (!text)
        return -EINVAL;
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof(address))
        return -EINVAL;
    memcpy(address, text, len);
    address[len] = '\0';
    if (df_ip_parse(address, &parsed) < 0)
        return -EINVAL;

    /* A mapped address written as IPv6 (::ffff:a.b.c.d/120) counts its bits in the mapped form already. */
    bool dotted = strchr(address, ':') == NULL;
    unsigned length = dotted ? 32 : 128;
    if (slash && parse_length(slash + 1, length, &length) < 0)
        return -EINVAL;
    *ip = parsed;
    *bits = dotted ? 96 + length : length;
    return 0;
}

void df_ip_mask(struct df_ip *ip, unsigned bits)
{
    for (unsigned i = 0; i < sizeof(ip->byte); i++) {
        unsigned keep = bits > 8 * i ? bits - 8 * i : 0;
        if (keep < 8)
            ip->byte[i] &= (uint8_t)(0xff00u >> keep);
    }
}

const char *df_mac_text(const struct df_mac *mac, char text[DF_MAC_TEXT])
{
    const uint8_t *b = mac->byte;
    snprintf(text, DF_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    return text;
}

const char *df_ip_text(const struct df_ip *ip, char text[DF_IP_TEXT])
{
    if (df_ip_is4(ip))
        inet_ntop(AF_INET, &ip->byte[12], text, DF_IP_TEXT);
    else
        inet_ntop(AF_INET6, ip->byte, text, DF_IP_TEXT);
    return text;
}
