#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Three nodes on one underlay, which share a database and nothing else. Which database is the argument: lmdb, etcd, redis, ovsdb,
# zookeeper, or, by hand, rethinkdb (its stand-in). With etcd, redis and ovsdb the nodes are selective; with redis they hear by a
# publisher.
. "${0%/*}/lib.sh"
# shellcheck source=scripts/nb-server
. "$scripts/nb-server"

database=$1
nodes=(node1 node2 node3)
declare -A switch_of

# ---- Two wires: the underlay, and one to the database.

bridge() {
    ip link add "$1" type bridge
    ip link set "$1" up
}

# wire BRIDGE NODE DEVICE
wire() {
    ip link add "$1-$2" type veth peer name "$3" netns "$2"
    ip link set "$1-$2" master "$1" up
    ip -n "$2" link set "$3" up
}

add_node() {
    ip netns add "$1"
    ip -n "$1" link set lo up
    wire under "$1" up0
    wire mgmt "$1" mgmt0
    ip -n "$1" addr add "198.51.100.${1#node}/24" dev mgmt0
}

bridge under
bridge mgmt
ip addr add 198.51.100.254/24 dev mgmt

# ---- The database.

start_database() {
    case $database in
    lmdb) [ ! -e nb.hidden ] || mv nb.hidden nb ;;
    rethinkdb)
        mkdir -p server
        python3 "$here/db/standin/rethinkdb.py" 198.51.100.254:28015 /run/df/server >>server/server.log 2>&1 &
        nb_server=$!
        ;;
    *) nb_start "$database" 198.51.100.254 /run/df/server ;;
    esac
}

location() {
    if [ "$database" = rethinkdb ]; then
        echo 198.51.100.254:28015
    else
        nb_location "$database" 198.51.100.254
    fi
}

# Without warning. An embedded one goes by its file.
kill_database() {
    if [ "$database" = lmdb ]; then
        mv nb nb.hidden
    else
        kill -KILL "$nb_server"
        wait "$nb_server" 2>/dev/null || true
    fi
}

# Where it will be. What lib.sh made in an embedded one goes along.
choose_database() {
    df_db dump >made.json
    [ "$database" != lmdb ] || return 0
    option[df.nb_db_class]=$database
    option[df.remote_db_hosts]=$(location) || fail "usage: nodes.sh lmdb|etcd|redis|ovsdb|zookeeper|rethinkdb"
    export DF_DB=$database:${option[df.remote_db_hosts]}
}

make_database() {
    until_true 30 "the database is made" df_db init
    df_db load made.json >/dev/null
}

start_publisher() {
    "$build/dbsync/df-publisher" --bind tcp://198.51.100.254:8866 --name api1 --stats 1 --json >publisher.json 2>>publisher.err &
    until_true 30 "the publisher is registered" df_db get publisher api1
}

# ---- The nodes. Each has its switch, and what lib.sh says of a guest goes to the node that its port is on.

