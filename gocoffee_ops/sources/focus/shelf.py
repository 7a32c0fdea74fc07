"""Where a bill's files lie, which of them a question needs, and what tells two of them apart."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from gocoffee_ops.errors import Forbidden, Malformed, NotFound, ServerFault
from gocoffee_ops.sources.deadline import Deadline

# Azure names the folder of a month `20261101-20261130`, AWS `BILLING_PERIOD=2026-11`.
MONTH = re.compile(r"(?:^|/)(?:billing_period=(\d{4})-(\d\d)|(\d{4})(\d\d)\d\d-\d{8})(?=[/-]|$)", re.IGNORECASE)
# Below it, both may write each run into a folder of its own: a whole month so far, again.
RUN = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
MANIFEST = "manifest.json"  # what Azure writes into a run's folder when it is complete
CHUNK = 1 << 20


@dataclass(frozen=True)
class BillFile:
    """One file of a bill: its name below the folder, where it can be read, and what changes when it does."""

    name: str
    path: Path
    size: int
    modified_at: datetime
    etag: str = ""  # S3's; a local file has none

    @property
    def kind(self) -> str:
        """`parquet`, or `csv` (compressed or not); "" for what is no file of a bill."""
        return kind_of(self.name)


@dataclass(frozen=True)
class Stock:
    """What a shelf holds for a question: the files to read, those of months before and of runs that were replaced, and no bills."""

    files: tuple[BillFile, ...]
    earlier: tuple[str, ...]
    replaced: tuple[str, ...]
    ignored: tuple[str, ...]
    larger: Mapping[str, str] = field(
        default_factory=dict
    )  # by a file of a run: a run that it replaced and that was larger


class Shelf(Protocol):
    """What holds a bill's files."""

    def stock(self, since: date, deadline: Deadline) -> Stock: ...
    def secrets(self) -> frozenset[str]: ...


class Folder:
    """A local folder of bills. Making it reads nothing."""

    def __init__(self, target: str, folder: Path) -> None:
        self._target = target
        self._folder = folder

    def secrets(self) -> frozenset[str]:
        """None."""
        return frozenset()

    def stock(self, since: date, deadline: Deadline) -> Stock:
        """The files of the months from `since` on. Raises NotFound, Forbidden for any file or
        folder below that may not be read, ServerFault, and Malformed for two files that are one."""
        what = "list the bill's files"
        try:
            if not self._folder.is_dir():
                raise NotFound(what, target=self._target, why=f"there is no folder {self._folder}")
            files = [self._file(path) for path in _found(self._folder)]
        except PermissionError as error:
            raise Forbidden(what, target=self._target, why=f"may not read {error.filename}") from None
        except OSError as error:  # what vanished meanwhile, or a disk that fails
            why = f"{error.filename}: {error.strerror}"
            raise ServerFault(what, target=self._target, why=why, hint="does the export write just now?") from None
        stock = chosen(what, self._target, str(self._folder), files, since)
        self._distinct(stock.files, deadline)
        return stock

    def _file(self, path: Path) -> BillFile:
        state = path.stat()
        modified_at = datetime.fromtimestamp(state.st_mtime, UTC)
        return BillFile(path.relative_to(self._folder).as_posix(), path, state.st_size, modified_at)

    def _distinct(self, files: Sequence[BillFile], deadline: Deadline) -> None:
        """Refuse two files with the same bytes; only those of one size are compared."""
        sizes = [file.size for file in files]
        seen: dict[str, str] = {}
        for file in files:
            if sizes.count(file.size) < 2:
                continue
            deadline.check("compare the bill's files", target=self._target, last_seen=file.name)
            try:
                with file.path.open("rb") as opened:
                    digest = hashlib.file_digest(opened, "sha256").hexdigest()
            except PermissionError:
                raise Forbidden("read a bill's file", target=self._target, why=f"may not read {file.path}") from None
            if digest in seen:
                raise twice(self._target, seen[digest], file.name)
            seen[digest] = file.name


def _found(folder: Path) -> list[Path]:
    """Every file below a folder, those of linked folders too: each folder once, so that links in a circle end.

    A folder is read where it lies before it is through a link, since its path may name its month. Raises OSError for one that
    cannot be listed: what is in it would be missing in the sums.
    """

    def refused(error: OSError) -> None:
        raise error

    seen: set[tuple[int, int]] = set()
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        for root, below, names in os.walk(waiting.pop(0), onerror=refused):
            state = Path(root).stat()
            if (state.st_dev, state.st_ino) in seen:
                below.clear()
                continue
            seen.add((state.st_dev, state.st_ino))
            below.sort()
            waiting += [link for name in below if (link := Path(root, name)).is_symlink()]
            found += [path for name in names if _is_file(path := Path(root, name))]
    return sorted(found)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        if path.is_symlink():  # it leads nowhere
            return False
        raise


