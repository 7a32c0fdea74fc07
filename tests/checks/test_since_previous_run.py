"""What became worse since the previous run: from two runs' tables, and what is said where there is nothing to compare."""

from __future__ import annotations

from gocoffee_ops import checks
from gocoffee_ops.analysis import trends
from gocoffee_ops.model import Finding, Status
from gocoffee_ops.queries import cluster, database, history
from tests.checks.tables import judge, table, worst_of

USED = {
    "pod": "p",
    "namespace": "go-coffee",
    "owner": "deployment/d",
    "cpu_millicores": 50.0,
    "memory_mib": 50.0,
    "cpu_request_millicores": 100,
    "memory_request_mib": 100.0,
    "cpu_of_request": 0.5,
    "memory_of_request": 0.5,
    "memory_of_limit": 0.5,
}
TOTAL = {"queryid": "1", "statement": "SELECT 1", "calls": 9, "total_exec_ms": 9.0}


def test_nothing_to_compare_in_either_run_is_unknown() -> None:
    empty = trends.statement_changes(table(database.statement_totals), table(history.previous_statements))
    assert worst_of(judge(checks.statements_slower, empty)) is Status.UNKNOWN
    nothing = trends.usage_changes(table(cluster.pod_usage), table(history.previous_pod_usage))
    assert worst_of(judge(checks.usage_up, nothing)) is Status.UNKNOWN


def test_no_earlier_run_is_said() -> None:
    none = table(history.runs)
    changes = trends.statement_changes(table(database.statement_totals, TOTAL), table(history.previous_statements))
    assert "no earlier run" in judge(checks.statements_slower, changes)[0].reason
    usage = trends.usage_changes(table(cluster.pod_usage, USED), table(history.previous_pod_usage))
    assert "no earlier run" in judge(checks.usage_up, usage)[0].reason
    assert "no earlier run" in judge(checks.since_previous_run, none, none)[0].reason


def _statement_findings(now: dict[str, object], *before: dict[str, object]) -> list[Finding]:
    earlier = table(history.previous_statements, *({**row, "database": "coffee"} for row in before))
    totals = table(database.statement_totals, {**now, "database": "coffee"})
    return judge(checks.statements_slower, trends.statement_changes(totals, earlier))


THEN = {"queryid": "1", "calls": 1000, "total_exec_ms": 2000.0}


def test_a_statement_that_became_slower_is_a_warning_with_both_figures() -> None:
    found = _statement_findings(TOTAL | {"calls": 2000, "total_exec_ms": 5000.0}, THEN)
    assert worst_of(found) is Status.WARN
    assert "coffee: 3.0 ms a call over 1,000 calls since the previous run, was 2.0 ms" in found[0].reason
    assert found[0].numbers["mean_ratio"] == 1.5


def test_a_statement_that_did_not_is_fine_and_what_was_not_compared_is_said() -> None:
    found = _statement_findings(TOTAL | {"calls": 1100, "total_exec_ms": 2200.0}, THEN)
    assert [f.reason for f in found] == ["none of 1 statement became notably slower since the previous run"]
    idle = _statement_findings(TOTAL | {"calls": 1000, "total_exec_ms": 2000.0}, THEN)
    assert [f.reason for f in idle] == ["no statement was called that the previous run saw; 1 not called"]
    assert {f.status for f in (*found, *idle)} == {Status.OK}


def test_a_statement_whose_slowing_down_cost_next_to_nothing_is_not_told() -> None:
    found = _statement_findings(TOTAL | {"calls": 1100, "total_exec_ms": 2300.0}, THEN)
    assert worst_of(found) is Status.OK


def test_a_statement_whose_counters_are_gone_is_unknown() -> None:
    found = _statement_findings(TOTAL | {"calls": 1100, "total_exec_ms": 2200.0}, THEN, THEN | {"queryid": "2"})
    assert [(f.status, f.subject) for f in found] == [(Status.UNKNOWN, "database/coffee")]
    assert "1 statement that the previous run saw are gone" in found[0].reason


def test_usage_that_grew_is_a_warning_and_usage_that_did_not_is_fine() -> None:
    before = {
        "cluster": "c",
        "namespace": "go-coffee",
        "owner": "deployment/d",
        "cpu_millicores": 10.0,
        "memory_mib": 50.0,
    }
    now = table(cluster.pod_usage, USED | {"cluster": "c"})
    grown = trends.usage_changes(now, table(history.previous_pod_usage, before))
    assert worst_of(judge(checks.usage_up, grown)) is Status.WARN
    same = trends.usage_changes(now, table(history.previous_pod_usage, before | {"cpu_millicores": 50.0}))
    assert worst_of(judge(checks.usage_up, same)) is Status.OK


def test_usage_that_was_not_measured_or_is_of_one_run_alone_is_not_called_steady() -> None:
    who = {"cluster": "c", "namespace": "go-coffee", "cpu_millicores": 50.0, "memory_mib": 50.0}
    before = table(history.previous_pod_usage, who | {"owner": "deployment/d"}, who | {"owner": "deployment/gone"})
    dark = table(cluster.pod_usage, USED | {"cluster": "c", "cpu_millicores": None, "memory_mib": None})
    found = judge(checks.usage_up, trends.usage_changes(dark, before))
    assert [(one.status, one.reason) for one in found] == [
        (Status.UNKNOWN, "not measured in one of the two runs: deployment/d")
    ]
    seen = table(cluster.pod_usage, USED | {"cluster": "c"}, USED | {"cluster": "c", "owner": "deployment/new"})
    (fine,) = judge(checks.usage_up, trends.usage_changes(seen, before))
    assert fine.reason == "none of 1 workload uses clearly more than in the previous run; 1 new; 1 gone"
