"""Folders that nobody else can have prepared, and sockets whose paths are short enough."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gocoffee_ops.demo.account import Account, run_account
from gocoffee_ops.demo.places import (
    SOCKET_NAME,
    SOCKET_PATH_MAX,
    default_home,
    own_folder,
    require_passable,
    socket_folder,
)
from gocoffee_ops.errors import Unsupported

MYSELF = Account(os.geteuid(), os.getegid(), "me", "me")
OTHER = Account(65534, 65534, "nobody", "me")


@pytest.fixture
def strict_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("strict_umask")
def test_a_new_folder_has_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    assert stat.S_IMODE(own_folder(tmp_path / "new", mode=0o755).stat().st_mode) == 0o755


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(Unsupported, match="others may write to it"):
        own_folder(tmp_path / "open", mode=0o755)


def test_a_link_is_refused_even_to_a_folder_of_ours(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(Unsupported, match="it is not a folder"):
        own_folder(tmp_path / "link", mode=0o755)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    with pytest.raises(Unsupported, match=f"belongs to uid {os.geteuid()}, not to uid 4711"):
        own_folder(tmp_path / "theirs", mode=0o700, uid=4711, gid=4711)


def test_a_folder_that_cannot_be_made_names_the_reason_and_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unsupported, match=r"Not a directory.*GOCOFFEE_DEMO_HOME|File exists.*GOCOFFEE_DEMO_HOME"):
        own_folder(tmp_path / "file" / "folder", mode=0o700)


def test_parents_that_the_servers_account_cannot_pass_are_named_and_left_as_they_are(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0o700)
    with pytest.raises(Unsupported, match="'nobody', which cannot enter"):
        require_passable(closed / "inner", OTHER)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    require_passable(closed / "inner", MYSELF)


def test_a_home_can_be_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOCOFFEE_DEMO_HOME", str(tmp_path / "mine"))
    assert default_home(MYSELF) == tmp_path / "mine"


def test_the_default_home_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GOCOFFEE_DEMO_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert tmp_path in default_home(MYSELF).parents


def test_a_long_path_gets_a_short_socket_folder_elsewhere(tmp_path: Path) -> None:
    account = run_account()
    own = Account(os.geteuid(), os.getegid(), account.client, account.client)
    name = f"test-{os.getpid()}"
    folder = socket_folder(tmp_path / ("x" * 80), name, own)
    try:
        assert len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_MAX
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert not (tmp_path / ("x" * 80)).exists()
    finally:
        folder.rmdir()


def test_a_short_path_is_kept() -> None:
    with tempfile.TemporaryDirectory(prefix="gco-") as folder:
        wanted = Path(folder) / "s"
        assert socket_folder(wanted, "unused", MYSELF) == wanted
