"""Which days were unusual, will the budgets hold, can the forecast be trusted, and what could be given up?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.bills import bills_unread
from gocoffee_ops.checks.cost_shares import NEXT, bills_lacking, money, unseen_share
from gocoffee_ops.checks.grading import concluded, counted, grade, percent, seconds
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Number, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

NONE = "(none)"


def costs_usual(anomalies: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Did a day of the last week cost much more, or less, than such a day does? (C11, C12)

    Of a bill that could not be read, nobody can tell: that is UNKNOWN beside what the others say.

    >>> import pandas as pd
    >>> from datetime import datetime, UTC
    >>> from decimal import Decimal
    >>> row = {"by": "service", "key": "S3", "day": datetime(2026, 11, 3, tzinfo=UTC), "effective": Decimal(90), "currency": "EUR",
    ...     "effective_expected": Decimal(20), "effective_above": Decimal(70), "score": 8.0, "why": None}
    >>> said(costs_usual(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN service/S3: 90.00 EUR on 2026-11-03, and such a day costs 20.00 EUR: 8 deviations more']
    """
    series: defaultdict[tuple[str, str | None, str], list[dict[str, Any]]] = defaultdict(list)
    for row in records(anomalies):
        series[row["by"], row["key"], row["currency"]].append(row)
    findings = [_usual(f"{by}/{key or NONE}", rows, thresholds) for (by, key, _), rows in series.items()]
    return concluded(
        [*bills_unread("costs_usual", anomalies), *findings],
        check="costs_usual",
        subject="costs",
        fine=f"no day of the last week was unusual in {len(series)} series",
        read=len(series),
        none="no complete day was read",
    )


def _usual(subject: str, rows: Sequence[Mapping[str, Any]], thresholds: Thresholds) -> Finding:
    judged = [row for row in rows if row["score"] is not None]
    unusual = [(status, row) for row in judged if (status := _day(row, thresholds)) is not Status.OK]
    if unusual:
        status, row = max(unusual, key=lambda one: (one[0].severity, abs(one[1]["score"])))
        more = "more" if row["score"] > 0 else "less"
        distance = "over 100" if abs(row["score"]) > 100 else f"{abs(row['score']):.0f}"
        reason = (
            f"{money(row['effective'], row['currency'])} on {row['day']:%Y-%m-%d}, and such a day costs "
            f"{money(row['effective_expected'], row['currency'])}: {distance} deviations {more}"
        )
        numbers = {"score": round(row["score"], 1), "days": len(unusual)}
        return Finding(status, "costs_usual", subject, reason, numbers, next=NEXT)
    if len(judged) < len(rows):
        reasons = sorted({row["why"] for row in rows if row["score"] is None})
        reason = f"{counted(len(rows) - len(judged), 'day')} cannot be judged: {reasons[0]}"
        return Finding(Status.UNKNOWN, "costs_usual", subject, reason, next=NEXT)
    return Finding(Status.OK, "costs_usual", subject, "no unusual day")


def _day(row: Mapping[str, Any], thresholds: Thresholds) -> Status:
    if abs(row["effective_above"]) < thresholds.cost_anomaly_floor:
        return Status.OK
    worst = thresholds.cost_anomaly_crit if row["score"] > 0 else None
    return grade(abs(row["score"]), thresholds.cost_anomaly_warn, worst)


