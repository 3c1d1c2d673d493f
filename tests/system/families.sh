#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nodes whose end points are of one family or of both, on one underlay: who reaches whom, and by which.
. "${0%/*}/lib.sh"

declare -A local_ips=([node1]=192.0.2.1/24 [node2]=2001:db8:ff::2/64 [node3]="192.0.2.3/24,2001:db8:ff::3/64"
    [node4]="2001:db8:ff::4/64,192.0.2.4/24")
declare -A switch_of

ctl_at() {
    local node=$1
    shift
    timeout 60 "$df_ctl_program" --socket "/run/df/$node.sock" "$@"
}

node_of() {
    echo "${chassis_of[$1]}"
}

# As those of lib.sh, on the guest's node.
wire_veth() {
    ip -n "$(node_of "$1")" link add name "$1" type veth peer name eth0 netns "$1"
    ip -n "$(node_of "$1")" link set dev "$1" up
    in_guest "$1" ethtool -K eth0 tx off >/dev/null
}

served() {
    ctl_at "$(node_of "$1")" wait "$1" --timeout 20 >/dev/null || fail "$1 is not served: $(ctl_at "$(node_of "$1")" ports)"
}

drops_at() {
    ctl_at "$1" drops --json | jq --arg reason "$2" '[.. | objects | select(.reason? == $reason) | .packets] | add // 0'
}

# more_drops_at NODE REASON BEFORE
more_drops_at() {
    [ "$(drops_at "$1" "$2")" -gt "$3" ]
}

# expect_way FROM TO PEER: a packet between the guests leaves for that end point, which is asked for until then.
leaves_for() {
    ctl_at "$(node_of "$1")" trace "$1" "icmp,nw_dst=${ip4[$2]}" >trace.txt
    grep -q "by tunnel type=geneve key=5001 peer=$3\$" trace.txt
}
expect_way() {
    until_true 10 "from $1 to $2 by $3" leaves_for "$1" "$2" "$3"
}

ip link add wire type bridge
ip link set wire up
network red 10.1.0.0/24
put lswitch '{"id": "red", "name": "red", "topic": "t", "network_type": "geneve", "segmentation_id": 5001, "mtu": 1400}'
chassis_of=([four]=node1 [six]=node2 [both]=node3 [also]=node4)
for guest in four six both also; do
    port $guest red veth
done

option[df.underlay_port]=up0
option[fastpath.ports]=up0=net_af_packet0,iface=up0
option[fastpath.mbufs]=8192
for node in node1 node2 node3 node4; do
    ip netns add $node
    ip link add to-$node type veth peer name up0 netns $node
    ip link set to-$node master wire up
    ip -n $node link set up0 up
    ip -n $node link set lo up
    option[df.host]=$node
    option[df.local_ip]=${local_ips[$node]}
    option[rpc.socket]=/run/df/$node.sock
    write_config
    mv switch.ini $node.ini
    ip netns exec $node "$df_switchd" --config /run/df/$node.ini >>$node.err 2>&1 &
    switch_of[$node]=$!
done
for node in node1 node2 node3 node4; do
    until_true 30 "the switch of $node answers df-ctl" ctl_at $node version
done
plug four six both also
lease four six both also

note "a node says its end points in the order of its local_ip"
ips_of() {
    df_db get chassis "$1" --json | jq -e --argjson ips "$2" '.ip == $ips[0] and .ips == $ips'
}
until_true 10 "node1 says one" ips_of node1 '["192.0.2.1"]'
until_true 10 "node2 says one" ips_of node2 '["2001:db8:ff::2"]'
until_true 10 "node3 says both" ips_of node3 '["192.0.2.3", "2001:db8:ff::3"]'
until_true 10 "node4 says both" ips_of node4 '["2001:db8:ff::4", "192.0.2.4"]'

note "who has both reaches everybody, by a family that the other has, and by the other's first where both have both"
expect_way four both 192.0.2.3
expect_way both four 192.0.2.1
expect_way six both 2001:db8:ff::3
expect_way both six 2001:db8:ff::2
expect_way both also 2001:db8:ff::4
expect_way also both 192.0.2.3
expect_ping four both
expect_ping both four
expect_ping six both
expect_ping both six
expect_ping both also
expect_ping also both
expect_ping also four
expect_ping also six

note "between one family alone and the other there is no path, and it is said why"
for pair in "four six node1" "six four node2"; do
    read -r from to node <<<"$pair"
    before=$(drops_at "$node" egress_no_path)
    expect_no_ping "$from" "$to"
    until_true 10 "packets are dropped as egress_no_path at $node" more_drops_at "$node" egress_no_path "$before"
    ctl_at "$node" show >show.txt
    expect_text "$to.*chassis ${chassis_of[$to]}.*(family|IPv[46])" show.txt
done

note "a broadcast is heard once by everybody that a path leads to"
# heard GUEST: frames in its capture
heard() {
    tcpdump -nn -r "$1.pcap" 2>/dev/null | wc -l
}
# has_heard GUEST COUNT
has_heard() {
    [ "$(heard "$1")" -ge "$2" ]
}
declare -A tcpdump_of
for guest in four six also; do
    in_guest $guest tcpdump -i eth0 -Q in -nn -U -w $guest.pcap udp port 9 2>/dev/null &
    tcpdump_of[$guest]=$!
    until_true 5 "tcpdump has begun" test -s $guest.pcap
done
broadcast() {
    in_guest "$1" python3 -c "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
for i in range(3): s.sendto(b'to all', ('10.1.0.255', 9))"
}
broadcast both
for guest in four six also; do
    expect_ping both $guest # what was sent before is there when this is
    until_true 5 "tcpdump wrote what it saw" has_heard $guest 3
done
broadcast four
expect_ping four also
until_true 5 "tcpdump wrote what it saw" has_heard also 6
expect_ping both six
for guest in four six also; do
    kill "${tcpdump_of[$guest]}"
    wait "${tcpdump_of[$guest]}" 2>/dev/null || true
done
expect_equal "broadcasts at four" "$(heard four)" 3
expect_equal "broadcasts at six" "$(heard six)" 3
expect_equal "broadcasts at also" "$(heard also)" 6

for node in node1 node2 node3 node4; do
    kill -TERM "${switch_of[$node]}"
    wait "${switch_of[$node]}" || fail "$node ended with $?"
done
