"""One client of one AWS service: every call within the deadline, its errors ours, its credentials known as secrets.

botocore's own time-outs bound single reads, and its retries come on top; neither bounds a whole call. So it makes one attempt, on a
thread that is left behind at the deadline, and what AWS says may pass (a throttle, a fault of its own) is asked again here.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

import boto3
from botocore import exceptions as aws
from botocore.config import Config
from botocore.parsers import ResponseParserError

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
from gocoffee_ops.sources.deadline import Deadline

R = TypeVar("R")

CONNECT_S = 10.0
READ_S = 60.0  # of one read; the deadline bounds the whole
PAUSES_S = (0.5, 1.0, 2.0)  # before what may pass is asked again
LOGIN = "aws sso login, or a profile whose credentials are still valid"
REGION = "region in gocoffee.toml"

Meaning = tuple[type[SourceError], str]  # our error, and a hint

# What the codes of AWS's errors mean; what is not here goes by its status.
CODES: Mapping[str, Meaning] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "ExpiredToken",
                "ExpiredTokenException",
                "InvalidAccessKeyId",
                "InvalidClientTokenId",
                "InvalidSignatureException",
                "InvalidToken",
                "MissingAuthenticationToken",
                "MissingAuthenticationTokenException",
                "RequestExpired",
                "SignatureDoesNotMatch",
                "TokenRefreshRequired",
                "UnrecognizedClientException",
            ),
            (Unauthenticated, LOGIN),
        ),
        "RequestTimeTooSkewed": (Unauthenticated, "this machine's clock is wrong"),
        **dict.fromkeys(("AccessDenied", "AccessDeniedException", "AllAccessDisabled"), (Forbidden, "")),
        **dict.fromkeys(
            (
                "LimitExceededException",
                "RequestLimitExceeded",
                "SlowDown",
                "Throttling",
                "ThrottlingException",
                "TooManyRequestsException",
            ),
            (Throttled, "ask later, or less"),
        ),
        "NoSuchBucket": (NotFound, "path in gocoffee.toml"),
        "NoSuchKey": (NotFound, "the export replaced it meanwhile: ask again"),
        "PreconditionFailed": (Malformed, "the export replaced it meanwhile: ask again"),
        "InvalidObjectState": (Unsupported, "it is archived: restore it first"),
        **dict.fromkeys(("AuthorizationHeaderMalformed", "PermanentRedirect", "301"), (Unsupported, REGION)),
        "DataUnavailableException": (Unsupported, "Cost Explorer has no data yet; it takes a day after it is enabled"),
        "BillExpirationException": (Unsupported, "ask again"),
        **dict.fromkeys(("InvalidNextTokenException", "RequestChangedException"), (Malformed, "ask again")),
    }
)
# What botocore raises by itself, the first that fits.
RAISED: tuple[tuple[tuple[type[Exception], ...], type[SourceError], str], ...] = (
    ((aws.ProfileNotFound,), Unauthenticated, "profile in gocoffee.toml, and ~/.aws/config"),
    (
        (
            aws.NoCredentialsError,
            aws.PartialCredentialsError,
            aws.CredentialRetrievalError,
            aws.LoginError,
            aws.NoAuthTokenError,
            aws.TokenRetrievalError,
            aws.SSOError,
            aws.InvalidConfigError,
            aws.ConfigNotFound,
            aws.ConfigParseError,
            aws.MetadataRetrievalError,
        ),
        Unauthenticated,
        LOGIN,
    ),
    ((aws.NoRegionError, aws.InvalidRegionError, aws.UnknownEndpointError), Unsupported, REGION),
    ((aws.ReadTimeoutError,), DeadlineExceeded, ""),
    ((aws.ResponseStreamingError, aws.IncompleteReadError), Unreachable, "the connection broke: ask again"),
    ((aws.SSLError,), Unreachable, "is the certificate's authority trusted? AWS_CA_BUNDLE names it"),
    ((aws.HTTPClientError, aws.ConnectionError, OSError), Unreachable, "check the network, endpoint_url, and a proxy"),
    ((aws.ChecksumError, aws.FlexibleChecksumError), Malformed, "ask again"),
    ((ResponseParserError,), Malformed, "is this AWS, or a page of a proxy?"),
)


@dataclass
class Tally:
    """How many requests were sent, those that failed among them, and how many may be."""

    requests: int = 0
    most: int | None = None

    @property
    def spent(self) -> bool:
        """Whether no more may be sent."""
        return self.most is not None and self.requests >= self.most


class Client:
    """One service of AWS. Making it contacts nothing. Safe to share between threads."""

    def __init__(
        self, target: str, service: str, *, region: str | None, profile: str | None, endpoint_url: str | None
    ) -> None:
        self.target = target
        self._service = service
        self._region, self._profile, self._endpoint = region, profile, endpoint_url
        self._lock = threading.Lock()
        self._made: Any = None
        self._session: Any = None
        self._secrets: set[str] = set()

    def secrets(self) -> frozenset[str]:
        """The credentials in use, and those that were before them."""
        return frozenset(self._secrets)

    def call(
        self,
        what: str,
        action: str,
        operation: str,
        deadline: Deadline,
        *,
        read: Callable[[Any], R],
        tally: Tally | None = None,
        **values: Any,
    ) -> R:
        """One call (`action` is the permission that it needs), and what `read` makes of its answer within the deadline.

        Raises the errors of `errors.SourceError`.
        """
        tally = tally or Tally()

        def ask(client: Any) -> R:
            tally.requests += 1
            return read(getattr(client, operation)(**values))

        for pause in (*PAUSES_S, None):
            try:
                return self._once(what, action, operation, deadline, ask)
            except (Throttled, ServerFault):
                if pause is None or deadline.left() <= pause or tally.spent:
                    raise
            threading.Event().wait(pause)
        raise AssertionError("the last attempt returns or raises")

    def _once(self, what: str, action: str, operation: str, deadline: Deadline, ask: Callable[[Any], R]) -> R:
        left = deadline.check(what, target=self.target)
        done: queue.SimpleQueue[tuple[R | None, BaseException | None]] = queue.SimpleQueue()

        def work() -> None:
            try:
                done.put((ask(self._client()), None))
            except BaseException as error:  # noqa: BLE001 - translated by whoever waits for it
                done.put((None, error))

        threading.Thread(target=work, name=f"{self.target} {operation}", daemon=True).start()
        try:
            answer, error = done.get(timeout=left)
        except queue.Empty:
            raise self._late(what, deadline) from None
        if error is not None:
            raise self._translated(error, what, action, deadline) from None
        return answer  # type: ignore[return-value]  # without an error there is what `read` gave

    def _client(self) -> Any:
        """The client, made once; its credentials are looked up each time, as they may be new ones."""
        with self._lock:
            if self._made is None:
                self._session = boto3.Session(profile_name=self._profile, region_name=self._region)
                self._made = self._session.client(self._service, endpoint_url=self._endpoint, config=self._config())
            credentials = self._session.get_credentials()
            if credentials is None:
                raise aws.NoCredentialsError
            frozen = credentials.get_frozen_credentials()
            self._secrets.update(filter(None, (frozen.access_key, frozen.secret_key, frozen.token)))
            return self._made

    def _config(self) -> Config:
        style = (
            {"addressing_style": "path"} if self._endpoint else None
        )  # what stands in for S3 has no name for each bucket
        return Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 1}, s3=style)

    def _late(self, what: str, deadline: Deadline) -> DeadlineExceeded:
        return DeadlineExceeded(what, target=self.target, why=f"no answer after {deadline.seconds:g} s")

    def _translated(self, error: BaseException, what: str, action: str, deadline: Deadline) -> BaseException:
        """An error of ours; what is none of AWS's or the network's stays as it is, a fault of our own."""
        if isinstance(error, SourceError):
            return error
        if isinstance(error, aws.ClientError):
            return self._refused(error, what, action)
        if isinstance(error, aws.ReadTimeoutError):
            return self._late(what, deadline)
        for kinds, ours, hint in RAISED:
            if isinstance(error, kinds):
                return ours(what, target=self.target, why=self._plain(error), hint=hint)
        return error

    def _refused(self, error: aws.ClientError, what: str, action: str) -> SourceError:
        said: Mapping[str, Any] = error.response.get("Error", {})
        code = str(said.get("Code", ""))
        about: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
        status = int(about.get("HTTPStatusCode", 0))
        if "html" in about.get("HTTPHeaders", {}).get(
            "content-type", ""
        ):  # botocore calls it a fault 500, whatever its status
            why = "what answers is a page (text/html), and not AWS"
            return Malformed(what, target=self.target, why=why, hint="a proxy, or endpoint_url?")
        kind, hint = CODES.get(code, (None, ""))
        if kind is None:
            kind = _of_status(status)
        why = self._plain(f"{code}: {said.get('Message', '')}" if code else f"status {status}").strip(": ")
        if kind is Forbidden:
            why, hint = f"may not {action}: {why}", f"grant {action} to whom the credentials are of"
        elif kind is Unauthenticated and not hint:
            hint = LOGIN
        return kind(what, target=self.target, why=why, hint=hint)

    def _plain(self, said: object) -> str:
        """What was said, in one line and without our credentials."""
        plain = " ".join(str(said).split())
        for secret in self._secrets:
            plain = plain.replace(secret, "[redacted]")
        return plain[:300]


def _of_status(status: int) -> type[SourceError]:
    usual: Mapping[int, type[SourceError]] = {401: Unauthenticated, 403: Forbidden, 404: NotFound, 429: Throttled}
    return usual.get(status, ServerFault if status >= 500 else Unsupported)
