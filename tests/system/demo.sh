#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# scripts/demo --nodes 3 as a newcomer runs it, over the database that is the argument: all that it shows is so, and nothing is left
# of it.
. "${0%/*}/lib.sh"

database=$1
export DF_BUILD=$build
# Where there are no hugepages it would reserve some, and they would stay.
[ "$(cat /proc/sys/vm/nr_hugepages)" != 0 ] || mount -t tmpfs tmpfs /sys/kernel/mm/hugepages

note "three nodes share $database"
"$scripts/demo" --nodes 3 --db "$database" >demo.txt 2>demo.err || fail "$(cat demo.txt demo.err)"
grep '^ ok ' demo.txt
expect_text '^[0-9]+ ok, 0 failed$' demo.txt
for what in 'nodes: .* knows the other two' 'DHCP: db1' 'between nodes: ' 'between nodes, across the router' 'iperf3: ' \
    'security groups: TCP port 22 of db1 is closed' 'security groups: .*, until web3 is in group web' \
    'trace, by VXLAN' 'trace, by Geneve' 'a port moves: ' 'a node dies: ' 'it is back: ' \
    "$database is away: " "$database is back" 'no ping .* was lost'; do
    expect_text "^ ok +$what" demo.txt
done

note "it cleaned up"
expect_equal "namespaces that are left" "$(ip netns list)" ""
! pgrep df-switchd || fail "df-switchd is left"
! pgrep -f /run/df-demo || fail "a server is left"
[ ! -e /run/df-demo ] || fail "files are left: $(ls /run/df-demo)"

note "what cannot be is refused, with what can"
expect_failure bad.txt "$scripts/demo" --nodes 2
expect_text 'must be 1 or 3' bad.txt
expect_failure bad.txt "$scripts/demo" --nodes 3 --db nonsense
expect_text 'must be lmdb, etcd, redis, ovsdb or zookeeper' bad.txt
expect_failure bad.txt "$scripts/demo" --db redis
expect_text 'add --nodes 3' bad.txt
