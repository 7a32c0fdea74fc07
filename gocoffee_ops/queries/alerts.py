"""Questions about alerts: what fires, to Alertmanager (API v2); what fired, to Prometheus, as Alertmanager forgets it.

All raise Unreachable, Unauthenticated, Forbidden, DeadlineExceeded, NotFound (not the address of such a server), Throttled,
ServerFault and Malformed. Permission: to read; neither knows users itself, a proxy before it may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import ParameterError
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.alert_history import FIRED, WATCHED, fired_row, watched_row
from gocoffee_ops.queries.alert_sending import (
    CONFIGURED,
    ERRORS,
    SENDING,
    SENT,
    STARTED,
    OfItself,
    counted,
    itself,
    sending_rows,
)
from gocoffee_ops.queries.promql import Asked
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.queries.windows import window_of

if TYPE_CHECKING:
    from gocoffee_ops.model import Window
    from gocoffee_ops.sources.alertmanager import Alert, Alertmanager, Silence
    from gocoffee_ops.sources.prometheus import Prometheus, Series

SERIES_LIMIT = 1_000
STEPS_LIMIT = 11_000  # Prometheus refuses more
STEP_S = 60.0

STATUS = Schema(
    "alertmanager",
    (
        Column("version", "string"),
        Column("started_at", "timestamp"),
        Column("cluster_status", "string", help="ready, settling, or disabled where it stands alone"),
        Column("peers", "Int64", help="itself included"),
    ),
)

ALERTS = Schema(
    "alerts",
    (
        Column("alert", "string", help="the label alertname"),
        Column("severity", "string", optional=True),
        Column("state", "string", help="active, suppressed or unprocessed"),
        Column("starts_at", "timestamp"),
        Column("age_s", "Float64", "s"),
        Column("namespace", "string", optional=True),
        Column("summary", "string", help="the annotation summary, else description, else message", optional=True),
        Column("labels", "list[string]", help="name=value"),
        Column("receivers", "list[string]"),
        Column("silenced_by", "list[string]", help="ids"),
        Column("silences", "list[string]", help="of those: who, until when, why"),
        Column("silenced_until", "timestamp", help="the last of them ends", optional=True),
        Column("inhibited_by", "list[string]", help="alerts, by name and fingerprint"),
        Column("muted_by", "list[string]", help="time intervals; of newer versions"),
        Column("fingerprint", "string"),
        Column("updated_at", "timestamp"),
        Column("generator_url", "string", help="the rule in Prometheus", optional=True),
    ),
)

SILENCES = Schema(
    "silences",
    (
        Column("id", "string"),
        Column("state", "string", help="active, pending or expired"),
        Column("created_by", "string"),
        Column("comment", "string"),
        Column("matchers", "list[string]"),
        Column("starts_at", "timestamp"),
        Column("ends_at", "timestamp"),
    ),
)


@query("alertmanager", STATUS)
def status(ask: Ask[Alertmanager]) -> Rows:
    """Which Alertmanager answers, since when, and is its cluster whole?

    Columns: version (string), started_at (timestamp), cluster_status (string), peers (Int64).

    Source: /api/v2/status.
    """
    found = ask.source.status(ask.deadline)
    row = {
        "version": found.version.version,
        "started_at": found.started_at.astimezone(UTC),
        "cluster_status": found.cluster.status,
        "peers": len(found.cluster.peers),
    }
    return Rows([row])


@query("alertmanager", ALERTS)
def alerts(ask: Ask[Alertmanager]) -> Rows:
    """Which alerts are there: active, suppressed (by which silence or alert), or not processed yet? (H14)

    Columns: alert, severity, state (string), starts_at (timestamp), age_s (Float64, s), namespace, summary (string), labels,
    receivers, silenced_by, silences (list), silenced_until (timestamp), inhibited_by, muted_by (list), fingerprint (string),
    updated_at (timestamp), generator_url (string).

    Source: /api/v2/alerts, joined with /api/v2/silences, which is read after it: a silence that ended between the two shows
    its id alone.
    """
    found = ask.source.alerts(ask.deadline)
    silences = {silence.id: silence for silence in ask.source.silences(ask.deadline)}
    names = {alert.fingerprint: _name(alert) for alert in found}
    return Rows([_row(alert, silences, names, ask.as_of) for alert in found])


@query("alertmanager", SILENCES)
def silences(ask: Ask[Alertmanager]) -> Rows:
    """Which silences are there, and who made them?

    Columns: id, state, created_by, comment (string), matchers (list), starts_at, ends_at (timestamp).

    Source: /api/v2/silences.
    """
    return Rows(
        [
            {
                "id": silence.id,
                "state": silence.status.state,
                "created_by": silence.created_by,
                "comment": silence.comment,
                "matchers": [str(matcher) for matcher in silence.matchers],
                "starts_at": silence.starts_at.astimezone(UTC),
                "ends_at": silence.ends_at.astimezone(UTC),
            }
            for silence in ask.source.silences(ask.deadline)
        ]
    )


@query("prometheus", FIRED)
def fired(
    ask: Ask[Prometheus],
    *,
    hours: float = 24.0,
    step_s: float | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Rows:
    """Which alerts fired in a window, those too that have resolved since?

    The window is from `start`, else `hours` before its end, to `end`, else now; what is to come is no part of it. A row for each
    alert with its labels. It was looked at every `step_s`, by default a minute, or as many as a long window takes: times are those
    of samples, and what fired for less may be missing. That no alert is here means little where nothing was recorded (`watched`).

    Columns: alert, severity, namespace (string), first_seen_at, last_seen_at (timestamp), firing, from_before (boolean), times
    (Int64), fired_s, step_s (Float64, s), points_found, points_expected (Int64), window_s (Float64, s), labels (list).

    Source: /api/v1/query_range of ALERTS, which Prometheus writes for its own alerting rules; the notes tell how many it has, by
    /api/v1/rules, as without any nothing can fire. At most 1,000 alerts; more are stated. Raises ParameterError for a window that
    is none, or of more than 11,000 steps.
    """
    span, step = _looked_at(ask.as_of, hours, step_s, start, end)
    asked, promql = Asked.nothing(), 'timestamp(ALERTS{alertstate="firing"})'
    answered = ask.source.over(promql, span.start, span.end, step, ask.deadline, limit=SERIES_LIMIT + 1)
    found = asked.heard(promql, answered)
    window = span.start.timestamp(), span.end.timestamp()
    rows = [row for series in found[:SERIES_LIMIT] if (row := fired_row(series, window, step))]
    cut = [f"more than {SERIES_LIMIT:,} alerts fired"] if len(found) > SERIES_LIMIT else []
    of_itself = OfItself(ask.deadline)
    rules = of_itself.part(ask.source.alerting_rules)
    notes = {**asked.notes(), **({} if rules is None else {"alerting_rules": rules})}
    first = sorted(rows, key=lambda row: row["first_seen_at"])
    return Rows(first, truncated=asked.stated(*cut), unread="; ".join(of_itself.wrong), notes=notes)


@query("prometheus", WATCHED)
def watched(
    ask: Ask[Prometheus],
    *,
    hours: float = 24.0,
    step_s: float | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Rows:
    """In how much of a window (see `fired`) was anything recorded, so that an alert could have fired?

    Columns: window_start_at, window_end_at (timestamp), step_s (Float64, s), points_found, points_expected (Int64), gaps (list),
    unseen_s (Float64, s). A Prometheus that was down, not yet there, or keeps less than the window has gaps.

    Source: /api/v1/query_range of `up`. Raises ParameterError as `fired` does.
    """
    span, step = _looked_at(ask.as_of, hours, step_s, start, end)
    asked, promql = Asked.nothing(), "max(timestamp(up))"
    found = asked.heard(promql, ask.source.over(promql, span.start, span.end, step, ask.deadline))
    row = watched_row(found, (span.start.timestamp(), span.end.timestamp()), step)
    return Rows([row], truncated=asked.stated(), notes=asked.notes())


@query("prometheus", SENDING)
def sending(ask: Ask[Prometheus], *, window_s: float = 900.0) -> Rows:
    """To which Alertmanagers did each Prometheus send alerts lately, and with errors? Which labels does it add to them?

    By its own counters, where it scrapes itself: of all that it scraped, the server that started, and read its configuration,
    when it did. Where there is none such, or several, or the server does not tell when it started, its counters are `missing`.
    What sends nowhere has a row without an address.

    Columns: instance, sent_to (string), sent, errors (Float64, alerts), window_s (Float64, s), external_labels (list), missing
    (string). External labels are those of its configuration and those stated in ours; missing where it does not show the
    first, and the second are none; where they differ, the first count, and that is an UNKNOWN finding. What it answers wrongly
    about itself (a fault of its own, or what cannot be decoded) is an UNKNOWN finding beside what is known all the same.

    Source: /api/v1/status/runtimeinfo and /api/v1/status/config, of which only external_labels is read; /api/v1/query of
    prometheus_notifications_sent_total and _errors_total.
    """
    asked, of_itself = Asked.nothing(), OfItself(ask.deadline)

    def heard(promql: str) -> Sequence[Series]:
        return asked.heard(promql, ask.source.instant(promql, ask.as_of, ask.deadline))

    runtime, external_labels = of_itself.part(ask.source.runtime), of_itself.part(ask.source.external_labels)
    key = itself(runtime, heard(STARTED), heard(CONFIGURED))
    sent, errors = (heard(counted(metric, window_s)) for metric in (SENT, ERRORS))
    if stated := ask.source.stated_labels:
        of_itself.wrong.extend(
            f"external label {name} is stated as {text!r}, and its own configuration adds {external_labels[name]!r}"
            for name, text in sorted(stated.items())
            if external_labels and external_labels.get(name, text) != text
        )
        external_labels = {**stated, **(external_labels or {})}
    rows = sending_rows(key, sent, errors, window_s, external_labels)
    return Rows(rows, truncated=asked.stated(), unread="; ".join(of_itself.wrong), notes=asked.notes())


def _looked_at(
    as_of: datetime, hours: float, step_s: float | None, start: datetime | None, end: datetime | None
) -> tuple[Window, float]:
    """The window, and how often it is looked at."""
    until = min(end or as_of, as_of)
    long_s = (until - start).total_seconds() if start else hours * 3600
    step = STEP_S * max(1, ceil(long_s / (STEP_S * (STEPS_LIMIT - 1)))) if step_s is None else step_s
    if not 0 < step <= long_s or long_s / step >= STEPS_LIMIT:
        why = f"{long_s / 3600:g} h in steps of {step:g} s"
        raise ParameterError("ask what fired", why=why, hint=f"1 to {STEPS_LIMIT:,} steps")
    return window_of(until, start, None, long_s), step


def _row(alert: Alert, silences: Mapping[str, Silence], names: Mapping[str, str], as_of: datetime) -> Mapping[str, Any]:
    by = alert.status.silenced_by
    return {
        "alert": _name(alert),
        "severity": alert.labels.get("severity"),
        "state": alert.status.state,
        "starts_at": alert.starts_at.astimezone(UTC),
        "age_s": (as_of - alert.starts_at).total_seconds(),
        "namespace": alert.labels.get("namespace"),
        "summary": next(
            (a for key in ("summary", "description", "message") if (a := alert.annotations.get(key))), None
        ),
        "labels": [f"{name}={value}" for name, value in sorted(alert.labels.items())],
        "receivers": [receiver.name for receiver in alert.receivers],
        "silenced_by": by,
        "silences": [_silence(id_, silences) for id_ in by],
        "silenced_until": _last([silences[id_] for id_ in by if id_ in silences]),
        "inhibited_by": [f"{names.get(mark, 'an alert that is gone')} ({mark})" for mark in alert.status.inhibited_by],
        "muted_by": alert.status.muted_by,
        "fingerprint": alert.fingerprint,
        "updated_at": alert.updated_at.astimezone(UTC),
        "generator_url": alert.generator_url or None,
    }


def _name(alert: Alert) -> str:
    return alert.labels.get("alertname", "(no alertname)")


def _silence(id_: str, silences: Mapping[str, Silence]) -> str:
    silence = silences.get(id_)
    if silence is None:
        return f"{id_} (it has ended)"
    return f"{silence.created_by} until {silence.ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {silence.comment}"


def _last(silences: Sequence[Silence]) -> datetime | None:
    return max((silence.ends_at.astimezone(UTC) for silence in silences), default=None)
