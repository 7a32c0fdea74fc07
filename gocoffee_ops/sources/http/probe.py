"""An address as its users meet it: name, connection, TLS and answer, each with its time, on a new connection every time.

An address that does not answer is a reading here, not an error, for that is what was asked. Such a sample says at which step it
ended, and why: no such name; refused, reset, not accepted in time, host not reachable; TLS not agreed on, a certificate that is not
trusted; no answer in time, or half of one.

An error is raised where nothing was learnt about the address, as the way to it is ours and broken. Unreachable: a resolver that
does not answer; no network, or no socket left, on this machine; a proxy that cannot be reached, refuses, or answers 407, 502, 503
or 504. ConfigError: a `ca_file` that cannot be read, an address that is none.

What a sample says is true from where it was taken: a firewall between us and a sound address looks like an address that is down.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from gocoffee_ops.errors import ConfigError, SourceError, Unreachable
from gocoffee_ops.sources.certificates import fetch_validity, validity
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.http import failures
from gocoffee_ops.sources.http.identity import Identity
from gocoffee_ops.sources.http.trust import trusted

if TYPE_CHECKING:
    import httpx

Step = Literal["", "dns", "tcp", "tls", "http"]
Resolve = Callable[..., list[Any]]  # socket.getaddrinfo

WHAT = "probe its address"
BODY_READ = 1 << 20  # of a body; a health answer is small, and of any other the start is enough
HANGS = 2  # samples that waited in vain until no more are taken
RESERVE_S = 0.25  # of the question's deadline, to say what was seen
NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
OURS = {errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE}
PROXYS_OWN = {407, 502, 503, 504}  # through a proxy, plain HTTP does not tell whose these are
NOBODY = Identity()


@dataclass(frozen=True)
class Sample:
    """One try. `failed_at` is the step that failed, empty when there was an answer; times are seconds."""

    failed_at: Step = ""
    reason: str = ""
    hung: bool = False
    status: int | None = None
    location: str = ""
    body: bytes = b""
    dns_s: float | None = None
    connect_s: float | None = None
    tls_s: float | None = None
    first_byte_s: float | None = None
    total_s: float | None = None
    certificate_ends_at: datetime | None = None
    certificate_error: str = ""


class HttpProbe:
    """The probe of one address. Making it contacts nothing. Redirects are not followed: where to is part of the answer."""

    def __init__(
        self,
        target: str,
        url: str,
        *,
        identity: Identity = NOBODY,
        ca_file: str | PathLike[str] | None = None,
        timeout_s: float = 5.0,
        resolve: Resolve = socket.getaddrinfo,
    ) -> None:
        self.target = target
        self.url = url
        self._parts = urlsplit(url)
        self._identity = identity
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._resolve = resolve
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self.proxy = _proxy(self._parts.scheme, self._parts.hostname or "")

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        proxy = urlsplit(self.proxy).password
        return self._identity.secrets() | ({proxy} if proxy else frozenset())

    def samples(self, n: int, deadline: Deadline) -> list[Sample]:
        """`n` samples one after the other; fewer when the deadline comes or they only wait, and at least one."""
        self._trust()  # here, so that no sample's time pays for it
        taken: list[Sample] = []
        while len(taken) < n and sum(sample.hung for sample in taken) < HANGS:
            left = deadline.left() - RESERVE_S
            if taken and left <= 0:
                break
            taken.append(self.sample(Deadline.after(min(self._timeout_s, max(left, 0.05)))))
        return taken

    def sample(self, deadline: Deadline) -> Sample:
        """One try on a new connection. Raises Unreachable and ConfigError, as told above."""
        import httpx

        try:
            return self._tried(self.url, {}, Sample(), deadline) if self.proxy else self._resolved(deadline)
        except (ValueError, httpx.InvalidURL) as error:
            raise ConfigError(WHAT, target=self.target, why=f"{self.url} is not an address: {error}") from None

    def _resolved(self, deadline: Deadline) -> Sample:
        started = time.monotonic()
        try:
            addresses = self._addresses()
        except socket.gaierror as error:
            why = f"no such host {self._parts.hostname}: {error.strerror}"
            if error.errno not in NO_SUCH_NAME:
                why = f"the name {self._parts.hostname} could not be looked up: {error.strerror}"
                raise Unreachable(WHAT, target=self.target, why=why, hint="check DNS here, or the VPN") from None
            return Sample("dns", why)
        return self._first_that_connects(addresses, Sample(dns_s=time.monotonic() - started), deadline)

    def _addresses(self) -> list[str]:
        found = self._resolve(self._parts.hostname, self._port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))

    @property
    def _port(self) -> int:
        return self._parts.port or (443 if self._parts.scheme == "https" else 80)

    def _first_that_connects(self, addresses: list[str], resolved: Sample, deadline: Deadline) -> Sample:
        """The sample of the first address that takes a connection; else of the last that is down; else our own fault."""
        import httpx

        down: Sample | None = None
        ours: SourceError | None = None
        for n, address in enumerate(addresses):
            url = str(httpx.URL(self.url).copy_with(host=address))
            try:
                rest = len(addresses) - n  # one that only waits leaves the others their part of the time
                sample = self._tried(url, {"Host": self._parts.netloc}, resolved, deadline, rest)
            except Unreachable as error:
                ours = error
                continue
            if sample.failed_at != "tcp":
                return sample
            down = sample
        if down is not None:
            return down
        assert ours is not None  # noqa: S101 - a name that is found has an address
        raise ours

    def _tried(
        self, url: str, headers: Mapping[str, str], resolved: Sample, deadline: Deadline, addresses: int = 1
    ) -> Sample:
        import httpx

        trust = self._trust()
        with httpx.Client(
            verify=trust, proxy=self.proxy or None, trust_env=False
        ) as client:  # no netrc, no kept connection
            watch = _Watch()
            try:
                sample = self._asked(client, url, headers, watch, deadline, addresses)
            except (httpx.HTTPError, OSError) as error:
                sample = self._failed(error, watch, deadline)
            taken_s = time.monotonic() - watch.started
        dns_s, connect_s, tls_s = resolved.dns_s, watch.between("connect_tcp"), watch.between("start_tls")
        ends_at = sample.certificate_ends_at or watch.certificate_ends_at
        if self.proxy:  # the connection that is seen is that to the proxy
            connect_s = tls_s = None
        return replace(
            sample,
            dns_s=dns_s,
            connect_s=connect_s,
            tls_s=tls_s,
            first_byte_s=watch.first_byte(),
            total_s=None if sample.failed_at else taken_s + (dns_s or 0.0),
            certificate_ends_at=ends_at,
        )

    def _asked(
        self,
        client: httpx.Client,
        url: str,
        headers: Mapping[str, str],
        watch: _Watch,
        deadline: Deadline,
        addresses: int,
    ) -> Sample:
        import httpx

        extensions: dict[str, Any] = {"trace": watch.saw}
        if not self.proxy:
            extensions["sni_hostname"] = self._parts.hostname
        left = max(deadline.left(), 0.001)
        timeout = httpx.Timeout(left, connect=left / addresses)
        sent = {"Accept": "application/json, */*", "User-Agent": "gocoffee-ops", **headers, **self._identity.headers()}
        with client.stream("GET", url, headers=sent, timeout=timeout, extensions=extensions) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > BODY_READ:
                    break
                if deadline.left() <= 0:
                    return Sample("http", f"{len(body)} bytes of an answer after {deadline.seconds:g} s", hung=True)
        status = response.status_code
        if self.proxy and (status == 407 or (self._parts.scheme == "http" and status in PROXYS_OWN)):
            why = f"{_shown(self.proxy)} answered {status}: the proxy's answer is not that of the address"
            raise Unreachable(WHAT, target=self.target, why=why, hint="check HTTP_PROXY and NO_PROXY")
        return Sample(
            status=status, location=response.headers.get("location", "").partition("?")[0], body=bytes(body[:BODY_READ])
        )

    def _failed(self, error: Exception, watch: _Watch, deadline: Deadline) -> Sample:
        """What kept us from an answer, as a sample; raises Unreachable where it is not the address that fails."""
        import httpx

        failure = failures.of_exception(error, WHAT, self.target, self.url, deadline)
        chain = list(failures.causes(error))
        local = watch.failed == "connect_tcp" and any(getattr(cause, "errno", None) in OURS for cause in chain)
        if self.proxy and (isinstance(error, httpx.ProxyError) or watch.failed == "connect_tcp"):
            why = f"the proxy {_shown(self.proxy)}: {chain[-1]}"
            raise Unreachable(WHAT, target=self.target, why=why, hint="check HTTPS_PROXY and NO_PROXY") from None
        if local:
            raise Unreachable(
                WHAT, target=self.target, why=failure.error.why, hint="has this machine a network?"
            ) from None
        steps: dict[str, Step] = {"connect_tcp": "tcp", "start_tls": "tls"}
        distrust = next((cause for cause in chain if isinstance(cause, ssl.SSLCertVerificationError)), None)
        return Sample(
            failed_at=steps.get(watch.failed, "http"),
            reason=failure.error.why,
            hung=isinstance(error, httpx.TimeoutException),
            certificate_error=distrust.verify_message if distrust else "",
            certificate_ends_at=self._end_of_distrusted(deadline) if distrust else None,
        )

    def _end_of_distrusted(self, deadline: Deadline) -> datetime | None:
        """When a certificate ends that was not trusted; through a proxy, and when it cannot be read again, nobody knows."""
        if self.proxy:
            return None
        host = self._parts.hostname or ""
        try:
            return fetch_validity(host, self._port, timeout_s=max(deadline.left(), 0.5))[1]
        except (OSError, ValueError):
            return None

    def _trust(self) -> ssl.SSLContext:
        """Whom to trust, read once; where there is no TLS, nobody."""
        with self._lock:
            if self._context is None:
                tls = "https" in {self._parts.scheme, urlsplit(self.proxy).scheme}
                self._context = trusted(self.target, self._ca_file) if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return self._context


@dataclass
class _Watch:
    """When each step of one exchange began and ended, as the connection's trace tells."""

    started: float = field(default_factory=time.monotonic)
    failed: str = ""
    certificate_ends_at: datetime | None = None
    _at: dict[str, float] = field(default_factory=dict)

    def saw(self, event: str, info: Mapping[str, Any]) -> None:
        """The trace: `connection.connect_tcp.started` and the like."""
        _, step, what = event.split(".")
        self._at[f"{step}.{what}"] = time.monotonic()
        if what == "failed" and not self.failed:
            self.failed = step
        if (step, what) == ("start_tls", "complete"):
            shown = info["return_value"].get_extra_info("ssl_object").getpeercert(True)
            with contextlib.suppress(ValueError):  # a form that we cannot read: nobody knows when it ends
                self.certificate_ends_at = validity(shown)[1]

    def between(self, step: str) -> float | None:
        """How long a step took."""
        return self._span(f"{step}.started", f"{step}.complete")

    def first_byte(self) -> float | None:
        """From the question to the answer's head."""
        return self._span("send_request_headers.started", "receive_response_headers.complete")

    def _span(self, start: str, end: str) -> float | None:
        return self._at[end] - self._at[start] if start in self._at and end in self._at else None


def _proxy(scheme: str, host: str) -> str:
    """The proxy that the environment names for an address, or nothing."""
    proxies = urllib.request.getproxies()
    found = proxies.get(scheme) or proxies.get("all") or ""
    if not found or urllib.request.proxy_bypass(host):
        return ""
    return found if "://" in found else f"http://{found}"


def _shown(proxy: str) -> str:
    """A proxy's address without user and password."""
    parts = urlsplit(proxy)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
