"""Our run with its report, against `papermill` and `jupyter nbconvert --to html` on the same notebook.

Both are the commands that a scheduler would run, in fresh processes, one after the other and in turns. The notebook asks for no
system: it judges, and shows tables and figures, so that what is measured is the running and the rendering.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

ROUNDS = 3
SECTIONS = 8
CONFIG = '[[environments.bench.databases]]\nname = "none"\ndsn_env = "NO_SUCH_VARIABLE"\n'
PARAMETERS = 'env: str = "bench"  # environment\nrows: int = 200  # of each table'
SETUP = """
import pandas as pd
import plotly.express as px
from gocoffee_ops import Finding, Status, runbook
def says(name): return [Finding(Status.OK, "bench", f"thing/{name}", "it is well")]
ops = runbook.start("bench", env=env)
"""
SECTION = """
table = pd.DataFrame({"name": [f"thing {n}" for n in range(200)], "value": range(200)})
ops.show(px.bar(table, x="name", y="value"))
ops.show(table)
ops.judge(says, name="%d")
"""


def write(folder: Path) -> None:
    """The notebook and its configuration."""
    (folder / "gocoffee.toml").write_text(CONFIG, encoding="utf-8")
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    cells = [text("# Bench"), code(PARAMETERS, metadata={"tags": ["parameters"]}), code(SETUP)]
    for n in range(SECTIONS):
        cells += [text(f"## Section {n}"), code(SECTION % n, metadata={"tags": ["raises-exception"]})]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(cells=[*cells, code("ops.verdict()")], metadata={"kernelspec": kernel})
    nbformat.write(made, folder / "bench.ipynb")


def timed(folder: Path, *command: str) -> float:
    """Seconds of one command that must succeed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GOCOFFEE_")}
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started


def main() -> None:
    """Print the best of each side, and the ratio."""
    programs = Path(sys.executable).parent
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="gocoffee-bench-") as name:
        folder = Path(name)
        write(folder)
        for _ in range(ROUNDS):
            ours.append(timed(folder, str(programs / "gocoffee-ops"), "run", "-q", "bench.ipynb"))
            execute = timed(folder, str(programs / "papermill"), "--no-progress-bar", "bench.ipynb", "out.ipynb")
            convert = timed(folder, str(programs / "jupyter-nbconvert"), "--to", "html", "out.ipynb")
            theirs.append(execute + convert)
            print(f"ours {ours[-1]:.2f} s; papermill {execute:.2f} s + nbconvert {convert:.2f} s")
    print(
        f"ratio: our run with its report against papermill + nbconvert = {min(ours) / min(theirs):.2f} (target <= 1.0)"
    )


if __name__ == "__main__":
    main()
