"""Record the demo: what its runbooks ask, asked of the incident's real services with the shipped reader roles.

    python -m tests.testbed.record [FOLDER]

Without a folder it replaces the bundle that the package ships.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import itertools
import json
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from gocoffee_ops import queries
from gocoffee_ops.config import load_config
from gocoffee_ops.demo.bill import MARK
from gocoffee_ops.evidence.history import RunHistory
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.replay import Key
from gocoffee_ops.model import Target
from gocoffee_ops.places import DEMO_BUNDLE, demo_thresholds, open_places
from gocoffee_ops.places.demo import demo_contacts
from gocoffee_ops.queries import changes, cluster, logs, metrics
from gocoffee_ops.queries.control_plane import namespaces
from gocoffee_ops.queries.query import Query
from gocoffee_ops.runbooks import catalog
from gocoffee_ops.session import Place, Session
from tests.testbed.control_plane import control_plane
from tests.testbed.incident import Incident, incident
from tests.testbed.incident.environment import CONTRACT, NAME
from tests.testbed.notebook_cells import run_cells
from tests.testbed.scenario.load import NAMESPACE, load

COMMAND = "make demo-bundle"
MANIFEST = "manifest.json"
NOT_RECORDED = {"database", "history"}  # the demo's database is a live one; its earlier runs are its user's
# What the shipped role may not: to list Secrets, even by name, would let it read them. So nobody states that it may.
REFUSED = {"changes.secrets"}
PICKED_HOURS = (1.0, 0.25)
PICKED_AGO_H = (0.0, 1.0)
PICKED_RATES = ((300.0, 0.0), (3600.0, 0.0), (300.0, 1.0))  # of a window in seconds that ended so many hours before
SERVERS = {
    "cluster": "kubernetes",
    "redis": "redis",
    "alertmanager": "alertmanager",
    "prometheus": "prometheus",
}
DETAILS = {
    "cluster": "recorded from a real API server",
    "endpoint": "recorded from a server over TLS",
    "dependency": "recorded from a server that answers as the provider does",
    "elasticsearch": "recorded from a server that speaks Elasticsearch's contract",
    "grafana": "recorded from a server that speaks Grafana's contract",
    "opencost": f"{MARK}; recorded from a server that speaks OpenCost's contract",
    "bill": f"{MARK}; recorded from files of FOCUS",
    "costs": f"prices, budgets and teams, {MARK}",
}


def questions(kinds: set[str]) -> Iterator[tuple[Query[...], dict[str, Any]]]:
    """Every query of these kinds that needs no argument; those of a namespace for the platform's own and for all."""
    for module in pkgutil.iter_modules(queries.__path__):
        for query in vars(importlib.import_module(f"{queries.__name__}.{module.name}")).values():
            if not isinstance(query, Query) or query.kind not in kinds or query.name in REFUSED:
                continue
            parameters = list(inspect.signature(query.function).parameters.values())[1:]
            needed = {one.name for one in parameters if one.default is inspect.Parameter.empty}
            if not needed:
                yield query, {}
            if needed <= {"namespace"} and "namespace" in {one.name for one in parameters}:
                yield query, {"namespace": NAMESPACE}


def picks(ops: Session) -> None:
    """What somebody who runs the demo may pick: other namespaces, services and windows of their metrics and logs."""
    for namespace in namespaces(ops)["namespace"]:
        for question in (cluster.pods, changes.rollouts):
            question(ops, namespace=namespace)
    owners = set(cluster.pods(ops, namespace=NAMESPACE)["owner"].dropna())
    for of, hours in itertools.product(sorted(owners), PICKED_HOURS):
        window = ops.window(hours=hours)
        logs.lines(ops, namespace=NAMESPACE, of=of, start=window.start, end=window.end)
    several = [list(some) for some in subsets(metrics.services(ops)["service"])]
    for some, (window_s, ago_h) in itertools.product(several, PICKED_RATES):
        end = ops.window().end - timedelta(hours=ago_h)
        metrics.requests(ops, some, window_s=window_s, end=end)
        metrics.latency(ops, some, window_s=window_s, end=end)
    measured = sorted({owner.partition("/")[2] for owner in owners if owner.startswith("deployment/")})
    for service, ago_h in itertools.product(measured, PICKED_AGO_H):
        end = ops.window().end - timedelta(hours=ago_h)
        metrics.saturation(ops, [service], namespace=NAMESPACE, end=end)


