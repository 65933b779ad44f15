"""The job files of 'plan --slurm' on a real Slurm: Debian's packages, two nodes on this machine, everything below one folder.

slurm_test.py PROGRAM FAULT_SERVER

1. An array of four shards and its merge give, byte for byte, what one run gives.
2. One node and its job are killed in the middle; the task is queued again and goes on: the same.
3. A task is told to end, as at the end of its time: it asks for another turn and goes on: the same.
4. A shard fails for good: the merge is not run, and run by hand names what is missing; that task again completes it.

Ends with 77 (skipped) where Slurm is not installed or may not be started.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

program, fault_server = (str(pathlib.Path(p).resolve()) for p in sys.argv[1:3])
PATIENCE = 180  # seconds for anything
tools = {name: shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") for name in
         ("slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "scontrol", "munged")}
if not os.path.ismount("/sys/fs/cgroup"):
    print("skipped: slurmd does not start without the cgroup file system at /sys/fs/cgroup")
    sys.exit(77)
absent = sorted(name for name, path in tools.items() if path is None)
if absent or os.geteuid() != 0:
    print("skipped: " + ("not installed: " + ", ".join(absent) + " (tools/install-packages --tests)" if absent
                         else "the daemons of Slurm are started as root here"))
    sys.exit(77)

scratch = pathlib.Path(tempfile.mkdtemp(prefix="slurm-test-"))
scratch.chmod(0o755)
environment = {"PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "HOME": str(scratch), "SLURM_CONF": str(scratch / "slurm.conf"),
               "OPENAI_API_KEY": "sk-slurm-0123456789abcdef", "TDAMM_SYNTH_SLURM_TEST": str(scratch)}
daemons = {}


def start(name, *command):
    log = open(scratch / (name + ".out"), "ab")
    daemons[name] = subprocess.Popen([str(c) for c in command], cwd=scratch, env=environment, stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=log, start_new_session=True)


def stop(name, how=signal.SIGTERM):
    daemon = daemons.pop(name)
    daemon.send_signal(how)
    try:
        daemon.wait(20)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def own_jobs(node):
    """Processes of this test's jobs on a node, those that watch them first."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            values = (entry / "environ").read_bytes().split(b"\0")
            if (b"TDAMM_SYNTH_SLURM_TEST=" + str(scratch).encode() in values and
                    b"SLURMD_NODENAME=" + node.encode() in values):
                found.append((int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]), int(entry.name)))
        except (OSError, IndexError):
            continue
    pids = {pid for _, pid in found}
    watchers = set()
    for parent, _ in found:
        try:
            if parent not in pids and b"slurmstepd" in pathlib.Path(f"/proc/{parent}/cmdline").read_bytes():
                watchers.add(parent)
        except OSError:
            pass
    return sorted(watchers) + sorted(pids)


def run(*command, expect=0, cwd=scratch):
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=PATIENCE)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"exit {done.returncode}, expected {expect}: {command}\n{done.stdout}\n{done.stderr}")
    return done


def wait(what, happened):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = happened()
        if found:
            return found
        time.sleep(0.1)  # of asking again, not of hoping
    raise AssertionError("did not happen: " + what)


def queue():
    return run("squeue", "-h", "-r", "-o", "%i %T %r").stdout.split("\n")[:-1]


def serve(script):
    """A server with this script in place of the one before it, on the same port."""
    port = serve.port
    if "server" in daemons:
        stop("server")
    out = scratch / "server.out"
    out.write_bytes(b"")
    start("server", fault_server, "--port", port, json.dumps({"words": 60, **script}))
    serve.port = int(wait("the server listens", lambda: out.read_text().strip()))


serve.port = 0


def requests():
    with urllib.request.urlopen(f"http://127.0.0.1:{serve.port}/log", timeout=20) as answer:
        return len(json.load(answer))


def jobs_of(name):
    """The job files of a run, whose shards' output comes into a folder of its own."""
    run(program, "plan", "--num-samples", 60, "--seed", 7, "--max-concurrent", 2, "--sink", "json", "--sink", "jsonl", "--shards", 4,
        "--slurm", scratch / name, "--output-dir", scratch / (name + ".out"), "--run-name", "run", "-o",
        f"provider.base_url=http://127.0.0.1:{serve.port}/v1")
    return scratch / name


def log(jobs, name="merge"):
    path = jobs / "log" / (name + ".log")
    return path.read_text() if path.exists() else ""


def merged(jobs):
    def done():
        if not queue():
            return True
        return False
    wait("all jobs of " + jobs.name + " have ended", done)
    out = pathlib.Path(str(jobs) + ".out")
    for kind in ("json", "jsonl"):
        made = out / ("run." + kind)
        assert made.exists(), f"{made} was not made:\n" + log(jobs) + "".join(log(jobs, f"shard-{i}") for i in range(1, 5))
        assert made.read_bytes() == (scratch / "single" / ("run." + kind)).read_bytes(), f"{made} differs from the single run's"