def forecast_holds(forecast: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Is there a forecast of the month, and how wrong was the same method about the sum of the last week?

    >>> import pandas as pd
    >>> row = {"by": "team", "key": "shop", "month": "2026-11", "backtest_error": None, "effective_expected": None,
    ...     "why": "9 complete days; a forecast needs 14"}
    >>> said(forecast_holds(pd.DataFrame([row]), thresholds=Thresholds()))
    ['UNKNOWN team/shop: 2026-11 cannot be told ahead: 9 complete days; a forecast needs 14']
    """
    table = records(forecast)
    unread = tuple(name for bill in bills_unread("forecast_holds", forecast) for name in bill.because)
    findings = []
    for row in table:
        subject, error = f"{row['by']}/{row['key'] or NONE}", row["backtest_error"]
        status = grade(error, thresholds.cost_forecast_error_warn, thresholds.cost_forecast_error_crit)
        reason = f"its forecast of the last week's sum was wrong by {percent(error or 0.0)}"
        if row["why"]:
            status, reason = Status.UNKNOWN, f"{row['month']} cannot be told ahead: {row['why']}"
        elif error is None:
            reason = "the last week cost nothing: its forecast cannot be tested"
        because = unread if row["why"] else ()
        findings.append(Finding(status, "forecast_holds", subject, reason, next=NEXT, because=because))
    most = max((row["backtest_error"] or 0.0 for row in table), default=0.0)
    return concluded(
        findings,
        check="forecast_holds",
        subject="forecast",
        fine=f"{counted(len(table), 'forecast')} of the last week's sum wrong by {percent(most)} at most",
        read=len(table),
        none="no complete day was read",
    )


def budgets_kept(against: pd.DataFrame, reconciliation: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Will each team keep its budget of the month?

    CRIT when it is spent, or will be by the low end of the forecast too. Where it is not known of too much of the bill whose it is,
    or a bill could not be read, nothing less is told.

    >>> import pandas as pd
    >>> from decimal import Decimal
    >>> row = {"team": "shop", "month": "2026-11", "currency": "EUR", "budget_effective": Decimal(100), "why": None,
    ...     "effective_expected": Decimal(95), "known_share": 0.7, "expected_share": 0.95, "low_share": 0.9, "days_unread": 0}
    >>> bill = {"currency": "EUR", "estimated": False, "line": "bill", "effective": Decimal(900)}
    >>> said(budgets_kept(pd.DataFrame([row]), pd.DataFrame([bill]), thresholds=Thresholds()))
    ['WARN team/shop: 2026-11 is expected to cost 95.00 EUR, 95 % of its budget']
    """
    table = records(against)
    budgeted = [row for row in table if row["budget_effective"] is not None]
    without = [row["team"] for row in table if row["budget_effective"] is None and row["team"] is not None]
    fine = f"{counted(len(budgeted), 'team')} stay below {percent(thresholds.cost_budget_warn)} of their budgets"
    unseen, lacking = _unseen(reconciliation), bills_lacking(against)
    return concluded(
        [_budget(row, unseen.get(row["currency"], 0.0), lacking, thresholds) for row in budgeted],
        check="budgets_kept",
        subject="budgets",
        fine=f"{fine}; without a budget: {', '.join(without)}" if without else fine,
        read=len(budgeted),
        none="no team has a budget",
    )


def _unseen(reconciliation: pd.DataFrame) -> dict[str, float]:
    """By currency, the share of the settled bill of which it is not known what for."""
    settled: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in records(reconciliation):
        if not row["estimated"]:
            settled[row["currency"]][row["line"]] = row
    return {currency: unseen_share(lines) for currency, lines in settled.items()}


def _budget(row: Mapping[str, Any], unseen: float, lacking: str, thresholds: Thresholds) -> Finding:
    def found(status: Status, reason: str) -> Finding:
        names = ("known_share", "expected_share", "low_share")
        numbers = {name: round(row[name], 3) for name in names if row[name] is not None}
        return Finding(status, "budgets_kept", f"team/{row['team']}", reason, numbers, next=NEXT)

    if (row["known_share"] or 0.0) >= 1:
        return found(Status.CRIT, f"its budget of {row['month']} is spent: {percent(row['known_share'])} of it")
    if row["expected_share"] is None:
        return found(Status.UNKNOWN, row["why"] or "there is no forecast")
    unread = (
        f", with {counted(row['days_unread'], 'day')} of it that no bill has (predicted)" if row["days_unread"] else ""
    )
    expected = money(row["effective_expected"], row["currency"])
    reason = f"{row['month']} is expected to cost {expected}, {percent(row['expected_share'])} of its budget{unread}"
    if row["low_share"] >= 1:
        return found(Status.CRIT, reason)
    if lacking:
        return found(Status.UNKNOWN, f"{reason}; but not every bill was read: {lacking}")
    if unseen > 1 - thresholds.cost_priced_min:
        return found(Status.UNKNOWN, f"{reason}; but of {percent(unseen)} of the bill it is not known what for")
    return found(grade(row["expected_share"], thresholds.cost_budget_warn), reason)


def nothing_orphaned(orphans: pd.DataFrame, *objects: pd.DataFrame, thresholds: Thresholds) -> list[Finding]:
    """What is paid for and seems to be nobody's? Candidates: whoever owns them decides. (C17)

    `objects` are the tables that they were looked for in: the clusters' objects, and for unused nodes the hours of what ran. What
    was not read is UNKNOWN.

    >>> import pandas as pd
    >>> from decimal import Decimal
    >>> row = {"kind": "volume", "subject": "volume/pv1", "cluster": "eu", "namespace": "shop", "owner": None, "sure": "high",
    ...     "why": "no claim has it", "age_s": 864000.0, "monthly_effective": Decimal("9.50"), "monthly_list": None,
    ...     "currency": "EUR"}
    >>> said(nothing_orphaned(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN volume/pv1: no claim has it; at least 10 d old, 9.50 EUR a month (effective); sureness: high']
    """
    table = records(orphans)
    likely = [row for row in table if row["sure"] != "low"]
    vague = len(table) - len(likely)
    more = f"; {counted(vague, 'candidate')} of low sureness" if vague else ""
    unread = [str(said) for one in objects for said in (one.attrs.get("absent"), *one.attrs.get("gaps", ())) if said]
    lacking = [Finding(Status.UNKNOWN, "nothing_orphaned", "orphans", f"not looked for: {unread[0]}")] if unread else []
    return concluded(
        [*lacking, *(_orphan(row, thresholds) for row in likely)],
        check="nothing_orphaned",
        subject="orphans",
        fine=f"nothing that is paid for seems to be nobody's{more}",
        read=1,
        none="",
    )


def _orphan(row: Mapping[str, Any], thresholds: Thresholds) -> Finding:
    told = [(basis, row[f"monthly_{basis}"]) for basis in ("effective", "list") if row[f"monthly_{basis}"] is not None]
    named = {"effective": "effective", "list": "list price"}
    said = [f"{money(amount, row['currency'])} a month ({named[basis]})" for basis, amount in told]
    cost = " and ".join(said) or "its cost is not known"
    age = "" if row["age_s"] is None else f"at least {seconds(row['age_s'])} old, "
    asked = f", ask {row['owner']}" if row["owner"] else ""
    status = Status.WARN if told else Status.UNKNOWN
    if any(amount >= thresholds.cost_orphan_crit for _, amount in told):
        status = Status.CRIT
    identity = row.get("resource_id")
    known_as = f"; its id is {identity}" if identity and identity not in row["subject"] else ""
    reason = f"{row['why']}; {age}{cost}; sureness: {row['sure']}{asked}{known_as}"
    numbers: dict[str, Number | str] = {f"monthly_{basis}": float(round(amount, 2)) for basis, amount in told}
    return Finding(
        status,
        "nothing_orphaned",
        row["subject"],
        reason,
        numbers,
        row["cluster"] or "",
        row["namespace"] or "",
        next=NEXT,
    )
