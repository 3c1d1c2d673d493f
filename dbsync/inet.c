/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* At most three digits, so that nothing overflows. */
static int parse_length(const char *text, unsigned most, unsigned *length)
{
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 3 || text[digits])
        return -EINVAL;
    *length = 0;
    for (size_t i = 0; i < digits; i++)
        *length = *length * 10 + (unsigned)(text[i] - '0');
    return *length <= most ? 0 : -EINVAL;
}

int df_inet_parse(const char *text, struct df_inet *inet)
{
    char address[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, "/");
    if (len >= sizeof address)
        return -EINVAL;
    memcpy(address, text, len);
    address[len] = '\0';

    memset(inet, 0, sizeof *inet);
    inet->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(inet->family, address, inet->bytes) != 1)
        return -EINVAL;
    unsigned most = inet->family == AF_INET ? 32 : 128;
    inet->length = most;
    inet->has_length = text[len] == '/';
    return inet->has_length ? parse_length(text + len + 1, most, &inet->length) : 0;
}

static bool is_host_v4(const uint8_t *bytes)
{
    return bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 224;
}

bool df_inet_is_host(const struct df_inet *inet)
{
    if (inet->family == AF_INET)
        return is_host_v4(inet->bytes);
    struct in6_addr ip;
    memcpy(&ip, inet->bytes, sizeof ip);
    return !IN6_IS_ADDR_UNSPECIFIED(&ip) && !IN6_IS_ADDR_LOOPBACK(&ip) && !IN6_IS_ADDR_MULTICAST(&ip) &&
           !IN6_IS_ADDR_V4MAPPED(&ip);
}

bool df_inet_has_host_bits(const struct df_inet *inet)
{
    unsigned most = inet->family == AF_INET ? 32 : 128;
    for (unsigned bit = inet->length; bit < most; bit++)
        if (inet->bytes[bit / 8] & (0x80U >> bit % 8))
            return true;
    return false;
}
