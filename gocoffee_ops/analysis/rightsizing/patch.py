"""Advice as the patch that would apply it, and what it would free. Nothing here applies anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.rightsizing.advice import CHANGES, HIGH, LOW
from gocoffee_ops.frames import Column, Schema, records

if TYPE_CHECKING:
    import pandas as pd

KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}  # with a template to patch
Row = Mapping[str, Any]

SAVINGS = Schema(
    "what the advice frees",
    (
        Column("cluster", "string"),
        Column("confidence", "string"),
        Column("containers", "Int64", help="of workloads, that it would change"),
        Column("freed_cpu_cores", "Float64", "cores", help="of requests that it lowers, over all pods"),
        Column("freed_memory_gib", "Float64", "GiB"),
        Column("added_cpu_cores", "Float64", "cores", help="of requests that it raises"),
        Column("added_memory_gib", "Float64", "GiB"),
    ),
)


def patch(advice: pd.DataFrame, *, cluster: str = "", confidence: str = HIGH) -> str:
    """The patch that would apply the advice, as YAML: a document for each workload, for `kubectl apply --server-side`.

    With confidence HIGH, advice of LOW is left out, and named in a comment with what speaks against it; so is what has no template
    of its own (a bare pod, a Job).

    >>> import pandas as pd
    >>> row = {"cluster": "eu", "namespace": "go-coffee", "workload": "deployment/orders", "container": "app", "sidecar": False,
    ...     "confidence": "HIGH", "cpu_advice": "lower", "cpu_advised_cores": 0.23, "cpu_limit_advised_cores": None,
    ...     "memory_advice": "raise", "memory_advised_mib": 615.0, "memory_limit_advised_mib": 615.0}
    >>> print(patch(pd.DataFrame([row])))
    # cluster eu
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: "orders"
      namespace: "go-coffee"
    spec:
      template:
        spec:
          containers:
          - name: "app"
            resources:
              requests: {cpu: 230m, memory: 615Mi}
              limits: {memory: 615Mi}
    """
    found: dict[tuple[str, str, str], list[Row]] = {}
    left_out = []
    for row in records(advice):
        amounts = _amounts(row, "advised") if cluster in ("", row["cluster"]) else []
        if amounts and (confidence == LOW or row["confidence"] == HIGH):
            found.setdefault((row["cluster"], row["namespace"], row["workload"]), []).append(row)
        elif amounts:
            of = f"{row['workload']} in {row['namespace']}, {row['container']}"
            left_out.append(f"# left out, LOW confidence: {of}: {', '.join(amounts)} ({row['doubts']})")
    documents = [_document(key, rows) for key, rows in sorted(found.items())]
    text = "\n---\n".join(documents) or "# no advice of that confidence changes anything"
    return "\n".join([text, *left_out])


def _document(key: tuple[str, str, str], rows: Sequence[Row]) -> str:
    cluster, namespace, workload = key
    kind, _, name = workload.partition("/")
    lines = [f"# cluster {cluster}"]
    if kind not in KINDS:
        return f"{lines[0]}\n# {workload} in {namespace} has no template that a patch could change"
    lines += ["apiVersion: apps/v1", f"kind: {KINDS[kind]}", "metadata:", f"  name: {json.dumps(name)}"]
    lines += [f"  namespace: {json.dumps(namespace)}", "spec:", "  template:", "    spec:"]
    for sidecars, section in ((False, "containers"), (True, "initContainers")):
        ours = [row for row in rows if bool(row["sidecar"]) is sidecars]
        lines += [f"      {section}:"] if ours else []
        for row in ours:
            lines += [f"      - name: {json.dumps(row['container'])}", "        resources:"]
            lines.append(f"          requests: {{{', '.join(_amounts(row, 'advised'))}}}")
            limits = _amounts(row, "limit_advised")
            lines += [f"          limits: {{{', '.join(limits)}}}"] if limits else []
    return "\n".join(lines)


def _amounts(row: Row, what: str) -> list[str]:
    """Quantities of the resources that the advice changes."""
    found = []
    if row["cpu_advice"] in CHANGES and row[f"cpu_{what}_cores"] is not None:
        found.append(f"cpu: {round(row[f'cpu_{what}_cores'] * 1000)}m")
    if row["memory_advice"] in CHANGES and row[f"memory_{what}_mib"] is not None:
        found.append(f"memory: {round(row[f'memory_{what}_mib'])}Mi")
    return found


def savings(advice: pd.DataFrame) -> pd.DataFrame:
    """How much of what is requested would the advice free, by confidence?

    Freed requests are not money yet: no node goes for them until `removable` finds one.

    Columns: those of `SAVINGS`.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in records(advice):
        if row["cpu_advice"] in CHANGES or row["memory_advice"] in CHANGES:
            groups.setdefault((row["cluster"], row["confidence"]), []).append(row)
    frame = SAVINGS.from_rows(
        {
            "cluster": cluster,
            "confidence": sure,
            "containers": len(rows),
            "freed_cpu_cores": _moved(rows, "cpu", "cores", -1),
            "freed_memory_gib": _moved(rows, "memory", "mib", -1) / 1024,
            "added_cpu_cores": _moved(rows, "cpu", "cores", 1),
            "added_memory_gib": _moved(rows, "memory", "mib", 1) / 1024,
        }
        for (cluster, sure), rows in sorted(groups.items())
    )
    frame.attrs["evidence"] = list(advice.attrs.get("evidence", ()))
    return frame


def _moved(rows: Iterable[Row], resource: str, unit: str, sign: int) -> float:
    total = 0.0
    for row in rows:
        advised = row[f"{resource}_advised_{unit}"]
        if row[f"{resource}_advice"] in CHANGES and advised is not None:
            total += max(0.0, sign * (advised - (row[f"{resource}_request_{unit}"] or 0.0))) * row["pods"]
    return total


def namespaces(advice: pd.DataFrame, *, most: int = 10) -> list[str]:
    """The namespaces in which the advice would move most memory and CPU (4 GiB weigh as a core): those to try it on first."""
    moved: dict[str, float] = {}
    for row in records(advice):
        each = [row]
        cores = _moved(each, "cpu", "cores", -1) + _moved(each, "cpu", "cores", 1)
        gib = (_moved(each, "memory", "mib", -1) + _moved(each, "memory", "mib", 1)) / 1024
        moved[row["namespace"]] = moved.get(row["namespace"], 0.0) + cores + gib / 4
    return [name for name, amount in sorted(moved.items(), key=lambda item: (-item[1], item[0])) if amount][:most]
