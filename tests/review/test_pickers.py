"""Pickers in JupyterLab, in a real browser: pick, ask, see the table change. Headless they are not there."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.review.environment import Configured
from tests.review.test_jupyterlab import FLAGS, jupyterlab, run_all, wait_for_verdict
from tests.runbooks.written import call, notebook

CELLS: list[tuple[str, str]] = [
    ("markdown", "# Picked\n\n- **Symptom:** none.\n- **Owner:** nobody."),
    ("parameters", 'env: str = "demo"  # environment\nnamespace: str = "go-coffee"  # namespace'),
    ("", 'from gocoffee_ops import checks, cluster, runbook\n\nops = runbook.start("picked", env=env)'),
    ("markdown", "## Pods"),
    (
        "raises-exception",
        "pods = cluster.pods(ops)\nops.explore(cluster.pods, pods, namespace=namespace)\nops.judge(checks.pods_ready, pods)",
    ),
    ("markdown", "## Verdict"),
    ("", "ops.verdict()"),
]
VERDICT = 6


@pytest.fixture
def picked(tmp_path: Path) -> Path:
    """A notebook on the demo, which has recorded the pods of all namespaces and of one."""
    path = tmp_path / "picked.ipynb"
    nbformat.write(notebook(*CELLS), path)
    return path


def test_what_is_picked_is_asked_and_its_table_shown(picked: Path, chromium: str) -> None:
    with jupyterlab(Configured(picked.parent)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        run_all(page, url, picked.name)
        wait_for_verdict(page, picked, VERDICT)
        namespace = page.locator(".widget-text input")
        expect(namespace).to_have_value("go-coffee", timeout=30_000)
        button = page.locator(".jupyter-button").filter(has_text="Ask")
        answer = page.locator(".jupyter-widgets.widget-output")
        button.click()
        caption = answer.locator("caption")
        expect(caption).to_contain_text("cluster.pods", timeout=30_000)
        first = caption.inner_text()
        namespace.fill("")
        namespace.press("Enter")
        button.click()
        expect(caption).not_to_have_text(first, timeout=30_000)
        assert "cluster.pods" in caption.inner_text()
        namespace.fill("nowhere")
        namespace.press("Enter")
        button.click()
        expect(answer).to_contain_text("NotRecorded", timeout=30_000)
        page.screenshot(path=str(picked.with_name("pickers.png")), full_page=True)
        browser.close()


def test_headless_there_are_no_pickers(picked: Path) -> None:
    done = call("gocoffee-ops", "run", str(picked), "--exit-zero", cwd=picked.parent)
    assert done.returncode == 0, done.stderr
    (folder,) = (picked.parent / "reports" / "picked").glob("2*")
    report, ran = (folder / "report.html").read_text(), (folder / "notebook.ipynb").read_text()
    for text in (report, ran):
        assert "application/vnd.jupyter.widget-view" not in text
        assert "Combobox" not in text
    assert "pods_ready" in (folder / "run.json").read_text()
