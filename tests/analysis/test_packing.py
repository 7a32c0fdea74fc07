"""Which nodes could go, on tables: freed requests bank nothing until every pod of a node has another place."""

from __future__ import annotations

import json
from typing import Any

from gocoffee_ops.analysis import rightsizing
from gocoffee_ops.frames import records
from gocoffee_ops.queries import packing
from tests.checks.tables import filled

GIB = 1 << 30
NODES = ("n1", "n2", "n3")


def node(name: str, **more: Any) -> dict[str, Any]:
    size = ("cpu=4000", f"memory={16 * GIB}", "pods=10")
    labels = (f"kubernetes.io/hostname={name}", f"zone={name[-1] if name != 'n3' else '1'}")
    return {"cluster": "eu", "node": name, "allocatable": size, "labels": labels, **more}


def pod(name: str, on: str, cpu: int = 1000, **more: Any) -> dict[str, Any]:
    return {
        "cluster": "eu", "namespace": "go-coffee", "pod": name, "workload": f"deployment/{name.rpartition('-')[0]}",
        "containers": ("app",), "node": on, "requests": (f"cpu={cpu}", f"memory={GIB}"), "least": ("cpu=0", "memory=0"),
        "leaves": False, "may_run_on": NODES, "labels": (f"app={name.rpartition('-')[0]}",), **more,
    }  # fmt: skip


def found(
    pods: list[dict[str, Any]], advice: list[dict[str, Any]] | None = None, **kept: str
) -> dict[str, dict[str, Any]]:
    nodes = filled(packing.nodes.schema, *(node(name, kept=kept.get(name)) for name in NODES))
    table = filled(packing.pods.schema, *pods)
    made = None if advice is None else filled(rightsizing.ADVICE, *advice)
    return {row["node"]: row for row in records(rightsizing.removable(nodes, table, made))}


def advised(workload: str, now: float, cores: float) -> dict[str, Any]:
    return {
        "cluster": "eu", "namespace": "go-coffee", "workload": f"deployment/{workload}", "container": "app",
        "confidence": "HIGH", "cpu_advice": "lower", "cpu_request_cores": now, "cpu_advised_cores": cores, "memory_advice": "keep",
    }  # fmt: skip


def removable(rows: dict[str, dict[str, Any]], when: str = "removable_now") -> list[str]:
    return [name for name, row in rows.items() if row[when]]


def test_a_node_whose_pods_fit_elsewhere_could_go() -> None:
    assert removable(found([pod("a-1", "n1"), pod("b-1", "n2", 3000), pod("c-1", "n3", 3000)])) == ["n1"]
    assert removable(found([pod("a-1", "n1", 2000), pod("b-1", "n2", 3000), pod("c-1", "n3", 3000)])) == []


def test_every_pod_of_all_removed_nodes_has_a_place() -> None:
    rows = found([pod("a-1", "n1", 2000), pod("b-1", "n2", 2000), pod("c-1", "n3", 2000)])
    assert len(removable(rows)) == 1  # the two that are left are full
    assert len(removable(found([pod("a-1", "n1"), pod("b-1", "n2"), pod("c-1", "n3")]))) == 2


def test_c15_freed_requests_bank_nothing_where_no_node_can_go() -> None:
    pods = [pod(f"a-{i}", name, 3500) for i, name in enumerate(NODES)]
    rows = found(pods, [advised("a", 3.5, 2.5)])  # three cores are freed, and no two pods share a node
    assert removable(rows, "removable") == []
    assert {row["why"] for row in rows.values()} == {f"go-coffee/a-{i} fits nowhere else" for i in range(3)}


def test_c15_what_advice_makes_removable_is_told_apart_from_what_is_idle_already() -> None:
    pods = [pod(f"a-{i}", name, 3500) for i, name in enumerate(NODES)]
    rows = found(pods, [advised("a", 3.5, 2.0)])
    assert (len(removable(rows)), len(removable(rows, "removable"))) == (0, 1)
    idle = found([pod("a-0", "n1", 500), pod("a-1", "n2", 3500), pod("a-2", "n3", 3500)], [advised("a", 3.5, 2.0)])
    assert removable(idle) == ["n1"]


def test_c15_advice_that_is_not_sure_frees_nothing_and_what_it_would_free_is_told_apart() -> None:
    pods = [pod(f"a-{i}", name, 3500) for i, name in enumerate(NODES)]
    low = advised("a", 3.5, 2.0) | {"confidence": "LOW"}
    rows = found(pods, [low])
    assert [len(removable(rows, when)) for when in ("removable_now", "removable", "removable_unsure")] == [0, 0, 1]
    vain = found(pods, [low | {"cpu_advised_cores": 2.5}])
    assert removable(vain, "removable_unsure") == []
    assert {row["removable_unsure"] for row in found(pods).values()} == {None}  # nothing was advised


def test_c15_advice_that_becomes_sure_only_adds_nodes_that_could_go() -> None:
    pods = [pod("a-0", "n1", 1000), pod("b-0", "n2", 2500), pod("c-0", "n3", 3000)]
    unsure = [advised("a", 1.0, 0.2), advised("b", 2.5, 0.5) | {"confidence": "LOW"}]
    sure = [row | {"confidence": "HIGH"} for row in unsure]
    least, most = removable(found(pods, unsure), "removable"), removable(found(pods, sure), "removable")
    assert (len(least), len(most)) == (1, 2)
    assert removable(found(pods, unsure), "removable_unsure") == most


