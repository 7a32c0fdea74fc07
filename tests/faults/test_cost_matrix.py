"""Bills, Cost Explorer, OpenCost, KubeCost, Prometheus and clusters x each fault, in whole runs of the cost analysis.

One run has, beside a sound place of each kind, one for every fault: each costs itself, and says why. In three more the only place
of two kinds has a fault: what rests on them is blocked, and all that rests on others is what it is in the sound run. Real are
the API server, Prometheus and the bill's files; S3, Cost Explorer, OpenCost and KubeCost speak their contracts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.demo.bill import CURRENCY, Item, focus_rows, synthetic_bill
from tests.aws import BUCKET, IDENTITY, NOWHERE, SECRET_KEY
from tests.demo.report_tables import tables
from tests.faults import http_proxy, tcp_proxy
from tests.faults.cost_faults import DEADLINE_S, EMPTY, EMPTY_SAID, FAULTS, FILES, KINDS, MATRIX
from tests.focus_files import charge, write_parquet
from tests.http_server import Answer, Asked, Script, says, serving
from tests.review.environment import Configured, Ran, cli
from tests.testbed.control_plane import Cluster
from tests.testbed.incident.bill import MONEY, settings, stage_of
from tests.testbed.incident.opencost import opencost
from tests.testbed.incident.usage import usage_of
from tests.testbed.prometheus import PrometheusServer

RUN_DEADLINE_S = 120.0
Place = dict[str, Any]  # a table of the configuration, without its name


@dataclass(frozen=True)
class Sound:
    """Where each kind is read soundly, what else an environment has, and the real API server."""

    places: dict[str, Place]
    cluster: Cluster
    more: list[str]


def _billed(items: list[Item]) -> Script:
    """Cost Explorer with the days of a bill."""
    days: defaultdict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for item in items:
        day = days[f"{item.focus['ChargePeriodStart']:%Y-%m-%d}"]
        day["UnblendedCost"] += item.focus["BilledCost"]
        day["AmortizedCost"] += item.focus["EffectiveCost"]

    def answer(asked: Asked) -> Answer:
        period = json.loads(asked.body)["TimePeriod"]
        first, last = (datetime.fromisoformat(period[end]) for end in ("Start", "End"))
        found = []
        for day in (first + timedelta(days=n) for n in range((last - first).days)):
            money = {name: {"Amount": str(days[f"{day:%Y-%m-%d}"][name]), "Unit": "EUR"} for name in METRICS}
            span = {"Start": f"{day:%Y-%m-%d}", "End": f"{day + timedelta(days=1):%Y-%m-%d}"}
            found.append({"TimePeriod": span, "Total": money, "Groups": [], "Estimated": True})
        return says({"ResultsByTime": found})

    return answer


METRICS = ("UnblendedCost", "AmortizedCost")


def _as_kubecost(answer: Callable[[Asked], Answer]) -> Script:
    """KubeCost, which says the same by other names."""

    def answered(asked: Asked) -> Answer:
        query = asked.query | {"includeIdle": asked.query.get("idle", "true")}
        return answer(replace(asked, path=asked.path.removeprefix("/model"), query=query))

    return answered


@pytest.fixture(scope="module")
def sound(
    healthy_cluster: Cluster, prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sound]:
    folder, now = tmp_path_factory.mktemp("sound"), datetime.now(UTC)
    usage = usage_of(healthy_cluster, now)
    usage = replace(usage, containers=usage.containers[::3])  # a third of them: history takes a while to make
    stage = replace(stage_of(healthy_cluster, now), provider="AWS")
    items = [one for one in synthetic_bill(stage) if one.focus["BillingCurrency"] == CURRENCY]
    write_parquet(folder / "bill" / "focus.parquet", list(focus_rows(items)), money=MONEY)
    answer = opencost(stage, usage.containers, planted=False)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in (IDENTITY | NOWHERE).items():
            patch.setenv(name, value)
        places = {
            "bill": {"path": str(folder / "bill")},
            "cost_explorer": {"endpoint_url": stack.enter_context(serving(_billed(items))).url},
            "opencost": {"url": stack.enter_context(serving(answer)).url, "currency": "EUR"},
            "kubecost": {"url": stack.enter_context(serving(_as_kubecost(answer))).url, "currency": "EUR"},
            "prometheus": {"url": stack.enter_context(PrometheusServer(usage.past())).url},
            "cluster": {
                "kubeconfig": str(healthy_cluster.kubeconfig("reader")), "context": healthy_cluster.name,
            },
        }  # fmt: skip
        yield Sound(places, healthy_cluster, settings("costs", stage))


def _file(fault: str, folder: Path) -> Place:
    """A bill's folder that has it."""
    path = folder / fault
    if fault != "absent":
        yesterday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        file = write_parquet(path / "focus.parquet", [charge(ChargePeriodStart=yesterday)])
        whole = file.read_bytes()
        if fault == "empty":
            file.unlink()
            (path / "focus.csv").write_text(",".join(charge()) + "\n")
        else:
            file.write_bytes(b"<html>sign in</html>" if fault == "malformed-file" else whole[: len(whole) // 2])
    return {"path": str(path)}


def _at(script: Script | Answer | None, stack: ExitStack) -> str:
    if script is None:
        return f"http://127.0.0.1:{tcp_proxy.closed_port()}"
    return stack.enter_context(serving((lambda _: script) if isinstance(script, Answer) else script)).url


def _faulty(kind: str, fault: str, sound: Sound, folder: Path, stack: ExitStack) -> Place:
    """A place of a kind with a fault, for as long as the stack lasts."""
    if kind == "bill" and fault in FILES:
        return _file(fault, folder)
    answer: Answer | None
    if fault == "empty":
        answer = EMPTY[kind]
    elif kind == "bill":
        return {"path": f"s3://{BUCKET}/focus/", "endpoint_url": _at(FAULTS[fault].s3, stack)}
    elif kind == "cluster":
        return _faulty_cluster(fault, sound, folder, stack)
    else:
        answer = FAULTS[fault].cost_explorer if kind == "cost_explorer" else FAULTS[fault].http
    url = _at(answer, stack)
    return {"endpoint_url": url} if kind == "cost_explorer" else sound.places[kind] | {"url": url}


def _faulty_cluster(fault: str, sound: Sound, folder: Path, stack: ExitStack) -> Place:
    strike = FAULTS[fault].cluster or http_proxy.through
    proxy = stack.enter_context(http_proxy.proxy(sound.cluster.server, strike))
    server = proxy.url if FAULTS[fault].cluster else f"https://127.0.0.1:{tcp_proxy.closed_port()}"
    reader, path = sound.cluster.kubeconfig("reader"), folder / f"{fault}.kubeconfig"
    return {
        "kubeconfig": str(http_proxy.kubeconfig_through(reader, server, proxy.ca_file, path)),
        "context": sound.cluster.name,
    }


def _run(places: dict[str, dict[str, Place]], sound: Sound, folder: Path) -> Ran:
    """A whole run over places: kind -> name -> place."""
    text = "[environments.costs]\n"
    for kind, named in places.items():
        for name, place in named.items():
            text += f"[[environments.costs.{KINDS[kind]}]]\nname = {json.dumps(name)}\n"
            text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in place.items())
    text += "\n".join(sound.more)
    text += f"\n[environments.costs.limits]\nquery_deadline_s = {DEADLINE_S}\n"
    text += f"cell_deadline_s = 60.0\nrun_deadline_s = {RUN_DEADLINE_S}\n"
    (folder / "gocoffee.toml").write_text(text)
    ready = Configured(folder)
    done = cli(ready, "run", "cost-analysis", "--env", "costs", "--reports", str(ready.reports))
    (made,) = (ready.reports / "cost-analysis").glob("[0-9]*")
    return Ran(done.returncode, done.stdout + done.stderr, made, json.loads((made / "run.json").read_text()))


# Runs in which the only place of some kinds has a fault; and the cells that are lost then, by heading.
BLOCKED, FAILED = "blocked", "failed"
LINES = {  # what is made of the lines of the bill
    "What the bill is for": [BLOCKED, BLOCKED],
    "Whose it is": [BLOCKED, BLOCKED],
    "Day by day": [BLOCKED],
    "The month and its budgets": [BLOCKED],
    "2. Review KubeCost dashboard": ["ok", BLOCKED],
    "Idle, and what is requested and not used": ["ok", BLOCKED],
    "Which nodes could go, and what it would save": ["ok", BLOCKED],
    "What is paid for nobody": [BLOCKED],
    "Verdict": [FAILED],
}
DEAD: dict[str, tuple[dict[str, str], dict[str, list[str]]]] = {
    "bill and kubecost": (
        {"bill": "truncated-file", "kubecost": "401"},
        LINES
        | {
            "The bill and its days": [FAILED],
            "What Cost Explorer says": ["ok", BLOCKED],
            "What changed since the week before, and why": [BLOCKED],
        },
    ),
    "prometheus and opencost": ({"prometheus": "5xx", "opencost": "malformed"}, {}),
    "cluster and cost explorer": ({"cluster": "refused", "cost_explorer": "403"}, {}),
}


@pytest.fixture(scope="module")
def run_of(sound: Sound, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ran]:
    """The sound run (`none`), the one with all faults (`all`), or one of `DEAD`; each is made once."""
    runs: dict[str, Ran] = {}

    def run(name: str) -> Ran:
        if name not in runs:
            folder = tmp_path_factory.mktemp("fault")
            with ExitStack() as stack:
                faulty = partial(_faulty, sound=sound, folder=folder, stack=stack)
                places: dict[str, dict[str, Place]] = {kind: {"sound": sound.places[kind]} for kind in KINDS}
                if name == "all":
                    for kind, fault in MATRIX:
                        places[kind][fault] = faulty(kind, fault)
                elif name != "none":
                    places |= {kind: {fault: faulty(kind, fault)} for kind, fault in DEAD[name][0].items()}
                runs[name] = _run(places, sound, folder)
        return runs[name]

    return run


def _gaps(ran: Ran, subject: str) -> list[str]:
    """What is said against a place."""
    of = [one for one in ran.run["findings"] if one["subject"] == subject and one["status"] == "UNKNOWN"]
    return [part["reason"] for one in of for part in one["parts"] or [one]]


def _cells(ran: Ran) -> dict[str, list[str]]:
    """The states of cells, by heading."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for cell in ran.run["cells"]:
        found[cell["heading"]].append(cell["state"])
    return dict(found)


def test_the_matrix_prints_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfault matrix: {len(MATRIX)} of {', '.join(KINDS)} x {', '.join(FAULTS)}, files and empty answers")
    assert len(set(MATRIX)) == len(MATRIX) == 50


def test_the_sound_run_is_whole(run_of: Callable[[str], Ran]) -> None:
    ran = run_of("none")
    assert ran.run["coverage"]["percent"] == 100, ran.run["findings"]
    assert {state for states in _cells(ran).values() for state in states} == {"ok"}, ran.printed
    assert not [one for one in ran.run["findings"] if one["check"] == "cost_explorer_agrees" and one["status"] != "OK"]
    assert len(ran.run["findings"]) > 10


@pytest.mark.parametrize(("kind", "fault"), MATRIX, ids=[f"{kind}-{fault}" for kind, fault in MATRIX])
def test_a_fault_costs_its_own_place_and_says_why(run_of: Callable[[str], Ran], kind: str, fault: str) -> None:
    ran, subject = run_of("all"), f"{kind}/{fault}"
    said = FAULTS[fault].said if fault in FAULTS else FILES[fault] if kind == "bill" else EMPTY_SAID
    gaps = _gaps(ran, subject)
    assert gaps
    assert all(any(words in gap for words in said) for gap in gaps), gaps
    answered, asked = ran.covered(subject)
    if (kind, fault) == ("bill", "empty"):  # which was read, and is no bill of these days
        assert answered == asked > 0
    else:  # how many requests to Cost Explorer there would be is told without asking
        assert (answered, asked > answered) == (int(kind == "cost_explorer"), True)
    assert subject in ran.report


def test_with_all_faults_at_once_the_run_ends_in_time_and_what_is_sound_is_whole(run_of: Callable[[str], Ran]) -> None:
    ran, whole = run_of("all"), run_of("none")
    assert (ran.run["status"], ran.exit_code) in {("CRIT", 2), ("UNKNOWN", 3)}
    assert _cells(ran) == _cells(whole)
    for kind in KINDS:
        assert ran.covered(f"{kind}/sound") == whole.covered(f"{kind}/sound")
        assert _gaps(ran, f"{kind}/sound") == _gaps(whole, f"{kind}/sound")
    assert SECRET_KEY not in ran.report + ran.printed


def test_a_bill_that_was_not_read_has_no_share_of_its_money_explained(run_of: Callable[[str], Ran]) -> None:
    shown = tables(run_of("all").folder)["What the bill is for"]
    (rows,) = [table for table in shown if table and "effective_explained_share" in table[0]]
    bills = {row["bill"]: row for row in rows}
    unread = {fault for kind, fault in MATRIX if kind == "bill"} - {
        "empty"
    }  # which was read, and is no bill of these days
    assert unread < bills.keys()
    for fault in unread:
        assert (bills[fault]["effective"], bills[fault]["effective_explained_share"]) == ("n/a", "n/a")
        assert bills[fault]["why"].startswith("not read: ")
    assert (
        0 < float(bills["sound"]["effective_explained_share"]) < 100
    )  # part of it may be of a cluster that did not answer


@pytest.mark.parametrize("name", DEAD)
def test_a_source_that_is_lost_costs_what_rests_on_it_alone(run_of: Callable[[str], Ran], name: str) -> None:
    ran, whole = run_of(name), run_of("none")
    dead, lost = DEAD[name]
    assert _cells(ran) == _cells(whole) | lost
    assert (ran.run["status"], ran.exit_code) in {("CRIT", 2), ("UNKNOWN", 3)}
    for kind, fault in dead.items():
        assert _gaps(ran, f"{kind}/{fault}")
        assert f"{kind}/{fault}" in ran.report
    for kind in KINDS.keys() - dead.keys():
        answered, asked = ran.covered(f"{kind}/sound")
        assert answered == asked


# What rests on a source that is lost is judged, and never well. (Without a bill the cells that judge are blocked.)
REST = {
    "prometheus and opencost": {
        "usage_covered", "bill_reconciled", "costs_tagged", "budgets_kept", "nodes_used", "requests_sized", "advice_held",
        "nodes_needed", "savings_bankable", "nothing_orphaned",
    },
    "cluster and cost explorer": {
        "cost_explorer_agrees", "bill_reconciled", "costs_covered", "costs_tagged", "budgets_kept", "nodes_used",
        "requests_sized", "nodes_needed", "savings_bankable", "nothing_orphaned",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", REST)
def test_what_rests_on_a_source_that_is_lost_is_never_well(run_of: Callable[[str], Ran], name: str) -> None:
    judged = [one for one in run_of(name).run["findings"] if one["check"] in REST[name]]
    assert {one["check"] for one in judged} == REST[name]
    assert [one for one in judged if one["status"] == "OK"] == []


def test_hours_that_were_not_read_are_no_coverage(run_of: Callable[[str], Ran]) -> None:
    covered = [one for one in run_of("prometheus and opencost").run["findings"] if one["check"] == "costs_covered"]
    assert {one["subject"] for one in covered if one["status"] == "UNKNOWN"} >= {"core-hours", "GiB-hours"}


# What is concluded of one source, without the others.
OWN = {
    "bill": ("bill_files_sound", "bill_days_present", "costs_steady"),
    "prometheus": ("usage_covered", "advice_held"),
}


@pytest.mark.parametrize("name", DEAD)
def test_what_is_concluded_of_the_others_is_what_it_is_when_all_is_sound(
    run_of: Callable[[str], Ran], name: str
) -> None:
    def told(ran: Ran) -> set[tuple[str, str, str]]:
        checks = {check for kind, own in OWN.items() if kind not in DEAD[name][0] for check in own}
        return {(one["check"], one["subject"], one["status"]) for one in ran.run["findings"] if one["check"] in checks}

    assert told(run_of(name)) == told(run_of("none")) != set()
