"""Do the logs tell of failures, and are there new ones? How much of them was read: see `log_coverage`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.grading import (
    FORENSICS,
    HIGH_ERROR_RATE,
    RUNBOOKS,
    concluded,
    counted,
    grade,
    numbers,
    percent,
    seconds,
)
from gocoffee_ops.errors import unknown_name
from gocoffee_ops.frames import records
from gocoffee_ops.missing import NAME, Missing, of_service, sentence, within
from gocoffee_ops.model import Finding, Status, Thresholds, Window, worst

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
Service = tuple[str, str, str]
NEXT = (FORENSICS,)
BAD = {"error", "fatal"}
HARMLESS = {"info", "debug", "trace"}
RARELY = 0.01
QUOTED = 90  # characters of a template that a sentence can hold


def error_rate_below(
    rates: pd.DataFrame, onsets: pd.DataFrame | None = None, *, thresholds: Thresholds, window: Window | None = None
) -> list[Finding]:
    """Does a service fail too many of its requests, over all spans of time (or those of the `window`), or in one of them?

    The rate is a mean, and says of which time. With `onsets`, that since the rate rose stands beside it: the mean is thinned by
    what was fine before. A span with a high rate in a period that is fine as a whole is a WARN. Without requests there is no
    rate: UNKNOWN. So is a rate that would be fine where not all of the log was read, and that of a service which logged before
    the window and not in it.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "service": "orders", "container": "orders", "start": None,
    ...     "bucket_s": 60.0, "requests": 200.0, "errors": 12.0, "error_rate": 0.06, "denominator": "access records",
    ...     "error_records": 12}
    >>> said(error_rate_below(pd.DataFrame([row]), thresholds=Thresholds()))
    ['CRIT service/orders: 6.0 % of 200 requests failed (access records of orders)']
    """
    every = records(rates)
    table = [
        row for row in every if window is None or row["start"] is None or window.start <= row["start"] < window.end
    ]
    missing: list[Missing] = rates.attrs.get(NAME, [])
    missing = missing if window is None else within(missing, window)
    services = {service: _by_service(table).get(service, []) for service in [*_by_service(every), *_services(missing)]}
    risen = [] if onsets is None else records(onsets[onsets["after_error_rate"] > onsets["before_error_rate"]])
    findings: list[Finding] = []
    without: list[tuple[Service, int]] = []
    judged = 0
    for service, owned in services.items():
        lacking = of_service(missing, service)
        if not owned:
            findings.append(_silent("error_rate_below", service, lacking))
            continue
        counting = [rows for rows in _by_container(owned).values() if any(row["requests"] for row in rows)]
        if not counting and lacking:
            findings.append(_not_all("error_rate_below", service, lacking))
        elif not counting:
            without.append((service, sum(row["error_records"] for row in owned)))
        for rows in counting:
            judged += 1
            lacked = of_service(lacking, service, rows[0]["container"])
            findings.append(_lessened(_rate(service, rows, thresholds, risen), lacked))
        dark = [
            one for one in lacking if one["container"] not in _by_container(owned)
        ]  # whether it logs requests is not known
        if counting and dark:
            findings.append(_not_all("error_rate_below", service, dark))
    if without:
        findings.append(_without_requests(without))
    fine = f"{counted(judged, 'service')} failed less than {percent(thresholds.error_rate_warn)} of their requests"
    return concluded(
        findings,
        check="error_rate_below",
        subject="services",
        fine=fine,
        read=judged,
        none="no record of a request was read",
    )


def _rate(service: Service, rows: Sequence[Row], thresholds: Thresholds, risen: Sequence[Row]) -> Finding:
    cluster, namespace, name = service
    spans = [row for row in rows if row["requests"]]
    requests, errors = (sum(row[column] for row in spans) for column in ("requests", "errors"))
    status = grade(errors / requests, thresholds.error_rate_warn, thresholds.error_rate_crit)
    reason = f"{errors / requests:.1%} of {requests:,.0f} requests failed".replace("%", " %")
    reason += _since_onset(service, spans, risen)
    enough = [row for row in spans if row["requests"] >= thresholds.error_rate_requests and row["start"] is not None]
    peak = max(enough, key=lambda row: row["error_rate"], default=None)
    if peak is not None and len(spans) > 1 and peak["error_rate"] >= thresholds.error_rate_crit:
        status = worst([status, Status.WARN])
        reason += f", at most {percent(peak['error_rate'])} within {seconds(peak['bucket_s'])} ({peak['start']:%Y-%m-%d %H:%M} UTC)"
    figures = numbers(
        {"requests": requests, "errors": errors, "error_rate": errors / requests}, "requests", "errors", "error_rate"
    )
    reason += f" ({spans[0]['denominator']} of {spans[0]['container']}{_time_of(spans)})"
    subject, seen = f"service/{name}", (problems.errors(name),)  # by metrics, of all clusters together
    return Finding(
        status, "error_rate_below", subject, reason, figures, cluster, namespace, next=(HIGH_ERROR_RATE,), because=seen
    )


def _time_of(spans: Sequence[Row]) -> str:
    """From when to when requests were counted; empty where records have no time."""
    timed = [row for row in spans if row["start"] is not None]
    if not timed:
        return ""
    first, last = min(row["start"] for row in timed), max(row["start"] for row in timed)
    end = last + timedelta(seconds=timed[0]["bucket_s"])
    day = "" if first.date() == end.date() else f"{end:%Y-%m-%d} "
    return f", {first:%Y-%m-%d %H:%M} to {day}{end:%H:%M} UTC"


def _since_onset(service: Service, spans: Sequence[Row], risen: Sequence[Row]) -> str:
    """The rate since it rose, where it did so within what is counted."""
    of = (*service, spans[0]["container"])
    first = min((row["start"] for row in spans if row["start"] is not None), default=None)
    for row in risen:
        own = tuple(row[name] for name in ("cluster", "namespace", "service", "container")) == of
        if own and first is not None and row["onset"] > first:
            rate = f"{row['after_error_rate']:.1%}".replace("%", " %")
            return f", {rate} since {row['onset']:%Y-%m-%d %H:%M:%S} UTC, when it rose"
    return ""


def _without_requests(without: Sequence[tuple[Service, int]]) -> Finding:
    names = sorted({name for (_, _, name), _ in without})
    errors = sum(count for _, count in without)
    reason = (
        f"no record of a request was read of {', '.join(names[:6])}{', …' if len(names) > 6 else ''}, so that there is no "
        f"error rate; {counted(errors, 'error record')} without a number of requests to divide by"
    )
    figures = {"services": len(without), "error_records": errors}
    return Finding(Status.UNKNOWN, "error_rate_below", "services", reason, figures, next=(HIGH_ERROR_RATE,))


def errors_logged(templates: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which services log errors? A number without one to compare with: it warns, and never more. One finding a service.

    A service most of whose records have no level may log errors all the same: UNKNOWN. So may one whose log was not all read.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "service": "orders", "template": "could not reserve <num> beans",
    ...     "levels": ("error",), "count": 12, "without_level": 0, "last_seen": pd.Timestamp("2026-01-05 03:00Z")}
    >>> said(errors_logged(pd.DataFrame([row]), thresholds=Thresholds()))
    ['WARN service/orders: 12 records of level error, last at 03:00:00 UTC: could not reserve <num> beans (12 times)']
    """
    table = records(templates)
    missing: list[Missing] = templates.attrs.get(NAME, [])
    findings = []
    few = 0
    unread = [service for service in _services(missing) if service not in _by_service(table)]
    findings += [_silent("errors_logged", service, of_service(missing, service)) for service in unread]
    for (cluster, namespace, name), owned in _by_service(table).items():
        lacking = of_service(missing, (cluster, namespace, name))
        bad = sorted((row for row in owned if set(row["levels"]) & BAD), key=lambda row: -row["count"])
        count = sum(row["count"] for row in bad)
        if not bad or grade(count, thresholds.log_errors_warn) is Status.OK:
            few += count
            untold = _without_level(cluster, namespace, name, owned)
            findings += untold or [_not_all("errors_logged", (cluster, namespace, name), lacking)] * bool(lacking)
            continue
        levels = " or ".join(level for level in ("error", "fatal") if any(level in row["levels"] for row in bad))
        last = max((row["last_seen"] for row in bad if row["last_seen"] is not None), default=None)
        when = f", last at {last:%H:%M:%S} UTC" if last is not None else ""
        others = f"; {counted(len(bad) - 1, 'other kind')}" if len(bad) > 1 else ""
        first = f"{_quoted(bad[0]['template'])} ({counted(bad[0]['count'], 'time')}){others}"
        reason = f"{counted(count, 'record')} of level {levels}{when}: {first}{_besides(lacking)}"
        figures = {"records": count, "templates": len(bad)}
        subject = f"service/{name}"
        findings.append(
            Finding(Status.WARN, "errors_logged", subject, reason, figures, cluster, namespace, next=(HIGH_ERROR_RATE,))
        )
    untold_of_all = sum(row["without_level"] for row in table)
    errors = f"{counted(few, 'record')} of errors, fewer than are told" if few else "none of them an error"
    fine = f"{counted(len(table), 'kind')} of messages, {errors}"
    fine += f"; {counted(untold_of_all, 'record')} without a level" if untold_of_all else ""
    return concluded(
        findings, check="errors_logged", subject="logs", fine=fine, read=len(table), none="no log record was read"
    )


