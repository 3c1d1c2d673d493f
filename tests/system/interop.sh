#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guests of the switch talk to those of Open vSwitch and of the kernel, which know nothing of Dragonflow: VXLAN, Geneve
# and GRE, over IPv4 and IPv6. tcpdump reads what both sides put on the wire.
. "${0%/*}/lib.sh"

command -v ovs-vswitchd >/dev/null || skip "there is no ovs-vswitchd (Debian: openvswitch-switch)"

declare -A vni=([vxlan]=5001 [geneve]=5002 [gre]=5003)
types=(vxlan geneve gre)
local4=192.0.2.1 local6=2001:db8:f::1
ovs4=192.0.2.2 ovs6=2001:db8:f::2
kernel4=192.0.2.3 kernel6=2001:db8:f::3

# ---- The underlay: a bridge, with a wire to each node. node1 is here, the others are namespaces.
ip link add wire type bridge
ip link set wire up
ip link add up0 type veth peer name to-node1
ip link set to-node1 master wire up
ip link set up0 up
for node in ovs kernel; do
    ip netns add $node
    ip link add to-$node type veth peer name up0 netns $node
    ip link set to-$node master wire up
    ip -n $node link set lo up
    # A kernel that speaks for itself leaves no checksum to hardware that is not there.
    ip netns exec $node ethtool -K up0 tx off >/dev/null
done

# ---- The model. A foreign node is as many chassis as it has addresses, for nobody registers it but an operator.
for n in 1 2 3; do
    network "${types[n - 1]}" 10.$n.0.0/24 2001:db8:$n::/64
done
for type in "${types[@]}"; do
    put lswitch "{\"id\": \"$type\", \"name\": \"$type\", \"topic\": \"t\", \"network_type\": \"$type\",
        \"segmentation_id\": ${vni[$type]}, \"mtu\": 1430}"
done
df_db create chassis "{\"id\": \"ovs4\", \"ip\": \"$ovs4\", \"tunnel_types\": [\"vxlan\", \"geneve\", \"gre\"]}" >/dev/null
df_db create chassis "{\"id\": \"ovs6\", \"ip\": \"$ovs6\", \"tunnel_types\": [\"vxlan\", \"geneve\", \"gre\"]}" >/dev/null
df_db create chassis "{\"id\": \"kernel4\", \"ip\": \"$kernel4\", \"tunnel_types\": [\"vxlan\"]}" >/dev/null
df_db create chassis "{\"id\": \"kernel6\", \"ip\": \"$kernel6\", \"tunnel_types\": [\"vxlan\"]}" >/dev/null
for type in "${types[@]}"; do
    chassis_of[ovs4-$type]=ovs4
    chassis_of[ovs6-$type]=ovs6
    for guest in near ovs4 ovs6; do
        port $guest-"$type" "$type" veth "\"vif_name\": \"$guest-$type\""
    done
done
chassis_of[kernel4]=kernel4
chassis_of[kernel6]=kernel6
port kernel4 vxlan veth
port kernel6 vxlan veth

# ---- Open vSwitch, with the data path that it has in its own process. One bridge has the wire and the addresses.
export OVS_RUNDIR=/run/df/ovs OVS_DBDIR=/run/df/ovs OVS_LOGDIR=/run/df/ovs
mkdir ovs
vsctl() {
    ovs-vsctl --timeout=20 --db=unix:/run/df/ovs/db.sock "$@"
}
ovsdb-tool create ovs/conf.db "$(find /usr/share/openvswitch -name vswitch.ovsschema)"
ovsdb-server ovs/conf.db --remote=punix:/run/df/ovs/db.sock >ovsdb-server.err 2>&1 &
until_true 10 "ovsdb-server answers" vsctl --no-wait init
ip netns exec ovs ovs-vswitchd unix:/run/df/ovs/db.sock >ovs-vswitchd.err 2>&1 &
vsctl add-br phy -- set bridge phy datapath_type=netdev -- add-port phy up0
# The wire is Open vSwitch's: the kernel must not answer there for addresses that it has on phy.
ip netns exec ovs sysctl -qw net.ipv6.conf.up0.disable_ipv6=1 net.ipv4.conf.up0.arp_ignore=8
ip -n ovs link set up0 up
ip -n ovs addr add $ovs4/24 dev phy
ip -n ovs addr add $ovs6/64 dev phy nodad
ip -n ovs link set phy up

