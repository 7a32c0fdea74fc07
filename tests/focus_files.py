"""Bills for tests: rows of FOCUS as providers write them, in Parquet and csv."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

DAY = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
QUANTITIES = ("PricingQuantity", "ConsumedQuantity")

CHARGE: dict[str, Any] = {
    "BilledCost": "0.10",
    "BillingAccountId": "111122223333",
    "BillingAccountName": "Coffee",
    "BillingCurrency": "USD",
    "BillingPeriodStart": datetime(2026, 11, 1, tzinfo=UTC),
    "BillingPeriodEnd": datetime(2026, 12, 1, tzinfo=UTC),
    "ChargeCategory": "Usage",
    "ChargeClass": None,
    "ChargeDescription": "an hour of a machine",
    "ChargePeriodStart": DAY,
    "ChargePeriodEnd": DAY + HOUR,
    "CommitmentDiscountStatus": None,
    "ConsumedQuantity": "1",
    "ConsumedUnit": "Hours",
    "ContractedCost": "0.10",
    "EffectiveCost": "0.08",
    "InvoiceIssuerName": "AWS",
    "ListCost": "0.20",
    "PricingQuantity": "1",
    "PricingUnit": "Hours",
    "ProviderName": "AWS",
    "PublisherName": "AWS",
    "RegionId": "eu-west-1",
    "ResourceId": "i-1",
    "ResourceName": "node-1",
    "ResourceType": "Instance",
    "ServiceCategory": "Compute",
    "ServiceName": "EC2",
    "SkuId": "sku-1",
    "SubAccountId": "444455556666",
    "Tags": '{"team": "orders", "env": "prod"}',
}


def charge(**changes: Any) -> dict[str, Any]:
    """One row, with what is other than usual; `hour` moves its period."""
    hour = changes.pop("hour", 0)
    period = {"ChargePeriodStart": DAY + hour * HOUR, "ChargePeriodEnd": DAY + (hour + 1) * HOUR}
    return CHARGE | period | changes


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    """A row that lacks columns."""
    return {name: value for name, value in row.items() if name not in names}


def write_csv(path: Path, rows: Sequence[dict[str, Any]], *, encoding: str = "utf-8") -> Path:
    """A csv as providers write it: ISO 8601 with a Z, nothing for null. Compressed when its name ends in .gz."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    data = text.getvalue().encode(encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)
    return path


def write_parquet(
    path: Path, rows: Sequence[dict[str, Any]], *, money: pa.DataType | None = None, time: pa.DataType | None = None
) -> Path:
    """A Parquet file; its money and times have the types that are given, decimals of six places and milliseconds by default."""
    columns = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name in COSTS:
            columns[name] = _money(values, money or pa.decimal128(18, 6))
        elif name in QUANTITIES:
            columns[name] = pa.array([None if v is None else float(v) for v in values], pa.float64())
        elif isinstance(values[0], datetime):
            utc = pa.array([v.replace(tzinfo=None) for v in values], pa.timestamp("ms"))
            columns[name] = utc.cast(time) if time else utc
        elif isinstance(values[0], dict):
            columns[name] = pa.array(
                [None if v is None else list(v.items()) for v in values], pa.map_(pa.string(), pa.string())
            )
        else:
            columns[name] = pa.array(values, pa.string())
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)
    return path


def _money(values: Sequence[str | None], kind: pa.DataType) -> pa.Array:
    if pa.types.is_floating(kind):
        return pa.array([None if v is None else float(v) for v in values], kind)
    return pa.array([None if v is None else Decimal(v) for v in values], kind)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return "" if value is None else str(value)
