"""What advice rests on: scrapes in a rate's window, and the samples that were found of those that there should be."""

from __future__ import annotations

from gocoffee_ops.analysis import rightsizing
from gocoffee_ops.frames import records
from gocoffee_ops.queries import usage
from tests.analysis.test_rightsizing import containers, sizing

FAR = {"scrape_interval_s": 300.0, "rate_window_s": 1200.0}


def test_a_containers_pods_are_one_row_and_what_lacks_most_stands_first() -> None:
    table = sizing(
        {**FAR, "samples_found": 2016},
        {**FAR, "samples_found": 1008, "pod": "orders-5c-b"},
        {**FAR, "samples_found": 12, "samples_expected": 94, "workload": None, "pod": "import", "container": "import"},
    )

    gone, orders = records(rightsizing.points_found(table, containers()))
    assert (gone["workload"], gone["samples_found"], gone["samples_expected"]) == ("pod/import", 12, 94)
    assert (orders["workload"], orders["pods"], orders["found_of_expected"]) == ("deployment/orders", 2, 0.75)
    assert {(row["scrape_interval_s"], row["rate_window_s"], row["scrapes_in_window"]) for row in (gone, orders)} == {
        (300.0, 1200.0, 4.0)
    }


def test_c13_a_window_of_little_more_than_a_scrape_is_seen() -> None:
    (row,) = records(rightsizing.points_found(sizing({"scrape_interval_s": 60.0, "rate_window_s": 75.0}), containers()))

    assert row["scrapes_in_window"] == 1.25


def test_pods_that_were_scraped_otherwise_stand_apart() -> None:
    table = sizing({"scrape_interval_s": 60.0, "rate_window_s": 300.0}, {**FAR, "pod": "orders-5c-b"})

    assert sorted(row["scrape_interval_s"] for row in records(rightsizing.points_found(table, containers()))) == [
        60.0,
        300.0,
    ]


def test_none_expected_is_no_ratio_and_nothing_read_is_no_row() -> None:
    (row,) = records(rightsizing.points_found(sizing({"samples_found": 0, "samples_expected": 0}), containers()))

    assert row["found_of_expected"] is None
    assert rightsizing.points_found(usage.sizing.schema.empty(), containers()).empty


def test_a_container_without_any_sample_stands_first_with_none_found() -> None:
    """One of a workload's pods that nobody scraped is not hidden by the other."""
    table = sizing({**FAR, "samples_found": 2016})
    now = containers({}, {"pod": "orders-5c-b"}, {"pod": "menu-1", "workload": "deployment/menu", "container": "menu"})

    menu, lost, orders = records(rightsizing.points_found(table, now))
    assert [(row["workload"], row["container"], row["pods"]) for row in (menu, lost, orders)] == [
        ("deployment/menu", "menu", 1),
        ("deployment/orders", "app", 1),
        ("deployment/orders", "app", 1),
    ]
    for row in (menu, lost):
        assert (row["samples_found"], row["samples_expected"], row["found_of_expected"]) == (0, None, None)
        assert (row["prometheus"], row["scrape_interval_s"], row["rate_window_s"]) == ("main", 300.0, 1200.0)
    assert orders["found_of_expected"] == 1.0


def test_pods_of_one_name_in_two_clusters_share_samples_that_say_of_none_whether_they_are_all() -> None:
    """A full week of one of them says nothing of the other, which may not be scraped at all."""
    table = sizing(
        {**FAR, "samples_found": 2016, "pod": "orders-0"},
        {**FAR, "samples_found": 1008, "pod": "orders-eu-1"},
        {**FAR, "samples_found": 12, "samples_expected": 12, "pod": "orders-gone"},
        {**FAR, "workload": "deployment/menu", "pod": "menu-gone", "container": "menu"},
    )
    here, there = {"cluster": "eu"}, {"cluster": "us"}
    menu = {"workload": "deployment/menu", "pod": "menu-1", "container": "menu"}
    now = containers(
        {**here, "pod": "orders-0"},
        {**there, "pod": "orders-0"},
        {**here, "pod": "orders-eu-1"},
        {**there, **menu},
        {**there, **menu, "namespace": "other"},
    )

    rows = {
        (row["workload"], row["clusters"], row["samples_found"]): row
        for row in records(rightsizing.points_found(table, now))
    }
    both = rows["deployment/orders", ("eu", "us"), 2028]
    assert (both["pods"], both["samples_expected"], both["found_of_expected"]) == (2, None, None)
    assert rows["deployment/orders", ("eu",), 1008]["found_of_expected"] == 0.5
    assert {key[1:]: row["found_of_expected"] for key, row in rows.items() if key[0] == "deployment/menu"} == {
        (("us",), 0): None,  # two of them: the one that runs, and the one of another namespace
        (("us",), 2016): 1.0,
    }
    assert len(rows) == 4


def test_c13_each_clusters_container_without_a_sample_has_a_row() -> None:
    now = containers({"cluster": "eu", "pod": "menu-1"}, {"cluster": "us", "pod": "menu-1"})
    rows = records(rightsizing.points_found(sizing({**FAR, "pod": "orders-1", "workload": "deployment/x"}), now))

    assert [(row["clusters"], row["samples_found"]) for row in rows] == [(("eu",), 0), (("us",), 0), ((), 2016)]
