"""Addresses: do ours answer as they should, do certificates hold, can others be reached, what do their providers say?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks import problems
from gocoffee_ops.checks.grading import SERVICE_DOWN, concluded, counted, grade, numbers
from gocoffee_ops.frames import records
from gocoffee_ops.model import Finding, Status, Thresholds

if TYPE_CHECKING:
    import pandas as pd

OVER_TLS = re.compile(  # on the port where Ingresses serve it
    r"https://(?:[^/@?#]*@)?(?P<host>[^/:?#\[\]]+|\[[^\]]*\])(?::443)?(?=[/?#]|$)", re.IGNORECASE
)
NO_ENDPOINTS = "no endpoint was probed"
NO_DEPENDENCIES = "no dependency was probed"
ANSWERED = {"status", "body"}  # where an answer that came is wrong
INDICATORS = {  # Statuspage's words for a whole page
    "none": Status.OK,
    "maintenance": Status.WARN,
    "minor": Status.WARN,
    "major": Status.CRIT,
    "critical": Status.CRIT,
}


def endpoints_healthy(health: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which endpoints do not answer as they should? One that refuses us (401, 403, 429) or sends us elsewhere is not seen.

    >>> import pandas as pd
    >>> row = {"endpoint": "api", "service": "orders", "samples": 5, "failed": 5, "failed_of_samples": 1.0, "refused": False,
    ...     "failed_at": "tcp", "reason": "10.0.0.7:443: refused", "status": None}
    >>> print(said(endpoints_healthy(pd.DataFrame([row]), thresholds=Thresholds()))[0])
    CRIT endpoint/api: orders: 10.0.0.7:443: refused (tcp; 5 of 5 samples failed)
    """
    table = records(health)
    findings = []
    for row in table:
        status, reason = _health(row, thresholds)
        if status is Status.OK:
            continue
        figures = numbers(row, "samples", "failed", "status")
        findings.append(_probed(status, "endpoints_healthy", "endpoint", row, reason, figures))
    fine = f"{_names(table, 'endpoint')} answered as expected in each of {counted(sum(r['samples'] for r in table), 'sample')}"
    return concluded(
        findings, check="endpoints_healthy", subject="endpoints", fine=fine, read=len(table), none=NO_ENDPOINTS
    )


