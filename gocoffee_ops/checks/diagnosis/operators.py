"""Operators that are not installed or cannot be upgraded, and catalogs that nobody reaches."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gocoffee_ops.checks.diagnosis.network import service_at
from gocoffee_ops.checks.diagnosis.problem import (
    OPERATORS,
    SERVICES,
    WORKLOADS,
    Cause,
    Picture,
    Problem,
    Ref,
    Row,
    short,
)
from gocoffee_ops.checks.grading import seconds
from gocoffee_ops.model import Status

VERSIONS, SUBSCRIPTIONS, PLANS = "operators.versions", "operators.subscriptions", "operators.install_plans"
SOURCES, GROUPS = "operators.catalog_sources", "operators.groups"
CATALOGS, EXTENSIONS = "operators.catalogs", "operators.extensions"
DEPLOYMENTS = "controllers.deployments"
TABLES = (VERSIONS, SUBSCRIPTIONS, PLANS, SOURCES, GROUPS, CATALOGS, EXTENSIONS)

MOMENTS = ("Pending", "InstallReady", "Installing", "Replacing", "Deleting")  # phases that a version goes through
OF_COMPONENTS = {
    "ComponentUnhealthy",
    "InstallComponentFailed",
    "InstallCheckFailed",
    "InstallWaiting",
    "NeedsReinstall",
}
OF_GROUPS = {"TooManyOperatorGroups"}
CONNECTED = "READY"
BETWEEN = ("IDLE", "CONNECTING")  # of a connection that is well and of one that is tried for ever, for a moment each
BLOCKED = "Blocked"  # nothing is tried any more
POLICIES = ("CatalogProvided", "SelfCertified")
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?"
_PATH = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
DIGEST = r"@[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}"
IMAGE = re.compile(rf"(?:{_HOST}/)?{_PATH}(?:/{_PATH})*(?::\w[\w.-]{{0,127}})?(?:{DIGEST})?")


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with what the Operator Lifecycle Manager has: CRIT where an operator is not there, else WARN."""
    yield from _sources(picture)
    yield from _groups(picture)
    yield from _versions(picture)
    yield from _plans(picture)
    yield from _subscriptions(picture)
    yield from _catalogs(picture)
    yield from _extensions(picture)


def waits_for_approval(row: Row) -> str:
    """An install plan that somebody has to approve, which is a decision and no fault; "" for every other row.

    >>> waits_for_approval({"plan": "install-x", "phase": "RequiresApproval", "approved": False, "versions": ("etcd.v1",)})
    'installplan/install-x (etcd.v1)'
    """
    if row.get("phase") != "RequiresApproval" or row.get("approved"):
        return ""
    return f"installplan/{row['plan']} ({', '.join(row['versions']) or 'nothing named'})"


def _late(since_s: float, picture: Picture) -> bool:
    return since_s >= picture.thresholds.stuck_s


def _sources(picture: Picture) -> Iterator[Problem]:
    for row in picture.rows(SOURCES):
        at, told = Ref(row["namespace"], f"catalogsource/{row['catalog_source']}"), _connection(row, picture)
        status, reason = (Status.WARN, f"is not right: {short(row['said'])}") if row["said"] else told
        if status is None:
            continue
        server = (Cause(WORKLOADS, at), Cause(SERVICES, service_at(*at._replace(subject=row["catalog_source"]))))
        yield Problem(OPERATORS, status, at, reason, (SOURCES,), (server,), f"{at.subject} (not reached)")


def _connection(row: Row, picture: Picture) -> tuple[Status | None, str]:
    """By the age of the source: of a catalog that is down for good, the state changes with every attempt."""
    state, tried = row["state"], row["state_s"]
    since = f"for {seconds(tried)}" if tried is not None else "and nothing says since when"
    if state == CONNECTED or not _late(row["age_s"], picture):
        return None, ""
    if state is None:
        return Status.WARN, f"is not reached: nobody has connected to it, for {seconds(row['age_s'])}"
    if state in BETWEEN and (tried is None or not _late(tried, picture)):
        return Status.UNKNOWN, f"whether it is reached cannot be told: its connection is {state}, {since}"
    if state == "IDLE":
        return None, ""  # nobody has asked it for long; the next question makes the connection anew
    return Status.WARN, f"is not reached: its connection is {state}, {since}"


