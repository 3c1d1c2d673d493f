/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/options.h"
#include "tests/unit/apps/fake.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

/* Encodes by name; the bytes are as written, two digits each. */
static void expect_bytes(const char *key, const char *text, const char *hex)
{
    struct df_dhcp_buffer value;
    uint8_t code;
    char got[2 * DF_DHCP_VALUE_MAX + 1] = "";
    cr_assert_eq(df_dhcp_option_find(key, &code), 0, "%s", key);
    cr_assert_eq(df_dhcp_option_encode(code, text, &value), 0, "%s = %s", key, text);
    for (uint32_t i = 0; i < value.len; i++)
        sprintf(got + 2 * i, "%02x", value.data[i]);
    cr_expect_str_eq(got, hex, "%s = %s is %s, not %s", key, text, got, hex);
}

static void expect_bad(const char *key, const char *text)
{
    struct df_dhcp_buffer value;
    uint8_t code;
    cr_assert_eq(df_dhcp_option_find(key, &code), 0, "%s", key);
    cr_expect_eq(df_dhcp_option_encode(code, text, &value), -EINVAL, "%s = %s", key, text);
}

Test(dhcp_options, names_and_numbers_mean_the_same)
{
    static const struct {
        const char *key;
        uint8_t code;
    } keys[] = {
        {"67", 67},
        {"bootfile-name", 67},
        {"Bootfile-Name", 67},
        {"tftp-server", 66},
        {"tftp-server-name", 66},
        {"mtu", 26},
        {"interface-mtu", 26},
        {"ntp-server", 42},
        {"dns-server", 6},
        {"domain-name-servers", 6},
        {"T1", 58},
        {"domain-search", 119},
        {"classless-static-route", 121},
        {"server-ip-address", DF_DHCP_SIADDR},
        {"200", 200},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        uint8_t code = 0;
        cr_expect_eq(df_dhcp_option_find(keys[i].key, &code), 0, "%s", keys[i].key);
        cr_expect_eq(code, keys[i].code, "%s", keys[i].key);
    }
}

Test(dhcp_options, unknown_keys_and_those_of_the_protocol)
{
    uint8_t code;
    cr_expect_eq(df_dhcp_option_find("no-such-option", &code), -ENOENT);
    cr_expect_eq(df_dhcp_option_find("", &code), -ENOENT);
    cr_expect_eq(df_dhcp_option_find("0", &code), -ENOENT);
    cr_expect_eq(df_dhcp_option_find("256", &code), -ENOENT);
    cr_expect_eq(df_dhcp_option_find("router ", &code), -ENOENT);
    cr_expect_eq(df_dhcp_option_find("53", &code), -EPERM);
    cr_expect_eq(df_dhcp_option_find("server-identifier", &code), -EPERM);
    cr_expect_eq(df_dhcp_option_find("82", &code), -EPERM);
}

Test(dhcp_options, addresses)
{
    expect_bytes("netmask", "255.255.0.0", "ffff0000");
    expect_bytes("ntp-server", "10.0.0.1", "0a000001");
    expect_bytes("ntp-server", "10.0.0.1,10.0.0.2", "0a0000010a000002");
    expect_bytes("ntp-server", "10.0.0.1, 10.0.0.2", "0a0000010a000002");
    expect_bytes("static-route", "10.1.0.0,10.0.0.1", "0a0100000a000001");
    expect_bad("netmask", "255.255.0.0,1.2.3.4");
    expect_bad("ntp-server", "");
    expect_bad("ntp-server", "ntp.example.org");
    expect_bad("ntp-server", "10.0.0.1,fd00::1");
    expect_bad("static-route", "10.1.0.0");
}

Test(dhcp_options, numbers)
{
    expect_bytes("mtu", "1450", "05aa");
    expect_bytes("mtu", "0x5aa", "05aa");
    expect_bytes("default-ttl", "64", "40");
    expect_bytes("lease-time", "86400", "00015180");
    expect_bytes("lease-time", "4294967295", "ffffffff");
    expect_bytes("time-offset", "-3600", "fffff1f0");
    expect_bad("mtu", "65536");
    expect_bad("mtu", "-1");
    expect_bad("mtu", " 1450");
    expect_bad("mtu", "1450 ");
    expect_bad("mtu", "big");
    expect_bad("default-ttl", "256");
    expect_bad("lease-time", "4294967296");
    expect_bad("lease-time", "");
}

Test(dhcp_options, truth)
{
    expect_bytes("ip-forward-enable", "1", "01");
    expect_bytes("ip-forward-enable", "False", "00");
    expect_bad("ip-forward-enable", "maybe");
}

Test(dhcp_options, text_and_bytes)
{
    expect_bytes("bootfile-name", "pxe", "707865");
    expect_bytes("vendor-encap", "01:04:00:00:00:00", "010400000000");
    expect_bytes("vendor-encap", "0x0104", "0104");
    expect_bytes("vendor-encap", "0104", "0104");
    expect_bytes("200", "0x0a0b", "0a0b");
    expect_bytes("200", "0a:0b", "0a0b");
    expect_bytes("200", "ab", "6162");
    expect_bad("bootfile-name", "");
    expect_bad("vendor-encap", "0x010");
    expect_bad("vendor-encap", "01:");
    expect_bad("vendor-encap", "xyz");
}

