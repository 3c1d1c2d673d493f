/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fastpath/tables/address_set.h"
#include "tests/unit/fastpath/groups.h"

TestSuite(address_set, .init = tables_setup, .fini = tables_teardown);

#define SET 7
#define OTHER_DOMAIN (DOMAIN + 1)

static bool has_in(uint32_t domain, uint32_t set, struct df_ip ip)
{
    walk_reset();
    return df_address_set_depend(&walk, set, domain, &ip);
}

static bool has(uint32_t set, struct df_ip ip)
{
    return has_in(DOMAIN, set, ip);
}

Test(address_set, single_addresses)
{
    cr_assert_not(has(SET, ip4("10.0.0.1")), "a set that nobody is in");
    member_put(SET, ip4("10.0.0.1"), 128);
    member_put(SET, ip6("2001:db8::1"), 128);
    cr_assert(has(SET, ip4("10.0.0.1")));
    cr_assert(has(SET, ip6("2001:db8::1")));
    cr_assert_not(has(SET, ip4("10.0.0.2")));
    cr_assert_not(has(SET + 1, ip4("10.0.0.1")), "another set");
    member_del(SET, ip4("10.0.0.1"), 128);
    cr_assert_not(has(SET, ip4("10.0.0.1")));
    cr_assert(has(SET, ip6("2001:db8::1")));
}

Test(address_set, prefixes)
{
    member_put(SET, ip4("10.1.0.0"), 112);
    member_put(SET, ip6("2001:db8:1::"), 48);
    cr_assert(has(SET, ip4("10.1.0.0")));
    cr_assert(has(SET, ip4("10.1.255.255")));
    cr_assert_not(has(SET, ip4("10.0.255.255")));
    cr_assert_not(has(SET, ip4("10.2.0.0")));
    cr_assert(has(SET, ip6("2001:db8:1:ffff::")));
    cr_assert_not(has(SET, ip6("2001:db8:2::")));
    cr_assert_not(has(SET + 1, ip4("10.1.0.0")));
    member_del(SET, ip4("10.1.0.0"), 112);
    cr_assert_not(has(SET, ip4("10.1.0.0")));
    cr_assert(has(SET, ip6("2001:db8:1::")));
}

Test(address_set, everybody_of_one_family_is_nobody_of_the_other)
{
    member_put(SET, ip6("::"), 0);
    cr_assert(has(SET, ip6("2001:db8::1")));
    cr_assert_not(has(SET, ip4("10.0.0.1")));
    member_put(SET + 1, ip4("0.0.0.0"), 96);
    cr_assert(has(SET + 1, ip4("10.0.0.1")));
    cr_assert_not(has(SET + 1, ip6("2001:db8::1")));
}

Test(address_set, a_member_that_is_also_in_a_prefix_stays_in_when_either_goes)
{
    member_put(SET, ip4("10.0.0.1"), 128);
    member_put(SET, ip4("10.0.0.0"), 120);
    member_del(SET, ip4("10.0.0.1"), 128);
    cr_assert(has(SET, ip4("10.0.0.1")));
    member_put(SET, ip4("10.0.0.1"), 128);
    member_del(SET, ip4("10.0.0.0"), 120);
    cr_assert(has(SET, ip4("10.0.0.1")));
    cr_assert_not(has(SET, ip4("10.0.0.2")));
}

Test(address_set, who_joins_or_leaves_concerns_only_decisions_about_its_address)
{
    cr_assert_not(has(SET, ip4("10.0.0.1")));
    struct df_stamps one = walk.stamps;
    cr_assert_not(has(SET, ip4("10.0.0.2")));
    struct df_stamps two = walk.stamps;
    member_put(SET, ip4("10.0.0.1"), 128);
    cr_assert_not(holds(&one), "it is in the set now");
    cr_assert(holds(&two), "nothing changed for another address");
    cr_assert(has(SET, ip4("10.0.0.1")));
    one = walk.stamps;
    member_del(SET, ip4("10.0.0.1"), 128);
    cr_assert_not(holds(&one));
}

Test(address_set, a_prefix_concerns_decisions_about_its_set)
{
    cr_assert_not(has(SET, ip4("10.0.0.1")));
    struct df_stamps one = walk.stamps;
    cr_assert_not(has(SET + 1, ip4("10.0.0.1")));
    struct df_stamps other = walk.stamps;
    member_put(SET, ip4("10.0.0.0"), 120);
    cr_assert_not(holds(&one));
    cr_assert(holds(&other));
}

