"""Each rule of the notebook lint, with a notebook that breaks that rule and no other."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.runbooks.lint import MAX_CELLS, RULES, Problem, lint

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"

OPENING = """# Disk review

**Symptom:** disks fill. **Scope:** one namespace. **Permissions:** the reader role. **Blast radius:** none, it only reads.
**Owner:** platform."""
SECTION = ["raises-exception"]
Json = dict[str, Any]
Break = Callable[[list[Json]], None]


def markdown(source: str) -> Json:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str, tags: list[str] | None = None) -> Json:
    metadata = {"tags": tags} if tags else {}
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": None}


def good() -> list[Json]:
    """A notebook's cells that break no rule: 0 opening, 1 parameters, 3 set-up, 5 section, 7 verdict, 8 Next."""
    parameters = (
        'env: str = "demo"  # environment\nnames: list[str] = ["a", "b"]  # which\nlimit: int = 10  # rows [1..100]'
    )
    cells = [
        markdown(OPENING),
        code(parameters, ["parameters"]),
        markdown("## Set up"),
        code('from gocoffee_ops import cluster, runbook\n\nops = runbook.start("disk-review", env=env)'),
        markdown("## Check disks\n\nLook for nodes above 80 % of allocatable, as `was 91 %` would show."),
        code("disks = cluster.disks(ops, limit=limit)\nops.judge(capacity.disks, disks)", SECTION),
        markdown("## Verdict"),
        code("ops.verdict()"),
        markdown("## Next\n\nOpen what the findings name."),
    ]
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    return cells


def write(folder: Path, cells: list[Json], **changed: Any) -> Path:
    """The notebook file `disk-review.ipynb` of these cells."""
    raw = {"cells": cells, "metadata": {"kernelspec": {"name": "python3"}}, "nbformat": 4, "nbformat_minor": 5}
    path = folder / "disk-review.ipynb"
    path.write_text(json.dumps(raw | changed))
    return path


def source(index: int, text: str) -> Break:
    def change(cells: list[Json]) -> None:
        cells[index]["source"] = text

    return change


def field(index: int, name: str, value: Any) -> Break:
    def change(cells: list[Json]) -> None:
        cells[index][name] = value

    return change


def tagged(index: int, tags: list[str]) -> Break:
    return field(index, "metadata", {"tags": tags})


def both(first: Break, second: Break) -> Break:
    def change(cells: list[Json]) -> None:
        first(cells)
        second(cells)

    return change


def raw_first(cells: list[Json]) -> None:
    cells.insert(0, {"cell_type": "raw", "metadata": {}, "source": "x", "id": "raw"})


def longer(cells: list[Json]) -> None:
    for n in range(MAX_CELLS):
        cells.insert(4, markdown("More prose.") | {"id": f"more-{n}"})


PARAMETER = 'env: str = "demo"  # environment'
START = 'ops = runbook.start("disk-review", env=env)'

