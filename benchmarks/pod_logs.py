"""The logs of 50 pods, against `kubectl logs -l … --max-log-requests 50`, from the same real API server of the testbed.

    python -m benchmarks.pod_logs [--pods 50] [--lines 10000] [--rounds 3]

- ours: `logs.lines(ops)`, the whole query: both runs of every container looked for, lines read, redacted, put aside, Parquet,
  ledger, DataFrame; and how far back each log reaches. In a fresh process, of which the second answer counts.
- kubectl: all lines with times into a file; nothing is parsed, masked or kept.
- memory: the peak of a fresh process that reads once, of these logs and of logs four times as long. With 32 MiB kept of them (the
  default of `keep_mib`), and with all kept: what bounds the memory is what is kept, not what is read.

Both read what a simulated kubelet serves of a file on this host. The ratio is of medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.testbed.binaries import TestbedMissing
from tests.testbed.control_plane import Cluster, control_plane

TARGET = 0.5
MEMORY_TARGET = 12
TIMES, KEPT_MIB, ALL_MIB = 4, 32.0, 1024.0
GROWTH_TARGET = 1.5
STARTED_S = 60.0
MIB = 1 << 20


def write_log(path: Path, count: int, now: datetime) -> int:
    """A service's log of the last half hour, as container runtimes keep it; its size."""
    said = (
        '{"level":"info","msg":"request served","path":"/orders/%d","status":200,"duration_ms":12,"user":"u-%d"}',
        "level=info msg=\"order accepted\" order=%d items=3 shard=%d",
        "GET /orders/%d HTTP/1.1 200 %d",
        "connection to payment-service refused, attempt %d of %d",
    )  # fmt: skip
    with path.open("w") as file:
        for i in range(count):
            at = now - timedelta(minutes=30) + timedelta(seconds=i * 1700 / count)
            stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}000Z"
            file.write(f"{stamp} stdout F {said[i % 20 % 4] % (i, i % 97)}\n")
    return path.stat().st_size


def create(cluster: Cluster, count: int, log: Path) -> None:
    """Pods with that log, all of them running."""
    objects = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {
        "capacity": {"cpu": "99", "memory": "99Gi", "pods": "500"}, "allocatable": {"cpu": "99", "memory": "99Gi", "pods": "500"},
    }}]  # fmt: skip
    for i in range(count):
        name = {"name": f"orders-{i:03d}", "namespace": "default", "labels": {"app": "orders"}}
        spec = {"nodeName": "n1", "containers": [{"name": "app", "image": "app:1"}]}
        objects.append({"apiVersion": "v1", "kind": "Pod", "metadata": name, "spec": spec})
        logs = {"logs": [{"logsFile": str(log)}]}
        objects.append({"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Logs", "metadata": name, "spec": logs})
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    cluster.kubectl("create", "-f", "-", stdin=json.dumps(listed))
    cluster.kubectl("wait", "--for=condition=Ready", "pods", "--all", f"--timeout={STARTED_S:.0f}s")
    time.sleep(2)  # until kwok has seen the last Logs object


