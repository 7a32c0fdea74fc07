"""Would we hear of what fires?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.alert_duties import STATE, Duties, duties
from gocoffee_ops.checks.alert_labels import Labels, labels_of, matching, named
from gocoffee_ops.checks.alerts import UNPROVEN, grouped, severity_of
from gocoffee_ops.checks.grading import SERVICE_DOWN, concluded, counted, seconds
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd

ITSELF = "let it scrape itself, or "
NOT_TOLD = "does not tell when"  # as the table says it: of a managed server, who cannot be made to scrape itself
APART = "give each Prometheus an external label of its own (its external_labels in gocoffee.toml tell what it does not show)"
ADDS = "if it adds them, state them as its external_labels in gocoffee.toml"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class _Sent:
    """An alert that fires, its labels as its Prometheus sends them, and what Alertmanager has that may be it."""

    row: Row
    labels: Labels
    there: Sequence[Labels]

    @property
    def where(self) -> str:
        return str(self.row["prometheus"])

    @property
    def proven(self) -> Sequence[Labels]:
        """What has no label that this Prometheus is not known to add: else it may be of another, that nobody named."""
        return [one for one in self.there if one.keys() <= self.labels.keys()]

    def alike(self, others: Sequence[_Sent]) -> set[str]:
        """In which other Prometheus something fires that may be what Alertmanager has."""
        return {one.where for one in others if one.where != self.where and any(k in self.there for k in one.there)}


def alerts_sent(
    fired: pd.DataFrame,
    alerts: pd.DataFrame,
    sending: pd.DataFrame | None = None,
    *,
    expectations: Expectations | None = None,
) -> list[Finding]:
    """Does an Alertmanager know of what fires in Prometheus? Of what it does not, nobody is told.

    What a Prometheus' own counters (`sending`) say against it stands before all else: one that sends to none, or with errors, is a
    WARN, and CRIT where nothing of it can have arrived and no other fires the same.

    An alert is known where one of its name has no label of another value: a Prometheus adds labels of its own (external labels,
    `sending` has them) on the way, and may drop some. It proves that its Prometheus sends where it has no labels but these, and
    none else fires the same. One with other labels may be of a Prometheus that is not ours; and a pair that drops what tells it
    apart, so that Alertmanager makes one alert of theirs, is healthy, and looks from there as if only one of them sent. Then the
    counters tell: where each of those that fire an alert alike sent without errors and to the same addresses, all is well; where
    they do not tell, it is UNKNOWN. Compared is what somebody should hear of, and the alert that always fires, which
    `expectations` names: without one, silence proves nothing.

    A Prometheus that has no alerting rule, and no Alertmanager, has nothing to send where another evaluates rules; where none
    does, that is a WARN, as no alert can come. Of one of which `expectations` states that its alerts are sent elsewhere nothing
    is compared, and that is said; errors of its own still count.

    >>> import pandas as pd
    >>> row = {"prometheus": "main", "alert": "OrdersDown", "severity": "critical", "namespace": "go-coffee", "firing": True,
    ...     "fired_s": 1560.0, "step_s": 60.0, "labels": ("namespace=go-coffee", "service=orders", "severity=critical")}
    >>> known = {"alert": "OrdersDown", "labels": ("alertname=OrdersDown", "namespace=tea", "service=orders", "severity=critical")}
    >>> said(alerts_sent(pd.DataFrame([row]), pd.DataFrame([known])))
    ['CRIT alert/OrdersDown: fires in Prometheus main (26 min), and no Alertmanager has it: nobody is told']
    """
    stated = expectations or Expectations()
    watchdog, duty = stated.watchdog, duties(fired, stated)
    counters = [] if sending is None else records(sending)
    sent = [one for one in _compared(fired, alerts, counters, watchdog) if one.where not in duty.elsewhere]
    unsent = [one.row for one in sent if not one.there]
    places = sorted({*(one["prometheus"] for one in counters), *(one.where for one in sent), *duty.without})
    own = {where: [one for one in counters if one["prometheus"] == where] for where in places}
    faulty = {where: found for where in places if (found := _faulty(where, sent, own[where], duty))}
    had = {one.where for one in sent if one.there} - faulty.keys()
    doubts = {where: _doubt(where, sent, own) for where in sorted(had) if not _proven(where, sent)}
    findings = [_unsent(group, alerts, watchdog) for group in grouped(unsent, "prometheus")]
    findings += [*faulty.values(), *filter(None, doubts.values())]
    at_rest = duty.elsewhere | {where for where in duty.without if _has_no_task(own[where])}
    silent = duty.answered - at_rest - {one.where for one in sent} - faulty.keys()
    findings += [_silent(where, own.get(where, []), watchdog, duty) for where in sorted(silent) if watchdog and sent]
    told = [f"alerts of {', '.join(sorted(duty.elsewhere))} are sent elsewhere, as stated"] if duty.elsewhere else []
    resting = ", ".join(sorted(at_rest - duty.elsewhere))
    told += [f"{resting} {'has' if len(at_rest - duty.elsewhere) == 1 else 'have'} no alerting rule"] if resting else []
    if not (sent or findings or silent or duty.unread) and duty.elsewhere:
        reason = f"{'; '.join(told)}: whether they are sent was not seen"
        return [Finding(Status.OK, "alerts_sent", "alerts", reason, {"read": 0})]
    if not sent and not watchdog and not findings:
        reason = f"nothing fires in Prometheus that somebody should hear of; {UNPROVEN}: whether alerts are sent was not seen"
        return [Finding(Status.OK, "alerts_sent", "alerts", "; ".join([reason, *told]), {"read": 0})]
    fine = f"Alertmanager has what fires in Prometheus and somebody should hear of (compared {counted(len(sent), 'alert')})"
    known = [f"that {' and '.join(doubts)} sent it is known by its own counters"] if doubts else []
    return concluded(
        findings,
        check="alerts_sent",
        subject="alerts",
        fine="; ".join([fine, *known, *told]),
        read=len(sent),
        none="nothing fires in Prometheus: whether alerts are sent from there cannot be seen",
    )


def _compared(fired: pd.DataFrame, alerts: pd.DataFrame, counters: Sequence[Row], watchdog: str) -> list[_Sent]:
    """What fires and somebody should hear of, and the alert that always fires, with what Alertmanager has of it."""
    added = {one["prometheus"]: named(one["external_labels"] or ()) for one in counters}
    known = list({tuple(sorted(labels.items())): labels for labels in map(labels_of, records(alerts))}.values())
    sent = []
    for row in records(fired):
        # What has only begun may still be on its way.
        if not row["firing"] or row["fired_s"] <= 2 * row["step_s"]:
            continue
        if _always(row, watchdog) or severity_of(row) is not Status.OK:
            labels = added.get(row["prometheus"], {}) | dict(labels_of(row))
            sent.append(_Sent(row, labels, matching(labels, known)))
    return sent


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


def _silent(where: str, own: Sequence[Row], watchdog: str, duty: Duties) -> Finding:
    """Why it cannot be seen whether a Prometheus in which nothing fires sends alerts."""
    reason = f"nothing fires there, not even {watchdog}: whether it sends alerts cannot be seen"
    if where in duty.without:
        to = sorted({one["sent_to"] for one in own} - {None})
        reason = f"it has no alerting rule, so that nothing fires there, not even {watchdog}; "
        reason += f"for whom does it know {', '.join(to)}?" if to else "whether it knows an Alertmanager is not told"
    return Finding(Status.UNKNOWN, "alerts_sent", f"prometheus/{where}", f"{reason}: {STATE}")


def _has_no_task(own: Sequence[Row]) -> bool:
    """Whether a Prometheus without rules has nobody to send to either."""
    return bool(own) and all(one["missing"] is None and one["sent_to"] is None for one in own)


def _faulty(where: str, sent: Sequence[_Sent], own: Sequence[Row], duty: Duties) -> Finding | None:
    """What a Prometheus' rules and its own counters say against its sending."""
    if where in duty.without and not duty.done_by_another:
        return _without_rules(where, duty)
    known = [one for one in own if one["missing"] is None]
    if where in duty.elsewhere or (where in duty.without and _has_no_task(own)):
        known = [one for one in known if one["errors"]]
    mine = [one for one in sent if one.where == where]
    wrong = [said for one in known if (said := _not_sent(one, fires=bool(mine)))]
    if not wrong:
        return None
    reason, status = "; ".join(wrong), Status.WARN
    if had := next((one for one in mine if one.there), None):
        alike = had.alike(sent)
        why = f"that fires in {', '.join(sorted(alike))} too" if alike else "it may be of another"
        reason += (
            "" if _proven(where, sent) else f": that Alertmanager has {had.row['alert']} says nothing of it, as {why}"
        )
    if mine and all(map(_lost, known)) and not _proven(where, sent) and not any(one.alike(sent) for one in mine):
        status = Status.CRIT
    return Finding(status, "alerts_sent", f"prometheus/{where}", reason, next=(SERVICE_DOWN,))


