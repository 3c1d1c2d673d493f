/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/icmp.h"
#include "tests/unit/fastpath/conn_lab.h"

/* UDP, ICMP, and protocols that have no ports; and which tuple a packet has. */

static void open_lab(void)
{
    lab_open(100, 100);
}

TestSuite(conn_other, .init = open_lab, .fini = lab_close);

static enum outcome sent(struct df_packet packet)
{
    return lab_send(&packet);
}

static struct df_packet icmp(bool from_b, uint8_t type, uint16_t id)
{
    struct df_packet packet = lab_packet(IPPROTO_ICMP, from_b);
    packet.bits |= DF_PACKET_L4 | (type == 0 || type == 8 ? DF_PACKET_ICMP_ECHO : 0);
    packet.l4_dst = type;
    packet.icmp_id = id;
    return packet;
}

static struct df_packet icmp6(bool from_b, uint8_t type, uint16_t id)
{
    struct df_packet packet = icmp(from_b, type, id);
    struct df_ip a = {.byte = {0xfd, [15] = 1}}, b = {.byte = {0xfd, [15] = 2}};
    packet.bits = DF_PACKET_IP6 | DF_PACKET_L4;
    packet.ip_proto = IPPROTO_ICMPV6;
    packet.ip_src = from_b ? b : a;
    packet.ip_dst = from_b ? a : b;
    return packet;
}

/* ---- UDP */

Test(conn_other, udp_is_single_until_there_is_a_reply)
{
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    cr_assert_eq(lab_state(), DF_CONN_UDP_SINGLE);
    cr_assert(df_conn_is_steady(lab_conn, false));
    cr_assert_not(df_conn_is_steady(lab_conn, true), "a reply moves it on");
    cr_assert_eq(sent(lab_udp(false)), PASSED);
    cr_assert_eq(lab_state(), DF_CONN_UDP_SINGLE);
    cr_assert_eq(sent(lab_udp(true)), PASSED);
    cr_assert_eq(lab_state(), DF_CONN_UDP_STREAM);
    cr_assert(df_conn_is_steady(lab_conn, false) && df_conn_is_steady(lab_conn, true));
    cr_assert_eq(lab_tally().begun, 1);
}

Test(conn_other, udp_later_fragments_begin_nothing_and_move_nothing)
{
    struct df_packet later = lab_udp(false);
    later.bits |= DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT;
    cr_assert_eq(lab_send(&later), INVALID);
    cr_assert_eq(sent(lab_udp(true)), BEGUN);
    cr_assert_eq(lab_send(&later), PASSED);
    cr_assert_eq(lab_state(), DF_CONN_UDP_SINGLE);
}

/* ---- ICMP */

Test(conn_other, an_echo_request_begins_and_its_reply_belongs)
{
    cr_assert_eq(sent(icmp(false, 8, 77)), BEGUN);
    cr_assert_eq(lab_state(), DF_CONN_ICMP);
    cr_assert_eq(sent(icmp(false, 8, 77)), PASSED);
    cr_assert_eq(sent(icmp(true, 0, 77)), PASSED);
    cr_assert_eq(lab_state(), DF_CONN_ICMP_REPLIED);
    cr_assert(lab_reply);
}

Test(conn_other, a_reply_that_nobody_asked_for)
{
    cr_assert_eq(sent(icmp(true, 0, 77)), INVALID);
    cr_assert_eq(sent(icmp(false, 8, 77)), BEGUN);
    cr_assert_eq(sent(icmp(true, 0, 78)), INVALID, "another identifier");
    cr_assert_eq(sent(icmp(false, 0, 77)), INVALID, "the wrong way");
    cr_assert_eq(lab_state(), DF_CONN_ICMP);
}

Test(conn_other, identifiers_are_connections_of_their_own)
{
    cr_assert_eq(sent(icmp(false, 8, 1)), BEGUN);
    cr_assert_eq(sent(icmp(false, 8, 2)), BEGUN);
    cr_assert_eq(lab_tally().live, 2);
}

