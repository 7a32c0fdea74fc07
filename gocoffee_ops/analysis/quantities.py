"""Kubernetes quantities (`250m`, `1.5Gi`, `2e3`) as numbers, exactly, rounded up as Kubernetes rounds."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache

from gocoffee_ops.errors import Malformed

MIB = 1 << 20
_SUFFIX = {
    "": Fraction(1),
    **{letter: Fraction(1, 1000**power) for power, letter in enumerate("mun", start=1)},
    **{letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", start=1)},
}
_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)")


def exact(text: str) -> Fraction:
    """A quantity as an exact number; raises Malformed when it is none.

    >>> exact("250m"), exact("1.5Ki"), exact("2e3")
    (Fraction(1, 4), Fraction(1536, 1), Fraction(2000, 1))
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise Malformed("read a quantity", why=f"{text!r} is none", hint="expected a number such as 250m, 1.5 or 128Mi")
    number, exponent, suffix = match.groups()
    return Fraction(number) * (Fraction(10) ** int(exponent) if exponent else _SUFFIX[suffix or ""])


@lru_cache(maxsize=4096)
def millicores(text: str) -> int:
    """CPU in millicores, rounded up.

    >>> millicores("1.5"), millicores("250m"), millicores("100u")
    (1500, 250, 1)
    """
    return math.ceil(exact(text) * 1000)


@lru_cache(maxsize=4096)
def whole(text: str) -> int:
    """Bytes, pods and other countable things, rounded up.

    >>> whole("128Mi"), whole("128974848"), whole("110"), whole("100m")
    (134217728, 128974848, 110, 1)
    """
    return math.ceil(exact(text))


def fractional_millicores(text: str) -> float:
    """CPU in millicores, not rounded: usage comes in nanocores.

    >>> fractional_millicores("1500000n")
    1.5
    """
    return float(exact(text) * 1000)


def mib(number: int) -> float:
    """Bytes in MiB.

    >>> mib(134217728)
    128.0
    """
    return number / MIB


_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def seconds(text: str) -> float:
    """A duration as Go prints it, in seconds; raises Malformed when it is none.

    >>> seconds("10.062s"), seconds("1m30s")
    (10.062, 90.0)
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Malformed("read a duration", why=f"{text!r} is none", hint="expected one such as 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
