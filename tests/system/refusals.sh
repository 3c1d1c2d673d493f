#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What must not run, says why and ends, or waits; what else runs is not disturbed.
. "${0%/*}/lib.sh"

# refused WHAT PATTERN: a switch with the file other.ini ends with an error that says so.
refused() {
    expect_failure refused.txt "$df_switchd" --config /run/df/other.ini
    expect_text "$2" refused.txt
    echo "   $1: $(grep -E -m 1 -- "$2" refused.txt)"
}

# other SED-COMMANDS: the configuration of this test's switch, changed.
other() {
    sed "$@" switch.ini >other.ini
}

# other_node SED-COMMANDS: likewise, of a node that would not be in the way of this one.
other_node() {
    other -e 's|^host = .*|host = node2|' -e 's|^socket = .*|socket = /run/df/other.sock|' "$@"
}

network red 10.1.0.0/24
port a red veth
port b red veth
for name in a b; do
    put_port $name "\"vif_name\": \"$name\"" '"security_groups": []'
done

note "an app that is not there: an error with its remedy, and the others work"
option[df.apps_list]=l2,l3,portsec,dhcp,teleport
start_switch
expect_text 'error: app teleport: .*apps_list' log
plug a b
lease a b

note "two switches of one host: the second waits, and opens no port"
other -e 's|^socket = .*|socket = /run/df/other.sock|'
"$df_switchd" --config /run/df/other.ini >other.err 2>&1 &
second=$!
until_true 10 "it says who has its name" grep -Eq 'error: host node1: another df-switchd has this name, .*held by .*df.sock' other.err
other_ports() {
    timeout 5 "$df_ctl_program" --socket /run/df/other.sock ports --json |
        jq -e 'length == 2 and all(.status == "refused" and (.reason | test("held by .*df.sock")))'
}
until_true 10 "its ports say it too" other_ports
expect_ping a b
kill -TERM $second
wait $second || fail "the one that waits does not end well: $(tail -n 5 other.err)"

note "two switches with one socket"
other -e 's|^host = .*|host = node2|'
refused "the same socket" '/run/df/df.sock'

note "a configuration that is wrong, by file and line"
other_node -e 's|^idle_us = .*|idle_us = soon|'
refused "a bad value" "other.ini:$(grep -n '^idle_us' other.ini | cut -d: -f1): .*idle_us"
other_node -e 's|^idle_us = |idle_ms = |'
refused "an unknown key" "other.ini:$(grep -n '^idle_ms' other.ini | cut -d: -f1): .*idle_ms"
other_node -e "\$a [df_dhcp_app]\nno_such_key = 1"
refused "an app's unknown key" "other.ini:$(grep -n '^no_such_key' other.ini | cut -d: -f1): .*no_such_key"
other_node -e "\$a this is no line"
refused "no key at all" "other.ini:$(grep -n '^this' other.ini | cut -d: -f1): "
expect_failure refused.txt "$df_switchd" --config /run/df/none.ini
expect_text '/run/df/none.ini' refused.txt

note "a CPU that is not there"
other_node -e '/^idle_us = /a workers = 1000'
refused "an unknown CPU" '1000'

note "the first one did not notice"
expect_ping a b
reports show '.ports.open == 2' >/dev/null

note "a port that asks for what no app provides stays closed, and says so; the others stay open"
put secgroup '{"id": "web", "name": "web", "topic": "t", "rules": []}'
df_db set lport b security_groups=web >/dev/null
until_true 5 "b is closed" reports show '.ports.refused == 1'
df_ctl ports --json | jq -r '.[] | select(.name == "b") | .reason' >reason.txt
expect_text 'security' reason.txt
echo "   $(cat reason.txt)"
reports show '.ports.refused == 1' >/dev/null
df_db set lport b security_groups= >/dev/null
served b
expect_ping a b
