"""Questions to Alertmanager, through its API v2.

All raise Unreachable, Unauthenticated, Forbidden, DeadlineExceeded, NotFound (not the address of an Alertmanager), Throttled,
ServerFault and Malformed. Permission: to read; Alertmanager itself knows no users, a proxy before it may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.query import Ask, Rows, query

if TYPE_CHECKING:
    from gocoffee_ops.sources.alertmanager import Alert, Alertmanager, Silence

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
