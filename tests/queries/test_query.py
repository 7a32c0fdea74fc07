"""The decorator: what every query gets without a line of its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from gocoffee_ops.errors import DeadlineExceeded, OpsError, QueryFault, SchemaError, Unsupported, UsageError
from gocoffee_ops.evidence import record
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.queries.query import GRACE_S, Ask, Rows, query
from gocoffee_ops.session import Place, Session
from tests.evidence import scene

ONE = Schema("one", (Column("x", "Int64"),))
EU, US = Target("cluster", "eu"), Target("cluster", "us")


@query("cluster", ONE)
def named(ask: Ask[object], n: int = 1, *, names: Sequence[str] = (), until: datetime | None = None) -> Rows:
    """What is asked with arguments?"""
    return Rows([{"x": n}])


@query("cluster", ONE, deadline_s=0.2)
def slow(ask: Ask[threading.Event]) -> Rows:
    """What never comes?"""
    ask.source.wait(60)
    return Rows([])


@query("cluster", ONE)
def meeting(ask: Ask[threading.Barrier]) -> Rows:
    """Are all targets asked at once?"""
    ask.source.wait(20)
    return Rows([{"x": 1}])


@query("cluster", ONE)
def nothing(ask: Ask[object]) -> Rows:
    """A query of ours that forgot to answer."""
    return None  # type: ignore[return-value]


@query("cluster", ONE)
def misfit(ask: Ask[object]) -> Rows:
    """A query of ours whose rows are not its schema's."""
    return Rows([{"y": 1}])


@query("cluster", ONE)
def moment(ask: Ask[object]) -> Rows:
    """Which moment is now?"""
    return Rows([{"x": int(ask.as_of.timestamp())}])


def _session(folder: Path, sources: dict[Target, object], deadline_s: float = 20.0) -> Session:
    return Session(
        runbook="x",
        environment="test",
        places=[Place(t, scene.AS_OF, connect=lambda s=s: s) for t, s in sources.items()],  # type: ignore[misc]
        thresholds=Thresholds(),
        ledger=Ledger(folder),
        query_deadline_s=deadline_s,
    )


def _recorded(ops: Session) -> list[dict[str, object]]:
    return [dict(entry.body) for entry in ops.ledger.entries() if entry.kind == "query"]


def test_a_query_is_known_by_its_module_and_name_and_keeps_its_question() -> None:
    assert named.name == "test_query.named"
    assert (named.__doc__ or "").startswith("What is asked")
    assert named.schema.names == ("cluster", "x")


def test_all_targets_are_asked_at_once_and_stand_in_the_environments_order(tmp_path: Path) -> None:
    barrier = threading.Barrier(2)
    table = meeting(_session(tmp_path, {US: barrier, EU: barrier}))
    assert table["cluster"].tolist() == ["us", "eu"]
    assert table.attrs["evidence"] == ["test_query.meeting()@cluster/us", "test_query.meeting()@cluster/eu"]


@pytest.mark.parametrize(
    ("kwargs", "args"),
    [
        ({}, ""),
        ({"n": 1}, ""),
        ({"n": 2}, "n=2"),
        ({"names": ["b", "a"], "n": 3}, 'n=3, names=["b", "a"]'),
        ({"names": ("é",)}, 'names=["é"]'),
        ({"until": datetime(2026, 1, 1, tzinfo=UTC)}, "until=2026-01-01T00:00:00+00:00"),
    ],
)
def test_equal_questions_have_equal_keys(tmp_path: Path, kwargs: dict[str, object], args: str) -> None:
    ops = _session(tmp_path, {EU: object()})
    named(ops, **kwargs)  # type: ignore[arg-type]
    assert _recorded(ops)[0]["args"] == args


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"m": 1}, "unexpected keyword argument 'm'"),
        ({"until": datetime(2026, 1, 1)}, "needs a time zone"),  # noqa: DTZ001 - the point
        ({"names": [1]}, "argument names is list"),
        ({"n": {1}}, "argument n is set"),
    ],
)
def test_arguments_that_make_no_key_are_wrong_usage_and_nothing_is_asked(
    tmp_path: Path, kwargs: dict[str, object], said: str
) -> None:
    ops = _session(tmp_path, {EU: object()})
    with pytest.raises(UsageError, match=said):
        named(ops, **kwargs)  # type: ignore[arg-type]
    assert _recorded(ops) == []


def test_a_source_that_does_not_notice_its_deadline_is_left_behind(tmp_path: Path) -> None:
    never = threading.Event()
    ops = _session(tmp_path, {EU: never})
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"no answer after 0\.2 s"):
        slow(ops)
    never.set()
    assert time.monotonic() - started < 30 + GRACE_S
    assert _recorded(ops)[0]["error"]["type"] == "DeadlineExceeded"  # type: ignore[index]


