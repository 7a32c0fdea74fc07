"""One family of the API server's own metrics, read from a text of which all else is let go as it comes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gocoffee_ops.errors import Malformed
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes.client import Cluster
from gocoffee_ops.sources.kubernetes.failures import Request

PATH = "/metrics"
DEPRECATED = "apiserver_requested_deprecated_apis"
OWN = "apiserver_"  # what the families of an API server begin with
LARGEST = 1 << 28  # of the text: a busy server's is a tenth of that
LONGEST = 1 << 20  # of a line

NAME = re.compile(rb"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
SAMPLE = re.compile(rf"{NAME.pattern.decode()}(?:\{{((?:{LABEL.pattern},?)*)\}})?\s+(\S+)(?:\s+-?\d+)?")
ESCAPED = re.compile(r"\\(.)")
ESCAPES = {"n": "\n", "\\": "\\", '"': '"'}


@dataclass(frozen=True)
class Sample:
    """One series as it stood."""

    labels: dict[str, str]
    value: float


def samples(cluster: Cluster, family: str, deadline: Deadline) -> list[Sample]:
    """The series of a family; none where there are none of it, which is believed of a whole text of an API server alone.

    The server that answers tells of itself, since its start. Permission: `get` on the path /metrics, by
    `nonResourceURLs`. Raises the errors of `errors.SourceError`; Malformed for a text that is cut, or not an API server's.
    """
    request = Request("get", PATH, PATH)
    reading = _Reading(family.encode())
    cluster.pour(request, {}, deadline, reading.take)
    try:
        return reading.ended()
    except ValueError as error:
        raise Malformed(request.what, target=cluster.target, why=str(error)) from None


@dataclass
class _Reading:
    """The text so far. A family's lines stand together, and families in the order of their names."""

    family: bytes
    found: list[bytes] = field(default_factory=list)
    size: int = 0
    passed: bool = False  # whether a family was seen that stands behind it, and none of its own lines since
    own: bool = False  # whether something was seen that only an API server has
    rest: bytes = b""

    def take(self, chunk: bytes) -> bool:
        """Hand over the next part; True while more is wanted."""
        self.size += len(chunk)
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        for line in lines:
            self._line(line)
        return not (self.found and self.passed) and self.size <= LARGEST and len(self.rest) <= LONGEST

    def _line(self, line: bytes) -> None:
        if line.startswith(b"# TYPE "):
            name = line[7:].partition(b" ")[0]
            self.own = self.own or name.startswith(OWN.encode())
            self.passed = self.passed or name > self.family
        elif line.startswith(self.family) and not NAME.fullmatch(line[: len(self.family) + 1]):
            self.found.append(line)
            self.passed = False

    def ended(self) -> list[Sample]:
        """What was found. Raises ValueError when it cannot be known that this is all."""
        if self.found and self.passed:
            return [_sample(line.decode()) for line in self.found]
        if len(self.rest) > LONGEST:
            raise ValueError(f"a line of it is longer than {LONGEST >> 20} MiB")
        if self.size > LARGEST:
            raise ValueError(f"{self.family.decode()} is not in the first {LARGEST >> 20} MiB of it")
        if not self.own:
            raise ValueError(f"its {self.size} bytes hold no family that an API server has ({OWN}…)")
        if self.rest or not self.passed:
            raise ValueError(f"it ends in the middle, after {self.size} bytes")
        return []


def _sample(line: str) -> Sample:
    """A line of the text.

    >>> _sample('up{a="1",b="x\\\\"y, {z}",c=""} 1 1700000000000')
    Sample(labels={'a': '1', 'b': 'x"y, {z}', 'c': ''}, value=1.0)
    """
    found = SAMPLE.fullmatch(line.strip())
    if found is None:
        raise ValueError(f"a line of it cannot be read: {line[:80]}")
    labels = {name: ESCAPED.sub(_unescaped, value) for name, value in LABEL.findall(found[1] or "")}
    return Sample(labels, float(found[4]))


def _unescaped(found: re.Match[str]) -> str:
    return ESCAPES.get(found[1], found[0])
