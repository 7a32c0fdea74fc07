"""When a CronJob's next run is due, by the schedule and in the time zone that Kubernetes would read it in."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
ANY_TIME = datetime(2026, 1, 1)  # noqa: DTZ001 - only the fields of a schedule are read by it, and cronsim's own times have no zone
LEAP_YEAR = 2024
TERM = re.compile(r"(?P<from>[*?]|\d+|[A-Za-z]{3})(?P<to>-(\d+|[A-Za-z]{3}))?(/(?P<step>\d+))?")
ZONED = re.compile(r"(?:CRON_)?TZ=(\S+)\s+(.*)")
EVERY = re.compile(r"@every\s+((?:\d+(?:\.\d+)?(?:h|m|s))+)")
UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0}
# What the clock of a controller may be set to that does not say its zone.
ANYWHERE = tuple(timezone(timedelta(minutes=15 * quarter)) for quarter in range(-48, 57))
A_SECOND = timedelta(seconds=1)


class NeverDue(ValueError):
    """A schedule that is understood, and no day of any year is on it."""


def due_after(
    schedule: str, zone: str | None, started: datetime | None, created: datetime, *, skipped: datetime | None = None
) -> datetime | None:
    """When at the latest the next run was due after the last one `started` (or the CronJob was `created`), and after those
    until `skipped`; None if never.

    Without a `zone` a schedule is read in that of the controller's clock, which nobody tells: mostly UTC. Where the last run was
    not on the schedule in UTC, or there was none, it is the latest of the times that it may be. Raises NeverDue for a schedule
    that no day is on, ValueError for one or for a time zone that is not understood here.

    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> f"{due_after('0 3 * * *', 'Europe/Berlin', None, noon):%d %H:%M}"
    '06 02:00'
    >>> f"{due_after('@hourly', None, noon, noon):%d %H:%M}"
    '05 13:00'
    """
    if zoned := ZONED.fullmatch(schedule.strip()):
        zone, schedule = zoned.groups()
    after = max(time for time in (started or created, skipped) if time is not None)
    if every := EVERY.fullmatch(schedule.strip()):
        parts = re.findall(r"([\d.]+)([hms])", every[1])
        return after + timedelta(seconds=max(sum(float(n) * UNITS_S[unit] for n, unit in parts), 1.0))
    fields = _fields(schedule)
    if zone:
        return _next(fields, _zone(zone), after)
    if started is not None and _next(fields, UTC, started - A_SECOND) == started:
        return _next(fields, UTC, after)
    times = [_next(fields, anywhere, after) for anywhere in ANYWHERE]
    return max((time for time in times if time is not None), default=None)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"time zone {name} is not known here") from error


def _fields(schedule: str) -> str:
    """The five fields as cronsim reads what Kubernetes reads in them.

    Kubernetes knows `?`; to it `*/2` is no star, which decides whether both days must match or one of them; and it knows
    neither seconds, nor L, W and #.

    >>> _fields("*/5 ? */2 jan-mar 1/2"), _fields("5-5/2 1,*/1 * * 6/1")
    ('0-59/5 * 1-31/2 jan-mar 1-6/2', '5 * * * 6')
    """
    fields = MACROS.get(schedule.strip(), schedule).split()
    if len(fields) != len(FIELDS):
        raise ValueError(f"{len(fields)} fields instead of {len(FIELDS)}")
    told = [_field(field, *bounds) for field, bounds in zip(fields, FIELDS, strict=True)]
    _parsed(told)
    return " ".join(told)


def _parsed(fields: Sequence[str]) -> None:
    """Raises ValueError for what cronsim does not understand, NeverDue for what it refuses as no such day ever comes."""
    minute, hour, day, month, weekday = fields
    try:
        CronSim(" ".join(fields), ANY_TIME)
    except CronSimError as error:
        try:
            one = CronSim(" ".join((minute, hour, "1", month, weekday)), ANY_TIME)
            days = CronSim(" ".join((minute, hour, day, "1", weekday)), ANY_TIME).days
        except CronSimError:
            raise ValueError(str(error)) from error
        longest = max(monthrange(LEAP_YEAR, month)[1] for month in one.months)
        raise NeverDue(f"no month of it has a day {min(days)}: the longest has {longest}") from error


def _field(text: str, first: int, last: int) -> str:
    terms = []
    for term in text.split(","):
        found = TERM.fullmatch(term)
        if found is None or (found["from"] in "*?" and found["to"]):
            raise ValueError(f"{term!r} is not understood")
        step = int(found["step"] or 1)
        if found["from"] in "*?":
            if step == 1:
                return "*"
            terms.append(f"{first}-{last}/{step}")
        elif found["to"] == f"-{found['from']}" or found["from"].lower() in {str(last), "sat"}:
            terms.append(found["from"])
        elif found["step"] and not found["to"]:
            terms.append(f"{found['from']}-{last}/{step}")
        else:
            terms.append(term)
    return ",".join(terms)


def _next(fields: str, zone: tzinfo, after: datetime) -> datetime | None:
    """The next time by the clock of a zone; one that the clock leaps over is none, as to Kubernetes."""
    for local in CronSim(fields, after.astimezone(zone).replace(tzinfo=None)):
        time = local.replace(tzinfo=zone).astimezone(UTC)
        if time > after and time.astimezone(zone).replace(tzinfo=None) == local:
            return time
    return None
