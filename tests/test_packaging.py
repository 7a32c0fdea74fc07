"""From nothing, two commands: the locks, the installer, the environments and the make targets agree with pyproject.toml."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parent.parent
LOCAL = "http://127.0.0.1"
LOCKS = ("install", "run", "lab", "dev")


def pyproject() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "pyproject.toml").read_text())


def lock_lines(name: str) -> list[str]:
    """A lock's requirements, one a line, without comments and hashes."""
    text = (PROJECT / "requirements" / f"{name}.lock").read_text().replace("\\\n", " ")
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line]


def locked(name: str) -> dict[str, set[str]]:
    """The names of a lock, each with its versions (more than one where Pythons differ)."""
    versions: dict[str, set[str]] = {}
    for line in lock_lines(name):
        requirement = Requirement(line.split(" --hash")[0])
        (specifier,) = requirement.specifier
        versions.setdefault(canonicalize_name(requirement.name), set()).add(specifier.version)
    return versions


def declared(*extras: str, groups: tuple[str, ...] = ()) -> list[Requirement]:
    """What pyproject.toml asks for, with these extras and groups."""
    read = pyproject()
    texts = list(read["project"]["dependencies"])
    for extra in extras:
        texts += read["project"]["optional-dependencies"][extra]
    for group in groups:
        texts += read["dependency-groups"][group]
    return [Requirement(text) for text in texts]


