"""The testbed stops by itself in every ending, and says what is missing where it cannot run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.testbed.control_plane import REPOSITORY, Cluster, ControlPlaneFailed, join, merged_kubeconfig

HOLD = """
import sys, time
from tests.testbed.control_plane import control_plane
with control_plane("held") as cluster:
    print(cluster.folder, flush=True)
    time.sleep(300)
"""


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(what: str, done: Callable[[], bool], deadline_s: float = 15.0) -> None:
    until = time.monotonic() + deadline_s
    while not done():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def pids(folder: Path) -> list[int]:
    ready = json.loads((folder / "ready.json").read_text())
    return [ready["pid"], *ready["pids"].values()]


def hold() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", HOLD], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, "the control plane did not start"
    return process, Path(line)


def test_a_killed_owner_leaves_no_process_and_no_folder(bare_cluster: Cluster) -> None:
    process, folder = hold()
    mine = pids(folder)
    assert len(mine) == 7
    assert all(alive(pid) for pid in mine)
    process.kill()
    process.wait()
    wait_until("they are still there", lambda: not any(alive(pid) for pid in mine) and not folder.exists())
    assert bare_cluster.get("namespaces")["items"], "another control plane was hit"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of a killed process")
def test_a_killed_supervisor_leaves_no_process(bare_cluster: Cluster) -> None:
    mine = pids(bare_cluster.folder)
    os.kill(mine[0], signal.SIGKILL)
    wait_until("they are still there", lambda: not any(alive(pid) for pid in mine))


def test_a_dead_component_ends_the_control_plane_and_kubectl_says_so(bare_cluster: Cluster) -> None:
    ready = json.loads((bare_cluster.folder / "ready.json").read_text())
    os.kill(ready["pids"]["etcd"], signal.SIGKILL)
    wait_until("nobody noticed", lambda: bool(bare_cluster.fate()))
    with pytest.raises(AssertionError, match="etcd ended with -9"):
        bare_cluster.kubectl("get", "namespaces")
    wait_until("the rest is still there", lambda: not any(alive(pid) for pid in ready["pids"].values()))
    shutil.rmtree(bare_cluster.folder)  # a failed one's folder is kept for its logs


def test_a_second_holder_keeps_the_control_plane_alive(bare_cluster: Cluster) -> None:
    with join(bare_cluster.folder) as joined:
        assert joined.server == bare_cluster.server
        assert "kube-system" in joined.kubectl("get", "namespaces")
    assert "kube-system" in bare_cluster.kubectl("get", "namespaces")


def test_joining_what_is_gone_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneFailed, match="gave no lease"), join(tmp_path):
        pass


def test_a_merged_kubeconfig_has_a_context_for_each_cluster(
    cluster: Cluster, second_cluster: Cluster, tmp_path: Path
) -> None:
    path = merged_kubeconfig(tmp_path / "both.yaml", [cluster, second_cluster])
    document = yaml.safe_load(path.read_text())
    assert [one["name"] for one in document["contexts"]] == [cluster.name, second_cluster.name]
    assert len({one["user"]["token"] for one in document["users"]}) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/net")
def test_everything_listens_on_loopback_only(bare_cluster: Cluster) -> None:
    mine = set(pids(bare_cluster.folder))
    descriptors = [entry.readlink().name for pid in mine for entry in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {name.removeprefix("socket:[").removesuffix("]") for name in descriptors if name.startswith("socket:[")}
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                listening.append(fields[1].split(":")[0])
    assert len(listening) >= 7
    assert set(listening) == {"0100007F"}
