"""What can go wrong, as one tree.

Every error says what was being done, on which target, why it failed and what to try next, and survives a round trip
through the ledger, so that a replay raises the error that the live run met.

    OpsError
    ├── UsageError                 wrong usage: nothing was contacted                                  (exit 64)
    │   ├── ConfigError            gocoffee.toml: the key, what was given, what is allowed
    │   └── ParameterError         a runbook parameter: unknown, ill-typed or out of range
    ├── SourceError                a system could not be read
    │   ├── Unreachable            no connection: refused, reset, DNS, TLS
    │   ├── DeadlineExceeded       the answer was not complete in time
    │   ├── Unauthenticated        the system does not know who we are
    │   ├── Forbidden              it knows, and says no: names the verb and the resource
    │   ├── NotFound               the object or the API is not there
    │   ├── Throttled              still told to slow down when the deadline came
    │   ├── ServerFault            the system answered with a fault of its own (5xx, crash, killed backend)
    │   ├── Malformed              the answer could not be decoded
    │   └── Unsupported            the system lacks what the question needs (extension, version, API group)
    ├── EvidenceError              the record
    │   ├── NotRecorded            the bundle does not hold this question
    │   └── Tampered               an entry or a table was changed, removed, reordered or cut
    ├── SchemaError                a table is not what its schema declares: a fault of ours
    ├── QueryFault                 a query raised something that is not in this tree: a fault of ours
    └── IncompleteRun              the notebook ended, and some of its cells raised
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import ClassVar


class OpsError(Exception):
    """Base of the tree.

    `what` was being done, on which `target`, `why` it failed, and a `hint` of what to try next.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, what: str, *, target: str = "", why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.target = target
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        text = self.what
        if self.target:
            text += f" [{self.target}]"
        if self.why:
            text += f": {self.why}"
        if self.hint:
            text += f". Try: {self.hint}"
        return text

    def __reduce__(self) -> tuple[object, tuple[dict[str, str]]]:
        return error_from_record, (self.to_record(),)

    def to_record(self) -> dict[str, str]:
        """The error as the ledger keeps it."""
        return {
            "type": type(self).__name__,
            "what": self.what,
            "target": self.target,
            "why": self.why,
            "hint": self.hint,
        }


class UsageError(OpsError):
    """Wrong usage; raised before anything is contacted."""

    exit_code = 64


class ConfigError(UsageError):
    """gocoffee.toml is wrong: names the key, what was given and what is allowed."""


class ParameterError(UsageError):
    """A runbook parameter is unknown, ill-typed or out of range."""


class SourceError(OpsError):
    """A system could not be read."""


class Unreachable(SourceError):
    """No connection: refused, reset, DNS or TLS."""


class DeadlineExceeded(SourceError):
    """The answer was not complete when the deadline came."""


class Unauthenticated(SourceError):
    """The system does not know who we are."""


class Forbidden(SourceError):
    """The system knows who we are and says no; `why` names the verb and the resource."""


class NotFound(SourceError):
    """The object, or the API that serves it, is not there."""


class Throttled(SourceError):
    """The system still told us to slow down when the deadline came."""


class ServerFault(SourceError):
    """The system answered with a fault of its own."""


class Malformed(SourceError):
    """The answer could not be decoded."""


class Unsupported(SourceError):
    """The system lacks what the question needs."""


class EvidenceError(OpsError):
    """The record is not there, or is not what it was."""


class NotRecorded(EvidenceError):
    """The bundle does not hold this question; names what it holds."""


class Tampered(EvidenceError):
    """An entry or a table was changed, removed, reordered or cut."""


class SchemaError(OpsError):
    """A table is not what its schema declares."""


class QueryFault(OpsError):
    """A query raised something that is not in this tree."""


class IncompleteRun(OpsError):
    """The notebook ended, and some of its cells raised."""

    exit_code = 3


def _tree(root: type[OpsError]) -> Iterable[type[OpsError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


def error_from_record(record: Mapping[str, str]) -> OpsError:
    """Rebuild the error that `OpsError.to_record` wrote.

    >>> error_from_record(Forbidden("list pods", target="cluster/a", why="no").to_record())
    Forbidden('list pods')
    """
    types = {cls.__name__: cls for cls in _tree(OpsError)}
    cls = types.get(record["type"], OpsError)
    return cls(record["what"], target=record["target"], why=record["why"], hint=record["hint"])


def unknown_name(kind: str, given: str, valid: Iterable[str], error: type[UsageError] = UsageError) -> UsageError:
    """The error for a name that does not exist: what was given, the nearest one, and all that are valid.

    >>> str(unknown_name("environment", "prd", ["prod", "demo"]))
    "unknown environment 'prd'. Try: did you mean 'prod'? valid: demo, prod"
    """
    names = sorted(valid)
    near = difflib.get_close_matches(given, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return error(f"unknown {kind} {given!r}", hint=f"{hint}valid: {', '.join(names) if names else 'none'}")
