"""Who is bound to which role: do bindings lead to a role that is there? What a role allows is never read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.access_shapes import RoleBinding
from gocoffee_ops.sources.kubernetes.lists import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLE_METADATA,
    ROLE_BINDINGS,
    ROLE_METADATA,
)

BINDING_TABLE = Schema(
    "bindings",
    (
        Column("namespace", "string", help="empty for the whole cluster"),
        Column("binding", "string", help="rolebinding/deployers, clusterrolebinding/readers"),
        Column("role", "string", help="role/deployer, clusterrole/view"),
        Column("role_exists", "boolean"),
        Column("subjects", "Int64", help="whom it gives the role"),
        Column(
            "accounts", "list[string]", help="service accounts among these, of a role that is missing: namespace/name"
        ),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", BINDING_TABLE)
def bindings(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which bindings are there, and is the role of each?

    With `namespace`, those of the whole cluster are left out. Of roles metadata alone is asked for; users and groups are
    counted, and their names not kept.

    API: rbac.authorization.k8s.io/v1 rolebindings, clusterrolebindings, roles and clusterroles. Permission: list them, the
    first and the third in `namespace` or in the whole cluster. Raises SourceError; NotFound when there is no such namespace.
    """
    lists = Lists(ask)
    found = [("rolebinding", one) for one in lists.all(ROLE_BINDINGS, namespace=namespace)]
    if not namespace:
        found += [("clusterrolebinding", one) for one in lists.all(CLUSTER_ROLE_BINDINGS)]
    # Roles after the bindings: what is made meanwhile, role and binding, is not taken for a binding without its role.
    roles = {
        ("Role", one.metadata.namespace, one.metadata.name) for one in lists.all(ROLE_METADATA, namespace=namespace)
    }
    roles |= {("ClusterRole", "", one.metadata.name) for one in lists.all(CLUSTER_ROLE_METADATA)}
    return Rows([_row(kind, one, roles, ask.as_of) for kind, one in found], notes=lists.notes())


def _row(kind: str, one: RoleBinding, roles: set[tuple[str, str, str]], as_of: datetime) -> dict[str, Any]:
    meta, role = one.metadata, one.role_ref
    exists = (role.kind, meta.namespace if role.kind == "Role" else "", role.name) in roles
    accounts = [
        f"{each.namespace or meta.namespace}/{each.name}"
        for each in one.subjects or ()
        if each.kind == "ServiceAccount"
    ]
    return {
        "namespace": meta.namespace,
        "binding": f"{kind}/{meta.name}",
        "role": f"{role.kind.lower()}/{role.name}",
        "role_exists": exists,
        "subjects": len(one.subjects or ()),
        "accounts": [] if exists else accounts,
        "age_s": ago_s(meta.creation_timestamp, as_of),
    }
