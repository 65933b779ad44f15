"""Runs in deferred batches against a server that has them, with everything that goes wrong with batches; killed at every step
between intent and collection. The measure is always what a direct run makes.

batch_test.py PROGRAM
"""

import contextlib
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from batch_server import BatchServer  # noqa: E402
from environment import environment  # noqa: E402

program = str(pathlib.Path(sys.argv[1]).resolve())
top = pathlib.Path(tempfile.mkdtemp(prefix="batch-test-"))
KEY = "sk-batches-0123456789abcdef"
SAMPLES = 40
PATIENCE = 60
IN, OUT = 75, 300  # nanodollars a token: gpt-4o-mini in batches, half the direct price


class Case:
    """A server, a folder, and runs in it."""

    def __init__(self):
        self.server = BatchServer()
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=top))
        self.out = self.dir / "out"
        self.ledger = self.out / "run.ledger.sqlite"

    def command(self, *words):
        return [program, *map(str, words)]

    def generate(self, *more):
        return self.command("generate", "--num-samples", SAMPLES, "--seed", 7, "--run-name", "run", "--output-dir", self.out, "-o",
                            "provider.base_url=" + self.server.url, *more)

    def batch(self, *more):
        return self.generate("--mode", "batch", "--poll", "0.01", *more)

    def start(self, command):
        variables = environment(HOME=str(self.dir), OPENAI_API_KEY=KEY)
        return subprocess.Popen(command, cwd=self.dir, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def run(self, command, expect=0):
        process = self.start(command)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"still running after {PATIENCE} s: {command}\n{err[-3000:]}")
        assert process.returncode == expect, f"exit {process.returncode}, expected {expect}: {command}\n{err[-3000:]}"
        return out, err

    def resume(self, *more, expect=0):
        return self.run(self.command("resume", self.ledger, *more), expect)

    def text(self):
        return (self.out / "run.json").read_text()

    def report(self):
        return json.loads((self.out / "run.report.json").read_text())

    def check(self, priced=True):
        """Exactly the samples that were asked for, each with its own text, at the price of a batch."""
        assert len(json.loads(self.text())) == SAMPLES
        if priced:
            spent = self.report()["cost"]["spent_usd"]
            usage = self.server.usage
            assert abs(spent - (usage[0] * IN + usage[1] * OUT) / 1e9) < 1e-12, (spent, usage)

    def submitted_once(self):
        """No batch was submitted twice, none was left behind, and no request was worked on in two of them."""
        tags = [b["metadata"]["tdamm_synth"] for b in self.server.batches.values() if b["status"] != "failed"]
        assert len(set(tags)) == len(tags), tags
        worked = [line["custom_id"] for b in self.server.batches.values() if b["status"] == "completed" for line in b["lines"]]
        assert len(set(worked)) == len(worked), "asked for twice"
        assert all(b["status"] in ("completed", "expired", "cancelled", "failed") for b in self.server.batches.values()), "left behind"
        read = {path.split("/")[2] for kind, path, _ in self.server.log if kind == "download"}
        for b in self.server.batches.values():
            for file in (b["output_file_id"], b["error_file_id"]):
                assert file is None or file in read, f"{b['id']}: {file} was never fetched"


def direct():
    case = Case()
    case.run(case.generate())
    return case.text()


def same_as_direct():
    case = Case()
    case.run(case.batch("--budget", "1"))
    assert case.text() == DIRECT
    case.check()
    case.submitted_once()
    assert len(case.server.batches) == 1


def several_files_in_any_order():
    case = Case()
    case.server.stray_lines, case.server.polls = True, 9
    case.run(case.batch("--batch-lines", 7))
    assert case.text() == DIRECT
    case.submitted_once()
    assert len(case.server.batches) == 6 and max(len(b["lines"]) for b in case.server.batches.values()) == 7


def failures_go_into_the_next_round():
    case = Case()
    case.server.fail_share, case.server.filter_share = 0.2, 0.2
    case.run(case.batch())
    case.check()
    case.submitted_once()
    rounds = sorted(len(b["lines"]) for b in case.server.batches.values())
    assert len(rounds) == 2 and 5 < rounds[0] < 30, rounds
    assert case.report()["samples"]["attempts"] == SAMPLES + rounds[0]


def an_error_file_that_is_missing():
    case = Case()
    case.server.fail_share, case.server.no_error_file = 0.3, True
    case.run(case.batch())
    case.check()
    case.submitted_once()