def test_a_connection_that_hangs_is_bounded_too(tmp_path: Path) -> None:
    never = threading.Event()

    def connect() -> object:
        never.wait(60)
        return object()

    places = [Place(EU, scene.AS_OF, connect=connect)]
    ops = Session(
        runbook="x",
        environment="test",
        places=places,
        thresholds=Thresholds(),
        ledger=Ledger(tmp_path),
        query_deadline_s=0.2,
    )
    with pytest.raises(DeadlineExceeded):
        named(ops)
    never.set()


@pytest.mark.parametrize(("ask", "error"), [(nothing, QueryFault), (misfit, SchemaError)])
def test_a_fault_of_ours_is_unknown_and_never_an_empty_table(
    tmp_path: Path, ask: object, error: type[OpsError]
) -> None:
    ops = _session(tmp_path, {EU: object()})
    with pytest.raises(error):
        ask(ops)  # type: ignore[operator]
    assert [finding.status.value for finding in ops.findings] == ["UNKNOWN"]
    assert _recorded(ops)[0]["table"] is None


def test_a_kind_that_the_environment_does_not_name_is_unknown(tmp_path: Path) -> None:
    ops = _session(tmp_path, {Target("database", "d"): object()})
    with pytest.raises(Unsupported, match="the environment names no cluster"):
        named(ops)
    assert [finding.status.value for finding in ops.findings] == ["UNKNOWN"]
    assert _recorded(ops)[0]["error"] is not None


def test_a_kind_that_a_report_can_do_without_is_said_to_be_absent(tmp_path: Path) -> None:
    ops = _session(tmp_path, {Target("database", "d"): object()})
    table = named.if_named(ops, 2)
    assert (len(table), table.columns.tolist()) == (0, ["cluster", "x"])
    assert table.attrs["absent"] == "the environment names no cluster"
    assert (ops.findings, _recorded(ops)) == ([], [])
    with pytest.raises(UsageError):
        named.if_named(ops, nowhere=1)  # type: ignore[call-arg]


def test_a_kind_that_is_there_is_asked_as_always(tmp_path: Path) -> None:
    ops = _session(tmp_path, {EU: object()})
    assert named.if_named(ops, 2)["x"].tolist() == [2]
    assert ops.findings == []


def test_a_system_that_a_report_can_do_without_costs_its_rows_and_is_unknown(tmp_path: Path) -> None:
    ops = _session(tmp_path, {EU: object()})
    table = nothing.if_named(ops)
    assert len(table) == 0
    assert "absent" not in table.attrs
    (gap,) = table.attrs["gaps"]
    assert gap
    assert [finding.status.value for finding in ops.findings] == ["UNKNOWN"]
    assert _recorded(ops)[0]["error"] is not None


def test_what_is_returned_is_what_the_record_holds(tmp_path: Path) -> None:
    ops = scene.session(tmp_path, {EU: scene.Memory()})
    table = scene.items(ops)
    name = _recorded(ops)[0]["table"]
    stored = pd.read_parquet(tmp_path / "tables" / f"{name}.parquet")
    assert stored["name"].tolist() == table["name"].tolist()
    assert _recorded(ops)[0]["rows"] == len(table) == 3


def test_a_limit_that_was_hit_is_a_warning_and_stands_on_the_table(tmp_path: Path) -> None:
    ops = scene.session(tmp_path, {EU: scene.Memory()})
    table = scene.limited(ops)
    assert table.attrs["truncated"] == ["cluster/eu: the first 3 of 10 items"]
    assert [(f.status.value, f.reason) for f in ops.findings] == [("WARN", "not all was read: the first 3 of 10 items")]


def test_every_question_of_a_run_has_the_same_moment(tmp_path: Path) -> None:
    ops = _session(tmp_path, {EU: object()})
    assert moment(ops)["x"].tolist() == moment(ops)["x"].tolist() == [int(scene.AS_OF.timestamp())]


def test_a_source_that_cannot_name_its_secrets_is_not_quoted(tmp_path: Path) -> None:
    class Mute:
        def secrets(self) -> Sequence[str]:
            raise ValueError("the token is hunter22")

    ops = _session(tmp_path, {EU: Mute()})
    with pytest.raises(QueryFault, match="could not name its secrets: ValueError") as caught:
        named(ops)
    assert "hunter22" not in str(caught.value)
    assert "hunter22" not in ops.ledger.path.read_text()


@query("database", ONE)
def meeting_elsewhere(ask: Ask[threading.Barrier]) -> Rows:
    """Is another kind of system asked at the same time?"""
    ask.source.wait(20)
    return Rows([{"x": 2}])


def test_questions_that_are_begun_ahead_are_asked_at_once_whatever_they_ask(tmp_path: Path) -> None:
    both = threading.Barrier(2)
    ops = _session(tmp_path, {EU: both, Target("database", "d"): both})
    ops.ahead(meeting, meeting_elsewhere)
    assert (list(meeting(ops)["x"]), list(meeting_elsewhere(ops)["x"])) == ([1], [2])


