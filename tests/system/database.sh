#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A database that is not there yet, goes away, or holds what cannot be used.
. "${0%/*}/lib.sh"

in_sync='.daemon.database.state == "in sync"'

note "there is no database when the switch starts: it waits, and serves what comes"
mv nb nb.hidden
start_switch
reports show "$in_sync" >/dev/null && fail "in sync with a database that is not there"
mv nb.hidden nb
network red 10.1.0.0/24
port a red veth
port b red veth
until_true 20 "the switch is in sync" reports show "$in_sync"
plug a b
lease a b
expect_ping a b

# said TABLE ID FILTER: the node wrote a row of which the filter of jq holds.
said() {
    df_db get "$1" "$2" --json | jq -e "$3"
}

note "the node says of itself who it is, and what it made of its ports"
host=$(df_ctl show --json | jq -r .host)
until_true 5 "its chassis" said chassis "$host" '.datapath == "fastpath"'
until_true 5 "its registration" said service "df-switchd-$host" ".chassis == \"$host\" and .binary == \"df-switchd\""
until_true 5 "the status of a" said port_status a '.attached and .applied_version == .desired_version and (.reason // "") == ""'
df_db set lport b enabled=false >/dev/null
until_true 5 "b is not open" said port_status b '(.attached | not) and .applied_version == 0 and (.reason // "") != ""'
df_db set lport b enabled=true >/dev/null
until_true 5 "b is open again" said port_status b '.attached and .applied_version > 0'

note "an object that refers to what does not exist waits alone, and is served when that comes"
network late 10.9.0.0/24
port c late veth
served a
plug c
lease c
df_db delete lswitch late >/dev/null
until_true 5 "c waits for its network" reports show '.n_waiting > 0'
expect_ping a b
put lswitch '{"id": "late", "name": "late", "topic": "t", "network_type": "local", "mtu": 1450}'
served c
lease c

note "an object that cannot be used is skipped alone, shown by name, and applied when it is mended"
df_db set lport c macs= >/dev/null
until_true 5 "c is refused" reports show '.ports.refused == 1'
df_ctl ports --json | jq -r '.[] | select(.name == "c") | .reason' >reason.txt
expect_text 'lport c .*MAC' reason.txt
echo "   $(cat reason.txt)"
expect_ping a b
df_db set lport c "macs=${mac[c]}" >/dev/null
served c
lease c

note "rows that are no objects: logged with table and id, shown, each skipped alone; the port stays as it was"
"$build/tests/system/raw-row" nb lport a "no protobuf, whatever this is"
"$build/tests/system/raw-row" nb lswitch junk "nor this"
until_true 5 "both are shown as bad" reports show '[.bad[].id] | sort == ["a", "junk"]'
df_ctl show --json | jq -r '.bad[] | "   \(.table) \(.id): \(.error // .why // .reason)"'
expect_text "lport '?a" log
expect_text "lswitch '?junk" log
expect_ping a b
lease a
put_port a '"vif_name": "a"'
df_db delete lswitch junk >/dev/null
until_true 5 "none is bad any more" reports show '.n_bad == 0'
expect_ping a b

note "a group with a rule that cannot be is no bad row: df-db shows it as it is, and warns"
# Protobuf: the group "web" of a rule "r" with direction "in" and ethertype "IPv4".
"$build/tests/system/raw-row" nb secgroup web $'\x0a\x03web\x32\x0d\x0a\x01r\x12\x02in\x1a\x04IPv4'
until_true 5 "the switch has heard of it" reports show '.objects.secgroup == 2'
reports show '.n_bad == 0' >/dev/null
expect_equal "the rule as it is stored" "$(df_db --json get secgroup web 2>warning.txt | jq -r '.rules[0].direction')" in
expect_text "warning: secgroup 'web': rules\[0\].direction: 'in' is not one of: ingress egress" warning.txt
expect_failure dump.txt "$df_db_program" dump
expect_text "secgroup 'web': rules\[0\].direction" dump.txt
expect_failure refused.txt "$df_db_program" set secgroup web name=web
expect_text "rules\[0\].direction: 'in' is not one of" refused.txt
df_db delete secgroup web >/dev/null

note "the database goes away: the switch goes on with what it knows, and DHCP too"
mv nb nb.hidden
expect_ping a b
lease a
reports show '.ports.open == 3' >/dev/null
mv nb.hidden nb
df_db set lport a name=renamed >/dev/null
until_true 20 "the change arrives after the database is back" \
    reports ports '.[] | select(.id == "a" and .name == "renamed")'
expect_ping a b

no_status() {
    df_db list port_status --json | jq -e '. == []'
}

note "everything is deleted by hand: ports close, the switch stays"
for id in a b c; do
    df_db delete lport $id >/dev/null
done
until_true 10 "no port is left" reports ports '. == []'
until_true 5 "nor a status of one" no_status
