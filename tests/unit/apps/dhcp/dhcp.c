/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/config.h"
#include "tests/unit/apps/dhcp/request.h"
#include "tests/unit/apps/fake.h"

#include <criterion/criterion.h>
#include <errno.h>

/*
 * The app as the controller sees it: from the objects of the model to table entries, and from a punted frame to the
 * frame that goes out.
 */

extern const struct df_app df_app;

static Df__LogicalSwitch net;
static Df__Subnet subnet;
static Df__Subnet subnet6;
static Df__LogicalPort vm;
static Df__LogicalPort dhcp_port;
static struct frame frame;

static void configure(const char *key, const char *value)
{
    for (const struct df_app_option *option = df_app.options; option->key; option++) {
        if (!key || strcmp(key, option->key) == 0)
            cr_assert_eq(option->set(value ? value : option->fallback), 0, "%s", option->key);
    }
}

static void setup(void)
{
    fake_reset();
    net = (Df__LogicalSwitch)LSWITCH(.id = "net", .unique_key = 5, .mtu = 1450, .dns_domain = "blue.example.org.");
    subnet = (Df__Subnet)LSUBNET(.id = "sub", .lswitch = "net", .cidr = "10.0.0.0/24", .gateway_ip = "10.0.0.1",
                                 .enable_dhcp = 1, .dhcp_ip = "10.0.0.2");
    subnet6 = (Df__Subnet)LSUBNET(.id = "sub6", .lswitch = "net", .cidr = "fd00::/64", .enable_dhcp = 1);
    static char *macs[] = {"fa:16:3e:00:00:01"};
    static char *ips[] = {"fd00::5", "10.0.0.5"};
    static char *subnets[] = {"sub6", "sub"};
    static Df__PortBinding here = {.base = PROTOBUF_C_MESSAGE_INIT(&df__port_binding__descriptor), .chassis = "here"};
    vm = (Df__LogicalPort)LPORT(.id = "vm", .unique_key = 9, .lswitch = "net", .n_macs = 1, .macs = macs, .n_ips = 2,
                                .ips = ips, .n_subnets = 2, .subnets = subnets, .binding = &here);
    static char *dhcp_macs[] = {"fa:16:3e:00:00:02"};
    static char *dhcp_ips[] = {"10.0.0.2"};
    static char *dhcp_subnets[] = {"sub"};
    dhcp_port = (Df__LogicalPort)LPORT(.id = "dhcp", .unique_key = 8, .lswitch = "net", .device_owner = "network:dhcp",
                                       .n_macs = 1, .macs = dhcp_macs, .n_ips = 1, .ips = dhcp_ips, .n_subnets = 1,
                                       .subnets = dhcp_subnets);
    fake_add(DF_NB_LSWITCH, &net);
    fake_add(DF_NB_LSUBNET, &subnet);
    fake_add(DF_NB_LSUBNET, &subnet6);
    fake_add(DF_NB_LPORT, &vm);
    configure(NULL, NULL);
    cr_assert_eq(df_app.init(), 0);
}

TestSuite(dhcp, .init = setup);

static void punt_at(uint64_t now_ms)
{
    struct df_punt punt = {
        .lport_id = "vm", .port = 4, .lport = 9, .network = 5, .frame = frame.data, .len = frame.len, .now_ms = now_ms};
    df_app.punt(&punt);
}

static json_int_t counter(const char *group, const char *name)
{
    json_t *report = df_app.show();
    json_t *value = json_object_get(json_object_get(report, group), name);
    cr_assert(json_is_integer(value), "no counter %s.%s", group, name);
    json_int_t n = json_integer_value(value);
    json_decref(report);
    return n;
}

static void expect_refused(const char *why)
{
    punt_at(0);
    cr_expect_eq(fake_sent.n, 0);
    cr_expect_eq(counter("refused", why), 1, "not refused for %s", why);
}

/* ---- Entries */

static const struct df_dhcp_value *served(void)
{
    return FAKE_VALUE(DF_TABLE_DHCP, (struct df_dhcp_key){.lport = 9, .ip_version = 4});
}