/* Windows gives all its echoes the identifier 1. */
Test(conn_other, both_ends_ask_under_one_identifier)
{
    cr_assert_eq(sent(icmp(false, 8, 1)), BEGUN);
    cr_assert_eq(sent(icmp(true, 8, 1)), BEGUN_ANEW, "the rules of its own direction judge it");
    cr_assert_eq(sent(icmp(true, 0, 1)), PASSED, "which a waits for");
    cr_assert_not(lab_reply);
    cr_assert_eq(lab_state(), DF_CONN_ICMP, "that was no reply to b");
    cr_assert_eq(sent(icmp(false, 0, 1)), PASSED);
    cr_assert_eq(lab_state(), DF_CONN_ICMP_REPLIED);
    cr_assert_eq(sent(icmp(false, 8, 1)), BEGUN_ANEW);
}

Test(conn_other, icmp6_echo)
{
    cr_assert_eq(sent(icmp6(true, 129, 5)), INVALID);
    cr_assert_eq(sent(icmp6(false, 128, 5)), BEGUN);
    cr_assert_eq(sent(icmp6(true, 129, 5)), PASSED);
    cr_assert_eq(lab_state(), DF_CONN_ICMP_REPLIED);
}

Test(conn_other, what_neither_asks_nor_answers_is_invalid)
{
    static const uint8_t types[] = {1, 2, 9, 10, 30, 255};
    for (size_t i = 0; i < sizeof(types); i++)
        cr_expect_eq(sent(icmp(false, types[i], 0)), INVALID, "type %u", types[i]);
    static const uint8_t types6[] = {130, 131, 133, 135, 137, 143, 255, 8, 0};
    for (size_t i = 0; i < sizeof(types6); i++)
        cr_expect_eq(sent(icmp6(false, types6[i], 0)), INVALID, "type %u", types6[i]);
}

/* What other parts are told of it. */
Test(conn_other, questions_alone_begin)
{
    for (unsigned type = 0; type <= UINT8_MAX; type++) {
        struct df_packet packet = icmp(false, (uint8_t)type, 7);
        struct df_packet packet6 = icmp6(false, (uint8_t)type, 7);
        cr_expect_eq(df_conn_can_begin(&packet), df_icmp_is_question(IPPROTO_ICMP, (uint8_t)type), "%u", type);
        cr_expect_eq(df_conn_can_begin(&packet6), df_icmp_is_question(IPPROTO_ICMPV6, (uint8_t)type), "%u", type);
    }
}

Test(conn_other, timestamps_are_asked_and_answered_too)
{
    cr_assert_eq(sent(icmp(true, 14, 0)), INVALID);
    cr_assert_eq(sent(icmp(false, 13, 0)), BEGUN);
    cr_assert_eq(sent(icmp(true, 14, 0)), PASSED);
}

Test(conn_other, an_icmp_of_the_other_family_is_just_a_protocol)
{
    struct df_packet packet = icmp6(false, 0, 0);
    packet.ip_proto = IPPROTO_ICMP;
    packet.bits = DF_PACKET_IP6;
    cr_assert_eq(lab_send(&packet), BEGUN);
    cr_assert_eq(lab_state(), DF_CONN_OTHER);
}

/* ---- the rest */

Test(conn_other, udp_lite_and_dccp_by_their_ports)
{
    static const uint8_t protocol[] = {IPPROTO_UDPLITE, IPPROTO_DCCP};
    static const uint8_t state[] = {DF_CONN_UDP_SINGLE, DF_CONN_OTHER};
    for (unsigned i = 0; i < 2; i++) {
        struct df_packet packet = lab_packet(protocol[i], false);
        packet.bits |= DF_PACKET_L4;
        packet.l4_src = 1000;
        packet.l4_dst = 80;
        cr_assert_eq(lab_send(&packet), BEGUN);
        cr_assert_eq(lab_state(), state[i]);
        cr_assert_eq(lab_send(&packet), PASSED);
        packet.l4_src = 1001;
        cr_assert_eq(lab_send(&packet), BEGUN);
    }
}

Test(conn_other, any_protocol_by_its_addresses)
{
    cr_assert_eq(sent(lab_packet(47, false)), BEGUN);
    cr_assert_eq(lab_state(), DF_CONN_OTHER);
    cr_assert(df_conn_is_steady(lab_conn, false));
    cr_assert_not(df_conn_is_steady(lab_conn, true));
    cr_assert_eq(sent(lab_packet(47, true)), PASSED);
    cr_assert_eq(lab_state(), DF_CONN_OTHER_REPLIED);
    cr_assert_eq(sent(lab_packet(50, true)), BEGUN, "another protocol");
}

