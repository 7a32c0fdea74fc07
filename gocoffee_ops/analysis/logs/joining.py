"""Which lines belong together: stack traces, indented lines, PostgreSQL's details, and the runtime's partial lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

START, INDENTED, FRAME, BLANK, JAVA, JAVA_MORE, PYTHON, PYTHON_MORE, GO, GO_MORE, DETAIL, NAMED = range(12)

# Later ones win. NAMED may be the line with which a Python trace ends; FRAME is a Java stack frame; JAVA is a line that
# may be an exception: it is one if a frame follows.
_KINDS = (
    (NAMED, r"^[A-Za-z_][\w.]*(?:: |:?$)"),
    (BLANK, r"^\s*$"),
    (INDENTED, r"^(?:\s+\S|[)\]}]+[,;]?\s*$)"),
    (FRAME, r"^\s+at [\w$.<>/@-]+\("),
    (JAVA, r'^(?:Exception in thread "[^"]*" )?(?:[a-z_][\w$]*\.)+[A-Z][\w$.]*(?::|$)'),
    (JAVA_MORE, r"^(?:Caused by: |Suppressed: )"),
    (PYTHON, r"^Traceback \(most recent call last\):"),
    (PYTHON_MORE, r"^(?:During handling of the above exception|The above exception was the direct cause)"),
    (GO, r"^(?:panic: |fatal error: |goroutine [0-9]+ \[)"),
    (GO_MORE, r"^(?:created by |exit status [0-9]|\[signal |[\w./*()\[\]{}·~%-]+\(.*\)$|\.\.\.)"),
    (DETAIL, r"^[0-9]{4}-[0-9]{2}-[0-9]{2} .{0,80}\] [^:]{0,60}(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION):  "),
)
_JAVA_TYPE = re.compile(r"(?:[a-z_][\w$]*\.)+[A-Z][\w$.]*")
_JAVA_THROWN = re.compile(r"(?:[a-z_][\w$]*\.)+[A-Z][\w$.]*(?:Exception|Error|Throwable)\b")
_PYTHON_TYPE = re.compile(r"^([A-Za-z_][\w.]*)(?::|$)")
_CRI = (
    r"^(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]{5,6})) (?P<stream>stdout|stderr) (?P<tag>[PF])"
    r"(?: (?P<line>.*))?$"
)


def kinds(lines: pa.Array) -> list[int]:
    """What each line looks like, seen alone."""
    import numpy as np
    import pyarrow.compute as pc

    found = np.zeros(len(lines), dtype=np.int8)
    for kind, pattern in _KINDS:
        found[pc.match_substring_regex(lines, pattern).to_numpy(zero_copy_only=False)] = kind
    return found.tolist()


def heads(kinds: Sequence[int], containers: Sequence[int], bad: Sequence[bool]) -> list[int]:
    """For each line the place of the line that its record begins with.

    `bad` says which lines have a level of error or worse: a stack trace belongs to such a line before it.

    >>> heads([START, INDENTED, START, PYTHON, INDENTED, NAMED, START], [0] * 7, [False, False, True] + [False] * 4)
    [0, 0, 2, 2, 2, 2, 6]
    """
    found: list[int] = []
    head, within, last = 0, START, len(kinds) - 1
    for i, kind in enumerate(kinds):
        if kind == START and within == START:
            found.append(i)
            head = i
            continue
        if i == 0 or containers[i] != containers[i - 1]:
            begins, within = True, _enters(kind, i < last and kinds[i + 1] == FRAME)
        else:
            framed = i < last and kinds[i + 1] == FRAME
            begins, within = _step(kind, within, framed=framed, owned=bad[head] and head == i - 1)
        if begins:
            head = i
        found.append(head)
    return found


def _enters(kind: int, framed: bool) -> int:
    """The state after a line that begins a record."""
    if kind == JAVA:
        return JAVA if framed else START
    return kind if kind in {PYTHON, GO} else START


def _step(kind: int, within: int, *, framed: bool, owned: bool) -> tuple[bool, int]:
    """Does this line begin a record, and what are we within after it?"""
    if kind in {INDENTED, FRAME, BLANK, JAVA_MORE, DETAIL}:
        return False, within
    if within == PYTHON and kind in {NAMED, JAVA}:  # the line that names the exception
        return False, PYTHON_MORE
    if kind == PYTHON:
        return not (within == PYTHON_MORE or owned), PYTHON
    if kind == JAVA and framed:
        return not owned, JAVA
    if (kind == within == PYTHON_MORE) or (within == GO and kind in {GO, GO_MORE}):
        return False, within
    return True, _enters(kind, framed)


def exception_of(head: str, more: Sequence[str]) -> str | None:
    """The type of the exception that a record's lines show, None if they show none.

    >>> exception_of("boom", ["java.io.IOException: gone", "\\tat a.B.c(B.java:1)", "Caused by: a.C: d"])
    'java.io.IOException'
    >>> exception_of("Traceback (most recent call last):", ['  File "a.py", line 1, in f', "KeyError: 'id'"])
    'KeyError'
    """
    if head.startswith(("panic: ", "fatal error: ")):
        return head.partition(":")[0]
    lines = [head, *more]
    if any(line.startswith("Traceback (") for line in lines):
        named = [m[1] for line in more if not line.startswith((" ", "\t")) and (m := _PYTHON_TYPE.match(line))]
        return named[-1] if named else None
    if any(line.lstrip().startswith("at ") and line[:1].isspace() for line in more):
        named = [m[0] for line in more if (m := _JAVA_TYPE.match(line))]
        thrown = _JAVA_TYPE.match(head) or _JAVA_THROWN.search(head)
        return thrown[0] if thrown else next(iter(named), None)
    return None


def partial_lines(
    lines: pa.Array, containers: Sequence[int]
) -> tuple[list[str], list[str | None], list[int], list[int]] | None:
    """Lines as the runtime keeps them (`time stream P|F text`), put together; None if there are none such.

    Returns texts, times, the place of each one's first line, and for every line the place of its text.
    """
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring_regex(lines, _CRI)).as_py():
        return None
    groups = pc.extract_regex(lines, _CRI)
    texts: list[list[str]] = []
    times: list[str | None] = []
    first: list[int] = []
    belongs: list[int] = []
    pending: dict[tuple[int, str], int] = {}
    for i, (row, line) in enumerate(zip(groups.to_pylist(), lines.to_pylist(), strict=True)):
        key = (containers[i], row["stream"] if row else "")
        at = pending.pop(key, None) if row else None
        if at is None:
            at = len(texts)
            texts.append([])
            times.append(row["time"] if row else None)
            first.append(i)
        texts[at].append((row["line"] or "") if row else line)
        belongs.append(at)
        if row and row["tag"] == "P":
            pending[key] = at
    return ["".join(parts) for parts in texts], times, first, belongs
