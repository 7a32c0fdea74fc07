"""The command line: argument parsing only.

Exit status: 0 OK, 1 WARN, 2 CRIT, 3 UNKNOWN, and these from verdicts alone; 64 wrong usage, 70 a fault of our own, 130 Ctrl-C.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gocoffee_ops import __version__
from gocoffee_ops.errors import OpsError

if TYPE_CHECKING:
    from gocoffee_ops.runbooks.progress import Progress

USAGE, FAULT, INTERRUPTED = 64, 70, 130
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gocoffee-ops")
def commands() -> None:
    """Runbooks that run: read real systems, judge what was read, keep the evidence.

    Exit status: 0 OK, 1 WARN, 2 CRIT, 3 UNKNOWN; 64 wrong usage, 70 a fault of our own, 130 stopped.
    """


def _run_options(command: Any) -> Any:
    for option in reversed(
        [
            click.option("-p", "parameters", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter."),
            click.option("--env", default="", help="Environment of gocoffee.toml; without one, the demo."),
            click.option("--reports", type=FOLDER, help="Folder of all runs [default: reports/ of the project]."),
            click.option("--deadline", type=click.FloatRange(min=1), metavar="SECONDS", help="Deadline of the run."),
            click.option(
                "--cell-deadline", type=click.FloatRange(min=1), metavar="SECONDS", help="Deadline of a cell."
            ),
            click.option("--exit-zero", is_flag=True, help="End with 0 whatever the verdict; faults still show."),
            click.option("-q", "--quiet", is_flag=True, help="No progress; only the result."),
        ]
    ):
        command = option(command)
    return command


@commands.command()
@click.argument("runbook")
@_run_options
@click.option("--replay", type=click.Path(exists=True, path_type=Path), help="Answer from a run's folder or bundle.")
def run(
    runbook: str,
    parameters: Sequence[tuple[str, str]],
    env: str,
    reports: Path | None,
    deadline: float | None,
    cell_deadline: float | None,
    exit_zero: bool,
    quiet: bool,
    replay: Path | None,
) -> None:
    """Run RUNBOOK (a name of `list`, or a notebook's path), and write its report."""
    from gocoffee_ops.runbooks import runner, summary

    order = runner.prepare(
        runbook, _given(parameters), env=env, reports=reports, replay=replay, run_s=deadline, cell_s=cell_deadline
    )
    with _progress(quiet) as progress:
        result = runner.run(order, progress)
    click.echo(summary.told(result))
    _leave(result.exit_code, exit_zero)


@commands.command()
@click.argument("chapter")
@_run_options
def report(
    chapter: str,
    parameters: Sequence[tuple[str, str]],
    env: str,
    reports: Path | None,
    deadline: float | None,
    cell_deadline: float | None,
    exit_zero: bool,
    quiet: bool,
) -> None:
    """Run the set CHAPTER (a chapter of `list`, as `weekly`). A parameter goes to the runbooks that declare it."""
    from gocoffee_ops.errors import ParameterError, unknown_name
    from gocoffee_ops.runbooks import catalog, runner, summary

    books = catalog.chapter(chapter)
    given = _given(parameters)
    valid = {parameter.name for book in books for parameter in book.parameters}
    for name in given:
        if name not in valid:
            raise unknown_name("parameter", name, valid, ParameterError)
    orders = []
    for book in books:
        names = {parameter.name for parameter in book.parameters}
        mine = {name: texts for name, texts in given.items() if name in names}
        orders.append(
            runner.prepare(
                book,
                mine,
                env=env if "env" in names else "",
                reports=reports,
                run_s=deadline,
                cell_s=cell_deadline,
            )
        )
    with _progress(quiet) as progress:
        results = runner.run_all(orders, progress)
    for result in results:
        click.echo(summary.told(result))
    _leave(runner.exit_code(results), exit_zero)


@commands.command(name="list")
@click.argument("names", metavar="[RUNBOOK]...", nargs=-1)
@click.option("--long", "in_full", is_flag=True, help="With parameters, for all of them.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def list_(names: Sequence[str], in_full: bool, as_json: bool) -> None:
    """The runbooks, a line each; of each RUNBOOK that is named, its parameters and owner too."""
    from gocoffee_ops.runbooks import catalog, listing

    books = [catalog.find(name) for name in names] or catalog.runbooks()
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps([{**asdict(book), "path": str(book.path)} for book in books], indent=1))
    elif not (names or in_full):
        listing.lines(books)
        click.echo("\nlist RUNBOOK shows what one takes, list --long what all do")
    else:
        for n, book in enumerate(books):
            click.echo("\n" * bool(n), nl=False)
            listing.details(book)


@commands.command()
@click.argument("bundle", type=click.Path(exists=True, path_type=Path))
@click.option("--head", default="", help="The head hash that the report or run.json shows.")
def verify(bundle: Path, head: str) -> None:
    """Check that BUNDLE (a run's folder, or its evidence/) is what was written; ends with 2 (CRIT) when it is not."""
    from gocoffee_ops.errors import Tampered
    from gocoffee_ops.evidence import bundle as bundles
    from gocoffee_ops.model import Status
    from gocoffee_ops.places import evidence_folder

    folder = evidence_folder(bundle)
    try:
        count = bundles.verify(folder, head=head or None)
    except Tampered as tampered:
        click.echo(f"CRIT: {tampered}", err=True)
        raise click.exceptions.Exit(Status.CRIT.exit_code) from None
    click.echo(
        f"{bundle}: {count} entries and their tables are as they were written"
        + ("" if head else "; to be sure of all, give the --head that stands at the foot of the report")
    )


@commands.group()
def config() -> None:
    """The configuration, gocoffee.toml."""


@config.command()
@click.option("--env", "names", multiple=True, help="Only this environment; may be repeated.")
@click.option("--paid", is_flag=True, help="Ask Cost Explorer, too: one request each, at 0.01 USD by AWS's price list.")
def check(names: Sequence[str], paid: bool) -> None:
    """Show what would be read and from where, with secrets hidden, and ask each place whether it answers.

    Cost Explorer is not asked without --paid, and UNKNOWN then. Several bills are compared: charges that stand in two of them would
    count twice.
    """
    from gocoffee_ops import config as configuration
    from gocoffee_ops.model import worst
    from gocoffee_ops.places.checked import check_environment
    from gocoffee_ops.runbooks import catalog

    start = catalog.notebooks_folder()  # where `run` looks first
    path = configuration.find_config(start)
    known = list(configuration.load_config(path).environments) if path else [configuration.DEMO]
    click.echo(f"configuration: {path or 'none found; only the demo exists'}")
    statuses = []
    for name in names or known:
        environment = configuration.environment(name, start)
        click.echo(f"\n{name}")
        for line in check_environment(environment, paid=paid):
            statuses.append(line.status)
            click.echo(f"  {line.status.value:8}{line.target:24}{line.where}\n{'':10}{line.result}")
    _leave(worst(statuses).exit_code, False)


@commands.command()
@click.option("--reports", type=FOLDER, help="Folder of all runs [default: reports/ of the project].")
def index(reports: Path | None) -> None:
    """Write the reports' index again from their folders."""
    from gocoffee_ops.runbooks import report as rendering
    from gocoffee_ops.runbooks.run_folder import reports_folder

    click.echo(str(rendering.write_index(reports or reports_folder(Path.cwd()))))


@commands.group()
def demo() -> None:
    """The demo's database."""


@demo.command()
@click.option("--minutes", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Kept while unused.")
def start(minutes: float) -> None:
    """Start it, and keep it until `demo stop`, or until nobody has used it for some minutes."""
    from gocoffee_ops import demo as demonstration

    lease = demonstration.start(grace_s=minutes * 60, progress=lambda text: click.echo(text, err=True))
    click.echo(f"the demo's database is running: {lease.dsn}")


@demo.command()
def stop() -> None:
    """Stop it, whoever uses it."""
    from gocoffee_ops import demo as demonstration

    click.echo("stopped" if demonstration.stop() else "it was not running")


@demo.command()
def status() -> None:
    """Whether it runs."""
    from gocoffee_ops import demo as demonstration

    found = demonstration.status()
    for one in found:
        click.echo(f"{one.phase}  {one.folder}" + (f"  {one.dsn}" if one.pid else ""))
    if not found:
        click.echo("none was ever started here")


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: every ending gets its exit status."""
    if os.name == "posix":
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop is a stop like Ctrl-C
    try:
        _check_parameters(sys.argv[1:] if arguments is None else arguments)
        result = commands.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except BaseException as error:  # noqa: BLE001 - each is told, and gets its exit status
        code = _told(error)
    sys.exit(code)


def _told(error: BaseException) -> int:
    """Say what went wrong; the exit status for it."""
    if isinstance(error, click.ClickException):
        error.show()
        return USAGE  # click's own 2 would read as CRIT
    if isinstance(error, click.Abort | KeyboardInterrupt):
        click.echo("stopped", err=True)
        return INTERRUPTED
    if isinstance(error, OpsError):
        click.echo(_redacted(f"gocoffee-ops: {error}"), err=True)
        return error.exit_code
    if isinstance(error, SystemExit):
        return FAULT  # click's way to say that nobody reads any more; its 1 would read as WARN
    import traceback

    click.echo(_redacted("".join(traceback.format_exception(error))), err=True)
    click.echo("gocoffee-ops: a fault of its own; please report it with the lines above", err=True)
    return FAULT


def _check_parameters(arguments: Sequence[str]) -> None:
    """NAME=VALUE after `-p` is wrong usage, of which click would say only that a word is missing, or one too many."""
    from gocoffee_ops.errors import ParameterError

    left = iter(arguments)
    for argument in left:
        if argument != "-p":
            continue
        name, joined, value = next(left, "").partition("=")
        if joined:
            hint = shlex.join(["-p", name, value])
            raise ParameterError("a parameter and its value are two words", why=f"given {name}={value}", hint=hint)
        next(left, None)


def _given(parameters: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    given: dict[str, list[str]] = {}
    for name, value in parameters:
        given.setdefault(name, []).append(value)
    return given


@contextlib.contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    from gocoffee_ops.runbooks.progress import Live, Plain, Silent

    if quiet:
        yield Silent()
    elif sys.stderr.isatty():
        with Live() as live:
            yield live
    else:
        yield Plain()


def _leave(code: int, exit_zero: bool) -> None:
    raise click.exceptions.Exit(0 if exit_zero and code in {0, 1, 2, 3} else code)


def _redacted(text: str) -> str:
    from gocoffee_ops.evidence.redact import Redactor

    return Redactor().text(text)