# lib.sh asks at node1's when a test fails.
socket_of() {
    if [ "$1" = node1 ]; then
        echo /run/df/df.sock
    else
        echo "/run/df/$1.sock"
    fi
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

answers_at() {
    kill -0 "${switch_of[$1]}" 2>/dev/null || fail "the switch of $1 ended: $(tail -n 5 "$1.err")"
    ctl_at "$1" version
}

# run_switch NAMESPACE HOST
run_switch() {
    option[df.host]=$2
    option[df.local_ip]=192.0.2.${1#node}
    option[rpc.socket]=$(socket_of "$1")
    write_config
    mv switch.ini "$1.ini"
    ip netns exec "$1" "$df_switchd" --config "/run/df/$1.ini" >>"$1.err" 2>&1 &
    switch_of[$1]=$!
}

stop_at() {
    local code=0
    kill -TERM "${switch_of[$1]}"
    wait "${switch_of[$1]}" || code=$?
    expect_equal "exit code of $1 after SIGTERM" "$code" 0
}

kill_at() {
    kill -KILL "${switch_of[$1]}"
    wait "${switch_of[$1]}" 2>/dev/null || true
}

# Where the switch of a chassis is, if not in the namespace of that name.
declare -A at

node_of() {
    local chassis=${chassis_of[$1]:-node1}
    echo "${at[$chassis]:-$chassis}"
}

wire_veth() {
    ip -n "$(node_of "$1")" link add name "$1" type veth peer name eth0 netns "$1"
    ip -n "$(node_of "$1")" link set dev "$1" up
    in_guest "$1" ethtool -K eth0 tx off >/dev/null
}

wire_tap() {
    ctl_at "$(node_of "$1")" wait "$1" --programmed --timeout 20 >/dev/null ||
        fail "$1 is not open: $(ctl_at "$(node_of "$1")" ports)"
    ip -n "$(node_of "$1")" link set dev "$1" netns "$1" name eth0
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

in_sync='.daemon.database.state == "in sync"'

all_in_sync() {
    local node
    for node in "${nodes[@]}"; do
        said_at "$node" show "$in_sync" || return 1
    done
}

all_away() {
    local node
    for node in "${nodes[@]}"; do
        said_at "$node" show '.daemon.database.state == "away"' || return 1
    done
}

# Entries put and deleted by each so far.
work() {
    local node
    for node in "${nodes[@]}"; do
        ctl_at "$node" show --json | jq -c '.work | [.puts, .dels]'
    done
}

# row TABLE ID FILTER
row() {
    df_db get "$1" "$2" --json | jq -e "$3"
}

can_ping() {
    in_guest "$1" ping -q -c 1 -W 1 "$(address_of "$2")"
}

# A clock that stands still when the machine does: a line for each 100 ms or more that it had time.
start_clock() {
    while sleep 0.1; do echo; done >ticks &
    clock=$!
    began=$(date +%s%3N)
}

# Sets elapsed, by that clock, and lag, how much more it was by the machine's; both in ms.
stop_clock() {
    elapsed=$(($(wc -l <ticks) * 100))
    lag=$(($(date +%s%3N) - began - elapsed))
    kill "$clock"
    wait "$clock" 2>/dev/null || true
}

# judged_after NODE OTHER: ms from when NODE heard that the lease of OTHER had ended until it took it to be dead. By NODE's
# clock, less what it took to ask.
judged_after() {
    local since dead
    since=$(ctl_at "$1" chassis --json | jq --arg id "$2" '.[] | select(.id == $id).since_ms')
    dead=$(grep "chassis $2 is dead" "$1.err" | tail -n 1 | cut -d ' ' -f 1)
    echo $((since - $(date +%s%3N) + $(date -d "$dead" +%s%3N)))
}

# ---- What is there: red on three nodes and blue on two, behind one router. Keys and types of tunnels are the networks'.

option[df.underlay_port]=up0
option[fastpath.ports]=up0=net_af_packet0,iface=up0
option[fastpath.mbufs]=8192
chassis_of=([a2]=node2 [b2]=node2 [mover]=node2 [a3]=node3)

note "three nodes start, one of them before its database, guests are plugged, and each node answers DHCP"
for node in "${nodes[@]}"; do
    add_node "$node"
done
choose_database
selective=false
case $database in etcd | redis | ovsdb) selective=true ;; esac
option[df.enable_selective_topology_distribution]=$selective
if [ "$database" = redis ]; then
    option[df.enable_df_pub_sub]=true
    option[df.publishers_ips]=198.51.100.254
fi
[ "$database" != lmdb ] || kill_database
run_switch node3 node3
until_true 30 "node3 waits for its database" said_at node3 show '.daemon.database.state == "away"'
start_database
make_database
[ "$database" != redis ] || start_publisher
network red 10.1.0.0/24
network blue 10.2.0.0/24
network grey 10.3.0.0/24 # no node needs it
put lswitch '{"id": "red", "name": "red", "topic": "t", "network_type": "vxlan", "segmentation_id": 5001, "mtu": 1450}' \
    '{"id": "blue", "name": "blue", "topic": "t", "network_type": "geneve", "segmentation_id": 5002, "mtu": 1450}'
router r red blue
run_switch node1 node1
run_switch node2 node2
for node in "${nodes[@]}"; do
    until_true 30 "the switch of $node answers df-ctl" answers_at "$node"
done
port a1 red veth
port b1 blue veth
port a2 red veth
port b2 blue veth
port mover red veth
port a3 red tap
until_true 30 "all are in sync" all_in_sync
plug a1 b1 a2 b2 mover a3
lease a1 a2 a3 b2 mover

note "between nodes, inside a network and across the router, by each network's own type of tunnel"
expect_ping a1 a2
expect_ping a3 a1
expect_ping a3 mover
expect_ping a2 10.2.0.1
expect_ping a1 b2
said_at node1 chassis '[.[] | [.id, .ip, .state, .tunnel_type, .ports]] == [["node1", "192.0.2.1", "this node", null, 2],
    ["node2", "192.0.2.2", "alive", "geneve", 3], ["node3", "192.0.2.3", "alive", "geneve", 1]]' >/dev/null ||
    fail "node1 knows others: $(ctl_at node1 chassis)"

if $selective; then
    note "selective nodes hear of nothing that their ports do not need, with redis by the publisher"
    for node in "${nodes[@]}"; do
        said_at "$node" show ".objects.lswitch == 2 and
            (\"$database\" != \"redis\" or .daemon.database.publishers.rows > 0)" >/dev/null ||
            fail "$node hears of more than its ports need, or not by the publisher: $(ctl_at "$node" show)"
    done

    note "what goes while a network is of no interest is not there when it is again, at once"
    chassis_of[visitor]=elsewhere
    port g grey veth # there is no such device, and no need of one
    port visitor grey veth
    until_true 10 "node1 knows grey" said_at node1 show '.objects | .lswitch == 3 and .lport == 10'
    df_db set lport g binding.chassis=elsewhere >/dev/null
    until_true 10 "node1 has g no more" said_at node1 ports 'all(.id != "g")'
    df_db delete lport visitor >/dev/null
    df_db set lport g binding.chassis=node1 >/dev/null
    until_true 10 "node1 has g, and knows visitor no more" said_at node1 show '.objects | .lswitch == 3 and .lport == 9'
    df_db delete lport g >/dev/null
    until_true 10 "node1 has g no more" said_at node1 ports 'all(.id != "g")'
fi

port late red veth # its device comes below, when the pauses between attempts are long

note "a group whose remote is another: only members on other nodes pass, also one that joins"
put secgroup '{"id": "clients", "name": "clients", "topic": "t"}' '{"id": "web", "name": "web", "topic": "t", "rules": [
    {"id": "web-out", "direction": "egress", "ethertype": "IPv4"},
    {"id": "web-in", "direction": "ingress", "ethertype": "IPv4", "remote_group_id": "clients"}]}'