def test_a_question_begun_ahead_is_asked_once_and_recorded_when_a_cell_asks(tmp_path: Path) -> None:
    ops = _session(tmp_path, {EU: object()})
    ops.ahead(named.given(7, names=["a"]), named)
    assert _recorded(ops) == []
    assert list(named(ops, 7, names=["a"])["x"]) == [7]
    assert list(named(ops)["x"]) == [1]
    assert [(entry["args"], entry["call"]) for entry in _recorded(ops)] == [('n=7, names=["a"]', 0), ("", 0)]
    named(ops)  # asked again: it was not begun a second time
    assert [(entry["args"], entry["call"]) for entry in _recorded(ops)][-1] == ("", 1)


def test_an_unknown_argument_is_told_before_anything_is_begun(tmp_path: Path) -> None:
    ops = _session(tmp_path, {EU: object()})
    with pytest.raises(UsageError, match=r"call test_query\.named"):
        ops.ahead(named.given(nmaes=["a"]))  # type: ignore[call-arg]


def test_a_question_begun_ahead_that_hangs_costs_its_own_deadline_alone(tmp_path: Path) -> None:
    ops = _session(tmp_path, {EU: threading.Event()})
    ops.ahead(slow, slow)
    with pytest.raises(DeadlineExceeded):
        slow(ops)
    with pytest.raises(DeadlineExceeded):
        slow(ops)
    assert [entry["call"] for entry in _recorded(ops)] == [0, 1]


@query("database", ONE)
def alone(ask: Ask[list[str]], name: str) -> Rows:
    """Who else is asking?"""
    ask.source.append(f"{name} begins")
    time.sleep(0.02)
    ask.source.append(f"{name} ends")
    return Rows([{"x": 1}])


@query("database", ONE, deadline_s=0.2)
def hanging(ask: Ask[object]) -> Rows:
    """What never comes?"""
    time.sleep(60)
    return Rows([])


def test_a_database_is_asked_one_question_at_a_time_in_the_order_in_which_they_were_begun(tmp_path: Path) -> None:
    heard: list[str] = []
    ops = _session(tmp_path, {Target("database", "d"): heard})
    names = ["a", "b", "c", "d"]
    ops.ahead(*(alone.given(name) for name in names))
    for name in reversed(names):
        alone(ops, name)
    assert heard == [f"{name} {what}" for name in names for what in ("begins", "ends")]


def test_those_who_wait_for_a_database_that_hangs_then_ask_it_all_at_once(tmp_path: Path) -> None:
    ops = _session(tmp_path, {Target("database", "d"): threading.Barrier(3)})  # who asks alone does not get past it
    ops.ahead(hanging, *[meeting_elsewhere] * 3)
    with pytest.raises(DeadlineExceeded):
        hanging(ops)
    assert [list(meeting_elsewhere(ops)["x"]) for _ in range(3)] == [[2]] * 3


def test_what_is_under_way_is_known_until_it_is_asked_for(tmp_path: Path) -> None:
    ops = _session(tmp_path, {EU: object()})
    question = named.given(3)
    assert not question.under_way(ops)
    ops.ahead(question)
    assert (question.under_way(ops), named.given(4).under_way(ops)) == (True, False)
    named(ops, 3)
    assert not question.under_way(ops)


@query("cluster", ONE)
def partly(ask: Ask[object]) -> Rows:
    """Which part of the answer is there?"""
    return Rows([{"x": 1}], unread=f"shard {ask.source} failed", notes={"read": 1})


def test_a_part_that_was_not_read_is_unknown_lowers_the_coverage_and_is_replayed(tmp_path: Path) -> None:
    ops = _session(tmp_path / "live", {EU: 7})
    frame = partly(ops)
    recording = Recording(tmp_path / "live")
    again = Session(
        runbook="x",
        environment="test",
        places=[Place(EU, scene.AS_OF, recording=recording)],
        thresholds=Thresholds(),
        ledger=Ledger(tmp_path / "again"),
    )
    for session, table in ((ops, frame), (again, partly(again))):
        assert list(table["x"]) == [1]
        assert table.attrs["gaps"] == ["cluster/eu: shard 7 failed"]
        assert table.attrs["notes"] == {"eu": {"read": 1}}
        (finding,) = session.findings
        assert (finding.status, "shard 7 failed" in finding.reason) == (Status.UNKNOWN, True)
        assert record.coverage(session.ledger.entries()).by_target == {"cluster/eu": (0, 1)}


def test_a_table_carries_the_moment_that_it_was_read_as_of(tmp_path: Path) -> None:
    """As text: what a table carries beside its rows must pass through Arrow and JSON."""
    table = moment(_session(tmp_path, {EU: object()}))
    assert table.attrs["as_of"] == {"eu": scene.AS_OF.isoformat()}
    assert json.loads(json.dumps(table.attrs)) == table.attrs