# rule, the cell that the problem must name (None: the notebook), a word of its message, the change
BROKEN: list[tuple[str, int | None, str, Break]] = [
    ("opening", 0, "title", source(0, f"#{OPENING}")),
    ("opening", 0, "Markdown", raw_first),
    *[
        ("opening", 0, word, source(0, OPENING.replace(f"**{word}:**", f"{word}:")))
        for word in ("Symptom", "Scope", "Permissions", "Blast radius", "Owner")
    ],
    ("opening", 0, "one screen", source(0, OPENING + "\nand so on" * 30)),
    ("parameters", None, "0 cells", tagged(1, SECTION)),
    ("parameters", 1, "name: type", source(1, 'env = "demo"  # environment')),
    ("parameters", 1, "name: type", source(1, "env: str  # environment")),
    ("parameters", 1, "name: type", source(1, f"{PARAMETER}\nprint(env)  # help")),
    ("parameters", 1, "type dict", source(1, f"{PARAMETER}\nlabels: dict = {{}}  # labels")),
    ("parameters", 1, "type float | None", source(1, f"{PARAMETER}\nshare: float | None = None  # share")),
    ("parameters", 1, "no trailing comment", source(1, 'env: str = "demo"')),
    ("parameters", 1, "no trailing comment", source(1, f"{PARAMETER}\nlimit: int = 3  #")),
    ("parameters", 1, "`#` in its default", source(1, f'{PARAMETER}\nchannel: str = "#ops"  # channel')),
    ("parameters", 1, "not a literal", source(1, f"{PARAMETER}\nlimit: int = max(1, 2)  # rows")),
    ("parameters", 1, "not int", source(1, f"{PARAMETER}\nlimit: int = 1.5  # rows")),
    ("parameters", 1, "not int", source(1, f"{PARAMETER}\nlimit: int = True  # rows")),
    ("parameters", 1, "not list[str]", source(1, f"{PARAMETER}\nnames: list[str] = [1]  # names")),
    ("setup", None, "0 cells", both(source(3, "ops = None"), tagged(3, SECTION))),
    ("setup", 3, "'pod-review'", source(3, 'ops = runbook.start("pod-review", env=env)')),
    ("setup", 3, "None", source(3, "ops = runbook.start(env=env)")),
    ("imports", 5, "outside the set-up cell", source(5, "import json")),
    ("imports", 3, "no shell", source(3, f"import subprocess\n{START}")),
    ("imports", 3, "no shell", source(3, f"from os import system\n{START}")),
    ("logic", 5, "def", source(5, "def share(a):\n    return a")),
    ("logic", 5, "class", source(5, "class A:\n    pass")),
    ("logic", 5, "try", source(5, "try:\n    disks\nfinally:\n    disks")),
    ("logic", 5, "for", source(5, "for disk in disks:\n    disk")),
    ("logic", 5, "while", source(5, "while disks:\n    disks")),
    ("logic", 5, "comprehension", source(5, "[disk for disk in disks]")),
    ("logic", 5, "if", source(5, "if disks:\n    disks")),
    ("logic", 5, "match", source(5, "match disks:\n    case 1:\n        disks")),
    ("logic", 5, "lambda", source(5, "disks.sort(key=lambda d: d.size)")),
    ("logic", 3, "for", source(3, f"{START}\nfor a in 'ab':\n    a")),
    ("magic", 5, "magic", source(5, "%timeit disks")),
    ("magic", 5, "magic", source(5, "%%bash\ndf -h")),
    ("magic", 5, "magic", source(5, "!pip install disks")),
    ("magic", 5, "magic", source(5, "found = !df")),
    ("magic", 5, "magic", source(5, "disks?")),
    ("magic", 5, "not Python", source(5, "disks = (")),
    ("length", 5, "6 lines", source(5, "\n".join(f"disk{n} = {n}" for n in range(6)))),
    ("length", 3, "6 lines", source(3, f"{START}\n" + "\n".join(f"a{n} = {n}" for n in range(5)))),
    ("length", None, "49 cells", longer),
    ("tags", 5, "without the tag", tagged(5, ["other"])),
    ("tags", 1, "must not go on", tagged(1, ["parameters", *SECTION])),
    ("tags", 3, "must not go on", tagged(3, SECTION)),
    ("tags", 7, "must not go on", tagged(7, SECTION)),
    ("verdict", 7, "exactly", source(7, "verdict = ops.verdict()")),
    ("verdict", 7, "exactly", source(7, "ops.verdict()\ndisks")),
    ("verdict", 7, "Next", source(8, "## Later")),
    ("verdict", 7, "Next", source(8, "Next")),
    ("verdict", 7, "Next", lambda cells: cells.append(markdown("More.") | {"id": "more"})),
    ("verdict", 7, "Next", lambda cells: cells.pop() and None),
    ("headings", 5, "no Markdown heading", source(4, "Look at the disks.")),
    ("headings", 3, "no Markdown heading", source(2, "#hashtag")),
    ("outputs", 5, "outputs", field(5, "outputs", [{"output_type": "stream", "name": "stdout", "text": "x"}])),
    ("outputs", 5, "execution count", field(5, "execution_count", 4)),
    ("numbers", 4, "91 %", source(4, "## Check disks\n\nLast week the fullest disk was at 91 %.")),
    ("numbers", 4, "12 pods", source(4, "## Check disks\n\nThere are currently 12 pods on it.")),
    ("numbers", 4, "340 ms", source(4, "## Check disks\n\nWe observed 340 ms.")),
    ("numbers", 4, "2026-03-01", source(4, "## Check disks\n\nThe incident of 2026-03-01.")),
    ("form", 5, "no id", lambda cells: cells[5].pop("id") and None),
    ("form", 5, "earlier cell", field(5, "id", "cell-4")),
]