put_port a1 '"vif_name": "a1"' '"security_groups": ["all", "clients"]'
put_port b2 '"vif_name": "b2"' '"security_groups": ["web"]'
served b2
until_true 5 "a3 reaches b2 no more" sh -c "! ip netns exec a3 ping -q -c 1 -W 1 ${ip4[b2]}"
expect_ping a1 b2
before=$(drops_at node2 sg_ingress)
expect_no_ping a3 b2
until_true 10 "packets are dropped as sg_ingress" more_drops_at node2 sg_ingress "$before"
put_port a3 '"vif_name": "a3"' '"security_groups": ["all", "clients"]'
until_true 5 "a3 reaches b2" can_ping a3 b2

note "a port moves to another node"
start_pings a1 mover
until_true 5 "pings come back" replies mover 10
start_clock
chassis_of[mover]=node3
put_port mover '"vif_name": "mover"'
ip -n node2 link set dev mover netns node3
ip -n node3 link set dev mover up
served mover
stop_pings mover
stop_clock
echo "   $((lost * 50)) ms without, of which the machine took $lag at most"
expect_less "ms without replies" $((lost * 50 - lag)) 3000
until_true 5 "node3 says that it has it" row port_status mover '.chassis == "node3" and .attached'

note "a node that is killed: its ports are marked and tunnels to it withdrawn within ten seconds"
for port in a3 mover; do
    until_true 5 "the status of $port is in the database" row port_status $port '.attached and .chassis == "node3"'
