"""psycopg's errors in our words. Messages never carry the connection string."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import psycopg

from gocoffee_ops.errors import (
    DeadlineExceeded,
    Forbidden,
    Malformed,
    NotFound,
    ServerFault,
    SourceError,
    Unauthenticated,
    Unreachable,
    Unsupported,
)
from gocoffee_ops.sources.deadline import Deadline

READER = "connect as the role that deploy/reader.sql makes"
UPDATE = "ALTER EXTENSION pg_stat_statements UPDATE, when it is older than the server"
PRELOAD = "shared_preload_libraries = 'pg_stat_statements' and a restart, then CREATE EXTENSION pg_stat_statements"

Meaning = tuple[type[SourceError], str, str]  # our error, what it means in plain words, and a hint

# SQLSTATEs; a class (the first two characters) answers for those that are not listed themselves.
STATES: Mapping[str, Meaning] = MappingProxyType(
    {
        "08": (Unreachable, "the connection broke", ""),
        "0A": (Unsupported, "", ""),
        "22": (Malformed, "the server could not convert a value", ""),
        "25006": (Forbidden, "this would change something, and we only read", ""),
        "28": (Unauthenticated, "", "check user, password and pg_hba.conf"),
        "3D000": (NotFound, "", ""),
        "40001": (ServerFault, "the replica ended the question, which conflicted with recovery", "ask again"),
        "42": (Unsupported, "the server does not understand the question", ""),
        "42703": (Unsupported, "", UPDATE),
        "42501": (Forbidden, "", READER),
        "42P01": (NotFound, "", ""),
        "3F000": (NotFound, "", ""),
        "53": (ServerFault, "the server lacks resources", ""),
        "53300": (ServerFault, "the server has too many connections and takes no more", ""),
        "55000": (Unsupported, "", PRELOAD),
        "55P03": (DeadlineExceeded, "lock time-out: another session holds a lock that this needs", "database.blocking"),
        "57": (ServerFault, "", ""),
        "57P01": (ServerFault, "the session was ended by an administrator or by the server's shutdown", ""),
        "57P02": (ServerFault, "the server ended the session because another one crashed", "read the server's log"),
        "57P03": (ServerFault, "the server takes no connections now", ""),
    }
)

TIMED_OUT: Meaning = (DeadlineExceeded, "statement time-out", "is the server overloaded?")
BROKEN: Meaning = (ServerFault, "the connection broke while it was asked", "read the server's log")
UNDECODED: Meaning = (Malformed, "the answer could not be decoded", "")
CANCELLED: Meaning = (ServerFault, "somebody cancelled the question", "")

# While connecting there is no SQLSTATE, only text: libpq's own, or the server's in the server's language.
CONNECTING: tuple[tuple[str, Meaning], ...] = (
    (r"permission denied for database", (Forbidden, "", "GRANT CONNECT ON DATABASE")),
    (r"too many (clients|connections)|connection slots", STATES["53300"]),
    (r"database system is (starting|shutting|in recovery|not yet)|not accepting connections", STATES["57P03"]),
    (r"database .* does not exist|no such database", (NotFound, "", "check dbname")),
    (
        r"authentication failed|no password supplied|role .* does not exist|no pg_hba\.conf entry|not permitted to log in"
        r"|pg_hba\.conf rejects|certificate authentication|no such user|SCRAM|SASL",
        STATES["28"],
    ),
    (
        r"received invalid response|expected authentication request",
        (Malformed, "what answers is not PostgreSQL", "check host and port"),
    ),
    (r"unsupported frontend protocol", (Unsupported, "", "")),
)


def of_connecting(error: psycopg.Error, *, target: str) -> SourceError:
    """The error of a connection that did not come about."""
    line = error.pgconn
    needs, used = (line.needs_password, line.used_password) if line is not None else (False, False)
    return of_connecting_text(str(error), target=target, needs_password=needs, used_password=used)


def of_connecting_text(
    text: str, *, target: str, needs_password: bool = False, used_password: bool = False
) -> SourceError:
    """The same, of libpq's text and what it knows of the password."""
    why = _shortened(text)
    for pattern, meaning in CONNECTING:
        if re.search(pattern, why):
            return _made("connect to PostgreSQL", meaning, why, target)
    if needs_password:
        return _made("connect to PostgreSQL", STATES["28"], why, target)
    # The server's own words after "SEVERITY:  ", in a language that the table above does not have.
    if re.search(r"\b[^\W\d_]{4,}: {2}\S", why):
        return _made("connect to PostgreSQL", STATES["28"] if used_password else STATES["57"], why, target)
    return Unreachable("connect to PostgreSQL", target=target, why=why, hint="check host, port, network and TLS")


def margin(seconds: float) -> float:
    """How much sooner the server is to give up than we do: its error says more than a broken connection."""
    return min(0.25, seconds / 10)


def gave_up(deadline: Deadline) -> bool:
    """Whether the server's time-out has passed."""
    return deadline.left() <= 2 * margin(deadline.seconds)


def of_asking(error: psycopg.Error, what: str, *, target: str, server_gave_up: bool) -> SourceError:
    """The error of a question. `server_gave_up`: our statement time-out had passed when it came."""
    why = error.diag.message_primary or str(error)
    if not error.sqlstate and not isinstance(error, psycopg.OperationalError):
        return _made(what, UNDECODED, _shortened(why), target)
    return of_state(error.sqlstate or "", why, what, target=target, server_gave_up=server_gave_up)


def of_state(state: str, said: str, what: str, *, target: str, server_gave_up: bool) -> SourceError:
    """The same, of an SQLSTATE and what was said with it; without one the connection broke."""
    why = _shortened(said)
    if state == "57014":  # of a time-out and of a cancellation; the message is in the server's language
        return _made(what, TIMED_OUT if server_gave_up else CANCELLED, why, target)
    if "pg_stat_statements" in why and state in {"42P01", "42883"}:
        return _made(what, (Unsupported, "", f"{PRELOAD}; {UPDATE}"), why, target)
    if not state:
        return _made(what, BROKEN, why, target)
    unlisted: Meaning = (ServerFault, f"SQLSTATE {state}", "")
    return _made(what, STATES.get(state) or STATES.get(state[:2]) or unlisted, why, target)


def _made(what: str, meaning: Meaning, why: str, target: str) -> SourceError:
    kind, plain, hint = meaning
    return kind(what, target=target, why=f"{plain}: {why}" if plain else why, hint=hint)


def _shortened(text: str) -> str:
    """One line of libpq's message, without what it tells of the connection: that is the target."""
    line = " ".join(text.split("\n\t", maxsplit=1)[0].split("\n"))
    line = re.sub(r"^connection (failed|is bad): ", "", line)
    return re.sub(r"^connection to server (at|on socket) .*? failed: ", "", line).strip()
