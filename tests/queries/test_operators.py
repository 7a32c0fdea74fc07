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


def read(script: Script, tmp_path: Path, question: Any = operators.subscriptions) -> list[dict[str, Any]]:
    with serving(script) as at:
        ops = live_session(tmp_path, clusters={"eu": write_kubeconfig(tmp_path / "config", at.url)})
        rows: list[dict[str, Any]] = question(ops).to_dict("records")
        return rows


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


def one(kind: str, **status: Any) -> Answer:
    return says(
        {"kind": f"{kind}List", "metadata": {"resourceVersion": "7"}, "items": [{"metadata": META, "status": status}]}
    )


def test_a_catalog_is_as_old_as_its_object_however_often_its_connection_is_tried(tmp_path: Path) -> None:
    """The state is set anew with each attempt."""
    tried = {"lastObservedState": "TRANSIENT_FAILURE", "lastConnect": "2026-11-22T08:00:00Z"}
    (row,) = read(server(one("CatalogSource", connectionState=tried)), tmp_path, operators.catalog_sources)
    assert row["age_s"] - row["state_s"] == pytest.approx(2 * 86_400)


def phases(*names: str) -> list[dict[str, Any]]:
    """A history of a phase an hour, which begins a day after the object was made."""
    return [
        {
            "phase": name,
            "reason": f"Is{name}",
            "message": f"no. {hour}",
            "lastTransitionTime": f"2026-11-21T{hour:02}:00:00Z",
        }
        for hour, name in enumerate(names, 8)
    ]


@pytest.mark.parametrize(
    ("names", "hours_after_it_was_made", "failure"),
    [
        (("Pending", "Installing", "Failed", "Pending", "InstallReady", "Installing", "Failed", "Pending"), 0, "IsFailed: no. 14"),
        (("Installing", "Succeeded", "Failed", "Pending", "Installing"), 26, "IsFailed: no. 10"),
        (("Failed", "Succeeded", "Pending"), 26, None),
        (("Failed", "Pending", "Succeeded"), 26, None),
        (("Pending",), 0, None),
        ((), 0, None),
    ],
    ids=["never well", "well once", "on its way anew", "well", "just made", "nobody has looked at it"],
)  # fmt: skip
def test_a_version_is_not_well_since_it_last_succeeded_or_since_it_was_made(
    names: tuple[str, ...], hours_after_it_was_made: int, failure: str | None, tmp_path: Path
) -> None:
    history = phases(*names)
    script = server(one("ClusterServiceVersion", **(history[-1] | {"conditions": history} if history else {})))
    (row,) = read(script, tmp_path, operators.versions)
    (source,) = read(server(one("CatalogSource")), tmp_path, operators.catalog_sources)
    assert (row["failure"], row["phase"]) == (failure, names[-1] if names else None)
    assert (source["age_s"] - row["since_s"]) / 3600 == pytest.approx(hours_after_it_was_made, abs=0.1)


def test_copies_of_a_version_are_not_asked_for(tmp_path: Path) -> None:
    """There may be one in each namespace."""
    listed = one("ClusterServiceVersion", phase="Succeeded")

    def answer(asked: Asked) -> Answer:
        return (
            listed
            if asked.query.get("labelSelector") == "!olm.copiedFrom"
            else refusal(400, "BadRequest", "all of them")
        )

    (row,) = read(answer, tmp_path, operators.versions)
    assert row["version"] == "etcd"


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
