"""What a notebook calls: `ops = runbook.start("performance-review", env=env)`.

It opens the environment's places and the run's ledger, and, in IPython, follows the cells, so that `ops.verdict()` knows
which of them raised however the notebook is run: by us, by JupyterLab, by plain papermill or by nbval. Errors are shown
redacted; ours as a short box instead of a traceback.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import OpsError, UsageError
from gocoffee_ops.evidence.history import RunHistory
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.model import Target
from gocoffee_ops.runbooks import catalog, cells, parameters, run_folder
from gocoffee_ops.runbooks import severity as severities
from gocoffee_ops.runbooks.orientation import answers, answers_elsewhere, environments, runbooks
from gocoffee_ops.runbooks.questions import questions
from gocoffee_ops.session import Place, Session
from gocoffee_ops.ui.ranking import about

if TYPE_CHECKING:
    from gocoffee_ops.places import Opened

__all__ = ["answers", "answers_elsewhere", "environments", "runbooks", "start"]

RED, BOLD, PLAIN = "\x1b[31m", "\x1b[1m", "\x1b[0m"


def start(runbook: str, env: str = "demo", *, severity: str = "", others: bool = False) -> Session:
    """A new session of the runbook in the named environment; called again in one kernel, it replaces the one before.

    With `others`, the configuration's other environments are places too, which `answers_elsewhere` asks; the demo asks no real
    system, so it has none.

    Raises ConfigError when the environment does not exist, and ParameterError when papermill was given a parameter that
    the notebook does not declare, or a value out of its type or range, and for a `severity` that the environment's contacts do
    not name; nothing was contacted then, and no ledger begun. A place that cannot be read does not raise here:
    it costs the sections that ask it.
    """
    from gocoffee_ops.places import open_named

    shell = _shell()
    if shell is not None:
        _redact_tracebacks(shell, Redactor())
        parameters.check_injected(shell.user_ns.get("In", []), shell.user_ns)
    now = datetime.now(UTC)
    replay = os.environ.get(run_folder.REPLAY_VARIABLE, "")
    bundle = Path(replay) if replay else None
    severities.check(severity, env, start=notebook_folder(), replay=bundle)
    opened = open_named(env, now=now, start=notebook_folder(), replay=bundle)
    beside: tuple[Place, ...] = ()
    if others and not replay and not opened.demo:  # a replay's are in its bundle
        from gocoffee_ops.places.checked import elsewhere

        beside = elsewhere(opened.environment, now=now, start=notebook_folder())
    session = Session(
        runbook=runbook,
        environment=opened.environment,
        places=(*opened.places, *beside, *_history(runbook, opened, now, shell)),
        thresholds=opened.thresholds,
        ledger=Ledger(_evidence(runbook, now), opened.redactor),
        query_deadline_s=opened.query_deadline_s,
        demo=opened.demo,
        replay_of=opened.replay_of,
        held=opened.held,
        interactive=_somebody_is_there(),
        contacts=opened.contacts,
        expectations=opened.expectations,
        about=about(shell.user_ns if shell is not None else {}),
    )
    if shell is not None:
        _redact_tracebacks(shell, opened.redactor)
        follow(shell, session)
        from gocoffee_ops.ui.display import install

        install(shell, demo=session.demo)
    if handshake := os.environ.get(run_folder.HANDSHAKE_VARIABLE):
        told = {"runbook": runbook, "environment": env, "evidence": str(session.ledger.folder.absolute())}
        run_folder.write_text(Path(handshake), json.dumps(told))
    return session


def _somebody_is_there() -> bool:
    """Whether the kernel serves a notebook that is open in a browser: Jupyter names it, and no runner started us."""
    headless = (run_folder.RUN_FOLDER_VARIABLE, run_folder.HANDSHAKE_VARIABLE)
    return bool(os.environ.get("JPY_SESSION_NAME")) and not any(map(os.environ.get, headless))


def notebook_folder() -> Path:
    """The folder of the notebook that runs here, as far as its frontend tells; else the working folder."""
    for variable in (run_folder.NOTEBOOK_VARIABLE, "JPY_SESSION_NAME"):
        path = Path(os.environ.get(variable, ""))
        if path.suffix == ".ipynb" and path.is_file():
            return path.absolute().parent
    return Path.cwd()


def follow(shell: Any, session: Session) -> None:
    """Tell the session when its cells begin and end, in place of any earlier one."""
    for event in ("pre_run_cell", "post_run_cell"):
        for callback in list(shell.events.callbacks[event]):
            if isinstance(getattr(callback, "__self__", None), Hooks):
                shell.events.unregister(event, callback)
    hooks = Hooks(shell, session)
    shell.events.register("pre_run_cell", hooks.pre_run_cell)
    shell.events.register("post_run_cell", hooks.post_run_cell)


class Hooks:
    """IPython's events, as the session takes them."""

    def __init__(self, shell: Any, session: Session) -> None:
        self._shell = shell
        self._session = session
        self._cell = ""
        self._source = ""
        self._execution = 0

    def pre_run_cell(self, info: Any) -> None:
        """A cell begins."""
        self._cell = cell_key(info)
        self._source = str(info.raw_cell)
        self._execution += 1
        self._session.cell_started(self._cell, self._execution)

    def post_run_cell(self, result: Any) -> None:
        """A cell ended; what it raised is redacted where the frontend will read it again."""
        redactor = self._session.ledger.redactor
        if result is None:  # a cell with await that was cancelled
            self._ended(self._cell, "KeyboardInterrupt")
            return
        cell = cell_key(result.info) if result.info is not None else self._cell
        error = result.error_before_exec or result.error_in_exec
        text = ""
        if error is not None:
            text = f"{type(error).__name__}: {redactor.text(str(error))}".rstrip(": ")
            if result.error_in_exec is not None:
                result.error_in_exec = _masked(result.error_in_exec, redactor)
            if result.error_before_exec is not None:
                result.error_before_exec = _masked(result.error_before_exec, redactor)
        elif getattr(self._shell, "_last_traceback_during_displayhook", False):
            text = "its result could not be shown"
        elif any(payload.get("source") == "ask_exit" for payload in self._shell.payload_manager.read_payload()):
            text = "it called exit()"  # no error for IPython, and cells that are quick enough still run
        self._ended(cell, text)

    def _ended(self, cell: str, error: str) -> None:
        """One that raised may not have asked all that stands in it."""
        self._session.cell_ended(cell, self._execution, error)
        if error and (found := questions(self._source, self._shell.user_ns)):
            self._session.cell_questions(cell, found)


