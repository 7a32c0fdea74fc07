"""Would we hear of what fires?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.alerts import UNPROVEN, grouped, severity_of
from gocoffee_ops.checks.grading import SERVICE_DOWN, concluded, counted, seconds
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd

Row = Mapping[str, Any]
Labels = Mapping[str, str]


def alerts_sent(
    fired: pd.DataFrame,
    alerts: pd.DataFrame,
    sending: pd.DataFrame | None = None,
    *,
    expectations: Expectations | None = None,
) -> list[Finding]:
    """Does an Alertmanager know of what fires in Prometheus? Of what it does not, nobody is told.

    An alert is known where one of its name has no label of another value: a Prometheus adds labels of its own (external labels)
    on the way, and may drop some. Two Prometheus that fire the same are two alerts only where such labels tell them apart. A
    pair that drops them, so that Alertmanager makes one alert of theirs, is healthy, and looks from there as if only one of them
    sent: which did is told by their own counters (`sending`). Where each of those that fire an alert alike sent without errors and
    to the same addresses, all is well; one that sent to none, or with errors, is a WARN, as the other may be next; where the
    counters do not tell, it is UNKNOWN. Compared is what somebody should hear of, and the alert that always fires, which
    `expectations` names: without one, silence proves nothing.

    >>> import pandas as pd
    >>> row = {"prometheus": "main", "alert": "OrdersDown", "severity": "critical", "namespace": "go-coffee", "firing": True,
    ...     "fired_s": 1560.0, "step_s": 60.0, "labels": ("namespace=go-coffee", "service=orders", "severity=critical")}
    >>> known = {"alert": "OrdersDown", "labels": ("alertname=OrdersDown", "namespace=tea", "service=orders", "severity=critical")}
    >>> said(alerts_sent(pd.DataFrame([row]), pd.DataFrame([known])))
    ['CRIT alert/OrdersDown: fires in Prometheus main (26 min), and no Alertmanager has it: nobody is told']
    """
    watchdog = (expectations or Expectations()).watchdog
    known = list({tuple(sorted(labels.items())): labels for labels in map(_labels, records(alerts))}.values())
    # What has only begun may still be on its way.
    firing = [row for row in records(fired) if row["firing"] and row["fired_s"] > 2 * row["step_s"]]
    compared = [row for row in firing if _always(row, watchdog) or severity_of(row) is not Status.OK]
    there = [_matching(_labels(row), known) for row in compared]
    unsent = [row for row, found in zip(compared, there, strict=True) if not found]
    findings = [_unsent(group, alerts, watchdog) for group in grouped(unsent, "prometheus")]
    findings += _untold(fired, compared, there, watchdog, [] if sending is None else records(sending))
    if not compared and not watchdog:
        reason = f"nothing fires in Prometheus that somebody should hear of; {UNPROVEN}: whether alerts are sent was not seen"
        return [Finding(Status.OK, "alerts_sent", "alerts", reason, {"read": 0})]
    return concluded(
        findings,
        check="alerts_sent",
        subject="alerts",
        fine=f"Alertmanager has what fires in Prometheus and somebody should hear of (compared {counted(len(compared), 'alert')})",
        read=len(compared),
        none="nothing fires in Prometheus: whether alerts are sent from there cannot be seen",
    )


def _unsent(group: Sequence[Row], alerts: pd.DataFrame, watchdog: str) -> Finding:
    """What no Alertmanager has; where one did not answer, it may be there."""
    longest = max(group, key=lambda row: row["fired_s"])
    status = Status.CRIT if _always(longest, watchdog) else severity_of(longest)
    where = "no Alertmanager has it: nobody is told"
    if _always(longest, watchdog):
        where = "no Alertmanager has it: are alerts sent from there at all?"
    if gaps := alerts.attrs.get("gaps"):
        status, where = Status.UNKNOWN, f"it is not in those Alertmanagers that answered; not read: {'; '.join(gaps)}"
    reason = f"fires in Prometheus {longest['prometheus']} ({seconds(longest['fired_s'])}), and {where}"
    subject, namespace = f"alert/{longest['alert']}", longest["namespace"] or ""
    figures = {"alerts": len(group)}
    return Finding(status, "alerts_sent", subject, reason, figures, namespace=namespace, next=(SERVICE_DOWN,))


def _untold(
    fired: pd.DataFrame,
    compared: Sequence[Row],
    there: Sequence[Sequence[Labels]],
    watchdog: str,
    sending: Sequence[Row],
) -> Iterator[Finding]:
    """Which Prometheus does not send, or cannot be told to, as nothing that Alertmanager has is of it alone."""
    sources: dict[tuple[tuple[str, str], ...], set[str]] = {}
    for row in compared:
        sources.setdefault(_key(row), set()).add(row["prometheus"])
    known = [(row, found) for row, found in zip(compared, there, strict=True) if found]
    told = {row["prometheus"] for row, found in known if len(found) >= len(sources[_key(row)])}
    shared: dict[str, tuple[Row, int]] = {}
    for row, found in known:
        if row["prometheus"] not in told:
            shared.setdefault(row["prometheus"], (row, len(found)))
    for where in sorted(shared):
        row, often = shared[where]
        if doubt := _alike(where, sources[_key(row)], row, often, sending):
            yield doubt
    silent = set(fired.attrs.get("notes", ())) - {row["prometheus"] for row in compared}
    for where in sorted(silent) if watchdog and compared else ():
        reason = f"nothing fires there, not even {watchdog}: whether it sends alerts cannot be seen"
        yield Finding(Status.UNKNOWN, "alerts_sent", f"prometheus/{where}", reason)


def _alike(where: str, alike: set[str], row: Row, often: int, sending: Sequence[Row]) -> Finding | None:
    """What is wrong with a Prometheus whose alerts fire in others too; None where its own counters say that it sends."""
    own = [one for one in sending if one["prometheus"] == where]
    subject, others = f"prometheus/{where}", ", ".join(sorted(alike - {where}))
    if wrong := [said for one in own if (said := _not_sent(one))]:
        reason = f"{'; '.join(wrong)}: that Alertmanager has {row['alert']} says nothing of it, as that fires in {others} too"
        return Finding(Status.WARN, "alerts_sent", subject, reason, next=(SERVICE_DOWN,))
    to = {name: {one["sent_to"] for one in sending if one["prometheus"] == name} - {None} for name in alike}
    differing = [name for name in sorted(alike) if to[name] and to[name] != to[where]]
    why = "let it scrape itself, or give each Prometheus an external label of its own"
    if own and all(one["sent"] is not None and one["errors"] is not None for one in own):
        if not differing:
            return None
        why = f"it sends to {', '.join(sorted(to[where]))}, and {', '.join(differing)} to other addresses"
    times = "once" if often == 1 else f"{often} times"
    reason = f"{row['alert']} fires in {others} too, and Alertmanager has it {times}: {why}"
    return Finding(Status.UNKNOWN, "alerts_sent", subject, f"whether it sends alerts cannot be told: {reason}")


def _not_sent(one: Row) -> str:
    """What a Prometheus' own counters say against its sending; empty where they say nothing."""
    if one["sent_to"] is None:
        return "it sends alerts to no Alertmanager"
    if one["errors"]:
        return f"sending alerts to {one['sent_to']} ended with errors within {seconds(one['window_s'])}"
    return f"it sent no alert to {one['sent_to']} within {seconds(one['window_s'])}" if one["sent"] == 0 else ""


def _always(row: Row, watchdog: str) -> bool:
    return bool(watchdog) and row["alert"] == watchdog


def _key(row: Row) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(_labels(row).items()))


def _labels(row: Row) -> Labels:
    """An alert's labels, its name among them."""
    return dict(text.partition("=")[::2] for text in row["labels"]) | {"alertname": row["alert"]}


def _matching(labels: Labels, known: Sequence[Labels]) -> list[Labels]:
    """Those alerts that may be this one: none of the labels that both have differs."""
    return [one for one in known if all(one[name] == text for name, text in labels.items() if name in one)]
