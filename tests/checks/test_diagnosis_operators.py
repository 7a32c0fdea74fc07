"""Operators under the Operator Lifecycle Manager: what is wrong with them, what is a moment, and what is a decision."""

from __future__ import annotations

from typing import Any

import pytest

from gocoffee_ops.model import Status
from gocoffee_ops.queries import controllers, operators, pods
from tests.checks.diagnosis_tables import (
    CATALOG,
    CATALOG_SOURCE,
    CONTROLLER,
    CRASHING,
    CRIT,
    EXTENSION,
    OK,
    OPERATOR_GROUP,
    PLAN,
    SUBSCRIPTION,
    UNKNOWN,
    UNREADY,
    VERSION,
    WARN,
    Rows,
    judged,
    wrong,
)

YOUNG = {"since_s": 5.0}
FAILS = {"failure": "InstallComponentFailed: forbidden"}
UNHEALTHY = {
    "phase": "Failed",
    "reason": "ComponentUnhealthy",
    "said": "ComponentUnhealthy: waiting for deployment web",
}
WAITING = PLAN | {"approval": "Manual", "approved": False, "phase": "RequiresApproval", "versions": ("etcd.v2",)}
MANUAL = SUBSCRIPTION | {"approval": "Manual", "state": "UpgradePending", "current": "etcd.v2"}
GONE: dict[str, Any] = {"faults": ("InstallPlanMissing: ReferencedInstallPlanNotFound",), "faulty_s": 9_999.0}
NO_CATALOG = {
    "faults": ("CatalogSourcesUnhealthy: UnhealthyCatalogSourceFound",),
    "faulty_s": 9_999.0,
    "unhealthy_catalogs": True,
}
NOBODY = "nobody has looked at it"


