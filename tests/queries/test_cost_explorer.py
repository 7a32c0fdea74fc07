"""AWS Cost Explorer: requests that its service model allows, every page read, every day come back or UNKNOWN, and the price of
asking known before and after."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from gocoffee_ops.config import CostExplorerConfig, Environment
from gocoffee_ops.errors import (
    DeadlineExceeded,
    Forbidden,
    Malformed,
    OpsError,
    ServerFault,
    Throttled,
    Unauthenticated,
    Unreachable,
    Unsupported,
    UsageError,
)
from gocoffee_ops.model import Status, Target
from gocoffee_ops.places import open_places
from gocoffee_ops.places.checked import check_environment
from gocoffee_ops.queries import cost_explorer
from gocoffee_ops.session import Session
from gocoffee_ops.sources.aws import CostExplorer
from tests.aws import SECRET_KEY, Moto
from tests.http_server import Answer, Asked, HttpServer, says, serving, unused_port
from tests.support import live_session

pytestmark = pytest.mark.usefixtures("aws_identity")

AS_OF = datetime(2026, 11, 9, 5, tzinfo=UTC)
TARGET = Target("cost_explorer", "payer")


def explorer(url: str, **options: Any) -> CostExplorer:
    return CostExplorer(str(TARGET), region="us-east-1", endpoint_url=url, **options)


def session(tmp_path: Path, url: str, seconds: float = 10.0, **options: Any) -> Session:
    return live_session(tmp_path, as_of=AS_OF, sources={TARGET: explorer(url, **options)}, query_deadline_s=seconds)


def amount(value: str, unit: str = "USD") -> dict[str, str]:
    return {"Amount": value, "Unit": unit}


def group(service: str, team: str, billed: str, effective: str, unit: str = "USD") -> dict[str, Any]:
    metrics = {"UnblendedCost": amount(billed, unit), "AmortizedCost": amount(effective, unit)}
    return {"Keys": [service, f"team${team}"], "Metrics": metrics}


def period(day: int, *groups: dict[str, Any], estimated: bool = False, **more: Any) -> dict[str, Any]:
    start = date(2026, 11, day)
    span = {"Start": start.isoformat(), "End": (start + timedelta(days=1)).isoformat()}
    return {"TimePeriod": span, "Total": {}, "Groups": list(groups), "Estimated": estimated} | more


def test_costs_by_service_and_team_with_days_that_are_estimates(moto: Moto, tmp_path: Path) -> None:
    moto.answer_costs(
        [
            period(7, group("Amazon EC2", "orders", "1.0000000001", "0.5"), group("AWS Tax", "", "0.2", "0.2")),
            period(8, group("Amazon EC2", "orders", "2", "0.5"), estimated=True),
        ]
    )
    ops = session(tmp_path, moto.url)
    frame = cost_explorer.costs(ops, days=2)
    assert frame.iloc[0].to_dict() == {
        "cost_explorer": "payer", "day": datetime(2026, 11, 7, tzinfo=UTC), "by": "service", "key": "Amazon EC2",
        "team": "orders", "currency": "USD", "billed": Decimal("1.0000000001"), "effective": Decimal("0.5"),
        "estimated": False, "requests_sent": 1,
    }  # fmt: skip
    assert frame["team"].isna().tolist() == [False, True, False]
    assert frame["estimated"].tolist() == [False, False, True]
    assert frame.attrs["notes"]["payer"] == {"requests_sent": 1, "pages": 1, "estimated_days": ["2026-11-08"]}
    assert ops.findings == []


def test_a_day_that_did_not_come_back_is_unknown_and_one_without_costs_is_an_answer(moto: Moto, tmp_path: Path) -> None:
    moto.answer_costs([period(6), period(8, group("Amazon EC2", "orders", "2", "2"))])
    ops = session(tmp_path, moto.url)
    frame = cost_explorer.costs(ops, days=3)
    assert frame["day"].dt.day.tolist() == [8]
    assert frame.attrs["gaps"] == ["cost_explorer/payer: 1 of 3 days did not come back, the first 2026-11-07"]
    assert [finding.status for finding in ops.findings] == [Status.UNKNOWN]


def pages(count: int) -> Callable[[Asked], Answer]:
    """A Cost Explorer with that many pages for one day, which names the next page by its number."""

    def script(asked: Asked) -> Answer:
        page = int(json.loads(asked.body).get("NextPageToken", "1"))
        answer = {"ResultsByTime": [period(8, group(f"service {page}", "orders", "1", "1"))]}
        return says(answer | ({"NextPageToken": str(page + 1)} if page < count else {}))

    return script


def test_every_page_is_read_and_every_request_counted(tmp_path: Path) -> None:
    with serving(pages(3)) as server:
        ops = session(tmp_path, server.url)
        frame = cost_explorer.costs(ops, days=1)
    assert frame["key"].tolist() == ["service 1", "service 2", "service 3"]
    assert set(frame["requests_sent"]) == {3} == {len(server.asked)}
    assert ops.findings == []


def test_no_more_requests_are_sent_than_allowed_and_what_is_left_is_unknown(tmp_path: Path) -> None:
    with serving(pages(9)) as server:
        ops = session(tmp_path, server.url, max_requests=2)
        frame = cost_explorer.costs(ops, days=1)
    assert (len(frame), len(server.asked)) == (2, 2)
    assert "2 requests were sent, as many as max_requests allows, and there are more pages" in frame.attrs["gaps"][0]
    assert [finding.status for finding in ops.findings] == [Status.UNKNOWN]


def test_requests_that_had_to_be_sent_again_are_counted_too(tmp_path: Path) -> None:
    answers = iter([says({"__type": "LimitExceededException", "Message": "slow"}, 400)])
    script = pages(1)
    with serving(lambda asked: next(answers, None) or script(asked)) as server:
        frame = cost_explorer.costs(session(tmp_path, server.url), days=1)
    assert frame["requests_sent"].tolist() == [2] == [len(server.asked)]


def test_a_request_is_not_sent_again_when_no_more_are_allowed(tmp_path: Path) -> None:
    with serving(refused("LimitExceededException")) as server:
        ops = session(tmp_path, server.url, max_requests=2)
        with pytest.raises(Throttled, match="2 requests were sent"):
            cost_explorer.costs(ops, days=1)
    assert len(server.asked) == 2


def test_the_plan_says_what_asking_costs_and_asks_nothing(tmp_path: Path) -> None:
    with serving(pages(1)) as server:
        (row,) = cost_explorer.plan(session(tmp_path, server.url, max_requests=5), by="region", days=14).to_dict(
            "records"
        )
        assert server.asked == []
    assert row == {
        "cost_explorer": "payer", "first_day": datetime(2026, 10, 26, tzinfo=UTC),
        "last_day": datetime(2026, 11, 8, tzinfo=UTC), "by": "region", "requests_at_least": 1, "requests_at_most": 5,
        "list_at_least": Decimal("0.01"), "list_at_most": Decimal("0.05"), "currency": "USD",
    }  # fmt: skip


def model_of(operation: str) -> Any:
    """The shape that AWS's own description of the API gives a request."""
    return botocore.session.get_session().get_service_model("ce").operation_model(operation).input_shape


