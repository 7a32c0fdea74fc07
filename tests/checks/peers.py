"""What popeye and k8sgpt look for, read from `peers.yaml`; run as a program, it writes the tables of docs/diagnosis.md."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

FILE = Path(__file__).with_name("peers.yaml")
MARK = "<!-- from tests/checks/peers.yaml -->"


@dataclass(frozen=True)
class Row:
    """One condition, and what becomes of it: found by a check of ours, style advice, what cannot be, or not looked at."""

    code: str
    what: str
    check: str = ""
    case: str = ""
    says: str = ""
    unknown: bool = False
    scenario: str = ""
    style: str = ""
    refused: str = ""
    unseen: str = ""

    @property
    def verdict(self) -> str:
        """What becomes of it, as the page says it."""
        if self.check:
            return f"`{self.check}`" + (" (UNKNOWN)" if self.unknown else "")
        if self.refused:
            return "cannot be: the API server refuses it"
        return f"style: {self.style}" if self.style else f"not looked at: {self.unseen}"


@dataclass(frozen=True)
class Peer:
    """A tool: what of it was read, what it must have rows for, and these."""

    name: str
    read: str
    codes: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def counts(self) -> str:
        """How many conditions there are, and what becomes of them."""
        found, style = sum(bool(row.check) for row in self.rows), sum(bool(row.style) for row in self.rows)
        refused, unseen = (sum(bool(getattr(row, kind)) for row in self.rows) for kind in ("refused", "unseen"))
        left = f"{style} style advice, {refused} that cannot be, {unseen} not looked at"
        return f"{len(self.rows)} conditions: {found} found, {left}."


def peers() -> list[Peer]:
    """All tools of the file."""
    return [
        Peer(
            name,
            " ".join(told["read"].split()),
            tuple(code for part in str(told["codes"]).split() for code in _codes(part)),
            tuple(Row(**{**row, "code": str(row["code"])}) for row in told["rows"]),
        )
        for name, told in yaml.safe_load(FILE.read_text()).items()
    ]


def _codes(part: str) -> list[str]:
    first, dash, last = part.partition("-")
    return [str(code) for code in range(int(first), int(last) + 1)] if dash else [part]


def rendered() -> str:
    """The page's tables."""
    parts = []
    for peer in peers():
        rows = [f"| {row.code} | {row.what} | {row.verdict} |" for row in peer.rows]
        head = f"## {peer.name}\n\nRead: {peer.read}.\n\n{peer.counts}"
        parts.append("\n".join([head, "", "| code | condition | here |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def written(page: str) -> str:
    """A page with its tables made anew."""
    return page.partition(MARK)[0] + f"{MARK}\n\n{rendered()}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(written(path.read_text()))
