"""Conditions of nodes, those of operators included: which of them are no good."""

from __future__ import annotations

import msgspec
import pytest

from gocoffee_ops.queries.printed import PRESSURES, pressures
from gocoffee_ops.sources.kubernetes.shapes import Node


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("NetworkUnavailable", "True", ["NetworkUnavailable"]),
        ("NetworkUnavailable", "False", []),
        ("KernelDeadlock", "True", ["KernelDeadlock"]),
        ("KernelDeadlock", "Unknown", ["KernelDeadlock=Unknown"]),
        ("KernelReady", "True", []),
        ("KernelReady", "False", ["KernelReady=False"]),
        ("EtcdIsVoter", "True", []),
        ("Ready", "False", []),  # it has a column of its own
    ],
)
def test_a_condition_is_good_when_true_if_its_name_says_so(kind: str, status: str, told: list[str]) -> None:
    fine = [{"type": one, "status": "False"} for one in PRESSURES]
    node = {"metadata": {"name": "n1"}, "status": {"conditions": [*fine, {"type": kind, "status": status}]}}
    assert pressures(msgspec.convert(node, Node)) == told
