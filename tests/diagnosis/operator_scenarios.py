"""Operators under the Operator Lifecycle Manager, which no testbed runs: real resources, with the status that it would write."""

from __future__ import annotations

from typing import Any

from gocoffee_ops.model import Status
from tests.diagnosis.scenario import Scenario, collected
from tests.diagnosis.stage import Json, Stage, deployment, meta, stamp

CRIT, WARN = Status.CRIT, Status.WARN
FIRST, GROUPS, SECOND = (
    "operators.coreos.com/v1alpha1",
    "operators.coreos.com/v1",
    "olm.operatorframework.io/v1",
)
PLURALS = {
    "ClusterServiceVersion": "clusterserviceversions", "Subscription": "subscriptions", "InstallPlan": "installplans",
    "CatalogSource": "catalogsources", "ClusterCatalog": "clustercatalogs", "ClusterExtension": "clusterextensions",
}  # fmt: skip
DIGEST = f"@sha256:{'0a' * 32}"

SCENARIOS: list[Scenario] = []
scenario = collected(SCENARIOS)


def condition(kind: str, status: str, reason: str, message: str = "") -> Json:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": stamp()}


def has(stage: Stage, kind: str, name: str, spec: Json, status: Json, *, api: str = FIRST, **more: Any) -> None:
    """Make an object, and say of it what its controller would."""
    stage.create({"apiVersion": api, "kind": kind, "metadata": meta(name, **more), "spec": spec})
    where = f"namespaces/{stage.namespace}/" if api == FIRST else ""
    stage.status(f"/apis/{api}/{where}{PLURALS[kind]}/{name}", status)


def group(stage: Stage, *names: str) -> None:
    stage.create(
        *({"apiVersion": GROUPS, "kind": "OperatorGroup", "metadata": meta(name), "spec": {}} for name in names)
    )


def version(stage: Stage, name: str, phase: str, reason: str, message: str = "", of: str = "", **more: Any) -> None:
    made_of = [{"name": of, "spec": {}}] if of else []
    spec = {
        "displayName": name,
        "install": {"strategy": "deployment", "spec": {"deployments": made_of}},
    }
    said = {"phase": phase, "reason": reason, "message": message, "lastTransitionTime": stamp()}
    has(stage, "ClusterServiceVersion", name, spec, said, **more)


def subscription(
    stage: Stage,
    name: str,
    state: str,
    *conditions: Json,
    plan: str = "",
    current: str = "",
    approval: str = "Automatic",
) -> None:
    spec = {"name": name, "source": "hub", "sourceNamespace": stage.namespace, "installPlanApproval": approval}
    said: Json = {"state": state, "lastUpdated": stamp(), "conditions": list(conditions), "currentCSV": current}
    if plan:
        said |= {"installPlanRef": {"name": plan, "namespace": stage.namespace}}
    has(stage, "Subscription", name, spec, said)


def plan(stage: Stage, name: str, installs: str, phase: str, *conditions: Json, approved: bool = True) -> None:
    approval = "Automatic" if approved else "Manual"
    spec = {"clusterServiceVersionNames": [installs], "approval": approval, "approved": approved}
    has(stage, "InstallPlan", name, spec, {"phase": phase, "catalogSources": [], "conditions": list(conditions)})


def source(stage: Stage, state: str) -> None:
    spec = {"sourceType": "grpc", "image": "registry.example/hub:latest"}
    has(stage, "CatalogSource", "hub", spec, {"connectionState": {"lastObservedState": state, "lastConnect": stamp()}})


def catalog(stage: Stage, name: str, *conditions: Json, mode: str = "Available") -> None:
    image = {"type": "Image", "image": {"ref": "registry.example/hub:latest"}}
    read = {"type": "Image", "image": {"ref": f"registry.example/hub{DIGEST}"}}
    said: Json = {"conditions": list(conditions)} | ({"resolvedSource": read} if mode == "Available" else {})
    has(stage, "ClusterCatalog", name, {"source": image, "availabilityMode": mode}, said, api=SECOND)


def extension(stage: Stage, name: str, *conditions: Json) -> None:
    spec = {
        "namespace": stage.namespace,
        "serviceAccount": {"name": "default"},
        "source": {"sourceType": "Catalog", "catalog": {"packageName": name}},
    }
    has(stage, "ClusterExtension", name, spec, {"conditions": list(conditions)}, api=SECOND)


