"""What a namespace makes of a template before any scheduler sees it, and how many pods its quotas still allow.

Follows the defaults that the API server gives a pod (not a template), LimitRanger and ResourceQuota. What is not
followed is a doubt. Admission webhooks and pod security cannot be seen from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gocoffee_ops.queries.pod_resources import Amounts, measure, template_amounts
from gocoffee_ops.sources.kubernetes.placement_shapes import (
    Limit,
    LimitRange,
    Quota,
    TemplateSpec,
    with_own_resources,
    with_resources,
)
from gocoffee_ops.sources.kubernetes.shapes import Quantities, Resources, resources_of

LIMIT_RANGE, QUOTA = "limit range", "quota"
COMPUTE = ("cpu", "memory")
PLAIN = frozenset({"cpu", "memory", "ephemeral-storage"})  # a quota's short names for requests


@dataclass
class Allowance:
    """A template as its pods are admitted, how many more may be made, what ends that, and what is not followed."""

    spec: TemplateSpec
    pods: int | None = None  # no limit
    bound_by: str = ""
    doubts: list[str] = field(default_factory=list)

    def bound(self, pods: int, by: str) -> None:
        """Allow no more than that."""
        if self.pods is None or pods < self.pods:
            self.pods, self.bound_by = max(pods, 0), by


def allowed(template: TemplateSpec, ranges: Sequence[LimitRange], quotas: Iterable[Quota]) -> Allowance:
    """What the limit ranges and quotas of a namespace make of a template, and how many more of its pods they allow."""
    found = Allowance(_admitted(template, ranges))
    for limit in _limits(ranges, "Container"):
        if limit.max_limit_request_ratio:
            found.doubts.append("a limit range bounds limits against requests, which is not read")
        if not all(_within(limit, one) for one in _of_containers(found.spec)):
            found.bound(0, LIMIT_RANGE)
    if any(limit.min or limit.max or limit.max_limit_request_ratio for limit in _limits(ranges, "Pod")):
        found.doubts.append("a limit range bounds whole pods, which is not read")
    takes = template_amounts(found.spec)
    for quota in quotas:
        _apply(quota, takes, found)
    return found


def _admitted(spec: TemplateSpec, ranges: Iterable[LimitRange]) -> TemplateSpec:
    """The template with what its pods get when they say nothing: a request as large as the limit, and the defaults."""
    found = with_resources(spec, lambda one: Resources({**(one.limits or {}), **(one.requests or {})}, one.limits))
    own = resources_of(bytes(spec.resources))
    if own.limits:  # of the pod as a whole, where its containers request nothing
        said = {name for one in _of_containers(found) for name in one.requests or ()}
        unsaid = {name: limit for name, limit in own.limits.items() if name not in said}
        found = with_own_resources(found, Resources({**unsaid, **(own.requests or {})}, own.limits))
    for limit in _limits(ranges, "Container"):
        found = with_resources(found, _defaults(limit))
    return found


def _defaults(limit: Limit) -> Callable[[Resources], Resources]:
    def given(one: Resources) -> Resources:
        return Resources(
            {**(limit.default_request or {}), **(one.requests or {})}, {**(limit.default or {}), **(one.limits or {})}
        )

    return given


def _limits(ranges: Iterable[LimitRange], kind: str) -> list[Limit]:
    return [limit for one in ranges for limit in one.spec.limits or () if limit.type == kind]


def _of_containers(spec: TemplateSpec) -> list[Resources]:
    return [resources_of(bytes(one.resources)) for one in (*spec.containers, *(spec.init_containers or ()))]


def _within(limit: Limit, one: Resources) -> bool:
    requests, limits = one.requests or {}, one.limits or {}
    for name, least in (limit.min or {}).items():
        count = measure(name)
        if name not in requests or count(requests[name]) < count(least):
            return False
        if name in limits and count(limits[name]) < count(least):
            return False
    for name, most in (limit.max or {}).items():
        count = measure(name)
        if name not in limits or count(limits[name]) > count(most):
            return False
        if name in requests and count(requests[name]) > count(most):
            return False
    return True


def _apply(quota: Quota, takes: Amounts, found: Allowance) -> None:
    name = quota.metadata.name
    covered = _covers(quota, takes)
    if covered is None:
        found.doubts.append(f"the scope of quota {name} is not read")
        return
    if not covered:
        return
    hard, used = quota.status.hard or {}, quota.status.used or {}
    for resource in quota.spec.hard or {}:
        each = _charge(resource, takes)
        if not _said(resource, found.spec):
            found.bound(0, QUOTA)  # a pod that does not say what a quota counts is refused
        elif each and (resource not in hard or resource not in used):
            found.doubts.append(f"quota {name} has not been counted yet")
        elif each:
            count = measure(_counted(resource))
            found.bound((count(hard[resource]) - count(used[resource])) // each, QUOTA)


def _covers(quota: Quota, takes: Amounts) -> bool | None:
    """Whether a quota counts these pods; None where that is not followed. A deployment's pods have no end of their own."""
    selector = quota.spec.scope_selector
    terms = (selector.match_expressions if selector else None) or ()
    scopes = {*(quota.spec.scopes or ()), *(one.scope_name for one in terms)}
    best_effort = not any(takes.requests.get(name) or takes.limits.get(name) for name in COMPUTE)
    known = {"Terminating": False, "NotTerminating": True, "BestEffort": best_effort, "NotBestEffort": not best_effort}
    if any(scope in known and not known[scope] for scope in scopes):
        return False
    return True if scopes <= known.keys() else None


def _charge(resource: str, takes: Amounts) -> int:
    """What one pod takes of what a quota counts; nothing of what is no matter of pods."""
    if resource in {"pods", "count/pods"}:
        return 1
    amounts = takes.limits if resource.startswith("limits.") else takes.requests
    return amounts.get(_counted(resource), 0)


def _counted(resource: str) -> str:
    return resource.removeprefix("limits.").removeprefix("requests.")


def _said(resource: str, spec: TemplateSpec) -> bool:
    """Whether every container, or the pod itself, says what a quota on CPU or memory counts."""
    name = _counted(resource)
    if name not in COMPUTE:
        return True

    def values(one: Resources) -> Quantities:
        return (one.limits if resource.startswith("limits.") else one.requests) or {}

    if name in values(resources_of(bytes(spec.resources))):
        return True
    return all(name in values(one) for one in _of_containers(spec))
