"""Shards that share rates and budget through a real Redis: Debian's redis-server on loopback, everything below one folder.

redis_test.py PROGRAM FAULT_SERVER [--bench]

What the scripted server received is the measure: its limit and the cap hold with four shards at once, also when Redis is killed
in the middle. --bench prints how much of the limit was used, with shares and through Redis. Ends with 77 (skipped) where
redis-server is not installed or the program is built without Redis.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from environment import environment  # noqa: E402

program, fault_server = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
redis_server = shutil.which("redis-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")
if redis_server is None:
    print("skipped: redis-server is not installed (tools/install-packages --tests)")
    sys.exit(77)
PATIENCE = 120  # seconds for anything
PASSWORD = "s3cret:with/odd@signs-4711"
scratch = pathlib.Path(tempfile.mkdtemp(prefix="redis-test-"))
environment = environment(HOME=str(scratch), OPENAI_API_KEY="sk-redis-0123456789abcdef")
started = []
passed = 0


def check(what, good, detail=""):
    global passed
    assert good, f"{what}: {detail}"
    passed += 1


class Redis:
    def __init__(self, *settings, port=0):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = port or free.getsockname()[1]
        self.process = subprocess.Popen(
            [redis_server, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(scratch), *settings],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(self.process)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                return self.ping()
            except OSError:
                time.sleep(0.02)  # of asking again, not of hoping
        raise AssertionError("redis-server does not listen")

    def ping(self):
        with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
            connection.sendall(b"PING\r\n")
            connection.recv(100)

    def url(self, prefix="test"):
        return f"redis://127.0.0.1:{self.port}?prefix={prefix}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Server:
    """The scripted server, afresh."""

    def __init__(self, script):
        self.process = subprocess.Popen([fault_server, json.dumps({"words": 60, "keep_bodies": False, **script})],
                                        stdout=subprocess.PIPE, text=True)
        started.append(self.process)
        self.port = int(self.process.stdout.readline())

    def requests(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/log", timeout=60) as answer:
            return [r for r in json.load(answer) if r["call"] > 0]


def command(server, out, shard, *more, samples=40):
    return [program, "generate", "--num-samples", str(samples), "--seed", "7", "--run-name", "run", "--output-dir", str(scratch / out),
            "--no-progress", "-o", f"provider.base_url=http://127.0.0.1:{server.port}/v1",
            *(["--shard", f"{shard}/4"] if shard else []), *(str(m) for m in more)]


def run(words, more=None):
    return subprocess.run([str(w) for w in words], cwd=scratch, env={**environment, **(more or {})}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE)


class Shards:
    """Four of them at once, or some of the four."""

    def __init__(self, server, out, *more, samples, which=(1, 2, 3, 4)):
        self.out = out
        self.commands = [command(server, out, i, *more, samples=samples) for i in which]
        self.processes = [self.start(words) for words in self.commands]

    @staticmethod
    def start(words):
        process = subprocess.Popen(words, cwd=scratch, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    def kill_and_start(self, index):
        self.processes[index].kill()
        self.processes[index].communicate()
        self.processes[index] = self.start(self.commands[index])

    def wait(self, expect=(0,)):
        self.err = [p.communicate(timeout=PATIENCE)[1] for p in self.processes]
        for process, err in zip(self.processes, self.err):
            check(f"exit code of a shard in {self.out}", process.returncode in expect, f"{process.returncode}\n{err}")
        return self


def cost(server):
    """What the service will charge for all that it has answered, in US dollars: gpt-4o-mini's prices."""
    return sum(r["prompt_tokens"] * 0.15 + r["completion_tokens"] * 0.6 for r in server.requests() if r["status"] == 200) / 1e6


def spent(out):
    """By all ledgers."""
    total = 0
    for i in (1, 2, 3, 4):
        ledger = scratch / out / f"run.shard-{i}-of-4.ledger.sqlite"
        if ledger.exists():
            cost = json.loads(run([program, "status", ledger, "--json"]).stdout)["cost"]
            total += cost["spent_usd"]
    return total


