"""What the platform costs, and who for: the bill by line and owner, what changed, what is unusual, and what could be given up.

Pure: tables in, tables out. `allocate` splits each row of the bill among what it was for; its lines add up to the bill to the last
place, and all else is made from them or from the bill. Money is exact, every money column names its basis (billed, effective,
list), and currencies are never mixed. What was not seen is a line, `unknown`; what nothing explains is another, `residual`.
"""

from gocoffee_ops.analysis.costs.aggregate import KEYS, LABEL, aggregate
from gocoffee_ops.analysis.costs.allocation import Objects, allocate
from gocoffee_ops.analysis.costs.anomalies import anomalies
from gocoffee_ops.analysis.costs.bill_coverage import bill_coverage
from gocoffee_ops.analysis.costs.budgets import against_budgets
from gocoffee_ops.analysis.costs.changes import by_cause, cost_changes
from gocoffee_ops.analysis.costs.efficiency import requested_of_allocatable, used_of_requested
from gocoffee_ops.analysis.costs.focus_rows import focus_rows
from gocoffee_ops.analysis.costs.forecast import forecast
from gocoffee_ops.analysis.costs.node_prices import cpu_weight_band, memory_share_band, node_prices, opencost_prices
from gocoffee_ops.analysis.costs.orphans import orphans
from gocoffee_ops.analysis.costs.prices import price_book
from gocoffee_ops.analysis.costs.reconciliation import coverage, reconciliation
from gocoffee_ops.analysis.costs.shares import Rules
from gocoffee_ops.analysis.costs.weeks import billing_lag_h, movers, weeks, within_bill
from gocoffee_ops.analysis.costs.wording import in_words

__all__ = [
    "KEYS",
    "LABEL",
    "Objects",
    "Rules",
    "against_budgets",
    "aggregate",
    "allocate",
    "anomalies",
    "bill_coverage",
    "billing_lag_h",
    "by_cause",
    "cost_changes",
    "coverage",
    "cpu_weight_band",
    "focus_rows",
    "forecast",
    "in_words",
    "memory_share_band",
    "movers",
    "node_prices",
    "opencost_prices",
    "orphans",
    "price_book",
    "reconciliation",
    "requested_of_allocatable",
    "used_of_requested",
    "weeks",
    "within_bill",
]
