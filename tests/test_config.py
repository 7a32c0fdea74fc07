"""gocoffee.toml: found where it should be, and wrong with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gocoffee_ops.config import CONFIG_VARIABLE, Environment, environment, find_config, load_config
from gocoffee_ops.config.systems import IDENTITIES
from gocoffee_ops.errors import ConfigError
from gocoffee_ops.evidence.ledger import Ledger
from gocoffee_ops.expectations import Expectations
from gocoffee_ops.model import Thresholds
from gocoffee_ops.places import open_places, replay_places
from gocoffee_ops.session import Session

ONE = '[environments.prod]\n[[environments.prod.clusters]]\nname = "eu"\ncontext = "eu"\n'
EXAMPLE = Path(__file__).parent.parent / "gocoffee.example.toml"


def _written(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "gocoffee.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Away from any configuration of whoever runs the tests."""
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def test_the_example_is_valid_and_says_what_it_means() -> None:
    prod = load_config(EXAMPLE).environments["prod"]
    assert [cluster.name for cluster in prod.clusters] == ["prod-eu", "prod-us"]
    assert [(d.dsn_env, str(d.dsn_file)) for d in prod.databases] == [
        ("COFFEE_DSN", "None"),
        (None, "/run/secrets/billing-dsn"),
    ]
    assert prod.thresholds.node_usage_warn == 0.75
    assert prod.thresholds.node_usage_crit == Thresholds().node_usage_crit
    assert prod.contacts.escalation["P0"].primary == "Platform Lead"
    assert prod.contacts.addresses["Platform Lead"] == "platform@example.com"
    assert prod.limits.run_deadline_s == 1800.0
    shop, pay = prod.endpoints
    assert (shop.expected_body, shop.expected_status, shop.user) == ({"status": "ok"}, (200,), None)
    assert (pay.token_env, pay.samples) == ("PAYMENTS_HEALTH_TOKEN", 10)
    assert [(d.name, d.severity, d.status_page) for d in prod.dependencies] == [
        ("stripe", "CRIT", None),
        ("github", "WARN", "https://www.githubstatus.com"),
    ]


def test_the_variable_wins_over_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = _written(tmp_path / "named", ONE)
    _written(tmp_path / "cwd", ONE)
    monkeypatch.setenv(CONFIG_VARIABLE, str(named))
    assert find_config(tmp_path / "cwd") == named


def test_a_variable_that_names_no_file_is_an_error_not_a_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _written(tmp_path / "cwd", ONE)
    monkeypatch.setenv(CONFIG_VARIABLE, str(tmp_path / "gone.toml"))
    with pytest.raises(ConfigError, match=r"\$GOCOFFEE_CONFIG names no file"):
        find_config()


def test_the_nearest_file_upward_from_the_notebook_wins_over_the_working_folder(tmp_path: Path) -> None:
    here = _written(tmp_path / "cwd", ONE)
    far = _written(tmp_path / "books", ONE)
    notebook = tmp_path / "books" / "weekly" / "deep"
    notebook.mkdir(parents=True)
    assert find_config(notebook) == far
    near = _written(tmp_path / "books" / "weekly", ONE)
    assert find_config(notebook) == near
    assert find_config() == here


def test_without_a_configuration_only_the_demo_exists(tmp_path: Path) -> None:
    assert find_config(tmp_path) is None
    assert environment("demo").demo
    with pytest.raises(
        ConfigError, match=r"unknown environment 'prod': there is no gocoffee.toml.*valid: demo"
    ) as caught:
        environment("prod")
    assert caught.value.exit_code == 64


def test_an_unknown_environment_names_the_nearest(tmp_path: Path) -> None:
    _written(tmp_path / "cwd", ONE)
    assert environment("prod").name == "prod"
    assert environment("demo").demo
    with pytest.raises(ConfigError, match=r"did you mean 'prod'\? valid: demo, prod"):
        environment("prd")


def test_paths_start_at_the_configurations_folder_and_know_the_home(tmp_path: Path) -> None:
    text = (
        '[[environments.p.clusters]]\nname = "a"\ncontext = "a"\nkubeconfig = "sub/kube"\n'
        '[[environments.p.databases]]\nname = "d"\ndsn_file = "~/dsn"\n'
    )
    p = load_config(_written(tmp_path / "etc", text)).environments["p"]
    assert p.clusters[0].kubeconfig == tmp_path / "etc" / "sub" / "kube"
    assert p.databases[0].dsn_file == Path.home() / "dsn"