@pytest.mark.parametrize(
    ("status", "subject", "says", "rows"),
    [
        (CRIT, "clusterserviceversion/etcd.v1", "failed: ComponentUnhealthy", {operators.versions: [VERSION | UNHEALTHY]}),
        (WARN, "clusterserviceversion/etcd.v1", "is Pending, and not well for 2 h 46 min: Req", {operators.versions: [
            VERSION | {"phase": "Pending", "reason": "RequirementsNotMet", "said": "RequirementsNotMet"}]}),
        (CRIT, "clusterserviceversion/etcd.v1", "NeedsReinstall; it failed before: InstallComponentFailed: forbidden", {
            operators.versions: [VERSION | {"phase": "Pending", "reason": "NeedsReinstall", "said": "NeedsReinstall"} | FAILS]}),
        (CRIT, "clusterserviceversion/etcd.v1", "failed: InstallComponentFailed: forbidden", {operators.versions: [
            VERSION | {"phase": "Failed", "reason": "InstallComponentFailed", "deployments": ("web", "gone")} | FAILS
            | {"said": "InstallComponentFailed: forbidden"} | YOUNG]}),
        (WARN, "clusterserviceversion/etcd.v1", NOBODY, {operators.versions: [VERSION | {"phase": None}]}),
        (UNKNOWN, "clusterserviceversion/etcd.v1", "its phase is Unknown", {operators.versions: [VERSION | {"phase": "Unknown"}]}),
        (UNKNOWN, "clusterserviceversion/etcd.v1", "its phase is Dancing", {operators.versions: [VERSION | {"phase": "Dancing"}]}),
        (WARN, "subscription/etcd", NOBODY, {operators.subscriptions: [SUBSCRIPTION | {"state": None}]}),
        (WARN, "subscription/etcd", "UpgradeFailed", {operators.subscriptions: [SUBSCRIPTION | {"state": "UpgradeFailed"}]}),
        (WARN, "subscription/etcd", "no operator found", {operators.subscriptions: [SUBSCRIPTION | {
            "faults": ("ResolutionFailed: ConstraintsNotSatisfiable: no operator found",), "faulty_s": 9_999.0}]}),
        (WARN, "subscription/etcd", "for 2 h 46 min: etcd.v1 is installed, which is next is not said", {
            operators.subscriptions: [SUBSCRIPTION | {"state": "UpgradeAvailable"}]}),
        (WARN, "subscription/etcd", "for 2 h 46 min: nothing is installed, etcd.v1 is next", {
            operators.subscriptions: [SUBSCRIPTION | {"state": "UpgradePending", "installed": None}]}),
        (WARN, "subscription/etcd", "is not kept up to date: InstallPlanMissing", {operators.subscriptions: [
            SUBSCRIPTION | GONE | {"state": "UpgradePending", "current": "etcd.v2"}]}),
        (WARN, "subscription/etcd", "is not kept up to date: ResolutionFailed: x", {operators.subscriptions: [
            SUBSCRIPTION | GONE | {"faults": (*GONE["faults"], "ResolutionFailed: x")}]}),
        (WARN, "installplan/install-a", "Installing for 2 h 46 min", {operators.install_plans: [PLAN | {"phase": "Installing"}]}),
        (WARN, "installplan/install-a", NOBODY, {operators.install_plans: [PLAN | {"phase": None}]}),
        (WARN, "installplan/install-a", "RequiresApproval", {operators.install_plans: [WAITING | {"approved": True}]}),
        (WARN, "catalogsource/hub", "nobody has connected", {operators.catalog_sources: [CATALOG_SOURCE | {"state": None}]}),
        (WARN, "catalogsource/hub", "SpecInvalidError", {operators.catalog_sources: [
            CATALOG_SOURCE | {"said": "SpecInvalidError: image and address unset", "age_s": 5.0}]}),
        (WARN, "catalogsource/hub", "its connection is TRANSIENT_FAILURE, for 40.0 s", {operators.catalog_sources: [
            CATALOG_SOURCE | {"state": "TRANSIENT_FAILURE", "state_s": 40.0}]}),
        (WARN, "catalogsource/hub", "its connection is SHUTDOWN, and nothing says since when", {operators.catalog_sources: [
            CATALOG_SOURCE | {"state": "SHUTDOWN", "state_s": None}]}),
        (UNKNOWN, "catalogsource/hub", "cannot be told: its connection is CONNECTING, for 5.0 s", {operators.catalog_sources: [
            CATALOG_SOURCE | {"state": "CONNECTING", "state_s": 5.0}]}),
        (UNKNOWN, "catalogsource/hub", "cannot be told: its connection is IDLE, for 5.0 s", {operators.catalog_sources: [
            CATALOG_SOURCE | {"state": "IDLE", "state_s": 5.0}]}),
        (WARN, "clustercatalog/hub", f"is not served: {NOBODY}; does not get on: {NOBODY}", {operators.catalogs: [
            CATALOG | {"serving": None, "progress": None, "resolved": None}]}),
        (WARN, "clustercatalog/hub", "no image is named", {operators.catalogs: [CATALOG | {"resolved": ""}]}),
        (CRIT, "clusterextension/argo", "is not installed", {operators.extensions: [EXTENSION | {"installed": None}]}),
        (WARN, "clusterextension/argo", "Blocked: no", {operators.extensions: [
            EXTENSION | {"progress": "Blocked", "progress_reason": "Blocked: no", "progress_since_s": 5.0}]}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_object(status: Status, subject: str, says: str, rows: Rows) -> None:
    found = [one for one in judged(rows) if one.status is not OK]
    assert wrong(found) == [(status, "operators_work", subject)]
    assert says in found[0].reason


@pytest.mark.parametrize(
    "rows",
    [
        {operators.versions: [VERSION | {"phase": "Installing"} | YOUNG]},
        {operators.versions: [VERSION | UNHEALTHY | YOUNG]},
        {operators.versions: [VERSION | {"phase": "Installing"} | FAILS | YOUNG]},
        {operators.versions: [VERSION | {"phase": "Unknown"} | YOUNG]},
        {operators.subscriptions: [SUBSCRIPTION | {"state": "UpgradePending", "state_since_s": 5.0}]},
        {operators.subscriptions: [SUBSCRIPTION | {"faults": ("ResolutionFailed: x",), "faulty_s": 5.0}]},
        {operators.subscriptions: [SUBSCRIPTION | GONE], operators.install_plans: []},
        {operators.install_plans: [PLAN, PLAN | {"plan": "install-old", "phase": "Failed"}]},
        {operators.install_plans: [PLAN | {"phase": "Installing"} | YOUNG]},
        {operators.install_plans: [WAITING], operators.subscriptions: [MANUAL]},
        {operators.catalog_sources: [CATALOG_SOURCE | {"state": "IDLE"}]},
        {operators.catalog_sources: [CATALOG_SOURCE | {"state": "TRANSIENT_FAILURE", "state_s": 5.0, "age_s": 60.0}]},
        {operators.groups: [OPERATOR_GROUP, OPERATOR_GROUP | {"namespace": "other"}]},
        {operators.catalogs: [CATALOG | {"wanted": False, "serving": False, "resolved": None}]},
        {operators.catalogs: [CATALOG | {"image": "localhost:5000/a__b/c-d:v1@sha512:" + "0a" * 64}]},
        {operators.catalogs: [CATALOG | {"serving": None, "serving_since_s": 5.0, "progress": None, "progress_since_s": 5.0}]},
        {operators.extensions: [EXTENSION | {"upgrade_policy": None}]},
        {operators.extensions: [EXTENSION | {"installed": False, "installed_since_s": 5.0}]},
        {one: [] for one in (
            operators.versions, operators.subscriptions, operators.install_plans, operators.catalog_sources, operators.groups,
            operators.catalogs, operators.extensions)},
    ],
    ids=[
        "a version that is being installed", "a component that has just become unhealthy",
        "a second attempt", "a phase that is not known yet",
        "an upgrade that has just begun", "a resolution that has just failed", "a plan that did its work and is gone",
        "a plan before the one that is had",
        "a plan that is being carried out", "a plan that waits for approval", "an idle connection",
        "a catalog that was just made and is not up yet",
        "a group in each namespace", "a catalog that is switched off", "an image of a port and a digest",
        "a catalog that was just made", "the catalog's own policy", "an extension that was just made", "no such API",
    ],
)  # fmt: skip
def test_a_moment_and_a_decision_are_no_finding(rows: Rows) -> None:
    assert wrong(judged(rows)) == []


def test_a_plan_that_waits_for_approval_is_said_to_be_a_decision() -> None:
    (said,) = [one for one in judged({operators.install_plans: [WAITING]}) if one.check == "operators_work"]
    assert said.status is OK
    assert said.reason.endswith("; waiting for approval, which is a decision: installplan/install-a (etcd.v2)")


@pytest.mark.parametrize(
    ("at", "effects", "rows"),
    [
        (("workloads_run", "deployment/web"), ("clusterserviceversion/etcd.v1 (Failed)", "subscription/etcd (not up to date)"), {
            operators.versions: [VERSION | UNHEALTHY], operators.subscriptions: [SUBSCRIPTION | {"state": "UpgradePending"}],
            pods.states: [UNREADY], pods.containers: [CRASHING], controllers.deployments: [CONTROLLER | {"ready": 0}]}),
        (("workloads_run", "catalogsource/hub"), ("catalogsource/hub (not reached)", "subscription/etcd (not up to date)"), {
            operators.catalog_sources: [CATALOG_SOURCE | {"state": "CONNECTING"}],
            operators.subscriptions: [SUBSCRIPTION | NO_CATALOG],
            pods.states: [UNREADY | {"pod": "hub-1", "owner": "catalogsource/hub"}], controllers.deployments: [],
            pods.containers: [CRASHING | {"pod": "hub-1", "owner": "catalogsource/hub"}]}),
        (("operators_work", "operatorgroup/all"), ("clusterserviceversion/etcd.v1 (Failed)",), {
            operators.groups: [OPERATOR_GROUP, OPERATOR_GROUP | {"operator_group": "mine"}],
            operators.versions: [VERSION | {"phase": "Failed", "reason": "TooManyOperatorGroups", "said": "TooMany"}]}),
        (("operators_work", "installplan/install-a"), ("subscription/etcd (not up to date)",), {
            operators.install_plans: [PLAN | {"phase": "Failed", "said": "InstallComponentFailed"}],
            operators.subscriptions: [SUBSCRIPTION | {
                "state": "UpgradePending", "faults": ("InstallPlanFailed: x",), "faulty_s": 9_999.0}]}),
    ],
    ids=["its Deployment is down", "its catalog's pod is down", "two groups", "its plan failed"],
)  # fmt: skip
def test_what_comes_from_a_cause_that_was_read_is_named_by_it(
    at: tuple[str, str], effects: tuple[str, ...], rows: Rows
) -> None:
    found = [one for one in judged(rows) if one.status is not OK and one.check != "services_answered"]
    assert wrong(found) == [(CRIT if "installplan" not in at[1] else WARN, *at)]
    assert [text for text in effects if text not in found[0].reason] == []


@pytest.mark.parametrize(
    "query", [operators.versions, operators.subscriptions, operators.catalogs], ids=lambda one: one.name
)
def test_a_kind_that_was_not_read_is_unknown_and_the_others_are_judged(query: Any) -> None:
    found = judged({operators.groups: [OPERATOR_GROUP, OPERATOR_GROUP | {"operator_group": "b"}]}, missing=(query,))
    assert wrong(found) == [(WARN, "operators_work", "operatorgroup/all"), (UNKNOWN, "operators_work", "operators")]
    assert any(one.reason.endswith(f"{query.name} could not be read") for one in found)


def test_without_the_subscriptions_a_plan_that_failed_may_be_history_and_one_that_does_not_get_on_is_told() -> None:
    plans = [PLAN | {"phase": "Installing"}, PLAN | {"plan": "install-old", "phase": "Failed"}]
    found = judged({operators.install_plans: plans}, missing=(operators.subscriptions,))
    assert wrong(found) == [(WARN, "operators_work", "installplan/install-a"), (UNKNOWN, "operators_work", "operators")]
