"""Two runs side by side: what is new, gone, slower, faster, more."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from gocoffee_ops.analysis.trends import finding_changes, statement_changes, usage_changes
from gocoffee_ops.model import Finding, Status


def _statements(*rows: tuple[str, float]) -> pd.DataFrame:
    names = {
        "database": "string",
        "queryid": "string",
        "statement": "string",
        "mean_exec_ms": "Float64",
        "calls": "Int64",
    }
    data = [{"database": "d", "queryid": q, "statement": f"S{q}", "mean_exec_ms": m, "calls": 1} for q, m in rows]
    frame = pd.DataFrame(data, columns=list(names)).astype(names)
    return frame.assign(share=pd.array([0.5] * len(frame), dtype="Float64"))


def _usage(*rows: tuple[str | None, str, float | None]) -> pd.DataFrame:
    data = [
        {"cluster": "c", "namespace": "n", "owner": o, "pod": p, "cpu_millicores": cpu, "memory_mib": 10.0}
        for o, p, cpu in rows
    ]
    return pd.DataFrame(data, columns=["cluster", "namespace", "owner", "pod", "cpu_millicores", "memory_mib"])


def test_statements_are_slower_new_gone_faster_or_the_same() -> None:
    now = _statements(("slow", 30.0), ("new", 1.0), ("fast", 5.0), ("same", 10.0))
    before = _statements(("slow", 10.0), ("gone", 1.0), ("fast", 10.0), ("same", 9.0))
    changes = statement_changes(now, before)
    assert changes[["change", "queryid"]].to_numpy().tolist() == [
        ["slower", "slow"],
        ["new", "new"],
        ["gone", "gone"],
        ["faster", "fast"],
        ["same", "same"],
    ]
    assert changes["mean_ratio"][0] == 3.0
    assert pd.isna(changes["mean_ratio"][1])


def test_the_same_statement_in_two_databases_is_two() -> None:
    other = _statements(("1", 5.0)).assign(database="e")
    assert statement_changes(_statements(("1", 5.0)), other)["change"].tolist() == ["new", "gone"]


def test_a_statement_that_took_no_time_has_no_ratio() -> None:
    changes = statement_changes(_statements(("1", 5.0)), _statements(("1", 0.0)))
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
    now, before = _statements(("1", 5.0)), _statements(("1", 5.0))
    now.attrs["evidence"], before.attrs["evidence"] = ["a", "b"], ["b", "c"]
    assert statement_changes(now, before).attrs["evidence"] == ["a", "b", "c"]
