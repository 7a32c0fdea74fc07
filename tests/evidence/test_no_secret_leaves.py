"""Planted secrets go through real queries in every way there is, and come out nowhere."""

from __future__ import annotations

import logging
import pickle
import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.errors import OpsError, ServerFault
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.model import Finding, Status, Target, Thresholds
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.session import Place, Session
from gocoffee_ops.ui.panels import FindingsPanel, VerdictPanel
from tests.evidence.secrets_corpus import CORPUS, KNOWN, Planted
from tests.evidence.test_redact import PLAIN

ROWS = Schema(
    "rows",
    (
        Column("text", "string"),
        Column("statement", "string", content="sql"),
        Column("labels", "list[string]"),
        Column("nothing", "string", optional=True),
    ),
)


@dataclass(frozen=True)
class Leaky:
    """A source that puts its secrets everywhere."""

    planted: Sequence[Planted]

    def secrets(self) -> tuple[str, ...]:
        return (KNOWN,)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@query("cluster", ROWS)
def as_rows(ask: Ask[Leaky], *, url: str = "", names: Sequence[str] = ()) -> Rows:
    """Secrets in cells, in what limit was hit, and in notes."""
    plain = [p.text for p in ask.source.planted if not p.sql]
    sql = [p.text for p in ask.source.planted if p.sql]
    rows = [{"text": t, "statement": f"SELECT {_literal(t)}", "labels": [t, KNOWN], "nothing": None} for t in plain]
    rows += [{"text": "", "statement": t, "labels": [], "nothing": KNOWN} for t in sql]
    return Rows(rows, truncated=f"stopped at {' '.join(plain)}", notes={"seen": plain, KNOWN: {"deep": [KNOWN]}})


@query("cluster", ROWS)
def as_our_error(ask: Ask[Leaky], *, n: int) -> Rows:
    """Secrets in every word of an error of ours, and in the chain behind it."""
    text = ask.source.planted[n].text
    try:
        raise ConnectionError(text, KNOWN)  # noqa: TRY301 - the chain is the point
    except ConnectionError as cause:
        raise ServerFault(f"read {text}", target=text, why=f"{text} {KNOWN}", hint=text) from cause


@query("cluster", ROWS)
def as_foreign_error(ask: Ask[Leaky], *, n: int) -> Rows:
    """Secrets in an error that is not ours, with a context and notes."""
    text = ask.source.planted[n].text
    try:
        raise KeyError(text)  # noqa: TRY301 - the context is the point
    except KeyError:
        error = RuntimeError(f"{text} {KNOWN}")
        error.add_note(text)
        raise error  # noqa: B904 - the context is the point


@query("cluster", ROWS)
def as_misfit(ask: Ask[Leaky]) -> Rows:
    """Secrets in a value that does not fit its column: the converter's message shows the value."""
    return Rows([{"text": "", "statement": "", "labels": f"password={KNOWN}", "nothing": None}])


@query("cluster", ROWS)
def as_note_that_json_cannot_hold(ask: Ask[Leaky]) -> Rows:
    """Secrets in a note of a type that the ledger refuses."""
    return Rows([], notes={"x": Planted(KNOWN, KNOWN, KNOWN)})


def repeats(table: pd.DataFrame) -> list[Finding]:
    """A check that puts what it was given into its findings, and secrets of its own."""
    return [
        Finding(
            Status.WARN,
            "repeats",
            f"item/{i}",
            f"saw {row['text']} {row['statement']}",
            {"known": KNOWN, "own": PLAIN[i % len(PLAIN)].text},
        )
        for i, row in enumerate(table.to_dict("records"))
    ]


@dataclass
class Shown:
    """Everything that a person or a file could get to see of the run."""

    texts: list[str]
    folder: Path

    def everything(self) -> Iterator[tuple[str, str]]:
        for i, text in enumerate(self.texts):
            yield f"shown {i}", text
        for path in sorted(self.folder.rglob("*")):
            if path.suffix == ".parquet":
                yield path.name, pd.read_parquet(path).to_csv()
            elif path.is_file():
                yield path.name, path.read_text()


def _error_texts(error: BaseException) -> list[str]:
    return [
        str(error),
        repr(error),
        "".join(traceback.format_exception(error)),
        str(error.__dict__),
        str(getattr(error, "__notes__", "")),
        str(pickle.loads(pickle.dumps(error)).to_record()) if isinstance(error, OpsError) else "",
        *(_error_texts(error.__cause__) if error.__cause__ else []),
        *(_error_texts(error.__context__) if error.__context__ else []),
    ]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("run")
    texts: list[str] = []
    logged: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(self.format(record))

    handler, root = Collect(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    hook = threading.excepthook
    threading.excepthook = lambda args: texts.extend(_error_texts(args.exc_value) if args.exc_value else [])
    try:
        _run(folder, texts)
    finally:
        threading.excepthook = hook
        root.removeHandler(handler)
        root.setLevel(level)
    return Shown(texts + logged, folder)


def _run(folder: Path, texts: list[str]) -> None:
    source = Leaky(CORPUS)
    target = Target("cluster", "leaky")
    ops = Session(
        runbook="leaky",
        environment="test",
        places=[Place(target, pd.Timestamp.now("UTC").to_pydatetime(), connect=lambda: source, detail=CORPUS[0].text)],
        thresholds=Thresholds(),
        ledger=Ledger(folder, Redactor()),
    )
    table = as_rows(ops, url=CORPUS[0].text, names=[p.text for p in PLAIN])
    texts += [table.to_csv(), table.to_html(), repr(table), str(table.attrs)]
    ops.judge(repeats, table)
    calls: list[Any] = [
        lambda n=n, ask=ask: ask(ops, n=n) for n in range(len(CORPUS)) for ask in (as_our_error, as_foreign_error)
    ]
    for call in [*calls, lambda: as_misfit(ops), lambda: as_note_that_json_cannot_hold(ops)]:
        with pytest.raises(OpsError) as caught:
            call()
        texts += _error_texts(caught.value)
    ops.cell_ended("x", 1, "\n".join(p.text for p in PLAIN))
    found = ops.findings
    assert sum(len(one.made) for one in found) > 2 * len(CORPUS)
    for panel in (FindingsPanel(found), VerdictPanel(Status.WARN, found, *_coverage(ops), demo=False)):
        texts += [repr(panel), panel._repr_html_()]
    texts += [str(finding.to_record()) for finding in found]


def _coverage(ops: Session) -> tuple[Any, dict[str, str]]:
    from gocoffee_ops.evidence import record

    entries = list(ops.ledger.entries())
    return record.coverage(entries), record.failed_cells(entries)


def test_no_planted_secret_is_in_bundle_table_panel_error_or_log(shown: Shown) -> None:
    found = [
        (planted.name, where)
        for where, text in shown.everything()
        for planted in CORPUS
        # Statements among plain text (an error's words) are masked as far as plain text shows what they are.
        if planted.secret in text and planted in PLAIN
    ]
    assert found == []


def test_no_known_secret_is_anywhere(shown: Shown) -> None:
    core = "pl4nted/é"
    assert [where for where, text in shown.everything() if KNOWN in text or core in text] == []


def test_the_search_would_find_a_secret(shown: Shown) -> None:
    texts = [text for _, text in shown.everything()]
    assert sum("[redacted]" in text for text in texts) > len(CORPUS)
    assert any("db.prod:5432" in text for text in texts)
    assert len(texts) > 300