def kind_of(name: str) -> str:
    """What a file's name says that it is.

    >>> kind_of("a/part-0.snappy.parquet"), kind_of("b.csv.gz"), kind_of("manifest.json")
    ('parquet', 'csv', '')
    """
    lower = name.lower()
    if lower.endswith(".parquet"):
        return "parquet"
    return "csv" if lower.endswith((".csv", ".csv.gz")) else ""


def month_of(name: str) -> date | None:
    """The billing month that a path names, if it does.

    >>> month_of("x/data/BILLING_PERIOD=2026-11/a.parquet"), month_of("x/20261001-20261031/run/a.csv"), month_of("a.csv")
    (datetime.date(2026, 11, 1), datetime.date(2026, 10, 1), None)
    """
    found = MONTH.search(name)
    if found is None:
        return None
    year, month = (int(part) for part in (found[1] or found[3], found[2] or found[4]))
    return date(year, month, 1) if 1 <= month <= 12 else None


def chosen(what: str, target: str, where: str, files: Iterable[BillFile], since: date) -> Stock:
    """Sort a shelf's files. A later month stays, as it may correct what `since` asks about. Raises NotFound when none is a bill.

    Hidden files are no bill: what writes an export keeps its own state in them.
    """
    needed: list[BillFile] = []
    earlier: list[str] = []
    ignored: list[str] = []
    for file in sorted(files, key=lambda file: file.name):
        month = month_of(file.name)
        if not file.kind or any(part.startswith((".", "_")) for part in file.name.split("/")):
            ignored.append(file.name)
        elif month is not None and month < since.replace(day=1):
            earlier.append(file.name)
        else:
            needed.append(file)
    if not needed and not earlier:
        others = f"; what is there is no bill: {', '.join(ignored[:5])}" if ignored else ""
        raise NotFound(
            what, target=target, why=f"no Parquet or csv file in {where}{others}", hint="path in gocoffee.toml"
        )
    if not needed:
        why = f"none of the {len(earlier)} files in {where} is of {since:%Y-%m} or later; the last is {earlier[-1]}"
        raise NotFound(what, target=target, why=why, hint="does the export still run?")
    last = _last_runs(needed, ignored)
    files = tuple(file for file in needed if run_of(file.name) in last)
    replaced = tuple(file.name for file in needed if run_of(file.name) not in last)
    return Stock(files, tuple(earlier), replaced, tuple(ignored), _larger(needed, last, ignored))


def run_of(name: str) -> tuple[str, str]:
    """The folder of a month and, below it, that of the run which wrote a file; both empty for a file of no run.

    >>> run_of("x/20261101-20261130/202611090300/0b1c2d3e-0000-4000-8000-000000000001/part_0.csv")[1][-17:]
    '8000-000000000001'
    >>> run_of("BILLING_PERIOD=2026-11/a.parquet")
    ('', '')
    """
    month = MONTH.search(name)
    run = RUN.search(name, month.end()) if month else None
    if month is None or run is None or "/" not in name[run.end() :]:
        return "", ""
    return name[: month.end()], name[: name.index("/", run.end())]


def _last_runs(files: Iterable[BillFile], others: Sequence[str]) -> set[tuple[str, str]]:
    """The last run of each month, and no run; where runs say that they are complete, the last that does."""
    written: dict[str, dict[str, datetime]] = {}
    for file in files:
        month, run = run_of(file.name)
        if run:
            runs = written.setdefault(month, {})
            runs[run] = max(runs.get(run, file.modified_at), file.modified_at)
    last = {("", "")}
    for month, runs in written.items():
        complete = {run for run in runs if f"{run}/{MANIFEST}" in others}
        last.add((month, max(complete or runs, key=lambda run: (runs[run], run))))
    return last


def _larger(files: Sequence[BillFile], last: set[tuple[str, str]], others: Sequence[str]) -> dict[str, str]:
    """Of each run that was taken and does not say that it is complete, the largest that it replaced, if that is larger.

    A run writes the month so far, so that a smaller one may have been cut, or be half written. It stands by the run's first file.
    """
    sizes: dict[tuple[str, str], int] = {}
    for file in files:
        sizes[run_of(file.name)] = sizes.get(run_of(file.name), 0) + file.size
    found: dict[str, str] = {}
    for month, run in sorted(last):
        largest = max((one for one in sizes if one[0] == month), key=lambda one: (sizes[one], one), default=None)
        if run and largest and sizes[largest] > sizes[month, run] and f"{run}/{MANIFEST}" not in others:
            first = next(file.name for file in files if run_of(file.name) == (month, run))
            found[first] = f"{largest[1]}: {sizes[largest]:,} bytes, and this one has {sizes[month, run]:,}"
    return found


def twice(target: str, first: str, second: str) -> Malformed:
    """The error for two files that hold the same."""
    why = f"{first} and {second} hold the same: every charge in them would count twice"
    return Malformed(
        "read the bill", target=target, why=why, hint="keep one of them, or let the export overwrite its files"
    )
