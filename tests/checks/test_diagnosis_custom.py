"""Custom resources that the environment names: what is wrong with them, what is a moment, and what nobody could judge."""

from __future__ import annotations

import pytest

from gocoffee_ops.model import Status
from gocoffee_ops.queries import custom_resources
from tests.checks.diagnosis_tables import CUSTOM, GOING, OK, UNKNOWN, WARN, Rows, control_plane, judged, wrong

SILENT = CUSTOM | {"judged": False}
UNREADY = {"failed": ("Ready is False: NoDisk",), "failed_s": 9_999.0}
UNREAD = {"resource": "gadgets.example.com/v1", "unread": "the server does not know it", "judged": False}


def custom(*rows: dict[str, object]) -> Rows:
    return {custom_resources.states: [CUSTOM | {"object": "widget.example.com/fine"}, *rows]}


@pytest.mark.parametrize(
    ("status", "says", "row"),
    [
        (
            WARN,
            "is stuck in deletion for 15 min: a/b, c/d",
            {"deletion_overdue_s": 900.0, "finalizers": ("a/b", "c/d")},
        ),
        (WARN, "is stuck in deletion for 15 min: no finalizer", {"deletion_overdue_s": 900.0, **UNREADY}),
        (WARN, "its phase is Failed; Ready is False: NoDisk", {"words": ("its phase is Failed",), **UNREADY}),
        (WARN, "Ready is False: NoDisk", UNREADY),
        (
            UNKNOWN,
            "how it is cannot be told: Ready is Unknown",
            {"unsure": ("Ready is Unknown: x",), "unsure_s": 900.0},
        ),
    ],
)
def test_what_is_wrong_is_one_finding_at_its_object(status: Status, says: str, row: dict[str, object]) -> None:
    found = [one for one in judged(custom(CUSTOM | row)) if one.status is not OK]
    assert [(one.status, one.check, one.namespace, one.subject) for one in found] == [
        (status, "custom_resources_well", "shop", "widget.example.com/w")
    ]
    assert says in found[0].reason


@pytest.mark.parametrize(
    "row",
    [
        {"deletion_overdue_s": 5.0, "finalizers": ("a/b",)},
        UNREADY | {"failed_s": 5.0},
        {"words": ("its phase is Failed",), "age_s": 5.0},
        {"unsure": ("Ready is Unknown: x",), "unsure_s": 5.0},
    ],
    ids=["just deleted", "not ready since a moment", "just made", "not known yet"],
)
def test_a_moment_is_no_finding(row: dict[str, object]) -> None:
    assert wrong(judged(custom(CUSTOM | row))) == []


def test_what_many_have_by_one_cause_is_told_once() -> None:
    many = [
        CUSTOM | {"namespace": f"n{i % 2}", "object": f"widget.example.com/w{i}", "failed_s": 900.0,
                  "failed": (f"Ready is False: NoDisk: disk {i} of w{i} is full",)}
        for i in range(10)
    ]  # fmt: skip
    other = {"object": "widget.example.com/x", "failed": ("Ready is False: NoNode: none",), "failed_s": 900.0}
    gadget = many[0] | {"resource": "gadgets.example.com", "object": "gadget.example.com/g"}
    found = [one for one in judged(custom(*many, CUSTOM | other, gadget)) if one.status is not OK]
    assert {(one.subject, one.numbers["affected"]) for one in found} == {
        ("widget.example.com/w0", 10), ("widget.example.com/x", 1), ("gadget.example.com/g", 1),
    }  # fmt: skip
    (told,) = [one for one in found if one.subject.endswith("/w0")]
    assert told.reason == (
        "Ready is False: NoDisk: disk 0 of w0 is full; the same with 9 others: widget.example.com/w2, widget.example.com/w4, "
        "widget.example.com/w6, widget.example.com/w8, n1/widget.example.com/w1, n1/widget.example.com/w3, and 3 more"
    )
    assert len(told.problem) == 10


def test_one_that_goes_with_its_namespace_does_not_stand_for_those_that_stay() -> None:
    stays = CUSTOM | UNREADY | {"namespace": "stays", "object": "widget.example.com/z"}
    found = judged(custom(CUSTOM | UNREADY, stays) | {control_plane.namespaces: [GOING]})
    assert (WARN, "custom_resources_well", "widget.example.com/z") in wrong(found)


def test_what_lies_in_a_namespace_that_goes_is_its_own_matter() -> None:
    found = judged(custom(CUSTOM | {"deletion_overdue_s": 900.0}) | {control_plane.namespaces: [GOING]})
    assert wrong(found) == [(WARN, "namespaces_go", "namespace/shop")]


def test_how_many_were_not_judged_is_said() -> None:
    (said,) = [one for one in judged(custom(SILENT, SILENT)) if one.check == "custom_resources_well"]
    assert said.status is OK
    assert said.reason.endswith(
        "(1 looked at); 2 not looked at: widgets.example.com (whose status says nothing that is known)"
    )
    assert said.numbers == {"read": 1, "not_looked_at": 2}


def test_those_that_were_not_judged_are_named_beside_one_that_failed() -> None:
    said = [one for one in judged(custom(SILENT, CUSTOM | UNREADY)) if one.check == "custom_resources_well"]
    assert [(one.status, one.subject) for one in said] == [(WARN, "widget.example.com/w"), (OK, "custom resources")]
    assert said[1].reason == (
        "beside what is told of custom resources: 1 not looked at: widgets.example.com (whose status says nothing that is known)"
    )
    assert said[1].numbers == {"not_looked_at": 1}


def test_a_resource_of_which_nothing_could_be_judged_is_unknown() -> None:
    gadget = SILENT | {"resource": "gadgets.example.com"}
    said = [one for one in judged(custom(gadget, gadget)) if one.check == "custom_resources_well"]
    assert [(one.status, one.subject, one.numbers) for one in said] == [
        (UNKNOWN, "crd/gadgets.example.com", {"not_looked_at": 2})
    ]
    assert said[0].reason == "cannot be told: of 2 objects none has a status that says anything that is known"
    assert wrong(judged(custom(gadget, gadget | {"judged": True}))) == []
    assert wrong(judged(custom(gadget | {"age_s": 5.0}))) == []


def test_a_resource_that_could_not_be_read_is_unknown_by_name_beside_the_others() -> None:
    found = [one for one in judged(custom(UNREAD, CUSTOM | UNREADY)) if one.status is not OK]
    assert {(one.status, one.subject) for one in found} == {
        (UNKNOWN, "crd/gadgets.example.com"),
        (WARN, "widget.example.com/w"),
    }
    assert "cannot be told: the server does not know it" in {one.reason for one in found}


def test_where_none_is_named_none_is_looked_at() -> None:
    (said,) = [one for one in judged({custom_resources.states: []}) if one.check == "custom_resources_well"]
    assert (said.status, said.numbers) == (OK, {"read": 0})
