"""One scale for the levels that loggers write."""

from __future__ import annotations

import re
from functools import lru_cache

LEVELS = ("fatal", "error", "warn", "info", "debug", "trace")  # worst first
BAD = ("fatal", "error")
HARMLESS = frozenset({"info", "debug", "trace"})

_WORDS = {
    "trace": "trace",
    "finest": "trace",
    "finer": "trace",
    "verbose": "debug",
    "debug": "debug",
    "dbug": "debug",
    "dbg": "debug",
    "fine": "debug",
    "info": "info",
    "inf": "info",
    "information": "info",
    "informational": "info",
    "notice": "info",
    "log": "info",
    "config": "info",
    "default": "info",
    "warn": "warn",
    "wrn": "warn",
    "warning": "warn",
    "error": "error",
    "err": "error",
    "eror": "error",
    "severe": "error",
    "fail": "error",
    "critical": "fatal",
    "crit": "fatal",
    "alert": "fatal",
    "emerg": "fatal",
    "emergency": "fatal",
    "fatal": "fatal",
    "panic": "fatal",
    "dpanic": "fatal",
}
_SYSLOG = ("fatal", "fatal", "fatal", "error", "warn", "info", "info", "debug")
_PINO = ((60, "fatal"), (50, "error"), (40, "warn"), (30, "info"), (20, "debug"), (10, "trace"))
_STEP = re.compile(r"[+-]?[0-9]+$")


def canonical(value: object) -> str | None:
    """A level as a logger wrote it, on our scale; None for what is no level.

    Numbers below 8 are syslog's, 10 to 60 those of pino and bunyan; slog writes steps such as `ERROR+2`.

    >>> [canonical(level) for level in ("WARNING", "E", 50, 3, "ERROR+2", "DEBUG1", "soon", None)]
    ['warn', None, 'error', 'error', 'error', 'debug', None, None]
    """
    return _canonical(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


@lru_cache(maxsize=1024)
def _canonical(value: str | int) -> str | None:
    if isinstance(value, int):
        if 0 <= value < len(_SYSLOG):
            return _SYSLOG[value]
        return next((name for least, name in _PINO if least <= value < 70), None)
    word = value.strip().lower()
    return _WORDS.get(word) or (_canonical(int(word)) if word.isdecimal() else _WORDS.get(_STEP.sub("", word)))


def spellings(level: str) -> tuple[str, ...]:
    """How loggers write a level or a worse one, in lower case; a word that is no level of ours stands for itself.

    >>> "err" in spellings("ERROR"), "panic" in spellings("error"), "warn" in spellings("error"), spellings("audit")
    (True, True, False, ('audit',))
    """
    known = canonical(level)
    if known is None:
        return (level,)
    return tuple(word for word, named in _WORDS.items() if LEVELS.index(named) <= LEVELS.index(known))


def worst_first(levels: set[str]) -> tuple[str, ...]:
    """Different levels, the worst first.

    >>> worst_first({"info", "fatal", "warn"})
    ('fatal', 'warn', 'info')
    """
    return tuple(level for level in LEVELS if level in levels)
