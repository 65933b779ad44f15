"""Runs the program at full speed against latency-server and prints what it cost, as one Markdown table.

Started by tools/bench. CPU is user + system time of the program alone (wait4), walls run from the first request that the
server received to the last answer that it sent, and the greedy makespan comes from the latencies that it drew. Where a
figure is repeated the median is shown. Peaks below this script's own, about 26 MB, show as that: a process starts with
its parent's.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import defaultdict
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 90  # seconds for one run over HTTP
PROMPT_BYTES = 15_000  # about the body of a request, for wrk


@dataclass
class Ended:
    code: int
    seconds: float
    cpu: float  # user + system
    peak: int  # bytes
    started: float  # monotonic, the server's clock
    errors: str


def median(values):
    return statistics.median(values)


class Bench:
    def __init__(self, build, work, quick, node_modules):
        self.program = build / "tdamm-synth"
        self.server_program = build / "tests/bench/latency-server"
        self.work = work
        self.quick = quick
        self.node_modules = node_modules
        self.rows = []
        self.stage_shares = []
        self.base_peak = None  # of the first run, with hardly anything in flight

    # Parts.

    def run(self, arguments, limit=None):
        """Runs to the end, alone with its resource usage; after `limit` seconds the program is stopped."""
        with tempfile.TemporaryFile("w+") as errors:
            started = time.monotonic()
            process = subprocess.Popen(
                [str(a) for a in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
            timer = threading.Timer(limit, process.terminate) if limit else None
            if timer:
                timer.start()
            _, status, usage = os.wait4(process.pid, 0)
            if timer:
                timer.cancel()
            ended = time.monotonic()
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            result = Ended(process.returncode, ended - started, usage.ru_utime + usage.ru_stime,
                           usage.ru_maxrss * 1024, started, errors.read())
        if result.code != 0 and (not limit or result.seconds < limit):
            sys.exit(f"{' '.join(map(str, arguments))}\nended with {result.code}:\n{result.errors}")
        return result

    def server(self, latency, window=1, tls=False, text_bytes=10_000):
        return Server([self.server_program, "--latency", latency, "--window", window, "--text-bytes", text_bytes] +
                      (["--tls", self.work / "ca.pem"] if tls else []))

    def generate(self, samples, window, server=None, name="run", more=()):
        """The command line, and the folder of its outputs, which is made empty."""
        out = self.work / name
        shutil.rmtree(out, ignore_errors=True)
        line = [self.program, "generate", "--num-samples", samples, "--max-concurrent", window, "--seed", 1,
                "--output-dir", out, "--run-name", name, "--quiet", *more]
        if server:
            line += ["--model", "bench-model", "-o", f"provider.base_url={server.url}", "--timeout", 300]
            if server.ca_file:
                line += ["--ca-file", server.ca_file]
        else:
            line += ["--provider", "offline"]
        return line

    def row(self, scenario, **figures):
        self.rows.append({"scenario": scenario, **figures})
        shown = ", ".join(f"{k} {v:,.3f}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items())
        print(f"  {scenario}: {shown}", file=sys.stderr, flush=True)

    def free_gb(self):
        return shutil.disk_usage(self.work).free / 1e9

    # Scenarios.

    def over_http(self, scenario, latency, samples, window, repeat=1, tls=False, http2=False):
        ends, stats = [], []
        for _ in range(repeat):
            with self.server(latency, window, tls) as server:
                line = self.generate(samples, window, server, more=["--http", "2"] if http2 else [])
                ends.append(self.run(line, limit=LIMIT))
                stats.append(server.stop())
            if ends[-1].code != 0:  # what it got done says more than nothing
                samples = stats[-1]["answers"]
                scenario += f", stopped after {LIMIT} s"
                break
            if stats[-1]["requests"] != samples:
                print(f"{scenario}: {stats[-1]['requests']:,} requests for {samples:,} samples", file=sys.stderr)
        wall = median(s["wall"] for s in stats)
        makespan = stats[0]["makespan"] if ends[-1].code == 0 else None
        peak = median(e.peak for e in ends)
        self.base_peak = self.base_peak or peak
        in_flight = max(s["most_in_flight"] for s in stats)
        self.row(scenario, samples=samples, window=window, rate=samples / wall if wall else None, wall=wall,
                 makespan=makespan or None, ratio=wall / makespan if makespan else None,
                 cpu=median(e.cpu for e in ends) / max(samples, 1) * 1e6, peak=peak,
                 per_request=(peak - self.base_peak) / in_flight if window >= 1000 and makespan else None)

    def client(self, scenario, latency, window, line, tls=False, repeat=1):
        """What another client costs that does nothing else: `line` is its command, with the server's address."""
        ends, stats = [], []
        for _ in range(repeat):
            with self.server(latency, window, tls) as server:
                ends.append(self.run(line(server.url)))
                stats.append(server.stop())
        self.row(scenario, samples=stats[0]["answers"], window=window, rate=median(s["answers"] / s["wall"] for s in stats),
                 wall=median(s["wall"] for s in stats),
                 cpu=median(e.cpu / s["answers"] for e, s in zip(ends, stats)) * 1e6, peak=median(e.peak for e in ends))

    def ceiling(self, scenario, latency, window, seconds):
        script = self.work / "post.lua"
        script.write_text(f'wrk.method = "POST"\nwrk.body = string.rep("x", {PROMPT_BYTES})\n'
                          'wrk.headers["Content-Type"] = "application/json"\n')
        self.client(scenario, latency, window, lambda url: [
            "wrk", "-t1", f"-c{window}", f"-d{seconds}s", "--timeout", "60s", "-s", script, url + "/v1/chat/completions"])

    def http2_ceiling(self, scenario, latency, window, requests):
        body = self.work / "body"
        body.write_text("x" * PROMPT_BYTES)
        self.client(scenario, latency, window, lambda url: [
            "h2load", f"-n{requests}", f"-c{-(-window // 100)}", f"-m{min(window, 100)}", "-d", body,
            url + "/v1/chat/completions"], tls=True)

    def node_client(self, samples, window, repeat):
        self.client("Node client, no latency", "zero", window, lambda url: [
            "env", f"NODE_PATH={self.node_modules}", "node", ROOT / "tests/bench/openai_client.mjs", url + "/v1", samples, window,
            PROMPT_BYTES], repeat=repeat)

    def offline(self, samples, repeat=1, keep=False):
        ends = [self.run(self.generate(samples, 20, name="offline")) for _ in range(repeat)]
        size = sum(f.stat().st_size for f in (self.work / "offline").iterdir())
        seconds = median(e.seconds for e in ends)
        self.row(f"offline, {size / samples / 1000:.1f} KB of files a sample", samples=samples, rate=samples / seconds,
                 wall=seconds, cpu=median(e.cpu for e in ends) / samples * 1e6, peak=median(e.peak for e in ends))
        if not keep:
            shutil.rmtree(self.work / "offline")
        return size / samples

    def timed(self, scenario, arguments, repeat, samples=None):
        ends = [self.run(arguments) for _ in range(repeat)]
        self.row(scenario, samples=samples, wall=median(e.seconds for e in ends), cpu_s=median(e.cpu for e in ends),
                 peak=median(e.peak for e in ends))

    def first_request(self, scenario, make_line, samples, repeat):
        """From the start of the program to the first request at the server; then it is ended."""
        waits, cpus, peaks = [], [], []
        for _ in range(repeat):
            with self.server("fixed:600000") as server:
                line = [str(a) for a in make_line(server)]
                started = time.monotonic()
                process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                while process.poll() is None and server.stats()["requests"] == 0:
                    time.sleep(0.01)
                process.kill()
                _, _, usage = os.wait4(process.pid, 0)
                process.returncode = -signal.SIGKILL
                first = server.stop()["first_request"]
                if first == 0:
                    sys.exit(f"{' '.join(line)}\nsent nothing")
            waits.append(first - started)
            cpus.append(usage.ru_utime + usage.ru_stime)
            peaks.append(usage.ru_maxrss * 1024)
        self.row(scenario, samples=samples, wall=median(waits), cpu_s=median(cpus), peak=median(peaks))

    def shares(self, samples):
        """Instructions a sample by stage, from callgrind: the difference of two runs, so that the start is left out."""
        few = samples // 5
        files = []
        for count in (few, samples):
            files.append(self.work / f"callgrind.{count}")
            with self.server("zero") as server:
                self.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={files[-1]}", "--fair-sched=yes",
                          *self.generate(count, 100, server, name="profile")])
        return stages(*files, samples - few)

    # All of them.

    def everything(self):
        quick = self.quick
        repeat = 1 if quick else 3
        zero = {20: 5_000, 100: 10_000, 1_000: 20_000, 10_000: 20_000}
        for window, samples in zero.items():
            self.over_http("no latency, plain", "zero", samples // (3 if quick else 1), window, repeat)
        for window in zero:
            self.ceiling("wrk, no latency", "zero", window, 2 if quick else 4)
        if self.node_modules:
            for window in 100, 1_000:
                self.node_client(3_000 if quick else 10_000, window, repeat)
        if not quick:
            self.over_http("no latency, TLS", "zero", 10_000, 100, repeat, tls=True)
            for window in 100, 1_000:
                self.over_http("no latency, HTTP/2", "zero", 10_000, window, repeat, tls=True, http2=True)
                self.http2_ceiling("h2load, no latency", "zero", window, 100_000)
        law = "lognormal:200:0.6"
        self.over_http("log-normal 200 ms, sigma 0.6", law, 500 if quick else 2_000, 20, 1)
        self.over_http("log-normal 200 ms, sigma 0.6", law, 2_500 if quick else 5_000, 100, repeat)
        self.over_http("log-normal 200 ms, sigma 0.6", law, 20_000, 1_000, repeat)
        self.over_http("2 s, plain", "fixed:2000", 20_000 if quick else 40_000, 10_000, 1)
        self.ceiling("wrk, 2 s", "fixed:2000", 10_000, 6 if quick else 12)
        self.over_http("2 s, TLS", "fixed:2000", 5_000, 1_000, 1, tls=True)
        if not quick:
            self.over_http("2 s, TLS", "fixed:2000", 40_000, 10_000, 1, tls=True)
        bytes_a_sample = self.offline(10_000, repeat)

        self.timed("--help", [self.program, "--help"], 21)
        self.timed("plugins", [self.program, "plugins"], 5)
        self.first_request("first request", lambda s: self.generate(200, 20, s, "start"), 200, 7)
        many = 100_000 if quick else 1_000_000
        self.first_request("first request", lambda s: self.generate(many, 20, s, "start"), many, 1 if quick else 3)
        if not quick:
            self.large(many, bytes_a_sample)
        self.stage_shares = self.shares(500)

    def large(self, samples, bytes_a_sample):
        # A million full texts, if the disk has room for them twice over.
        texts = min(samples, int((self.free_gb() - 10) * 1e9 / bytes_a_sample / 2) // 100_000 * 100_000)
        if texts < samples:
            print(f"the disk has room for {texts:,} samples only", file=sys.stderr)
        if texts > 0:
            self.offline(texts, keep=True)
            ledger = self.work / "offline/offline.ledger.sqlite"
            self.timed("status", [self.program, "status", ledger], 3, texts)
            self.timed("report", [self.program, "report", ledger], 1, texts)
            export = self.work / "export"
            self.timed("export to jsonl", [self.program, "export", ledger, "--sink", "jsonl", "--output-dir", export], 1,
                       texts)
            shutil.rmtree(export, ignore_errors=True)
            shutil.rmtree(self.work / "offline")
        # A ledger of as many rows that can be resumed against a server: short texts, to be quick.
        with self.server("zero", text_bytes=400) as server:
            line = self.generate(samples, 100, server, "rows", ["-o", "prompt.target_words=50"])
            end = self.run(line)
            self.row("no latency, plain, 400-byte texts", samples=samples, window=100, rate=samples / end.seconds,
                     wall=end.seconds, cpu=end.cpu / samples * 1e6, peak=end.peak)
        ledger = self.work / "rows/rows.ledger.sqlite"
        more = samples
        def resume(server):
            nonlocal more
            more += 100
            return [self.program, "resume", ledger, "--num-samples", more, "--quiet", "-o",
                    f"provider.base_url={server.url}"]
        self.first_request("first request after resume", resume, samples, 3)
        shutil.rmtree(self.work / "rows")


def inclusive_costs(file):
    """Instructions by function, with what it calls, from a file of callgrind."""
    text = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", "--show-percs=no", str(file)],
                          check=True, capture_output=True, text=True).stdout
    costs = defaultdict(int)
    for line in text.splitlines():
        if found := re.match(r" *([\d,]+) +\S*?:(.*?)(?: \[([^\]]*)\])?$", line):
            name = re.sub(r"'\d+$", "", found[2])  # the outermost of a recursion
            costs[name] = max(costs[name], int(found[1].replace(",", "")))
        elif "PROGRAM TOTALS" in line:
            costs["all"] = int(line.split()[0].replace(",", ""))
    return costs


def stages(short_run, long_run, samples):
    """(stage, instructions a sample, share) from two profiles, of which the second has `samples` more."""
    costs = [inclusive_costs(short_run), inclusive_costs(long_run)]

    def a_sample(pattern):
        per = [sum(v for k, v in c.items() if re.search(pattern, k)) for c in costs]
        return (per[1] - per[0]) / samples

    everything = a_sample("^all$")
    result = []
    for name, pattern, without in (
            ("compose: the prompt", r"Prompts::compose\(", None),
            ("encode: the request", r"Provider::encode\(", None),
            ("prepare: hash, text for the ledger, bounds", r"core::Pipeline::prepare\(",
             r"Prompts::compose\(|Provider::encode\("),
            ("transport: libcurl, headers, buffers (without the kernel)", r"core::EventLoop::turn\(",
             r"Session::on_result\("),
            ("decode: the reply", r"Provider::decode\(", None),
            ("extract: the document in it", r"Prompts::extract\(", None),
            ("check: validators, words", r"core::Pipeline::check\(", None),
            ("ledger: compression, SQLite", r"LedgerWriter::Impl::store_batch\(", None),
            ("sinks", r"core::write_outputs\(", None),
            ("reporters", r"core::make_report\(", None)):
        cost = a_sample(pattern) - (a_sample(without) if without else 0)
        result.append((name, cost, cost / everything))
    named = sum(cost for _, cost, _ in result)
    result.append(("the rest: session, pacing, budget", everything - named, 1 - named / everything))
    return result + [("all", everything, 1.0)]


class Server:
    def __init__(self, line):
        self.process = subprocess.Popen([str(a) for a in line], stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.url, self.ca_file = ready["url"], ready["ca_file"]

    def stats(self):
        with urllib.request.urlopen(self.url + "/stats", timeout=30) as answer:
            return json.load(answer)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return json.loads(self.process.communicate()[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def table(rows):
    def seconds(value):
        return f"{value * 1000:,.1f} ms" if value < 1 else f"{value:,.2f} s"

    columns = [
        ("scenario", lambda r: r["scenario"]),
        ("samples", lambda r: f"{r['samples']:,}" if r.get("samples") else ""),
        ("in flight", lambda r: f"{r['window']:,}" if r.get("window") else ""),
        ("samples/s", lambda r: f"{r['rate']:,.0f}" if r.get("rate") else ""),
        ("wall", lambda r: seconds(r["wall"])),
        ("makespan", lambda r: seconds(r["makespan"]) if r.get("makespan") else ""),
        ("wall / makespan", lambda r: f"{r['ratio']:.3f}" if r.get("ratio") else ""),
        ("CPU a sample", lambda r: f"{r['cpu']:,.0f} µs" if "cpu" in r else f"{seconds(r['cpu_s'])} in all"),
        ("peak memory", lambda r: f"{r['peak'] / 1e6:,.0f} MB"),
        ("KB a request", lambda r: f"{r['per_request'] / 1e3:,.1f}" if r.get("per_request") else ""),
    ]
    lines = ["| " + " | ".join(name for name, _ in columns) + " |",
             "|---|" + "---:|" * (len(columns) - 1)]
    lines += ["| " + " | ".join(show(row) for _, show in columns) + " |" for row in rows]
    return "\n".join(lines)


def machine():
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{os.cpu_count()} × {model}, {memory:.0f} GB, {platform.system()} {platform.release()}"


def programs(build):
    """What a measurement needs of the build, without the tests."""
    listed = subprocess.run(["meson", "introspect", "--targets", str(build)], check=True, capture_output=True, text=True)
    names = []
    for target in json.loads(listed.stdout):
        files = [os.path.relpath(f, build) for f in target["filename"]]
        if target["installed"] and target["type"] in ("executable", "shared module"):
            names += files
    return names + ["tests/bench/latency-server"]


def main():
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer samples, about 2 minutes")
    parser.add_argument("--dir", type=pathlib.Path, help="where runs are written, and removed again")
    parser.add_argument("--node-modules", type=pathlib.Path, metavar="DIR",
                        help="also measures the official Node client, which is there: npm install --prefix … openai")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="the figures, to compare them later")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-test", help=argparse.SUPPRESS)
    options = parser.parse_args()

    build = options.build.resolve()
    subprocess.run(["ninja", "-C", str(build), *programs(build)], check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="tdamm-synth-bench-", dir=options.dir) as work:
        bench = Bench(build, pathlib.Path(work), options.quick,
                      options.node_modules and options.node_modules.resolve())
        try:
            bench.everything()
        except KeyboardInterrupt:
            print("interrupted; what was measured until then:", file=sys.stderr)
    revision = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True,
                              text=True).stdout.strip()
    print(f"{machine()}; {time.strftime('%Y-%m-%d')}; {revision or 'no git'}; load {load:.1f} at the start; "
          f"{time.monotonic() - began:.0f} s\n")
    print(table(bench.rows))
    if bench.stage_shares:
        print("\n| stage, no latency, 100 in flight | instructions a sample | share |\n|---|---:|---:|")
    for name, cost, share in bench.stage_shares:
        print(f"| {name} | {cost:,.0f} | {share:.1%} |")
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "revision": revision, "rows": bench.rows,
                                            "stages": bench.stage_shares}, indent=1))


if __name__ == "__main__":
    main()