def subsets(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Every choice of one name or more, in their order."""
    every = sorted(names)
    return itertools.chain.from_iterable(itertools.combinations(every, n) for n in range(1, len(every) + 1))


class Recorder:
    """Sessions over one environment as of one moment, and the one bundle of what they asked."""

    def __init__(self, it: Incident, folder: Path, scratch: Path) -> None:
        self.as_of = it.as_of
        opened = open_places(load_config(it.config).environments[NAME], now=self.as_of)
        self.ledgers: list[Ledger] = []
        self._it, self._scratch, self._redactor = it, scratch, opened.redactor
        self._places: Sequence[Place] = [_named(place) for place in opened.places]
        self._recorded = [place for place in self._places if place.target.kind not in NOT_RECORDED]
        self._folder = folder

    def ask(self) -> None:
        """What every runbook asks, every question that needs no argument, and what may be picked beside a runbook's own."""
        for book in catalog.runbooks():
            with contextlib.redirect_stdout(io.StringIO()):
                run_cells(book, self._session(book.name))
        plain = self._session("demo")
        for query, arguments in questions({place.target.kind for place in self._recorded}):
            query(plain, **arguments)
        picks(plain)

    def _session(self, name: str) -> Session:
        ledger = Ledger(self._scratch / f"{len(self.ledgers)}", self._redactor)
        self.ledgers.append(ledger)
        history = RunHistory(self._scratch / "reports", name, "demo", {"env": "demo"}, self.as_of)
        earlier = Place(Target("history", "reports"), self.as_of, connect=lambda: history)
        return self._made(name, [*self._places, earlier], ledger)

    def _made(self, name: str, places: Sequence[Place], ledger: Ledger) -> Session:
        """As a session of the demo is: what it compares with and whom it calls may be in questions."""
        return Session(
            runbook=name,
            environment="demo",
            places=places,
            thresholds=demo_thresholds(),
            ledger=ledger,
            demo=True,
            contacts=demo_contacts(self.as_of),
        )

    def write(self) -> None:
        """One bundle: each question once, with the answer that came first. Raises AssertionError where one has none."""
        bundle = Ledger(self._folder, self._redactor)
        told = [replace(place, detail=_detail(place.target, self._it)) for place in self._recorded]
        self._made("demo", told, bundle)
        seen: set[Key] = set()
        versions = {}
        for ledger in self.ledgers:
            for entry in ledger.entries():
                if entry.kind != "query" or entry.body["target"].partition("/")[0] in NOT_RECORDED:
                    continue
                body = entry.body
                key = Key(body["query"], body["target"], body["args"], body["call"])
                assert body["error"] is None, f"{key}: {body['error']}"
                if key in seen:
                    continue
                seen.add(key)
                bundle.put_table(ledger.table(body["table"]))
                bundle.append("query", body)
                if found := body["notes"].get("resource_versions"):
                    versions[str(key)] = found
        (self._folder / ".lock").unlink(missing_ok=True)
        manifest = {
            "server_version": self._it.cluster.version,
            "versions": dict(self._it.versions),
            "command": COMMAND,
            "scenario": "planted, with the incident of a bad release",
            "recorded_at": self.as_of.isoformat(timespec="seconds"),
            "released_at": self._it.story.release.isoformat(timespec="seconds"),
            "head": bundle.head,
            "resource_versions": versions,
        }
        (self._folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def _named(place: Place) -> Place:
    """What is called after its environment is called after the demo."""
    return replace(place, target=Target("costs", "demo")) if place.target.kind == "costs" else place


def _detail(target: Target, it: Incident) -> str:
    """Where the demo's report says that a target is."""
    detail = DETAILS.get(target.kind) or f"recorded from a real {target.kind.capitalize()}"
    version = it.versions.get(SERVERS.get(target.kind, ""), CONTRACT)
    return f"{detail}, {version}" if version != CONTRACT else detail


def record(it: Incident, folder: Path) -> None:
    """Ask everything of the incident as the readers, into a new bundle at `folder`, with a manifest."""
    with tempfile.TemporaryDirectory() as scratch:
        recorder = Recorder(it, folder, Path(scratch))
        recorder.ask()
        recorder.write()


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO_BUNDLE
    with tempfile.TemporaryDirectory() as temporary, control_plane("demo") as cluster:
        load(cluster, "planted")
        fresh = Path(temporary) / "bundle"
        with incident(cluster, Path(temporary)) as it:
            record(it, fresh)
        if target.exists():
            shutil.rmtree(target)
        shutil.copytree(fresh, target)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(f"recorded {target} ({size / 1e6:.2f} MB)")


if __name__ == "__main__":
    main()
