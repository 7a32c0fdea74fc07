"""Fields of structured lines, JSON and logfmt: which name means what, and what its value says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from gocoffee_ops.analysis.logs.levels import canonical

_NAMES = {
    "stamp": "time ts timestamp @timestamp t datetime",
    "level": "level lvl severity levelname loglevel log_level log.level @level severity_text",
    "message": "msg message @message event short_message body",
    "status": (
        "status status_code statuscode http_status http.status http.status_code http.response.status_code response_code "
        "response.status res.status res.statuscode response.status_code httprequest.status"
    ),
    "method": "method http_method http.method http.request.method request_method req.method request.method verb "
    "httprequest.requestmethod",
    "path": "path uri url request_uri http.path http.target url.path req.url request.path request.uri http.url "
    "httprequest.requesturl route",
    "client": "client client_ip clientip client.ip client.address remote_addr remote_ip remoteip remote "
    "req.remoteaddress request.remote_ip httprequest.remoteip ip",
    "duration": "duration latency elapsed took dur response_time",
    "duration_ms": "duration_ms latency_ms elapsed_ms took_ms response_time_ms responsetime durationms",
    "duration_s": "duration_s latency_s elapsed_s duration_seconds latency_seconds request_time upstream_response_time",
    "duration_ns": "duration_ns latency_ns elapsed_ns",
    "exception": "exception exception.type exception.class error.type exc_type exception_type error_type",
    "trace": "stack_trace stacktrace stack exc_info exception.stacktrace error.stack_trace error.stack err.stack traceback",
}
_COLUMN = dict.fromkeys(("duration", "duration_s", "duration_ns"), "duration_ms")
_FIELD = {name: field for field, names in _NAMES.items() for name in names.split()}
_PAIR = re.compile(r'"(?:[^"\\]|\\.)*"|([^\s="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))')
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|ms|us|µs|μs|ns|m|s)")
_MS = {"h": 3_600_000.0, "m": 60_000.0, "s": 1000.0, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ns": 1e-6}
_TYPE = re.compile(r"[A-Za-z_$][\w$]*(?:\.[\w$]+)*")
_PORT = re.compile(r"^(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):[0-9]+$")
DEPTH = 3  # `http.response.status_code` is as deep as the common conventions go

Fields = dict[str, Any]


def of_json(line: str) -> Fields | None:
    """The known fields of a line that is one JSON object; None if it is none.

    >>> of_json('{"level":"WARN","msg":"retry","http":{"status":503,"method":"GET"},"took":"1.5s"}')
    {'level': 'warn', 'message': 'retry', 'status': 503, 'method': 'GET', 'duration_ms': 1500.0}
    """
    try:
        decoded = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(decoded, dict):
        return None
    return _read(_flat(decoded))


def of_logfmt(line: str) -> Fields:
    r"""The known fields of a logfmt line. What looks like a field inside quotes is none.

    >>> of_logfmt(r'level=info msg="said \"level=error\"" status=200 path=/orders?id=1')
    {'level': 'info', 'message': 'said "level=error"', 'status': 200, 'path': '/orders'}
    """
    pairs = ((key, quoted.replace('\\"', '"') if quoted else bare) for key, quoted, bare in _PAIR.findall(line) if key)
    return _read(pairs)


def _flat(mapping: Mapping[str, Any], prefix: str = "", depth: int = DEPTH) -> Iterable[tuple[str, Any]]:
    for key, value in mapping.items():
        if isinstance(value, dict):
            if depth > 1:
                yield from _flat(value, f"{prefix}{key}.", depth - 1)
        else:
            yield prefix + key, value


def _read(pairs: Iterable[tuple[str, Any]]) -> Fields:
    """The first of the names that stand for a field counts, and only if its value can be one."""
    found: Fields = {}
    for key, value in pairs:
        field = _FIELD.get(key) or _FIELD.get(key.lower())
        if field is None or value is None or (name := _COLUMN.get(field, field)) in found:
            continue
        read = _READ[field](value)
        if read is not None:
            found[name] = read
    return found


def _stamp(value: object) -> str | None:
    return str(value) if isinstance(value, str | int | float) else None


def _message(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _path(value: object) -> str | None:
    return value.split("?", 1)[0] if isinstance(value, str) else None


def _client(value: object) -> str | None:
    match = _PORT.match(value) if isinstance(value, str) else None
    return (match[1] or match[2]) if match else _text(value)


def _exception(value: object) -> str | None:
    match = _TYPE.match(value) if isinstance(value, str) else None
    return match[0] if match else None


def status(value: object) -> int | None:
    """An HTTP status: a number from 100 to 599 and nothing around it.

    >>> status(404), status("503"), status("1404"), status(0), status("shipped")
    (404, 503, None, None, None)
    """
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599 else None


def milliseconds(value: object, unit: str = "") -> float | None:
    """A duration in ms. A bare number without a unit may be anything: None.

    >>> milliseconds("1m0.5s"), milliseconds("250µs"), milliseconds(0.25, "s"), milliseconds(12)
    (60500.0, 0.25, 250.0, None)
    """
    if isinstance(value, str):
        parts = _PART.findall(value)
        if parts and "".join(n + u for n, u in parts) == value:
            return sum(float(n) * _MS[u] for n, u in parts)
        try:
            value = float(value)
        except ValueError:
            return None
    if not unit or isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        return None
    return float(value) * _MS[unit]


_READ: dict[str, Callable[[Any], Any]] = {
    "level": canonical,
    "status": status,
    "stamp": _stamp,
    "message": _message,
    "method": _text,
    "path": _path,
    "client": _client,
    "exception": _exception,
    "trace": _text,
    "duration": milliseconds,
    **{f"duration_{unit}": partial(milliseconds, unit=unit) for unit in ("ms", "s", "ns")},
}


def moment(text: str) -> datetime | None:
    """A time that names its zone, or seconds since 1970 in their usual scales; None for others: a guess is no time.

    >>> moment("2026-01-05T03:00:00,5Z").isoformat(), moment("1767582000123").isoformat(), moment("2026-01-05 03:00:00")
    ('2026-01-05T03:00:00.500000+00:00', '2026-01-05T03:00:00.123000+00:00', None)
    >>> moment("05/Jan/2026:03:00:00 +0000").isoformat(), moment("2026/01/05 03:00:00 UTC").isoformat()
    ('2026-01-05T03:00:00+00:00', '2026-01-05T03:00:00+00:00')
    """
    try:
        number = float(text)
    except ValueError:
        return _dated(text)
    for least, per_second in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3), (1e8, 1.0)):
        if least <= number < 1e19:
            return datetime.fromtimestamp(round(number / per_second, 6), UTC)
    return None


def _dated(text: str) -> datetime | None:
    try:
        if len(text) > 2 and text[2] == "/":
            return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").astimezone(UTC)
        plain = re.sub(r" ?(?:UTC|GMT)$", "+00:00", text.replace(",", ".").replace("/", "-"))
        read = datetime.fromisoformat(re.sub(r" (?=[+-][0-9]{2}:?[0-9]{2}$)", "", plain))
    except (ValueError, OverflowError):
        return None
    return read.astimezone(UTC) if read.tzinfo else None
