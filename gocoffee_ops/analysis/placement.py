"""How many more replicas find a place where each one that is placed changes what the next may do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gocoffee_ops.analysis.scheduling import Spot

Domain = tuple[str, str]  # the key of a node's label, and its value
ANTI_AFFINITY, AFFINITY, SPREAD = "anti-affinity", "affinity", "topology spread"


@dataclass(frozen=True)
class Spread:
    """A constraint that pods be spread evenly: how many of those that it counts are in each domain of the key."""

    key: str
    max_skew: int
    counts: Mapping[str, int]
    counts_new: bool  # whether it counts the replicas that come
    min_domains: int = 1


@dataclass(frozen=True)
class Rules:
    """What pods demand of each other. Every spot has the labels that `spreads` and `beside` ask for."""

    spreads: Sequence[Spread] = ()
    closed: frozenset[Domain] = frozenset()  # no replica may go there
    closes: frozenset[str] = frozenset()  # keys: a replica closes its own domain to the next one
    beside: Sequence[str] = ()  # keys: a replica must be in a domain of each that is open
    opened: frozenset[Domain] = frozenset()
    opens: bool = False  # whether a replica is itself what replicas must be beside

    @property
    def chained(self) -> bool:
        """Whether a replica that is placed changes what the next one may do, beyond the room that it takes."""
        return bool(self.closes or self.beside or any(one.counts_new for one in self.spreads))


@dataclass(frozen=True)
class Placement:
    """Where replicas went, what refuses the next one at each spot, and why the count is in doubt, if it is."""

    counts: Mapping[str, int]
    bound_by: Mapping[str, str]
    doubt: str = ""


class _Skew:
    """A spread in which pods come; the smallest domain is known at any time."""

    def __init__(self, spread: Spread) -> None:
        self._spread = spread
        self._counts = dict(spread.counts)
        self._sizes = Counter(self._counts.values())
        self._smallest = min(self._sizes, default=0)
        if len(self._counts) < spread.min_domains:
            self._smallest = 0

    def refuses(self, spot: Spot) -> bool:
        value = spot.labels[self._spread.key]
        return self._counts.get(value, 0) + self._spread.counts_new - self._smallest > self._spread.max_skew

    def put(self, spot: Spot) -> None:
        if not self._spread.counts_new:
            return
        value = spot.labels[self._spread.key]
        before = self._counts.get(value, 0)
        self._counts[value] = before + 1
        self._sizes[before] -= 1
        self._sizes[before + 1] += 1
        if len(self._counts) >= self._spread.min_domains and not self._sizes[self._smallest]:
            self._smallest += 1


@dataclass
class _Board:
    """Spots, and the replicas that were put there so far."""

    rules: Rules
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._skews = [_Skew(one) for one in self.rules.spreads]
        self._closed, self._opened = set(self.rules.closed), set(self.rules.opened)

    def refuses(self, spot: Spot) -> str:
        """Why no replica may go there now, or nothing."""
        if self.counts[spot.node] >= spot.takes:
            return spot.bound_by
        if self._closed and any(domain in self._closed for domain in spot.labels.items()):
            return ANTI_AFFINITY
        first = self.rules.opens and not self._opened
        if not first and any((key, spot.labels[key]) not in self._opened for key in self.rules.beside):
            return AFFINITY
        return SPREAD if any(skew.refuses(spot) for skew in self._skews) else ""

    def put(self, spot: Spot, number: int = 1) -> None:
        """Put a replica there; several only where none changes what the next one may do."""
        self.counts[spot.node] += number
        self._closed |= {(key, spot.labels[key]) for key in self.rules.closes if key in spot.labels}
        if self.rules.opens:
            self._opened |= {(key, spot.labels[key]) for key in self.rules.beside}
        for skew in self._skews:
            skew.put(spot)


def placed(spots: Sequence[Spot], rules: Rules, limit: int | None = None, limited_by: str = "limit") -> Placement:
    """Put replicas on spots, as long as any takes one, and no more than `limit`.

    The scheduler chooses by its own scores, so this is done in several orders; where they end with different numbers,
    or where the first replica decides where all others go, the count is in doubt.

    >>> spots = [Spot("n1", {"zone": "a"}, 5, "cpu"), Spot("n2", {"zone": "a"}, 5, "cpu"), Spot("n3", {"zone": "b"}, 1, "pods")]
    >>> placed(spots, Rules()).counts
    {'n1': 5, 'n2': 5, 'n3': 1}
    >>> apart = placed(spots, Rules(closes=frozenset({"zone"})))
    >>> apart.counts, apart.bound_by["n2"]
    ({'n1': 1, 'n2': 0, 'n3': 1}, 'anti-affinity')
    >>> even = placed(spots, Rules([Spread("zone", 1, {"a": 0, "b": 0}, counts_new=True)]))
    >>> sum(even.counts.values()), even.bound_by
    (3, {'n1': 'topology spread', 'n2': 'topology spread', 'n3': 'pods'})
    >>> placed(spots, Rules(beside=["zone"], opens=True)).doubt
    'none of the pods that it must be beside is placed, and where the first replica goes decides'
    >>> limited = placed(spots, Rules(), 3, "quota")
    >>> limited.counts, limited.bound_by
    ({'n1': 3, 'n2': 0, 'n3': 0}, {'n1': 'quota', 'n2': 'quota', 'n3': 'quota'})
    """
    most = sum(spot.takes for spot in spots) if limit is None else limit
    boards = []
    for order in (spots, spots[::-1]) if rules.chained else (spots,):
        for in_turn in (True, False):
            board = _Board(rules)
            _fill(board, order, most, in_turn)
            boards.append(board)
    board, numbers = boards[0], {one.counts.total() for one in boards}
    limited = limit is not None and board.counts.total() >= limit
    bound_by = {}
    for spot in spots:
        refused = board.refuses(spot)
        bound_by[spot.node] = limited_by if limited and (board.counts[spot.node] or not refused) else refused
    return Placement({spot.node: board.counts[spot.node] for spot in spots}, bound_by, _doubt(spots, rules, numbers))


def _fill(board: _Board, spots: Sequence[Spot], limit: int, in_turn: bool) -> None:
    left, moved = limit, True
    while moved:
        moved = False
        for spot in spots:
            while left > 0 and not board.refuses(spot):
                number = 1 if board.rules.chained else min(left, spot.takes)
                board.put(spot, number)
                left, moved = left - number, True
                if in_turn:
                    break


def _doubt(spots: Sequence[Spot], rules: Rules, numbers: set[int]) -> str:
    if rules.beside and not rules.opened and rules.opens:
        empty = _Board(rules)
        starts = {tuple(spot.labels[key] for key in rules.beside) for spot in spots if not empty.refuses(spot)}
        if len(starts) > 1:
            return "none of the pods that it must be beside is placed, and where the first replica goes decides"
    if len(numbers) > 1:
        low, high = min(numbers), max(numbers)
        return f"it depends on the order in which the scheduler takes the nodes: between {low} and {high}"
    return ""
