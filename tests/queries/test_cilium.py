"""What Cilium keeps, from a small API server: what is not there, not to be listed, in part, or gone while it is read.

Cilium's own definitions of its kinds, on a real API server, are in `tests/diagnosis/cilium_scenarios.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops import checks
from gocoffee_ops.errors import Forbidden, Malformed
from gocoffee_ops.model import Status
from gocoffee_ops.queries import cilium
from gocoffee_ops.queries.query import Query
from gocoffee_ops.session import Session
from gocoffee_ops.sources.kubernetes import Kind, lists
from tests.http_server import Answer, Asked, says, serving
from tests.sources.kubernetes.static_server import pod, refusal, write_kubeconfig
from tests.support import live_session

Json = dict[str, Any]
MADE = "2026-11-20T08:00:00Z"
NAMESPACE = "k8s:io.kubernetes.pod.namespace"
QUERIES: list[Query[...]] = [cilium.policies, cilium.clusterwide_policies, cilium.endpoints, cilium.identities]
LIST_KINDS = {one.plural: one.list_kind for one in vars(lists).values() if isinstance(one, Kind)}
KINDS = ("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies", "ciliumendpoints", "ciliumidentities")
SERVED = {"kind": "APIResourceList", "resources": [{"name": name} for name in KINDS]}
GROUPS = {"kind": "APIGroupList", "groups": [{"name": "cilium.io"}]}


def meta(name: str, namespace: str = "", **more: Any) -> Json:
    return {"name": name, "namespace": namespace, "creationTimestamp": MADE, **more}


def endpoint(
    of: str, *, node: str = "192.0.2.1", number: int = 4242, namespace: str = "shop", app: str = "web"
) -> Json:
    labels = [f"k8s:app={app}", f"{NAMESPACE}={namespace}"]
    return {
        "metadata": meta(of, namespace, ownerReferences=[{"kind": "Pod", "name": of}]),
        "status": {"identity": {"id": number, "labels": labels}, "networking": {"node": node}},
    }  # fmt: skip


def listed(plural: str, items: list[Json]) -> Answer:
    return says({"kind": LIST_KINDS[plural], "metadata": {"resourceVersion": "1"}, "items": items})


def policy(*rules: Json, namespace: str = "shop") -> Json:
    return {"metadata": meta("p", namespace), "specs": list(rules)}


NODE = {
    "metadata": meta("n1", labels={"zone": "a"}),
    "status": {"addresses": [{"address": "192.0.2.1"}, {"address": "n1"}]},
}
IDENTITY = {"metadata": meta("4242"), "security-labels": {NAMESPACE: "shop"}}
WELL: dict[str, list[Json]] = {
    "pods": [pod("web-1", "shop")], "nodes": [NODE], "namespaces": [{"metadata": meta("shop")}, {"metadata": meta("infra")}],
    "ciliumendpoints": [endpoint("web-1")], "ciliumidentities": [IDENTITY],
}  # fmt: skip


@contextmanager
def reading(
    tmp_path: Path, answers: Callable[[str], Answer | None] = lambda _: None, **items: list[Json]
) -> Iterator[Session]:
    """A session with a cluster that has these objects; `answers` goes before, by the plural of what is listed."""

    def script(asked: Asked) -> Answer:
        plural = asked.path.rpartition("/")[2]
        if (first := answers(plural)) is not None:
            return first
        if asked.path == "/apis":
            return says(GROUPS)
        if asked.path == "/apis/cilium.io/v2":
            return says(SERVED)
        return listed(plural, (WELL | items).get(plural, []))

    with serving(script) as server:
        yield live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "config", server.url)})


def rows(query: Query[...], ops: Session, **arguments: Any) -> list[dict[str, Any]]:
    frame = query(ops, **arguments).astype(object)
    return [dict(row) for row in frame.where(frame.notna(), None).to_dict("records")]


def finds(ops: Session, query: Query[...] = cilium.policies, **arguments: Any) -> dict[str, bool | None]:
    return {f"{row['rule']} {row['part']}": row["finds"] for row in rows(query, ops, **arguments)}


@pytest.mark.parametrize("refused", [404, 403])
@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_where_there_is_no_cilium_there_is_nothing_to_look_at(query: Query[...], refused: int, tmp_path: Path) -> None:
    def answers(plural: str) -> Answer | None:
        if plural == "apis":
            return says({"kind": "APIGroupList", "groups": [{"name": "apps"}]})
        return refusal(refused, "NotFound" if refused == 404 else "Forbidden", "no") if plural in KINDS else None

    with reading(tmp_path, answers) as ops:
        assert len(query(ops)) == 0
    assert ops.findings == []


@pytest.mark.parametrize(
    ("groups", "paths"),
    [
        (says({"kind": "APIGroupList", "groups": [{"name": "apps"}]}), ["apis"]),
        (says(GROUPS), ["apis", *KINDS]),
        (says({"kind": "APIGroupList", "groups": []}), ["apis", *KINDS]),
        (Answer(403, b"no"), ["apis", *KINDS]),
    ],
    ids=["not served", "served", "of no group at all", "not known"],
)
def test_of_a_group_that_is_not_served_nothing_is_listed_and_groups_are_asked_for_once(
    groups: Answer, paths: list[str], tmp_path: Path
) -> None:
    asked = []

    def answers(plural: str) -> Answer | None:
        asked.append(plural)
        return groups if plural == "apis" else None

    with reading(tmp_path, answers, ciliumidentities=[], ciliumendpoints=[], ciliumnetworkpolicies=[]) as ops:
        for query in QUERIES:
            assert len(query(ops)) == 0
    assert asked == paths


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_what_is_there_and_may_not_be_listed_is_unknown(query: Query[...], tmp_path: Path) -> None:
    """All four need endpoints: also policies, as soon as there is one."""

    def answers(plural: str) -> Answer | None:
        return refusal(403, "Forbidden", "ciliumendpoints is forbidden") if plural == "ciliumendpoints" else None

    of_all = [policy({"endpointSelector": {}})]
    given = {"ciliumnetworkpolicies": of_all, "ciliumclusterwidenetworkpolicies": of_all}
    with reading(tmp_path, answers, **given) as ops, pytest.raises(Forbidden):
        query(ops)
    assert [(one.status, one.check) for one in ops.findings] == [(Status.UNKNOWN, query.name)]


def test_what_cannot_be_read_right_is_malformed_and_not_left_out(tmp_path: Path) -> None:
    odd = {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["w*"]}]}
    unnumbered, undated = (
        IDENTITY | {"metadata": meta("web")},
        IDENTITY | {"metadata": meta("4242", annotations={"io.cilium.heartbeat": "lately"})},
    )
    unlabelled = {"metadata": meta("4242")}
    for given, query, why in (
        ({"ciliumnetworkpolicies": [policy({"endpointSelector": odd})]}, cilium.policies, "operator 'Like' of any:app"),
        ({"ciliumidentities": [unnumbered]}, cilium.identities, "its name 'web' is no number"),
        ({"ciliumidentities": [undated]}, cilium.identities, "io.cilium.heartbeat"),
        ({"ciliumidentities": [unlabelled]}, cilium.identities, "security-labels"),
    ):
        with reading(tmp_path, **given) as ops, pytest.raises(Malformed, match=why):
            query(ops)


def test_an_endpoint_that_goes_with_its_pod_has_no_row_and_one_that_stays_has(tmp_path: Path) -> None:
    both_times = iter(
        [[endpoint("web-1"), endpoint("goes"), endpoint("stays")], [endpoint("web-1"), endpoint("stays")]]
    )

    def answers(plural: str) -> Answer | None:
        if plural != "ciliumendpoints":
            return None
        return listed(plural, next(both_times))

    with reading(tmp_path, answers) as ops:
        found = {row["endpoint"]: row["pod_exists"] for row in rows(cilium.endpoints, ops)}
    assert found == {"web-1": True, "stays": False}


def test_an_endpoint_in_part_is_unknown(tmp_path: Path) -> None:
    bare = {"metadata": meta("bare", "shop")}
    with reading(tmp_path, ciliumendpoints=[endpoint("web-1"), bare]) as ops:
        (row,) = (one for one in rows(cilium.endpoints, ops) if one["endpoint"] == "bare")
    assert {key for key, value in row.items() if value is not None} == {
        "cluster", "namespace", "endpoint", "identity_elsewhere", "age_s",
    }  # fmt: skip


def test_addresses_are_compared_in_one_form_and_numbers_that_cilium_gives_itself_need_no_identity(
    tmp_path: Path,
) -> None:
    nodes = [NODE, NODE | {"status": {"addresses": [{"address": "2001:db8::1"}]}}]
    of_all = [
        endpoint("web-1", node="2001:DB8:0::1", number=4),
        endpoint("b", node="192.0.2.9"),
        endpoint("c", number=5),
    ]
    pods = [pod(name, "shop") for name in ("web-1", "b", "c")]
    with reading(tmp_path, nodes=nodes, ciliumendpoints=of_all, pods=pods) as ops:
        found = rows(cilium.endpoints, ops)
    assert [row["node_address_exists"] for row in found] == [True, False, True]
    assert [row["identity_exists"] for row in found] == [None, True, None]


def test_identities_that_are_kept_elsewhere_are_not_missed_and_addresses_of_another_sort_are_not_judged(
    tmp_path: Path,
) -> None:
    with reading(tmp_path, ciliumidentities=[], ciliumendpoints=[endpoint("web-1", node="198.51.100.1")]) as ops:
        (row,) = rows(cilium.endpoints, ops)
        assert (row["identity_exists"], row["node_address_exists"]) == (None, None)
        assert rows(cilium.identities, ops) == []


@pytest.mark.parametrize(("number", "told"), [(4242, (True, False)), (777, (None, True)), (5, (None, False))])
def test_identities_that_no_endpoint_has_tell_nothing(
    number: int, told: tuple[bool | None, bool], tmp_path: Path
) -> None:
    with reading(tmp_path, ciliumendpoints=[endpoint("web-1", number=number)]) as ops:
        (row,) = rows(cilium.endpoints, ops)
    assert (row["identity_exists"], row["identity_elsewhere"]) == told


def test_an_identity_counts_its_endpoints_and_knows_its_namespace(tmp_path: Path) -> None:
    marked = meta("5000", labels={"io.kubernetes.pod.namespace": "gone"}, annotations={"io.cilium.heartbeat": MADE})
    other = {"metadata": marked, "security-labels": {NAMESPACE: "gone"}}
    with reading(tmp_path, ciliumidentities=[IDENTITY, other]) as ops:
        used, stale = rows(cilium.identities, ops)
    assert (used["endpoints"], used["namespace"], used["security_namespace"], used["namespace_exists"]) == (
        1,
        None,
        "shop",
        True,
    )
    assert (stale["endpoints"], stale["namespace"], stale["namespace_exists"]) == (0, "gone", False)
    assert used["marked_s"] is None
    assert stale["marked_s"] == stale["age_s"] > 0


def test_a_policy_is_of_its_own_namespace_and_a_peer_of_that_which_it_names(tmp_path: Path) -> None:
    peers = [
        {}, {"matchLabels": {"app": "dns"}}, {"matchLabels": {"app": "dns", NAMESPACE: "infra"}},
        {"matchLabels": {"any:app": "dns", "io.cilium.k8s.namespace.labels.tier": "system"}},
        {"matchLabels": {"reserved:host": ""}}, {"matchLabels": {"container:app": "dns"}},
        {"matchExpressions": [{"key": "io.kubernetes.pod.namespace", "operator": "NotIn", "values": ["shop"]}]},
    ]  # fmt: skip
    rules = [
        {"endpointSelector": {"matchLabels": {"app": "dns"}}},
        {"endpointSelector": {}, "ingress": [{"fromEndpoints": [peer]} for peer in peers]},
        {"endpointSelector": {"matchLabels": {"app": "web", NAMESPACE: "infra"}}},
        {"endpointSelector": {"matchLabels": {"io.kubernetes.pod.namespace": "infra"}}},
        {"ingress": []},
    ]
    spaces = [{"metadata": meta("shop")}, {"metadata": meta("infra", labels={"tier": "system"})}]
    both = [endpoint("web-1"), endpoint("dns-1", namespace="infra", app="dns")]
    given = {"ciliumnetworkpolicies": [policy(*rules)], "ciliumendpoints": both, "namespaces": spaces}
    with reading(tmp_path, **given) as ops:
        found = rows(cilium.policies, ops)
    own = {row["rule"]: row["finds"] for row in found if row["part"] != "ingress"}
    assert own == {1: False, 2: True, 3: True, 4: False, 5: False}
    assert [row["finds"] for row in found if row["part"] == "ingress"] == [True, False, True, True, None, None, True]
    assert [row["part"] for row in found][-1] == "none"


def test_a_policy_without_a_rule_is_for_nobody(tmp_path: Path) -> None:
    with reading(tmp_path, ciliumnetworkpolicies=[{"metadata": meta("empty", "shop")}]) as ops:
        assert finds(ops) == {"1 none": False}


def test_what_lies_in_other_namespaces_is_not_told_where_one_is_read(tmp_path: Path) -> None:
    def rule(**match: str) -> Json:
        return {"endpointSelector": {"matchLabels": match}}

    nodes = {"nodeSelector": {"matchLabels": {"zone": "b"}}}
    wide = policy(rule(app="web"), rule(app="dns"), rule(**{NAMESPACE: "infra"}), nodes, namespace="")
    with reading(tmp_path, ciliumclusterwidenetworkpolicies=[wide]) as ops:
        everywhere = {"1 endpoints": True, "2 endpoints": False, "3 endpoints": False, "4 nodes": False}
        assert finds(ops, cilium.clusterwide_policies) == everywhere
        one = everywhere | {"2 endpoints": None, "3 endpoints": None}
        assert finds(ops, cilium.clusterwide_policies, namespace="shop") == one


def test_kinds_of_cilium_that_were_read_in_part_are_never_ok(tmp_path: Path) -> None:
    """The same as a diagnosis sees it: whoever may not list identities is told of endpoints alone that they are unknown."""
    from gocoffee_ops.queries import diagnosis

    def answers(plural: str) -> Answer | None:
        return refusal(403, "Forbidden", "no") if plural == "ciliumidentities" else None

    with reading(tmp_path, answers) as ops:
        ops.judge(checks.cluster_diagnosis, diagnosis.state(ops))
    of_cilium = {one.check: one.status for one in ops.findings if one.check.startswith("cilium_")}
    assert of_cilium["cilium_policies_match"] is Status.OK
    assert [part.status for one in ops.findings for part in one.made if part.check == "cilium_endpoints_true"] == [
        Status.UNKNOWN
    ]
