#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The switch is killed while guests talk, and started again: they go on, and its tables are what they were.
. "${0%/*}/lib.sh"

network red 10.1.0.0/24 2001:db8:1::/64
network blue 10.2.0.0/24 2001:db8:2::/64
router r red blue
port a red veth
port b blue veth
start_switch
plug a b
lease a b
expect_ping a b

# Every table's entries in words, without what differs from run to run: counters.
tables() {
    local table
    for table in $(df_ctl table --json | jq -r '.tables[].name'); do
        df_ctl table "$table" --json | jq -cS --arg table "$table" '.entries[] | del(.hits) | [$table, .]'
    done | sort
}

# lost: how many echoes of ping.log got no reply
lost() {
    awk '/packets transmitted/ {print $1 - $4}' ping.log
}

# While a pings b every 50 ms for 10 s, runs the command.
ping_while() {
    local pinger
    in_guest a ping -i 0.05 -c 200 "${ip4[b]}" >ping.log &
    pinger=$!
    until_true 5 "the first replies come" grep -q icmp_seq=5 ping.log
    "$@"
    wait $pinger || true
    expect_text '^200 packets transmitted' ping.log
    echo "   $(lost) of 200 lost"
}

kill_and_start() {
    kill_switch
    start_switch
}

stop_and_start() {
    stop_switch
    start_switch
}

tables >tables.before
expect_more "entries in its tables" "$(wc -l <tables.before)" 10

note "killed while a pings b"
ping_while kill_and_start
expect_less "echoes lost (each stands for 50 ms)" "$(lost)" 100
served a
served b
expect_ping a b
expect_ping a b 6
tables >tables.after
diff -u tables.before tables.after || fail "its tables are not what they were"

note "told to end while a pings b: it ends with 0, and leaves no socket behind"
ping_while stop_and_start
expect_less "echoes lost (each stands for 50 ms)" "$(lost)" 100
stop_switch
[ ! -e df.sock ] || fail "the socket is still there"

note "killed ten times: each time it serves again"
for _ in $(seq 10); do
    start_switch
    served a
    kill_switch
done
start_switch
served a
expect_ping a b
