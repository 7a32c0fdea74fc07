"""Autoscalers without room and bindings without a role, from tables: what is judged, what folds, and what is not told."""

from __future__ import annotations

from typing import Any

import pytest

from gocoffee_ops.queries import access, autoscaling, cluster
from tests.checks.diagnosis_tables import BINDING, CRIT, NODE, OK, ROOM, UNKNOWN, WARN, judged, wrong

WIDE = ROOM | {"max_replicas": 22}
KARPENTER = {"nodes_added": "by Karpenter, as it has node pools (general)"}
NOT_FOUND = dict.fromkeys(("fits", "fits_once_well", "cpu_request_millicores", "memory_request_mib"))


def room(*rows: dict[str, Any]) -> list[str]:
    """What is said of the room."""
    return [one.reason for one in judged({autoscaling.autoscaled: [*rows]}) if one.check == "autoscalers_fit"]


def test_an_autoscaler_names_what_it_needs_and_what_is_free() -> None:
    assert room(WIDE) == [
        "its maximum of 22 is 20 more pods and needs 2.0 cores and 2.0 GiB; on the nodes that take them 0.8 cores and 0.8 GiB "
        "are free: 8 of 20 fit, then cpu ends, and no node is added; where "
        "somebody does that is not recognised, adds_nodes = true of the cluster states it"
    ]


def test_all_together_are_told_only_where_each_fits_alone() -> None:
    ten, other = ROOM | {"max_replicas": 10}, ROOM | {"hpa": "api"}
    found = judged({autoscaling.autoscaled: [ten, other]})
    assert wrong(found) == [(WARN, "autoscalers_fit", "cluster/cluster")]
    assert (
        "not all 2 at once: they need 0.9 cores and 0.9 GiB more; on the nodes that take their pods 0.8 cores"
        in found[0].reason
    )
    assert wrong(judged({autoscaling.autoscaled: [WIDE, ten, other]})) == [(WARN, "autoscalers_fit", "hpa/web")]


def test_all_that_lacks_for_all_together_is_named() -> None:
    ten = ROOM | {"max_replicas": 10, "memory_request_mib": 100.5}
    assert "so that cpu and memory end, and" in room(ten, ROOM | {"hpa": "api"})[0]
    assert "so that memory ends, and" in room(ten | {"cpu_request_millicores": 10}, ROOM | {"hpa": "api"})[0]


def test_what_looks_as_if_nodes_were_added_is_named() -> None:
    left = "ConfigMap kube-system/cluster-autoscaler-status is not written since 2025-12-01 00:00 UTC"
    assert f"and no node is added ({left}); where" in room(WIDE | {"nodes_not_added": left})[0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            WIDE | KARPENTER,
            "(none looked at); 1 not looked at: those of cluster cluster, where nodes are added by Karpenter, as it",
        ),
        (ROOM, "what autoscalers may add fits onto the nodes (1 looked at)"),
    ],
    ids=["nodes are added", "room"],
)
def test_where_nothing_is_told_it_is_said_why(row: dict[str, Any], said: str) -> None:
    (reason,) = room(row)
    assert said in reason
    assert wrong(judged({autoscaling.autoscaled: [row]})) == []


def test_where_no_autoscaler_could_be_judged_nothing_is_known() -> None:
    found = judged({autoscaling.autoscaled: [WIDE | NOT_FOUND]})
    assert wrong(found) == [(UNKNOWN, "autoscalers_fit", "cluster/cluster")]
    assert room(WIDE | NOT_FOUND) == [
        "whether what autoscalers may add fits cannot be told of any: hpa/web of shop (none of its pods was found)"
    ]


@pytest.mark.parametrize("row", [ROOM, WIDE], ids=["all is well", "another lacks room"])
def test_one_that_could_not_be_judged_is_named_beside_the_others(row: dict[str, Any]) -> None:
    said = room(row, WIDE | NOT_FOUND | {"hpa": "lost"})
    assert said[-1].endswith("1 not looked at: hpa/lost of shop (none of its pods was found)")


def test_room_that_a_node_out_of_service_would_give_is_that_nodes_matter() -> None:
    down = NODE | {"ready": False, "status": "NotReady"}
    found = judged({cluster.nodes: [down], autoscaling.autoscaled: [WIDE | {"fits_once_well": 20}]})
    assert wrong(found) == [(CRIT, "node_ready", "node/n1")]
    assert "hpa/web (8 of 20 more pods up to its maximum fit)" in found[0].reason
    found = judged({cluster.nodes: [down], autoscaling.autoscaled: [WIDE | {"fits_once_well": 19}]})
    assert wrong(found) == [(CRIT, "node_ready", "node/n1"), (WARN, "autoscalers_fit", "hpa/web")]


def test_what_was_not_read_is_unknown_by_kind() -> None:
    found = wrong(judged({}, missing=(autoscaling.autoscaled, access.bindings)))
    assert found == [
        (UNKNOWN, "autoscalers_fit", "autoscalers' room"), (UNKNOWN, "bindings_lead", "bindings of roles"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "whom"),
    [
        ({}, "1 subject"),
        ({"subjects": 3, "accounts": ("shop/a", "shop/b")}, "serviceaccount/shop/a, serviceaccount/shop/b and 1 more"),
    ],
)
def test_a_binding_names_whom_it_gives_nothing(more: dict[str, Any], whom: str) -> None:
    found = [
        one for one in judged({access.bindings: [BINDING | {"role_exists": False} | more]}) if one.status is not OK
    ]
    assert wrong(found) == [(WARN, "bindings_lead", "rolebinding/deployers")]
    assert found[0].reason == f"its role role/deployer does not exist: no permission by it for {whom}"


def test_bindings_to_one_missing_role_are_told_once() -> None:
    lost = BINDING | {"role_exists": False}
    shared = [lost | {"namespace": f"n{i}", "role": "clusterrole/view"} for i in range(9)]
    found = [one for one in judged({access.bindings: [*shared, lost]}) if one.status is not OK]
    assert {(one.namespace, one.numbers["affected"]) for one in found} == {("n0", 9), ("shop", 1)}
    (told,) = [one for one in found if one.namespace == "n0"]
    assert told.reason.startswith(
        "its role clusterrole/view does not exist: no permission by it for 9 subjects; the same with 8 others"
    )
    assert told.reason.endswith("n6/rolebinding/deployers, and 2 more")
    each = [lost | {"namespace": name} for name in ("a", "b")]  # each namespace has its own
    assert len(wrong(judged({access.bindings: each}))) == 2


@pytest.mark.parametrize("more", [{"subjects": 0}, {"age_s": 5.0}], ids=["of nobody", "just made"])
def test_a_binding_that_may_be_without_its_role_is_none(more: dict[str, Any]) -> None:
    assert wrong(judged({access.bindings: [BINDING | {"role_exists": False} | more]})) == []