def cell_key(info: Any) -> str:
    """What a cell is known by; nbclient and a terminal send no id."""
    return cells.key(info.cell_id, str(info.raw_cell))


def boxed(error: OpsError, redactor: Redactor) -> list[str]:
    """One of our errors in a few lines: what, where, why, and what to try next."""
    lines = [f"{RED}{BOLD}{type(error).__name__}{PLAIN}{BOLD}: {redactor.text(error.what)}{PLAIN}"]
    for label, text in (("target", error.target), ("why", error.why), ("next", error.hint)):
        if text:
            lines.append(f"  {label:7}{redactor.text(text)}")
    return lines


def _shell() -> Any:
    """The running IPython, if there is one; a plain Python has none and is not made to load it."""
    import sys

    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _evidence(runbook: str, now: datetime) -> Path:
    given = os.environ.get(run_folder.RUN_FOLDER_VARIABLE)
    if given:
        return Path(given) / run_folder.EVIDENCE
    reports = run_folder.reports_folder(notebook_folder())
    return run_folder.interactive_folder(reports, runbook, now) / run_folder.EVIDENCE


def _history(runbook: str, opened: Opened, now: datetime, shell: Any) -> tuple[Place, ...]:
    """The earlier runs of this runbook with the same parameters; a replay's are in its bundle."""
    target = Target("history", "reports")
    if any(place.target == target for place in opened.places):
        return ()
    reports = run_folder.reports_folder(notebook_folder())
    names = ["env"]
    with contextlib.suppress(UsageError):  # a notebook of the user's own has no declared parameters
        names = [parameter.name for parameter in catalog.find(runbook).parameters]
    variables = shell.user_ns if shell is not None else {}
    values = {"env": opened.environment, **{name: variables[name] for name in names if name in variables}}
    history = RunHistory(reports, runbook, opened.environment, values, now)
    return (Place(target, now, connect=lambda: history, detail=str(reports)),)


def _redact_tracebacks(shell: Any, redactor: Redactor) -> None:
    """Put ourselves before the shell's own way of showing a traceback (once, with the latest redactor)."""
    original: Callable[..., None] = getattr(shell._showtraceback, "gocoffee_original", shell._showtraceback)

    def show(etype: Any, evalue: Any, stb: list[str]) -> None:
        lines = boxed(evalue, redactor) if isinstance(evalue, OpsError) else [redactor.text(line) for line in stb]
        original(etype, _masked(evalue, redactor), lines)

    show.gocoffee_original = original  # type: ignore[attr-defined]  # a mark, to be found when start is run again
    shell._showtraceback = show


def _masked(error: Any, redactor: Redactor) -> Any:
    """The error itself when it shows no secret, else one of the same name without it."""
    text = redactor.text(str(error))
    if text == str(error):
        return error
    return type(type(error).__name__, (Exception,), {})(text)
