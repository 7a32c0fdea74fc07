"""Right-sizing: what containers should request, the patch for it, what it frees, and how it would have done in the past."""

from gocoffee_ops.analysis.rightsizing.advice import ADVICE, advice
from gocoffee_ops.analysis.rightsizing.backtest import BACKTEST, backtest
from gocoffee_ops.analysis.rightsizing.packing import REMOVABLE, removable
from gocoffee_ops.analysis.rightsizing.patch import SAVINGS, namespaces, patch, savings
from gocoffee_ops.analysis.rightsizing.points import POINTS_FOUND, points_found
from gocoffee_ops.analysis.rightsizing.worth import WORTH, WORTH_BY_NODE, worth, worth_by_node

__all__ = [
    "ADVICE",
    "BACKTEST",
    "POINTS_FOUND",
    "REMOVABLE",
    "SAVINGS",
    "WORTH",
    "WORTH_BY_NODE",
    "advice",
    "backtest",
    "namespaces",
    "patch",
    "points_found",
    "removable",
    "savings",
    "worth",
    "worth_by_node",
]
