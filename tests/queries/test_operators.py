"""The Operator Lifecycle Manager's resources where it is not installed, may not be listed, or answers what cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.errors import Forbidden, Malformed, NotFound, SourceError, Unsupported
from gocoffee_ops.queries import operators
from tests.http_server import Answer, Asked, Script, says, serving
from tests.sources.kubernetes.static_server import refusal, write_kubeconfig
from tests.support import live_session

API = "/apis/operators.coreos.com/v1alpha1"
OLD = "2026-11-20T08:00:00Z"
META = {"name": "etcd", "namespace": "shop", "creationTimestamp": OLD}
GROUPS = {"kind": "APIGroupList", "groups": [{"name": "operators.coreos.com"}]}
RESOURCES = {"kind": "APIResourceList", "resources": [{"name": "subscriptions"}]}


def server(listed: Answer, *, groups: Any = GROUPS, resources: Answer | None = None) -> Script:
    def answer(asked: Asked) -> Answer:
        if asked.path == "/apis":
            return says(groups)
        return (resources or says(RESOURCES)) if asked.path == API else listed

    return answer


def read(script: Script, tmp_path: Path) -> list[dict[str, Any]]:
    with serving(script) as at:
        ops = live_session(tmp_path, clusters={"eu": write_kubeconfig(tmp_path / "config", at.url)})
        return operators.subscriptions(ops).to_dict("records")


def listing(**status: Any) -> Answer:
    item = {"metadata": META, "spec": {"name": "etcd", "source": "hub", "sourceNamespace": "olm"}, "status": status}
    return says({"kind": "SubscriptionList", "metadata": {"resourceVersion": "7"}, "items": [item]})


def test_a_subscription_is_read_with_the_first_of_what_its_conditions_say_is_wrong(tmp_path: Path) -> None:
    said = [
        {
            "type": "ResolutionFailed",
            "status": "True",
            "reason": "ConstraintsNotSatisfiable",
            "lastTransitionTime": OLD,
        },
        {"type": "BundleUnpacking", "status": "False"},
    ]
    (row,) = read(server(listing(state="UpgradePending", currentCSV="etcd.v2", conditions=said)), tmp_path)
    assert (row["state"], row["current"], row["plan"], row["approval"]) == (
        "UpgradePending",
        "etcd.v2",
        None,
        "Automatic",
    )
    assert list(row["faults"]) == ["ResolutionFailed: ConstraintsNotSatisfiable"]
    assert row["faulty_s"] > 0


@pytest.mark.parametrize("status", [403, 404])
def test_where_it_is_not_installed_there_are_none(status: int, tmp_path: Path) -> None:
    assert read(server(refusal(status, "", "no"), groups={"kind": "APIGroupList", "groups": []}), tmp_path) == []


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (server(refusal(403, "Forbidden", "may not list")), Forbidden),
        (server(refusal(404, "NotFound", "no"), resources=refusal(404, "NotFound", "another version")), Unsupported),
        (server(refusal(404, "NotFound", "no"), groups={"kind": "Status"}), Malformed),
        (server(listing(state=["UpgradePending"])), Malformed),
        (server(listing(conditions={"type": "Ready"})), Malformed),
        (server(says({"kind": "ConfigMapList", "metadata": {}, "items": []})), Malformed),
        (server(Answer(body=b'{"kind": "SubscriptionList", "items": [{"metadata"')), Malformed),
    ],
    ids=["forbidden", "another version", "groups that are none", "a state that is none", "conditions that are none", "another list",
         "cut"],
)  # fmt: skip
def test_what_is_there_and_cannot_be_read_is_an_error_and_never_none(
    script: Script, error: type[SourceError], tmp_path: Path
) -> None:
    with pytest.raises((error, NotFound) if error is Unsupported else error):
        read(script, tmp_path)