done
start_clock
kill_at node3
for port in a3 mover; do
    until_true 20 "$port is marked" row port_status $port '(.attached | not) and .reason == "chassis node3 is dead"'
done
for node in node1 node2; do
    until_true 20 "$node knows" said_at $node chassis '.[] | select(.id == "node3").state == "dead"'
done
stop_clock
soonest=10000
expect_less "ms from the end of node3 until it was marked and withdrawn" $elapsed 10000
for node in node1 node2; do
    judged=$(judged_after $node node3)
    echo "   $node: dead after $judged ms without a lease, of $((elapsed + lag)) in all, of which the machine took $lag"
    expect_less "ms without a lease until it was dead to $node" $((judged - lag)) 6000
    [ $((judged - lag)) -ge $soonest ] || soonest=$((judged - lag))
done
expect_less "ms without a lease until it was dead to one of them" $soonest 3300 # the grace time is 3,000
before=$(drops_at node1 tunnel_unreachable)
expect_no_ping a1 mover
until_true 10 "packets are dropped as tunnel_unreachable" more_drops_at node1 tunnel_unreachable "$before"
expect_ping a1 a2

note "a device that comes long after its port was bound is opened at once"
said_at node1 ports '.[] | select(.id == "late" and .status == "down" and (.reason | test("no such device")))' >/dev/null ||
    fail "late does not wait for its device: $(ctl_at node1 ports)"
ip netns add late
wire_veth late
ctl_at node1 wait late --programmed --timeout 10 >/dev/null || fail "late is not open: $(ctl_at node1 ports)"

note "the node is back, and so are its ports"
ip netns del a3
run_switch node3 node3
until_true 30 "the switch of node3 answers df-ctl" answers_at node3
plug a3
lease a3
until_true 10 "mover is reached" can_ping a1 mover
until_true 5 "a3 is served again" row port_status a3 '.attached and .chassis == "node3"'
said_at node1 chassis 'all(.state != "dead")' >/dev/null || fail "somebody is dead: $(ctl_at node1 chassis)"

note "a port that is marked dead too late, when its node has told of it already, is told of again"
df_db set port_status a3 attached=false applied_version=0 'reason="chassis node3 is dead"' >/dev/null
until_true 5 "node3 puts it right" row port_status a3 '.attached and .reason == ""'

if [ "$database" = etcd ]; then # what it does is no driver's doing, and takes its time
    note "a node that is cut off from the database: its guests reach each other and nobody else, whosever its ports are"
    ip -n node3 link set mgmt0 down
    for node in node1 node2; do
        until_true 20 "$node takes node3 to be dead" said_at $node chassis '.[] | select(.id == "node3").state == "dead"'
    done
    chassis_of[mover]=node2
    put_port mover '"vif_name": "mover"'
    until_true 10 "node2 wants mover" said_at node2 ports 'any(.id == "mover")'
    said_at node3 ports '.[] | select(.id == "mover" and .status == "open")' >/dev/null ||
        fail "node3 gave mover up: $(ctl_at node3 ports)"
    expect_ping a3 mover
    before=$(drops_at node1 tunnel_unknown_peer)
    expect_no_ping mover a1
    until_true 10 "packets are dropped as tunnel_unknown_peer" more_drops_at node1 tunnel_unknown_peer "$before"

    note "it reaches the database again, and gives the port up"
    ip -n node3 link set mgmt0 up
    until_true 30 "node3 has mover no more" said_at node3 ports 'all(.id != "mover")'
    until_true 30 "node3 is alive" said_at node1 chassis '.[] | select(.id == "node3").state == "alive"'
    expect_ping a1 a3
    chassis_of[mover]=node3
    put_port mover '"vif_name": "mover"'
    served mover
    until_true 10 "mover is reached" can_ping a1 mover