Test(conn_other, fragments_of_what_has_no_ports_are_packets_like_others)
{
    struct df_packet later = lab_packet(47, false);
    later.bits |= DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT;
    cr_assert_eq(lab_send(&later), BEGUN);
}

/* ---- tuples */

Test(conn_other, who_has_no_tuple)
{
    struct df_conn_key key;
    struct df_packet arp = {.bits = DF_PACKET_ARP};
    struct df_packet later = lab_packet(IPPROTO_UDP, false);
    later.bits |= DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT;
    struct df_packet error = icmp(false, 3, 0);
    error.bits |= DF_PACKET_ICMP_ERROR;
    cr_assert_not(df_conn_key_of(&arp, lab_zone(), &key));
    cr_assert_not(df_conn_key_of(&later, lab_zone(), &key), "its ports are not known yet");
    cr_assert_not(df_conn_key_of(&error, lab_zone(), &key));
}

static struct df_packet error_about(const struct df_packet *packet)
{
    struct df_packet error = icmp(true, 3, 0);
    error.bits |= DF_PACKET_ICMP_ERROR;
    error.quoted.src = packet->ip_src;
    error.quoted.dst = packet->ip_dst;
    error.quoted.ip_proto = packet->ip_proto;
    error.quoted.l4_src = packet->ip_proto == IPPROTO_ICMP ? packet->icmp_id : packet->l4_src;
    error.quoted.l4_dst = packet->ip_proto == IPPROTO_ICMP ? packet->icmp_id : packet->l4_dst;
    error.quoted.whole = true;
    return error;
}

static struct df_conn *find_quoted(const struct df_packet *error, bool *reply)
{
    struct df_conn_key key;
    if (!df_conn_key_of_quoted(error, lab_zone(), &key))
        return NULL;
    return df_conn_find(&key, df_conn_hash(&key), lab_now_ms, reply);
}

Test(conn_other, an_error_finds_the_connection_it_quotes)
{
    struct df_packet packets[] = {lab_udp(false), lab_tcp(false, SYN, 1, 0), icmp(false, 8, 9), lab_packet(47, false)};
    for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
        struct df_packet error = error_about(&packets[i]);
        bool reply;
        cr_expect_null(find_quoted(&error, &reply));
        cr_expect_eq(lab_send(&packets[i]), BEGUN);
        cr_expect_eq(find_quoted(&error, &reply), lab_conn);
        cr_expect_not(reply);
        cr_expect_eq(lab_send(&error), NO_TUPLE, "it has none of its own");
    }
}

Test(conn_other, an_error_that_quotes_too_little_or_an_error_finds_nothing)
{
    struct df_packet packet = lab_udp(false), error = error_about(&packet);
    bool reply;
    cr_assert_eq(lab_send(&packet), BEGUN);
    error.quoted.whole = false;
    cr_assert_null(find_quoted(&error, &reply));
    error.quoted.whole = true;
    error.quoted.is_error = true;
    cr_assert_null(find_quoted(&error, &reply));
    cr_assert_null(find_quoted(&packet, &reply), "it is no error");
}

Test(conn_other, both_directions_have_one_hash)
{
    struct df_packet packets[2] = {lab_udp(false), lab_udp(true)};
    struct df_conn_key keys[2];
    for (unsigned i = 0; i < 2; i++)
        cr_assert(df_conn_key_of(&packets[i], lab_zone(), &keys[i]));
    cr_assert_eq(df_conn_hash(&keys[0]), df_conn_hash(&keys[1]));
    keys[1].zone++;
    cr_assert_eq(df_conn_hash(&keys[0]), df_conn_hash(&keys[1]), "the zone is not known yet when it is needed");
    keys[1].l4_dst++;
    cr_assert_neq(df_conn_hash(&keys[0]), df_conn_hash(&keys[1]));
}

Test(conn_other, states_have_names_of_their_own)
{
    for (unsigned i = 0; i < DF_CONN_STATES; i++)
        for (unsigned j = 0; j < i; j++)
            cr_expect_str_neq(df_conn_state_name(i), df_conn_state_name(j));
    cr_assert_str_eq(df_conn_state_name(DF_CONN_TCP_ESTABLISHED), "tcp_established");
    cr_assert_str_eq(df_conn_state_name(DF_CONN_STATES), "?");
}