def expired_with_half_done():
    case = Case()
    case.server.expire = 1
    _, err = case.run(case.batch("--max-attempts", 1))  # what was not worked on is not an attempt
    assert case.text() == DIRECT and "expired" in err
    case.check()
    case.submitted_once()
    assert [len(b["lines"]) for b in case.server.batches.values()] == [SAMPLES, SAMPLES // 2]


def a_parameter_that_is_not_taken():
    case = Case()
    case.server.parameter = "top_p"
    case.run(case.batch("--max-attempts", 1, "--batch-lines", 20))  # learned from both files, and not an attempt
    assert case.text() == DIRECT
    case.check()
    sizes = [len(b["lines"]) for b in case.server.batches.values()]
    assert sum(sizes) == 2 * SAMPLES, sizes


def the_last_few_directly():
    case = Case()
    case.server.fail_share = 0.2
    case.run(case.batch("--finish", "direct", "--budget", "1"))
    case.check(priced=False)
    calls = case.report()["cost"]
    assert abs(calls["spent_usd"] - sum(model["spent_usd"] for model in calls["by_model"].values())) < 1e-12, calls
    assert len(case.server.batches) == 1
    direct_calls = sum(kind == "chat" for kind, _, _ in case.server.log)
    assert 0 < direct_calls == SAMPLES - next(iter(case.server.batches.values()))["request_counts"]["completed"]


def the_queue_is_respected():
    case = Case()
    case.server.queue_tokens = 1
    _, err = case.run(case.batch("--poll", "0.001"), expect=5)  # never any room: said, not tried for ever
    assert "--batch-lines N" in err, err
    again = Case()
    again.run(again.generate("--mode", "batch", "--poll", "0.01", "--batch-lines", 10, "--num-samples", 1))
    one = next(iter(again.server.batches.values()))["tokens"]
    case = Case()
    case.server.queue_tokens = 25 * one  # room for two files of ten
    case.run(case.batch("--batch-lines", 10))
    assert case.text() == DIRECT
    case.submitted_once()
    assert any(b["status"] == "failed" for b in case.server.batches.values()), "it was never full"
    # Said beforehand, nothing is refused.
    case = Case()
    case.server.queue_tokens = 60 * one
    case.run(case.batch("--batch-lines", 10, "--queued-tokens", 25 * one))
    assert case.text() == DIRECT and all(b["status"] == "completed" for b in case.server.batches.values())


def refused_for_good():
    case = Case()
    case.server.refuse = 1
    _, err = case.run(case.batch("--budget", "1"), expect=5)
    assert "line 1 is not what it should be" in err, err
    case.resume()
    assert case.text() == DIRECT
    case.check()


def a_budget_that_is_too_small():
    case = Case()
    case.run(case.batch("--budget", "0.005", "--batch-lines", 20), expect=4)
    report = case.report()["cost"]
    assert 0 < report["spent_usd"] <= 0.005 and (report["reserved_usd"] or 0) == 0
    made = len(json.loads(case.text()))
    assert 0 < made < SAMPLES
    case.resume("--budget", "1")
    assert case.text() == DIRECT
    case.check()


def servers_without_batches():
    case = Case()
    case.server.batch_support = False
    _, err = case.run(case.batch(), expect=5)
    assert "has no files" in err and "--mode direct" in err, err
    case.resume("--mode", "direct")
    assert case.text() == DIRECT
    _, err = case.run(case.command("generate", "--provider", "offline", "--mode", "batch", "--output-dir", case.out), expect=2)
    assert "provider offline has no deferred batches" in err, err


def trouble_with_every_call():
    case = Case()
    case.server.trouble = 6  # carried out, and answered as if not
    case.run(case.batch("--batch-lines", 20))
    assert case.text() == DIRECT
    case.submitted_once()
    assert len(case.server.batches) == 2


def a_download_that_is_cut():
    case = Case()
    case.server.cut_downloads, case.server.fail_share = 2, 0.2
    case.run(case.batch())
    case.check()
    case.submitted_once()
    assert sum(kind == "download" for kind, _, _ in case.server.log) == 2 + 3, "two were cut; there are three files"


def the_queue_is_filled_and_not_passed():
    """A file that does not fit any more waits; it does not leave with the one request that it may always have."""
    case = Case()
    case.run(case.batch("--num-samples", 1))
    line = case.dir / "line.sqlite"
    shutil.copy(case.ledger, line)
    with contextlib.closing(sqlite3.connect(line)) as ledger:
        one = ledger.execute("SELECT max(tokens) FROM batch").fetchone()[0]
    case = Case()
    case.run(case.batch("--queued-tokens", int(10.5 * one)))
    assert case.text() == DIRECT
    case.submitted_once()
    sizes = [len(b["lines"]) for b in case.server.batches.values()]
    assert sum(sizes) == SAMPLES and min(sizes[:-1]) >= 9, sizes


def interrupted_and_cancelled():
    case = Case()
    case.server.polls = 10**9
    seen = threading.Event()
    case.server.hook = lambda kind, phase: seen.set() if kind == "look" else None
    process = case.start(case.batch())
    assert seen.wait(PATIENCE)
    _, err = case.run(case.command("cancel", case.ledger), expect=6)
    assert "is running" in err, err
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130 and "go on without this program" in err, err
    out, _ = case.run(case.command("status", case.ledger, "--json"))
    assert json.loads(out)["batches"] == {"out": 1, "requests": SAMPLES}
    _, err = case.resume("--mode", "direct", expect=2)  # would be paid for twice
    assert "may be out at the service" in err, err
    _, err = case.run(case.command("cancel", case.ledger))
    assert "cancelling" in err and " resume " in err, err
    case.server.polls = 3
    case.resume()
    assert case.text() == DIRECT
    case.check()
    case.submitted_once()
    statuses = [b["status"] for b in case.server.batches.values()]
    assert statuses == ["cancelled", "completed"], statuses
    _, err = case.run(case.command("cancel", case.ledger))
    assert "no batch of this run is out" in err, err


def shards_in_batches():
    case = Case()
    for shard in ("1/2", "2/2"):
        case.run(case.batch("--shard", shard))
    case.run(case.command("merge", case.out / "run.shard-1-of-2.ledger.sqlite", case.out / "run.shard-2-of-2.ledger.sqlite"))
    assert case.text() == DIRECT
    case.check()
    case.submitted_once()


def held_for_the_checks_of_the_set():
    if "validator duplicates" not in Case().run([program, "plugins", "--names"])[0]:
        return "no validator that looks at the set"
    outputs = []
    for mode in ([], ["--mode", "batch", "--poll", "0.01"]):
        case = Case()
        case.run(case.generate("--validator", "length", "--validator", "duplicates", *mode))
        outputs.append(case.text())
    assert outputs[0] == outputs[1]
    case.check()
    assert not any(kind == "chat" for kind, _, _ in case.server.log), "nothing is left to ask for"
    return None


def killed_at_every_step():
    """Each step of a run, before and after the service has carried it out; the lists are read when it is resumed."""
    points = [(kind, phase, nth) for kind, nth in (("upload", 1), ("upload", 2), ("submit", 1), ("submit", 2), ("look", 1), ("look", 3),
                                                   ("look", 6), ("download", 1), ("download", 2), ("download", 3)) for phase in ("before", "after")]
    for kind, phase, nth in points:
        kill_and_resume([(kind, phase, nth)])
    for kind in ("list_files", "list_batches"):  # killed while what the first kill left is looked for
        first = ("upload", "after", 1) if kind == "list_files" else ("submit", "after", 1)
        for phase in ("before", "after"):
            kill_and_resume([first, (kind, phase, 1)])
    kill_and_resume([("submit", "after", 1), ("submit", "after", 1), ("download", "after", 1), ("download", "after", 1)])
    return f"{len(points) + 5} points"


def kill_and_resume(points):
    case = Case()
    case.server.fail_share = 0.1
    case.server.expire = 1
    command = case.batch("--batch-lines", 20, "--budget", "1")
    for kind, phase, nth in points:
        counts = {}
        dead = threading.Event()

        def hook(k, p):
            if dead.is_set():
                raise ConnectionAbortedError
            if (k, p) != (kind, phase):
                return
            counts[k] = counts.get(k, 0) + 1
            if counts[k] == nth:
                process.kill()
                dead.set()
                raise ConnectionAbortedError

        ready = threading.Event()
        case.server.hook = lambda k, p: (ready.wait(), hook(k, p))
        process = case.start(command)
        ready.set()
        process.communicate(timeout=PATIENCE)
        assert process.returncode == -signal.SIGKILL, f"{kind} {phase} {nth} never came: exit {process.returncode}"
        command = case.command("resume", case.ledger)
    case.server.hook = lambda k, p: None
    try:
        case.resume()
        case.check()
        case.submitted_once()
    except AssertionError as error:
        raise AssertionError(f"killed at {points}: {error}") from error


def killed_while_answers_are_taken_in():
    """At random moments after the answers have come."""
    kills = 0
    for wait in range(12):
        case = Case()
        come = threading.Event()
        case.server.hook = lambda kind, phase: come.set() if (kind, phase) == ("download", "after") else None
        process = case.start(case.batch())
        assert come.wait(PATIENCE)
        end = time.perf_counter() + wait * 0.0008  # not a wait for something: one of many moments
        while time.perf_counter() < end:
            pass
        process.kill()
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        case.resume()
        assert case.text() == DIRECT
        case.check()
        case.submitted_once()
    assert kills > 0
    return f"{kills} kills"


passed = failed = 0
DIRECT = direct()
chosen = sys.argv[2:]
for test in (same_as_direct, several_files_in_any_order, failures_go_into_the_next_round, an_error_file_that_is_missing,
             expired_with_half_done, a_parameter_that_is_not_taken, the_last_few_directly, the_queue_is_respected, refused_for_good, a_budget_that_is_too_small,
             servers_without_batches, trouble_with_every_call, a_download_that_is_cut,
             the_queue_is_filled_and_not_passed, interrupted_and_cancelled, shards_in_batches, held_for_the_checks_of_the_set, killed_at_every_step,
             killed_while_answers_are_taken_in):
    if chosen and test.__name__ not in chosen:
        continue
    began = time.monotonic()
    try:
        said = test()
        passed += 1
        print(f"passed: {test.__name__} ({time.monotonic() - began:.1f} s{', ' + said if said else ''})", flush=True)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        failed += 1
        print(f"FAILED: {test.__name__}: {error}", flush=True)
shutil.rmtree(top, ignore_errors=True)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
