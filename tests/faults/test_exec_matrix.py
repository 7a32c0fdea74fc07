"""Commands in pods x each fault, all in one run: a cluster for each fault of `pods/exec`, and one that is sound.

All else that the clusters are asked is answered. The testbed's kubelets hand on no exit codes, so that the API server's half
of the websocket is a test's own here; `tests/queries/test_inside.py` runs real commands through a real API server.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.http_server import Answer
from tests.runbooks.written import call, run_json, runbook
from tests.sources.kubernetes.exec_server import Messages, ended, exec_server
from tests.sources.kubernetes.static_server import pod_list, refusal, write_kubeconfig

DEADLINE_S = 6.0  # more than one pod may cost (queries.inside.PROBE_S), so that what hangs is told by its own deadline
SECTION = (
    "from gocoffee_ops import checks, inside\n"
    'asked = inside.probe(ops, run="redis-cli ping", namespace="go-coffee", of="app=redis")\n'
    "ops.show(asked)\n"
    "ops.judge(checks.answers_inside, asked)"
)
KUBELET = "error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused"


@dataclass(frozen=True)
class Fault:
    """How the API server answers the exec, and the words that tell it apart."""

    said: str
    refused: Answer | None = None  # instead of the websocket
    messages: Messages = ()
    then: str = "close"


FAULTS = {
    "refused": Fault("connection refused", refusal(500, "InternalError", KUBELET)),
    "hangs": Fault("it wrote: nothing", then="hang"),
    "floods": Fault("after", then="flood"),
    "401": Fault("Unauthorized", refusal(401, "Unauthorized", "Unauthorized")),
    "403": Fault("exec-probe.yaml", refusal(403, "Forbidden", "no")),
    "5xx": Fault("currently unable", refusal(503, "ServiceUnavailable", "the server is currently unable to handle it")),
    "malformed": Fault("how the command ended", messages=[(1, b"PONG"), (3, b"<html>Please sign in</html>")]),
    "not-a-websocket": Fault("200", Answer(200, b"<html>Please sign in</html>", content_type="text/html")),
    "truncated": Fault("closed before the command's end", messages=[(1, b"PO")]),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The record of one run over a cluster with each fault, and one without."""
    folder = tmp_path_factory.mktemp("faults")
    book = runbook(folder / "inside.ipynb", SECTION)
    text = f"[environments.test.limits]\nquery_deadline_s = {DEADLINE_S}\n"
    with ExitStack() as stack:

        def cluster(name: str, fault: Fault) -> str:
            server = stack.enter_context(
                exec_server(pod_list("redis-0"), fault.messages, then=fault.then, refused=fault.refused)
            )
            kubeconfig = write_kubeconfig(folder / f"{name}.kubeconfig", server.url)
            written = f'[[environments.test.clusters]]\nname = "{name}"\nkubeconfig = "{kubeconfig}"\n'
            return f'{written}context = "static"\n'

        text += "".join(cluster(name, fault) for name, fault in FAULTS.items())
        text += cluster("sound", Fault("", messages=[(1, b"PONG\n"), ended(0)]))
        (folder / "gocoffee.toml").write_text(text)
        done = call("gocoffee-ops", "run", book, "--env", "test", cwd=folder)
    return run_json(folder / "reports", "inside") | {"exit": done.returncode, "report": _report(folder / "reports")}


def _report(reports: Path) -> str:
    (path,) = (reports / "inside").glob("[0-9]*/report.html")
    return path.read_text()


def test_the_matrix_prints_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfault matrix: {len(FAULTS)} of commands in pods")
    assert len(FAULTS) == 9


@pytest.mark.parametrize("name", FAULTS)
def test_a_command_that_was_not_run_to_its_end_is_unknown_with_the_reason(run: dict[str, Any], name: str) -> None:
    told = [one for one in run["findings"] if one["subject"] == f"cluster/{name}"]
    assert [(one["status"], one["check"]) for one in told] == [("UNKNOWN", "inside.probe")]
    assert FAULTS[name].said in told[0]["reason"]
    counts = run["coverage"]["by_target"][f"cluster/{name}"]
    assert (counts["answered"], counts["asked"]) == (0, 1)
    assert f"cluster/{name}" in run["report"]


def test_the_sound_cluster_is_read_whole_and_the_run_is_unknown(run: dict[str, Any]) -> None:
    assert (run["status"], run["exit"]) == ("UNKNOWN", 3)
    assert {cell["state"] for cell in run["cells"]} == {"ok"}
    counts = run["coverage"]["by_target"]["cluster/sound"]
    assert counts["answered"] == counts["asked"] == 1
    fine = [one for one in run["findings"] if one["check"] == "answers_inside"]
    assert [(one["status"], one["reason"]) for one in fine] == [("OK", "redis-cli ping answers in 1 of 1 pod")]
