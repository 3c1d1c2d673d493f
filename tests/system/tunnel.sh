#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guests on two nodes, and on one whose VXLAN is the kernel's, talk through tunnels over a wire that tcpdump watches.
. "${0%/*}/lib.sh"

vni=5001
underlay_mac() {
    ip "$@" -j link show up0 | jq -r '.[0].address'
}

# The underlay: a bridge, with a wire to each node. node1 is here, node2 and node3 are namespaces.
ip link add wire type bridge
ip link set wire up
ip link add up0 type veth peer name to-node1
ip link set to-node1 master wire up
ip link set up0 up
for node in node2 node3; do
    ip netns add $node
    ip link add to-$node type veth peer name up0 netns $node
    ip link set to-$node master wire up
    ip -n $node link set up0 up
    ip -n $node link set lo up
done
mac1=$(underlay_mac)
mac2=$(underlay_mac -n node2)
mac3=$(underlay_mac -n node3)

network red 10.1.0.0/24 2001:db8:1::/64
network blue 10.2.0.0/24
put lswitch "{\"id\": \"red\", \"name\": \"red\", \"topic\": \"t\", \"network_type\": \"vxlan\",
    \"segmentation_id\": $vni, \"mtu\": 1450}" \
    "{\"id\": \"blue\", \"name\": \"blue\", \"topic\": \"t\", \"network_type\": \"vxlan\",
    \"segmentation_id\": $((vni + 1)), \"mtu\": 1450}"
router r red blue
put chassis '{"id": "node1", "ip": "192.0.2.1", "tunnel_types": ["vxlan"]}' \
    '{"id": "node2", "ip": "192.0.2.2", "tunnel_types": ["vxlan"]}' \
    '{"id": "node3", "ip": "192.0.2.3", "tunnel_types": ["vxlan"]}'
chassis_of=([far]=node2 [far-blue]=node2 [kernel]=node3)
port near red veth
port far red veth
port kernel red veth
port near-blue blue veth
port far-blue blue veth

option[df.local_ip]=192.0.2.1
option[df.underlay_port]=up0
option[df.underlay_neighbours]=192.0.2.2=$mac2,192.0.2.3=$mac3
option[fastpath.ports]=up0=net_af_packet0,iface=up0
start_switch
plug near near-blue

note "the underlay is the node's own port"
df_ctl ports >ports.txt
expect_text "1023 +up0 .*$mac1 +192.0.2.1 +open" ports.txt
until_true 5 "node1 says its addresses" sh -c \
    "'$df_db_program' get chassis node1 --json | jq -e '.ips == [\"192.0.2.1\"]'"

# The other node: the same database, a switch of its own.
far_ctl() {
    timeout 60 "$df_ctl_program" --socket /run/df/node2.sock "$@"
}
option[df.host]=node2
option[df.local_ip]=192.0.2.2
option[df.underlay_neighbours]="*=$mac1"
option[rpc.socket]=/run/df/node2.sock
option[fastpath.workers]=0
write_config
mv switch.ini node2.ini
start_far() {
    ip netns exec node2 "$df_switchd" --config /run/df/node2.ini >>node2.err 2>&1 &
    far_switchd=$!
}
start_far
until_true 30 "the switch of node2 answers df-ctl" far_ctl version
for guest in far far-blue; do
    ip netns add $guest
    ip -n node2 link add name $guest type veth peer name eth0 netns $guest
    ip -n node2 link set dev $guest up
    in_guest $guest ethtool -K eth0 tx off >/dev/null
    in_guest $guest ip link set eth0 address "${mac[$guest]}" up
    far_ctl wait $guest --timeout 20 >/dev/null || fail "$guest is not served: $(far_ctl ports)"
done
in_guest far ip addr add "${ip6[far]}/64" dev eth0 nodad
lease near far near-blue far-blue

tcpdump -i to-node1 -nn -U -w wire.pcap udp port 4789 2>/dev/null &
until_true 5 "tcpdump has begun" test -s wire.pcap

note "between two nodes, inside a network and across the router"
expect_ping near far
expect_ping far near
expect_ping near far 6
expect_ping near far-blue
expect_ping far-blue near
expect_ping far near-blue
expect_no_ping near 10.1.0.99

