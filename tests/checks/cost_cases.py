"""What makes each check of costs OK, WARN, CRIT and UNKNOWN; tests/costs/test_checks.py has them from whole analyses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd

from gocoffee_ops.analysis.costs import aggregate
from gocoffee_ops.analysis.costs.anomalies import ANOMALIES
from gocoffee_ops.analysis.costs.budgets import AGAINST
from gocoffee_ops.analysis.costs.forecast import FORECAST
from gocoffee_ops.analysis.costs.orphans import ORPHANS
from gocoffee_ops.analysis.costs.reconciliation import COVERAGE, RECONCILIATION
from gocoffee_ops.analysis.costs.schemas import LINES
from gocoffee_ops.analysis.costs.weeks import WEEK_TABLE
from gocoffee_ops.model import Status
from gocoffee_ops.queries import bills, cost_explorer, kubecost, opencost
from gocoffee_ops.queries.query import Query
from tests.checks.tables import filled, table

OK, WARN, CRIT, UNKNOWN = Status.OK, Status.WARN, Status.CRIT, Status.UNKNOWN
EURO, DOLLARS = {"currency": "EUR"}, {"currency": "USD", "effective": Decimal(9)}
BY_TEAM_AND_LINE = aggregate(LINES.empty(), ["team", "line"])
COVERED = {"what": "core-hours", "total": 100.0, "priced_share": 1.0, "unseen_share": 0.0}
DAY = EURO | {"by": "service", "key": "S3", "effective_expected": Decimal(100), "days_before": 13}
AHEAD = EURO | {"by": "team", "key": "shop", "month": "2026-11"}
BUDGET = EURO | {
    "team": "shop",
    "month": "2026-11",
    "budget_effective": Decimal(100),
    "effective_expected": Decimal(80),
}
ORPHAN = EURO | {"kind": "volume", "subject": "volume/pv1", "sure": "high", "why": "no claim has it"}


def bill(residual: int, *, estimated: bool = False) -> list[pd.DataFrame]:
    """A bill of 100 with so much residual, and all that ran priced."""
    lines = {"bill": 100, "residual": residual}
    rows = [
        {"line": line, "estimated": estimated, "days": 7, "effective": Decimal(n), "effective_unsigned": Decimal(n)}
        | {"billed": Decimal(n), "billed_unsigned": Decimal(n)}
        for line, n in lines.items()
    ]
    return [filled(RECONCILIATION, *(EURO | row for row in rows)), covered()]


def covered(**row: Any) -> pd.DataFrame:
    return filled(COVERAGE, COVERED | row)


def tagged(share: int) -> pd.DataFrame:
    columns: dict[str, Any] = dict.fromkeys(BY_TEAM_AND_LINE.columns)
    about = columns | EURO | {"line": "used", "unpriced": 0}
    return pd.DataFrame(
        [
            about | {"team": "shop", "effective_settled": Decimal(share)},
            about | {"effective_settled": Decimal(100 - share)},
        ]
    )


def fortnight(now: int, *missing: str) -> pd.DataFrame:
    rows = [{"week": "before", "effective": Decimal(100)}, {"week": "now", "effective": Decimal(now)}]
    return filled(WEEK_TABLE, *(EURO | row | {"days_missing": missing} for row in rows))


def day(above: int, score: float | None, why: str | None = None) -> pd.DataFrame:
    row = {"effective": Decimal(100 + above), "effective_above": Decimal(above), "score": score, "why": why}
    return filled(ANOMALIES, DAY | row)


def ahead(**row: Any) -> pd.DataFrame:
    return filled(FORECAST, AHEAD | {"effective_known": Decimal(1)} | row)


def budget(known: float, expected: float | None, low: float | None, **row: Any) -> pd.DataFrame:
    shares = {"known_share": known, "expected_share": expected, "low_share": low}
    return filled(AGAINST, BUDGET | shares | row)


def orphan(monthly: str | None) -> pd.DataFrame:
    return filled(ORPHANS, ORPHAN | {"monthly_effective": None if monthly is None else Decimal(monthly)})


def compared(theirs: str | None, *, currency: str = "EUR", of: Query[...] = opencost.allocation) -> list[pd.DataFrame]:
    """The lines of a cluster's day of 100, and what a tool says of the same day."""
    lines = filled(LINES, EURO | {"cluster": "eu", "effective": Decimal(100), "estimated": False})
    amount = None if theirs is None else Decimal(theirs)
    return [lines, table(of, {of.kind: "main", "currency": currency, "total_list": amount, "minutes": 1440.0})]


