"""How many requests Cost Explorer will be sent is told before the first of them: each costs money."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.aws import IDENTITY, NOWHERE
from tests.http_server import Answer, Asked, says, serving

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "weekly" / "cost-analysis.ipynb"


def answer(asked: Asked) -> Answer:
    """Every day that was asked for, at 1 USD."""
    first, end = (date.fromisoformat(day) for day in json.loads(asked.body)["TimePeriod"].values())
    money = {name: {"Amount": "1", "Unit": "USD"} for name in ("UnblendedCost", "AmortizedCost")}
    days = [first + timedelta(days=n) for n in range((end - first).days)]
    spans = [{"Start": day.isoformat(), "End": (day + timedelta(days=1)).isoformat()} for day in days]
    return says(
        {"ResultsByTime": [{"TimePeriod": span, "Total": money, "Groups": [], "Estimated": True} for span in spans]}
    )


def cells() -> tuple[list[str], str]:
    """The cells up to the set-up, and the one that asks Cost Explorer."""
    code = [
        "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"
    ]
    (asks,) = [source for source in code if "cost_explorer.totals" in source]
    return code[:2], asks


def test_the_plan_is_shown_by_the_set_up_which_sends_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (IDENTITY | NOWHERE).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOCOFFEE_CONFIG", str(tmp_path / "gocoffee.toml"))
    before, asks = cells()
    names: dict[str, Any] = {}
    with serving(answer) as server:
        (tmp_path / "gocoffee.toml").write_text(
            f'[[environments.paid.cost_explorers]]\nname = "payer"\nmax_requests = 7\nendpoint_url = "{server.url}"\n'
        )
        for source in before:
            exec(source.replace('"demo"', '"paid"'), names)
        assert not names["cost_explorer"].totals.under_way(names["ops"], days=names["days"])
        assert server.asked == []
        shown = capsys.readouterr().out
        assert "list_at_most" in shown
        assert "0.0700" in shown  # seven requests
        exec(asks, names)
        assert len(server.asked) == 1
        assert set(names["totals"]["requests_sent"]) == {1}
