"""The cost analysis by the ways in which a notebook is run: on the demo, and on an environment whose bill cannot be read.

`gocoffee-ops run` on the demo is in tests/demo/test_runbooks.py, and on every dead source in tests/faults/test_cost_matrix.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.focus_files import charge, write_parquet
from tests.review.environment import NOTEBOOK, Configured, cli, configure, copied
from tests.review.test_four_ways import nbval, papermill, raised
from tests.review.test_jupyterlab import FLAGS, jupyterlab, last_code_cell, run_all, wait_for_verdict
from tests.runbooks.written import run_json
from tests.testbed.control_plane import Cluster

COSTS = NOTEBOOK.with_name("cost-analysis.ipynb")
KEYS = ("namespace", "workload", "label:app")


@dataclass(frozen=True)
class Way:
    """Where the notebook is run, in which environment of it, and what it ends with."""

    configured: Configured
    env: str
    exit_code: int
    whole: bool


@pytest.fixture
def demo(tmp_path: Path) -> Way:
    """No configuration: the demo, where every source answers, and whose faults are planted."""
    (tmp_path / "demo").mkdir()
    return Way(Configured(tmp_path / "demo"), "demo", 2, whole=True)


@pytest.fixture
def dead(cluster: Cluster, tmp_path: Path) -> Way:
    """A cluster, and a bill whose file was cut off; without a cluster or a Prometheus the bill would still be told."""
    folder, today = tmp_path / "dead", datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    configured = configure(folder, clusters={"eu": (cluster.kubeconfig("reader"), cluster.name)}, databases={})
    rows = [charge(ChargePeriodStart=today - timedelta(days=n), hour=0) for n in range(1, 17)]
    file = write_parquet(folder / "bill" / "focus.parquet", rows)
    file.write_bytes(file.read_bytes()[:-100])
    with (folder / "gocoffee.toml").open("a") as toml:
        toml.write(f'[[environments.real.bills]]\nname = "aws"\npath = "{folder / "bill"}"\n')
    return Way(configured, "real", 3, whole=False)


@pytest.fixture(params=["all up", "one dead"])
def way(request: pytest.FixtureRequest) -> Way:
    found: Way = request.getfixturevalue("demo" if request.param == "all up" else "dead")
    return found


@pytest.fixture
def in_jupyterlab(chromium: str) -> Iterator[Callable[[Way], Page]]:
    """Opens the notebook in JupyterLab, and runs all of it."""
    with ExitStack() as stack:

        def opened(way: Way) -> Page:
            copy = copied(COSTS, way.configured, way.env)
            url = stack.enter_context(jupyterlab(way.configured))
            playwright = stack.enter_context(sync_playwright())
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            stack.callback(browser.close)
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            run_all(page, url, copy.name)
            return page

        yield opened


def test_by_plain_papermill_a_run_with_a_dead_source_ends_as_failed(way: Way) -> None:
    done, notebook = papermill(way.configured, notebook=COSTS, env=way.env)
    assert (done.returncode == 0) is way.whole, done.stderr
    assert raised(notebook)[-1:] == ([] if way.whole else ["IncompleteRun"])


def test_by_our_engine_in_papermill_the_exit_status_is_the_verdict(way: Way) -> None:
    done, notebook = papermill(way.configured, "--engine", "gocoffee", notebook=COSTS, env=way.env)
    assert done.returncode == way.exit_code, done.stderr
    states = [cell["metadata"]["gocoffee"]["state"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert (set(states) == {"ok"}) is way.whole, states


def test_by_nbval_a_run_with_a_dead_source_ends_as_failed(way: Way) -> None:
    done = nbval(way.configured, copied(COSTS, way.configured, way.env))
    assert (done.returncode == 0) is way.whole, done.stdout
    assert ("IncompleteRun" in done.stdout) is not way.whole


def test_run_all_reaches_the_verdict_with_a_dead_source(dead: Way, in_jupyterlab: Callable[[Way], Page]) -> None:
    saved = wait_for_verdict(in_jupyterlab(dead), dead.configured.folder / COSTS.name, last_code_cell(COSTS))
    assert raised(saved)[-1] == "IncompleteRun"
    assert len(raised(saved)) > 1


def test_run_all_reaches_the_verdict_and_another_key_adds_up_to_the_same_total(
    demo: Way, in_jupyterlab: Callable[[Way], Page]
) -> None:
    page = in_jupyterlab(demo)
    saved = wait_for_verdict(page, demo.configured.folder / COSTS.name, last_code_cell(COSTS))
    assert raised(saved) == []
    outputs = [output for cell in saved["cells"] for output in cell.get("outputs", [])]
    assert sum("application/vnd.plotly.v1+json" in output.get("data", {}) for output in outputs) == 3
    by, button = page.locator(".widget-text input"), page.locator(".jupyter-button").filter(has_text="Ask")
    answer = page.locator(".jupyter-widgets.widget-output")
    expect(by).to_have_value("team", timeout=30_000)
    found: dict[str, tuple[int, Decimal]] = {}
    days: set[str] = set()
    for key in ("team", *KEYS):
        by.fill(key)
        by.press("Enter")
        button.click()
        expect(answer.locator("thead th").first).to_have_text(re.compile(f"^{key}"), timeout=30_000)
        found[key] = total(answer)
        days.add(re.findall(r"of \d+ days, [\d-]+ to [\d-]+", answer.locator("caption").inner_text())[0])
    page.screenshot(path=str(demo.configured.folder / "picked.png"))
    rows, whole = found["team"]
    assert whole > 100
    assert len(days) == 1, "whatever is picked, it is of the same days, and says of which"
    assert {found[key][0] for key in KEYS} != {rows}, "the table changes"
    for key, (count, amount) in found.items():
        assert abs(amount - whole) <= Decimal("0.005") * (count + rows), key


def total(answer: Locator) -> tuple[int, Decimal]:
    """How many rows the table has, and what they add up to; each amount is shown in cents."""
    names = [text.split()[0] for text in answer.locator("thead tr").first.locator("th").all_inner_texts()]
    rows = [row.locator("td, th").all_inner_texts() for row in answer.locator("tbody tr").all()]
    amounts = [row[names.index("effective")].replace(",", "") for row in rows]
    return len(rows), sum((Decimal(amount) for amount in amounts if re.fullmatch(r"-?[\d.]+", amount)), Decimal(0))


def test_the_weekly_reports_are_both_runbooks_with_one_index(demo: Way) -> None:
    done = cli(demo.configured, "report", "weekly", "--env", "demo")
    assert done.returncode == 2, done.stderr
    index = (demo.configured.reports / "index.html").read_text()
    linked = re.findall(r'href="((?:cost-analysis|performance-review)/[^"/]+/report\.html)"', index)
    assert sorted({link.partition("/")[0] for link in linked}) == ["cost-analysis", "performance-review"]
    for link in linked:
        assert (demo.configured.reports / link).is_file()
    for name in ("cost-analysis", "performance-review"):
        run = run_json(demo.configured.reports, name)
        assert {cell["state"] for cell in run["cells"]} == {"ok"}
        assert run["status"] in index
