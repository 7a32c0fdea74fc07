"""What a unit costs: a node's price split into CPU and memory, and which price counts where no bill names the thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from gocoffee_ops.analysis.costs.money import rounded
from gocoffee_ops.analysis.costs.schemas import PRICES, framed, rows

if TYPE_CHECKING:
    import pandas as pd

CPU_WEIGHT = 9.0  # a core costs what 9 GiB cost: AWS's split of EC2 prices for containers
CPU_WEIGHT_BAND = (7.5, 20.0)  # what others use; see `memory_share`
HOURS_A_MONTH = 730  # by which prices a month become prices an hour

OPENCOST, LIST_PRICE, BILL = "opencost", "list", "bill"
ORDER = (OPENCOST, LIST_PRICE)  # the bill goes before both
ANY = "*"


@dataclass(frozen=True)
class Price:
    """The list price of one unit (an hour, a GiB-month), and who says so."""

    amount: Decimal
    currency: str
    price_from: str

    @property
    def exact(self) -> Fraction:
        """The amount, to reckon with."""
        return Fraction(self.amount)


def unit_prices(hourly: Decimal, cores: float, gib: float, cpu_weight: float = CPU_WEIGHT) -> tuple[Decimal, Decimal]:
    """What a core-hour and a GiB-hour cost on a node of this price: `C·w/(w·cores+GiB)` and `C/(w·cores+GiB)`.

    A node has one price; how much of it is the CPU's is a convention, `w`: so many GiB cost what a core costs.

    >>> unit_prices(Decimal("0.25"), 2, 7, 9)
    (Decimal('0.090000000000'), Decimal('0.010000000000'))
    """
    per_gib = Fraction(hourly) / (Fraction(cpu_weight) * Fraction(cores) + Fraction(gib))
    return rounded(per_gib * Fraction(cpu_weight)), rounded(per_gib)


def memory_share(cores: float, gib: float, cpu_weight: float = CPU_WEIGHT) -> float:
    """Memory's share of a node's price; with 4 GiB a core it moves from a third to a sixth over the weights in use.

    >>> [round(memory_share(2, 8, w), 2) for w in (7.5, 9, 20)]
    [0.35, 0.31, 0.17]
    """
    return gib / (cpu_weight * cores + gib)


class PriceBook:
    """The prices that no bill has: OpenCost's before those of the configuration. What is not in it has no price, never 0."""

    def __init__(self, prices: Iterable[Mapping[str, Any]]) -> None:
        self._found: dict[tuple[str, str], Price] = {}
        for row in sorted(prices, key=lambda row: -ORDER.index(row["price_from"])):
            self._found[row["kind"], row["name"]] = Price(row["list"], row["currency"], row["price_from"])

    @classmethod
    def of(cls, prices: pd.DataFrame | None) -> PriceBook:
        """The book of a table of prices."""
        return cls([] if prices is None else rows(prices, PRICES))

    def node(self, node: Mapping[str, Any]) -> Price | None:
        """A node's price an hour: by its own name, else by its instance type; a spot node never gets an on-demand price.

        >>> price = {"kind": "node", "name": "m6i.large", "unit": "hour", "list": Decimal("0.1"), "currency": "EUR",
        ...     "price_from": "list"}
        >>> node = {"node": "n1", "instance_type": "m6i.large", "capacity_type": "on-demand"}
        >>> PriceBook([price]).node(node).amount, PriceBook([price]).node(node | {"capacity_type": "spot"})
        (Decimal('0.1'), None)
        """
        spot = " spot" if str(node["capacity_type"] or "").lower() == "spot" else ""
        return self._first("node", node["node"], f"{node['instance_type']}{spot}")

    def storage(self, volume: Mapping[str, Any]) -> Price | None:
        """A volume's price for a GiB and a month: by its own name, else by its storage class."""
        return self._first("storage", volume["volume"], volume["storage_class"], ANY)

    def load_balancer(self, balancer: Mapping[str, Any]) -> Price | None:
        """A load balancer's price an hour: by its service, namespace/name, else that of any."""
        return self._first("load balancer", f"{balancer['namespace']}/{balancer['service']}", ANY)

    def control_plane(self, cluster: str) -> Price | None:
        """A control plane's price an hour."""
        return self._first("control plane", cluster, ANY)

    def _first(self, kind: str, *names: str | None) -> Price | None:
        return next((self._found[kind, name] for name in names if name and (kind, name) in self._found), None)


def price_book(*prices: pd.DataFrame) -> pd.DataFrame:
    """Prices from several places as one table, for what no bill has; which of them counts is `PriceBook`'s to say.

    Columns: those of `schemas.PRICES`.
    """
    return framed(PRICES, [row for table in prices for row in rows(table, PRICES)], *prices)
