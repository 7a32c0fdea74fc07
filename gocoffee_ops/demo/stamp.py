"""The stamp by which a demo's folder is named: whatever its data depend on changes it, so that they are made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from gocoffee_ops.demo.database import SETTINGS, scripts
from gocoffee_ops.demo.workload import steps


def stamp(release: str) -> str:
    """The stamp of the demo as this release of PostgreSQL makes it."""
    settings = [f"{name}={value}" for name, value in sorted(SETTINGS.items())]
    return f"pg{release}-{digest([release, *settings, *scripts(), *map(repr, steps())])}"


def digest(parts: Iterable[str]) -> str:
    """A short hash of texts in their order.

    >>> digest(["ab", "c"]) == digest(["a", "bc"])
    False
    """
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
