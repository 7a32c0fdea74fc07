"""Logs from a server that a test scripts: what kubelets and API servers answer where there is no log, or not all of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gocoffee_ops.errors import DeadlineExceeded, ServerFault
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status
from gocoffee_ops.queries import logs
from gocoffee_ops.sources.kubernetes.log_lines import Lines
from gocoffee_ops.sources.kubernetes.log_shapes import LogPod, streams
from tests.http_server import Answer, Asked, HttpServer, says, serving
from tests.sources.kubernetes.static_server import pod as running
from tests.sources.kubernetes.static_server import refusal, write_kubeconfig
from tests.support import live_session

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINE = b"2026-11-20T11:30:00.000000001Z "
Script = Callable[[Asked], Answer]


def text(*lines: bytes, **options: Any) -> Answer:
    return Answer(body=b"".join(LINE + line + b"\n" for line in lines), content_type="text/plain", **options)


def pod(name: str, **status: Any) -> dict[str, Any]:
    """A pod that runs, or whose container is in another state."""
    made = running(name)
    made["status"]["containerStatuses"][0] |= status
    return made


class Scene:
    """Pods, and what is answered for the log of each; everything else as an API server does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = ExitStack()
        self.server: HttpServer

    def session(self, pods: list[dict[str, Any]], log: Script, seconds: float = 10.0) -> Any:
        def script(asked: Asked) -> Answer:
            if asked.path.endswith("/log"):
                return log(asked)
            return says({"kind": "PodList", "metadata": {}, "items": pods})

        self.server = self.stack.enter_context(serving(script))
        kubeconfig = write_kubeconfig(self.folder / "kubeconfig", self.server.url)
        return live_session(self.folder, clusters={"c": kubeconfig}, as_of=NOON, query_deadline_s=seconds)

    @property
    def asked(self) -> list[Asked]:
        """The logs that were asked for, without the look at where each begins."""
        return [one for one in self.server.asked if one.path.endswith("/log") and "sinceTime" in one.query]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    with made.stack:
        yield made


def read(ops: Any) -> tuple[list[str], dict[str, Any]]:
    """The lines, and of each log that was asked for its state and reason by pod."""
    frame = logs.lines(ops, namespace="go-coffee")
    coverage = logs.coverage(frame)
    told = [row for row in records(coverage) if row["reason"] != "it was never restarted"]
    return list(frame["line"]), {row["pod"]: (row["state"], row["reason"]) for row in told}


def test_a_log_is_asked_for_with_times_from_the_windows_start_within_a_budget(scene: Scene) -> None:
    ops = scene.session([pod("a")], lambda _: text(b"hello"))
    logs.lines(ops, namespace="go-coffee", of="app=orders", log_mib=1.0)
    assert scene.server.asked[0].query["labelSelector"] == "app=orders"
    assert scene.asked[0].path == "/api/v1/namespaces/go-coffee/pods/a/log"
    assert scene.asked[0].query == {
        "container": "app", "timestamps": "true", "sinceTime": "2026-11-20T11:00:00Z", "limitBytes": str(1 << 20),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, 'container "app" in pod "b" is waiting to start: ContainerCreating'),
        (400, "pod b does not have a host assigned"),
        (400, 'previous terminated container "app" in pod "b" not found'),
        (404, 'previous terminated container "app" in pod "b" not found'),
    ],
)
def test_where_there_is_no_log_yet_that_is_a_note_and_no_gap(scene: Scene, status: int, said: str) -> None:
    def log(asked: Asked) -> Answer:
        return refusal(status, "BadRequest", said) if "/b/" in asked.path else text(b"hello")

    ops = scene.session([pod("a"), pod("b")], log)
    assert read(ops) == (["hello"], {"a": ("read", None), "b": ("none", said)})
    assert ops.findings == []


def test_a_log_that_waits_for_its_next_run_is_read_once(scene: Scene) -> None:
    """The kubelet answers with the last run's log whichever is asked for: its errors would count twice."""
    last = {"terminated": {"exitCode": 1, "startedAt": "2026-11-20T11:29:00Z", "finishedAt": "2026-11-20T11:30:00Z"}}
    crashing = pod("a", state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=last, restartCount=7)
    ops = scene.session([crashing], lambda _: text(b"panic"))
    lines, told = read(ops)
    assert (lines, [one.query.get("previous") for one in scene.asked]) == (["panic"], ["true"])
    assert told["a"][0] == "none"
    assert "CrashLoopBackOff" in told["a"][1]


