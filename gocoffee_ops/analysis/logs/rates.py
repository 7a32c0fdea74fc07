"""Errors over requests, for each service and span of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gocoffee_ops.analysis.logs.columns import cited
from gocoffee_ops.analysis.logs.levels import BAD
from gocoffee_ops.analysis.logs.missing import missing_of
from gocoffee_ops.analysis.logs.schemas import ERROR_RATE
from gocoffee_ops.missing import Missing, bounds

if TYPE_CHECKING:
    import pandas as pd

ACCESS_RECORDS = "access records"
NO_DENOMINATOR = "none"
_KEY = ["cluster", "namespace", "service", "container", "start"]


def error_rate(records: pd.DataFrame, *, bucket_s: float = 60.0) -> pd.DataFrame:
    """Which share of a service's requests failed, span by span?

    A request is a record with a status and a method or path; one with status 5xx failed. Where a container logged none,
    requests, errors and error_rate are missing: its error records are counted, but a count is no rate. Containers stand
    apart, as a proxy beside a service logs the same requests again. Nor is there a rate for a span of which lines were read and
    not kept: the rare ones stay.

    Columns: cluster, namespace, service, container (string); start (timestamp, missing for records without a time),
    bucket_s (Float64, s); requests, errors (Float64), error_rate (Float64, ratio); denominator (string); error_records,
    records (Int64).
    """
    import pandas as pd

    if not len(records):
        return cited(ERROR_RATE.empty(), records)
    request = _is_request(records)
    counted = pd.DataFrame(
        {
            **{name: records[name] for name in _KEY[:-1]},
            "start": records["time"].dt.floor(f"{round(bucket_s * 1000)}ms"),
            "requests": request.astype("int64"),
            "errors": (request & (records["status"] >= 500).fillna(False)).astype("int64"),
            "error_records": (records["level"].isin(BAD) | records["exception"].notna()).astype("int64"),
            "records": 1,
        }
    )
    rates = counted.groupby(_KEY, dropna=False, sort=True, observed=True).sum().reset_index()
    there = (rates["requests"] > 0) & ~_thinned(rates, missing_of(records), bucket_s)
    rates["denominator"] = there.map({True: ACCESS_RECORDS, False: NO_DENOMINATOR})
    for name in ("requests", "errors"):
        rates[name] = rates[name].astype("Float64").where(there)
    rates["error_rate"] = rates["errors"] / rates["requests"]
    rates["bucket_s"] = float(bucket_s)
    return cited(ERROR_RATE.frame(_table(rates)), records)


def _thinned(rates: pd.DataFrame, missing: Sequence[Missing], bucket_s: float) -> pd.Series[bool]:
    import pandas as pd

    found = pd.Series(data=False, index=rates.index)
    for one in (one for one in missing if one["why"] == "thinned"):
        since, until = (pd.Timestamp(time) for time in bounds(one))
        within = (rates["start"] <= until) & (rates["start"] > since - pd.Timedelta(seconds=bucket_s))
        for name in _KEY[:-1]:
            within &= rates[name] == one[name]
        found |= within.fillna(False)
    return found


def requests_of(records: pd.DataFrame) -> pd.DataFrame:
    """The records that tell of a request: those with a status and a method or path."""
    return records[_is_request(records)]


def _is_request(records: pd.DataFrame) -> pd.Series[bool]:
    return records["status"].notna() & (records["method"].notna() | records["path"].notna())


def _table(rates: pd.DataFrame) -> object:
    import pyarrow as pa

    return ERROR_RATE.check(pa.Table.from_pandas(rates[list(ERROR_RATE.names)], preserve_index=False))
