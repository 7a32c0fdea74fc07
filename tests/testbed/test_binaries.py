"""Where the binaries come from: a folder that has them all, or a build from nothing that is taken whole or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.testbed.binaries import KUBERNETES_VERSION, NAMES
from tests.testbed.control_plane import REPOSITORY, Cluster

PATIENCE_S = 60.0
MAIN = """package main

import "k8s.io/component-base/version"

func main() { println("%s " + version.Get()) }
"""
VERSION = """package version

var gitVersion = "v0.0.0"

func Get() string { return gitVersion }
"""


def find_in(environment: dict[str, str], *modules: Path) -> subprocess.CompletedProcess[str]:
    """Look for the binaries in a process with this environment and no other."""
    return subprocess.run(
        [sys.executable, "-m", "tests.testbed.binaries", *modules],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_binaries_and_go_it_says_what_is_missing(tmp_path: Path) -> None:
    done = find_in({"HOME": str(tmp_path), "PATH": str(tmp_path)})
    assert done.returncode != 0
    assert "TestbedMissing" in done.stderr
    assert "there is no Go toolchain" in done.stderr
    for name in NAMES:
        assert name in done.stderr


def test_a_folder_with_every_binary_is_taken_from_kubebuilder_assets(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    done = find_in({"HOME": str(tmp_path), "PATH": str(tmp_path), "KUBEBUILDER_ASSETS": str(tmp_path)})
    assert done.stdout.strip() == str(tmp_path)


def test_an_incomplete_folder_in_kubebuilder_assets_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "etcd").write_text("#!/bin/sh\n")
    (tmp_path / "etcd").chmod(0o755)
    done = find_in({"HOME": str(tmp_path), "PATH": str(tmp_path), "KUBEBUILDER_ASSETS": str(tmp_path)})
    assert f"KUBEBUILDER_ASSETS={tmp_path} lacks kube-apiserver" in done.stderr


def test_a_failed_build_says_what_go_said(tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho 'no required module provides package' >&2\nexit 1\n")
    go.chmod(0o755)
    done = find_in({"HOME": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert "go build failed" in done.stderr
    assert "no required module provides package" in done.stderr
    leftovers = [path.name for path in (tmp_path / ".cache/gocoffee-ops/testbed").iterdir() if path.is_dir()]
    assert leftovers == []


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """Small modules that are built like the real ones: as many tools, and the package that holds the version."""
    folder = tmp_path / "modules"
    tools = ["server" if name == "etcd" else name for name in NAMES]
    for tool in tools:
        (folder / tool).mkdir(parents=True)
        (folder / tool / "main.go").write_text(MAIN % tool)
    (folder / "base" / "version").mkdir(parents=True)
    (folder / "base" / "version" / "version.go").write_text(VERSION)
    (folder / "base" / "go.mod").write_text("module k8s.io/component-base\n\ngo 1.24\n")
    lines = ["module testbed.invalid/small", "go 1.24", *(f"tool testbed.invalid/small/{tool}" for tool in tools)]
    lines += ["require k8s.io/component-base v0.0.0", "replace k8s.io/component-base => ./base"]
    (folder / "go.mod").write_text("\n".join(lines) + "\n")
    (folder / "go.sum").write_text("")
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, no network, and Go's own build cache, so that its library is not compiled again."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go toolchain")
    cache = subprocess.run([go, "env", "GOCACHE"], capture_output=True, text=True, check=True).stdout.strip()
    path = f"{tmp_path / 'shim'}:{Path(go).parent}:/usr/bin:/bin"
    return {"HOME": str(tmp_path), "PATH": path, "GOCACHE": cache, "GOPROXY": "off", "GOTOOLCHAIN": "local"}


def shim(tmp_path: Path, script: str) -> Path:
    """A program that stands in for Go; its last but one argument is the folder to build into."""
    (tmp_path / "shim").mkdir(exist_ok=True)
    path = tmp_path / "shim" / "go"
    path.write_text(f"#!/bin/bash\nout=${{@: -2:1}}\n{script}\n")
    path.chmod(0o755)
    return path


def folders(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / ".cache/gocoffee-ops/testbed").glob("*") if path.is_dir()]


def assert_whole(folder: str, tool: str = "kube-apiserver") -> None:
    assert sorted(path.name for path in Path(folder).iterdir()) == sorted(NAMES)
    said = subprocess.run([Path(folder) / tool], capture_output=True, text=True, check=True).stderr
    assert said.split() == ["server" if tool == "etcd" else tool, KUBERNETES_VERSION]


def test_from_nothing_every_binary_is_built_with_its_version(
    modules: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    first = find_in(environment, modules)
    assert first.returncode == 0, first.stderr
    assert_whole(first.stdout.strip())
    assert_whole(first.stdout.strip(), "etcd")
    shim(tmp_path, "exit 1")  # it is not built again
    assert find_in(environment, modules).stdout == first.stdout


def test_a_folder_that_lacks_a_binary_is_built_again(modules: Path, environment: dict[str, str]) -> None:
    folder = find_in(environment, modules).stdout.strip()
    (Path(folder) / "kubectl").unlink()
    (Path(folder) / "kwok").chmod(0o644)
    assert find_in(environment, modules).stdout.strip() == folder
    assert_whole(folder, "kubectl")
    assert_whole(folder, "kwok")


def test_other_modules_are_other_binaries(modules: Path, environment: dict[str, str]) -> None:
    folder = find_in(environment, modules).stdout.strip()
    (modules / "go.sum").write_text("\n")
    other = find_in(environment, modules).stdout.strip()
    assert_whole(other)
    assert other != folder


def test_a_build_that_was_killed_half_way_is_not_taken_for_a_whole_one(
    modules: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    half = shim(tmp_path, "for name in kubectl kwok; do cp /bin/true $out/$name; done; touch half; exec sleep 600")
    command = [sys.executable, "-m", "tests.testbed.binaries", str(modules)]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, start_new_session=True)
    end = time.monotonic() + PATIENCE_S
    while not (modules / "half").exists():
        assert time.monotonic() < end, "the build did not begin"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (left,) = folders(tmp_path)
    assert left.name.startswith(".building-")
    half.unlink()
    done = find_in(environment, modules)
    assert_whole(done.stdout.strip())
    assert folders(tmp_path) == [Path(done.stdout.strip())], "what the killed build left is gone"


def test_a_build_that_failed_half_way_or_left_something_out_leaves_nothing(
    modules: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    ends = {"echo 'no space left' >&2; exit 1": "no space left", "cp /bin/true $out/server": "go build left out"}
    for script, why in ends.items():
        failing = shim(tmp_path, f"cp /bin/true $out/kube-apiserver; {script}")
        done = find_in(environment, modules)
        assert "TestbedMissing" in done.stderr
        assert why in done.stderr
        assert folders(tmp_path) == []
    failing.unlink()
    assert_whole(find_in(environment, modules).stdout.strip())


def test_the_servers_know_their_version(bare_cluster: Cluster) -> None:
    assert bare_cluster.version == KUBERNETES_VERSION or "KUBEBUILDER_ASSETS" in os.environ
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        command = [bare_cluster.binaries.path(name), "--version"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert said.split() == ["Kubernetes", bare_cluster.version]
