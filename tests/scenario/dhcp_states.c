/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include "tests/scenario/dhcp_client.h"

/* The life of a DHCP client (RFC 2131 section 4.4), and what the server says in each state. */

static void served(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(dhcp_states, .init = served, .fini = lab_down);

#define MINE "10.1.0.11"
#define SERVER "10.1.0.2"
#define TO_ALL "\xff\xff\xff\xff\xff\xff"

#define ASK(...) dhcp_ask("vm1", &(struct dhcp_said){__VA_ARGS__})

static void expect_ack(const struct dhcp_heard *heard)
{
    dhcp_expect_type(heard, ACK);
    dhcp_expect_ip(heard, 54, SERVER);
    dhcp_expect_seconds(heard, 51, 86400);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(dhcp_states, discover_gets_an_offer_and_request_an_ack_and_others_hear_nothing)
{
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_type(&offer, OFFER);
    dhcp_expect_field(&offer, 16, MINE);
    dhcp_expect_ip(&offer, 54, SERVER);
    dhcp_expect_to(&offer, dhcp_mac("vm1"), MINE);
    lab_expect_silence();
    struct dhcp_heard ack = ASK(.type = REQUEST, .requested = MINE, .server = SERVER);
    dhcp_expect_field(&ack, 16, MINE);
    dhcp_expect_to(&ack, dhcp_mac("vm1"), MINE);
    expect_ack(&ack);
}

Test(dhcp_states, a_client_that_cannot_hear_unicast_yet_is_answered_by_broadcast)
{
    struct dhcp_heard offer = ASK(.type = DISCOVER, .broadcast = true);
    dhcp_expect_type(&offer, OFFER);
    dhcp_expect_to(&offer, TO_ALL, "255.255.255.255");
    cr_assert_eq(frame_get16(offer.bootp + 10), 0x8000);
    struct dhcp_heard ack = ASK(.type = REQUEST, .requested = MINE, .server = SERVER, .broadcast = true);
    dhcp_expect_to(&ack, TO_ALL, "255.255.255.255");
    expect_ack(&ack); /* and no other port heard it */
}

Test(dhcp_states, a_request_for_another_server_is_not_answered)
{
    cr_assert_null(ASK(.type = REQUEST, .requested = MINE, .server = "10.1.0.200").frame);
    lab_expect_silence();
}

Test(dhcp_states, a_request_for_another_address_is_refused)
{
    struct dhcp_heard nak = ASK(.type = REQUEST, .requested = "10.1.0.99", .server = SERVER);
    dhcp_expect_type(&nak, NAK);
    dhcp_expect_to(&nak, TO_ALL, "255.255.255.255");
    dhcp_expect_field(&nak, 16, "0.0.0.0");
    dhcp_expect_none(&nak, 51);
    lab_expect_silence();
}

Test(dhcp_states, after_a_reboot_its_own_address_is_acknowledged_and_another_refused)
{
    struct dhcp_heard ack = ASK(.type = REQUEST, .requested = MINE);
    expect_ack(&ack);
    struct dhcp_heard nak = ASK(.type = REQUEST, .requested = "192.168.0.7");
    dhcp_expect_type(&nak, NAK);
    dhcp_expect_to(&nak, TO_ALL, "255.255.255.255");
    lab_expect_silence();
}

Test(dhcp_states, it_renews_by_unicast)
{
    struct dhcp_heard ack = ASK(.type = REQUEST, .src = MINE, .dst = SERVER, .ciaddr = MINE);
    dhcp_expect_field(&ack, 12, MINE);
    dhcp_expect_field(&ack, 16, MINE);
    dhcp_expect_to(&ack, dhcp_mac("vm1"), MINE);
    expect_ack(&ack);
}

Test(dhcp_states, it_finds_the_server_to_renew_by_arp)
{
    lab_send("vm1", "arp,arp_op=1,arp_spa=10.1.0.11,arp_tpa=10.1.0.2,arp_sha=" MAC1 ",dl_src=" MAC1);
    size_t len;
    const uint8_t *reply = lab_receive("vm1", &len);
    uint8_t server[6];
    cr_assert_not_null(reply, "nobody answers for the server");
    memcpy(server, reply + 6, 6);
    struct dhcp_heard ack = ASK(.type = REQUEST, .src = MINE, .dst = SERVER, .ciaddr = MINE);
    cr_assert_arr_eq(ack.frame + 6, server, 6, "the answer comes from another MAC than ARP says");
    lab_expect_silence();
}

Test(dhcp_states, a_renewal_at_another_server_is_not_answered)
{
    cr_assert_null(ASK(.type = REQUEST, .src = MINE, .dst = "10.1.0.200", .ciaddr = MINE).frame);
}

Test(dhcp_states, it_rebinds_by_broadcast)
{
    struct dhcp_heard ack = ASK(.type = REQUEST, .src = MINE, .ciaddr = MINE);
    dhcp_expect_to(&ack, dhcp_mac("vm1"), MINE);
    expect_ack(&ack);
}

Test(dhcp_states, a_rebinding_of_an_address_that_is_not_its_own_any_more_is_refused)
{
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.21'", "'sub1'",
                                 ", 'allowed_address_pairs': [{'ip_address': '10.1.0.11'}]") "]}");
    struct dhcp_heard nak = ASK(.type = REQUEST, .src = MINE, .ciaddr = MINE);
    dhcp_expect_type(&nak, NAK);
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_field(&offer, 16, "10.1.0.21");
}

