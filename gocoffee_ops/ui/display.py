"""The one way to show something from inside a call."""

from __future__ import annotations

from typing import Any


def show(value: Any) -> None:
    """Display `value` in the running notebook; without one, IPython prints its text."""
    from IPython.display import display

    display(value)  # type: ignore[no-untyped-call]  # IPython ships no annotation for it
