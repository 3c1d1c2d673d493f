#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guests of every kind of interface talk inside a network and across a router, and only with addresses of their own.
. "${0%/*}/lib.sh"

network red 10.1.0.0/24 2001:db8:1::/64
network blue 10.2.0.0/24 2001:db8:2::/64
network other 10.1.0.0/24
router r red blue
port red-veth red veth
port red-tap red tap
port blue-veth blue veth
port blue-xdp blue afxdp
port stranger other veth
start_switch
guests=(red-veth red-tap blue-veth blue-xdp stranger)
plug "${guests[@]}"

note "each gets its address by DHCP, with the network's MTU and the router as its gateway"
lease "${guests[@]}"
expect_equal "MTU of a guest on tap" "$(in_guest red-tap cat /sys/class/net/eth0/mtu)" 1450
in_guest red-veth ip route show default | grep -q 'via 10.1.0.1 ' || fail "no default route by DHCP"

note "inside a network"
expect_ping red-veth red-tap
expect_ping red-tap red-veth 6
expect_ping blue-veth blue-xdp
expect_ping blue-xdp blue-veth 6

note "across the router"
expect_ping red-veth blue-veth
expect_ping red-veth blue-veth 6
expect_ping red-tap blue-xdp
expect_ping red-tap blue-xdp 6

note "the router itself answers"
expect_ping red-veth 10.1.0.1
expect_ping red-veth 2001:db8:1::1
expect_ping red-tap 10.2.0.1

note "traceroute sees the router: TTL 1 ends there"
in_guest red-veth ping -c 1 -W 5 -t 1 "${ip4[blue-veth]}" >ping.txt || true
expect_text 'From 10.1.0.1 .*Time to live exceeded' ping.txt
in_guest red-veth ping -c 1 -W 5 -t 1 "${ip6[blue-veth]}" >ping.txt || true
expect_text 'From 2001:db8:1::1 .*Time exceeded' ping.txt

note "IPv6: an address that nobody has passes duplicate address detection, the neighbour's does not"
in_guest red-veth ip addr add 2001:db8:1::99/64 dev eth0
in_guest red-tap sysctl -qw net.ipv6.conf.eth0.dad_transmits=3 # an answer that is late is one to the next
in_guest red-tap ip addr add "${ip6[red-veth]}/64" dev eth0
until_true 5 "the address of the other guest is found to be a duplicate" \
    sh -c 'ip netns exec red-tap ip -6 addr show dev eth0 dadfailed | grep -q inet6'
until_true 5 "the free address is good" \
    sh -c '! ip netns exec red-veth ip -6 addr show dev eth0 tentative | grep -q inet6'
in_guest red-veth ip -6 addr show dev eth0 dadfailed | grep -q inet6 && fail "the free address is called a duplicate"
in_guest red-veth ip addr del 2001:db8:1::99/64 dev eth0
in_guest red-tap ip addr del "${ip6[red-veth]}/64" dev eth0

note "TCP between all kinds of interface (how fast is not tested: docs/performance.md)"
for pair in "red-veth red-tap" "red-veth blue-veth" "blue-xdp red-tap"; do
    # shellcheck disable=SC2086 # two names
    rate=$(tcp_rate $pair)
    echo "   $pair: $rate Mbit/s"
    expect_more "Mbit/s of $pair" "$rate" 1
done

note "an address that is not its own: refused and counted, in IPv4, IPv6 and ARP"
before4=$(drops spoofed_ipv4) before6=$(drops spoofed_ipv6) before_arp=$(drops spoofed_arp)
in_guest red-veth ip addr add 10.1.0.99/32 dev eth0
in_guest red-veth ip addr add 2001:db8:1::99/128 dev eth0 nodad
expect_no_ping red-veth red-tap 4 -I 10.1.0.99
expect_no_ping red-veth red-tap 6 -I 2001:db8:1::99
in_guest red-veth ip neigh flush dev eth0
expect_no_ping red-veth red-tap 4 -I 10.1.0.99
expect_more "packets dropped as spoofed_ipv4" "$(drops spoofed_ipv4)" "$before4"
expect_more "packets dropped as spoofed_ipv6" "$(drops spoofed_ipv6)" "$before6"
expect_more "packets dropped as spoofed_arp" "$(drops spoofed_arp)" "$before_arp"
in_guest red-veth ip addr del 10.1.0.99/32 dev eth0
in_guest red-veth ip addr del 2001:db8:1::99/128 dev eth0

note "a network with the same addresses is another world"
expect_no_ping stranger red-tap
expect_no_ping stranger blue-veth
expect_no_ping red-tap 10.1.0.13
