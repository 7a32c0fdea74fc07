"""What popeye and k8sgpt look for is found here too, or is left out and says why: each claim is made to come true."""

from __future__ import annotations

from pathlib import Path

import pytest

from gocoffee_ops import checks
from gocoffee_ops.checks.diagnosis import AREAS
from gocoffee_ops.model import Status
from tests.checks.diagnosis_tables import judged
from tests.checks.peer_cases import CASES, DIAGNOSED
from tests.checks.peers import Peer, Row, peers, written
from tests.diagnosis.scenarios import SCENARIOS

PAGE = Path(__file__).parent.parent.parent / "docs" / "diagnosis.md"
PEERS = peers()
ROWS = [row for peer in PEERS for row in peer.rows]
FOUND = [row for row in ROWS if row.check]
OF_THE_DIAGNOSIS = {name for area in AREAS for name in area.checks} | {"cluster_diagnosis"}


@pytest.mark.parametrize("row", FOUND, ids=lambda row: f"{row.code} {row.what}")
def test_the_check_that_is_named_finds_the_condition(row: Row) -> None:
    bad = {Status.UNKNOWN} if row.unknown else {Status.WARN, Status.CRIT}
    found = CASES[row.case]()
    told = [one for one in found if one.check == row.check and one.status in bad]
    assert told, [(one.status, one.check, one.reason) for one in found if one.status is not Status.OK]
    assert any(row.says in one.reason for one in told), [one.reason for one in told]
    assert all("None" not in one.reason and "\n" not in one.reason for one in told)


@pytest.mark.parametrize("case", [name for name in DIAGNOSED if name != "claim pending"])
def test_one_condition_is_one_finding(case: str) -> None:
    """Nothing but what is wrong is told, and that once."""
    wrong = [one for one in CASES[case]() if one.status is not Status.OK]
    assert len(wrong) == 1, [(one.status, one.check, one.subject, one.reason) for one in wrong]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert {one.status for one in judged({})} == {Status.OK}


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_code_and_analyzer_that_was_read_has_its_row(peer: Peer) -> None:
    assert {row.code for row in peer.rows} == set(peer.codes)
    assert len({(row.code, row.what) for row in peer.rows}) == len(peer.rows)


def test_every_row_has_one_answer_and_what_it_names_is_there() -> None:
    for row in ROWS:
        assert sum(map(bool, (row.check, row.style, row.refused, row.unseen))) == 1, row
        assert bool(row.check) is bool(row.case), row
    assert {row.check for row in FOUND} <= OF_THE_DIAGNOSIS | set(checks.__all__)
    assert {row.case for row in FOUND} <= set(CASES)


def test_scenarios_that_are_named_give_that_finding_on_a_real_api_server() -> None:
    played = {one.name: one for one in SCENARIOS}
    for row in FOUND:
        if row.scenario:
            assert row.check in {check for _, check, _ in played[row.scenario].expected}, row


def test_the_page_has_the_rows_and_their_counts() -> None:
    page = PAGE.read_text()
    assert page == written(page), "python -m tests.checks.peers docs/diagnosis.md"
