"""What other systems kept of an incident: does the log store reach back to it, and are there dashboards to look at?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.grading import FORENSICS, concluded, counted
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Window

if TYPE_CHECKING:
    import pandas as pd


def log_store_reaches(reach: pd.DataFrame, *, window: Window) -> list[Finding]:
    """Does the log store hold lines of the whole window, in the fields that it is asked by? Else its silence proves nothing.

    >>> import pandas as pd
    >>> from datetime import UTC, datetime
    >>> span = Window(datetime(2026, 1, 5, 2, tzinfo=UTC), datetime(2026, 1, 5, 4, tzinfo=UTC))
    >>> row = {"elasticsearch": "logs", "index": "logs-*", "lines": 9, "newest_at": span.end, "lacking_fields": (),
    ...     "oldest_at": datetime(2026, 1, 5, 3, tzinfo=UTC)}
    >>> said(log_store_reaches(pd.DataFrame([row]), window=span))
    ['WARN logstore/logs: its oldest line is of 2026-01-05 03:00:00 UTC, after the start of what is looked at']
    """
    table = records(reach)
    findings = []
    for row in table:
        status, reason = Status.OK, ""
        oldest, newest = row["oldest_at"], row["newest_at"]
        if oldest is None or newest is None:
            status, reason = Status.UNKNOWN, f"{row['index']} holds no line with a time"
        elif newest < window.start or oldest >= window.end:
            held = f"{oldest:%Y-%m-%d %H:%M:%S} to {newest:%Y-%m-%d %H:%M:%S} UTC"
            status, reason = Status.UNKNOWN, f"it holds lines of {held} alone: nothing of what is looked at"
        elif row["lacking_fields"]:
            lacks = ", ".join(row["lacking_fields"])
            status, reason = Status.UNKNOWN, f"no line has the fields that it is asked by: {lacks}"
        elif oldest > window.start:
            after = f"{oldest:%Y-%m-%d %H:%M:%S} UTC, after the start of what is looked at"
            status, reason = Status.WARN, f"its oldest line is of {after}"
        subject = f"logstore/{row['elasticsearch']}"
        findings.append(Finding(status, "log_store_reaches", subject, reason, {"lines": row["lines"]}))
    fine = f"{', '.join(row['elasticsearch'] for row in table)} reaches back to {window.start:%Y-%m-%d %H:%M:%S} UTC"
    return concluded(
        findings,
        check="log_store_reaches",
        subject="log store",
        fine=fine,
        read=len(table),
        none="no log store answered",
    )


def errors_stored(lines: pd.DataFrame, reach: pd.DataFrame) -> list[Finding]:
    """Does the log store hold error lines? Takes the lines that were searched for by their level; one finding a service.

    >>> import pandas as pd
    >>> from datetime import UTC, datetime
    >>> row = {"service": "orders", "time": datetime(2026, 1, 5, 3, tzinfo=UTC), "line": "panic: no points_per_euro"}
    >>> said(errors_stored(pd.DataFrame([row]), pd.DataFrame([{"elasticsearch": "logs"}])))
    ['WARN service/orders: 1 error line in the log store, from 03:00:00 to 03:00:00 UTC; the last: panic: no points_per_euro']
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for row in records(lines):
        found.setdefault(row["service"] or "(no name)", []).append(row)
    findings = []
    for service, rows in found.items():
        times = [row["time"] for row in rows if row["time"] is not None]
        span = f", from {min(times):%H:%M:%S} to {max(times):%H:%M:%S} UTC" if times else ""
        last = _message(str(rows[-1]["line"]))
        quoted = last if len(last) <= 90 else f"{last[:89]}…"
        reason = f"{counted(len(rows), 'error line')} in the log store{span}; the last: {quoted}"
        figures = {"lines": len(rows)}
        findings.append(
            Finding(
                Status.WARN,
                "errors_stored",
                f"service/{service}",
                reason,
                figures,
                next=(FORENSICS,),
                because=(problems.log(service),),  # the store does not say of which cluster
            )
        )
    return concluded(
        findings,
        check="errors_stored",
        subject="log store",
        fine="no error line is stored",
        read=len(reach),
        none="no log store answered",
    )


def _message(line: str) -> str:
    """What a line says: of a JSON record its message."""
    try:
        body = json.loads(line)
    except ValueError:
        body = None
    said = next((body[name] for name in ("msg", "message") if name in body), line) if isinstance(body, dict) else line
    return " ".join(str(said).split())


def dashboards_found(dashboards: pd.DataFrame) -> list[Finding]:
    """Are there dashboards to open? Without any, nobody has looked at what no table shows.

    >>> import pandas as pd
    >>> said(dashboards_found(pd.DataFrame([{"title": "Orders"}])))
    ['OK dashboards: 1 dashboard to open: Orders']
    """
    titles = [row["title"] for row in records(dashboards)]
    named = ", ".join(titles[:6]) + (", …" if len(titles) > 6 else "")
    return concluded(
        [],
        check="dashboards_found",
        subject="dashboards",
        fine=f"{counted(len(titles), 'dashboard')} to open: {named}",
        read=len(titles),
        none="no dashboard was found: may the token's role see any?",
    )
