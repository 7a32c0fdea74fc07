"""A configuration for the tests' real services, and one run of the performance review against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from gocoffee_ops.evidence.ledger import read_entries, read_table
from gocoffee_ops.queries.recorded_form import decode

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "weekly" / "performance-review.ipynb"


@dataclass(frozen=True)
class Configured:
    """A folder with a gocoffee.toml, and where its reports go."""

    folder: Path

    @property
    def reports(self) -> Path:
        return self.folder / "reports"

    @property
    def variables(self) -> dict[str, str]:
        """The process environment in which this configuration is the one that is found."""
        return {
            **os.environ,
            "GOCOFFEE_CONFIG": str(self.folder / "gocoffee.toml"),
            "GOCOFFEE_REPORTS": str(self.reports),
            "PYTHONWARNINGS": "default",
        }


def configure(
    folder: Path,
    *,
    clusters: Mapping[str, tuple[Path, str]],
    databases: Mapping[str, str],
    query_deadline_s: float = 10.0,
    run_deadline_s: float = 180.0,
    name: str = "real",
) -> Configured:
    """Write gocoffee.toml: `clusters` are name -> (kubeconfig, context), `databases` name -> DSN, kept in a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"[environments.{name}]"]
    for cluster, (kubeconfig, context) in clusters.items():
        lines += [f"[[environments.{name}.clusters]]", f'name = "{cluster}"']
        lines += [f'kubeconfig = "{kubeconfig}"', f'context = "{context}"']
    for database, dsn in databases.items():
        secret = folder / f"{database}.dsn"
        secret.write_text(dsn)
        secret.chmod(0o600)
        lines += [f"[[environments.{name}.databases]]", f'name = "{database}"', f'dsn_file = "{secret}"']
    lines += [f"[environments.{name}.limits]", f"query_deadline_s = {query_deadline_s}"]
    lines += [f"cell_deadline_s = {query_deadline_s * 4}", f"run_deadline_s = {run_deadline_s}"]
    (folder / "gocoffee.toml").write_text("\n".join(lines) + "\n")
    return Configured(folder)


@dataclass(frozen=True)
class Ran:
    """One ended run of the review."""

    exit_code: int
    printed: str
    folder: Path | None
    run: dict[str, Any]

    def states(self) -> dict[str, str]:
        """Cell state by heading; of cells under one heading, the worst."""
        states: dict[str, str] = {}
        for cell in self.run["cells"]:
            if states.get(cell["heading"], "ok") == "ok":
                states[cell["heading"]] = cell["state"]
        return states

    def of(self, status: str) -> set[str]:
        """The subjects with a finding of that status."""
        return {finding["subject"] for finding in self.run["findings"] if finding["status"] == status}

    def covered(self, target: str) -> tuple[int, int]:
        """Questions answered and asked of one target."""
        counts = self.run["coverage"]["by_target"][target]
        return counts["answered"], counts["asked"]

    def recorded(self, query: str, target: str, column: str) -> set[Any]:
        """What a column of a target's own answer holds, in the run's evidence."""
        assert self.folder is not None
        evidence = self.folder / "evidence"
        (body,) = (
            entry.body
            for entry in read_entries(evidence)
            if (entry.body.get("query"), entry.body.get("target")) == (query, target)
        )
        return set(decode(read_table(evidence, body["table"])).column(column).to_pylist())

    @property
    def report(self) -> str:
        assert self.folder is not None
        return (self.folder / "report.html").read_text()


def cli(configured: Configured, *arguments: str, timeout_s: float = 300.0) -> subprocess.CompletedProcess[str]:
    """gocoffee-ops as a user starts it."""
    return subprocess.run(
        [sys.executable, "-m", "gocoffee_ops", *arguments],
        cwd=configured.folder,
        env=configured.variables,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def copied(notebook: Path, configured: Configured, env: str = "real") -> Path:
    """A copy of a notebook beside the configuration, whose default environment is that one."""
    copy = configured.folder / notebook.name
    book = nbformat.read(notebook, as_version=4)
    cell = next(cell for cell in book.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source = cell.source.replace('"demo"', f'"{env}"', 1)
    nbformat.write(book, copy)
    return copy


def review(configured: Configured, *arguments: str, env: str = "real", timeout_s: float = 300.0) -> Ran:
    """Run the performance review headless and read what it left."""
    done = cli(configured, "run", "performance-review", "--env", env, *arguments, timeout_s=timeout_s)
    folders = sorted((configured.reports / "performance-review").glob("[0-9]*"))
    folder = folders[-1] if folders else None
    run = json.loads((folder / "run.json").read_text()) if folder else {}
    return Ran(done.returncode, done.stdout + done.stderr, folder, run)