def _without_rules(where: str, duty: Duties) -> Finding:
    """Of a Prometheus without rules, where nobody is known to evaluate any."""
    status, reason = Status.WARN, "it has no alerting rule, and no other Prometheus has any: no alert can come"
    if duty.unknown:
        status, reason = (
            Status.UNKNOWN,
            f"it has no alerting rule; whether another has is not known: {'; '.join(duty.unknown)}",
        )
    return Finding(status, "alerts_sent", f"prometheus/{where}", f"{reason}: {STATE}", next=(SERVICE_DOWN,))


def _proven(where: str, sent: Sequence[_Sent]) -> bool:
    """Whether Alertmanager has an alert that can only be of this Prometheus."""
    return any(one.proven and not one.alike(sent) for one in sent if one.where == where)


def _doubt(where: str, sent: Sequence[_Sent], own: Mapping[str, Sequence[Row]]) -> Finding | None:
    """Why it is not known whether a Prometheus sends what Alertmanager has; None where its own counters say that it does."""
    had = next(one for one in sent if one.where == where and one.there)
    alike = had.alike(sent)
    missing = next((one["missing"] for one in own[where] if one["missing"] is not None), "")
    why = missing or "its own counters do not tell"
    advice = f"{'' if NOT_TOLD in missing else ITSELF}{APART if alike else ADDS}; {STATE}"
    if own[where] and all(one["sent"] is not None and one["errors"] is not None for one in own[where]):
        to = {name: {one["sent_to"] for one in own[name]} - {None} for name in {where, *alike}}
        differing = [name for name in sorted(alike) if to[name] and to[name] != to[where]]
        if not differing:
            return None
        why = f"it sends to {', '.join(sorted(to[where]))}, and {', '.join(differing)} to other addresses"
    often = len(had.there)
    reason = f"{had.row['alert']} fires in {', '.join(sorted(alike))} too, and Alertmanager has it {_times(often)}"
    if not alike:
        more = sorted({f"{name}={text}" for one in had.there for name, text in one.items() if name not in had.labels})
        reason = (
            f"what Alertmanager has as {had.row['alert']} has labels that it is not known to add ({', '.join(more)})"
        )
    said = f"whether it sends alerts cannot be told: {reason}; {why}: {advice}"
    return Finding(Status.UNKNOWN, "alerts_sent", f"prometheus/{where}", said)


def _times(often: int) -> str:
    return "once" if often == 1 else f"{often} times"


def _not_sent(one: Row, *, fires: bool) -> str:
    """What a Prometheus' own counters say against its sending; empty where they say nothing. What is silent sends nothing."""
    if one["sent_to"] is None:
        return "it sends alerts to no Alertmanager"
    if one["errors"]:
        return f"sending alerts to {one['sent_to']} ended with errors within {seconds(one['window_s'])}"
    nothing = fires and one["sent"] == 0
    return f"it sent no alert to {one['sent_to']} within {seconds(one['window_s'])}" if nothing else ""


def _lost(one: Row) -> bool:
    """Whether nothing can have arrived."""
    return one["sent_to"] is None or (one["sent"] is not None and (one["errors"] or 0.0) >= one["sent"])


def _always(row: Row, watchdog: str) -> bool:
    return bool(watchdog) and row["alert"] == watchdog