@pytest.mark.parametrize("by", cost_explorer.DIMENSIONS)
@pytest.mark.parametrize("page", ["", "next"])
def test_a_request_is_what_the_service_model_allows(by: str, page: str) -> None:
    """moto takes anything: this is what shows that AWS would take it."""
    keys = [("DIMENSION", cost_explorer.DIMENSIONS[by]), ("TAG", "team")]
    request = explorer("http://127.0.0.1:1").request(date(2026, 10, 1), date(2026, 11, 1), keys, page)
    shape = model_of("GetCostAndUsage")
    report = ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()
    assert set(request) <= set(shape.members)
    assert request["Granularity"] in shape.members["Granularity"].enum
    kinds = shape.members["GroupBy"].member.members["Type"].enum
    assert {one["Type"] for one in request["GroupBy"]} <= set(kinds)
    assert len(request["GroupBy"]) <= 2
    assert request["TimePeriod"] == {"Start": "2026-10-01", "End": "2026-11-01"}


def test_dimensions_are_those_of_the_service_model() -> None:
    known = botocore.session.get_session().get_service_model("ce").shape_for("Dimension").enum
    assert set(cost_explorer.DIMENSIONS.values()) <= set(known)


def test_the_service_model_refuses_what_is_wrong() -> None:
    """The test above can fail."""
    wrong = {"TimePeriod": {"Start": "2026-10-01"}, "Granularity": 1, "Metrics": "UnblendedCost"}
    assert ParamValidator().validate(wrong, model_of("GetCostAndUsage")).has_errors()


