"""The same notebook by four ways, each with all sources up and with one dead."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.review.environment import NOTEBOOK, Configured, copied, review

DATABASE_SECTIONS = {"Top statements", "Indexes", "Tables and vacuum"}
CLUSTER_SECTIONS = {"Nodes", "Pods", "Usage of the pods"}


def run(configured: Configured, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=configured.folder,
        env=configured.variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def papermill(
    configured: Configured, *options: str, notebook: Path = NOTEBOOK, env: str = "real"
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    out = configured.folder / "out.ipynb"
    done = run(configured, "papermill", str(notebook), str(out), "-p", "env", env, "--progress-bar", *options)
    return done, json.loads(out.read_text()) if out.exists() else {}


def nbval(configured: Configured, notebook: Path) -> subprocess.CompletedProcess[str]:
    options = ("--nbval-lax", "--nbval-cell-timeout=60", "-p", "no:cacheprovider", "-q")
    return run(configured, "pytest", *options, str(notebook))


def raised(notebook: dict[str, Any]) -> list[str]:
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    return [output["ename"] for output in outputs if output["output_type"] == "error"]


def test_by_the_runner_all_sections_are_ok(whole: Configured) -> None:
    ran = review(whole)
    assert set(ran.states().values()) == {"ok"}, ran.printed
    assert ran.run["coverage"]["percent"] == 100.0
    assert ran.exit_code == 2  # faults are planted
    assert {"deployment/payment-service", "node/general-5"} <= ran.of("CRIT"), ran.of("CRIT")


def test_by_the_runner_a_dead_database_costs_its_sections_alone(half: Configured) -> None:
    ran = review(half)
    states = ran.states()
    assert {states[name] for name in CLUSTER_SECTIONS} == {"ok"}
    assert {states[name] for name in DATABASE_SECTIONS} == {"failed"}
    assert ran.exit_code == 2
    assert "database/coffee" in ran.of("UNKNOWN")


def test_by_plain_papermill_a_whole_run_ends_well(whole: Configured) -> None:
    done, notebook = papermill(whole)
    assert done.returncode == 0, done.stderr
    assert raised(notebook) == []


def test_by_plain_papermill_a_dead_database_ends_as_failed(half: Configured) -> None:
    done, notebook = papermill(half)
    assert done.returncode != 0
    assert "IncompleteRun" in done.stderr
    assert raised(notebook)[-1] == "IncompleteRun"


def test_by_our_engine_in_papermill_the_exit_status_is_the_verdict(whole: Configured, half: Configured) -> None:
    for configured in (whole, half):
        done, notebook = papermill(configured, "--engine", "gocoffee")
        assert done.returncode == 2, done.stderr
        states = [cell["metadata"]["gocoffee"]["state"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
        assert (set(states) == {"ok"}) is (configured is whole), states


@pytest.mark.parametrize("dead", [False, True], ids=["all up", "one dead"])
def test_by_nbval(dead: bool, whole: Configured, half: Configured) -> None:
    configured = half if dead else whole
    done = nbval(configured, copied(NOTEBOOK, configured))
    assert (done.returncode == 0) is not dead, done.stdout
    if dead:
        assert "IncompleteRun" in done.stdout


def test_two_clusters_are_two_sets_of_rows(
    whole: Configured, cluster: Any, second_cluster: Any, postgres: Any, tmp_path: Path
) -> None:
    from tests.review.environment import configure

    both = configure(
        tmp_path / "both",
        clusters={
            "eu": (cluster.kubeconfig(), cluster.name),
            "us": (second_cluster.kubeconfig(), second_cluster.name),
        },
        databases={"coffee": postgres.reader_dsn},
    )
    ran = review(both)
    assert set(ran.states().values()) == {"ok"}, ran.printed
    assert {"cluster/eu", "cluster/us"} <= set(ran.run["coverage"]["by_target"])
    assert {"eu"} <= {finding["cluster"] for finding in ran.run["findings"] if finding["status"] == "CRIT"}
    for query, column, listed in (("cluster.nodes", "node", "nodes"), ("cluster.pods", "pod", "pods")):
        for name, one in (("eu", cluster), ("us", second_cluster)):
            there = one.get(listed, *(() if listed == "nodes" else ("-n", "go-coffee")))["items"]
            assert ran.recorded(query, f"cluster/{name}", column) == {each["metadata"]["name"] for each in there}


def test_one_dead_cluster_costs_its_own_rows(cluster: Any, postgres: Any, tmp_path: Path) -> None:
    from tests.review.environment import configure

    gone = tmp_path / "gone.yaml"
    shutil.copy(cluster.kubeconfig("reader"), gone)
    gone.write_text(gone.read_text().replace(cluster.server, "https://127.0.0.1:1"))
    both = configure(
        tmp_path / "both",
        clusters={"eu": (cluster.kubeconfig(), cluster.name), "us": (gone, cluster.name)},
        databases={"coffee": postgres.reader_dsn},
    )
    ran = review(both)
    assert set(ran.states().values()) == {"ok"}, ran.printed
    assert ran.covered("cluster/us")[0] == 0
    assert ran.covered("cluster/eu")[0] == ran.covered("cluster/eu")[1]
    assert "cluster/us" in ran.of("UNKNOWN")