def test_what_stays_keeps_its_node_and_what_leaves_with_it_does_not() -> None:
    rows = found(
        [
            pod("a-1", "n1", stays="disruption budget a allows no disruption"),
            pod("b-1", "n2", 4000),
            pod("c-1", "n3", 4000),
        ]
    )
    assert (removable(rows), rows["n1"]["why"]) == ([], "go-coffee/a-1: disruption budget a allows no disruption")
    daemons = [pod(f"d-{i}", name, 500, leaves=True, may_run_on=()) for i, name in enumerate(NODES)]
    assert removable(found([*daemons, pod("b-1", "n2", 3500), pod("c-1", "n3", 3500)])) == ["n1"]
    assert found([*daemons])["n1"]["pods"] == 0


def test_a_node_that_is_kept_is_not_called_removable() -> None:
    rows = found([pod("b-1", "n2", 3000), pod("c-1", "n3", 3000)], n1="a node of the control plane")
    assert (rows["n1"]["removable_now"], rows["n1"]["why"]) == (False, "a node of the control plane")


def test_a_node_that_cannot_be_emptied_keeps_all_its_pods() -> None:
    tied = [pod("small-1", "n1", 500), pod("tied-1", "n1", 100, may_run_on=("n1",))]
    rows = found([*tied, pod("b-1", "n2", 3500), pod("c-1", "n3", 3500)])
    assert removable(rows) == []  # small-1 would fit on n2, but it stays with tied-1, so that n1 has no room for b-1
    assert rows["n1"]["why"] == "go-coffee/tied-1 fits nowhere else"


def test_a_pod_that_moves_is_no_longer_on_its_old_node() -> None:
    alone = {"apart": apart("zone", {"app": "a"}), "may_run_on": ("n1", "n3")}  # n1 and n3 are of one zone
    rows = found([pod("a-1", "n1", 100, **alone), pod("b-1", "n2", 4000), pod("c-1", "n3", 3000)])
    assert removable(rows) == ["n1"]  # it need not be apart from itself


def test_a_pod_that_is_moved_back_is_no_longer_where_it_was_put() -> None:
    tied = [pod("small-1", "n1", 500), pod("tied-1", "n1", 100, may_run_on=("n1",))]
    rows = found([*tied, pod("b-1", "n2", 3000), pod("b-2", "n2", 500), pod("c-1", "n3", 3500)])
    assert removable(rows) == ["n2"]  # small-1 filled n3 only while n1 was tried: there is room for b-2


def test_a_pod_goes_only_where_it_may() -> None:
    assert (
        removable(found([pod("a-1", "n1", may_run_on=("n1",)), pod("b-1", "n2", 4000), pod("c-1", "n3", 4000)])) == []
    )


def apart(key: str, labels: dict[str, str], namespaces: list[str] | None = None) -> tuple[str, ...]:
    term = {"key": key, "namespaces": namespaces, "labels": labels, "expressions": [], "nothing": False}
    return (json.dumps(term),)


def test_pods_that_must_be_apart_keep_as_many_nodes() -> None:
    each = {"apart": apart("kubernetes.io/hostname", {"app": "a"})}
    assert removable(found([pod(f"a-{i}", name, 100, **each) for i, name in enumerate(NODES)])) == []
    theirs = [pod("a-1", "n1", 100), *(pod(f"b-{name}", name, 100, **each) for name in ("n2", "n3"))]
    assert "n1" not in removable(found(theirs))  # others want to be apart from it
    zones = {"apart": apart("zone", {"app": "a"})}  # n1 and n3 are of one zone
    two = found([pod("a-1", "n1", 100, **zones), pod("a-2", "n2", 100, **zones), pod("c-1", "n3", 100)])
    assert sorted(removable(two)) == ["n1"] or sorted(removable(two)) == ["n3"]
    elsewhere = {"apart": apart("kubernetes.io/hostname", {"app": "a"}, ["other"])}
    assert len(removable(found([pod(f"a-{i}", name, 100, **elsewhere) for i, name in enumerate(NODES)]))) == 2


def test_what_a_pod_takes_to_start_is_not_freed_by_advice() -> None:
    pods = [pod(f"a-{i}", name, 3500, least=("cpu=3000", "memory=0")) for i, name in enumerate(NODES)]
    assert removable(found(pods, [advised("a", 3.5, 0.5)]), "removable") == []


def test_other_resources_and_the_number_of_pods_count() -> None:
    gpus = [pod("a-1", "n1", 100, requests=("cpu=100", "memory=1", "nvidia.com/gpu=1"))]
    assert removable(found([*gpus, pod("b-1", "n2", 4000), pod("c-1", "n3", 4000)])) == []
    many = [pod(f"m-{i}", name, 10) for name in ("n2", "n3") for i in range(10)]
    assert removable(found([pod("a-1", "n1", 10), *many])) == []
