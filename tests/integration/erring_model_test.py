"""A model that errs on purpose in 40 % of its answers: what comes out is exactly the asked number of documents, none with one of
its faults, and the report accounts for every answer that was rejected and for its cost.

erring_model_test.py PROGRAM

Its good answers are texts of the offline provider for the same labels. Its faults: half of the length, a topic that nobody
asked for, a refusal, a text that it gave before with a tenth of the words changed, and a chat preamble (which is taken off). It continues
a short text when it is asked to.
"""

import collections
import functools
import http.server
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from environment import environment as bare_environment  # noqa: E402

PROGRAM = sys.argv[1]
SAMPLES = 60
SHARE = 0.4
FAULTS = ["short", "foreign", "refusal", "duplicate", "preamble"]
REFUSAL = "I'm sorry, but I can't help with writing this document."
PREAMBLE = "Certainly! Here is the document that you asked for:"
TOPICS = ["Exoplanets", "Stellar flares", "Pulsar Wind Nebula", "Cosmic Rays", "Fast Radio Bursts", "Novae", "Kilonovae", "Stochastic"]
NEGATIVE = frozenset(["Non-TDAMM"])


def run(folder, *arguments, environment=None):
    return subprocess.run([PROGRAM, *arguments], cwd=folder, env=bare_environment(**(environment or {})),
                          capture_output=True, text=True, check=False)


def offline_texts(folder):
    """Several texts for every label set of the plan with seed 7."""
    texts = collections.defaultdict(list)
    more = ["--num-samples", str(SAMPLES)]
    for seed in range(7, 15):
        done = run(folder, "generate", "--provider", "offline", "--seed", str(seed), "--run-name", f"t{seed}", "--output-dir", "texts",
                   "--quiet", *more)
        assert done.returncode == 0, done.stderr
        for record in json.loads((folder / "texts" / f"t{seed}.json").read_text()):
            texts[frozenset(record["labels"])].append(record["full_text"])
        more = ["--num-samples", str(SAMPLES), "--sampler", "list", "-o", f"sampler.data={folder / 'texts' / 't7.json'}"]
    return texts


def texts_of_one(folder):
    """Texts about a single class, for topics that nobody asked for."""
    done = run(folder, "generate", "--provider", "offline", "--seed", "3", "--min-labels", "1", "--max-labels", "1", "--num-samples", "80",
               "--run-name", "one", "--output-dir", "texts", "--quiet")
    assert done.returncode == 0, done.stderr
    return {record["labels"][0]: record["full_text"] for record in json.loads((folder / "texts/one.json").read_text())}


