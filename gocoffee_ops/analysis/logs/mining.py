"""Templates: what kinds of messages there are."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gocoffee_ops.analysis.logs.columns import cited, text_column, to_arrow
from gocoffee_ops.analysis.logs.drain import Drain
from gocoffee_ops.analysis.logs.levels import worst_first
from gocoffee_ops.analysis.logs.masks import distinct
from gocoffee_ops.analysis.logs.schemas import RECORDS, TEMPLATED, TEMPLATES

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

SIMILAR = 0.7  # of a masked message's words: masking makes messages more alike than Drain's own 0.4 allows for
EXAMPLES = 3
KEY = ["cluster", "namespace", "service", "template_id", "template"]


def groups(messages: pa.Array, *, similar: float = SIMILAR) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Templates, and for each message which of them is its own; messages are taken in their order, as Drain is a stream.

    >>> import pyarrow as pa
    >>> templates, which = groups(pa.array(["order 1 paid", "order 2 paid", "no beans"]))
    >>> templates, which.tolist()
    (['order <num> paid', 'no beans'], [0, 0, 1])
    """
    import numpy as np

    different, which = distinct(messages)
    drain = Drain(similar=similar)
    found = np.array(drain.groups(different, which.tolist()), dtype=np.int64)
    return [drain.template(group) for group in range(len(drain.templates))], found


def template_id(template: str) -> str:
    """The name of a template: a hash of its text.

    >>> template_id("order <num> paid")
    't-d1d6e8853d'
    """
    return f"t-{hashlib.sha256(template.encode()).hexdigest()[:10]}"


def templated(records: pd.DataFrame) -> pd.DataFrame:
    """Which template is each record's message of?

    Columns: those of `RECORDS`, template_id and template (string). Periods that are to be compared are templated
    together, as a template's text depends on the messages seen. Raises SchemaError where a column is missing.
    """
    import pyarrow as pa

    table = to_arrow(records, RECORDS.names, of="log records")
    if not table.num_rows:
        return cited(TEMPLATED.empty(), records)
    texts, which = groups(text_column(table, "message"))
    at = pa.array(which)
    ids = pa.array([template_id(text) for text in texts]).take(at)
    columns = [*table.columns, ids, pa.array([text or "<empty>" for text in texts]).take(at)]
    return cited(TEMPLATED.frame(TEMPLATED.check(pa.table(columns, names=list(TEMPLATED.names)))), records)


def templates(records: pd.DataFrame) -> pd.DataFrame:
    """What kinds of messages are in the log, how often, since when, and with which levels? Most frequent first.

    Columns: cluster, namespace, service, template_id, template (string), count, without_level (Int64), first_seen,
    last_seen (timestamp), levels, examples (list[string]), pods, containers (Int64). `records` are those of `parse`, or of
    `templated`, which are not worked out again.
    """
    import pandas as pd

    rows = records if "template" in records.columns else templated(records)
    if not len(rows):
        return cited(TEMPLATES.empty(), records)
    grouped = rows.groupby(KEY, sort=False, observed=True)
    number = grouped.ngroup()
    table = grouped["time"].agg(first_seen="min", last_seen="max").reset_index()
    table["count"] = number.value_counts(sort=False).sort_index()
    table["without_level"] = rows["level"].isna().groupby(number).sum()
    table["levels"] = [worst_first(set(found)) for found in _different(number, rows["level"].dropna(), len(table))]
    table["examples"] = [tuple(found[:EXAMPLES]) for found in _different(number, rows["message"], len(table))]
    pods = rows["cluster"] + "\0" + rows["namespace"] + "\0" + rows["pod"]
    table["pods"] = _count(number, pods)
    table["containers"] = _count(number, pods + "\0" + rows["container"])
    table = table.sort_values(["count", *KEY], ascending=[False, *[True] * len(KEY)], ignore_index=True)
    columns = {name: table[name].tolist() for name in ("levels", "examples")}
    columns |= {name: pd.array(table[name]) for name in TEMPLATES.names if name not in columns}
    return cited(TEMPLATES.frame(TEMPLATES.table({name: columns[name] for name in TEMPLATES.names})), records)


def _different(number: pd.Series[int], values: pd.Series[str], count: int) -> list[list[str]]:
    """For each group the different values, in the order in which they came."""
    import pandas as pd

    found: list[list[str]] = [[] for _ in range(count)]
    pairs = pd.DataFrame({"group": number.loc[values.index], "value": values}).drop_duplicates()
    for group, value in zip(pairs["group"].tolist(), pairs["value"].tolist(), strict=True):
        if len(found[group]) < 16:
            found[group].append(value)
    return found


def _count(number: pd.Series[int], values: pd.Series[str]) -> pd.Series[int]:
    import pandas as pd

    pairs = pd.DataFrame({"group": number, "value": values}).drop_duplicates()
    return pairs["group"].value_counts().sort_index()