def let_through(log):
    return [r["received_s"] for r in log if r["status"] == 200]


def no_secret(folder):
    for file in (scratch / folder).rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            check("no password in " + file.name, PASSWORD.encode() not in data and b"with%2Fodd" not in data)


def refused():
    """What cannot be done is said in one line, and nothing is sent."""
    server = Server({})
    redis = Redis("--requirepass", PASSWORD)
    for url, code, says in (("http://x", 2, "does not begin with redis://"), ("rediss://x", 2, "TLS"), ("redis://", 2, "no host"),
                            ("redis://x:0", 2, "the port is not"), ("redis://h?p=1", 2, "prefix="), ("redis://a:b%2@h", 2, "hexadecimal"),
                            ("redis://127.0.0.1:1", 6, "cannot be reached"),
                            (redis.url(), 5, "NOAUTH"), (f"redis://:wrong-hunter2@127.0.0.1:{redis.port}", 5, "WRONGPASS")):
        done = run(command(server, "refused", 1, "--shared-limits", url))
        check("exit code of " + url, done.returncode == code, done.stderr)
        check("line of " + url, says in done.stderr and done.stderr.count("\n") == 1 and "hunter2" not in done.stderr, done.stderr)
    (scratch / "secret.toml").write_text(f'shared-limits = "redis://:hunter2@127.0.0.1:{redis.port}"\n')
    done = run(command(server, "refused", 1, "--config", scratch / "secret.toml"))
    check("no password in a run file", done.returncode == 2 and "no place for a password" in done.stderr and
          "hunter2" not in done.stderr, done.stderr)
    check("nothing was sent", server.requests() == [])
    check("nothing was made", not (scratch / "refused").exists() or not list((scratch / "refused").glob("*.ledger.sqlite")))

    # With the password, in the URL and in the environment; it stays nowhere.
    quoted = PASSWORD.replace(":", "%3A").replace("/", "%2F").replace("@", "%40")
    done = run(command(server, "secret", 1, "--shared-limits", f"redis://:{quoted}@127.0.0.1:{redis.port}/2", "--verbose"))
    check("password in the URL", done.returncode == 0, done.stderr)
    told = run(command(server, "secret", 2, "--shared-limits=redis://default@127.0.0.1:%d" % redis.port, "--verbose"),
               {"TDAMM_SYNTH_REDIS_PASSWORD": PASSWORD})
    check("password in the environment", told.returncode == 0, told.stderr)
    merge = run([program, "merge", *sorted((scratch / "secret").glob("*.sqlite"))])
    check("the command of a missing shard", "--shared-limits" in merge.stderr and "--shard 3/4" in merge.stderr, merge.stderr)
    for text in (done.stderr, done.stdout, told.stderr, told.stdout, merge.stderr):
        check("no password in what is said", PASSWORD not in text and quoted not in text, text)
    no_secret("secret")
    job = run([program, "plan", "--num-samples", "12", "--shards", "3", "--kubernetes", "job", "--shared-limits",
               f"redis://me:{quoted}@redis.example.com/2?prefix=sky"])
    check("job files", job.returncode == 0, job.stderr)
    check("job files name Redis", "redis://me@redis.example.com:6379/2?prefix=sky" in (scratch / "job/job.yaml").read_text())
    check("and the password's variable", "TDAMM_SYNTH_REDIS_PASSWORD" in (scratch / "job/submit").read_text())
    no_secret("job")


