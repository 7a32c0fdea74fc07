"""What an environment says about money: list prices for what no bill has, budgets, and whose namespaces are whose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import combinations
from pathlib import PurePath, PurePosixPath
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

from gocoffee_ops.config.fields import Many, Section, wrong
from gocoffee_ops.config.systems import BillConfig

PLACES = 12  # as many as a table keeps
ANY, NO_FEE = "*", "none"
AWS = re.compile(r"(^|\.)amazonaws\.com(\.cn)?$")
APART = re.compile(r"(?:^|[ .-])(cn|us-gov)-")  # how regions begin whose buckets are apart from all others'
HELD = "a place of its own for each: what lies in two bills counts twice"


def _money(value: Any) -> Decimal:
    """An exact amount: a text, or a number as it is written."""
    text = str(value) if isinstance(value, str | int | float | Decimal) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"\d{1,20}(\.\d{1,12})?", text):
        raise wrong("is not an amount of money", f'digits, as 0.0952 or "0.0952", with at most {PLACES} places')
    return Decimal(text)


def _price(value: Any) -> Decimal:
    """An amount that is more than nothing: a 0 would read as free wherever what it is for is not in the bill."""
    amount = _money(value)
    if not amount:
        raise wrong("is no price", "more than 0, as 0.0952; leave out what you have no price for")
    return amount


def _fees(value: Any) -> dict[str, Decimal]:
    """An amount for any cluster, or one for each: more than nothing, or the word for that there is none to pay."""
    by_cluster = value if isinstance(value, dict) else {ANY: value}
    found = {}
    for cluster, amount in by_cluster.items():
        try:
            found[cluster] = Decimal(0) if amount == NO_FEE else _price(amount)
        except PydanticCustomError as error:
            what = f"{cluster!r} " if isinstance(value, dict) else ""
            hint = 'more than 0, or "none" for a control plane that costs nothing; leave out what you have no price for'
            raise wrong(f"{what}{error.message()}", hint) from None
    return found


def _currency(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{3}", value):
        raise wrong("is not a currency", 'its code of three letters: "EUR"')
    return value


def _workload(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*(/[a-z]+/[a-z0-9][a-z0-9.-]*)?", value):
        raise wrong(f"{value!r} is neither a namespace nor a workload", '"go-coffee" or "go-coffee/deployment/orders"')
    return value


def _day(value: Any) -> date:
    if type(value) is not date:
        raise wrong("is not a day", "a date, without quotes: 2026-11-01")
    return value


Money = Annotated[Decimal, PlainValidator(_money)]
Price = Annotated[Decimal, PlainValidator(_price)]
Fees = Annotated[dict[str, Decimal], PlainValidator(_fees)]
Currency = Annotated[str, PlainValidator(_currency)]
Workload = Annotated[str, BeforeValidator(lambda value: _workload(value) if isinstance(value, str) else value)]
Day = Annotated[date, PlainValidator(_day)]


class Prices(Section):
    """List prices, for what stands in no bill. They say so wherever they are shown."""

    currency: Currency
    priced_on: Day
    cpu_weight: float = Field(default=9.0, gt=0, le=1000)
    nodes: dict[str, Price] = Field(default_factory=dict)  # an hour, by instance type, with " spot" for spot nodes
    storage_gib_month: dict[str, Price] = Field(default_factory=dict)  # by storage class; "*" for any
    load_balancer_hour: Price | None = None
    control_plane_hour: Fees = Field(default_factory=dict)  # by cluster; "*" for any; 0: there is none to pay

    def listed(self) -> Iterator[tuple[str, str, str, Decimal]]:
        """Every price: what for, its name, the unit, the amount."""
        for name, amount in self.nodes.items():
            yield "node", name, "hour", amount
        for name, amount in self.storage_gib_month.items():
            yield "storage", name, "GiB-month", amount
        if self.load_balancer_hour is not None:
            yield "load balancer", ANY, "hour", self.load_balancer_hour
        for name, amount in self.control_plane_hour.items():
            yield "control plane", name, "hour", amount


class Budgets(Section):
    """What each team may spend in a calendar month, of effective cost."""

    currency: Currency
    monthly: dict[str, Money] = Field(min_length=1)


def _one_team_each(teams: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    owners: dict[str, str] = {}
    for team, names in teams.items():
        for name in names:
            if owners.setdefault(name, team) != team:
                raise wrong(f"gives {name!r} to {owners[name]!r} and to {team!r}", "one team for each")
    return teams


Teams = Annotated[dict[str, Many[Workload]], AfterValidator(_one_team_each)]


def one_place_each(bills: Iterable[BillConfig]) -> None:
    """Refuse two bills of one place, or one within the other's: what lies there would count twice."""
    for first, second in combinations(bills, 2):
        (one, where), (other, there) = _place(first), _place(second)
        if one == other and (where.is_relative_to(there) or there.is_relative_to(where)):
            same = "the same place" if where == there else "places of which one holds the other"
            raise wrong(f"bills: {first.name!r} and {second.name!r} are {same}, {first.path} and {second.path}", HELD)


def _place(bill: BillConfig) -> tuple[str | None, PurePath]:
    """Where a bill lies, however it is written, and in whose storage."""
    if isinstance(bill.path, str):
        return _storage(bill.endpoint_url, bill.region or ""), PurePosixPath(bill.path.removeprefix("s3://"))
    return None, bill.path.resolve()


def _storage(endpoint: str | None, region: str) -> str:
    """Whose buckets an endpoint has; without one, AWS's. A bucket has one name in all of AWS, but for China and the government.

    >>> [_storage(None, "eu-central-1"), _storage("https://s3.EU-central-1.amazonaws.com/", ""), _storage("https://s3.x:443", "")]
    ['aws', 'aws', 's3.x']
    >>> [_storage(None, "cn-north-1"), _storage("https://s3.cn-north-1.amazonaws.com.cn", "")]
    ['aws cn', 'aws cn']
    """
    parts = urlsplit(endpoint or "")
    host, port = (parts.hostname or "").rstrip("."), parts.port
    if not host or AWS.search(host):
        apart = APART.search(f"{host} {region.lower()}")
        return f"aws {apart[1]}" if apart else "aws"
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return (host if port in (None, usual) else f"{host}:{port}") + parts.path.rstrip("/")


class CostSettings(Section):
    """The three together, as they are asked for, with what the bill calls the clusters (cluster -> name or id)."""

    prices: Prices | None = None
    budgets: Budgets | None = None
    teams: Teams = Field(default_factory=dict)
    billed_as: dict[str, str] = Field(default_factory=dict)
