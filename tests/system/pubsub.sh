#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Changes come by a publisher: to a node that follows all, and to one that follows only what its ports need; and not by one
# that lies.
. "${0%/*}/lib.sh"
# shellcheck source=scripts/nb-server
. "$scripts/nb-server"

publisher=
run_publisher() {
    "$build/dbsync/df-publisher" --bind tcp://127.0.0.1:8866 --ipc ipc:///run/df/push/socket --name api1 --stats 1 --json "$@" \
        >publisher.json 2>>publisher.err &
    publisher=$!
}

start_publisher() {
    run_publisher "$@"
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

note "options that cannot be"
for wrong in --queue=0 --queue=many --queue=1x --queue=-1 --queue=4294967297 --queue=10000001 --stats=0 --timeout=5s \
    --port=8866; do
    expect_failure refused.txt "$build/dbsync/df-publisher" "$wrong"
    expect_text "Try df-publisher --help" refused.txt
done
expect_failure refused.txt "$build/dbsync/df-publisher" --clients /nonexist
expect_text "df-publisher: --clients needs --secret-key" refused.txt

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

note "another one beside it says in its row at which port it is"
"$build/dbsync/df-publisher" --bind 'tcp://*:8870' --ipc ipc:///run/df/other/socket --name api2 2>other.err &
other=$!
until_true 5 "it is registered" df_db get publisher api2
expect_equal "where it is" "$(df_db get publisher api2 --json | jq -r .uri)" tcp://api2:8870
kill -TERM "$other"
wait "$other"
df_db delete publisher api2 >/dev/null

note "another one started by mistake does not take its writers"
for port in 8866 8870; do
    expect_failure refused.txt "$build/dbsync/df-publisher" --bind tcp://127.0.0.1:$port --ipc ipc:///run/df/push/socket
    df_db --announce ipc:///run/df/push/socket set lport a "name=beside$port" >/dev/null
    until_true 5 "the push arrives" renamed a "beside$port"
done
expect_text "another df-publisher listens there; stop it, or choose another --ipc" refused.txt
until_true 5 "the publisher took both" published '.pushed == 3 and .refused == 0 and .dropped == 0'

note "what is too large for a push is counted by the writer"
jq -nc '("x" * 57) as $pad | [range(65000) | {id: "\(.)\($pad)"[:60], direction: "egress", ethertype: "IPv4"}] as $rules |
    {secgroup: ["one", "two" | {id: ., topic: "t", rules: $rules}]}' >large.json
DF_DB=lmdb:/run/df/other df_db init >/dev/null
DF_DB=lmdb:/run/df/other df_db --announce ipc:///run/df/push/socket load large.json >/dev/null 2>large.txt
expect_text "1 of 1 transactions were too large for the publisher at ipc:///run/df/push/socket" large.txt

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

note "the database is replaced by one that counts from the beginning: none of its changes is taken for one that was told"
for n in {1..20}; do
    df_db set lport a "name=before$n" >/dev/null
done
until_true 5 "the changes arrive" renamed a before20
df_db dump >model.json
mv nb replaced # at once: whoever still looks for it there would make files in it again
df_db init >/dev/null
df_db load model.json >/dev/null
until_true 15 "the publisher begins anew" published '.published == 0 and .rows > 0'
for n in {1..60}; do
    df_db set lport a "name=after$n" >/dev/null
    until_true 5 "the change arrives" renamed a "after$n"
done
until_true 5 "by the publisher" published '.published > 50'
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

note "others' networks: with the last port of whom red and the router belong to goes nothing that a, c and d need"
network outside 10.9.0.0/24
port d outside veth
chassis_of[friend]=elsewhere
port friend red veth
put_port friend '"vif_name": "friend"' '"security_groups": ["friends"]'
put secgroup '{"id": "in", "topic": "t", "rules": [
    {"id": "friends-in", "direction": "ingress", "ethertype": "IPv4", "remote_group_id": "friends"}]}'
put_port a '"vif_name": "a"' '"security_groups": ["all", "in"]'
for row in lswitch/red lsubnet/red-4 lport/b lport/friend; do
    df_db set "${row%/*}" "${row#*/}" topic=landlord >/dev/null
done
df_db set lrouter r topic=landlord 'gateways=[{"lswitch": "outside"}]' >/dev/null
df_db set lswitch outside topic=provider is_external=true >/dev/null
df_db set lsubnet outside-4 topic=provider >/dev/null
plug d
served a
df_db delete lport b >/dev/null
until_true 10 "b is gone" reports ports '[.[] | select(.id == "b")] == []'
known() {
    df_ctl show --json | jq -cS '[.entries, (.objects | {lswitch, lsubnet, lrouter, lport, secgroup})]'
}
knows() {
    [ "$(known)" = "$1" ]
}
until_true 10 "it knows all of that" reports show '.objects.lswitch == 3 and .objects.lrouter == 1 and .entries.address_set == 1'
before=$(known)
expect_ping a c

