#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The host shares the underlay's port with tunnels by an exception port: its kernel has the address, and TCP, ping and ARP of
# its own beside VXLAN of its guests.
. "${0%/*}/lib.sh"

vni=5001
ip netns add node3
ip link add up0 type veth peer name up0 netns node3
ip link set up0 up
# A real NIC is the switch's alone. Of this one the kernel hears nothing but through the switch.
sysctl -qw net.ipv4.conf.up0.arp_ignore=8 net.ipv4.conf.up0.rp_filter=1 net.ipv6.conf.up0.disable_ipv6=1
ip -n node3 link set up0 up
ip -n node3 link set lo up
ip netns exec node3 ethtool -K up0 tx off >/dev/null

network red 10.1.0.0/24
put lswitch "{\"id\": \"red\", \"name\": \"red\", \"topic\": \"t\", \"network_type\": \"vxlan\",
    \"segmentation_id\": $vni, \"mtu\": 1450}"
put chassis '{"id": "node1", "ip": "192.0.2.1", "tunnel_types": ["vxlan"]}' \
    '{"id": "node3", "ip": "192.0.2.3", "tunnel_types": ["vxlan"]}'
chassis_of=([kernel]=node3)
port near red veth
port kernel red veth

option[df.local_ip]=192.0.2.1/24
option[df.underlay_port]=up0
option[df.underlay_exception]=host0
option[fastpath.ports]=up0=net_af_packet0,iface=up0
start_switch
plug near
lease near

note "the host has a device with the MAC and the MTU of the underlay"
until_true 10 "host0 is there" ip link show dev host0
until_true 10 "the exception port is open" sh -c "'$df_ctl_program' --socket /run/df/df.sock underlay | grep -q '^exception *host0.*, open$'"
link() {
    ip -j link show dev "$1" | jq -r ".[0].$2"
}
expect_equal "MAC of host0" "$(link host0 address)" "$(link up0 address)"
expect_equal "MTU of host0" "$(link host0 mtu)" 1500
ethtool -K host0 tx off >/dev/null
sysctl -qw net.ipv6.conf.host0.disable_ipv6=0
ip addr add 192.0.2.1/24 dev host0
ip addr add 192.0.2.9/24 dev host0
ip -6 addr add 2001:db8::1/64 dev host0 nodad
ip link set host0 up
ip -n node3 addr add 192.0.2.3/24 dev up0
ip netns exec node3 sysctl -qw net.ipv6.conf.up0.disable_ipv6=0
ip -n node3 -6 addr add 2001:db8::3/64 dev up0 nodad

ip netns exec node3 tcpdump -i up0 -nn -U -w wire.pcap arp 2>/dev/null &
until_true 5 "tcpdump has begun" test -s wire.pcap

note "the kernel pings by it, both ways, in both families"
ping -q -c 3 -i 0.2 -W 2 192.0.2.3 >ping.txt || fail "the host does not reach 192.0.2.3: $(cat ping.txt)"
for address in 192.0.2.1 192.0.2.9 2001:db8::1; do
    ip netns exec node3 ping -q -c 3 -i 0.2 -W 2 $address >ping.txt || fail "$address does not answer: $(cat ping.txt)"
done

note "exactly one answers for an address: the switch for the node's, the kernel for others"
ip netns exec node3 arping -q -c 3 -I up0 192.0.2.1
ip netns exec node3 arping -q -c 3 -I up0 192.0.2.9
answers() {
    tcpdump -nn -r wire.pcap 2>/dev/null | grep -c "Reply $1 is-at" || true
}
asked() {
    tcpdump -nn -r wire.pcap 2>/dev/null | grep -c "Request who-has $1 .*tell 192.0.2.3" || true
}
each_answered_once() {
    local n
    n=$(asked "$1")
    [ "$n" -ge 3 ] && [ "$(answers "$1")" = "$n" ]
}
for address in 192.0.2.1 192.0.2.9; do
    until_true 5 "each question for $address has one answer" each_answered_once $address
done

note "tunnels work beside it"
ip netns add kernel
ip -n node3 link add vx0 type vxlan id $vni dstport 4789 local 192.0.2.3 remote 192.0.2.1 dev up0
ip -n node3 link set vx0 netns kernel name eth0
in_guest kernel ethtool -K eth0 tx off >/dev/null
in_guest kernel ip link set lo up
in_guest kernel ip link set eth0 address "${mac[kernel]}" mtu 1450 up
in_guest kernel ip addr add "${ip4[kernel]}/24" dev eth0
expect_ping near kernel
expect_ping kernel near

note "TCP of the host and TCP in a tunnel at a time (how fast is not tested)"
ip netns exec node3 iperf3 -s -1 >server.log 2>&1 &
until_true 5 "iperf3 listens" iperf3_listens node3
iperf3 -c 192.0.2.3 -t 3 --json >host.json &
host=$!
rate=$(tcp_rate near kernel)
wait $host || fail "iperf3 of the host: $(jq -r .error host.json)"
echo "   guest $rate Mbit/s, host $(jq '.end.sum_received.bits_per_second / 1000000 | floor' host.json) Mbit/s"
expect_more "Mbit/s from near to kernel" "$rate" 1
expect_more "Mbit/s of the host" "$(jq '.end.sum_received.bits_per_second / 1000000 | floor' host.json)" 1

note "and from the wire to a server on the host"
iperf3 -s -1 >server.log 2>&1 &
until_true 5 "iperf3 listens here" sh -c 'ss -Hltn "sport = :5201" | grep -q .'
ip netns exec node3 timeout 20 iperf3 -c 192.0.2.1 -t 2 --json >host.json || fail "iperf3 to the host: $(jq -r .error host.json)"
expect_more "Mbit/s to the host" "$(jq '.end.sum_received.bits_per_second / 1000000 | floor' host.json)" 1
expect_ping near kernel

note "the device that was there before stays when the switch goes, with its addresses"
stop_switch
until_true 5 "host0 went with the switch" sh -c '! ip link show dev host0'
ip tuntap add dev host0 mode tap multi_queue
ip addr add 192.0.2.1/24 dev host0
start_switch
until_true 10 "the exception port is open again" sh -c "'$df_ctl_program' --socket /run/df/df.sock underlay | grep -q '^exception *host0.*, open$'"
ip link set host0 up
ethtool -K host0 tx off >/dev/null
until_true 10 "the host answers by it" ip netns exec node3 ping -q -c 1 -W 1 192.0.2.1
stop_switch
ip addr show dev host0 >host0.txt
expect_text "inet 192.0.2.1/24" host0.txt
