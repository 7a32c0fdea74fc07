"""What changed since the previous run?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd


def since_previous_run(runs: pd.DataFrame, changes: pd.DataFrame) -> list[Finding]:
    """How do this run's findings differ from the previous run's? No earlier run is said, not hidden.

    A change is news, not a verdict: each finding has been judged where it was read.
    """
    earlier = records(runs)
    if not earlier:
        return [Finding(Status.OK, "since_previous_run", "runs", "no earlier run to compare with", {"earlier": 0})]
    counts = Counter(row["change"] for row in records(changes))
    said = ", ".join(f"{n} {change}" for change, n in sorted(counts.items())) or "no finding in either"
    reason = f"against the run of {earlier[0]['as_of']:%Y-%m-%d %H:%M} UTC ({earlier[0]['status']}): {said}"
    return [Finding(Status.OK, "since_previous_run", "runs", reason, dict(counts))]