note "the wire carries VXLAN with the network's key, and tcpdump finds nothing wrong with it"
until_true 5 "tcpdump wrote what it saw" sh -c 'tcpdump -nn -vv -r wire.pcap 2>/dev/null | grep -q 10.2.0.12'
tcpdump -nn -vv -r wire.pcap >wire.txt 2>/dev/null
expect_text "192.0.2.1\.[0-9]+ > 192.0.2.2\.4789: .*VXLAN, flags \\[I\\] \\(0x08\\), vni $vni" wire.txt
expect_text "192.0.2.2\.[0-9]+ > 192.0.2.1\.4789: .*VXLAN, flags \\[I\\] \\(0x08\\), vni $vni" wire.txt
expect_text "vni $((vni + 1))" wire.txt
expect_text "${ip4[near]} > ${ip4[far]}: ICMP echo request" wire.txt
! grep -Ei 'bad (ip )?cksum|malformed|truncated' wire.txt || fail "tcpdump finds fault: $(grep -Eim1 'bad|malf|trunc' wire.txt)"

# heard FILE FILTER: frames in a capture.
heard() {
    tcpdump -nn -r "$1" "$2" 2>/dev/null | wc -l
}

has_heard() {
    [ "$(heard "$1" "$2")" -gt 0 ]
}

note "broadcast and multicast reach the guest of the other node once, and never the sender"
ip netns exec far tcpdump -i eth0 -nn -U -w far.pcap icmp or icmp6 2>/dev/null &
far_tcpdump=$!
ip netns exec near tcpdump -i eth0 -Q in -nn -U -w near.pcap icmp or icmp6 2>/dev/null &
near_tcpdump=$!
until_true 5 "tcpdump has begun" test -s far.pcap
until_true 5 "tcpdump has begun" test -s near.pcap
in_guest near ping -q -b -c 3 -i 0.2 -W 1 10.1.0.255 >/dev/null 2>&1 || true
in_guest near ping -q -6 -c 3 -i 0.2 -W 1 ff02::1%eth0 >/dev/null 2>&1 || true
expect_ping near far # what was sent before is there when this is
until_true 10 "far has its ping" has_heard far.pcap "icmp[0] == 8 and dst ${ip4[far]}"
until_true 10 "near has the answer" has_heard near.pcap "icmp[0] == 0 and src ${ip4[far]}"
kill "$far_tcpdump" "$near_tcpdump"
wait "$far_tcpdump" "$near_tcpdump" 2>/dev/null || true
expect_equal "broadcast pings at far" "$(heard far.pcap 'icmp[0] == 8 and dst 10.1.0.255')" 3
expect_equal "multicast pings at far" "$(heard far.pcap 'ip6[40] == 128 and dst ff02::1')" 3
expect_equal "its own pings at near" "$(heard near.pcap 'dst 10.1.0.255 or dst ff02::1')" 0
df_ctl trace near arp,arp_tpa=10.1.0.99 >trace.txt
expect_text "by tunnel type=vxlan key=$vni peer=192.0.2.2" trace.txt
expect_text "by tunnel type=vxlan key=$vni peer=192.0.2.3" trace.txt
df_ctl table flood >flood.txt
expect_text "192.0.2.2" flood.txt

note "a packet of the network's MTU fits the wire"
in_guest near ping -q -c 1 -W 5 -M "do" -s 1422 "${ip4[far]}" >ping.txt || fail "1450 bytes: $(cat ping.txt)"

note "TCP between the nodes (how fast is not tested)"
rate=$(tcp_rate near far)
echo "   $rate Mbit/s"
expect_more "Mbit/s from near to far" "$rate" 1
rate=$(tcp_rate far near-blue)
echo "   $rate Mbit/s"
expect_more "Mbit/s from far to near-blue" "$rate" 1

note "the kernel's VXLAN is the other end: ARP by broadcast, ping, TCP"
ip netns add kernel
ip -n node3 addr add 192.0.2.3/24 dev up0
ip -n node3 neigh add 192.0.2.1 lladdr "$mac1" dev up0 nud permanent
ip -n node3 link add vx0 type vxlan id $vni dstport 4789 local 192.0.2.3 remote 192.0.2.1 dev up0
ip -n node3 link set vx0 netns kernel name eth0
in_guest kernel ethtool -K eth0 tx off >/dev/null
in_guest kernel ip link set lo up
in_guest kernel ip link set eth0 address "${mac[kernel]}" mtu 1450 up
in_guest kernel ip addr add "${ip4[kernel]}/24" dev eth0
expect_ping kernel near
expect_ping near kernel
rate=$(tcp_rate near kernel)
echo "   $rate Mbit/s"
expect_more "Mbit/s from near to the kernel" "$rate" 1

