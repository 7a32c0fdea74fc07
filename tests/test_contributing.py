"""The recipes of CONTRIBUTING.md work as they stand: written into a copy of the project and run there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
BLOCKS = dict(
    re.findall(
        r"^```python\n# (\S+\.py)\n(.*?)^```$", (PROJECT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL
    )
)


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the recipes' files in it."""
    folder = tmp_path_factory.mktemp("recipes")
    for name in ("gocoffee_ops", "tests"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)
    for name, text in BLOCKS.items():
        assert not (folder / name).exists(), f"{name} is in the project: take another example"
        (folder / name).write_text(text)
    return folder


def run(folder: Path, *command: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def test_there_is_a_recipe_for_a_source_a_query_a_check_its_test_and_a_runbook() -> None:
    assert set(BLOCKS) == {
        "gocoffee_ops/sources/disks.py",
        "gocoffee_ops/queries/disks.py",
        "gocoffee_ops/checks/disks.py",
        "tests/checks/test_disks.py",
        "write_disk_review.py",
    }


def test_the_recipes_own_tests_pass(recipes: Path) -> None:
    run(recipes, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/checks/test_disks.py")


def test_the_recipes_pass_the_linter_and_the_import_contracts(recipes: Path) -> None:
    run(recipes, tool("ruff"), "check", "--no-cache", *BLOCKS)
    run(recipes, tool("ruff"), "format", "--no-cache", "--check", *BLOCKS)
    run(recipes, tool("lint-imports"), "--no-cache", "--contract", "layers", "--contract", "pure")


def test_the_recipes_pass_the_type_checker(recipes: Path) -> None:
    files = [name for name in BLOCKS if name.startswith("gocoffee_ops")]
    modules = [word for name in files for word in ("-m", name.removesuffix(".py").replace("/", "."))]
    run(recipes, tool("mypy"), "--follow-imports=silent", *modules)


def test_the_recipes_notebook_is_in_style(recipes: Path) -> None:
    run(recipes, sys.executable, "write_disk_review.py")
    run(recipes, sys.executable, "-m", "gocoffee_ops.runbooks.lint", "notebooks")


def test_the_map_names_what_is_there() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text()
    table = text[text.index("## Map") : text.index("## Rules")]
    named = {word for word in re.findall(r"`([\w./]+)`", table) if "/" in word or word.endswith(".py")}

    missing = [n for n in named if not (PROJECT / n).exists() and not (PROJECT / "gocoffee_ops" / n).exists()
               and not (PROJECT / "gocoffee_ops" / "queries" / n).exists()]  # fmt: skip
    assert missing == []
