"""Where to begin: every runbook with its symptom, every environment with its places, and who answers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gocoffee_ops.checks import places_answer
from gocoffee_ops.config import CONFIG_VARIABLE, Environment
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.places.live import open_system
from gocoffee_ops.runbooks import orientation
from gocoffee_ops.session import Place, Session
from tests.http_server import Answer, serving, unused_port

CONFIG = """
[environments.prod]
clusters = [{ name = "eu", context = "prod-eu" }]
redis = [{ name = "sessions", url = "redis://cache:6379" }]
databases = [{ name = "coffee", dsn_env = "ORIENTATION_DSN" }]
"""


def test_every_runbook_says_for_which_symptom_it_is() -> None:
    table = orientation.runbooks()
    assert {"start-here", "service-down", "forensics", "performance-review"} <= set(table["runbook"])
    assert all(table["symptom"].str.len() > 3)
    assert all(table["owner"].str.len() > 3)


def test_every_environment_shows_what_it_would_read_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gocoffee.toml").write_text(CONFIG)
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "gocoffee.toml"))
    monkeypatch.setenv("ORIENTATION_DSN", "postgresql://reader:hunter22@db.prod/coffee")
    table = orientation.environments()
    assert list(zip(table["environment"], table["target"], strict=True)) == [
        ("prod", "cluster/eu"),
        ("prod", "database/coffee"),
        ("prod", "redis/sessions"),
        ("demo", "all"),
    ]
    assert "hunter22" not in " ".join(table["where"])
    assert "db.prod:5432/coffee" in table["where"][1]


def test_a_configuration_that_cannot_be_read_is_said_and_the_demo_is_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gocoffee.toml").write_text("[environments.prod]\nclutsers = []\n")
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "gocoffee.toml"))
    table = orientation.environments()
    assert "clutsers is not a key here" in table["where"][0]
    assert table["environment"][1] == "demo"


def asking(tmp_path: Path, systems: dict[str, list[dict[str, object]]]) -> Session:
    """A session of an environment of these systems."""
    environment = Environment.model_validate({"name": "prod", **systems})
    now = datetime.now(UTC)
    places: list[Place] = [open_system(system, now, Redactor()) for system in environment.systems]
    return Session(
        runbook="start-here", environment="prod", places=places, thresholds=Thresholds(), ledger=Ledger(tmp_path)
    )


def test_a_place_that_does_not_answer_is_told_with_its_reason(tmp_path: Path) -> None:
    with serving(lambda _: Answer(body=b"[]")) as grafana:
        down = f"http://127.0.0.1:{unused_port()}"
        ops = asking(tmp_path, {"grafana": [{"name": "up", "url": grafana.url}, {"name": "down", "url": down}]})
        table = orientation.answers(ops)
    assert list(zip(table["target"], table["answers"], strict=True)) == [("grafana/up", True), ("grafana/down", False)]
    assert "refused" in table["said"][1]
    assert [(f.status, f.subject) for f in ops.findings] == [(Status.UNKNOWN, str(Target("grafana", "down")))]
    ops.judge(places_answer, table)
    (found,) = ops.findings
    assert (found.status, found.subject) == (Status.UNKNOWN, "grafana/down")
    assert {part.check for part in found.made} == {"dashboards.search", "places_answer"}
    assert found.reason == table["said"][1]
    assert "refused" in found.reason


def test_an_address_from_which_nothing_comes_does_not_answer_and_one_that_is_ill_does(tmp_path: Path) -> None:
    down = f"http://127.0.0.1:{unused_port()}"
    with serving(lambda _: Answer(status=503)) as ill:
        table = orientation.answers(
            asking(
                tmp_path,
                {
                    "endpoints": [{"name": "ill", "url": ill.url}, {"name": "down", "url": down}],
                    "dependencies": [{"name": "mail", "url": down, "severity": "WARN"}],
                },
            )
        )
    assert list(zip(table["target"], table["answers"], table["status"], strict=True)) == [
        ("endpoint/ill", True, "OK"),
        ("endpoint/down", False, "CRIT"),
        ("dependency/mail", False, "WARN"),
    ]
    assert "refused" in table["said"][1]
    found = places_answer(table)
    assert [(f.status, f.subject) for f in found] == [(Status.CRIT, "endpoint/down"), (Status.WARN, "dependency/mail")]
