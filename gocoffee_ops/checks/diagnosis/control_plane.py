"""Webhooks that nobody answers, policies that do not apply, APIs that are not available, namespaces that do not go away."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gocoffee_ops.checks.diagnosis.network import service_at
from gocoffee_ops.checks.diagnosis.problem import (
    ADMISSION_POLICIES,
    APIS,
    KEPT,
    NAMESPACES,
    PATCHED,
    SERVICES,
    WEBHOOKS,
    Cause,
    Picture,
    Problem,
    Ref,
    Row,
    short,
)
from gocoffee_ops.checks.grading import CLUSTER_UPDATE, days, seconds
from gocoffee_ops.model import Status

PATCHED_MONTHS = 14  # how long upstream patches a minor release: a year, and two months for security alone
PATCHED_S = 428 * 86_400.0  # so many months at their longest


def problems(picture: Picture) -> Iterator[Problem]:
    """What is wrong with what the API server asks of others, and with what it cannot finish."""
    yield from _webhooks(picture)
    yield from _admission_policies(picture)
    yield from _apis(picture)
    yield from _namespaces(picture)
    yield from _builds(picture)
    yield from _going_apis(picture)


def _webhooks(picture: Picture) -> Iterator[Problem]:
    hooks: dict[tuple[str, str, str], list[Row]] = {}
    for row in picture.rows("control_plane.webhooks"):
        nobody = row["service_exists"] is False or row["ready_endpoints"] == 0
        if row["service"] is not None and nobody:
            hooks.setdefault((row["configuration"], row["service_namespace"], row["service"]), []).append(row)
    for (configuration, namespace, service), rows in hooks.items():
        at = Ref("", configuration)
        fails = any(row["failure_policy"] == "Fail" for row in rows)
        gone = rows[0]["service_exists"] is False
        missing = "does not exist" if gone else "has no ready endpoint"
        covers = "; ".join(dict.fromkeys(text for row in rows for text in row["covers"]))
        what = f"requests are refused ({short(covers, 120)})" if fails else "requests pass unseen by it"
        yield Problem(
            WEBHOOKS,
            Status.CRIT if fails else Status.WARN,
            at,
            f"its service {namespace}/{service} {missing}: {what}",
            ("control_plane.webhooks",),
            () if gone else ((Cause(SERVICES, service_at(namespace, service)),),),
            effect=f"{at.subject} ({what})",
        )


def not_looked_at(picture: Picture) -> Iterator[str]:
    """Webhooks whose answer is nobody's in the cluster, and which no table tells of."""
    for webhook in picture.rows("control_plane.webhooks"):
        if webhook["service"] is None:
            yield f"{webhook['webhook']} (called by URL)"
        elif webhook["service_exists"] and webhook["ready_endpoints"] is None:
            yield f"{webhook['webhook']} (its Service points outside)"


def _admission_policies(picture: Picture) -> Iterator[Problem]:
    tables = ("control_plane.admission_policies",)
    warned: dict[str, Row] = {}
    for row in picture.rows(*tables):
        if not row["policy_exists"]:
            at = Ref("", f"validatingadmissionpolicybinding/{row['binding']}")
            reason = f"its policy {row['policy']} does not exist: nothing is checked by it"
            yield Problem(ADMISSION_POLICIES, Status.WARN, at, reason, tables)
        elif row["type_warnings"]:
            warned[row["policy"]] = row
    for policy, row in warned.items():
        at = Ref("", f"validatingadmissionpolicy/{policy}")
        reason = f"an expression does not fit what it is asked about: {'; '.join(map(short, row['type_warnings']))}"
        yield Problem(ADMISSION_POLICIES, Status.WARN, at, reason, tables)


def _apis(picture: Picture) -> Iterator[Problem]:
    for row in picture.rows("control_plane.api_services"):
        if row["available"]:
            continue
        at = Ref("", f"apiservice/{row['api_service']}")
        said = short(row["reason"] or "nothing says why")
        because = ((Cause(SERVICES, service_at(row["service_namespace"], row["service"])),),) if row["service"] else ()
        if row["available"] is None:
            reason = "does not say whether it is available"
            yield Problem(APIS, Status.UNKNOWN, at, reason, ("control_plane.api_services",), because)
            continue
        reason, effect = f"not available: {said}", f"{at.subject} (not available)"
        yield Problem(APIS, Status.CRIT, at, reason, ("control_plane.api_services",), because, effect)


