"""Executing a notebook's cells in a kernel of its own, so that every ending is told as it was.

nbclient only turns messages into outputs: it and papermill know "done" and "raised", and stamp what never ran as completed.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gocoffee_ops.errors import OpsError
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.runbooks import cells
from gocoffee_ops.runbooks.cells import CellRecord, State
from gocoffee_ops.runbooks.kernel_process import SHUTDOWN_S, KernelProcess
from gocoffee_ops.runbooks.outputs import clean_outputs
from gocoffee_ops.runbooks.stop import Stop

if TYPE_CHECKING:
    from nbclient import NotebookClient

VERDICT = re.compile(r"\bops\.verdict\(")
TICK_S = 0.25
DRAIN_S = 10.0  # for the outputs of a cell that has answered


@dataclass(frozen=True)
class Limits:
    """How long things may take; None is without end."""

    run_s: float | None = None
    cell_s: float | None = None
    start_s: float = 60.0
    interrupt_s: float = 5.0  # for the kernel to answer an interrupt before it is killed
    verdict_s: float = 30.0  # for the verdict when the run's time is used up


class Watcher(Protocol):
    """Is told what happens; `tick` comes several times a second, from the thread that called `run`."""

    def cell_started(self, number: int, total: int, heading: str) -> None: ...
    def cell_ended(self, record: CellRecord, nb: Any) -> None: ...
    def tick(self) -> None: ...


@dataclass(frozen=True)
class _Ending:
    state: State
    error: str = ""


@dataclass
class Execution:
    """One execution of one notebook; `run` fills the notebook's outputs and `records`, whatever happens."""

    notebook: Mapping[str, Any]  # JSON, or a NotebookNode, which is then filled in place
    watcher: Watcher
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    redactor: Redactor = field(default_factory=Redactor)
    kernel_name: str = ""  # "" is this Python
    stop: Stop = field(default_factory=Stop)

    def __post_init__(self) -> None:
        self.nb: Any = self.notebook  # a NotebookNode once the kernel is on its way
        self.records: list[CellRecord] = []
        self._spoilt: dict[str, int] = {}
        self._over = ""  # why nothing more is run
        self._halted = ""  # why nothing more is run but for the verdict
        self._fault: BaseException | None = None
        self._done = threading.Event()

    @property
    def interrupted(self) -> bool:
        """Whether somebody stopped it."""
        return self.stop.asked > 0

    @property
    def ok(self) -> bool:
        """Whether every cell ran and none raised."""
        well = sum(record.state is State.OK for record in self.records)
        return not self.interrupted and well == len(self._code())

    def run(self) -> list[CellRecord]:
        """Execute all cells; Ctrl-C here stops it. Raises only for a fault that is not the notebook's."""
        thread = threading.Thread(target=self._thread, name="notebook", daemon=True)
        thread.start()
        while not self._done.is_set():
            try:
                # Not thread.join: a Ctrl-C in it makes Python 3.11 take the thread for ended.
                self._done.wait(TICK_S)
                self.watcher.tick()
            except KeyboardInterrupt:
                self.stop.ask()
        if self._fault is not None:
            raise self._fault
        return self.records

    def _thread(self) -> None:
        try:
            # A loop of its own: the caller's thread may be running one.
            asyncio.run(self._main())
        except BaseException as fault:  # noqa: BLE001 - raised again by run, in the caller's thread
            self._fault = fault
        finally:
            self._done.set()

    async def _main(self) -> None:
        self._deadline = time.monotonic() + self.limits.run_s if self.limits.run_s else None
        self._stopped, self._kill_now = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()

        def told(times: int) -> None:
            loop.call_soon_threadsafe(self._stopped.set)
            if times > 1:
                loop.call_soon_threadsafe(self._kill_now.set)

        self.stop.listen(told)
        folder = Path(tempfile.mkdtemp(prefix="gocoffee-"))
        self._kernel = KernelProcess(folder, self.kernel_name)
        try:
            await self._start()
            await self._cells()
        finally:
            self.stop.forget(told)
            if len(self.records) < len(self._code()):
                self._over = self._over or "the run broke off"
                self._rest()
            await self._kernel.shutdown(now=self._kill_now.is_set())
            shutil.rmtree(folder, ignore_errors=True)

    def _code(self) -> list[tuple[int, Any]]:
        """The code cells with something to run."""
        return [
            (i, c) for i, c in enumerate(self.nb["cells"]) if c["cell_type"] == "code" and "".join(c["source"]).strip()
        ]

    # The kernel.

    async def _start(self) -> None:
        try:
            await self._kernel.launch(self.cwd, self.env)
            self._client = self._outputs_client()  # its import takes about as long as the kernel's start
            if not await self._kernel.ready(self.limits.start_s, self._stopped):
                self._over = "the run was stopped before its kernel had started"
        except Exception as error:
            raise OpsError(
                "start the kernel",
                target=self.kernel_name or sys.executable,
                why=f"{type(error).__name__}: {error}",
                hint=f"does `{sys.executable} -m ipykernel_launcher --version` work?",
            ) from error
        self._client.kc = self._kernel.client

    def _outputs_client(self) -> NotebookClient:
        import nbformat
        from nbclient import NotebookClient

        if not isinstance(self.notebook, nbformat.NotebookNode):
            self.nb = nbformat.from_dict(self.notebook)  # type: ignore[no-untyped-call]
            for cell in self.nb.cells:
                cell.source = "".join(cell.source)
        self.nb.metadata.setdefault("language_info", nbformat.NotebookNode(name="python"))  # type: ignore[no-untyped-call]
        for cell in self.nb.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        return NotebookClient(self.nb, km=self._kernel.manager, record_timing=False)

    # The cells.

    async def _cells(self) -> None:
        code = self._code()
        for number, (index, cell) in enumerate(code, 1):
            last = number == len(code) and VERDICT.search(cell.source) is not None
            title = cells.heading(self.nb.cells, index)
            self.watcher.cell_started(number, len(code), title)
            started = time.monotonic()
            ending = await self._turn(index, cell, last)
            self._record(index, cell, title, ending, time.monotonic() - started)

    def _rest(self) -> None:
        done = {record.index for record in self.records}
        for index, cell in self._code():
            if index not in done:
                ending = _Ending(State.NOT_RUN, self._over)
                self._record(index, cell, cells.heading(self.nb["cells"], index), ending, 0.0)

    async def _turn(self, index: int, cell: Any, last: bool) -> _Ending:
        """Run one cell, unless something before it forbids."""
        tags = cell.metadata.get("tags", [])
        self._over = self._over or ("the run was stopped" if self._stopped.is_set() else "")
        if not self._over and await self._kernel.returncode() is not None:
            self._over = f"its kernel is gone: {await self._kernel.cause_of_death()}"
        left = self._deadline - time.monotonic() if self._deadline else None
        if left is not None and left <= 0 and not self._halted:
            self._halted = f"the run's deadline of {self.limits.run_s:g} s was reached"
        if self._over or (self._halted and not last):
            return _Ending(State.NOT_RUN, self._over or self._halted)
        if "skip-execution" in tags:
            return _Ending(State.NOT_RUN, "tagged skip-execution")
        found = cells.names(cell.source) if self._python else cells.Names(frozenset(), frozenset())
        hit = cells.blocker(self._spoilt, found.reads)
        if hit is not None:
            ending = _Ending(State.BLOCKED, self._needs(*hit))
        else:
            ending = await self._execute(index, cell, *self._allowance(left, last))
        cells.spoil(self._spoilt, index, found, ok=ending.state is State.OK)
        if ending.state is State.EXITED:
            self._halted = self._halted or f"{self._named(index)} ended the program"
        elif ending.state is not State.OK and "raises-exception" not in tags:
            self._halted = (
                self._halted or f"{self._named(index)} is {ending.state.value}, and all that follows rests on it"
            )
        return ending

    @property
    def _python(self) -> bool:
        return str(self.nb.metadata.get("language_info", {}).get("name", "python")).lower() in {"python", "ipython"}

    def _allowance(self, left: float | None, last: bool) -> tuple[float | None, str]:
        """How long the next cell may take, and what ends it then."""
        cell_s = self.limits.cell_s
        if left is not None and last:
            left = max(left, self.limits.verdict_s)
        if left is not None and (cell_s is None or left < cell_s):
            return left, f"the run's deadline of {self.limits.run_s:g} s came"
        return cell_s, f"it took longer than {cell_s:g} s" if cell_s else ""

    def _needs(self, name: str, index: int) -> str:
        return f"needs `{name}`, which {self._named(index)} should have assigned"

    def _named(self, index: int) -> str:
        """A cell as the progress names it: its heading, and which of the cells with code it is."""
        code = [at for at, _ in self._code()]
        title = cells.heading(self.nb.cells, index) or "a cell"
        return f"{title} ({code.index(index) + 1}/{len(code)})"

    async def _execute(self, index: int, cell: Any, seconds: float | None, too_long: str) -> _Ending:
        """Run a cell; one of its answer, its kernel's death, its deadline or a stop ends it."""
        content = {
            "code": cell.source,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        identity = {"cellId": cell["id"]} if cell.get("id") else {}
        request = self._kernel.client.session.msg("execute_request", content, metadata=identity)
        self._client.clear_before_next_output = False
        reply = asyncio.ensure_future(self._reply(request["header"]["msg_id"]))
        outputs = asyncio.ensure_future(self._outputs(request["header"]["msg_id"], cell, index))
        dead = asyncio.ensure_future(self._kernel.death())
        stopped = asyncio.ensure_future(self._stopped.wait())
        self._kernel.client.shell_channel.send(request)
        try:
            await asyncio.wait({reply, dead, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if reply.done():
                await asyncio.wait({outputs, dead}, timeout=DRAIN_S, return_when=asyncio.FIRST_COMPLETED)
                return await self._answered(reply.result(), dead)
            if dead.done():
                return await self._died(outputs)
            ending = (
                _Ending(State.INTERRUPTED, "the run was stopped")
                if stopped.done()
                else _Ending(State.TIMED_OUT, too_long)
            )
            return await self._cut_off(ending, reply, dead, outputs)
        finally:
            tasks = (reply, outputs, dead, stopped)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _reply(self, msg_id: str) -> Mapping[str, Any]:
        while True:
            message = await self._kernel.client.shell_channel.get_msg(timeout=None)
            if message["parent_header"].get("msg_id") == msg_id:
                content: Mapping[str, Any] = message["content"]
                return content

    async def _outputs(self, msg_id: str, cell: Any, index: int) -> None:
        from nbclient.exceptions import CellExecutionComplete

        while True:
            message = await self._kernel.client.iopub_channel.get_msg(timeout=None)
            if message["parent_header"].get("msg_id") == msg_id:
                try:
                    self._client.process_message(message, cell, index)
                except CellExecutionComplete:
                    return

    async def _answered(self, reply: Mapping[str, Any], dead: asyncio.Future[None]) -> _Ending:
        if any(payload.get("source") == "ask_exit" for payload in reply.get("payload", ())):
            await asyncio.wait({dead}, timeout=SHUTDOWN_S)
            return _Ending(State.EXITED, "it called exit()")
        if reply["status"] == "ok":
            return _Ending(State.OK)
        name, value = reply.get("ename", "error"), reply.get("evalue", "")
        if name == "SystemExit":
            return _Ending(State.EXITED, f"it called sys.exit({value})")
        missing = re.match(r"name '(\w+)' is not defined", value) if name == "NameError" else None
        if missing and missing[1] in self._spoilt:
            return _Ending(State.BLOCKED, self._needs(missing[1], self._spoilt[missing[1]]))
        return _Ending(State.FAILED, f"{name}: {value}")

    async def _died(self, outputs: asyncio.Future[None]) -> _Ending:
        await asyncio.wait({outputs}, timeout=0.2)
        state = State.KILLED if await self._kernel.killed() else State.EXITED
        return _Ending(state, await self._kernel.cause_of_death())

    async def _cut_off(
        self,
        ending: _Ending,
        reply: asyncio.Future[Mapping[str, Any]],
        dead: asyncio.Future[None],
        outputs: asyncio.Future[None],
    ) -> _Ending:
        """Interrupt the kernel, and kill it when it does not answer."""
        await self._kernel.interrupt()
        killed = asyncio.ensure_future(self._kill_now.wait())
        answers: set[asyncio.Future[Any]] = {reply, dead, killed}
        await asyncio.wait(answers, timeout=self.limits.interrupt_s, return_when=asyncio.FIRST_COMPLETED)
        killed.cancel()
        if reply.done():
            await asyncio.wait({outputs, dead}, timeout=DRAIN_S, return_when=asyncio.FIRST_COMPLETED)
            return ending
        if not dead.done():
            await self._kernel.kill()
        return _Ending(ending.state, f"{ending.error}; the kernel did not answer to the interrupt and was killed")

    def _record(self, index: int, cell: Any, title: str, ending: _Ending, seconds: float) -> None:
        error = self.redactor.text(ending.error)
        record = CellRecord(index, cell.get("id", ""), title, ending.state, round(seconds, 3), error)
        self.records.append(record)
        if not isinstance(self.nb, dict) or "nbformat" not in self.nb:
            return
        clean_outputs(cell, self.redactor)
        cell["metadata"]["gocoffee"] = {k: v for k, v in record.to_record().items() if k not in {"index", "id"}}
        self.watcher.cell_ended(record, self.nb)
