"""How a shell shows tables and figures, in a real IPython shell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest
from IPython.core.interactiveshell import InteractiveShell

from gocoffee_ops.ui.display import PLOTLY, bundle, install, show


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance()
    yield made
    InteractiveShell.clear_instance()


def shown(shell: InteractiveShell, value: Any) -> dict[str, Any]:
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        shell.display_formatter.format(value)
    assert len(captured.outputs) == 1
    return dict(captured.outputs[0].data)


def test_an_installed_shell_shows_our_tables_with_the_demos_banner(shell: InteractiveShell) -> None:
    install(shell, demo=True)
    data = shown(shell, pd.DataFrame({"memory_mib": [1.5]}))
    assert "memory, MiB" in data["text/html"]
    assert "Demo data" in data["text/html"]
    assert data["text/plain"].startswith("Demo data")


def test_an_installed_shell_shows_figures_as_json_without_plotlys_script(shell: InteractiveShell) -> None:
    install(shell)
    data = shown(shell, go.Figure(layout={"meta": {"alt": "Nodes."}}))
    assert set(data) == {PLOTLY, "text/plain"}
    assert data["text/plain"] == "Nodes."


def test_a_demo_figure_carries_the_banner() -> None:
    data = bundle(go.Figure(), demo=True)
    assert data is not None
    assert "Demo data" in data[PLOTLY]["layout"]["annotations"][0]["text"]
    assert "Demo data" in data["text/plain"]


def test_without_a_notebook_the_words_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    InteractiveShell.clear_instance()
    show(go.Figure(layout={"meta": {"alt": "Nodes of two clusters."}}))
    assert "Nodes of two clusters." in capsys.readouterr().out


def test_other_values_are_left_to_ipython() -> None:
    assert bundle("text") is None
