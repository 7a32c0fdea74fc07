"""What the diagnosis makes of Cilium's policies, endpoints and identities. The conditions themselves are in `peer_cases`."""

from __future__ import annotations

import pytest

from gocoffee_ops.queries import cilium, jobs, pods
from gocoffee_ops.queries.query import Query
from tests.checks.diagnosis_tables import (
    CILIUM_ENDPOINT,
    CILIUM_IDENTITY,
    CILIUM_POLICY,
    CRIT,
    POD,
    UNKNOWN,
    WARN,
    Rows,
    judged,
    wrong,
)  # fmt: skip
from tests.checks.peer_cases import CRON, NOBODYS, PODLESS

YOUNG = {"age_s": 5.0}
ASTRAY = {"node_address_exists": False}
WIDE = CILIUM_POLICY | {"namespace": "", "everywhere": True, "namespaces": ()}
PEER = CILIUM_POLICY | NOBODYS | {"part": "egress deny"}


@pytest.mark.parametrize(
    "rows",
    [
        {cilium.policies: [], cilium.clusterwide_policies: [], cilium.endpoints: [], cilium.identities: []},
        {cilium.identities: [CILIUM_IDENTITY | {"endpoints": 0}]},
        {cilium.identities: [CILIUM_IDENTITY | {"endpoints": 0, "marked_s": 1_800.0, "namespace_exists": False}]},
        {cilium.identities: [CILIUM_IDENTITY | YOUNG | {"namespace_exists": False}]},
        {cilium.endpoints: [CILIUM_ENDPOINT | YOUNG | PODLESS]},
        {cilium.endpoints: [CILIUM_ENDPOINT | {"pod_phase": "Succeeded", "pod_ended_s": 5.0}]},
        {cilium.endpoints: [CILIUM_ENDPOINT | {"pod_phase": "Pending"}]},
        {cilium.endpoints: [CILIUM_ENDPOINT | ASTRAY | {"node_exists": False}]},
        {cilium.endpoints: [CILIUM_ENDPOINT | ASTRAY | {"pod_goes": True}]},
        {cilium.endpoints: [CILIUM_ENDPOINT | {"identity_exists": None}]},
        {cilium.policies: [CILIUM_POLICY | {"finds": None, "selector": ("reserved:host=",)}]},
        {cilium.policies: [CILIUM_POLICY | {"finds": False}]},
        {cilium.policies: [CILIUM_POLICY | NOBODYS], jobs.cronjobs: [CRON | {"labels": ("app=wbe",)}]},
        {cilium.policies: [CILIUM_POLICY | NOBODYS | {"namespace": "empty", "namespaces": ("empty",)}]},
        {cilium.clusterwide_policies: [WIDE | NOBODYS],
         pods.states: [POD, POD | {"namespace": "far", "pod": "wbe", "owner": None, "labels": ("app=wbe",), "ready": True}]},
    ],
    ids=[
        "no Cilium", "an identity that is not marked yet", "one that will be collected", "one that was just made",
        "an endpoint that was just made", "a pod that has just ended", "a pod that starts", "a node that has just gone",
        "a pod that goes from its node", "identities that are kept elsewhere", "a policy of hosts",
        "a pod without an endpoint yet", "a policy of what runs at night", "a policy of an empty namespace",
        "a policy of what is elsewhere",
    ],
)  # fmt: skip
def test_what_has_passed_or_goes_by_itself_is_no_finding(rows: Rows) -> None:
    assert wrong(judged(rows)) == []


def test_what_one_thing_has_made_wrong_is_one_finding() -> None:
    """A collector that does not run leaves many, and they are told by the first of them."""
    left = [CILIUM_IDENTITY | {"identity": str(5000 + i), "endpoints": 0, "marked_s": 9_999.0} for i in range(9)]
    gone = [CILIUM_ENDPOINT | PODLESS | {"endpoint": f"w-{i}", "pod": f"w-{i}"} for i in range(3)]
    elsewhere = CILIUM_ENDPOINT | PODLESS | {"namespace": "far"}
    found = judged({cilium.identities: left, cilium.endpoints: [*gone, elsewhere, CILIUM_ENDPOINT]})
    assert sorted(wrong(found)) == [
        (WARN, "cilium_endpoints_true", "ciliumendpoint/w-0"),
        (WARN, "cilium_endpoints_true", "ciliumendpoint/web-1"),
        (WARN, "cilium_endpoints_true", "ciliumidentity/5000"),
    ]
    told = {one.subject: one for one in found}
    assert told["ciliumidentity/5000"].reason.endswith(
        "; the same with 8 others: 5001, 5002, 5003, 5004, 5005, 5006, and 2 more"
    )
    assert told["ciliumidentity/5000"].numbers == {"affected": 9}
    assert told["ciliumendpoint/w-0"].reason.endswith("; the same with 2 others: w-1, w-2")


