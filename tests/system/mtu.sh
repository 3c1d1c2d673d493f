#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Guests send packets that are too long: for the next network of their router, for the network's MTU, and for a wire between the
# nodes that only a router on the underlay knows of. Their kernels are told, and believe it.
. "${0%/*}/lib.sh"

vni=5001

# The underlay: a wire from node1, which is here, to the router gw, and from there one that takes 1400 bytes to node2.
ip netns add gw
ip netns add node2
ip link add up0 type veth peer name left netns gw
ip link set up0 up
ip -n gw link add right type veth peer name up0 netns node2
ip -n gw link set left up
ip -n gw link set right mtu 1400 up
ip -n node2 link set up0 mtu 1400 up
ip -n node2 link set lo up
ip -n gw addr add 192.0.2.254/24 dev left
ip -n gw addr add 198.51.100.254/24 dev right
ip netns exec gw sysctl -qw net.ipv4.ip_forward=1

# tunnelled NETWORK KEY MTU
tunnelled() {
    put lswitch "{\"id\": \"$1\", \"name\": \"$1\", \"topic\": \"t\", \"network_type\": \"vxlan\",
        \"segmentation_id\": $2, \"mtu\": $3}"
}
network red 10.1.0.0/24 2001:db8:1::/64
network big 10.2.0.0/24 2001:db8:2::/64
network small 10.3.0.0/24 2001:db8:3::/64
tunnelled red $vni 1450
put lswitch '{"id": "big", "name": "big", "topic": "t", "network_type": "local", "mtu": 9000}'
put lswitch '{"id": "small", "name": "small", "topic": "t", "network_type": "local", "mtu": 1400}'
router r red big small
put chassis '{"id": "node1", "ip": "192.0.2.1", "tunnel_types": ["vxlan"]}' \
    '{"id": "node2", "ip": "198.51.100.2", "tunnel_types": ["vxlan"]}'
chassis_of=([far]=node2)
# Of a veth the kernel puts fragments together before the switch has them (PACKET_FANOUT_FLAG_DEFRAG); of a tap it does not.
port near red tap
port far red tap
port jumbo big tap
port tiny small tap

option[df.local_ip]=192.0.2.1/24
option[df.underlay_port]=up0
option[df.underlay_gateway]=192.0.2.254
option[fastpath.ports]=up0=net_af_packet0,iface=up0
option[fastpath.mbuf_size]=9216
option[fastpath.mbufs]=8192
start_switch
plug near jumbo tiny

# The other node: the same database, a switch of its own.
far_ctl() {
    timeout 60 "$df_ctl_program" --socket /run/df/node2.sock "$@"
}
option[df.host]=node2
option[df.local_ip]=198.51.100.2/24
option[df.underlay_gateway]=198.51.100.254
option[df.underlay_mtu]=1400
option[rpc.socket]=/run/df/node2.sock
option[fastpath.workers]=0
write_config
mv switch.ini node2.ini
ip netns exec node2 "$df_switchd" --config /run/df/node2.ini >>node2.err 2>&1 &
until_true 30 "the switch of node2 answers df-ctl" far_ctl version
ip netns add far
far_ctl wait far --programmed --timeout 20 >/dev/null || fail "far is not open: $(far_ctl ports)"
ip -n node2 link set dev far netns far name eth0
in_guest far ip link set eth0 address "${mac[far]}" up
far_ctl wait far --timeout 20 >/dev/null || fail "far is not served: $(far_ctl ports)"
in_guest far ip addr add "${ip6[far]}/64" dev eth0 nodad

lease near far tiny jumbo
for guest in near far tiny jumbo; do
    in_guest $guest ip route replace default via "${cidr4[${network_of[$guest]}]}.1" dev eth0
done
in_guest jumbo ip link set eth0 mtu 9000
in_guest tiny ip link set eth0 mtu 1400
in_guest near ip link set eth0 mtu 1450
in_guest far ip link set eth0 mtu 1450
expect_ping near far
expect_ping near far 6
expect_ping jumbo tiny

