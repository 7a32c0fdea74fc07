"""The steps of the incident runbooks that say what changed before it, on a timeline that is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import changes, checks, control_plane, figures
from gocoffee_ops.analysis import timeline
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Finding, Target, Thresholds
from gocoffee_ops.runbooks import catalog
from gocoffee_ops.session import Place, Session
from gocoffee_ops.ui.panels import look_first
from tests.http_server import Answer, Asked, says, serving
from tests.sources.kubernetes.static_server import write_kubeconfig
from tests.support import live_session

END = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
STEPS = {  # the cells that rank what changed, and judge it
    "service-down": ["acc93448"],
    "high-error-rate": ["864b28c1", "8855bc9a"],
    "forensics": ["d1563c6e", "be264bf8"],
}
SERVICE = "order-service"
RELEASED = {"kind": "rollout", "subject": f"deployment/{SERVICE}", "service": SERVICE, "cluster": "eu"}
BEGAN = {"kind": "error onset", "subject": "service/api-gateway", "service": "api-gateway", "cluster": "eu"}
NOT_PLACED: dict[str, Any] = {"resolution_s": None}
LOGGED = BEGAN | {"kind": "log onset", "subject": f"service/{SERVICE}", "service": SERVICE}


def before(minutes: float) -> dict[str, datetime]:
    """So many minutes before the window's end."""
    return {"time": END - timedelta(minutes=minutes)}


class Shown(Session):
    """Keeps what it shows, with the columns."""

    def show(self, value: object, *columns: str) -> None:
        self.shown: list[tuple[object, tuple[str, ...]]] = [*getattr(self, "shown", []), (value, columns)]


def ran(name: str, folder: Path, *moments: dict[str, Any], started: str = "") -> tuple[Finding, Shown]:
    """What a runbook's steps say of moments, and what they show."""
    plain = dict.fromkeys(("cluster", "namespace", "service", "node", "resolution_s"))
    rows = [plain | {"what": "it changed", "source": "", "evidence": ""} | row for row in moments]
    place = Place(Target("cluster", "eu"), END, connect=lambda: None)
    ops = Shown(runbook=name, environment="e", places=[place], thresholds=Thresholds(), ledger=Ledger(folder))
    ops.mark(timeline.MOMENTS.from_rows(rows))
    window = ops.window()
    names: dict[str, Any] = {"ops": ops, "window": window, "baseline": window.before(1.0), "timeline": timeline}
    names |= {"checks": checks, "figures": figures, "gateway": "api-gateway", "namespace": "go-coffee"}
    names |= {"service": SERVICE, "services": [SERVICE], "started": started}
    cells = {cell["id"]: "".join(cell["source"]) for cell in catalog.load(catalog.find(name).path)["cells"]}
    for step in STEPS[name]:
        exec(cells[step], names)
    (said,) = [finding for finding in ops.findings if finding.check == "changed_before_onset"]
    return said, ops


@pytest.mark.parametrize("name", STEPS)
def test_a_release_hours_before_the_first_sign_is_named(name: str, tmp_path: Path) -> None:
    said, _ = ran(name, tmp_path, RELEASED | before(200), LOGGED | before(20))
    assert "look first at deployment/order-service" in said.reason
    assert "3 h before" in said.reason
    ((_, first),) = look_first([said])
    assert "not all" not in first
    assert first.startswith("deployment/order-service, 3 h before the onset (rollout: it changed)")


@pytest.mark.parametrize("name", STEPS)
def test_of_two_clusters_it_is_said_which_one_to_look_at(name: str, tmp_path: Path) -> None:
    said, ops = ran(
        name, tmp_path, RELEASED | before(25), RELEASED | before(90) | {"cluster": "us"}, LOGGED | before(20)
    )
    assert "look first at deployment/order-service of eu, 5 min before" in said.reason
    assert all("cluster" in columns for value, columns in ops.shown if isinstance(value, pd.DataFrame))


