"""Credential plugins (client.authentication.k8s.io): run within the deadline; a failure is said, not logged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from gocoffee_ops.errors import DeadlineExceeded, Unauthenticated
from gocoffee_ops.sources.deadline import Deadline

STDERR_SHOWN = 600
EXTENSION = "client.authentication.k8s.io/exec"


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _Credential(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    status: _Status


@dataclass(frozen=True)
class PluginAnswer:
    """What a plugin gave: a bearer token, or a certificate with its key, or both."""

    token: str = field(repr=False)
    certificate: str
    key: str = field(repr=False)
    expires_at: datetime | None


def run_plugin(
    section: Mapping[str, Any], folder: str, cluster: Mapping[str, Any], deadline: Deadline, target: str
) -> PluginAnswer:
    """Run the plugin of a kubeconfig's `exec` section; raises Unauthenticated or DeadlineExceeded."""
    command = [str(section.get("command", "")), *(section.get("args") or ())]
    what = f"run the credential plugin {command[0]}"
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(section, cluster),
            cwd=folder or None,
            start_new_session=True,  # its children end with it
        )
    except OSError as error:
        hint = str(section.get("installHint") or "is it installed, and on the PATH?").strip()
        raise Unauthenticated(what, target=target, why=str(error), hint=hint) from error
    try:
        out, err = process.communicate(timeout=deadline.left())
    except subprocess.TimeoutExpired as late:
        _end(process)
        said = _tail(late.stderr or b"")
        why = f"it did not end within {deadline.seconds:g} s" + (f"; it wrote: {said}" if said else "")
        raise DeadlineExceeded(what, target=target, why=why, hint="run it by hand: does it wait for a login?") from None
    if process.returncode != 0:
        why = f"it ended with {process.returncode}: {_tail(err) or 'it wrote nothing to stderr'}"
        raise Unauthenticated(what, target=target, why=why, hint="run it by hand; a login may have ended")
    return _decode(out, err, section, what, target)


def _decode(out: bytes, err: bytes, section: Mapping[str, Any], what: str, target: str) -> PluginAnswer:
    hint = "run it by hand: it must print an ExecCredential"
    try:
        answer = msgspec.json.decode(out, type=_Credential)
    except msgspec.MsgspecError as error:
        why = f"its answer is no ExecCredential ({error}); stderr: {_tail(err) or 'nothing'}"
        raise Unauthenticated(what, target=target, why=why, hint=hint) from None  # the answer may hold a token
    wanted = section.get("apiVersion", "")
    if answer.api_version != wanted or answer.kind != "ExecCredential":
        why = f"it answered {answer.api_version} {answer.kind}, the kubeconfig wants {wanted} ExecCredential"
        raise Unauthenticated(what, target=target, why=why, hint=hint)
    status = answer.status
    if not status.token and not (status.client_certificate_data and status.client_key_data):
        raise Unauthenticated(what, target=target, why="it gave neither a token nor a certificate and key", hint=hint)
    return PluginAnswer(
        status.token, status.client_certificate_data, status.client_key_data, status.expiration_timestamp
    )


def _environment(section: Mapping[str, Any], cluster: Mapping[str, Any]) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": False}
    if section.get("provideClusterInfo"):
        known = {key: value for key, value in cluster.items() if key != "extensions"}
        for extension in cluster.get("extensions") or ():
            if extension.get("name") == EXTENSION:
                known["config"] = extension.get("extension")
        spec["cluster"] = known
    info = {"apiVersion": section.get("apiVersion", ""), "kind": "ExecCredential", "spec": spec}
    given = {str(one["name"]): str(one["value"]) for one in section.get("env") or ()}
    return {**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(info)}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the plugin with its children and collect it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _tail(data: bytes) -> str:
    return " ".join(data.decode(errors="replace").split())[-STDERR_SHOWN:]
