"""Two runs side by side: what is new, gone, slower, faster, more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.analysis.trends import finding_changes, statement_changes, usage_changes
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.queries import database as queries
from tests.checks.tables import table

MONDAY, TUESDAY = datetime(2026, 11, 2, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
Totals = dict[str, tuple[int, float]]  # calls and milliseconds by queryid


def _totals(rows: Totals, *, reset: datetime | None = MONDAY, evictions: int = 0, database: str = "d") -> pd.DataFrame:
    return table(
        queries.statement_totals,
        *(
            {
                "database": database,
                "queryid": queryid,
                "statement": f"S{queryid}",
                "calls": calls,
                "total_exec_ms": exec_ms,
                "stats_reset_at": reset,
                "evictions": evictions,
            }
            for queryid, (calls, exec_ms) in rows.items()
        ),
    )


def _previous(rows: Totals, *, reset: datetime | None = MONDAY, database: str = "d") -> pd.DataFrame:
    frame = _totals(rows, reset=reset, database=database).drop(columns="evictions")
    return frame.assign(run="r")


def _usage(*rows: tuple[str | None, str, float | None]) -> pd.DataFrame:
    data = [
        {"cluster": "c", "namespace": "n", "owner": o, "pod": p, "cpu_millicores": cpu, "memory_mib": 10.0}
        for o, p, cpu in rows
    ]
    return pd.DataFrame(data, columns=["cluster", "namespace", "owner", "pod", "cpu_millicores", "memory_mib"])


def _changes(now: pd.DataFrame, before: pd.DataFrame, top: int = 20) -> dict[str, str]:
    changes = statement_changes(now, before, top)
    return dict(zip(changes["queryid"], changes["change"], strict=True))


def test_a_slow_week_after_many_fast_ones_is_not_diluted() -> None:
    changes = statement_changes(_totals({"1": (1_000_100, 1_003_000.0)}), _previous({"1": (1_000_000, 1_000_000.0)}))
    row = changes.iloc[0]
    assert (row["change"], row["interval_calls"]) == ("slower", 100)
    assert (row["interval_mean_exec_ms"], row["previous_mean_exec_ms"], row["mean_ratio"]) == (30.0, 1.0, 30.0)
    assert (row["calls"], row["mean_exec_ms"]) == (1_000_100, pytest.approx(1.0029, abs=1e-4))


def test_a_fast_week_after_many_slow_ones_is_not_called_slower() -> None:
    assert _changes(_totals({"1": (1100, 9050.0)}), _previous({"1": (1000, 9000.0)})) == {"1": "faster"}


def test_what_the_week_did_decides_what_a_statement_is_called_and_the_slowed_come_first() -> None:
    before = {"idle": (5, 50.0), "fast": (10, 100.0), "same": (10, 100.0), "slow": (10, 100.0), "lost": (9, 900.0)}
    now = {"idle": (5, 50.0), "fast": (20, 110.0), "same": (20, 201.0), "slow": (20, 400.0), "new": (1, 1.0)}
    changes = _changes(_totals(now), _previous(before))
    assert list(changes.items()) == [
        ("slow", "slower"),
        ("new", "new"),
        ("lost", "not known"),
        ("idle", "not called"),
        ("fast", "faster"),
        ("same", "same"),
    ]


def test_statements_that_were_not_called_or_are_gone_have_no_figures_of_the_interval() -> None:
    changes = statement_changes(_totals({"idle": (5, 50.0)}), _previous({"idle": (5, 50.0), "lost": (9, 9.0)}))
    rows = changes.set_index("queryid")
    assert rows.loc["idle", ["interval_calls", "share"]].isna().tolist() == [False, True]
    assert rows["interval_calls"]["idle"] == 0
    assert rows["interval_mean_exec_ms"].isna().all()
    assert rows["mean_ratio"].isna().all()
    assert pd.isna(rows["interval_calls"]["lost"])
    assert rows["statement"]["lost"] == "Slost"


def test_after_a_reset_the_figures_since_then_are_the_interval() -> None:
    changes = statement_changes(
        _totals({"1": (50, 500.0)}, reset=TUESDAY), _previous({"1": (10, 20.0), "2": (5, 10.0)})
    ).set_index("queryid")
    assert changes["interval_calls"].tolist() == [50, 0]
    assert changes["mean_ratio"]["1"] == 5.0
    assert changes["change"].tolist() == ["slower", "not called"]


def test_after_a_reset_that_evicted_since_then_what_is_not_there_is_not_known() -> None:
    changes = _changes(_totals({"1": (50, 500.0)}, reset=TUESDAY, evictions=1), _previous({"2": (5, 10.0)}))
    assert changes == {"1": "new", "2": "not known"}


@pytest.mark.parametrize("now", [(4, 40.0), (10, 40.0), (12, 40.0)])
def test_a_counter_that_went_down_was_reset_alone(now: tuple[int, float]) -> None:
    changes = statement_changes(_totals({"1": now}), _previous({"1": (10, 50.0)}))
    assert changes["interval_calls"].tolist() == [now[0]]
    assert changes["interval_mean_exec_ms"].tolist() == [now[1] / now[0]]


def test_the_last_digits_of_a_sum_are_no_reset() -> None:
    assert _changes(_totals({"1": (10, 0.1 + 0.2)}), _previous({"1": (10, 0.2 + 0.1 + 1e-16)})) == {"1": "not called"}
    assert _changes(_totals({"1": (10, 0.3)}), _previous({"1": (10, 0.1 + 0.2)})) == {"1": "not called"}


def test_all_roles_calls_of_one_statement_are_compared_by_database() -> None:
    now = pd.concat([_totals({"1": (20, 20.0)}), _totals({"1": (20, 20.0)}, database="e")], ignore_index=True)
    changes = statement_changes(now, _previous({"1": (10, 2.0)}))
    assert changes[["database", "change", "share"]].to_numpy().tolist() == [
        ["d", "slower", 1.0],
        ["e", "not compared", 1.0],
    ]
    assert changes["interval_calls"].isna().tolist() == [False, True]


def test_of_each_database_those_with_most_time_in_the_interval_or_before_are_shown() -> None:
    now = {"big": (1000, 1000.0), "week": (10, 300.0), "small": (10, 1.0), "was": (100, 900.0)}
    before = {"big": (900, 700.0), "was": (100, 900.0), "small": (1, 0.1)}
    assert _changes(_totals(now), _previous(before), top=1) == {"big": "slower", "was": "not called"}
    assert set(_changes(_totals(now), _previous(before), top=2)) == {"big", "week", "was"}


def test_what_was_not_called_is_listed_by_what_it_had_taken() -> None:
    before = {"little": (100, 1.0), "much": (1, 900.0), "some": (9, 90.0)}
    assert list(_changes(_totals(before), _previous(before))) == ["much", "some", "little"]


def test_a_statement_that_took_no_time_has_no_ratio() -> None:
    changes = statement_changes(_totals({"1": (2, 5.0)}), _previous({"1": (1, 0.0)}))
    assert changes["change"].tolist() == ["not compared"]
    assert pd.isna(changes["mean_ratio"][0])


def test_usage_is_summed_over_an_owners_pods_and_the_most_grown_is_first() -> None:
    now = _usage(("deployment/a", "a-1", 30.0), ("deployment/a", "a-2", 30.0), (None, "alone", 5.0))
    before = _usage(("deployment/a", "a-9", 20.0), (None, "alone", 5.0))
    changes = usage_changes(now, before)
    assert changes[["owner", "cpu_millicores", "cpu_ratio"]].to_numpy().tolist() == [
        ["deployment/a", 60.0, 3.0],
        ["pod/alone", 5.0, 1.0],
    ]


def test_a_pod_that_was_not_measured_leaves_its_owners_sum_unknown() -> None:
    changes = usage_changes(_usage(("d", "a", 5.0), ("d", "b", None)), _usage(("d", "a", 5.0)))
    assert pd.isna(changes["cpu_millicores"][0])
    assert pd.isna(changes["cpu_ratio"][0])


def _gap(cluster: str) -> Finding:
    return Finding(Status.UNKNOWN, "q.nodes", f"cluster/{cluster}", "not read: refused", cluster=cluster)


CASES: list[tuple[Status | None, Status | None, list[str]]] = [
    (Status.CRIT, None, ["new"]),
    (Status.CRIT, Status.OK, ["new"]),
    (None, Status.CRIT, ["gone"]),
    (Status.OK, Status.CRIT, ["gone"]),
    (Status.CRIT, Status.WARN, ["worse"]),
    (Status.CRIT, Status.UNKNOWN, ["worse"]),
    (Status.WARN, Status.UNKNOWN, ["better"]),
    (Status.WARN, Status.WARN, ["same"]),
    (Status.UNKNOWN, None, ["new"]),
    (Status.OK, Status.OK, []),
    (Status.OK, None, []),
]


@pytest.mark.parametrize(("now", "before", "expected"), CASES)
def test_findings_are_new_gone_worse_better_or_the_same(
    now: Status | None, before: Status | None, expected: list[str]
) -> None:
    findings = [Finding(now or Status.OK, "c", "s" if now else "all", "now", cluster="a", namespace="n")]
    columns = ["run", "status", "check", "subject", "cluster", "namespace", "reason"]
    rows: list[dict[str, Any]] = (
        [dict(zip(columns, ["r", before, "c", "s", "a", "n", "then"], strict=True))] if before else []
    )
    changes = finding_changes(findings, pd.DataFrame(rows, columns=columns))
    assert changes["change"].tolist() == expected
    assert changes["reason"].tolist() == (["now" if now else "then"] if expected else [])


@pytest.mark.parametrize(
    ("findings", "change"),
    [
        ([], "not read"),
        ([Finding(Status.OK, "c", "all", "", evidence=("q()@cluster/b",))], "gone"),
        ([Finding(Status.OK, "c", "all", "", evidence=("q()@cluster/a#2",)), _gap("a")], "gone"),
        ([Finding(Status.OK, "c", "all", "", evidence=("q()@cluster/b",)), _gap("a")], "not read"),
    ],
)
def test_what_could_not_be_found_again_is_not_read_and_not_gone(findings: list[Finding], change: str) -> None:
    columns = ["run", "status", "check", "subject", "cluster", "namespace", "reason"]
    earlier = pd.DataFrame([["r", "CRIT", "c", "s", "a", "", "then"]], columns=columns)
    changes = finding_changes(findings, earlier).set_index("subject")
    assert changes["change"]["s"] == change


def test_a_gap_is_gone_once_its_source_answers() -> None:
    columns = ["run", "status", "check", "subject", "cluster", "namespace", "reason"]
    earlier = pd.DataFrame([["r", "UNKNOWN", "q.nodes", "cluster/a", "a", "", "not read"]], columns=columns)
    assert finding_changes([], earlier)["change"].tolist() == ["gone"]
    assert finding_changes([_gap("a")], earlier)["change"].tolist() == ["same"]


def test_a_change_cites_the_evidence_of_both_runs() -> None:
    now, before = _totals({"1": (2, 5.0)}), _previous({"1": (1, 5.0)})
    now.attrs["evidence"], before.attrs["evidence"] = ["a", "b"], ["b", "c"]
    assert statement_changes(now, before).attrs["evidence"] == ["a", "b", "c"]
