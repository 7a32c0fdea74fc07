"""One run of a runbook, headless: everything checked first, its folder built aside, its record true whatever happens."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gocoffee_ops.evidence import record
from gocoffee_ops.evidence.ledger import LEDGER, Ledger, parse_entry, read_entries
from gocoffee_ops.model import Finding, Status, worst
from gocoffee_ops.runbooks import catalog, notes, parameters, questions
from gocoffee_ops.runbooks.cells import CellRecord
from gocoffee_ops.runbooks.execution import Execution
from gocoffee_ops.runbooks.orders import Order, prepare
from gocoffee_ops.runbooks.progress import Progress, Silent
from gocoffee_ops.runbooks.run_folder import (
    EVIDENCE,
    HANDSHAKE_VARIABLE,
    NOTEBOOK,
    NOTEBOOK_VARIABLE,
    REPLAY_VARIABLE,
    REPORT,
    REPORTS_VARIABLE,
    RUN_FOLDER_VARIABLE,
    RUN_JSON,
    RunFolder,
    write_json,
    write_text,
)
from gocoffee_ops.runbooks.stop import Stop

__all__ = ["Order", "RunResult", "exit_code", "kernels_at_once", "prepare", "run", "run_all"]

FAULT, INTERRUPTED = 70, 130
LEAVE_AFTER = 3  # times that a stop was asked for: the first interrupts a cell, the second kills its kernel
SAVE_EVERY_S = 2.0
VERSIONS = ("gocoffee-ops", "ipykernel", "kubernetes", "nbclient", "pandas", "plotly", "psycopg", "pyarrow")


@dataclass(frozen=True)
class RunResult:
    """How a run ended, and where its record is."""

    runbook: str
    status: Status
    exit_code: int
    folder: Path
    report: Path | None
    cells: tuple[CellRecord, ...]
    findings: tuple[Finding, ...]
    coverage: record.Coverage
    partial: bool = False
    fault: str = ""


def run(order: Order, progress: Progress | None = None, stop: Stop | None = None) -> RunResult:
    """Run it; a fault of ours ends with exit status 70 in the result, and what is recorded stays."""
    (result,) = run_all([order], progress, stop)
    return result


def run_all(orders: Sequence[Order], progress: Progress | None = None, stop: Stop | None = None) -> list[RunResult]:
    """Run a set, as many at once as cores and memory allow; results in the order given.

    Every run has a thread of its own, so that Ctrl-C, which Python raises in the main thread, breaks off nothing in the
    middle: each run ends by itself and records that it was stopped. A third Ctrl-C leaves them behind as they are.
    """
    progress, stop = progress or Silent(), stop or Stop()
    results: dict[int, RunResult] = {}
    faults: list[BaseException] = []
    slots = threading.Semaphore(kernels_at_once())

    ended = [threading.Event() for _ in orders]

    def work(i: int) -> None:
        try:
            with slots:
                results[i] = _Run(orders[i], progress, stop).run()
        except BaseException as fault:  # noqa: BLE001 - raised again below, in the caller's thread
            faults.append(fault)
        finally:
            ended[i].set()

    for i in range(len(orders)):
        threading.Thread(target=work, args=(i,), name=f"run {i}", daemon=True).start()
    while not all(event.is_set() for event in ended):
        try:
            for event in ended:
                event.wait(0.2)
        except KeyboardInterrupt:
            stop.ask()
            if stop.asked >= LEAVE_AFTER:
                raise
            for order, event in zip(orders, ended, strict=True):
                if not event.is_set():
                    progress.said(order.runbook.name, "stopping")
    if faults:
        raise faults[0]
    return [results[i] for i in range(len(orders))]


def exit_code(results: Sequence[RunResult]) -> int:
    """A set's exit status: 130 and 70 first, then the worst verdict."""
    codes = {result.exit_code for result in results}
    for code in (INTERRUPTED, FAULT):
        if code in codes:
            return code
    return worst(result.status for result in results).exit_code


