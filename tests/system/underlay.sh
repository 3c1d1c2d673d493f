#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nodes find each other on their underlay: the switch of one resolves the other, a kernel with VXLAN, and a gateway; it
# answers for its own address; and the host shares the port by an exception port.
. "${0%/*}/lib.sh"

vni=5001

# The underlay: a bridge, with a wire to each node. node1 is here, the others are namespaces; gw leads to far3.
ip link add wire type bridge
ip link set wire up
add_node() {
    ip netns add "$1"
    ip link add "to-$1" type veth peer name up0 netns "$1"
    ip link set "to-$1" master wire up
    ip -n "$1" link set up0 up
    ip -n "$1" link set lo up
    # A kernel that speaks for itself leaves no checksum to hardware that is not there.
    ip netns exec "$1" ethtool -K up0 tx off >/dev/null
}
ip link add up0 type veth peer name to-node1
ip link set to-node1 master wire up
ip link set up0 up
for node in node2 node3 gw; do
    add_node $node
done

network red 10.1.0.0/24
put lswitch "{\"id\": \"red\", \"name\": \"red\", \"topic\": \"t\", \"network_type\": \"vxlan\",
    \"segmentation_id\": $vni, \"mtu\": 1450}"
put chassis '{"id": "node1", "ip": "192.0.2.1", "tunnel_types": ["vxlan"]}' \
    '{"id": "node2", "ip": "192.0.2.2", "tunnel_types": ["vxlan"]}' \
    '{"id": "node3", "ip": "192.0.2.3", "tunnel_types": ["vxlan"]}' \
    '{"id": "node4", "ip": "198.51.100.4", "tunnel_types": ["vxlan"]}'
chassis_of=([far]=node2 [kernel]=node3 [behind]=node4)
port near red veth
port far red veth
port kernel red veth
port behind red veth

# neighbour IP: its state, as df-ctl underlay says.
neighbour() {
    df_ctl underlay --json | jq -r --arg ip "$1" '.neighbours[] | select(.ip == $ip) | .state'
}
is_neighbour() {
    [ "$(neighbour "$1")" = "$2" ]
}

option[df.local_ip]=192.0.2.1/24,2001:db8:ff::1/64
option[df.underlay_gateway]=192.0.2.254
option[df.underlay_port]=up0
option[fastpath.ports]=up0=net_af_packet0,iface=up0
tcpdump -i to-node1 -nn -U -w wire.pcap 2>/dev/null &
until_true 5 "tcpdump has begun" test -s wire.pcap
start_switch
plug near

note "it says who it is, asks for the others, and says who does not answer"
until_true 10 "192.0.2.2 failed" is_neighbour 192.0.2.2 failed
until_true 10 "the gateway failed" is_neighbour 192.0.2.254 failed
until_true 10 "tcpdump wrote it" sh -c 'tcpdump -nn -r wire.pcap arp 2>/dev/null | grep -q "who-has 192.0.2.2 "'
tcpdump -nn -r wire.pcap arp >arp.txt 2>/dev/null
expect_text "Request who-has 192.0.2.1 tell 192.0.2.1" arp.txt
expect_text "Request who-has 192.0.2.254 tell 192.0.2.1" arp.txt
! grep -q "who-has 198.51.100.4" arp.txt || fail "it asks for a node that is not on link"
df_ctl show >show.txt
expect_text "underlay +up0 192.0.2.1/24.*failed" show.txt
expect_text "nobody answers for the MAC of its ip 192.0.2.2" show.txt

note "a switch that snoops multicast hears that it listens for solicitations, and tcpdump finds nothing wrong with it"
until_true 5 "the bridge knows its group" sh -c 'bridge mdb show dev wire | grep -q "port to-node1 grp ff02::1:ff00:1 "'
tcpdump -nn -v -r wire.pcap 'ip6[6] == 0' >mld.txt 2>/dev/null
expect_text "rtalert.* multicast listener report v2.*ff02::1:ff00:1 to_ex" mld.txt
! grep -Ei 'bad|malformed|truncated' mld.txt || fail "tcpdump finds fault: $(grep -Eim1 'bad|malf|trunc' mld.txt)"
lease near
before=$(drops resolve_failed)
expect_no_ping near far
until_true 10 "packets are dropped as resolve_failed" more_drops resolve_failed "$before" # they wait for an answer

