"""FOCUS's columns: what we read of them, what they were called before, and what 1.3 must have.

From the specification's pages of columns. 1.3 replaced ProviderName by ServiceProviderName; PublisherName was deprecated with
it and has no successor (HostProviderName is a column of its own, not a new name).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CATEGORIES = ("Usage", "Purchase", "Tax", "Credit", "Adjustment")
CLASSES = ("Correction",)
STATUSES = ("Used", "Unused")


@dataclass(frozen=True)
class Field:
    """One column that we read: ours, FOCUS's names for it (the newest first), what it holds, and whether a bill must have it."""

    name: str
    focus: tuple[str, ...]
    holds: str  # text, money, number, time, tags
    required: bool = False


# The order is that of the view `bill`.
FIELDS = (
    Field("charge_start", ("ChargePeriodStart",), "time", required=True),
    Field("charge_end", ("ChargePeriodEnd",), "time", required=True),
    Field("provider", ("ServiceProviderName", "ProviderName"), "text", required=True),
    Field("publisher", ("PublisherName",), "text"),
    Field("host_provider", ("HostProviderName",), "text"),
    Field("invoice_issuer", ("InvoiceIssuerName",), "text"),
    Field("billing_account", ("BillingAccountId",), "text", required=True),
    Field("billing_period_start", ("BillingPeriodStart",), "time"),
    Field("billing_period_end", ("BillingPeriodEnd",), "time"),
    Field("sub_account", ("SubAccountId",), "text"),
    Field("region", ("RegionId",), "text"),
    Field("service_category", ("ServiceCategory",), "text"),
    Field("service", ("ServiceName",), "text", required=True),
    Field("resource_id", ("ResourceId",), "text"),
    Field("resource_name", ("ResourceName",), "text"),
    Field("resource_type", ("ResourceType",), "text"),
    Field("charge_category", ("ChargeCategory",), "text", required=True),
    Field("charge_class", ("ChargeClass",), "text", required=True),
    Field("commitment", ("CommitmentDiscountStatus",), "text"),
    Field("currency", ("BillingCurrency",), "text", required=True),
    Field("sku_id", ("SkuId",), "text"),
    Field("pricing_quantity", ("PricingQuantity",), "number"),
    Field("pricing_unit", ("PricingUnit",), "text"),
    Field("usage_quantity", ("ConsumedQuantity",), "number"),
    Field("usage_unit", ("ConsumedUnit",), "text"),
    Field("billed", ("BilledCost",), "money", required=True),
    Field("effective", ("EffectiveCost",), "money", required=True),
    Field("list", ("ListCost",), "money"),
    Field("contracted", ("ContractedCost",), "money"),
    Field("tags", ("Tags",), "tags"),
)

# Mandatory from 1.0 to 1.3, and not needed to give the money a name: a bill without them is read, and says so.
ALSO_MANDATORY = (
    ("BillingPeriodStart",),
    ("BillingPeriodEnd",),
    ("ChargeDescription",),
    ("ContractedCost",),
    ("InvoiceIssuerName",),
    ("ListCost",),
    ("PricingQuantity",),
    ("PricingUnit",),
    ("ServiceCategory",),
)

# A column that a version brought: a file that has one is at least of that version.
SINCE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "1.3": (
            "ServiceProviderName",
            "HostProviderName",
            "AllocatedMethodId",
            "AllocatedResourceId",
            "ContractApplied",
        ),
        "1.2": ("InvoiceId", "BillingAccountType", "SubAccountType", "PricingCurrency"),
        "1.1": (
            "CapacityReservationId",
            "CommitmentDiscountQuantity",
            "ServiceSubcategory",
            "SkuMeter",
            "SkuPriceDetails",
        ),
    }
)

# What a data set of 1.3 must have, with what it holds. ProviderName and PublisherName are deprecated there, and still mandatory.
MANDATORY_1_3: Mapping[str, str] = MappingProxyType(
    {
        "BilledCost": "money",
        "BillingAccountId": "text",
        "BillingAccountName": "text",
        "BillingCurrency": "text",
        "BillingPeriodEnd": "time",
        "BillingPeriodStart": "time",
        "ChargeCategory": "text",
        "ChargeClass": "text",
        "ChargeDescription": "text",
        "ChargePeriodEnd": "time",
        "ChargePeriodStart": "time",
        "ContractedCost": "money",
        "EffectiveCost": "money",
        "HostProviderName": "text",
        "InvoiceIssuerName": "text",
        "ListCost": "money",
        "PricingQuantity": "number",
        "PricingUnit": "text",
        "ProviderName": "text",
        "PublisherName": "text",
        "ServiceCategory": "text",
        "ServiceName": "text",
        "ServiceProviderName": "text",
    }
)
# Those of them that may be null.
NULLABLE_1_3 = frozenset(
    {"BillingAccountName", "ChargeClass", "ChargeDescription", "HostProviderName", "PricingQuantity", "PricingUnit"}
)


def version_of(columns: frozenset[str]) -> str:
    """The version that a file's columns (in lower case) show: at least that one.

    >>> version_of(frozenset({"billedcost", "invoiceid"}))
    '1.2'
    """
    for version, brought in SINCE.items():
        if columns & {name.lower() for name in brought}:
            return version
    return "1.0"
