"""OpenCost and KubeCost, by servers that speak their contracts: what they allocate, and 200s that are no answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.analysis.costs import opencost_prices
from gocoffee_ops.errors import Malformed, NotFound, OpsError, ParameterError, ServerFault, Unsupported
from gocoffee_ops.frames import records
from gocoffee_ops.model import Status, Target
from gocoffee_ops.queries import kubecost, opencost
from gocoffee_ops.queries.query import Query
from gocoffee_ops.session import Session
from gocoffee_ops.sources.kubecost import KubeCost
from gocoffee_ops.sources.opencost import OpenCost
from tests.cost_apis import RECOMMENDED, allocation, by_name, days_of, enveloped, sound
from tests.http_server import Answer, HttpServer, Script, says, serving
from tests.support import live_session

AS_OF = datetime(2026, 1, 8, 9, 30, tzinfo=UTC)
BOTH: list[Query[...]] = [opencost.allocation, kubecost.allocation]


@contextmanager
def reading(script: Script, folder: Path) -> Iterator[tuple[Session, HttpServer]]:
    """A session that reads an OpenCost and a KubeCost which answer alike."""
    with serving(script) as server:
        ours: dict[Target, Any] = {
            Target("opencost", "main"): OpenCost("opencost/main", server.url, currency="EUR"),
            Target("kubecost", "main"): KubeCost("kubecost/main", server.url, currency="EUR"),
        }
        yield live_session(folder, sources=ours, as_of=AS_OF), server
        for source in ours.values():
            source.close()


@pytest.mark.parametrize("query", BOTH, ids=lambda query: query.name)
def test_allocations_come_by_complete_utc_day_with_idle(query: Query[...], tmp_path: Path) -> None:
    with reading(sound, tmp_path) as (ops, server):
        rows = records(query(ops))
    assert server.asked[0].query["window"] == "2026-01-01T00:00:00Z,2026-01-08T00:00:00Z"
    assert ops.findings == []
    assert {row["day"].day for row in rows} == set(range(1, 8))
    totals = {name: sum(row["total_list"] for row in rows if row["name"] == name) for name in {r["name"] for r in rows}}
    assert totals == {"go-coffee": Decimal("12.95"), "kube-system": Decimal("2.45"), "__idle__": Decimal("21.00")}
    assert {row["part"] for row in rows} == {"allocated", "idle"}
    row = rows[1]
    assert (row["name"], row["cpu_list"], row["memory_list"]) == ("go-coffee", Decimal("1.25"), Decimal("0.5"))
    assert (row["cpu_core_hours"], row["memory_gib_hours"], row["currency"]) == (24.0, 48.0, "EUR")
    assert (row["other_list"], row["total_effective"], row["missing"]) == (Decimal(0), None, None)


def test_what_comes_from_the_bill_is_another_column(tmp_path: Path) -> None:
    def adjusted(asked: Any) -> Answer:
        return enveloped(
            *(by_name(allocation("a", day, cpuCost=10.0, cpuCostAdjustment=-4.0)) for day in days_of(asked))
        )

    with reading(adjusted, tmp_path) as (ops, _):
        row = records(opencost.allocation(ops, window="1d"))[0]
    assert (row["total_list"], row["adjustment_effective"], row["total_effective"]) == (10, -4, 6)


def test_a_price_that_is_no_number_is_missing_and_not_free(tmp_path: Path) -> None:
    with reading(lambda a: enveloped(by_name(allocation("a", days_of(a)[0], cpuCost=None, ramCost=0.5))), tmp_path) as (
        ops,
        _,
    ):
        row = records(opencost.allocation(ops, window="1d"))[0]
    assert (row["cpu_list"], row["missing"]) == (None, "no price of cpu")


EMPTY = [
    enveloped(), enveloped({}), enveloped({}, {}), enveloped(None), says({"code": 200, "data": None}), says({"code": 200}),
]  # fmt: skip


@pytest.mark.parametrize("query", BOTH, ids=lambda query: query.name)
@pytest.mark.parametrize("answer", EMPTY, ids=["no set", "empty set", "empty sets", "null set", "null", "no data"])
def test_c06_a_200_with_an_empty_set_is_unknown(query: Query[...], answer: Answer, tmp_path: Path) -> None:
    with reading(lambda _: answer, tmp_path) as (ops, _):
        with pytest.raises(NotFound, match="has no entry"):
            query(ops)
        assert [f.status for f in ops.findings] == [Status.UNKNOWN]


@pytest.mark.parametrize("query", BOTH, ids=lambda query: query.name)
def test_c06_an_aggregate_that_has_no_name_is_unknown(query: Query[...], tmp_path: Path) -> None:
    def nameless(asked: Any) -> Answer:
        return enveloped(*(by_name(allocation("", day, cpuCost=1.0)) for day in days_of(asked)))

    with reading(nameless, tmp_path) as (ops, _):
        with pytest.raises(Unsupported, match="no name to what it aggregates by namespace"):
            query(ops)
        assert [f.status for f in ops.findings] == [Status.UNKNOWN]


@pytest.mark.parametrize("query", BOTH, ids=lambda query: query.name)
@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (Answer(200, b"Invalid window parameter", content_type="text/plain"), Malformed, "text/plain instead of JSON"),
        (Answer(200, b"Error: no data", content_type="application/json"), Malformed, "14 bytes"),
        (says({"code": 500, "message": "error querying Prometheus"}), ServerFault, "500: error querying Prometheus"),
        (says({"code": 200, "data": [{"a": {"name": "a"}}]}), Malformed, "start"),
        (says({"code": 200, "data": "none"}), Malformed, "array"),
    ],
    ids=["a sentence", "a sentence called JSON", "a fault in a 200", "other entries", "other data"],
)
def test_c06_a_200_that_is_no_answer_is_unknown_with_its_reason(
    query: Query[...], answer: Answer, error: type[OpsError], said: str, tmp_path: Path
) -> None:
    with reading(lambda _: answer, tmp_path) as (ops, _):
        with pytest.raises(error, match=said):
            query(ops)
        assert [f.status for f in ops.findings] == [Status.UNKNOWN]


@pytest.mark.parametrize("query", BOTH, ids=lambda query: query.name)
@pytest.mark.parametrize(
    "arguments",
    [
        {"window": "lastweek"}, {"window": "7"}, {"window": "0d"}, {"window": "93d"}, {"window": "24h"}, {"window": ""},
        {"window": "2026-01-01T00:00:00Z,2026-01-01T00:00:00Z"}, {"window": "2026-01-01T00:00:00,2026-01-02T00:00:00"},
        {"window": "2026-01-01T06:00:00Z,2026-01-02T06:00:00Z"}, {"window": "2026-01-07T00:00:00Z,2026-01-09T00:00:00Z"},
        {"aggregate": "namespce"}, {"aggregate": ""}, {"aggregate": "label:"}, {"aggregate": "namespace,team"},
    ],
    ids=str,
)  # fmt: skip
def test_c06_a_wrong_window_or_aggregate_is_refused_before_anything_is_asked(
    query: Query[...], arguments: dict[str, str], tmp_path: Path
) -> None:
    with reading(sound, tmp_path) as (ops, server):
        with pytest.raises(ParameterError):
            query(ops, **arguments)
        assert server.asked == []


def test_c04_a_day_that_was_seen_in_part_or_not_at_all_is_unknown(tmp_path: Path) -> None:
    def gaps(asked: Any) -> Answer:
        first, second, *_ = days_of(asked)
        return enveloped(
            by_name(allocation("a", first, cpuCost=1.0)), by_name(allocation("a", second, minutes=1080.0)), {}
        )

    with reading(gaps, tmp_path) as (ops, _):
        table = opencost.allocation(ops, window="3d")
    assert len(table) == 2
    (found,) = ops.findings
    assert found.status is Status.UNKNOWN
    assert "of 2026-01-06 it saw 1,080 of 1,440 minutes" in found.reason
    assert "it has no data of 2026-01-07" in found.reason


WRONG_IDLE: dict[str, tuple[dict[str, float] | None, list[str]]] = {
    "negative": ({"cpuCost": -3.0, "ramCost": 1.0}, ["idle cpu of 2026-01-07 is -3.00"]),
    "negative memory behind CPU": ({"cpuCost": 5.0, "ramCost": -2.0}, ["idle memory of 2026-01-07 is -2.00"]),
    "negative GPU": ({"cpuCost": 5.0, "ramCost": 2.0, "gpuCost": -0.5}, ["idle gpu of 2026-01-07 is -0.50"]),
    "cut off at 0": ({"cpuCost": 5.0}, ["idle memory of 2026-01-07 is exactly 0"]),
    "nothing": ({}, ["idle cpu of 2026-01-07 is exactly 0", "idle memory of 2026-01-07 is exactly 0"]),
    "no row": (None, ["it has no idle of 2026-01-07"]),
}


@pytest.mark.parametrize("query", BOTH, ids=lambda query: query.name)
@pytest.mark.parametrize(("idle", "said"), WRONG_IDLE.values(), ids=list(WRONG_IDLE))
def test_c10_idle_that_cannot_be_is_unknown(
    query: Query[...], idle: dict[str, float] | None, said: list[str], tmp_path: Path
) -> None:
    def answer(asked: Any) -> Answer:
        day = days_of(asked)[0]
        rest = [] if idle is None else [allocation("__idle__", day, **idle)]
        return enveloped(by_name(allocation("a", day, cpuCost=1.0, ramCost=1.0), *rest))

    with reading(answer, tmp_path) as (ops, _):
        query(ops, window="1d")
    (found,) = ops.findings
    assert found.status is Status.UNKNOWN
    assert all(words in found.reason for words in said), found.reason
    assert found.reason.count(" of 2026-01-07") == len(said)


def of(cluster: str, name: str, **more: Any) -> dict[str, Any]:
    return allocation(f"{cluster}/{name}", "2026-01-07", properties={"cluster": cluster} if cluster else {}, **more)


IDLE, POD = {"cpuCost": 1.0, "ramCost": 1.0}, {"cpuCost": 5.0, "ramCost": 5.0}
SOUND = [of("a", "__idle__", **IDLE), of("a", "shop", **POD), of("b", "shop", **POD)]
CLUSTERS: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "each has idle": ([*SOUND, of("b", "__idle__", **IDLE)], []),
    "idle of both together": ([of("", "__idle__", **IDLE), *SOUND[1:]], []),
    "a namespace of both, for a while": (
        [of("a", "__idle__", **IDLE), of("b", "__idle__", **IDLE), of("", "lab", **POD, minutes=30.0)],
        [],
    ),
    "one seen in part": (
        [*SOUND, of("b", "__idle__", **IDLE, minutes=600.0)],
        ["of 2026-01-07 (cluster b) it saw 600 of 1,440 minutes"],
    ),
    "one without idle": (SOUND, ["it has no idle of 2026-01-07 (cluster b)"]),
    "one cut off at 0": (
        [*SOUND, of("b", "__idle__")],
        ["idle cpu of 2026-01-07 (cluster b) is exactly 0", "idle memory of 2026-01-07 (cluster b) is exactly 0"],
    ),
}


@pytest.mark.parametrize(("entries", "said"), CLUSTERS.values(), ids=list(CLUSTERS))
def test_c10_each_clusters_idle_is_looked_at(entries: list[dict[str, Any]], said: list[str], tmp_path: Path) -> None:
    with reading(lambda _: enveloped(by_name(*entries)), tmp_path) as (ops, _):
        opencost.allocation(ops, window="1d")
    reasons = [found.reason for found in ops.findings]
    assert len(reasons) == bool(said)
    assert all(words in reasons[0] for words in said)
    assert not said or reasons[0].count("2026-01-07") == len(said), reasons


PARTS = {
    "cpu": {"cpuCoreHours": 5.0}, "memory": {"ramByteHours": 1e12}, "gpu": {"gpuHours": 2.0}, "storage": {"pvByteHours": 1e12},
    "network": {"networkTransferBytes": 1e9}, "load_balancer": {"lbAllocations": {"lb": {"service": "a/web", "hours": 24.0}}},
}  # fmt: skip
COSTS = {
    "cpu": "cpuCost", "memory": "ramCost", "gpu": "gpuCost", "storage": "pvCost", "network": "networkCost",
    "load_balancer": "loadBalancerCost",
}  # fmt: skip
NONE_AT_ALL = {"cpuCoreHours": 0.0, "ramByteHours": 0.0}


def read_rows(folder: Path, *entries: dict[str, Any]) -> dict[str, dict[str, Any]]:
    with reading(lambda a: enveloped(by_name(*entries)), folder) as (ops, _):
        return {row["name"]: row for row in records(opencost.allocation(ops, window="1d"))}


@pytest.mark.parametrize("part", PARTS)
def test_c08_a_part_that_costs_nothing_though_there_was_some_is_missing_and_not_free(part: str, tmp_path: Path) -> None:
    row = read_rows(tmp_path, allocation("a", "2026-01-07", **NONE_AT_ALL | PARTS[part]))["a"]
    assert (row[f"{part}_list"], row["missing"]) == (None, f"no price of {part}")
    assert [row[f"{other}_list"] for other in PARTS if other != part] == [0] * 5


@pytest.mark.parametrize("part", PARTS)
def test_c08_what_others_have_a_price_of_is_missing_where_it_costs_nothing(part: str, tmp_path: Path) -> None:
    priced = allocation("b", "2026-01-07", **NONE_AT_ALL | PARTS[part] | {COSTS[part]: 1.0})
    rows = read_rows(tmp_path, allocation("a", "2026-01-07", **NONE_AT_ALL | PARTS[part]), priced)
    free = part == "network"  # within a zone it is
    assert (rows["a"][f"{part}_list"], rows["b"][f"{part}_list"]) == (0 if free else None, 1)


def test_an_amount_that_is_smaller_than_they_write_is_a_price(tmp_path: Path) -> None:
    tiny = allocation("tiny", "2026-01-07", **NONE_AT_ALL | {"cpuCoreHours": 0.0001})
    rows = read_rows(tmp_path, tiny, allocation("b", "2026-01-07", cpuCost=0.72, ramCost=0.5))
    assert (rows["tiny"]["cpu_list"], rows["tiny"]["missing"]) == (0, None)


def test_assets_have_what_their_provider_calls_them_and_one_without_a_price_is_not_free(tmp_path: Path) -> None:
    with reading(sound, tmp_path) as (ops, _):
        assets = opencost.assets(ops)
    disk, balancer, node = records(assets)
    assert (node["provider_id"], node["instance_type"], node["spot"]) == ("i-0abc", "m5.large", False)
    assert (node["total_list"], node["adjustment_effective"], node["memory_gib"]) == (15, Decimal("-1.5"), 8.0)
    assert (disk["claim"], disk["storage_gib"], disk["total_list"]) == ("data-db-0", 10.0, None)
    assert disk["missing"] == "its price is 0"
    assert (balancer["type"], balancer["provider_id"], balancer["total_list"]) == (
        "LoadBalancer",
        "34.107.1.10",
        Decimal("4.2"),
    )
    prices = {(row["kind"], row["name"]): row["list"] for row in records(opencost_prices(assets))}
    assert prices["load balancer", "go-coffee/shop"] == Decimal("0.025")  # an hour of a week


def test_cloud_costs_keep_their_bases_apart(tmp_path: Path) -> None:
    with reading(sound, tmp_path) as (ops, server):
        rows = records(opencost.cloud_cost(ops, window="2d"))
        assert ops.findings == []
        with pytest.raises(ParameterError, match="aggregate 'namespace' is none"):
            opencost.cloud_cost(ops, aggregate="namespace")
    assert len(server.asked) == 1
    assert [(row["list"], row["billed"], row["effective"]) for row in rows] == [
        (3, Decimal("2.5"), Decimal("2.25"))
    ] * 2
    assert (rows[0]["service"], rows[0]["resource_id"]) == ("AmazonRDS", "db-1")


SHAPES = [
    [RECOMMENDED], {"code": 200, "data": [RECOMMENDED]}, {"Count": 1, "Recommendations": [RECOMMENDED]},
    {"code": 200, "data": {"Count": 1, "TotalMonthlySavings": 3.0, "Recommendations": [RECOMMENDED]}},
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=["bare", "enveloped", "counted", "counted in an envelope"])
def test_recommended_requests_are_read_in_every_versions_shape(shape: Any, tmp_path: Path) -> None:
    with reading(lambda _: says(shape), tmp_path) as (ops, server):
        (row,) = records(kubecost.request_sizing(ops))
    assert server.asked[0].query == {
        "window": "7d", "algorithmCPU": "quantile", "qCPU": "0.95", "algorithmRAM": "max",
        "targetCPUUtilization": "0.8696", "targetRAMUtilization": "0.8696",
    }  # fmt: skip
    assert (row["workload"], row["cpu_advised_cores"], row["cpu_request_cores"]) == ("deployment/orders", 0.23, 1.0)
    assert (row["memory_advised_mib"], row["memory_request_mib"], row["cpu_savings_list"]) == (345.0, 1024.0, 2)


@pytest.mark.parametrize("shape", [[], None, {"Recommendations": None}, {"code": 200, "data": []}], ids=str)
def test_no_recommendation_at_all_is_unknown(shape: Any, tmp_path: Path) -> None:
    with reading(lambda _: says(shape), tmp_path) as (ops, _), pytest.raises(NotFound, match="has no entry"):
        kubecost.request_sizing(ops)


def test_whether_it_has_yesterday_is_its_first_question(tmp_path: Path) -> None:
    with reading(sound, tmp_path) as (ops, server):
        for query in (opencost.reach, kubecost.reach):
            (row,) = records(query(ops))
            assert (row["day"], row["entries"], row["minutes"]) == (datetime(2026, 1, 7, tzinfo=UTC), 3, 1440.0)
    assert [asked.query["aggregate"] for asked in server.asked] == ["cluster", "cluster"]