def _without_level(cluster: str, namespace: str, name: str, owned: Sequence[Row]) -> list[Finding]:
    untold, whole = (sum(row[column] for row in owned) for column in ("without_level", "count"))
    if 2 * untold <= whole:
        return []
    reason = f"{untold:,} of {counted(whole, 'record')} have no level: whether they tell of errors is not known"
    return [
        Finding(Status.UNKNOWN, "errors_logged", f"service/{name}", reason, {"records": untold}, cluster, namespace)
    ]


def nothing_new_in_logs(novelty: pd.DataFrame, *, thresholds: Thresholds, runbook: str = FORENSICS) -> list[Finding]:
    """Are there messages that were not there before, or that come far more often? One finding a service.

    What only informs is no finding. Where a service has no lines of the baseline, nobody can tell what is new: UNKNOWN. So it is
    where not all of the window's lines were read, and where a service that logged before has no record in the window.
    `runbook` is the one to go on with: for a database's own log, database-slowdown. Raises UsageError for one that there is not.

    >>> import pandas as pd
    >>> row = {"change": "new", "cluster": "eu", "namespace": "go-coffee", "service": "orders", "template_id": "t-1",
    ...     "template": "could not reserve <num> beans", "levels": ("error",), "count": 12, "without_level": 0, "baseline_count": 0,
    ...     "ratio_low": 3.0, "rate_per_min": 1.2, "baseline_min": 60.0}
    >>> said(nothing_new_in_logs(pd.DataFrame([row]), thresholds=Thresholds()))
    ['CRIT service/orders: new: could not reserve <num> beans (12 times, error)']
    """
    if runbook not in RUNBOOKS:
        raise unknown_name("runbook", runbook, RUNBOOKS)
    table = records(novelty)
    missing: list[Missing] = novelty.attrs.get(NAME, [])
    findings = []
    informs = 0
    services = _by_service(table)
    for service in dict.fromkeys([*services, *_services(missing)]):
        owned, lacking = services.get(service, []), of_service(missing, service)
        if not any(row["count"] for row in owned):
            if lacking or _speaks_often(owned, novelty.attrs.get("window_min")):
                findings.append(_silent("nothing_new_in_logs", service, lacking))
            continue
        graded = [(_grade_change(row, thresholds), row) for row in owned]
        informs += sum(status is Status.OK and row["change"] == "new" for status, row in graded)
        wrong = [(status, row) for status, row in graded if status in {Status.WARN, Status.CRIT}]
        unread = [row for status, row in graded if status is Status.UNKNOWN]
        findings += [_lessened(_news(service, wrong, runbook), lacking)] if wrong else []
        findings += [_lessened(_no_baseline(service, unread), lacking)] if unread else []
        if lacking and not wrong and not unread:
            findings.append(_not_all("nothing_new_in_logs", service, lacking))
    told = f"; of level info or below {informs:,} new" if informs else ""
    fine = f"{counted(len(table), 'kind')} of messages, none new or far more frequent{told}"
    return concluded(
        findings, check="nothing_new_in_logs", subject="logs", fine=fine, read=len(table), none="no log record was read"
    )


