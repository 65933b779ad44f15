#!/bin/sh
# Holds the plugin to the contract of its kind, then makes a small data set with it. Argument: the folder that it is in.
set -eu
plugins=$(cd "${1:-build}" && pwd)
program=${TDAMM_SYNTH:-tdamm-synth}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$program" plugins --check "$plugins/synth-@KIND@-@ID@.so"

# A service to talk to: answers each POST with a text of 300 words, and the first one with 503.
cat >"$out/service.py" <<'PYTHON'
import http.server, sys

class Service(http.server.BaseHTTPRequestHandler):
    calls = 0

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        Service.calls += 1
        status, text = (503, "busy") if Service.calls == 1 else (200, " ".join(f"word{i}" for i in range(300)))
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
mkfifo "$out/port"
python3 "$out/service.py" >"$out/port" &
service=$!
trap 'kill $service; rm -rf "$out"' EXIT
read -r port <"$out/port"

"$program" generate --plugin-dir "$plugins" --provider @ID@ -o provider.url="http://127.0.0.1:$port/write" \
    -o prompt.target_words=300 --num-samples 5 --max-attempts 5 --output-dir "$out" --run-name run --quiet
[ "$(grep -c '"link"' "$out/run.json")" -eq 5 ]
