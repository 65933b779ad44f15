#!/bin/sh
# Holds the plugin to the contract of its kind, then makes a small data set with it. Argument: the folder that it is in.
set -eu
plugins=$(cd "${1:-build}" && pwd)
program=${TDAMM_SYNTH:-tdamm-synth}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$program" plugins --check "$plugins/synth-@KIND@-@ID@.so"
"$program" generate --plugin-dir "$plugins" --reporter @ID@ --provider offline --num-samples 20 --output-dir "$out" \
    --run-name run --quiet
grep -q '"@ID@"' "$out/run.report.json"
"$program" report --plugin-dir "$plugins" "$out/run.ledger.sqlite" | grep -q 'accepted *20'
