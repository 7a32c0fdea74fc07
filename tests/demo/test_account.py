"""Who runs the server."""

from __future__ import annotations

import os
import pwd

import pytest

from gocoffee_ops.demo.account import run_account, server_environment
from gocoffee_ops.errors import Unsupported


def unused_uid() -> int:
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    return next(uid for uid in range(54321, 60000) if uid not in taken)


def test_a_uid_without_a_passwd_entry_gets_a_clear_error() -> None:
    uid = unused_uid()
    with pytest.raises(Unsupported, match=rf"\[uid {uid}\]: this uid has no entry in the passwd database.*Try: run as"):
        run_account(uid)


def test_root_lets_nobody_run_the_server() -> None:
    account = run_account(0)
    assert (account.name, account.client, account.is_other) == ("nobody", pwd.getpwuid(0).pw_name, True)


def test_a_user_runs_it_himself() -> None:
    user = next(entry for entry in pwd.getpwall() if entry.pw_uid != 0)
    account = run_account(user.pw_uid)
    assert (account.uid, account.name, account.is_other) == (user.pw_uid, account.client, False)


def test_without_a_uid_it_is_ours() -> None:
    assert run_account().client == pwd.getpwuid(os.geteuid()).pw_name


def test_the_server_sees_none_of_our_settings_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGDATA", "PGPORT", "LD_PRELOAD", "COFFEE_DSN"):
        monkeypatch.setenv(name, "x")
    assert set(server_environment()) == {"PATH", "LC_ALL", "TZ"}
