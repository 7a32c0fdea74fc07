"""A cluster that is read: whole lists and single objects, each within one deadline."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from os import PathLike
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode

import msgspec

from gocoffee_ops.errors import DeadlineExceeded, Malformed, OpsError, Throttled, Unauthenticated
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.kubernetes import failures, shapes
from gocoffee_ops.sources.kubernetes.bodies import Head, Seen, Take, poured, whole_body
from gocoffee_ops.sources.kubernetes.credentials import SERVICE_ACCOUNT, Access, Where, bearer_secrets, load, server_of
from gocoffee_ops.sources.kubernetes.discovery import Groups, served_groups
from gocoffee_ops.sources.kubernetes.failures import Failure, Reply, Request
from gocoffee_ops.sources.kubernetes.lists import PAGE, Kind, Listing, page_decoder
from gocoffee_ops.sources.kubernetes.paging import Ahead

T = TypeVar("T")
R = TypeVar("R")

CONNECT_S = 10.0  # a network that drops packets is told apart from a server that thinks
RETRIES = 3  # of a lost connection or a 5xx; a 429 is retried until the deadline
BACKOFF_S = 0.2
BACKOFF_CAP_S = 5.0
PAGED_RESTARTS = 2  # then the list is asked for in one piece, which cannot expire
SLACK_S = 0.2  # for the thread that reads to say itself what it last saw
MASK = "[redacted]"


class Cluster:
    """One cluster. Making it contacts nothing; the configuration is read, and a credential got, by the first question.

    `context` and `kubeconfig` default as kubectl's do; without a kubeconfig, inside a pod, its service account is used,
    whose token and CA are in the folder `service_account`. `on_secret` is told every secret value as soon as it is
    known, before any answer is returned. `custom_resources` are those that its questions are about, `adds_nodes` states that
    somebody adds nodes. Safe to share between threads.
    """

    def __init__(
        self,
        name: str = "",
        *,
        context: str | None = None,
        kubeconfig: str | PathLike[str] | None = None,
        in_cluster: bool = False,
        service_account: str | PathLike[str] = SERVICE_ACCOUNT,
        on_secret: Callable[[str], None] | None = None,
        page_size: int = PAGE,
        custom_resources: tuple[str, ...] = (),
        adds_nodes: bool = False,
    ) -> None:
        self.name = name or context or "cluster"
        self.target = f"cluster/{self.name}"
        self.custom_resources = custom_resources
        self.adds_nodes = adds_nodes
        self.groups = Groups(partial(served_groups, self))
        self._where = Where(context or "", str(kubeconfig or ""), in_cluster, str(service_account))
        self._on_secret = on_secret
        self._page_size = page_size
        self._access: Access | None = None
        self._secrets: set[str] = set()
        self._lock = threading.Lock()

    def describe(self) -> str:
        """Context and address, for the report; no secret, and nothing is contacted. Raises ConfigError."""
        context, server = server_of(self._where)
        return f"{context} at {server}"

    def secrets(self) -> frozenset[str]:
        """The secret values known so far."""
        return frozenset(self._secrets)

    def close(self) -> None:
        """Close the pooled connections."""
        if self._access is not None:
            self._access.api.close()

    def list(self, kind: Kind[T], deadline: Deadline, *, namespace: str = "", field_selector: str = "") -> Listing[T]:
        """A whole list. See `collect`."""
        return self.collect(kind, _itself, deadline, namespace=namespace, field_selector=field_selector)

    def collect(
        self,
        kind: Kind[T],
        each: Callable[[T], R],
        deadline: Deadline,
        *,
        namespace: str = "",
        field_selector: str = "",
    ) -> Listing[R]:
        """What `each` makes of the items of a whole list; only that is kept. See `pages`."""

        def every(items: Sequence[T]) -> Iterable[R]:
            return [each(item) for item in items]

        return self.pages(kind, every, deadline, namespace=namespace, field_selector=field_selector)

    def pages(
        self,
        kind: Kind[T],
        make: Callable[[Sequence[T]], Iterable[R]],
        deadline: Deadline,
        *,
        namespace: str = "",
        field_selector: str = "",
        label_selector: str = "",
    ) -> Listing[R]:
        """What `make` makes of the pages of a whole list; only that is kept. The next page is read meanwhile.

        A list that expires in the middle (410) starts over, so that it is of one moment. Raises the errors of
        `errors.SourceError`. Permission: `list` on the resource, in `namespace` or in all.
        """
        path = kind.path(quote(namespace, safe=""))
        request = Request("list", kind.plural, path, kind.group, kind.version, namespace, accept=kind.accept)
        decoder = page_decoder(cast(Hashable, kind.shape))
        listing: Listing[R] = Listing()
        seen = Seen()

        def fetch(token: str, head: Head) -> Reply:
            seen.text = "nothing"
            parameters = {"limit": str(self._page_size)} if listing.restarts <= PAGED_RESTARTS else {}
            parameters |= {"continue": token} if token else {}
            parameters |= {"fieldSelector": field_selector} if field_selector else {}
            parameters |= {"labelSelector": label_selector} if label_selector else {}
            return self._fetch(request, parameters, deadline, seen, bounded=False, head=head)

        token, ahead = "", Ahead(fetch, partial(self._begin, request=request), deadline)
        while True:
            reply = self._ended(ahead.page(token), deadline, request, seen)
            if reply.status == 410:
                listing = Listing(restarts=listing.restarts + 1)
                seen.before = f"410 Gone, {listing.restarts} times"
                token, ahead = "", Ahead(fetch, partial(self._begin, request=request), deadline)
                continue
            page = self._decode(decoder, reply, request)
            if not kind.listed_as(page.kind):
                raise self._malformed(request, f"a {page.kind} instead of a {kind.list_kind or 'list'}")
            listing.count += len(page.items or ())
            listing.pages += 1
            listing.resource_version = listing.resource_version or page.metadata.resource_version
            seen.before = f"{listing.count} {kind.plural} on {listing.pages} pages"
            token = page.metadata.continue_
            if token:
                ahead.begin(token)  # where its head did not tell it
            try:
                listing.items += make(page.items or [])
            except msgspec.MsgspecError as error:  # in what the shape leaves as it came
                raise self._malformed(request, str(error)) from error
            if not token:
                return listing
            del page, reply  # only one is held, beside the one that comes

    def read(self, request: Request, shape: type[T], deadline: Deadline) -> T:
        """One object. Raises the errors of `errors.SourceError`; NotFound when it is not there."""
        reply = self._fetch(request, {}, deadline, Seen())
        found: T = self._decode(msgspec.json.Decoder(shape), reply, request)
        return found

    def pour(self, request: Request, parameters: dict[str, str], deadline: Deadline, take: Take) -> None:
        """What stands there, handed to `take` as it comes, in the calling thread.

        Raises the errors of `errors.SourceError`, in the middle of it too: what `take` has got by then is the beginning.
        """
        self._fetch(request, parameters, deadline, Seen(), bounded=False, take=take)

    def converse(self, request: Request, talk: Callable[[Access, str, dict[str, str]], T], deadline: Deadline) -> T:
        """What `talk` makes of an address with our credential, in a thread that is left behind at the deadline.

        Where the credential is not known any more, it is renewed and `talk` is called once more.
        """
        renewed = False
        while True:
            access = self._signed_in(deadline, request)
            url, headers = self._signed(access, request.path, {})
            try:
                return self._bounded(partial(talk, access, url, headers), deadline, request, Seen())
            except OpsError as error:
                if renewed or not isinstance(error, Unauthenticated):
                    raise self._clean(error) from None
            self._forget(access)
            renewed = True

    def server_version(self, deadline: Deadline) -> shapes.Version:
        """The API server's version (`v1.36.3`), and when it was built. Permission: every authenticated user has it."""
        return self.read(Request("get", "/version", "/version"), shapes.Version, deadline)

    def require_namespace(self, namespace: str, deadline: Deadline) -> None:
        """Raise NotFound when there is no such namespace: a list in it would just be empty."""
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}"
        self.read(Request("get", "namespaces", path, name=namespace), shapes.Namespace, deadline)

    # One request.

    def _fetch(
        self,
        request: Request,
        parameters: dict[str, str],
        deadline: Deadline,
        seen: Seen,
        *,
        bounded: bool = True,
        take: Take | None = None,
        head: Head | None = None,
    ) -> Reply:
        """A 200 or 410 answer, after as many attempts as help; raises what the last one met.

        Not `bounded`, when whoever waits for it is.
        """
        attempt, renewed = 0, False
        while True:
            deadline.check(request.what, target=self.target, last_seen=str(seen))
            access = self._signed_in(deadline, request)
            outcome = self._attempt(access, request, parameters, deadline, seen, bounded=bounded, take=take, head=head)
            if isinstance(outcome, Reply):
                return outcome
            if seen.poured:
                raise self._clean(outcome.error)
            if isinstance(outcome.error, Unauthenticated) and not renewed:
                renewed = True
                self._forget(access)
                continue
            attempt += 1
            wait = (
                outcome.after_s if outcome.after_s is not None else min(BACKOFF_S * 2 ** (attempt - 1), BACKOFF_CAP_S)
            )
            patient = isinstance(outcome.error, Throttled)
            if not outcome.retry or (attempt > RETRIES and not patient) or wait >= deadline.left():
                raise self._clean(outcome.error)
            seen.text = f"{outcome.error.why} (attempt {attempt})"
            time.sleep(wait)

    def _attempt(
        self,
        access: Access,
        request: Request,
        parameters: dict[str, str],
        deadline: Deadline,
        seen: Seen,
        *,
        bounded: bool,
        take: Take | None,
        head: Head | None,
    ) -> Reply | Failure:
        from urllib3.exceptions import HTTPError

        def exchange() -> Reply | Failure:
            try:
                return self._exchange(access, request, parameters, deadline, seen, take, head)
            except (HTTPError, OSError) as error:
                return failures.of_exception(
                    error, request, self.target, access.host, access.server_name, access.proxy, deadline
                )

        reply = self._bounded(exchange, deadline, request, seen) if bounded else exchange()
        if isinstance(reply, Failure):
            if isinstance(reply.error, DeadlineExceeded):
                reply.error.why += f"; last seen: {seen}"
            return reply
        if reply.status in {200, 410}:
            return reply
        return failures.of_reply(reply, request, self.target)

    def _bounded(self, work: Callable[[], T], deadline: Deadline, request: Request, seen: Seen) -> T:
        """The result of `work` in a thread, which is left behind at the deadline: name lookups know no time limit."""
        return self._ended(self._begin(work, request), deadline, request, seen)

    def _begin(self, work: Callable[[], T], request: Request) -> queue.SimpleQueue[T | BaseException]:
        """Start `work` in a thread; what comes of it will be in the queue."""
        done: queue.SimpleQueue[T | BaseException] = queue.SimpleQueue()

        def run() -> None:
            try:
                done.put(work())
            except BaseException as error:  # noqa: BLE001 - raised by the waiting thread
                done.put(error)

        threading.Thread(target=run, name=f"{request.what} ({self.target})", daemon=True).start()
        return done

    def _ended(self, done: queue.SimpleQueue[T | BaseException], deadline: Deadline, request: Request, seen: Seen) -> T:
        """What came of what was begun."""
        try:
            result = done.get(timeout=deadline.left() + SLACK_S)
        except queue.Empty:
            why = f"not complete after {deadline.seconds:g} s; last seen: {seen}"
            raise self._clean(DeadlineExceeded(request.what, target=self.target, why=why)) from None
        if isinstance(result, BaseException):
            raise result
        return result

    def _exchange(
        self,
        access: Access,
        request: Request,
        parameters: dict[str, str],
        deadline: Deadline,
        seen: Seen,
        take: Take | None,
        head: Head | None,
    ) -> Reply:
        import urllib3

        accept = {"Accept": "*/*" if take else request.accept, "Accept-Encoding": "gzip"}
        url, headers = self._signed(access, request.path, accept)
        query = f"?{urlencode(parameters)}" if parameters else ""
        left = max(deadline.left(), 0.001)
        response = access.api.rest_client.pool_manager.request(
            "GET",
            url + query,
            headers=headers,
            timeout=urllib3.Timeout(connect=min(left, CONNECT_S), read=left),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            if take is not None and response.status == 200:
                body: bytes | bytearray = poured(response, deadline, seen, take)
            else:
                body = whole_body(response, deadline, seen, head if response.status == 200 else None)
        except BaseException:
            response.close()
            raise
        response.release_conn()
        headers_in = response.headers
        return Reply(response.status, headers_in.get("Content-Type", ""), headers_in.get("Retry-After", ""), body)

    def _signed(self, access: Access, path: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Address and headers of a request, with our credential."""
        _, url, signed, *_ = access.api.param_serialize(
            "GET", path, header_params=headers, auth_settings=["BearerToken"]
        )
        self._learn(bearer_secrets(signed.get("authorization", "")))
        return url, signed

    def _decode(self, decoder: msgspec.json.Decoder[Any], reply: Reply, request: Request) -> Any:
        try:
            return decoder.decode(reply.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            if "json" not in reply.content_type:
                raise self._malformed(
                    request, f"{reply.content_type or 'no content type'} instead of JSON: {reply.start}"
                ) from error
            raise self._malformed(request, f"{error} ({len(reply.body)} bytes)") from error

    def _malformed(self, request: Request, why: str) -> OpsError:
        hint = "is this the address of an API server?"
        return self._clean(Malformed(request.what, target=self.target, why=why, hint=hint))

    # Credentials.

    def _signed_in(self, deadline: Deadline, request: Request) -> Access:
        if not self._lock.acquire(timeout=deadline.left()):
            why = f"not complete after {deadline.seconds:g} s; another question is still getting a credential"
            raise DeadlineExceeded(request.what, target=self.target, why=why)
        try:
            if self._access is None or self._access.stale():
                seen = Seen("reading the kubeconfig and getting a credential")
                self._access = self._bounded(lambda: load(self._where, deadline, self.target), deadline, request, seen)
                self._learn(self._access.secrets)
        except OpsError as error:
            raise self._clean(error) from None
        else:
            return self._access
        finally:
            self._lock.release()

    def _forget(self, access: Access) -> None:
        """Get a new credential for the next attempt, unless another thread already did."""
        with self._lock:
            if self._access is access:
                self._access = None

    def _learn(self, secrets: set[str] | frozenset[str]) -> None:
        new = secrets - self._secrets
        if new:
            self._secrets = self._secrets | new
            if self._on_secret is not None:
                for secret in new:
                    self._on_secret(secret)

    def _clean(self, error: OpsError) -> OpsError:
        """The error without the secret values that a server or a plugin may have echoed."""
        for secret in self._secrets:
            error.what, error.why, error.hint = (
                text.replace(secret, MASK) for text in (error.what, error.why, error.hint)
            )
        error.args = (error.what,)
        return error


def _itself(item: T) -> T:
    return item
