"""What the API server says of itself, read as the shipped role, and from one that breaks off or says something else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gocoffee_ops.errors import SourceError
from gocoffee_ops.model import Status
from gocoffee_ops.queries import control_plane
from gocoffee_ops.session import Session
from tests.http_server import Answer, says, serving
from tests.sources.kubernetes.static_server import refusal, write_kubeconfig
from tests.support import live_session
from tests.testbed.control_plane import Cluster

VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.3"}


def test_the_build_of_a_real_api_server_has_its_date(ops: Session, cluster: Cluster) -> None:
    (row,) = control_plane.api_servers(ops).to_dict("records")
    said = cluster.api("admin").get("/version")
    assert row["version"] == said["gitVersion"] == cluster.version
    assert f"{row['built_at']:%Y-%m-%dT%H:%M:%SZ}" == said["buildDate"]
    as_of = ops.as_of(next(iter(ops.targets("cluster"))))
    assert row["build_age_s"] == (as_of - row["built_at"]).total_seconds() > 0


@pytest.mark.parametrize("date", [None, "", "1970-01-01T00:00:00Z", "$Format:%cI$", "2026-07-14T08:31:00", "yesterday"])
def test_a_build_without_a_date_that_can_be_read_has_no_age(date: str | None, tmp_path: Path) -> None:
    answer = says(VERSION | ({} if date is None else {"buildDate": date}))
    with serving(lambda _: answer) as server:
        ops = live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "kubeconfig", server.url)})
        frame = control_plane.api_servers(ops)
    assert frame["version"].tolist() == ["v1.36.3"]
    assert frame[["built_at", "build_age_s"]].isna().all(axis=None)


def test_a_date_in_another_zone_is_the_same_moment(tmp_path: Path) -> None:
    answer = says(VERSION | {"buildDate": "2026-07-14T10:31:00+02:00"})
    with serving(lambda _: answer) as server:
        ops = live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "kubeconfig", server.url)})
        frame = control_plane.api_servers(ops)
    assert frame["built_at"].tolist() == [datetime(2026, 7, 14, 8, 31, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(403, "Forbidden", "not for you"), r"lacks get on the path /version"),
        (says([]), "Expected `object`"),
        (Answer(200, b'{"gitVersion": "v1.3', content_type="application/json"), "truncated"),
    ],
    ids=["forbidden", "another shape", "cut"],
)
def test_a_version_that_is_not_told_is_unknown(answer: Answer, words: str, tmp_path: Path) -> None:
    with serving(lambda _: answer) as server:
        ops = live_session(tmp_path, clusters={"c": write_kubeconfig(tmp_path / "kubeconfig", server.url)})
        with pytest.raises(SourceError, match=words):
            control_plane.api_servers(ops)
    assert [(one.status, one.check) for one in ops.findings] == [(Status.UNKNOWN, "control_plane.api_servers")]
