"""Runs over HTTP/2 (`--http 2`) against latency-server: requests share few connections, one that the server ends with GOAWAY in
the middle loses nothing, and a server without HTTP/2 is spoken to in HTTP/1.1 with a full window.

http2_test.py PROGRAM LATENCY_SERVER
"""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile

program, server_program = sys.argv[1:3]
top = pathlib.Path(tempfile.mkdtemp(prefix="http2-test-"))
SAMPLES, WINDOW = 400, 150


def run(name, server_options, *more, samples=SAMPLES, tls=True):
    """The statistics of the server, after a run that made all it was asked for."""
    folder = top / name
    folder.mkdir()
    ca_file = folder / "ca.pem"
    server = subprocess.Popen([server_program, *server_options, *(["--tls", ca_file] if tls else [])],
                              stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(server.stdout.readline())["url"]
        made = subprocess.run(
            [program, "generate", "--num-samples", str(samples), "--max-concurrent", str(WINDOW), "--seed", "3", "--model", "m",
             "--output-dir", folder, "--run-name", "run", "-o", "provider.base_url=" + url, *(["--ca-file", ca_file] if tls else []),
             *more], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=folder, timeout=240, check=False)
    finally:
        server.send_signal(signal.SIGTERM)
        stats = json.loads(server.stdout.read())
        server.wait()
    assert made.returncode == 0, f"{name}: {made.returncode}\n{made.stderr[-2000:]}"
    records = json.loads((folder / "run.json").read_text())
    assert len(records) == samples, f"{name}: {len(records)} records"
    texts = {record["full_text"] for record in records}
    assert len(texts) == samples, f"{name}: {len(texts)} different texts"
    print(name, stats)
    return stats


stats = run("shared", ["--latency", "fixed:1500"], "--http", "2")
assert stats["http2"] == stats["requests"] == SAMPLES, "all over HTTP/2, each once"
assert stats["connections"] <= 2, "a hundred requests on a connection"
assert stats["most_in_flight"] > 100, "both connections are used"

# A connection takes what is under way with its 40th request, at most a hundred. What a server refuses it has not read.
stats = run("goaway", ["--latency", "fixed:30", "--goaway", "40"], "--http", "2", "--max-attempts", "20")
assert stats["goaways"] >= 3, "connections were ended"
assert stats["http2"] == stats["requests"] >= SAMPLES

stats = run("default", ["--latency", "fixed:30"])
assert stats["http2"] == 0, "HTTP/1.1 unless asked for"

stats = run("plain", ["--latency", "fixed:1500"], "--http", "2", samples=3 * WINDOW, tls=False)
assert stats["http2"] == 0 and stats["most_in_flight"] == WINDOW, "without TLS HTTP/1.1, with a full window"

wrong = subprocess.run([program, "generate", "--http", "3", "--output-dir", top / "wrong"], capture_output=True, text=True, check=False)
assert wrong.returncode == 2 and "--http: '3' is neither '1.1' nor '2'" in wrong.stderr, wrong.stderr
assert len(wrong.stderr.strip().splitlines()) == 1, wrong.stderr