def _grade_change(row: Row, thresholds: Thresholds) -> Status:
    """A message whose level is not told, be it of one record, may be anything: it is judged like a warning."""
    levels = set(row["levels"])
    if not row["count"] or (levels and levels <= HARMLESS and not row["without_level"]):
        return Status.OK
    if row["change"] == "no baseline":
        return Status.UNKNOWN
    bad = bool(levels & BAD)
    if row["change"] == "new":
        return Status.CRIT if bad and row["count"] >= thresholds.log_new_errors_crit else Status.WARN
    if row["change"] != "more":
        return Status.OK
    return grade(row["ratio_low"], thresholds.log_rate_warn, thresholds.log_rate_crit if bad else None)


def _news(service: Service, wrong: Sequence[tuple[Status, Row]], runbook: str) -> Finding:
    cluster, namespace, name = service
    status, first = max(wrong, key=lambda item: (item[0].severity, item[1]["count"]))
    template = _quoted(first["template"])
    level = first["levels"][0] if first["levels"] else "no level"
    more = "" if first["change"] == "new" else f", at least {first['ratio_low']:.1f} times the rate before"
    others = f"; {counted(len(wrong) - 1, 'other')} new or more frequent" if len(wrong) > 1 else ""
    change = "new" if first["change"] == "new" else "more frequent"
    reason = f"{change}: {template} ({counted(first['count'], 'time')}, {level}{more}){others}"
    figures = {"templates": len(wrong), "template_id": first["template_id"], "count": first["count"]}
    subject = f"service/{name}"
    same = (problems.log(name, cluster, namespace),)
    return Finding(
        status, "nothing_new_in_logs", subject, reason, figures, cluster, namespace, next=(runbook,), problem=same
    )


