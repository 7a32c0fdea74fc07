"""What is decoded of custom resources, whose status is whatever their authors chose, and of what a server says that it has."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gocoffee_ops.sources.kubernetes.shapes import Shape
from gocoffee_ops.sources.kubernetes.state_shapes import Write


class CustomMeta(Shape):
    """metadata of a custom resource."""

    name: str
    namespace: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    finalizers: list[str] | None = None
    generation: int = 0
    managed_fields: list[Write] | None = None


class CustomResource(Shape):
    """A custom resource; of its status nothing is known beforehand."""

    metadata: CustomMeta
    status: Any = None


class ServedVersion(Shape):
    """A version of an API group."""

    version: str


class ServedGroup(Shape):
    """An API group, with the version that the server prefers."""

    kind: str
    preferred_version: ServedVersion | None = None


class ServedResource(Shape):
    """A resource of a group and version."""

    name: str
    kind: str
    namespaced: bool


class ServedResources(Shape):
    """What a version of a group has."""

    kind: str
    resources: list[ServedResource] | None = None
