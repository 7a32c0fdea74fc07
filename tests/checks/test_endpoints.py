"""Where the checks of addresses draw their lines."""

from __future__ import annotations

import pytest

from gocoffee_ops import checks, endpoints, network
from gocoffee_ops.model import Status, Thresholds
from tests.checks.tables import MOMENT, table

LIMITS = Thresholds()
PROBED = {
    "url": "https://api.example.com/health",
    "samples": 5,
    "failed": 0,
    "failed_of_samples": 0.0,
    "refused": False,
}


@pytest.mark.parametrize(
    ("failed", "refused", "status"),
    [(0, False, Status.OK), (1, False, Status.WARN), (3, False, Status.CRIT), (5, True, Status.UNKNOWN)],
)
def test_health_is_graded_by_the_share_of_failed_samples(failed: int, refused: bool, status: Status) -> None:
    row = PROBED | {"failed": failed, "failed_of_samples": failed / 5, "refused": refused}
    (found,) = checks.endpoints_healthy(table(endpoints.health, row), thresholds=LIMITS)
    assert found.status is status


@pytest.mark.parametrize(
    ("p95", "status"), [(999.0, Status.OK), (1000.0, Status.WARN), (5000.0, Status.CRIT), (None, Status.UNKNOWN)]
)
def test_latency_is_graded_by_its_p95(p95: float | None, status: Status) -> None:
    row = PROBED | {"latency_p95_ms": p95, "latency_median_ms": p95, "tls_ms": 3.0}
    (found,) = checks.endpoints_fast(table(endpoints.health, row), thresholds=LIMITS)
    assert found.status is status


@pytest.mark.parametrize(
    ("left", "error", "status", "said"),
    [
        (31.0, None, Status.OK, "the first to end has 31 days left"),
        (30.0, None, Status.WARN, "ends in 30.0 days, on 2026-01-05"),
        (7.0, None, Status.CRIT, "ends in 7.0 days"),
        (-2.0, None, Status.CRIT, "its certificate ended on 2026-01-05 03:00 UTC"),
        (60.0, "self-signed certificate", Status.CRIT, "not trusted: self-signed certificate (it ends on"),
        (None, "self-signed certificate", Status.CRIT, "not trusted: self-signed certificate"),
        (None, None, Status.UNKNOWN, "was not seen"),
    ],
)
def test_h32_a_certificate_is_graded_by_the_days_that_are_left(
    left: float | None, error: str | None, status: Status, said: str
) -> None:
    ends_at = MOMENT if left is not None else None
    row = PROBED | {"certificate_left_days": left, "certificate_error": error, "certificate_ends_at": ends_at}
    for query in (endpoints.health, endpoints.dependencies):
        (found,) = checks.certificates_valid(table(query, row), thresholds=LIMITS)
        assert found.status is status
        assert said in found.reason


def test_an_address_without_tls_has_no_certificate_to_judge() -> None:
    row = PROBED | {"url": "http://api.example.com"}
    (found,) = checks.certificates_valid(table(endpoints.health, row), thresholds=LIMITS)
    assert (found.status, found.reason) == (Status.UNKNOWN, "no address was probed over TLS")


INGRESS = {"ingress": "shop", "namespace": "go-coffee", "tls": True, "addresses": ("203.0.113.10",)}


@pytest.mark.parametrize(
    ("rows", "urls", "status", "said"),
    [
        ([{"host": "a.example.com"}], ["https://A.example.com:443/health"], Status.OK, "the certificate of 1 host"),
        ([{"host": "a.example.com"}], ["https://A.example.com:8443/health"], Status.UNKNOWN, "of a.example.com"),
        (
            [{"host": "a.example.com", "cluster": "eu"}, {"host": "a.example.com", "cluster": "us"}],
            ["https://a.example.com/"],
            Status.OK,
            "of a.example.com, which several clusters serve, that of the one that answers",
        ),
        (
            [{"host": "a.example.com"}, {"host": "b.example.com"}],
            ["https://a.example.com/"],
            Status.UNKNOWN,
            "of b.example.com",
        ),
        ([{"host": "a.example.com"}], ["http://a.example.com/"], Status.UNKNOWN, "of a.example.com was not seen"),
        ([{"host": "a.example.com"}], [], Status.UNKNOWN, "no endpoint of the environment has this host"),
        ([{"host": "*.example.com"}], ["https://a.example.com/"], Status.OK, "1 host"),
        ([{"host": "*.example.com"}], ["https://a.b.example.com/"], Status.UNKNOWN, "*.example.com"),
        ([{"host": None}], ["https://203.0.113.10/"], Status.OK, "1 host"),
        ([{"host": None}], ["https://a.example.com/"], Status.UNKNOWN, "any host"),
        ([{"host": "a.example.com", "tls": False}], [], Status.OK, "no Ingress serves a host over TLS"),
        ([], [], Status.OK, "no Ingress serves a host over TLS"),
    ],
)
def test_the_certificate_of_an_ingress_host_that_no_endpoint_shows_is_unknown(
    rows: list[dict[str, object]], urls: list[str], status: Status, said: str
) -> None:
    there = table(network.ingresses, *(INGRESS | row for row in rows))
    probed = (PROBED | {"url": url, "certificate_left_days": 60.0} for url in urls)
    (found,) = checks.ingress_certificates(there, table(endpoints.health, *probed))
    assert found.status is status
    assert said in found.reason


def test_an_endpoint_that_was_shown_no_certificate_vouches_for_none() -> None:
    there = table(network.ingresses, INGRESS | {"host": "a.example.com"})
    row = PROBED | {"endpoint": "shop", "url": "https://a.example.com/", "reason": "refused"}
    (found,) = checks.ingress_certificates(there, table(endpoints.health, row))
    assert found.status is Status.UNKNOWN
    assert "was not seen: shop was shown none of a.example.com" in found.reason
    untrusted = row | {"certificate_error": "self-signed certificate"}  # seen, and judged by certificates_valid
    (found,) = checks.ingress_certificates(there, table(endpoints.health, untrusted))
    assert found.status is Status.OK


def test_a_dependency_that_fails_in_part_is_a_warning() -> None:
    row = PROBED | {"failed": 1, "failed_of_samples": 0.2, "severity": "CRIT"}
    (found,) = checks.dependencies_reachable(table(endpoints.dependencies, row), thresholds=LIMITS)
    assert found.status is Status.WARN


def test_nothing_that_was_read_is_unknown() -> None:
    health, others = endpoints.health.schema.empty(), endpoints.dependencies.schema.empty()
    found = [
        *checks.endpoints_healthy(health, thresholds=LIMITS),
        *checks.endpoints_fast(health, thresholds=LIMITS),
        *checks.certificates_valid(health, thresholds=LIMITS),
        *checks.dependencies_reachable(others, thresholds=LIMITS),
        *checks.providers_operational(endpoints.provider_status.schema.empty()),
    ]
    assert [finding.status for finding in found] == [Status.UNKNOWN] * 5
