"""Where an environment's targets are read from, and what becomes of those that cannot be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gocoffee_ops.config import ClusterConfig, DatabaseConfig, Environment, Limits
from gocoffee_ops.errors import NotFound, NotRecorded, Unreachable, UsageError
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.model import Contacts, Status, Thresholds
from gocoffee_ops.places import (
    Opened,
    demo_thresholds,
    evidence_folder,
    open_named,
    open_places,
)
from gocoffee_ops.places.checked import check_environment
from gocoffee_ops.places.demo import demo_contacts
from gocoffee_ops.places.secrets import dsn_place, read_dsn
from gocoffee_ops.session import Session

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DSN = "postgresql://reader:hunter%2022@db.prod:6432/coffee?sslpassword=second-secret"


def _environment(**parts: object) -> Environment:
    return Environment.model_validate({"name": "prod", **parts})


def test_live_places_say_where_they_are_and_hide_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COFFEE_DSN", DSN)
    environment = _environment(
        clusters=(
            ClusterConfig(name="eu", context="gke-eu", custom_resources=("widgets.example.com",)),
            ClusterConfig(name="here", in_cluster=True, list_secrets=True),
        ),
        databases=(DatabaseConfig(name="coffee", dsn_env="COFFEE_DSN"),),
        thresholds={"node_usage_warn": 0.5},
    )
    opened = open_places(environment, now=NOW)
    assert [(str(p.target), p.mode, p.as_of) for p in opened.places] == [
        ("cluster/eu", "live", NOW),
        ("cluster/here", "live", NOW),
        ("database/coffee", "live", NOW),
    ]
    assert [sorted(p.grants) for p in opened.places] == [[], ["list_secrets"], []]
    named = [p.connect().custom_resources for p in opened.places[:2] if p.connect is not None]
    assert named == [("widgets.example.com",), ()]
    details = [p.detail for p in opened.places]
    assert details == [
        "context gke-eu of $KUBECONFIG or ~/.kube/config",
        "the cluster that this runs in",
        "db.prod:6432/coffee (from $COFFEE_DSN)",
    ]
    assert opened.thresholds.node_usage_warn == 0.5
    assert not opened.demo
    for secret in ("hunter 22", "hunter%2022", "second-secret"):
        assert opened.redactor.text(f"said {secret}") == "said [redacted]"


def test_a_missing_dsn_costs_its_own_database_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET_DSN", raising=False)
    environment = _environment(
        databases=(
            DatabaseConfig(name="one", dsn_env="NOT_SET_DSN"),
            DatabaseConfig(name="two", dsn_file=tmp_path / "gone"),
        )
    )
    one, two = open_places(environment, now=NOW).places
    assert one.connect is not None
    assert two.connect is not None
    with pytest.raises(Unreachable, match=r"database/one\]: \$NOT_SET_DSN is not set"):
        one.connect()
    with pytest.raises(Unreachable, match=r"database/two\]: .*gone: No such file"):
        two.connect()
    assert "is not set" in one.detail


@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b"\xff", "not UTF-8")])
def test_a_dsn_file_that_holds_none_says_so(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "dsn").write_bytes(content)
    with pytest.raises(Unreachable, match=said):
        read_dsn(DatabaseConfig(name="d", dsn_file=tmp_path / "dsn"))


def test_a_dsn_file_may_end_with_a_line(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(DSN + "\n")
    assert read_dsn(DatabaseConfig(name="d", dsn_file=tmp_path / "dsn")) == DSN


@pytest.mark.parametrize(
    ("dsn", "place"),
    [
        ("postgresql://db", "db:5432/"),
        ("postgres://u@a:1,b:2/x", "a:1,b:2/x"),
        ("postgresql:///coffee?host=/run/pg", "/coffee"),
        ("dbname=coffee", "local socket:5432/coffee"),
        ("host=db port=1 password=hunter22 dbname=c", "db:1/c"),
    ],
)
def test_a_dsns_place_holds_no_user_and_no_password(dsn: str, place: str) -> None:
    assert dsn_place(dsn) == place


def test_checking_a_configuration_asks_each_place_and_hides_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEAD_DSN", "postgresql://reader:hunter22@127.0.0.1:9/coffee")
    (tmp_path / "kubeconfig").write_text("apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n")
    environment = _environment(
        clusters=(ClusterConfig(name="eu", context="gone", kubeconfig=tmp_path / "kubeconfig"),),
        databases=(
            DatabaseConfig(name="dead", dsn_env="DEAD_DSN"),
            DatabaseConfig(name="unset", dsn_env="NOT_SET_DSN"),
        ),
        limits=Limits(query_deadline_s=10.0),
    )
    checked = check_environment(environment)
    assert [(line.target, line.status) for line in checked] == [
        ("cluster/eu", Status.UNKNOWN),
        ("database/dead", Status.UNKNOWN),
        ("database/unset", Status.UNKNOWN),
    ]
    cluster, dead, unset = checked
    assert "gone" in cluster.result
    assert "refused" in dead.result
    assert "$NOT_SET_DSN is not set" in unset.result
    assert "hunter22" not in repr(checked)


def test_only_the_timed_thresholds_of_the_demo_are_shorter() -> None:
    ours, usual = demo_thresholds(), Thresholds()
    shorter = {i.name for i in Thresholds.info() if getattr(ours, i.name) != getattr(usual, i.name)}
    sessions = ("active", "idle_in_transaction", "blocked")
    timed = {f"{what}_{level}_s" for what in sessions for level in ("warn", "crit")} | {"statement_share_ms"}
    assert shorter == timed | {"restarted_warn_s"}
    assert all(0 < getattr(ours, name) < getattr(usual, name) for name in timed)
    assert ours.restarted_warn_s == 0  # its server starts when somebody asks for it


def test_a_replay_needs_no_configuration_and_reads_nothing_live(tmp_path: Path) -> None:
    Session(
        runbook="x",
        environment="prod",
        places=[],
        thresholds=Thresholds(node_usage_warn=0.5),
        ledger=Ledger(tmp_path / "run" / "evidence"),
    )
    opened = open_named("prod", now=NOW, start=tmp_path, replay=tmp_path / "run")
    assert opened.thresholds.node_usage_warn == 0.5
    assert opened.replay_of == str(tmp_path / "run")
    with pytest.raises(UsageError, match="recorded in 'prod'"):
        open_places(Environment(name="demo"), now=NOW, replay=tmp_path / "run")


def test_contacts_and_links_are_recorded_and_a_replay_shows_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = _environment(
        clusters=(ClusterConfig(name="here", in_cluster=True),),
        contacts={
            "escalation": {"P0": {"response_time": "1 hour 30 minutes", "primary": "Platform Lead"}},
            "addresses": {"Platform Lead": "lead@example.com"},
        },
        links={"wiki": "https://wiki.example.com"},
    )

    def shown(opened: Opened, folder: Path) -> str:
        session = Session(
            runbook="x",
            environment=opened.environment,
            places=[],
            thresholds=opened.thresholds,
            ledger=Ledger(folder / "evidence", opened.redactor),
            contacts=opened.contacts,
        )
        session.contacts(severity="P0", started="2026-11-22T23:00Z")
        return capsys.readouterr().out

    live = shown(open_places(environment, now=NOW), tmp_path / "live")
    assert "P0  Platform Lead (lead@example.com)  within 1 h 30 min  30 min left" in live
    assert "wiki: https://wiki.example.com" in live
    later = NOW.replace(year=2027)
    assert shown(open_named("prod", now=later, replay=tmp_path / "live"), tmp_path / "again") == live


def test_a_bundle_without_contacts_says_that_it_has_none(tmp_path: Path) -> None:
    def made(folder: Path, contacts: Contacts | None) -> Session:
        ledger = Ledger(folder / "evidence")
        return Session(
            runbook="x", environment="prod", places=[], thresholds=Thresholds(), ledger=ledger, contacts=contacts
        )

    made(tmp_path / "old", None)
    opened = open_named("prod", now=NOW, replay=tmp_path / "old")
    with pytest.raises(NotRecorded, match="show the contacts"):
        made(tmp_path / "new", opened.contacts).contacts()


def test_the_demo_has_the_written_matrix_and_reaches_nobody() -> None:
    contacts = demo_contacts(NOW)
    assert [(step.severity, step.response_time_s, step.primary, step.secondary) for step in contacts.escalation] == [
        ("P0", 900, "Platform Lead", "CTO"),
        ("P1", 3600, "DevOps Engineer", "Platform Lead"),
        ("P2", 14400, "Developer", "DevOps Engineer"),
        ("P3", 86400, "Team Lead", "Developer"),
    ]
    called = {name for step in contacts.escalation for name in (step.primary, step.secondary)}
    assert called <= set(contacts.addresses)
    assert all(a.endswith("@example.com") or "555-01" in a for a in contacts.addresses.values())
    assert all(url.endswith(".example.com") for url in contacts.links.values())


def test_addresses_say_where_they_are_without_their_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEALTH_TOKEN", "a-token-that-nobody-may-see")
    environment = _environment(
        endpoints=[{"name": "api", "url": "https://api.example.com/health?key=x", "token_env": "HEALTH_TOKEN"}],
        dependencies=[
            {"name": "stripe", "url": "https://api.stripe.com/v1/charges"},
            {"name": "github", "url": "https://api.github.com", "status_page": "https://www.githubstatus.com"},
        ],
    )
    opened = open_places(environment, now=NOW)
    assert [(str(p.target), p.detail) for p in opened.places] == [
        ("endpoint/api", "https://api.example.com/health"),
        ("dependency/stripe", "https://api.stripe.com/v1/charges"),
        ("dependency/github", "https://api.github.com, status page https://www.githubstatus.com"),
    ]
    assert opened.redactor.text("said a-token-that-nobody-may-see") == "said [redacted]"


def test_a_folder_without_a_ledger_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no ledger is there"):
        evidence_folder(tmp_path)


def test_all_of_the_demo_but_its_database_is_recorded_as_of_one_moment() -> None:
    from gocoffee_ops.places.demo import DEMO_BUNDLE, demo_recorded

    places = demo_recorded(NOW)
    assert DEMO_BUNDLE.is_dir()
    assert {place.target.kind for place in places} == {
        "cluster", "endpoint", "dependency", "redis", "alertmanager", "prometheus", "elasticsearch", "grafana", "bill",
        "costs", "opencost",
    }  # fmt: skip
    assert {place.mode for place in places} == {"recorded"}
    assert all("recorded from a " in place.detail or "synthetic" in place.detail for place in places)
    (as_of,) = {place.as_of for place in places}
    assert as_of < datetime.now(UTC)


def test_a_demo_without_its_bundle_says_how_to_make_it(tmp_path: Path) -> None:
    from gocoffee_ops.places.demo import demo_recorded

    (place,) = demo_recorded(NOW, tmp_path)
    assert place.connect is not None
    with pytest.raises(NotFound, match="make demo-bundle"):
        place.connect()
