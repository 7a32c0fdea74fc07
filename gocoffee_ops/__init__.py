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
    "checks",
    "cluster",
    "dashboards",
    "database",
    "endpoints",
    "errors",
    "figures",
    "growth",
    "history",
    "inside",
    "log_analysis",
    "log_store",
    "logs",
    "metrics",
    "redis",
    "runbook",
    "timeline",
    "trends",
    "workloads",
]

if TYPE_CHECKING:
    from gocoffee_ops import checks, errors
    from gocoffee_ops.analysis import growth, timeline, trends
    from gocoffee_ops.analysis import logs as log_analysis
    from gocoffee_ops.errors import OpsError
    from gocoffee_ops.model import Finding, Status, Target, Thresholds, Window
    from gocoffee_ops.queries import (
        alerts,
        cluster,
        dashboards,
        database,
        endpoints,
        history,
        inside,
        log_store,
        logs,
        metrics,
        redis,
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
            "checks": "gocoffee_ops.checks",
            "cluster": "gocoffee_ops.queries.cluster",
            "dashboards": "gocoffee_ops.queries.dashboards",
            "database": "gocoffee_ops.queries.database",
            "endpoints": "gocoffee_ops.queries.endpoints",
            "errors": "gocoffee_ops.errors",
            "figures": "gocoffee_ops.ui.figures",
            "growth": "gocoffee_ops.analysis.growth",
            "history": "gocoffee_ops.queries.history",
            "inside": "gocoffee_ops.queries.inside",
            "log_analysis": "gocoffee_ops.analysis.logs",
            "log_store": "gocoffee_ops.queries.log_store",
            "logs": "gocoffee_ops.queries.logs",
            "metrics": "gocoffee_ops.queries.metrics",
            "redis": "gocoffee_ops.queries.redis",
            "runbook": "gocoffee_ops.runbooks.kernel",
            "timeline": "gocoffee_ops.analysis.timeline",
            "trends": "gocoffee_ops.analysis.trends",
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