Test(dhcp, a_local_port_on_a_subnet_with_dhcp_is_served)
{
    fake_compile(DF_NB_LPORT, &vm);
    cr_assert_not_null(served());
    cr_expect_eq(served()->app, 7);
    cr_expect(fake_was_read(DF_NB_LSUBNET, "sub"));
    fake_compile(DF_NB_LSWITCH, &net);
    const struct df_services_value *next =
        FAKE_VALUE(DF_TABLE_SERVICES, (struct df_services_key){.eth_type = 0x0800, .ip_proto = 17, .l4_dst = 67});
    cr_assert_not_null(next);
    cr_expect_eq(next->table, DF_TABLE_DHCP);
}

Test(dhcp, not_served_without_dhcp_elsewhere_or_without_ipv4)
{
    subnet.enable_dhcp = 0;
    fake_compile(DF_NB_LPORT, &vm);
    subnet.enable_dhcp = 1;
    fake_set_remote("vm");
    fake_compile(DF_NB_LPORT, &vm);
    fake_set_remote(NULL);
    vm.n_ips = vm.n_subnets = 1;
    fake_compile(DF_NB_LPORT, &vm);
    cr_expect_null(served());
    cr_expect_eq(fake_problems(), 0);
}

Test(dhcp, bad_options_are_named_with_their_port_by_the_compiler)
{
    Df__DhcpParams params = {.base = PROTOBUF_C_MESSAGE_INIT(&df__dhcp_params__descriptor),
                             OBJECTS(Df__DhcpOption, opts, DHCP_OPT("mtu", "huge"), DHCP_OPT("67", "x"))};
    vm.dhcp_params = &params;
    fake_compile(DF_NB_LPORT, &vm);
    cr_expect(fake_has_problem("dhcp_params.opts: mtu = huge", "number from 0 to 65535"));
    cr_expect_eq(fake_problems(), 1);
    cr_expect_not_null(served());
}

Test(dhcp, server_address_without_a_port_is_answered_for)
{
    fake_compile(DF_NB_LSUBNET, &subnet);
    struct df_neighbour_key key = {.network = 5, .ip = fake_ip("10.0.0.2")};
    const struct fake_entry *entry = fake_find(DF_TABLE_ARP, &key, sizeof(key));
    cr_assert_not_null(entry);
    cr_expect_gt(entry->rank, 1, "behind what l2 says of a real port");
    const struct df_neighbour_value *value = (const void *)entry->value;
    cr_expect_eq(memcmp(&value->mac, "\x02\xdf\x00\x00\x00\x05", 6), 0);
}

/* ---- Frames */

/*
 * One whole OFFER, byte for byte. The client asks for 1, 3, 6, 121 and sends its identifier.
 * IP checksum by hand: 4500 + 0148 + 4011 + 0a00 + 0002 + 0a00 + 0005 = 9a60, its complement is 659f.
 */
