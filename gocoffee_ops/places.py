"""Environment -> places: each target with the way to read it, live, recorded or from a replayed bundle."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gocoffee_ops.errors import EvidenceError, NotFound, OpsError, Unreachable, UsageError
from gocoffee_ops.evidence.ledger import LEDGER, Ledger
from gocoffee_ops.evidence.redact import Redactor, dsn_secrets
from gocoffee_ops.evidence.replay import Recording
from gocoffee_ops.model import Finding, Status, Target, Thresholds
from gocoffee_ops.session import Place, Session

if TYPE_CHECKING:
    from gocoffee_ops.config import ClusterConfig, DatabaseConfig, Environment

DEMO_BUNDLE = Path(__file__).parent / "demo" / "bundle"
DEMO_DATABASE = "coffee"
_HOST = r"(?:\[[0-9a-fA-F:.%]+\]|[\w.%-]*)(?::\d+)?"
_DSN_URL = re.compile(
    rf"postgres(?:ql)?://(?:[^@/?#]*@)?(?P<hosts>{_HOST}(?:,{_HOST})*)(?:/(?P<name>[^@/?#]*))?(?:[?#][^@]*)?"
)


@dataclass(frozen=True)
class Opened:
    """What a session is made of. Give its ledger `redactor`: it knows the secrets of every place."""

    environment: str
    places: tuple[Place, ...]
    thresholds: Thresholds
    demo: bool
    redactor: Redactor
    held: tuple[object, ...] = ()  # leases that must last as long as the session
    query_deadline_s: float = 30.0
    replay_of: str = ""


@dataclass(frozen=True)
class Checked:
    """One line of `gocoffee-ops config check`: what would be read, from where, and whether it answers."""

    target: str
    where: str
    status: Status
    result: str


def demo_thresholds() -> Thresholds:
    """The defaults, with a second for ten minutes where something is timed on the demo's database.

    Its sessions are just over a second old when it is ready, so that they are past every limit, whenever they are read.
    """
    timed = ("active_", "idle_in_transaction_", "blocked_")
    infos = [info for info in Thresholds.info() if info.unit == "s" and info.name.startswith(timed)]
    seconds: dict[str, Any] = {info.name: info.default / 600 for info in infos}
    return replace(Thresholds(), **seconds)


def open_named(name: str, *, now: datetime, start: Path | None = None, replay: Path | None = None) -> Opened:
    """The places of the environment of that name; a replay needs no configuration, only the bundle."""
    if replay is not None:
        return replay_places(replay, environment=name)
    from gocoffee_ops.config import environment  # pydantic, which a replay does without

    return open_places(environment(name, start), now=now)


def open_places(environment: Environment, *, now: datetime, replay: Path | None = None) -> Opened:
    """The places of an environment; with `replay`, all of them answered by that bundle.

    Nothing is contacted but the demo's database, which is started. A place that cannot be read says so when it is asked.
    """
    if replay is not None:
        return replay_places(replay, environment=environment.name)
    redactor = Redactor()
    limit = environment.limits.query_deadline_s
    if environment.demo:
        database, held = _demo_database(now, redactor)
        places = (*_demo_clusters(now), database)
        return Opened(environment.name, places, demo_thresholds(), True, redactor, held, limit)
    places = (
        *(_cluster(cluster, now, redactor) for cluster in environment.clusters),
        *(_database(database, now, redactor) for database in environment.databases),
    )
    return Opened(environment.name, places, environment.thresholds, False, redactor, (), limit)


def replay_places(bundle: Path, *, environment: str = "") -> Opened:
    """The places of a bundle (a run's folder or its evidence folder), every one recorded; nothing live is read.

    Raises UsageError when the bundle is of another environment than the one named, Tampered when its chain is broken.
    """
    folder = evidence_folder(bundle)
    recording = Recording(folder)
    session = recording.session
    if environment and environment != session["environment"]:
        raise UsageError(
            f"replay {bundle} as environment {environment!r}",
            why=f"it was recorded in {session['environment']!r}",
            hint=f"name environment {session['environment']!r}",
        )
    places = tuple(
        Place(
            Target(target["kind"], target["name"]),
            datetime.fromisoformat(target["as_of"]),
            recording=recording,
            detail=target["detail"],
        )
        for target in session["targets"]
    )
    return Opened(
        environment=session["environment"],
        places=places,
        thresholds=_recorded_thresholds(session["thresholds"], folder),
        demo=session["demo"],
        redactor=Redactor(),
        query_deadline_s=session["query_deadline_s"],
        replay_of=str(bundle),
    )


def evidence_folder(bundle: Path) -> Path:
    """The folder with the ledger: `bundle` itself, or its `evidence/`."""
    for folder in (bundle, bundle / "evidence"):
        if (folder / LEDGER).is_file():
            return folder
    raise UsageError(
        "open a bundle", target=str(bundle), why="no ledger is there", hint="a run's folder, or its evidence/"
    )


def check_environment(environment: Environment) -> list[Checked]:
    """Ask every place of an environment its first question, within its deadline; secrets are hidden.

    A database's role is judged too: one that sees too little, or could do more than read, is not OK. The exit status of it
    all is that of the worst: see `Status.exit_code`.
    """
    from gocoffee_ops.checks.database import reader_role
    from gocoffee_ops.queries import cluster, database

    opened = open_places(environment, now=datetime.now(UTC))
    probes: dict[str, Callable[[Session], Any]] = {"cluster": cluster.nodes, "database": database.server}
    checked: list[Checked] = []
    with tempfile.TemporaryDirectory(prefix="gocoffee-ops-check-") as folder:
        ledger = Ledger(Path(folder), opened.redactor)
        session = Session(
            runbook="config check",
            environment=opened.environment,
            places=opened.places,
            thresholds=opened.thresholds,
            ledger=ledger,
            query_deadline_s=opened.query_deadline_s,
            demo=opened.demo,
            held=opened.held,
        )
        roles: dict[str, Finding] = {}
        for kind in dict.fromkeys(place.target.kind for place in opened.places):
            try:
                table = probes[kind](session)
            except OpsError:
                continue  # every target's own error stands in the ledger, read below
            if kind == "database":
                roles = {finding.subject: finding for finding in reader_role(table) if finding.status is not Status.OK}
        answers = {entry.body["target"]: entry.body for entry in ledger.entries() if entry.kind == "query"}
    for place in opened.places:
        body = answers[str(place.target)]
        error = body["error"]
        result = (
            f"answered in {body['seconds']:.1f} s"
            if error is None
            else ": ".join(filter(None, (error["what"], error["why"])))
        )
        if error is not None and error["hint"]:
            result += f". Try: {error['hint']}"
        status = Status.UNKNOWN if error else Status.OK
        if role := roles.get(str(place.target)):
            status, result = role.status, f"{result}; {role.reason}"
        checked.append(Checked(str(place.target), place.detail, status, result))
    return checked


def _recorded_thresholds(body: Mapping[str, Any], folder: Path) -> Thresholds:
    unknown = sorted(set(body) - {f.name for f in fields(Thresholds)})
    if unknown:
        raise EvidenceError(
            "the bundle has thresholds that this version does not know", target=str(folder), why=", ".join(unknown)
        )
    return Thresholds(**body)


def _cluster(cluster: ClusterConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.kubernetes import Cluster, load_library

    load_library()  # here, so that no question's deadline pays for it

    def connect() -> Any:
        return Cluster(
            cluster.name,
            context=cluster.context,
            kubeconfig=cluster.kubeconfig,
            in_cluster=cluster.in_cluster,
            on_secret=redactor.add,
        )

    if cluster.in_cluster:
        where = "the cluster that this runs in"
    else:
        where = f"context {cluster.context} of {cluster.kubeconfig or '$KUBECONFIG or ~/.kube/config'}"
    return Place(Target("cluster", cluster.name), now, connect=connect, detail=where)


def _database(database: DatabaseConfig, now: datetime, redactor: Redactor) -> Place:
    from gocoffee_ops.sources.postgres import Database  # here, so that no question's deadline pays for loading it

    target = Target("database", database.name)
    source = f"${database.dsn_env}" if database.dsn_env else str(database.dsn_file)

    def connect() -> Any:
        dsn = read_dsn(database)
        _learn(redactor, dsn)
        return Database(dsn)

    try:
        dsn = read_dsn(database)
    except OpsError as error:
        return Place(target, now, connect=connect, detail=f"{source}: {error.why}")
    _learn(redactor, dsn)
    return Place(target, now, connect=connect, detail=f"{dsn_place(dsn)} (from {source})")


def _learn(redactor: Redactor, dsn: str) -> None:
    for secret in dsn_secrets(dsn):
        redactor.add(secret)


def read_dsn(database: DatabaseConfig) -> str:
    """The DSN from its environment variable or file. Raises Unreachable saying what is missing, never what is in it."""
    what, target = "read the DSN", f"database/{database.name}"
    if database.dsn_env is not None:
        value = os.environ.get(database.dsn_env, "").strip()
        if not value:
            raise Unreachable(
                what, target=target, why=f"${database.dsn_env} is not set", hint=f"export {database.dsn_env}=…"
            )
        return value
    assert database.dsn_file is not None  # noqa: S101 - the configuration holds one of the two
    try:
        value = database.dsn_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Unreachable(what, target=target, why=f"{database.dsn_file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Unreachable(what, target=target, why=f"{database.dsn_file} is not UTF-8") from None
    if not value:
        raise Unreachable(what, target=target, why=f"{database.dsn_file} is empty")
    return value


def dsn_place(dsn: str) -> str:
    """Host, port and database of a DSN, without user and password.

    >>> dsn_place("postgresql://reader:hunter2@db.prod:6432/coffee?sslmode=require")
    'db.prod:6432/coffee'
    >>> dsn_place("host=db.prod dbname=coffee password='it is secret'")
    'db.prod:5432/coffee'
    >>> dsn_place("postgresql://reader:half#other@db.prod/coffee")
    'a DSN that is not written as a URL should be'
    """
    if re.match(r"postgres(ql)?://", dsn):
        # Strictly: of `u:half#other@host`, which libpq takes, a lenient reading shows half of the password.
        found = _DSN_URL.fullmatch(dsn)
        if found is None:
            return "a DSN that is not written as a URL should be"
        hosts = found["hosts"]
        return f"{hosts if ':' in hosts or not hosts else hosts + ':5432'}/{found['name'] or ''}"
    pairs = {key: value.strip("'") for key, value in re.findall(r"(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|\S+)", dsn)}
    host, port = pairs.get("host", "local socket"), pairs.get("port", "5432")
    return f"{host}:{port}/{pairs.get('dbname', '')}"


def _demo_clusters(now: datetime) -> Iterable[Place]:
    if not (DEMO_BUNDLE / LEDGER).is_file():

        def missing() -> Any:
            raise NotFound(
                "open the demo's recorded cluster",
                target=str(DEMO_BUNDLE),
                why="it is not there",
                hint="make demo-bundle",
            )

        return [Place(Target("cluster", "demo"), now, connect=missing, detail="recorded")]
    recording = Recording(DEMO_BUNDLE)
    return [
        Place(
            Target("cluster", target["name"]),
            datetime.fromisoformat(target["as_of"]),
            recording=recording,
            detail="recorded from a real API server, shipped in the package",
        )
        for target in recording.session["targets"]
        if target["kind"] == "cluster"
    ]


def _demo_database(now: datetime, redactor: Redactor) -> tuple[Place, tuple[object, ...]]:
    """The demo's own PostgreSQL, started; one that does not start costs its own sections."""
    from gocoffee_ops import demo

    target = Target("database", DEMO_DATABASE)
    try:
        lease = demo.start()
    except OpsError as error:
        failure = error

        def failed() -> Any:
            raise failure

        return Place(target, now, connect=failed, detail="embedded, did not start"), ()

    def connect() -> Any:
        from gocoffee_ops.sources.postgres import Database

        return Database(lease.dsn)

    _learn(redactor, lease.dsn)
    return Place(target, now, connect=connect, detail="embedded PostgreSQL"), (lease,)
