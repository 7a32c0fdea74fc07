"""Errors say what, where, why and what next, and survive the ledger and pickling."""

from __future__ import annotations

import copy
import pickle

import pytest

from gocoffee_ops import errors
from gocoffee_ops.errors import OpsError, error_from_record, unknown_name


def _all(root: type[OpsError]) -> list[type[OpsError]]:
    return [root, *(c for child in root.__subclasses__() for c in _all(child))]


@pytest.mark.parametrize("kind", _all(OpsError), ids=lambda kind: kind.__name__)
def test_every_error_survives_the_ledger_pickling_and_copying(kind: type[OpsError]) -> None:
    error = kind("read it", target="cluster/a", why="no", hint="ask")
    for again in (error_from_record(error.to_record()), pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert str(again) == str(error) == "read it [cluster/a]: no. Try: ask"


def test_every_error_stands_in_the_tree_of_the_modules_docstring() -> None:
    assert errors.__doc__ is not None
    ours = [kind for kind in _all(OpsError) if kind.__module__ == errors.__name__]
    assert [kind.__name__ for kind in ours if kind.__name__ not in errors.__doc__] == []


def test_wrong_usage_ends_with_64_and_a_fault_of_ours_with_70() -> None:
    assert {kind.exit_code for kind in _all(errors.UsageError)} == {64}
    assert OpsError("x").exit_code == errors.QueryFault("x").exit_code == errors.SchemaError("x").exit_code == 70
    assert errors.IncompleteRun("x").exit_code == 3


def test_an_error_of_an_unknown_type_is_still_an_error() -> None:
    record = {**OpsError("x").to_record(), "type": "FromTheFuture"}
    assert type(error_from_record(record)) is OpsError


def test_an_unknown_name_without_a_near_one_lists_all() -> None:
    assert str(unknown_name("thing", "zzz", ["b", "a"])) == "unknown thing 'zzz'. Try: valid: a, b"
    assert str(unknown_name("thing", "zzz", [])).endswith("valid: none")
