"""The demo's cluster, recorded afresh: the same tables and the same findings as in the bundle that the package ships."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from gocoffee_ops import checks
from gocoffee_ops.errors import NotRecorded
from gocoffee_ops.evidence.bundle import verify
from gocoffee_ops.evidence.ledger import Ledger, read_entries
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.model import Thresholds
from gocoffee_ops.places import DEMO_BUNDLE
from gocoffee_ops.queries import cluster as cluster_queries
from gocoffee_ops.queries import workloads
from gocoffee_ops.session import Place, Session
from tests.testbed.control_plane import Cluster
from tests.testbed.record import MANIFEST, TARGET, record
from tests.testbed.scenario.load import NAMESPACE

LIMIT_BYTES = 2_000_000


def asked(folder: Path) -> set[tuple[str, str]]:
    return {(e.body["query"], e.body["args"]) for e in read_entries(folder) if e.kind == "query"}


def findings(folder: Path, ledger: Path) -> set[tuple[str, str, str]]:
    """What the review's checks find in a bundle: check, subject and status."""
    recording = Recording(folder)
    as_of = datetime.fromisoformat(recording.session["targets"][0]["as_of"])
    place = Place(TARGET, as_of, recording=recording)
    settled = Thresholds(pod_starting_s=0.0)  # of two recordings, one may be of pods that are minutes old
    ops = Session(
        runbook="demo", environment="demo", places=[place], thresholds=settled, ledger=Ledger(ledger), demo=True
    )
    nodes, pods = cluster_queries.nodes(ops), cluster_queries.pods(ops, namespace=NAMESPACE)
    for check, tables in (
        (checks.node_health, [nodes]),
        (checks.node_headroom, [nodes]),
        (checks.node_usage, [cluster_queries.node_usage(ops)]),
        (checks.pods_ready, [pods]),
        (checks.resources_declared, [pods]),
        (checks.pod_restarts, [workloads.restarts(ops, namespace=NAMESPACE), pods]),
        (checks.usage_within_bounds, [cluster_queries.pod_usage(ops, namespace=NAMESPACE)]),
        (checks.deployments_available, [workloads.deployments(ops, namespace=NAMESPACE)]),
        (checks.replicas_fit, [workloads.replicas_that_fit(ops, namespace=NAMESPACE)]),
    ):
        ops.judge(check, *tables)
    # What a pod is called differs between two recordings; whose it is does not.
    return {(f.check, f.subject, f.status.value) for f in ops.findings}


def test_the_shipped_bundle_is_intact_small_and_says_how_it_came_about() -> None:
    manifest = json.loads((DEMO_BUNDLE / MANIFEST).read_text())
    verify(DEMO_BUNDLE, manifest["head"])
    assert sum(file.stat().st_size for file in DEMO_BUNDLE.rglob("*")) < LIMIT_BYTES
    assert manifest["server_version"].startswith("v1.")
    assert manifest["command"] == "make demo-bundle"
    assert all(notes["resource_versions"] for notes in manifest["resource_versions"].values())


def test_the_shipped_bundle_answers_every_question_and_failed_at_none() -> None:
    failed = [e.body for e in read_entries(DEMO_BUNDLE) if e.kind == "query" and e.body["error"]]
    assert failed == []
    assert len(asked(DEMO_BUNDLE)) >= 10


def test_recorded_afresh_it_holds_the_same_tables_and_findings(cluster: Cluster, tmp_path: Path) -> None:
    fresh = tmp_path / "bundle"
    record(cluster, fresh)
    assert asked(fresh) == asked(DEMO_BUNDLE)
    for name in ("cluster.nodes", "cluster.pods", "workloads.deployments"):
        assert columns(fresh, name) == columns(DEMO_BUNDLE, name)
    assert findings(fresh, tmp_path / "a") == findings(DEMO_BUNDLE, tmp_path / "b")


def columns(folder: Path, query: str) -> list[tuple[str, str]]:
    import pyarrow.parquet as pq

    body = next(e.body for e in read_entries(folder) if e.kind == "query" and e.body["query"] == query)
    schema = pq.read_schema(folder / "tables" / f"{body['table']}.parquet")
    return [(field.name, str(field.type)) for field in schema]


def test_a_question_that_was_not_recorded_is_never_read_live(tmp_path: Path) -> None:
    recording = Recording(DEMO_BUNDLE)
    as_of = datetime.fromisoformat(recording.session["targets"][0]["as_of"])
    place = Place(TARGET, as_of, recording=recording)
    ops = Session(runbook="demo", environment="demo", places=[place], thresholds=Thresholds(), ledger=Ledger(tmp_path))
    with pytest.raises(NotRecorded) as raised:
        cluster_queries.pods(ops, namespace="elsewhere")
    assert NAMESPACE in raised.value.hint