def _quoted(template: str) -> str:
    return template if len(template) <= QUOTED else template[: QUOTED - 1] + "…"


def _no_baseline(service: Service, unread: Sequence[Row]) -> Finding:
    cluster, namespace, name = service
    kinds = f"{counted(len(unread), 'kind')} of messages"
    some = any(row["baseline_count"] for row in unread)
    lack = "of the baseline not all was read and kept" if some else "no record of the baseline was read"
    reason = f"{lack}, so that nobody can tell whether {kinds} came before{' as often' if some else ''}"
    figures = {"templates": len(unread)}
    return Finding(Status.UNKNOWN, "nothing_new_in_logs", f"service/{name}", reason, figures, cluster, namespace)


def _services(missing: Sequence[Missing]) -> list[Service]:
    return list(dict.fromkeys((one["cluster"], one["namespace"], one["service"]) for one in missing))


def _speaks_often(rows: Sequence[Row], window_min: float | None) -> bool:
    """Whether a service that logged before would by chance be silent for the window less than once in a hundred times."""
    before, minutes = (
        sum(row["baseline_count"] for row in rows),
        max((row["baseline_min"] for row in rows), default=0.0),
    )
    return not minutes or window_min is None or math.exp(-before / minutes * window_min) < RARELY


def _silent(check: str, service: Service, lacking: Sequence[Missing]) -> Finding:
    """A service of which there is no record within the window."""
    cluster, namespace, name = service
    why = sentence(lacking) or "it logged before, and may have gone silent"
    reason = f"no record within the window: {why}"
    return Finding(Status.UNKNOWN, check, f"service/{name}", reason, {"records": 0}, cluster, namespace, next=NEXT)


def _not_all(check: str, service: Service, lacking: Sequence[Missing]) -> Finding:
    """A service of which nothing wrong was seen in the part that was read."""
    cluster, namespace, name = service
    reason = f"nothing wrong in what was read, which is not all: {sentence(lacking)}"
    return Finding(
        Status.UNKNOWN, check, f"service/{name}", reason, {"spans": len(lacking)}, cluster, namespace, next=NEXT
    )


def _lessened(finding: Finding, lacking: Sequence[Missing]) -> Finding:
    """A finding that rests on a part of the log says so; what would be fine is UNKNOWN."""
    if not lacking:
        return finding
    status = Status.UNKNOWN if finding.status is Status.OK else finding.status
    return replace(finding, status=status, reason=f"{finding.reason}{_besides(lacking)}")


def _besides(lacking: Sequence[Missing]) -> str:
    return f"; not all was read: {sentence(lacking)}" if lacking else ""


def _by_service(table: Sequence[Row]) -> dict[Service, list[Row]]:
    services: dict[Service, list[Row]] = {}
    for row in table:
        services.setdefault((row["cluster"], row["namespace"], row["service"]), []).append(row)
    return services


def _by_container(rows: Sequence[Row]) -> dict[str, list[Row]]:
    containers: dict[str, list[Row]] = {}
    for row in rows:
        containers.setdefault(row["container"], []).append(row)
    return containers
