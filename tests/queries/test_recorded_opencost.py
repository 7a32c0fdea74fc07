"""What a real OpenCost answered (tests/recorded/opencost), read by our queries: costs of a known truth, and 200s that are none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.errors import NotFound, OpsError, SourceError, Unsupported
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Target
from gocoffee_ops.queries import opencost
from gocoffee_ops.session import Session
from gocoffee_ops.sources.opencost import OpenCost
from tests.cost_apis import ASSETS, allocation
from tests.http_server import Answer, serving
from tests.support import live_session
from tests.testbed.opencost import BALANCER_HOUR, CORE, FOLDER, GIB_HOUR, NODES, VOLUMES

NODES_A_DAY = sum(Decimal(str(CORE)) * Decimal(str(c)) + Decimal(str(GIB_HOUR)) * g for c, g in NODES.values()) * 24


def recorded(name: str) -> dict[str, Any]:
    """One answer: what was asked, status, content_type, body."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def data(name: str) -> Any:
    return json.loads(recorded(name)["body"])["data"]


def days() -> list[datetime]:
    """Those of which there is all."""
    return [datetime.fromisoformat(next(iter(one.values()))["start"]) for one in data("allocation")]


@contextmanager
def answering(name: str, folder: Path, *, days_later: int = 1) -> Iterator[Session]:
    """A session that reads an OpenCost which gives that answer, whatever it is asked; so many days after those it has."""
    told = recorded(name)
    answer = Answer(told["status"], told["body"].encode(), content_type=told["content_type"])
    with serving(lambda _: answer) as server:
        source = OpenCost("opencost/main", server.url, currency="EUR")
        yield live_session(
            folder, sources={Target("opencost", "main"): source}, as_of=days()[-1] + timedelta(days=days_later)
        )
        source.close()


def test_what_nodes_cost_is_what_is_allocated_and_idle(tmp_path: Path) -> None:
    with answering("allocation", tmp_path) as ops:
        rows = records(opencost.allocation(ops, window="2d"))
    for day in days():
        here = {row["name"]: row for row in rows if row["day"] == day}
        assert set(here) == {"__idle__", "__unmounted__", "go-coffee", "kube-system"}
        spent = sum((row["cpu_list"] + row["memory_list"] for row in here.values()), Decimal(0))
        assert spent == NODES_A_DAY
        assert (here["__idle__"]["part"], here["__idle__"]["cpu_core_hours"]) == ("idle", 0.0)
        assert here["go-coffee"]["cpu_core_hours"] == 24.0
    assert {row["missing"] for row in rows} == {None}


def test_a_workload_is_told_with_its_kind(tmp_path: Path) -> None:
    with answering("allocation-by-controller", tmp_path) as ops:
        rows = records(opencost.allocation(ops, window="2d", aggregate="controller"))
    assert {row["workload"] for row in rows if row["part"] == "allocated"} == {
        "deployment/orders",
        "deployment/coredns",
    }


def test_c01_idle_is_not_there_unless_it_is_asked_for() -> None:
    assert all("__idle__" in one for one in data("allocation"))
    assert not any("__idle__" in one for one in data("allocation-without-asking-for-idle"))


def test_c03_a_load_balancer_without_pods_costs_twice_as_much_in_one_answer_as_in_the_other() -> None:
    by_day = [one["__unmounted__"]["loadBalancerCost"] for one in data("allocation")]
    (asset,) = [one for one in data("assets").values() if one["type"] == "LoadBalancer"]
    assert by_day == pytest.approx([2 * BALANCER_HOUR * 24] * 2, rel=0.01)
    assert asset["totalCost"] == pytest.approx(BALANCER_HOUR * 48, rel=0.01)


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("allocation-of-a-window-without-data", NotFound, "has no entry"),
        ("allocation-by-a-wrong-aggregate", Unsupported, "no name"),
        ("allocation-of-a-wrong-window", SourceError, "400"),
    ],
)
def test_c06_what_it_answers_where_it_has_nothing_to_say_is_unknown(
    name: str, error: type[OpsError], said: str, tmp_path: Path
) -> None:
    with answering(name, tmp_path) as ops, pytest.raises(error, match=said):
        opencost.allocation(ops, window="2d")


@pytest.mark.parametrize(
    ("name", "error"), [("assets-of-a-window-without-data", NotFound), ("assets-of-a-wrong-window", SourceError)]
)
def test_c06_assets_of_no_window_are_unknown(name: str, error: type[OpsError], tmp_path: Path) -> None:
    with answering(name, tmp_path) as ops, pytest.raises(error):
        opencost.assets(ops, window="2d")


def test_c08_a_disk_without_a_price_is_not_free(tmp_path: Path) -> None:
    with answering("assets", tmp_path) as ops:
        rows = {row["name"]: row for row in records(opencost.assets(ops, window="2d"))}
    assert {name: row["storage_gib"] for name, row in rows.items() if row["type"] == "Disk"} == {
        name: float(gib) for name, (gib, _) in VOLUMES.items()
    }
    assert (rows["pvc-2"]["total_list"], rows["pvc-2"]["missing"]) == (None, "its price is 0")
    assert rows["pvc-1"]["total_list"] == Decimal("0.048")
    nodes = [row for row in rows.values() if row["type"] == "Node"]
    assert sum(row["total_list"] for row in nodes) == 2 * NODES_A_DAY
    assert {row["name"]: (row["cpu_cores"], row["memory_gib"]) for row in nodes} == {
        name: (cores, float(gib)) for name, (cores, gib) in NODES.items()
    }


def test_the_tests_own_servers_say_what_it_says_and_nothing_else() -> None:
    """Names and kinds of values; of an asset, ours has a part of them."""
    ours, idle = allocation("go-coffee", "2026-01-05"), allocation("__idle__", "2026-01-05")
    real = data("allocation")[0]
    assert kinds(ours) == kinds({**real["go-coffee"], "pvs": None})
    assert set(kinds(real["__idle__"])) - set(kinds(idle)) == {"proportionalAssetResourceCosts", "sharedCostBreakdown"}
    assert [name for name, value in real["__idle__"].items() if value != 0 and isinstance(value, int | float)] == [
        "minutes", "cpuCost", "ramCost", "totalCost",
    ]  # fmt: skip
    by_type = {one["type"]: one for one in data("assets").values()}
    for asset in ASSETS.values():
        known = kinds(by_type[asset["type"]])
        assert {name: kind for name, kind in kinds(asset).items() if known.get(name) != kind} == {}
        assert set(asset["properties"]) <= set(by_type[asset["type"]]["properties"])


def kinds(entry: dict[str, Any]) -> dict[str, str]:
    """What kind of value each name has; a number is a number, whole or not."""
    return {name: "number" if isinstance(value, int | float) else type(value).__name__ for name, value in entry.items()}


def test_c04_a_day_of_which_it_saw_two_minutes_is_unknown_though_a_volume_says_all_of_it(tmp_path: Path) -> None:
    first = days()[-1]
    ends = first + timedelta(days=2)
    with answering("allocation-of-a-window-that-ends-without-data", tmp_path, days_later=2) as ops:
        opencost.allocation(ops, window=f"{first:%FT%TZ},{ends:%FT%TZ}")
    (found,) = ops.findings
    assert found.status is Status.UNKNOWN
    assert f"of {first + timedelta(days=1):%F} it saw 2 of 1,440 minutes" in found.reason