@pytest.fixture(scope="module")
def installer() -> types.ModuleType:
    """requirements/install.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("install", PROJECT / "requirements" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_has_one_version_and_hashes_and_no_address(name: str) -> None:
    lines = lock_lines(name)

    assert lines
    assert [
        line for line in lines if not re.match(r"[\w.-]+(\[[\w,]+\])?==[\w.+!]+ .*--hash=sha256:[0-9a-f]{64}", line)
    ] == []
    text = (PROJECT / "requirements" / f"{name}.lock").read_text()
    assert not re.search(r"://|^\s*--(index|find|extra|trusted)|^/|[^\w](/root|/home|/work|/tmp)", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "extras", "groups"),
    [
        ("run", ("costs", "demo"), ()),
        ("lab", ("costs", "demo", "lab"), ()),
        ("dev", ("bulk", "costs", "demo", "lab"), ("dev", "install")),
    ],
)
def test_a_lock_satisfies_what_pyproject_asks_for(name: str, extras: tuple[str, ...], groups: tuple[str, ...]) -> None:
    versions = locked(name)

    for requirement in declared(*extras, groups=groups):
        found = versions.get(canonicalize_name(requirement.name), set())
        assert found, f"{requirement.name} is not in {name}.lock: make lock"
        assert [v for v in found if not requirement.specifier.contains(v, prereleases=True)] == []


def test_the_locks_agree_with_each_other() -> None:
    everything = locked("dev")

    for name in LOCKS:
        assert {package: v for package, v in locked(name).items() if everything.get(package) != v} == {}


def test_a_headless_run_needs_no_jupyterlab() -> None:
    assert {"jupyterlab", "ipywidgets"} & set(locked("run")) == set()
    assert {"jupyterlab", "ipywidgets"} <= set(locked("lab"))


def test_this_environment_is_the_locked_one_where_make_built_it() -> None:
    if not (Path(sys.prefix) / ".dev").exists():
        pytest.skip("this environment was not made by `make test`")
    freeze = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    installed = dict(line.split("==", 1) for line in freeze.splitlines() if "==" in line)
    everything = locked("dev")
    wrong = {
        name: version
        for name, version in installed.items()
        if version not in everything.get(canonicalize_name(name), {version})
    }

    assert wrong == {}


def test_time_zones_are_known_where_the_system_has_none() -> None:
    ask = (
        "from datetime import UTC, datetime; from gocoffee_ops.checks.diagnosis.schedules import due_after; "
        "print(due_after('0 3 * * *', 'Europe/Berlin', None, datetime(2026, 1, 5, 12, tzinfo=UTC)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", ask], env={**os.environ, "PYTHONTZPATH": ""}, capture_output=True, text=True, check=True
    )

    assert told.stdout == "2026-01-06 02:00:00+00:00\n"
    assert "tzdata" in {requirement.name for requirement in declared()}
    assert locked("run").keys() >= {"tzdata"}


def test_environment_yml_asks_for_what_pyproject_and_the_locks_say() -> None:
    conda = yaml.safe_load((PROJECT / "environment.yml").read_text())
    plain = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict)]
    python = Requirement(plain[0])

    assert [python.name, *plain[1:]] == ["python", "pip"]
    assert str(python.specifier) == pyproject()["project"]["requires-python"]
    assert conda["name"] == pyproject()["project"]["name"]
    assert pip == ["-r requirements/lab.lock", "-r requirements/install.lock"]


def test_pip_options_of_the_environment_win_over_those_of_a_file(installer: types.ModuleType) -> None:
    listing = (
        ":env:.index-url='e'\nglobal.index-url='g'\ninstall.index-url='i'\nglobal.cert='c'\n:env:.default-timeout='9'\n"
    )

    assert installer.pip_options(listing) == {"index-url": "e", "cert": "c", "timeout": "9"}
    assert installer.pip_options("") == {}


def test_uv_is_told_what_pip_was_told(installer: types.ModuleType) -> None:
    options = {
        "index-url": f"{LOCAL}:1/simple",
        "extra-index-url": "\nhttp://127.0.0.1:2/a\nhttp://127.0.0.1:2/b",
        "find-links": "/wheels /more",
        "cert": "/ca.pem",
        "proxy": f"{LOCAL}:3",
        "no-index": "false",
    }
    told = installer.uv_environment({"HOME": "/h"}, options)

    assert told == {
        "HOME": "/h",
        "UV_DEFAULT_INDEX": f"{LOCAL}:1/simple",
        "UV_INDEX": "http://127.0.0.1:2/a http://127.0.0.1:2/b",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/ca.pem",
        "HTTPS_PROXY": f"{LOCAL}:3",
        "HTTP_PROXY": f"{LOCAL}:3",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_what_uv_was_told_itself_wins(installer: types.ModuleType) -> None:
    mine = {
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/mine",
        "https_proxy": "http://127.0.0.1:8",
        "UV_INDEX_STRATEGY": "first-index",
    }
    told = installer.uv_environment(mine, {"index-url": f"{LOCAL}:1", "proxy": f"{LOCAL}:3"})

    assert told == mine | {"HTTP_PROXY": f"{LOCAL}:3"}


def test_the_lock_for_a_platform_without_uv_differs_by_uv_alone(installer: types.ModuleType) -> None:
    text = (PROJECT / "requirements" / "install.lock").read_text()
    without = installer.without(text, "uv")

    removed = [line for line in text.splitlines() if line not in without.splitlines()]
    assert removed[0].startswith("uv==")
    assert all("--hash" in line or line.startswith("uv==") for line in removed)
    assert "hatchling==" in without


def test_the_installer_refuses_a_python_that_is_in_no_virtual_environment() -> None:
    base = Path(sys.base_prefix) / "bin" / "python3"
    done = subprocess.run(
        [base, PROJECT / "requirements" / "install.py", "x.lock"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (64, "install.py: run it with the Python of a virtual environment\n")


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=PROJECT, env=clean | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_make_help_names_every_target_for_people() -> None:
    text = (PROJECT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split())

    assert set(re.findall(r"^  make ([a-z-]+) ", make("help").stdout, re.MULTILINE)) == phony


def test_a_python_that_is_too_old_is_named_with_the_way_out(tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text(
        "#!/bin/sh\n"
        "# Answers `-c CODE` as a Python 3.10 would.\n"
        f'exec {sys.executable} -c \'import sys; sys.version_info = (3, 10); sys.version = "3.10.1"; exec(sys.argv[1])\' "$2"\n'
    )
    old.chmod(0o755)
    done = make(f"PYTHON={old}", f"VENV={tmp_path}/venv", f"{tmp_path}/venv/.run")

    assert done.returncode != 0
    assert "is Python 3.10.1; 3.11 or newer is needed: make PYTHON=" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_that_is_not_there_is_named_with_the_way_out(tmp_path: Path) -> None:
    done = make("PYTHON=no-such-python", f"VENV={tmp_path}/venv", f"{tmp_path}/venv/.run")

    assert done.returncode != 0
    assert "there is no 'no-such-python'; install Python 3.11 or newer" in done.stderr


def test_the_wheel_carries_notebooks_manifests_and_typing_marker(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
    ]
    source = tmp_path / "source"
    kept = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "reports")
    shutil.copytree(PROJECT, source, ignore=kept)
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    package = source / "gocoffee_ops"
    data = {p.relative_to(source).as_posix() for p in package.rglob("*") if p.is_file() and p.suffix != ".pyc"}
    notebooks = {f"gocoffee_ops/{p.relative_to(source)}" for p in (source / "notebooks").rglob("*.ipynb")}
    manifests = {f"gocoffee_ops/{p.relative_to(source)}" for p in (source / "deploy").glob("*.*")}
    assert data
    assert notebooks
    assert manifests
    assert data | notebooks | manifests | {"gocoffee_ops/py.typed"} <= names
    assert [name for name in names if name.startswith(("tests", "benchmarks", "docs"))] == []


def test_a_skipped_test_fails_where_everything_is_required(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text(
        "import pytest\n\n\ndef test_a():\n    pytest.skip('no browser here')\n\n\ndef test_b():\n    pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.require_all", "-p", "no:cacheprovider", str(test)]
    outcomes = [
        subprocess.run(
            command,
            cwd=PROJECT,
            env=os.environ | {"GOCOFFEE_REQUIRE_ALL": value},
            capture_output=True,
            text=True,
            check=False,
        )
        for value in ("", "1")
    ]

    assert [done.returncode for done in outcomes] == [0, 1]
    assert "1 passed, 1 skipped" in outcomes[0].stdout
    assert "1 failed, 1 passed" in outcomes[1].stdout
    assert "no browser here" in outcomes[1].stdout


GUARDS = """
set -euo pipefail
source <(sed -n '/^guards()/,/^}/p' "$1")
cd "$2"
guards
"""


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("a.txt", "index-" + "url = https://example.invalid/simple", "registry"),
        ("a.txt", "https://" + "example.invalid/a-1.0" + ".whl", "registry"),
        ("a.py", 'PLACE = "/wor' + 'k/main/x"', "path"),
        ("a.ipynb", '{"cells": [{"execution_' + 'count": 3}]}', "outputs"),
    ],
)
def test_ci_refuses_hosts_paths_and_outputs_in_tracked_files(tmp_path: Path, name: str, text: str, word: str) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "clean.md").write_text("A page. See https://example.invalid/ and notebooks/weekly.\n")

    def guards() -> subprocess.CompletedProcess[str]:
        subprocess.run(["git", "-C", str(tmp_path), "add", "."], check=True)
        return subprocess.run(
            ["bash", "-c", GUARDS, "guards", str(PROJECT / ".ci" / "run"), str(tmp_path)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert guards().returncode == 0
    (tmp_path / name).write_text(text + "\n")
    done = guards()
    assert done.returncode == 1
    assert word in done.stderr
    assert name in done.stderr
