"""Usage that was seen, requests, advice on the past and nodes: judged in every way, from the queries' own tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import rightsizing
from gocoffee_ops.checks.grading import said
from gocoffee_ops.model import Finding, Status, Thresholds
from gocoffee_ops.queries import usage
from tests.checks.tables import MOMENT, filled

LIMITS = Thresholds()


def statuses(findings: list[Finding]) -> list[Status]:
    return [finding.status for finding in findings]


def hour(n: int, found: int, expected: int = 60, **more: Any) -> dict[str, Any]:
    row = {
        "prometheus": "main",
        "hour": MOMENT + timedelta(hours=n),
        "samples_found": found,
        "samples_expected": expected,
    }
    return row | {"pod": "a", **more}


def test_c04_hours_without_their_samples_are_unknown_stretch_by_stretch() -> None:
    rows = [hour(0, 60), hour(1, 0), hour(2, 30), hour(3, 60), hour(5, 0), hour(5, 0, pod="b"), hour(6, 54)]
    found = checks.usage_covered(filled(usage.container_hours.schema, *rows), thresholds=LIMITS)
    assert statuses(found) == [Status.UNKNOWN, Status.UNKNOWN]
    assert [finding.reason for finding in found] == [
        "01-05 04:00 to 06:00 UTC: 30 of 120 samples of what ran; 1 container in 2 hours of it not seen",
        "01-05 08:00 to 09:00 UTC: 0 of 120 samples of what ran; 2 containers in 1 hour of it not seen",
    ]


def test_usage_that_was_seen_is_ok_and_none_is_unknown() -> None:
    seen = filled(usage.container_hours.schema, hour(0, 60), hour(1, 58))
    assert said(checks.usage_covered(seen, thresholds=LIMITS)) == [
        "OK usage: 118 of 120 samples of what ran are there, in every hour"
    ]
    assert statuses(checks.usage_covered(filled(usage.container_hours.schema), thresholds=LIMITS)) == [Status.UNKNOWN]


def advice(**more: Any) -> dict[str, Any]:
    return {
        "cluster": "eu", "namespace": "go-coffee", "workload": "deployment/orders", "container": "app", "pods": 2,
        "confidence": "HIGH", "cpu_advice": "keep", "cpu_request_cores": 1.0, "memory_advice": "keep",
        "memory_request_mib": 1024.0, "oom_killed": False, **more,
    }  # fmt: skip


def sized(*rows: dict[str, Any]) -> list[Finding]:
    return checks.requests_sized(filled(rightsizing.ADVICE, *rows), thresholds=LIMITS)


def test_requests_that_fit_are_ok_and_nothing_read_is_unknown() -> None:
    assert statuses(sized(advice())) == [Status.OK]
    assert statuses(sized()) == [Status.UNKNOWN]
    small = advice(cpu_advice="lower", cpu_advised_cores=0.9)
    assert statuses(sized(small)) == [Status.OK]


def test_too_large_requests_are_one_sum_by_cluster_of_high_confidence_alone() -> None:
    large = {"cpu_advice": "lower", "cpu_advised_cores": 0.2}
    found = sized(
        advice(**large), advice(workload="deployment/b", **large), advice(cluster="us", confidence="LOW", **large)
    )
    assert [(one.status, one.cluster, one.numbers["freed_cpu_cores"]) for one in found] == [(Status.WARN, "eu", 3.2)]


def test_whether_requests_fit_is_unknown_where_no_advice_is_sure() -> None:
    doubted = advice(confidence="LOW", doubts="seen for 3 of 7 days")
    lower = {"cpu_advice": "lower", "cpu_advised_cores": 0.2}
    for row in (doubted, doubted | lower, doubted | {"cpu_advice": "raise", "cpu_advised_cores": 3.0}):
        (found,) = sized(row)
        assert (found.status, "seen for 3 of 7 days" in found.reason) == (Status.UNKNOWN, True)
    (fine,) = sized(doubted, advice(workload="deployment/b"))
    assert fine.status is Status.OK
    assert fine.reason == "requests of 1 container fit what is used; advice for 1 more is of LOW confidence"


def test_memory_that_should_be_more_is_told_by_container() -> None:
    short = advice(memory_advice="raise", memory_advised_mib=2458.0, memory_why="it ran out of memory", oom_killed=True)
    (found,) = sized(short)
    assert (found.status, found.subject, found.namespace) == (Status.WARN, "deployment/orders", "go-coffee")
    assert "requests 1,024 MiB, and should request 2,458 MiB: it ran out of memory" in found.reason


def test_cpu_that_should_be_more_and_what_requests_nothing_are_told_by_container() -> None:
    needed = {
        "memory_advice": "raise",
        "memory_advised_mib": 14132.0,
        "memory_why": "peak of 12,288 MiB x 1.15; it requests none",
    }
    hungry = {
        "cpu_advice": "raise",
        "cpu_request_cores": 0.05,
        "cpu_p95_cores": 0.72,
        "cpu_advised_cores": 0.828,
        "cpu_why": "p95 of 0.720 cores x 1.15",
    }
    (found,) = sized(advice(memory_request_mib=None, **needed, **hungry))
    assert (found.status, found.subject) == (Status.WARN, "deployment/orders")
    assert found.reason == (
        "app: CPU requests 0.050 cores, and should request 0.828 cores: p95 of 0.720 cores x 1.15; "
        "memory requests none, and should request 14,132 MiB: peak of 12,288 MiB x 1.15"
    )
    assert found.numbers["cpu_advised_cores"] == 0.828
    assert statuses(sized(advice(**hungry | {"cpu_request_cores": 0.73}))) == [
        Status.OK
    ]  # advice would add headroom alone
    none = hungry | {"cpu_request_cores": None}
    assert [one.reason.partition(", ")[0] for one in sized(advice(**none))] == ["app: CPU requests none"]
    doubted = advice(confidence="LOW", memory_request_mib=None, **needed, **hungry)
    assert statuses(sized(doubted, advice(workload="deployment/b"))) == [Status.OK]
    assert statuses(sized(doubted | {"memory_request_mib": 512.0})) == [Status.WARN]


def test_what_is_not_known_is_unknown_by_its_reason() -> None:
    unknown = {"cpu_advice": "not known", "cpu_why": "no sample of it"}
    found = sized(advice(**unknown), advice(workload="deployment/b", **unknown), advice(workload="deployment/c"))
    assert [(one.status, one.numbers["workloads"]) for one in found] == [(Status.UNKNOWN, 2)]
    assert "no sample of it" in found[0].reason


def tried(**more: Any) -> dict[str, Any]:
    return {
        "workload": "deployment/orders", "container": "app", "cpu_advised_cores": 0.2, "cpu_exceeded_min": 0.0, "cpu_worst": 0.9,
        "memory_advised_mib": 345.0, "memory_exceeded_min": 0.0, "memory_worst": 0.9, "replayed_min": 2880.0, **more,
    }  # fmt: skip


def held(*rows: dict[str, Any]) -> list[Finding]:
    return checks.advice_held(filled(rightsizing.BACKTEST, *rows), thresholds=LIMITS)


def test_advice_that_would_have_held_is_ok_and_advice_that_would_not_is_a_warning() -> None:
    assert statuses(held(tried(), tried(cpu_exceeded_min=140.0))) == [Status.OK]
    assert statuses(held(tried(cpu_exceeded_min=145.0))) == [Status.WARN]
    (found,) = held(tried(memory_exceeded_min=5.0, memory_worst=1.2))
    assert (found.status, "memory of 345 MiB exceeded for 5 of 2,880 minutes" in found.reason) == (Status.WARN, True)
    assert statuses(held(tried(missing="no sample in the days to try it on"))) == [Status.UNKNOWN]
    assert statuses(held(tried(memory_exceeded_min=None))) == [Status.UNKNOWN]
    assert statuses(held()) == [Status.UNKNOWN]


def test_what_was_exceeded_in_a_short_trial_is_a_warning_and_what_was_not_is_unknown() -> None:
    short = {"missing": "60 of 7,200 minutes to learn from have samples of its CPU", "replayed_min": 60.0}
    (found,) = held(tried(**short))
    assert (found.status, "advice could not be tried: 60 of 7,200 minutes" in found.reason) == (Status.UNKNOWN, True)
    assert statuses(held(tried(**short, cpu_exceeded_min=30.0))) == [Status.WARN]
    assert statuses(held(tried(**short, memory_exceeded_min=5.0))) == [Status.WARN]


def gone(name: str, now: bool, then: bool, unsure: bool | None = None) -> dict[str, Any]:
    hoped = then if unsure is None else unsure
    return {"cluster": "eu", "node": name, "removable_now": now, "removable": then, "removable_unsure": hoped}


def cpu_advice(*advice: str) -> pd.DataFrame:
    """What is advised of the CPU of some workloads, that request 1 core each; "LOW lower" is advice of LOW confidence."""
    usual = {"cluster": "eu", "namespace": "go-coffee", "cpu_request_cores": 1.0}
    rows = []
    for n, one in enumerate(advice):
        sure, what = ("LOW", one.removeprefix("LOW ")) if one.startswith("LOW ") else ("HIGH", one)
        rows.append(usual | {"workload": f"deployment/w{n}", "cpu_advice": what, "confidence": sure})
    return filled(rightsizing.ADVICE, *rows)


def test_nodes_that_could_go_are_a_warning_and_none_is_no_saving() -> None:
    def needed(*rows: dict[str, Any]) -> list[Finding]:
        return checks.nodes_needed(filled(rightsizing.REMOVABLE, *rows), cpu_advice("lower"))

    (found,) = needed(gone("n1", True, True), gone("n2", False, True), gone("n3", False, False))
    assert found.reason == "of 3 nodes 1 could go as things are: n1; 2 once requests are as advised: n1, n2"
    assert found.status is Status.WARN
    (fine,) = needed(gone("n1", False, False))
    assert (fine.status, "headroom, no money" in fine.reason) == (Status.OK, True)
    assert statuses(needed()) == [Status.UNKNOWN]


@pytest.mark.parametrize(
    ("nodes", "advice", "status", "said"),
    [
        ([gone("n1", False, False)], ["not known"], Status.UNKNOWN, "none could go with the requests as they are; of 1 of 1"),
        (
            [gone("n1", True, True), gone("n2", False, False)], ["not known"], Status.WARN,
            "of 2 nodes at least 1 could go with the requests as they are: n1; of 1 of 1 workload it is not known what it needs",
        ),
        ([gone("n1", False, False)], [], Status.UNKNOWN, "once requests are as advised: no container was read"),
        ([gone("n1", True, True)], [], Status.UNKNOWN, "1 could go as things are: n1; once requests are as advised: no container"),
        ([gone("n1", False, False)], ["keep", "not known"], Status.UNKNOWN, "of 1 of 2 workloads it is not known what it needs"),
        (
            [gone("n1", False, True)], ["lower", "not known"], Status.WARN,
            "at least 1 once requests are as advised: n1; of 1 of 2 workloads it is not known what it needs; "
            "the requests of 1 container are taken as they are",
        ),
        ([gone("n1", False, False)], ["keep", "no change"], Status.OK, "headroom, no money"),
        ([gone("n1", False, False)], ["LOW keep", "raise", "LOW raise"], Status.OK, "headroom, no money"),
        (
            [gone("n1", False, False, True)], ["LOW lower"], Status.UNKNOWN,
            "requests as they are; advice for 1 of 1 workload is not sure yet, and would let 1 more go: n1",
        ),
        (
            [gone("n1", False, False)], ["LOW lower"], Status.OK,
            "advice for 1 of 1 workload is not sure yet, and would let none go either",
        ),
        ([gone("n1", False, False, True)], ["keep", "LOW lower"], Status.UNKNOWN, "advice for 1 of 2 workloads is not sure yet"),
        ([gone("n1", False, True)], ["lower", "LOW lower"], Status.WARN, "n1; advice for 1 of 2 workloads is not sure yet"),
        (
            [gone("n1", True, True)], ["LOW lower", "LOW lower"], Status.WARN,
            "at least 1 could go with the requests as they are: n1; advice for 2 of 2 workloads is not sure yet; "
            "the requests of 2 containers are taken as they are",
        ),
        (
            [gone("n1", True, True, False), gone("n2", False, False, True)], ["lower", "LOW lower"], Status.WARN,
            "n1; advice for 1 of 2 workloads is not sure yet, and would let no more go, but other nodes: n2; the requests of",
        ),
        (
            [gone("n1", True, True, False), gone("n2", False, False, True), gone("n3", False, False, True)], ["LOW lower"],
            Status.WARN, "1 of 1 workload is not sure yet, and would let 1 more go, but other nodes: n2, n3; the requests of",
        ),
        (
            [gone("n1", False, False)], ["keep", "LOW lower", "not known"], Status.UNKNOWN,
            "of 1 of 3 workloads it is not known what it needs, and advice for 1 is not sure yet",
        ),
    ],
)  # fmt: skip
def test_what_advice_would_empty_is_unknown_where_there_is_none(
    nodes: list[dict[str, Any]], advice: list[str], status: Status, said: str
) -> None:
    (found,) = checks.nodes_needed(filled(rightsizing.REMOVABLE, *nodes), cpu_advice(*advice))
    assert (found.status, said in found.reason) == (status, True), found.reason


def test_that_nothing_is_bankable_is_unknown_while_advice_that_is_not_sure_could_empty_a_node() -> None:
    def saved(*advice: str, unsure: bool = True) -> Finding:
        kept = filled(rightsizing.REMOVABLE, gone("n1", False, False, unsure))
        (found,) = checks.savings_bankable(filled(rightsizing.WORTH), kept, cpu_advice(*advice))
        return found

    assert saved("keep").status is Status.OK
    doubted = saved("keep", "LOW lower")
    assert (doubted.status, "advice for 1 of 2 workloads is not sure yet" in doubted.reason) == (Status.UNKNOWN, True)
    assert saved("LOW lower").status is Status.UNKNOWN
    vain = saved("LOW lower", unsure=False)
    assert (vain.status, vain.reason.endswith("would let none go either")) == (Status.OK, True)


def test_what_was_not_tried_with_unsure_advice_is_unknown() -> None:
    untried = filled(rightsizing.REMOVABLE, gone("n1", False, False)).assign(removable_unsure=None)
    (found,) = checks.nodes_needed(untried, cpu_advice("LOW lower"))
    assert found.status is Status.UNKNOWN