Test(dhcp, offer_byte_for_byte)
{
    static const uint8_t headers[] = {
        0xfa, 0x16, 0x3e, 0x00, 0x00, 0x01,             /* to the client */
        0xfa, 0x16, 0x3e, 0x00, 0x00, 0x02,             /* from the DHCP port */
        0x08, 0x00,                                     /* IPv4 */
        0x45, 0x00, 0x01, 0x48, 0x00, 0x00, 0x00, 0x00, /* 328 bytes, no fragment */
        0x40, 0x11, 0x65, 0x9f,                         /* TTL 64, UDP, checksum */
        0x0a, 0x00, 0x00, 0x02, 0x0a, 0x00, 0x00, 0x05, /* 10.0.0.2 to 10.0.0.5 */
        0x00, 0x43, 0x00, 0x44, 0x01, 0x34,             /* 67 to 68, 308 bytes */
    };
    static const uint8_t fixed[] = {
        0x02, 0x01, 0x06, 0x00,             /* BOOTREPLY, Ethernet, 6, no hops */
        0x01, 0x02, 0x03, 0x04,             /* xid */
        0x00, 0x00, 0x00, 0x00,             /* secs, flags */
        0x00, 0x00, 0x00, 0x00,             /* ciaddr */
        0x0a, 0x00, 0x00, 0x05,             /* yiaddr */
        0x0a, 0x00, 0x00, 0x02,             /* siaddr */
        0x00, 0x00, 0x00, 0x00,             /* giaddr */
        0xfa, 0x16, 0x3e, 0x00, 0x00, 0x01, /* chaddr, padded to 16 */
    };
    static const uint8_t options[] = {
        0x63, 0x82, 0x53, 0x63,                               /* magic cookie */
        53,   1,    2,                                        /* OFFER */
        54,   4,    10,   0,    0,    2,                      /* server identifier */
        51,   4,    0x00, 0x01, 0x51, 0x80,                   /* 86400 s */
        61,   3,    0x00, 'v',  'm',                          /* client identifier */
        1,    4,    255,  255,  255,  0,                      /* netmask */
        3,    4,    10,   0,    0,    1,                      /* router */
        6,    8,    8,    8,    8,    8,    8,   8,  4, 4,    /* DNS */
        121,  14,   32,   169,  254,  169,  254, 10, 0, 0, 2, /* metadata by the server */
        0,    10,   0,    0,    1,                            /* default by the router */
        255,
    };
    fake_add(DF_NB_LPORT, &dhcp_port);
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_option(&frame, 61, 3, "\0vm");
    request_option(&frame, 55, 4, "\x01\x03\x06\x79");
    request_end(&frame);
    punt_at(0);

    uint8_t want[DHCP + 300] = {0};
    memcpy(want, headers, sizeof(headers));
    memcpy(want + DHCP, fixed, sizeof(fixed));
    memcpy(want + DHCP + COOKIE, options, sizeof(options));
    cr_assert_eq(fake_sent.n, 1);
    cr_expect_eq(fake_sent.port, 4);
    cr_assert_eq(fake_sent.len, sizeof(want));
    for (uint32_t i = 0; i < sizeof(want); i++) {
        if (i != UDP + 6 && i != UDP + 7)
            cr_expect_eq(fake_sent.frame[i], want[i], "byte %u is %02x, not %02x", i, fake_sent.frame[i], want[i]);
    }
    uint32_t udp_len = fake_sent.len - UDP;
    cr_expect_eq(ones_sum(fake_sent.frame + UDP, udp_len, ones_sum(fake_sent.frame + IP + 12, 8, 17 + udp_len)), 0xffff,
                 "UDP checksum");
    cr_expect_eq(counter("received", "discover"), 1);
    cr_expect_eq(counter("sent", "offer"), 1);
}

static void ask(const char *codes, uint8_t n)
{
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_option(&frame, 55, n, codes);
    request_end(&frame);
    punt_at(fake_sent.n * 1000);
}

static bool got(uint8_t code, const char *bytes, size_t n)
{
    return reply_has(fake_sent.frame, fake_sent.len, code, bytes, n);
}

static bool got_any(uint8_t code)
{
    uint8_t len;
    return reply_option(fake_sent.frame, fake_sent.len, code, &len) != NULL;
}

Test(dhcp, values_come_from_the_network_and_the_subnet)
{
    subnet.n_dns_nameservers = 2;
    subnet.dns_nameservers = (char *[]){"fd00::53", "10.0.0.53"};
    vm.dns_name = "vm-one";
    ask("\x06\x0c\x0f\x1a\x1c", 5);
    cr_expect(got(6, "\x0a\x00\x00\x35", 4), "the IPv4 server alone");
    cr_expect(got(12, "vm-one", 6));
    cr_expect(got(15, "blue.example.org", 16), "without the final dot");
    cr_expect(got(26, "\x05\xaa", 2));
    cr_expect(got(28, "\x0a\x00\x00\xff", 4));
}

Test(dhcp, values_fall_back_on_the_configuration)
{
    net.mtu = 0;
    net.dns_domain = NULL;
    configure("df_dns_servers", "9.9.9.9");
    configure("df_default_network_device_mtu", "1400");
    configure("dns_domain", "cloud.example");
    configure("dhcp_lease_duration", "-1");
    ask("\x06\x0f\x1a", 3);
    cr_expect(got(6, "\x09\x09\x09\x09", 4));
    cr_expect(got(15, "cloud.example", 13));
    cr_expect(got(26, "\x05\x78", 2));
    cr_expect(got(51, "\xff\xff\xff\xff", 4));
    configure("dns_domain", "");
    configure("df_dns_servers", "");
    ask("\x06\x0f", 2);
    cr_expect_not(got_any(6));
    cr_expect_not(got_any(15));
}

Test(dhcp, name_server_0_0_0_0_says_that_there_is_none)
{
    subnet.n_dns_nameservers = 1;
    subnet.dns_nameservers = (char *[]){"0.0.0.0"};
    ask("\x06", 1);
    cr_assert_eq(fake_sent.n, 1);
    cr_expect_not(got_any(6));
}

