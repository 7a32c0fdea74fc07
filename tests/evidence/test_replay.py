"""A run is reached again from its record alone: same tables, same errors, same findings, nothing live asked."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from gocoffee_ops.errors import DeadlineExceeded, NotRecorded, OpsError, QueryFault, Tampered, UsageError
from gocoffee_ops.evidence import record
from gocoffee_ops.evidence.replay import Key, Recording
from gocoffee_ops.places import replay_places
from tests.evidence import scene


def _without_mode(ops: scene.Session) -> list[dict[str, object]]:
    return [finding.to_record() for finding in ops.findings]


def test_a_replay_reaches_the_same_tables_errors_and_findings(tmp_path: Path) -> None:
    memories = scene.sources()
    live = scene.session(tmp_path / "live", memories)
    before = scene.ask_everything(live)
    asked = [memory.asked for memory in memories.values()]
    again = scene.replayed(tmp_path / "live", tmp_path / "replay")
    after = scene.ask_everything(again)

    assert [memory.asked for memory in memories.values()] == asked
    for one, two in zip(before, after, strict=True):
        if isinstance(one, OpsError):
            assert isinstance(two, type(one))
            assert str(two) == str(one)
        else:
            assert isinstance(two, pd.DataFrame)
            pd.testing.assert_frame_equal(one, two, check_exact=True)
            assert list(map(str, one.dtypes)) == list(map(str, two.dtypes))
            assert one.attrs == two.attrs
    assert _without_mode(again) == _without_mode(live)
    assert len(live.findings) > 10
    assert record.coverage(again.ledger.entries()) == record.coverage(live.ledger.entries())


def test_a_replay_of_a_replay_reaches_the_same_findings(tmp_path: Path) -> None:
    live = scene.session(tmp_path / "live", scene.sources())
    scene.ask_everything(live)
    first = scene.replayed(tmp_path / "live", tmp_path / "first")
    scene.ask_everything(first)
    second = scene.replayed(tmp_path / "first", tmp_path / "second")
    scene.ask_everything(second)
    assert _without_mode(second) == _without_mode(live)


def test_the_dtypes_are_the_declared_ones_live_and_replayed(tmp_path: Path) -> None:
    live = scene.session(tmp_path / "live", scene.sources())
    scene.ask_everything(live)
    for ops in (live, scene.replayed(tmp_path / "live", tmp_path / "replay")):
        for namespace in ("", "empty", "missing"):
            table = scene.items(ops, namespace=namespace)
            assert list(map(str, table.dtypes)) == [
                "string", "string", "string", "string", "Int64", "Float64", "boolean", "datetime64[us, UTC]", "object",
            ]  # fmt: skip
        full = scene.items(ops)
        assert full["huge"].tolist()[:2] == [2**63 - 1, -(2**63)]
        assert full["labels"].tolist() == [("p", "q"), (), None]
        assert full["seen_at"][0] == pd.Timestamp(scene.AS_OF)


def test_calls_are_told_apart_by_their_number(tmp_path: Path) -> None:
    live = scene.session(tmp_path / "live", scene.sources())
    first, second = (scene.items(live, namespace="again")["name"].tolist() for _ in range(2))
    assert first != second
    again = scene.replayed(tmp_path / "live", tmp_path / "replay")
    names = [scene.items(again, namespace="again")["name"].tolist() for _ in range(3)]
    assert names == [first, second, second]


def test_a_dead_target_costs_its_own_rows_and_is_unknown(tmp_path: Path) -> None:
    live = scene.session(tmp_path / "live", scene.sources())
    scene.items(live)
    for ops in (live, scene.replayed(tmp_path / "live", tmp_path / "replay")):
        table = scene.items(ops)
        assert set(table["cluster"]) == {"eu"}
        assert [gap.split(":")[0] for gap in table.attrs["gaps"]] == ["cluster/dead"]
        gap = next(f for f in ops.findings if f.cluster == "dead")
        assert (gap.status.value, gap.check) == ("UNKNOWN", "scene.items")


def test_a_question_that_was_not_asked_names_what_the_record_holds(tmp_path: Path) -> None:
    live = scene.session(tmp_path / "live", scene.sources())
    scene.items(live, namespace="empty")
    again = scene.replayed(tmp_path / "live", tmp_path / "replay")
    with pytest.raises(NotRecorded, match=r'scene\.items\(namespace="empty"\)@cluster/'):
        scene.items(again, namespace="other")
    with pytest.raises(NotRecorded, match=r"holds: scene\.items$"):
        scene.settings(again)


def test_an_argument_that_held_a_secret_is_found_again(tmp_path: Path) -> None:
    memories = scene.sources()
    memories[scene.Target("cluster", "eu")].known = ("opensesame",)
    live = scene.session(tmp_path / "live", memories)
    before = scene.items(live, namespace="empty")
    with pytest.raises(NotRecorded):
        scene.items(scene.replayed(tmp_path / "live", tmp_path / "r1"), namespace="opensesame")
    scene.items(live, namespace="opensesame")
    after = scene.items(scene.replayed(tmp_path / "live", tmp_path / "r2"), namespace="opensesame")
    assert (len(before), len(after)) == (0, 3)
    assert "opensesame" not in live.ledger.path.read_text()


def test_a_bundle_that_was_changed_is_not_replayed(tmp_path: Path) -> None:
    scene.items(scene.session(tmp_path, scene.sources()))
    path = tmp_path / "ledger.jsonl"
    path.write_text(path.read_text().replace('"rows":3', '"rows":4'))
    with pytest.raises(Tampered, match=r"entry \d+ \(query\)"):
        Recording(tmp_path)


def test_a_bundle_of_another_environment_is_wrong_usage(tmp_path: Path) -> None:
    scene.session(tmp_path, scene.sources())
    with pytest.raises(UsageError, match="recorded in 'test'"):
        replay_places(tmp_path, environment="prod")


def test_a_replay_keeps_each_moment_and_the_thresholds(tmp_path: Path) -> None:
    live = scene.session(tmp_path, scene.sources())
    opened = replay_places(tmp_path)
    assert opened.thresholds == live.thresholds
    assert {place.target: place.as_of for place in opened.places} == {
        target: live.as_of(target) for target in (*live.targets("cluster"), *live.targets("database"))
    }


@pytest.mark.parametrize(
    "error", [KeyError("k"), SystemExit(3), RecursionError(), UnicodeDecodeError("utf-8", b"x", 0, 1, "y")]
)
def test_whatever_a_source_raises_is_a_recorded_fault(tmp_path: Path, error: BaseException) -> None:
    ops = scene.session(tmp_path, {scene.Target("cluster", "eu"): scene.Memory({"items": error})})
    with pytest.raises(QueryFault, match=type(error).__name__):
        scene.items(ops)
    with pytest.raises(QueryFault, match=type(error).__name__):
        scene.items(scene.replayed(tmp_path, tmp_path / "replay"))


def test_an_error_keeps_its_type_and_words_in_the_record(tmp_path: Path) -> None:
    error = DeadlineExceeded("list items", target="cluster/eu", why="not complete after 3 s", hint="wait")
    ops = scene.session(tmp_path, {scene.Target("cluster", "eu"): scene.Memory({"items": error})})
    with pytest.raises(DeadlineExceeded):
        scene.items(ops)
    with pytest.raises(DeadlineExceeded) as caught:
        Recording(tmp_path).answer(Key("scene.items", "cluster/eu", "", 0))
    assert str(caught.value) == str(error)


def test_a_table_that_no_longer_fits_its_schema_costs_its_own_target(tmp_path: Path) -> None:
    """A bundle of another version: its table is whole and has other columns."""
    live = scene.session(tmp_path / "live", scene.sources())
    scene.items(live)
    other = scene.Schema("other", (scene.Column("x", "string"),))
    for entry in list(live.ledger.entries()):
        if entry.kind == "query" and entry.body["error"] is None:
            sink = BytesIO()
            pq.write_table(other.table([{"x": "y"}]), sink)
            live.ledger.append("query", {**entry.body, "table": live.ledger.put_table(sink.getvalue())})
    ops = scene.replayed(tmp_path / "live", tmp_path / "replay")
    with pytest.raises(OpsError):
        scene.items(ops)
    gaps = {finding.subject: finding.reason for finding in ops.findings}
    assert gaps.keys() == {"cluster/eu", "cluster/dead"}
    assert "other columns than its schema" in gaps["cluster/eu"]
