"""Checks of logs, from lines to findings."""

from __future__ import annotations

import pandas as pd
import pytest

from gocoffee_ops.analysis.logs import error_onset, error_rate, novelty, parse, templated, templates
from gocoffee_ops.analysis.logs.schemas import ERROR_RATE, NOVELTY
from gocoffee_ops.checks import error_rate_below, errors_logged, errors_stored, nothing_new_in_logs
from gocoffee_ops.checks.grading import said
from gocoffee_ops.errors import UsageError
from gocoffee_ops.evidence.folding import folded
from gocoffee_ops.model import Status, Thresholds, Window
from tests.analysis.logs.scene import START, at, line, table
from tests.checks.log_tables import NEWS, RATE, rates
from tests.checks.tables import MOMENT, filled

LIMITS = Thresholds()


def test_h04_errors_without_requests_are_unknown_and_not_fine() -> None:
    rows = [line("ERROR boom", at(0)), line("INFO fine", at(0), pod="kitchen-0")]
    found = error_rate_below(error_rate(parse(table(rows))), thresholds=LIMITS)

    assert said(found) == [
        "UNKNOWN services: no record of a request was read of kitchen, orders, so that there is no error rate; "
        "1 error record without a number of requests to divide by"
    ]


def test_a_service_with_requests_is_judged_beside_one_without() -> None:
    both = pd.concat([rates((100, 6)), filled(ERROR_RATE, RATE | {"service": "postgres", "denominator": "none"})])
    found = error_rate_below(both, thresholds=LIMITS)

    assert [f.status for f in found] == [Status.CRIT, Status.UNKNOWN]


def test_a_bad_minute_in_a_good_hour_is_told_with_its_time() -> None:
    found = error_rate_below(rates((10_000, 0), (20, 20)), thresholds=LIMITS)

    assert "0.2 % of 10,020 requests failed, at most 100 % within 1 min 0 s" not in found[0].reason
    assert "at most 100 % within 1 min (2026-01-05 03:00 UTC)" in found[0].reason


def test_what_is_new_is_told_once_a_service() -> None:
    rows = [line("INFO tick", at(m)) for m in range(120)]
    rows += [line(f"ERROR could not reserve {m} beans", at(m)) for m in range(100, 120)]
    rows += [line("WARN slow", at(119))]
    windows = Window(at(60), at(120)), Window(at(0), at(60))
    found = nothing_new_in_logs(novelty(templated(parse(table(rows))), *windows), thresholds=LIMITS)

    assert said(found) == [
        "CRIT service/orders: new: could not reserve <num> beans (20 times, error); 1 other new or more frequent"
    ]
    assert found[0].next == ("forensics",)


def test_the_news_of_a_databases_log_lead_to_the_runbook_that_is_named() -> None:
    news = filled(NOVELTY, NEWS | {"change": "new"})

    assert [one.next for one in nothing_new_in_logs(news, thresholds=LIMITS)] == [("forensics",)]
    named = nothing_new_in_logs(news, thresholds=LIMITS, runbook="database-slowdown")
    assert [one.next for one in named] == [("database-slowdown",)]
    with pytest.raises(UsageError, match=r"unknown runbook 'database-slow'.* did you mean 'database-slowdown'"):
        nothing_new_in_logs(news.head(0), thresholds=LIMITS, runbook="database-slow")


def test_the_news_of_two_clusters_are_two_findings_and_what_the_log_store_has_goes_to_one() -> None:
    table = pd.concat(filled(NOVELTY, NEWS | {"change": "new", "cluster": cluster}) for cluster in ("eu", "us"))
    news = nothing_new_in_logs(table, thresholds=LIMITS)
    line = {"service": "orders", "time": START, "line": "panic"}
    stored = errors_stored(pd.DataFrame([line]), pd.DataFrame([{"elasticsearch": "logs"}]))

    assert [(one.cluster, len(one.parts)) for one in folded([*stored, *news])] == [("eu", 2), ("us", 0)]


def test_one_record_without_a_level_keeps_news_from_being_harmless() -> None:
    rows = [line("INFO tick", at(m)) for m in range(120)] + [
        line(f"INFO order {m} taken", at(m)) for m in range(100, 120)
    ]
    windows = Window(at(60), at(120)), Window(at(0), at(60))
    informs = novelty(templated(parse(table(rows))), *windows)
    doubtful = novelty(templated(parse(table([*rows, line("order 7 taken", at(119))]))), *windows)

    assert [one.status for one in nothing_new_in_logs(informs, thresholds=LIMITS)] == [Status.OK]
    assert [one.status for one in nothing_new_in_logs(doubtful, thresholds=LIMITS)] == [Status.WARN]