Test(dhcp, routes_of_the_subnet_then_metadata_then_default)
{
    subnet.n_host_routes = 2;
    subnet.host_routes = (Df__HostRoute *[]){ROUTE("172.16.0.0/12", "10.0.0.9"), ROUTE("fd01::/64", "fd00::9")};
    ask("\x79", 1);
    cr_expect(got(121, "\x0c\xac\x10\x0a\x00\x00\x09\x20\xa9\xfe\xa9\xfe\x0a\x00\x00\x02\x00\x0a\x00\x00\x01", 21));
}

Test(dhcp, routes_that_the_subnet_has_itself_are_not_doubled)
{
    subnet.n_host_routes = 2;
    subnet.host_routes = (Df__HostRoute *[]){ROUTE("169.254.169.254/32", "10.0.0.9"), ROUTE("0.0.0.0/0", "10.0.0.8")};
    ask("\x79", 1);
    cr_expect(got(121, "\x20\xa9\xfe\xa9\xfe\x0a\x00\x00\x09\x00\x0a\x00\x00\x08", 14));
}

Test(dhcp, no_link_local_route_no_gateway_no_option_121)
{
    configure("df_add_link_local_route", "False");
    subnet.gateway_ip = NULL;
    ask("\x79\x03", 2);
    cr_assert_eq(fake_sent.n, 1);
    cr_expect_not(got_any(121));
    cr_expect_not(got_any(3));
}

Test(dhcp, the_ports_own_options_and_siaddr)
{
    Df__DhcpParams params = {.base = PROTOBUF_C_MESSAGE_INIT(&df__dhcp_params__descriptor),
                             OBJECTS(Df__DhcpOption, opts, DHCP_OPT("ntp-server", "10.0.0.7"), DHCP_OPT("26", "1300"),
                                     DHCP_OPT("lease-time", "600"), DHCP_OPT("server-ip-address", "10.0.0.70"))};
    vm.dhcp_params = &params;
    ask("\x2a\x1a\x3a", 3);
    cr_expect(got(42, "\x0a\x00\x00\x07", 4));
    cr_expect(got(26, "\x05\x14", 2));
    cr_expect(got(51, "\x00\x00\x02\x58", 4));
    cr_expect(got(58, "\x00\x00\x01\x2c", 4), "half of the port's own lease time");
    cr_expect_eq(memcmp(fake_sent.frame + DHCP + SIADDR, "\x0a\x00\x00\x46", 4), 0);
    params.siaddr = "10.0.0.71";
    ask("\x2a", 1);
    cr_expect_eq(memcmp(fake_sent.frame + DHCP + SIADDR, "\x0a\x00\x00\x47", 4), 0);
}

/* ---- Who the server is */

static void expect_server(const char *mac, const char *ip)
{
    uint32_t address = fake_ip4(ip);
    struct df_mac want = fake_mac(mac);
    ask("\x01", 1);
    cr_assert_neq(fake_sent.n, 0);
    cr_expect_eq(memcmp(fake_sent.frame + 6, &want, 6), 0, "not from %s", mac);
    cr_expect_eq(memcmp(fake_sent.frame + IP + 12, &address, 4), 0, "not from %s", ip);
    cr_expect(got(54, (const char *)&address, 4));
}

Test(dhcp, server_is_dhcp_ip_then_the_dhcp_port_then_the_gateway)
{
    expect_server("02:df:00:00:00:05", "10.0.0.2");
    fake_add(DF_NB_LPORT, &dhcp_port);
    expect_server("fa:16:3e:00:00:02", "10.0.0.2");
    subnet.dhcp_ip = "10.0.0.3";
    expect_server("02:df:00:00:00:05", "10.0.0.3");
    subnet.dhcp_ip = NULL;
    expect_server("fa:16:3e:00:00:02", "10.0.0.2");
    dhcp_port.device_owner = "compute:nova";
    expect_server("02:df:00:00:00:05", "10.0.0.1");
}

Test(dhcp, without_any_server_address_there_is_no_answer)
{
    subnet.dhcp_ip = subnet.gateway_ip = NULL;
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_end(&frame);
    expect_refused("no_server");
}

/* ---- What is refused */

