"""The papermill engine: `papermill --engine gocoffee in.ipynb out.ipynb`.

papermill loads every registered engine on every call, so this module imports nothing that could fail: a broken import here
would break all of papermill on the machine. It does not use papermill's execution manager, which stamps `completed` on cells
that never ran.
"""

from __future__ import annotations

from typing import Any


class GocoffeeEngine:
    """Executes any notebook, tells every cell's true state, and ends papermill with the run's exit status."""

    @classmethod
    def execute_notebook(
        cls,
        nb: Any,
        kernel_name: str,
        output_path: str | None = None,
        progress_bar: Any = True,
        log_output: bool = False,
        start_timeout: float = 60,
        execution_timeout: float | None = None,
        stdout_file: Any = None,
        stderr_file: Any = None,
        **_others: Any,
    ) -> Any:
        """Run the notebook; returns it when all is well, else raises a click exception with the exit status."""
        from gocoffee_ops.runbooks.plain_run import PlainRun

        run = PlainRun(
            nb,
            kernel_name=kernel_name,
            output_path=output_path or nb.metadata.get("papermill", {}).get("output_path"),
            progress=bool(progress_bar),
            log_output=log_output,
            start_s=start_timeout,
            cell_s=execution_timeout,
            streams={"stdout": stdout_file, "stderr": stderr_file},
        )
        return run.execute()

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """The kernel's name: the given one, else the notebook's."""
        from papermill.utils import nb_kernel_name

        return str(nb_kernel_name(nb, name))

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """The notebook's language: the given one, else its own."""
        from papermill.utils import nb_language

        return str(nb_language(nb, language))
