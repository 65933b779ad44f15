#!/usr/bin/env python3
"""What a set is worth for training: a TF-IDF and linear model is trained on it and tested on real documents.

    tests/quality/train.py --build BUILD --real FILE [--samples 2000] [--seed 1] [--data FILE]…

Without --data, sets are made with the offline provider: without checks, and with them; as they are, and with a fault (measure.py)
in 40 % of the texts, as a model that errs would make them. With it, those files are trained on (JSON arrays of {"full_text",
"labels"}). FILE is read and never kept. The baseline takes a label for every name, alias or term of a
class that stands in a document, and is trained on nothing. Needs scikit-learn.
"""

import argparse
import json
import os
import random
import re
import tempfile
import warnings

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, label_ranking_average_precision_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from measure import Classes, Context, chat_preamble, duplicate, foreign_topic, half_length, label_list, off_topic_label, offline, run

CHECKS = {
    "coverage": {"uncovered_label": "reject", "foreign_topic": "reject", "confused_label": "reject"},
    "style": {"repetition": "reject", "broken_ending": "reject"},
    "leakage": {"label_name": "reject"},
    "quantities": {"implausible_quantity": "reject"},
    "duplicates": {},
    "length": {"min_words": 1000, "reject_short": True},
}


def labels_of(doc, classes):
    return {classes.code(label) for label in doc["labels"]} - {"NOT_TDAMM"}


def scores(truth, values, threshold, per_document=None):
    """Macro-F1 over the classes that the real documents have; the same where the threshold is such that a document gets
    `per_document` labels on average; LRAP over documents that have a label."""
    known = truth.any(axis=0)

    def macro(least):
        return f1_score(truth[:, known], (values > least)[:, known], average="macro", zero_division=0)

    balanced = np.sort(values.ravel())[-int(per_document * len(values)) - 1] if per_document else threshold
    labelled = truth.any(axis=1)
    return macro(threshold), macro(balanced), label_ranking_average_precision_score(truth[labelled], values[labelled])


def keywords(documents, classes, codes):
    """By class: how many of its names, aliases and terms stand in a document, per 1,000 words."""
    patterns = []
    for code in codes:
        facts = classes.facts[code]
        words = [classes.names[code], *(facts.get("aliases") or []), *(facts.get("terms") or [])]
        patterns.append(re.compile(r"\b(" + "|".join(re.escape(re.sub(r"\s*\(.*", "", word)).replace(r"\ ", r"[\s-]").replace(r"\-", r"[\s-]")
                                                     for word in words) + r")s?\b", re.I))
    return np.array([[1000 * len(pattern.findall(doc["full_text"])) / max(len(doc["full_text"].split()), 1) for pattern in patterns]
                     for doc in documents])


def train(documents, real, classes, codes):
    binarizer = MultiLabelBinarizer(classes=codes)
    targets = binarizer.fit_transform([labels_of(doc, classes) for doc in documents])
    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2, max_features=50_000, stop_words="english")
    features = vectorizer.fit_transform([doc["full_text"] for doc in documents])
    model = OneVsRestClassifier(LogisticRegression(C=10, class_weight="balanced", solver="liblinear"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(features, targets)
    return model.predict_proba(vectorizer.transform([doc["full_text"] for doc in real])), targets.sum(axis=1).mean()


def checked(build, documents, folder):
    validators = [f"{name}={json.dumps(options)}" for name, options in CHECKS.items()]
    findings = run(build, documents, *validators, folder=folder)["findings"]
    return [doc for doc, found in zip(documents, findings) if not any(one["rejects"] for one in found)]


def with_faults(documents, classes, seed):
    """A fault in 40 % of the texts; what a fault needs to be told is not (which text is a copy, how long it was to be)."""
    ctx = Context()
    ctx.classes, ctx.offline = classes, documents
    ctx.vocabulary = sorted({word for doc in documents for word in doc["full_text"].split()})
    faults = [off_topic_label, foreign_topic, label_list, duplicate, half_length, chat_preamble]
    rng = random.Random(seed)
    out = []
    for i, doc in enumerate(documents):
        made = None
        if i > 0 and rng.random() < 0.4:
            fault = rng.choice(faults)
            made = fault(rng, rng.choice(out) if fault is duplicate else doc, ctx)
        out.append({key: value for key, value in (made[0] if made else doc).items() if key != "add"})
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--real", required=True)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--data", nargs="*", default=[])
    parser.add_argument("--threshold", type=float, default=0.5)
    args = parser.parse_args()
    classes = Classes(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
    codes = [code for code in classes.facts if code != "NOT_TDAMM"]
    with open(args.real, encoding="utf-8") as file:
        real = json.load(file)
    truth = MultiLabelBinarizer(classes=codes).fit_transform([labels_of(doc, classes) for doc in real])
    print("| trained on | texts | macro-F1 at 0.5 | macro-F1, as many labels as in training | LRAP |")
    print("|---|---|---|---|---|")
    values = keywords(real, classes, codes)
    macro, balanced, lrap = scores(truth, values, 0, truth.sum(axis=1).mean())
    print(f"| nothing: keywords | 0 | {macro:.3f} (any) | {balanced:.3f} (as many as are true) | {lrap:.3f} |")
    with tempfile.TemporaryDirectory() as folder:
        sets = []
        for path in args.data:
            with open(path, encoding="utf-8") as file:
                sets.append((os.path.basename(path), [json.load(file)]))
        if not args.data:
            plain = [offline(args.build, args.samples, seed, folder) for seed in args.seeds]
            sets.append(("offline, no checks", plain))
            sets.append(("offline, with checks", [checked(args.build, documents, folder) for documents in plain]))
            faulty = [with_faults(documents, classes, seed) for documents, seed in zip(plain, args.seeds)]
            sets.append(("offline with faults in 40 %, no checks", faulty))
            sets.append(("offline with faults in 40 %, with checks", [checked(args.build, documents, folder) for documents in faulty]))
        for name, runs in sets:
            all_scores = []
            for documents in runs:
                said, per_document = train(documents, real, classes, codes)
                all_scores.append(scores(truth, said, args.threshold, per_document))
            all_scores = np.array(all_scores)
            texts = "/".join(str(len(documents)) for documents in runs)
            print(f"| {name} | {texts} | " + " | ".join(f"{mean:.3f} ± {spread:.3f}" for mean, spread in
                                                        zip(all_scores.mean(axis=0), all_scores.std(axis=0))) + " |", flush=True)


if __name__ == "__main__":
    main()
