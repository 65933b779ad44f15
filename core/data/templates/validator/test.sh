#!/bin/sh
# Holds the plugin to the contract of its kind, then makes a small data set with it. Argument: the folder that it is in.
set -eu
plugins=$(cd "${1:-build}" && pwd)
program=${TDAMM_SYNTH:-tdamm-synth}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$program" plugins --check "$plugins/synth-@KIND@-@ID@.so"
"$program" generate --plugin-dir "$plugins" --validator @ID@ -o validator.min_paragraphs=1 --provider offline \
    --num-samples 20 --output-dir "$out" --run-name run --quiet
[ "$(grep -c '"link"' "$out/run.json")" -eq 20 ]

# What it rejects is written again, and missing in the end: exit code 3.
code=0
"$program" generate --plugin-dir "$plugins" --validator @ID@ -o validator.min_paragraphs=1000 --provider offline \
    --num-samples 2 --output-dir "$out" --run-name strict --quiet || code=$?
[ "$code" -eq 3 ]
grep -q too_few_paragraphs "$out/strict.report.json"
