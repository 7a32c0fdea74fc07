"""What went wrong, in our words: HTTP answers and urllib3's exceptions as errors of the tree."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import msgspec

from gocoffee_ops.errors import (
    DeadlineExceeded,
    Forbidden,
    Malformed,
    NotFound,
    ServerFault,
    SourceError,
    Throttled,
    Unauthenticated,
    Unreachable,
    Unsupported,
)
from gocoffee_ops.sources.certificates import CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, fetch_validity
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes.shapes import Problem

SHOWN = 200
METRICS = "metrics.k8s.io"
METRICS_HINT = "install metrics-server (kubectl get apiservice v1beta1.metrics.k8s.io)"
READER_HINT = "kubectl apply -f deploy/rbac.yaml grants what the queries need; bind it to this user"

EXEC_HINT = "kubectl apply --namespace NAMESPACE -f deploy/exec-probe.yaml allows it there, to those who want it"


@dataclass(frozen=True)
class Request:
    """One read: the verb and the resource that a role must allow, and where it is."""

    verb: str
    resource: str
    path: str
    group: str = ""
    version: str = "v1"
    namespace: str = ""
    name: str = ""
    accept: str = "application/json"

    @property
    def what(self) -> str:
        """What is being done, as an engineer would say it."""
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {resource}{f' {self.name}' if self.name else ''}{where}"


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    status: int
    content_type: str
    retry_after: str
    body: bytes | bytearray

    @property
    def start(self) -> str:
        """How the body starts, for a message."""
        return " ".join(self.body[:SHOWN].decode(errors="replace").split())


@dataclass(frozen=True)
class Failure:
    """An attempt that failed: the error, whether another may help, and how long the server asked to wait."""

    error: SourceError
    retry: bool = False
    after_s: float | None = None


def problem(reply: Reply) -> Problem | None:
    """The API's own words, if the answer holds them."""
    try:
        found = msgspec.json.decode(reply.body, type=Problem)
    except msgspec.MsgspecError:
        return None
    return found if found.kind == "Status" else None


def of_reply(reply: Reply, request: Request, target: str) -> Failure:  # noqa: PLR0911 - one return a meaning
    """What an answer other than 200 means."""
    status, said = reply.status, problem(reply)
    why = said.message if said else f"answered {status} with {reply.content_type or 'no content type'}: {reply.start}"
    if status == 401:
        hint = "is the credential still valid? kubectl auth whoami"
        return Failure(Unauthenticated(request.what, target=target, why=why or "401 Unauthorized", hint=hint))
    if status == 403:
        return Failure(_forbidden(request, target, why))
    if status == 404:
        return Failure(_not_found(request, target, said, why))
    if status == 429:
        return Failure(Throttled(request.what, target=target, why=why), retry=True, after_s=_seconds(reply, said))
    if status >= 500:
        if request.group and status == 503:
            service = f"{request.version}.{request.group}"
            why = f"the API server does not reach what serves APIService {service}: {why}"
            hint = METRICS_HINT if request.group == METRICS else f"kubectl get apiservice {service}"
            return Failure(ServerFault(request.what, target=target, why=why, hint=hint), retry=True)
        why = f"answered {status}: {why}" if said else why
        after_s = _seconds(reply, said)
        return Failure(ServerFault(request.what, target=target, why=why), retry=True, after_s=after_s)
    hint = "is this the address of an API server?"
    return Failure(Malformed(request.what, target=target, why=f"answered {status}: {why}", hint=hint))


def _forbidden(request: Request, target: str, why: str) -> Forbidden:
    if request.resource.startswith("/"):
        rule = f'a rule with nonResourceURLs ["{request.resource}"] and verbs ["{request.verb}"]'
        lacks = f"the role lacks {request.verb} on the path {request.resource}: {rule} ({why})"
        return Forbidden(request.what, target=target, why=lacks, hint=READER_HINT)
    group = f'API group "{request.group}"' if request.group else "the core API group"
    scope = f"in namespace {request.namespace}" if request.namespace else "in the whole cluster"
    lacks = f"the role lacks {request.verb} on {request.resource} of {group} {scope} ({why})"
    hint = EXEC_HINT if request.resource == "pods/exec" else READER_HINT
    return Forbidden(request.what, target=target, why=lacks, hint=hint)


