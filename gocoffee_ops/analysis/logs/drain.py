"""Drain's tree: groups messages by their number of words, their first words, and how many words they share.

The algorithm is Drain (He, Zhu, Zheng, Lyu, ICWS 2017) as Drain3 carries it out, step by step, so that groups come out the
same. What is ours is that a message that comes again is not searched again: nothing can have become of its group as
long as no group of as many words has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import eq

ANY = "<*>"
SIMILAR = 0.4
CHILDREN = 100


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node] = field(default_factory=dict)
    groups: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Length:
    """The messages of one number of words, and how often their groups have changed."""

    root: _Node = field(default_factory=_Node)
    changes: int = 0


class Drain:
    """Assigns messages to groups, one after another."""

    def __init__(self, *, similar: float = SIMILAR, depth: int = 4, children: int = CHILDREN) -> None:
        self.templates: list[tuple[str, ...]] = []
        self._similar = similar
        self._levels = depth - 3  # words that lead through the tree
        self._children = children
        self._lengths: dict[int, _Length] = {}

    def groups(self, messages: Sequence[str], arrivals: Iterable[int]) -> list[int]:
        """The group of each arrival, a place in `messages`; groups are places in `templates`.

        >>> drain = Drain()
        >>> drain.groups(["user <num> paid in cash", "user <num> paid in beans", "no beans left"], [0, 2, 1, 0])
        [0, 1, 0, 0]
        >>> drain.template(0)
        'user <num> paid in <*>'
        """
        words = [tuple(message.split()) for message in messages]
        lengths = [self._lengths.setdefault(len(w), _Length()) for w in words]
        known = [-1] * len(words)
        since = [-1] * len(words)
        found = []
        for i in arrivals:
            if since[i] != lengths[i].changes:
                before = lengths[i].changes
                known[i] = self._add(words[i], lengths[i])
                # A message finds the group again that it has just made or changed, unless it holds a `<*>` of its own.
                since[i] = before if ANY in words[i] else lengths[i].changes
            found.append(known[i])
        return found

    def template(self, group: int) -> str:
        """A group's words, `<*>` where they differ."""
        return " ".join(self.templates[group])

    def _add(self, words: tuple[str, ...], length: _Length) -> int:
        group = self._search(words, length.root)
        if group is None:
            group = len(self.templates)
            self.templates.append(words)
            self._leaf(words, length.root).groups.append(group)
            length.changes += 1
            return group
        template = self.templates[group]
        merged = tuple(t if t == w else ANY for t, w in zip(template, words, strict=True))
        if merged != template:
            self.templates[group] = merged
            length.changes += 1
        return group

    def _search(self, words: tuple[str, ...], node: _Node) -> int | None:
        """The group that shares most words, among those behind the same first words; None if none shares enough."""
        if not words:
            return node.groups[0] if node.groups else None
        for word in words[: min(self._levels, len(words) - 1)]:
            child = node.children.get(word) or node.children.get(ANY)
            if child is None:
                return None
            node = child
        best, most, literal = None, (-1.0, -1), ANY in words
        for group in node.groups:
            template = self.templates[group]
            same = sum(map(eq, template, words)) - (_both(template, words) if literal else 0)
            score = (same / len(words), template.count(ANY))
            if score > most:
                best, most = group, score
        return best if most[0] >= self._similar else None

    def _leaf(self, words: tuple[str, ...], node: _Node) -> _Node:
        """Where a new group of these words hangs; the way there is made as far as it is missing."""
        for word in words[: min(self._levels, len(words) - 1)]:
            node = self._child(word, node)
        return node

    def _child(self, word: str, node: _Node) -> _Node:
        children = node.children
        if word in children:
            return children[word]
        numbered = any(c.isdigit() for c in word)
        room = len(children) + (ANY not in children) < self._children
        key = ANY if numbered or not room else word
        return children.setdefault(key, _Node())


def _both(template: tuple[str, ...], words: tuple[str, ...]) -> int:
    """How often a message that itself holds `<*>` meets one of the template: that is no word shared."""
    return sum(t == w == ANY for t, w in zip(template, words, strict=True))