def _groups(picture: Picture) -> Iterator[Problem]:
    found: dict[str, list[str]] = {}
    for row in picture.rows(GROUPS):
        found.setdefault(row["namespace"], []).append(row["operator_group"])
    for namespace, names in found.items():
        if len(names) > 1:
            reason = (
                f"is one of {len(names)} in its namespace ({', '.join(sorted(names))}), which may have one: "
                "no operator is installed there"
            )
            yield Problem(OPERATORS, Status.WARN, _group(namespace, names), reason, (GROUPS,))


def _group(namespace: str, names: list[str]) -> Ref:
    return Ref(namespace, f"operatorgroup/{min(names)}")


def _version(namespace: str, name: str) -> Ref:
    return Ref(namespace, f"clusterserviceversion/{name}")


def _versions(picture: Picture) -> Iterator[Problem]:
    groups: dict[str, list[str]] = {}
    for row in picture.rows(GROUPS):
        groups.setdefault(row["namespace"], []).append(row["operator_group"])
    for row in picture.rows(VERSIONS):
        at, status = _version(row["namespace"], row["version"]), _status_of_version(row, picture)
        if status is None:
            continue
        because: list[Cause] = []
        if row["reason"] in OF_COMPONENTS:
            because += [Cause(WORKLOADS, Ref(row["namespace"], f"deployment/{one}")) for one in row["deployments"]]
        if row["reason"] in OF_GROUPS and row["namespace"] in groups:
            because.append(Cause(OPERATORS, _group(row["namespace"], groups[row["namespace"]])))
        phase, said = row["phase"], short(row["said"] or "nothing says why")
        if phase is None:
            reason = f"nobody has looked at it for {seconds(row['since_s'])}"
        elif phase == "Failed":
            reason = f"failed: {said}"
        elif phase in MOMENTS:
            reason = f"is {phase}, and not well for {seconds(row['since_s'])}: {said}"
        else:
            reason = f"whether it is installed cannot be told: its phase is {phase}: {said}"
        if row["failure"] and phase != "Failed":
            reason += f"; it failed before: {short(row['failure'])}"
        tables = (VERSIONS, DEPLOYMENTS) if because else (VERSIONS,)
        effect = f"{at.subject} ({phase or 'not looked at'})"
        yield Problem(OPERATORS, status, at, reason, tables, (tuple(because),) if because else (), effect)


def _status_of_version(row: Row, picture: Picture) -> Status | None:
    """None where it is well, or on its way; a component that is not healthy may become so by itself."""
    phase, late = row["phase"], _late(row["since_s"], picture)
    if phase == "Succeeded":
        return None
    if phase == "Failed" and (row["reason"] not in OF_COMPONENTS or _not_made(row, picture)):
        return Status.CRIT
    if not late:
        return None
    if phase == "Failed" or (phase in MOMENTS and row["failure"]):
        return Status.CRIT
    return Status.WARN if phase is None or phase in MOMENTS else Status.UNKNOWN


def _not_made(row: Row, picture: Picture) -> bool:
    """Whether one of its Deployments is not there, which is no component that may become healthy by itself."""
    of = [Ref(row["namespace"], f"deployment/{one}") for one in row["deployments"]]
    return picture.has(DEPLOYMENTS) and any(one not in picture.controllers for one in of)


def _plan(namespace: str, name: str) -> Ref:
    return Ref(namespace, f"installplan/{name}")


def _plans(picture: Picture) -> Iterator[Problem]:
    """Of plans that a subscription has; those before it are history, which without the subscriptions cannot be told."""
    rows = picture.rows(SUBSCRIPTIONS)
    had = {_plan(row["namespace"], row["plan"]) for row in rows if row["plan"]}
    for row in picture.rows(PLANS):
        at, phase = _plan(row["namespace"], row["plan"]), row["phase"]
        history = at not in had if picture.has(SUBSCRIPTIONS) else phase == "Failed"
        if history or phase == "Complete" or waits_for_approval(row):
            continue
        what = ", ".join(row["versions"]) or "nothing named"
        said = short(row["said"] or "nothing says why")
        if phase == "Failed":
            reason = f"failed to install {what}: {said}"
        elif _late(row["since_s"], picture):
            reason = f"does not get on with {what}: {phase or 'nobody has looked at it'} for {seconds(row['since_s'])}"
        else:
            continue
        yield Problem(OPERATORS, Status.WARN, at, reason, (PLANS, SUBSCRIPTIONS), effect=f"{at.subject} (not complete)")