@scenario(
    (CRIT, "operators_work", "operatorgroup/first"), (CRIT, "workloads_run", "deployment/down"),
    (CRIT, "operators_work", "clusterserviceversion/alone.v1"), (WARN, "operators_work", "catalogsource/hub"),
    (WARN, "operators_work", "installplan/install-new"), (WARN, "operators_work", "subscription/stale"),
    (WARN, "operators_work", "clustercatalog/broken"), (CRIT, "operators_work", "clusterextension/absent"),
    says=(
        "one of 2 in its namespace (first, second)", "clusterserviceversion/grouped.v1 (Failed)",
        "image not found: registry.example/down:1.0", "clusterserviceversion/down.v1 (Failed)",
        "subscription/down (not up to date)",
        "failed: UnsupportedOperatorGroup: AllNamespaces is not supported", "its connection is TRANSIENT_FAILURE",
        "subscription/lost (not up to date)", "failed to install new.v2: InstallComponentFailed: forbidden",
        "subscription/planned (not up to date)", "operator stale is UpgradeAvailable",
        "is not served: Unavailable: no contents; does not get on: Retrying: manifest unknown",
        "is not installed: Failed: no bundle found; does not get on: Blocked: not permitted",
    ),
)  # fmt: skip
def operators_that_are_not_well(stage: Stage) -> None:
    group(stage, "first", "second")
    version(
        stage, "grouped.v1", "Failed", "TooManyOperatorGroups", "csv created in namespace with multiple operatorgroups"
    )
    stage.create(deployment("down", kubelet="image-pull-back-off"))
    stage.started("down", 1)
    version(stage, "down.v1", "Failed", "ComponentUnhealthy", "installing: waiting for deployment down", of="down")
    subscription(stage, "down", "UpgradePending", current="down.v1")
    version(stage, "alone.v1", "Failed", "UnsupportedOperatorGroup", "AllNamespaces is not supported")
    source(stage, "TRANSIENT_FAILURE")
    subscription(stage, "lost", "", condition("CatalogSourcesUnhealthy", "True", "UnhealthyCatalogSourceFound"))
    plan(
        stage, "install-new", "new.v2", "Failed", condition("Installed", "False", "InstallComponentFailed", "forbidden")
    )
    failed = condition("InstallPlanFailed", "True", "InstallComponentFailed", "forbidden")
    subscription(stage, "planned", "UpgradePending", failed, plan="install-new", current="new.v2")
    subscription(stage, "stale", "UpgradeAvailable", current="stale.v2")
    catalog(
        stage, "broken",
        condition("Serving", "False", "Unavailable", "no contents"),
        condition("Progressing", "True", "Retrying", "manifest unknown"),
    )  # fmt: skip
    extension(
        stage, "absent",
        condition("Installed", "False", "Failed", "no bundle found"), condition("Progressing", "False", "Blocked", "not permitted"),
    )  # fmt: skip


@scenario()
def operators_that_are_well(stage: Stage) -> None:
    """With a copy of a version that failed, an old plan that failed, a plan that waits for approval, and a catalog switched off."""
    group(stage, "all")
    stage.create(deployment("runs"))
    stage.condition("deployment", "runs", "Available", "True")
    version(stage, "runs.v1", "Succeeded", "InstallSucceeded", of="runs")
    version(stage, "copy.v1", "Failed", "Copied", labels={"olm.copiedFrom": "elsewhere"})
    source(stage, "READY")
    plan(stage, "install-old", "runs.v0", "Failed", condition("Installed", "False", "InstallComponentFailed"))
    plan(stage, "install-runs", "runs.v1", "Complete", condition("Installed", "True", ""))
    subscription(stage, "runs", "AtLatestKnown", plan="install-runs", current="runs.v1")
    plan(stage, "install-held", "held.v2", "RequiresApproval", approved=False)
    waits = condition("InstallPlanPending", "True", "RequiresApproval")
    subscription(stage, "held", "UpgradePending", waits, plan="install-held", current="held.v2", approval="Manual")
    progresses = condition("Progressing", "True", "Succeeded")
    catalog(stage, "served", condition("Serving", "True", "Available"), progresses)
    catalog(stage, "off", condition("Serving", "False", "UserSpecifiedUnavailable"), progresses, mode="Unavailable")
    extension(stage, "present", condition("Installed", "True", "Succeeded"), progresses)
