"""Every example in a docstring is true; every check has one."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import gocoffee_ops
from gocoffee_ops import checks
from gocoffee_ops.checks.grading import said


def modules() -> list[str]:
    found = pkgutil.walk_packages(gocoffee_ops.__path__, "gocoffee_ops.")
    return [module.name for module in found if not module.name.endswith("__main__")]


def test_every_example_is_true() -> None:
    attempted = 0
    for name in modules():
        results = doctest.testmod(importlib.import_module(name), extraglobs={"said": said})
        assert results.failed == 0, name
        attempted += results.attempted
    assert attempted > 100


def test_every_check_has_an_example() -> None:
    without = [name for name in checks.__all__ if ">>> " not in (getattr(checks, name).__doc__ or "")]
    assert without == []