Test(dhcp, malformed_frames_and_messages)
{
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_end(&frame);
    frame.len = 100;
    expect_refused("frame");
    request_begin(&frame, DF_DHCP_DISCOVER);
    frame.data[DHCP + COOKIE] = 0;
    request_end(&frame);
    expect_refused("message");
}

Test(dhcp, a_guest_is_no_relay)
{
    request_begin(&frame, DF_DHCP_DISCOVER);
    set_address(&frame, DHCP + GIADDR, "10.0.0.77");
    request_end(&frame);
    expect_refused("relayed");
}

Test(dhcp, chaddr_must_be_the_senders)
{
    request_begin(&frame, DF_DHCP_DISCOVER);
    frame.data[DHCP + CHADDR + 5] = 0x77;
    request_end(&frame);
    expect_refused("chaddr");
}

Test(dhcp, chaddr_must_be_the_ports)
{
    request_begin(&frame, DF_DHCP_DISCOVER);
    frame.data[DHCP + CHADDR + 5] = frame.data[ETH + 11] = 0x77;
    request_end(&frame);
    expect_refused("chaddr");
}

Test(dhcp, without_port_security_any_client_is_served)
{
    vm.port_security_enabled = 0;
    request_begin(&frame, DF_DHCP_DISCOVER);
    frame.data[DHCP + CHADDR + 5] = 0x77;
    request_end(&frame);
    punt_at(0);
    cr_expect_eq(fake_sent.n, 1);
    cr_expect_eq(fake_sent.frame[5], 0x77);
}

Test(dhcp, dhcp_that_was_switched_off_meanwhile)
{
    subnet.enable_dhcp = 0;
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_end(&frame);
    expect_refused("no_lease");
}

Test(dhcp, a_port_that_is_gone)
{
    vm.id = "another";
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_end(&frame);
    expect_refused("no_lease");
}

Test(dhcp, an_answer_that_cannot_be_sent_is_counted_as_such)
{
    fake_send_error = -ENOBUFS;
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_end(&frame);
    expect_refused("send");
    cr_expect_eq(counter("sent", "offer"), 0);
}

Test(dhcp, over_the_rate_the_port_is_blocked_for_a_while)
{
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_end(&frame);
    for (int i = 0; i < 13; i++)
        punt_at(1000);
    cr_expect_eq(fake_sent.n, 10);
    cr_expect_eq(counter("refused", "rate"), 3);
    punt_at(1000 + 9999);
    cr_expect_eq(fake_sent.n, 10);
    punt_at(1000 + 10000);
    cr_expect_eq(fake_sent.n, 11);
}

Test(dhcp, decline_is_logged_and_shown_and_the_address_stays)
{
    request_begin(&frame, DF_DHCP_DECLINE);
    request_address(&frame, 50, "10.0.0.5");
    request_address(&frame, 54, "10.0.0.2");
    request_end(&frame);
    punt_at(0);
    cr_expect_eq(fake_sent.n, 0);
    cr_expect_eq(fake_logged, 1);
    cr_expect_eq(counter("received", "decline"), 1);
    json_t *report = df_app.show();
    json_t *shown = json_array_get(json_object_get(report, "declined"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(shown, "lport")), "vm");
    cr_expect_str_eq(json_string_value(json_object_get(shown, "ip")), "10.0.0.5");
    json_decref(report);
    ask("\x01", 1);
    cr_expect_eq(fake_sent.n, 1);
}

/* ---- Configuration */

Test(dhcp, bad_configuration_values_are_refused)
{
    static const struct {
        const char *key, *value;
    } bad[] = {
        {"df_dns_servers", "dns.example.org"},
        {"df_default_network_device_mtu", "67"},
        {"df_default_network_device_mtu", "65536"},
        {"df_dhcp_max_rate_per_sec", "0"},
        {"df_dhcp_max_rate_per_sec", "65"},
        {"df_dhcp_block_time_in_sec", "-1"},
        {"df_add_link_local_route", "maybe"},
        {"dhcp_lease_duration", "0"},
        {"dhcp_lease_duration", "1h"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (const struct df_app_option *option = df_app.options; option->key; option++) {
            if (strcmp(option->key, bad[i].key) == 0)
                cr_expect_eq(option->set(bad[i].value), -EINVAL, "%s = %s", bad[i].key, bad[i].value);
        }
    }
}
