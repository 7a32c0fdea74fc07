"""A demo made from anything else is another demo."""

from __future__ import annotations

from gocoffee_ops.demo.database import scripts
from gocoffee_ops.demo.places import SOCKET_NAME
from gocoffee_ops.demo.stamp import digest, stamp


def test_the_stamp_stays_the_same_for_the_same_demo() -> None:
    assert stamp("18.6") == stamp("18.6")


def test_another_release_is_another_demo() -> None:
    assert stamp("18.6") != stamp("18.7")


def test_a_change_in_any_script_is_another_demo() -> None:
    texts = scripts()
    changed = {digest([*texts[:n], texts[n] + " ", *texts[n + 1 :]]) for n in range(len(texts))}
    assert len(changed | {digest(texts)}) == len(texts) + 1


def test_the_stamp_is_short_enough_for_a_socket_below_an_ordinary_home() -> None:
    assert len(f"/home/a-rather-long-name/.cache/gocoffee-ops/demo/{stamp('18.6')}/sockets/{SOCKET_NAME}") <= 100