def _namespaces(picture: Picture) -> Iterator[Problem]:
    for row in picture.rows("control_plane.namespaces"):
        overdue = row["deletion_overdue_s"]
        if row["phase"] != "Terminating" or overdue is None or overdue < picture.thresholds.stuck_s:
            continue
        at = Ref("", f"namespace/{row['namespace']}")
        said = "; ".join(short(text) for text in row["obstacles"]) or "its conditions do not say why"
        broken = [
            Cause(APIS, Ref("", f"apiservice/{one['api_service']}"))
            for one in picture.rows("control_plane.api_services")
            if one["group"] and one["available"] is False and one["group"] in said
        ]
        reason = f"has not gone for {seconds(overdue)}: {said}"
        tables = ("control_plane.namespaces", "control_plane.api_services")
        effect = f"{at.subject} (does not go away)"
        yield Problem(NAMESPACES, Status.WARN, at, reason, tables, (tuple(broken),), effect)


def _builds(picture: Picture) -> Iterator[Problem]:
    """Whether the API server's minor release can still be patched, told without a calendar of releases.

    No build is older than its minor release. So one older than `PATCHED_MONTHS` is of a release that upstream patches no
    more; a younger one proves nothing. Who patches longer than upstream does so by newer builds, with newer dates.
    """
    tables = ("control_plane.api_servers",)
    for row in picture.rows(*tables):
        at, age = Ref("", f"cluster/{picture.cluster}"), row["build_age_s"]
        if age is None:
            reason = f"the build of its API server, {row['version']}, states no date: its age is not known"
            yield Problem(PATCHED, Status.UNKNOWN, at, reason, tables)
        elif age > PATCHED_S:
            reason = (
                f"its API server, {row['version']}, was built {days(age)} ago, and a minor release of Kubernetes is patched "
                f"for {PATCHED_MONTHS} months from its first build: upstream has no more patches for it"
            )
            yield Problem(
                PATCHED, Status.WARN, at, reason, tables, numbers={"build_age_s": age}, next=(CLUSTER_UPDATE,)
            )


def built(server: Row) -> str:
    """What is said of an API server of which nothing is wrong.

    >>> built({"version": "v1.36.3", "build_age_s": 90000.0})
    'v1.36.3 is 1 day old'
    """
    return f"{server['version']} is {days(server['build_age_s'])} old"


def _removing(release: str, picture: Picture) -> str:
    """When a version goes; a server of that release or a later one may serve it all the same, as its flags can say."""
    serving = [row["version"] for row in picture.rows("control_plane.api_servers")]
    past = [one for one in serving if _minor(release) and _minor(release) <= _minor(one)]
    if past:
        return f"it was to go with Kubernetes {release}, and {past[0]} still serves it,"
    return f"Kubernetes {release} removes it"


def _minor(version: str) -> tuple[int, ...]:
    """(1, 36) of v1.36.3; empty where it is no such version."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()


def _going_apis(picture: Picture) -> Iterator[Problem]:
    """Versions that are asked for, and that a release removes. Those that are deprecated and stay are no problem: every
    controller asks for some."""
    tables = ("control_plane.deprecated_requests",)
    going: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in picture.rows(*tables):
        if row["removed_release"] is not None:
            name = f"{row['resource']}/{row['subresource']}" if row["subresource"] else row["resource"]
            releases = going.setdefault((row["version"], row["group"]), {})
            releases.setdefault(row["removed_release"], []).append(name)
    for (version, group), releases in going.items():
        removed = "; ".join(f"{_removing(one, picture)} for {', '.join(names)}" for one, names in releases.items())
        reason = (
            f"clients have asked for it since the API server's start, and {short(removed)}; who asks is in the audit log, by "
            "the annotation k8s.io/removed-release"
        )
        at = Ref("", f"apiservice/{version}.{group}")
        yield Problem(KEPT, Status.WARN, at, reason, tables, next=(CLUSTER_UPDATE,))
