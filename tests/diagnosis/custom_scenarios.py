"""Custom resources that the environment names, of a kind that has no controller."""

from __future__ import annotations

from gocoffee_ops.model import Status
from tests.diagnosis.operator_scenarios import condition
from tests.diagnosis.scenario import Scenario, collected
from tests.diagnosis.stage import Json, Stage, meta

UNKNOWN, WARN = Status.UNKNOWN, Status.WARN
NAMED = ("widgets.example.com", "gadgets.example.com")  # the second is known to no server

SCENARIOS: list[Scenario] = []
scenario = collected(SCENARIOS)


def widget(stage: Stage, name: str, status: Json | None = None, *finalizers: str) -> None:
    stage.create(
        {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": meta(name, finalizers=list(finalizers))}
    )
    if status:
        stage.status(f"/apis/example.com/v1/namespaces/{stage.namespace}/widgets/{name}", status)


@scenario(
    (WARN, "custom_resources_well", "widget.example.com/held"), (WARN, "custom_resources_well", "widget.example.com/unready"),
    (WARN, "custom_resources_well", "widget.example.com/broken"), (UNKNOWN, "custom_resources_well", "crd/gadgets.example.com"),
    says=(
        "is stuck in deletion for", "example.com/hold", "Ready is False: NoDisk: it is full", "its phase is Failed",
        "its health is Degraded", "the server does not know gadgets.example.com (example.com/v1 has no gadgets)",
    ),
)  # fmt: skip
def custom_resources_that_are_not_well(stage: Stage) -> None:
    widget(stage, "held", None, "example.com/hold")
    stage.cluster.kubectl("delete", "widget", "held", "-n", stage.namespace, "--wait=false")
    widget(stage, "unready", {"conditions": [condition("Ready", "False", "NoDisk", "it is full")]})
    widget(stage, "broken", {"phase": "Failed", "health": {"status": "Degraded"}})


@scenario()
def custom_resources_that_are_well(stage: Stage) -> None:
    """One of them without a status, and one whose status says nothing that is known."""
    widget(
        stage,
        "ready",
        {"conditions": [condition("Ready", "True", "")], "phase": "Bound", "health": {"status": "Healthy"}},
    )
    widget(stage, "new")
    widget(stage, "odd", {"phase": 3, "health": ["red"]})
