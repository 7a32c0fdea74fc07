"""What tables of several kinds show in one form: labels, selectors, owners, conditions, ages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from gocoffee_ops.errors import Malformed
from gocoffee_ops.sources.kubernetes.placement_shapes import LabelSelector
from gocoffee_ops.sources.kubernetes.pod_shapes import DatedCondition, LabelledMeta

TEMPLATE_HASH = "pod-template-hash"
NO_CONDITION = DatedCondition("")


def pairs(labels: Mapping[str, str] | None) -> list[str]:
    """Labels, or a selector by equality, as `key=value`, sorted."""
    return sorted(f"{key}={value}" for key, value in (labels or {}).items())


def requirements(selector: LabelSelector | None) -> list[str]:
    """A selector as kubectl prints it, one requirement a text."""
    if selector is None:
        return []
    sets = [_printed(one.key, one.operator, one.values or ()) for one in selector.match_expressions or ()]
    return [*pairs(selector.match_labels), *sets]


def _printed(key: str, operator: str, values: Iterable[str]) -> str:
    forms = {
        "In": f"{key} in ({','.join(values)})",
        "NotIn": f"{key} notin ({','.join(values)})",
        "Exists": key,
        "DoesNotExist": f"!{key}",
    }
    if operator not in forms:
        raise Malformed("read a selector", why=f"operator {operator!r} of {key} is not known")
    return forms[operator]


def controller(meta: LabelledMeta) -> str | None:
    """What made an object: `replicaset/orders-5c`, `job/seed`."""
    for one in meta.owner_references or ():
        if one.controller:
            return f"{one.kind.lower()}/{one.name}"
    return None


def owner(meta: LabelledMeta) -> str | None:
    """The workload that a pod belongs to: of a ReplicaSet that a Deployment made, the Deployment."""
    made_by = controller(meta)
    suffix = f"-{(meta.labels or {}).get(TEMPLATE_HASH, '')}"
    if made_by is not None and made_by.startswith("replicaset/") and len(suffix) > 1 and made_by.endswith(suffix):
        return f"deployment/{made_by.removeprefix('replicaset/').removesuffix(suffix)}"
    return made_by


def by_type(found: Iterable[DatedCondition] | None) -> dict[str, DatedCondition]:
    """An object's conditions by type."""
    return {one.type: one for one in found or ()}


def told(condition: DatedCondition | None) -> str | None:
    """What a condition gives as its reason, in one text; None where it says nothing."""
    if condition is None:
        return None
    return one_line(": ".join(part for part in (condition.reason, condition.message) if part)) or None


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def ago_s(time: datetime | None, as_of: datetime) -> float | None:
    """Seconds since a time; what lies after the run's `as_of` is 0 ago."""
    return max(0.0, (as_of - time).total_seconds()) if time else None