# The other node: the same database, a switch of its own. It is at the end of the wire, and its kernel is not.
far_ctl() {
    timeout 60 "$df_ctl_program" --socket /run/df/node2.sock "$@"
}
option[df.host]=node2
option[df.local_ip]=192.0.2.2/24
option[rpc.socket]=/run/df/node2.sock
option[fastpath.workers]=0
write_config
mv switch.ini node2.ini
ip netns exec node2 "$df_switchd" --config /run/df/node2.ini >node2.err 2>&1 &
until_true 30 "the switch of node2 answers df-ctl" far_ctl version
ip netns add far
ip -n node2 link add name far type veth peer name eth0 netns far
ip -n node2 link set dev far up
in_guest far ethtool -K eth0 tx off >/dev/null
in_guest far ip link set eth0 address "${mac[far]}" up
far_ctl wait far --timeout 20 >/dev/null || fail "far is not served: $(far_ctl ports)"
lease far

note "two switches resolve each other, and tunnels work"
until_true 40 "192.0.2.2 is reachable" is_neighbour 192.0.2.2 reachable
expect_ping near far
expect_ping far near

note "a kernel is resolved, and resolves the switch: VXLAN both ways"
ip netns add kernel
ip -n node3 addr add 192.0.2.3/24 dev up0
ip -n node3 link add vx0 type vxlan id $vni dstport 4789 local 192.0.2.3 remote 192.0.2.1 dev up0
ip -n node3 link set vx0 netns kernel name eth0
in_guest kernel ethtool -K eth0 tx off >/dev/null
in_guest kernel ip link set lo up
in_guest kernel ip link set eth0 address "${mac[kernel]}" mtu 1450 up
in_guest kernel ip addr add "${ip4[kernel]}/24" dev eth0
until_true 40 "192.0.2.3 is reachable" is_neighbour 192.0.2.3 reachable
expect_ping kernel near
expect_ping near kernel
ip -n node3 neigh show 192.0.2.1 >neigh.txt
expect_text "192.0.2.1 dev up0 lladdr" neigh.txt

note "the kernel can ping the switch, and a duplicate of its address is found out"
ip netns exec node3 ping -q -c 2 -i 0.2 -W 2 192.0.2.1 >ping.txt || fail "192.0.2.1 does not answer: $(cat ping.txt)"
ip netns exec node3 arping -D -q -c 2 -w 3 -I up0 192.0.2.1 && fail "nobody defends 192.0.2.1 against arping -D"
ip -n gw addr add 192.0.2.1/32 dev up0
ip netns exec gw arping -U -q -c 1 -I up0 192.0.2.1 || true
until_true 5 "the conflict is seen" sh -c "'$df_ctl_program' --socket /run/df/df.sock underlay | grep -q 'conflict .*192.0.2.1'"

ip -n gw addr del 192.0.2.1/32 dev up0

note "a node behind the gateway is reached by the gateway's MAC"
ip -n gw addr add 192.0.2.254/24 dev up0
ip netns exec gw sysctl -qw net.ipv4.ip_forward=1
ip netns add node4
ip -n gw link add to4 type veth peer name up0 netns node4
ip -n gw addr add 198.51.100.1/24 dev to4
ip -n gw link set to4 up
ip -n node4 link set lo up
ip netns exec gw ethtool -K to4 tx off >/dev/null
ip netns exec node4 ethtool -K up0 tx off >/dev/null
ip -n node4 addr add 198.51.100.4/24 dev up0
ip -n node4 link set up0 up
ip -n node4 route add default via 198.51.100.1
ip netns add behind
ip -n node4 link add vx0 type vxlan id $vni dstport 4789 local 198.51.100.4 remote 192.0.2.1 dev up0
ip -n node4 link set vx0 netns behind name eth0
in_guest behind ethtool -K eth0 tx off >/dev/null
in_guest behind ip link set eth0 address "${mac[behind]}" mtu 1450 up
in_guest behind ip addr add "${ip4[behind]}/24" dev eth0
until_true 40 "the gateway is reachable" is_neighbour 192.0.2.254 reachable
expect_ping near behind
expect_ping behind near

note "a gateway with another MAC says so, and is followed at once"
ip -n gw link set up0 address 02:00:5e:00:01:01
ip netns exec gw arping -U -q -c 1 -I up0 192.0.2.254 || true
until_true 5 "the gateway's MAC is the new one" sh -c \
    "'$df_ctl_program' --socket /run/df/df.sock underlay | grep -q '192.0.2.254 *02:00:5e:00:01:01'"
expect_ping near behind

note "a link of the gateway takes less: the path MTU is learnt from its error"
ip -n gw link set to4 mtu 1300
in_guest near ping -q -c 2 -i 0.5 -W 1 -M "do" -s 1400 "${ip4[behind]}" >/dev/null || true
until_true 5 "the path MTU to 198.51.100.4 is 1300" sh -c \
    "'$df_ctl_program' --socket /run/df/df.sock underlay --json | jq -e '.path_mtus[] | select(.ip == \"198.51.100.4\" and .mtu == 1300)'"
stop_switch