def cluster():
    (scratch / "state").mkdir()
    (scratch / "munge").mkdir(mode=0o755)
    key = scratch / "munge" / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    socket = scratch / "munge" / "socket"
    start("munged", tools["munged"], "--foreground", "--force", "--socket", socket, "--key-file", key, "--pid-file",
          scratch / "munge" / "pid", "--log-file", scratch / "munge" / "log", "--seed-file", scratch / "munge" / "seed")
    base = 17820 + os.getpid() % 1000 * 10
    for node in ("n1", "n2"):
        (scratch / ("spool." + node)).mkdir()
    (scratch / "slurm.conf").write_text(f"""
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
CommunicationParameters=NoInAddrAny
SlurmctldPort={base}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={socket},cred_expire=10
CredType=cred/munge
StateSaveLocation={scratch}/state
SlurmdSpoolDir={scratch}/spool.%n
SlurmctldPidFile={scratch}/slurmctld.pid
SlurmdPidFile={scratch}/slurmd.%n.pid
SlurmctldLogFile={scratch}/slurmctld.log
SlurmdLogFile={scratch}/slurmd.%n.log
ReturnToService=2
SlurmdTimeout=5
SlurmctldTimeout=10
KillWait=10
MaxArraySize=10001
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=5,sched_min_interval=0,batch_sched_delay=0
NodeName=n[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[{base + 1}-{base + 2}] CPUs=2 RealMemory=2000
PartitionName=main Nodes=ALL Default=YES MaxTime=01:00:00 State=UP
""")
    wait("munged listens", socket.exists)
    start("slurmctld", tools["slurmctld"], "-D")
    for node in ("n1", "n2"):
        start(node, tools["slurmd"], "-D", "-N", node)
    nodes_up()


def nodes_up():
    def idle():
        done = run("sinfo", "-h", "-N", "-o", "%N %t", expect=None)
        return done.returncode == 0 and sorted(done.stdout.split("\n")[:-1]) == ["n1 idle", "n2 idle"]
    wait("both nodes are idle", idle)


def an_array_and_its_merge():
    jobs = jobs_of("array")
    out = run(jobs / "submit").stdout
    assert re.search(r"shards: job \d+, merge: job \d+", out), out
    merged(jobs)


def a_node_is_lost():
    serve({"latency": {"ms": 1000}})
    jobs = jobs_of("lost")
    run(jobs / "submit")
    ledgers = [scratch / "lost.out" / f"run.shard-{i}-of-4.ledger.sqlite" for i in range(1, 5)]
    wait("the shards are at work on both nodes",
         lambda: all(ledger.exists() for ledger in ledgers) and requests() >= 8 and own_jobs("n1") and own_jobs("n2"))
    stop("n2", signal.SIGKILL)
    killed = own_jobs("n2")
    for pid in killed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    assert len(killed) >= 3, killed  # who watches, the script, the program
    wait("a task was queued again", lambda: any("start 2" in log(jobs, f"shard-{i}") for i in range(1, 5)))
    merged(jobs)
    again = [i for i in range(1, 5) if "going on with run.shard-" in log(jobs, f"shard-{i}")]
    assert again, "no shard went on from its ledger"
    start("n2", tools["slurmd"], "-D", "-N", "n2")
    nodes_up()


def a_task_is_told_to_end():
    serve({"latency": {"ms": 300}})
    jobs = jobs_of("told")
    array = re.search(r"shards: job (\d+)", run(jobs / "submit").stdout).group(1)
    wait("the first shard is at work", lambda: "shard 1 of 4: samples" in log(jobs, "shard-1") and requests() >= 4)
    run("scancel", "--batch", "--signal=TERM", array + "_1")
    wait("it has another turn", lambda: "start 2" in log(jobs, "shard-1"))
    merged(jobs)
    assert "told to terminate" in log(jobs, "shard-1") and "going on with" in log(jobs, "shard-1"), log(jobs, "shard-1")


def a_shard_fails_for_good():
    serve({"latency": {"ms": 20}, "credit": 50})
    jobs = jobs_of("fails")
    run(jobs / "submit")
    wait("all jobs have ended", lambda: not queue())
    out = scratch / "fails.out"
    assert not (out / "run.json").exists() and not (out / "run.ledger.sqlite").exists()
    assert log(jobs) == "", "the merge is not to run: " + log(jobs)
    told = run("sh", jobs / "merge.sbatch", expect=3).stderr
    missing = sorted(set(re.findall(r"shard (\d) of 4 lacks", told)))
    assert missing and "samples are missing" in told and " resume " in told, told
    serve({})
    run(jobs / "submit", ",".join(missing))
    merged(jobs)


passed = failed = 0
try:
    serve({})
    cluster()
    run(program, "generate", "--num-samples", 60, "--seed", 7, "--sink", "json", "--sink", "jsonl", "--output-dir", scratch / "single",
        "--run-name", "run", "-o", f"provider.base_url=http://127.0.0.1:{serve.port}/v1")
    for test in (an_array_and_its_merge, a_node_is_lost, a_task_is_told_to_end, a_shard_fails_for_good):
        began = time.monotonic()
        try:
            test()
            passed += 1
            print(f"passed: {test.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
        except AssertionError as error:
            failed += 1
            print(f"FAILED: {test.__name__}: {error}", flush=True)
            run("scancel", "--user=root", expect=None)
finally:
    for node in ("n1", "n2"):
        for pid in own_jobs(node):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    for name in [n for n in ("n1", "n2", "slurmctld", "munged", "server") if n in daemons]:
        stop(name)
    if passed == 4:
        shutil.rmtree(scratch, ignore_errors=True)
    else:
        print(f"left for a look: {scratch}")
print(f"{passed} passed, {failed} failed")
sys.exit(0 if passed == 4 else 1)
