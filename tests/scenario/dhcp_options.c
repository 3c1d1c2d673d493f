/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include "tests/scenario/dhcp_client.h"

#include <stdio.h>

/* What a lease says, and where in the model it comes from. */

static void served(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_PORTS);
}

TestSuite(dhcp_options, .init = served, .fini = lab_down);

#define ASK(...) dhcp_ask("vm1", &(struct dhcp_said){__VA_ARGS__})

#define SUB1(more) "{'lsubnet': [{'id': 'sub1', 'topic': 'red', 'lswitch': 'net1', 'cidr': '10.1.0.0/24'" more "}]}"

static void vm1_with(const char *opts)
{
    char model[1000];
    snprintf(model, sizeof(model),
             "{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", ", 'dhcp_params': {%s}") "]}", opts);
    lab_model(model);
}

Test(dhcp_options, who_asks_for_nothing_gets_the_usual)
{
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_ip(&offer, 1, "255.255.255.0");
    dhcp_expect_ip(&offer, 3, "10.1.0.1");
    dhcp_expect_ip(&offer, 6, "10.1.0.3");
    dhcp_expect_bytes(&offer, 15, "openstacklocal", 14);
    dhcp_expect_bytes(&offer, 26, "\x05\xdc", 2);
    dhcp_expect_ip(&offer, 28, "10.1.0.255");
    dhcp_expect_seconds(&offer, 51, 86400);
    dhcp_expect_ip(&offer, 54, "10.1.0.2");
    dhcp_expect_seconds(&offer, 58, 43200);
    dhcp_expect_seconds(&offer, 59, 75600);
    /* metadata by the server, everything else by the gateway */
    dhcp_expect_bytes(&offer, 121, "\x20\xa9\xfe\xa9\xfe\x0a\x01\x00\x02\x00\x0a\x01\x00\x01", 14);
}

Test(dhcp_options, who_asks_gets_what_it_asks_for_and_no_more)
{
    struct dhcp_heard offer = ASK(.type = DISCOVER, .wanted = "\x1a\x06");
    dhcp_expect_bytes(&offer, 26, "\x05\xdc", 2);
    dhcp_expect_ip(&offer, 6, "10.1.0.3");
    dhcp_expect_none(&offer, 3);
    dhcp_expect_none(&offer, 15);
    dhcp_expect_none(&offer, 121);
}

Test(dhcp_options, a_network_without_an_mtu_has_the_configured_one)
{
    lab_model("{'lswitch': [{'id': 'net1', 'topic': 'red', 'name': 'net1', 'network_type': 'local'}]}");
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_bytes(&offer, 26, "\x05\xb4", 2);
}

Test(dhcp_options, a_change_of_the_networks_mtu_is_in_the_next_lease)
{
    struct dhcp_heard ack = ASK(.type = REQUEST, .requested = "10.1.0.11");
    dhcp_expect_bytes(&ack, 26, "\x05\xdc", 2);
    lab_model("{'lswitch': [{'id': 'net1', 'topic': 'red', 'name': 'net1', 'network_type': 'local', 'mtu': 1450}]}");
    ack = ASK(.type = REQUEST, .src = "10.1.0.11", .dst = "10.1.0.2", .ciaddr = "10.1.0.11");
    dhcp_expect_type(&ack, ACK);
    dhcp_expect_bytes(&ack, 26, "\x05\xaa", 2);
}

Test(dhcp_options, host_routes_are_in_option_121_before_the_default_route)
{
    lab_model(SUB1(", 'gateway_ip': '10.1.0.1', 'enable_dhcp': true, 'dhcp_ip': '10.1.0.2', 'host_routes': ["
                   "{'destination': '192.168.0.0/16', 'nexthop': '10.1.0.9'},"
                   "{'destination': '169.254.169.254/32', 'nexthop': '10.1.0.8'}]"));
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_bytes(&offer, 121,
                      "\x10\xc0\xa8\x0a\x01\x00\x09\x20\xa9\xfe\xa9\xfe\x0a\x01\x00\x08\x00\x0a\x01\x00\x01", 21);
}

Test(dhcp_options, an_isolated_subnet_has_no_gateway)
{
    lab_model(SUB1(", 'enable_dhcp': true, 'dhcp_ip': '10.1.0.2'"));
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_type(&offer, OFFER);
    dhcp_expect_none(&offer, 3);
    dhcp_expect_bytes(&offer, 121, "\x20\xa9\xfe\xa9\xfe\x0a\x01\x00\x02", 9);
}

