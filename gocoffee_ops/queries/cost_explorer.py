"""Questions to AWS Cost Explorer. Each request costs money (AWS: 0.01 USD, each page is one): `plan` says how many will be sent.

Money is exact and names its basis: `billed` is UnblendedCost, `effective` AmortizedCost (both before credits of negotiated
discounts that only the Net metrics show). Windows are whole UTC days, `days` of them before the day of the run unless `start`
and `end` are given. Permission: ce:GetCostAndUsage. Besides what each question says, they raise Unauthenticated, Forbidden,
Throttled, Unsupported, Unreachable, ServerFault, Malformed and DeadlineExceeded, which say how many requests were sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import unknown_name
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.bills import BILLED, CURRENCY, DAY, TEAM
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.windows import days_of

if TYPE_CHECKING:
    from gocoffee_ops.sources.aws import CostExplorer, Read

DAYS = 28
REQUEST_USD = Decimal("0.01")  # AWS's price of one request, as of its page on prices

NOT_ASKED = f"not asked, as each request to Cost Explorer costs {REQUEST_USD} USD by AWS's price list"

# What costs can be told apart by, beside the team: our word, and the API's dimension.
DIMENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "account": "LINKED_ACCOUNT",
        "charge_type": "RECORD_TYPE",
        "instance_type": "INSTANCE_TYPE",
        "region": "REGION",
        "service": "SERVICE",
        "usage_type": "USAGE_TYPE",
    }
)

EFFECTIVE = Column("effective", "decimal", "currency", "AmortizedCost: with purchases spread over what they pay for")
ESTIMATED = Column("estimated", "boolean", help="AWS says that it may still change")
SENT = Column("requests_sent", "Int64", "requests", "sent for the whole table")
COSTS = Schema(
    "costs of Cost Explorer",
    (
        DAY,
        Column("by", "string", help="what `key` is: service, account, region, …"),
        Column("key", "string"),
        TEAM,
        CURRENCY,
        BILLED,
        EFFECTIVE,
        ESTIMATED,
        SENT,
    ),
)
TOTALS = Schema("cost by day of Cost Explorer", (DAY, CURRENCY, BILLED, EFFECTIVE, ESTIMATED, SENT))
PLAN = Schema(
    "requests to Cost Explorer",
    (
        Column("first_day", "timestamp"),
        Column("last_day", "timestamp"),
        Column("by", "string"),
        Column(
            "requests_at_least", "Int64", "requests", "one for each page; how many pages there are is known afterwards"
        ),
        Column("requests_at_most", "Int64", "requests", "max_requests: then it stops and says so"),
        Column("list_at_least", "decimal", "USD", "at AWS's list price of a request"),
        Column("list_at_most", "decimal", "USD", "at AWS's list price of a request"),
        CURRENCY,
    ),
)


@query("cost_explorer", PLAN)
def plan(
    ask: Ask[CostExplorer],
    *,
    by: str = "service",
    start: datetime | None = None,
    end: datetime | None = None,
    days: int = DAYS,
) -> Rows:
    """How many requests would `costs` send with these arguments, or `totals` for these days, and at what cost? Contacts nothing.

    Columns: first_day, last_day (timestamp), by, currency (string), requests_at_least, requests_at_most (Int64), list_at_least,
    list_at_most (decimal). Raises UsageError for a window that is none, and for what costs cannot be told apart by.
    """
    _dimension(by)
    first, last = days_of(ask.as_of, start, end, days)
    most = ask.source.max_requests
    row = {
        "first_day": first,
        "last_day": last - timedelta(days=1),
        "by": by,
        "requests_at_least": 1,
        "requests_at_most": most,
        "list_at_least": REQUEST_USD,
        "list_at_most": REQUEST_USD * most,
        "currency": "USD",
    }
    return Rows([row], notes={"requests_sent": 0})


@query("cost_explorer", COSTS)
def costs(
    ask: Ask[CostExplorer],
    *,
    by: str = "service",
    start: datetime | None = None,
    end: datetime | None = None,
    days: int = DAYS,
) -> Rows:
    """What did each day cost, by service (or account, region, charge_type, instance_type, usage_type) and team?

    Columns: day (timestamp), by, key, team, currency (string), billed, effective (decimal), estimated (boolean), requests_sent
    (Int64). A day that did not come back is UNKNOWN; one that came back without costs has no row. Raises UsageError for a
    window that is none, and for what costs cannot be told apart by.
    """
    dimension = _dimension(by)
    first, last = days_of(ask.as_of, start, end, days)
    keys = [("DIMENSION", dimension), ("TAG", ask.source.team_tag)]
    read = ask.source.read(first.date(), last.date(), keys, ask.deadline)
    estimated = {period.day: period.estimated for period in read.periods}
    rows = [
        {
            "day": datetime(cost.day.year, cost.day.month, cost.day.day, tzinfo=first.tzinfo),
            "by": by,
            "key": cost.keys[0] or "",
            "team": cost.keys[1],
            "currency": cost.currency,
            "billed": cost.billed,
            "effective": cost.effective,
            "estimated": estimated[cost.day],
            "requests_sent": read.sent,
        }
        for cost in read.costs
    ]
    return Rows(rows, unread=read.unread, notes=_notes(read))


@query("cost_explorer", TOTALS)
def totals(
    ask: Ask[CostExplorer], *, start: datetime | None = None, end: datetime | None = None, days: int = 1
) -> Rows:
    """What did each day cost in all? One request.

    Columns: day (timestamp), currency (string), billed, effective (decimal), estimated (boolean), requests_sent (Int64). A day
    that did not come back is UNKNOWN. Raises UsageError for a window that is none.
    """
    first, last = days_of(ask.as_of, start, end, days)
    read = ask.source.read(first.date(), last.date(), [], ask.deadline)
    estimated = {period.day: period.estimated for period in read.periods}
    rows = [
        {
            "day": datetime(cost.day.year, cost.day.month, cost.day.day, tzinfo=first.tzinfo),
            "currency": cost.currency,
            "billed": cost.billed,
            "effective": cost.effective,
            "estimated": estimated[cost.day],
            "requests_sent": read.sent,
        }
        for cost in read.costs
    ]
    return Rows(rows, unread=read.unread, notes=_notes(read))


def _dimension(by: str) -> str:
    if by not in DIMENSIONS:
        raise unknown_name("way to tell costs apart", by, DIMENSIONS)
    return DIMENSIONS[by]


def _notes(read: Read) -> dict[str, Any]:
    notes: dict[str, Any] = {"requests_sent": read.sent, "pages": read.pages}
    notes["estimated_days"] = [f"{period.day:%Y-%m-%d}" for period in read.periods if period.estimated]
    if read.rounded:
        notes["amounts_rounded_to_12_places"] = read.rounded
    return notes
