"""Whoever kills a test run leaves none of the servers that it has started."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
GONE_S = 15.0
# Starts a server of each sort, says their pids and folders on stdout, and waits to be killed.
HOLD = """
import time
from tests.testbed.prometheus import AlertmanagerServer, PrometheusServer
from tests.testbed.redis import RedisServer
with RedisServer() as redis, AlertmanagerServer() as alerts, PrometheusServer() as prometheus:
    for one in (redis, alerts, prometheus):
        print(one.process.pid, one.folder, flush=True)
    time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of a killed process")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_servers_are_gone_with_the_process_that_started_them(
    number: signal.Signals, redis_program: str, prometheus_programs: None
) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [process.stdout.readline().split() for _ in range(3)]
    assert all(told), "the servers did not start"
    pids = [int(pid) for pid, _ in told]
    try:
        assert all(alive(pid) for pid in pids)
        os.kill(process.pid, number)
        process.wait()
        until = time.monotonic() + GONE_S
        while any(alive(pid) for pid in pids) and time.monotonic() < until:
            time.sleep(0.05)
        assert [pid for pid in pids if alive(pid)] == []
    finally:
        process.kill()
        for _, folder in told:
            shutil.rmtree(folder)