class Model:
    """Decides under a lock; what it sent, by fault."""

    def __init__(self, texts, singles):
        self.texts, self.random, self.lock = texts, random.Random(1), threading.Lock()
        self.singles = {label: text for label, text in singles.items() if label in TOPICS}
        self.used, self.given, self.sent = collections.Counter(), [], collections.Counter()

    def foreign(self, labels):
        """A topic that none of the labels is ever met with: what belongs together may be spoken of together."""
        met = set().union(*(own for own in self.texts if own & labels))
        return self.singles[self.random.choice(sorted(set(self.singles) - met))]

    def answer(self, messages):
        prompt = messages[1]["content"]
        with self.lock:
            if len(messages) == 4:  # a short text is to be continued
                begun = messages[2]["content"]
                labels = frozenset(re.findall(r"^\* (.+)\n  Meaning:", prompt, re.M)) or NEGATIVE
                whole = next((text for text in self.texts[labels] if text.startswith(begun[:200])), begun)
                self.sent["continued"] += 1
                # A text without labels may be shorter than its prompt asks for: then all of another one follows.
                return whole[len(begun) :].strip() or self.random.choice([text for text in self.texts[labels] if text != whole])
            labels = frozenset(re.findall(r"^\* (.+)\n  Meaning:", prompt, re.M)) or NEGATIVE
            own = self.texts[labels]
            text = own[self.used[labels] % len(own)]
            self.used[labels] += 1
            fault = self.random.choice(FAULTS) if self.random.random() < SHARE else "none"
            words = text.split(" ")
            if fault == "short":
                half = len(text) // 2
                text = text[: max(text.rfind(". ", 0, half), text.rfind("\n", 0, half)) + 1].strip()
            elif fault == "foreign":
                text += "\n\n" + self.foreign(labels)
            elif fault == "refusal":
                text = REFUSAL
            elif fault == "duplicate" and self.given:
                words = self.random.choice(self.given).split(" ")
                for place in self.random.sample(range(len(words)), len(words) // 10):
                    words[place] = "observers"
                text = " ".join(words)
            elif fault == "preamble":
                text = PREAMBLE + "\n\n" + text
            elif fault == "duplicate":
                fault = "none"
            self.sent[fault] += 1
            if fault in ("none", "preamble"):
                self.given.append(text.removeprefix(PREAMBLE + "\n\n"))
            return text


def serve(model):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            text = model.answer(body["messages"])
            reply = json.dumps({"model": body["model"], "choices": [{"index": 0, "finish_reason": "stop",
                                "message": {"role": "assistant", "content": text}}],
                                "usage": {"prompt_tokens": 1000, "completion_tokens": 2000, "total_tokens": 3000}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@functools.cache
def shingles(text):
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


def likeness(one, other):
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model = Model(offline_texts(folder), texts_of_one(folder))
        server = serve(model)
        done = run(folder, "generate", "--num-samples", str(SAMPLES), "--seed", "7", "--run-name", "run", "--output-dir", "out",
                   "--max-attempts", "30", "--max-concurrent", "1",  # one after the other: the faults fall alike in every run
                   "--validator", "length", "--validator", "coverage", "--validator", "duplicates", "--validator", "style",
                   "-o", "validator.length.reject_short=true", "-o", "validator.length.tolerance=0.2",
                   "-o", "validator.coverage.foreign_topic=reject", "-o", "validator.coverage.max_foreign=0.1",
                   "-o", f"provider.base_url=http://127.0.0.1:{server.server_port}/v1", environment={"OPENAI_API_KEY": "none"})
        missing = json.loads((folder / "out/run.report.json").read_text())["samples"]["missing_samples"] if done.returncode == 3 else []
        assert done.returncode == 0, (done.returncode, missing, done.stderr[-3000:])
        records = json.loads((folder / "out/run.json").read_text())
        report = json.loads((folder / "out/run.report.json").read_text())
        print("sent:", dict(model.sent), "rejected:", report["samples"]["failures"])

        assert len(records) == SAMPLES
        assert all(model.sent[fault] > 0 for fault in FAULTS), model.sent
        planned = json.loads((folder / "texts/t7.json").read_text())
        for record, asked in zip(records, planned):
            text, labels = record["full_text"], frozenset(record["labels"])
            assert record["labels"] == asked["labels"]
            assert REFUSAL not in text and not text.startswith("Certainly"), text[:200]
            if labels != NEGATIVE:
                assert len(text.split()) >= 0.8 * 1178, (record["link"], len(text.split()))
            # A copy of a text that comes later in the plan is no copy: the later one is written again.
            good = max(likeness(text, own) for own in model.texts[labels])
            assert good > 0.45 or labels == NEGATIVE, f"{record['link']} is none of the good texts, {good}: {text[:300]}"
        assert len({record["full_text"] for record in records}) == SAMPLES
        texts = [record["full_text"] for record in records]
        alike = max(likeness(a, b) for i, a in enumerate(texts) for b in texts[:i])
        assert alike < 0.5, alike  # with a tenth of the words changed it is 0.57

        assert model.sent["continued"] >= model.sent["short"], "a short text is continued, not written anew"
        rejected = sum(report["samples"]["failures"].values())
        answers = sum(model.sent.values())
        assert report["samples"]["attempts"] == answers == SAMPLES + rejected
        price = (1000 * 0.15 + 2000 * 0.60) / 1e6  # gpt-4o-mini
        assert abs(report["cost"]["spent_usd"] - answers * price) < 1e-9, report["cost"]
        assert abs(report["cost"]["retries_usd"] - rejected * price) < 1e-9, report["cost"]
        assert report["samples"]["failures"]["refusal"] == model.sent["refusal"], report["samples"]["failures"]


main()
