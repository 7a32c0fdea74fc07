"""Right-sizing on tables: each rule, what frees what, the patch, and the past."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
import yaml

from gocoffee_ops import checks
from gocoffee_ops.analysis import rightsizing
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from gocoffee_ops.queries import cost_objects, usage
from tests.checks.tables import MOMENT, filled

WEEK: dict[str, Any] = {
    "prometheus": "main", "namespace": "go-coffee", "workload": "deployment/orders", "pod": "orders-5c-a", "container": "app",
    "revision": "replicaset/orders-5c", "cpu_p95_cores": 0.2, "memory_max_mib": 300.0, "cpu_throttled": 0.0,
    "oom_killed": False, "samples_expected": 2016, "samples_found": 2016, "days": 7.0, "since": MOMENT - timedelta(days=7),
}  # fmt: skip
NOW: dict[str, Any] = {
    "cluster": "eu", "namespace": "go-coffee", "workload": "deployment/orders", "pod": "orders-5c-a", "container": "app",
    "sidecar": False, "daemonset": False, "cpu_request_cores": 1.0, "cpu_limit_cores": 2.0, "memory_request_mib": 1024.0,
    "memory_limit_mib": 2048.0, "hpa_on_cpu": False, "hpa_on_memory": False,
}  # fmt: skip


def sizing(*rows: dict[str, Any]) -> pd.DataFrame:
    return filled(usage.sizing.schema, *(WEEK | row for row in rows))


def containers(*rows: dict[str, Any]) -> pd.DataFrame:
    return filled(cost_objects.containers.schema, *(NOW | row for row in rows))


def advised(seen: dict[str, Any] | None = None, now: dict[str, Any] | None = None) -> dict[str, Any]:
    """The advice for one container of one pod."""
    (row,) = records(rightsizing.advice(sizing(seen or {}), containers(now or {})))
    return row


def test_requests_are_p95_and_peak_with_headroom() -> None:
    row = advised()
    assert (row["cpu_advice"], row["cpu_advised_cores"]) == ("lower", 0.23)
    assert (row["memory_advice"], row["memory_advised_mib"]) == ("lower", 345.0)
    assert (row["confidence"], row["doubts"]) == ("HIGH", None)
    assert (row["cpu_limit_advised_cores"], row["memory_limit_advised_mib"]) == (None, None)


def test_amounts_are_rounded_up_never_down() -> None:
    row = advised({"cpu_p95_cores": 0.1001, "memory_max_mib": 100.1})
    assert (row["cpu_advised_cores"], row["memory_advised_mib"]) == (0.116, 116.0)
    assert advised({"cpu_p95_cores": 0.0})["cpu_advised_cores"] == 0.001


@pytest.mark.parametrize(
    ("limit", "peak", "least"),
    [(512.0, 300.0, 615.0), (300.0, 290.0, 400.0), (512.0, 600.0, 690.0), (2048.0, 1.0, 2458.0)],
)
def test_c14_never_below_a_limit_at_which_it_ran_out_of_memory_nor_below_its_peak(
    limit: float, peak: float, least: float
) -> None:
    row = advised({"oom_killed": True, "oom_limit_mib": limit, "memory_max_mib": peak})
    assert row["memory_advised_mib"] == least
    assert least >= max(limit * 1.2, limit + 100, peak * 1.15)
    assert (row["confidence"], row["doubts"]) == ("LOW", "it ran out of memory")


def test_c14_the_limit_at_which_it_was_killed_rises_with_the_request() -> None:
    row = advised(
        {"oom_killed": True, "oom_limit_mib": 512.0}, {"memory_request_mib": 256.0, "memory_limit_mib": 512.0}
    )
    assert (row["memory_advice"], row["memory_advised_mib"], row["memory_limit_advised_mib"]) == ("raise", 615.0, 615.0)


def test_c14_killed_at_a_limit_that_is_not_told_is_not_known() -> None:
    row = advised({"oom_killed": True})
    assert (row["memory_advice"], row["memory_advised_mib"]) == ("not known", None)


@pytest.mark.parametrize(
    ("throttled", "advice"), [(0.0, "lower"), (0.01, "lower"), (0.011, "no change"), (0.9, "no change")]
)
def test_c14_a_throttled_cpus_p95_is_cut_off_so_it_is_not_lowered(throttled: float, advice: str) -> None:
    row = advised({"cpu_throttled": throttled, "cpu_p95_cores": 0.5}, {"cpu_limit_cores": 0.5})
    assert (row["cpu_advice"], row["cpu_advised_cores"] is None) == (advice, advice == "no change")


def test_c14_a_throttled_cpu_may_be_raised_and_an_untold_throttling_keeps_it() -> None:
    row = advised({"cpu_throttled": 0.9, "cpu_p95_cores": 1.0}, {"cpu_limit_cores": 1.0})
    assert (row["cpu_advice"], row["cpu_advised_cores"], row["cpu_limit_advised_cores"]) == ("raise", 1.15, 1.15)
    assert advised({"cpu_throttled": None})["cpu_advice"] == "not known"
    assert advised({"cpu_throttled": None}, {"cpu_limit_cores": None})["cpu_advice"] == "lower"


@pytest.mark.parametrize(
    ("now", "cpu", "memory"),
    [
        ({"hpa_on_cpu": True}, "no change", "lower"),
        ({"hpa_on_memory": True}, "lower", "no change"),
        ({"runtime": "JVM"}, "not known", "not known"),
        ({"runtime": "GOMEMLIMIT"}, "not known", "not known"),
        ({"cpu_request_cores": 0.23, "memory_request_mib": 345.0}, "keep", "keep"),
        ({"cpu_request_cores": None, "memory_request_mib": None}, "raise", "raise"),
        ({"cpu_request_cores": 0.1, "memory_request_mib": 100.0}, "raise", "raise"),
    ],
)
def test_what_sizes_it_already_is_left_alone(now: dict[str, Any], cpu: str, memory: str) -> None:
    row = advised(now=now)
    assert (row["cpu_advice"], row["memory_advice"]) == (cpu, memory)


@pytest.mark.parametrize(
    ("seen", "now", "doubt"),
    [
        ({"days": 6.9}, {}, "seen for 6.9 of 7 days"),
        ({"days": 6.96}, {}, "seen for 6.96 of 7 days"),
        ({"days": 6.996}, {}, "seen for 6.99 of 7 days"),
        ({"samples_found": 1800}, {}, "89 % of samples"),
        ({"spec_changed_at": MOMENT}, {}, "its spec changed within that time"),
        ({}, {"spec_changed_at": MOMENT - timedelta(days=1)}, "its spec changed within that time"),
        ({"samples_expected": 0, "samples_found": 0}, {}, "0 % of samples"),
    ],
)
def test_confidence_is_low_where_one_of_its_conditions_fails(
    seen: dict[str, Any], now: dict[str, Any], doubt: str
) -> None:
    row = advised(seen, now)
    assert (row["confidence"], row["doubts"]) == ("LOW", doubt)


def test_confidence_is_high_where_one_sample_lacks_at_an_edge() -> None:
    assert advised({"days": 7 - 5 / 1440})["confidence"] == "HIGH"


def test_confidence_is_high_where_the_spec_is_older_than_the_window() -> None:
    assert advised(now={"spec_changed_at": MOMENT - timedelta(days=8)})["confidence"] == "HIGH"
    # The template's last write is known and old: pods of one more ReplicaSet are not needed to tell.
    two = sizing({}, {"pod": "orders-77-b", "revision": "replicaset/orders-77"})
    (row,) = records(rightsizing.advice(two, containers({})))
    assert row["doubts"] == "its spec changed within that time"


def test_a_workload_is_judged_by_all_its_pods_also_those_that_are_gone() -> None:
    seen = sizing(
        {}, {"pod": "orders-5c-gone", "cpu_p95_cores": 0.4, "memory_max_mib": 900.0, "days": 1.0, "samples_found": 1000}
    )
    (row,) = records(rightsizing.advice(seen, containers({}, {"pod": "orders-5c-b"})))
    assert (row["pods"], row["cpu_advised_cores"], row["memory_advised_mib"]) == (2, 0.46, 1035.0)
    assert (row["samples_found"], row["samples_expected"], row["days"]) == (3016, 4032, 7.0)


def test_without_kube_state_metrics_pods_are_known_by_the_cluster() -> None:
    seen = sizing({"workload": None, "revision": None}, {"workload": None, "revision": None, "pod": "gone-1"})
    (row,) = records(rightsizing.advice(seen, containers({})))
    assert (row["workload"], row["cpu_advice"], row["samples_found"]) == ("deployment/orders", "lower", 2016)


@pytest.mark.parametrize(
    "seen", [{"pod": "other", "workload": "deployment/other"}, {"cpu_p95_cores": None, "memory_max_mib": None}]
)
def test_no_sample_is_not_known_and_no_advice(seen: dict[str, Any]) -> None:
    row = advised(seen)
    assert (row["cpu_advice"], row["memory_advice"]) == ("not known", "not known")
    assert (row["cpu_why"], row["cpu_advised_cores"]) == ("no sample of it", None)


def test_less_than_a_day_is_no_advice() -> None:
    row = advised({"days": 0.5})
    assert (row["cpu_advice"], row["cpu_why"]) == ("not known", "seen for 12 h only")


def test_two_clusters_with_the_same_pod_are_not_told_apart() -> None:
    both = containers(
        {"pod": "db-0", "workload": "statefulset/db"}, {"pod": "db-0", "workload": "statefulset/db", "cluster": "us"}
    )
    rows = records(rightsizing.advice(sizing({"pod": "db-0", "workload": "statefulset/db"}), both))
    assert [row["cpu_advice"] for row in rows] == ["not known", "not known"]
    named = containers(
        {"pod": "db-0", "workload": "statefulset/db"}, {"pod": "db-1", "workload": "statefulset/db", "cluster": "us"}
    )
    rows = records(rightsizing.advice(sizing({"pod": "db-0", "workload": "statefulset/db"}), named))
    assert [row["cpu_advice"] for row in rows] == ["lower", "not known"]


def test_savings_are_those_of_all_pods_by_confidence() -> None:
    seen = sizing({}, {"pod": "k-0", "workload": "statefulset/k", "cpu_p95_cores": 2.0, "days": 3.0})
    now = containers({}, {"pod": "orders-5c-b"}, {"pod": "k-0", "workload": "statefulset/k"})
    found = {row["confidence"]: row for row in records(rightsizing.savings(rightsizing.advice(seen, now)))}
    assert found["HIGH"]["freed_cpu_cores"] == pytest.approx(2 * (1.0 - 0.23))
    assert found["HIGH"]["freed_memory_gib"] == pytest.approx(2 * (1024 - 345) / 1024)
    assert (found["LOW"]["freed_cpu_cores"], found["LOW"]["added_cpu_cores"]) == (0.0, pytest.approx(1.3))


def test_the_patch_is_yaml_of_what_changes_and_of_nothing_else() -> None:
    seen = sizing(
        {},
        {"container": "mesh"},
        {"pod": "alone", "workload": "pod/alone"},
        {"pod": "k-0", "workload": "statefulset/k", "days": 3.0},
    )
    now = containers(
        {"hpa_on_cpu": True}, {"container": "mesh", "sidecar": True}, {"pod": "alone", "workload": "pod/alone"},
        {"pod": "k-0", "workload": "statefulset/k"},
    )  # fmt: skip
    made = rightsizing.advice(seen, now)
    documents = [one for one in yaml.safe_load_all(rightsizing.patch(made)) if one]
    assert [(one["kind"], one["metadata"]) for one in documents] == [
        ("Deployment", {"name": "orders", "namespace": "go-coffee"})
    ]
    assert documents[0]["spec"]["template"]["spec"] == {
        "containers": [{"name": "app", "resources": {"requests": {"memory": "345Mi"}}}],
        "initContainers": [{"name": "mesh", "resources": {"requests": {"cpu": "230m", "memory": "345Mi"}}}],
    }
    assert "# pod/alone in go-coffee has no template" in rightsizing.patch(made)
    left_out = (
        "# left out, LOW confidence: statefulset/k in go-coffee, app: cpu: 230m, memory: 345Mi (seen for 3 of 7 days)"
    )
    assert rightsizing.patch(made).splitlines()[-1] == left_out
    assert "left out" not in rightsizing.patch(made, confidence="LOW")
    kinds = [one["kind"] for one in yaml.safe_load_all(rightsizing.patch(made, confidence="LOW")) if one]
    assert kinds == ["Deployment", "StatefulSet"]
    assert rightsizing.patch(made, cluster="us").startswith("# no advice")


def test_the_namespaces_to_try_first_are_those_where_most_moves() -> None:
    seen = sizing(
        {}, {"namespace": "b", "cpu_p95_cores": 4.0}, {"namespace": "c", "cpu_p95_cores": 1.0, "memory_max_mib": 1024.0}
    )
    now = containers(
        {}, {"namespace": "b"}, {"namespace": "c", "cpu_request_cores": 1.15, "memory_request_mib": 1178.0}
    )
    made = rightsizing.advice(seen, now)
    assert rightsizing.namespaces(made) == ["b", "go-coffee"]
    assert rightsizing.namespaces(made, most=1) == ["b"]


# On the past


def steps(days: int, cpu: Any, memory: Any, pod: str = "orders-5c-a", **more: Any) -> list[dict[str, Any]]:
    """A sample each 5 minutes; `cpu` and `memory` are functions of the number of the day."""
    start = MOMENT - timedelta(days=days)
    return [
        {
            "prometheus": "main", "at": start + timedelta(minutes=5 * (i + 1)), "namespace": "go-coffee",
            "workload": "deployment/orders", "pod": pod, "container": "app",
            "cpu_cores": cpu(i // 288), "memory_mib": memory(i // 288), **more,
        }
        for i in range(days * 288)
    ]  # fmt: skip


def backtested(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return records(rightsizing.backtest(usage.samples.schema.from_rows(rows), as_of=MOMENT))


def test_a_backtest_counts_the_minutes_in_which_advice_of_the_days_before_was_exceeded() -> None:
    rows = steps(7, lambda day: 0.3 if day == 6 else 0.2, lambda day: 300.0)
    (row,) = backtested(*rows)
    assert (row["cpu_advised_cores"], row["memory_advised_mib"]) == (pytest.approx(0.23), 345.0)
    assert (row["cpu_exceeded_min"], row["memory_exceeded_min"]) == (1440.0, 0.0)
    assert row["cpu_worst"] == pytest.approx(0.3 / 0.23)
    assert (row["fitted_min"], row["replayed_min"]) == (7200.0, 2880.0)


def test_a_minute_counts_once_and_a_peak_of_the_days_before_is_in_the_advice() -> None:
    first = steps(7, lambda day: 0.2, lambda day: 500.0 if day == 2 else 300.0)
    second = steps(7, lambda day: 0.4 if day == 5 else 0.1, lambda day: 560.0 if day == 5 else 300.0, pod="orders-5c-b")
    (row,) = backtested(*first, *second)
    assert row["memory_advised_mib"] == pytest.approx(575.0)
    assert (row["cpu_exceeded_min"], row["memory_exceeded_min"]) == (1440.0, 0.0)


def test_what_has_no_days_before_or_after_was_not_tried() -> None:
    new = steps(1, lambda day: 0.2, lambda day: 300.0, workload="deployment/new", pod="new-1")
    old = [
        row | {"workload": "deployment/old", "pod": "old-1"}
        for row in steps(7, lambda d: 0.2, lambda d: 300.0)[: 4 * 288]
    ]
    rows = {row["workload"]: row for row in backtested(*new, *old)}
    assert rows["deployment/new"]["missing"] == (
        "no sample in the days to learn from; 1,440 of 2,880 minutes to try it on have samples of its CPU"
    )
    assert rows["deployment/old"]["missing"] == (
        "5,760 of 7,200 minutes to learn from have samples of its CPU; no sample in the days to try it on"
    )
    assert [row["cpu_exceeded_min"] for row in rows.values()] == [None, None]
    assert backtested() == []


def test_samples_that_end_early_are_lacking_at_the_end_and_shift_no_day() -> None:
    """A day of high usage is the last of those to learn from; without the two days after it, it is not the trial."""
    rows = steps(7, lambda day: 0.4 if day == 4 else 0.2, lambda day: 300.0)
    (row,) = backtested(*rows[: 5 * 288])
    assert (row["fitted_min"], row["replayed_min"], row["cpu_exceeded_min"]) == (7200.0, 0.0, None)
    assert row["cpu_advised_cores"] == pytest.approx(0.46)
    assert row["missing"] == "no sample in the days to try it on"


@pytest.mark.parametrize(
    ("fitted", "replayed", "memory", "missing"),
    [
        (1, 1, 300.0, "5 of 7,200 minutes to learn from"),
        (1295, 576, 300.0, "6,475 of 7,200 minutes to learn from"),
        (1440, 518, 300.0, "2,590 of 2,880 minutes to try it on"),
        (1440, 576, None, "0 of 7,200 minutes to learn from have samples of its memory"),
        (1296, 519, 300.0, None),
    ],
)
def test_a_trial_of_less_than_nine_tenths_of_its_days_says_what_it_lacks(
    fitted: int, replayed: int, memory: float | None, missing: str | None
) -> None:
    """The end of each part, so that the last sample is the last of the window."""
    rows = steps(7, lambda day: 0.2, lambda day: memory)
    (row,) = backtested(*rows[1440 - fitted : 1440], *rows[len(rows) - replayed :])
    assert (row["fitted_min"], row["replayed_min"]) == (fitted * 5.0, replayed * 5.0)
    assert (row["missing"] or "").startswith(missing or "")
    assert (row["missing"] is None) == (missing is None)
    found = {one.status for one in checks.advice_held(rightsizing.BACKTEST.from_rows([row]), thresholds=Thresholds())}
    assert found == {Status.OK if missing is None else Status.UNKNOWN}


def test_a_pod_that_nobody_made_is_its_own_workload() -> None:
    rows = steps(7, lambda day: 0.2, lambda day: None, workload=None)
    (row,) = backtested(*rows)
    assert (row["workload"], row["memory_advised_mib"], row["memory_exceeded_min"]) == ("pod/orders-5c-a", None, None)
