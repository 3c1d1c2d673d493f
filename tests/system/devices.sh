#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Devices of guests go and come back while the switch runs: their ports follow, and nothing else notices.
. "${0%/*}/lib.sh"

network red 10.1.0.0/24
port a red veth
port b red veth
port t red tap
start_switch
plug a b t
lease a b t
expect_ping a b
expect_ping a t

gone() {
    reports ports ".[] | select(.id == \"$1\") | .status == \"down\" and .reason == \"device $1 is gone\" and (.attached | not)"
}

attached() {
    reports ports ".[] | select(.id == \"$1\") | .status == \"open\" and .attached"
}

note "the container of b is restarted: its namespace goes, and the veth with it"
ip netns del b
until_true 5 "the port of b is down, and says why" gone b
expect_ping a t
plug b
lease b
expect_ping a b

note "the veth of b is made again at once: another device of the same name"
ip link del dev b
wire_veth b
in_guest b ip link set eth0 address "${mac[b]}" up
lease b # asks for five seconds
expect_ping a b

note "the container of t is restarted: the switch makes its tap device again"
ip netns del t
until_true 10 "the tap device is there" ip link show dev t
plug t
lease t
expect_ping a t

note "the link of b goes down and up: no device went, so the port stays open"
ip link set dev b down
until_true 5 "b is not attached" reports ports '.[] | select(.id == "b") | .status == "open" and (.attached | not)'
ip link set dev b up
until_true 5 "b is attached" attached b
expect_ping a b
