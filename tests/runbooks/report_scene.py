"""A run's folder as a runner leaves it, made without a kernel: a real session and ledger, real tables, panels and figures.

Names, statements, logs and errors in it are hostile: what a report must show as text.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gocoffee_ops.errors import Forbidden
from gocoffee_ops.evidence import record
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.model import Finding, Status, Target, Thresholds
from gocoffee_ops.queries.query import Ask, Query, Rows
from gocoffee_ops.session import Place, Session
from gocoffee_ops.ui import figures
from gocoffee_ops.ui.display import bundle
from gocoffee_ops.ui.panels import FindingsPanel, VerdictPanel

NOW = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)
SCRIPT = "<script>document.title='pwned'</script>"
BREAKOUT = "</script><script>document.title='pwned'</script>"
IMAGE = "<img src=x onerror=\"document.title='pwned'\">"
MARKDOWN = "[click](javascript:alert(1)) ![pic](https://example.invalid/p.png)"
HOSTILE = (
    SCRIPT,
    BREAKOUT,
    IMAGE,
    MARKDOWN,
    "\x1b[31mred\x1b[0m",
    "evil\u202egnp.exe",
    "{{ 7*7 }} {% raw %} %{x} $x^2$",
)
TARGETS = (Target("cluster", "prod-eu"), Target("database", "coffee"), Target("history", "runs"))

NODES = Schema(
    "nodes",
    (
        Column("node", "string"),
        Column("status", "string"),
        Column("pressures", "list[string]"),
        Column("cpu_allocatable_millicores", "Int64"),
        Column("memory_allocatable_mib", "Float64"),
        Column("cpu_requested_millicores", "Int64"),
        Column("memory_requested_mib", "Float64"),
        Column("created_at", "timestamp"),
        Column("age_s", "Float64"),
        *(Column(name, "string") for name in ("zone", "internal_ip", "machine", "instance")),
    ),
)
NODE_USAGE = Schema(
    "node_usage", (Column("node", "string"), Column("cpu_millicores", "Float64"), Column("memory_mib", "Float64"))
)
POD_USAGE = Schema(
    "pod_usage",
    (
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("owner", "string", optional=True),
        Column("cpu_millicores", "Float64"),
        Column("memory_mib", "Float64"),
        Column("cpu_request_millicores", "Int64"),
        Column("memory_request_mib", "Float64"),
        Column("cpu_limit_millicores", "Int64", optional=True),
        Column("memory_limit_mib", "Float64", optional=True),
        Column("memory_of_limit", "Float64", optional=True),
    ),
)
STATEMENTS = Schema(
    "statements",
    (
        Column("queryid", "string"),
        Column("statement", "string", content="sql"),
        Column("calls", "Int64"),
        Column("total_exec_ms", "Float64"),
        Column("mean_exec_ms", "Float64"),
        Column("rows", "Int64"),
        Column("share", "Float64"),
        Column("stats_reset_at", "timestamp", optional=True),
    ),
)
CONNECTIONS = Schema(
    "connections",
    (
        Column("application", "string"),
        Column("role", "string", optional=True),
        Column("state", "string"),
        Column("connections", "Int64"),
        Column("total", "Int64"),
        Column("max_connections", "Int64"),
        Column("reserved", "Int64"),
    ),
)
EVENTS = Schema("events", (Column("object", "string"), Column("message", "string"), Column("count", "Int64")))
RUNS = Schema("runs", (Column("run", "string"), Column("finished_at", "timestamp"), Column("status", "string")))
PREVIOUS = Schema(
    "previous_findings",
    tuple(Column(name, "string") for name in ("run", "status", "check", "subject", "cluster", "namespace", "reason")),
)


def nodes(n: int = 7) -> list[dict[str, Any]]:
    return [
        {
            "node": SCRIPT if i == 0 else f"gke-prod-eu-pool-standard-{i:02d}-8f3a",
            "status": "Ready" if i else "NotReady",
            "pressures": [] if i else ["MemoryPressure=Unknown"],
            "cpu_allocatable_millicores": 3920,
            "memory_allocatable_mib": 13_500.5,
            "cpu_requested_millicores": 3600 - 300 * i if i < 10 else 500,
            "memory_requested_mib": 12_900.0 - 900 * i if i < 10 else 900.0,
            "created_at": NOW - timedelta(days=30 + i),
            "age_s": 86_400.0 * (30 + i),
            "zone": f"europe-west1-{'bcd'[i % 3]}",
            "internal_ip": f"10.132.0.{i}",
            "machine": f"n2-standard-{4 + i}",
            "instance": f"instance-{i:04d}-8f3a-c1d2e3",
        }
        for i in range(n)
    ]


def node_usage(n: int = 7) -> list[dict[str, Any]]:
    rows = [
        {"node": r["node"], "cpu_millicores": 900.0 + 180 * i, "memory_mib": 7000.0 - 500 * i}
        for i, r in enumerate(nodes(n))
    ]
    return rows[:2] + rows[3:]


def pod_usage(n: int = 24) -> list[dict[str, Any]]:
    return [
        {
            "namespace": "go-coffee",
            "pod": IMAGE if i == 0 else f"coffee-service-7d9c6bf8b5-x{i:02d}",
            "owner": "deployment/coffee-service" if i % 3 else None,
            "cpu_millicores": 40.0 + 17 * i,
            "memory_mib": 120.0 + 31 * i,
            "cpu_request_millicores": 0 if i == 3 else 250,
            "memory_request_mib": 256.0,
            "cpu_limit_millicores": None if i % 4 == 0 else 500,
            "memory_limit_mib": None if i % 4 == 0 else 1024.0,
            "memory_of_limit": None if i % 4 == 0 else (120.0 + 31 * i) / 1024,
        }
        for i in range(n)
    ]


def statements(n: int = 25) -> list[dict[str, Any]]:
    sql = (
        f"SELECT o.id, o.customer_id, o.total FROM orders o JOIN order_items i ON i.order_id = o.id WHERE o.note = {BREAKOUT} "
        "AND o.created_at > now() - interval $1 AND o.status = ANY($2) ORDER BY o.created_at DESC LIMIT $3"
    )
    return [
        {
            "queryid": str(7_000_000_000_000_000_000 + i),
            "statement": sql
            if i == 0
            else f"UPDATE inventory SET stock = stock - ${i} WHERE product_id = $2 AND {IMAGE}",
            "calls": 1_204_331 // (i + 1),
            "total_exec_ms": 4_000_000.0 / (i + 1) ** 2,
            "mean_exec_ms": 3.32 if i else 0.0041,
            "rows": 100 * i,
            "share": 0.41 / (i + 1) ** 1.6,
            "stats_reset_at": None if i % 2 else NOW - timedelta(days=7),
        }
        for i in range(n)
    ]


def connections() -> list[dict[str, Any]]:
    held = [(SCRIPT, "active", 4), ("coffee-service", "idle", 31), ("coffee-service", "active", 6)]
    held += [("reporting", "idle in transaction", 3), ("payments-worker-with-a-long-name", "idle", 12), ("", "", 1)]
    whole = {"total": 57, "max_connections": 100, "reserved": 3, "role": "app"}
    return [{"application": a, "state": s, "connections": n, **whole} for a, s, n in held]


class Scene:
    """Builds a run folder cell by cell."""

    def __init__(self, folder: Path, *, demo: bool = False, replay_of: str = "", earlier: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.demo, self.replay_of, self.earlier = demo, replay_of, earlier
        self.cells: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        places = [Place(t, NOW, connect=lambda: None, detail="context gke_prod_eu") for t in TARGETS]
        self.ops = Session(
            runbook="performance-review",
            environment="demo" if demo else "prod",
            places=places,
            thresholds=Thresholds(),
            ledger=Ledger(folder / "evidence"),
            demo=demo,
            replay_of=replay_of,
        )
        self._heading = ""
        self._cell = ""

    def prose(self, text: str) -> None:
        self._heading = text.splitlines()[0].lstrip("# ")
        self.cells.append({"cell_type": "markdown", "id": f"md{len(self.cells)}", "metadata": {}, "source": text})

    def begin(self, source: str) -> None:
        self._cell = f"src:{hashlib.sha256(source.encode()).hexdigest()[:12]}"
        cell = {"cell_type": "code", "id": f"code{len(self.cells)}", "metadata": {}, "source": source}
        self.cells.append({**cell, "execution_count": 1, "outputs": []})
        self.ops.cell_started(self._cell, 1)

    def end(self, state: str = "ok", error: str = "", seconds: float = 0.42) -> None:
        index = len(self.cells) - 1
        if state in {"ok", "failed"}:
            self.ops.cell_ended(self._cell, 1, error)
        told = {"index": index, "id": self.cells[index]["id"], "heading": self._heading}
        self.states.append({**told, "state": state, "seconds": seconds, "error": error})

    def output(self, data: dict[str, Any]) -> None:
        self.cells[-1]["outputs"].append({"output_type": "display_data", "data": data, "metadata": {}})

    def show(self, value: Any) -> None:
        data = bundle(value, demo=self.demo)
        self.output(data if data is not None else {"text/html": value._repr_html_(), "text/plain": repr(value)})

    def printed(self, text: str) -> None:
        self.cells[-1]["outputs"].append({"output_type": "stream", "name": "stdout", "text": text})

    def raised(self, name: str, value: str) -> None:
        trace = ["\x1b[31m---------\x1b[0m", f"File <ipython>, line 1\n{value}"]
        self.cells[-1]["outputs"].append({"output_type": "error", "ename": name, "evalue": value, "traceback": trace})

    def ask(
        self, name: str, kind: str, schema: Schema, rows: Callable[[], Sequence[dict[str, Any]]], truncated: str = ""
    ) -> Any:
        def question(ask: Ask[Any]) -> Rows:
            return Rows(rows(), truncated=truncated)

        module, _, question.__name__ = name.rpartition(".")
        question.__module__ = f"gocoffee_ops.queries.{module}"
        return Query(question, kind, schema, None)(self.ops)

    def judge(self, *found: Finding) -> None:
        def check() -> list[Finding]:
            return list(found)

        with contextlib.redirect_stdout(io.StringIO()):  # there is no notebook to show it in
            self.ops.judge(check)
        self.show(FindingsPanel(found, demo=self.demo))

    def finish(self, extra: Sequence[Finding] = ()) -> Path:
        entries = list(self.ops.ledger.entries())
        found = [*record.findings(entries), *extra]
        status = max((f.status for f in found), key=lambda s: s.severity, default=Status.UNKNOWN)
        run = {
            "runbook": "performance-review",
            "title": "Weekly performance review",
            "environment": self.ops.environment,
            "demo": self.demo,
            "parameters": {"env": self.ops.environment, "namespace": SCRIPT, "top": 20, "empty": ""},
            "as_of": {str(t): NOW.isoformat() for t in TARGETS},
            "started": NOW.isoformat(),
            "finished": (NOW + timedelta(seconds=74)).isoformat(),
            "status": status.value,
            "exit_code": status.exit_code,
            "cells": self.states,
            "findings": [f.to_record() for f in found],
            "coverage": record.coverage(entries).to_record(),
            "head": self.ops.ledger.head,
            "versions": {"gocoffee-ops": "0.1.0", "python": "3.11.7"},
            "replay_of": self.replay_of,
        }
        notebook = {"cells": self.cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (self.folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
        (self.folder / "notebook.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
        return self.folder


def weekly(folder: Path, *, demo: bool = False, replay_of: str = "", earlier: bool = True, many: bool = False) -> Path:
    """A whole weekly review: sections of every ending, every figure, hostile text in every place."""
    s = Scene(folder, demo=demo, replay_of=replay_of, earlier=earlier)
    s.prose("# Weekly performance review\n\n**Symptom** — none.\n**Owner** — Platform Team.\n\n" + MARKDOWN + IMAGE)
    s.begin("ops = runbook.start('performance-review', env=env)")
    s.end()
    s.prose("## 1. Resource Utilization Analysis\n\n### Nodes\n\nLook for nodes that are not ready.")
    count = 40 if many else 7
    s.begin("nodes = cluster.nodes(ops)")
    node_table = s.ask("cluster.nodes", "cluster", NODES, lambda: nodes(count))
    s.show(node_table)
    bad = Finding(Status.CRIT, "node_health", f"node/{SCRIPT}", "not ready for 12 min", {"age_s": 720}, "prod-eu", "")
    fine = [Finding(Status.OK, "node_health", f"node/n{i}", "ready", cluster="prod-eu") for i in range(6)]
    s.judge(bad, *fine)
    s.end()
    s.prose("### Usage of the nodes\n\nLook for nodes near what they can give.")
    s.begin("node_usage = cluster.node_usage(ops)")
    usage = s.ask("cluster.node_usage", "cluster", NODE_USAGE, lambda: node_usage(count))
    s.show(figures.node_utilisation(node_table, usage))
    s.judge(Finding(Status.WARN, "node_usage", "node/n1", "CPU at 84 % of allocatable", {"cpu": 0.84}, "prod-eu"))
    s.end()
    s.prose("### Usage of the pods\n\nLook for pods that use more than they request.")
    s.begin("pod_usage = cluster.pod_usage(ops)")
    pods = s.ask("cluster.pod_usage", "cluster", POD_USAGE, pod_usage, truncated="500 of 731 pods were read")
    s.show(figures.requests_against_usage(pods))
    s.show(pods)
    warned = [
        Finding(Status.WARN, "usage", f"pod/{IMAGE}-{i}", f"uses {i + 2} times its request", {}, "prod-eu", "go-coffee")
        for i in range(14)
    ]
    s.judge(*warned)
    s.end()
    _database(s)
    _broken(s)
    _history(s)
    s.prose("## Verdict")
    s.begin("ops.verdict()")
    entries = list(s.ops.ledger.entries())
    found, failed = record.findings(entries), record.failed_cells(entries)
    s.show(VerdictPanel(Status.CRIT, found, record.coverage(entries), failed, demo=demo))
    s.raised("IncompleteRun", f"1 of this run's cells raised {SCRIPT}")
    s.end("failed", "IncompleteRun: 1 of this run's cells raised")
    return s.finish()


def _database(s: Scene) -> None:
    s.prose("## 2. Database Performance\n\n### Top statements\n\nLook for statements with a large share.")
    s.begin("statements = database.statements(ops)")
    table = s.ask("database.statements", "database", STATEMENTS, statements)
    s.show(figures.statement_share(table))
    s.show(table)
    heavy = "the statement takes 41 % of all statement time " + BREAKOUT
    s.judge(Finding(Status.CRIT, "statements", "statement/70000", heavy, {"share": 0.41}, next=("query-tuning",)))
    s.end()
    s.prose("### Connections\n\nWho holds connections?")
    s.begin("connections = database.connections(ops)")
    held = s.ask("database.connections", "database", CONNECTIONS, connections)
    s.show(figures.connection_states(held))
    s.judge(Finding(Status.OK, "connections", "database/coffee", "57 of 100 connections in use"))
    s.end()


def _broken(s: Scene) -> None:
    s.prose("### Warnings of the cluster " + SCRIPT + "\n\nLook for repeated warnings.")
    s.begin("events = cluster.events(ops)")

    def refused() -> Sequence[dict[str, Any]]:
        why = f'events is forbidden: User "reader" cannot list {BREAKOUT}'
        raise Forbidden("list events", target="cluster/prod-eu", why=why, hint="grant it")

    with contextlib.suppress(Forbidden):
        s.ask("cluster.events", "cluster", EVENTS, refused)
    s.raised("Forbidden", f"list events [cluster/prod-eu]: \x1b[31m{BREAKOUT}")
    s.end("failed", f"Forbidden: list events [cluster/prod-eu]: {BREAKOUT}")
    s.prose("### Logs\n\nWhat was printed.")
    s.begin("print(log)\nlog")
    s.printed("\n".join(HOSTILE))
    s.output({"text/markdown": f"# not a section\n\n{MARKDOWN} {SCRIPT}", "text/plain": "x"})
    s.output(
        {
            "text/html": f"<div onclick='x()' style='position:fixed'></div></div></main>{SCRIPT}{IMAGE}<b>kept</b>",
            "text/plain": "",
        }
    )
    s.end()
    s.prose("### Depends on events")
    s.begin("events.head()")
    s.end("blocked", "it reads `events`, which cell 13 should have made", 0.0)
    s.prose("### Slow")
    s.begin("sleep()")
    s.end("timed_out", "not done after 60 s", 60.0)


def _history(s: Scene) -> None:
    s.prose("## What changed since the previous run")
    s.begin("runs = history.runs(ops)")
    last = {"run": "r1", "finished_at": NOW - timedelta(days=7), "status": "WARN"}
    s.ask("history.runs", "history", RUNS, lambda: [last] if s.earlier else [])
    before = [("WARN", "node_usage", "node/n1", "prod-eu", ""), ("CRIT", "blocking", f"session/{SCRIPT}", "", "")]
    before += [("CRIT", "connections", "database/coffee", "", "")]
    names = ("status", "check", "subject", "cluster", "namespace")
    rows = [{"run": "r1", "reason": "as it was", **dict(zip(names, row, strict=True))} for row in before]
    s.ask("history.previous_findings", "history", PREVIOUS, lambda: rows if s.earlier else [])
    s.end()