Test(address_set, in_another_domain_an_address_is_somebody_elses)
{
    member_put(SET, ip4("10.0.0.1"), 128);
    member_put(SET, ip4("10.1.0.0"), 112);
    cr_assert_not(has_in(OTHER_DOMAIN, SET, ip4("10.0.0.1")));
    cr_assert_not(has_in(OTHER_DOMAIN, SET, ip4("10.1.0.1")));
    cr_assert_not(has_in(0, SET, ip4("10.0.0.1")));
    cr_assert_not(has_in(0, SET, ip4("10.1.0.1")));
    cr_assert_not(has_in(SET, DOMAIN, ip4("10.1.0.1")), "set and domain are told apart");
    member_put_in(OTHER_DOMAIN, SET, ip4("10.0.0.1"), 128);
    member_put_in(OTHER_DOMAIN, SET, ip4("10.1.0.0"), 112);
    member_del(SET, ip4("10.0.0.1"), 128);
    member_del(SET, ip4("10.1.0.0"), 112);
    cr_assert_not(has(SET, ip4("10.0.0.1")));
    cr_assert_not(has(SET, ip4("10.1.0.1")));
    cr_assert(has_in(OTHER_DOMAIN, SET, ip4("10.0.0.1")));
    cr_assert(has_in(OTHER_DOMAIN, SET, ip4("10.1.0.1")));
}

Test(address_set, a_change_in_one_domain_concerns_no_decision_in_another)
{
    cr_assert_not(has(SET, ip4("10.0.0.1")));
    struct df_stamps here = walk.stamps;
    cr_assert_not(has_in(OTHER_DOMAIN, SET, ip4("10.0.0.1")));
    struct df_stamps there = walk.stamps;
    member_put_in(OTHER_DOMAIN, SET, ip4("10.0.0.1"), 128);
    cr_assert(holds(&here));
    cr_assert_not(holds(&there));
    cr_assert_not(has_in(OTHER_DOMAIN, SET, ip4("10.0.0.2")));
    there = walk.stamps;
    member_put_in(OTHER_DOMAIN, SET, ip4("10.0.0.0"), 120);
    cr_assert(holds(&here));
    cr_assert_not(holds(&there));
}

Test(address_set, malformed_entries_are_refused)
{
    struct df_address_set_key key = {.set = SET, .domain = DOMAIN, .prefix_len = 129, .ip = ip4("10.0.0.0")};
    struct df_address_set_value value = {.lport = 1};
    cr_assert_eq(try_put(DF_TABLE_ADDRESS_SET, &key, &value), -EINVAL);
    key.prefix_len = 104;
    cr_assert_eq(try_put(DF_TABLE_ADDRESS_SET, &key, &value), 0);
    key.ip = ip4("10.0.0.1");
    cr_assert_eq(try_put(DF_TABLE_ADDRESS_SET, &key, &value), -EINVAL, "bits behind the prefix");
    cr_assert_eq(del_len(DF_TABLE_ADDRESS_SET, &key, sizeof(key)), -ENOENT);
    key.prefix_len = 128;
    cr_assert_eq(del_len(DF_TABLE_ADDRESS_SET, &key, sizeof(key)), -ENOENT);
    cr_assert_eq(put_len(DF_TABLE_ADDRESS_SET, &key, sizeof(key), &value, 3), -EINVAL);
}

static int count_entry(const struct df_entry *entry, uint64_t hits, void *arg)
{
    (void)entry, (void)hits;
    ++*(uint32_t *)arg;
    return 0;
}

Test(address_set, a_full_table_refuses_and_keeps_what_it_has)
{
    const struct df_table *table = df_table(DF_TABLE_ADDRESS_SET);
    struct df_address_set_value value = {.lport = 1};
    struct df_address_set_key key = {.set = SET, .domain = DOMAIN, .prefix_len = 128};
    uint32_t seen = 0;
    for (uint32_t i = 0; i < TABLE_TEST_MAX; i++) {
        key.ip = df_ip_from4(htonl(0x0a000000 + i));
        cr_assert_eq(try_put(DF_TABLE_ADDRESS_SET, &key, &value), 0);
    }
    key.ip = ip4("10.9.9.9");
    cr_assert_eq(try_put(DF_TABLE_ADDRESS_SET, &key, &value), -ENOSPC);
    cr_assert(has(SET, ip4("10.0.0.1")));
    cr_assert_not(has(SET, ip4("10.9.9.9")));
    cr_assert_eq(table->ops->count(table->state), TABLE_TEST_MAX);
    table->ops->for_each(table->state, count_entry, &seen);
    cr_assert_eq(seen, TABLE_TEST_MAX);
}
