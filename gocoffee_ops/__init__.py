"""Operational runbooks that run: notebooks that read real systems, judge what they read, and keep the evidence.

In a notebook:

    from gocoffee_ops import checks, cluster, runbook

    ops = runbook.start("performance-review", env="demo")
    pods = cluster.pods(ops, namespace="go-coffee")
    ops.judge(checks.pods_ready, pods)

Importing this is cheap: what is named here is loaded when it is first used.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Finding",
    "OpsError",
    "Status",
    "Target",
    "Thresholds",
    "Window",
    "__version__",
    "alerts",
    "bills",
    "changes",
    "checks",
    "cilium",
    "cluster",
    "control_plane",
    "controllers",
    "cost_explorer",
    "cost_objects",
    "cost_settings",
    "costs",
    "custom_resources",
    "dashboards",
    "database",
    "diagnosis",
    "endpoints",
    "errors",
    "figures",
    "gateways",
    "growth",
    "history",
    "inside",
    "jobs",
    "kubecost",
    "log_analysis",
    "log_store",
    "logs",
    "metrics",
    "network",
    "nodes",
    "opencost",
    "operators",
    "packing",
    "pods",
    "redis",
    "rightsizing",
    "runbook",
    "scaling",
    "storage",
    "timeline",
    "trends",
    "usage",
    "workloads",
]

if TYPE_CHECKING:
    from gocoffee_ops import checks, errors
    from gocoffee_ops.analysis import costs, growth, rightsizing, timeline, trends
    from gocoffee_ops.analysis import logs as log_analysis
    from gocoffee_ops.errors import OpsError
    from gocoffee_ops.model import Finding, Status, Target, Thresholds, Window
    from gocoffee_ops.queries import (
        alerts,
        bills,
        changes,
        cilium,
        cluster,
        control_plane,
        controllers,
        cost_explorer,
        cost_objects,
        cost_settings,
        custom_resources,
        dashboards,
        database,
        diagnosis,
        endpoints,
        gateways,
        history,
        inside,
        jobs,
        kubecost,
        log_store,
        logs,
        metrics,
        network,
        nodes,
        opencost,
        operators,
        packing,
        pods,
        redis,
        scaling,
        storage,
        usage,
        workloads,
    )
    from gocoffee_ops.runbooks import kernel as runbook
    from gocoffee_ops.ui import figures

# Hidden from type checkers, or a typo in an import of ours would go unseen.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        from importlib import import_module

        modules = {
            "alerts": "gocoffee_ops.queries.alerts",
            "bills": "gocoffee_ops.queries.bills",
            "changes": "gocoffee_ops.queries.changes",
            "checks": "gocoffee_ops.checks",
            "cilium": "gocoffee_ops.queries.cilium",
            "cluster": "gocoffee_ops.queries.cluster",
            "control_plane": "gocoffee_ops.queries.control_plane",
            "controllers": "gocoffee_ops.queries.controllers",
            "cost_explorer": "gocoffee_ops.queries.cost_explorer",
            "cost_objects": "gocoffee_ops.queries.cost_objects",
            "cost_settings": "gocoffee_ops.queries.cost_settings",
            "costs": "gocoffee_ops.analysis.costs",
            "custom_resources": "gocoffee_ops.queries.custom_resources",
            "dashboards": "gocoffee_ops.queries.dashboards",
            "database": "gocoffee_ops.queries.database",
            "diagnosis": "gocoffee_ops.queries.diagnosis",
            "endpoints": "gocoffee_ops.queries.endpoints",
            "errors": "gocoffee_ops.errors",
            "figures": "gocoffee_ops.ui.figures",
            "gateways": "gocoffee_ops.queries.gateways",
            "growth": "gocoffee_ops.analysis.growth",
            "history": "gocoffee_ops.queries.history",
            "inside": "gocoffee_ops.queries.inside",
            "jobs": "gocoffee_ops.queries.jobs",
            "kubecost": "gocoffee_ops.queries.kubecost",
            "log_analysis": "gocoffee_ops.analysis.logs",
            "log_store": "gocoffee_ops.queries.log_store",
            "logs": "gocoffee_ops.queries.logs",
            "metrics": "gocoffee_ops.queries.metrics",
            "network": "gocoffee_ops.queries.network",
            "nodes": "gocoffee_ops.queries.nodes",
            "opencost": "gocoffee_ops.queries.opencost",
            "operators": "gocoffee_ops.queries.operators",
            "packing": "gocoffee_ops.queries.packing",
            "pods": "gocoffee_ops.queries.pods",
            "redis": "gocoffee_ops.queries.redis",
            "rightsizing": "gocoffee_ops.analysis.rightsizing",
            "runbook": "gocoffee_ops.runbooks.kernel",
            "scaling": "gocoffee_ops.queries.scaling",
            "storage": "gocoffee_ops.queries.storage",
            "timeline": "gocoffee_ops.analysis.timeline",
            "trends": "gocoffee_ops.analysis.trends",
            "usage": "gocoffee_ops.queries.usage",
            "workloads": "gocoffee_ops.queries.workloads",
        }
        members = {
            "Finding": "gocoffee_ops.model",
            "OpsError": "gocoffee_ops.errors",
            "Status": "gocoffee_ops.model",
            "Target": "gocoffee_ops.model",
            "Thresholds": "gocoffee_ops.model",
            "Window": "gocoffee_ops.model",
        }
        if name in modules:
            found: object = import_module(modules[name])
        elif name in members:
            found = getattr(import_module(members[name]), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found
        return found

    def __dir__() -> list[str]:
        return __all__
