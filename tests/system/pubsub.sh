#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Changes come by a publisher: to a node that follows all, and to one that follows only what its ports need.
. "${0%/*}/lib.sh"

publisher=
start_publisher() {
    "$build/dbsync/df-publisher" --bind tcp://127.0.0.1:8866 --ipc ipc:///run/df/push/socket --name api1 --stats 1 --json "$@" \
        >publisher.json 2>>publisher.err &
    publisher=$!
    until_true 5 "the publisher is registered" df_db get publisher api1
}

stop_publisher() {
    kill "$1" "$publisher"
    wait "$publisher" 2>/dev/null || true
}

# published FILTER: of the last counters.
published() {
    tail -n 1 publisher.json | jq -e "$1"
}

renamed() {
    reports ports ".[] | select(.id == \"$1\" and .name == \"$2\")"
}

note "what a writer pushes and what the publisher reads reaches the node once"
network red 10.1.0.0/24
port a red veth
port b red veth
start_publisher
option[df.enable_df_pub_sub]=true
start_switch
plug a b
lease a b
expect_ping a b
df_db --announce ipc:///run/df/push/socket set lport a name=pushed >/dev/null
until_true 5 "the push arrives" renamed a pushed
until_true 5 "the publisher took it" published '.pushed == 1 and .refused == 0 and .dropped == 0'
df_db set lport a name=read >/dev/null
until_true 5 "a change that nobody pushed arrives" renamed a read

note "the publisher is killed: the node goes on, and hears of changes from the database"
stop_publisher -KILL
expect_ping a b
df_db set lport a name=alone >/dev/null
until_true 15 "the change arrives" renamed a alone
expect_ping a b

note "it comes back: changes come by it again, and none of meanwhile is missing"
start_publisher
df_db set lport b name=back >/dev/null
until_true 15 "the change arrives" renamed b back
until_true 15 "and again" published '.published > 0'
expect_ping a b

note "a selective node follows what its ports need, and what comes to be needed"
stop_switch
option[df.enable_selective_topology_distribution]=true
chassis_of[far]=elsewhere
network blue 10.2.0.0/24
network grey 10.3.0.0/24
port far grey veth
start_switch
until_true 10 "its ports are open" reports ports '[.[] | select(.status == "open")] | length >= 2'
expect_ping a b
until_true 10 "it knows red alone" reports show '.objects.lswitch == 1 and .objects.lport == 2' || fail "it knows more than it needs: $(df_ctl show --json | jq -c .objects)"
port c blue veth
plug c
lease c
router r red blue
until_true 10 "the router is known" reports routers '.[] | select(.id == "r")'
expect_ping a c
reports show '.objects.lswitch == 2' >/dev/null || fail "grey is not needed: $(df_ctl show --json | jq -c .objects)"
df_db delete lport b >/dev/null
until_true 10 "b is gone" reports ports '[.[] | select(.id == "b")] == []'

note "keys: a publisher that has one is heard by who knows it, and by nobody else"
stop_switch
stop_publisher -TERM
"$build/dbsync/df-publisher" --make-keys >server.keys
"$build/dbsync/df-publisher" --make-keys >node.keys
grep public server.keys >server.public
awk '$1 == "public" {print $2}' node.keys >clients
chmod 600 ./*.keys
start_publisher --secret-key /run/df/server.keys --clients /run/df/clients
option[df_zmq.key_file]=/run/df/node.keys
option[df_zmq.server_key_file]=/run/df/server.public
start_switch
until_true 10 "its ports are open" reports ports '[.[] | select(.status == "open")] | length >= 2'
until_true 5 "somebody listens" published '.hellos > 0'
df_db set lport a name=secret >/dev/null
until_true 5 "the change arrives" renamed a secret
