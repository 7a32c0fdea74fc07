"""Network policies that are for nobody, and rules of theirs by which nobody is let through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gocoffee_ops.checks.diagnosis.budgets import selects
from gocoffee_ops.checks.diagnosis.problem import NETWORK_POLICIES, TEMPLATES, Picture, Problem, Ref, Row, short
from gocoffee_ops.model import Status

TABLES = ("network.network_policies", "pods.states", *TEMPLATES)
WAYS = {"ingress": "from", "egress": "to"}


class Lost(NamedTuple):
    """Why a part of a policy finds no pod, and whether that is a fault."""

    row: Row
    why: str
    sure: bool = True

    @property
    def said(self) -> str:
        """The part, and why it finds none."""
        part, apart = self.row["part"], self.row["excepted_from"]
        if part == "pods":
            return f"is for nobody: {self.why}"
        whom = f"{apart} except {self.row['block']}" if apart is not None else "nobody"
        return f"{part} {WAYS[part]} {whom}: {self.why}"


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with network policies: each once, with all of its rules whose every peer finds nobody.

    One that finds nobody beside one that finds somebody may be a client that is not installed here.
    """
    policies: dict[Ref, list[Row]] = {}
    for row in picture.rows("network.network_policies"):
        policies.setdefault(Ref(row["namespace"], f"networkpolicy/{row['policy']}"), []).append(row)
    for at, rows in policies.items():
        rules: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            rules.setdefault((row["part"], row["rule"], row["excepted_from"] and row["block"]), []).append(row)
        found = [lost for one in rules.values() if (lost := _all_lost(one, picture))]
        found = [lost for lost in found if lost[0].row["part"] == "pods"] or found
        if found:
            sure = any(all(one.sure for one in lost) for lost in found)
            status = Status.WARN if sure else Status.UNKNOWN
            reason = "; ".join(dict.fromkeys(one.said for lost in found for one in lost))
            yield Problem(NETWORK_POLICIES, status, at, reason, TABLES)


def _all_lost(rows: Sequence[Row], picture: Picture) -> list[Lost]:
    """Why each peer of a rule finds nobody; none where one of them finds somebody, or may."""
    lost = [one for row in rows if (one := _lost(row, picture))]
    return lost if len(lost) == len(rows) else []


def _lost(row: Row, picture: Picture) -> Lost | None:
    """What is wrong where a selector or a block finds no pod; nothing where it would find one, or may.

    What is scaled to 0, or waits for its next run, has its labels still. Where there are no pods and none would be, it is
    not the selector that is wrong. Addresses that nodes do not give to pods may be anybody's.
    """
    if row["finds_pod"] is not False:
        return None
    if row["block"] is not None:
        why = f"no pod has an address in {row['block']}, which is of pods"
        return Lost(row, why) if row["in_pod_range"] else None
    if row["other_namespaces"] and not row["namespaces"]:
        return Lost(row, f"no namespace has the labels that it selects ({_labels(row['namespace_selector'])})")
    there = [labels for name in row["namespaces"] for labels in picture.labelled.get(name, ())]
    if any(selects(row["selector"], labels) for labels in there):
        return None
    why = f"no pod{_where(row)} has the labels that it selects ({_labels(row['selector']) or 'any'})"
    if missing := [name for name in TABLES[1:] if not picture.has(name)]:
        return Lost(
            row, f"{why}; whether one that rests has them cannot be told: {', '.join(missing)} not read", sure=False
        )
    return Lost(row, why) if there else None


def _where(row: Row) -> str:
    if not row["other_namespaces"]:
        return ""
    named = _labels(row["namespace_selector"])
    return f" in namespaces with {named}" if named else " in any namespace"


def _labels(selector: tuple[str, ...]) -> str:
    return short(", ".join(selector), 120)
