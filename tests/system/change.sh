#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How soon a change of the database is in force, beside ten thousand ports. docs/performance.md has figures of an idle machine;
# the limits here leave room for a busy one.
. "${0%/*}/lib.sh"

n=10000

# Ports of another node on the network of a, which a's node has to know.
many_ports() {
    awk -v n=$n 'BEGIN {
        printf "{\"chassis\": [{\"id\": \"node2\", \"ip\": \"192.0.2.2\"}], \"lport\": ["
        for (i = 0; i < n; i++)
            printf "%s{\"id\": \"p%d\", \"topic\": \"t\", \"lswitch\": \"red\", \"subnets\": [\"red-4\"], " \
                "\"macs\": [\"02:01:00:00:%02x:%02x\"], \"ips\": [\"10.1.%d.%d\"], " \
                "\"binding\": {\"type\": \"chassis\", \"chassis\": \"node2\"}}",
                i ? ",\n" : "", i, i / 256, i % 256, 1 + i / 250, 1 + i % 250
        print "]}"
    }'
}

network red 10.1.0.0/24
put lsubnet '{"id": "red-4", "topic": "t", "lswitch": "red", "cidr": "10.1.0.0/16", "gateway_ip": "10.1.0.1"}'
port a red veth
start_switch
plug a

note "$n ports are loaded while the switch runs"
many_ports >many.json
began=$(date +%s%N)
df_db load many.json >/dev/null 2>&1
loaded=$(date +%s%N)
until_true 60 "all of them are in the tables" reports show ".entries.l2 > $n"
in_force=$(date +%s%N)
echo "   df-db load: $(((loaded - began) / 1000000)) ms, in force $(((in_force - loaded) / 1000000)) ms later"
expect_less "ms until $n ports are in force" $(((in_force - began) / 1000000)) 10000

note "the switch starts with $n ports in the database"
stop_switch
began=$(date +%s%N)
start_switch
until_true 60 "all of them are in the tables" reports show ".entries.l2 > $n"
echo "   in force $((($(date +%s%N) - began) / 1000000)) ms after it was started"
expect_less "ms from its start" $((($(date +%s%N) - began) / 1000000)) 10000
served a

note "one port is changed, a hundred times: how long after df-db's commit is that in force"
python3 "$here/change_delay.py" "$df_db_program" df.sock a 100 >delay.txt
sed 's/^/   /' delay.txt
expect_less "us from df-db's end until the change is in force, median" "$(awk '/^median/ {print $2}' delay.txt)" 1000

note "each of them compiled and put what belongs to that port, and nothing of the $n"
df_ctl show --json | jq .work >before.json
df_db set lport a name=last >/dev/null
served a
df_ctl show --json | jq .work >after.json
expect_less "compilations for one change" $(($(jq .compiles after.json) - $(jq .compiles before.json))) 20
expect_less "entries put for one change" $(($(jq .puts after.json) - $(jq .puts before.json))) 20
