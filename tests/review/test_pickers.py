"""Pickers of every incident runbook on the demo, in JupyterLab, in a real browser far from UTC: pick, ask, see the table change."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from gocoffee_ops.evidence.ledger import read_entries
from gocoffee_ops.places.demo import demo_recorded
from gocoffee_ops.runbooks import catalog
from tests.review.environment import Configured
from tests.review.test_jupyterlab import FLAGS, TOKEN, jupyterlab
from tests.runbooks.written import call

BOOKS = {book.name: book for book in catalog.runbooks()}
INCIDENTS = ("service-down", "high-error-rate", "database-slowdown", "forensics")
END = max(place.as_of for place in demo_recorded(datetime.now(UTC)) if place.target.kind == "cluster")
LABELS = {"of": "logs of", "start": "start (UTC)", "end": "end (UTC)", "others": "other services"}
SHOWN = "%Y-%m-%dT%H:%M"  # as a browser's field has a time


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The incident runbooks, as they are."""
    made = tmp_path_factory.mktemp("incident")
    for name in INCIDENTS:
        shutil.copy(BOOKS[name].path, made)
    return made


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with jupyterlab(Configured(folder)) as running:
        yield running


@pytest.fixture(scope="module")
def page(chromium: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser.new_context(viewport={"width": 1500, "height": 1100}, timezone_id="America/New_York").new_page()
        browser.close()


class Pickers:
    """One row of pickers, the one that a cell shows."""

    def __init__(self, cell: Locator) -> None:
        self.cell = cell
        self.button = cell.locator(".jupyter-button").filter(has_text="Ask")
        self.answer = cell.locator(".jupyter-widgets.widget-output")
        self.caption = self.answer.locator("caption")
        expect(self.button).to_be_visible(timeout=60_000)

    def field(self, words: str) -> Locator:
        return self.cell.get_by_label(words, exact=True)

    def pick(self, **picked: str) -> None:
        for name, value in picked.items():
            field = self.field(LABELS.get(name, name))
            field.fill(value)
            field.press("Tab")

    def tick(self, **services: bool) -> None:
        """Tick and clear boxes; what stands for `-` in a name is `_`."""
        for name, ticked in services.items():
            self.field(name.replace("_", "-")).set_checked(ticked)

    def ask(self) -> str:
        """The caption of the table that comes when it is asked, which is another than the one before."""
        before = self.caption.text_content() if self.caption.count() else ""
        self.button.click()
        expect(self.caption).not_to_have_text(before or "", timeout=30_000)
        return self.caption.text_content() or ""

    def told(self, sentence: str) -> None:
        """Ask, and be told why not."""
        self.button.click()
        expect(self.answer).to_contain_text(sentence, timeout=30_000)


def opened(page: Page, url: str, name: str, *cells: str) -> list[Pickers]:
    """A runbook in which its parameters, its set-up and these cells were run, with the pickers of those that have any."""
    book = json.loads(BOOKS[name].path.read_text())["cells"]
    code = [i for i, cell in enumerate(book) if cell["cell_type"] == "code"]
    wanted = [*code[:2], *(i for i in code if book[i]["id"] in cells)]
    page.goto(f"{url}/lab/tree/{name}.ipynb?token={TOKEN}&reset")
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_have_count(1, timeout=60_000)
    made = []
    for i in wanted:
        cell = page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{i}']")
        cell.scroll_into_view_if_needed()
        prompt = cell.locator(".jp-InputPrompt")
        for _ in range(4):  # JupyterLab drops what comes while the kernel settles; a person presses again
            cell.locator(".cm-content").click()
            page.keyboard.press("Control+Enter")
            with contextlib.suppress(AssertionError):
                expect(prompt).not_to_have_text("[ ]:", timeout=10_000)
                break
        expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=120_000)
        if "ops.explore" in "".join(book[i]["source"]):
            made.append(Pickers(cell))
    return made


def test_service_down_shows_the_pods_of_another_namespace_and_the_logs_of_another_service(page: Page, url: str) -> None:
    pods, logs = opened(page, url, "service-down", "55d4dab6", "00a1d343", "d84c2e6b")
    own = pods.ask()
    pods.pick(namespace="kube-system")
    assert own != pods.ask()
    expect(pods.answer).to_contain_text("coredns")
    logs.pick(of="deployment/api-gateway")
    logs.ask()
    expect(logs.answer).to_contain_text("api-gateway")
    logs.pick(of="order-service")
    logs.told("nothing that was read has the logs of 'order-service'. Try: deployment/order-service")


