/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

/*
 * Changes: in force with the next packet, for the flows they concern, and for no others. A cached flow walks again
 * when, and only when, something it was decided from changed.
 */

static void running(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(change, .init = running, .fini = lab_down);

#define TO_VM2 "udp,tp_src=1000,tp_dst=2000,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12"
#define TO_VM3 "udp,tp_src=1000,tp_dst=2000,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"
#define AT_VM3 "udp,tp_src=1000,tp_dst=2000,dl_src=" ROUTER2 ",dl_dst=" MAC3 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"

static void established(void)
{
    lab_send("vm1", TO_VM2);
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect("vm2", TO_VM2);
    lab_expect("vm3", AT_VM3 ",nw_ttl=63");
}

Test(change, a_neighbours_change_of_mac_takes_its_flows_along)
{
    established();
    lab_model("{'lport': [" PORT("vm3", "net2", "02:00:00:00:02:33", "'10.2.0.13'", "'sub2'", "") "]}");
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect_walked();
    lab_expect("vm3", "udp,tp_src=1000,tp_dst=2000,nw_ttl=63,dl_src=" ROUTER2
                      ",dl_dst=02:00:00:00:02:33,nw_src=10.1.0.11,nw_dst=10.2.0.13");
}

Test(change, flows_that_did_not_depend_on_it_stay_in_the_cache)
{
    established();
    lab_model("{'lport': [" PORT("vm3", "net2", "02:00:00:00:02:33", "'10.2.0.13'", "'sub2'", "") "]}");
    lab_send("vm1", TO_VM2);
    lab_expect_cached();
    lab_expect("vm2", TO_VM2);
}

Test(change, a_port_plugged_elsewhere_in_the_network_disturbs_nobody)
{
    established();
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", "") "]}");
    lab_send("vm1", TO_VM2);
    lab_expect_cached();
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect_cached();
}

Test(change, an_unplugged_port_gets_nothing_and_comes_back)
{
    established();
    lab_delete("lport", "vm2");
    lab_send("vm1", TO_VM2);
    lab_expect_silence();
    lab_expect_drop("l2_unknown", 1);
    lab_model("{'lport': [" VM2 "]}");
    lab_send("vm1", TO_VM2);
    lab_expect("vm2", TO_VM2);
}

Test(change, a_disabled_port_neither_sends_nor_receives)
{
    established();
    lab_model("{'lport': [" PORT("vm2", "net1", MAC2, "'10.1.0.12'", "'sub1'", ", 'enabled': false") "]}");
    lab_send("vm1", TO_VM2);
    lab_expect_silence();
    lab_expect_drop("l2_unknown", 1);
}

Test(change, a_disabled_network_carries_nothing_until_it_is_enabled)
{
    established();
    lab_model("{'lswitch': [{'id': 'net1', 'topic': 'red', 'name': 'net1', 'network_type': 'local', 'mtu': 1500,"
              " 'enabled': false}]}");
    lab_send("vm1", TO_VM2);
    lab_expect_silence();
    lab_expect_drop("no_lport", 1);
    lab_model(MODEL_NETWORKS);
    lab_send("vm1", TO_VM2);
    lab_expect("vm2", TO_VM2);
}

Test(change, objects_may_come_in_any_order)
{
    lab_delete("lport", "vm1");
    lab_delete("lswitch", "net1");
    lab_model("{'lport': [" VM1 "]}");
    lab_send("vm3", "icmp,icmp_type=8,dl_src=" MAC3 ",dl_dst=" ROUTER2 ",nw_src=10.2.0.13,nw_dst=10.2.0.1");
    size_t len;
    cr_assert_not_null(lab_receive("vm3", &len), "the router's other network works on");
    lab_model(MODEL_NETWORKS);
    established();
}

Test(change, one_change_compiles_only_what_reads_it)
{
    struct df_controller_work before = df_controller_work(lab_controller());
    lab_model("{'lport': [" PORT("vm3", "net2", "02:00:00:00:02:33", "'10.2.0.13'", "'sub2'", "") "]}");
    struct df_controller_work after = df_controller_work(lab_controller());
    cr_assert_leq(after.compiles - before.compiles, 8, "%lu compiles for one port",
                  (unsigned long)(after.compiles - before.compiles));
    cr_assert_gt(after.puts, before.puts);
}

Test(change, writing_the_same_again_changes_no_entry)
{
    struct df_controller_work before = df_controller_work(lab_controller());
    lab_model(MODEL_PORTS);
    lab_model(MODEL_ROUTER);
    struct df_controller_work after = df_controller_work(lab_controller());
    cr_assert_eq(after.puts, before.puts);
    cr_assert_eq(after.dels, before.dels);
    established();
}
