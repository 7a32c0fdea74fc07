"""Which groups and resources a cluster serves; the groups are asked for once for many questions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import Malformed, OpsError
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes import shapes
from gocoffee_ops.sources.kubernetes.failures import Request
from gocoffee_ops.sources.kubernetes.lists import Kind

if TYPE_CHECKING:
    from gocoffee_ops.sources.kubernetes.client import Cluster

KEPT_S = 60.0  # of a notebook that is open for hours: what is installed meanwhile is seen


class Groups:
    """The groups that are served; `read` asks for them. Safe to share between threads: one asks, the others wait."""

    def __init__(self, read: Callable[[Deadline], frozenset[str]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        self._until = 0.0

    def lack(self, group: str, deadline: Deadline) -> bool:
        """Whether a group is known not to be served; False where that could not be read."""
        if not self._lock.acquire(timeout=max(deadline.left(), 0.0)):
            return False
        try:
            if time.monotonic() >= self._until:
                self._known = self._answer(deadline)
                self._until = time.monotonic() + KEPT_S
            return bool(group and self._known) and group not in self._known
        finally:
            self._lock.release()

    def _answer(self, deadline: Deadline) -> frozenset[str]:
        """None where it could not be read: no cluster is without groups, and what is asked for is then listed."""
        try:
            return self._read(deadline)
        except OpsError:
            return frozenset()


def served_groups(cluster: Cluster, deadline: Deadline) -> frozenset[str]:
    """The groups that a cluster serves, in whatever version. Permission: every authenticated user has it."""
    request = Request("get", "/apis", "/apis")
    found = cluster.read(request, shapes.ApiGroups, deadline)
    if found.kind != "APIGroupList":
        why, hint = f"a {found.kind} instead of an APIGroupList", "is this the address of an API server?"
        raise Malformed(request.what, target=cluster.target, why=why, hint=hint)
    return frozenset(one.name for one in found.groups or ())


def serves(cluster: Cluster, kind: Kind[Any], deadline: Deadline) -> bool:
    """Whether a resource that not every cluster has is there to be listed.

    Where its group is served in other versions alone, `errors.NotFound` or `errors.Unsupported` is raised: there may be
    some, and we cannot read them. Permission: every authenticated user has it.
    """
    if kind.group not in served_groups(cluster, deadline):
        return False
    version = Request("get", kind.api, kind.api, kind.group, kind.version)
    found = cluster.read(version, shapes.ApiResources, deadline)
    return any(one.name == kind.plural for one in found.resources or ())