# guest NAME NODE: a namespace whose eth0 is the interface NAME of NODE.
guest() {
    ip netns add "$1"
    ip -n "$2" link add "$1" type veth peer name eth0 netns "$1"
    ip -n "$2" link set "$1" up
    address "$1"
}
address() {
    in_guest "$1" ethtool -K eth0 tx off >/dev/null
    in_guest "$1" ip link set lo up
    in_guest "$1" ip link set eth0 address "${mac[$1]}" mtu 1430 up
    in_guest "$1" ip addr add "${ip4[$1]}/24" dev eth0
    in_guest "$1" ip addr add "${ip6[$1]}/64" dev eth0 nodad
}

# A bridge for each tunnel: t4-vxlan has the guest ovs4-vxlan and VXLAN over IPv4.
for type in "${types[@]}"; do
    for family in 4 6; do
        declare -n here_=local$family there=ovs$family
        guest ovs$family-"$type" ovs
        vsctl add-br t$family-"$type" -- set bridge t$family-"$type" datapath_type=netdev \
            -- add-port t$family-"$type" ovs$family-"$type" \
            -- add-port t$family-"$type" "$type"$family -- set interface "$type"$family type="$type" \
            options:remote_ip="$here_" options:local_ip="$there" options:key="${vni[$type]}"
    done
done

# ---- The kernel's VXLAN, over each family.
ip -n kernel addr add $kernel4/24 dev up0
ip -n kernel addr add $kernel6/64 dev up0 nodad
ip -n kernel link set up0 up
# kernel_vxlan FAMILY [OPTION...]
kernel_vxlan() {
    local family=$1
    declare -n here_=local$family there=kernel$family
    shift
    ip netns add "kernel$family"
    ip -n kernel link add "vx$family" type vxlan id "${vni[vxlan]}" dstport 4789 local "$there" remote "$here_" dev up0 "$@"
    ip -n kernel link set "vx$family" netns "kernel$family" name eth0
    address "kernel$family"
}
kernel_vxlan 4
kernel_vxlan 6

# ---- The switch.
option[df.local_ip]=$local4/24,$local6/64
option[df.underlay_port]=up0
option[df.underlay_mtu]=1500
option[fastpath.ports]=up0=net_af_packet0,iface=up0
tcpdump -i to-node1 -nn -U -w wire.pcap 2>/dev/null &
tcpdump=$!
until_true 5 "tcpdump has begun" test -s wire.pcap
start_switch
for type in "${types[@]}"; do
    plug near-"$type"
    in_guest near-"$type" ip addr add "${ip4[near-$type]}/24" dev eth0
    in_guest near-"$type" ip link set eth0 mtu 1430