Test(dhcp_states, who_has_an_address_may_ask_for_the_rest)
{
    struct dhcp_heard ack = ASK(.type = INFORM, .src = MINE, .ciaddr = MINE);
    dhcp_expect_type(&ack, ACK);
    dhcp_expect_field(&ack, 16, "0.0.0.0");
    dhcp_expect_none(&ack, 51);
    dhcp_expect_none(&ack, 58);
    dhcp_expect_none(&ack, 59);
    dhcp_expect_ip(&ack, 6, "10.1.0.3");
    dhcp_expect_to(&ack, dhcp_mac("vm1"), MINE);
}

Test(dhcp_states, a_release_and_a_decline_are_not_answered_and_take_nothing_away)
{
    cr_assert_null(ASK(.type = RELEASE, .src = MINE, .dst = SERVER, .ciaddr = MINE, .server = SERVER).frame);
    cr_assert_null(ASK(.type = DECLINE, .requested = MINE, .server = SERVER).frame);
    lab_expect_silence();
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_type(&offer, OFFER);
}

Test(dhcp_states, a_decline_is_shown_to_the_operator)
{
    struct df_error error = {""};
    ASK(.type = DECLINE, .requested = MINE, .server = SERVER);
    json_t *apps = df_controller_report(lab_controller(), "apps", NULL, &error);
    char *text = json_dumps(apps, JSON_COMPACT);
    cr_assert_not_null(strstr(text, "\"declined\":[{\"lport\":\"vm1\",\"ip\":\"10.1.0.11\"}]"), "%s", text);
    free(text);
    json_decref(apps);
}

Test(dhcp_states, what_a_server_says_or_nobody_is_not_answered)
{
    cr_assert_null(ASK(.type = OFFER).frame);
    cr_assert_null(ASK(.type = ACK).frame);
    cr_assert_null(ASK(.type = 0).frame);
    cr_assert_null(ASK(.type = 200).frame);
    cr_assert_null(ASK(.type = INFORM).frame, "an INFORM without an address");
    cr_assert_null(ASK(.type = REQUEST).frame, "a REQUEST that asks for nothing");
    lab_expect_silence();
}

Test(dhcp_states, a_client_that_is_not_the_port_and_a_relay_are_not_answered)
{
    cr_assert_null(ASK(.type = DISCOVER, .chaddr_last = 0x99).frame);
    cr_assert_null(ASK(.type = DISCOVER, .giaddr = "10.1.0.1").frame);
    lab_expect_silence();
}

Test(dhcp_states, a_discover_of_a_spoofed_source_does_not_come_to_the_server)
{
    cr_assert_null(ASK(.type = DISCOVER, .src = "10.1.0.77").frame);
    lab_expect_drop("spoofed_ipv4", 1);
}

Test(dhcp_states, a_cut_message_is_not_answered)
{
    struct test_frame frame;
    for (unsigned keep = 0; keep < 243; keep += 3) {
        dhcp_frame(&frame, dhcp_mac("vm1"), &(struct dhcp_said){.type = DISCOVER});
        frame.len = frame.l4 + 8 + keep;
        frame_set16(&frame, frame.l4 + 4, 8 + keep);
        frame_close(&frame);
        lab_send_bytes("vm1", frame.byte, frame.len);
        lab_turn_ms(1100);
        lab_expect_silence();
    }
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_type(&offer, OFFER);
}

Test(dhcp_states, too_many_requests_block_the_port_for_a_while)
{
    struct test_frame frame;
    size_t len;
    unsigned answered = 0;
    dhcp_frame(&frame, dhcp_mac("vm1"), &(struct dhcp_said){.type = DISCOVER});
    for (unsigned i = 0; i < 11; i++) {
        lab_send_bytes("vm1", frame.byte, frame.len);
        answered += lab_receive("vm1", &len) != NULL;
        lab_turn_ms(80); /* within what a port may punt */
    }
    cr_assert_eq(answered, 10);
    lab_turn_ms(5000);
    cr_assert_null(ASK(.type = DISCOVER).frame, "half of the time it is still blocked");
    struct dhcp_heard other = dhcp_ask("vm2", &(struct dhcp_said){.type = DISCOVER});
    dhcp_expect_type(&other, OFFER);
    lab_turn_ms(10000);
    struct dhcp_heard offer = ASK(.type = DISCOVER);
    dhcp_expect_type(&offer, OFFER);
}
