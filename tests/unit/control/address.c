/* SPDX-License-Identifier: Apache-2.0 */
#include "control/model/address.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>

static unsigned bits_of(const char *text)
{
    struct df_ip ip;
    unsigned bits = 999;
    cr_assert_eq(df_prefix_parse(text, &ip, &bits), 0, "%s", text);
    return bits;
}

Test(address, mac_goes_to_bytes_and_back)
{
    struct df_mac mac;
    char text[DF_MAC_TEXT];
    cr_assert_eq(df_mac_parse("02:0a:FF:00:9b:c1", &mac), 0);
    cr_assert_arr_eq(mac.byte, ((uint8_t[]){0x02, 0x0a, 0xff, 0x00, 0x9b, 0xc1}), 6);
    cr_assert_str_eq(df_mac_text(&mac, text), "02:0a:ff:00:9b:c1");
}

Test(address, what_is_no_mac_is_refused_and_leaves_the_result_alone)
{
    const char *bad[] = {"",
                         "02:0a:ff:00:9b",
                         "02:0a:ff:00:9b:c1:",
                         "02-0a-ff-00-9b-c1",
                         "02:0a:ff:00:9b:cg",
                         "2:a:ff:0:9b:c1",
                         " 02:0a:ff:00:9b:c",
                         "02:0a:ff:00:9b:c1 ",
                         NULL};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct df_mac mac = {{1, 2, 3, 4, 5, 6}};
        cr_assert_eq(df_mac_parse(bad[i], &mac), -EINVAL, "'%s'", bad[i]);
        cr_assert_eq(mac.byte[5], 6);
    }
}

Test(address, ipv4_is_the_mapped_form)
{
    struct df_ip ip;
    char text[DF_IP_TEXT];
    cr_assert_eq(df_ip_parse("10.1.2.3", &ip), 0);
    cr_assert(df_ip_is4(&ip));
    cr_assert_eq(ip.word[2], DF_IP4_MAPPED);
    cr_assert_eq(ip.byte[12], 10);
    cr_assert_eq(ip.byte[15], 3);
    cr_assert_str_eq(df_ip_text(&ip, text), "10.1.2.3");
}

Test(address, ipv6_goes_to_bytes_and_back)
{
    struct df_ip ip;
    char text[DF_IP_TEXT];
    cr_assert_eq(df_ip_parse("2001:DB8::0:1", &ip), 0);
    cr_assert(!df_ip_is4(&ip));
    cr_assert_str_eq(df_ip_text(&ip, text), "2001:db8::1");
}

Test(address, what_is_no_address_is_refused)
{
    const char *bad[] = {"", "10.1.2", "10.1.2.256", "10.1.2.3.4", "10.1.2.3/24", ":::", "fe80::1%eth0", "x", NULL};
    struct df_ip ip;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(df_ip_parse(bad[i], &ip), -EINVAL, "'%s'", bad[i]);
}

Test(address, prefix_lengths_count_in_the_mapped_form)
{
    cr_assert_eq(bits_of("10.0.0.0/24"), 96 + 24);
    cr_assert_eq(bits_of("0.0.0.0/0"), 96);
    cr_assert_eq(bits_of("10.0.0.1"), 128);
    cr_assert_eq(bits_of("2001:db8::/64"), 64);
    cr_assert_eq(bits_of("::/0"), 0);
    cr_assert_eq(bits_of("::1"), 128);
    cr_assert_eq(bits_of("::ffff:10.0.0.0/104"), 104);
}

Test(address, prefix_keeps_host_bits)
{
    struct df_ip ip;
    unsigned bits;
    char text[DF_IP_TEXT];
    cr_assert_eq(df_prefix_parse("10.1.2.3/8", &ip, &bits), 0);
    cr_assert_str_eq(df_ip_text(&ip, text), "10.1.2.3");
}

Test(address, what_is_no_prefix_is_refused)
{
    const char *bad[] = {"",
                         "/24",
                         "10.0.0.0/",
                         "10.0.0.0/33",
                         "10.0.0.0/-1",
                         "10.0.0.0/+8",
                         "10.0.0.0/ 8",
                         "10.0.0.0/0x8",
                         "10.0.0.0/8 ",
                         "2001:db8::/129",
                         "10.0.0.0/24/24",
                         "10.0.0.0/4294967304",
                         NULL,
                         "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/1"};
    struct df_ip ip;
    unsigned bits;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(df_prefix_parse(bad[i], &ip, &bits), -EINVAL, "'%s'", bad[i]);
}

Test(address, mask_clears_the_bits_behind_the_prefix)
{
    static const struct {
        const char *ip;
        unsigned bits;
        const char *masked;
    } cases[] = {
        {"10.1.2.3", 96 + 24, "10.1.2.0"}, {"10.1.2.255", 96 + 25, "10.1.2.128"},       {"10.1.2.3", 128, "10.1.2.3"},
        {"10.1.2.3", 96, "0.0.0.0"},       {"2001:db8:ffff::1", 33, "2001:db8:8000::"}, {"2001:db8::1", 0, "::"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct df_ip ip;
        char text[DF_IP_TEXT];
        cr_assert_eq(df_ip_parse(cases[i].ip, &ip), 0);
        df_ip_mask(&ip, cases[i].bits);
        cr_assert_str_eq(df_ip_text(&ip, text), cases[i].masked, "%s/%u", cases[i].ip, cases[i].bits);
    }
}