# told FROM SIZE ADDRESS PATTERN: a ping of that payload that must not be fragmented, and what the guest hears of it.
told() {
    in_guest "$1" ping -c 1 -W 5 -M "do" -s "$2" "$3" >told.txt 2>&1 || true
    grep -Eq -- "$4" told.txt
}

# route_mtu FROM ADDRESS: the path MTU that the guest's kernel keeps.
route_mtu() {
    in_guest "$1" ip -o route get "$2" | grep -o 'mtu [0-9]*' | cut -d ' ' -f 2
}

# whole FROM SIZE ADDRESS: it may be fragmented, and is answered.
whole() {
    in_guest "$1" ping -q -c 3 -i 0.2 -w 5 -M dont -s "$2" "$3" >ping.txt 2>&1 || true
    grep -Eq ' [1-9][0-9]* received' ping.txt || fail "$1: $2 bytes to $3: $(cat ping.txt)"
}

note "a router between networks of 9000 and of 1400 says so, by its address on the sender's side"
told jumbo 8000 "${ip4[tiny]}" "From ${cidr4[big]}.1 .*Frag needed and DF set \(mtu = 1400\)" || fail "$(cat told.txt)"
expect_equal "the guest's path MTU" "$(route_mtu jumbo "${ip4[tiny]}")" 1400
told jumbo 8000 "${ip6[tiny]}" "From ${cidr6[big]}::1 .*Packet too big: mtu=1400" || fail "$(cat told.txt)"
expect_equal "the guest's path MTU of IPv6" "$(route_mtu jumbo "${ip6[tiny]}")" 1400
told jumbo 1372 "${ip4[tiny]}" ' 1 received' || fail "1400 bytes: $(cat told.txt)"

note "without DF it comes in pieces that the guest puts together"
whole jumbo 8000 "${ip4[tiny]}"

note "a new MTU of the network is what the next packet is told"
put lswitch '{"id": "small", "name": "small", "topic": "t", "network_type": "local", "mtu": 1300}'
until_true 10 "jumbo is told 1300" told jumbo 1372 "${ip4[tiny]}" 'mtu = 1300'
expect_equal "the guest's path MTU" "$(route_mtu jumbo "${ip4[tiny]}")" 1300

note "what the router of the underlay says of the tunnel's packet, the guest is told with a later one of its own"
until_true 10 "near is told 1350" told near 1422 "${ip4[far]}" "From ${ip4[far]} .*Frag needed and DF set \(mtu = 1350\)"
expect_equal "the guest's path MTU" "$(route_mtu near "${ip4[far]}")" 1350
until_true 10 "near is told 1350 in IPv6" told near 1402 "${ip6[far]}" 'Packet too big: mtu=1350'
expect_equal "the guest's path MTU of IPv6" "$(route_mtu near "${ip6[far]}")" 1350
df_ctl underlay >underlay.txt
expect_text '198.51.100.2 +1400' underlay.txt
told near 1322 "${ip4[far]}" ' 1 received' || fail "1350 bytes: $(cat told.txt)"
told near 1302 "${ip6[far]}" ' 1 received' || fail "1350 bytes of IPv6: $(cat told.txt)"

note "over the tunnel, too, what may be goes in pieces, both ways"
whole near 1422 "${ip4[far]}"
whole near 3000 "${ip4[far]}"
whole far 3000 "${ip4[near]}"

note "TCP finds its way (how fast is not tested)"
rate=$(tcp_rate near far)
echo "   $rate Mbit/s"
expect_more "Mbit/s from near to far" "$rate" 1

note "trace tells which MTU it is, and counters tell how often"
df_ctl trace near udp,nw_dst="${ip4[far]}",len=1400 >trace.txt
expect_text 'verdict: answer in place: .*mtu=1350' trace.txt
expect_text 'because of too_big' trace.txt
df_ctl trace near udp,nw_dst="${ip4[far]}",len=1400,ip_df=0 >trace.txt
expect_text 'in fragments of at most 1350 bytes, by tunnel' trace.txt
expect_more "packets dropped as too_big" "$(drops too_big)" 4
stop_switch
