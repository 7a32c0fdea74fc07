"""Right-sizing: what containers should request, the patch for it, what it frees, and how it would have done in the past."""

from gocoffee_ops.analysis.rightsizing.advice import ADVICE, advice
from gocoffee_ops.analysis.rightsizing.backtest import BACKTEST, backtest
from gocoffee_ops.analysis.rightsizing.packing import REMOVABLE, removable
from gocoffee_ops.analysis.rightsizing.patch import SAVINGS, namespaces, patch, savings

__all__ = [
    "ADVICE",
    "BACKTEST",
    "REMOVABLE",
    "SAVINGS",
    "advice",
    "backtest",
    "namespaces",
    "patch",
    "removable",
    "savings",
]
