/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

/* DHCP from end to end: the guest's packet is punted, the app answers from the model, the answer comes out of the port. */

static void served(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_PORTS);
}

TestSuite(dhcp, .init = served, .fini = lab_down);

/* Offsets in a frame without VLAN tag and IP options. */
#define UDP_AT 34
#define BOOTP 42
#define OPTIONS (BOOTP + 240)

/* A client's message of that type, from the MAC, with some options more. Returns its length. */
static size_t client_message(uint8_t *frame, const uint8_t *mac, uint8_t type, const uint8_t *more, size_t n_more)
{
    memset(frame, 0, 400);
    memset(frame, 0xff, 6);
    memcpy(frame + 6, mac, 6);
    frame[12] = 0x08;
    uint8_t *ip = frame + 14;
    ip[0] = 0x45;
    ip[8] = 64;
    ip[9] = 17;
    memset(ip + 16, 0xff, 4);
    uint8_t *bootp = frame + BOOTP;
    bootp[0] = 1;
    bootp[1] = 1;
    bootp[2] = 6;
    memcpy(bootp + 4, "\x12\x34\x56\x78", 4);
    memcpy(bootp + 28, mac, 6);
    memcpy(bootp + 236, "\x63\x82\x53\x63", 4);
    uint8_t *option = frame + OPTIONS;
    memcpy(option, ((uint8_t[]){53, 1, type}), 3);
    memcpy(option + 3, more, n_more);
    option[3 + n_more] = 255;
    size_t len = 342;
    uint16_t udp_len = (uint16_t)(len - UDP_AT);
    uint16_t ip_len = (uint16_t)(len - 14);
    ip[2] = (uint8_t)(ip_len >> 8);
    ip[3] = (uint8_t)ip_len;
    memcpy(frame + UDP_AT, ((uint8_t[]){0, 68, 0, 67, (uint8_t)(udp_len >> 8), (uint8_t)udp_len}), 6);
    uint32_t sum = 0;
    for (unsigned i = 0; i < 20; i += 2)
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    ip[10] = (uint8_t)(sum >> 8);
    ip[11] = (uint8_t)sum;
    return len;
}

/* The option's value in a reply, *len its length; NULL: it has none. */
static const uint8_t *option_of(const uint8_t *frame, size_t frame_len, uint8_t code, uint8_t *len)
{
    for (size_t at = OPTIONS; at + 1 < frame_len && frame[at] != 255;) {
        if (frame[at] == 0) {
            at++;
            continue;
        }
        if (frame[at] == code) {
            *len = frame[at + 1];
            return frame + at + 2;
        }
        at += 2u + frame[at + 1];
    }
    return NULL;
}

static const uint8_t vm1_mac[6] = {0x02, 0, 0, 0, 0x01, 0x11};

Test(dhcp, discover_is_answered_with_an_offer_of_the_ports_address)
{
    uint8_t frame[400], len;
    size_t n;
    lab_send_bytes("vm1", frame, client_message(frame, vm1_mac, 1, (uint8_t[]){55, 3, 1, 3, 6}, 5));
    const uint8_t *reply = lab_receive("vm1", &n);
    cr_assert_not_null(reply, "no offer");
    cr_assert_eq(reply[BOOTP], 2);
    cr_assert_arr_eq(reply + BOOTP + 16, ((uint8_t[]){10, 1, 0, 11}), 4, "yiaddr");
    cr_assert_eq(*option_of(reply, n, 53, &len), 2, "an offer");
    cr_assert_arr_eq(option_of(reply, n, 1, &len), ((uint8_t[]){255, 255, 255, 0}), 4);
    cr_assert_arr_eq(option_of(reply, n, 3, &len), ((uint8_t[]){10, 1, 0, 1}), 4);
    cr_assert_arr_eq(option_of(reply, n, 6, &len), ((uint8_t[]){10, 1, 0, 3}), 4);
    cr_assert_arr_eq(option_of(reply, n, 54, &len), ((uint8_t[]){10, 1, 0, 2}), 4);
    lab_expect_silence();
}

Test(dhcp, request_is_acknowledged_and_a_wrong_address_refused)
{
    uint8_t frame[400], len;
    size_t n;
    lab_send_bytes("vm1", frame,
                   client_message(frame, vm1_mac, 3, (uint8_t[]){50, 4, 10, 1, 0, 11, 54, 4, 10, 1, 0, 2}, 12));
    const uint8_t *reply = lab_receive("vm1", &n);
    cr_assert_not_null(reply);
    cr_assert_eq(*option_of(reply, n, 53, &len), 5, "an ACK");
    lab_turn_ms(2000);
    lab_send_bytes("vm1", frame, client_message(frame, vm1_mac, 3, (uint8_t[]){50, 4, 10, 1, 0, 99}, 6));
    reply = lab_receive("vm1", &n);
    cr_assert_not_null(reply);
    cr_assert_eq(*option_of(reply, n, 53, &len), 6, "a NAK");
}

Test(dhcp, a_network_without_dhcp_does_not_answer)
{
    uint8_t frame[400];
    lab_send_bytes("vm3", frame, client_message(frame, (uint8_t[]){0x02, 0, 0, 0, 0x02, 0x13}, 1, NULL, 0));
    lab_expect_none("vm3");
}

Test(dhcp, a_flood_of_requests_is_cut_off_and_others_are_served)
{
    uint8_t frame[400];
    size_t n;
    unsigned answered = 0;
    for (unsigned i = 0; i < 50; i++) {
        lab_send_bytes("vm1", frame, client_message(frame, vm1_mac, 1, NULL, 0));
        answered += lab_receive("vm1", &n) != NULL;
    }
    cr_assert_leq(answered, 4);
    lab_send_bytes("vm2", frame, client_message(frame, (uint8_t[]){0x02, 0, 0, 0, 0x01, 0x12}, 1, NULL, 0));
    cr_assert_not_null(lab_receive("vm2", &n), "another port is not punished");
}
