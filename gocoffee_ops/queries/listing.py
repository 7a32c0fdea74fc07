"""Listing for a query: whole lists, what they were as of for the record, and a namespace that is really there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from gocoffee_ops.errors import Forbidden, Unsupported
from gocoffee_ops.frames import Schema
from gocoffee_ops.queries.query import Ask
from gocoffee_ops.sources.kubernetes import Cluster, Kind, discovery

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")
R = TypeVar("R")


class Lists:
    """The lists that one question reads."""

    def __init__(self, ask: Ask[Cluster]) -> None:
        self._ask = ask
        self._versions: dict[str, str] = {}
        self._restarts: dict[str, int] = {}

    @property
    def target(self) -> str:
        """What is asked, for an error's words."""
        return str(self._ask.target)

    def all(self, kind: Kind[T], *, namespace: str = "", field_selector: str = "") -> list[T]:
        """A whole list. An empty one in a namespace that does not exist raises NotFound: a misspelt name is no answer."""
        return self.each(kind, _itself, namespace=namespace, field_selector=field_selector)

    def all_there_may_be(self, kind: Kind[T], *, namespace: str = "", label_selector: str = "") -> list[T]:
        """A whole list of what not every cluster has: of a resource that is not served there are none.

        Of a group that the cluster is known not to serve, nothing is asked.
        """
        if self._ask.source.groups.lack(kind.group, self._ask.deadline):
            return []
        try:
            return self.each(kind, _itself, namespace=namespace, label_selector=label_selector)
        except (Unsupported, Forbidden):
            if discovery.serves(self._ask.source, kind, self._ask.deadline):
                raise
            return []

    def each(
        self,
        kind: Kind[T],
        make: Callable[[T], R],
        *,
        namespace: str = "",
        field_selector: str = "",
        label_selector: str = "",
    ) -> list[R]:
        """What `make` makes of each item of a whole list; the items themselves are let go."""

        def every(items: Sequence[T]) -> list[R]:
            return [make(item) for item in items]

        return self._pages(kind, every, namespace, field_selector, label_selector)

    def table(
        self, kind: Kind[T], make: Callable[[T], tuple[Any, ...]], schema: Schema, *, namespace: str = ""
    ) -> pa.Table:
        """What `make` makes of each item, in the order of the schema, as a table; made page by page.

        Nothing of a page outlives it, so that the next one is decoded into the same memory: twice as quick.
        """
        import pyarrow as pa

        def turned(items: Sequence[T]) -> list[pa.Table]:
            if not items:
                return []
            columns = zip(*map(make, items), strict=True)
            return [schema.table(dict(zip(schema.names, columns, strict=True)))]

        return pa.concat_tables(self._pages(kind, turned, namespace, "") or [schema.table([])]).combine_chunks()

    def _pages(
        self,
        kind: Kind[T],
        make: Callable[[Sequence[T]], Iterable[R]],
        namespace: str,
        field_selector: str,
        label_selector: str = "",
    ) -> list[R]:
        ask = self._ask
        selectors = {"field_selector": field_selector, "label_selector": label_selector}
        listing = ask.source.pages(kind, make, ask.deadline, namespace=namespace, **selectors)
        name = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
        self._versions[name] = listing.resource_version
        if listing.restarts:
            self._restarts[name] = listing.restarts
        if namespace and not listing.count:
            ask.source.require_namespace(namespace, ask.deadline)
        return listing.items

    def notes(self, **more: Any) -> dict[str, Any]:
        """What the record says of the lists: their resourceVersions, and how often one expired and was read anew."""
        notes: dict[str, Any] = {"resource_versions": self._versions}
        if self._restarts:
            notes["expired_and_read_again"] = self._restarts
        return notes | more


class Surroundings:
    """What the selectors of a question are held against; a subclass reads each list when the first of them needs it."""

    def __init__(self, lists: Lists, namespace: str) -> None:
        self._lists = lists
        self._namespace = namespace

    @property
    def whole(self) -> bool:
        """Whether the whole cluster is read, and not one namespace of it."""
        return not self._namespace


def _itself(item: T) -> T:
    return item