CLUSTER = '[[environments.p.clusters]]\nname = "a"\ncontext = "a"\n'
DATABASE = '[[environments.p.databases]]\nname = "d"\n'
ENDPOINT = '[[environments.p.endpoints]]\nname = "e"\nurl = "https://e.example.com/health"\n'
DEPENDENCY = '[[environments.p.dependencies]]\nname = "d"\nurl = "https://d.example.com"\n'
AT_REST = "[environments.p]\nat_rest = ['{}']\n" + CLUSTER
P0 = CLUSTER + "[environments.p.contacts.escalation.P0]\nprimary = 'x'\n"
MISTAKES = [
    ("[environments", "not TOML"),
    ("x = 1", r"environments is missing"),
    ("x = 1", r"x is not a key here \(allowed: environments\)"),
    ("environments = 3", r"environments was given 3 \(allowed: a table\)"),
    ("[environments.p]", r"environments\.p has nothing to read"),
    ("[environments.p]\nclustres = []", r"environments\.p\.clustres is not a key here \(allowed: clusters,"),
    ("[environments.p]\nname = 'q'\n" + CLUSTER, "an environment's name is that of its table"),
    ("[environments.'a b']\n" + CLUSTER, r"environments\.a b\.name is not a name"),
    ("[environments.demo]\n" + CLUSTER, "demo is the package's own"),
    (CLUSTER + CLUSTER, "clusters names 'a' twice"),
    ('[[environments.p.clusters]]\nname = "a"', r"clusters\[0\] names no way to the cluster .*in_cluster = true"),
    (CLUSTER + "in_cluster = true", r"in_cluster stands beside context"),
    (CLUSTER + "in_cluster = 'yes'", r"clusters\[0\]\.in_cluster was given 'yes' \(allowed: true or false\)"),
    (
        '[[environments.p.clusters]]\nname = 3\ncontext = ""',
        r"clusters\[0\]\.name was given 3 .*; .*context was given ''",
    ),
    ("[environments.p]\nclusters = 3", r"clusters was given 3 \(allowed: a list of tables\)"),
    (CLUSTER + "custom_resources = 'a.b.c'", r"custom_resources was given 'a.b.c' \(allowed: a list"),
    (
        CLUSTER + "custom_resources = ['widgets']",
        r"custom_resources\[0\] is not a custom resource .*PLURAL\.GROUP .*/VERSION",
    ),
    (CLUSTER + "custom_resources = ['deployments.apps']", r"custom_resources\[0\] is not a custom resource"),
    (CLUSTER + "custom_resources = ['Widgets.example.com']", r"custom_resources\[0\] is not a custom resource"),
    (CLUSTER + "custom_resources = ['widgets.example.com/one']", r"custom_resources\[0\] is not a custom resource"),
    (CLUSTER + "custom_resources = ['../widgets.example.com']", r"custom_resources\[0\] is not a custom resource"),
    (
        CLUSTER + "custom_resources = ['a.b.c', 'a.b.c/v1']",
        r"clusters\[0\] custom_resources names 'a\.b\.c' twice .*one version of each",
    ),
    (DATABASE, "needs one of dsn_env and dsn_file"),
    (DATABASE + 'dsn_env = "A"\ndsn_file = "b"', "needs one of dsn_env and dsn_file"),
    (DATABASE + "dsn_file = 3", r"databases\[0\]\.dsn_file is not a path"),
    (CLUSTER + "[environments.p.thresholds]\nnode_usage_wrn = 1", "no threshold 'node_usage_wrn' .*'node_usage_warn'"),
    (
        CLUSTER + "[environments.p.thresholds]\nnode_usage_warn = 80",
        r"node_usage_warn is 80 \(allowed: 0 to 1 \(ratio\)\)",
    ),
    (CLUSTER + "[environments.p.thresholds]\nnode_usage_warn = true", "node_usage_warn is bool"),
    (CLUSTER + "[environments.p.thresholds]\nnode_usage_warn = '0.8'", "node_usage_warn is str"),
    (CLUSTER + "[environments.p.thresholds]\nnode_usage_warn = nan", "node_usage_warn is nan"),
    (CLUSTER + "[environments.p.thresholds]\nrestarts_warn = 1.5", "restarts_warn is 1.5 .*a whole number"),
    (CLUSTER + "[environments.p.thresholds]\nstatement_slower_warn = 0.5", "statement_slower_warn is 0.5 .*1 or more"),
    (CLUSTER + "[environments.p.thresholds]\nactive_warn_s = -1", "active_warn_s is -1"),
    (
        CLUSTER + "[environments.p.thresholds]\nactive_warn_s = 700",
        r"active_warn_s \(700\) is above active_crit_s \(600\)",
    ),
    (CLUSTER + "[environments.p.thresholds]\ncache_hit_warn = 0.5", r"cache_hit_crit \(0.9\) is above cache_hit_warn"),
    (
        CLUSTER + "[environments.p.limits]\nquery_deadline_s = 0",
        r"query_deadline_s was given 0 \(allowed: more than 0\)",
    ),
    (
        CLUSTER + "[environments.p.limits]\nquery_deadline_s = '30'",
        r"query_deadline_s was given '30' \(allowed: a number\)",
    ),
    (CLUSTER + "[environments.p.limits]\ncell_deadline_s = 1", "out of order"),
    (
        CLUSTER + "[environments.p.contacts.escalation.P0]\nprimry = 'x'",
        r"escalation\.P0\.primry is not a key .*primary,",
    ),
    (CLUSTER + "[environments.p.links]\na = 'ftp://x'", r"links\.a is not a link"),
    (AT_REST.format("promo"), r"at_rest\[0\] is not a workload .*NAMESPACE/deployment/NAME"),
    (AT_REST.format("shop/daemonset/agent"), r"at_rest\[0\] is not a workload"),
    (AT_REST.format("else/shop/deployment/promo"), r"at_rest: 'else/shop/deployment/promo' names cluster 'else'"),
    (P0, r"P0\.response_time is missing"),
    (P0 + "response_time = 'soon'", r"P0\.response_time is not a length of time .*'15 minutes', '1 hour'"),
    (P0 + "response_time = '0 minutes'", r"P0\.response_time is not a length of time"),
    (P0 + "response_time = '15m'", r"P0\.response_time is not a length of time"),
    (P0 + "response_time = 15", r"P0\.response_time was given 15 \(allowed: a text in quotes\)"),
    ('[[environments.p.endpoints]]\nname = "e"', r"endpoints\[0\]\.url is missing"),
    (ENDPOINT + 'token = "x"', r"token stands inline: .*kept in git.*token_env = .* or token_file = "),
    (ENDPOINT + 'api_key = "x"', r"api_key stands inline: .*token_env"),
    (ENDPOINT + 'user = "u"\npassword = "x"', r"password stands inline: .*password_env = .* or password_file = "),
    (
        ENDPOINT + 'token_env = "A"\ntoken_file = "b"',
        "token_env stands beside token_file .*one of token_env, token_file",
    ),
    (
        ENDPOINT + 'user = "u"\ntoken_env = "A"\npassword_env = "B"',
        r"token_env stands beside password_env \(allowed: one of",
    ),
    (ENDPOINT + 'user = "u"', "needs a user and a password together"),
    (ENDPOINT + 'password_env = "A"', "needs a user and a password together"),
    (ENDPOINT + 'user = "u"\ntoken_env = "A"', "needs a user and a password together"),
    (ENDPOINT + ENDPOINT, "endpoints names 'e' twice"),
    (ENDPOINT + "samples = 0", r"samples was given 0 \(allowed: 1 or more\)"),
    (ENDPOINT + "samples = 51", r"samples was given 51 \(allowed: at most 50\)"),
    (ENDPOINT + "expected_status = [20]", r"expected_status\[0\] is not a status of HTTP \(allowed: 100 to 599\)"),
    (ENDPOINT + "expected_status = []", r"expected_status was given .*a list that is not empty"),
    (ENDPOINT + "expected_body = { a = [1] }", r"expected_body a is list \(allowed: a text, a number"),
    (ENDPOINT + "expected_body = { a.b = 2026-01-01 }", r"expected_body b is date"),
    (DEPENDENCY + 'severity = "P0"', r"severity was given 'P0' \(allowed: 'WARN' or 'CRIT'\)"),
    (DEPENDENCY + 'status_page = "status.example.com"', r"status_page is not a link"),
    (DEPENDENCY + 'token_env = "A"', r"token_env is not a key here"),
    (
        CLUSTER + "[environments.p.thresholds]\ncertificate_warn_days = 3",
        r"certificate_crit_days \(7\) is above certificate_warn_days \(3\)",
    ),
]


