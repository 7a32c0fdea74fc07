"""Custom resources that the environment names for a cluster: what their status says in the ways that most controllers share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gocoffee_ops.errors import Forbidden, Malformed, NotFound, ServerFault, SourceError, Unsupported
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s, one_line
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster, custom
from gocoffee_ops.sources.kubernetes.custom_shapes import CustomResource

# Conditions that are True of what is well, and parts of the names of those that are not.
GOOD = ("Ready", "Available", "Healthy", "Synced", "Accepted", "Reconciled", "Succeeded")
BAD = ("failed", "failure", "error", "degraded", "stalled", "unhealthy")
FAILED = frozenset(
    ("failed", "failure", "error", "errored", "degraded", "unhealthy", "missing", "lost", "invalid", "rejected", "red")
)  # words of a phase, a state or a health

TABLE = Schema(
    "custom resources",
    (
        Column("resource", "string", help="as the environment names it: certificates.cert-manager.io"),
        Column("unread", "string", optional=True, help="why none of it could be read; the row is of no object then"),
        Column("namespace", "string", optional=True),
        Column("object", "string", optional=True, help="certificate.cert-manager.io/shop"),
        Column("age_s", "Float64", "s", optional=True),
        Column("deletion_overdue_s", "Float64", "s", "since its deletion was asked for", optional=True),
        Column("finalizers", "list[string]"),
        Column("judged", "boolean", help="whether its status says how it is in a way that is known"),
        Column("failed", "list[string]", help="conditions that say that it is not well"),
        Column("failed_s", "Float64", "s", "since the first of these changed, or it was made", optional=True),
        Column("words", "list[string]", help="a phase, a state or a health that says so"),
        Column("unsure", "list[string]", help="what its controller says that it does not know"),
    ),
)


@query("cluster", TABLE)
def states(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """How are the custom resources that the environment names for this cluster? Where it names none there are no rows.

    One that cannot be read, or that the server does not know, is a row that says why, beside those of the others.

    API: what `custom_resources` of the cluster names. Permission: list these, in `namespace` or in the whole cluster; the
    shipped role does not have it. Raises SourceError where the cluster does not answer.
    """
    lists = Lists(ask)
    rows: list[dict[str, Any]] = []
    if not ask.source.custom_resources:
        ask.source.server_version(ask.deadline)  # no rows are what a cluster gave, and not one that is dead
    for name in ask.source.custom_resources:
        try:
            kind, served = custom.find(ask.source, name, ask.deadline)
            found = lists.all(kind, namespace=namespace if served.namespaced else "")
        except (Forbidden, Malformed, NotFound, ServerFault, Unsupported) as error:
            rows.append(_unread(name, error))
            continue
        title = f"{served.kind.lower()}.{kind.group}"
        rows += [{"resource": name, "object": f"{title}/{one.metadata.name}", **_row(one, ask.as_of)} for one in found]
    return Rows(rows, notes=lists.notes())


def _unread(name: str, error: SourceError) -> dict[str, Any]:
    lists: dict[str, list[str]] = {column.name: [] for column in TABLE.columns if column.dtype == "list[string]"}
    return {**dict.fromkeys(TABLE.names), **lists, "resource": name, "unread": one_line(error.why), "judged": False}


def _row(one: CustomResource, as_of: datetime) -> dict[str, Any]:
    meta, said = one.metadata, _Said()
    if isinstance(one.status, dict):
        said.hear(one.status)
    since = [time or meta.creation_timestamp for time in said.times]
    return {
        "unread": None,
        "namespace": meta.namespace or None,
        "age_s": ago_s(meta.creation_timestamp, as_of),
        "deletion_overdue_s": ago_s(meta.deletion_timestamp, as_of),
        "finalizers": meta.finalizers or [],
        "judged": said.understood,
        "failed": said.failed,
        "failed_s": max((ago for time in since if (ago := ago_s(time, as_of)) is not None), default=None),
        "words": said.words,
        "unsure": said.unsure,
    }


@dataclass
class _Said:
    """What a status says, as far as that is known."""

    understood: bool = False
    failed: list[str] = field(default_factory=list)
    times: list[datetime | None] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def hear(self, status: dict[str, Any]) -> None:
        for one in _conditions(status.get("conditions")):
            self._condition(one, one["type"], one["status"])
        health = status.get("health")
        words = {
            "phase": status.get("phase"),
            "state": status.get("state"),
            "health": health.get("status") if isinstance(health, dict) else health,
        }
        for name, word in words.items():
            if isinstance(word, str) and word:
                self._word(name, word)

    def _condition(self, condition: dict[str, Any], kind: str, status: str) -> None:
        good = kind in GOOD
        if not good and not any(part in kind.lower() for part in BAD):
            return
        reasons = (condition.get("reason"), condition.get("message"))
        why = one_line(": ".join(part for part in reasons if isinstance(part, str) and part)) or "nothing says why"
        if status == ("False" if good else "True"):
            self.failed.append(f"{kind} is {status}: {why}")
            self.times.append(_moment(condition.get("lastTransitionTime")))
        elif status not in {"True", "False"}:
            self.unsure.append(f"{kind} is {status or 'empty'}: {why}")
        self.understood = True

    def _word(self, name: str, word: str) -> None:
        self.understood = True
        if word.lower() in FAILED or word.lower().endswith(("failed", "_err", "error")):
            self.words.append(f"its {name} is {one_line(word)}")
        elif word.lower() == "unknown":
            self.unsure.append(f"its {name} is {one_line(word)}")


def _conditions(found: Any) -> Iterator[dict[str, Any]]:
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict) and isinstance(one.get("type"), str) and isinstance(one.get("status"), str):
            yield one


def _moment(text: Any) -> datetime | None:
    """A time with its zone; None for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None
