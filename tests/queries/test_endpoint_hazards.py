"""Addresses that a real server answers over TLS: the API server's, asked without a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from gocoffee_ops import checks, endpoints
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Thresholds
from tests.queries.test_endpoints import PATIENCE_S, session
from tests.testbed.control_plane import Cluster

LIMITS = Thresholds()


def ca_file(cluster: Cluster) -> str:
    return str(cluster.folder / "pki" / "ca.crt")


def certificate(cluster: Cluster) -> x509.Certificate:
    return x509.load_pem_x509_certificate((cluster.folder / "pki" / "serving.crt").read_bytes())


def test_h13_a_server_that_wants_a_token_is_reachable_and_one_that_is_not_trusted_is_not(
    cluster: Cluster, tmp_path: Path
) -> None:
    """`curl -f` calls both an outage."""
    asked = {"url": f"{cluster.server}/api/v1/pods", "samples": 2, "timeout_s": PATIENCE_S}
    both = [{"name": "api", **asked, "ca_file": ca_file(cluster)}, {"name": "untrusted", **asked}]
    table = endpoints.dependencies(session(tmp_path, dependencies=both))
    rows = {row["dependency"]: row for row in records(table)}
    assert rows["api"]["status"] == cluster.api("nobody").request("GET", "/api/v1/pods").status == 403
    assert (rows["api"]["failed_at"], rows["untrusted"]["failed_at"]) == (None, "tls")
    assert all(rows["api"][step] > 0 for step in ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms"))
    assert [(f.status, f.subject) for f in checks.dependencies_reachable(table, thresholds=LIMITS)] == [
        (Status.CRIT, "dependency/untrusted")
    ]


@pytest.mark.parametrize(("minor", "status"), [("", Status.OK), ("7", Status.CRIT)])
def test_h32_an_api_server_is_its_status_body_latency_and_certificate(
    cluster: Cluster, tmp_path: Path, minor: str, status: Status
) -> None:
    expected = {"major": "1", "minor": minor or cluster.version.split(".")[1]}
    asked: dict[str, Any] = {"name": "api", "url": f"{cluster.server}/version", "ca_file": ca_file(cluster)}
    asked |= {"samples": 3, "timeout_s": PATIENCE_S, "expected_body": expected}
    table = endpoints.health(session(tmp_path, [asked]))
    (row,) = records(table)
    assert (row["samples"], row["status"], row["failed_at"]) == (3, 200, "body" if minor else None)
    assert minor or 0 < row["latency_min_ms"] <= row["latency_median_ms"] <= row["latency_max_ms"]
    assert row["certificate_ends_at"] == certificate(cluster).not_valid_after_utc
    assert [f.status for f in checks.endpoints_healthy(table, thresholds=LIMITS)] == [status]
    assert [f.status for f in checks.certificates_valid(table, thresholds=LIMITS)] == [Status.OK]
