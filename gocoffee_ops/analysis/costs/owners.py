"""Whose money it is: the team of a namespace or of a workload."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gocoffee_ops.analysis.costs.schemas import TEAMS, rows

if TYPE_CHECKING:
    import pandas as pd

WHOLE = "*"
TEAM_LABEL = "team"


class Owner(NamedTuple):
    """A container of a pod, one life of it: a pod of the same name that ran again has another uid."""

    namespace: str
    workload: str | None
    pod: str
    pod_uid: str | None
    container: str
    labels: tuple[str, ...] = ()


class Teams:
    """Teams by workload, else by namespace, else by the label `team`; whoever has none of these is untagged."""

    def __init__(self, table: Iterable[Mapping[str, Any]] = ()) -> None:
        self._found: dict[tuple[str, str], str] = {(row["namespace"], row["workload"]): row["team"] for row in table}

    @classmethod
    def of(cls, teams: pd.DataFrame | None) -> Teams:
        """The teams of a table of theirs."""
        return cls([] if teams is None else rows(teams, TEAMS))

    def team(self, namespace: str | None, workload: str | None, labels: Sequence[str] = ()) -> str | None:
        """The team of a workload.

        >>> teams = Teams([{"team": "shop", "namespace": "go-coffee", "workload": "*"},
        ...     {"team": "pay", "namespace": "go-coffee", "workload": "deployment/payments"}])
        >>> teams.team("go-coffee", "deployment/orders"), teams.team("go-coffee", "deployment/payments")
        ('shop', 'pay')
        >>> teams.team("other", None, ("team=lab",)), teams.team("other", None)
        ('lab', None)
        """
        if namespace is not None:
            for name in (workload, WHOLE):
                if name is not None and (namespace, name) in self._found:
                    return self._found[namespace, name]
        return label(labels, TEAM_LABEL)


def label(labels: Sequence[str] | None, name: str) -> str | None:
    """The value of one label.

    >>> label(("app=orders", "team=shop"), "team"), label((), "team")
    ('shop', None)
    """
    return next((value for key, _, value in (one.partition("=") for one in labels or ()) if key == name), None) or None
