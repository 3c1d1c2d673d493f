#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A database that does not let the node in: the log and df-ctl show say why, forwarding goes on, and when it is mended so
# is the node. By redis, with a password and TLS; the other drivers' own tests say that each tells the same.
. "${0%/*}/lib.sh"

server=
# start_server CERTIFICATE PASSWORD
start_server() {
    redis-server --bind 127.0.0.1 --port 0 --tls-port 6379 --tls-ca-cert-file ca.pem --tls-auth-clients no \
        --tls-cert-file "$1.pem" --tls-key-file "$1.key" --requirepass "$2" --appendonly yes --save '' >>redis.log 2>&1 &
    server=$!
    until_true 10 "the server listens" sh -c "ss -Hltn 'sport = :6379' | grep -q ."
}
stop_server() {
    kill -KILL "$server"
    wait "$server" 2>/dev/null || true
}

# away PATTERN: the node is without its database, and says why in df-ctl show and in its log.
away() {
    reports show ".daemon.database.state == \"away\" and (.daemon.database.error | test(\"$1\"))" && grep -Eq -- "$1" log
}
expect_away() {
    until_true 20 "it says: $1" away "$1"
    df_ctl show --json | jq -r '"   " + .daemon.database.error'
}
times_in_sync() {
    grep -c 'info: in sync with the database' log
}
in_sync='.daemon.database.state == "in sync"'

"$here/db/certificates.sh" /run/df >certificates.log 2>&1
echo right >password
network red 10.1.0.0/24
port a red veth
port b red veth
port c red veth
df_db dump >made.json
lmdb=$DF_DB

note "a driver that there is not"
option[df.nb_db_class]=oracle
write_config
expect_failure refused.txt "$df_switchd" --config /run/df/switch.ini
expect_text 'oracle' refused.txt
echo "   $(head -n 1 refused.txt)"

note "a server that is not there, one with an expired certificate, one that wants another password: each is said"
option[df.nb_db_class]=redis
option[df.remote_db_hosts]=127.0.0.1:6379
option[database.ca]=/run/df/ca.pem
option[database.password_file]=/run/df/password
option[database.timeout_ms]=1000
start_switch
expect_away '127.0.0.1:6379.*refused'
start_server expired right
expect_away 'expired'
stop_server
start_server server other
expect_away 'password'
stop_server

note "the server is mended: the node serves its ports, and nobody had to tell it"
start_server server right
export DF_DB=redis:127.0.0.1:6379
credentials=(--ca ca.pem --password-file password)
df_db "${credentials[@]}" init >/dev/null
df_db "${credentials[@]}" load made.json >/dev/null
until_true 20 "the switch is in sync" reports show "$in_sync"
plug a b c
lease a b c
expect_ping a b

note "the password is changed while guests talk: no ping is lost, the reason is said, and not that all is well in between"
before=$(times_in_sync)
start_pings a b
stop_server
start_server server other
expect_away 'password'
lease c
expect_equal "times that it was in sync" "$(times_in_sync)" "$before"
stop_server
start_server server right
until_true 20 "the switch is in sync" reports show "$in_sync"
expect_ping a b
stop_pings b
expect_equal "pings lost" "$lost" 0
stop_switch

note "a database of a newer version"
option[df.nb_db_class]=lmdb
"$build/tests/system/raw-row" "${lmdb#lmdb:}" schema version 99
start_switch
expect_away 'schema version 99'
stop_switch
