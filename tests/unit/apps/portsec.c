/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/apps/fake.h"

#include <criterion/criterion.h>

TestSuite(portsec, .init = fake_reset);

#define MAC "fa:16:3e:00:00:01"
#define LINK_LOCAL "fe80::f816:3eff:fe00:1"

static const struct df_port_security_value *security(void)
{
    return FAKE_VALUE(DF_TABLE_PORT_SECURITY, (struct df_port_security_key){.lport = 9});
}

static bool may_send(const char *mac_text, const char *ip_text, unsigned bits)
{
    const struct df_port_security_value *value = security();
    struct df_mac mac = fake_mac(mac_text);
    struct df_ip ip = fake_ip(ip_text);
    for (uint32_t i = 0; i < value->n_pairs; i++) {
        if (df_mac_equal(&value->pair[i].mac, &mac) && df_ip_equal(&value->pair[i].ip, &ip) &&
            value->pair[i].prefix_len == bits)
            return true;
    }
    return false;
}

Test(portsec, every_mac_with_every_address_and_its_link_local)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, LIST(macs, MAC, "fa:16:3e:00:00:02"),
                                 LIST(ips, "10.0.0.5", "fd00::5"), BOUND_TO("here"));
    fake_compile(DF_NB_LPORT, &port);
    cr_assert_not_null(security());
    cr_expect_eq(security()->enabled, 1);
    cr_expect_eq(security()->n_pairs, 6);
    cr_expect(may_send(MAC, "10.0.0.5", 128));
    cr_expect(may_send(MAC, "fd00::5", 128));
    cr_expect(may_send(MAC, LINK_LOCAL, 128));
    cr_expect(may_send("fa:16:3e:00:00:02", "10.0.0.5", 128));
    cr_expect(may_send("fa:16:3e:00:00:02", "fe80::f816:3eff:fe00:2", 128));
    cr_expect_not(may_send("fa:16:3e:00:00:02", LINK_LOCAL, 128));
}

Test(portsec, the_entry_is_as_long_as_its_pairs)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, LIST(macs, MAC), LIST(ips, "10.0.0.5"), BOUND_TO("here"));
    fake_compile(DF_NB_LPORT, &port);
    struct df_port_security_key key = {.lport = 9};
    const struct fake_entry *entry = fake_find(DF_TABLE_PORT_SECURITY, &key, sizeof(key));
    cr_assert_not_null(entry);
    cr_expect_eq(entry->value_len, sizeof(struct df_port_security_value) + 2 * sizeof(struct df_port_security_pair));
}

Test(portsec, allowed_pairs_with_prefixes_and_the_ports_own_mac)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, LIST(macs, MAC), BOUND_TO("here"),
                                 OBJECTS(Df__AddressPair, allowed_address_pairs, PAIR("10.1.2.3/16", NULL),
                                         PAIR("10.0.0.100", "00:00:5e:00:01:07"), PAIR("fd00:1::/64", "")));
    fake_compile(DF_NB_LPORT, &port);
    cr_assert_not_null(security());
    cr_expect(may_send(MAC, "10.1.0.0", 112), "host bits are cleared, the length is the mapped form's");
    cr_expect(may_send("00:00:5e:00:01:07", "10.0.0.100", 128));
    cr_expect(may_send(MAC, "fd00:1::", 64));
    cr_expect_eq(security()->n_pairs, 4);
}

Test(portsec, switched_off_passes_everything)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, LIST(macs, MAC), BOUND_TO("here"));
    port.port_security_enabled = 0;
    fake_compile(DF_NB_LPORT, &port);
    cr_assert_not_null(security());
    cr_expect_eq(security()->enabled, 0);
    cr_expect_eq(security()->n_pairs, 0);
}

Test(portsec, remote_and_disabled_ports_have_no_entry)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, LIST(macs, MAC), BOUND_TO("here"));
    fake_set_remote("vm");
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_null(security());
    fake_set_remote(NULL);
    port.enabled = 0;
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_null(security());
}

Test(portsec, port_without_mac_is_refused)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, LIST(ips, "10.0.0.5"), BOUND_TO("here"));
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_null(security());
    cr_expect(strstr(fake_refusal(), "lport vm") && strstr(fake_refusal(), "MAC"), "%s", fake_refusal());
}

Test(portsec, malformed_pair_is_named_and_left_out)
{
    Df__LogicalPort port =
        LPORT(.id = "vm", .unique_key = 9, LIST(macs, MAC), BOUND_TO("here"),
              OBJECTS(Df__AddressPair, allowed_address_pairs, PAIR("10.0.0.0/33", NULL), PAIR("10.0.0.1", "zz")));
    fake_compile(DF_NB_LPORT, &port);
    cr_assert_not_null(security());
    cr_expect_eq(security()->n_pairs, 1);
    cr_expect(fake_has_problem("allowed_address_pairs", "10.0.0.0/33"));
    cr_expect(fake_has_problem("10.0.0.1", "zz"));
}

/* n pairs of which one is the link-local address. */
static void compile_with_pairs(size_t n)
{
    static Df__AddressPair pair = {.base = PROTOBUF_C_MESSAGE_INIT(&df__address_pair__descriptor),
                                   .ip_address = "10.0.0.7"};
    static Df__AddressPair *pairs[DF_PORT_SECURITY_PAIRS_MAX + 1];
    for (size_t i = 0; i < n; i++)
        pairs[i] = &pair;
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, LIST(macs, MAC), BOUND_TO("here"),
                                 .n_allowed_address_pairs = n - 1, .allowed_address_pairs = pairs);
    fake_compile(DF_NB_LPORT, &port);
}

Test(portsec, as_many_pairs_as_the_table_holds)
{
    compile_with_pairs(DF_PORT_SECURITY_PAIRS_MAX);
    cr_assert_not_null(security());
    cr_expect_eq(security()->n_pairs, DF_PORT_SECURITY_PAIRS_MAX);
    cr_expect_str_eq(fake_refusal(), "");
}

Test(portsec, one_pair_more_is_refused_by_name)
{
    compile_with_pairs(DF_PORT_SECURITY_PAIRS_MAX + 1);
    cr_expect_null(security());
    cr_expect(strstr(fake_refusal(), "lport vm") && strstr(fake_refusal(), "1025"), "%s", fake_refusal());
}
