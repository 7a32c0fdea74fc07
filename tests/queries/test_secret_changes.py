"""When Secrets changed is asked where the environment states that the reader may know it, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import timeline
from gocoffee_ops.errors import Unsupported
from gocoffee_ops.evidence import record
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.places import replay_places
from gocoffee_ops.queries import changes
from gocoffee_ops.session import Place, Session
from gocoffee_ops.sources.kubernetes import Cluster as KubernetesCluster
from tests.testbed.control_plane import Cluster

NOW = datetime.now(UTC)
GRANTED = frozenset({"list_secrets"})


def places(cluster: Cluster, folder: Path, *granted: str, user: str = "admin") -> Session:
    """A session over two clusters, eu and us, which are one and the same."""
    kubeconfig = str(cluster.kubeconfig(user))
    made = [
        Place(
            Target("cluster", name),
            NOW,
            connect=lambda name=name: KubernetesCluster(name, kubeconfig=kubeconfig),
            grants=GRANTED if name in granted else frozenset(),
        )
        for name in ("eu", "us")
    ]
    return Session(runbook="r", environment="e", places=made, thresholds=Thresholds(), ledger=Ledger(folder))


def test_secrets_are_asked_only_of_clusters_whose_environment_states_it_and_it_is_said(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    cluster.kubectl("create", "secret", "generic", "s", "-n", namespace)
    ops = places(cluster, tmp_path / "some", "eu")
    found = changes.secrets.if_named(ops, namespace=namespace)
    assert found[["cluster", "name"]].to_numpy().tolist() == [["eu", "s"]]
    assert found.attrs["absent"].startswith("changes.secrets is not asked of cluster us")
    assert record.coverage(ops.ledger.entries()).lacking == {"cluster/us": (0, 1)}
    replayed = replay_places(tmp_path / "some")
    again = Session(
        runbook="r", environment="e", places=replayed.places, thresholds=Thresholds(), ledger=Ledger(tmp_path / "again")
    )
    assert changes.secrets.if_named(again, namespace=namespace).equals(found)


def test_where_no_environment_states_it_secrets_are_no_gap_but_not_passed_over_in_silence(
    cluster: Cluster, tmp_path: Path
) -> None:
    ops = places(cluster, tmp_path, user="reader")
    ops.ahead(changes.secrets)
    secrets = changes.secrets.if_named(ops)
    ops.mark(timeline.configuration(secrets, kind="secret change"))
    ops.judge(
        checks.changed_before_onset, ops.timeline(), timeline.candidates(ops.timeline(), onset=NOW, service="orders")
    )
    (said,) = ops.findings
    assert (len(secrets), said.status) == (0, Status.OK)
    assert "not on it: changes.secrets is not asked of cluster eu, us" in said.reason
    assert not [entry for entry in ops.ledger.entries() if entry.kind == "query"]
    changes.secrets.if_named(ops)  # a cell that runs again
    counted = record.coverage(ops.ledger.entries())
    assert (counted.asked, counted.not_asked, counted.percent) == (0, 2, 0.0)
    assert {one.status for one in ops.findings} == {Status.OK}  # said, and no verdict
    with pytest.raises(Unsupported, match="does not state list_secrets"):
        changes.secrets(ops)


def test_where_it_is_stated_and_refused_secrets_are_unknown(cluster: Cluster, tmp_path: Path) -> None:
    ops = places(cluster, tmp_path, "eu", "us", user="reader")
    secrets = changes.secrets.if_named(ops)
    assert "lacks list on secrets" in secrets.attrs["gaps"][0]
    assert {(one.status, one.check) for one in ops.findings} == {(Status.UNKNOWN, "changes.secrets")}