fi

note "two switches claim what is bound to node2: one has it, and the other says who, until that one leaves"
add_node node4
start_pings a1 a2
until_true 5 "pings come back" replies a2
run_switch node4 node2
until_true 30 "the switch of node4 answers df-ctl" answers_at node4
until_true 10 "it says who has a2" said_at node4 ports '.[] | select(.id == "a2" and .status == "refused" and (.reason |
    test("another df-switchd has this name, .* held by df-switchd of machine .* with socket /run/df/node2.sock")))'
expect_text 'host node2: another df-switchd has this name, .* held by .*/run/df/node2.sock' node4.err
for port in a2 b2; do
    said_at node2 ports ".[] | select(.id == \"$port\" and .status == \"open\")" >/dev/null || fail "node2 has not $port"
    row port_status $port '.chassis == "node2" and .attached' >/dev/null || fail "node2 does not say that it has $port"
done
row chassis node2 '.ip == "192.0.2.2"' >/dev/null || fail "the other one is in the model"
stop_pings a2
expect_equal "pings lost meanwhile" "$lost" 0
stop_at node2
at[node2]=node4
nodes=(node1 node4 node3)
for port in a2 b2; do
    ip -n node2 link set dev $port netns node4
    ip -n node4 link set dev $port up
    served $port
done
row chassis node2 '.ip == "192.0.2.4"' >/dev/null || fail "the other one is not in the model"
until_true 5 "a2 is reached at the other" can_ping a1 a2
run_switch node2 node2
until_true 30 "the switch of node2 answers df-ctl" answers_at node2
until_true 10 "now it is the one that waits" said_at node2 show '.daemon.database.rival | test("socket /run/df/node4.sock")'

note "the database is killed: forwarding, DHCP and ARP go on, and no ping is lost"
until_true 30 "all are in sync" all_in_sync
for port in a1 b1 a2 b2 mover a3; do
    until_true 5 "the status of $port is in the database" row port_status $port ".attached and .chassis == \"${chassis_of[$port]:-node1}\""
done
before=$(work)
start_pings a1 a2
kill_database
until_true 30 "all say that it is away" all_away
lease b1 b2 a3
for guest in a1 b1 a3; do
    in_guest $guest ip neigh flush dev eth0
done
expect_ping a3 a1
expect_ping a1 b2
expect_ping b1 mover

note "it is back: nothing changes, but what is changed then"
start_database
until_true 60 "all are in sync again" all_in_sync
until_true 30 "a write goes through" df_db set lport a2 name=back
expect_equal "entries put and deleted by the return" "$(work)" "$before"
until_true 10 "the change arrives" said_at node4 ports '.[] | select(.id == "a2" and .name == "back")'
stop_pings a2
expect_equal "pings lost meanwhile" "$lost" 0
! grep -E 'chassis node[124] is dead' ./*.err || fail "somebody was taken to be dead"
! grep 'took the name' node4.err || fail "the one that waits took the name of the other"
said_at node2 ports 'map(select(.id == "a2" or .id == "b2")) | length == 2 and all(.status == "refused")' >/dev/null ||
    fail "the one that waits has a port: $(ctl_at node2 ports)"
for node in "${nodes[@]}" node2; do
    stop_at "$node"
done
