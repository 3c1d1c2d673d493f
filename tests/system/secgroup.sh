#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Security groups with real clients: who may talk to whom, and a TCP session that is cut by a rule and goes on when it is back.
. "${0%/*}/lib.sh"

# group ID RULE...: each rule is further fields of JSON behind an id.
group() {
    local id=$1 rule n=0 rules=()
    shift
    for rule in "$@"; do
        rules+=("{\"id\": \"$id-$n\", $rule}")
        n=$((n + 1))
    done
    put secgroup "{\"id\": \"$id\", \"name\": \"$id\", \"topic\": \"t\", \"rules\": $(printf '%s\n' "${rules[@]}" | jq -cs .)}"
}

in4='"direction": "ingress", "ethertype": "IPv4"'
in6='"direction": "ingress", "ethertype": "IPv6"'
out4='"direction": "egress", "ethertype": "IPv4"'
out6='"direction": "egress", "ethertype": "IPv6"'
echoes='"protocol": "tcp", "port_range_min": 7000, "port_range_max": 7001'
speed='"protocol": "tcp", "port_range_min": 5201, "port_range_max": 5201'

# in_groups PORT GROUP...: in these and no others.
in_groups() {
    local name=$1
    shift
    put_port "$name" "\"vif_name\": \"$name\"" "\"security_groups\": $(printf '%s\n' "$@" | jq -Rcn '[inputs]')"
    [ -z "${switchd:-}" ] || served "$name"
}

network red 10.1.0.0/24 2001:db8:1::/64
network blue 10.2.0.0/24 2001:db8:2::/64
router r red blue
port client red veth
port server red tap
port outsider red veth
port far blue veth
group clients "$out4" "$out6"
group servers "$in4, $echoes" "$in6, $echoes" "$in4, $speed, \"remote_group_id\": \"clients\""
group outsiders "$out4" "$out6"
in_groups client clients
in_groups server servers
in_groups outsider outsiders
in_groups far clients
start_switch
plug client server outsider far

note "DHCP needs no rule"
lease client server outsider far

note "nobody pings the server, and it pings nobody, until a rule says so"
expect_no_ping client server
expect_no_ping client server 6
expect_no_ping server client
group servers "$in4, $echoes" "$in6, $echoes" "$in4, $speed, \"remote_group_id\": \"clients\"" "$in4, \"protocol\": \"icmp\"" \
    "$in6, \"protocol\": \"ipv6-icmp\""
until_true 5 "the rule is in force" in_guest client ping -c 1 -W 1 "${ip4[server]}"
expect_ping client server
expect_ping client server 6
expect_ping far server
expect_no_ping server client

note "iperf3: the members of the group get through, from this network and across the router; others do not"
for from in client far; do
    rate=$(tcp_rate $from server)
    echo "   $from to server: $rate Mbit/s"
    expect_more "Mbit/s" "$rate" 0
done
in_guest server iperf3 -s -1 >iperf3-server.log 2>&1 &
until_true 5 "iperf3 listens" iperf3_listens server
before=$(drops sg_ingress)
expect_failure out.txt timeout 10 ip netns exec outsider iperf3 -c "${ip4[server]}" -t 1 --connect-timeout 1000
expect_more "packets dropped as sg_ingress" "$(drops sg_ingress)" "$before"
in_groups outsider clients
echo "   outsider, now a client: $(in_guest outsider iperf3 -c "${ip4[server]}" -t 1 --json |
    jq '.end.sum_received.bits_per_second / 1000000 | floor') Mbit/s"

# What a session has brought so far, and whether that has changed.
count() {
    cat "session$1" 2>/dev/null || echo -1
}

is_above() {
    [ "$(count "$1")" -gt "$2" ]
}

dropped() {
    echo $(($(drops sg_ingress) + $(drops sg_egress)))
}

dropped_more() {
    [ "$(dropped)" -gt "$1" ]
}

# session VERSION PORT
session() {
    in_guest server python3 "$here/tcp_session.py" serve "$2" 2>serve.err &
    until_true 5 "the echo server listens" eval "in_guest server ss -Hltn 'sport = :$2' | grep -q ."
    in_guest client python3 "$here/tcp_session.py" talk "$(address_of server "$1")" "$2" "session$1" 2>"talk$1.err" &
    talker=$!
    until_true 5 "the session goes on" is_above "$1" 5
}