def test_previous_logs_are_asked_for_first(scene: Scene) -> None:
    pods = [pod(f"p{i}", restartCount=1) for i in range(30)]
    logs.lines(scene.session(pods, lambda _: text(b"x")), namespace="go-coffee")
    asked = [one.query.get("previous") for one in scene.asked]
    assert len(asked) == 60
    assert asked[:20] == ["true"] * 20, (
        "all but those ten that are on their way when the first of the others is asked for"
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refusal(500, "InternalError", "dial tcp 10.0.0.9:10250: connect: connection refused"), "connection refused"),
        (refusal(403, "Forbidden", "not yours"), "lacks get on pods/log"),
        (refusal(404, "NotFound", 'pods "b" not found'), 'pods "b" not found'),
        (Answer(body=b"unable to retrieve container logs for containerd://12ab"), "the kubelet says: unable"),
        (Answer(body=b"failed to try resolving symlinks: no such file\n"), "the kubelet says: failed"),
        (Answer(body=b"<html>\n<p>Please sign in</p>\n</html>\n"), "lines without their times, which are not a log's: <html>"),
        (Answer(stall=True), "no answer after"),
    ],
)  # fmt: skip
def test_a_log_that_is_not_had_is_unknown_and_the_others_stand(scene: Scene, answer: Answer, said: str) -> None:
    ops = scene.session([pod("a"), pod("b")], lambda asked: answer if "/b/" in asked.path else text(b"hello"), 4.0)
    lines, told = read(ops)
    assert lines == ["hello"]
    assert told["a"] == ("read", None)
    assert (told["b"][0], said in told["b"][1]) == ("refused", True)
    (finding,) = ops.findings
    assert finding.status is Status.UNKNOWN
    assert "1 of 4 logs not read to the end: b/app" in finding.reason


def test_what_came_before_the_connection_broke_is_kept_and_the_rest_is_unknown(scene: Scene) -> None:
    broken = text(b"first", b"second", cut_at=len(LINE) + 10)
    ops = scene.session([pod("a"), pod("b")], lambda asked: broken if "/a/" in asked.path else text(b"hello"))
    lines, told = read(ops)
    assert sorted(lines) == ["first", "hello"]
    assert told["a"][0] == "broken"
    assert "the connection broke" in told["a"][1]
    assert len(scene.asked) == 2, "what was handed on is not asked for again"
    assert [f.status for f in ops.findings] == [Status.UNKNOWN]


def test_a_log_that_drips_costs_its_own_rest_only(scene: Scene) -> None:
    slow = text(b"first", b"second" * 60, drip_s=0.03)
    ops = scene.session([pod("a"), pod("b")], lambda asked: slow if "/a/" in asked.path else text(b"hello"), 4.0)
    lines, told = read(ops)
    assert (sorted(lines), told["a"][0]) == (["first", "hello"], "broken")
    assert [f.status for f in ops.findings] == [Status.UNKNOWN]


def test_when_no_log_at_all_is_had_that_is_raised(scene: Scene) -> None:
    with pytest.raises(ServerFault, match="etcd is down"):
        read(scene.session([pod("a"), pod("b")], lambda _: refusal(500, "InternalError", "etcd is down")))


def test_when_every_log_hangs_that_is_raised(scene: Scene) -> None:
    with pytest.raises(DeadlineExceeded):
        read(scene.session([pod("a")], lambda _: Answer(stall=True), 1.0))


def test_a_server_that_is_busy_is_waited_for(scene: Scene) -> None:
    answers = {path: iter([Answer(429, headers={"Retry-After": "1"}), text(b"hello")]) for path in "ab"}

    def log(asked: Asked) -> Answer:
        return next(answers[asked.path.split("/")[-2]]) if "sinceTime" in asked.query else text(b"hello")

    ops = scene.session([pod("a"), pod("b")], log)
    assert read(ops)[0] == ["hello", "hello"]
    assert ops.findings == []


def test_no_more_logs_are_read_at_once_than_the_pool_keeps_connections(scene: Scene) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def log(_: Asked) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.05)
        with lock:
            now -= 1
        return text(b"hello")

    lines, _ = read(scene.session([pod(f"p{i}") for i in range(40)], log))
    assert len(lines) == 40
    assert 1 < most <= 10


def test_every_sort_of_container_has_its_log() -> None:
    one = pod("a")
    one["spec"]["initContainers"] = [{"name": "migrate"}, {"name": "proxy", "restartPolicy": "Always"}]
    one["spec"]["ephemeralContainers"] = [{"name": "debugger"}]
    found = streams(msgspec.json.decode(json.dumps(one).encode(), type=LogPod))
    assert [(one.container, one.role) for one in found if not one.previous] == [
        ("migrate", "init"), ("proxy", "sidecar"), ("app", "container"), ("debugger", "ephemeral"),
    ]  # fmt: skip