@pytest.mark.parametrize("name", ["high-error-rate", "forensics"])
def test_what_the_gateway_felt_says_in_which_cluster_it_began(name: str, tmp_path: Path) -> None:
    said, _ = ran(name, tmp_path, RELEASED | before(25), RELEASED | before(22) | {"cluster": "us"}, BEGAN | before(20))
    assert "look first at deployment/order-service of eu, 5 min before" in said.reason
    assert "in which cluster it began is not known" not in said.reason


@pytest.mark.parametrize("name", STEPS)
def test_what_another_service_logs_is_no_onset(name: str, tmp_path: Path) -> None:
    other = LOGGED | {"subject": "service/menu", "service": "menu"}
    said, _ = ran(name, tmp_path, RELEASED | before(25), other | before(50), LOGGED | before(20))
    assert "before 2026-11-25 02:40:00 UTC" in said.reason


@pytest.mark.parametrize("name", STEPS)
def test_where_nothing_was_felt_the_end_of_the_window_is_no_onset(name: str, tmp_path: Path) -> None:
    said, ops = ran(name, tmp_path, RELEASED | before(25))
    assert "before 2026-11-25 03:00:00 UTC (the end of the window, as no sign of an onset was seen)" in said.reason
    assert "before the end of the window, as no sign of an onset was seen (" in str(said.numbers["look_first"])
    drawn = [value.to_json() for value, _ in ops.shown if hasattr(value, "to_json") and not hasattr(value, "attrs")]
    assert len(drawn) == (0 if name == "service-down" else 1)
    assert not any("onset 0" in one for one in drawn)


LISTS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "deployments": ("DeploymentList", []),
    "replicasets": ("ReplicaSetList", []),
    "statefulsets": (
        "StatefulSetList",
        [{"metadata": {"name": "postgres", "namespace": "shop"}, "spec": {"template": {"spec": {"containers": []}}}}],
    ),
    "daemonsets": ("DaemonSetList", []),
    "configmaps": ("PartialObjectMetadataList", []),
    "controllerrevisions": (
        "ControllerRevisionList",
        [
            {
                "metadata": {
                    "name": "postgres-1",
                    "namespace": "shop",
                    "creationTimestamp": "2026-11-25T02:50:00Z",
                    "ownerReferences": [{"kind": "StatefulSet", "name": "postgres"}],
                },
                "revision": 2,
                "data": {"spec": {"template": {"spec": {"containers": [{"name": "db", "image": "postgres:18.2"}]}}}},
            }
        ],
    ),
}


def _lists(one: Asked) -> Answer:
    kind, items = LISTS.get(one.path.partition("?")[0].rpartition("/")[2], ("NamespaceList", []))
    return says({"kind": kind, "metadata": {"name": "shop"}, "items": items})


@pytest.mark.parametrize("name", STEPS)
def test_a_new_image_of_a_database_in_the_cluster_is_on_the_timeline(name: str, tmp_path: Path) -> None:
    cells = ["".join(cell["source"]) for cell in catalog.load(catalog.find(name).path)["cells"]]
    (step,) = [cell for cell in cells if "timeline.controller_revisions" in cell]
    with serving(_lists) as server:
        ops = live_session(tmp_path, clusters={"eu": write_kubeconfig(tmp_path / "config", server.url)})
        names = {"ops": ops, "changes": changes, "checks": checks, "timeline": timeline, "namespace": ""}
        exec(step, names | {"control_plane": control_plane})
    line = ops.timeline()
    assert line[["kind", "subject", "service", "what"]].to_numpy().tolist() == [
        ["rollout", "statefulset/postgres", "postgres", "revision 2: postgres:18.2"]
    ]


def test_beside_what_to_look_at_first_it_stands_that_not_all_was_read(tmp_path: Path) -> None:
    rows = timeline.MOMENTS.from_rows([dict.fromkeys(timeline.MOMENTS.names, "x") | RELEASED | before(25) | NOT_PLACED])
    candidates = timeline.candidates(rows, onset=END, service=SERVICE)
    rows.attrs["gaps"] = ["cluster/us: changes.rollouts"]
    (said,) = checks.changed_before_onset(rows, candidates)
    assert str(said.numbers["look_first"]).endswith("; not all that may have changed was read")
