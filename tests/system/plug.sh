#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A port is plugged and unplugged 200 times while two guests send each other a stream: they lose nothing.
. "${0%/*}/lib.sh"

network red 10.1.0.0/24
port a red veth
port b red veth
port by-veth red veth
port by-vhost red vhostuser '"vif_name": "/run/df/vhost.sock", "vif_mode": "server"'
df_db delete lport by-veth >/dev/null
df_db delete lport by-vhost >/dev/null
start_switch
plug a b
lease a b
expect_ping a b
ip link add by-veth type veth peer name by-veth-peer
ip link set by-veth up
ip link set by-veth-peer up

# Through one life of a port: known, open, closed, forgotten.
plug_and_unplug() {
    put_port "$1" "$2"
    df_ctl wait "$1" --programmed --timeout 10 >/dev/null || fail "$1 does not open: $(df_ctl ports)"
    df_db delete lport "$1" >/dev/null
    until_true 10 "$1 is closed" reports ports "all(.[]; .name != \"$1\")"
}

# What the server counted, interval by interval: the client, which is stopped, does not hear of it. A switch may have no time
# for as long as the ring of a port has room: 512 frames are ten seconds.
note "a stream of UDP from a to b, 50 packets a second, while the port comes and goes"
in_guest b iperf3 -s -1 >server.log 2>&1 &
server=$!
until_true 5 "iperf3 listens" iperf3_listens b
in_guest a iperf3 -u -c "${ip4[b]}" -b 400K -l 1000 -w 1M -t 600 --json >iperf3.json 2>&1 &
client=$!
began=$(date +%s%N)
for _ in $(seq 100); do
    plug_and_unplug by-veth '"vif_name": "by-veth"'
    plug_and_unplug by-vhost '"vif_name": "/run/df/vhost.sock", "vif_mode": "server"'
done
echo "   200 times in $((($(date +%s%N) - began) / 1000000)) ms"
pkill -INT -P "$client" iperf3 2>/dev/null || kill -INT "$client"
wait "$client" || true
wait "$server" || true

read -r lost packets < <(sed -nE '/receiver/d; s|^\[ *[0-9]+\] .* ms +(-?[0-9]+)/([0-9]+) .*|\1 \2|p' server.log |
    awk '{lost += $1; n += $2} END {print lost + 0, n + 0}')
echo "   $packets packets, $lost lost"
expect_more "packets of the stream" "$packets" 100
expect_equal "packets lost" "$lost" 0
reports show '.ports.open == 2' >/dev/null
