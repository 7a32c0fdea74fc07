"""PostgreSQL and Redis asked from inside the cluster, beside what is seen from here."""

from __future__ import annotations

import re
from typing import Any

from gocoffee_ops.errors import NotFound, OpsError, UsageError
from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.inside import Probe, Said, run_probe
from gocoffee_ops.sources.kubernetes.log_shapes import LOG_PODS, LogPod

COMMANDS = tuple(map(str, Probe))  # all that can be run
SHOWN = 300
PROBE_S = 5.0  # of one pod: one that hangs costs the others nothing
# That we may not ask is an answer too; redis-cli ends with 0 whatever it hears.
REDIS_ANSWERS = ("PONG", "NOAUTH", "NOPERM")
NOT_FOUND = {126, 127}  # what shells say when a command is not there, or cannot be run

INSIDE = Schema(
    "asked from inside",
    (
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("container", "string"),
        Column("probe", "string", help="the command"),
        Column(
            "answers", "boolean", optional=True, help="whether the server answers; missing where that was not learnt"
        ),
        Column("exit_code", "Int64", optional=True),
        Column("said", "string", optional=True, help="what the command wrote, or why it was not run"),
    ),
)


@query("cluster", INSIDE)
def probe(ask: Ask[Cluster], *, run: str, namespace: str, of: str, container: str = "") -> Rows:
    """Does the server in these pods answer, asked from inside its own container?

    `run` is `pg_isready` or `redis-cli ping`: no other command can be run. `of` is a label selector (`app=postgres`) or a pod
    (`pod/postgres-0`); the command runs in its first container, or the one that is named. What could not be asked is an
    UNKNOWN finding; when nothing could, that is raised.

    Columns: those of `INSIDE`.
    API: core/v1 pods, pods/exec over a websocket. Permission: list pods, and create pods/exec in the namespace, which the
    reader role lacks: deploy/exec-probe.yaml. Raises SourceError; Forbidden without that permission, NotFound when no pod is
    selected; UsageError for another command.
    """
    if run not in set(Probe):
        raise UsageError(
            f"run {run!r} in a pod", why="it is not one of the commands that may be run", hint=", ".join(Probe)
        )
    command = Probe(run)
    named = re.fullmatch(r"pod/([a-z0-9.-]+)", of)
    selected = {"field_selector": f"metadata.name={named[1]}"} if named else {"label_selector": of}
    lists = Lists(ask)
    pods: list[LogPod] = lists.each(LOG_PODS, _itself, namespace=namespace, **selected)
    if not pods:
        why = f"namespace {namespace} has no pod of {of}"
        raise NotFound("ask from inside", target=str(ask.target), why=why, hint="kubectl get pods --show-labels")
    rows: list[dict[str, Any]] = []
    errors: list[OpsError] = []
    for one in pods:
        where = container or one.spec.containers[0].name
        row = {"namespace": namespace, "pod": one.metadata.name, "container": where, "probe": command.value}
        own = Deadline.after(round(min(PROBE_S, ask.deadline.left()), 1))
        try:
            said = run_probe(ask.source, command, namespace, one.metadata.name, where, own)
        except OpsError as error:
            errors.append(error)
            rows.append(row | {"answers": None, "exit_code": None, "said": error.why})
            continue
        text = " ".join(filter(None, (said.stdout, said.stderr)))[:SHOWN]
        rows.append(row | {"answers": _answers(command, said), "exit_code": said.exit_code, "said": text or None})
    if len(errors) == len(pods):
        raise errors[0]
    unread = [f"pod/{row['pod']}: {row['said']}" for row in rows if row["answers"] is None]
    return Rows(rows, unread="; ".join(unread), notes=lists.notes())


def _itself(pod: LogPod) -> LogPod:
    return pod


def _answers(command: Probe, said: Said) -> bool | None:
    """What the end of a command says of the server; a command that was not there says nothing.

    >>> _answers(Probe.PG_ISREADY, Said(2, "/run/postgresql:5432 - no response", "")), _answers(Probe.REDIS_PING, Said(127, "", ""))
    (False, None)
    >>> [_answers(Probe.REDIS_PING, Said(0, text, "")) for text in ("PONG", "NOAUTH Auth", "NOPERM User", "LOADING Redis is")]
    [True, True, True, False]
    """
    if said.exit_code is None or said.exit_code in NOT_FOUND:
        return None
    if command is Probe.PG_ISREADY:
        return None if said.exit_code == 3 else said.exit_code == 0  # 3: it made no attempt
    return said.exit_code == 0 and said.stdout.startswith(REDIS_ANSWERS)