note "a publisher that lies is not believed: counted, named, a snapshot taken, at last not listened to; nothing else comes of it"
stop_switch
stolen=$(df_db get lport a --json | jq -c '.name = "stolen"')
mkfifo lies1 lies2
for n in 1 2; do
    "$build/tests/system/liar" tcp://127.0.0.1:$((8866 + n)) network:red network:blue lport "$stolen" <lies$n >liar$n.txt 2>liar$n.err &
done
exec 4>lies1 5>lies2
option[df.publishers_ips]=127.0.0.1,127.0.0.1:8867,127.0.0.1:8868
start_switch
until_true 10 "its ports are open" reports ports '[.[] | select(.status == "open")] | length >= 2'
for n in 1 2; do
    until_true 10 "the liar is listened to" grep -q "listened to" liar$n.txt
done
until_true 10 "it knows the same after a start: $before" knows "$before"
expect_ping a c

# What must be as before: entries, and what was written of them.
tables() {
    df_ctl show --json | jq -cS '[.entries, .objects, .work.puts, .work.dels]'
}

# lie LIAR WHAT COUNTED WHY
lie() {
    local liar=$1 before
    shift
    before=$(df_ctl show --json | jq '.work.changes + .objects.lport')
    echo "$1" >&$((3 + liar))
    until_true 10 "it is counted" reports show ".daemon.database.publishers | \"\(.garbage) \(.lies)\" == \"$2\""
    until_true 10 "a snapshot is taken" reports show ".work.changes >= $before"
    expect_text "publisher tcp://127.0.0.1:$((8866 + liar)) is not believed: .*$3; taking a snapshot" log
}

before=$(tables)
start_pings a c
reports show '.daemon.database.publishers | .garbage == 0 and .lies == 0' >/dev/null || fail "it counts what was not said"
lie 1 garbage "1 0" "a publication that cannot be: no publication"
lie 1 number "1 1" "a number that was there before"
lie 1 row "1 2" "a row that is not of the topic it came by"
lie 2 gone "1 3" "an object is gone that the database has"
expect_text "publisher tcp://127.0.0.1:8867: not listened to for 60 seconds" log
stop_pings c
expect_equal "pings lost" "$lost" 0
reports ports '[.[] | select(.name == "stolen")] == []' >/dev/null || fail "it believed the liar"
expect_equal "tables" "$(tables)" "$before"
expect_text "not believed: 1 that cannot be read, 3 lies" <(df_ctl show)
df_db set lport a name=true >/dev/null
until_true 5 "a true change arrives" renamed a true

note "what it may say of an object it is believed for a while, and no longer"
echo object >&5
until_true 10 "it is believed" renamed a stolen
df_db set lport a name=true2 >/dev/null
until_true 20 "the true change arrives" renamed a true2
reports show '.daemon.database.publishers.lies == 4' >/dev/null || fail "it is not counted: $(df_ctl show)"
expect_text "publisher tcp://127.0.0.1:8868 is not believed: a revision that the database has not reached" log
exec 4>&- 5>&-
unset "option[df.publishers_ips]"