def endpoints_fast(health: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which endpoints are slow, from the look-up of the name to the last byte? The p95 of the samples that did not fail.

    One whose every answer is wrong has no time of its own to judge: its finding is that of its health. Where no answer came, its
    time is UNKNOWN.

    >>> import pandas as pd
    >>> row = {"endpoint": "api", "service": "orders", "samples": 5, "failed": 0, "latency_p95_ms": 1840.0,
    ...     "latency_median_ms": 210.0, "dns_ms": 2.0, "connect_ms": 9.0, "tls_ms": 31.0, "first_byte_ms": 170.0}
    >>> print(said(endpoints_fast(pd.DataFrame([row]), thresholds=Thresholds()))[0])
    WARN endpoint/api: orders: p95 is 1,840 ms, median 210 ms (DNS 2 ms, TCP 9 ms, TLS 31 ms, first byte 170 ms)
    """
    table = records(health)
    findings = []
    for row in table:
        p95 = row["latency_p95_ms"]
        status = grade(p95, thresholds.endpoint_latency_warn_ms, thresholds.endpoint_latency_crit_ms)
        if _all_wrong(row):
            status, reason = _health(row, thresholds)
        elif p95 is None:
            reason = f"{_whose(row)}nothing to time: {row['reason']}"
        else:
            reason = f"{_whose(row)}p95 is {p95:,.0f} ms, median {row['latency_median_ms']:,.0f} ms ({_steps(row)})"
        figures = numbers(row, "latency_p95_ms", "latency_median_ms", "samples", "failed")
        findings.append(_probed(status, "endpoints_fast", "endpoint", row, reason, figures))
    slowest = max((r["latency_p95_ms"] for r in table if r["latency_p95_ms"] is not None), default=0.0)
    fine = f"p95 of {_names(table, 'endpoint')} is at most {slowest:,.0f} ms"
    return concluded(
        findings, check="endpoints_fast", subject="endpoints", fine=fine, read=len(table), none=NO_ENDPOINTS
    )


def certificates_valid(probed: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which certificates are not trusted, or end soon? Of endpoints or dependencies; an address without TLS has none.

    >>> import pandas as pd
    >>> from datetime import datetime, timezone
    >>> row = {"endpoint": "api", "url": "https://api.example.com/health", "reason": None, "certificate_error": None,
    ...     "certificate_ends_at": datetime(2026, 12, 1, tzinfo=timezone.utc), "certificate_left_days": 12.3}
    >>> print(said(certificates_valid(pd.DataFrame([row]), thresholds=Thresholds()))[0])
    WARN endpoint/api: its certificate ends in 12.3 days, on 2026-12-01 00:00 UTC
    """
    kind = "endpoint" if "endpoint" in probed.columns else "dependency"
    table = [row for row in records(probed) if row["url"].startswith("https:")]
    findings = []
    for row in table:
        left, ends_at = row["certificate_left_days"], row["certificate_ends_at"]
        when = "" if left is None else f"{'ended' if left < 0 else 'ends'} on {ends_at:%Y-%m-%d %H:%M} UTC"
        if row["certificate_error"] is not None:
            status = Status.CRIT
            reason = f"its certificate is not trusted: {row['certificate_error']}{when and f' (it {when})'}"
        elif left is None:
            status, reason = Status.UNKNOWN, f"its certificate was not seen: {row['reason'] or 'it was not shown'}"
        else:
            status = grade(-left, -thresholds.certificate_warn_days, -thresholds.certificate_crit_days)
            reason = f"its certificate {when}" if left < 0 else f"its certificate ends in {left:.1f} days, {when[5:]}"
        figures = numbers(row, "certificate_left_days")
        same = problems.silence(kind, row[kind]) if left is None else problems.certificate(kind, row[kind])
        same = problems.certificate(kind, row[kind]) if row["certificate_error"] is not None else same
        findings.append(Finding(status, "certificates_valid", f"{kind}/{row[kind]}", reason, figures, problem=(same,)))
    soonest = min((r["certificate_left_days"] for r in table if r["certificate_left_days"] is not None), default=0.0)
    fine = f"{counted(len(table), 'certificate')} trusted, the first to end has {soonest:,.0f} days left"
    none = "no address was probed over TLS"
    return concluded(
        findings, check="certificates_valid", subject="certificates", fine=fine, read=len(table), none=none
    )


def ingress_certificates(ingresses: pd.DataFrame, health: pd.DataFrame) -> list[Finding]:
    """Is the certificate of each host that an Ingress serves over TLS seen by an endpoint of the configuration?

    It lies in a Secret, which the reader may not read, and no host is called because an object of the cluster names it. So the
    environment's endpoints are what shows certificates (`certificates_valid`): a host of which none of them saw one, on port 443,
    is UNKNOWN. Where several clusters serve a host, an endpoint sees the one that its name leads to.

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "ingress": "shop", "host": "shop.example.com", "tls": True,
    ...     "addresses": ("203.0.113.10",)}
    >>> probed = {"endpoint": "api", "url": "https://api.example.com/", "certificate_left_days": 60.0, "certificate_error": None}
    >>> print(said(ingress_certificates(pd.DataFrame([row]), pd.DataFrame([probed])))[0])
    UNKNOWN ingress/shop: the certificate of shop.example.com was not seen: no endpoint of the environment has this host
    """
    asked = {host: row["endpoint"] for row in records(health) if (host := _host(row["url"]))}
    seen = {_host(row["url"]) for row in records(health) if _certificate_seen(row)} - {""}
    served: dict[tuple[str, str, str], dict[str, bool]] = {}
    for row in records(ingresses):
        if row["tls"]:
            of = served.setdefault((row["cluster"], row["namespace"], row["ingress"]), {})
            of[row["host"] or "any host"] = _seen(row["host"], row["addresses"], seen)
    findings = []
    for (cluster, namespace, ingress), hosts in served.items():
        if unseen := sorted(host for host, judged in hosts.items() if not judged):
            reason = f"the certificate of {', '.join(unseen)} was not seen: {_why_unseen(unseen, asked)}"
            subject, figures = f"ingress/{ingress}", {"hosts": len(hosts), "unseen": len(unseen)}
            findings.append(
                Finding(Status.UNKNOWN, "ingress_certificates", subject, reason, figures, cluster, namespace)
            )
    count = sum(map(len, served.values()))
    fine = f"endpoints show the certificate of {counted(count, 'host')} that Ingresses serve over TLS"
    at = {(host, cluster) for (cluster, _, _), hosts in served.items() for host in hosts}
    several = sorted({host for host, _ in at if sum(host == other for other, _ in at) > 1})
    fine += f"; of {', '.join(several)}, which several clusters serve, that of the one that answers" if several else ""
    return concluded(
        findings,
        check="ingress_certificates",
        subject="ingresses",
        fine=fine if count else "no Ingress serves a host over TLS",
        read=1,
        none="",
    )


def _host(url: str) -> str:
    """The host that an address asks over TLS, on the port where Ingresses serve it; empty where it asks none.

    >>> _host("https://A.example.com/health"), _host("https://a.example.com:8443/"), _host("http://a.example.com/")
    ('a.example.com', '', '')
    """
    found = OVER_TLS.match(url)
    return found["host"].strip("[]").lower() if found else ""


def _why_unseen(hosts: list[str], asked: Mapping[str, str]) -> str:
    """Which endpoints asked these hosts in vain, by host, and of which there is none."""
    failed = [f"{asked[host]} was shown none of {host}" for host in hosts if host in asked]
    without = [host for host in hosts if host not in asked]
    these = "this host" if len(hosts) == 1 else ", ".join(without) if failed else "these hosts"
    return "; ".join([*failed, *([f"no endpoint of the environment has {these}"] if without else [])])


def _certificate_seen(row: Mapping[str, Any]) -> bool:
    return row["certificate_left_days"] is not None or row["certificate_error"] is not None


def _seen(host: str | None, addresses: tuple[str, ...], seen: set[str]) -> bool:
    """Whether an endpoint is of a host of an Ingress: by its name, under its wildcard, or, for any host, by its address.

    >>> _seen("*.example.com", (), {"a.example.com"}), _seen("*.example.com", (), {"a.b.example.com"})
    (True, False)
    """
    if host is None:
        return not seen.isdisjoint(addresses)
    host = host.lower()
    return host in seen or (host.startswith("*.") and any(one.partition(".")[2] == host[2:] for one in seen))


def dependencies_reachable(dependencies: pd.DataFrame, *, thresholds: Thresholds) -> list[Finding]:
    """Which external services cannot be reached, or answer with a fault of theirs? Wanting a key is reachable.

    >>> import pandas as pd
    >>> row = {"dependency": "stripe", "severity": "CRIT", "samples": 3, "failed": 0, "failed_of_samples": 0.0,
    ...     "failed_at": None, "reason": None, "status": 401}
    >>> said(dependencies_reachable(pd.DataFrame([row]), thresholds=Thresholds()))
    ['OK dependencies: stripe can be reached (stripe answered 401)']
    """
    table = records(dependencies)
    findings = []
    for row in table:
        status = grade(row["failed_of_samples"], thresholds.endpoint_failed_warn, thresholds.endpoint_failed_crit)
        if status is Status.OK:
            continue
        reason = f"{row['reason']} ({_failed(row)})"
        figures = numbers(row, "samples", "failed", "status")
        status = _at_most(row["severity"], status)
        findings.append(_probed(status, "dependencies_reachable", "dependency", row, reason, figures))
    answers = ", ".join(f"{row['dependency']} answered {row['status']}" for row in table)
    fine = f"{_names(table, 'dependency')} can be reached ({answers})"
    return concluded(
        findings,
        check="dependencies_reachable",
        subject="dependencies",
        fine=fine,
        read=len(table),
        none=NO_DEPENDENCIES,
    )


def providers_operational(providers: pd.DataFrame) -> list[Finding]:
    """Which providers say themselves that something is wrong? Nothing is known of one without a status page.

    >>> import pandas as pd
    >>> row = {"dependency": "github", "severity": "WARN", "status_page": "https://status.example.com", "indicator": "major",
    ...     "description": "Partial System Outage", "degraded": ("API: partial_outage",), "incidents": ("Slow API (major)",)}
    >>> print(said(providers_operational(pd.DataFrame([row])))[0])
    WARN dependency/github: its provider says: Partial System Outage (API: partial_outage; incident Slow API (major))
    """
    rows = records(providers)
    table = [row for row in rows if row["status_page"] is not None]
    findings = []
    for row in table:
        status = INDICATORS.get(row["indicator"], Status.UNKNOWN)
        parts = [*(row["degraded"] or ()), *(f"incident {notice}" for notice in row["incidents"] or ())]
        if status is Status.OK and row["degraded"]:
            status = Status.WARN
        told = f" ({'; '.join(parts)})" if parts else ""
        reason = f"its provider says: {row['description'] or row['indicator']}{told}"
        if status is Status.UNKNOWN:
            reason = f"its status page says {row['indicator']!r}, a word that is not known"
        subject = f"dependency/{row['dependency']}"
        found = {"indicator": row["indicator"]}
        status = _at_most(row["severity"], status)
        findings.append(Finding(status, "providers_operational", subject, reason, found, next=(SERVICE_DOWN,)))
    without = [row["dependency"] for row in rows if row["status_page"] is None]
    fine = f"the providers of {_names(table, 'dependency')} say that all is operational"
    fine += f"; no status page is configured for {', '.join(without)}" if without else ""
    return concluded(
        findings,
        check="providers_operational",
        subject="providers",
        fine=fine,
        read=len(table),
        none="no dependency names a status page: what providers say is not known",
    )


def _probed(
    status: Status, check: str, kind: str, row: Mapping[str, Any], reason: str, figures: Mapping[str, Any]
) -> Finding:
    """A finding about an address: its certificate may be what is wrong, and what was not seen is so for every check."""
    name = row[kind]
    same = (problems.silence(kind, name),) if status is Status.UNKNOWN else ()
    same = (problems.failing(kind, name),) if _all_wrong(row) else same
    because = (problems.certificate(kind, name),) if row.get("certificate_error") is not None else ()
    subject = f"{kind}/{name}"
    return Finding(status, check, subject, reason, figures, next=(SERVICE_DOWN,), problem=same, because=because)


def _health(row: Mapping[str, Any], thresholds: Thresholds) -> tuple[Status, str]:
    """How an endpoint answers, and the sentence that says so."""
    if row["refused"]:
        return Status.UNKNOWN, f"{_whose(row)}its health was not seen: {row['reason']}"
    status = grade(row["failed_of_samples"], thresholds.endpoint_failed_warn, thresholds.endpoint_failed_crit)
    return status, f"{_whose(row)}{row['reason']} ({_failed(row)})"


def _all_wrong(row: Mapping[str, Any]) -> bool:
    """Whether an address answers, and wrongly every time; one that refuses us, or from which nothing comes, is not known to."""
    return row["failed"] == row["samples"] and row["failed_at"] in ANSWERED and not row["refused"]


def _at_most(severity: str, status: Status) -> Status:
    """An outage weighs what the environment says that it does."""
    return Status.WARN if status is Status.CRIT and severity == Status.WARN.value else status


def _whose(row: Mapping[str, Any]) -> str:
    return f"{row['service']}: " if row["service"] else ""


def _failed(row: Mapping[str, Any]) -> str:
    return f"{row['failed_at']}; {row['failed']} of {counted(row['samples'], 'sample')} failed"


def _names(table: list[dict[str, Any]], kind: str) -> str:
    return ", ".join(row[kind] for row in table)


def _steps(row: Mapping[str, Any]) -> str:
    steps = {"DNS": "dns_ms", "TCP": "connect_ms", "TLS": "tls_ms", "first byte": "first_byte_ms"}
    return ", ".join(f"{name} {row[column]:,.0f} ms" for name, column in steps.items() if row[column] is not None)