def test_an_endpoint_in_part_is_unknown() -> None:
    found = judged({cilium.endpoints: [CILIUM_ENDPOINT | {"pod": None, "pod_exists": None, "node_address": None}]})
    assert wrong(found) == [(UNKNOWN, "cilium_endpoints_true", "ciliumendpoint/web-1")]
    assert "it names no pod, no address of a node: what it is of cannot be told" in found[0].reason


def test_addresses_of_which_none_is_a_nodes_are_unknown_once() -> None:
    both = [CILIUM_ENDPOINT | {"endpoint": name, "node_address_exists": None} for name in ("a", "b")]
    assert wrong(judged({cilium.endpoints: both})) == [(UNKNOWN, "cilium_endpoints_true", "ciliumendpoints")]


def test_identities_of_which_none_is_an_endpoints_are_unknown_once() -> None:
    left = {"identity_exists": None, "identity_elsewhere": True}
    both = [CILIUM_ENDPOINT | left | {"namespace": namespace} for namespace in ("shop", "infra")]
    found = judged({cilium.endpoints: both})
    assert wrong(found) == [(UNKNOWN, "cilium_endpoints_true", "ciliumidentities")]


def test_an_identity_that_is_missing_is_critical() -> None:
    found = judged({cilium.endpoints: [CILIUM_ENDPOINT | {"identity_exists": False}]})
    assert wrong(found) == [(CRIT, "cilium_endpoints_true", "ciliumendpoint/web-1")]


def test_a_policy_is_one_finding_with_each_of_its_rules() -> None:
    """Of a rule that is for nobody the peers are of no account."""
    parts = [
        CILIUM_POLICY,
        PEER,
        CILIUM_POLICY | NOBODYS | {"rule": 2},
        PEER | {"rule": 2},
        PEER | {"rule": 3, "namespaces": ()},
    ]
    found = judged({cilium.policies: parts})
    assert wrong(found) == [(WARN, "cilium_policies_match", "ciliumnetworkpolicy/web")]
    assert found[0].reason.split("; ") == [
        "egress deny to nobody: no endpoint has the labels that it selects (app=wbe)",
        "rule 2 is for nobody: no endpoint has the labels that it selects (app=wbe)",
        "rule 3 egress deny to nobody: no namespace is as it selects (app=wbe)",
    ]
    found = judged({cilium.clusterwide_policies: [WIDE | NOBODYS]})
    assert wrong(found) == [(WARN, "cilium_policies_match", "ciliumclusterwidenetworkpolicy/web")]
    found = judged({cilium.clusterwide_policies: [WIDE | {"part": "none", "finds": False, "selector": ()}]})
    assert wrong(found) == [(WARN, "cilium_policies_match", "ciliumclusterwidenetworkpolicy/web")]
    assert "names neither endpoints nor nodes" in found[0].reason


def test_whether_a_policy_is_for_what_rests_is_unknown_where_that_was_not_read() -> None:
    found = judged({cilium.policies: [CILIUM_POLICY | NOBODYS]}, missing=(jobs.cronjobs,))
    assert wrong(found)[0] == (UNKNOWN, "cilium_policies_match", "ciliumnetworkpolicy/web")
    assert "cannot be told: jobs.cronjobs not read" in found[0].reason


@pytest.mark.parametrize(
    ("missing", "check", "subject"),
    [
        (cilium.policies, "cilium_policies_match", "policies of Cilium"),
        (cilium.clusterwide_policies, "cilium_policies_match", "policies of Cilium"),
        (cilium.endpoints, "cilium_endpoints_true", "endpoints of Cilium"),
        (cilium.identities, "cilium_endpoints_true", "endpoints of Cilium"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_kind_that_was_not_read_leaves_its_sort_unknown(missing: Query[...], check: str, subject: str) -> None:
    assert wrong(judged({}, missing=(missing,))) == [(UNKNOWN, check, subject)]
