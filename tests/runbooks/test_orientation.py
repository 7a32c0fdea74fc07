"""Where to begin: every runbook with its symptom, every environment with its places, and who answers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gocoffee_ops.checks import places_answer
from gocoffee_ops.config import CONFIG_VARIABLE, Environment
from gocoffee_ops.errors import ParameterError
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.evidence.redact import Redactor
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.places import replay_places
from gocoffee_ops.places.checked import Elsewhere, elsewhere
from gocoffee_ops.places.live import open_system
from gocoffee_ops.runbooks import orientation
from gocoffee_ops.runbooks.orders import prepare
from gocoffee_ops.session import Place, Session
from tests.http_server import Answer, Asked, serving, unused_port

CONFIG = """
[environments.prod]
clusters = [{ name = "eu", context = "prod-eu" }]
redis = [{ name = "sessions", url = "redis://cache:6379" }]
databases = [{ name = "coffee", dsn_env = "ORIENTATION_DSN" }]
"""


def test_every_runbook_says_for_which_symptom_it_is() -> None:
    table = orientation.runbooks()
    named = list(table["runbook"])
    assert list(table)[:2] == ["runbook", "symptom"]
    assert "start-here" not in named
    order = [
        "service-down",
        "database-slowdown",
        "high-error-rate",
        "forensics",
        "morning-health-check",
        "cost-analysis",
    ]
    assert [one for one in named if one in order] == order
    assert "performance-review" in named
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


def test_a_cost_explorer_is_not_asked_unless_it_may_cost_money_and_that_is_no_answer(tmp_path: Path) -> None:
    with serving(lambda _: Answer(body=b"[]")) as grafana:
        systems = {"grafana": [{"name": "up", "url": grafana.url}], "cost_explorers": [{"name": "payer"}]}
        table = orientation.answers(asking(tmp_path, systems))

    assert dict(zip(table["target"], table["answers"], strict=True)) == {
        "grafana/up": True,
        "cost_explorer/payer": False,
    }
    (found,) = places_answer(table)
    assert (found.status, found.subject) == (Status.UNKNOWN, "cost_explorer/payer")
    assert found.reason.startswith("not asked, as each request to Cost Explorer costs 0.01 USD")


ENVIRONMENTS = """
[environments.prod]
grafana = [{{ name = "main", url = "{up}" }}]
[environments.staging]
grafana = [{{ name = "up", url = "{up}" }}, {{ name = "down", url = "{down}", user = "me", password_env = "ELSEWHERE_PASSWORD" }}]
endpoints = [{{ name = "api", url = "{down}" }}]
[environments.test]
grafana = [{{ name = "hangs", url = "{hangs}" }}]
"""


def beside(tmp_path: Path, config: str, own: str = "prod") -> Session:
    """A session of an environment that knows the others of its configuration."""
    (tmp_path / "gocoffee.toml").write_text(config)
    return Session(
        runbook="start-here", environment=own, places=elsewhere(own, now=datetime.now(UTC), start=tmp_path),
        thresholds=Thresholds(), ledger=Ledger(tmp_path / "ledger"), query_deadline_s=3.0,
    )  # fmt: skip


def test_every_other_environment_is_asked_and_one_that_is_down_costs_its_own_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    monkeypatch.setenv("ELSEWHERE_PASSWORD", "hunter22")
    down = f"http://127.0.0.1:{unused_port()}"
    with serving(lambda _: Answer(body=b"[]")) as up, serving(lambda _: Answer(stall=True)) as hangs:
        ops = beside(tmp_path, ENVIRONMENTS.format(up=up.url, down=down, hangs=hangs.url))
        table = orientation.answers_elsewhere(ops)
    rows = {(row["environment"], row["target"]): row for row in records(table)}
    assert {key: (row["answers"], row["status"]) for key, row in rows.items()} == {
        ("staging", "grafana/up"): (True, "OK"),
        ("staging", "grafana/down"): (False, "UNKNOWN"),
        ("staging", "endpoint/api"): (False, "CRIT"),
        ("test", "grafana/hangs"): (False, "UNKNOWN"),
    }
    assert "refused" in rows["staging", "grafana/down"]["said"]
    assert "answered" not in rows["staging", "endpoint/api"]["said"]
    assert "no answer after" in rows["test", "grafana/hangs"]["said"]
    assert "hunter22" not in table.to_string()
    assert ops.findings == []
    replayed = replay_places(tmp_path / "ledger")
    again = Session(
        runbook="start-here", environment="prod", places=replayed.places, thresholds=Thresholds(),
        ledger=Ledger(tmp_path / "again"),
    )  # fmt: skip
    assert orientation.answers_elsewhere(again).equals(table)


def test_another_environment_is_asked_as_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    as_of = datetime(2026, 1, 5, 3, tzinfo=UTC)
    asked: list[str] = []

    def answer(request: Asked) -> Answer:
        asked.append(request.query.get("time", ""))
        return Answer(body=b'{"status": "success", "data": {"resultType": "vector", "result": []}}')

    with serving(answer) as prometheus:
        systems = {"prometheus": [{"name": "main", "url": prometheus.url}]}
        rows = Elsewhere(Environment.model_validate({"name": "staging", **systems})).answers(as_of, 10.0)
    assert [row["target"] for row in rows] == ["prometheus/main"]
    assert any(one.startswith(f"{as_of.timestamp():.0f}") for one in asked), asked


def test_where_no_other_environment_is_configured_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    ops = beside(tmp_path, CONFIG)
    table = orientation.answers_elsewhere(ops)
    assert (len(table), table.attrs["absent"]) == (0, "the configuration names no other environment")
    assert ops.findings == []


def test_the_demo_asks_no_other_environment(tmp_path: Path) -> None:
    ops = Session(
        runbook="start-here", environment="demo", places=[], thresholds=Thresholds(), ledger=Ledger(tmp_path), demo=True
    )
    assert "the demo asks no real system" in orientation.answers_elsewhere(ops).attrs["absent"]


def test_a_severity_that_nobody_is_named_for_is_wrong_before_anything_is_contacted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    escalation = '[environments.prod.contacts.escalation.SEV1]\nresponse_time = "15 minutes"\nprimary = "Lead"\n'
    (tmp_path / "gocoffee.toml").write_text(
        f'{CONFIG}\n{escalation}\n[environments.nobody]\nendpoints = [{{ name = "a", url = "http://a" }}]\n'
    )
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "gocoffee.toml"))
    for env, named in (("demo", "P0, P1, P2, P3"), ("prod", "SEV1")):
        with pytest.raises(ParameterError, match=f"unknown severity 'P7'.*valid: {named}"):
            prepare("start-here", {"severity": ["P7"]}, env=env)
    assert prepare("start-here", {"severity": ["SEV1"]}, env="prod").values["severity"] == "SEV1"
    assert prepare("start-here", {"severity": ["P7"]}, env="nobody").values["severity"] == "P7"
