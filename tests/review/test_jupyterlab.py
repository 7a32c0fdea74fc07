"""Run All in JupyterLab, in a real browser, with all sources up and with one dead."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.faults.tcp_proxy import closed_port
from tests.review.environment import NOTEBOOK, Configured, copied

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TOKEN = "of-the-test"
NEWS = "/lab/api/(news|update)"  # of which the server asks Jupyter's
PROJECT = Path(__file__).parent.parent.parent


def settings() -> list[str]:
    """What `make lab` gives JupyterLab, so that it neither asks for news nor looks for updates."""
    said = subprocess.run(["make", "-n", "lab"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    (command,) = [line for line in said.splitlines() if "jupyter lab " in line]
    return [word for word in shlex.split(command) if word.startswith("--LabApp.")]


@contextmanager
def jupyterlab(configured: Configured) -> Iterator[str]:
    """JupyterLab on the configuration's folder."""
    port = closed_port()
    variables = configured.variables | {"JUPYTER_CONFIG_DIR": str(configured.folder / "jupyter")}
    log = configured.folder / "jupyterlab.log"
    command = ["jupyterlab", "--no-browser", "--allow-root", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", *command, *settings()],
            cwd=configured.folder,
            env=variables,
            stdout=out,
            stderr=out,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(f"{url}/api?token={TOKEN}", timeout=2)
                    break
                except OSError:
                    assert server.poll() is None, log.read_text()
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.2)
            yield url
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()


def run_all(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/lab/tree/{name}?token={TOKEN}&reset")
    page.wait_for_selector(".jp-NotebookPanel", timeout=60_000)
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_have_count(1, timeout=60_000)
    prompts = page.locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[[*0-9]"))
    for _ in range(4):  # JupyterLab drops a "Run All" that comes while the kernel settles; a person clicks again
        page.wait_for_timeout(2000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        with contextlib.suppress(AssertionError):
            expect(prompts).not_to_have_count(0, timeout=10_000)
            return
    raise AssertionError("no cell began to run")


@pytest.mark.parametrize("dead", [False, True], ids=["all up", "one dead"])
def test_run_all_reaches_the_verdict(dead: bool, whole: Configured, half: Configured, chromium: str) -> None:
    configured = half if dead else whole
    copy = copied(NOTEBOOK, configured)
    last = last_code_cell(copy)
    fetched: list[str] = []
    with jupyterlab(configured) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.on("request", lambda one: fetched.append(one.url) if re.search(NEWS, one.url) else None)
        run_all(page, url, copy.name)
        saved = wait_for_verdict(page, copy, last)
        page.screenshot(path=str(configured.folder / "jupyterlab.png"))
        expect(page.get_by_text("official Jupyter news")).to_have_count(0)
        browser.close()
    assert fetched == []
    outputs = [output for cell in saved["cells"] for output in cell.get("outputs", [])]
    raised = [output["ename"] for output in outputs if output["output_type"] == "error"]
    assert any("application/vnd.plotly.v1+json" in output.get("data", {}) for output in outputs)
    if dead:
        assert raised[-1] == "IncompleteRun"
        assert len(raised) > 1
    else:
        assert raised == []
    text = json.dumps(saved["cells"][last]["outputs"])
    assert "CRIT" in text  # faults are planted
    assert "questions answered" in text
    shutil.rmtree(configured.folder / "jupyter", ignore_errors=True)


def last_code_cell(notebook: Path) -> int:
    cells = nbformat.read(notebook, as_version=4).cells
    return max(i for i, cell in enumerate(cells) if cell.cell_type == "code")


def wait_for_verdict(page: Page, notebook: Path, last: int) -> dict[str, Any]:
    """Save until the last code cell has been executed; what was saved."""
    deadline = time.monotonic() + 180
    saved: dict[str, Any] = {}
    while time.monotonic() < deadline:
        page.wait_for_timeout(3000)
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1000)  # JupyterLab asks before it saves over a save that is under way
        saved = json.loads(notebook.read_text())
        if saved["cells"][last].get("execution_count") and saved["cells"][last]["outputs"]:
            return dict(saved)
    counts = [cell.get("execution_count") for cell in saved["cells"] if cell["cell_type"] == "code"]
    page.screenshot(path=str(notebook.with_name("not-in-time.png")))
    raise AssertionError(
        f"the last cell was not executed in time: {counts}, see {notebook.with_name('not-in-time.png')}"
    )
