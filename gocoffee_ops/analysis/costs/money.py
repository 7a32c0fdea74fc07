"""Money is split and added without losing a unit of its last place: whole numbers of 10^-12, shared by largest remainder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from fractions import Fraction

from gocoffee_ops.frames import DECIMAL_DIGITS, DECIMAL_PLACES

EXACT = Context(prec=2 * DECIMAL_DIGITS)  # Python's default of 28 digits would round sums
WEIGHT = 10**9  # a physical quantity becomes a weight in billionths


def units(amount: Decimal) -> int:
    """An amount in units of its last place. Raises ValueError for one with more places than a table keeps.

    >>> units(Decimal("1.50"))
    1500000000000
    """
    scaled = amount.scaleb(DECIMAL_PLACES, context=EXACT)
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more than {DECIMAL_PLACES} decimal places")
    return int(scaled)


def amount(count: int) -> Decimal:
    """The amount of so many units.

    >>> amount(1500000000000)
    Decimal('1.500000000000')
    """
    return Decimal(count).scaleb(-DECIMAL_PLACES, context=EXACT)


def total(amounts: Iterable[Decimal | None]) -> Decimal:
    """The exact sum; what is missing adds nothing, so that whoever calls says how much was missing.

    >>> total([Decimal("0.1"), None, Decimal("0.2")])
    Decimal('0.300000000000')
    """
    return amount(sum(units(one) for one in amounts if one is not None))


def rounded(value: Fraction) -> Decimal:
    """A fraction as an amount of money, to the nearest unit.

    >>> rounded(Fraction(1, 3))
    Decimal('0.333333333333')
    """
    return amount(round(value * 10**DECIMAL_PLACES))


def share_out(count: int, weights: Sequence[int]) -> list[int]:
    """Units shared by weights, to the last one: each gets its floor, and those with the largest remainders one more.

    >>> share_out(100, [1, 1, 1]), share_out(-100, [1, 1, 1]), share_out(7, [0, 2, 5])
    ([34, 33, 33], [-34, -33, -33], [0, 2, 5])
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights must not be negative, and one must be there")
    if count < 0:
        return [-part for part in share_out(-count, weights)]
    parts = [divmod(count * weight, whole) for weight in weights]
    left = count - sum(part for part, _ in parts)
    first = sorted(range(len(parts)), key=lambda i: (-parts[i][1], i))[:left]
    more = set(first)
    return [part + (i in more) for i, (part, _) in enumerate(parts)]


def split(whole: Decimal, weights: Sequence[int]) -> list[Decimal]:
    """An amount shared by weights; the parts add up to it exactly.

    >>> split(Decimal("1.00"), [2, 1])
    [Decimal('0.666666666667'), Decimal('0.333333333333')]
    """
    return [amount(part) for part in share_out(units(whole), weights)]


def adding_up(parts: Sequence[Fraction], whole: Decimal) -> list[Decimal]:
    """Fractions that add up to `whole`, as amounts that do so too.

    >>> adding_up([Fraction(1, 3), Fraction(2, 3)], Decimal(1))
    [Decimal('0.333333333333'), Decimal('0.666666666667')]
    """
    scaled = [part * 10**DECIMAL_PLACES for part in parts]
    floors = [part.numerator // part.denominator for part in scaled]
    left = units(whole) - sum(floors)
    first = sorted(range(len(parts)), key=lambda i: (floors[i] - scaled[i], i))[:left]
    more = set(first)
    return [amount(floor + (i in more)) for i, floor in enumerate(floors)]


def weight(quantity: float) -> int:
    """A physical quantity as an exact weight, in billionths of its unit.

    >>> weight(0.25)
    250000000
    """
    return round(quantity * WEIGHT)
