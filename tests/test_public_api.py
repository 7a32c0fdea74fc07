"""What `import gocoffee_ops` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import gocoffee_ops

HEAVY = (
    "pandas",
    "numpy",
    "pyarrow",
    "kubernetes",
    "psycopg",
    "plotly",
    "pydantic",
    "IPython",
    "papermill",
    "click",
    "rich",
)


def test_the_public_names_are_these_sorted_and_all_there() -> None:
    assert gocoffee_ops.__all__ == [
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
    assert gocoffee_ops.__all__ == sorted(gocoffee_ops.__all__)
    for name in gocoffee_ops.__all__:
        assert getattr(gocoffee_ops, name) is not None
    assert dir(gocoffee_ops) == gocoffee_ops.__all__


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    assert not hasattr(gocoffee_ops, "clusters")


def test_importing_loads_no_heavy_library() -> None:
    source = f"import sys, gocoffee_ops\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_the_command_lines_own_import_loads_no_heavy_library() -> None:
    heavy = [name for name in HEAVY if name not in {"click"}]
    source = f"import sys, gocoffee_ops.cli\nprint([m for m in {heavy!r} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
