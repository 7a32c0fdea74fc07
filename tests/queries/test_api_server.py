"""What the API server says of itself, read as the shipped role, and from one that breaks off or says something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.errors import Forbidden, SourceError
from gocoffee_ops.model import Status
from gocoffee_ops.queries import control_plane, diagnosis
from gocoffee_ops.session import Session
from tests.http_server import Answer, says, serving
from tests.sources.kubernetes.static_server import refusal, write_kubeconfig
from tests.support import live_session
from tests.testbed.control_plane import Cluster


@contextmanager
def served(answer: Answer, folder: Path) -> Iterator[Session]:
    """A session with a cluster whose API server gives this answer."""
    folder.mkdir(exist_ok=True)
    with serving(lambda _: answer) as server:
        yield live_session(folder, clusters={"c": write_kubeconfig(folder / "kubeconfig", server.url)})


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
    with served(answer, tmp_path) as ops:
        frame = control_plane.api_servers(ops)
    assert frame["version"].tolist() == ["v1.36.3"]
    assert frame[["built_at", "build_age_s"]].isna().all(axis=None)


def test_a_date_in_another_zone_is_the_same_moment(tmp_path: Path) -> None:
    answer = says(VERSION | {"buildDate": "2026-07-14T10:31:00+02:00"})
    with served(answer, tmp_path) as ops:
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
    with served(answer, tmp_path) as ops, pytest.raises(SourceError, match=words):
        control_plane.api_servers(ops)
    assert [(one.status, one.check) for one in ops.findings] == [(Status.UNKNOWN, "control_plane.api_servers")]


FAMILY = "apiserver_requested_deprecated_apis"
BEFORE = '# HELP apiserver_request_total Requests.\n# TYPE apiserver_request_total counter\napiserver_request_total{verb="GET"} 9\n'
HEAD = f"# HELP {FAMILY} [STABLE] Gauge of deprecated APIs.\n# TYPE {FAMILY} gauge\n"
BEHIND = "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1.7e+09\n"


def series(removed: str = "1.37", value: str = "1", resource: str = "flowschemas") -> str:
    labels = (
        f'group="x.example",removed_release="{removed}",resource="{resource}",subresource="status",version="v1beta1"'
    )
    return f"{FAMILY}{{{labels}}} {value}\n"


def text(body: str, **options: Any) -> Answer:
    return Answer(200, body.encode(), content_type="text/plain; version=0.0.4; charset=utf-8", **options)


def test_a_real_api_server_tells_what_it_was_asked_for(ops: Session, cluster: Cluster, tmp_path: Path) -> None:
    """First as it is; then as it would be if a release removed one of these: the testbed serves no such version."""
    for path in ("endpoints", "componentstatuses"):
        assert cluster.api("admin").request("GET", f"/api/v1/{path}").status == 200
    frame = control_plane.deprecated_requests(ops)
    rows = {(row["group"], row["version"], row["resource"]) for row in frame.to_dict("records")}
    assert rows >= {("", "v1", "endpoints"), ("", "v1", "componentstatuses")}
    assert frame[["subresource", "removed_release"]].isna().all(axis=None)
    assert ops.findings == []
    said = cluster.api("reader").request("GET", "/metrics").text
    assert frame.shape[0] == sum(line.startswith(f"{FAMILY}{{") for line in said.splitlines())
    going = said.replace('removed_release="",resource="endpoints"', 'removed_release="1.37",resource="endpoints"')
    for zipped in (False, True):
        with served(text(going, zipped=zipped), tmp_path / f"{zipped}") as theirs:
            again = control_plane.deprecated_requests(theirs).to_dict("records")
        assert [row["resource"] for row in again if row["removed_release"] == "1.37"] == ["endpoints"]


def test_our_own_questions_ask_for_no_version_that_is_deprecated(bare_cluster: Cluster, tmp_path: Path) -> None:
    before = bare_cluster.api("admin").request("GET", "/metrics").text.count(f"{FAMILY}{{")
    ops = live_session(tmp_path, clusters={"c": bare_cluster.kubeconfig("reader")})
    diagnosis.state(ops)
    assert bare_cluster.api("admin").request("GET", "/metrics").text.count(f"{FAMILY}{{") == before


def test_labels_are_read_with_their_escapes_and_what_is_0_is_not_asked_for(tmp_path: Path) -> None:
    body = BEFORE + HEAD + series(resource=r"a\\b\"},\n c") + series("", "0") + series("", "1 1700000000000") + BEHIND
    with served(text(body), tmp_path) as ops:
        frame = control_plane.deprecated_requests(ops)
    assert frame["resource"].tolist() == ['a\\b"},\n c', "flowschemas"]
    assert frame["removed_release"].fillna("").tolist() == ["1.37", ""]
    assert set(frame["subresource"]) == {"status"}


def test_no_series_in_a_whole_text_is_an_empty_table(tmp_path: Path) -> None:
    with served(text(BEFORE + BEHIND), tmp_path) as ops:
        frame = control_plane.deprecated_requests(ops)
    assert list(frame.columns) == list(control_plane.deprecated_requests.schema.names)
    assert len(frame) == 0
    assert ops.findings == []


def test_no_more_is_read_than_it_takes(tmp_path: Path) -> None:
    """What stands behind the family is let go: here it would end in an error."""
    more = "# TYPE workqueue_x counter\n" + "workqueue_x 1\n" * 600_000
    with served(text(BEFORE + HEAD + series() + BEHIND + more, cut_at=4_000_000), tmp_path) as ops:
        frame = control_plane.deprecated_requests(ops)
    assert frame["removed_release"].tolist() == ["1.37"]


WHOLE = BEFORE + HEAD + series() + BEHIND
UNREADABLE: dict[str, tuple[Answer, str]] = {
    "forbidden": (refusal(403, "Forbidden", "no"), r'nonResourceURLs \["/metrics"\] and verbs \["get"\]'),
    "not there": (refusal(404, "NotFound", "the server could not find the requested resource"), "could not find"),
    "broken": (refusal(500, "InternalError", "it broke"), "it broke"),
    "unauthenticated": (refusal(401, "Unauthorized", "who?"), "who"),
    "a page": (Answer(200, b"<html>\n<p>sign in</p>\n", content_type="text/html"), "no family that an API server has"),
    "empty": (text(""), "no family that an API server has"),
    "of another program": (text(BEHIND), "no family that an API server has"),
    "connection ends": (text(WHOLE, cut_at=len(BEFORE) + 20), "broke"),
    "cut before it": (text(BEFORE), "ends in the middle"),
    "cut in its head": (text(BEFORE + HEAD), "ends in the middle"),
    "cut in a line": (text(WHOLE[: WHOLE.index("status")]), "ends in the middle"),
    "cut behind a line": (text(BEFORE + HEAD + series()), "ends in the middle"),
    "cut in what is behind": (text((BEFORE + BEHIND)[:-4]), "ends in the middle"),
    "cut and zipped": (text(BEFORE, zipped=True), "ends in the middle"),
    "no number": (text(BEFORE + HEAD + series(value="many") + BEHIND), "could not convert"),
    "no labels": (text(BEFORE + HEAD + f"{FAMILY} 1\n" + BEHIND), "has the labels none"),
    "torn labels": (text(BEFORE + HEAD + f'{FAMILY}{{group="x}} 1\n' + BEHIND), "a line of it cannot be read"),
    "one line without end": (text(BEFORE + "# HELP " + "x" * 3_000_000), "a line of it is longer than 1 MiB"),
}  # fmt: skip


@pytest.mark.parametrize("fault", UNREADABLE)
def test_what_is_not_the_whole_of_it_is_unknown_and_no_empty_table(fault: str, tmp_path: Path) -> None:
    answer, words = UNREADABLE[fault]
    with served(answer, tmp_path) as ops, pytest.raises(SourceError, match=words):
        control_plane.deprecated_requests(ops)
    (found,) = ops.findings
    assert (found.status, found.check) == (Status.UNKNOWN, "control_plane.deprecated_requests")


def test_a_role_without_the_path_is_told_which_rule_to_add(cluster: Cluster, tmp_path: Path) -> None:
    ops = live_session(tmp_path, clusters={"c": cluster.kubeconfig("nobody")})
    with pytest.raises(Forbidden, match="the role lacks get on the path /metrics"):
        control_plane.deprecated_requests(ops)
    (found,) = ops.findings
    assert found.status is Status.UNKNOWN
    assert 'nonResourceURLs ["/metrics"] and verbs ["get"]' in found.reason