def limits():
    """What one account may send in a minute, known to the user or stated by the server, used by four shards."""
    redis = Redis()
    requests, tokens = {"requests": 1200}, {"tokens": 4_000_000}
    for name, limit, known, more in (("requests, given", requests, True, ("--rpm", 1200)), ("requests, stated", requests, False, ()),
                                     ("tokens, given", tokens, True, ("--tpm", 4_000_000)), ("tokens, stated", tokens, False, ())):
        server = Server({"limits": {**limit, **({"dialect": "none"} if known else {})}, "latency": {"ms": 20}})
        samples = 900 if limit is tokens else 1400
        Shards(server, name, "--max-concurrent", 20, "--shared-limits", redis.url(name.replace(", ", "-")), *more, samples=samples).wait()
        log = server.requests()
        times = let_through(log)
        check(f"{name}: all made", len(times) == samples)
        # A service that counts what answers may take is found out by what it refuses once: the four windows, and what had its slot.
        most = 100 if limit is tokens else samples // 100
        check(f"{name}: at most {most} are told to wait", len(log) - len(times) <= most, len(log) - len(times))
        span = times[-1] - times[0]
        rate = limit.get("requests") or limit["tokens"] / (sum(r["counted_tokens"] for r in log if r["status"] == 200) / samples)
        print(f"through Redis, {name}: {samples / (rate * (1 + span / 60)):.1%} of what the server allowed in {span:.1f} s, "
              f"{len(log) - len(times)} of {len(log)} replies 429")


def smooth():
    """A server that lets no minute's worth go at once: one refusal teaches all shards."""
    redis = Redis()
    server = Server({"limits": {"requests": 100, "window_ms": 1000, "dialect": "none"}, "latency": {"ms": 20}})
    Shards(server, "smooth", "--max-concurrent", 10, "--rpm", 6000, "--shared-limits", redis.url(), samples=1000).wait()
    log = server.requests()
    refused = [r["received_s"] for r in log if r["status"] == 429]
    check("all made", len(let_through(log)) == 1000)
    # From the first refusal on, whenever the machine's speed lets it come: the pause that it begins lasts a second at least.
    late = [t for t in refused if t > refused[0] + 1]
    check("after the first pause nothing is refused", len(late) <= 10, refused)
    print(f"a second's worth at a time: {len(refused)} of {len(log)} replies 429, {len(late)} of them after the first pause")


def budget():
    """A cap that binds, held by four at once; killed and started again, no money is counted twice or lost."""
    redis = Redis()
    server = Server({"latency": {"ms": 5}})
    cap = 0.2
    words = ("--max-concurrent", 2, "--budget", cap, "--shared-limits", redis.url())
    shards = Shards(server, "cap", *words, samples=2000)
    while len(server.requests()) < 100:
        time.sleep(0.02)
    for index in (0, 1):
        shards.kill_and_start(index)
    shards.wait(expect=(4,))
    total = spent("cap")
    charged = cost(server)
    check("the cap holds, by ledgers and by what the service answered", total <= cap and charged <= cap, (total, charged))
    check("and is used", charged > 0.6 * cap, charged)
    check("why", all("the budget of" in err for err in shards.err), shards.err)
    print(f"a cap that binds, two shards killed: {total:.4f} of {cap} in the ledgers, {charged:.4f} charged by the service")

    # What a complete shard leaves is for the others, also when Redis was away as it ended, and still no more than the cap is spent.
    cheap = Server({"words": 20, "latency": {"ms": 50}})
    shard = Shards(cheap, "left", "--max-concurrent", 1, "--budget", 0.12, "--shared-limits", redis.url("left"), samples=160, which=(1,))
    while len(cheap.requests()) < 5:
        time.sleep(0.02)
    redis.kill()
    shard.wait()
    resume = re.search(r"is for the others after: (.*)", shard.err[0])
    check("what it leaves is told as to be kept", resume is not None, shard.err)
    redis = Redis(port=redis.port)
    told = run(shlex.split(resume.group(1)))
    check("a cheap shard tells what it leaves", told.returncode == 0, told.stderr)
    costly = Server({"words": 700, "latency": {"ms": 5}})
    alone = run(command(costly, "left", 2, "--budget", 0.12, "--shared-limits", redis.url("left"), samples=160))
    total = spent("left")
    shares = json.loads(run([program, "status", scratch / "left/run.shard-2-of-4.ledger.sqlite", "--json"]).stdout)
    check("more than its share", shares["cost"]["spent_usd"] > 0.12 / 4, shares["cost"])
    print(f"after a cheap shard: {shares['cost']['spent_usd']:.6f} spent with a share of {0.12 / 4}, exit code {alone.returncode}")
    rest = [run(command(costly, "left", i, "--budget", 0.12, "--shared-limits", redis.url("left"), samples=160)) for i in (3, 4, 2)]
    check("exit codes", all(done.returncode in (0, 4) for done in rest), [done.returncode for done in rest])
    check("the cap holds", spent("left") <= 0.12, spent("left"))


