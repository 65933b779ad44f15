#!/bin/sh
# One whole run over the network, a resume and a report under valgrind: no invalid access, no leak that grows.
# valgrind_test.sh PROGRAM FAULT_SERVER
set -eu
program=$1
server=$2
scratch=$(mktemp -d)
trap 'kill "$server_pid" 2>/dev/null || true; rm -rf "$scratch"' EXIT
cd "$scratch"
"$server" '{"words": 60, "latency": {"ms": 5}, "credit": 25, "cycle": ["none", "none", "server_error", "cut_body", "refusal"]}' >port.txt &
server_pid=$!
while ! [ -s port.txt ]; do kill -0 "$server_pid"; done

check() { # expected exit code, then arguments
    expected=$1
    shift
    code=0
    OPENAI_API_KEY=sk-valgrind-0123456789abcdef valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
        "$program" "$@" >out.txt 2>err.txt || code=$?
    [ "$code" -eq "$expected" ] || { echo "exit $code of: $*"; tail -n 60 err.txt; exit 1; }
}
check 5 generate --num-samples 60 --max-attempts 8 --run-name run --sink json --sink csv \
    -o provider.base_url="http://127.0.0.1:$(cat port.txt)/v1"
check 0 report data/run.ledger.sqlite
check 0 export data/run.ledger.sqlite --sink jsonl --output-dir exported
check 0 generate --provider offline --num-samples 30 --run-name offline
echo "4 passed, 0 failed"
