"""The page of hazards says what is so: every hazard has the tests that it names, and they ask the services that it names.

What a test asks is told by what it takes: its parameters, and those of the fixtures behind them, name the servers of the testbed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "hazards.md").read_text()
SERVICES = {
    "Cluster": "API server",
    "PostgresServer": "PostgreSQL",
    "PrometheusServer": "Prometheus",
    "AlertmanagerServer": "Alertmanager",
    "Incident": "incident",
}
NAME = re.compile(r"test_([hc]\d\d)_")
Functions = dict[str, ast.FunctionDef]
Held = list[tuple[str, str, set[str]]]


@cache
def functions(path: Path) -> Functions:
    """Those that a file defines."""
    return {one.name: one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.FunctionDef)}


def around(path: Path) -> Functions:
    """What a test of this file may have as fixtures: of those with one name, the nearest."""
    folders = [TESTS / folder for folder in reversed(path.relative_to(TESTS).parents)]
    files = [*(TESTS / "testbed").glob("*_fixtures.py"), *(folder / "conftest.py" for folder in folders), path]
    found: Functions = {}
    for file in files:
        found |= functions(file) if file.exists() else {}
    return found


def asked(function: ast.FunctionDef, there: Functions) -> Iterator[str]:
    """The services that a test or fixture takes, and those of the fixtures that it takes."""
    for parameter in function.args.args:
        named = {one.id for one in ast.walk(parameter) if isinstance(one, ast.Name)}
        yield from (SERVICES[name] for name in named & set(SERVICES))
        fixture = there.get(parameter.arg)
        if fixture is not None and fixture is not function:
            yield from asked(fixture, there)


@pytest.fixture(scope="module")
def held() -> Held:
    """Every test of a hazard: its number, its file, and the services that it asks."""
    found = []
    for path in sorted(TESTS.rglob("test_*.py")):
        if NAME.search(path.read_text()):
            there = around(path)
            for name, function in functions(path).items():
                if number := NAME.match(name):
                    file = path.relative_to(TESTS.parent).as_posix()
                    found.append((number[1].upper(), file, set(asked(function, there))))
    return found


def test_every_hazard_has_its_row() -> None:
    numbers = re.findall(r"^\| ([HC]\d\d) \|", PAGE, re.MULTILINE)

    assert numbers == [f"H{n:02}" for n in range(1, 33)] + [f"C{n:02}" for n in range(1, 18)]


def test_a_hazard_names_exactly_the_files_that_hold_its_tests(held: Held) -> None:
    tests: dict[str, set[str]] = {}
    for number, file, _ in held:
        tests.setdefault(number, set()).add(file)
    told = {
        number: set(re.findall(r"`([^`]+)`", last))
        for number, last in re.findall(r"^\| ([HC]\d\d) \|.*\| ([^|]+) \|$", PAGE, re.MULTILINE)
    }

    assert {number: files for number, files in told.items() if files} == tests


def test_a_hazard_of_operations_names_the_real_services_that_its_tests_ask_and_has_one(held: Held) -> None:
    services: dict[str, set[str]] = {}
    for number, _, found in held:
        if number.startswith("H"):
            services.setdefault(number, set()).update(found)
    rows = re.findall(r"^\| (H\d\d) \|.*\| ([^|]+) \| [^|]+ \|$", PAGE, re.MULTILINE)
    told = {number: {one for one in SERVICES.values() if one in cell} for number, cell in rows}

    assert {number: there for number, there in told.items() if there} == services
