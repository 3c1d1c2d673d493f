#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A node on a database server, which is the argument: forwarding, DHCP and ARP go on while it is gone, and changes of
# meanwhile arrive when it is back.
. "${0%/*}/lib.sh"

database=$1
server=

start_server() {
    case $database in
    etcd)
        etcd --data-dir server --log-level error >>server.err 2>&1 &
        ;;
    redis)
        mkdir -p server
        redis-server --bind 127.0.0.1 --dir server --appendonly yes --save '' >>server.err 2>&1 &
        ;;
    ovsdb)
        [ -e server.db ] || ovsdb-tool create server.db "$here/../../conf/dragonflow-nb.ovsschema"
        ovsdb-server --remote=ptcp:6641:127.0.0.1 --unixctl=/run/df/server.ctl server.db >>server.err 2>&1 &
        ;;
    zookeeper)
        mkdir -p server
        printf 'dataDir=/run/df/server\nclientPort=2181\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n' >server.cfg
        java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp /usr/share/java/zookeeper.jar \
            org.apache.zookeeper.server.quorum.QuorumPeerMain server.cfg >>server.err 2>&1 &
        ;;
    *)
        fail "usage: databases.sh etcd|redis|ovsdb|zookeeper"
        ;;
    esac
    server=$!
}

kill_server() {
    kill -KILL "$server"
    wait "$server" 2>/dev/null || true
}

declare -A hosts=([etcd]=127.0.0.1:2379 [redis]=127.0.0.1:6379 [ovsdb]=tcp:127.0.0.1:6641 [zookeeper]=127.0.0.1:2181)
in_sync='.daemon.database.state == "in sync"'
option[df.nb_db_class]=$database
option[df.remote_db_hosts]=${hosts[$database]}

note "the node starts before its database, and serves what comes"
df_db dump >groups.json # what lib.sh made: the groups that ports have
export DF_DB=$database:${hosts[$database]}
start_switch
start_server
until_true 30 "the database is made" df_db init
df_db load groups.json >/dev/null
network red 10.1.0.0/24
port a red veth
port b red veth
port c red veth
until_true 30 "the switch is in sync" reports show "$in_sync"
plug a b c
lease a b # c asks for the first time while there is no database
expect_ping a b
df_db set lport a name=first >/dev/null
until_true 5 "a change arrives" reports ports '.[] | select(.id == "a" and .name == "first")'
until_true 10 "the status of a is in the database" sh -c "$df_db_program get port_status a --json | jq -e .attached"

note "the database is killed: forwarding, DHCP and ARP go on, and no ping is lost"
ip netns exec a ping -q -c 200 -i 0.05 "${ip4[b]}" >flood.txt 2>&1 &
pings=$!
kill_server
until_true 30 "the switch says that it is away" reports show '.daemon.database.state == "away"'
lease c
expect_ping c a
expect_ping b c
reports show '.ports.open == 3' >/dev/null || fail "a port was closed"

note "it is back: nothing changes but what was changed"
before=$(df_ctl show --json | jq -c '.work | [.puts, .dels]')
start_server
until_true 60 "the switch is in sync again" reports show "$in_sync"
expect_equal "entries put and deleted by the return" "$(df_ctl show --json | jq -c '.work | [.puts, .dels]')" "$before"
until_true 30 "a write goes through" df_db set lport a name=back
until_true 10 "the change arrives" reports ports '.[] | select(.id == "a" and .name == "back")'
wait "$pings" || true
grep -q '200 received' flood.txt || fail "pings were lost: $(cat flood.txt)"
! grep 'is dead' log || fail "somebody was taken to be dead"
stop_switch
kill_server
