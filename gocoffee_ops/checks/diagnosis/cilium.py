"""Cilium's policies that are for nobody, and endpoints and identities of what is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gocoffee_ops.checks.diagnosis.budgets import selects
from gocoffee_ops.checks.diagnosis.folding import the_same_with
from gocoffee_ops.checks.diagnosis.problem import (
    CILIUM_ENDPOINTS,
    CILIUM_POLICIES,
    TEMPLATES,
    Picture,
    Problem,
    Ref,
    Row,
    short,
)
from gocoffee_ops.checks.grading import counted
from gocoffee_ops.model import Status

POLICY_TABLES = ("cilium.policies", "cilium.clusterwide_policies")
LABELS = ("pods.states", *TEMPLATES)
ENDPOINT_TABLES = ("cilium.endpoints", "cilium.identities")
# The operator marks what nobody has had for half an hour, and deletes it when it looks again a quarter of an hour later; begun
# anew, it waits once more.
COLLECTED_S = 7200.0
KEY = "io.kubernetes.pod.namespace"


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with Cilium's policies, endpoints and identities."""
    yield from _policies(picture)
    yield from _addresses(picture)
    yield from _elsewhere(picture)
    for kind, table, wrong, name in (
        ("ciliumendpoint", "cilium.endpoints", _endpoint, "endpoint"),
        ("ciliumidentity", "cilium.identities", _identity, "identity"),
    ):
        yield from _gathered(picture, kind, table, wrong, name)


class Wrong(NamedTuple):
    """What is wrong with one of many: those of one sort are told together, as one thing has made them so."""

    sort: str
    status: Status
    why: str


def _gathered(
    picture: Picture, kind: str, table: str, wrong: Callable[[Row, Picture], Wrong | None], name: str
) -> Iterator[Problem]:
    found: dict[tuple[str, str], list[tuple[str, Wrong]]] = {}
    for row in picture.rows(table):
        if (one := wrong(row, picture)) is not None:
            namespace = row["namespace"] if kind == "ciliumendpoint" else ""
            found.setdefault((namespace, one.sort), []).append((row[name], one))
    for (namespace, _), several in found.items():
        several.sort(key=lambda one: one[0])
        (first, told), others = several[0], [each for each, _ in several[1:]]
        reason = f"{told.why}{the_same_with(others)}"
        status = max((one.status for _, one in several), key=lambda status: status.severity)
        yield Problem(
            CILIUM_ENDPOINTS,
            status,
            Ref(namespace, f"{kind}/{first}"),
            reason,
            (table,),
            numbers={"affected": len(several)},
        )


def _endpoint(row: Row, picture: Picture) -> Wrong | None:
    """What is wrong with an endpoint. One that has just been made may be of what was read too early."""
    return (_astray(row, picture) or _untold(row)) if row["age_s"] >= picture.thresholds.stuck_s else None


def _astray(row: Row, picture: Picture) -> Wrong | None:
    pod, ended_s, address = row["pod"], row["pod_ended_s"], row["node_address"]
    taken = "who is given its address next is taken for it"
    if row["pod_exists"] is False:
        return Wrong("gone", Status.WARN, f"its pod {pod} is gone: {taken}")
    if ended_s is not None and ended_s >= picture.thresholds.stuck_s:
        return Wrong("ended", Status.WARN, f"its pod {pod} has ended ({row['pod_phase']}): {taken}")
    if row["node_address_exists"] is False and row["node_exists"] and not row["pod_goes"]:
        why = f"no node has the address {address}, where other nodes send what is for it; its pod is on node {row['node']}"
        return Wrong(f"address {address}", Status.CRIT, why)
    if row["identity_exists"] is False:
        why = f"its identity {row['identity']} does not exist: other nodes do not know which policies let it through"
        return Wrong("identity", Status.CRIT, why)
    return None


def _untold(row: Row) -> Wrong | None:
    named = {"pod": row["pod"], "identity": row["identity"], "address of a node": row["node_address"]}
    lacks = [f"no {name}" for name, value in named.items() if value is None]
    return (
        Wrong("untold", Status.UNKNOWN, f"it names {', '.join(lacks)}: what it is of cannot be told") if lacks else None
    )


def _addresses(picture: Picture) -> Iterator[Problem]:
    """Nothing is told of addresses where none at all is a node's: once for the whole cluster."""
    rows = [row for row in picture.rows("cilium.endpoints") if row["node_address"] is not None]
    if rows and all(row["node_address_exists"] is None for row in rows):
        reason = (
            f"no node has the address {rows[0]['node_address']}, nor that of any other endpoint ({len(rows):,} read): whether "
            "Cilium goes by addresses that nodes do not state, or all of them are wrong, cannot be told"
        )
        yield Problem(CILIUM_ENDPOINTS, Status.UNKNOWN, Ref("", "ciliumendpoints"), reason, ("cilium.endpoints",))