# Two packets more are dropped, and meanwhile nothing comes.
brings_nothing() {
    local at
    at=$(count "$1")
    until_true 20 "segments are dropped" dropped_more $(($(dropped) + 1))
    [ "$(count "$1")" = "$at" ]
}

# is_cut VERSION: both sides try, nothing comes, once the switch has heard of it. Others' packets are dropped, too.
is_cut() {
    until_true 30 "the session is cut" brings_nothing "$1"
}

resumes() {
    until_true 60 "the session goes on" is_above "$1" "$(($(count "$1") + 5))"
    kill -0 "$talker" || fail "the session broke: $(cat "talk$1.err")"
}

for version in 4 6; do
    note "IPv$version: a session is cut when the rule goes, and goes on when it is back"
    session $version 700$((version / 6))
    group servers "$in4, \"protocol\": \"icmp\""
    is_cut $version
    group servers "$in4, $echoes" "$in6, $echoes"
    resumes $version

    note "IPv$version: it is cut when the port leaves the group, and goes on when it is in it again"
    in_groups server outsiders
    is_cut $version
    in_groups server outsiders servers
    resumes $version
    in_groups server servers
    resumes $version
    kill "$talker"
    wait "$talker" 2>/dev/null || true
done

note "two members of a group that lets in its own members"
group friends "$out4" "$in4, \"remote_group_id\": \"friends\""
in_groups client friends
in_groups server friends
expect_ping client server
expect_ping server client
expect_no_ping outsider server
expect_no_ping server outsider

note "what is known of connections and of drops"
df_ctl drops >drops.txt
expect_text 'sg_ingress' drops.txt

note "rules that cannot be: logged and shown by group and rule, and match nothing; the others of their group hold, and count"
group mixed "$in4, \"protocol\": \"icmp\"" "$in4, \"protocol\": \"gre\", \"port_range_min\": 1, \"port_range_max\": 2" \
    "$in4, \"protocol\": \"icmp\", \"port_range_max\": 3" "$in4, \"protocol\": \"udp\", \"remote_ip_prefix\": \"2001:db8::/64\"" \
    "$in4, \"protocol\": \"tcp\", \"port_range_min\": 80, \"port_range_max\": 80"
group empty
in_groups server mixed empty
expect_ping outsider server
declare -A why=(
    [mixed-1]='protocol gre has no ports here, and a port range is set'
    [mixed-2]='port_range_max is an ICMP code and needs a type, port_range_min'
    [mixed-3]='remote_ip_prefix: 2001:db8::/64 is not IPv4'
)
df_ctl show >show.txt
df_ctl secgroup mixed >mixed.txt
expect_text '^3 problems:$' show.txt
for rule in "${!why[@]}"; do
    expect_text "secgroup 'mixed': secgroup: rule $rule: ${why[$rule]}; it matches nothing" log
    expect_text "^secgroup +mixed +secgroup +rule $rule: ${why[$rule]};" show.txt
    expect_text "^ *- +ingress IPv4 .* $rule +${why[$rule]};" mixed.txt
done

note "df-ctl secgroup says which rule was good for what"
expect_text '^ports +server$' mixed.txt
expect_text '^ *[1-9][0-9]* +ingress IPv4 icmp +mixed-0 +-$' mixed.txt
expect_text '^ *0 +ingress IPv4 tcp port 80 +mixed-4 +-$' mixed.txt
sed 's/^/   /' mixed.txt
df_ctl secgroup >groups.txt
expect_text '^mixed +mixed +in force +yes +5 +3 +1 +server$' groups.txt
df_ctl secgroup empty >empty.txt
expect_text '^no rule: it allows nothing$' empty.txt
expect_failure error.txt "$df_ctl_program" --socket df.sock secgroup nobodys
expect_text "no secgroup with the id or name 'nobodys'" error.txt

note "df-ctl trace names the rule that lets a packet pass, or says that there is none"
df_ctl trace outsider icmp,dst=server >trace.txt
expect_text '^ +rule +clients-0 of group clients: egress IPv4 any protocol$' trace.txt
expect_text '^ +rule +mixed-0 of group mixed: ingress IPv4 icmp$' trace.txt
expect_text '^verdict: deliver to port [0-9]+ server$' trace.txt
for denied in tcp,tp_dst=81 ip,nw_proto=47; do
    df_ctl trace outsider "$denied,dst=server" >trace.txt
    expect_text '^ +rule +none matched$' trace.txt
    expect_text '^verdict: drop: sg_ingress ' trace.txt
done
