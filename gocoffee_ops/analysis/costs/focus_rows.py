"""The allocation as rows of FOCUS 1.3: each charge of the bill, or the charges that it was split into, which add up to it.

Split charges name the method (`AllocatedMethodId`, `AllocatedMethodDetails`) and what they went to (`AllocatedResourceId`,
`AllocatedResourceName`, `AllocatedTags`); the part that went to nobody has no `AllocatedResourceId`. Dimensions are
the charge's own.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.money import adding_up, rounded
from gocoffee_ops.analysis.costs.schemas import FOCUS_CHARGES, LINES, framed, rows
from gocoffee_ops.frames import Column, Schema

if TYPE_CHECKING:
    import pandas as pd

METHOD = "gocoffee-ops/max-of-request-and-usage-by-hour"
DAY = timedelta(days=1)

FOCUS_ROWS = Schema(
    "allocation as FOCUS 1.3",
    (
        Column("AllocatedMethodDetails", "string", help="JSON", optional=True),
        Column("AllocatedMethodId", "string", optional=True),
        Column("AllocatedResourceId", "string", optional=True),
        Column("AllocatedResourceName", "string", optional=True),
        Column("AllocatedTags", "string", help="JSON", optional=True),
        Column("BilledCost", "decimal", optional=True),
        Column("BillingAccountId", "string"),
        Column("BillingCurrency", "string"),
        Column("BillingPeriodEnd", "timestamp", optional=True),
        Column("BillingPeriodStart", "timestamp", optional=True),
        Column("ChargeCategory", "string"),
        Column("ChargeClass", "string", optional=True),
        Column("ChargePeriodEnd", "timestamp"),
        Column("ChargePeriodStart", "timestamp"),
        Column("CommitmentDiscountStatus", "string", optional=True),
        Column("ContractedCost", "decimal", optional=True),
        Column("EffectiveCost", "decimal", optional=True),
        Column("HostProviderName", "string", optional=True),
        Column("InvoiceIssuerName", "string", optional=True),
        Column("ListCost", "decimal", optional=True),
        Column("PricingQuantity", "decimal", optional=True),
        Column("PricingUnit", "string", optional=True),
        Column("ProviderName", "string"),
        Column("PublisherName", "string", optional=True),
        Column("RegionId", "string", optional=True),
        Column("ResourceId", "string", optional=True),
        Column("ResourceName", "string", optional=True),
        Column("ResourceType", "string", optional=True),
        Column("ServiceCategory", "string", optional=True),
        Column("ServiceName", "string"),
        Column("ServiceProviderName", "string"),
        Column("SkuId", "string", optional=True),
        Column("SubAccountId", "string", optional=True),
        Column("Tags", "string", help="JSON"),
        Column("ConsumedQuantity", "decimal", optional=True),
        Column("ConsumedUnit", "string", optional=True),
        Column("x_CostLine", "string", help="used, idle, residual, …"),
        Column("x_Team", "string", optional=True),
        Column("x_Estimated", "boolean"),
    ),
)


def focus_rows(lines: pd.DataFrame, charges: pd.DataFrame) -> pd.DataFrame:
    """The bill as it was allocated, in FOCUS 1.3. `lines` are `allocate`'s of these `charges`.

    Costs and quantities of the rows that a charge was split into add up to the charge exactly. What stands in no bill is no charge,
    and not among them.

    Columns: those of `FOCUS_ROWS`, named as FOCUS names them; BilledCost, EffectiveCost, ListCost, quantities (decimal).
    """
    bill = rows(charges, FOCUS_CHARGES)
    parts: defaultdict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for line in rows(lines, LINES):
        if line["charge"] is not None:
            parts[line["charge"]].append(line)
    found = [row for at, charge in enumerate(bill) for row in _charge(charge, parts[at])]
    return framed(FOCUS_ROWS, found, lines, charges)


def _charge(charge: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    shares = _ratios([part["share"] for part in parts])
    quantities = {
        "ContractedCost": _split(charge["contracted"], shares),
        "ListCost": _split(charge["list"], shares),
        "PricingQuantity": _split(_exact(charge["pricing_quantity"]), shares),
        "ConsumedQuantity": _split(_exact(charge["usage_quantity"]), shares),
    }
    origin = {
        "BillingAccountId": charge["billing_account"] or charge["account"],
        "BillingCurrency": charge["currency"],
        "BillingPeriodEnd": charge["billing_period_end"],
        "BillingPeriodStart": charge["billing_period_start"],
        "ChargeCategory": charge["charge_category"],
        "ChargeClass": charge["charge_class"] or None,
        "ChargePeriodStart": charge["day"],
        "ChargePeriodEnd": charge["day"] + DAY,
        "CommitmentDiscountStatus": charge["commitment"] or None,
        "HostProviderName": charge["host_provider"],
        "InvoiceIssuerName": charge["invoice_issuer"],
        "PricingUnit": charge["pricing_unit"],
        "ProviderName": charge["provider"],
        "PublisherName": charge["publisher"],
        "RegionId": charge["region"],
        "ResourceId": charge["resource_id"],
        "ResourceName": charge["resource_name"],
        "ResourceType": charge["resource_type"],
        "ServiceCategory": charge["service_category"],
        "ServiceName": charge["service"],
        "ServiceProviderName": charge["provider"],
        "SkuId": charge["sku_id"],
        "SubAccountId": charge["account"] if charge["billing_account"] else None,
        "Tags": _tags(charge["tags"]),
        "ConsumedUnit": charge["usage_unit"],
    }
    return [
        origin
        | {
            "BilledCost": part["billed"],
            "EffectiveCost": part["effective"],
            "x_CostLine": part["line"],
            "x_Team": part["team"],
            "x_Estimated": part["estimated"],
        }
        | {name: split[i] for name, split in quantities.items()}
        | _allocated(part, shares[i], len(parts) > 1)
        for i, part in enumerate(parts)
    ]


def _allocated(part: Mapping[str, Any], share: Fraction, was_split: bool) -> dict[str, Any]:
    names = ("MethodDetails", "MethodId", "ResourceId", "ResourceName", "Tags")
    none = dict.fromkeys(f"Allocated{name}" for name in names)
    if not was_split:
        return none
    details = {"Elements": [{"AllocatedRatio": float(share)}], "x_Line": part["line"]}
    split = none | {"AllocatedMethodId": METHOD, "AllocatedMethodDetails": json.dumps(details)}
    if part["pod"] is None:
        return split
    path = [part["cluster"], part["namespace"], part["pod"], part["pod_uid"], part["container"]]
    return split | {
        "AllocatedResourceId": "/".join(one for one in path if one),
        "AllocatedResourceName": f"{part['namespace']}/{part['workload'] or part['pod']}",
        "AllocatedTags": _tags(part["labels"]),
    }


def _ratios(shares: Sequence[float | None]) -> list[Fraction]:
    """The parts' shares as fractions that add up to 1."""
    if len(shares) == 1:
        return [Fraction(1)]
    exact = [Fraction(share or 0.0) for share in shares]
    whole = sum(exact)
    return [share / whole for share in exact] if whole else [Fraction(1, len(exact))] * len(exact)


def _split(whole: Decimal | None, shares: Sequence[Fraction]) -> list[Decimal | None]:
    if whole is None:
        return [None] * len(shares)
    return [*adding_up([Fraction(whole) * share for share in shares], whole)]


def _exact(quantity: float | None) -> Decimal | None:
    return None if quantity is None else rounded(Fraction(quantity))


def _tags(labels: Sequence[str] | None) -> str:
    return json.dumps(dict(one.partition("=")[::2] for one in labels or ()), sort_keys=True)
