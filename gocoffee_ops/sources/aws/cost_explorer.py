"""AWS Cost Explorer: what each day cost, by at most two keys. Every page is a request, and every request costs money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec

from gocoffee_ops.errors import Malformed, SourceError
from gocoffee_ops.frames import DECIMAL_PLACES
from gocoffee_ops.sources.aws.client import Client, Tally
from gocoffee_ops.sources.deadline import Deadline

ACTION = "ce:GetCostAndUsage"
BILLED, EFFECTIVE = "UnblendedCost", "AmortizedCost"
TAG = "TAG"
T = TypeVar("T")
PLACE = Decimal(1).scaleb(-DECIMAL_PLACES)


class _Amount(msgspec.Struct, rename="pascal"):
    """Of one metric."""

    amount: str
    unit: str


class _Group(msgspec.Struct, rename="pascal"):
    """What one pair of keys cost."""

    keys: list[str]
    metrics: dict[str, _Amount]


class _Span(msgspec.Struct, rename="pascal"):
    """A day."""

    start: str


class _Result(msgspec.Struct, rename="pascal"):
    """One day: in groups where some were asked for, else in all."""

    time_period: _Span
    groups: list[_Group] | None = None
    total: dict[str, _Amount] | None = None
    estimated: bool = True


class _Answer(msgspec.Struct, rename="pascal"):
    """A page. botocore checks what it sends, and not what it gets."""

    results_by_time: list[_Result]


@dataclass(frozen=True)
class Cost:
    """What one day cost for one pair of keys; a key that is a tag is its value, or None for what has none."""

    day: date
    keys: tuple[str | None, ...]
    billed: Decimal
    effective: Decimal
    currency: str


@dataclass(frozen=True)
class Period:
    """One day that came back; `estimated` means that it may still change."""

    day: date
    estimated: bool


@dataclass(frozen=True)
class Read:
    """What came back, how many requests were sent for it, and what did not come back ("" when all did)."""

    costs: Sequence[Cost]
    periods: Sequence[Period]
    sent: int
    unread: str
    pages: int
    rounded: int  # amounts with more decimal places than we keep


@dataclass
class _Gathered:
    costs: list[Cost] = field(default_factory=list)
    periods: dict[date, bool] = field(default_factory=dict)
    rounded: int = 0


class CostExplorer:
    """One account's (or organization's) Cost Explorer. Making it contacts nothing. Safe to share between threads."""

    def __init__(
        self,
        target: str,
        *,
        region: str,
        profile: str | None = None,
        endpoint_url: str | None = None,
        team_tag: str = "team",
        max_requests: int = 20,
    ) -> None:
        self.target = target
        self.team_tag = team_tag
        self.max_requests = max_requests
        self._client = Client(target, "ce", region=region, profile=profile, endpoint_url=endpoint_url)

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self._client.secrets()

    def request(self, start: date, end: date, keys: Sequence[tuple[str, str]], page: str = "") -> dict[str, Any]:
        """The values of one request; `end` is the day after the last, as the API has it."""
        values: dict[str, Any] = {
            "TimePeriod": {"Start": start.isoformat(), "End": end.isoformat()},
            "Granularity": "DAILY",
            "Metrics": [BILLED, EFFECTIVE],
        }
        if keys:
            values["GroupBy"] = [{"Type": kind, "Key": key} for kind, key in keys]
        if page:
            values["NextPageToken"] = page
        return values

    def read(self, start: date, end: date, keys: Sequence[tuple[str, str]], deadline: Deadline) -> Read:
        """What each day from `start` to before `end` cost, by `keys` (type and key, at most two). Permission: ce:GetCostAndUsage.

        Raises the errors of `errors.SourceError`, saying how many requests were sent.
        """
        what = "read costs from Cost Explorer"
        gathered, page, pages = _Gathered(), "", 0
        tally = Tally(most=self.max_requests)
        while True:
            values = self.request(start, end, keys, page)
            try:
                answer = self._client.call(
                    what, ACTION, "get_cost_and_usage", deadline, read=_same, tally=tally, **values
                )
                pages += 1
                self._gather(what, answer, keys, gathered)
            except SourceError as error:
                raise _counted(error, tally.requests) from None
            page = answer.get("NextPageToken") or ""
            if not page or tally.spent:
                break
        sent = tally.requests
        asked = [start + timedelta(days=n) for n in range((end - start).days)]
        missing = [day for day in asked if day not in gathered.periods]
        unread = []
        if page:
            unread.append(f"{sent} requests were sent, as many as max_requests allows, and there are more pages")
        if missing:
            unread.append(f"{len(missing)} of {len(asked)} days did not come back, the first {missing[0]:%Y-%m-%d}")
        periods = [Period(day, estimated) for day, estimated in sorted(gathered.periods.items())]
        return Read(gathered.costs, periods, sent, "; ".join(unread), pages, gathered.rounded)

    def _gather(self, what: str, answer: Any, keys: Sequence[tuple[str, str]], gathered: _Gathered) -> None:
        try:
            for n, result in enumerate(msgspec.convert(answer, _Answer).results_by_time):
                day = date.fromisoformat(result.time_period.start[:10])
                gathered.periods[day] = gathered.periods.get(day, False) or result.estimated
                where = f"ResultsByTime[{n}]"
                if keys:
                    for i, group in enumerate(_there(result.groups, f"{where}.Groups")):
                        gathered.costs.append(self._cost(day, group, keys, gathered, f"{where}.Groups[{i}].Metrics"))
                else:
                    total = _Group([], _there(result.total, f"{where}.Total"))
                    gathered.costs.append(self._cost(day, total, keys, gathered, f"{where}.Total"))
        except (msgspec.ValidationError, ValueError) as error:
            why = f"the answer could not be decoded: {error}"
            raise Malformed(what, target=self.target, why=why) from None
        currencies = sorted({cost.currency for cost in gathered.costs})
        if len(currencies) > 1:
            why = f"amounts in {' and '.join(currencies)}, which have no sum"
            raise Malformed(what, target=self.target, why=why)

    def _cost(self, day: date, group: _Group, keys: Sequence[tuple[str, str]], gathered: _Gathered, where: str) -> Cost:
        if len(group.keys) != len(keys):
            raise ValueError(f"{len(group.keys)} keys for {len(keys)} that were asked for")
        found = tuple(_key(kind, key) for (kind, _), key in zip(keys, group.keys, strict=True))
        metrics = [_there(group.metrics.get(name), f"{where}.{name}") for name in (BILLED, EFFECTIVE)]
        amounts = []
        for name, metric in zip((BILLED, EFFECTIVE), metrics, strict=True):
            exact = _amount(metric.amount, f"{where}.{name}")
            amounts.append(exact.quantize(PLACE, ROUND_HALF_EVEN))
            gathered.rounded += amounts[-1] != exact
        units = {metric.unit for metric in metrics}
        if len(units) != 1:
            raise ValueError(f"amounts of one group in {' and '.join(sorted(units))}")
        return Cost(day, found, amounts[0], amounts[1], units.pop())


def _there(value: T | None, where: str) -> T:
    """What an answer has to have. Raises ValueError, naming it."""
    if value is None:
        raise ValueError(f"it has no {where}")
    return value


def _amount(text: str, where: str) -> Decimal:
    """An exact amount. Raises ValueError, naming it."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise ValueError(f"{where} is no amount: {text[:40]!r}")
    return found


def _key(kind: str, key: str) -> str | None:
    """A key as it is; of a tag (`team$orders`) its value, None where it has none."""
    if kind != TAG:
        return key
    return key.partition("$")[2] or None


def _counted(error: SourceError, sent: int) -> SourceError:
    why = f"{error.why}; {sent} request{'s were' if sent != 1 else ' was'} sent"
    return type(error)(error.what, target=error.target, why=why, hint=error.hint)


def _same(answer: Any) -> Any:
    return answer
