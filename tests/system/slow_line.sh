#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nodes whose line to the database carries little, in a cloud of which they need little: who reads for longer than a lease
# lives is not taken to be dead, and who is cut off from the database hears of changes by publishers.
. "${0%/*}/lib.sh"
# shellcheck source=scripts/nb-server
. "$scripts/nb-server"

rate=3mbit
foreign=10000 # ports that no node needs: they take the line some 15 seconds
declare -A switch_of

ip link add mgmt type bridge
ip link set mgmt up
ip addr add 198.51.100.253/24 dev mgmt # the database
ip addr add 198.51.100.254/24 dev mgmt # the publisher

# ---- Nodes, each with a line of its own.

add_node() {
    ip netns add "$1"
    ip link add "$1" type veth peer name mgmt0 netns "$1"
    ip link set "$1" master mgmt up
    ip -n "$1" link set mgmt0 up
    ip -n "$1" addr add "198.51.100.${1#node}/24" dev mgmt0
}

# slow NODE...
slow() {
    local node
    for node in "$@"; do
        tc qdisc add dev "$node" root tbf rate $rate burst 32kb latency 200ms
    done
}

# carried NODE: bytes to it so far
carried() {
    ip -s -j link show dev "$1" | jq ".[0].stats64.tx.bytes"
}

socket_of() {
    if [ "$1" = node1 ]; then
        echo /run/df/df.sock
    else
        echo "/run/df/$1.sock"
    fi
}

run_node() {
    option[df.host]=$1
    option[rpc.socket]=$(socket_of "$1")
    write_config
    mv switch.ini "$1.ini"
    ip netns exec "$1" "$df_switchd" --config "/run/df/$1.ini" >>"$1.err" 2>&1 &
    switch_of[$1]=$!
}

kill_node() {
    kill -KILL "${switch_of[$1]}"
    wait "${switch_of[$1]}" 2>/dev/null || true
}

ctl_at() {
    local node=$1
    shift
    timeout 60 "$df_ctl_program" --socket "$(socket_of "$node")" "$@"
}

# said_at NODE REPORT FILTER
said_at() {
    ctl_at "$1" "$2" --json | jq -e "$3"
}

in_sync='.daemon.database.state == "in sync"'

# takes NODE OTHER STATE: what NODE thinks of OTHER
takes() {
    said_at "$1" chassis ".[] | select(.id == \"$2\").state == \"$3\""
}

# expect_alive NODE OTHER MS: the lease of OTHER has been held for so long
expect_alive() {
    said_at "$1" chassis ".[] | select(.id == \"$2\") | .state == \"alive\" and .since_ms >= $3" >/dev/null ||
        fail "$1 did not hear all the time that $2 lives: $(ctl_at "$1" chassis)"
}

row() {
    df_db get "$1" "$2" --json | jq -e "$3"
}

now_ms() {
    date +%s%3N
}

start_publisher() {
    "$build/dbsync/df-publisher" --bind tcp://198.51.100.254:8866 --name api1 >>publisher.err 2>&1 &
    publisher=$!
    until_true 30 "the publisher is registered" df_db get publisher api1
}

# ---- What is there.

nb_start redis 198.51.100.253 /run/df/server
df_db dump >made.json
option[df.nb_db_class]=redis
option[df.remote_db_hosts]=$(nb_location redis 198.51.100.253)
option[df.enable_df_pub_sub]=true
option[df.publishers_ips]=198.51.100.254
export DF_DB=redis:${option[df.remote_db_hosts]}
until_true 30 "the database is made" df_db init
df_db load made.json >/dev/null
start_publisher
network red 10.1.0.0/24
network grey 10.2.0.0/24
jq -nc --argjson n $foreign '{lport: [range($n) | {id: "foreign\(.)", name: "a port that nobody here needs", topic: "t",
    lswitch: "grey", macs: ["02:00:01:00:00:01"], ips: ["10.2.\(. / 250 | floor).\(. % 250 + 3)"], subnets: ["grey-4"],
    security_groups: ["all"], device_owner: "compute:nova", device_id: "5d1b0f0e-6d2c-4b7e-9a51-0000000\(100000 + .)",
    dhcp_params: {opts: {"3": "10.2.0.1", "6": "10.2.0.2", "26": "1450"}, siaddr: "10.2.0.2"},
    allowed_address_pairs: [range(4) | {ip_address: "10.3.0.\(.)", mac_address: "02:00:01:00:00:02"}],
    binding: {type: "chassis", chassis: "elsewhere", vif_type: "veth"}}]}' >foreign.json
