"""Custom resources that a configuration names: which version of them a server has, and whether they lie in namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gocoffee_ops.errors import Malformed, NotFound, Unsupported
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes.custom_shapes import CustomResource, ServedGroup, ServedResource, ServedResources
from gocoffee_ops.sources.kubernetes.failures import Request
from gocoffee_ops.sources.kubernetes.lists import Kind

if TYPE_CHECKING:
    from gocoffee_ops.sources.kubernetes.client import Cluster


def find(cluster: Cluster, name: str, deadline: Deadline) -> tuple[Kind[CustomResource], ServedResource]:
    """`certificates.cert-manager.io`, or `certificates.cert-manager.io/v1`: as it can be listed, and as the server tells of it.

    Without a version it is the one that the server prefers. Raises Unsupported where the server has no such resource, and the
    errors of `errors.SourceError`. Permission: every authenticated user has it.
    """
    resource, _, version = name.partition("/")
    plural, _, group = resource.partition(".")
    try:
        version = version or _preferred(cluster, group, deadline)
        at = Request("get", f"/apis/{group}/{version}", f"/apis/{group}/{version}", group, version)
        served = cluster.read(at, ServedResources, deadline)
    except (NotFound, Unsupported) as error:
        raise _unknown(cluster, name, error.why) from error
    if served.kind != "APIResourceList":
        raise Malformed(at.what, target=cluster.target, why=f"a {served.kind} instead of an APIResourceList")
    for one in served.resources or ():
        if one.name == plural:
            return Kind(plural, CustomResource, "", group, version), one
    raise _unknown(cluster, name, f"{group}/{version} has no {plural}")


def _preferred(cluster: Cluster, group: str, deadline: Deadline) -> str:
    at = Request("get", f"/apis/{group}", f"/apis/{group}", group, "")
    found = cluster.read(at, ServedGroup, deadline)
    if found.kind != "APIGroup" or found.preferred_version is None:
        raise Malformed(at.what, target=cluster.target, why=f"a {found.kind} instead of an APIGroup with a version")
    return found.preferred_version.version


def _unknown(cluster: Cluster, name: str, why: str) -> Unsupported:
    return Unsupported(
        f"list {name}",
        target=cluster.target,
        why=f"the server does not know {name} ({why})",
        hint="kubectl api-resources",
    )
