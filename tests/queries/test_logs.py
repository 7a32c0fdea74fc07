"""Logs of pods on a real API server, as the shipped reader role: every line of the window, and what could not be had."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import logs as log_analysis
from gocoffee_ops.errors import Forbidden, NotFound, ParameterError, UsageError
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.queries import logs
from gocoffee_ops.session import Place, Session
from tests.queries.log_stage import NOON, Stage, cri, minutes_before, pod, session
from tests.testbed.control_plane import Cluster


@pytest.fixture
def stage(cluster: Cluster, namespace: str, tmp_path: Path) -> Stage:
    return Stage(cluster, namespace, tmp_path)


def of_log(coverage: pd.DataFrame, container: str, *, previous: bool = False, pod: str = "orders-0") -> Any:
    found = coverage[
        (coverage["container"] == container) & (coverage["previous"] == previous) & (coverage["pod"] == pod)
    ]
    assert len(found) == 1, coverage
    return found.iloc[0]


def test_h03_every_line_of_every_pod_and_container_is_read(stage: Stage) -> None:
    """kubectl with a selector shows ten lines of a container, and does not follow more than five pods at once."""
    written = "".join(cri(minutes_before(59 - i % 59), f"line {i}") for i in range(40))
    files = {f"orders-{n}": [{"logsFile": stage.write(f"orders-{n}", written)}] for n in range(8)}
    pods = [pod(name, containers=("app", "cache"), init=("migrate", "proxy")) for name in files]
    stage.create(pods, files)
    ops = session(stage)

    frame = logs.lines(ops, namespace=stage.namespace, of="app=orders")

    read = frame.groupby(["pod", "container"]).size()
    assert set(read.index) == {(name, one) for name in files for one in ("app", "cache", "migrate", "proxy")}
    assert set(read) == {40}
    one = frame[(frame["pod"] == "orders-3") & (frame["container"] == "proxy")]
    assert list(one["line"]) == [f"line {i}" for i in range(40)]
    assert one["time"].iloc[0] == minutes_before(59)
    coverage = logs.coverage(frame)
    assert dict(zip(coverage["container"], coverage["role"], strict=True)) == {
        "app": "container", "cache": "container", "migrate": "init", "proxy": "sidecar",
    }  # fmt: skip
    assert set(coverage.loc[~coverage["previous"], "state"]) == {"read"}
    assert ops.findings == []
    shown = stage.cluster.kubectl("logs", "-l", "app=orders", "-c", "app", "-n", stage.namespace, user="reader")
    assert len(shown.splitlines()) == 10 * len(pods)
    refused = stage.cluster.kubectl_run("logs", "-l", "app=orders", "-f", "-n", stage.namespace, user="reader")
    assert "maximum allowed concurrency" in refused.stderr


def test_h03_a_budget_that_is_used_up_is_stated(stage: Stage) -> None:
    text = "".join(cri(minutes_before(50) + timedelta(milliseconds=i), f"line {i} " + "x" * 100) for i in range(20_000))
    stage.create([pod("orders-0"), pod("orders-1")], {
        "orders-0": [{"logsFile": stage.write("long", text)}],
        "orders-1": [{"logsFile": stage.write("short", cri(minutes_before(5), "short"))}],
    })  # fmt: skip
    ops = session(stage)

    frame = logs.lines(ops, namespace=stage.namespace, log_mib=1.0)

    coverage = logs.coverage(frame)
    long, short = of_log(coverage, "app"), of_log(coverage, "app", pod="orders-1")
    assert (long["state"], long["covered"], "budget of 1 MiB" in long["reason"]) == ("cut", False, True)
    assert (short["state"], short["lines"]) == ("read", 1)
    read = frame.loc[frame["pod"] == "orders-0", "line"]
    assert 7_000 < len(read) < 8_000
    assert set(read.str.len()) == {len("line 9 ") + 100 + extra for extra in range(4)}, "a cut line is no line"
    assert [(f.status, "1 of 4 logs cut" in f.reason) for f in ops.findings] == [(Status.WARN, True)]
    assert "1 of 4 logs cut" in frame.attrs["truncated"][0]
    both = logs.lines(session(stage, "both"), namespace=stage.namespace, read_mib=1.0)
    assert "budget of all logs" in of_log(logs.coverage(both), "app")["reason"]


def test_h19_the_run_before_the_last_restart_is_kept_with_its_hash(stage: Stage) -> None:
    before, now = cri(minutes_before(9), "panic: out of memory"), cri(minutes_before(3), "ready")
    file = {"previousLogsFile": stage.write("before", before), "logsFile": stage.write("now", now)}
    stage.create([pod("orders-0", kubelet="oom-killed-once")], {"orders-0": [file]})
    live = session(stage)

    frame = logs.lines(live, namespace=stage.namespace, of="pod/orders-0")

    assert list(zip(frame["previous"], frame["line"], strict=True)) == [
        (True, "panic: out of memory"),
        (False, "ready"),
    ]
    row = of_log(logs.coverage(frame), "app", previous=True)
    raw = stage.cluster.kubectl("logs", "orders-0", "-p", "--timestamps", "-n", stage.namespace)
    assert row["sha256"] == hashlib.sha256(raw.encode()).hexdigest()
    assert row["bytes"] == len(raw)


def test_h19_a_replay_gives_the_same_lines_and_the_same_coverage(stage: Stage) -> None:
    stage.create([pod("orders-0")], {"orders-0": [{"logsFile": stage.write("a", cri(minutes_before(1), "hello"))}]})
    frame = logs.lines(session(stage), namespace=stage.namespace)
    recording = Recording(stage.folder / "live" / "evidence")
    again = Session(
        runbook="test", environment="test", places=[Place(Target("cluster", "planted"), NOON, recording=recording)],
        thresholds=Thresholds(), ledger=Ledger(stage.folder / "again"),
    )  # fmt: skip
    replayed = logs.lines(again, namespace=stage.namespace)

    assert replayed.equals(frame)
    assert logs.coverage(replayed).equals(logs.coverage(frame))


def test_h31_the_oldest_line_is_stated_and_what_was_rotated_away_is_not_called_covered(stage: Stage) -> None:
    old, young = cri(minutes_before(600), "long ago"), cri(minutes_before(20), "lately")
    files = {
        "orders-0": [{"logsFile": stage.write("reaches back", old + young)}],
        "orders-1": [{"logsFile": stage.write("rotated", young)}],
    }
    stage.create([pod(name) for name in files], files)

    frame = logs.lines(session(stage), namespace=stage.namespace, window_s=3600.0)

    assert list(frame["line"]) == ["lately", "lately"]
    coverage = logs.coverage(frame)
    back, rotated = of_log(coverage, "app"), of_log(coverage, "app", pod="orders-1")
    assert (back["covered"], back["oldest_there_at"]) == (True, minutes_before(600))
    assert (rotated["covered"] is pd.NA, rotated["oldest_there_at"]) == (True, minutes_before(20))
    assert set(coverage["window_start_at"]) == {minutes_before(60)}


def test_a_window_in_the_past_ends_where_it_should(stage: Stage) -> None:
    text = "".join(cri(minutes_before(i), f"{i} before") for i in range(30, -1, -1))
    stage.create([pod("orders-0")], {"orders-0": [{"logsFile": stage.write("a", text)}]})

    frame = logs.lines(session(stage), namespace=stage.namespace, start=minutes_before(20), end=minutes_before(10))

    assert list(frame["line"]) == [f"{i} before" for i in range(20, 10, -1)]
    row = of_log(logs.coverage(frame), "app")
    raw = stage.cluster.kubectl("logs", "orders-0", "--timestamps", "-n", stage.namespace).splitlines(keepends=True)
    assert (row["state"], row["sha256"]) == ("read", hashlib.sha256("".join(raw[10:20]).encode()).hexdigest())


def test_a_pod_whose_log_is_refused_is_unknown_and_the_others_stand(stage: Stage) -> None:
    """Its kubelet says no; the API server hands that on."""
    files = {
        "orders-0": [{"logsFile": stage.write("a", cri(minutes_before(1), "hello"))}],
        "orders-1": [{"containers": ["another"], "logsFile": stage.write("b", "")}],
    }
    stage.create([pod(name) for name in files], files)
    ops = session(stage)

    frame = logs.lines(ops, namespace=stage.namespace)

    assert list(frame["line"]) == ["hello"]
    lost = of_log(logs.coverage(frame), "app", pod="orders-1")
    assert (lost["state"], lost["covered"]) == ("refused", False)
    assert "log target not found" in lost["reason"]
    (finding,) = ops.findings
    assert (finding.status, finding.subject) == (Status.UNKNOWN, "cluster/planted")
    assert "orders-1/app: " in finding.reason


def test_several_owners_are_read_at_once_and_one_without_pods_is_unknown(stage: Stage) -> None:
    """The owners are ConfigMaps: who an owner is must exist, or the pods are collected as garbage."""
    pods, files = [], {}
    for name in ("orders", "payments", "carts"):
        stage.cluster.kubectl("create", "configmap", name, "-n", stage.namespace)
        uid = stage.cluster.get("configmap", name, "-n", stage.namespace)["metadata"]["uid"]
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, "controller": True}
        made = pod(f"{name}-0", containers=("till",) if name == "payments" else ("app",))
        made["metadata"]["ownerReferences"] = [owner]
        pods.append(made)
        files[f"{name}-0"] = [{"logsFile": stage.write(name, cri(minutes_before(1), f"of {name}"))}]
    stage.create(pods, files)
    ops = session(stage)

    both = logs.lines(ops, namespace=stage.namespace, of=["orders", "configmap/payments"])
    assert (sorted(both["line"]), ops.findings) == (["of orders", "of payments"], [])
    part = logs.lines(ops, namespace=stage.namespace, of=["orders", "gone"])
    assert part["line"].tolist() == ["of orders"]
    (finding,) = ops.findings
    assert (finding.status, finding.subject) == (Status.UNKNOWN, "cluster/planted")
    assert f"namespace {stage.namespace} has no pod of gone" in finding.reason
    named = logs.lines(ops, namespace=stage.namespace, of=["orders", "payments"], container="till")
    assert named["line"].tolist() == ["of payments"]
    assert any("no pod of configmap/orders has a container till" in one.reason for one in ops.findings)
    assert len(named.attrs["gaps"]) == 1
    with pytest.raises(NotFound, match="has no pod of gone, lost"):
        logs.lines(ops, namespace=stage.namespace, of=["gone", "lost"])
    with pytest.raises(ParameterError, match="of is an empty list"):
        logs.lines(ops, namespace=stage.namespace, of=[])


def test_the_first_pods_of_a_workload_that_is_younger_than_the_window_replaced_none(stage: Stage) -> None:
    now = datetime.now(UTC)
    first = pod("orders")
    orders = {
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "orders"},
        "spec": {
            "serviceName": "orders", "selector": {"matchLabels": {"app": "orders"}},
            "template": {"metadata": {"labels": {"app": "orders"}}, "spec": first["spec"]},
        },
    }  # fmt: skip
    stage.create([orders], {"orders-0": [{"logsFile": stage.write("first", cri(now, "hello"))}]})
    stage.written("orders-0")

    def covered(name: str, user: str = "reader") -> Any:
        ops = session(stage, name, as_of=datetime.now(UTC) + timedelta(seconds=5), user=user)
        read = logs.coverage(logs.lines(ops, namespace=stage.namespace, of="statefulset/orders"))
        (found,) = checks.logs_covered(read)
        return found, read.iloc[0]

    found, row = covered("first")
    assert (found.status, row["owner_first"]) == (Status.OK, True), found.reason
    assert abs(row["owner_made_at"] - row["created_at"]) < timedelta(minutes=1)
    rules = ["--verb=get,list", "--resource=pods,pods/log", "-n", stage.namespace]
    stage.cluster.kubectl("create", "role", "logs-alone", *rules)
    stage.cluster.kubectl(
        "create", "rolebinding", "logs-alone", "--role=logs-alone", "--user=nobody", "-n", stage.namespace
    )
    found, row = covered("unread", "nobody")
    assert (found.status, found.subject) == (Status.UNKNOWN, "statefulset/orders")
    assert pd.isna(row["owner_made_at"])
    change = '{"spec": {"minReadySeconds": 1}}'
    stage.cluster.kubectl("patch", "statefulset", "orders", "-n", stage.namespace, "--type=merge", "-p", change)
    found, row = covered("changed")
    assert (found.status, row["owner_first"]) == (Status.UNKNOWN, False)


def test_a_role_without_pods_log_is_forbidden(stage: Stage) -> None:
    stage.create([pod("orders-0")], {})
    stage.cluster.kubectl("create", "role", "see-pods", "--verb=list", "--resource=pods", "-n", stage.namespace)
    role = ["create", "rolebinding", "see-pods", "--role=see-pods", "--user=nobody", "-n", stage.namespace]
    stage.cluster.kubectl(*role)
    ops = session(stage, user="nobody")

    with pytest.raises(Forbidden, match=r"lacks get on pods/log.*deploy/rbac\.yaml"):
        logs.lines(ops, namespace=stage.namespace)
    assert [f.status for f in ops.findings] == [Status.UNKNOWN]


def test_what_selects_no_pod_is_not_found_and_names_what_is_there(stage: Stage) -> None:
    stage.create([pod("orders-0")], {})
    ops = session(stage)

    for of, said in (("app=nobody", "has no pod of app=nobody"), ("deployment/orders", "belong to: pod/orders-0")):
        with pytest.raises(NotFound, match=said):
            logs.lines(ops, namespace=stage.namespace, of=of)
    with pytest.raises(NotFound, match="they have: app"):
        logs.lines(ops, namespace=stage.namespace, container="ap")
    with pytest.raises(NotFound, match="no-such"):
        logs.lines(ops, namespace="no-such")


def test_beyond_the_cap_hashes_counts_shapes_and_a_line_of_each_are_kept(stage: Stage) -> None:
    text = "".join(cri(minutes_before(50) + timedelta(milliseconds=i), f"GET /orders/{i} 200") for i in range(20_000))
    odd = cri(minutes_before(55), "connection 17 refused")
    files = {
        "orders-0": [{"logsFile": stage.write("much", odd + text)}],
        "orders-1": [{"logsFile": stage.write("little", cri(minutes_before(5), "little"))}],
    }
    stage.create([pod(name) for name in files], files)
    ops = session(stage)

    frame = logs.lines(ops, namespace=stage.namespace, keep_mib=0.1)

    much = frame.loc[frame["pod"] == "orders-0", "line"]
    assert list(much[:2]) == ["connection 17 refused", "GET /orders/0 200"]
    assert much.iloc[-1] == "GET /orders/19999 200"
    assert len(much) < 5_000
    assert list(frame.loc[frame["pod"] == "orders-1", "line"]) == ["little"]
    row = of_log(logs.coverage(frame), "app")
    assert (row["lines"], row["kept_lines"], len(row["sha256"])) == (20_001, len(much), 64)
    shapes = logs.shapes(frame)
    assert dict(zip(shapes["shape"], shapes["lines"], strict=True)) == {
        "GET /orders/<num> <num>": 20_000, "connection <num> refused": 1,
    }  # fmt: skip
    assert [f.status for f in ops.findings] == [Status.WARN]
    assert f"of 20002 lines that were read {len(frame)} are kept (keep_mib=0.1)" in ops.findings[0].reason


def test_secrets_in_lines_are_masked_before_they_are_written(stage: Stage) -> None:
    text = cri(minutes_before(2), "login with password=hunter2hunter2 done") + cri(minutes_before(1), "plain")
    stage.create([pod("orders-0")], {"orders-0": [{"logsFile": stage.write("a", text)}]})

    frame = logs.lines(session(stage), namespace=stage.namespace)

    assert list(frame["line"]) == ["login with password=[redacted] done", "plain"]


def test_what_was_read_is_what_the_analysis_takes(stage: Stage) -> None:
    said = ('{"level":"error","msg":"order 7 failed"}', "level=info msg=done", "panic: no beans\n")
    text = "".join(cri(minutes_before(3 - i), one.rstrip()) for i, one in enumerate(said))
    stage.create([pod("orders-0")], {"orders-0": [{"logsFile": stage.write("a", text)}]})
    frame = logs.lines(session(stage), namespace=stage.namespace)

    records = log_analysis.parse(frame)

    assert list(records["level"])[:2] == ["error", "info"]
    assert records["message"].iloc[0] == "order 7 failed"
    assert records.attrs["evidence"] == frame.attrs["evidence"]


def test_a_part_of_the_table_has_no_coverage() -> None:
    with pytest.raises(UsageError, match=r"not what logs\.lines returned"):
        logs.coverage(pd.DataFrame())
