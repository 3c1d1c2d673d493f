#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What df-ctl conn shows and does of real sessions: TCP between two guests with security groups, listed, counted and cut.
. "${0%/*}/lib.sh"

network red 10.1.0.0/24 2001:db8:1::/64
port client red veth
port server red veth
put secgroup '{"id": "open", "name": "open", "topic": "t", "rules": [
    {"id": "out4", "direction": "egress", "ethertype": "IPv4"},
    {"id": "out6", "direction": "egress", "ethertype": "IPv6"},
    {"id": "in-tcp", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp"},
    {"id": "in-udp", "direction": "ingress", "ethertype": "IPv4", "protocol": "udp"},
    {"id": "in-icmp6", "direction": "ingress", "ethertype": "IPv6", "protocol": "ipv6-icmp"}]}'
put_port client '"vif_name": "client"' '"security_groups": ["open"], "port_security_enabled": true'
# The pair is every IPv6 address and no IPv4 one: which side of a conversation the server is can still be told.
put_port server '"vif_name": "server"' '"security_groups": ["open"], "port_security_enabled": true,
    "allowed_address_pairs": [{"ip_address": "::/0"}]'
option[df.apps_list]=l2,l3,portsec,dhcp,secgroup
option[fastpath.connections_per_port]=40
start_switch
plug client server
lease client server

# conns FILTERS...: how many connections there are.
conns() {
    df_ctl conn count --json "$@" | jq .total
}

conns_are() {
    [ "$(conns "${@:2}")" = "$1" ]
}

mkfifo silence words
exec {silence}<>silence

# A TCP session, in which the client says a word when it is told to: say WORD; heard WORD. The server only listens.
open_session() {
    : >heard.txt
    in_guest server busybox nc -l -p 5000 <&"$silence" >>heard.txt &
    until_true 5 "the server listens" sh -c 'ip netns exec server ss -Hltn "sport = :5000" | grep -q .'
    in_guest client busybox nc "${ip4[server]}" 5000 <words >/dev/null 2>&1 &
    exec {words}>words
}

say() {
    echo "$1" >&"$words"
}

heard() {
    grep -qx "$1" heard.txt
}

note "a TCP session is two connections: the sender's and the receiver's"
open_session
say hello
until_true 5 "the server hears the client" heard hello
expect_equal "TCP connections" "$(conns --proto tcp --state established)" 2
df_ctl conn --proto tcp >list.txt
expect_text "^client +egress +tcp +tcp_established .* ${ip4[client]}:[0-9]+ -> ${ip4[server]}:5000$" list.txt
expect_text "^server +ingress +tcp +tcp_established .* ${ip4[client]}:[0-9]+ -> ${ip4[server]}:5000$" list.txt
sed 's/^/   /' list.txt

note "filters"
expect_equal "of the client" "$(conns --proto tcp --port client)" 1
expect_equal "of the server's address" "$(conns --proto tcp --addr "${ip4[server]}")" 2
expect_equal "of the network" "$(conns --proto tcp --addr 10.1.0.0/24)" 2
expect_equal "of another network" "$(conns --proto tcp --addr 10.2.0.0/24)" 0
expect_equal "IPv6, TCP" "$(conns --proto tcp --addr ::/0)" 0
expect_equal "closing" "$(conns --proto tcp --state time_wait)" 0
expect_ping client server 6
expect_more "ICMPv6 connections" "$(conns --proto icmp6)" 0
expect_equal "counts by port of TCP" \
    "$(df_ctl conn count --by port --proto tcp --json | jq -c '[.counts[] | {(.port_name): .connections}] | add | tojson')" \
    '"{\"client\":1,\"server\":1}"'
expect_equal "the list in JSON" "$(df_ctl conn --proto tcp --json | jq '.connections | length')" 2
expect_equal "the list with a limit" "$(df_ctl conn --limit 1 --json | jq '.connections | length')" 1
expect_failure refused.txt "$df_ctl_program" --socket /run/df/df.sock conn --port nobody
expect_text 'nobody' refused.txt
expect_failure refused.txt "$df_ctl_program" --socket /run/df/df.sock conn --state dead-slow
expect_text "no connection state .dead-slow" refused.txt
expect_failure refused.txt "$df_ctl_program" --socket /run/df/df.sock conn delete
expect_text 'or --all' refused.txt

note "top: who sends most"
tcp_rate client server >/dev/null
df_ctl conn top 2 --json | jq -e '.connections | length == 2 and all(.l4_dst == 5201) and .[0].packets > 100' >/dev/null ||
    fail "the two connections of iperf3 do not lead: $(df_ctl conn top 5)"

note "deleted, the session goes on as a new connection: the rules allow it"
begun=$(df_ctl show --json | jq .connections.begun)
expect_equal "what delete says" "$(df_ctl conn delete --proto tcp --addr "${ip4[server]}" --state established)" \
    "2 connections deleted"
expect_equal "TCP connections" "$(conns --proto tcp --state established)" 0
say again
until_true 5 "the server hears the client again" heard again
expect_more "connections begun" "$(df_ctl show --json | jq .connections.begun)" "$begun"
expect_more "TCP connections" "$(conns --proto tcp --addr "${ip4[server]}")" 1

note "a port has as many connections as it may, and what is refused is told; others go on"
before=$(drops conn_port_limit)
# shellcheck disable=SC2016 # the guest's shell expands it
in_guest client bash -c 'for port in {2000..2399}; do echo flood >"/dev/udp/$0/$port"; done' "${ip4[server]}" || true
until_true 5 "packets are dropped as conn_port_limit" more_drops conn_port_limit "$before"
expect_less "connections of the client" "$(conns --port client)" 41
df_ctl show >show.txt
expect_text '^connections .* 40 of a port; refused: 0 the table was full, [1-9]' show.txt
df_ctl workers >workers.txt
expect_text '^connections: ' workers.txt
say still
until_true 5 "the session goes on" heard still
df_ctl conn delete --proto udp >/dev/null
until_true 5 "there is room again" conns_are 0 --proto udp

note "idle connections are forgotten in time; without pick-up a deleted session stays cut"
exec {words}>&-
stop_switch
option[fastpath.tcp_pick_up]=no
option[connections.udp_timeout]=3
start_switch
served client
served server
in_guest client bash -c "echo once >/dev/udp/${ip4[server]}/3000" || true
until_true 8 "the UDP connection times out" conns_are 0 --proto udp
open_session
say hello
until_true 5 "the server hears the client" heard hello
before=$(drops conn_invalid)
expect_equal "what delete says" "$(df_ctl conn delete --proto tcp --state established)" "2 connections deleted"
say lost
until_true 10 "the session's packets are dropped as conn_invalid" more_drops conn_invalid "$before"
heard lost && fail "the session went on without a connection"
expect_equal "TCP connections" "$(conns --proto tcp --state established)" 0
exec {words}>&-
