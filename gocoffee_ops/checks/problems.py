"""What a problem is called, so that checks which see it from different sides name the same one. See `model.Finding.problem`."""

from __future__ import annotations

import re

from gocoffee_ops.frames import unread

__all__ = [
    "certificate",
    "errors",
    "failing",
    "log",
    "node",
    "owners_of",
    "session",
    "silence",
    "statement",
    "table",
    "tables_read",
    "unread",
    "workload",
]

POD = re.compile(r"(?P<owner>.+?)(?:-[0-9a-z]{6,10})?-(?:[0-9a-z]{5}|[0-9]+)")
READS = re.compile(r"\b(?:from|join|update)\s+(?:only\s+)?((?:[\w\"]+\.)?[\w\"]+)", re.IGNORECASE)


def workload(cluster: str, namespace: str, owner: str) -> str:
    """A workload whose pods are not as they should be."""
    return f"workload/{cluster}/{namespace}/{owner}"


def owners_of(cluster: str, namespace: str, subject: str) -> tuple[str, ...]:
    """The workloads that an object may belong to, by what controllers append to its name.

    >>> owners_of("eu", "shop", "pod/orders-7d9f8b6c5-x2x4z")[1]
    'workload/eu/shop/deployment/orders'
    >>> owners_of("eu", "shop", "replicaset/orders-7d9f8b6c5")[1:]
    ('workload/eu/shop/deployment/orders',)
    """
    kind, _, name = subject.partition("/")
    found = [subject]
    if kind == "replicaset":
        found.append(f"deployment/{name.rpartition('-')[0]}")
    if kind == "pod" and (made := POD.fullmatch(name)):
        found += [f"{owner}/{made['owner']}" for owner in ("deployment", "statefulset", "daemonset")]
    return tuple(workload(cluster, namespace, owner) for owner in found)


def node(cluster: str, name: str) -> str:
    """A node that is not as it should be."""
    return f"node/{cluster}/{name}"


def session(database: str, pid: int | str) -> str:
    """A database's session that is in the way."""
    return f"session/{database}/{pid}"


def statement(database: str, queryid: str) -> str:
    """A statement that costs too much."""
    return f"statement/{database}/{queryid}"


def table(database: str, schema: str, name: str) -> tuple[str, ...]:
    """A table that is read from end to end, as statements call it."""
    return (f"table/{database}/{schema}.{name}", *([f"table/{database}/{name}"] if schema == "public" else []))


def tables_read(database: str, text: str | None) -> tuple[str, ...]:
    """The tables that a statement looks for rows in; one that it only inserts into is none of them.

    >>> tables_read("coffee", 'SELECT 1 FROM orders o JOIN "stock" USING (id)')
    ('table/coffee/orders', 'table/coffee/stock')
    """
    names = (name.replace('"', "") for name in READS.findall(text or ""))
    return tuple(dict.fromkeys(f"table/{database}/{name}" for name in names))


def certificate(kind: str, name: str) -> str:
    """An address whose certificate is not trusted."""
    return f"certificate/{kind}/{name}"


def failing(kind: str, name: str) -> str:
    """An address whose every answer is a wrong one."""
    return f"failing/{kind}/{name}"


def errors(service: str) -> str:
    """A service that fails too many of its requests."""
    return f"errors/{service}"


def log(service: str, *where: str) -> str:
    """A service that logs what it did not log before: in one cluster and namespace, or wherever it does."""
    return "/".join(["log", service, *where])


def silence(kind: str, name: str) -> str:
    """An address from which nothing came that could be judged."""
    return f"silence/{kind}/{name}"
