"""Who may import whom: the contracts in pyproject.toml hold, and each of them catches a planted violation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parent.parent

# (contract, module, the line that is planted in a function there)
PLANTS = [
    ("layers", "gocoffee_ops/sources/deadline.py", "from gocoffee_ops import session"),
    ("layers", "gocoffee_ops/queries/query.py", "from gocoffee_ops.runbooks import lint"),
    ("layers", "gocoffee_ops/errors.py", "import gocoffee_ops.model"),
    ("layers", "gocoffee_ops/frames.py", "import gocoffee_ops.config"),
    ("layers", "gocoffee_ops/checks/capacity.py", "import gocoffee_ops.analysis"),
    ("pure", "gocoffee_ops/checks/capacity.py", "from gocoffee_ops.sources import deadline"),
    ("pure", "gocoffee_ops/checks/database.py", "import os"),
    ("pure", "gocoffee_ops/analysis/__init__.py", "from gocoffee_ops.evidence import record"),
    ("kubernetes", "gocoffee_ops/session.py", "import kubernetes"),
    ("psycopg", "gocoffee_ops/sources/deadline.py", "from psycopg import sql"),
    ("adbc", "gocoffee_ops/queries/database.py", "import adbc_driver_postgresql.dbapi"),
    ("papermill", "gocoffee_ops/ui/panels.py", "from papermill import execute"),
    ("papermill", "gocoffee_ops/session.py", "import nbclient.client"),
    ("ipython", "gocoffee_ops/ui/panels.py", "from IPython.display import display"),
    ("plotly", "gocoffee_ops/runbooks/lint.py", "import plotly.graph_objects"),
    ("pydantic", "gocoffee_ops/model.py", "import pydantic"),
    ("httpx", "gocoffee_ops/places/live.py", "import httpx"),
    ("ipywidgets", "gocoffee_ops/session.py", "import ipywidgets"),
    ("redis", "gocoffee_ops/queries/redis.py", "import redis"),
    ("duckdb", "gocoffee_ops/queries/bills.py", "import duckdb"),
    ("boto3", "gocoffee_ops/sources/focus/shelf.py", "import boto3"),
    ("boto3", "gocoffee_ops/places/live.py", "from botocore.config import Config"),
    ("websocket", "gocoffee_ops/queries/inside.py", "import websocket"),
    ("cronsim", "gocoffee_ops/checks/diagnosis/jobs.py", "from cronsim import CronSim"),
]

# Every package from outside that the project imports, with who may; the contracts guard those with one owner.
OUTSIDE = {
    "IPython": "runbooks, ui.display",
    "adbc_driver_postgresql": "sources.postgres",
    "boto3": "sources.aws",
    "botocore": "sources.aws",
    "click": "cli, runbooks",
    "cronsim": "checks.diagnosis.schedules",
    "duckdb": "sources.focus",
    "filelock": "any",
    "httpx": "sources.http",
    "ipykernel": "runbooks",
    "ipywidgets": "ui.pickers",
    "isal": "sources.kubernetes",
    "jinja2": "runbooks",
    "jupyter_client": "runbooks",
    "kubernetes": "sources.kubernetes",
    "markupsafe": "runbooks",
    "mistune": "runbooks",
    "msgspec": "sources, analysis.logs",
    "nbclient": "runbooks",
    "nbconvert": "runbooks",
    "nbformat": "runbooks",
    "numpy": "any",
    "pandas": "any",
    "papermill": "runbooks",
    "platformdirs": "any",
    "plotly": "ui",
    "psutil": "runbooks",
    "psycopg": "sources.postgres",
    "pyarrow": "any",
    "pydantic": "config",
    "pydantic_core": "config",
    "redis": "sources.redis",
    "rich": "cli, runbooks",
    "traitlets": "runbooks",
    "urllib3": "sources.kubernetes",
    "websocket": "sources.kubernetes",
    "yaml": "sources.kubernetes",
}


def lint_imports(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """import-linter on the package in `folder`, with the project's contracts."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    command += [word for contract in contracts for word in ("--contract", contract)]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its contracts, where a violation can be planted."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copytree(PROJECT / "gocoffee_ops", folder / "gocoffee_ops", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)
    return folder


def test_the_contracts_hold() -> None:
    done = lint_imports(PROJECT)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("contract", "module", "line"), PLANTS, ids=[f"{c}-{m}" for c, m, _ in PLANTS])
def test_a_violation_inside_a_function_is_caught(copy: Path, contract: str, module: str, line: str) -> None:
    path = copy / module
    whole = path.read_text()
    try:
        path.write_text(f"{whole}\n\ndef planted() -> None:\n    {line}\n")
        done = lint_imports(copy, contract)
    finally:
        path.write_text(whole)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout
    assert module.removesuffix(".py").removesuffix("/__init__").replace("/", ".") in done.stdout


def test_a_module_without_a_layer_is_caught(copy: Path) -> None:
    path = copy / "gocoffee_ops" / "utils.py"
    path.write_text('"""No place in the layers."""\n')
    try:
        done = lint_imports(copy, "layers")
    finally:
        path.unlink()

    assert done.returncode == 1
    assert "utils" in done.stdout


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Every import of the package, inside functions too."""
    return grimp.build_graph("gocoffee_ops", include_external_packages=True, cache_dir=None)


def outside_of(graph: grimp.ImportGraph) -> set[str]:
    return {module.split(".")[0] for module in graph.modules} - {"gocoffee_ops"} - set(sys.stdlib_module_names)


def test_every_package_from_outside_has_its_importers_named(graph: grimp.ImportGraph) -> None:
    assert outside_of(graph) - set(OUTSIDE) == set()


def test_a_package_from_outside_is_imported_by_its_owners_alone(graph: grimp.ImportGraph) -> None:
    for package in outside_of(graph) & set(OUTSIDE):
        owners = tuple(f"gocoffee_ops.{name}." for name in OUTSIDE[package].split(", "))
        importers = graph.find_modules_that_directly_import(package)
        others = [name for name in importers if not f"{name}.".startswith(owners)]
        assert OUTSIDE[package] == "any" or others == [], f"{package} is for {OUTSIDE[package]}"


def test_every_package_from_outside_is_declared_as_a_dependency(graph: grimp.ImportGraph) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    declared = [*project["dependencies"], *(text for extra in extras for text in extra)]
    names = {canonicalize_name(Requirement(text).name) for text in declared}
    names |= {"botocore", "pydantic-core"}  # they are boto3's and pydantic's own
    distributions = packages_distributions()
    undeclared = {
        package
        for package in outside_of(graph)
        if not names & {canonicalize_name(name) for name in distributions.get(package, ())}
    }

    assert undeclared == set()
