#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Many nodes in one process (scripts/simulate --quick), on each way by which they hear of changes: all end with what they
# should know, and tenants that they do not host cost them nothing.
. "${0%/*}/lib.sh"

export DF_BUILD_ROOT=$build
mkdir -p /dev/shm

# figures FILTER: of the run before; it must hold.
figures() {
    jq -e "$1" figures.json >/dev/null || fail "$2: $(jq -c "$3" figures.json)"
}

# simulate DATABASE PUB_SUB
simulate() {
    note "$1, pub/sub $2"
    "$scripts/simulate" --quick --db "$1" --pub-sub "$2" --json figures.json --plot figures.svg >table.txt 2>simulate.err ||
        fail "$(cat table.txt simulate.err)"
    figures '[.[] | select(.scenario == "check") | .wrong] == [0, 0]' \
        "each node knows what one knows that hears of all" '[.[] | select(.scenario == "check")]'
    # The one event is that of the change by which the end of the scenario is known.
    figures '.[] | select(.scenario == "foreign" and .selective) | .cost.events * 10 | round == 1' \
        "nothing is heard of tenants that are not hosted" '.[] | select(.scenario == "foreign")'
    figures '.[] | select(.scenario == "foreign" and (.selective | not)) | .cost.events * 10 >= 11' \
        "without topics all is heard" '.[] | select(.scenario == "foreign")'
    # scripts/simulate judges by its aims; a machine that is busy with others is given ten times as much, in the middle.
    figures '[.[] | select(.scenario == "start") | .ms.p50 < 10000] == [true, true]' \
        "nodes start" '.[] | select(.scenario == "start")'
    figures '[.[] | select(.scenario == "bind") | .event_ms.p50 < 50] == [true, true]' \
        "a local port is in force" '.[] | select(.scenario == "bind")'
    figures '[.[] | select(.scenario == "few") | .all_ms.p50 < 500] == [true]' \
        "all of a few nodes have a change" '.[] | select(.scenario == "few")'
    figures '[.[] | select(.scenario == "many") | .write_ms.p50 < 1500] == [true, true]' \
        "each of many nodes has a change" '.[] | select(.scenario == "many")'
    figures '[.[] | select(.scenario == "join") | .cost.cpu_us < 10000] == [true]' \
        "a member of a group costs little" '.[] | select(.scenario == "join")'
    figures '.[] | select(.scenario == "die") | .dead == 2 and .ms.n == 10 and .ms.p50 < 15000' \
        "ways to dead nodes are withdrawn" '.[] | select(.scenario == "die")'
    for what in 'quick, many, .* nodes<' 'quick-all, many, .* not selective<' 'B  received' 'us  CPU' '</svg>'; do
        expect_text "$what" figures.svg
    done
}

simulate etcd none
simulate redis zmq

note "what cannot be is refused"
expect_failure bad.txt "$build/tests/simulate/df-simulate" --db etcd:127.0.0.1:1 --apps-dir "$build/apps" --nodes 3 --spread 4 start
expect_text 'not more than --chassis' bad.txt
expect_failure bad.txt "$build/tests/simulate/df-simulate" --db etcd:127.0.0.1:1 --apps-dir "$build/apps" nonsense
expect_text 'no scenario has this name: nonsense' bad.txt
expect_failure bad.txt "$scripts/simulate" --plan nonsense
expect_text 'no such plan: nonsense; the plans are whole' bad.txt
