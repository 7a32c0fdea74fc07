"""Log forensics: records from lines, error rates, templates, what is new, and when it began.

Pure: tables in, tables out. `parse` makes records of the lines that a query returns (`LOG_LINES`); the rest works on
records. Templates of periods that are compared come from one `templated` call over both.
"""

from gocoffee_ops.analysis.logs.changes import bursts, error_onset, onset
from gocoffee_ops.analysis.logs.mining import templated, templates
from gocoffee_ops.analysis.logs.novelty import novelty
from gocoffee_ops.analysis.logs.rates import error_rate
from gocoffee_ops.analysis.logs.records import parse
from gocoffee_ops.analysis.logs.schemas import LOG_LINES, RECORDS

__all__ = [
    "LOG_LINES",
    "RECORDS",
    "bursts",
    "error_onset",
    "error_rate",
    "novelty",
    "onset",
    "parse",
    "templated",
    "templates",
]