def _elsewhere(picture: Picture) -> Iterator[Problem]:
    """Nothing is told of identities where none of those that are kept is an endpoint's: once for the whole cluster."""
    rows = [row for row in picture.rows("cilium.endpoints") if row["identity_elsewhere"]]
    if rows:
        reason = (
            f"identity {rows[0]['identity']} does not exist, nor that of any other endpoint ({len(rows):,} read): whether Cilium "
            "keeps identities in a store of its own, and those that are there are left over, or all are lost, cannot be told"
        )
        yield Problem(CILIUM_ENDPOINTS, Status.UNKNOWN, Ref("", "ciliumidentities"), reason, ("cilium.endpoints",))


def _identity(row: Row, picture: Picture) -> Wrong | None:
    """What is wrong with an identity. One that no endpoint has goes by itself, unless it was marked long ago."""
    if not row["endpoints"]:
        return _stale(row)
    return _misnamed(row) if row["age_s"] >= picture.thresholds.stuck_s else None


def _stale(row: Row) -> Wrong | None:
    marked_s = row["marked_s"]
    if marked_s is None or marked_s < COLLECTED_S:
        return None
    hours = f"{marked_s / 3600:.1f} h"
    return Wrong(
        "stale",
        Status.WARN,
        f"no endpoint has it, and Cilium's operator, which marked it for deletion {hours} ago, leaves it",
    )


def _misnamed(row: Row) -> Wrong | None:
    """What is wrong with the namespace of an identity that endpoints have."""
    shown, meant, used = row["namespace"], row["security_namespace"], counted(row["endpoints"], "endpoint")
    if meant is None:
        why = f"it has no security label k8s:{KEY}: no policy of a namespace is for the {used} that it is of"
        return Wrong("no security label", Status.CRIT, why)
    if row["namespace_exists"] is False:
        return Wrong("namespace", Status.WARN, f"its namespace {meant} does not exist, though it is of {used}")
    if shown is None:
        return Wrong("no label", Status.WARN, f"it has no label {KEY} to tell by; its security labels say {meant}")
    if shown != meant:
        why = f"its label {KEY} says {shown}, its security labels, which policies go by, {meant}"
        return Wrong("labels", Status.WARN, why)
    return None


class Lost(NamedTuple):
    """Why a part of a policy finds nobody, and whether that is sure."""

    row: Row
    why: str
    sure: bool = True

    @property
    def peer(self) -> bool:
        """Whether it is a peer that is nobody, and not the rule that is for nobody."""
        return self.row["part"] not in {"endpoints", "nodes", "none"}

    @property
    def said(self) -> str:
        """The part, and why it finds nobody."""
        part = self.row["part"]
        way = "from" if part.startswith("ingress") else "to"
        one = f"rule {self.row['rule']} " if self.row["rule"] > 1 else ""
        return f"{one}{part} {way} nobody: {self.why}" if self.peer else f"{one}is for nobody: {self.why}"


def _policies(picture: Picture) -> Iterator[Problem]:
    """Each policy once, with all that finds nobody; of a rule that is for nobody the peers are of no account."""
    policies: dict[Ref, dict[int, list[Lost]]] = {}
    for row in picture.rows(*POLICY_TABLES):
        kind = "ciliumnetworkpolicy" if row["namespace"] else "ciliumclusterwidenetworkpolicy"
        if one := _lost(row, picture):
            rules = policies.setdefault(Ref(row["namespace"], f"{kind}/{row['policy']}"), {})
            rules.setdefault(row["rule"], []).append(one)
    for at, rules in policies.items():
        each = [[one for one in found if not one.peer] or found for found in rules.values()]
        lost = [one for found in each for one in found]
        status = Status.WARN if any(one.sure for one in lost) else Status.UNKNOWN
        reason = "; ".join(dict.fromkeys(one.said for one in lost))
        table = POLICY_TABLES[0] if at.namespace else POLICY_TABLES[1]
        yield Problem(CILIUM_POLICIES, status, at, reason, (table, *LABELS))


def _lost(row: Row, picture: Picture) -> Lost | None:
    """What is wrong where a selector finds nobody; nothing where it would find somebody, or may.

    A pod that has ended or is not Cilium's, and what is scaled to 0 or waits for its next run, has its labels still. Where
    there are no pods and none would be, it is not the selector that is wrong.
    """
    if row["finds"] is not False:
        return None
    labels = short(", ".join(row["selector"]), 120) or "any"
    if row["part"] in {"none", "nodes"} or not (row["everywhere"] or row["namespaces"]):
        whys = {
            "none": "it names neither endpoints nor nodes",
            "nodes": f"no node has the labels that it selects ({labels})",
        }
        return Lost(row, whys.get(row["part"], f"no namespace is as it selects ({labels})"))
    among: Sequence[str] = list(picture.labelled) if row["everywhere"] else row["namespaces"]
    there = [each for name in among for each in picture.labelled.get(name, ())]
    if any(selects(row["pod_selector"], each) for each in there):
        return None
    why = f"no endpoint has the labels that it selects ({labels})"
    if missing := [name for name in LABELS if not picture.has(name)]:
        more = f"whether what rests has them cannot be told: {', '.join(missing)} not read"
        return Lost(row, f"{why}; {more}", sure=False)
    return Lost(row, why) if there else None
