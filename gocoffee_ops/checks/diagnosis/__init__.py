"""What is wrong in a cluster, and why: problems of every kind, folded into what they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gocoffee_ops.checks import problems as same
from gocoffee_ops.checks.diagnosis import (
    access,
    budgets,
    cilium,
    control_plane,
    custom_resources,
    gateways,
    jobs,
    network,
    network_policies,
    nodes,
    operators,
    policies,
    room,
    storage,
    workloads,
)
from gocoffee_ops.checks.diagnosis.folding import folded
from gocoffee_ops.checks.diagnosis.problem import CONTROLLERS, Picture, Problem, Ref, Row, short
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.frames import Tables
from gocoffee_ops.model import Finding, Status, Thresholds

__all__ = ["cluster_diagnosis"]

RULES: tuple[Callable[[Picture], Iterator[Problem]], ...] = (
    nodes.problems,
    workloads.problems,
    jobs.problems,
    network.problems,
    gateways.problems,
    network_policies.problems,
    cilium.problems,
    storage.problems,
    policies.problems,
    room.problems,
    control_plane.problems,
    access.problems,
    operators.problems,
    custom_resources.problems,
)


@dataclass(frozen=True)
class Area:
    """What is concluded of one sort of objects: from which tables, by which checks, and how it is said when all is well.

    `tables` are all that it takes to find what may be wrong. Events are among them where some fault shows in events alone;
    where they only tell the deeper cause of what is found without them, as with workloads, they are not.
    """

    check: str
    subject: str
    tables: tuple[str, ...]
    fine: str
    also: tuple[str, ...] = ()  # further checks of it
    looked_at: tuple[str, ...] = ()  # the tables whose rows are counted, if not all
    needs_some: bool = False  # having read none of them is no good sign
    told: Callable[[Row], str] | None = None  # what is said of each row though it is well
    unseen: Callable[[Picture], Iterator[str]] | None = None  # what nobody looked at, and no finding is of, by name
    undecided: Callable[[Row], str] | None = None  # the name of what waits for somebody's decision; "" for all else

    @property
    def checks(self) -> tuple[str, ...]:
        """All checks whose findings are about this."""
        return (self.check, *self.also)


NODE_CHECKS = ("node_pressure", "node_leases", "node_schedulable", "node_versions", "node_room")
EVENTS = "cluster.events"
AREAS = (
    Area(
        "node_ready",
        "nodes",
        nodes.TABLES,
        "all nodes are ready, free of pressure, schedulable and of a supported version",
        NODE_CHECKS,
        ("cluster.nodes",),
        needs_some=True,
    ),
    Area(
        "workloads_run",
        "workloads",
        (*CONTROLLERS, "pods.states", "pods.containers"),
        "all controllers have their pods",
        looked_at=CONTROLLERS,
    ),
    Area(
        "jobs_done",
        "jobs",
        (*jobs.OWN, "pods.states", EVENTS),
        "no Job or CronJob has failed, and none is overdue",
        looked_at=jobs.OWN,
    ),
    Area(
        "services_answered",
        "services",
        (*network.TABLES, EVENTS),
        "all Services have ready endpoints",
        looked_at=network.TABLES,
    ),
    Area(
        "ingresses_lead",
        "ingresses",
        ("network.ingresses", *network.TABLES),
        "all paths of Ingresses lead to Services that answer",
        looked_at=("network.ingresses",),
    ),
    Area("gateways_serve", "gateways", gateways.GATEWAY_TABLES, "all gateways and their classes are accepted"),
    Area("routes_lead", "routes", gateways.ROUTE_TABLES, "all routes lead from a gateway that takes them to a Service"),
    Area(
        "network_policies_match",
        "network policies",
        ("network.network_policies",),
        "all network policies find the pods that they are for, and let somebody through by each rule",
    ),
    Area(
        "cilium_policies_match",
        "policies of Cilium",
        cilium.POLICY_TABLES,
        "all policies of Cilium find the endpoints and nodes that they name",
    ),
    Area(
        "cilium_endpoints_true",
        "endpoints of Cilium",
        cilium.ENDPOINT_TABLES,
        "all endpoints and identities of Cilium are of what is there",
    ),
    Area(
        "claims_bound",
        "claims",
        (*storage.TABLES, "pods.states", EVENTS),
        "all claims have their volumes, or wait for a pod",
        looked_at=storage.TABLES,
    ),
    Area("autoscalers_able", "autoscalers", ("scaling.autoscalers",), "all autoscalers read their metrics"),
    Area(
        "autoscalers_fit",
        "autoscalers' room",
        room.TABLES,
        "what autoscalers may add fits onto the nodes",
        unseen=room.not_judged,
    ),
    Area(
        "budgets_allow",
        "budgets",
        (*budgets.TABLES, "pods.states"),
        "all disruption budgets let pods go",
        looked_at=budgets.TABLES,
    ),
    Area("quotas_leave_room", "quotas", ("scaling.quotas",), "no quota is used up"),
    Area(
        "webhooks_answered",
        "webhooks",
        ("control_plane.webhooks",),
        "all admission webhooks that a Service of the cluster should answer are answered",
        unseen=control_plane.not_looked_at,
    ),
    Area(
        "admission_policies_apply",
        "admission policies",
        ("control_plane.admission_policies",),
        "all bindings have their admission policy, and its expressions fit",
    ),
    Area("apis_available", "apis", ("control_plane.api_services",), "all API services are available"),
    Area("namespaces_go", "namespaces", ("control_plane.namespaces",), "no namespace is stuck"),
    Area(
        "api_server_patched",
        "API servers",
        ("control_plane.api_servers",),
        f"no API server was built more than {control_plane.PATCHED_MONTHS} months ago",
        needs_some=True,
        told=control_plane.built,
    ),
    Area(
        "apis_kept",
        "requested API versions",
        ("control_plane.deprecated_requests",),
        "of the deprecated API versions that an API server was asked for since its start, no release removes any",
    ),
    Area("bindings_lead", "bindings of roles", access.TABLES, "all bindings have their role"),
    Area(
        "operators_work",
        "operators",
        operators.TABLES,
        "all operators are installed, and their catalogs reached",
        undecided=operators.waits_for_approval,
    ),
    Area(
        "custom_resources_well",
        "custom resources",
        custom_resources.TABLES,
        "all custom resources that the environment names are well",
        unseen=custom_resources.not_judged,
    ),
)


def cluster_diagnosis(
    state: Tables, *, thresholds: Thresholds, expectations: Expectations | None = None
) -> list[Finding]:
    """What is wrong in each cluster? One problem is one finding: at its owner, with the deepest cause that was read, what
    it brought down with it named beside.

    A workload that `expectations` states to be at rest, scaled to 0, is no problem, nor is the Service before it.

    A table that was not read is never taken for an empty one: what cannot be told without it is UNKNOWN, by area and
    cluster. Where an area was read everywhere and is well, one OK says what was looked at.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "api_service": "v1beta1.metrics.k8s.io", "group": "metrics.k8s.io", "service": None,
    ...     "service_namespace": None, "available": False, "reason": "MissingEndpoints"}
    >>> state = Tables(("eu",), {"control_plane.api_services": pd.DataFrame([row])}, {})
    >>> said(cluster_diagnosis(state, thresholds=Thresholds()))[0]
    'CRIT apiservice/v1beta1.metrics.k8s.io: not available: MissingEndpoints'
    """
    stated = expectations or Expectations()
    pictures = [
        Picture(name, tables, thresholds, stated, state.as_of(name)) for name, tables in state.by_target().items()
    ]
    findings = []
    for picture in pictures:
        problems = [one for rule in RULES for one in rule(picture)]
        findings += [_finding(one, picture, state) for one in folded(problems, picture)]
        if not picture.tables:
            reason = "nothing of it could be read, so nothing can be told"
            findings.append(
                Finding(
                    Status.UNKNOWN,
                    "cluster_diagnosis",
                    f"cluster/{picture.cluster}",
                    reason,
                    cluster=picture.cluster,
                    because=_for_want_of(picture.cluster, state.gaps),
                )
            )
    findings.sort(key=lambda one: -one.status.severity)
    return findings + [finding for area in AREAS for finding in _concluded(area, pictures, findings, state)]


def _finding(problem: Problem, picture: Picture, state: Tables) -> Finding:
    return Finding(
        problem.status,
        problem.check,
        problem.at.subject,
        problem.reason,
        problem.numbers,
        picture.cluster,
        problem.at.namespace,
        state.evidence(picture.cluster, problem.rests_on),
        problem.next,
        tuple(_named(at, picture.cluster) for at in (problem.at, *problem.hit)),
        tuple(_named(cause.at, picture.cluster) for part in problem.because for cause in part),
    )


def _named(at: Ref, cluster: str) -> str:
    """How other checks name what is wrong with this object."""
    kind, _, name = at.subject.partition("/")
    return same.node(cluster, name) if kind == "node" else same.workload(cluster, at.namespace, at.subject)


def _for_want_of(cluster: str, queries: Iterable[str]) -> tuple[str, ...]:
    return tuple(same.unread(f"cluster/{cluster}", name) for name in queries)


def _concluded(
    area: Area, pictures: Sequence[Picture], findings: Iterable[Finding], state: Tables
) -> Iterator[Finding]:
    """UNKNOWN where the area could not be read; OK where it was, and nothing about it was found.

    What nobody looked at is named either way: in that OK, or in a line of its own beside what was found.
    """
    blind = False
    for picture in pictures:
        if not picture.tables:
            blind = True
            continue  # said once, for the whole cluster
        missing = [name for name in area.tables if not picture.has(name)]
        rows = picture.rows(area.tables[0])
        if missing or (area.needs_some and not rows):
            blind = True
            why = f"{', '.join(missing)} could not be read" if missing else f"there are no {area.subject}"
            reason = f"cannot tell whether all {area.subject} are well: {why}"
            because = _for_want_of(picture.cluster, missing)
            yield Finding(Status.UNKNOWN, area.check, area.subject, reason, cluster=picture.cluster, because=because)
    if not pictures:
        yield Finding(Status.UNKNOWN, area.check, area.subject, "no cluster was read")
        return
    unseen = [name for picture in pictures for name in (area.unseen(picture) if area.unseen else ())]
    untold = f"{len(unseen):,} not looked at: {short(', '.join(sorted(set(unseen))))}"
    evidence = tuple(one for picture in pictures for one in state.evidence(picture.cluster, area.tables))
    if not blind and not any(finding.check in area.checks for finding in findings):
        rows = [row for picture in pictures for row in picture.rows(*(area.looked_at or area.tables))]
        read = len(rows) - len(unseen)
        said = f": {', '.join(sorted({area.told(row) for row in rows}))}" if area.told else ""
        besides = f"; {untold}" if unseen else ""
        undecided = sorted({name for row in rows if area.undecided and (name := area.undecided(row))})
        besides += f"; waiting for approval, which is a decision: {short(', '.join(undecided))}" if undecided else ""
        yield Finding(
            Status.OK,
            area.check,
            area.subject,
            f"{area.fine} ({read or 'none'} looked at){said}{besides}",
            {"read": read} | ({"not_looked_at": len(unseen)} if unseen else {}),
            evidence=evidence,
        )
    elif unseen:
        reason = f"beside what is told of {area.subject}: {untold}"
        numbers = {"not_looked_at": len(unseen)}
        yield Finding(Status.OK, area.check, area.subject, reason, numbers, evidence=evidence)
