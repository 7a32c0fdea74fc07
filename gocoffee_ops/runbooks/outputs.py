"""What a cell shows, before it is written anywhere."""

from __future__ import annotations

from typing import Any

from gocoffee_ops.evidence.redact import Redactor


def clean_outputs(cell: Any, redactor: Redactor) -> None:
    """Join neighbouring streams, and mask what is secret in all text that a cell shows."""
    joined: list[Any] = []
    for output in cell.get("outputs", ()):
        stream = output["output_type"] == "stream"
        if stream and joined and joined[-1]["output_type"] == "stream" and joined[-1]["name"] == output["name"]:
            joined[-1]["text"] += output["text"]
        else:
            joined.append(output)
    for output in joined:
        if output["output_type"] == "stream":
            output["text"] = redactor.text(output["text"])
        elif output["output_type"] == "error":
            output["evalue"] = redactor.text(output["evalue"])
            output["traceback"] = [redactor.text(line) for line in output["traceback"]]
        else:
            data = output.get("data", {})
            for mime in [m for m in data if m.startswith("text/") and isinstance(data[m], str)]:
                data[mime] = redactor.text(data[mime])
    if "outputs" in cell:
        cell["outputs"] = joined
