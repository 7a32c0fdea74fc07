"""Templates: masks, Drain's tree as Drain3 has it, and what the table tells."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._service_logs import accuracy, hard_stream, messages
from benchmarks.log_templates import GOLDEN_LINES, GOLDEN_SEEDS, GOLDEN_STREAMS, PLAIN, masked_settings, renumbered
from gocoffee_ops.analysis.logs import parse, templated, templates
from gocoffee_ops.analysis.logs.drain import Drain
from gocoffee_ops.analysis.logs.masks import MASKS, distinct, masked
from gocoffee_ops.analysis.logs.mining import groups, template_id
from gocoffee_ops.ui.tables import html
from tests.analysis.logs.scene import at, line, lines, table

# Made by Drain3 itself: python -m benchmarks.log_templates --golden tests/analysis/logs/drain3_groups.json
GOLDEN = json.loads((Path(__file__).parent / "drain3_groups.json").read_text())


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


@pytest.mark.parametrize("seed", GOLDEN_SEEDS)
def test_the_tree_groups_as_drain3_does(seed: int) -> None:
    texts, _ = messages(GOLDEN_LINES, seed=seed)

    found = Drain(similar=PLAIN["similar"]).groups(texts, range(len(texts)))

    assert renumbered(found) == GOLDEN[str(seed)]["plain"]


def test_the_tree_groups_as_drain3_does_at_its_edges() -> None:
    for seed, expected in enumerate(GOLDEN["hard"]):
        texts, arrivals, settings = hard_stream(seed)
        tree = Drain(similar=settings["similar"], depth=int(settings["depth"]), children=int(settings["children"]))
        assert renumbered(tree.groups(texts, arrivals)) == expected, seed
    assert len(GOLDEN["hard"]) == GOLDEN_STREAMS


@pytest.mark.parametrize("seed", GOLDEN_SEEDS)
def test_masked_messages_are_grouped_as_drain3_groups_them_with_the_same_masks(seed: int) -> None:
    texts, _ = messages(GOLDEN_LINES, seed=seed)

    _, which = groups(column(texts), similar=masked_settings()["similar"])

    assert renumbered(which.tolist()) == GOLDEN[str(seed)]["masked"]


@pytest.mark.parametrize("seed", GOLDEN_SEEDS)
def test_masks_group_no_worse_than_plain_drain3(seed: int) -> None:
    texts, truth = messages(GOLDEN_LINES, seed=seed)
    _, which = groups(column(texts))

    assert accuracy(truth, which.tolist()) >= accuracy(truth, GOLDEN[str(seed)]["plain"])


words = st.sampled_from(["a", "b", "c", "7", "x9", "<num>", "<*>", "d"])
sentences = st.lists(st.lists(words, max_size=5).map(" ".join), min_size=1, max_size=12, unique=True)


@given(
    sentences, st.lists(st.integers(0, 11), max_size=60), st.sampled_from([0.3, 0.5, 0.7]), st.sampled_from([2, 4, 100])
)
def test_a_message_that_comes_again_is_grouped_as_if_it_were_searched_again(
    texts: list[str], arrivals: list[int], similar: float, children: int
) -> None:
    order = [i % len(texts) for i in arrivals]
    remembering, searching = (Drain(similar=similar, children=children) for _ in range(2))

    together = remembering.groups(texts, order)
    one_by_one = [searching.groups([texts[i]], [0])[0] for i in order]

    assert together == one_by_one
    assert remembering.templates == searching.templates


@given(st.lists(words, min_size=1, max_size=6), st.lists(st.lists(words, min_size=1, max_size=6), max_size=20))
def test_a_template_fits_its_messages(first: list[str], others: list[list[str]]) -> None:
    texts = [" ".join(words) for words in [first, *others]]
    drain = Drain()

    for text, group in zip(texts, drain.groups(texts, range(len(texts))), strict=True):
        template = drain.templates[group]
        assert len(template) == len(text.split())
        assert all(t in {"<*>", w} for t, w in zip(template, text.split(), strict=True))


pieces = st.sampled_from(
    [
        "0",
        "7",
        "42",
        "1234567890",
        "9f8a7b6c",
        "0x1F",
        "ord_9f8a7b",
        "ab_ÄÖ9",
        "10.0.0.1",
        "10.0.0.2:80",
        "12:30:45",
        "2026-01-05",
        "2026-01-05T03:00:00Z",
        "1m2.5s",
        "5µs",
        "7MiB",
        "fe80:0:0:1",
        '"',
        "'",
        "\\",
        "=",
        ":",
        ",",
        "(",
        "[",
        "]",
        ")",
        "-",
        "_",
        "/",
        ".",
        "x",
        "v1beta1",
        "s3",
        "é",
        "½",
        "²",
        "٣",
        "a",
        "Z",
        "T",
    ]
)
texts_of_pieces = st.lists(pieces | st.just(" "), max_size=12).map("".join)


@given(st.lists(texts_of_pieces, max_size=12))
def test_masking_each_shape_once_is_masking_each_message(texts: list[str]) -> None:
    different, which = distinct(column(texts))

    assert [different[i] for i in which] == masked(column(texts)).to_pylist()


@given(texts_of_pieces)
def test_the_masks_mean_the_same_to_python_and_so_to_drain3(text: str) -> None:
    expected = text
    for mask in MASKS:
        expected = re.sub(f"(?a){mask.pattern}", mask.text, expected)

    assert masked(column([text])).to_pylist() == [expected]


@pytest.mark.parametrize("mask", MASKS, ids=[mask.text for mask in MASKS])
def test_what_a_mask_needs_is_in_every_match(mask: object) -> None:
    """Texts without the letter are not looked at: no match may be without it."""
    assert isinstance(mask, type(MASKS[0]))
    texts, _ = messages(500, seed=4)
    for found in re.finditer(f"(?a){mask.pattern}", "\n".join(texts)):
        assert mask.needs in found[0]


def test_h05_ids_and_times_make_no_groups_of_their_own() -> None:
    texts = [
        f"2026-01-05T03:{i % 60:02}:00Z ERROR payment of ord_{i:06x}a failed after {i}ms for 10.0.0.{i % 9}"
        for i in range(300)
    ]
    found = templates(parse(lines(*texts, "2026-01-05T03:00:00Z ERROR no beans")))

    assert found[["template", "count"]].to_numpy().tolist() == [
        ["payment of <id> failed after <num> for <ip>", 300],
        ["no beans", 1],
    ]
    assert [len(examples) for examples in found["examples"]] == [3, 1]


def test_a_template_tells_when_where_and_how_bad() -> None:
    rows = [
        line("INFO order 1 paid", at(1)),
        line("WARN order 2 paid", at(3), pod="orders-7d9f8b6c5-aaaaa", container="orders"),
        line("WARN order 2 paid", at(2), container="sidecar"),
        line("INFO order 5 paid", None),
        line("INFO order 9 paid", at(0), pod="kitchen-0", container="kitchen"),
    ]
    found = templates(parse(table(rows))).set_index("service")

    orders = found.loc["orders"]
    assert orders["template_id"] == found.loc["kitchen", "template_id"] == template_id("order <num> paid")
    assert (orders["count"], orders["pods"], orders["containers"]) == (3, 1, 2)
    assert found.loc["orders-7d9f8b6c5-aaaaa", "count"] == 1, "vowels are not what Kubernetes appends"
    assert (orders["first_seen"], orders["last_seen"]) == (pd.Timestamp(at(1)), pd.Timestamp(at(2)))
    assert orders["levels"] == ("warn", "info")
    assert orders["examples"] == ("order 1 paid", "order 2 paid", "order 5 paid")


def test_a_template_keeps_its_id_from_run_to_run() -> None:
    first, second = (templates(parse(lines(f"INFO order {i} paid")))["template_id"][0] for i in (1, 2))

    assert first == second


def test_a_masked_part_is_text_in_a_report_and_no_tag() -> None:
    shown = html(templates(parse(lines("INFO order 17 paid <script>alert(1)</script>"))))

    assert "order &lt;num&gt; paid" in shown
    assert "<num>" not in shown
    assert "<script>" not in shown


def test_no_records_are_no_templates_with_all_columns() -> None:
    empty = parse(lines())

    assert list(templates(empty).columns)[:2] == ["cluster", "namespace"]
    assert len(templates(empty)) == len(templated(empty)) == 0


def test_an_empty_message_has_a_template_that_can_be_read() -> None:
    assert templates(parse(lines("INFO ")))["template"].tolist() == ["<empty>"]
