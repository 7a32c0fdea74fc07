"""The record of a real run: it replays with everything unreachable, and no planted secret is in any of its files."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from tests.evidence.secrets_corpus import CORPUS
from tests.faults.tcp_proxy import closed_port
from tests.review.environment import Configured, Ran, cli, configure, review
from tests.testbed.control_plane import Cluster
from tests.testbed.postgres import PostgresServer

SESSIONS = 15  # held open with a secret in their last statement; the server takes few more


def comparable(ran: Ran) -> list[dict[str, Any]]:
    return sorted(ran.run["findings"], key=lambda f: json.dumps(f, sort_keys=True))


@pytest.mark.parametrize("dead", [False, True], ids=["all up", "one dead"])
def test_a_replay_reaches_the_same_findings_with_every_source_unreachable(
    dead: bool, whole: Configured, half: Configured
) -> None:
    configured = half if dead else whole
    ran = review(configured)
    assert ran.folder is not None
    gone = configured.folder / "nothing.yaml"
    gone.write_text(json.dumps({"clusters": [], "contexts": [], "users": []}))
    configure(
        configured.folder,
        clusters={"eu": (gone, "gone")},
        databases={"coffee": f"postgresql://x@127.0.0.1:{closed_port()}/x"},
    )
    again = review(configured, "--replay", str(ran.folder))
    assert again.folder != ran.folder
    assert comparable(again) == comparable(ran)
    assert again.run["coverage"] == ran.run["coverage"]
    assert again.run["as_of"] == ran.run["as_of"]
    assert again.exit_code == ran.exit_code
    assert "replay" in again.report.lower()


def test_verify_holds_a_run_to_the_head_that_its_report_shows(whole: Configured) -> None:
    ran = review(whole)
    assert ran.folder is not None
    head = ran.run["head"]
    assert head in ran.report
    assert cli(whole, "verify", str(ran.folder / "evidence"), "--head", head).returncode == 0
    ledger = ran.folder / "evidence" / "ledger.jsonl"
    ledger.write_text("".join(ledger.read_text().splitlines(keepends=True)[:-1]))
    cut = cli(whole, "verify", str(ran.folder / "evidence"), "--head", head)
    assert cut.returncode == 2
    assert "cut after it" in cut.stderr


@pytest.fixture
def leaking(cluster: Cluster, namespace: str, postgres: PostgresServer, tmp_path: Path) -> Iterator[Configured]:
    """The corpus in what both systems say: statement texts, application names, sessions, events, annotations, the DSN."""
    api = cluster.api("admin")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    plain, sql = [p for p in CORPUS if not p.sql], [p for p in CORPUS if p.sql]
    for i, planted in enumerate(plain):
        body = {
            "metadata": {"name": f"planted-{i}", "namespace": namespace, "annotations": {"note": planted.text}},
            "involvedObject": {"kind": "Pod", "name": f"pod-{i}", "namespace": namespace},
            "type": "Warning",
            "reason": "Planted",
            "message": planted.text[:1000],
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": "test"},
        }
        answer = api.request("POST", f"/api/v1/namespaces/{namespace}/events", body)
        assert answer.status == 201, answer.text
    with ExitStack() as stack:
        name = stack.enter_context(postgres.fresh_database())
        owner = stack.enter_context(postgres.connect(database=name))
        owner.execute("CREATE TABLE t (id int)")
        for planted in plain:
            owner.execute(f"COMMENT ON TABLE t IS {_literal(planted.text)}".encode())
        for planted in [*plain[:SESSIONS], *sql]:
            # In a transaction that stands idle, or is aborted where the statement fails: its text stays to be seen.
            session = stack.enter_context(
                postgres.connect(database=name, application_name="" if planted.sql else planted.text[:60])
            )
            session.execute("BEGIN")
            with contextlib.suppress(psycopg.Error):
                session.execute((planted.text if planted.sql else f"SELECT {_literal(planted.text)}").encode())
        yield configure(
            tmp_path / "leaking",
            clusters={"eu": (cluster.kubeconfig(), cluster.name)},
            databases={"coffee": postgres.tcp_dsn("gocoffee_reader", name)},
        )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def written(folder: Path) -> dict[str, str]:
    """Every file of a run as text, its tables decoded."""
    texts = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            texts[str(path)] = json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False)
        elif path.is_file():
            texts[str(path)] = path.read_text()
    return texts


def test_no_planted_secret_is_in_any_file_of_a_run_nor_in_what_it_printed(
    leaking: Configured, namespace: str, postgres: PostgresServer
) -> None:
    ran = review(leaking, "-p", "namespace", namespace, "-p", "top", "100")
    assert ran.folder is not None, ran.printed
    texts = written(ran.folder) | {"printed": ran.printed}
    secrets = {planted.name: planted.secret for planted in CORPUS} | {
        "the reader's": postgres.passwords["gocoffee_reader"]
    }
    leaks = [f"{name} in {file}" for file, text in texts.items() for name, secret in secrets.items() if secret in text]
    assert leaks == [], "\n".join(leaks)
    # The search would have found them: what stood around the secrets is there.
    everything = "\n".join(texts.values())
    assert everything.count("Planted") >= len([p for p in CORPUS if not p.sql])
    assert "COMMENT ON TABLE t IS" in everything
    assert "idle in transaction" in everything
