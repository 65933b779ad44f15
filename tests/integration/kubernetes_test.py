"""The job files of 'plan --kubernetes': they say what they should, and 'submit' makes of them what one run makes.

kubernetes_test.py PROGRAM

There is no cluster here. A stand-in for kubectl runs what the manifests say on this machine: the containers' commands with the
environment of an Indexed Job, the volume as a folder. That the files pass the schema of their API version is checked by hand
(docs/scale.md). Ends with 77 (skipped) where Python has no YAML.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from environment import environment  # noqa: E402

try:
    import yaml
except ImportError:
    print("skipped: Python's yaml is not installed (tools/install-packages --tests)")
    sys.exit(77)

KUBECTL = '''#!/usr/bin/env python3
import os, pathlib, subprocess, sys, yaml
scratch, program = pathlib.Path(os.environ["SCRATCH"]), os.environ["PROGRAM"]
words = sys.argv[1:]
state = scratch / "cluster"
state.mkdir(exist_ok=True)
with open(scratch / "kubectl.log", "a") as log:
    print(" ".join(words), file=log)

def local(text):  # the volume is a folder
    return text.replace("/data", str(scratch / "volume")).replace("/etc/tdamm-synth", str(state))

def run(job, command, more):
    environment = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
    environment.update(more, PATH=str(pathlib.Path(program).parent) + ":" + os.environ["PATH"])
    if (state / "secret").exists():
        environment.update(line.split("=", 1) for line in (state / "secret").read_text().split("\\n") if line)
    with open(state / (job + ".log"), "ab") as out:
        return subprocess.run(command, env=environment, cwd=scratch / "volume", stdout=out, stderr=out).returncode

def apply(document):
    name = document["metadata"]["name"]
    if document["kind"] == "ConfigMap":
        for file, text in document["data"].items():
            (state / file).write_text(local(text))
    if document["kind"] == "PersistentVolumeClaim":
        (scratch / "volume").mkdir(exist_ok=True)
    if document["kind"] == "Job":
        spec = document["spec"]
        container, = spec["template"]["spec"]["containers"]
        command = [local(word) for word in container.get("command", [program]) + container.get("args", [])]
        codes = [run(name, command, {"JOB_COMPLETION_INDEX": str(i)} if spec.get("completionMode") == "Indexed" else {})
                 for i in range(spec.get("completions", 1))]
        (state / (name + ".state")).write_text("Failed" if any(codes) else "SuccessCriteriaMet Complete")

if words[0] == "create":
    print(yaml.dump({"kind": "Secret", "metadata": {"name": words[3]}, "text": sys.stdin.read()}))
elif words[:2] == ["apply", "-f"]:
    for document in yaml.safe_load_all(sys.stdin if words[2] == "-" else open(words[2])):
        if document["kind"] == "Secret":
            (state / "secret").write_text(document["text"])
        else:
            apply(document)
elif words[:2] == ["get", "job"]:
    print((state / (words[2] + ".state")).read_text())
elif words[:2] == ["get", "secret"]:
    sys.exit(0 if (state / "secret").exists() else 1)
elif words[0] == "logs":
    print((state / (words[1].removeprefix("job/") + ".log")).read_text())
elif words[0] != "delete":
    sys.exit("kubectl " + " ".join(words))
'''

program = str(pathlib.Path(sys.argv[1]).resolve())
scratch = pathlib.Path(tempfile.mkdtemp(prefix="kubernetes-test-"))
bin_dir = scratch / "bin"
bin_dir.mkdir()
(bin_dir / "kubectl").write_text(KUBECTL)
(bin_dir / "kubectl").chmod(0o755)
environment = environment(HOME=str(scratch), SCRATCH=str(scratch), PROGRAM=program)
environment["PATH"] = f"{bin_dir}:{environment['PATH']}"
passed = 0


def run(*command, expect=0, more=None):
    done = subprocess.run([str(c) for c in command], cwd=scratch, env={**environment, **(more or {})}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == expect, f"exit {done.returncode}: {command}\n{done.stdout}\n{done.stderr}"
    return done


def check(what, good, detail=""):
    global passed
    assert good, f"{what}: {detail}"
    passed += 1


run(program, "plan", "--provider", "offline", "--num-samples", 30, "--seed", 5, "--run-name", "Night_Sky", "--shards", 3,
    "--kubernetes", "files", "--image", "registry.example.com:5000/astro/tdamm-synth:1.2")
files = scratch / "files"
check("the files", sorted(p.name for p in files.iterdir()) == ["job.yaml", "merge.yaml", "submit"])
documents = list(yaml.safe_load_all((files / "job.yaml").read_text()))
claim, config, job = documents
merge, = yaml.safe_load_all((files / "merge.yaml").read_text())
check("kinds", [(d["apiVersion"], d["kind"]) for d in documents + [merge]] ==
      [("v1", "PersistentVolumeClaim"), ("v1", "ConfigMap"), ("batch/v1", "Job"), ("batch/v1", "Job")])
check("names", {d["metadata"]["name"] for d in documents} == {"night-sky"} and merge["metadata"]["name"] == "night-sky-merge")
spec = job["spec"]
check("an index a shard", (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 3, 3))
check("retries an index", spec["backoffLimitPerIndex"] > 0 and "backoffLimit" not in spec)
for one in (job, merge):
    pod = one["spec"]["template"]["spec"]
    container, = pod["containers"]
    check("never restarted in place", pod["restartPolicy"] == "Never")
    check("the image", container["image"] == "registry.example.com:5000/astro/tdamm-synth:1.2")
    volumes = {v["name"]: v for v in pod["volumes"]}
    check("mounts have their volume", {m["name"] for m in container["volumeMounts"]} == set(volumes))
    check("volumes are those of the files", all(
        v.get("persistentVolumeClaim", {}).get("claimName", "night-sky") == "night-sky" and
        v.get("configMap", {}).get("name", "night-sky") == "night-sky" for v in volumes.values()))
    for rule in one["spec"]["podFailurePolicy"]["rules"]:
        check("rules are about this container", rule.get("onExitCodes", {}).get("containerName", container["name"]) == container["name"])
check("the key comes from a Secret", job["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]["secretRef"]["name"] == "night-sky-key")
check("no key in any file", not any("sk-" in p.read_text() for p in files.iterdir()))

run(program, "generate", "--provider", "offline", "--num-samples", 30, "--seed", 5, "--run-name", "one", "--output-dir", "single")
out = run(files / "submit").stdout
check("merged", "merged: the outputs" in out, out)
check("the same as one run", (scratch / "volume/Night_Sky.json").read_bytes() == (scratch / "single/one.json").read_bytes())
run(files / "submit")  # again: nothing is left to do
log = (scratch / "kubectl.log").read_text()
check("no Secret without a key", "create secret" not in log)

# With a provider that needs a key, nothing is submitted without one.
run(program, "plan", "--num-samples", 9, "--shards", 3, "--kubernetes", "keyed", "--run-name", "keyed")
refused = run(scratch / "keyed/submit", expect=2)
check("the key is asked for", "OPENAI_API_KEY is not set" in refused.stderr, refused.stderr)

# With Redis, its password as well; both go into the Secret, and the run file has the URL without it.
run(program, "plan", "--num-samples", 9, "--shards", 3, "--kubernetes", "shared", "--run-name", "shared", "--shared-limits",
    "redis://sky:hunter2-hunter2@127.0.0.1:1")
check("no password in any file", not any("hunter2" in p.read_text() for p in (scratch / "shared").iterdir()))
check("the URL without it", 'shared-limits = "redis://sky@127.0.0.1:1"' in (scratch / "shared/job.yaml").read_text())
refused = run(scratch / "shared/submit", expect=2, more={"OPENAI_API_KEY": "sk-0123456789abcdef"})
check("the password is asked for", "TDAMM_SYNTH_REDIS_PASSWORD is not set" in refused.stderr, refused.stderr)
run(scratch / "shared/submit", expect=3, more={"OPENAI_API_KEY": "sk-0123456789abcdef",
                                               "TDAMM_SYNTH_REDIS_PASSWORD": "hunter2-hunter2"})
check("both are in the Secret", (scratch / "cluster/secret").read_text().split("\n")[:2] ==
      ["OPENAI_API_KEY=sk-0123456789abcdef", "TDAMM_SYNTH_REDIS_PASSWORD=hunter2-hunter2"])
shutil.rmtree(scratch)
print(f"{passed} passed, 0 failed")