def kernels_at_once(kernel_mib: int = 500) -> int:
    """As many as there are cores, and as fit in the memory that is available."""
    available = [int(os.sysconf("SC_AVPHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE")) >> 20]
    with contextlib.suppress(
        OSError, ValueError
    ):  # not Linux, or no cgroup limit: then the machine's own memory counts
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        available.append((int(limit) - used) >> 20)
    return max(1, min(os.cpu_count() or 1, min(available) // kernel_mib))


@dataclass
class _Run:
    """One run under way; also its execution's watcher."""

    order: Order
    progress: Progress
    stop: Stop
    _saved: float = 0.0
    _seen: tuple[int, str] = (0, "")
    _records: list[CellRecord] = field(default_factory=list)

    def run(self) -> RunResult:
        """Build the folder, execute, judge, render, rename."""
        self.started = datetime.now(UTC)
        self.folder = RunFolder.make(self.order.reports, self.order.runbook.name, self.started)
        self.ledger = Ledger(self.folder.evidence, self.order.redactor)
        write_json(self.folder.partial / RUN_JSON, self._record(Status.UNKNOWN, None, partial=True))
        execution = Execution(
            self._notebook(),
            self,
            self.order.runbook.path.parent,
            self._environment(),
            self.order.limits,
            self.order.redactor,
            stop=self.stop,
        )
        fault = ""
        try:
            execution.run()
        except Exception as error:  # noqa: BLE001 - a fault of ours: on record, and exit status 70
            fault = self.order.redactor.text(f"{type(error).__name__}: {error}")
        self._save(execution.nb)
        return self._finish(execution, fault)

    def _finish(self, execution: Execution, fault: str) -> RunResult:
        """Judge, render, rename. Until all of it is done, what lies on disk says that the run is not complete."""
        findings = record.findings(self._entries())
        status = worst([f.status for f in findings] + [Status.UNKNOWN] * (not execution.ok or bool(fault)))
        code = INTERRUPTED if self.stop.asked else FAULT if fault else status.exit_code
        self._ended(status, code, fault)
        written, report = self._record(status, code, partial=False, fault=fault), None
        if not self.stop.asked:
            write_json(self.folder.partial / RUN_JSON, written | {"partial": True, "exit_code": None, "finished": None})
            report, unreported = self._report(written)
            if unreported:
                code, fault = FAULT, f"{fault}; {unreported}" if fault else unreported
                written |= {"exit_code": code, "fault": fault}
            if report:
                written |= {"files": {REPORT: hashlib.sha256(report.read_bytes()).hexdigest()}}
        partial = self.stop.asked > 0
        if partial:
            code, report, folder = INTERRUPTED, None, self._stopped(status, code, fault)
        else:
            write_json(self.folder.partial / RUN_JSON, written)
            folder = self.folder.complete()
            report = folder / report.name if report else None
            fault = self._index() or fault
            code = FAULT if fault else code
        return RunResult(
            runbook=self.order.runbook.name,
            status=status,
            exit_code=code,
            folder=folder,
            report=report,
            cells=tuple(execution.records),
            findings=tuple(findings),
            coverage=record.coverage(self._entries(folder)),
            partial=partial,
            fault=fault,
        )

    def _ended(self, status: Status, code: int, fault: str) -> None:
        interrupted = code == INTERRUPTED
        self.ledger.append(
            "run", {"status": status.value, "exit_code": code, "interrupted": interrupted, "fault": fault}
        )

    def _stopped(self, status: Status, code: int, fault: str) -> Path:
        """The record of a run that was stopped; a report that was made meanwhile would say that it is whole."""
        folder = self.folder.partial
        (folder / REPORT).unlink(missing_ok=True)
        if code != INTERRUPTED:  # it came after the cells
            self._ended(status, INTERRUPTED, fault)
        write_json(folder / RUN_JSON, self._record(status, INTERRUPTED, partial=True, fault=fault))
        self.folder.note(f"It was stopped at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC.")
        return folder

    def _report(self, written: Mapping[str, Any]) -> tuple[Path | None, str]:
        """The report, or why there is none: a fault of it must not cost the record."""
        self.progress.said(self.order.runbook.name, "rendering the report")
        try:
            from gocoffee_ops.runbooks import report

            return report.render(self.folder.partial, written), ""
        except Exception as error:  # noqa: BLE001 - on record in run.json, and exit status 70
            return None, f"the report could not be rendered: {type(error).__name__}: {error}"

    def _index(self) -> str:
        try:
            from gocoffee_ops.runbooks import report

            report.write_index(self.order.reports)
        except Exception as error:  # noqa: BLE001 - said, and exit status 70
            return f"the index could not be written: {type(error).__name__}: {error}"
        return ""

    def _notebook(self) -> dict[str, Any]:
        """The notebook, with what was given set after its parameters cell, and with the notes of the run that is replayed."""
        notebook = catalog.load(self.order.runbook.path)
        if self.order.given:
            source = parameters.assignments(self.order.given)
            cell: dict[str, Any] = {
                "cell_type": "code",
                "id": "injected-parameters",
                "metadata": {"tags": ["injected-parameters"]},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            tagged = [i for i, c in enumerate(notebook["cells"]) if "parameters" in c["metadata"].get("tags", ())]
            notebook["cells"].insert(tagged[0] + 1, cell)
        if self.order.replay is not None:
            evidence = self.order.replay / EVIDENCE
            notes.put_back_from(notebook, evidence.parent if evidence.is_dir() else self.order.replay.parent)
        return notebook

    def _environment(self) -> dict[str, str]:
        """What the kernel is told; it works in the notebook's folder, so relative places are made absolute."""
        told = {"GOCOFFEE_CONFIG": str(self.order.config)} if self.order.config else {}
        if paths := os.environ.get("KUBECONFIG"):
            told["KUBECONFIG"] = os.pathsep.join(str(Path(path).absolute()) for path in paths.split(os.pathsep) if path)
        return told | {
            RUN_FOLDER_VARIABLE: str(self.folder.partial),
            REPORTS_VARIABLE: str(self.order.reports),
            NOTEBOOK_VARIABLE: str(self.order.runbook.path),
            REPLAY_VARIABLE: str(self.order.replay or ""),
            HANDSHAKE_VARIABLE: "",
        }

    def _entries(self, folder: Path | None = None) -> list[Any]:
        evidence = (folder or self.folder.partial) / EVIDENCE
        return list(read_entries(evidence)) if (evidence / LEDGER).is_file() else []

    def _record(self, status: Status, code: int | None, *, partial: bool, fault: str = "") -> dict[str, Any]:
        """`run.json`."""
        entries = self._entries()
        session = next((entry.body for entry in reversed(entries) if entry.kind == "session"), None)
        return {
            "status": status.value,
            "exit_code": code,
            "partial": partial,
            "fault": fault,
            "run": self.folder.name,
            "runbook": self.order.runbook.name,
            "title": self.order.runbook.title,
            "environment": self.order.environment,
            "demo": session["demo"] if session else self.order.environment == "demo",
            "started": self.started.isoformat(timespec="seconds"),
            "finished": None if code is None else datetime.now(UTC).isoformat(timespec="seconds"),
            "replay_of": str(self.order.replay or ""),
            "parameters": dict(self.order.values),
            "as_of": {f"{t['kind']}/{t['name']}": t["as_of"] for t in session["targets"]} if session else {},
            "cells": [cell.to_record() for cell in self._records],
            "findings": [finding.to_record() for finding in record.findings(entries)],
            "coverage": record.coverage(entries).to_record(),
            "head": self.ledger.head,
            "versions": _versions(),
        }

    def _save(self, nb: Any) -> None:
        write_text(self.folder.partial / NOTEBOOK, json.dumps(nb, ensure_ascii=False, indent=1) + "\n")
        self._saved = time.monotonic()

    # What the execution tells.

    def cell_started(self, number: int, total: int, heading: str) -> None:
        """A cell begins; with the first one, the report's libraries are loaded beside it."""
        if number == 1:
            threading.Thread(target=_load_report, name="load report", daemon=True).start()
        self.progress.cell_started(self.order.runbook.name, number, total, heading)

    def cell_ended(self, record: CellRecord, nb: Any) -> None:
        """A cell ended: into the ledger, and now and then onto disk."""
        self._records.append(record)
        self.ledger.append("run_cell", record.to_record())
        if missed := questions.missed(record, nb.cells):
            self.ledger.append("cell_questions", missed)
        self.progress.cell_ended(self.order.runbook.name, record)
        if time.monotonic() - self._saved > SAVE_EVERY_S:
            self._save(nb)

    def tick(self) -> None:
        """Time passes: say what was learnt last."""
        self.progress.waiting(self.order.runbook.name, self._last_answer())

    def _last_answer(self) -> str:
        """The last question that the ledger holds an answer to."""
        size = self.ledger.path.stat().st_size if self.ledger.path.exists() else 0
        if size != self._seen[0]:
            with self.ledger.path.open("rb") as file:
                file.seek(max(0, size - 65_536))
                lines = file.read(65_536).split(b"\n")[1 if size > 65_536 else 0 : -1]
            queries = [line for line in lines if b'"kind":"query"' in line]
            text = self._seen[1]
            if queries:
                body = parse_entry(queries[-1].decode(), self.ledger.path).body
                text = f"last {'failed' if body['error'] else 'answered'}: {body['query']} of {body['target']}"
            self._seen = (size, text)
        return self._seen[1]


def _load_report() -> None:
    with contextlib.suppress(Exception):  # met again, and reported, when the report is rendered
        from gocoffee_ops.runbooks import report

        report.prepare()


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": sys.version.split()[0]}
    for name in VERSIONS:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