def ours(kubeconfig: str, keep_mib: float, times: int) -> dict[str, float]:
    """logs.lines, so many times; the last one's figures."""
    from gocoffee_ops.evidence.ledger import Ledger
    from gocoffee_ops.model import Target, Thresholds
    from gocoffee_ops.queries import logs
    from gocoffee_ops.session import Place, Session
    from gocoffee_ops.sources.kubernetes import Cluster as Source

    with tempfile.TemporaryDirectory() as folder:
        place = Place(Target("cluster", "c"), datetime.now(UTC), connect=lambda: Source("c", kubeconfig=kubeconfig))
        ops = Session(
            runbook="benchmark", environment="benchmark", places=[place], thresholds=Thresholds(),
            ledger=Ledger(Path(folder)), query_deadline_s=300.0,
        )  # fmt: skip
        for _ in range(times):
            cpu, began = time.process_time(), time.perf_counter()
            frame = logs.lines(
                ops, namespace="default", of="app=orders", log_mib=64.0, read_mib=1024.0, keep_mib=keep_mib
            )
            seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu
    states = set(logs.coverage(frame)["state"])
    if states != {"read", "none"}:
        raise SystemExit(f"not all was read: {states}")
    return {
        "lines": len(frame), "read": int(logs.coverage(frame)["lines"].sum()), "seconds": seconds, "cpu_s": cpu_s,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip


def theirs(cluster: Cluster, pods: int, into: Path) -> dict[str, float]:
    """kubectl logs, once."""
    command = [cluster.binaries.path("kubectl"), "--kubeconfig", str(cluster.kubeconfig("admin")), "logs"]
    command += [
        "-l",
        "app=orders",
        "--max-log-requests",
        str(pods),
        "--tail=-1",
        "--since=1h",
        "--timestamps",
        "--prefix",
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with into.open("wb") as out:
        subprocess.run(command, stdout=out, check=True, timeout=600)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    with into.open("rb") as file:
        lines = sum(part.count(b"\n") for part in iter(lambda: file.read(MIB), b""))
    return {
        "lines": lines,
        "seconds": seconds,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def in_a_fresh_process(kubeconfig: str, keep_mib: float = ALL_MIB, times: int = 2) -> dict[str, float]:
    """Ours; its last line is its result."""
    command = [sys.executable, "-m", "benchmarks.pod_logs", "--side", kubeconfig]
    command += ["--keep-mib", f"{keep_mib:g}", "--times", f"{times}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def compare(pods: int, lines: int, rounds: int) -> None:
    """Both sides in turn, and how they compare."""
    with tempfile.TemporaryDirectory() as folder, control_plane("benchmark") as cluster:
        size = write_log(Path(folder) / "orders.log", lines, datetime.now(UTC))
        create(cluster, pods, Path(folder) / "orders.log")
        kubeconfig = str(cluster.kubeconfig("admin"))
        taken = [
            (in_a_fresh_process(kubeconfig), theirs(cluster, pods, Path(folder) / "kubectl.txt")) for _ in range(rounds)
        ]
        once = {keep: in_a_fresh_process(kubeconfig, keep, 1) for keep in (KEPT_MIB, ALL_MIB)}
        write_log(Path(folder) / "orders.log", TIMES * lines, datetime.now(UTC))
        longer = {keep: in_a_fresh_process(kubeconfig, keep, 1) for keep in (KEPT_MIB, ALL_MIB)}
    mine = {key: statistics.median(one[key] for one, _ in taken) for key in taken[0][0]}
    kubectl = {key: statistics.median(one[key] for _, one in taken) for key in taken[0][1]}
    if mine["lines"] != kubectl["lines"] or mine["lines"] != pods * lines:
        raise SystemExit(f"{mine['lines']} lines against {kubectl['lines']}, of {pods * lines}")
    total = pods * size / MIB
    print(f"{mine['lines']:g} lines of {pods} pods, {total:.0f} MiB; medians of {rounds} rounds")
    print(f"  ours     {mine['seconds']:6.2f} s  cpu {mine['cpu_s']:6.2f} s  peak {mine['peak_mib']:5.0f} MiB")
    print(
        f"  kubectl  {kubectl['seconds']:6.2f} s  cpu {kubectl['cpu_s']:6.2f} s  (lines in a file, nothing made of them)"
    )
    print(
        f"  {mine['lines'] / mine['seconds'] / 1000:.0f} thousand lines/s against {kubectl['lines'] / kubectl['seconds'] / 1000:.0f}"
    )
    print(
        f"ratio: logs of {pods} pods, kubectl's time over ours = {kubectl['seconds'] / mine['seconds']:.2f} (target >= {TARGET:g})"
    )
    print(
        f"ratio: logs of {pods} pods, peak memory over the size of the logs = {mine['peak_mib'] / total:.1f} (target <= {MEMORY_TARGET:g})"
    )
    memory(pods, lines, once, longer)


def memory(pods: int, lines: int, once: dict[float, dict[str, float]], longer: dict[float, dict[str, float]]) -> None:
    """How the peak grows with the logs, by how much of them is kept."""
    read = [each[keep]["read"] for each in (once, longer) for keep in each]
    if read != [pods * lines] * 2 + [TIMES * pods * lines] * 2:
        raise SystemExit(f"not all was read: {read}")
    for keep, what in ((KEPT_MIB, f"{KEPT_MIB:g} MiB kept"), (ALL_MIB, "all kept")):
        print(
            f"  memory, {what}: peak {once[keep]['peak_mib']:.0f} MiB, of {TIMES} times the lines {longer[keep]['peak_mib']:.0f} MiB"
        )
    grown = longer[KEPT_MIB]["peak_mib"] / once[KEPT_MIB]["peak_mib"]
    print(
        f"ratio: logs of {pods} pods, peak memory of {TIMES} times the lines over once, {KEPT_MIB:g} MiB kept = {grown:.2f} (target <= {GROWTH_TARGET:g})"
    )


def main() -> None:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=50)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    for hidden in ("--side", "--keep-mib", "--times"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(ours(given.side, float(given.keep_mib), int(given.times))))
        return
    print(f"load when it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    try:
        compare(given.pods, given.lines, given.rounds)
    except TestbedMissing as missing:
        print(f"logs of pods: not measured: {missing}")


if __name__ == "__main__":
    main()
