"""Custom resources that the environment names: found by what the server says it has, and read whatever their status holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.errors import Unreachable
from gocoffee_ops.model import Target
from gocoffee_ops.queries import custom_resources
from gocoffee_ops.sources.kubernetes import Cluster
from tests.http_server import Answer, Asked, says, serving, unused_port
from tests.sources.kubernetes.static_server import refusal, write_kubeconfig
from tests.support import live_session

OLD = "2026-11-20T08:00:00Z"
LIST = "/apis/cert-manager.io/v1/certificates"
NAME = "certificates.cert-manager.io"
GROUP = {
    "kind": "APIGroup",
    "name": "cert-manager.io",
    "preferredVersion": {"groupVersion": "cert-manager.io/v1", "version": "v1"},
}
RESOURCES = {"kind": "APIResourceList", "resources": [
    {"name": "certificates", "kind": "Certificate", "namespaced": True},
    {"name": "clusterissuers", "kind": "ClusterIssuer", "namespaced": False},
]}  # fmt: skip
SERVED: Mapping[str, Answer] = {
    "/apis/cert-manager.io": says(GROUP),
    "/apis/cert-manager.io/v1": says(RESOURCES),
    "/apis/cert-manager.io/v1beta1": says(RESOURCES),
}


def listing(*status: Any, kind: str = "CertificateList", **meta: Any) -> Answer:
    """A list of one object for each status."""
    items = [
        {"metadata": {"name": f"c{i}", "namespace": "shop", "creationTimestamp": OLD} | meta, "status": one}
        for i, one in enumerate(status)
    ]
    return says({"kind": kind, "metadata": {"resourceVersion": "7"}, "items": items})


def read(
    served: Mapping[str, Answer], tmp_path: Path, *names: str, namespace: str = ""
) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows, and what the server was asked."""

    def answer(asked: Asked) -> Answer:
        return {**SERVED, **served}.get(asked.path) or refusal(404, "NotFound", "the server could not find it")

    with serving(answer) as at:
        source = Cluster("eu", kubeconfig=write_kubeconfig(tmp_path / "config", at.url), custom_resources=names)
        ops = live_session(tmp_path, sources={Target("cluster", "eu"): source})
        rows = custom_resources.states(ops, namespace=namespace).to_dict("records")
        assert ops.findings == []
        return rows, [one.path for one in at.asked]


def certificates(answer: Answer, tmp_path: Path) -> list[dict[str, Any]]:
    return read({LIST: answer}, tmp_path, NAME)[0]


def test_where_none_is_named_none_is_listed(tmp_path: Path) -> None:
    assert read({"/version": says({"gitVersion": "v1.36.3"})}, tmp_path) == ([], ["/version"])


def test_the_preferred_version_is_read_or_the_one_that_is_named(tmp_path: Path) -> None:
    at = "/apis/cert-manager.io/v1beta1/certificates"
    (row,), asked = read({at: listing({})}, tmp_path, f"{NAME}/v1beta1")
    assert (row["resource"], row["object"]) == (f"{NAME}/v1beta1", "certificate.cert-manager.io/c0")
    assert asked == ["/apis/cert-manager.io/v1beta1", at]
    (row,) = certificates(listing({}), tmp_path)
    assert (row["unread"], row["object"], row["namespace"]) == (None, "certificate.cert-manager.io/c0", "shop")


def test_what_lies_in_no_namespace_is_read_whole(tmp_path: Path) -> None:
    where = {
        "/apis/cert-manager.io/v1/namespaces/shop/certificates": listing({}),
        "/apis/cert-manager.io/v1/clusterissuers": listing({}, kind="ClusterIssuerList", namespace=""),
    }
    rows, _ = read(where, tmp_path, NAME, "clusterissuers.cert-manager.io", namespace="shop")
    assert [(row["object"], row["namespace"]) for row in rows] == [
        ("certificate.cert-manager.io/c0", "shop"),
        ("clusterissuer.cert-manager.io/c0", None),
    ]


@pytest.mark.parametrize(
    ("status", "failed", "words", "unsure"),
    [
        ({"conditions": [{"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": "no\nsecret"}]},
         ["Ready is False: DoesNotExist: no secret"], [], []),
        ({"conditions": [{"type": "InstallFailed", "status": "True"}]}, ["InstallFailed is True: nothing says why"], [], []),
        ({"conditions": [{"type": "Synced", "status": "Unknown", "reason": "Waiting"}]}, [], [], ["Synced is Unknown: Waiting"]),
        ({"conditions": [{"type": "FailoverReady", "status": "True"}, {"type": "Ready", "status": "True"}]}, [], [], []),
        ({"phase": "Failed", "state": "error", "health": {"status": "Degraded"}}, [],
         ["its phase is Failed", "its state is error", "its health is Degraded"], []),
        ({"health": "red"}, [], ["its health is red"], []),
        ({"health": {"status": "Unknown"}}, [], [], ["its health is Unknown"]),
        ({"health": {"status": "Progressing"}}, [], [], []),
        ({"phase": "Pending"}, [], ["its phase is Pending"], []),
        ({"phase": "CrashLoopBackOff", "state": "Offline"}, [], ["its phase is CrashLoopBackOff", "its state is Offline"], []),
        ({"state": "create_err"}, [], ["its state is create_err"], []),
        ({"phase": "NoError"}, [], [], []),
        ({"phase": "NotReady"}, [], ["its phase is NotReady"], []),
        ({"conditions": [{"type": "NotReady", "status": "True"}]}, ["NotReady is True: nothing says why"], [], []),
        ({"conditions": [{"type": "Programmed", "status": "False"}]}, ["Programmed is False: nothing says why"], [], []),
        ({"conditions": [{"type": "NoErrors", "status": "True"}]}, [], [], []),
        ({"conditions": [{"type": "NoErrors", "status": "False"}]}, ["NoErrors is False: nothing says why"], [], []),
        ({"conditions": [{"type": "Ready", "status": "False", "reason": "Suspended"}]}, [], [], []),
        ({"conditions": {"Ready": "False"}}, [], [], ["its conditions are no list"]),
        ({"conditions": [7]}, [], [], ["one of its conditions has no type"]),
        ({"conditions": [{"type": "Ready", "status": False}]}, [], [], ["Ready is neither True nor False: nothing says why"]),
    ],
)  # fmt: skip
def test_a_status_says_how_it_is(
    status: Any, failed: list[str], words: list[str], unsure: list[str], tmp_path: Path
) -> None:
    (row,) = certificates(listing(status), tmp_path)
    assert row["judged"]
    assert (list(row["failed"]), list(row["words"]), list(row["unsure"])) == (failed, words, unsure)


