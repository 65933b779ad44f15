#!/bin/sh
# Holds the plugin to the contract of its kind, then makes a small data set with it. Argument: the folder that it is in.
set -eu
plugins=$(cd "${1:-build}" && pwd)
program=${TDAMM_SYNTH:-tdamm-synth}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$program" plugins --check "$plugins/synth-@KIND@-@ID@.so"
"$program" generate --plugin-dir "$plugins" --sampler @ID@ --provider offline --num-samples 80 --seed 1 \
    --output-dir "$out" --run-name run --quiet
[ "$(grep -c '"link"' "$out/run.json")" -eq 80 ]

# The same seed, the same plan.
"$program" generate --plugin-dir "$plugins" --sampler @ID@ --provider offline --num-samples 80 --seed 1 \
    --output-dir "$out" --run-name again --quiet
cmp "$out/run.json" "$out/again.json"