def compared_without(theirs: str, left_out: int, *, line: str = "control plane", **row: Any) -> list[pd.DataFrame]:
    """Of a day of 100 in the bill, so much is of a control plane (or another line) whose row does not say which cluster's it is."""
    about = EURO | {"estimated": False}
    lines = filled(
        LINES,
        about | {"line": "used", "cluster": "eu", "effective": Decimal(100 - left_out)},
        about | {"line": line, "effective": Decimal(left_out)},
    )
    theirs_ = {"opencost": "main", "currency": "EUR", "total_list": Decimal(theirs), "minutes": 1440.0}
    return [lines, table(opencost.allocation, theirs_ | row)]


def absent() -> list[pd.DataFrame]:
    nobody = table(kubecost.allocation)
    nobody.attrs["absent"] = "the environment names no kubecost"
    return [LINES.empty(), nobody]


def both(
    theirs: str, *, estimated: bool = False, lacking: bool = False, gap: str = "", **charge: Any
) -> list[pd.DataFrame]:
    """What Cost Explorer says of two days that the bill has 50 of each for, and one of which another provider charges too."""
    days = [pd.Timestamp(f"2026-11-0{n}", tz="UTC") for n in (2, 3)]
    half, row = Decimal(theirs) / 2, DOLLARS | {"provider": "AWS", "billed": Decimal(50)} | charge
    totals = [DOLLARS | {"day": day, "billed": half, "estimated": True} for day in days]
    charges = [row | {"day": day} for day in (days[:1] if lacking else days)]
    charges.append(DOLLARS | {"day": days[0], "provider": "Google Cloud", "billed": Decimal(70)})
    periods = [{"day": day, "rows": 1, "estimated": estimated} for day in days]
    found = [table(cost_explorer.totals, *totals), table(bills.charges, *charges), table(bills.periods, *periods)]
    found[0].attrs["gaps"] = [gap] if gap else []
    return found


def unnamed() -> list[pd.DataFrame]:
    found = [table(cost_explorer.totals), table(bills.charges), table(bills.periods)]
    found[0].attrs["absent"] = "the environment names no cost_explorer"
    return found


def on_nodes(unused: int, unseen: int = 0, **row: Any) -> pd.DataFrame:
    """The lines of a node's day of 100."""
    parts = {"idle": unused - 10, "requested and unused": 10, "unknown": unseen, "used": 100 - unused - unseen}
    about = EURO | {"node": "n1", "estimated": False} | row
    elsewhere = [
        about | {"line": "network", "effective": Decimal(900)},
        about | {"line": "used", "node": None, "effective": Decimal(900)},
    ]
    return filled(LINES, *(about | {"line": line, "effective": Decimal(n)} for line, n in parts.items()), *elsewhere)


def beside_listed(unused: int, **at_list: int) -> pd.DataFrame:
    """The same beside a node that no bill has, with its amounts at list prices by line."""
    about = EURO | {"node": "n2", "estimated": False}
    listed = filled(LINES, *(about | {"line": line, "list": Decimal(n)} for line, n in at_list.items()))
    return pd.concat([on_nodes(unused), listed], ignore_index=True)


def tagged_beside_listed(share: int, **more: Any) -> pd.DataFrame:
    """Costs with a team, beside some at list prices."""
    table = tagged(share)
    about = table.iloc[0].to_dict() | {"effective_settled": None, "team": None, "list_settled": Decimal(100)} | more
    return pd.concat([table, pd.DataFrame([about])], ignore_index=True)