def test_totals_ask_without_keys(moto: Moto, tmp_path: Path) -> None:
    total = {"UnblendedCost": amount("3.5"), "AmortizedCost": amount("1.25")}
    moto.answer_costs([period(8, estimated=True, Total=total)])
    (row,) = cost_explorer.totals(session(tmp_path, moto.url)).to_dict("records")
    assert (row["billed"], row["effective"], row["estimated"]) == (Decimal("3.5"), Decimal("1.25"), True)


def test_amounts_longer_than_we_keep_are_rounded_and_said(tmp_path: Path) -> None:
    answer = {"ResultsByTime": [period(8, group("EC2", "x", "0.12345678901250001", "1E-7"))]}
    with serving(lambda _: says(answer)) as server:
        frame = cost_explorer.costs(session(tmp_path, server.url), days=1)
    assert frame["billed"].tolist() == [Decimal("0.123456789013")]
    assert frame["effective"].tolist() == [Decimal("0.0000001")]
    assert frame.attrs["notes"]["payer"]["amounts_rounded_to_12_places"] == 1


def refused(code: str, status: int = 400) -> Callable[[Asked], Answer]:
    return lambda _: says({"__type": code, "Message": "said AWS"}, status)


def answers(*periods: dict[str, Any]) -> Callable[[Asked], Answer]:
    return lambda _: says({"ResultsByTime": list(periods)})