def test_news_that_only_inform_are_counted_in_the_ok() -> None:
    found = nothing_new_in_logs(filled(NOVELTY, NEWS | {"change": "new", "levels": ("info",)}), thresholds=LIMITS)

    assert said(found) == ["OK logs: 1 kind of messages, none new or far more frequent; of level info or below 1 new"]


def test_records_of_two_levels_are_not_said_to_be_all_of_the_worse() -> None:
    rows = [line("FATAL gone", at(0)), *(line("ERROR boom", at(n)) for n in (1, 2))]
    (found,) = errors_logged(templates(templated(parse(table(rows)))), thresholds=LIMITS)

    assert found.reason.startswith("3 records of level error or fatal, last at ")


def test_records_without_a_level_are_counted_and_not_templates() -> None:
    """One of a thousand alike has a level: of the others nobody knows."""
    rows = [line("INFO order 1 taken", at(0)), *(line(f"order {n} taken", at(n / 100)) for n in range(2, 1001))]
    (found,) = errors_logged(templates(templated(parse(table(rows)))), thresholds=LIMITS)

    assert (found.status, found.subject) == (Status.UNKNOWN, "service/orders")
    assert found.reason == "999 of 1,000 records have no level: whether they tell of errors is not known"


def test_an_access_log_that_stopped_before_the_window_is_no_rate_that_is_fine() -> None:
    window = Window(at(60), at(120))
    (found,) = error_rate_below(rates((1000, 0)), thresholds=LIMITS, window=window)

    assert said([found]) == [
        "UNKNOWN service/orders: no record within the window: it logged before, and may have gone silent"
    ]


def test_a_rate_is_of_the_window_that_is_asked_for() -> None:
    before, within = rates((10_000, 0)), rates((100, 50), start=at(90))
    (found,) = error_rate_below(pd.concat([before, within]), thresholds=LIMITS, window=Window(at(60), at(120)))

    assert (found.status, found.reason[:34]) == (Status.CRIT, "50.0 % of 100 requests failed (acc")


def test_a_rate_says_of_which_time_it_is_and_that_since_it_rose_stands_beside_it() -> None:
    """The mean of an hour is thinned by the half of it that was fine."""
    counted = rates(*[(100, 0)] * 30, *[(100, 40)] * 30)
    counted["start"] = pd.date_range(MOMENT, periods=60, freq="min", unit="us")
    onsets = error_onset(counted)
    (found,) = error_rate_below(counted, onsets, thresholds=LIMITS)
    of_all = (
        "20.0 % of 6,000 requests failed, 40.0 % since 2026-01-05 03:30:00 UTC, when it rose, at most 40 % within 1 min"
    )
    assert found.reason.startswith(of_all)
    assert found.reason.endswith("(access records of orders, 2026-01-05 03:00 to 04:00 UTC)")
    assert found.numbers["error_rate"] == pytest.approx(0.2)

    minutes = pd.Timedelta(minutes=30)
    since = Window(MOMENT + minutes, MOMENT + 2 * minutes)  # it rose before anything that is counted
    (later,) = error_rate_below(counted, onsets, thresholds=LIMITS, window=since)
    assert later.reason.startswith("40.0 % of 3,000 requests failed, at most")
    assert later.reason.endswith("2026-01-05 03:30 to 04:00 UTC)")
    elsewhere = onsets.assign(service="kitchen")
    fell = onsets.assign(before_error_rate=0.6)
    for others in (elsewhere, fell, onsets.head(0)):
        (mean,) = error_rate_below(counted, others, thresholds=LIMITS)
        assert mean.reason.startswith("20.0 % of 6,000 requests failed, at most 40 %")


def test_a_service_that_logs_rarely_may_be_silent_for_a_while() -> None:
    """As a database that writes a line an hour: that none came within an hour says nothing."""
    windows = Window(at(60), at(120)), Window(at(0), at(60))
    judged = [
        nothing_new_in_logs(
            novelty(templated(parse(table([line("LOG checkpoint", at(m)) for m in minutes]))), *windows),
            thresholds=LIMITS,
        )
        for minutes in ([3, 9], range(3, 60, 6))
    ]
    assert [[finding.status for finding in found] for found in judged] == [[Status.OK], [Status.UNKNOWN]]
