#!/usr/bin/env python3
"""What the validators find, and what they find where nothing is: recall and false alarms.

    tests/quality/measure.py --build BUILD [--real FILE] [--samples 300] [--seed 1]

Texts of two kinds: of the offline provider, made here, and real documents of FILE (a JSON array of {"full_text", "labels"}),
which is read and never kept. Each fault is put into copies of them; the table says in how many copies it is found, and in how
many texts without it. BUILD has to have the program, its plugins, and tests/quality/run-validators.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile

VALIDATORS = ["coverage", "style", "leakage", "quantities", "duplicates", "length"]


def run(build, documents, *validators, folder):
    path = os.path.join(folder, "documents.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(documents, out)
    env = dict(os.environ, TDAMM_SYNTH_BUILD_ROOT=os.path.abspath(build))
    said = subprocess.run([os.path.join(build, "tests/quality/run-validators"), path, *validators],
                          env=env, capture_output=True, text=True, check=False)
    if said.returncode != 0:
        sys.exit(said.stderr)
    return json.loads(said.stdout)


def offline(build, samples, seed, folder):
    subprocess.run([os.path.join(build, "tdamm-synth"), "generate", "--provider", "offline", "--num-samples", str(samples),
                    "--seed", str(seed), "--min-labels", "1", "--output-dir", folder, "--run-name", f"off{seed}", "--sink", "json",
                    "--quiet"], check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(folder, f"off{seed}.json"), encoding="utf-8") as file:
        return json.load(file)


def sentences(text):
    return re.split(r"(?<=[.!?])\s+", text)


class Classes:
    """Labels by any name; what they entail, with which they are met or confused."""

    def __init__(self, source):
        with open(os.path.join(source, "core/data/tdamm/classes.json"), encoding="utf-8") as file:
            self.facts = json.load(file)
        with open(os.path.join(source, "core/data/tdamm40.json"), encoding="utf-8") as file:
            self.names = dict(json.load(file)["labels"])
        self.codes = {fold(name): code for code, name in self.names.items()}
        for code, facts in self.facts.items():
            for alias in facts.get("aliases") or []:
                self.codes.setdefault(fold(alias), code)

    def code(self, name):
        return self.codes[fold(name)]

    def closure(self, codes):
        """The labels, and all that is true with them."""
        todo, known = list(codes), set()
        while todo:
            code = todo.pop()
            if code not in known:
                known.add(code)
                todo += (self.facts[code].get("entails") or []) + (self.facts[code].get("parents") or [])
        return known

    def near(self, codes):
        """Labels that a text with these may well speak of."""
        out = self.closure(codes)
        for code in codes:
            out |= set(self.facts[code].get("confusable") or []) | set(self.facts[code].get("cooccurs") or {})
        for code in self.facts:
            if self.closure([code]) & set(codes):
                out.add(code)
        return out


def fold(name):
    return re.sub(r"[-_\s]+", " ", name).lower()


# Each fault: (name, code that has to be found, with label or not, function(rng, doc, ctx) -> document or None)

def off_topic_label(rng, doc, ctx):
    codes = [ctx.classes.code(label) for label in doc["labels"]]
    if codes == ["NOT_TDAMM"]:
        codes = []
    choice = sorted(set(ctx.classes.facts) - ctx.classes.near(codes) - {"NOT_TDAMM"})
    wrong = rng.choice(choice)
    kept = [label for label in doc["labels"] if label != "Non-TDAMM"][:2]
    return dict(doc, labels=kept + [ctx.classes.names[wrong]]), wrong


def foreign_topic(rng, doc, ctx):
    """Half of the text is of a document about something else."""
    codes = {ctx.classes.code(label) for label in doc["labels"]}
    near = ctx.classes.near(codes - {"NOT_TDAMM"})
    others = [other for other in ctx.offline
              if other["labels"] != ["Non-TDAMM"] and not {ctx.classes.code(x) for x in other["labels"]} & near]
    if not others:
        return None
    other = rng.choice(others)
    words = doc["full_text"].split()
    half = " ".join(words[:max(len(words) // 2, 60)])
    piece = " ".join(other["full_text"].split()[:len(half.split())])
    return dict(doc, full_text=half + ".\n\n" + piece), None


def label_list(rng, doc, ctx):
    names = [ctx.classes.names[ctx.classes.code(label)] for label in doc["labels"]]
    if names == ["Non-TDAMM"]:
        return None
    line = rng.choice(["Labels: ", "Topics: ", "Keywords: ", "Categories - ", "Tags: "]) + rng.choice([", ", "; ", " | "]).join(names)
    parts = sentences(doc["full_text"])
    at = rng.choice([0, len(parts)])
    return dict(doc, full_text="\n".join([*parts[:at], line + ".", *parts[at:]])), None


def duplicate(rng, doc, ctx):
    words = doc["full_text"].split(" ")
    for i in rng.sample(range(len(words)), len(words) // 10):
        words[i] = rng.choice(ctx.vocabulary)
    return dict(doc, full_text=" ".join(words), add=False), None


def half_length(rng, doc, ctx):
    words = doc["full_text"].split()
    return dict(doc, full_text=" ".join(words[:len(words) // 2]), target_words=len(words)), None


def write_value(rng, value):
    text = f"{value:.2e}"
    mantissa, power = text.split("e")
    power = int(power)
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return rng.choice([f"{mantissa}e{power}", f"{mantissa} × 10^{power}", f"{mantissa} × 10{raised}", f"10^{power}",
                       f"({mantissa} ± 0.2) × 10^{power}"])


def out_of_range(rng, doc, ctx):
    """A sentence with a value that is 10,000 times too large, in one of the ways to say so."""
    codes = [ctx.classes.code(label) for label in doc["labels"]]
    known = [(code, q) for code in codes for q in ctx.classes.facts[code].get("quantities") or []
             if q.get("unit") and q.get("low") is not None and q["low"] > 0 and "<" not in q["name"]]
    if not known:
        return None
    code, quantity = rng.choice(known)
    name = re.sub(r"\s*[(<>=].*", "", quantity["name"])
    number = write_value(rng, quantity["high"] * 1e4)
    said = rng.choice(["The {n} is {v} {u}.", "We find a {n} of {v} {u} for this source.", "{N}: {v} {u}.",
                       "The {n} that we measured is {v} {u}, in agreement with the models.", "A {n} near {v} {u} was derived."])
    parts = sentences(doc["full_text"])
    at = rng.randrange(len(parts) + 1)
    sentence = said.format(n=name, N=name[:1].upper() + name[1:], v=number, u=quantity["unit"])
    return dict(doc, full_text=" ".join([*parts[:at], sentence, *parts[at:]])), None


def chat_preamble(rng, doc, ctx):
    before = rng.choice(["Certainly! Here is the document you requested:\n\n", "Sure, here's a document on these topics:\n\n",
                         "Of course! Below is the text.\n\n", "Here is a 1,178-word document:\n\n", "Absolutely! I'd be happy to write it.\n\n",
                         "Okay, here's the article:\n\n", "Here you go:\n\n", ""])
    after = rng.choice(["", "\n\nI hope this helps! Let me know if you need changes.", "\n\nIn conclusion, these results matter."]) if before else \
        rng.choice(["\n\nLet me know if you'd like any changes.", "\n\nIn conclusion, these results open a new era."])
    return dict(doc, full_text=before + doc["full_text"] + after), None


def markdown(rng, doc, ctx):
    parts = sentences(doc["full_text"])
    if len(parts) < 4:
        return None
    kind = rng.randrange(4)
    if kind == 0:
        parts[0] = "# " + parts[0][:60] + "\n\n" + parts[0]
    elif kind == 1:
        words = parts[1].split()
        parts[1] = "**" + words[0] + "** " + " ".join(words[1:])
    elif kind == 2:
        parts[1:4] = ["\n- " + " ".join(part.split()) for part in parts[1:4]]
        parts[4:] = ["\n" + " ".join(parts[4:])]
    else:
        parts[1] = "\n## Methods\n\n" + parts[1]
    return dict(doc, full_text=" ".join(parts).replace(" \n", "\n")), None


def placeholder(rng, doc, ctx):
    parts = sentences(doc["full_text"])
    at = rng.randrange(len(parts) + 1)
    blank = rng.choice(["Reported by [Name], [Institution].", "On [Date] the source rose.", "Contact: [Your Email].", "<insert title here>",
                        "The redshift is XXX.", "See [Insert reference]."])
    return dict(doc, full_text=" ".join([*parts[:at], blank, *parts[at:]])), None


def broken_ending(rng, doc, ctx):
    """Cut within the last sentence of more than eight words."""
    text = doc["full_text"].rstrip()
    long = [m for m in re.finditer(r"[^.!?]+[.!?]", text) if len(m.group().split()) > 8]
    if len(long) < 3:
        return None
    last = long[-1]
    spaces = [m.start() for m in re.finditer(r"\s+", last.group())][3:]
    return dict(doc, full_text=text[:last.start() + rng.choice(spaces)].rstrip()), None


def confusable_label(rng, doc, ctx):
    """One label is given as one that is easily taken for it."""
    codes = [ctx.classes.code(label) for label in doc["labels"]]
    carried = ctx.classes.closure(codes)
    pairs = [(i, other) for i, code in enumerate(codes) for other in ctx.classes.facts[code].get("confusable") or []
             if other not in carried and code not in ctx.classes.closure([other])]
    if not pairs:
        return None
    i, other = rng.choice(pairs)
    return dict(doc, labels=[*doc["labels"][:i], ctx.classes.names[other], *doc["labels"][i + 1:]]), None


def label_names(rng, doc, ctx):
    """Sentences with names of labels as the label list spells them."""
    names = [ctx.classes.names[code] for code in ctx.classes.facts if " " in ctx.classes.names[code]]
    parts = sentences(doc["full_text"])
    for name in rng.sample(names, 4):
        said = rng.choice(["This result is relevant to {n} in general.", "We now turn to {n} and what they show.",
                           "Studies of {n} have come to the same result."])
        parts.insert(rng.randrange(len(parts) + 1), said.format(n=name))
    return dict(doc, full_text=" ".join(parts)), None


def telltale(rng, doc, ctx):
    opening = rng.choice(["In the vast expanse of the cosmos, few events are as striking. ", "This document describes the results. ",
                          "In the field of Time-Domain and Multi-Messenger Astronomy (TDAMM), much has changed. ",
                          "In the ever-evolving landscape of astronomy, this is new. "])
    return dict(doc, full_text=opening + doc["full_text"]), None


def repeated(rng, doc, ctx):
    """A fifth of the sentences once more."""
    parts = [part for part in sentences(doc["full_text"]) if len(part.split()) > 8]
    if len(parts) < 5:
        return None
    at = rng.randrange(len(parts) - len(parts) // 5)
    return dict(doc, full_text=doc["full_text"] + ".\n\n" + " ".join(parts[at:at + len(parts) // 5 + 1])), None


FAULTS = [
    ("off-topic label", "uncovered_label", off_topic_label),
    ("half of it about something else", "foreign_topic", foreign_topic),
    ("label list pasted in", "label_list", label_list),
    ("10 % of the words changed", "near_duplicate", duplicate),
    ("the same, against a reference", "contamination", duplicate),
    ("half of the length", "too_short", half_length),
    ("a value 10,000 times too large", "implausible_quantity", out_of_range),
    ("chat preamble or closing", "chat_phrase", chat_preamble),
    ("markdown", "markdown", markdown),
    ("a blank to fill in", "placeholder", placeholder),
    ("cut in mid-sentence", "broken_ending", broken_ending),
    ("a fifth of the sentences twice", "repetition", repeated),
    ("four label names as the list spells them", "label_name", label_names),
    ("tell-tale opening", "telltale_phrase", telltale),
    ("a label taken for its neighbour", "confused_label", confusable_label),
]
OTHER = ["shared_phrase", "wrong_language", "duplicate"]
SWEEPS = [
    ("off-topic label", "coverage", "min_share", [0.1, 0.2, 0.3, 0.4, 0.5]),
    ("half of it about something else", "coverage", "max_foreign", [0.1, 0.2, 0.25, 0.3, 0.4]),
    ("10 % of the words changed", "duplicates", "max_similarity", [0.2, 0.3, 0.4, 0.5, 0.6]),
    ("the same, against a reference", "duplicates", "max_overlap", [0.02, 0.05, 0.1, 0.2, 0.3]),
    ("a value 10,000 times too large", "quantities", "margin", [1, 2, 3, 10, 1000]),
    ("a fifth of the sentences twice", "style", "max_repeated", [0, 0.02, 0.05, 0.1, 0.2]),
    ("four label names as the list spells them", "leakage", "max_label_names", [0, 1, 2, 3, 4]),
]


class Context:
    pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--real")
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", help="print what is missed and what is found wrongly, for this code")
    args = parser.parse_args()
    ctx = Context()
    ctx.classes = Classes(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    with tempfile.TemporaryDirectory() as folder:
        ctx.offline = offline(args.build, args.samples, args.seed, folder)
        sets = {"offline": ctx.offline}
        if args.real:
            with open(args.real, encoding="utf-8") as file:
                sets["real"] = json.load(file)
        ctx.vocabulary = sorted({word for doc in ctx.offline for word in doc["full_text"].split()})
        results, cpu, sweeps = {}, {}, {}
        for name, documents in sets.items():
            reference = os.path.join(folder, f"reference-{name}.json")
            with open(reference, "w", encoding="utf-8") as out:
                json.dump(documents, out)
            # Without faults. Contamination: of texts that are not of the reference, with another seed.
            clean = [dict(doc, target_words=len(re.findall(r"[^ \t-\r]+", doc["full_text"]))) for doc in documents]
            said = run(args.build, clean, *VALIDATORS, folder=folder)
            cpu[name] = said["cpu_us"]
            fresh = offline(args.build, args.samples, args.seed + 1, folder)
            contaminated = run(args.build, fresh, f'duplicates={json.dumps({"reference": reference})}', folder=folder)["findings"]
            for fault, code, make in FAULTS:
                rng = random.Random(f"{args.seed}{fault}")
                made = [make(rng, doc, ctx) for doc in documents for _ in range(1 if len(documents) > 100 else 5)]
                made = [one for one in made if one is not None]
                validators = VALIDATORS if code != "contamination" else [f'duplicates={json.dumps({"reference": reference})}']
                texts = [doc for doc, _ in made]
                if code == "near_duplicate":
                    texts = documents + texts
                found = run(args.build, texts, *validators, folder=folder)["findings"][len(texts) - len(made):]
                hits = [any(f["code"] == code and (label is None or f["label"] == label) for f in findings)
                        for findings, (_, label) in zip(found, made)]
                if args.show == code:
                    for hit, (doc, label), findings in zip(hits, made, found):
                        if not hit:
                            print("MISSED", name, doc["labels"], label, [f["code"] for f in findings], doc["full_text"][:150].replace("\n", " "))
                for wanted, validator, option, limits in SWEEPS:
                    if wanted != fault:
                        continue
                    for limit in limits:
                        options = {option: limit}
                        if code == "contamination":
                            options["reference"] = reference
                        one = f"{validator}={json.dumps(options)}"
                        swept = run(args.build, texts, one, folder=folder)["findings"][len(texts) - len(made):]
                        caught = sum(any(f["code"] == code and (label is None or f["label"] == label) for f in findings)
                                     for findings, (_, label) in zip(swept, made))
                        clean_texts = fresh if code == "contamination" else clean
                        wrong = sum(any(f["code"] == code for f in findings)
                                    for findings in run(args.build, clean_texts, one, folder=folder)["findings"])
                        sweeps[option, limit, name] = (caught / len(made), wrong, len(clean_texts))
                without = contaminated if code == "contamination" else said["findings"]
                alarms = sum(any(f["code"] == code for f in findings) for findings in without)
                results[fault, name] = (sum(hits), len(made), alarms, len(without))
            for code in OTHER:
                alarms = sum(any(f["code"] == code for f in findings) for findings in said["findings"])
                results[code, name] = (0, 0, alarms, len(said["findings"]))
            if args.show:
                for doc, findings in zip(documents, said["findings"]):
                    for f in findings:
                        if f["code"] == args.show:
                            print("ALARM", name, doc["labels"], f["message"][:300])
    columns = list(sets)
    print("| fault | finding |" + "".join(f" found, {name} | false alarms, {name} |" for name in columns))
    print("|---|---|" + "---|---|" * len(columns))
    for fault, code, _ in FAULTS:
        row = f"| {fault} | `{code}` |"
        for name in columns:
            hits, made, alarms, without = results[fault, name]
            row += f" {hits} of {made} ({100 * hits / made:.0f} %) | {alarms} of {without} |"
        print(row)
    for code in OTHER:
        print(f"| | `{code}` |" + "".join(f" | {results[code, name][2]} of {results[code, name][3]} |" for name in columns))
    print()
    print("| limit |" + "".join(f" found, {name} | false alarms, {name} |" for name in columns))
    print("|---|" + "---|---|" * len(columns))
    for _, validator, option, limits in SWEEPS:
        for limit in limits:
            print(f"| `{validator}.{option}` {limit} |" +
                  "".join(" {:.0f} % | {} of {} |".format(100 * caught, wrong, texts)
                          for caught, wrong, texts in (sweeps[option, limit, name] for name in columns)))
    print()
    print("| microseconds of processor time a text |" + "".join(f" {name} |" for name in VALIDATORS) + " all |")
    print("|---|" + "---|" * (len(VALIDATORS) + 1))
    for name in columns:
        values = [cpu[name][validator] for validator in VALIDATORS]
        print(f"| {name} |" + "".join(f" {value:.0f} |" for value in values) + f" {sum(values):.0f} |")


if __name__ == "__main__":
    main()