def test_a_log_is_cut_into_lines_wherever_the_parts_end() -> None:
    whole = LINE + "füß 1\n".encode() + LINE + b"\n" + b"2026-11-20T13:30:00+02:00 two\n" + b"no time\n" + LINE + b"end"
    for size in range(1, len(whole)):
        lines, made = Lines(), []
        for start in range(0, len(whole), size):
            made.append(lines.feed(whole[start : start + size]))
        made.append(lines.rest())
        rows = [row for table in made if table is not None for row in table.to_pylist()]
        assert [row["line"] for row in rows] == ["füß 1", "", "two", "no time", "end"]
        half_past = datetime(2026, 11, 20, 11, 30, tzinfo=UTC)
        assert [row["time"] for row in rows] == [half_past, half_past, half_past, None, half_past]


def test_what_only_looks_like_a_time_stays_in_its_line() -> None:
    lines = Lines().feed(b"2026-13-20T11:30:00.000000001Z thirteenth month\n2026-11-20T11:30:00Z fine\n")
    assert lines is not None
    assert lines.column("line").to_pylist()[0] == "2026-13-20T11:30:00.000000001Z thirteenth month"


HALF_PAST = datetime(2026, 11, 20, 11, 30, tzinfo=UTC)


def _of_part(asked: Asked) -> bytes:
    """A line before half past, one after it: as they are at hand from when a log is asked for."""
    since = asked.query.get("sinceTime", "")
    later = b"2026-11-20T11:40:00.000000001Z later\n"
    return later if since >= "2026-11-20T11:30" else b"2026-11-20T11:10:00.000000001Z earlier\n" + later


def test_the_later_part_of_every_log_is_read_before_the_earlier_of_any(scene: Scene) -> None:
    names = [f"p{i}" for i in range(30)]
    ops = scene.session([pod(name) for name in names], lambda asked: Answer(body=_of_part(asked)))
    frame = logs.lines(ops, namespace="go-coffee", first_from=HALF_PAST)
    since = [one.query["sinceTime"][11:16] for one in scene.asked]
    assert (since[:20], since[-20:]) == (["11:30"] * 20, ["11:00"] * 20), "but for those ten that are on their way"
    assert frame.groupby("pod")["line"].apply(list).to_dict() == {name: ["earlier", "later"] for name in names}
    assert ops.findings == []


def test_the_budget_of_all_logs_serves_their_later_parts_first(scene: Scene) -> None:
    ops = scene.session([pod(f"p{i}") for i in range(30)], lambda asked: Answer(body=_of_part(asked)))
    later = len(_of_part(Asked("/", {"sinceTime": "2026-11-20T11:30:00Z"}, {})))
    frame = logs.lines(ops, namespace="go-coffee", first_from=HALF_PAST, read_mib=31 * later / (1 << 20))
    assert (frame["line"] == "later").sum() > 20, "but for those ten that are on their way"
    coverage = logs.coverage(frame)
    assert set(coverage.loc[~coverage["previous"], "state"]) == {"cut"}
    assert (
        coverage["reason"].str.contains("not read from 2026-11-20 11:00:00 UTC to 2026-11-20 11:30:00 UTC").sum() > 20
    )


def test_a_busy_server_is_waited_for_with_each_part(scene: Scene) -> None:
    seen: set[str] = set()

    def log(asked: Asked) -> Answer:
        since = asked.query.get("sinceTime", "")
        if since and since not in seen:
            seen.add(since)
            return Answer(429, headers={"Retry-After": "1"})
        return Answer(body=_of_part(asked))

    ops = scene.session([pod("a")], log)
    frame = logs.lines(ops, namespace="go-coffee", first_from=HALF_PAST)
    assert (list(frame["line"]), len(scene.asked), ops.findings) == (["earlier", "later"], 4, [])


def test_a_log_whose_later_part_hangs_costs_the_others_nothing(scene: Scene) -> None:
    def log(asked: Asked) -> Answer:
        return Answer(stall=True) if "/b/" in asked.path else Answer(body=_of_part(asked))

    ops = scene.session([pod("a"), pod("b")], log, 4.0)
    frame = logs.lines(ops, namespace="go-coffee", first_from=HALF_PAST)
    assert list(frame["line"]) == ["earlier", "later"]
    states = {row["pod"]: row["state"] for row in records(logs.coverage(frame)) if not row["previous"]}
    assert states == {"a": "read", "b": "refused"}


def test_what_began_within_the_later_part_is_asked_for_once(scene: Scene) -> None:
    ops = scene.session([pod("a")], lambda _: Answer(body=b"2026-11-20T11:40:00.000000001Z later\n"))
    frame = logs.lines(ops, namespace="go-coffee", first_from=HALF_PAST)
    assert (list(frame["line"]), len(scene.asked), ops.findings) == (["later"], 1, [])
    row = next(row for row in records(logs.coverage(frame)) if row["lines"])
    assert (row["state"], row["reason"]) == ("read", None)