CASES: list[tuple[str, Status, list[pd.DataFrame]]] = [
    ("allocators_agree", OK, compared("104")),
    ("allocators_agree", WARN, compared("105.01")),
    ("allocators_agree", WARN, compared("40", of=kubecost.allocation)),
    ("allocators_agree", UNKNOWN, compared("100", currency="USD")),
    ("allocators_agree", UNKNOWN, compared(None)),
    ("allocators_agree", OK, compared_without("96", 4)),
    ("allocators_agree", OK, compared_without("96", 4, missing="no price of network")),
    ("allocators_agree", OK, compared_without("92", 8, line="tax")),
    ("allocators_agree", OK, compared_without("100", 8, shared_list=Decimal(8))),
    ("allocators_agree", WARN, compared_without("92", 8)),
    ("allocators_agree", WARN, compared_without("92", 8, line="system")),
    ("allocators_agree", WARN, compared_without("100", 8)),
    ("allocators_agree", WARN, compared_without("92", 8, shared_list=Decimal(1))),
    ("allocators_agree", UNKNOWN, compared_without("96", 4, missing="no price of storage, network")),
    ("allocators_agree", UNKNOWN, [LINES.empty(), table(opencost.allocation)]),
    ("allocators_agree", OK, absent()),
    ("bill_reconciled", OK, bill(2)),
    ("bill_reconciled", WARN, bill(5)),
    ("bill_reconciled", CRIT, bill(6)),
    ("bill_reconciled", UNKNOWN, bill(0, estimated=True)),
    ("cost_explorer_agrees", OK, both("101")),
    ("cost_explorer_agrees", OK, both("100", provider="Reseller", invoice_issuer="Amazon Web Services EMEA SARL")),
    ("cost_explorer_agrees", OK, unnamed()),
    ("cost_explorer_agrees", WARN, both("98.98")),
    ("cost_explorer_agrees", WARN, both("105")),
    ("cost_explorer_agrees", CRIT, both("94.98")),
    ("cost_explorer_agrees", UNKNOWN, both("100", currency="EUR")),
    ("cost_explorer_agrees", UNKNOWN, both("100", lacking=True)),
    ("cost_explorer_agrees", UNKNOWN, both("100", estimated=True)),
    ("cost_explorer_agrees", UNKNOWN, both("100", provider="Google Cloud")),
    ("cost_explorer_agrees", UNKNOWN, both("100", gap="cost_explorer/second: no answer after 8 s")),
    ("nodes_used", OK, [on_nodes(49)]),
    ("nodes_used", WARN, [on_nodes(50)]),
    ("nodes_used", WARN, [on_nodes(60, unseen=10)]),
    ("nodes_used", CRIT, [on_nodes(80, unseen=10)]),
    ("nodes_used", UNKNOWN, [on_nodes(45, unseen=10)]),
    ("nodes_used", UNKNOWN, [on_nodes(75, unseen=10)]),
    ("nodes_used", UNKNOWN, [on_nodes(45, estimated=True)]),
    ("nodes_used", UNKNOWN, [beside_listed(40, idle=99)]),
    ("nodes_used", OK, [beside_listed(40, used=50, idle=40)]),
    ("nodes_used", WARN, [beside_listed(60, used=900)]),
    ("nodes_used", CRIT, [beside_listed(80, idle=900)]),
    ("costs_covered", OK, [covered()]),
    ("costs_covered", WARN, [covered(unseen_share=0.04)]),
    ("costs_covered", OK, [covered(unseen_share=0.0049)]),
    ("costs_covered", WARN, [covered(unseen_share=0.005)]),
    ("costs_covered", OK, [covered(priced_share=0.9951, unpriced=0.49)]),
    ("costs_covered", WARN, [covered(priced_share=0.994, unpriced=0.6)]),
    ("costs_covered", CRIT, [covered(priced_share=0.4)]),
    ("costs_covered", UNKNOWN, [covered(priced_share=0.94)]),
    ("costs_tagged", OK, [tagged(91)]),
    ("costs_tagged", WARN, [tagged(90)]),
    ("costs_tagged", CRIT, [tagged(50)]),
    ("costs_tagged", UNKNOWN, [BY_TEAM_AND_LINE]),
    ("costs_tagged", UNKNOWN, [tagged_beside_listed(95)]),
    ("costs_tagged", UNKNOWN, [tagged_beside_listed(90)]),
    ("costs_tagged", OK, [tagged_beside_listed(95, team="shop")]),
    ("costs_tagged", OK, [tagged_beside_listed(95, line="idle")]),
    ("costs_tagged", CRIT, [tagged_beside_listed(40)]),
    ("costs_steady", OK, [fortnight(119)]),
    ("costs_steady", WARN, [fortnight(120)]),
    ("costs_steady", CRIT, [fortnight(200)]),
    ("costs_steady", UNKNOWN, [fortnight(100, "2026-11-03")]),
    ("costs_usual", OK, [day(9, 30.0)]),
    ("costs_usual", WARN, [day(11, 3.5)]),
    ("costs_usual", CRIT, [day(11, 10.0)]),
    ("costs_usual", UNKNOWN, [day(0, None, "3 complete days before it")]),
    ("forecast_holds", OK, [ahead(backtest_error=0.09)]),
    ("forecast_holds", WARN, [ahead(backtest_error=0.10)]),
    ("forecast_holds", CRIT, [ahead(backtest_error=0.30)]),
    ("forecast_holds", UNKNOWN, [ahead(why="9 complete days; a forecast needs 14")]),
    ("budgets_kept", OK, [budget(0.5, 0.8, 0.7), *bill(0)[:1]]),
    ("budgets_kept", WARN, [budget(0.5, 0.9, 0.8), *bill(0)[:1]]),
    ("budgets_kept", CRIT, [budget(1.0, None, None, effective_expected=None, why="no forecast"), *bill(0)[:1]]),
    ("budgets_kept", UNKNOWN, [budget(0.5, None, None, effective_expected=None, why="no forecast"), *bill(0)[:1]]),
    ("nothing_orphaned", OK, [filled(ORPHANS, ORPHAN | {"sure": "low"})]),
    ("nothing_orphaned", WARN, [orphan("499.99")]),
    ("nothing_orphaned", CRIT, [orphan("500")]),
    ("nothing_orphaned", UNKNOWN, [orphan(None)]),
]
