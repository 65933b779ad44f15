#!/usr/bin/env python3
"""Reads what the sinks write with readers that are not ours: Python's json, csv and sqlite3, and, where they can be
imported, Hugging Face datasets and pandas. Argument: the build folder.

A server on loopback stands for the model; its texts have what breaks formats. All sinks write one run side by side, then
each of them exports it again."""

import csv
import filecmp
import glob
import hashlib
import http.server
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading

SAMPLES = 240
SINKS = ["json", "jsonl", "csv", "huggingface", "multihot", "sqlite"]
LOST_IN_TDAMM36 = {"Gravitational Waves", "Microwave", "Black Holes", "Neutron Stars"}
ODD = ['"', '""', ",", ";", "|", "\\", "\\n", "'", "\t", "\n", "\n\n", "=1+1", "é", "µm", "10⁵¹", "🔭", "e\u0301", "\u2028",
       "\u00a0", "א", "NaN", "null", "</td>", "- x", "#", "---"]
program = os.path.join(sys.argv[1], "tdamm-synth")
csv.field_size_limit(1 << 30)


class Model(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        draw = random.Random(hashlib.sha256(body).hexdigest())
        words = [draw.choice(ODD) if draw.random() < 0.3 else "word%d" % draw.randrange(10**6) for _ in range(160)]
        text = "A title, \"quoted\"\n\n" + " ".join(words) + " end."
        answer = json.dumps({"id": "x", "object": "chat.completion", "model": "odd-model", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def run(*arguments, code=0):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=100)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done


def lines(path):
    with open(path, encoding="utf-8", newline="\n") as file:  # U+2028 ends no line
        return [json.loads(line) for line in file]


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def same(a, b):
    """Whether files or folders are the same, byte for byte."""
    if os.path.isfile(a):
        return filecmp.cmp(a, b, shallow=False)
    compared = filecmp.dircmp(a, b)
    return not (compared.left_only or compared.right_only or compared.funny_files) and all(
        same(os.path.join(a, name), os.path.join(b, name)) for name in compared.common)


def read_all(stem):
    """What each sink wrote: {link: (text, labels)}."""
    read = {}
    with open(stem + ".json", encoding="utf-8") as file:
        read["json"] = {r["link"]: (r["full_text"], r["labels"]) for r in json.load(file)}
    read["jsonl"] = {r["link"]: (r["full_text"], r["labels"]) for r in lines(stem + ".jsonl")}

    header, *table = rows(stem + ".csv")
    assert header[:3] == ["link", "full_text", "labels"], header
    assert all(len(row) == len(header) for row in table)
    read["csv"] = {row[0]: (row[1], row[2].split("|")) for row in table}

    header, *table = rows(stem + ".multihot.csv")
    with open(stem + ".multihot.classes.json", encoding="utf-8") as file:
        classes = [one["name"] for one in json.load(file)["classes"]]
    assert header == ["id", "text"] + classes, header
    link = "https://synthetic-data-gen.example.com/sample_%s"
    read["multihot"] = {link % row[0]: (row[1], [name for name, cell in zip(classes, row[2:]) if int(cell)])
                        for row in table}

    with sqlite3.connect(f"file:{stem}.sqlite?mode=ro", uri=True) as database:
        documents = {link: (text, []) for link, text in database.execute("SELECT link, full_text FROM documents")}
        for link, name in database.execute("""SELECT d.link, l.name FROM document_labels dl JOIN documents d
                ON d.id = dl.document_id JOIN labels l ON l.id = dl.label_id ORDER BY d.id, l.id"""):
            documents[link][1].append(name)
        read["sqlite"] = documents
        assert database.execute("SELECT count(*) FROM metadata").fetchone()[0] == len(documents)

    read["huggingface"] = {}
    for part in glob.glob(stem + ".huggingface/data/*.jsonl"):
        for record in lines(part):
            assert record["link"] not in read["huggingface"], "in two splits"
            read["huggingface"][record["link"]] = (record["full_text"], record["labels"])
    return read


def check_equal(read):
    for sink in SINKS:
        assert read[sink] == read["json"], f"{sink} differs from json"


def check_datasets(stem, expected, metadata=False):
    try:
        import datasets
    except ImportError:
        return "datasets is not installed"
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as cache:
        loaded = datasets.load_dataset(stem + ".huggingface", cache_dir=cache)
        names = loaded["train"].features["labels"].feature.names
        read = {}
        for split in loaded.values():
            assert ("metadata" in split.column_names) == metadata
            for record in split:
                read[record["link"]] = (record["full_text"], [names[label] for label in record["labels"]])
        assert read == expected, "datasets reads something else"
        sizes = {name: len(split) for name, split in loaded.items()}
    assert set(sizes) == {"train", "validation", "test"}, sizes
    return f"datasets {datasets.__version__}: {sizes}"


def check_pandas(stem, expected):
    try:
        import pandas
    except ImportError:
        return "pandas is not installed"
    frame = pandas.read_csv(stem + ".csv", keep_default_na=False)
    assert dict(zip(frame.link, zip(frame.full_text, frame.labels.str.split("|")))) == expected
    hot = pandas.read_csv(stem + ".multihot.csv", keep_default_na=False)
    assert hot.drop(columns=["id", "text"]).to_numpy().sum() == sum(len(labels) for _, labels in expected.values())
    return f"pandas {pandas.__version__}: {len(frame)} rows"


def main():
    os.environ["OPENAI_API_KEY"] = "sk-not-needed-0123456789"
    os.environ["HF_DATASETS_OFFLINE"] = "1"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        stem, exported = os.path.join(folder, "out", "run"), os.path.join(folder, "exported", "run")
        every = [word for sink in SINKS for word in ("--sink", sink)]
        run("generate", "--num-samples", str(SAMPLES), "--seed", "7", "--run-name", "run", "--output-dir",
            os.path.dirname(stem), "--model", "odd-model", "-o", "prompt.target_words=50", "-o",
            f"provider.base_url=http://127.0.0.1:{server.server_port}/v1", *every)
        server.shutdown()
        read = read_all(stem)
        records = read["json"]
        assert len(records) == SAMPLES
        texts = "".join(text for text, _ in records.values())
        missing = [odd for odd in ODD if odd not in texts]
        assert not missing, missing
        check_equal(read)
        print(check_datasets(stem, records), check_pandas(stem, records), sep="\n")

        ledger = stem + ".ledger.sqlite"
        outputs = {"multihot": [".multihot.csv", ".multihot.classes.json"]}
        for sink in SINKS:
            shown = run("export", ledger, "--sink", sink, "--output-dir", os.path.dirname(exported)).stdout.split()
            for extension in outputs.get(sink, ["." + sink]):
                assert exported + extension in shown, shown
                assert same(stem + extension, exported + extension), sink + " exports something else"
        run("export", ledger, *every, "--output-dir", os.path.dirname(exported), code=6)

        # Beside the ledger an export takes the place of what the run made, unless there is something else in a folder.
        run("export", ledger, "--sink", "huggingface", "-o", "sink.metadata=true")
        print(check_datasets(stem, records, metadata=True))
        mine = stem + ".huggingface/notes.txt"
        with open(mine, "w", encoding="utf-8") as file:
            file.write("mine")
        assert "notes.txt" in run("export", ledger, "--sink", "huggingface", code=6).stderr
        os.remove(mine)

        # Labels that a profile lacks are dropped, records without another one left out, and it is said.
        options = [word for sink in SINKS for word in ("-o", f"sink.{sink}.profile=tdamm36")]
        said = run("export", ledger, *every, *options, "-o", "sink.csv.metadata=true").stderr
        expected = {}
        with open(os.path.join(os.path.dirname(__file__), "../../core/data/tdamm36.json"), encoding="utf-8") as file:
            spelling = {name.lower(): name for _, name in json.load(file)["labels"]}
        spelling["pulsar wind nebula"] = "Pulsar Wind Nebulae"
        for link, (text, labels) in records.items():
            kept = [spelling[label.lower()] for label in labels if label not in LOST_IN_TDAMM36]
            if kept:
                expected[link] = (text, kept)
        read = read_all(stem)
        check_equal(read)
        assert read["json"] == expected
        for sink in SINKS:
            assert f"sink {sink}: tdamm36 lacks 'Microwave' (" in said, said
        assert SAMPLES == len(expected) or f"left out, having no other label: {SAMPLES - len(expected)} record" in said
        print(check_datasets(stem, expected))


main()
print("1 passed, 0 failed")
