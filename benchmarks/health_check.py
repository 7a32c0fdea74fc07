"""The morning health check on real services: how long it takes, whole and with one source that hangs.

    python -m benchmarks.health_check [--rounds 3]

Each run is the command that a scheduler would start, kernel and report included, against the testbed's environment: a control
plane with the planted scenario, PostgreSQL, Redis with a replica, Prometheus, Alertmanager, endpoints over TLS, and servers that
speak the contracts of Grafana, Elasticsearch and a status page. Beside it stand the written procedure's commands, one after the
other, which show and judge nothing.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.testbed.control_plane import Cluster, control_plane
from tests.testbed.incident import incident
from tests.testbed.incident.environment import NAME
from tests.testbed.scenario.load import NAMESPACE, load

TARGET_S = 10
HANGS_S = 30.0  # a question's deadline in that environment
KUBECTL = (
    ("get", "nodes", "--all-namespaces"),
    ("get", "pods", "--all-namespaces"),
    ("get", "services", "-n", NAMESPACE),
    ("get", "ingresses", "-n", NAMESPACE),
)


def run(config: Path) -> float:
    """Seconds of one health check that must reach a verdict of its own."""
    command = [str(Path(sys.executable).with_name("gocoffee-ops")), "run", "-q", "morning-health-check", "--env", NAME]
    variables = os.environ | {"GOCOFFEE_CONFIG": str(config), "GOCOFFEE_REPORTS": str(config.parent / "reports")}
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--exit-zero"], env=variables, cwd=config.parent, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the health check ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - began


def written(cluster: Cluster) -> float:
    """Seconds of the written procedure's commands for the cluster."""
    began = time.perf_counter()
    for arguments in KUBECTL:
        cluster.kubectl(*arguments, user="reader")
    return time.perf_counter() - began


def with_one_that_hangs(config: Path, port: int) -> Path:
    """The same environment and one Redis more, which takes connections and never answers."""
    other = config.with_name("hanging.toml")
    more = f'\n[[environments.{NAME}.redis]]\nname = "hangs"\nurl = "redis://127.0.0.1:{port}"\n'
    other.write_text(config.read_text() + more)
    return other


def main() -> None:
    """Print seconds, and the ratio to the target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gco-bench-") as folder, control_plane(NAME) as cluster:
        load(cluster, "planted")
        with incident(cluster, Path(folder)) as it, socket.create_server(("127.0.0.1", 0)) as silent:
            print(f"load when it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
            whole = [run(it.config) for _ in range(given.rounds)]
            hanging = with_one_that_hangs(it.config, silent.getsockname()[1])
            slow = [run(hanging) for _ in range(given.rounds)]
            by_hand = [written(cluster) for _ in range(given.rounds)]
    took, took_hanging = statistics.median(whole), statistics.median(slow)
    print(
        f"health check {took:.1f} s; with a Redis that hangs {took_hanging:.1f} s (a question's deadline is {HANGS_S:g} s)"
    )
    print(f"the four kubectl commands of the written procedure alone: {statistics.median(by_hand):.1f} s")
    print(f"ratio: morning health check on real services, seconds = {took:.1f} (target <= {TARGET_S})")
    more = (took_hanging - took) / HANGS_S
    print(f"ratio: one source that hangs, what it costs over its own deadline = {more:.2f} (target <= 1.2)")


if __name__ == "__main__":
    main()
