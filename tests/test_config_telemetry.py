"""Redis, Alertmanager and Prometheus in gocoffee.toml: what it takes, what it refuses, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gocoffee_ops.config import Environment, MetricNames, PrometheusConfig, RedisConfig, load_config
from gocoffee_ops.errors import ConfigError
from gocoffee_ops.model import Status, Target, Thresholds
from gocoffee_ops.places import open_places
from gocoffee_ops.places.checked import check_environment
from tests.http_server import unused_port
from tests.testbed.redis import READER, RedisServer

NOW = datetime(2026, 11, 23, tzinfo=UTC)
REDIS = '[[environments.prod.redis]]\nname = "cache"\n'


def loaded(folder: Path, text: str) -> Environment:
    (folder / "gocoffee.toml").write_text(text)
    return load_config(folder / "gocoffee.toml").environments["prod"]


def test_metric_names_belong_to_the_prometheus_above_them(tmp_path: Path) -> None:
    environment = loaded(
        tmp_path,
        """
[[environments.prod.prometheus]]
name = "eu"
url = "https://prometheus.example.com/eu"
[environments.prod.prometheus.metrics]
status_label = "status"
scrape_interval_s = 30.0
[[environments.prod.prometheus]]
name = "us"
url = "https://prometheus.example.com/us"
""",
    )
    eu, us = environment.prometheus
    assert (eu.metrics.status_label, eu.metrics.scrape_interval_s) == ("status", 30.0)
    assert us.metrics == MetricNames()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (REDIS + 'url = "redis://user:hunter22@cache:6379"', "without user and password"),
        (REDIS + 'url = "http://cache:6379"', "redis://HOST:PORT"),
        (REDIS + 'url = "redis://cache:port"', "redis://HOST:PORT"),
        (REDIS + 'url = "redis://cache"\npassword = "hunter22"', "stands inline"),
        (REDIS + 'url = "redis://cache"\nuser = "reader"', "user and a password together"),
        (REDIS + 'url = "redis://cache"\npassword_env = "A"\npassword_file = "b"', "stands beside"),
        (REDIS + 'url = "redis://cache"\nca_file = "ca.pem"', "rediss://"),
        (REDIS + 'url = "redis://cache"\nmin_replicas = 0', "min_replicas"),
        (REDIS + 'url = "redis://cache"\nmin_replicas = "two"', "min_replicas"),
        (
            '[[environments.prod.prometheus]]\nname = "p"\nurl = "http://p"\n'
            '[environments.prod.prometheus.metrics]\nrequests = "up{}"',
            "not the name of a metric",
        ),
        (
            '[[environments.prod.prometheus]]\nname = "p"\nurl = "http://p"\n'
            '[environments.prod.prometheus.metrics]\nerror_status = "5("',
            "not a regular expression",
        ),
        (REDIS + 'url = "redis://cache"\n[environments.prod.thresholds]\ntime_to_limit_warn_s = 60.0', "is above"),
    ],
)
def test_a_mistake_is_named_and_no_secret_repeated(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, text)
    assert said in str(raised.value)
    assert "hunter22" not in str(raised.value)


def test_less_time_to_the_limit_is_worse(tmp_path: Path) -> None:
    text = REDIS + 'url = "redis://cache"\n[environments.prod.thresholds]\ntime_to_limit_crit_s = 7200.0'
    assert loaded(tmp_path, text).thresholds == Thresholds(time_to_limit_crit_s=7200.0)


def test_a_place_says_where_it_is_and_its_password_is_known_as_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_PASSWORD", "hunter22")
    environment = Environment(
        name="prod",
        redis=(RedisConfig(name="cache", url="rediss://cache:6380", user="reader", password_env="CACHE_PASSWORD"),),
        prometheus=(PrometheusConfig(name="main", url="http://prometheus:9090"),),
    )
    opened = open_places(environment, now=NOW)
    assert [(place.target, place.detail) for place in opened.places] == [
        (Target("redis", "cache"), "rediss://cache:6380 as reader"),
        (Target("prometheus", "main"), "http://prometheus:9090"),
    ]
    assert opened.redactor.text("said hunter22") == "said [redacted]"


def test_each_is_asked_its_first_question(
    redis_master: RedisServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CACHE_PASSWORD", redis_master.passwords[READER])
    monkeypatch.delenv("UNSET_PASSWORD", raising=False)
    text = f"""
[[environments.prod.redis]]
name = "cache"
url = "{redis_master.url}"
user = "{READER}"
password_env = "CACHE_PASSWORD"
[[environments.prod.redis]]
name = "unset"
url = "{redis_master.url}"
user = "{READER}"
password_env = "UNSET_PASSWORD"
[[environments.prod.alertmanagers]]
name = "main"
url = "http://127.0.0.1:{unused_port()}"
[[environments.prod.prometheus]]
name = "main"
url = "http://127.0.0.1:{unused_port()}"
"""
    checked = {line.target: line for line in check_environment(loaded(tmp_path, text))}
    assert {target: line.status for target, line in checked.items()} == {
        "redis/cache": Status.OK,
        "redis/unset": Status.UNKNOWN,
        "alertmanager/main": Status.UNKNOWN,
        "prometheus/main": Status.UNKNOWN,
    }
    assert "$UNSET_PASSWORD is not set" in checked["redis/unset"].result
    assert "refused" in checked["alertmanager/main"].result