def broken(change: Break) -> list[Json]:
    cells = copy.deepcopy(good())
    change(cells)
    return cells


def test_a_notebook_in_style_has_no_problem(tmp_path: Path) -> None:
    assert lint(write(tmp_path, good())) == []


@pytest.mark.parametrize(
    ("rule", "cell", "word", "change"),
    BROKEN,
    ids=[f"{rule}-{word}-{n}" for n, (rule, _, word, _) in enumerate(BROKEN)],
)
def test_a_notebook_that_breaks_one_rule_is_told_so_and_nothing_else(
    tmp_path: Path, rule: str, cell: int | None, word: str, change: Break
) -> None:
    problems = lint(write(tmp_path, broken(change)))

    assert [(p.rule, p.cell.index if p.cell else None) for p in problems] == [(rule, cell)]
    assert word in problems[0].message


def test_every_rule_has_a_notebook_that_breaks_it() -> None:
    assert {rule for rule, *_ in BROKEN} == set(RULES)


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"nbformat_minor": 4}, "4.4"),
        ({"metadata": {}}, "kernel"),
        ({"metadata": {"kernelspec": {"name": "ir"}}}, "'ir'"),
    ],
)
def test_form_wants_a_format_with_ids_and_the_python_kernel(tmp_path: Path, changed: Json, word: str) -> None:
    problems = lint(write(tmp_path, good(), **changed))

    assert [p.rule for p in problems] == ["form"]
    assert word in problems[0].message


def test_two_parameter_cells_are_one_too_many(tmp_path: Path) -> None:
    cells = good()
    cells[5] = code(PARAMETER, ["parameters", *SECTION]) | {"id": "cell-5"}

    assert ("parameters", "2 cells are tagged `parameters`: exactly one") in rules_and_messages(
        lint(write(tmp_path, cells))
    )


def test_the_parameters_come_first(tmp_path: Path) -> None:
    cells = good()
    cells.insert(1, code("early = 1", SECTION) | {"id": "early"})

    assert ("parameters", "the parameters cell is not the first code cell") in rules_and_messages(
        lint(write(tmp_path, cells))
    )


def test_a_threshold_in_prose_is_no_observed_number(tmp_path: Path) -> None:
    cells = good()
    cells[4]["source"] = (
        "## Performance Review (45 minutes)\n\nAbove 80 % of allocatable it warns, above 90 % it is critical."
    )

    assert lint(write(tmp_path, cells)) == []


def test_a_problem_names_file_cell_and_rule(tmp_path: Path) -> None:
    path = write(tmp_path, broken(source(5, "a = 1\n" * 6)))

    assert str(lint(path)[0]) == f"{path}: cell 5 (id cell-5): [length] 6 lines, at most 5"


@pytest.mark.parametrize("text", ["", "[]", '{"cells": []}', '{"cells": [{"cell_type": "code"}], "nbformat": 4}'])
def test_what_is_no_notebook_is_a_problem(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(text)

    assert [p.rule for p in lint(path)] == ["form"]


def test_the_command_ends_with_1_on_a_problem_and_0_without(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    write(tmp_path / "good", good())
    write(tmp_path / "bad", broken(source(5, "a = 1\n" * 6)))

    assert command(tmp_path / "good") == (0, "1 notebooks, 0 problems")
    assert command(tmp_path) == (1, "2 notebooks, 1 problems")


def test_nothing_to_check_is_wrong_usage_not_success(tmp_path: Path) -> None:
    write(tmp_path, good())
    (tmp_path / "empty").mkdir()

    assert command(tmp_path / "empty")[0] == 64
    assert command(tmp_path / "disk-review.ipynb", tmp_path / "missing.ipynb")[0] == 64


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.rglob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebooks_of_the_project_are_in_style(path: Path) -> None:
    assert [str(problem) for problem in lint(path)] == []


def rules_and_messages(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.rule, problem.message) for problem in problems]


def command(*paths: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gocoffee_ops.runbooks.lint", *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout.splitlines() or [done.stderr])[-1]