def test_high_error_rate_shows_other_services_and_windows_and_the_lines_of_a_shorter_time(page: Page, url: str) -> None:
    metrics, lines = ("9b4cd9d9", "79768334", "66529c55"), ("86e30823", "63510818")
    requests, latency, saturation, logs = opened(page, url, "high-error-rate", *metrics, *lines)
    two = requests.ask()
    expect(requests.answer).to_contain_text("CRIT")
    requests.tick(api_gateway=False, order_service=False, web_ui=True)
    assert two != requests.ask()
    expect(requests.answer.locator("table").first).to_contain_text("web-ui")
    expect(requests.answer.locator("table").first).not_to_contain_text("order-service")
    expect(requests.answer).not_to_contain_text("CRIT")
    requests.tick(web_ui=False, order_service=True)
    requests.pick(end=(END - timedelta(hours=1)).strftime(SHOWN))
    requests.told("OK")  # it was well before the release
    requests.pick(end=END.strftime(SHOWN))
    requests.told("CRIT")
    requests.pick(others="web-iu")
    requests.told("nothing that was read has the service 'web-iu'. Try: web-ui")
    six = latency.ask()
    latency.tick(api_gateway=False)
    latency.field("window").select_option("1 h")
    assert six != latency.ask()
    expect(latency.answer).to_contain_text("services: order-service · window: 1 h")
    saturation.ask()
    saturation.tick(order_service=False, payment_service=True)
    saturation.told("payment-service-")
    expect(saturation.answer).not_to_contain_text("order-service")
    hour = logs.ask()
    expect(logs.field("end (UTC)")).to_have_value(END.strftime(SHOWN))
    logs.pick(start=(END - timedelta(minutes=15)).strftime(SHOWN))
    assert hour != logs.ask()
    logs.pick(start=(END - timedelta(minutes=7)).strftime(SHOWN))
    logs.told("is not in the record: nobody is asked")


def test_database_slowdown_shows_one_applications_sessions_statements_in_another_order_and_another_services_logs(
    page: Page, url: str
) -> None:
    cells = ("f193c3c7", "8b99ea3f", "3fccd84e", "2d3a69ed", "b4d1f0c2")
    sessions, statements, logs = opened(page, url, "database-slowdown", *cells)
    every = sessions.ask()
    offered = sessions.cell.locator("datalist option").first.get_attribute("value")
    assert offered
    sessions.pick(application=offered)
    assert every != sessions.ask()
    statements.pick(limit="5")
    ten = statements.ask()
    statements.pick(limit="6")
    statements.field("by").select_option("mean")
    assert ten != statements.ask()
    expect(statements.answer).to_contain_text("by: mean")
    expect(statements.answer).to_contain_text("= $1 ORDER BY created_at DESC LIMIT $2")  # and is no TeX
    own = logs.ask()
    logs.pick(of="deployment/order-service")
    assert own != logs.ask()


def test_forensics_shows_a_shorter_time_and_refuses_one_that_ends_before_it_starts(page: Page, url: str) -> None:
    (logs,) = opened(page, url, "forensics", "3256d64a", "74dbf416")
    hour = logs.ask()
    assert re.search(r"newest 20 of [\d,]+ rows", hour)
    logs.pick(start=(END - timedelta(minutes=15)).strftime(SHOWN))
    assert hour != logs.ask()
    logs.pick(end=(END - timedelta(hours=2)).strftime(SHOWN))
    logs.told("a window must start before it ends")
    logs.pick(end=END.strftime(SHOWN), namespace="go-cofee")
    logs.told("nothing that was read has the namespace 'go-cofee'. Try: go-coffee")


def test_headless_there_are_no_pickers(tmp_path: Path) -> None:
    done = call(
        "gocoffee-ops", "run", "high-error-rate", "--env", "demo", "--exit-zero", "--reports", "reports", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    (ran,) = (tmp_path / "reports" / "high-error-rate").glob("2*")
    for text in ((ran / "report.html").read_text(), (ran / "notebook.ipynb").read_text()):
        assert "application/vnd.jupyter.widget-view" not in text
        assert "Combobox" not in text
    assert "pods_ready" in (ran / "run.json").read_text()
    asked = {entry.body["query"] for entry in read_entries(ran / "evidence") if entry.kind == "query"}
    assert "metrics.requests" in asked
    assert not asked & {"metrics.services", "control_plane.namespaces"}  # which only fill pickers
