"""A folder of bills that may be read in part only: no file of it goes missing in silence."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from gocoffee_ops.errors import NotFound, OpsError
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.focus import Folder
from tests.focus_files import charge, write_csv

NOBODY = 65534
SINCE = date(2026, 11, 1)


@pytest.fixture
def bill() -> Iterator[Path]:
    """A folder that everybody may reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        for month in ("10", "11"):
            write_csv(folder / f"2026-{month}" / "part.csv", [charge()] * int(month))
        yield folder
        (folder / "2026-11").chmod(0o755)


def as_nobody(ask: Callable[[], object]) -> str:
    """What a question ends in for who is not root, to whom every folder is open: a child process that gave that up."""
    if os.geteuid() != 0:
        return outcome(ask)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.write(writing, outcome(ask).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


def outcome(ask: Callable[[], object]) -> str:
    try:
        return f"answered: {ask()}"
    except OpsError as error:
        return f"{type(error).__name__}: {error.why}"


def names(folder: Path) -> list[str]:
    return [file.name for file in Folder("bill/aws", folder).stock(SINCE, Deadline.after(20)).files]


def test_a_folder_below_that_may_not_be_listed_is_an_error_with_its_name(bill: Path) -> None:
    assert as_nobody(lambda: names(bill)) == "answered: ['2026-10/part.csv', '2026-11/part.csv']"
    (bill / "2026-11").chmod(0)
    assert as_nobody(lambda: names(bill)) == f"Forbidden: may not read {bill / '2026-11'}"
    (bill / "2026-11").chmod(0o444)  # its names may be read, and nothing of what they stand for
    assert as_nobody(lambda: names(bill)) == f"Forbidden: may not read {bill / '2026-11' / 'part.csv'}"


def test_a_link_that_leads_nowhere_is_no_file_and_no_folder_is_not_found(bill: Path) -> None:
    (bill / "gone.csv").symlink_to(bill / "nowhere.csv")
    assert names(bill) == ["2026-10/part.csv", "2026-11/part.csv"]
    with pytest.raises(NotFound, match="there is no folder"):
        names(bill / "nowhere")


def test_a_linked_folder_is_read_once_and_links_in_a_circle_end(bill: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "disk" / "deep" / "part.csv", [charge()] * 12)
    (tmp_path / "disk" / "deep" / "back").symlink_to(bill)
    (bill / "2026-11" / "itself").symlink_to(bill / "2026-11")
    (bill / "2026-12").symlink_to(tmp_path / "disk")
    (bill / "a-second-way").symlink_to(tmp_path / "disk" / "deep")
    (bill / "0-latest").symlink_to(bill / "2026-11")
    assert names(bill) == ["2026-10/part.csv", "2026-11/part.csv", "2026-12/deep/part.csv"]


def test_a_bill_whose_folder_is_itself_a_link_is_read(bill: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(bill)
    assert names(tmp_path / "link") == ["2026-10/part.csv", "2026-11/part.csv"]


def test_a_linked_folder_that_may_not_be_listed_is_an_error_with_its_name(bill: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        write_csv(Path(made) / "disk" / "part.csv", [charge()])
        (bill / "2026-12").symlink_to(Path(made) / "disk")
        (Path(made) / "disk").chmod(0)
        assert as_nobody(lambda: names(bill)) == f"Forbidden: may not read {bill / '2026-12'}"
