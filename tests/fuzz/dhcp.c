/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/config.h"
#include "tests/unit/apps/fake.h"

#include <stdlib.h>

/*
 * A guest's frame goes the whole way of the app: limit, codec, model, protocol, options, answer. Whatever it holds,
 * nothing is read past its end, and an answer is a whole frame.
 */

extern const struct df_app df_app;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Df__LogicalSwitch net = LSWITCH(.id = "net", .unique_key = 5, .mtu = 1450);
static Df__Subnet subnet = LSUBNET(.id = "sub", .lswitch = "net", .cidr = "10.0.0.0/24", .gateway_ip = "10.0.0.1",
                                   .enable_dhcp = 1, .dhcp_ip = "10.0.0.2");

/* Without port security the server does not ask whose MAC it is, so more of what the fuzzer makes goes on. */
static Df__LogicalPort vm = LPORT(.id = "vm", .unique_key = 9, .lswitch = "net", LIST(macs, "fa:16:3e:00:00:01"),
                                  LIST(ips, "10.0.0.5"), LIST(subnets, "sub"));

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    static Df__DhcpOption boot = {
        .base = PROTOBUF_C_MESSAGE_INIT(&df__dhcp_option__descriptor), .key = "67", .value = "pxelinux.0"};
    static Df__DhcpOption search = {.base = PROTOBUF_C_MESSAGE_INIT(&df__dhcp_option__descriptor),
                                    .key = "domain-search",
                                    .value = "a.example.org,b.example.org"};
    static Df__DhcpOption *opts[] = {&boot, &search};
    static Df__DhcpParams params = {
        .base = PROTOBUF_C_MESSAGE_INIT(&df__dhcp_params__descriptor), .n_opts = 2, .opts = opts};
    vm.dhcp_params = &params;
    vm.port_security_enabled = 0;
    fake_reset();
    fake_add(DF_NB_LSWITCH, &net);
    fake_add(DF_NB_LSUBNET, &subnet);
    fake_add(DF_NB_LPORT, &vm);
    for (const struct df_app_option *option = df_app.options; option->key; option++) {
        if (option->set(option->fallback) < 0)
            abort();
    }
    return df_app.init();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t now_ms;
    struct df_punt punt = {
        .lport_id = "vm", .port = 4, .lport = 9, .network = 5, .frame = data, .len = (uint32_t)size, .now_ms = now_ms};
    now_ms += 1000; /* never over the rate */
    fake_sent.n = 0;
    df_app.punt(&punt);
    if (fake_sent.n > 1 || (fake_sent.n == 1 && (fake_sent.len < 342 || fake_sent.len > 1514)))
        abort();
    return 0;
}
