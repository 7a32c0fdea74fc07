"""The month's forecast against each team's budget."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.captions import captioned
from gocoffee_ops.analysis.costs.forecast import FORECAST
from gocoffee_ops.analysis.costs.schemas import BUDGETS, framed, rows
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

AGAINST = Schema(
    "budgets and forecast",
    (
        Column("team", "string", help="missing: what is untagged or shared by all", optional=True),
        Column("month", "string", optional=True),
        Column("budget_effective", "decimal", help="of the month; missing: the team has none", optional=True),
        Column("effective_known", "decimal", optional=True),
        Column("effective_expected", "decimal", optional=True),
        Column("effective_low", "decimal", optional=True),
        Column("effective_high", "decimal", optional=True),
        Column("currency", "string"),
        Column("known_share", "Float64", "ratio", help="of the budget", optional=True),
        Column("expected_share", "Float64", "ratio", help="of the budget", optional=True),
        Column("low_share", "Float64", "ratio", help="of the budget", optional=True),
        Column("days_known", "Int64", optional=True),
        Column("days_unread", "Int64", optional=True),
        Column("why", "string", help="for a budget that cannot be compared", optional=True),
    ),
)


def against_budgets(forecast: pd.DataFrame, budgets: pd.DataFrame) -> pd.DataFrame:
    """Will each team keep its budget of the month? `forecast` is one by team.

    Columns: team, month (string), budget_effective, effective_known, effective_expected, effective_low, effective_high (decimal, in
    currency), known_share, expected_share, low_share (Float64, ratio of the budget), days_known, days_unread (Int64), why. The
    fullest first. A budget in another currency than the team's costs, or of a team that no line names, is not compared.
    """
    costs = [row for row in rows(forecast, FORECAST) if row["by"] == "team"]
    given = {row["team"]: row for row in rows(budgets, BUDGETS)}
    found = [_row(row, given.get(row["key"])) for row in costs]
    teams = {row["key"] for row in costs}
    found += [_unseen(budget) for team, budget in given.items() if team not in teams]
    found.sort(key=lambda row: (-(row["expected_share"] or row["known_share"] or 0.0), str(row["team"])))
    return captioned(framed(AGAINST, found, forecast, budgets), keys=["team"])


def _row(cost: dict[str, Any], budget: dict[str, Any] | None) -> dict[str, Any]:
    kept = (
        "month",
        "effective_known",
        "effective_expected",
        "effective_low",
        "effective_high",
        "currency",
        "days_known",
    )
    row: dict[str, Any] = dict.fromkeys(AGAINST.names) | {name: cost[name] for name in (*kept, "days_unread", "why")}
    row["team"] = cost["key"]
    if budget is None:
        return row
    limit = budget["monthly_effective"]
    row["budget_effective"] = limit
    if budget["currency"] != cost["currency"]:
        return row | {"why": f"the budget is in {budget['currency']}, and these costs are in {cost['currency']}"}
    shares = {"known_share": "effective_known", "expected_share": "effective_expected", "low_share": "effective_low"}
    return row | {name: _share(row[money], limit) for name, money in shares.items()}


def _unseen(budget: dict[str, Any]) -> dict[str, Any]:
    why = "no line of the bill is this team's"
    known = {"team": budget["team"], "budget_effective": budget["monthly_effective"], "currency": budget["currency"]}
    return dict.fromkeys(AGAINST.names) | known | {"why": why}


def _share(part: Decimal | None, whole: Decimal) -> float | None:
    return float(part / whole) if part is not None and whole else None
