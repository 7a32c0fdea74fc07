"""What changed and when: moments of several tables on one timeline, and what came before an onset."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gocoffee_ops import checks
from gocoffee_ops.analysis import timeline
from gocoffee_ops.analysis.logs.schemas import ERROR_ONSETS, NOVELTY, ONSETS
from gocoffee_ops.errors import UsageError
from gocoffee_ops.frames import Tables, records
from gocoffee_ops.model import Status
from gocoffee_ops.queries import alerts, cluster, dashboards, database, pods, workloads
from tests.checks.tables import filled, table

ONSET = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
EVENT = {"cluster": "eu", "namespace": "go-coffee", "type": "Warning", "count": 1}


def at(minutes: float) -> datetime:
    """Minutes from the onset."""
    return ONSET + timedelta(minutes=minutes)


def events(*rows: dict[str, Any]) -> pd.DataFrame:
    return table(cluster.events, *(EVENT | row for row in rows), evidence="cluster.events()@cluster/eu")


def moments(*rows: dict[str, Any]) -> pd.DataFrame:
    plain = dict.fromkeys(("cluster", "namespace", "service", "node", "resolution_s")) | {
        "what": "it changed",
        "source": "",
        "evidence": "",
    }
    return timeline.MOMENTS.from_rows([plain | row for row in rows])


def test_events_are_scaling_nodes_and_warnings_and_the_rest_is_no_news() -> None:
    found = timeline.events(
        events(
            {"object": "deployment/orders", "type": "Normal", "reason": "ScalingReplicaSet", "first_seen_at": at(-5)},
            {"object": "node/n1", "type": "Normal", "reason": "NodeNotReady", "first_seen_at": at(-4)},
            {"object": "pod/orders-7d9f8b6c5-x2x4z", "reason": "BackOff", "first_seen_at": at(-3), "count": 9},
            {"object": "pod/orders-7d9f8b6c5-x2x4z", "type": "Normal", "reason": "Pulled", "first_seen_at": at(-2)},
        )
    )
    rows = [(row["kind"], row["subject"], row["service"], row["node"]) for row in records(found)]
    assert rows == [
        ("scaling", "deployment/orders", "orders", None),
        ("node event", "node/n1", None, "n1"),
        ("event", "pod/orders-7d9f8b6c5-x2x4z", "orders", None),
    ]
    assert "(9 times" in found["what"][2]


def test_a_pod_is_its_owners_where_that_was_read_whatever_its_name_looks_like() -> None:
    names = ("web-8c9d7f6b5-x2x4z", "csi-s3-x2x4z", "seed-4d-x2x4z", "gone-s3-x2x4z")
    told = timeline.events(
        events(*({"object": f"pod/{name}", "reason": "BackOff", "first_seen_at": at(-3)} for name in names))
    )
    of = {row["subject"]: row["service"] for row in records(told)}
    assert list(of.values()) == ["csi-s3", "gone-s3", "seed-4d", "web"]
    owners = {
        "web-8c9d7f6b5-x2x4z": "daemonset/web-8c9d7f6b5",
        "csi-s3-x2x4z": "daemonset/csi-s3",
        "seed-4d-x2x4z": "job/seed-4d",
    }
    runs = [{"cluster": "eu", "namespace": "go-coffee", "pod": pod, "owner": owner} for pod, owner in owners.items()]
    elsewhere = {"cluster": "us", "namespace": "go-coffee", "pod": "gone-s3-x2x4z", "owner": "deployment/gone"}
    line = timeline.merge(told, timeline.placements(table(cluster.pods, *runs, elsewhere)))
    known = {row["subject"]: row["service"] for row in records(line)}
    assert known == of | {"pod/web-8c9d7f6b5-x2x4z": "web-8c9d7f6b5"}
    assert records(timeline.within(line, at(-5), at(0))) == records(line)


def test_a_restart_is_its_owners() -> None:
    ended = {"container": "app", "restarts": 3, "last_reason": "Error", "last_finished_at": at(-2)}
    owners = {"a-bbbbbb-x2x4z": "daemonset/a-bbbbbb", "kube-proxy-n1": "node/n1", "b-0": None}
    rows = [ended | {"pod": pod, "owner": owner} for pod, owner in owners.items()]
    found = timeline.restarts(table(workloads.restarts, *rows))
    assert found["service"].tolist() == ["a-bbbbbb", "b", "kube-proxy"]


def test_a_moment_cites_the_record_of_its_own_cluster() -> None:
    both = events(
        {"object": "node/n1", "first_seen_at": at(-1)}, {"object": "node/n2", "cluster": "us", "first_seen_at": at(0)}
    )
    both.attrs["evidence"] = ["cluster.events()@cluster/eu", "cluster.events()@cluster/us"]
    assert list(timeline.events(both)["evidence"]) == both.attrs["evidence"]


def test_a_row_without_a_time_is_counted_not_lost() -> None:
    ended = {"pod": "orders-1", "container": "app", "restarts": 3, "last_reason": "OOMKilled"}
    found = timeline.restarts(
        table(workloads.restarts, ended | {"last_finished_at": at(-2)}, ended | {"last_finished_at": None})
    )
    assert (len(found), found.attrs["untimed"]) == (1, 1)
    merged = timeline.merge(found, timeline.restarts(table(workloads.restarts, ended | {"last_finished_at": None})))
    assert (len(merged), merged.attrs["untimed"]) == (1, 2)


def test_an_alert_is_its_services_symptom_and_a_silence_is_said() -> None:
    fires = {
        "alert": "HighErrorRate",
        "severity": "critical",
        "state": "suppressed",
        "starts_at": at(2),
        "summary": "5xx",
    }
    found = records(
        timeline.alerts(table(alerts.alerts, fires | {"labels": ("alertname=HighErrorRate", "service=orders")}))
    )
    assert [(row["subject"], row["service"], row["what"]) for row in found] == [
        ("alert/HighErrorRate", "orders", "critical (suppressed): 5xx")
    ]


def test_a_merged_timeline_is_in_order_and_rests_on_all_that_it_was_made_of() -> None:
    late = timeline.events(events({"object": "node/n1", "first_seen_at": at(5)}))
    early = timeline.restarts(
        table(
            workloads.restarts,
            {"pod": "a-0", "restarts": 1, "last_reason": "Error", "last_finished_at": at(-5)},
            evidence="workloads.restarts()@cluster/eu",
        )
    )
    merged = timeline.merge(late, early)
    assert [row["time"] for row in records(merged)] == [at(-5), at(5)]
    assert merged.attrs["evidence"] == ["cluster.events()@cluster/eu", "workloads.restarts()@cluster/eu"]
    assert len(timeline.within(merged, at(0), at(6))) == 1
    assert timeline.merge().columns.tolist() == list(timeline.MOMENTS.names)


def test_nearer_more_related_and_rarer_changes_stand_first() -> None:
    own = {
        "kind": "rollout",
        "subject": "deployment/orders",
        "service": "orders",
        "namespace": "go-coffee",
        "time": at(-3),
    }
    other = own | {"subject": "deployment/payments", "service": "payments"}
    often = [
        own | {"kind": "config change", "subject": "configmap/flags", "service": None, "time": at(-i)}
        for i in (1, 2, 3)
    ]
    found = timeline.candidates(
        moments(own, other, own | {"subject": "deployment/orders", "kind": "scaling", "time": at(-40)}, *often),
        onset=ONSET, service="orders", namespace="go-coffee",
    )  # fmt: skip
    assert found["subject"][0] == "deployment/orders"
    assert found["before_onset_s"][0] == 180
    assert found["score"].is_monotonic_decreasing
    for row in records(found):
        assert row["score"] == pytest.approx(row["proximity"] * row["overlap"] * row["rarity"])
    config = [row for row in records(found) if row["kind"] == "config change"]
    assert [row["rarity"] for row in config] == [pytest.approx(1 / 3)] * 3


def test_what_came_after_and_what_is_only_a_symptom_is_no_candidate() -> None:
    base = {"subject": "deployment/orders", "service": "orders"}
    after = base | {"kind": "rollout", "time": at(1)}  # the minute after the onset's own
    alert = base | {"kind": "alert", "time": at(-1)}
    old = base | {"kind": "rollout", "time": at(-60 * 7)}
    assert timeline.candidates(moments(after, alert, old), onset=ONSET, service="orders").empty


def test_what_came_within_the_onsets_minute_may_have_come_before_it() -> None:
    found = timeline.candidates(
        moments({"kind": "rollout", "subject": "deployment/orders", "service": "orders", "time": at(0.5)}),
        onset=ONSET,
        service="orders",
    )
    assert [(row["before_onset_s"], row["proximity"]) for row in records(found)] == [(-30.0, 1.0)]
    (said,) = checks.changed_before_onset(moments(), found)
    assert "look first at deployment/orders, 30.0 s after, within what it is known to (rollout: " in said.reason


@pytest.mark.parametrize("kind", ["event", "restart", "node event", "annotation"])
def test_what_was_only_seen_within_the_onsets_minute_is_no_candidate(kind: str) -> None:
    seen = {"kind": kind, "subject": "pod/orders-0", "service": "orders"}
    found = timeline.candidates(
        moments(seen | {"time": at(0.05)}, seen | {"time": at(-0.05)}), onset=ONSET, service="orders"
    )
    assert list(found["before_onset_s"]) == [3.0]


def test_a_statement_that_postgres_logs_for_taking_long_has_its_onset() -> None:
    service = {"cluster": "eu", "namespace": "go-coffee", "service": "postgres-primary", "template_id": "t-1"}
    slow = service | {"template": "duration: <num> ms statement: SELECT * FROM orders"}
    began = {
        "onset": at(-1),
        "onset_low": at(-2),
        "onset_high": at(0),
        "resolution_s": 120.0,
        "ratio": 9.0,
        "p_value": 0.001,
    }
    rates = {"before_per_min": 0.0, "after_per_min": 9.0}
    onsets = filled(ONSETS, slow | began | rates, slow | began | rates | {"template": "checkpoint complete"})
    assert list(timeline.log_onsets(onsets)["kind"]) == ["quiet log onset", "statement onset"]
    news = filled(NOVELTY, slow | {"change": "new", "count": 7, "first_seen": at(-1)})
    assert list(timeline.log_novelties(news)["kind"]) == ["statement onset"]


def test_the_first_onset_is_the_services_own() -> None:
    base = {"kind": "error onset", "subject": "service/x"}
    found = moments(
        base | {"service": "payments", "time": at(-9)},
        base | {"service": "orders", "time": at(-2)},
        base | {"service": "orders", "kind": "rollout", "time": at(-20)},
    )
    assert timeline.first_onset(found, service=["orders"]) == at(-2)
    assert timeline.first_onset(found) == at(-9)
    assert timeline.first_onset(moments()) is None


def test_the_onset_is_what_somebody_says_else_the_first_symptom_else_none() -> None:
    base = {"kind": "error onset", "subject": "service/x"}
    found = moments(base | {"service": "gateway", "time": at(-9)}, base | {"service": "orders", "time": at(-2)})
    assert timeline.onset_of(found, started="2026-11-25T02:00Z") == at(-60)
    assert timeline.onset_of(found, service=("orders", "gateway")) == at(-9)
    assert timeline.onset_of(found, service=("orders",)) == at(-2)
    assert timeline.onset_of(found) == at(-9)
    assert timeline.onset_of(moments()) is None
    with pytest.raises(UsageError, match="names no zone"):
        timeline.onset_of(found, started="2026-11-25T02:00")


def test_without_an_onset_a_services_own_first_alert_is_the_moment_to_count_back_from() -> None:
    fires = {"kind": "alert", "subject": "alert/Down", "service": "orders"}
    always = fires | {"subject": "alert/Watchdog", "service": None}
    found = moments(fires | {"time": at(-5)}, fires | {"time": at(-3)}, always | {"time": at(-600)})
    assert timeline.onset_of(found, service=("orders",)) == at(-5)
    assert timeline.onset_of(found, service=("menu",)) is None
    assert timeline.onset_of(found) is None
    later = timeline.merge(found, moments(fires | {"kind": "log onset", "time": at(-4)}))
    assert timeline.onset_of(later, service=("orders",)) == at(-4)


RESTARTED = {
    "kind": "restart",
    "subject": "pod/orders-7d9f8b6c5-x2x4z",
    "service": "orders",
    "what": "app ended: Error",
}
BACKED_OFF = RESTARTED | {"kind": "event", "what": "BackOff: back-off restarting failed container"}
RELEASED = {"kind": "rollout", "subject": "deployment/orders", "service": "orders", "what": "revision 7"}


@pytest.mark.parametrize("after", [RESTARTED, BACKED_OFF, BACKED_OFF | {"what": "Killing: stopping container"}])
def test_what_comes_of_an_outage_never_stands_before_a_change(after: dict[str, Any]) -> None:
    """As in an outage whose start nobody named: the restarts are nearer to the end of the window than the release."""
    other = {"kind": "config change", "subject": "configmap/flags", "time": at(-300)}
    found = moments(after | {"time": at(-0.5)}, RELEASED | {"time": at(-40)}, other)
    ranked = records(timeline.candidates(found, onset=ONSET, service="orders"))
    assert [row["role"] for row in ranked] == ["change", "change", "aftermath"]
    assert ranked[0]["subject"] == "deployment/orders"
    assert ranked[2]["score"] > ranked[0]["score"]  # shown as it is, and behind all the same
    (said,) = checks.changed_before_onset(moments(), timeline.candidates(found, onset=ONSET, service="orders"))
    assert "look first at deployment/orders" in said.reason


def test_a_node_of_the_service_counts_more_than_a_node_of_others() -> None:
    placed = timeline.placements(
        table(
            cluster.pods,
            {"owner": "deployment/orders", "node": "n1"},
            {"owner": "deployment/orders", "node": None},
            {"owner": "deployment/payments", "node": "n2"},
        )
    )
    failed = {"kind": "node event", "what": "NodeNotReady: it is gone", "namespace": "", "time": at(-2)}
    nodes = [failed | {"subject": f"node/{name}", "node": name} for name in ("n1", "n2")]
    line = timeline.within(timeline.merge(moments(*nodes), placed), at(-60), at(60))
    own = timeline.nodes_of(line, "orders")
    assert own == (("cluster", "n1"),)
    ranked = records(timeline.candidates(line, onset=ONSET, service="orders", nodes=own))
    assert [(row["subject"], row["overlap"]) for row in ranked] == [("node/n1", 0.6), ("node/n2", 0.1)]
    blind = timeline.candidates(line, onset=ONSET, service="orders", nodes=timeline.nodes_of(line, "carts"))
    assert "was not read, so that none counts as its own" in blind.attrs["truncated"][0]


def test_of_several_services_each_counts_as_its_own() -> None:
    rows = [
        {"owner": f"deployment/{name}", "node": node}
        for name, node in (("orders", "n1"), ("carts", "n2"), ("web", "n3"))
    ]
    changed = {"kind": "rollout", "namespace": "go-coffee", "time": at(-2)}
    rollouts = [changed | {"subject": f"deployment/{name}", "service": name} for name in ("orders", "carts", "web")]
    line = timeline.merge(moments(*rollouts), timeline.placements(table(cluster.pods, *rows)))
    own = timeline.nodes_of(line, ["orders", "carts"])
    ranked = timeline.candidates(line, onset=ONSET, service=["orders", "carts"], namespace="go-coffee", nodes=own)
    assert own == (("cluster", "n1"), ("cluster", "n2"))
    assert "truncated" not in ranked.attrs
    named = ["orders", "menu"]
    half = timeline.candidates(line, onset=ONSET, service=named, nodes=timeline.nodes_of(line, named))
    assert half.attrs["truncated"] == ["on which nodes menu runs was not read, so that none counts as its own"]
    assert {row["subject"]: row["overlap"] for row in records(ranked)} == {
        "deployment/orders": 1.0, "deployment/carts": 1.0, "deployment/web": 0.4,
    }  # fmt: skip


BEGAN = {"kind": "log onset", "subject": "service/orders", "service": "orders", "cluster": "eu", "time": ONSET}
IN_BOTH = [
    {"kind": kind, "subject": f"{kind}/x", "namespace": "shop", "time": at(-2)} | where | {"cluster": cluster}
    for cluster in ("eu", "us")
    for kind, where in (
        ("rollout", {"service": "orders"}),
        ("node event", {"node": "n1", "namespace": ""}),
        ("config change", {}),
        ("event", {"namespace": "other"}),
    )
]


def overlaps(line: pd.DataFrame, onset: datetime | None, **named: str) -> tuple[dict[str, list[float]], pd.DataFrame]:
    """What the candidates of each cluster overlap by: the service, its node, its namespace, its cluster."""
    nodes = timeline.nodes_of(line, "orders")
    found = timeline.candidates(
        line, onset=onset, otherwise=ONSET, service="orders", namespace="shop", nodes=nodes, **named
    )
    of = {(row["cluster"], row["kind"]): row["overlap"] for row in records(found)}
    kinds = ("rollout", "node event", "config change", "event")
    return {cluster: [of[cluster, kind] for kind in kinds] for cluster in ("eu", "us")}, found


def test_what_has_the_same_name_in_another_cluster_than_the_onset_overlaps_less() -> None:
    runs = table(
        cluster.pods, *({"owner": "deployment/orders", "node": "n1", "cluster": name} for name in ("eu", "us"))
    )
    line = timeline.merge(moments(BEGAN, *IN_BOTH), timeline.placements(runs))
    here, found = overlaps(line, ONSET)
    assert here == {"eu": [1.0, 0.6, 0.4, 0.2], "us": [0.3, 0.1, 0.1, 0.1]}
    assert (found.attrs["clusters"], "truncated" in found.attrs) == (["eu"], False)
    assert overlaps(line, ONSET, cluster="us")[0] == {"eu": [0.3, 0.1, 0.1, 0.1], "us": [1.0, 0.6, 0.4, 0.2]}
    (said,) = checks.changed_before_onset(line, found)
    assert "look first at rollout/x of eu, 2 min before" in said.reason


@pytest.mark.parametrize("onset", [None, at(0.001)])
def test_where_the_onsets_cluster_is_not_known_none_counts_for_more_and_it_is_said(onset: datetime | None) -> None:
    runs = table(
        cluster.pods, *({"owner": "deployment/orders", "node": "n1", "cluster": name} for name in ("eu", "us"))
    )
    line = timeline.merge(moments(*IN_BOTH), timeline.placements(runs))
    both, found = overlaps(line, onset)
    assert both == {"eu": [1.0, 0.6, 0.4, 0.1], "us": [1.0, 0.6, 0.4, 0.1]}
    assert found.attrs["truncated"] == ["in which cluster it began is not known, so that a name counts as much in each"]
    (said,) = checks.changed_before_onset(line, found)
    assert "in which cluster it began is not known" in said.reason
    one = timeline.candidates(moments(IN_BOTH[0]), onset=onset, otherwise=ONSET, service="orders", nodes=[("eu", "n1")])
    assert "truncated" not in one.attrs
    assert "in which cluster" not in checks.changed_before_onset(line, one)[0].reason


def test_an_onset_that_stands_in_two_clusters_stands_in_both() -> None:
    line = moments(BEGAN, BEGAN | {"cluster": "us"}, *IN_BOTH)
    both, found = overlaps(line, ONSET)
    assert both == {"eu": [1.0, 0.2, 0.4, 0.2], "us": [1.0, 0.2, 0.4, 0.2]}
    assert found.attrs["clusters"] == ["eu", "us"]


def test_what_another_service_felt_at_that_moment_lifts_nothing_in_its_cluster() -> None:
    others = BEGAN | {"service": "menu", "subject": "service/menu", "cluster": "us"}
    line = moments(BEGAN, others, *IN_BOTH)
    here, found = overlaps(line, ONSET)
    assert here == {"eu": [1.0, 0.2, 0.4, 0.2], "us": [0.3, 0.1, 0.1, 0.1]}
    assert found.attrs["clusters"] == ["eu"]
    gateway = moments(others, *IN_BOTH)
    assert timeline.candidates(gateway, onset=ONSET, service="orders").attrs["clusters"] == []
    felt = timeline.candidates(gateway, onset=ONSET, service="orders", felt_by=("menu",))
    assert felt.attrs["clusters"] == ["us"]


def test_nodes_of_one_name_in_two_clusters_are_two() -> None:
    runs = table(
        cluster.pods,
        {"owner": "deployment/orders", "node": "n1", "cluster": "eu"},
        {"owner": "deployment/carts", "node": "n1", "cluster": "us"},
    )
    line = timeline.merge(moments(*(row for row in IN_BOTH if row["kind"] == "node event")), timeline.placements(runs))
    assert timeline.nodes_of(line, "orders") == (("eu", "n1"),)
    ranked = records(timeline.candidates(line, onset=ONSET, service="orders", nodes=timeline.nodes_of(line, "orders")))
    assert [(row["cluster"], row["overlap"], row["rarity"]) for row in ranked] == [("eu", 0.6, 1.0), ("us", 0.1, 1.0)]
    elsewhere = timeline.candidates(timeline.merge(line, moments(BEGAN | {"cluster": "us"})), onset=ONSET,
                                    service="orders", nodes=timeline.nodes_of(line, "orders"))  # fmt: skip
    assert "on which nodes orders runs was not read" in elsewhere.attrs["truncated"][0]


QUIETER = BEGAN | {"kind": "quiet log onset"}
FIRES = BEGAN | {"kind": "alert", "subject": "alert/Down"}


def test_what_only_informs_is_no_first_sign_where_there_is_another() -> None:
    informs, errs = QUIETER | {"time": at(-30)}, BEGAN | {"time": at(-2)}
    assert timeline.onset_of(moments(informs, errs), service=("orders",)) == at(-2)
    assert timeline.first_onset(moments(informs, errs)) == at(-2)
    fires = FIRES | {"time": at(-1)}
    assert timeline.onset_of(moments(informs, fires), service=("orders",)) == at(-1)
    assert timeline.first_onset(moments(informs, fires), service=("orders",)) is None
    others = BEGAN | {"service": "menu", "time": at(-3)}
    assert timeline.onset_of(moments(informs, others), service=("orders",)) == at(-30)
    assert timeline.candidates(moments(informs), onset=ONSET, service="orders").empty


def test_where_pods_run_is_taken_from_a_diagnosis_and_not_known_where_they_were_not_read() -> None:
    states = table(pods.states, {"owner": "deployment/orders", "node": "n1"})
    read = timeline.placements(Tables(("eu",), {"pods.states": states}, {}))
    assert timeline.nodes_of(timeline.merge(read), "orders") == (("cluster", "n1"),)
    assert timeline.nodes_of(timeline.merge(timeline.placements(Tables(("eu",), {}, {}))), "orders") == ()


def test_a_node_that_says_that_it_is_well_is_no_candidate() -> None:
    well = {
        "kind": "node event",
        "subject": "node/n1",
        "node": "n1",
        "what": "RegisteredNode: it is here",
        "time": at(-1),
    }
    assert timeline.candidates(moments(well), onset=ONSET, service="orders", nodes=[("eu", "n1")]).empty


def test_a_change_after_an_onset_that_is_known_to_the_second_is_no_candidate() -> None:
    began = {
        "kind": "error onset",
        "subject": "service/orders",
        "service": "orders",
        "time": ONSET,
        "resolution_s": 0.5,
    }
    late = RELEASED | {"time": at(0.5)}
    assert timeline.candidates(moments(began, late), onset=ONSET, service="orders").empty
    coarse = began | {"resolution_s": 60.0}
    assert len(timeline.candidates(moments(coarse, late), onset=ONSET, service="orders")) == 1
    assert len(timeline.candidates(moments(late), onset=ONSET, service="orders")) == 1


def test_an_onset_that_is_known_to_minutes_says_so() -> None:
    began = {"onset": at(-1), "onset_low": at(-2), "onset_high": at(0), "ratio": 9.0, "p_value": 0.001}
    rates = {"before_error_rate": 0.01, "after_error_rate": 0.5}
    coarse, fine = (filled(ERROR_ONSETS, began | rates | {"resolution_s": s}) for s in (120.0, 0.2))
    assert timeline.error_onsets(coarse)["what"][0] == "error rate from 1.0 % to 50.0 % (known to 120 s)"
    assert timeline.error_onsets(fine)["what"][0] == "error rate from 1.0 % to 50.0 %"
    assert timeline.error_onsets(coarse)["resolution_s"][0] == 120.0


def test_a_database_that_started_stands_on_the_timeline() -> None:
    found = timeline.server_starts(table(database.server, {"database": "coffee", "started_at": at(-3)}))
    assert [(row["time"], row["subject"], row["kind"]) for row in records(found)] == [
        (at(-3), "database/coffee", "event")
    ]


def test_what_people_noted_on_dashboards_stands_on_the_timeline() -> None:
    row = {"at": at(-7), "text": "release 4.1.0", "tags": ("deploy",), "dashboard_uid": "orders"}
    fired = {"at": at(-1), "text": "", "alert": "Errors", "state": "alerting"}
    found = records(timeline.dashboard_notes(table(dashboards.noted, row, fired)))
    assert [(one["kind"], one["subject"], one["what"]) for one in found] == [
        ("annotation", "dashboard/orders", "release 4.1.0 (deploy)"),
        ("annotation", "alert/Errors", "alerting"),
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(timeline.KINDS), st.integers(-500, 500), st.sampled_from(["orders", "payments", None])
        ),
        max_size=20,
    )
)
def test_every_score_is_between_nothing_and_one_and_nothing_is_ranked_twice(
    rows: list[tuple[str, int, str | None]],
) -> None:
    found = moments(*({"kind": k, "time": at(m), "service": s, "subject": f"deployment/{s}"} for k, m, s in rows))
    ranked = records(timeline.candidates(found, onset=ONSET, service="orders"))
    assert all(0 < row["score"] <= 1 for row in ranked)
    assert len(ranked) == sum(k not in timeline.SYMPTOMS and -360 <= m < 1 for k, m, _ in rows)


def test_where_no_sign_was_seen_it_is_said_what_is_counted_back_from() -> None:
    released = moments(RELEASED | {"time": at(-3)})
    ranked = timeline.candidates(released, onset=None, otherwise=ONSET, service="orders")
    (found,) = checks.changed_before_onset(released, ranked)
    assert "UTC (the end of the window, as no sign of an onset was seen); look first" in found.reason
    (quiet,) = checks.changed_before_onset(
        moments(), timeline.candidates(moments(), onset=None, otherwise=ONSET, service="orders")
    )
    assert (quiet.status, quiet.reason) == (
        Status.OK,
        "nothing on the timeline changed in the hours before the end of the window, as no sign of an onset was seen",
    )
    with pytest.raises(UsageError, match="neither an onset nor"):
        timeline.candidates(released, onset=None, service="orders")


def test_a_timeline_that_lacks_a_source_is_unknown_whatever_else_it_shows() -> None:
    whole = moments({"kind": "rollout", "subject": "deployment/orders", "service": "orders", "time": at(-3)})
    ranked = timeline.candidates(whole, onset=ONSET, service="orders")
    (found,) = checks.changed_before_onset(whole, ranked)
    assert (found.status, found.numbers["changes"]) == (Status.OK, 1)
    assert (
        f"1 moment before {ONSET:%Y-%m-%d %H:%M:%S} UTC; look first at deployment/orders, 3 min before" in found.reason
    )
    whole.attrs["untimed"] = 2
    (untimed,) = checks.changed_before_onset(whole, ranked)
    assert untimed.reason == f"{found.reason}; not on it, for want of a time: 2 rows"
    whole.attrs["gaps"] = ["cluster/us: changes.rollouts"]
    (found,) = checks.changed_before_onset(whole, ranked)
    assert found.status is Status.UNKNOWN
    assert "not read: cluster/us: changes.rollouts" in found.reason


def test_a_part_of_a_timeline_lacks_what_the_whole_lacks() -> None:
    whole = moments({"kind": "rollout", "subject": "deployment/orders", "time": at(-1)})
    whole.attrs["gaps"] = ["cluster/us: changes.rollouts"]
    part = timeline.within(whole, at(-5), at(0))
    (found,) = checks.changed_before_onset(part, timeline.candidates(part, onset=at(0), service="orders"))
    assert (found.status, "not read: cluster/us: changes.rollouts" in found.reason) == (Status.UNKNOWN, True)
    assert not timeline.within(moments(), at(-5), at(0)).attrs["gaps"]
