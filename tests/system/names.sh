#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where the database is written by name: however name servers behave, no call takes longer than its time-out.
. "${0%/*}/lib.sh"

locations=()
for location in etcd:NAME redis:NAME redis:sentinel:main@NAME ovsdb:tcp:NAME zookeeper:NAME rethinkdb:NAME; do
    ! df_db drivers | grep -q "^${location%%:*} " || locations+=("$location")
done
[ ${#locations[@]} -gt 0 ] || skip "there is no driver of a network database"

# What this host says of names is ours, in this mount namespace.
replace() {
    local at
    at=$(readlink -m "$1")
    mkdir -p "${at%/*}"
    [ -e "$at" ] || touch "$at"
    mount --bind "$2" "$at"
}
echo "127.0.0.1 localhost" >hosts
echo "hosts: files dns" >nsswitch
touch resolv
replace /etc/hosts hosts
replace /etc/nsswitch.conf nsswitch
replace /etc/resolv.conf resolv
name_servers() {
    printf 'nameserver %s\n' "$@" >resolv
}
python3 "$here/name_server.py" 127.0.0.1 silent - &
python3 "$here/name_server.py" 127.0.0.2 knows db.example &
listens() {
    ss -Hlun "src $1 and sport = :53" | grep -q .
}
until_true 10 "the silent name server is there" listens 127.0.0.1
until_true 10 "the other name server is there" listens 127.0.0.2

# refusal_of LOCATION NAME: what df-db says of it in out.txt, and the ms it took in $took, with a second for its time-out.
refusal_of() {
    local begin=${EPOCHREALTIME/./}
    expect_failure out.txt "$df_db_program" --db "${1//NAME/$2}" --timeout "${3:-1000}" list lport
    took=$(((${EPOCHREALTIME/./} - begin) / 1000))
}

# refusal_in_time LOCATION NAME: the best of three, as the machine may be busy in one.
refusal_in_time() {
    for _ in 1 2 3; do
        refusal_of "$1" "$2"
        [ "$took" -ge 3000 ] || return 0
    done
    fail "$took ms for a time-out of 1000 of $1"
}

note "a name server that never answers: as long as the time-out, and no longer"
name_servers 127.0.0.1
for location in "${locations[@]}"; do
    refusal_in_time "$location" db.example
    expect_text "no name server answers" out.txt
    expect_more "ms that $location took" "$took" 300
done

note "three names share the time-out"
for location in etcd:NAME redis:NAME ovsdb:tcp:NAME zookeeper:NAME rethinkdb:NAME; do
    [[ " ${locations[*]} " = *" $location "* ]] || continue
    refusal_in_time "${location/NAME/a.example},b.example,c.example" -
done

note "one that is silent beside one that answers: the address is found, and nobody listens there"
name_servers 127.0.0.1 127.0.0.2
for location in "${locations[@]}"; do
    refusal_of "$location" db.example 5000
    expect_text "refused" out.txt
done

note "a name that there is not"
name_servers 127.0.0.2
for location in "${locations[@]}"; do
    refusal_of "$location" other.example 5000
    expect_text "not found" out.txt
done

note "a name that /etc/hosts has needs no name server"
name_servers 127.0.0.1
echo "127.0.0.1 db.example" >>hosts
for location in "${locations[@]}"; do
    refusal_of "$location" db.example 5000
    expect_text "refused" out.txt
done