def test_custom_resources_have_a_group_and_may_have_a_version(tmp_path: Path) -> None:
    named = ("certificates.cert-manager.io", "widgets.example.com/v1beta1")
    text = CLUSTER + f"custom_resources = {list(named)}"
    assert load_config(_written(tmp_path, text)).environments["p"].clusters[0].custom_resources == named


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=[said for _, said in MISTAKES])
def test_a_mistake_names_the_key_what_was_given_and_what_is_allowed(tmp_path: Path, text: str, said: str) -> None:
    path = _written(tmp_path, text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(path)
    assert str(path) in str(caught.value)


SECRET = "hunter22"
SECRETS = [
    DATABASE + f'dsn = "postgres://app:{SECRET}@db/coffee"',
    DATABASE + f'password = "{SECRET}"',
    DATABASE + f'dsn_env = "postgres://app:{SECRET}@db/coffee"',
    DATABASE + f'dsn_env = ["{SECRET}"]',
    DATABASE + f'dsn_env = "X"\ndsn = "{SECRET}"',
    f'[environments.p]\nclusters = "{SECRET}@x"',
    CLUSTER + f'[environments.p.links]\na = "https://u:{SECRET}@x"',
    CLUSTER + f"[environments.p.contacts]\naddresses = 'password={SECRET}'",
    f'[environments.p]\ntoken = "{SECRET}"',
    ENDPOINT + f'token = "{SECRET}"',
    ENDPOINT + f'user = "u"\npassword = "{SECRET}"',
    ENDPOINT + f'token_env = "{SECRET} of mine"',
    f'[[environments.p.endpoints]]\nname = "e"\nurl = "https://u:{SECRET}@e.example.com"',
    f'environments = {{ password = "{SECRET}" }}',
]


@pytest.mark.parametrize("text", SECRETS)
def test_what_could_be_a_secret_is_never_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(_written(tmp_path, text))
    error: BaseException | None = caught.value
    assert SECRET not in str(error)
    assert error is not None
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_an_inline_dsn_says_why_and_what_to_use(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"dsn stands inline: .*kept in git.*dsn_env = .*dsn_file = "):
        load_config(_written(tmp_path, SECRETS[0]))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "gone.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "x.toml")


def test_an_environment_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Environment(name="demo").name = "prod"  # type: ignore[misc]


def test_a_system_over_http_has_one_identity_or_none(tmp_path: Path) -> None:
    ways = [
        "",
        'token_env = "A"',
        'token_file = "a"',
        'user = "u"\npassword_env = "A"',
        'user = "u"\npassword_file = "a"',
    ]
    for n, way in enumerate(ways):
        (endpoint,) = load_config(_written(tmp_path / str(n), ENDPOINT + way)).environments["p"].endpoints
        given = {key for key in IDENTITIES if getattr(endpoint, key) is not None}
        assert len(given) == (1 if way else 0)
        assert (endpoint.user is not None) is any(key.startswith("password") for key in given)


def test_every_threshold_says_its_unit_meaning_and_source() -> None:
    infos = Thresholds.info()
    assert len(infos) > 25
    units = {"ratio", "times", "s", "ms", "MiB", "rows", "scans", "restarts", "days", "records", "requests", "money"}
    assert {info.unit for info in infos} <= units
    assert all(info.help and info.source and info.low <= info.default <= info.high for info in infos)


def test_what_an_environment_states_reaches_a_session_and_its_replay(tmp_path: Path) -> None:
    text = """[environments.p]
at_rest = ["shop/deployment/promo", "c/shop/statefulset/batch"]
watchdog = "DeadMansSwitch"
clusters = [{ name = "c", context = "c" }]
redis = [{ name = "main", url = "redis://main", min_replicas = 2 }, { name = "copy", url = "redis://copy" }]
prometheus = [
  { name = "eu", url = "http://eu" },
  { name = "store", url = "http://store", sends_alerts = false, external_labels = { cluster = "eu" } },
]
"""
    environment = load_config(_written(tmp_path, text)).environments["p"]
    opened = open_places(environment, now=datetime(2026, 1, 5, tzinfo=UTC))
    assert opened.expectations == Expectations(environment.at_rest, {"main": 2}, "DeadMansSwitch", ("store",))
    assert [one.external_labels for one in environment.prometheus] == [{}, {"cluster": "eu"}]
    Session(
        runbook="r",
        environment="p",
        places=[],
        thresholds=opened.thresholds,
        ledger=Ledger(tmp_path / "run" / "evidence"),
        expectations=opened.expectations,
    )
    assert replay_places(tmp_path / "run").expectations == opened.expectations
