"""What went wrong, in our words: HTTP answers and httpx's exceptions as errors of the tree."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

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
)
from gocoffee_ops.sources.certificates import CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, fetch_validity
from gocoffee_ops.sources.deadline import Deadline

SHOWN = 200


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    status: int
    content_type: str
    retry_after: str
    location: str
    body: bytes

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


def of_reply(reply: Reply, what: str, target: str, said: str = "") -> Failure:  # noqa: PLR0911 - one return a meaning
    """What an answer other than 2xx means; `said` is the system's own word for it, when its body holds one."""
    why = f"answered {reply.status}: {said or reply.start or 'with no word'}"
    if reply.status == 401:
        hint = "is the token or the password still valid?"
        return Failure(Unauthenticated(what, target=target, why=why, hint=hint))
    if reply.status == 403:
        return Failure(Forbidden(what, target=target, why=why, hint="what may this user or token read?"))
    if reply.status in {404, 410}:
        return Failure(NotFound(what, target=target, why=why, hint="is this the address of that system's API?"))
    if reply.status == 429:
        return Failure(Throttled(what, target=target, why=why), retry=True, after_s=_seconds(reply))
    if reply.status >= 500:
        return Failure(ServerFault(what, target=target, why=why), retry=True, after_s=_seconds(reply))
    if 300 <= reply.status < 400:
        why = f"answered {reply.status}: it sends us to {_without_query(reply.location) or 'nowhere'}"
        hint = "a login page? give a token, or the address that the API is really at"
        return Failure(Unauthenticated(what, target=target, why=why, hint=hint))
    return Failure(Malformed(what, target=target, why=why))


def _seconds(reply: Reply) -> float | None:
    """How long the server asked to wait; a date is as good as nothing here."""
    return float(reply.retry_after) if reply.retry_after.strip().isdigit() else None


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def of_exception(  # noqa: PLR0911 - one return a cause
    error: Exception, what: str, target: str, url: str, deadline: Deadline
) -> Failure:
    """What an exception of httpx means."""
    import httpx

    host = _host(url)
    chain = list(causes(error))
    if isinstance(error, httpx.ConnectTimeout):
        why = f"{host} did not accept the connection in time"
        return Failure(Unreachable(what, target=target, why=why, hint="check the network, or the VPN"))
    if isinstance(error, httpx.TimeoutException):
        return Failure(DeadlineExceeded(what, target=target, why=f"no answer after {deadline.seconds:g} s"))
    if isinstance(error, httpx.ProxyError):
        why = f"the proxy: {error}"
        return Failure(Unreachable(what, target=target, why=why, hint="check HTTPS_PROXY and NO_PROXY"), retry=True)
    if isinstance(error, httpx.DecodingError):
        return Failure(Malformed(what, target=target, why=f"its compression is broken: {error}"))
    for cause in chain:
        if isinstance(cause, ssl.SSLError):
            return Failure(_tls(cause, what, target, url, deadline))
        if isinstance(cause, socket.gaierror):
            why = f"no such host {urlsplit(url).hostname}: {cause}"
            return Failure(Unreachable(what, target=target, why=why, hint="check DNS, or the VPN"), retry=True)
    if isinstance(error, httpx.ConnectError):
        return Failure(Unreachable(what, target=target, why=f"{host}: {chain[-1]}", hint="is it up?"), retry=True)
    why = f"the connection broke: {chain[-1] or type(chain[-1]).__name__}"
    return Failure(Unreachable(what, target=target, why=why), retry=True)


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, the innermost last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _tls(cause: ssl.SSLError, what: str, target: str, url: str, deadline: Deadline) -> Unreachable:
    why, hint = f"TLS: {cause.reason or cause}", "does it speak TLS on this port?"
    if isinstance(cause, ssl.SSLCertVerificationError):
        why, hint = f"TLS: {cause.verify_message}", "ca_file names the authority to trust"
        if cause.verify_code in {CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID}:
            why, hint = f"{why} ({_validity(url, deadline)})", "renew its certificate"
    return Unreachable(what, target=target, why=why, hint=hint)


def _validity(url: str, deadline: Deadline) -> str:
    parts = urlsplit(url)
    try:
        since, until = fetch_validity(
            parts.hostname or "", parts.port or 443, timeout_s=min(5.0, deadline.left() + 0.1)
        )
    except (OSError, ValueError) as error:
        return f"its dates could not be read: {error}"
    if since > datetime.now(UTC):
        return f"valid from {since:%Y-%m-%d %H:%M} UTC"
    return f"it ended on {until:%Y-%m-%d %H:%M} UTC"
