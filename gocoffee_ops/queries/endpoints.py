"""Questions to addresses: does an endpoint of ours answer as it should, can others' services be reached, what do they say?

An address that is down is an answer here; `sources.http.probe` says what is an error instead.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.http import Dependency, Endpoint, HttpProbe, Sample

TOLD = 120  # characters of a value that was not expected

_PROBED = (
    Column("url", "string"),
    Column("samples", "Int64", help="tries that were made, each on a new connection"),
    Column("failed", "Int64", help="tries that were not as they should be"),
    Column("failed_of_samples", "Float64", "ratio"),
    Column(
        "failed_at", "string", help="dns, tcp, tls, http, status or body: where the last that failed did", optional=True
    ),
    Column("reason", "string", help="why it failed", optional=True),
    Column("refused", "boolean", help="every try was refused (401, 403, 429) or sent elsewhere: health was not seen"),
    Column("status", "Int64", help="HTTP status of the try that `reason` is about, else of the last", optional=True),
    Column("dns_ms", "Float64", "ms", help="looking up the name (median)", optional=True),
    Column("connect_ms", "Float64", "ms", help="TCP (median)", optional=True),
    Column("tls_ms", "Float64", "ms", help="TLS (median)", optional=True),
    Column("first_byte_ms", "Float64", "ms", help="from the question to the answer's head (median)", optional=True),
    Column("latency_min_ms", "Float64", "ms", help="all steps, of the tries that did not fail", optional=True),
    Column("latency_median_ms", "Float64", "ms", optional=True),
    Column(
        "latency_p95_ms", "Float64", "ms", help="by nearest rank: of fewer than 20 tries, the slowest", optional=True
    ),
    Column("latency_max_ms", "Float64", "ms", optional=True),
    Column("certificate_ends_at", "timestamp", optional=True),
    Column("certificate_left_days", "Float64", "days", help="from `as_of`; negative when it has ended", optional=True),
    Column("certificate_error", "string", help="why the certificate is not trusted", optional=True),
    Column("via_proxy", "boolean", help="then DNS, TCP and TLS are the proxy's, and not measured"),
)

HEALTH = Schema("endpoint health", (Column("service", "string", help="the service that it speaks for"), *_PROBED))
DEPENDENCIES = Schema(
    "dependencies", (Column("severity", "string", help="what its outage is to us: WARN or CRIT"), *_PROBED)
)
PROVIDERS = Schema(
    "provider status",
    (
        Column("severity", "string", help="what its outage is to us: WARN or CRIT"),
        Column("status_page", "string", help="where its provider says how it is; none is configured", optional=True),
        Column("page", "string", help="the page's name", optional=True),
        Column("indicator", "string", help="none, minor, major, critical or maintenance", optional=True),
        Column("description", "string", optional=True),
        Column("updated_at", "timestamp", optional=True),
        Column(
            "degraded", "list[string]", help="components that are not operational, with their status", optional=True
        ),
        Column("incidents", "list[string]", help="not resolved, with impact and status", optional=True),
        Column("maintenances", "list[string]", help="in progress or planned, with status", optional=True),
    ),
)


@query("endpoint", HEALTH)
def health(ask: Ask[Endpoint]) -> Rows:
    """Does each endpoint answer, with the status and body that it should, how fast, and until when is its certificate valid?

    One row an endpoint. Columns: see `HEALTH`. Steps are told apart: DNS, TCP, TLS, HTTP, then its status and its JSON body.
    From: HTTP GET. Permission: what the endpoint asks for. Raises: Unreachable where the way from here is broken (resolver,
    network, proxy), ConfigError for a bad address or `ca_file`; an endpoint that is down is a row.
    """
    endpoint = ask.source
    samples = endpoint.probe.samples(endpoint.samples, ask.deadline)

    def wrong(sample: Sample) -> tuple[str, str]:
        return unexpected(sample, endpoint.expected_status, endpoint.expected_body)

    return Rows([{"service": endpoint.service, **_row(endpoint.probe, samples, wrong, ask.as_of)}])


@query("dependency", DEPENDENCIES)
def dependencies(ask: Ask[Dependency]) -> Rows:
    """Can each external service be reached? One that asks for a key (401, 403) can; one that answers 5xx is not serving.

    One row a dependency. Columns: see `DEPENDENCIES`. From: HTTP GET without a key. Permission: none. Raises: as `health`.
    """
    found = ask.source
    samples = found.probe.samples(found.samples, ask.deadline)
    return Rows([{"severity": found.severity, **_row(found.probe, samples, _not_serving, ask.as_of)}])


@query("dependency", PROVIDERS)
def provider_status(ask: Ask[Dependency]) -> Rows:
    """What do the providers of external services say of themselves? One row a dependency; one without a page says so.

    Columns: see `PROVIDERS`. From: Statuspage's `/api/v2/summary.json`, or `status.json` where the configuration names that (then
    components, incidents and maintenances are missing, not none). Permission: none. Raises the errors of `errors.SourceError`: a
    page that cannot be read says nothing, good or bad.
    """
    found = ask.source
    page = found.provider(ask.deadline)
    row: dict[str, Any] = dict.fromkeys(PROVIDERS.names) | {"severity": found.severity}
    if page is None:
        return Rows([row])
    told = page.components
    row |= {
        "status_page": found.status_page,
        "page": page.page.name,
        "indicator": page.status.indicator,
        "description": page.status.description,
        "updated_at": _utc(page.page.updated_at),
        "degraded": None
        if told is None
        else [f"{c.name}: {c.status}" for c in told if c.status != "operational" and not c.group],
        "incidents": None
        if page.incidents is None
        else [f"{n.name} ({', '.join(filter(None, (n.impact, n.status)))})" for n in page.incidents],
        "maintenances": None
        if page.scheduled_maintenances is None
        else [f"{n.name} ({n.status})" for n in page.scheduled_maintenances],
    }
    return Rows([row])


def unexpected(sample: Sample, statuses: Sequence[int], body: Mapping[str, Any]) -> tuple[str, str]:
    """Where an answer differs from what it should be, and how; two empty texts where it does not.

    >>> unexpected(Sample(status=200, body=b'{"status": "ok", "more": 1}'), [200], {"status": "ok"})
    ('', '')
    >>> unexpected(Sample(status=200, body=b'{"db": {"up": false}}'), [200], {"db": {"up": True}})
    ('body', 'its body says db.up = false instead of true')
    >>> unexpected(Sample(status=503), [200, 204], {})
    ('status', 'answered 503 instead of 200 or 204')
    """
    if sample.status not in statuses:
        where = f" and sends us to {sample.location}" if sample.location else ""
        return "status", f"answered {sample.status}{where} instead of {' or '.join(map(str, statuses))}"
    if not body:
        return "", ""
    try:
        given = json.loads(sample.body)
    except (ValueError, RecursionError):
        return "body", f"its body is not JSON ({len(sample.body):,} bytes)"
    said = _differs(given, body, "")
    return ("body", f"its body {said}") if said else ("", "")


def _differs(given: Any, expected: Mapping[str, Any], path: str) -> str:
    for name, value in expected.items():
        if not isinstance(given, Mapping) or name not in given:
            return f"has no {path}{name}"
        if isinstance(value, Mapping):
            if said := _differs(given[name], value, f"{path}{name}."):
                return said
        elif given[name] != value or isinstance(given[name], bool) is not isinstance(value, bool):
            told = json.dumps(given[name], ensure_ascii=False)[:TOLD]
            return f"says {path}{name} = {told} instead of {json.dumps(value, ensure_ascii=False)}"
    return ""


def _not_serving(sample: Sample) -> tuple[str, str]:
    status = sample.status or 0
    return ("status", f"answered {status}") if status >= 500 else ("", "")


def _row(
    probe: HttpProbe, samples: Sequence[Sample], wrong: Callable[[Sample], tuple[str, str]], as_of: datetime
) -> dict[str, Any]:
    """Several samples as one row."""
    judged = [(s, *((s.failed_at, s.reason) if s.failed_at else wrong(s))) for s in samples]
    bad = [(sample, at, reason) for sample, at, reason in judged if at]
    telling = [found for found in bad if not (found[1] == "status" and refuses(found[0].status))]
    shown, failed_at, reason = (telling or bad or judged)[-1]  # one that refuses us says least
    good = sorted(sample.total_s for sample, at, _ in judged if not at and sample.total_s is not None)
    ends_at = next((s.certificate_ends_at for s in reversed(samples) if s.certificate_ends_at), None)
    distrust = next((s.certificate_error for s in reversed(samples) if s.certificate_error), None)
    return {
        "url": probe.url.partition("?")[0],
        "samples": len(samples),
        "failed": len(bad),
        "failed_of_samples": len(bad) / len(samples),
        "failed_at": failed_at or None,
        "reason": reason or None,
        "refused": bool(bad) and not telling and len(bad) == len(samples),
        "status": shown.status,
        "dns_ms": _median_ms([s.dns_s for s in samples]),
        "connect_ms": _median_ms([s.connect_s for s in samples]),
        "tls_ms": _median_ms([s.tls_s for s in samples]),
        "first_byte_ms": _median_ms([s.first_byte_s for s in samples]),
        "latency_min_ms": good[0] * 1000 if good else None,
        "latency_median_ms": _median_ms(good),
        "latency_p95_ms": good[nearest_rank(len(good), 0.95)] * 1000 if good else None,
        "latency_max_ms": good[-1] * 1000 if good else None,
        "certificate_ends_at": ends_at,
        "certificate_left_days": (ends_at - as_of).total_seconds() / 86_400 if ends_at else None,
        "certificate_error": distrust,
        "via_proxy": bool(probe.proxy),
    }


def refuses(status: int | None) -> bool:
    """Whether a status says nothing about health: it wants a key, sends us elsewhere, or tells us to slow down."""
    return status is not None and (status in {401, 403, 429} or 300 <= status < 400)


def nearest_rank(n: int, share: float) -> int:
    """The index, in `n` sorted values, of the first that `share` of them do not exceed.

    >>> nearest_rank(5, 0.95), nearest_rank(40, 0.95), nearest_rank(4, 0.5)
    (4, 37, 1)
    """
    return max(0, math.ceil(n * share) - 1)


def _median_ms(seconds: Sequence[float | None]) -> float | None:
    known = [s for s in seconds if s is not None]
    return statistics.median(known) * 1000 if known else None


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
