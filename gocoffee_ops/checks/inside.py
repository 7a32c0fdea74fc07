"""Do servers answer from inside the cluster?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gocoffee_ops.checks.grading import SERVICE_DOWN, concluded, counted, numbers
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd


def answers_inside(probes: pd.DataFrame) -> list[Finding]:
    """Which servers do not answer a command in their own container? Where the command is not there, nothing was learnt.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "pod": "postgres-0", "container": "postgres", "probe": "pg_isready",
    ...     "answers": False, "exit_code": 2, "said": "/run/postgresql:5432 - no response"}
    >>> said(answers_inside(pd.DataFrame([row])))
    ['CRIT pod/postgres-0: pg_isready in postgres ended with 2: /run/postgresql:5432 - no response']
    """
    table = records(probes)
    findings = []
    for row in table:
        if row["answers"] is True:
            continue
        status = Status.UNKNOWN if row["answers"] is None else Status.CRIT
        ended = "was not run" if row["exit_code"] is None else f"ended with {row['exit_code']}"
        reason = f"{row['probe']} in {row['container']} {ended}: {row['said'] or 'it wrote nothing'}"
        subject, figures = f"pod/{row['pod']}", numbers(row, "exit_code")
        scope = (row["cluster"], row["namespace"])
        findings.append(Finding(status, "answers_inside", subject, reason, figures, *scope, next=(SERVICE_DOWN,)))
    return concluded(
        findings,
        check="answers_inside",
        subject="pods",
        fine=f"{', '.join(sorted({row['probe'] for row in table}))} answers in {len(table)} of {counted(len(table), 'pod')}",
        read=len(table),
        none="no pod was asked",
    )