WITHOUT = {"Keys": ["EC2", "team$x"], "Metrics": {"UnblendedCost": amount("1")}}
FAULTS: dict[str, tuple[Callable[[Asked], Answer], type[OpsError], str]] = {
    "401": (refused("UnrecognizedClientException"), Unauthenticated, "UnrecognizedClientException: said AWS"),
    "expired": (refused("ExpiredTokenException"), Unauthenticated, "aws sso login"),
    "403": (refused("AccessDeniedException"), Forbidden, "may not ce:GetCostAndUsage: AccessDeniedException: said AWS"),
    "throttled": (refused("LimitExceededException"), Throttled, "requests were sent"),
    "no data": (refused("DataUnavailableException"), Unsupported, "a day after it is enabled"),
    "wrong request": (refused("ValidationException"), Unsupported, "ValidationException"),
    "5xx": (refused("InternalFailure", 500), ServerFault, "InternalFailure"),
    "reset": (lambda _: Answer(reset=True), Unreachable, "1 request was sent"),
    "truncated": (lambda _: says({"ResultsByTime": []}, cut_at=5), Malformed, "could not be decoded"),
    "a page": (lambda _: Answer(200, b"<html>", content_type="text/html"), Malformed, "1 request was sent"),
    "no JSON": (lambda _: Answer(200, b"{"), Malformed, "1 request was sent"),
    "no amount": (answers(period(8, group("EC2", "x", "12,5", "1"))), Malformed, "UnblendedCost is no amount: '12,5'"),
    "not a number": (answers(period(8, group("EC2", "x", "NaN", "1"))), Malformed, "UnblendedCost is no amount: 'NaN'"),
    "no metric": (answers(period(8, WITHOUT)), Malformed, "it has no ResultsByTime[0].Groups[0].Metrics.AmortizedCost"),
    "no unit": (
        answers(period(8, {"Keys": ["EC2", "team$x"], "Metrics": {"UnblendedCost": {"Amount": "1"}}})), Malformed,
        "missing required field `Unit` - at `$.ResultsByTime[0].Groups[0].Metrics[...]`",
    ),
    "no metrics": (
        answers(period(8, {"Keys": ["EC2", "team$x"]})), Malformed,
        "missing required field `Metrics` - at `$.ResultsByTime[0].Groups[0]`",
    ),
    "no groups": (
        answers({"TimePeriod": {"Start": "2026-11-08", "End": "2026-11-09"}}), Malformed, "it has no ResultsByTime[0].Groups",
    ),
    "no day": (answers({"Groups": []}), Malformed, "missing required field `TimePeriod` - at `$.ResultsByTime[0]`"),
    "a day that is none": (
        answers({"TimePeriod": {"Start": "yesterday", "End": "today"}, "Groups": []}), Malformed, "'yesterday'",
    ),
    "no results": (lambda _: says({}), Malformed, "missing required field `ResultsByTime`"),
    "one key": (answers(period(8, group("EC2", "x", "1", "1") | {"Keys": ["EC2"]})), Malformed, "1 keys for 2"),
    "two currencies": (
        answers(period(8, group("EC2", "x", "1", "1"), group("S3", "x", "1", "1", "EUR"))), Malformed, "EUR and USD",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("script", "kind", "said"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_is_an_error_of_ours_that_says_what_was_sent(
    tmp_path: Path, script: Callable[[Asked], Answer], kind: type[OpsError], said: str
) -> None:
    with serving(script) as server:
        ops = session(tmp_path, server.url, 6.0)
        with pytest.raises(kind, match=re.escape(said)) as raised:
            cost_explorer.costs(ops, days=1)
    assert type(raised.value) is kind
    count = len(server.asked)
    assert f"{count} request{'s were' if count != 1 else ' was'} sent" in raised.value.why
    assert SECRET_KEY not in str(raised.value)
    assert [finding.status for finding in ops.findings] == [Status.UNKNOWN]


def test_one_that_is_not_there_or_hangs_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="Could not connect"):
        cost_explorer.costs(session(tmp_path / "gone", f"http://127.0.0.1:{unused_port()}"), days=1)
    with serving(lambda _: Answer(stall=True)) as server, pytest.raises(DeadlineExceeded, match="1 request was sent"):
        cost_explorer.costs(session(tmp_path / "hangs", server.url, 1.0), days=1)


@pytest.mark.usefixtures("nobody")
def test_without_credentials_nothing_is_sent(tmp_path: Path) -> None:
    with serving(pages(1)) as server, pytest.raises(Unauthenticated, match="0 requests were sent"):
        cost_explorer.costs(session(tmp_path, server.url), days=1)
    assert server.asked == []


def test_what_costs_cannot_be_told_apart_by_is_wrong_usage_before_anything_is_sent(tmp_path: Path) -> None:
    with serving(pages(1)) as server:
        ops = session(tmp_path, server.url)
        for question in (cost_explorer.costs, cost_explorer.plan):
            with pytest.raises(UsageError, match="did you mean 'service'"):
                question(ops, by="services")
        with pytest.raises(UsageError, match="days is 0"):
            cost_explorer.costs(ops, days=0)
        assert server.asked == []


def _day_before() -> Callable[[Asked], Answer]:
    def script(asked: Asked) -> Answer:
        span = json.loads(asked.body)["TimePeriod"]
        total = {"UnblendedCost": amount("3.5"), "AmortizedCost": amount("1.25")}
        return says({"ResultsByTime": [{"TimePeriod": span, "Total": total, "Groups": [], "Estimated": True}]})

    return script


def test_it_is_configured_and_checked_like_any_system_with_one_request_and_only_where_that_may_cost_money() -> None:
    with serving(_day_before()) as server:
        system = CostExplorerConfig(name="payer", endpoint_url=server.url, team_tag="user:team", max_requests=3)
        environment = Environment(name="prod", cost_explorers=(system,))
        (place,) = open_places(environment, now=AS_OF).places
        assert place.detail == "Cost Explorer in us-east-1 as whom boto3 finds, at most 3 requests a question"
        assert place.connect is not None
        source = place.connect()
        assert (source.team_tag, source.max_requests) == ("user:team", 3)
        (line,) = check_environment(environment)
        assert (line.target, line.status, len(server.asked)) == ("cost_explorer/payer", Status.UNKNOWN, 0)
        (line,) = check_environment(environment, paid=True)
        assert (line.target, line.status, len(server.asked)) == ("cost_explorer/payer", Status.OK, 1)


def asked_of(server: HttpServer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.asked[0].body)
    return found


def test_the_end_that_is_asked_for_is_the_day_after_the_last(tmp_path: Path) -> None:
    with serving(pages(1)) as server:
        cost_explorer.costs(session(tmp_path, server.url, team_tag="user:team"), days=1)
    asked = asked_of(server)
    assert asked["TimePeriod"] == {"Start": "2026-11-08", "End": "2026-11-09"}
    assert asked["GroupBy"] == [{"Type": "DIMENSION", "Key": "SERVICE"}, {"Type": "TAG", "Key": "user:team"}]
    assert server.asked[0].headers["x-amz-target"] == "AWSInsightsIndexService.GetCostAndUsage"