Test(dhcp_options, text_that_is_too_long)
{
    static char text[DF_DHCP_VALUE_MAX + 2];
    memset(text, 'x', DF_DHCP_VALUE_MAX + 1);
    expect_bad("bootfile-name", text);
    struct df_dhcp_buffer value;
    text[DF_DHCP_VALUE_MAX] = 0;
    cr_expect_eq(df_dhcp_option_encode(67, text, &value), 0);
}

/* RFC 1035 section 3.1: length, label, and so on to the empty label. */
Test(dhcp_options, domain_search)
{
    expect_bytes("domain-search", "eng.apple.com", "03656e67056170706c6503636f6d00");
    expect_bytes("domain-search", "a.b.,c",
                 "01610162000163"
                 "00");
    expect_bad("domain-search", "a..b");
    expect_bad("domain-search", ".");
    expect_bad("domain-search", "a234567890123456789012345678901234567890123456789012345678901234.org");
}

/* The example of RFC 3442: only the significant octets of each destination. */
Test(dhcp_options, classless_routes)
{
    expect_bytes("121", "10.0.0.0/8,10.0.0.1", "080a0a000001");
    expect_bytes("121", "0.0.0.0/0,10.0.0.1", "000a000001");
    expect_bytes("121", "10.17.0.0/16,10.0.0.1", "100a110a000001");
    expect_bytes("121", "10.27.129.0/24,10.0.0.1", "180a1b810a000001");
    expect_bytes("121", "10.229.0.128/25,10.0.0.1", "190ae500800a000001");
    expect_bytes("121", "10.198.122.47/32,10.0.0.1", "200ac67a2f0a000001");
    expect_bytes("121", "10.0.0.0/8,10.0.0.1,0.0.0.0/0,10.0.0.2", "080a0a000001000a000002");
    expect_bytes("121", "10.1.2.3/9,10.0.0.1", "090a000a000001");
    expect_bad("121", "10.0.0.0/8");
    expect_bad("121", "10.0.0.0/33,10.0.0.1");
    expect_bad("121", "fd00::/8,fd00::1");
    expect_bad("121", "");
}

/* ---- A port's own options */

static char told[2048];
static char last_told[256];

static void tell(void *arg, const char *key, const char *value, const char *why)
{
    (void)arg;
    snprintf(last_told, sizeof(last_told), "%s", why);
    snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s=%s %s\n", key, value, why);
}

Test(dhcp_options, bad_ones_are_told_and_left_out)
{
    Df__DhcpParams params = {.base = PROTOBUF_C_MESSAGE_INIT(&df__dhcp_params__descriptor),
                             OBJECTS(Df__DhcpOption, opts, DHCP_OPT("67", "pxe"), DHCP_OPT("mtu", "huge"),
                                     DHCP_OPT("bootfile-name", "other"), DHCP_OPT("nonsense", "1"), DHCP_OPT("53", "1"),
                                     DHCP_OPT("ntp-server", "10.0.0.1"))};
    struct df_dhcp_opts opts;
    told[0] = 0;
    df_dhcp_opts_read(&params, &opts, tell, NULL);
    cr_expect_str_eq(opts.text[67], "pxe");
    cr_expect_str_eq(opts.text[42], "10.0.0.1");
    cr_expect_null(opts.text[26]);
    cr_expect_null(opts.text[53]);
    cr_expect(strstr(told, "mtu=huge must be a number from 0 to 65535"), "%s", told);
    cr_expect(strstr(told, "bootfile-name=other the option is there twice"), "%s", told);
    cr_expect(strstr(told, "nonsense=1 no such option"), "%s", told);
    cr_expect(strstr(told, "53=1 the server itself"), "%s", told);
}

Test(dhcp_options, more_than_are_looked_at)
{
    static Df__DhcpOption option = {
        .base = PROTOBUF_C_MESSAGE_INIT(&df__dhcp_option__descriptor), .key = "67", .value = "x"};
    static Df__DhcpOption *list[DF_DHCP_OPTS_MAX + 20];
    for (size_t i = 0; i < DF_DHCP_OPTS_MAX + 20; i++)
        list[i] = &option;
    Df__DhcpParams params = {
        .base = PROTOBUF_C_MESSAGE_INIT(&df__dhcp_params__descriptor), .n_opts = DF_DHCP_OPTS_MAX + 20, .opts = list};
    struct df_dhcp_opts opts;
    df_dhcp_opts_read(&params, &opts, tell, NULL);
    cr_expect(strstr(last_told, "too many options"), "%s", last_told);
    params.n_opts = DF_DHCP_OPTS_MAX;
    df_dhcp_opts_read(&params, &opts, tell, NULL);
    cr_expect(strstr(last_told, "twice"), "%s", last_told);
}

Test(dhcp_options, a_port_without_parameters_has_none)
{
    struct df_dhcp_opts opts;
    memset(&opts, 0xff, sizeof(opts));
    df_dhcp_opts_read(NULL, &opts, tell, NULL);
    for (int code = 0; code < 256; code++)
        cr_expect_null(opts.text[code]);
}
