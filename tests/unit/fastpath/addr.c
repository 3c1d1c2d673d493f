/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/addr.h"

#include <criterion/criterion.h>

static struct df_ip ip_of(const char *text)
{
    struct df_ip ip;
    struct in_addr ip4;
    if (inet_pton(AF_INET, text, &ip4) == 1)
        return df_ip_from4(ip4.s_addr);
    cr_assert_eq(inet_pton(AF_INET6, text, ip.byte), 1, "%s", text);
    return ip;
}

Test(addr, ip4_is_its_mapped_form)
{
    struct df_ip ip = ip_of("192.0.2.1"), mapped = ip_of("::ffff:192.0.2.1"), compatible = ip_of("::192.0.2.1");
    cr_assert(df_ip_equal(&ip, &mapped));
    cr_assert(df_ip_is4(&ip));
    cr_assert_not(df_ip_is4(&compatible));
    cr_assert_eq(ip.word[2], DF_IP4_MAPPED);
    cr_assert_not(df_ip_is_zero(&ip));
    mapped = ip_of("::");
    cr_assert(df_ip_is_zero(&mapped));
}

Test(addr, prefixes)
{
    static const struct {
        const char *ip, *prefix;
        unsigned bits;
        bool in;
    } cases[] = {
        {"10.1.2.3", "0.0.0.0", 96, true},
        {"2001:db8::1", "0.0.0.0", 96, false},
        {"2001:db8::1", "::", 0, true},
        {"10.0.0.127", "10.0.0.0", 96 + 25, true},
        {"10.0.0.128", "10.0.0.0", 96 + 25, false},
        {"10.0.0.128", "10.0.0.0", 96 + 24, true},
        {"10.0.1.0", "10.0.0.0", 96 + 24, false},
        {"10.0.0.1", "10.0.0.1", 128, true},
        {"10.0.0.0", "10.0.0.1", 128, false},
        {"10.0.0.0", "10.0.0.1", 127, true},
        {"2001:db8:8::", "2001:db8::", 45, false},
        {"2001:db8:7::", "2001:db8::", 45, true},
        {"2001:db9::1", "2001:db8::", 32, false},
        {"2001:db9::1", "2001:db8::", 31, true},
        {"ff02::1:ff00:1", "ff02::1:ff00:0", 104, true},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct df_ip ip = ip_of(cases[i].ip), prefix = ip_of(cases[i].prefix);
        cr_assert_eq(df_ip_in_prefix(&ip, &prefix, cases[i].bits), cases[i].in, "%s in %s/%u", cases[i].ip,
                     cases[i].prefix, cases[i].bits);
    }
}

Test(addr, kinds)
{
    static const struct {
        const char *ip;
        bool multicast, never_source;
    } cases[] = {
        {"223.255.255.255", false, false},
        {"224.0.0.0", true, true},
        {"239.255.255.255", true, true},
        {"240.0.0.0", false, false},
        {"127.0.0.1", false, true},
        {"126.255.255.255", false, false},
        {"255.255.255.255", false, true},
        {"0.0.0.0", false, false},
        {"::", false, false},
        {"::1", false, true},
        {"::2", false, false},
        {"ff02::1", true, true},
        {"fe80::1", false, false},
        {"2001:db8::e0", false, false},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct df_ip ip = ip_of(cases[i].ip);
        cr_assert_eq(df_ip_is_multicast(&ip), cases[i].multicast, "%s", cases[i].ip);
        cr_assert_eq(df_ip_is_never_source(&ip), cases[i].never_source, "%s", cases[i].ip);
    }
}

Test(addr, macs)
{
    static const struct df_mac station = {{0x02, 0, 0, 0, 0, 1}}, other = {{0x02, 0, 0, 0, 0, 2}};
    static const struct df_mac group = {{0x33, 0x33, 0, 0, 0, 1}};
    cr_assert_not(df_mac_is_group(&station));
    cr_assert(df_mac_is_group(&group));
    cr_assert(df_mac_equal(&station, &station));
    cr_assert_not(df_mac_equal(&station, &other));
}