def _not_found(request: Request, target: str, said: Problem | None, why: str) -> SourceError:
    if request.name and said and said.reason == "NotFound":
        return NotFound(request.what, target=target, why=why)
    if request.group == METRICS:
        why = f"the API {request.group}/{request.version} is not there: metrics-server is missing"
        return Unsupported(request.what, target=target, why=why, hint=METRICS_HINT)
    if request.group:
        why = f"the API {request.group}/{request.version} is not there ({why})"
        return Unsupported(request.what, target=target, why=why, hint="kubectl api-versions")
    return NotFound(request.what, target=target, why=why, hint="is this the address of an API server?")


def _seconds(reply: Reply, said: Problem | None) -> float | None:
    """How long the server asked to wait; a date is as good as nothing here."""
    if reply.retry_after.strip().isdigit():
        return float(reply.retry_after)
    seconds = said.details.retry_after_seconds if said and said.details else 0
    return float(seconds) if seconds else None


def of_exception(  # noqa: PLR0911 - one return a cause
    error: Exception, request: Request, target: str, host: str, server_name: str, proxy: str, deadline: Deadline
) -> Failure:
    """What an exception of urllib3 means."""
    from urllib3 import exceptions as x

    what = request.what
    if isinstance(error, x.SSLError):
        return Failure(_tls(error, what, target, host, server_name, proxy, deadline))
    if isinstance(error, x.ProxyError):
        why, hint = f"the proxy {proxy}: {_cause(error)}", "check proxy-url in the kubeconfig, HTTPS_PROXY and NO_PROXY"
        return Failure(Unreachable(what, target=target, why=why, hint=hint), retry=True)
    if isinstance(error, x.NameResolutionError):
        why = f"no such host {urlsplit(host).hostname}: {_cause(error)}"
        return Failure(Unreachable(what, target=target, why=why, hint="check DNS, or the VPN"), retry=True)
    if isinstance(error, x.NewConnectionError):  # a subclass of the next one
        why = f"{host}: {_cause(error)}"
        return Failure(Unreachable(what, target=target, why=why, hint="is the API server up?"), retry=True)
    if isinstance(error, x.ConnectTimeoutError):
        why = f"{host} did not accept the connection in time"
        return Failure(Unreachable(what, target=target, why=why, hint="check the network, or the VPN"))
    if isinstance(error, x.TimeoutError):
        why = f"no answer after {deadline.seconds:g} s"
        return Failure(DeadlineExceeded(what, target=target, why=why))
    if isinstance(error, x.DecodeError):
        return Failure(Malformed(what, target=target, why=f"its compression is broken: {_cause(error)}"))
    if isinstance(error, x.ProtocolError | OSError):
        why = f"the connection broke: {_cause(error)}"
        return Failure(Unreachable(what, target=target, why=why), retry=True)
    return Failure(Unreachable(what, target=target, why=f"{type(error).__name__}: {error}"))


def _tls(
    error: Exception, what: str, target: str, host: str, server_name: str, proxy: str, deadline: Deadline
) -> Unreachable:
    cause = error.args[0] if error.args else error
    why, hint = f"TLS: {cause}", "check certificate-authority in the kubeconfig"
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = f"TLS: {cause.verify_message}"
        if cause.verify_code in {CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID} and not proxy:
            why += f" ({_validity(host, server_name, deadline)})"
            hint = "renew the API server's certificate"
    return Unreachable(what, target=target, why=why, hint=hint)


def _validity(host: str, server_name: str, deadline: Deadline) -> str:
    parts = urlsplit(host)
    try:
        since, until = fetch_validity(
            parts.hostname or "", parts.port or 443, server_name=server_name, timeout_s=min(5.0, deadline.left() + 0.1)
        )
    except (OSError, ValueError) as error:
        return f"its dates could not be read: {error}"
    if since > datetime.now(UTC):
        return f"valid from {since:%Y-%m-%d %H:%M} UTC"
    return f"it ended on {until:%Y-%m-%d %H:%M} UTC"


def _cause(error: BaseException) -> str:
    """The innermost cause: urllib3 wraps what the system said several times."""
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    inner = [arg for arg in error.args if isinstance(arg, BaseException)]
    return _cause(inner[-1]) if inner else str(error)
