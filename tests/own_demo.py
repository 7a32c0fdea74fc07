"""The suite's own home for the demo: a demo that the user runs, and the files of it, are never touched."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from gocoffee_ops import demo
from gocoffee_ops.demo.account import run_account
from gocoffee_ops.demo.places import HOME_VARIABLE, default_home
from tests.testbed.postgres import PROGRAMS_VARIABLE

HOME = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """Before any worker starts: they, and all that tests start, inherit the variables."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    account = run_account()
    os.environ.setdefault(PROGRAMS_VARIABLE, str(default_home(account)))
    home = Path(tempfile.mkdtemp(prefix="gco-suite-"))
    home.chmod(0o755 if account.is_other else 0o700)
    os.environ[HOME_VARIABLE] = str(home)
    config.stash[HOME] = home


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what runs there."""
    home = config.stash.get(HOME, None)
    if home is not None:
        demo.stop(home=home)
        shutil.rmtree(home)
