/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/limit.h"

#include <criterion/criterion.h>

#define PORT 4
#define LPORT 9

static struct df_dhcp_limit *limit;

static void setup(void)
{
    limit = df_dhcp_limit_new(3, 100 * 1000);
    cr_assert_not_null(limit);
}

static void teardown(void)
{
    df_dhcp_limit_free(limit);
}

TestSuite(dhcp_limit, .init = setup, .fini = teardown);

static bool take(uint64_t now_ms)
{
    return df_dhcp_limit_take(limit, PORT, LPORT, now_ms);
}

Test(dhcp_limit, the_fourth_packet_within_a_second_blocks_the_port)
{
    cr_expect(take(5000) && take(5100) && take(5200));
    cr_expect_not(take(5999));
    cr_expect_not(take(7000), "a blocked port stays so");
    cr_expect_not(take(105998));
    cr_expect(take(105999), "100 s after the packet that was too many");
}

Test(dhcp_limit, three_a_second_go_on_for_ever)
{
    for (uint64_t t = 0; t < 30000; t += 1000)
        cr_expect(take(t) && take(t + 1) && take(t + 2), "at %lu ms", (unsigned long)t);
}

Test(dhcp_limit, any_second_counts_and_not_the_clocks)
{
    cr_expect(take(900) && take(950) && take(990));
    cr_expect_not(take(1100));
}

Test(dhcp_limit, packets_while_blocked_do_not_prolong_it)
{
    cr_expect(take(0) && take(0) && take(0));
    cr_expect_not(take(0));
    for (uint64_t t = 0; t < 100000; t += 100)
        cr_expect_not(take(t));
    cr_expect(take(100000));
}

Test(dhcp_limit, ports_do_not_share)
{
    cr_expect(take(0) && take(0) && take(0));
    cr_expect_not(take(0));
    cr_expect(df_dhcp_limit_take(limit, PORT + 1, LPORT + 1, 0));
    cr_expect(df_dhcp_limit_take(limit, 65535, LPORT + 2, 0));
}

Test(dhcp_limit, a_new_lport_does_not_inherit_the_block)
{
    cr_expect(take(0) && take(0) && take(0));
    cr_expect_not(take(0));
    cr_expect(df_dhcp_limit_take(limit, PORT, LPORT + 1, 1));
}