@pytest.mark.parametrize(
    "status",
    [None, {}, "Failed", 3, {"conditions": None}, {"conditions": [{"type": "ErrorsCleared", "status": "True"}]},
     {"phase": {"a": 1}}],
    ids=str,
)  # fmt: skip
def test_a_status_that_says_nothing_that_is_known_is_not_judged(status: Any, tmp_path: Path) -> None:
    (row,) = certificates(listing(status), tmp_path)
    assert not row["judged"]
    assert not len(row["failed"]) + len(row["words"]) + len(row["unsure"])


def test_a_condition_is_as_old_as_it_says_and_else_as_its_object(tmp_path: Path) -> None:
    said = {"type": "Ready", "status": "False"}
    statuses = [
        {"conditions": [said | {"lastTransitionTime": time}]} for time in ("2026-11-20T09:00:00Z", "soon", None, 3)
    ]
    rows = certificates(listing(*statuses), tmp_path)
    assert [row["age_s"] - row["failed_s"] for row in rows] == [3_600.0, 0.0, 0.0, 0.0]


def test_what_is_not_known_is_so_since_its_condition_changed(tmp_path: Path) -> None:
    said = {"type": "Ready", "status": "Unknown"}
    times = ("2026-11-20T09:00:00Z", None)
    rows = certificates(listing(*({"conditions": [said | {"lastTransitionTime": time}]} for time in times)), tmp_path)
    assert [row["age_s"] - row["unsure_s"] for row in rows] == [3_600.0, 0.0]


@pytest.mark.parametrize(("written", "later_s"), [([], 0.0), ([("", 9), ("status", 10)], 3_600.0)])
def test_a_status_of_an_older_generation_says_nothing_of_the_present(
    written: list[tuple[str, int]], later_s: float, tmp_path: Path
) -> None:
    """It counts since what is wanted was last written, and else since the object was made."""
    status = {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}
    writes = [{"subresource": part, "time": f"2026-11-20T{hour:02}:00:00Z"} for part, hour in written]
    (row,) = certificates(listing(status, generation=9, managedFields=writes), tmp_path)
    assert list(row["unsure"]) == ["its controller looked last at generation 1 of 9"]
    assert row["age_s"] - row["unsure_s"] == later_s
    (row,) = certificates(listing(status, generation=1), tmp_path)
    assert list(row["unsure"]) == []


@pytest.mark.parametrize(
    ("served", "names", "why"),
    [
        ({}, ("widgets.example.com",), "the server does not know widgets.example.com"),
        ({}, ("issuers.cert-manager.io",), "cert-manager.io/v1 has no issuers"),
        ({}, (f"{NAME}/v2",), f"the server does not know {NAME}/v2"),
        ({LIST: refusal(403, "Forbidden", "no")}, (NAME,), "the role lacks list on certificates"),
        ({LIST: says({"kind": "Pod", "metadata": {}, "items": []})}, (NAME,), "a Pod instead of"),
        ({LIST: Answer(body=b'{"kind": "CertificateList", "ite')}, (NAME,), "truncated"),
        ({"/apis/cert-manager.io": says({"kind": "APIGroup"})}, (NAME,), "instead of an APIGroup with a version"),
        ({"/apis/cert-manager.io/v1": says({"kind": "Status"})}, (NAME,), "instead of an APIResourceList"),
    ],
    ids=["no group", "no resource", "no version", "forbidden", "no list", "cut", "no preferred version", "no resources"],
)  # fmt: skip
def test_one_that_cannot_be_read_is_a_row_that_says_why_beside_the_others(
    served: dict[str, Answer], names: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    issuers = {"/apis/cert-manager.io/v1beta1/clusterissuers": listing({}, kind="ClusterIssuerList")}
    rows, _ = read({**served, **issuers}, tmp_path, *names, "clusterissuers.cert-manager.io/v1beta1")
    assert [row["resource"] for row in rows] == [*names, "clusterissuers.cert-manager.io/v1beta1"]
    assert why in rows[0]["unread"]
    assert (rows[0]["object"], rows[1]["unread"]) == (None, None)


@pytest.mark.parametrize("names", [(), (NAME,)], ids=["none named", "one named"])
def test_a_cluster_that_does_not_answer_is_no_row_but_an_error(names: tuple[str, ...], tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{unused_port()}")
    source = Cluster("eu", kubeconfig=kubeconfig, custom_resources=names)
    with pytest.raises(Unreachable):
        custom_resources.states(live_session(tmp_path, sources={Target("cluster", "eu"): source}))
