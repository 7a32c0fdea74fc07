"""The figures of the notebooks: tables in, plotly figures out.

Every label is escaped, every cap is stated, what is missing is shown as missing (never as 0), and an empty table gives a
figure that says so. A figure has no title: its section's heading is one. `layout.meta` holds the figure in words (`alt`).
"""

from gocoffee_ops.ui.figures.costs import cost_treemap, cost_waterfall, costs_by_day
from gocoffee_ops.ui.figures.incident import error_rate, timeline
from gocoffee_ops.ui.figures.resources import (
    connection_states,
    node_utilisation,
    requests_against_usage,
    statement_share,
)

__all__ = [
    "connection_states",
    "cost_treemap",
    "cost_waterfall",
    "costs_by_day",
    "error_rate",
    "node_utilisation",
    "requests_against_usage",
    "statement_share",
    "timeline",
]
