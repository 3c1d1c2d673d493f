#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A machine without hugepages: the switch works without them, says what is lost, and obeys who insists.
. "${0%/*}/lib.sh"

# In this test's mount namespace alone the kernel has none.
[ -d /sys/kernel/mm/hugepages ] || skip "this kernel has no hugepages to hide"
mount -t tmpfs tmpfs /sys/kernel/mm/hugepages

network red 10.1.0.0/24
port a red veth
port b red tap
port x red afxdp

note "it goes on without"
start_switch
plug a b x
lease a b x
expect_ping a b
expect_more "Mbit/s of a guest on AF_XDP, which shows its buffers to the kernel" "$(tcp_rate a x)" 1
expect_equal "hugepages in use" "$(df_ctl show --json | jq .daemon.hugepages)" false
expect_text 'warning: .*hugepages' log
stop_switch
unplug a b x

note "hugepages = yes: an error with its remedy"
option[fastpath.hugepages]=yes
write_config
expect_failure refused.txt "$df_switchd" --config /run/df/switch.ini
expect_text 'hugepages' refused.txt
echo "   $(grep -m 1 hugepages refused.txt)"
