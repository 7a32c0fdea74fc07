"""A system's HTTP API, read as JSON: connections, retries and the whole body within one deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from gocoffee_ops.errors import ConfigError, Malformed, OpsError, Throttled
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.http import failures
from gocoffee_ops.sources.http.failures import Failure, Reply
from gocoffee_ops.sources.http.identity import Identity
from gocoffee_ops.sources.http.trust import trusted

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")

CONNECT_S = 10.0  # a network that drops packets is told apart from a server that thinks
RETRIES = 3  # of a lost connection or a 5xx; a 429 is retried until the deadline
BACKOFF_S = 0.2
BACKOFF_CAP_S = 5.0
LARGEST = 1 << 28  # of an answer, decompressed
NOBODY = Identity()
MASK = "[redacted]"


def load_library() -> None:
    """Load httpx now, so that no question's deadline pays for it."""
    import httpx  # noqa: F401


class HttpApi:
    """An API at one address. Making it contacts nothing. Safe to share between threads.

    `said` finds a system's own word for what went wrong in an answer's body. `answers` tells the answers other than 2xx that
    are answers all the same: their body says what is wrong with the question, and asking again would not help. Redirects are
    not followed: an API has none, and a login page is no answer.
    """

    def __init__(
        self,
        target: str,
        url: str,
        *,
        identity: Identity = NOBODY,
        scheme: str = "Bearer",
        ca_file: str | PathLike[str] | None = None,
        said: Callable[[bytes], str] | None = None,
        answers: Callable[[bytes], bool] | None = None,
    ) -> None:
        self.target = target
        self.url = url.rstrip("/")
        self._identity = identity
        self._scheme = scheme
        self._ca_file = ca_file
        self._said = said or (lambda _: "")
        self._answers = answers or (lambda _: False)
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self._identity.secrets()

    def close(self) -> None:
        """Close the pooled connections."""
        if self._client is not None:
            self._client.close()

    def get(
        self,
        what: str,
        path: str,
        shape: type[T],
        deadline: Deadline,
        *,
        params: Mapping[str, str | list[str]] | None = None,
    ) -> T:
        """What stands at `path`, decoded to `shape`. Raises the errors of `errors.SourceError`."""
        return self._decoded(what, self.fetch(what, "GET", path, deadline, params=params), shape)

    def ask(self, what: str, path: str, body: Mapping[str, Any], shape: type[T], deadline: Deadline) -> T:
        """The answer to a question that is posted as JSON (a search: it changes nothing), decoded to `shape`."""
        return self._decoded(what, self.fetch(what, "POST", path, deadline, body=body), shape)

    def fetch(
        self,
        what: str,
        method: str,
        path: str,
        deadline: Deadline,
        *,
        params: Mapping[str, str | list[str]] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Reply:
        """An answer, after as many attempts as help; raises what the last one met."""
        attempt, seen = 0, "nothing"
        while True:
            deadline.check(what, target=self.target, last_seen=seen)
            outcome = self._attempt(what, method, path, deadline, params, body)
            if isinstance(outcome, Reply):
                return outcome
            attempt += 1
            backoff = min(BACKOFF_S * 2 ** (attempt - 1), BACKOFF_CAP_S)
            wait = outcome.after_s if outcome.after_s is not None else backoff
            patient = isinstance(outcome.error, Throttled)
            if not outcome.retry or (attempt > RETRIES and not patient) or wait >= deadline.left():
                raise self._clean(outcome.error)
            seen = f"{self._clean(outcome.error).why} (attempt {attempt})"
            time.sleep(wait)

    def _attempt(
        self,
        what: str,
        method: str,
        path: str,
        deadline: Deadline,
        params: Mapping[str, str | list[str]] | None,
        body: Mapping[str, Any] | None,
    ) -> Reply | Failure:
        import httpx

        url = f"{self.url}{path}"
        try:
            reply = self._exchange(what, method, url, deadline, params, body)
        except (httpx.HTTPError, OSError) as error:
            return failures.of_exception(error, what, self.target, url, deadline)
        except httpx.InvalidURL as error:
            raise ConfigError(what, target=self.target, why=f"{self.url} is not an address: {error}") from None
        if 200 <= reply.status < 300 or self._answers(reply.body):
            return reply
        return failures.of_reply(reply, what, self.target, self._said(reply.body))

    def _exchange(
        self,
        what: str,
        method: str,
        url: str,
        deadline: Deadline,
        params: Mapping[str, str | list[str]] | None,
        body: Mapping[str, Any] | None,
    ) -> Reply:
        import httpx

        left = max(deadline.left(), 0.001)
        headers = {"Accept": "application/json", **self._identity.headers(self._scheme)}
        timeout = httpx.Timeout(left, connect=min(left, CONNECT_S))
        with self._connections().stream(
            method, url, params=params, json=body, headers=headers, timeout=timeout
        ) as response:
            read = bytearray()
            for chunk in response.iter_bytes():
                read += chunk
                deadline.check(what, target=self.target, last_seen=f"{len(read)} bytes of its answer")
                if len(read) > LARGEST:
                    raise Malformed(what, target=self.target, why=f"its answer is larger than {LARGEST >> 20} MiB")
        found = response.headers
        return Reply(
            response.status_code,
            found.get("content-type", ""),
            found.get("retry-after", ""),
            found.get("location", ""),
            bytes(read),
        )

    def _connections(self) -> httpx.Client:
        import httpx

        with self._lock:
            if self._client is None:
                self._client = httpx.Client(verify=trusted(self.target, self._ca_file), follow_redirects=False)
            return self._client

    def _decoded(self, what: str, reply: Reply, shape: type[T]) -> T:
        try:
            return msgspec.json.decode(reply.body, type=shape)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            if "json" in reply.content_type:
                why = f"{error} ({len(reply.body)} bytes)"
            else:
                why = f"{reply.content_type or 'no content type'} instead of JSON: {reply.start}"
            hint = "is this the address of that system's API?"
            raise self._clean(Malformed(what, target=self.target, why=why, hint=hint)) from None

    def _clean(self, error: OpsError) -> OpsError:
        """The error without the secret values that a server may have echoed."""
        for secret in self.secrets():
            error.what, error.why, error.hint = (
                text.replace(secret, MASK) for text in (error.what, error.why, error.hint)
            )
        error.args = (error.what,)
        return error
