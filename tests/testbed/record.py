"""Record the demo's cluster: every cluster query, asked of the planted scenario with the shipped reader role.

    python -m tests.testbed.record [FOLDER]

Without a folder it replaces the bundle that the package ships.
"""

from __future__ import annotations

import inspect
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Target, Thresholds
from gocoffee_ops.places import DEMO_BUNDLE
from gocoffee_ops.queries import cluster as cluster_queries
from gocoffee_ops.queries import workloads as workload_queries
from gocoffee_ops.queries.query import Query
from gocoffee_ops.session import Place, Session
from gocoffee_ops.sources.kubernetes import Cluster as ClusterSource
from tests.testbed.control_plane import Cluster, control_plane
from tests.testbed.scenario.load import NAMESPACE, load

TARGET = Target("cluster", "demo")
COMMAND = "make demo-bundle"
MANIFEST = "manifest.json"


def questions() -> Iterator[tuple[Query[...], dict[str, Any]]]:
    """Every cluster query; those of a namespace for the platform's own and for all."""
    for module in (cluster_queries, workload_queries):
        for query in vars(module).values():
            if not isinstance(query, Query):
                continue
            namespace = inspect.signature(query.function).parameters.get("namespace")
            if namespace is None or namespace.default is not inspect.Parameter.empty:
                yield query, {}
            if namespace is not None:
                yield query, {"namespace": NAMESPACE}


def record(cluster: Cluster, folder: Path) -> None:
    """Ask everything of `cluster` as the reader, into a new bundle at `folder`, with a manifest."""
    source = ClusterSource(kubeconfig=cluster.kubeconfig("reader"))
    ledger = Ledger(folder)
    for secret in source.secrets():
        ledger.redactor.add(secret)
    place = Place(TARGET, datetime.now(UTC), connect=lambda: source, detail="the testbed's API server")
    session = Session(
        runbook="demo", environment="demo", places=[place], thresholds=Thresholds(), ledger=ledger, demo=True
    )
    for query, arguments in questions():
        query(session, **arguments)
    (folder / ".lock").unlink(missing_ok=True)
    versions = {}
    for entry in ledger.entries():
        if entry.kind == "query" and entry.body["notes"]:
            versions[f"{entry.body['query']}({entry.body['args']})"] = entry.body["notes"]
    manifest = {
        "server_version": cluster.version,
        "command": COMMAND,
        "scenario": "planted",
        "recorded_at": place.as_of.isoformat(timespec="seconds"),
        "head": ledger.head,
        "resource_versions": versions,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO_BUNDLE
    with tempfile.TemporaryDirectory() as temporary, control_plane("demo") as cluster:
        load(cluster, "planted")
        fresh = Path(temporary) / "bundle"
        record(cluster, fresh)
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(fresh, target)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(f"recorded {target} ({size / 1e6:.2f} MB)")


if __name__ == "__main__":
    main()
