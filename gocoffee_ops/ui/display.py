"""The one way to show something from inside a call."""

from __future__ import annotations

from typing import Any


def show(value: Any, *, demo: bool = False) -> None:
    """Display `value` in the running notebook, marked where it is demo data; without a notebook, IPython prints its text."""
    from IPython.display import display

    display(value)  # type: ignore[no-untyped-call]  # IPython ships no annotation for it
