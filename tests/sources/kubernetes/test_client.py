"""Whole lists within one deadline, and every way that a server can fail to give one."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gocoffee_ops.errors import (
    DeadlineExceeded,
    Forbidden,
    Malformed,
    NotFound,
    ServerFault,
    SourceError,
    Throttled,
    Unauthenticated,
    Unreachable,
    Unsupported,
)
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import DEPLOYMENTS, NODE_USAGE, PODS
from gocoffee_ops.sources.kubernetes.shapes import Pod
from tests.http_server import Answer, Asked, Script, says, unused_port
from tests.sources.kubernetes.conftest import Serve
from tests.sources.kubernetes.static_server import pod_list, refusal, write_kubeconfig

OVERRUN_S = 3.0  # a deadline is noticed this soon, also on a busy machine; what is asked for here takes longer


def sequence(*answers: Answer) -> Script:
    """Those answers in turn; the last one for ever."""
    left = list(answers)
    lock = threading.Lock()

    def script(asked: Asked) -> Answer:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return script


def names(cluster: Cluster, seconds: float = 10.0) -> list[str]:
    return [pod.metadata.name for pod in cluster.list(PODS, Deadline.after(seconds)).items]


def test_pages_are_followed_to_the_end(serve: Serve) -> None:
    pages = {"": pod_list("a", "b", token="two"), "two": pod_list("c", token="three"), "three": pod_list("d")}
    cluster, server = serve(lambda asked: pages[asked.query.get("continue", "")], page_size=2)
    listing = cluster.list(PODS, Deadline.after(10))
    assert [pod.metadata.name for pod in listing.items] == ["a", "b", "c", "d"]
    assert (listing.pages, listing.restarts, listing.resource_version) == (3, 0, "100")
    assert [asked.query["limit"] for asked in server.asked] == ["2", "2", "2"]


def test_the_next_page_is_read_while_something_is_made_of_this_one(serve: Serve) -> None:
    asked_for_two, made_of_one = threading.Event(), threading.Event()

    def script(asked: Asked) -> Answer:
        if "continue" not in asked.query:
            return pod_list("a", token="two")
        asked_for_two.set()
        made_of_one.wait(10)
        return pod_list("b")

    def make(pods: Sequence[Pod]) -> list[str]:
        assert asked_for_two.wait(10)
        made_of_one.set()
        return [pod.metadata.name for pod in pods]

    cluster, _ = serve(script)
    listing = cluster.pages(PODS, make, Deadline.after(15))
    assert (listing.items, listing.count, listing.pages) == (["a", "b"], 2, 2)


@pytest.mark.parametrize("zipped", [False, True])
def test_the_next_page_is_asked_for_while_this_one_still_comes(serve: Serve, zipped: bool) -> None:
    asked_for_two = threading.Event()

    def script(asked: Asked) -> Answer:
        if "continue" in asked.query:
            asked_for_two.set()
            return pod_list("last")
        return replace(
            pod_list(*(f"pod-{i}" for i in range(200)), token="two"), zipped=zipped, second_half=asked_for_two
        )

    cluster, server = serve(script)
    assert len(names(cluster)) == 201
    assert [asked.query.get("continue") for asked in server.asked] == [None, "two"]


def test_no_more_than_one_page_waits_to_be_taken(serve: Serve) -> None:
    made_of_one = threading.Event()

    def script(asked: Asked) -> Answer:
        page = int(asked.query.get("continue", "0"))
        return pod_list(f"pod-{page}", token=str(page + 1) if page < 4 else "")

    def make(pods: Sequence[Pod]) -> list[str]:
        if not made_of_one.is_set():
            time.sleep(0.5)
            assert len(server.asked) <= 2
            made_of_one.set()
        return [pod.metadata.name for pod in pods]

    cluster, server = serve(script)
    assert cluster.pages(PODS, make, Deadline.after(15)).items == [f"pod-{i}" for i in range(5)]
    assert len(server.asked) == 5


def test_a_page_that_is_cut_after_its_head_is_asked_for_again(serve: Serve) -> None:
    first = pod_list("a", token="two")
    cluster, server = serve(
        lambda asked: (
            pod_list("b")
            if "continue" in asked.query
            else replace(first, cut_at=len(first.body) - 9)
            if len([one for one in server.asked if "continue" not in one.query]) == 1
            else first
        )
    )
    assert names(cluster) == ["a", "b"]


def test_a_later_page_that_is_refused_or_never_comes_fails_the_list(serve: Serve) -> None:
    def after_the_first(answer: Answer) -> Script:
        return lambda asked: answer if "continue" in asked.query else pod_list("a", token="two")

    refused, _ = serve(after_the_first(refusal(403, "Forbidden", "pods is forbidden")))
    with pytest.raises(Forbidden):
        names(refused)
    hanging, _ = serve(after_the_first(Answer(stall=True)))
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match="1 pods on 1 pages"):
        names(hanging, 1.0)
    assert time.monotonic() - began < 1.0 + OVERRUN_S


def test_a_list_that_expires_in_the_middle_starts_over(serve: Serve) -> None:
    gone = refusal(410, "Expired", "The provided continue parameter is too old")
    cluster, server = serve(
        sequence(
            pod_list("a", token="old", version="1"), gone,
            pod_list("b", token="new", version="2"), pod_list("c", version="2"),
        )
    )  # fmt: skip
    listing = cluster.list(PODS, Deadline.after(10))
    assert [pod.metadata.name for pod in listing.items] == ["b", "c"]
    assert (listing.restarts, listing.resource_version) == (1, "2")
    assert [asked.query.get("continue", "") for asked in server.asked] == ["", "old", "", "new"]


def test_a_list_that_keeps_expiring_is_asked_for_in_one_piece(serve: Serve) -> None:
    def script(asked: Asked) -> Answer:
        if "limit" not in asked.query:
            return pod_list("a", "b")
        return refusal(410, "Expired", "too old") if "continue" in asked.query else pod_list("a", token="x")

    cluster, _ = serve(script)
    assert names(cluster) == ["a", "b"]


def test_zero_items_is_an_answer_and_null_items_are_none(serve: Serve) -> None:
    empty = {"kind": "PodList", "metadata": {"resourceVersion": "7"}, "items": None}
    cluster, _ = serve(lambda _: says(empty))
    listing = cluster.list(PODS, Deadline.after(10))
    assert (listing.items, listing.resource_version) == ([], "7")


def test_gzip_is_asked_for_and_unpacked(serve: Serve) -> None:
    answer = pod_list(*(f"pod-{i}" for i in range(500)))
    cluster, server = serve(lambda _: Answer(body=answer.body, zipped=True))
    assert len(names(cluster)) == 500
    assert server.asked[0].headers["accept-encoding"] == "gzip"


def _with_wrong_checksum(body: bytes) -> bytes:
    return body[:-6] + bytes([body[-6] ^ 1]) + body[-5:]


@pytest.mark.parametrize(
    "body",
    [b"not gzip", gzip.compress(pod_list("a").body)[:-9], _with_wrong_checksum(gzip.compress(pod_list("a").body))],
)
def test_broken_gzip_is_malformed(serve: Serve, body: bytes) -> None:
    cluster, _ = serve(lambda _: Answer(body=body, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(Malformed, match="compression"):
        names(cluster)


def test_throttling_is_waited_out_as_long_as_the_server_asks(serve: Serve) -> None:
    busy = Answer(429, b"too many requests", {"Retry-After": "1"})
    cluster, server = serve(sequence(busy, pod_list("a")))
    began = time.monotonic()
    assert names(cluster) == ["a"]
    assert time.monotonic() - began >= 1.0
    assert len(server.asked) == 2


def test_a_server_that_asks_to_wait_past_the_deadline_is_throttled_at_once(serve: Serve) -> None:
    cluster, server = serve(lambda _: Answer(429, b"too many requests", {"Retry-After": "60"}))
    with pytest.raises(Throttled, match="too many requests"):
        names(cluster, 5.0)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_fault_is_tried_again(serve: Serve, status: int) -> None:
    cluster, server = serve(sequence(refusal(status, "InternalError", "etcdserver: leader changed"), pod_list("a")))
    assert names(cluster) == ["a"]
    assert len(server.asked) == 2


def test_a_server_fault_that_stays_is_told_with_the_servers_words(serve: Serve) -> None:
    cluster, server = serve(lambda _: refusal(500, "InternalError", "etcdserver: no leader"))
    with pytest.raises(ServerFault, match="etcdserver: no leader"):
        names(cluster)
    assert len(server.asked) == 4


def test_a_reset_connection_is_tried_again(serve: Serve) -> None:
    cluster, _ = serve(sequence(Answer(reset=True), pod_list("a")))
    assert names(cluster) == ["a"]


def test_connections_that_keep_being_reset_are_unreachable(serve: Serve) -> None:
    cluster, _ = serve(lambda _: Answer(reset=True))
    with pytest.raises(Unreachable, match="the connection broke"):
        names(cluster)


def test_a_body_that_ends_early_is_unreachable_not_a_short_list(serve: Serve) -> None:
    whole = pod_list("a", "b")
    cluster, _ = serve(lambda _: Answer(body=whole.body, cut_at=100))
    with pytest.raises(Unreachable, match="the connection broke"):
        names(cluster)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Answer(body=b"<html><body>Sign in</body></html>", content_type="text/html"),
            "text/html instead of JSON.*Sign in",
        ),
        (Answer(body=pod_list("a").body[:-20]), "truncated"),
        (Answer(body=b""), "truncated"),
        (says({"kind": "PodList", "metadata": {}}), "items"),
        (says({"kind": "NodeList", "metadata": {}, "items": []}), "a NodeList instead of a PodList"),
        (
            says({"kind": "PodList", "metadata": {}, "items": [{"metadata": {"name": 7}, "spec": {}, "status": {}}]}),
            "name",
        ),
        (says({"kind": "PodList", "metadata": {}, "items": {}}), "items"),
        (Answer(302, b"", {"Location": "https://login.example/"}), "answered 302"),
    ],
    ids=["html", "truncated", "empty", "no-items", "other-kind", "ill-typed", "items-no-list", "redirect"],
)
def test_what_is_no_list_is_malformed(serve: Serve, answer: Answer, said: str) -> None:
    cluster, _ = serve(lambda _: answer)
    with pytest.raises(Malformed, match=said):
        names(cluster)


def test_forbidden_names_the_verb_the_resource_and_the_namespace(serve: Serve) -> None:
    said = 'deployments.apps is forbidden: User "eve" cannot list resource "deployments" in API group "apps"'
    cluster, _ = serve(lambda _: refusal(403, "Forbidden", said))
    with pytest.raises(Forbidden) as caught:
        cluster.list(DEPLOYMENTS, Deadline.after(5), namespace="go-coffee")
    assert 'the role lacks list on deployments of API group "apps" in namespace go-coffee' in caught.value.why
    assert 'User "eve"' in caught.value.why
    assert "deploy/rbac.yaml" in caught.value.hint


def test_a_namespace_is_asked_for_alone(serve: Serve) -> None:
    cluster, server = serve(lambda _: pod_list("a"))
    cluster.list(PODS, Deadline.after(5), namespace="go-coffee")
    assert [asked.path for asked in server.asked] == ["/api/v1/namespaces/go-coffee/pods"]


def test_unauthenticated_asks_once_more_with_a_new_credential(serve: Serve) -> None:
    cluster, server = serve(lambda _: refusal(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(Unauthenticated, match="Unauthorized"):
        names(cluster)
    assert len(server.asked) == 2


def test_a_missing_metrics_api_is_unsupported_and_names_metrics_server(serve: Serve) -> None:
    cluster, _ = serve(lambda _: Answer(404, b"404 page not found\n", content_type="text/plain"))
    with pytest.raises(Unsupported, match="metrics-server is missing"):
        cluster.list(NODE_USAGE, Deadline.after(5))


def test_an_aggregated_api_that_does_not_answer_is_named(serve: Serve) -> None:
    down = refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request")
    cluster, _ = serve(lambda _: down)
    with pytest.raises(ServerFault, match=r"APIService v1beta1\.metrics\.k8s\.io"):
        cluster.list(NODE_USAGE, Deadline.after(5))


def test_what_is_not_there_is_not_found(serve: Serve) -> None:
    cluster, _ = serve(
        lambda _: refusal(404, "NotFound", 'namespaces "nope" not found', name="nope", kind="namespaces")
    )
    with pytest.raises(NotFound, match='namespaces "nope" not found'):
        cluster.require_namespace("nope", Deadline.after(5))


def test_a_refused_connection_is_unreachable(serve: Serve) -> None:
    cluster, server = serve(lambda _: pod_list("a"))
    server.close()
    with pytest.raises(Unreachable, match="refused"):
        names(cluster)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(stall=True),
        Answer(body=pod_list("a").body, drip_s=0.1),
        Answer(headers_drip_s=0.02),
        Answer(503, b"busy", {"Retry-After": "1"}),
    ],
    ids=["no-answer", "slow-body", "slow-headers", "always-busy"],
)
def test_the_deadline_holds(serve: Serve, answer: Answer) -> None:
    cluster, _ = serve(lambda asked: pod_list("x") if asked.path.endswith("/warm/pods") else answer)
    cluster.list(PODS, Deadline.after(10), namespace="warm")  # the client library is loaded
    began = time.monotonic()
    with pytest.raises((DeadlineExceeded, ServerFault)) as caught:
        names(cluster, 1.0)
    assert time.monotonic() - began < 1.0 + OVERRUN_S
    assert caught.value.target == "cluster/test"


def test_a_deadline_says_what_was_last_seen(serve: Serve) -> None:
    slow = Answer(body=pod_list("c").body, drip_s=0.1)
    cluster, _ = serve(sequence(pod_list("a", "b", token="two"), slow))
    with pytest.raises(DeadlineExceeded, match=r"bytes of the body \(before: 2 pods on 1 pages\)"):
        names(cluster, 4.0)


def test_a_name_that_does_not_resolve_is_unreachable(tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "dns.yaml", f"http://nowhere.invalid:{unused_port()}")
    with pytest.raises(Unreachable, match=r"no such host nowhere\.invalid"):
        names(Cluster("dns", kubeconfig=kubeconfig), 15.0)


def test_threads_share_a_cluster(serve: Serve) -> None:
    cluster, _ = serve(lambda asked: pod_list(f"of-{asked.path.split('/')[4]}"))
    found: dict[str, list[str]] = {}

    def read(namespace: str) -> None:
        items = cluster.list(PODS, Deadline.after(10), namespace=namespace).items
        found[namespace] = [pod.metadata.name for pod in items]

    threads = [threading.Thread(target=read, args=(f"ns{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == {f"ns{i}": [f"of-ns{i}"] for i in range(8)}


def test_no_error_holds_the_bearer_token(serve: Serve) -> None:
    told: list[str] = []
    cluster, _ = serve(lambda _: refusal(403, "Forbidden", "no: a-bearer-token may not"), on_secret=told.append)
    with pytest.raises(SourceError) as caught:
        names(cluster)
    assert "a-bearer-token" not in f"{caught.value} {caught.value!r} {caught.value.to_record()}"
    assert "[redacted] may not" in caught.value.why
    assert told == ["a-bearer-token"]
    assert cluster.secrets() == {"a-bearer-token"}
    assert "a-bearer-token" not in cluster.describe()
