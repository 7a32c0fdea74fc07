"""What other tools look for and cannot be: a real API server refuses each such object, and takes the same one made right."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.checks.peers import peers
from tests.diagnosis.stage import Json, cronjob, ingress
from tests.testbed.control_plane import Cluster

CRONJOBS = "/apis/batch/v1/namespaces/{}/cronjobs"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/{}/ingresses"


def _ingress(name: str, port: Json) -> Json:
    found = ingress(name, "web")
    found["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"] = {"name": "web", **port}
    return found


def _cronjob(name: str, deadline: int) -> Json:
    return cronjob(name, startingDeadlineSeconds=deadline)


# Where it is created, what makes it wrong and right, and the field that is complained of.
REFUSED: dict[str, tuple[str, Callable[[], Json], Callable[[], Json], str]] = {
    "ingress without port": (
        INGRESSES,
        lambda: _ingress("wrong", {"port": {}}),
        lambda: _ingress("right", {"port": {"number": 80}}),
        "spec.rules[0].http.paths[0].backend",
    ),
    "cronjob with a deadline below 0": (
        CRONJOBS,
        lambda: _cronjob("wrong", -1),
        lambda: _cronjob("right", 0),
        "spec.startingDeadlineSeconds",
    ),
}


def test_all_that_cannot_be_is_tried() -> None:
    assert {row.refused for peer in peers() for row in peer.rows if row.refused} == set(REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_a_real_api_server_refuses_it(name: str, cluster: Cluster, namespace: str) -> None:
    path, wrong, right, of = REFUSED[name]
    answer = cluster.api("admin").request("POST", path.format(namespace), wrong())
    assert answer.status == 422, answer.text
    causes = answer.json()["details"]["causes"]
    assert all(cause["field"].startswith(of) for cause in causes), causes
    assert cluster.api("admin").request("POST", path.format(namespace), right()).status == 201