def _subscriptions(picture: Picture) -> Iterator[Problem]:
    waiting = {_plan(row["namespace"], row["plan"]) for row in picture.rows(PLANS) if waits_for_approval(row)}
    for row in picture.rows(SUBSCRIPTIONS):
        at, state, space = Ref(row["namespace"], f"subscription/{row['subscription']}"), row["state"], row["namespace"]
        of = f"operator {row['package']}"
        undecided = row["plan"] and (
            _plan(space, row["plan"]) in waiting or (row["approval"] == "Manual" and not picture.has(PLANS))
        )
        faults = _faults(row)
        if faults and _late(row["faulty_s"], picture):
            reason = f"{of} is not kept up to date: {'; '.join(map(short, faults))}"
        elif state == "UpgradeFailed":
            reason = f"{of} was not upgraded to {row['current'] or 'what is newest'}: UpgradeFailed"
        elif state == "AtLatestKnown" or undecided or not _late(row["state_since_s"], picture):
            continue
        elif state is None:
            reason = f"nobody has looked at it for {seconds(row['state_since_s'])}, so that {of} is not kept up to date"
        else:
            reason = f"{of} is {state} for {seconds(row['state_since_s'])}: {_versions_of(row)}"
        because = [Cause(OPERATORS, _plan(space, row["plan"]))] if row["plan"] else []
        because += [Cause(OPERATORS, _version(space, name)) for name in (row["current"], row["installed"]) if name]
        if row["unhealthy_catalogs"]:
            source = Ref(row["source_namespace"], f"catalogsource/{row['source']}")
            because.append(Cause(OPERATORS, source))
        yield Problem(
            OPERATORS,
            Status.WARN,
            at,
            reason,
            (SUBSCRIPTIONS, PLANS),
            (tuple(because),),
            f"{at.subject} (not up to date)",
        )


def _versions_of(row: Row) -> str:
    installed, current = row["installed"], row["current"]
    if not installed:
        return f"nothing is installed, {current or 'nothing'} is next"
    return f"{installed} is installed, " + (
        f"{current} is next" if current and current != installed else "which is next is not said"
    )


def _faults(row: Row) -> list[str]:
    """Without that of an install plan which is gone, where it did what it had to: old plans are cleared away."""
    done = row["state"] == "AtLatestKnown" and row["installed"] and row["installed"] == row["current"]
    return [fault for fault in row["faults"] if not (done and fault.startswith("InstallPlanMissing"))]


def _catalogs(picture: Picture) -> Iterator[Problem]:
    for row in picture.rows(CATALOGS):
        if not row["wanted"]:
            continue
        at, said = Ref("", f"clustercatalog/{row['catalog']}"), []
        if row["image"] is not None and not IMAGE.fullmatch(row["image"]):
            said.append(f"{short(row['image'])!r} is no image")
        if row["resolved"] is not None and not re.search(rf"{DIGEST}$", row["resolved"]):
            said.append(f"what was read has no digest ({short(row['resolved']) or 'no image is named'})")
        if row["serving"] is not True and _late(row["serving_since_s"], picture):
            said.append(f"is not served: {short(row['serving_reason'] or 'nobody has looked at it')}")
        said += _stuck(row, picture)
        if said:
            yield Problem(OPERATORS, Status.WARN, at, "; ".join(said), (CATALOGS,))


def _stuck(row: Row, picture: Picture) -> list[str]:
    """What keeps a catalog or an extension from what it should be."""
    progress = row["progress"]
    if progress == "Succeeded" or not (progress == BLOCKED or _late(row["progress_since_s"], picture)):
        return []
    return [f"does not get on: {short(row['progress_reason'] or 'nobody has looked at it')}"]


def _extensions(picture: Picture) -> Iterator[Problem]:
    for row in picture.rows(EXTENSIONS):
        at, said = Ref("", f"clusterextension/{row['extension']}"), []
        missing = row["installed"] is not True and _late(row["installed_since_s"], picture)
        if row["source_type"] != "Catalog":
            said.append(f"its source is of type {row['source_type'] or 'none'}, and only Catalog is known")
        if row["upgrade_policy"] not in (None, *POLICIES):
            said.append(f"its upgrade policy {row['upgrade_policy']} is none of {', '.join(POLICIES)}")
        if missing:
            said.append(f"is not installed: {short(row['installed_reason'] or 'nobody has looked at it')}")
        said += _stuck(row, picture)
        if said:
            status = Status.CRIT if missing else Status.WARN
            yield Problem(OPERATORS, status, at, "; ".join(said), (EXTENSIONS,))