done
all_resolved() {
    reports underlay "[.neighbours[] | select(.state == \"reachable\") | .ip]
        | contains([\"$ovs4\", \"$ovs6\", \"$kernel4\", \"$kernel6\"])"
}
until_true 20 "all the others are resolved" all_resolved

# iperf CLIENT SERVER [OPTION...]: what iperf3 says of a short transfer is in iperf3.json; how fast is not tested.
iperf() {
    local client=$1 server=$2 listener code=0
    shift 2
    in_guest "$server" iperf3 -s -1 >iperf3-server.log 2>&1 &
    listener=$!
    until_true 5 "iperf3 listens" iperf3_listens "$server"
    in_guest "$client" timeout 20 iperf3 -c "$(address_of "$server")" --json "$@" >iperf3.json || code=$?
    [ $code = 0 ] || kill "$listener" 2>/dev/null || true
    wait "$listener" || true
    return $code
}

# A kernel's socket holds a twentieth of a second of it.
most_udp_arrives() {
    iperf "$1" "$2" -u -b 20M -n 250K -l 1300 || return 1
    jq -e '.end.sum.lost_percent < 10' iperf3.json
}

# talk NEAR FAR: ping and iperf3, begun by either side.
talk() {
    local from to
    for from in "$1" "$2"; do
        to=$1
        [ "$from" != "$1" ] || to=$2
        expect_ping "$from" "$to"
        expect_ping "$from" "$to" 6
        in_guest "$from" ping -q -c 1 -W 5 -M "do" -s 1402 "${ip4[$to]}" >ping.txt || fail "1430 bytes: $(cat ping.txt)"
        iperf "$from" "$to" -n 4M || fail "iperf3 from $from to $to: $(jq -r .error iperf3.json)"
        expect_more "bytes of TCP from $from to $to" "$(jq .end.sum_received.bytes iperf3.json)" 1000000
        until_true 20 "less than a tenth of UDP is lost from $from to $to" most_udp_arrives "$from" "$to"
    done
}

for type in "${types[@]}"; do
    note "$type with Open vSwitch, over IPv4 and IPv6"
    talk near-"$type" ovs4-"$type"
    talk near-"$type" ovs6-"$type"
done
note "VXLAN with the kernel, over IPv4 and IPv6"
talk near-vxlan kernel4
talk near-vxlan kernel6

note "tcpdump reads what both sides wrote, down to the guests' packets, and finds nothing wrong with it"
kill -INT "$tcpdump"
wait "$tcpdump" || true
tcpdump -nn -vv -r wire.pcap >wire.txt 2>/dev/null
! grep -Eim 3 'bad [a-z0-9]* ?cksum|\(incorrect|wrong icmp|malformed|\[\|' wire.txt >faults.txt ||
    fail "tcpdump finds fault: $(cat faults.txt)"
declare -A header=([vxlan]="VXLAN, flags [I] (0x08), vni ${vni[vxlan]}" [geneve]='Geneve, Flags [none], vni 0x138a'
    [gre]='GREv0, Flags [key present], key=0x138b')
# expect_decoded HEADER FROM TO INNER: outer headers from one node to another, and behind them a packet of a guest.
expect_decoded() {
    grep -A 4 -E "$2[.0-9]* > $3[.0-9]*: " wire.txt | grep -A 4 -F "$1" >decoded.txt || true
    expect_text "$4" decoded.txt
}
for type in "${types[@]}"; do
    for family in 4 6; do
        declare -n here_=local$family there=ovs$family
        near=near-$type far=ovs$family-$type
        expect_decoded "${header[$type]}" "$here_" "$there" "${ip4[$near]} > ${ip4[$far]}: ICMP echo request"
        expect_decoded "${header[$type]}" "$there" "$here_" "${ip4[$far]}\.[0-9]+ > ${ip4[$near]}\..*cksum .* \(correct\)"
        expect_decoded "${header[$type]}" "$here_" "$there" "${ip6[$near]} > ${ip6[$far]}: \[icmp6 sum ok\]"
    done
done
expect_decoded "${header[vxlan]}" $local4 $kernel4 "${ip4[near-vxlan]} > ${ip4[kernel4]}: ICMP echo request"
expect_decoded "${header[vxlan]}" $kernel6 $local6 "${ip4[kernel6]} > ${ip4[near-vxlan]}: ICMP echo request"
expect_text "$local6.[0-9]+ > $ovs6.4789: \[udp sum ok\] VXLAN" wire.txt
expect_text "$local6.[0-9]+ > $ovs6.6081: \[udp sum ok\] Geneve" wire.txt

note "checksums that Open vSwitch adds when it is told to are read"
for port in vxlan4 geneve4 gre4 gre6; do
    vsctl set interface $port options:csum=true
done
for type in "${types[@]}"; do
    expect_ping near-"$type" ovs4-"$type"
done
expect_ping near-gre ovs6-gre

note "what comes with another key is dropped by name, and heard again when the key is right"
for port in vxlan4 geneve6 gre4; do
    type=${port%?} family=${port: -1}
    vsctl set interface $port options:key=5999
    before=$(drops tunnel_unknown_key)
    expect_no_ping ovs"$family-$type" near-"$type" 6
    until_true 10 "packets of $type are dropped as tunnel_unknown_key" more_drops tunnel_unknown_key "$before"
    vsctl set interface $port options:key="${vni[$type]}"
    expect_ping ovs"$family-$type" near-"$type" 6
done

note "without UDP checksums over IPv6 Open vSwitch hears the switch, and the kernel only if told to"
stop_switch
option[df.tunnel_udp6_checksum]=false
start_switch
served near-vxlan
until_true 20 "all the others are resolved" all_resolved
expect_ping near-vxlan ovs6-vxlan 6
expect_no_ping near-vxlan kernel6 6
in_guest kernel6 ip link del eth0
ip netns del kernel6
kernel_vxlan 6 udp6zerocsumtx udp6zerocsumrx
expect_ping near-vxlan kernel6 6
expect_ping kernel6 near-vxlan 6
stop_switch