def lost():
    """Redis is killed in the middle: every shard that has work left keeps to its share, so the limit holds, and the run ends well;
    also when Redis comes back, without its memory."""
    for name in ("lost", "back"):
        redis = Redis()
        server = Server({"limits": {"requests": 1200, "dialect": "none"}, "latency": {"ms": 20}})
        shards = Shards(server, name, "--max-concurrent", 10, "--rpm", 1200, "--budget", 2, "--shared-limits", redis.url(), samples=1600)
        working = []  # of the shards, at these moments
        for moment, happens in ((1240, redis.kill), (1290, lambda: name == "back" and Redis(port=redis.port)),
                                (1340, lambda: None)):
            while len(let_through(server.requests())) < moment:
                time.sleep(0.05)
            working.append(sum(process.poll() is None for process in shards.processes))
            happens()
        shards.wait()
        log = server.requests()
        times = let_through(log)
        lost, back = ([err.count(line) for err in shards.err] for line in ("is lost", "shared again"))
        check(f"{name}: all made", len(times) == 1600)
        check(f"{name}: one line says so", working[1] <= sum(lost) <= working[0] and max(lost) == 1, (working, shards.err))
        check(f"{name}: and that it is back", working[2] <= sum(back) <= sum(lost) if name == "back" else sum(back) == 0,
              (working, shards.err))
        check(f"{name}: the limit holds", len(log) - len(times) <= 16, len(log) - len(times))
        check(f"{name}: the cap holds", cost(server) <= 2 and spent(name) <= 2)
        span = times[-1] - times[0]
        print(f"Redis {name}, {working[0]} shards at work: {len(times) / (1200 + 20 * span):.1%} of what the server allowed in {span:.1f} s, "
              f"{len(log) - len(times)} of {len(log)} replies 429")


def bench():
    for name, more in (("shares", ()), ("Redis", ("--shared-limits", Redis().url()))):
        for rate in (1200, 6000):
            server = Server({"limits": {"requests": rate, "dialect": "none"}, "latency": {"ms": 50}})
            samples = rate + rate // 4
            Shards(server, f"bench-{name}-{rate}", "--max-concurrent", 50, "--rpm", rate, *more, samples=samples).wait()
            log = server.requests()
            times = let_through(log)
            span = times[-1] - times[0]
            steady = times[-rate // 12:]  # the minute that was saved up is gone
            print(f"{name:6} {rate} a minute: {len(times) / (rate + rate / 60 * span):6.1%} of what the server allowed in {span:.1f} s, "
                  f"{(len(steady) - 1) * 60 / rate / (steady[-1] - steady[0]):6.1%} of the limit once nothing was saved up, "
                  f"{len(log) - len(times)} of {len(log)} replies 429")
        server = Server({"limits": {"requests": 1200, "dialect": "none"}, "latency": {"ms": 50}})
        Shards(server, f"bench-{name}-one", "--max-concurrent", 50, "--rpm", 1200, *more, samples=1600, which=(2,)).wait()
        times = let_through(server.requests())
        print(f"{name:6} 1200 a minute, one shard of four runs: 400 samples in {times[-1] - times[0]:.1f} s")


try:
    if "without Redis" in run([program, "generate", "--num-samples", "1", "--shared-limits",
                               "redis://127.0.0.1:1"]).stderr:
        print("skipped: this build is without Redis (libhiredis-dev)")
        sys.exit(77)
    chosen = sys.argv[3:] or ["refused", "limits", "smooth", "budget", "lost"]
    for part in chosen:
        began = time.monotonic()
        globals()[part.lstrip("-")]()
        print(f"{part}: {time.monotonic() - began:.1f} s")
    print(f"{passed} checks passed")
finally:
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()
    shutil.rmtree(scratch, ignore_errors=True)
