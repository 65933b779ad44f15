#!/bin/sh
# Holds the plugin to the contract of its kind, then makes a small data set with it. Argument: the folder that it is in.
set -eu
plugins=$(cd "${1:-build}" && pwd)
program=${TDAMM_SYNTH:-tdamm-synth}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$program" plugins --check "$plugins/synth-@KIND@-@ID@.so"
"$program" generate --plugin-dir "$plugins" --prompts @ID@ -o prompt.target_words=200 --provider offline \
    --num-samples 20 --output-dir "$out" --run-name run --quiet
[ "$(grep -c '"link"' "$out/run.json")" -eq 20 ]
