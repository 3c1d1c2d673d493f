#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What scripts/bench says without measuring: its cases.
. "${0%/*}/lib.sh"

note "the cases, with their numbers of flows"
"$scripts/bench" --case list >list.txt
expect_text '^l2 +1000\*$' list.txt
expect_text '^stateful +10000\*, 100000\*, 1000000\*$' list.txt
expect_text '^two-workers +10000$' list.txt
expect_equal "lines that are neither a case nor the last" "$(grep -vcE '^[a-z0-9-]+ +[0-9]+|^The numbers' list.txt || true)" 0

note "a list is no measurement"
expect_failure refused.txt "$scripts/bench" --case list --json figures.json
expect_text 'measures nothing' refused.txt
[ ! -e figures.json ] || fail "figures of a list were written"
