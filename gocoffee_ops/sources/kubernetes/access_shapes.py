"""What is decoded of bindings and roles: who is bound to which role by name, never what a role allows. See `shapes`."""

from __future__ import annotations

from datetime import datetime

from gocoffee_ops.sources.kubernetes.shapes import Shape

GROUP = "rbac.authorization.k8s.io"


class AccessMeta(Shape):
    """metadata of a binding or a role."""

    name: str
    namespace: str = ""
    creation_timestamp: datetime | None = None
    labels: dict[str, str] | None = None


class RoleRef(Shape):
    """The role of a binding."""

    kind: str
    name: str


class Subject(Shape):
    """Whom a binding gives its role."""

    kind: str
    name: str = ""
    namespace: str = ""


class RoleBinding(Shape):
    """A RoleBinding or a ClusterRoleBinding."""

    metadata: AccessMeta
    role_ref: RoleRef
    subjects: list[Subject] | None = None


class RoleName(Shape):
    """A role or a cluster role, of which only metadata was asked for."""

    metadata: AccessMeta
