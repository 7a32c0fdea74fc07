"""One problem is one finding: what is folded, what never is, and that nothing of it is lost."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gocoffee_ops import checks
from gocoffee_ops.errors import Forbidden, OpsError, Unreachable
from gocoffee_ops.evidence import record
from gocoffee_ops.evidence.folding import folded, told
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.replay import Key
from gocoffee_ops.model import Finding, Status, Thresholds, worst
from gocoffee_ops.queries import database, endpoints, metrics
from gocoffee_ops.session import Session
from tests.checks.log_tables import rates
from tests.checks.tables import MOMENT, table
from tests.checks.telemetry_cases import REQUESTS

CRIT, WARN, UNKNOWN, OK = Status.CRIT, Status.WARN, Status.UNKNOWN, Status.OK


def finding(status: Status, check: str, problem: str = "", because: str = "", subject: str = "s") -> Finding:
    names = [(name,) if name else () for name in (problem, because)]
    return Finding(status, check, subject, f"{check} says so", problem=names[0], because=names[1])


def session(folder: Path) -> Session:
    return Session(runbook="r", environment="e", places=[], thresholds=Thresholds(), ledger=Ledger(folder))


def test_findings_of_one_problem_are_one_with_the_worst_status_and_all_that_was_said() -> None:
    (one,) = folded([finding(WARN, "a", "p"), finding(CRIT, "b", "p")])
    assert (one.status, one.check) == (CRIT, "b")
    assert "b says so" in one.reason
    assert "a says so" in one.reason
    assert {part.check for part in one.made} == {"a", "b"}


def test_a_finding_goes_to_what_explains_it_only_where_that_was_found() -> None:
    cause, effect = finding(WARN, "a", "p"), finding(CRIT, "b", because="p", subject="t")
    (one,) = folded([effect, cause])
    assert (one.check, one.status) == ("a", CRIT)
    assert one.reason == "a says so; also t: b says so"
    assert folded([effect]) == [effect]


def test_what_sees_the_surface_speaks_only_where_nobody_sees_deeper() -> None:
    surface, deep = finding(CRIT, "surface", "p", because="p"), finding(WARN, "deep", "p")
    (one,) = folded([surface, deep])
    assert (one.check, one.status) == ("deep", CRIT)
    assert folded([surface]) == [surface]


def test_unknown_is_never_folded_into_what_is_known_and_ok_into_nothing() -> None:
    made = [finding(CRIT, "a", "p"), finding(UNKNOWN, "b", "p"), finding(OK, "c", "p"), finding(OK, "d", "p")]
    assert folded(made) == made


def test_explanations_in_a_circle_end() -> None:
    (one,) = folded([finding(WARN, "a", "p", because="q"), finding(WARN, "b", "q", because="p")])
    assert len(one.made) == 2


@given(
    st.lists(
        st.builds(
            finding,
            st.sampled_from(Status),
            st.sampled_from("abc"),
            st.sampled_from(["", "p", "q", "r"]),
            st.sampled_from(["", "p", "q", "r"]),
            st.sampled_from("xy"),
        ),
        max_size=9,
    )
)
def test_folding_keeps_every_finding_and_the_worst_status(made: list[Finding]) -> None:
    found = folded(made)
    assert sorted((part for one in found for part in one.made), key=repr) == sorted(made, key=repr)
    assert worst(one.status for one in found) is worst(one.status for one in made)
    assert sum(one.status is UNKNOWN for one in found) <= sum(one.status is UNKNOWN for one in made)
    assert folded(found) == found or any(one.parts for one in found)


def gap(ops: Session, query: str, target: str, error: OpsError) -> None:
    ops.gap(Key(query, target, "", 0), error)


def test_a_dead_cluster_is_one_line_that_names_every_question_and_counts_them(tmp_path: Path) -> None:
    ops = session(tmp_path)
    asked = [f"cluster.question_{i}" for i in range(13)]
    for i, query in enumerate(asked):
        gap(ops, query, "cluster/eu", Unreachable(f"list {i}", target="cluster/eu", why=f"refused after {i} s"))
    (one,) = ops.findings
    assert (one.status, one.subject, one.cluster) == (UNKNOWN, "cluster/eu", "eu")
    assert "So 13 questions have no answer: " in one.reason
    assert all(query in one.reason for query in asked)
    assert [part.check for part in one.parts] == asked
    assert all(part.evidence for part in one.parts)
    assert len(record.made(ops.ledger.entries())) == 13
    assert told(one) == (one.reason, ())
    assert Finding.from_record(one.to_record()) == one


def test_another_reason_and_another_target_are_lines_of_their_own(tmp_path: Path) -> None:
    ops = session(tmp_path)
    gap(ops, "cluster.nodes", "cluster/eu", Unreachable("ask", target="cluster/eu", why="refused"))
    gap(ops, "changes.secrets", "cluster/eu", Forbidden("ask", target="cluster/eu", why="may not list secrets"))
    gap(ops, "cluster.nodes", "cluster/us", Unreachable("ask", target="cluster/us", why="refused"))
    assert [(one.subject, one.check) for one in ops.findings] == [
        ("cluster/eu", "cluster.nodes"),
        ("cluster/eu", "changes.secrets"),
        ("cluster/us", "cluster.nodes"),
    ]


SESSION = {"database": "coffee", "backend_type": "client backend", "age_s": 700.0, "age_of": "transaction"}


def test_sessions_that_do_not_move_for_one_that_blocks_are_its_finding() -> None:
    activity = table(
        database.activity,
        SESSION | {"pid": 7, "application": "reports", "state": "idle in transaction"},
        SESSION | {"pid": 8, "application": "orders", "state": "active", "blocked_by": ("7",)},
        SESSION | {"pid": 9, "application": "kitchen", "state": "active", "blocked_by": ("8",)},
        SESSION | {"pid": 10, "application": "batch", "state": "active"},
    )
    blocked = {"database": "coffee", "root_pid": 7, "root_application": "reports", "waiting_s": 90.0}
    blocking = table(database.blocking, *(blocked | {"pid": pid} for pid in (8, 9)))
    limits = Thresholds()
    made = checks.sessions_moving(activity, thresholds=limits)
    made += checks.nobody_blocked(blocking, activity, thresholds=limits)
    found = folded(made)
    assert {(one.check, one.subject) for one in found} == {
        ("nobody_blocked", "application/reports"),
        ("sessions_moving", "application/batch"),
    }
    (root,) = (one for one in found if one.check == "nobody_blocked")
    assert all(name in root.reason for name in ("application/orders", "application/kitchen", "(idle in transaction)"))


def test_a_deployment_without_its_replicas_and_its_pods_that_are_not_ready_are_one_finding() -> None:
    of = {"cluster": "eu", "namespace": "shop"}
    pod = of | {"pod": "orders-1", "owner": "deployment/orders", "finished": False, "ready": False, "age_s": 900.0}
    pods = pd.DataFrame([pod | {"status": "CrashLoopBackOff", "reason": None, "restarts": 7}])
    counts = of | {"deployment": "orders", "desired": 2, "ready": 0, "updated": 2}
    scaler = {"hpa": "orders", "hpa_able": True, "hpa_desired": 2, "hpa_max": 2}
    unready = checks.pods_ready(pods.assign(status="ContainerCreating", restarts=0, age_s=9.0), thresholds=Thresholds())
    assert [one.status for one in unready] == [WARN]  # what looks deeper speaks, also where it is not the worse one
    few, at_most = checks.deployments_available(pd.DataFrame([counts | scaler]))
    found = folded([*unready, few, at_most])
    assert [(one.check, one.status) for one in found] == [("pods_ready", CRIT), ("deployments_available", WARN)]
    assert [part.check for part in found[0].parts] == ["pods_ready", "deployments_available"]
    assert found[1] == at_most
    assert folded([few]) == [few]  # where a quota keeps the pods from being made, nothing else tells it


def test_an_index_that_is_missing_is_one_finding_with_the_statements_that_read_the_table() -> None:
    statement = {
        "database": "coffee",
        "queryid": "1",
        "mean_exec_ms": 2e3,
        "total_exec_ms": 9e4,
        "calls": 45,
        "share": 0.9,
    }
    heavy = table(
        database.statements,
        statement | {"statement": "SELECT count(*) FROM orders WHERE customer_id = $1"},
        statement | {"queryid": "2", "statement": "INSERT INTO orders VALUES ($1)"},
    )
    scanned = {"database": "coffee", "schema": "public", "table": "orders", "live_tuples": 10**6, "seq_scans": 99}
    tables = table(database.tables, scanned | {"seq_rows": 99 * 10**6})
    made = checks.statements_heavy(heavy, thresholds=Thresholds())
    found = folded([*made, *checks.tables_indexed(tables, thresholds=Thresholds())])
    assert {(one.subject, len(one.made)) for one in found} == {("table/public.orders", 2), ("statement/2", 1)}


@pytest.mark.parametrize("error", ["certificate has expired", None])
def test_an_address_that_fails_for_its_certificate_is_one_finding(error: str | None) -> None:
    row = {
        "endpoint": "shop",
        "url": "https://shop",
        "samples": 2,
        "failed": 2,
        "failed_of_samples": 1.0,
        "refused": False,
    }
    certificate = {"certificate_left_days": -1.0, "certificate_ends_at": MOMENT, "certificate_error": error}
    health = table(endpoints.health, row | certificate | {"reason": "it failed", "failed_at": "tls"})
    made = checks.endpoints_healthy(health, thresholds=Thresholds())
    made += checks.certificates_valid(health, thresholds=Thresholds())
    assert [one.check for one in folded(made)] == (
        ["certificates_valid"] if error else ["endpoints_healthy", "certificates_valid"]
    )


WRONG = {"endpoint": "api", "samples": 5, "failed": 5, "failed_of_samples": 1.0, "refused": False}
WRONG |= {"service": "", "failed_at": "status", "reason": "answered 503 instead of 200", "status": 503}


def test_an_endpoint_whose_every_answer_is_wrong_is_one_finding_and_its_latency_no_other() -> None:
    health = table(endpoints.health, WRONG)
    healthy = checks.endpoints_healthy(health, thresholds=Thresholds())
    fast = checks.endpoints_fast(health, thresholds=Thresholds())
    (one,) = folded([*healthy, *fast])
    assert (one.status, one.check) == (CRIT, "endpoints_healthy")
    assert one.reason == "answered 503 instead of 200 (status; 5 of 5 samples failed)"


@pytest.mark.parametrize(
    "row",
    [
        {"failed_at": "tcp", "reason": "refused", "status": None},
        {"failed_at": "http", "reason": "no answer after 5 s", "status": None},
        {"refused": True, "reason": "answered 401 instead of 200", "status": 401},
    ],
)
def test_the_latency_of_an_endpoint_that_gave_no_answer_to_judge_stays_unknown(row: dict[str, object]) -> None:
    health = table(endpoints.health, WRONG | row)
    healthy = checks.endpoints_healthy(health, thresholds=Thresholds())
    fast = checks.endpoints_fast(health, thresholds=Thresholds())
    assert [one.status for one in fast] == [UNKNOWN]
    assert UNKNOWN in {one.status for one in folded([*healthy, *fast])}


def test_an_endpoint_that_is_slow_and_fails_now_and_then_is_two_findings() -> None:
    slow = WRONG | {"failed": 2, "failed_of_samples": 0.4, "latency_p95_ms": 6000.0, "latency_median_ms": 5000.0}
    health = table(endpoints.health, slow)
    made = [
        *checks.endpoints_healthy(health, thresholds=Thresholds()),
        *checks.endpoints_fast(health, thresholds=Thresholds()),
    ]
    assert folded(made) == made
    assert [one.status for one in made] == [WARN, CRIT]


def test_a_service_that_fails_by_its_metrics_and_by_its_logs_is_one_finding_that_says_in_which_clusters() -> None:
    measured = table(metrics.requests, REQUESTS | {"errors_per_s": 0.2, "error_ratio": 0.2})
    by_metrics = checks.error_rate(measured, thresholds=Thresholds())
    by_logs = [
        found
        for cluster in ("eu", "us")
        for found in checks.error_rate_below(rates((1000, 60), cluster=cluster), thresholds=Thresholds())
    ]
    (one,) = folded([*by_logs, *by_metrics])
    assert (one.status, one.check, one.subject) == (CRIT, "error_rate", "service/orders")
    for sentence in ("20.0 % of", *(f"{cluster}: 6.0 % of 1,000 requests failed" for cluster in ("eu", "us"))):
        assert sentence in one.reason
    assert folded(by_logs) == by_logs


def test_a_service_without_a_rate_by_its_metrics_stays_unknown_beside_one_that_fails_by_its_logs() -> None:
    silent = table(metrics.requests, REQUESTS | {"error_ratio": None, "missing": "no series"})
    made = [
        *checks.error_rate(silent, thresholds=Thresholds()),
        *checks.error_rate_below(rates((1000, 60)), thresholds=Thresholds()),
    ]
    assert [one.status for one in made] == [UNKNOWN, CRIT]
    assert folded(made) == made
