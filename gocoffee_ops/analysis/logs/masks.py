"""Variable parts of messages as text such as <num>: ids, times, addresses, numbers, quoted values.

The patterns are understood alike by RE2 (Arrow) and by Python's `re`, and none of them tells one digit from another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

_H = "[0-9a-fA-F]"


@dataclass(frozen=True)
class Mask:
    """What is replaced by what. `needs`: every match holds this letter, so that texts without it need no look."""

    pattern: str
    text: str
    needs: str = ""


# First what differs in nearly every message; it leaves few different ones for the many patterns that follow.
_EARLY = (
    Mask(r"\b[A-Za-z]+_(?:[A-Za-z]*[0-9][A-Za-z0-9]*|[A-Za-z0-9]{14,})\b", "<id>", "_"),
    Mask(rf"\b{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}\b", "<uuid>", "-"),
)
_LATE = (
    Mask(r'"(?:[^"\\]|\\.)*"', "<str>", '"'),
    Mask(r"(^|[\s=:(\[,])'[^']*'", r"\1<str>", "'"),
    Mask(
        r"\b[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
        r"(?:Z| ?(?:UTC|GMT)| ?[+-][0-9]{2}:?[0-9]{2})?\b",
        "<time>",
        ":",
    ),
    Mask(r"\b[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?\b", "<time>", ":"),
    Mask(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b", "<time>", "-"),
    Mask(r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?::[0-9]{1,5})?\b", "<ip>", "."),
    Mask(rf"\b(?:{_H}{{1,4}}:){{3,7}}(?::?{_H}{{1,4}})+\b", "<ip>", ":"),
    Mask(r"\b(?:[0-9]+(?:\.[0-9]+)?(?:ms|us|ns|h|m|s))+\b", "<num>"),
    Mask(r"\b[0-9]+(?:[.,][0-9]+)*(?:(?:[kKMGT]i?)?B\b|µs|μs|\b)", "<num>"),
    Mask(rf"\b[0-9]x{_H}+\b", "<hex>", "x"),
    Mask(rf"\b{_H}{{8,}}\b", "<hex>"),
    Mask(r"\b[A-Za-z]*[0-9][A-Za-z0-9]{5,}\b", "<id>"),
)
MASKS = (*_EARLY, *_LATE)  # in this order
_DIGITS_AS_0 = bytes(48 if 48 <= byte < 58 else byte for byte in range(256))


def masked(messages: pa.Array, masks: Iterable[Mask] = MASKS) -> pa.Array:
    """The messages with their variable parts masked.

    >>> import pyarrow as pa
    >>> masked(pa.array(["order 17 of ord_9f8a7b took 12.5ms from 10.0.0.7:5432", "key (id)=(9) in \\"orders\\""])).to_pylist()
    ['order <num> of <id> took <num> from <ip>', 'key (id)=(<num>) in <str>']
    """
    import pyarrow.compute as pc

    for mask in masks:
        if not mask.needs:
            messages = pc.replace_substring_regex(messages, mask.pattern, mask.text)
            continue
        chosen = pc.match_substring(messages, mask.needs)
        some = messages.filter(chosen)
        if len(some):
            messages = pc.replace_with_mask(messages, chosen, pc.replace_substring_regex(some, mask.pattern, mask.text))
    return messages


def distinct(messages: pa.Array) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The different masked messages, and for each message which of them it is; a text may be no message's.

    Messages that differ in digits alone are masked once: the masks treat all digits alike, so that only what keeps a
    digit can still differ, and that is then masked one by one.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    units, first = _by_shape(messages)
    early = masked(messages.take(first), _EARLY)
    again, first = _by_shape(early)
    units, texts = again[units], masked(early.take(first), _LATE)
    kept = pc.match_substring_regex(texts, "[0-9]").to_numpy(zero_copy_only=False)
    if kept.any():
        rows = np.flatnonzero(kept[units])
        own = messages.take(pa.array(rows)).dictionary_encode()
        units[rows] = len(texts) + np.asarray(own.indices)
        texts = pa.concat_arrays([texts, masked(own.dictionary)])
    different = texts.dictionary_encode()
    return different.dictionary.to_pylist(), np.asarray(different.indices).astype(np.int64)[units]


def _by_shape(messages: pa.Array) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """For each message the number of its shape, the message but for its digits; and each shape's first message."""
    import numpy as np
    import pyarrow as pa

    shapes = _without_digits(messages).dictionary_encode()
    numbers = np.asarray(shapes.indices).astype(np.int64)
    first = np.empty(len(shapes.dictionary), dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return numbers, pa.array(first)


def _without_digits(messages: pa.Array) -> pa.Array:
    """The messages with each digit as 0: an ASCII digit is one byte, so everything stays in its place."""
    import pyarrow as pa

    _, ends, data = messages.buffers()
    if data is None:
        return messages
    zeroed = pa.py_buffer(data.to_pybytes().translate(_DIGITS_AS_0))
    return pa.Array.from_buffers(messages.type, len(messages), [None, ends, zeroed], offset=messages.offset)
