"""What is shown while runs are under way: live on a terminal, plain lines otherwise. Everything goes to stderr."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

from gocoffee_ops.runbooks.brief import brief
from gocoffee_ops.runbooks.cells import CellRecord, State

if TYPE_CHECKING:
    from rich.text import Text

HEARTBEAT_S = 10.0
SHORT = 40  # characters of a reason that may be said again


class Progress(Protocol):
    """Is told about several runs, from several threads."""

    def cell_started(self, run: str, number: int, total: int, heading: str) -> None: ...
    def cell_ended(self, run: str, record: CellRecord) -> None: ...
    def waiting(self, run: str, last_seen: str) -> None: ...
    def said(self, run: str, text: str) -> None: ...


@dataclass
class _Line:
    number: int = 0
    total: int = 0
    heading: str = ""
    since: float = 0.0
    shown: float = 0.0
    last_seen: str = ""


class Silent:
    """Shows nothing."""

    def cell_started(self, run: str, number: int, total: int, heading: str) -> None:
        """A cell begins."""

    def cell_ended(self, run: str, record: CellRecord) -> None:
        """A cell ended."""

    def waiting(self, run: str, last_seen: str) -> None:
        """A cell is still running."""

    def said(self, run: str, text: str) -> None:
        """Something else to tell."""


class _Telling:
    """What is not run for one reason is said once, and a reason that several cells have is told with the first of them."""

    def __init__(self) -> None:
        self._reasons: set[tuple[str, str]] = set()
        self._told_of: dict[tuple[str, str], str] = {}  # of a run and a reason, the heading of the first cell

    def _why(self, run: str, record: CellRecord) -> str:
        """The reason, or the heading of the cell that it was told of."""
        first = self._told_of.get((run, record.error))
        self._told_of.setdefault((run, record.error), record.heading)
        if first is None or len(record.error) <= SHORT:
            return brief(record.error)
        return f"as {first or 'before'}"

    def _told(self, run: str, record: CellRecord) -> bool:
        reason = (run, record.error)
        told = record.state is State.NOT_RUN and reason in self._reasons
        if record.state is State.NOT_RUN:
            self._reasons.add(reason)
        return told


class Plain(_Telling):
    """One line a cell, and one every ten seconds while a cell runs."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = stream or sys.stderr
        self._lines: dict[str, _Line] = {}

    def cell_started(self, run: str, number: int, total: int, heading: str) -> None:
        """Remember it; its line comes when it ends."""
        now = time.monotonic()
        self._lines[run] = _Line(number, total, heading, now, now)

    def cell_ended(self, run: str, record: CellRecord) -> None:
        """Its line."""
        line = self._lines.get(run)
        if self._told(run, record):
            return
        place = f"{line.number:2}/{line.total} " if line and record.state is not State.NOT_RUN else ""
        text = f"{run}  {place}{record.state.value:8} {record.seconds:6.1f} s  {record.heading}"
        self._print(text + (f"  ({self._why(run, record)})" if record.state is not State.OK else ""))

    def waiting(self, run: str, last_seen: str) -> None:
        """Every ten seconds, that it still runs, for how long, and what it last learnt."""
        line, now = self._lines.get(run), time.monotonic()
        if line is None or now - line.shown < HEARTBEAT_S:
            return
        line.shown = now
        seen = f"; {last_seen}" if last_seen else ""
        self._print(f"{run}  {line.number:2}/{line.total} waiting  {now - line.since:6.1f} s  {line.heading}{seen}")

    def said(self, run: str, text: str) -> None:
        """A line."""
        self._print(f"{run}  {text}")

    def _print(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class Live(_Telling):
    """A line for each run, redrawn; what is not ok stays above it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        super().__init__()
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()
        console = Console(file=stream or sys.stderr)
        self._live = RichLive(console=console, get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Live:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def cell_started(self, run: str, number: int, total: int, heading: str) -> None:
        """The run's line now says this cell."""
        with self._lock:
            self._lines[run] = _Line(number, total, heading, time.monotonic())

    def cell_ended(self, run: str, record: CellRecord) -> None:
        """A cell that is not ok stays visible."""
        if record.state is not State.OK and not self._told(run, record):
            self.said(
                run, f"{record.state.value}: {record.heading or f'cell {record.index}'} ({self._why(run, record)})"
            )

    def waiting(self, run: str, last_seen: str) -> None:
        """The run's line now says what it last learnt."""
        with self._lock:
            if run in self._lines:
                self._lines[run].last_seen = last_seen

    def said(self, run: str, text: str) -> None:
        """A line above."""
        self._live.console.print(f"{run}  {text}", markup=False, highlight=False)

    def _render(self) -> Text:
        from rich.text import Text

        with self._lock:
            lines = list(self._lines.items())
        text = Text(overflow="ellipsis", no_wrap=True)
        for i, (run, line) in enumerate(lines):
            text.append("\n" if i else "")
            text.append(run, style="bold")
            done = round(20 * line.number / line.total) if line.total else 0
            text.append(f"  {'━' * done}", style="cyan")
            text.append("━" * (20 - done), style="bright_black")
            text.append(f"  {line.number}/{line.total}  {line.heading}  {time.monotonic() - line.since:.0f} s")
            text.append(f"  {line.last_seen}" if line.last_seen else "", style="bright_black")
        return text
