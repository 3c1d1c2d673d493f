#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# df-db as a person uses it. Usage: df_db.sh PATH-TO-DF-DB
set -u

df_db=$(realpath "$1")
work=$(mktemp -d)
watcher=
trap '[ -z "$watcher" ] || kill "$watcher"; rm -rf "$work"' EXIT
export DF_DB=lmdb:$work/nb
cd "$work" || exit 1
failed=0

fail() {
    echo "FAILED: $*"
    failed=1
}

# expect STATUS TEXT ARGUMENT...: df-db ends with STATUS and its output (both streams) has TEXT.
expect() {
    local status=$1 text=$2 output
    shift 2
    output=$("$df_db" "$@" 2>&1 </dev/null)
    local got=$?
    [ "$got" -eq "$status" ] || fail "df-db $*: status $got instead of $status: $output"
    [[ $output == *"$text"* ]] || fail "df-db $*: no '$text' in: $output"
}

expect 2 'Usage: df-db'
expect 0 'Commands:' --help
expect 0 'df-db ' --version
expect 2 "there is no command 'lst'" lst
expect 2 'Usage: df-db [OPTION...] get TABLE ID' get lport
expect 0 'Usage: df-db [OPTION...] set TABLE ID' set --help
expect 2 'must be DRIVER:LOCATION' --db nowhere list lport
expect 1 "there is no database driver 'oracle'" --db oracle:x list lport
expect 0 'lmdb' drivers

# Which drivers have never met a real server is said of them, and of no others.
while read -r name text; do
    case $name in
    rethinkdb) untried='; never tried with a real server' ;;
    ramcloud) untried='; never tried with a real cluster' ;;
    *) untried= ;;
    esac
    [[ $text == *"$untried"* ]] || fail "df-db drivers: no '$untried' in: $name $text"
    [ -n "$untried" ] || [[ $text != *never* ]] || fail "df-db drivers: $name $text"
done < <("$df_db" drivers)

expect 1 "no database in $work/nb: run df-db --db lmdb:$work/nb init" list lport
expect 0 'is ready' init
expect 0 'is ready' init
expect 1 "there is no table 'ports'; tables are: chassis" list ports

cat >good.json <<'END'
{"lswitch": [{"id": "n1", "name": "net", "network_type": "vxlan", "segmentation_id": 7}],
 "lport": [{"id": "p1", "lswitch": "n1", "macs": ["fa:16:3e:00:00:01"], "ips": ["10.0.0.3"]},
           {"id": "p2", "lswitch": "n2"}]}
END
expect 0 "good.json: lport 'p2': lswitch: there is no lswitch 'n2' (yet)" load good.json
expect 0 '3 objects loaded' load good.json
expect 0 'fa:16:3e:00:00:01  10.0.0.3' list lport
expect 1 "lport 'p9' does not exist" get lport p9

echo '{"lport": [{"id": "p3", "lswitch": "n1"}, {"id": "p4", "lswitch": "n1", "ips": ["10.0.0.300"]}]}' >bad.json
expect 1 "bad.json: lport 'p4': ips[0]: '10.0.0.300' is not an IP address" load bad.json
expect 1 "lport 'p3' does not exist" get lport p3
echo '{"lport": [{"id": "p3", "lswitch": "n1"}, {"id": "p3", "lswitch": "n1"}]}' >bad.json
expect 1 "bad.json: lport 'p3': is there twice" load bad.json
echo '{"ports": []}' >bad.json
expect 1 "bad.json: there is no table 'ports'" load bad.json
echo '{"lport": [' >bad.json
expect 1 'bad.json:2:0:' load bad.json
expect 1 'none.json: No such file' load none.json

expect 0 "lport 'p3' created" create lport '{"id": "p3", "lswitch": "n1"}'
expect 1 "lport 'p3': exists already" create lport '{"id": "p3", "lswitch": "n1"}'
expect 1 'byte' create lport '{"id": '
expect 0 "lport 'p3' changed" set lport p3 name=three ips=10.0.0.4,2001:db8::4 binding.chassis=h1 enabled=false \
    dhcp_params.opts.15=example.org
expect 0 '"ips":["10.0.0.4","2001:db8::4"],"enabled":false,"binding":{"chassis":"h1"}' --json get lport p3
expect 1 "lport 'p3': nme: there is no such field to set" set lport p3 nme=x
expect 1 "lport 'p3': enabled: 'maybe' is not JSON" set lport p3 enabled=maybe
expect 1 "lport 'p3': macs[0]: 'x' is not a MAC address" set lport p3 macs=x
expect 0 "lport 'p3' changed" set lport p3 '{"name": null, "ips": null, "enabled": null, "dhcp_params": null}'
expect 0 "lport 'p3' changed" set lport p3 binding=
expect 0 '{"id":"p3","version":4,"unique_key":3,"lswitch":"n1"}' --json get lport p3

# What dump writes, load restores, keys and versions too.
"$df_db" dump >dump.json || fail 'dump'
DF_DB=lmdb:$work/copy "$df_db" init >/dev/null
DF_DB=lmdb:$work/copy "$df_db" load dump.json >/dev/null 2>&1 || fail 'load of the dump'
DF_DB=lmdb:$work/copy "$df_db" dump | cmp - dump.json || fail 'the copy differs'

# A watcher is told what others do.
mkfifo events
"$df_db" --json watch lport >events &
watcher=$!
exec 3<events
while read -r -t 10 line <&3 && [[ $line != *snapshot_end* ]]; do :; done
expect 0 "lport 'p3' deleted" delete lport p3
expect 1 "lport 'p3': does not exist" delete lport p3
expect 0 '' create lswitch '{"id": "n9"}'
expect 0 '' create lport '{"id": "p9", "lswitch": "n9"}'
read -r -t 10 line <&3
[[ $line == *'"event":"delete","table":"lport","id":"p3"'* ]] || fail "watch: $line"
read -r -t 10 line <&3
[[ $line == *'"event":"set","table":"lport","id":"p9"'* ]] || fail "watch: $line"

exit $failed