note "trace tells the way, both ways"
df_ctl trace near icmp,nw_dst="${ip4[far]}" >trace.txt
expect_text "verdict: deliver to port 1023 up0, by tunnel type=vxlan key=$vni peer=192.0.2.2" trace.txt
expect_text "203 peers" trace.txt

note "what is no tunnel, and a tunnel from a stranger or with a key of nobody, is dropped by name"
before=$(drops tunnel_unknown_key)
ip -n node3 link add vx1 type vxlan id 999 dstport 4789 local 192.0.2.3 remote 192.0.2.1 dev up0
ip -n node3 link set vx1 up
ip -n node3 addr add 10.9.0.1/24 dev vx1
ip netns exec node3 ping -q -c 1 -W 1 10.9.0.2 >/dev/null || true
until_true 10 "packets are dropped as tunnel_unknown_key" more_drops tunnel_unknown_key "$before"
before=$(drops tunnel_unknown_peer)
ip -n node3 addr add 192.0.2.9/24 dev up0
ip -n node3 link del vx1
ip -n node3 link add vx1 type vxlan id $((vni + 1)) dstport 4789 local 192.0.2.9 remote 192.0.2.1 dev up0
ip -n node3 link set vx1 up
ip -n node3 addr add 10.9.0.1/24 dev vx1
ip netns exec node3 ping -q -c 1 -W 1 10.9.0.2 >/dev/null || true
until_true 10 "packets are dropped as tunnel_unknown_peer" more_drops tunnel_unknown_peer "$before"
before=$(drops underlay_other)
ip netns exec node3 bash -c "echo >/dev/udp/192.0.2.1/9"
until_true 5 "it is dropped as underlay_other" more_drops underlay_other "$before"

note "a node that is gone from the model is a stranger; back again, it is reached again"
df_db delete chassis node2
until_true 10 "near does not reach far any more" sh -c "! ip netns exec near ping -q -c 1 -W 1 ${ip4[far]}"
put chassis '{"id": "node2", "ip": "192.0.2.2", "tunnel_types": ["vxlan"]}'
until_true 10 "near reaches far again" ip netns exec near ping -q -c 1 -W 1 "${ip4[far]}"

# status_of PORT FILTER
status_of() {
    df_db get port_status "$1" --json | jq -e "$2"
}

note "a node that is killed is dead within ten seconds, and its ports are marked; no other is taken to be"
! grep 'is dead' log node2.err || fail "somebody was taken to be dead"
df_ctl chassis >chassis.txt
expect_text 'node1 +192.0.2.1 +geneve,vxlan,gre +- +- +this node ' chassis.txt
expect_text 'node2 +192.0.2.2 +vxlan +vxlan +- +alive +[0-9]+ s +2' chassis.txt
expect_text 'node3 +192.0.2.3 +vxlan +vxlan +- +unregistered ' chassis.txt
until_true 5 "the status of far is in the database" status_of far '.attached and .chassis == "node2"'
kill -KILL "$far_switchd"
wait "$far_switchd" 2>/dev/null || true
until_true 10 "node2 is dead" grep -q 'chassis node2 is dead' log
reports chassis '.[] | select(.id == "node2" and .state == "dead" and .since_ms >= 3000 and .owner == null)' >/dev/null ||
    fail "df-ctl chassis does not know it: $(df_ctl chassis)"
until_true 10 "far is marked" status_of far '(.attached | not) and .reason == "chassis node2 is dead"'
before=$(drops tunnel_unreachable)
ip netns exec near ping -q -c 1 -W 1 "${ip4[far]}" >/dev/null || true
until_true 10 "packets are dropped as tunnel_unreachable" more_drops tunnel_unreachable "$before"
start_far
until_true 20 "node2 lives again" grep -q 'chassis node2 is alive again' log
until_true 20 "near reaches far again" ip netns exec near ping -q -c 1 -W 1 "${ip4[far]}"
until_true 10 "far is served again" status_of far '.attached and .applied_version > 0'
expect_ping near kernel
stop_switch
