"""A run that papermill started: any notebook, with papermill's metadata told truly."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from gocoffee_ops.errors import ParameterError
from gocoffee_ops.evidence import record
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Status, worst
from gocoffee_ops.runbooks import parameters, questions
from gocoffee_ops.runbooks.cells import CellRecord, State
from gocoffee_ops.runbooks.execution import Execution, Limits
from gocoffee_ops.runbooks.progress import Plain, Progress, Silent
from gocoffee_ops.runbooks.run_folder import HANDSHAKE_VARIABLE

PAPERMILL_STATUS = {State.OK: "completed", State.NOT_RUN: "pending", State.BLOCKED: "pending"}


class PlainRun:
    """Executes papermill's notebook in place; also the execution's watcher."""

    def __init__(
        self,
        nb: Any,
        *,
        kernel_name: str,
        output_path: str | None,
        progress: bool,
        log_output: bool,
        start_s: float,
        cell_s: float | None,
        streams: Mapping[str, Any],
    ) -> None:
        self.nb = nb
        self._output_path = output_path
        self._progress: Progress = Plain() if progress else Silent()
        self._log_output = log_output
        self._limits = Limits(cell_s=cell_s, start_s=start_s)
        self._kernel_name = kernel_name
        self._streams = streams
        self._name = Path(output_path or "notebook").stem
        self._ledger: Ledger | None = None
        self._pending: list[tuple[str, Mapping[str, Any]]] = []
        self._saved = 0.0

    def execute(self) -> Any:
        """Run it all; returns the notebook, or raises a click exception with the run's exit status."""
        try:
            parameters.check_injected(
                ["".join(cell.source) for cell in self.nb.cells if cell.cell_type == "code"],
                self.nb.metadata.get("papermill", {}).get("parameters", {}),
            )
        except ParameterError as error:
            _leave(str(error), error.exit_code)
        self._begin()
        with tempfile.TemporaryDirectory(prefix="gocoffee-run-") as folder:
            self._handshake = Path(folder) / "session.json"
            execution = Execution(
                self.nb,
                self,
                Path.cwd(),
                {HANDSHAKE_VARIABLE: str(self._handshake)},
                self._limits,
                kernel_name=self._kernel_name,
            )
            started = time.monotonic()
            try:
                execution.run()
            finally:
                self._end(time.monotonic() - started, execution)
        if execution.interrupted:
            _leave("the run was stopped", 130)
        status = self._status(execution.ok)
        if status is not None and status.exit_code:
            bad = [
                f"cell {r.index} is {r.state.value}: {r.error}" for r in execution.records if r.state is not State.OK
            ]
            _leave("; ".join([f"{status.value}", *bad]), status.exit_code)
        return self.nb

    def _status(self, ok: bool) -> Status | None:
        """The verdict; None for a notebook that is no runbook of ours and ran well."""
        self._tell()
        if self._ledger is None:
            return None if ok else Status.UNKNOWN
        found = record.findings(self._ledger.entries())
        status = worst([f.status for f in found] + [Status.UNKNOWN] * (not ok))
        self._ledger.append("run", {"status": status.value, "exit_code": status.exit_code, "interrupted": False})
        return status

    # What the execution tells.

    def cell_started(self, number: int, total: int, heading: str) -> None:
        """A cell begins."""
        self._progress.cell_started(self._name, number, total, heading)

    def cell_ended(self, record: CellRecord, nb: Any) -> None:
        """A cell ended: papermill's metadata, the ledger, the logs and the file say so."""
        self._progress.cell_ended(self._name, record)
        cell = nb.cells[record.index]
        end = datetime.now(UTC)
        cell.metadata["papermill"] = {
            "exception": record.state not in PAPERMILL_STATUS,
            "start_time": (end - timedelta(seconds=record.seconds)).isoformat() if record.seconds else None,
            "end_time": end.isoformat() if record.seconds else None,
            "duration": record.seconds if record.seconds else None,
            "status": PAPERMILL_STATUS.get(record.state, "failed"),
        }
        self._pending.append(("run_cell", record.to_record()))
        if missed := questions.missed(record, nb.cells):
            self._pending.append(("cell_questions", missed))
        self._tell()
        self._log(cell)
        if time.monotonic() - self._saved > 2:
            self._save()

    def tick(self) -> None:
        """Time passes."""
        self._progress.waiting(self._name, "")

    def _tell(self) -> None:
        """To the ledger, once the notebook has made one."""
        if self._ledger is None and self._handshake.is_file():
            self._ledger = Ledger(Path(json.loads(self._handshake.read_text(encoding="utf-8"))["evidence"]))
        if self._ledger is not None:
            for kind, body in self._pending:
                self._ledger.append(kind, body)
            self._pending.clear()

    def _begin(self) -> None:
        about = self.nb.metadata.setdefault("papermill", {})
        about.update(start_time=datetime.now(UTC).isoformat(), end_time=None, duration=None, exception=None)
        for cell in self.nb.cells:
            cell.metadata["papermill"] = dict.fromkeys(("exception", "start_time", "end_time", "duration"))
            cell.metadata["papermill"]["status"] = "pending"
        self._save()

    def _end(self, seconds: float, execution: Execution) -> None:
        about = self.nb.metadata["papermill"]
        about.update(end_time=datetime.now(UTC).isoformat(), duration=seconds, exception=not execution.ok or None)
        self.nb.metadata["gocoffee"] = {"interrupted": execution.interrupted, "ok": execution.ok}
        self._save()

    def _save(self) -> None:
        if self._output_path:
            from papermill.iorw import write_ipynb

            write_ipynb(self.nb, self._output_path)
            self._saved = time.monotonic()

    def _log(self, cell: Any) -> None:
        for output in cell.get("outputs", ()):
            if output["output_type"] != "stream":
                continue
            if self._log_output:
                from papermill.log import logger

                logger.info(output["text"])
            file = self._streams.get(output["name"])
            if file is not None:
                file.write(output["text"])
                file.flush()


def _leave(message: str, code: int) -> NoReturn:
    """End papermill's own command with our exit status; it would end with 0."""
    import click

    class RunEnded(click.ClickException):
        exit_code = code

    raise RunEnded(message)
