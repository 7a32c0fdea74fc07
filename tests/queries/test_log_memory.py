"""What bounds the memory of reading logs: what is kept of them (`keep_mib`), not what is read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http_server import Answer, Asked, HttpServer, says, serving
from tests.sources.kubernetes.static_server import pod, write_kubeconfig

PROJECT = Path(__file__).parents[2]
PODS, LINE = 16, b"2026-11-20T11:30:00.000000001Z GET /orders/%07d HTTP/1.1 200 of customer %07d in 12 ms\n"
SHORT, LONG = 8_000, 32_000  # lines of each log
KEEP_MIB = 2.0
MIB = 1 << 20
CHILD = """
import json, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from gocoffee_ops.queries import logs
from tests.support import live_session

kubeconfig, folder, keep_mib = sys.argv[1:]
as_of = datetime(2026, 11, 20, 12, tzinfo=UTC)
ops = live_session(Path(folder), clusters={"c": Path(kubeconfig)}, as_of=as_of, query_deadline_s=120.0)
frame = logs.lines(ops, namespace="go-coffee", log_mib=64.0, read_mib=1024.0, keep_mib=float(keep_mib))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([peak, int(logs.coverage(frame)["lines"].sum()), len(frame)]))
"""


def _log(lines: int) -> bytes:
    return b"".join(LINE % (i, i * 7) for i in range(lines))


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """Pods whose logs are short, or four times as long where the pod's name says so."""
    bodies = {"short": _log(SHORT), "long": _log(LONG)}
    size = "short"

    def answer(asked: Asked) -> Answer:
        nonlocal size
        if asked.path.endswith("/log"):
            return Answer(body=bodies[asked.path.split("/")[-2].partition("-")[0]], content_type="text/plain")
        size = "long" if "namespaces/long" in asked.path else "short"
        return says({"kind": "PodList", "metadata": {}, "items": [pod(f"{size}-{i}") for i in range(PODS)]})

    with serving(answer) as running:
        yield running


def _peak(server: HttpServer, folder: Path, *, namespace: str, keep_mib: float) -> tuple[int, int, int]:
    folder.mkdir()
    kubeconfig = write_kubeconfig(folder / "kubeconfig", server.url)
    child = CHILD.replace('namespace="go-coffee"', f'namespace="{namespace}"')
    command = [sys.executable, "-c", child, str(kubeconfig), str(folder / "run"), f"{keep_mib}"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    peak, read, kept = json.loads(done.stdout.splitlines()[-1])
    return peak, read, kept


def test_four_times_the_logs_take_no_more_memory_where_no_more_is_kept(server: HttpServer, tmp_path: Path) -> None:
    more = PODS * (len(_log(LONG)) - len(_log(SHORT)))
    few, few_read, _ = _peak(server, tmp_path / "few", namespace="short", keep_mib=KEEP_MIB)
    many, many_read, many_kept = _peak(server, tmp_path / "many", namespace="long", keep_mib=KEEP_MIB)

    print(f"{few / MIB:.0f} MiB, {many / MIB:.0f} MiB; {more / MIB:.0f} MiB more were read")
    assert (few_read, many_read) == (PODS * SHORT, PODS * LONG)
    assert many_kept < PODS * LONG / 4
    assert many - few < more  # the lines that were read besides would not have fitted
