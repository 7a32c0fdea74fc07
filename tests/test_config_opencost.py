"""OpenCost and KubeCost in gocoffee.toml: what it takes, what it refuses, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gocoffee_ops.config import Environment, load_config
from gocoffee_ops.errors import ConfigError
from gocoffee_ops.model import Status
from gocoffee_ops.places import open_places
from gocoffee_ops.places.checked import check_environment
from tests.cost_apis import sound
from tests.http_server import says, serving, unused_port

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OPENCOST = '[[environments.prod.opencosts]]\nname = "main"\n'
KUBECOST = '[[environments.prod.kubecosts]]\nname = "main"\n'
URL = 'url = "http://costs.example.com:9003"\n'


def loaded(folder: Path, text: str) -> Environment:
    (folder / "gocoffee.toml").write_text(text)
    return load_config(folder / "gocoffee.toml").environments["prod"]


def test_both_are_places_with_the_currency_that_their_apis_do_not_tell(tmp_path: Path) -> None:
    environment = loaded(tmp_path, OPENCOST + URL + KUBECOST + URL + 'currency = "EUR"\n')
    opened = open_places(environment, now=NOW)
    assert [str(place.target) for place in opened.places] == ["opencost/main", "kubecost/main"]
    connected = [place.connect() for place in opened.places if place.connect is not None]
    assert [source.currency for source in connected] == ["USD", "EUR"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OPENCOST + URL + 'currency = "euro"', "three letters of ISO 4217"),
        (OPENCOST + URL + 'currency = "€€€"', "three letters of ISO 4217"),
        (KUBECOST + URL + 'token = "hunter22"', "stands inline"),
        (OPENCOST + 'url = "costs:9003"', "url"),
        (OPENCOST + URL + OPENCOST + URL, "twice"),
    ],
)
def test_a_mistake_says_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        loaded(tmp_path, text)
    assert "hunter22" not in str(raised.value)


def test_config_check_asks_each_for_yesterday(tmp_path: Path) -> None:
    with serving(sound) as costs, serving(lambda _: says({"code": 200, "data": [{}]})) as empty:
        text = OPENCOST + f'url = "{costs.url}"\n' + KUBECOST + f'url = "{costs.url}"\n'
        text += f'[[environments.prod.opencosts]]\nname = "empty"\nurl = "{empty.url}"\n'
        text += f'[[environments.prod.kubecosts]]\nname = "down"\nurl = "http://127.0.0.1:{unused_port()}"\n'
        checked = {one.target: one for one in check_environment(loaded(tmp_path, text))}
    assert {target: one.status for target, one in checked.items()} == {
        "opencost/main": Status.OK,
        "kubecost/main": Status.OK,
        "opencost/empty": Status.UNKNOWN,
        "kubecost/down": Status.UNKNOWN,
    }
    assert "has no entry" in checked["opencost/empty"].result
