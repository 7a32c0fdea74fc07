"""Whether a Prometheus sends its alerts, by what it scraped of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from gocoffee_ops.errors import Malformed, ServerFault
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.promql import by_label, number

if TYPE_CHECKING:
    from gocoffee_ops.sources.deadline import Deadline
    from gocoffee_ops.sources.prometheus import Runtime, Series

T = TypeVar("T")

STARTED = "process_start_time_seconds and on (job, instance) prometheus_notifications_alertmanagers_discovered"
CONFIGURED = "prometheus_config_last_reload_success_timestamp_seconds"
SENT, ERRORS = "prometheus_notifications_sent_total", "prometheus_notifications_errors_total"
ITSELF_S = (
    5.0  # from when a process started, by its host's boot time to the second, to when the server says that it did
)

SENDING = Schema(
    "alerts that were sent",
    (
        Column("instance", "string", optional=True, help="the server itself, as it is called where it is scraped"),
        Column("sent_to", "string", optional=True, help="an Alertmanager's address; missing where it sends to none"),
        Column("sent", "Float64", "alerts", optional=True, help="in the window, those with errors too"),
        Column("errors", "Float64", "alerts", optional=True, help="older versions count requests"),
        Column("window_s", "Float64", "s"),
        Column("external_labels", "list[string]", optional=True, help="what it adds to its alerts: name=value"),
        Column("missing", "string", optional=True, help="why its counters are not known"),
    ),
)


@dataclass(frozen=True)
class OfItself:
    """What a server tells of itself; where one part is answered wrongly, the others are known all the same."""

    deadline: Deadline
    wrong: list[str] = field(default_factory=list)

    def part(self, asked: Callable[[Deadline], T | None]) -> T | None:
        """One part; None where it is not told, or told wrongly."""
        try:
            return asked(self.deadline)
        except (Malformed, ServerFault) as error:
            self.wrong.append(f"{error.what}: {error.why}")
            return None


def counted(metric: str, window_s: float) -> str:
    """By how much a counter grew, of each server and Alertmanager.

    >>> counted("errors_total", 900)
    'sum by (job, instance, alertmanager) (increase(errors_total[900s]))'
    """
    return f"sum by (job, instance, alertmanager) (increase({metric}[{window_s:g}s]))"


def itself(runtime: Runtime | None, starts: Iterable[Series], configured: Iterable[Series]) -> tuple[str, str] | str:
    """By which job and instance a server scrapes itself; or why that is not known.

    Two that start together are told apart by the second in which they read their configuration.
    """
    if runtime is None or runtime.configured is None:
        return "it does not tell when it started"
    read = {_target(one): number(one.points[-1][1]) for one in configured}
    found: dict[tuple[float, float], tuple[str, str]] = {}
    servers: dict[tuple[str, str], set[tuple[float | None, float | None]]] = {}
    for one in starts:
        key = one.labels.get("job", ""), one.labels.get("instance", "")
        began, at = number(one.points[-1][1]), read.get(_target(one))
        servers.setdefault(key, set()).add((began, at))
        if began is None or at is None or int(at) != int(runtime.configured.timestamp()):
            continue
        if abs(began - runtime.started.timestamp()) <= ITSELF_S:
            found.setdefault((began, at), key)  # scraped as two, it is one: these moments are exact
    if not found:
        return "it does not scrape itself"
    (key, *others) = found.values()
    if others or len(servers[key]) > 1:
        return "it scrapes several that started when it did: which of them it is itself is not known"
    return key


def sending_rows(
    key: tuple[str, str] | str,
    sent: Iterable[Series],
    errors: Iterable[Series],
    window_s: float,
    external_labels: Mapping[str, str] | None,
) -> list[Mapping[str, Any]]:
    """The server's own rows (`itself`); one without an address where it sends to none, or is not known among what it scraped."""
    labels = None if external_labels is None else [f"{name}={text}" for name, text in sorted(external_labels.items())]
    nothing = {"instance": None, "sent_to": None, "sent": None, "errors": None, "missing": None}
    base: dict[str, Any] = {**nothing, "window_s": window_s, "external_labels": labels}
    if isinstance(key, str):
        return [base | {"missing": key}]
    of_all, wrong = (by_label(one, "job", "instance", "alertmanager") for one in (sent, errors))
    base |= {"instance": key[1]}
    rows: list[Mapping[str, Any]] = [
        base | {"sent_to": to[2], "sent": of_all[to], "errors": wrong.get(to)} for to in sorted(of_all) if to[:2] == key
    ]
    return rows or [base]


def _target(series: Series) -> frozenset[tuple[str, str]]:
    """What was scraped: all labels but the metric's name."""
    return frozenset((name, text) for name, text in series.labels.items() if name != "__name__")
