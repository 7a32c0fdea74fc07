"""Custom resources that the environment names for a cluster: what their status says in the ways that most controllers share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gocoffee_ops.errors import Forbidden, Malformed, NotFound, ServerFault, SourceError, Unsupported
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s, one_line
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster, custom
from gocoffee_ops.sources.kubernetes.custom_shapes import CustomMeta, CustomResource

# Conditions that are True of what is well, and words in the names of those that are True of what is not.
GOOD = frozenset(
    ("ready", "available", "healthy", "synced", "accepted", "reconciled", "succeeded", "programmed", "established")
)
BAD = frozenset(("failed", "failure", "failures", "error", "errors", "degraded", "stalled", "unhealthy"))
DENIED = frozenset(("no", "not", "non", "never", "without"))
# With these a condition's name tells of what is over, or of a means against it, and says nothing that is sure.
OVER = frozenset(
    ("cleared", "cleaned", "resolved", "recovered", "fixed", "handled", "ignored", "enabled", "detection", "tolerance",
     "tolerated", "recovery", "reporting", "policy")
)  # fmt: skip
AT_REST = frozenset(("suspended", "paused"))  # reasons that are somebody's decision
FAILED = frozenset(
    (
        "failed",
        "failure",
        "error",
        "errored",
        "err",
        "degraded",
        "unhealthy",
        "missing",
        "lost",
        "invalid",
        "rejected",
        "red",
        "offline",
        "unreachable",
        "backoff",
        "pending",
    )
)  # last words of a phase, a state or a health
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

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
        Column("unsure", "list[string]", help="why its status does not tell how it is"),
        Column("unsure_s", "Float64", "s", "since the first of these changed, or it was made", optional=True),
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
        said.compare(one.status, meta)
    return {
        "unread": None,
        "namespace": meta.namespace or None,
        "age_s": ago_s(meta.creation_timestamp, as_of),
        "deletion_overdue_s": ago_s(meta.deletion_timestamp, as_of),
        "finalizers": meta.finalizers or [],
        "judged": said.understood,
        "failed": said.failed,
        "failed_s": _longest(said.failed_at, meta, as_of),
        "words": said.words,
        "unsure": said.unsure,
        "unsure_s": _longest(said.unsure_at, meta, as_of),
    }


def _longest(times: Iterable[datetime | None], meta: CustomMeta, as_of: datetime) -> float | None:
    since = (ago_s(time or meta.creation_timestamp, as_of) for time in times)
    return max((ago for ago in since if ago is not None), default=None)


@dataclass
class _Said:
    """What a status says, as far as that is known."""

    understood: bool = False
    failed: list[str] = field(default_factory=list)
    failed_at: list[datetime | None] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    unsure_at: list[datetime | None] = field(default_factory=list)

    def hear(self, status: dict[str, Any]) -> None:
        conditions = status.get("conditions")
        if not isinstance(conditions, list | None):
            self._doubt("its conditions are no list")
        for one in conditions if isinstance(conditions, list) else ():
            if isinstance(one, dict) and isinstance(one.get("type"), str):
                self._condition(one, one["type"])
            else:
                self._doubt("one of its conditions has no type")
        health = status.get("health")
        words = {
            "phase": status.get("phase"),
            "state": status.get("state"),
            "health": health.get("status") if isinstance(health, dict) else health,
        }
        for name, word in words.items():
            if isinstance(word, str) and word:
                self._word(name, word)

    def compare(self, status: dict[str, Any], meta: CustomMeta) -> None:
        """A status of an older generation says nothing of the present one, whatever it says."""
        seen = status.get("observedGeneration")
        if isinstance(seen, int) and seen < meta.generation:
            wanted = [one.time for one in meta.managed_fields or () if one.time and one.subresource != "status"]
            self._doubt(
                f"its controller looked last at generation {seen} of {meta.generation}", max(wanted, default=None)
            )

    def _condition(self, condition: dict[str, Any], kind: str) -> None:
        if (good := _good(kind)) is None:
            return
        status, since = condition.get("status"), _moment(condition.get("lastTransitionTime"))
        reasons = [part for name in ("reason", "message") if isinstance(part := condition.get(name), str) and part]
        why = one_line(": ".join(reasons)) or "nothing says why"
        self.understood = True
        if not isinstance(status, str):
            self._doubt(f"{kind} is neither True nor False: {why}", since)
        elif status not in {"True", "False"}:
            self._doubt(f"{kind} is {status or 'empty'}: {why}", since)
        elif good != (status == "True") and not (good and reasons and reasons[0].lower() in AT_REST):
            self.failed.append(f"{kind} is {status}: {why}")
            self.failed_at.append(since)

    def _word(self, name: str, word: str) -> None:
        self.understood = True
        said, parts = f"its {name} is {one_line(word)}", _words(word)
        if parts[-1:] == ["unknown"]:
            self._doubt(said)
        elif _good(word) is False or (FAILED & {*parts[-1:], "".join(parts[-2:])} and not DENIED.intersection(parts)):
            self.words.append(said)

    def _doubt(self, why: str, since: datetime | None = None) -> None:
        self.understood = True
        self.unsure.append(why)
        self.unsure_at.append(since)


def _words(name: str) -> list[str]:
    """The words of a name in camel case, or with anything between them.

    >>> _words("ErrorsCleared"), _words("create_err"), _words("APIError")
    (['errors', 'cleared'], ['create', 'err'], ['api', 'error'])
    """
    return [word.lower() for word in WORD.findall(name)]


def _good(condition: str) -> bool | None:
    """Whether a condition should be True, or False; None where its name does not say.

    >>> [_good(name) for name in ("Ready", "NotReady", "InstallFailed", "NoErrors", "ErrorsCleared", "FailoverReady")]
    [True, False, False, True, None, None]
    """
    words = _words(condition)
    denied = bool(DENIED.intersection(words))
    plain = [word for word in words if word not in DENIED]
    if len(plain) == 1 and plain[0] in GOOD:
        return not denied
    if BAD.intersection(plain) and not OVER.intersection(plain):
        return denied
    return None


def _moment(text: Any) -> datetime | None:
    """A time with its zone; None for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None
