"""Every scenario of databases, Redis and addresses gives the findings that it must, and no others, in a run over all of them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import trustme

from gocoffee_ops.model import Finding, Status
from tests.diagnosis.service_scenarios import SCENARIOS, Scenario
from tests.diagnosis.services import found, platform, redis_pair
from tests.testbed.pg_fixtures import require_major
from tests.testbed.postgres import WHEEL_MAJOR, PostgresServer


@dataclass(frozen=True)
class Played:
    """What a run found after a scenario was played, and which findings it had to."""

    findings: list[Finding]
    expected: set[tuple[Status, str, str]]
    names: dict[str, str]

    @property
    def wrong(self) -> list[Finding]:
        """Those that are not OK."""
        return [one for one in self.findings if one.status is not Status.OK]


@pytest.fixture(scope="module")
def played(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Played]:
    """One scenario after the other, each on a database of its own; what it does not touch, it shares with the others."""
    told = {}
    with PostgresServer(require_major(WHEEL_MAJOR)) as postgres, redis_pair() as pair:
        authority = trustme.CA()
        for one in SCENARIOS:
            with platform(postgres, pair, authority, tmp_path_factory.mktemp(one.name)) as stage:
                one.play(stage)
                expected = {(status, check, name.format(**stage.names)) for status, check, name in one.expected}
                told[one.name] = Played(found(stage.session()), expected, dict(stage.names))
    return told


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_the_scenario_gives_its_findings_and_no_others(scenario: Scenario, played: dict[str, Played]) -> None:
    of = played[scenario.name]
    assert {(one.status, one.check, one.subject) for one in of.wrong} == of.expected, [one.reason for one in of.wrong]
    assert len(of.wrong) == len(of.expected)
    reasons = " | ".join(one.reason for one in of.wrong)
    says = [words.format(**of.names) for words in scenario.says]
    assert [words for words in says if words not in reasons] == [], reasons


def test_precision_and_recall_are_whole(played: dict[str, Played], capsys: pytest.CaptureFixture[str]) -> None:
    expected = {(name, check, subject) for name, one in played.items() for _, check, subject in one.expected}
    said = {(name, finding.check, finding.subject) for name, one in played.items() for finding in one.wrong}
    right = len(expected & said)
    with capsys.disabled():
        print(
            f"\n{len(played)} scenarios of other systems: {len(said)} findings, precision {right / len(said):.3f}, "
            f"recall {right / len(expected):.3f}"
        )
    assert said - expected == set()
    assert expected - said == set()


def test_what_is_well_is_said_to_be_by_every_check(played: dict[str, Played]) -> None:
    """No finding is none that was not looked for: each check tells what it looked at."""
    fine = [one.check for one in played["all-is-well"].findings]
    assert len(fine) == len(set(fine)) == 16
    assert all(one.evidence for one in played["all-is-well"].findings)