note "keys: a publisher that has one is heard by who knows it, and by nobody else, and both sides say so"
stop_switch
stop_publisher -TERM
: >log
"$build/dbsync/df-publisher" --make-keys >server.keys
"$build/dbsync/df-publisher" --make-keys >node.keys
grep public server.keys >server.public
awk '$1 == "public" {print $2}' node.keys >clients
chmod 600 ./*.keys
start_publisher --secret-key /run/df/server.keys --clients /run/df/clients
start_switch
until_true 10 "the switch says that it hears nobody" grep -q "no publisher is heard: watching the database" log
expect_text "publisher tcp://127.0.0.1:8866 is not heard: .* do its keys and this node's .df_zmq. fit" log
until_true 10 "df-ctl, too" reports show '.daemon.database.publishers.deaf'
expect_text "not heard: tcp://127.0.0.1:8866; no publisher is heard: watching the database" <(df_ctl show)
until_true 10 "the publisher counts it" published '.failed > 0 and .not_let_in == 0'
expect_text "somebody who connected has no key, or not this publisher's public key: see .df_zmq. of the nodes" publisher.err
stop_switch
option[df_zmq.key_file]=/run/df/node.keys
option[df_zmq.server_key_file]=/run/df/server.public
start_switch
until_true 10 "its ports are open" reports ports '[.[] | select(.status == "open")] | length >= 2'
until_true 5 "somebody listens" published '.hellos > 0'
until_true 5 "and hears" reports show '.daemon.database.publishers | (.deaf | not) and .unheard == ""'
df_db set lport a name=secret >/dev/null
until_true 5 "the change arrives" renamed a secret

note "a publisher whose user may only read: it says which row it cannot write, and publishes what the database tells"
stop_switch
stop_publisher -TERM
rm publisher.err
export DF_DB=etcd:127.0.0.1:2379 ETCDCTL_API=3 ETCDCTL_DIAL_TIMEOUT=20s ETCDCTL_COMMAND_TIMEOUT=20s
nb_start etcd 127.0.0.1 /run/df/etcd
until_true 20 "etcd is there" df_db init
{
    for user in root writer reader; do
        etcdctl user add "$user:secret"
        [ $user = root ] || etcdctl role add "$user"
        etcdctl user grant-role "$user" "$user"
    done
    etcdctl role grant-permission writer --prefix=true readwrite /dragonflow/
    etcdctl role grant-permission reader --prefix=true read /dragonflow/
    etcdctl auth enable
} >etcdctl.log
echo secret >password
writer=(--user writer --password-file password)
run_publisher --user reader --password-file password
until_true 10 "it says so" grep -q "row publisher 'api1' cannot be written: etcd at 127.0.0.1:2379: .*permission denied" publisher.err
for id in one two three; do
    df_db "${writer[@]}" create lswitch "{\"id\": \"$id\", \"topic\": \"t\", \"network_type\": \"local\"}" >/dev/null
done
until_true 10 "three transactions are published" published '.published >= 3 and .pushed == 0'
etcdctl --user root:secret role grant-permission reader --prefix=true readwrite /dragonflow/ >>etcdctl.log
until_true 60 "it may write, and does" grep -q "row publisher 'api1' is written" publisher.err
df_db "${writer[@]}" get publisher api1 >/dev/null
# Both were said once, but where the database was out of reach meanwhile.
expect_less "lines about the row" "$(grep -c "row" publisher.err)" $((3 + 2 * $(grep -c "database" publisher.err || true)))

note "a publisher that is cut off from the database: the node watches the database itself, and hears it again when it is back"
kill -TERM "$publisher" "$nb_server"
wait "$publisher" "$nb_server" 2>/dev/null || true
ip netns add api
for line in nodes:192.0.2 database:198.51.100; do
    ip link add "${line%:*}" type veth peer name "${line%:*}" netns api
    ip addr add "${line#*:}.1/24" dev "${line%:*}"
    ip -n api addr add "${line#*:}.2/24" dev "${line%:*}"
    ip link set "${line%:*}" up
    ip -n api link set "${line%:*}" up
done
ip -n api link set lo up
export DF_DB=redis:198.51.100.1:6379
nb_start redis 198.51.100.1 /run/df/redis
until_true 20 "redis is there" df_db init
df_db load model.json >/dev/null
run_in_api() {
    ip netns exec api "$build/dbsync/df-publisher" --bind tcp://192.0.2.2:8866 --ipc ipc:///run/df/push/socket --name api1 \
        --timeout 1000 --stats 1 --json >publisher.json 2>cut.err &
    publisher=$!
}
run_in_api
until_true 10 "the publisher is registered" df_db get publisher api1
unset "option[df_zmq.key_file]" "option[df_zmq.server_key_file]" "option[df.enable_selective_topology_distribution]"
option[df.nb_db_class]=redis
option[df.remote_db_hosts]=198.51.100.1:6379
option[df.publishers_ips]=192.0.2.2
start_switch
until_true 10 "its ports are open" reports ports '[.[] | select(.status == "open")] | length >= 2'
df_db set lport a name=before >/dev/null
until_true 5 "the change arrives" renamed a before
until_true 5 "by the publisher" published '.published > 0'
ip link set database down
until_true 30 "the publisher says so" grep -q "the database is still away: silent until it is back" cut.err
df_db --announce ipc:///run/df/push/socket set lport a name=meanwhile >/dev/null
until_true 10 "the change arrives" renamed a meanwhile
until_true 5 "it was pushed in vain" published '.left == 1'
ip link set database up
until_true 30 "the publisher is back" grep -q "the database is back" cut.err
until_true 5 "it tells what it missed" published '.late == 0 and .published > 1'
df_db set lport a name=again >/dev/null
until_true 5 "the change arrives" renamed a again