df_db load foreign.json >/dev/null 2>&1
for n in 1 2 3; do
    add_node node$n
    chassis_of[p$n]=node$n
    port p$n red veth
    ip -n node$n link add p$n type veth peer name guest$n
    ip -n node$n link set p$n up
    ip -n node$n link set guest$n up
done

note "a node dies, and one of those with a slow line marks its ports: it reads those, and no port that it does not need"
option[df.enable_selective_topology_distribution]=true
for n in 1 2 3; do
    run_node node$n
done
for n in 1 2 3; do
    until_true 30 "node$n says that it has its port" row port_status p$n ".attached and .chassis == \"node$n\""
    until_true 30 "node$n is in sync" said_at node$n show "$in_sync and .objects.lport == 3"
done
until_true 20 "node1 and node2 know node3" takes node1 node3 alive
until_true 20 "node1 and node2 know node3" takes node2 node3 alive
slow node1 node2
began=$(now_ms)
before=$(($(carried node1) + $(carried node2)))
kill_node node3
until_true 60 "p3 is marked" row port_status p3 '(.attached | not) and .reason == "chassis node3 is dead"'
until_true 20 "node1 takes node3 to be dead" takes node1 node3 dead
until_true 20 "node2 takes node3 to be dead" takes node2 node3 dead
bytes=$(($(carried node1) + $(carried node2) - before))
elapsed=$(($(now_ms) - began))
echo "   $bytes bytes to two nodes in $elapsed ms"
expect_less "bytes to the two nodes" $bytes 1000000
expect_alive node1 node2 $elapsed
expect_alive node2 node1 $elapsed

note "a node is cut off from the database, and not from the publisher: it says so, and takes what is published"
ip -n node1 route add blackhole 198.51.100.253
until_true 20 "node1 says that the database is away" said_at node1 show '.daemon.database.state == "away"'
for name in one two; do
    df_db set lport p1 name=$name >/dev/null
    until_true 5 "the change arrives" said_at node1 ports ".[] | select(.id == \"p1\" and .name == \"$name\")"
done
said_at node1 show '.daemon.database.state == "away"' >/dev/null || fail "it says that all is well: $(ctl_at node1 show)"
until_true 20 "node2 takes node1 to be dead" takes node2 node1 dead

note "the line is mended: it tells what it made of its port meanwhile, and lives"
until_true 60 "p1 is marked" row port_status p1 '.attached | not'
ip -n node1 route del blackhole 198.51.100.253
until_true 30 "node1 is in sync" said_at node1 show "$in_sync"
until_true 30 "node2 takes node1 to be alive" takes node2 node1 alive
until_true 10 "p1 is node1's again" row port_status p1 '.attached and .applied_version == 3'
until_true 10 "node1 takes node2 to be alive" takes node1 node2 alive

note "a publisher is started again: a node that needs all reads for longer than its lease lives, and lives"
option[df.enable_selective_topology_distribution]=false
add_node node4
run_node node4
until_true 60 "node4 knows all" said_at node4 show "$in_sync and .objects.lport == $foreign + 3"
until_true 20 "node1 knows node4" takes node1 node4 alive
slow node4
before=$(ctl_at node4 show --json | jq .work.changes)
began=$(now_ms)
kill "$publisher"
wait "$publisher" || true
start_publisher
until_true 120 "node4 has read all of it" said_at node4 show ".work.changes >= $before + $foreign"
elapsed=$(($(now_ms) - began))
echo "   it took $elapsed ms"
expect_more "ms to read all, so that a lease would have run out" $elapsed 9000
expect_alive node1 node4 $elapsed
