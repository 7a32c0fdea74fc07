"""Questions to a bill: files of FOCUS (FinOps Open Cost and Usage Specification) in a folder or in S3.

Money is exact and names its basis: `billed` ties to the invoice, `effective` is amortized, `list` is at list prices. They are never
added to each other, and `currency` says what they are in. A charge counts on the UTC day that it begins on. Windows are whole UTC
days, `days` of them before the day of the run unless `start` and `end` are given.

Every question reads the months that its window touches and later ones, which may correct it; the record's notes name each file
that was read, with its size, rows and (in S3) ETag. Permission: reading the folder, or s3:ListBucket and s3:GetObject. Besides
what each question says, they raise NotFound (no folder, no bill in it), Malformed (naming the file and, where it can be, the
row), Forbidden, Unauthenticated, Throttled, Unreachable, ServerFault and DeadlineExceeded.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import UsageError
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.windows import days_of

if TYPE_CHECKING:
    from gocoffee_ops.sources.focus import Bill

DAYS = 28
MOST = 50_000

DAY = Column("day", "timestamp", help="00:00 UTC of the day that the charge begins on")
CATEGORY = Column("charge_category", "string", help="Usage, Purchase, Tax, Credit or Adjustment")
CURRENCY = Column("currency", "string", help="code of ISO 4217")
TEAM = Column("team", "string", optional=True, help="the value of the tag that names the team; missing: untagged")
BILLED = Column("billed", "decimal", "currency", "BilledCost: what the invoice says")
EFFECTIVE = Column("effective", "decimal", "currency", "EffectiveCost: with purchases spread over what they pay for")
LIST = Column("list", "decimal", "currency", "ListCost: at list prices; missing where a row has none", optional=True)
CONTRACTED = Column(
    "contracted",
    "decimal",
    "currency",
    "ContractedCost: at negotiated prices; missing where a row has none",
    optional=True,
)
ROWS = Column("rows", "Int64", "rows", "rows of the bill")

CHARGES = Schema(
    "charges",
    (
        DAY,
        Column("provider", "string"),
        Column("account", "string", help="the sub account, else the billing account"),
        Column("region", "string", optional=True),
        Column("service", "string"),
        Column("resource_id", "string", optional=True),
        Column("resource_name", "string", optional=True),
        Column("resource_type", "string", optional=True),
        CATEGORY,
        Column("charge_class", "string", help="Correction, or empty"),
        Column("commitment", "string", help="Used, Unused, or empty where no commitment is involved"),
        CURRENCY,
        TEAM,
        Column("tags", "list[string]", help="key=value"),
        Column("sku_id", "string", optional=True),
        Column("pricing_quantity", "Float64", "pricing_unit", optional=True),
        Column("pricing_unit", "string", optional=True),
        Column("usage_quantity", "Float64", "usage_unit", optional=True),
        Column("usage_unit", "string", optional=True),
        BILLED,
        EFFECTIVE,
        LIST,
        CONTRACTED,
        ROWS,
        Column("billing_account", "string"),
        Column("billing_period_start", "timestamp", optional=True),
        Column("billing_period_end", "timestamp", optional=True),
        Column("invoice_issuer", "string", optional=True),
        Column("publisher", "string", optional=True, help="until FOCUS 1.2"),
        Column("host_provider", "string", optional=True, help="since FOCUS 1.3"),
        Column("service_category", "string", optional=True),
    ),
)
BY_SERVICE = Schema(
    "cost by service and day",
    (DAY, Column("provider", "string"), Column("service", "string"), CATEGORY, CURRENCY, BILLED, EFFECTIVE, LIST, ROWS),
)
BY_TEAM = Schema("cost by team", (TEAM, CATEGORY, CURRENCY, BILLED, EFFECTIVE, ROWS))
PERIODS = Schema(
    "days of the bill",
    (
        DAY,
        Column("currency", "string", optional=True, help="missing for a day without rows"),
        ROWS,
        Column("billed", "decimal", "currency", "BilledCost; missing for a day without rows", optional=True),
        Column("effective", "decimal", "currency", "EffectiveCost; missing for a day without rows", optional=True),
        Column("last_charge_at", "timestamp", optional=True, help="end of the day's last charge"),
        Column("estimated", "boolean", help="younger than the billing lag: it may still grow"),
    ),
)
FILES = Schema(
    "files of the bill",
    (
        Column("file", "string", help="below the folder or prefix"),
        Column("focus", "string", help="version of FOCUS that its columns show, at least"),
        Column("size_mib", "Float64", "MiB"),
        Column("modified_at", "timestamp"),
        Column("etag", "string", optional=True, help="S3's; missing for a local file"),
        ROWS,
        Column("first_charge_at", "timestamp", optional=True, help="missing without rows"),
        Column("last_charge_at", "timestamp", optional=True, help="when the last charge begins; missing without rows"),
        Column("currency", "string", optional=True, help="missing without rows"),
        Column(
            "repeated_rows",
            "Int64",
            "rows",
            "the same as another row of the file, or of a file before it; their money is counted",
        ),
        Column("negative_quantities", "Int64", "rows", "of rows that are no correction; their money is counted"),
        Column(
            "odd_rows",
            "list[string]",
            help="the first of both, by their number after the header; which files share rows; a larger run that was replaced",
        ),
        Column("missing_columns", "list[string]", help="mandatory ones that the questions do without"),
    ),
)


@query("bill", CHARGES)
def charges(
    ask: Ask[Bill], *, start: datetime | None = None, end: datetime | None = None, days: int = DAYS, most: int = MOST
) -> Rows:
    """What was charged, by day, account, service, resource, SKU, tags and what else tells charges apart?

    Columns: day, billing_period_start, billing_period_end (timestamp), provider, publisher, host_provider, invoice_issuer,
    billing_account, service_category, account, region, service, resource_id, resource_name, resource_type, charge_category,
    charge_class, commitment, currency, team, sku_id, pricing_unit, usage_unit (string), tags (list, key=value),
    pricing_quantity and usage_quantity (Float64), billed, effective, list, contracted (decimal), rows (Int64). Of more than
    `most` groups the smallest are put together by day, account, service and team, and that is stated: the sums stay what they
    are. Raises UsageError for a window that is none.
    """
    first, last = _window(ask, start, end, days)
    if most < 1:
        raise UsageError("ask bills.charges", why=f"most is {most}", hint="1 or more")
    answer = ask.source.ask("charges", first.date(), ask.deadline, start=first, end=last, team=_pointer(ask), most=most)
    folded = sum(answer.table.column("folded").to_pylist())
    stated = (
        f"the smallest {folded:,} groups of charges stand without their resources (most={most:,})" if folded else ""
    )
    return Rows(answer.table.drop_columns(["folded"]), truncated=stated, notes=answer.notes)


@query("bill", BY_SERVICE)
def by_service_and_day(
    ask: Ask[Bill], *, start: datetime | None = None, end: datetime | None = None, days: int = DAYS
) -> Rows:
    """What did each service cost, by day?

    Columns: day (timestamp), provider, service, charge_category, currency (string), billed, effective, list (decimal), rows
    (Int64). Raises UsageError for a window that is none.
    """
    first, last = _window(ask, start, end, days)
    answer = ask.source.ask("by_service_and_day", first.date(), ask.deadline, start=first, end=last)
    return Rows(answer.table, notes=answer.notes)


@query("bill", BY_TEAM)
def by_team(ask: Ask[Bill], *, start: datetime | None = None, end: datetime | None = None, days: int = DAYS) -> Rows:
    """What did each team cost in all of the window? The team is the tag that `team_tag` names; what is untagged has its own row.

    Columns: team, charge_category, currency (string), billed, effective (decimal), rows (Int64). Raises UsageError for a window
    that is none.
    """
    first, last = _window(ask, start, end, days)
    answer = ask.source.ask("by_team", first.date(), ask.deadline, start=first, end=last, team=_pointer(ask))
    return Rows(answer.table, notes={**answer.notes, "team_tag": ask.source.team_tag})


@query("bill", PERIODS)
def periods(ask: Ask[Bill], *, start: datetime | None = None, end: datetime | None = None, days: int = DAYS) -> Rows:
    """Which days does the bill have, and which may still change?

    Columns: day (timestamp), currency (string), rows (Int64), billed, effective (decimal), last_charge_at (timestamp), estimated
    (boolean: the day ended less than `lag_h` before the run). Every day of the window has a row; one without charges has neither
    currency nor money. Raises UsageError for a window that is none.
    """
    first, last = _window(ask, start, end, days)
    settled = _naive(ask.as_of) - timedelta(hours=ask.source.lag_h)
    answer = ask.source.ask("periods", first.date(), ask.deadline, start=first, end=last, settled=settled)
    return Rows(answer.table, notes={**answer.notes, "lag_h": ask.source.lag_h})


@query("bill", FILES)
def files(ask: Ask[Bill], *, start: datetime | None = None, end: datetime | None = None, days: int = DAYS) -> Rows:
    """Which files is the bill made of, and what is odd in them?

    Columns: file, focus, etag, currency (string), size_mib (Float64), modified_at, first_charge_at, last_charge_at (timestamp),
    rows, repeated_rows, negative_quantities (Int64), odd_rows, missing_columns (list). Raises UsageError for a window that is none.
    """
    first, _ = _window(ask, start, end, days)
    rows: list[dict[str, Any]] = []
    for looked, repeated, odd in ask.source.files(first.date(), ask.deadline):
        file = looked.table.file
        rows.append(
            {
                "file": file.name,
                "focus": looked.table.version,
                "size_mib": file.size / 2**20,
                "modified_at": file.modified_at,
                "etag": file.etag or None,
                "rows": looked.rows,
                "first_charge_at": _utc(looked.first),
                "last_charge_at": _utc(looked.last),
                "currency": looked.currency or None,
                "repeated_rows": repeated,
                "negative_quantities": looked.negative_quantities,
                "odd_rows": list(odd),
                "missing_columns": list(looked.table.missing),
            }
        )
    return Rows(rows)


def _window(ask: Ask[Bill], start: datetime | None, end: datetime | None, days: int) -> tuple[datetime, datetime]:
    """The whole UTC days that a question is about, without their zone, as the view `bill` has its times."""
    first, last = days_of(ask.as_of, start, end, days)
    return _naive(first), _naive(last)


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)


def _pointer(ask: Ask[Bill]) -> str:
    """The team's tag as a JSON pointer (RFC 6901), which takes any key."""
    return "/" + ask.source.team_tag.replace("~", "~0").replace("/", "~1")