Test(dhcp_options, the_network_dhcp_port_is_the_server)
{
    lab_model(SUB1(", 'gateway_ip': '10.1.0.1', 'enable_dhcp': true"));
    lab_model("{'lport': [{'id': 'dhcp1', 'topic': 'red', 'lswitch': 'net1', 'macs': ['02:00:00:00:01:fd'],"
              " 'ips': ['10.1.0.253'], 'subnets': ['sub1'], 'device_owner': 'network:dhcp'}]}");
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_ip(&offer, 54, "10.1.0.253");
    cr_assert_arr_eq(offer.frame + 6, "\x02\x00\x00\x00\x01\xfd", 6);
    lab_send("vm1", "arp,arp_op=1,arp_spa=10.1.0.11,arp_tpa=10.1.0.253,arp_sha=" MAC1 ",dl_src=" MAC1);
    lab_expect("vm1", "arp,arp_op=2,arp_spa=10.1.0.253,arp_tpa=10.1.0.11,arp_sha=02:00:00:00:01:fd,arp_tha=" MAC1
                      ",dl_src=02:00:00:00:01:fd,dl_dst=" MAC1);
}

Test(dhcp_options, an_isolated_subnet_without_a_server_address_is_not_served)
{
    lab_model(SUB1(", 'enable_dhcp': true"));
    cr_assert_null(ASK(.type = DISCOVER).frame);
    lab_expect_silence();
}

Test(dhcp_options, dhcp_goes_off_and_on_with_its_subnet)
{
    lab_model(SUB1(", 'gateway_ip': '10.1.0.1', 'enable_dhcp': false, 'dhcp_ip': '10.1.0.2'"));
    cr_assert_null(ASK(.type = DISCOVER).frame);
    size_t len;
    cr_assert_not_null(lab_receive("vm2", &len), "it is a broadcast as any");
    lab_model(SUB1(", 'gateway_ip': '10.1.0.1', 'enable_dhcp': true, 'dhcp_ip': '10.1.0.2'"));
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_type(&offer, OFFER);
    lab_expect_silence();
}

Test(dhcp_options, a_port_whose_first_address_is_ipv6_is_served_its_ipv4_one)
{
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'2001:db8:1::11', '10.1.0.11'", "'sub1v6', 'sub1'", "") "]}");
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_field(&offer, 16, "10.1.0.11");
}

Test(dhcp_options, a_port_of_ipv6_alone_is_not_served)
{
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'2001:db8:1::11'", "'sub1v6'", "") "]}");
    cr_assert_null(ASK(.type = DISCOVER).frame);
}

Test(dhcp_options, a_ports_own_options_go_by_number_or_name_in_their_own_type)
{
    vm1_with("'opts': {'mtu': '1400', '42': '10.1.0.5,10.1.0.6', 'server-ip-address': '10.1.0.66',"
             " 'bootfile-name': 'pxelinux.0', 'domain-name': 'example.org'}");
    struct dhcp_heard offer = ASK(.type = DISCOVER, .wanted = "\x1a\x2a\x43\x0f");
    dhcp_expect_bytes(&offer, 26, "\x05\x78", 2);
    dhcp_expect_bytes(&offer, 42, "\x0a\x01\x00\x05\x0a\x01\x00\x06", 8);
    dhcp_expect_bytes(&offer, 67, "pxelinux.0", 10);
    dhcp_expect_bytes(&offer, 15, "example.org", 11);
    dhcp_expect_field(&offer, 20, "10.1.0.66");
}

Test(dhcp_options, siaddr_is_the_ports_own_field_too)
{
    vm1_with("'siaddr': '10.1.0.67'");
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_field(&offer, 20, "10.1.0.67");
}

Test(dhcp_options, an_option_that_cannot_be_is_left_out_and_shown)
{
    struct df_error error = {""};
    vm1_with("'opts': {'mtu': 'large', 'no-such-option': '1', 'ntp-server': '10.1.0.5'}");
    struct dhcp_heard offer = ASK(.type = DISCOVER, .wanted = "\x1a\x2a");
    dhcp_expect_bytes(&offer, 26, "\x05\xdc", 2);
    dhcp_expect_ip(&offer, 42, "10.1.0.5");
    json_t *show = df_controller_report(lab_controller(), "show", NULL, &error);
    char *text = json_dumps(json_object_get(show, "problems"), JSON_COMPACT);
    cr_assert_not_null(strstr(text, "mtu = large"), "%s", text);
    cr_assert_not_null(strstr(text, "no-such-option"), "%s", text);
    free(text);
    json_decref(show);
}

Test(dhcp_options, equal_addresses_of_two_tenants_are_served_each_by_its_own)
{
    lab_model("{'lsubnet': [{'id': 'subo', 'topic': 'blue', 'lswitch': 'other', 'cidr': '10.1.0.0/24',"
              " 'gateway_ip': '10.1.0.254', 'enable_dhcp': true, 'dhcp_ip': '10.1.0.253'}]}");
    struct dhcp_heard offer = dhcp_ask("vm4", &(struct dhcp_said){.type = DISCOVER});
    dhcp_expect_field(&offer, 16, "10.1.0.11");
    dhcp_expect_ip(&offer, 54, "10.1.0.253");
    dhcp_expect_ip(&offer, 3, "10.1.0.254");
    offer = ASK(.type = DISCOVER);
    dhcp_expect_ip(&offer, 54, "10.1.0.2");
    dhcp_expect_ip(&offer, 3, "10.1.0.1");
    lab_expect_silence();
}
