"""What is secret is masked, whatever form it takes; what is not stays."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gocoffee_ops.evidence.patterns import MASK
from gocoffee_ops.evidence.redact import FEW, Redactor, dsn_secrets
from gocoffee_ops.evidence.statement import LITERAL, without_literals
from gocoffee_ops.frames import Column, Schema
from tests.evidence.secrets_corpus import CORPUS, KNOWN, ORDINARY, ORDINARY_SQL, Planted

IDS = [planted.name for planted in CORPUS]
SCHEMA = Schema(
    "t",
    (
        Column("a", "string", optional=True),
        Column("s", "string", content="sql", optional=True),
        Column("l", "list[string]", optional=True),
        Column("n", "Int64"),
    ),
)


def test_the_corpus_holds_at_least_fifty_distinct_secrets() -> None:
    assert len(CORPUS) >= 50
    assert len({planted.secret for planted in CORPUS}) >= 50
    assert all(
        planted.secret in planted.text or planted.secret in json.loads(planted.text).values().__str__()
        for planted in CORPUS
    )


PLAIN = [p for p in CORPUS if p.name != "comment"]  # only its column says that it is a statement


@pytest.mark.parametrize("planted", PLAIN, ids=[p.name for p in PLAIN])
def test_a_planted_secret_is_masked_as_plain_text(planted: Planted) -> None:
    clean = Redactor().text(planted.text)
    assert planted.secret not in clean
    assert MASK in clean
    assert planted.keeps in clean


@pytest.mark.parametrize("planted", [p for p in CORPUS if p.sql], ids=[p.name for p in CORPUS if p.sql])
def test_a_planted_secret_is_masked_in_a_statement(planted: Planted) -> None:
    clean = Redactor().sql(planted.text)
    assert planted.secret not in clean
    assert planted.keeps in clean


@pytest.mark.parametrize("planted", CORPUS, ids=IDS)
def test_masking_twice_changes_nothing(planted: Planted) -> None:
    redactor = Redactor()
    once, once_sql = redactor.text(planted.text), redactor.sql(planted.text)
    assert redactor.text(once) == once
    assert redactor.sql(once_sql) == once_sql


@pytest.mark.parametrize("planted", CORPUS, ids=IDS)
def test_a_planted_secret_is_masked_inside_a_longer_text(planted: Planted) -> None:
    text = f"2026-11-23 ERROR orders: {planted.text}" if "\n" not in planted.text else f"ERROR\n{planted.text}"
    clean = Redactor().sql(planted.text) if planted.sql else Redactor().text(text)
    assert planted.secret not in clean


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays(text: str) -> None:
    assert Redactor().text(text) == text


@pytest.mark.parametrize("text", ORDINARY_SQL)
def test_ordinary_statements_stay(text: str) -> None:
    assert Redactor().sql(text) == text


@pytest.mark.parametrize(
    "form",
    [
        KNOWN,
        urllib.parse.quote(KNOWN),
        urllib.parse.quote_plus(KNOWN),
        urllib.parse.quote(KNOWN, safe=""),
        json.dumps(KNOWN)[1:-1],
        json.dumps(KNOWN, ensure_ascii=False)[1:-1],
        KNOWN.replace("'", "''"),
        repr(KNOWN)[1:-1],
    ],
)
def test_a_known_secret_is_masked_in_every_form(form: str) -> None:
    clean = Redactor([KNOWN]).text(f"the server said <{form}>")
    assert form not in clean
    assert clean == f"the server said <{MASK}>"


@given(st.text(max_size=12), st.text(min_size=8, max_size=30))
def test_base64_of_anything_around_a_known_secret_shows_nothing_of_it(before: str, secret: str) -> None:
    encoded = base64.b64encode((before + secret).encode()).decode()
    clean = Redactor([secret]).text(encoded)
    assert encoded not in clean
    assert MASK in clean


@given(st.text(max_size=80))
@settings(max_examples=300)
def test_masking_any_text_twice_changes_nothing(text: str) -> None:
    redactor = Redactor(["hunter22"])
    once, once_sql = redactor.text(text), redactor.sql(text)
    assert redactor.text(once) == once
    assert redactor.sql(once_sql) == once_sql


URL = ("://u:", "@")
FRAGMENTS = st.sampled_from(
    [
        "'",
        "''",
        "\\",
        "$$",
        "$a$",
        "--",
        "/*",
        "*/",
        "\n",
        '"',
        "E'",
        "U&'",
        "e",
        "x",
        " ",
        "1",
        "$1",
        "a$b",
        "SET token =",
        *URL,
        "password=",
        ":",
        "Bearer ",
    ]
)


@given(st.lists(FRAGMENTS.filter(lambda one: one not in URL), max_size=14).map("".join))
@settings(max_examples=500)
def test_masking_any_statement_twice_changes_nothing(text: str) -> None:
    """But for a URL with half of something in it, whose other half the second time takes along."""
    redactor = Redactor()
    once, plain = redactor.sql(text), redactor.text(text)
    assert (redactor.sql(once), redactor.text(plain)) == (once, plain)


@given(st.lists(FRAGMENTS, max_size=6).map("".join), st.text(alphabet='abcdefgh \\$"/*-', max_size=12))
@settings(max_examples=500)
def test_a_literal_shows_nothing_of_itself(before: str, inside: str) -> None:
    """A standard string, after whatever opened nothing."""
    if without_literals(before + "~") != before + "~":
        return
    secret = f"S3CRET{inside}S3CRET"
    assert "S3CRET" not in without_literals(f"{before} '{secret}' tail")


def test_a_string_whose_end_is_ambiguous_masks_the_rest() -> None:
    assert "secret" not in without_literals(r"SELECT 'it\'s secret', 1")


def test_a_quoted_value_of_set_is_masked_whole() -> None:
    assert (
        without_literals('SET token ="\'"; SET my.secret = "a b"') == f"SET token ={LITERAL}; SET my.secret = {LITERAL}"
    )


def test_numbers_and_parameters_stay_in_a_statement() -> None:
    assert without_literals("SELECT $1, 42, 4.2e1 LIMIT 10") == "SELECT $1, 42, 4.2e1 LIMIT 10"


def test_a_table_is_masked_and_keeps_its_schema() -> None:
    row = {"a": "password=hunter22", "s": "SELECT 'hunter22'", "l": ["API_KEY=hunter22", "plain"], "n": 1}
    empty = {"a": None, "s": None, "l": None, "n": 2}
    table = Redactor().table(SCHEMA.table([row, empty]), SCHEMA)
    assert table.schema == SCHEMA.arrow()
    assert table.to_pylist() == [
        {"a": f"password={MASK}", "s": "SELECT '…'", "l": [f"API_KEY={MASK}", "plain"], "n": 1},
        empty,
    ]


@pytest.mark.parametrize("planted", PLAIN, ids=[p.name for p in PLAIN])
def test_a_column_is_masked_as_its_texts_are(planted: Planted) -> None:
    texts = [f"pod-{i}" for i in range(3)] + [planted.text]
    rows = [{"a": text, "s": "", "l": [text], "n": 1} for text in texts]
    redactor = Redactor()
    masked = redactor.table(SCHEMA.table(rows), SCHEMA)
    assert masked.column("a").to_pylist() == [redactor.text(text) for text in texts]
    assert masked.column("l").to_pylist() == [[redactor.text(text)] for text in texts]


@given(st.lists(st.text(max_size=40) | st.from_regex(r"(?i)(key|TOKEN|pwd)[=: ]\S{0,30}"), min_size=1, max_size=4))
def test_a_column_of_any_texts_is_masked_as_they_are(texts: list[str]) -> None:
    redactor = Redactor(["hunter22"])
    rows = [{"a": text, "s": "", "l": None, "n": 1} for text in texts]
    assert redactor.table(SCHEMA.table(rows), SCHEMA).column("a").to_pylist() == [redactor.text(t) for t in texts]


ODD = [
    "two words\tand\nmore",
    "nul\0inside",
    "ünïcode-ß",
    "(.*)+[x]|^$\\\\",
    "q'uo\"te#~&-",
    "a-long-one-" * 30 + "its-end",
]


@pytest.mark.parametrize("others", [0, 2 * FEW], ids=["few", "many"])
@pytest.mark.parametrize("secret", ODD)
def test_a_known_secret_is_found_in_a_column_whatever_it_is_made_of(secret: str, others: int) -> None:
    redactor = Redactor([secret, *(f"another-{i:04d}" for i in range(others))])
    texts = [f"it is {secret} here", f"it is {secret[:-1]}", "nothing of it"]
    masked = redactor.table(SCHEMA.table([{"a": text, "s": "", "l": [text], "n": 1} for text in texts]), SCHEMA)
    assert masked.column("a").to_pylist() == [f"it is {MASK} here", *texts[1:]]
    assert masked.column("l").to_pylist() == [[f"it is {MASK} here"], *([text] for text in texts[1:])]


def test_a_value_under_a_secret_key_is_masked() -> None:
    value = {
        "password": "x",
        "token": "",
        "secretName": "db",
        "parameters": [{"api_key": "y"}, "DB_PASSWORD=z"],
        "n": 1,
    }
    assert Redactor().value(value) == {
        "password": MASK,
        "token": "",
        "secretName": "db",
        "parameters": [{"api_key": MASK}, f"DB_PASSWORD={MASK}"],
        "n": 1,
    }


def test_what_a_source_calls_secret_is_learned() -> None:
    class Source:
        def secrets(self) -> tuple[str, ...]:
            return ("kube-token-planted",)

    redactor = Redactor()
    redactor.learn(Source())
    redactor.learn(object())
    assert redactor.text("401 for kube-token-planted") == f"401 for {MASK}"


@pytest.mark.parametrize(
    ("dsn", "secrets"),
    [
        ("postgresql://app:p%40ss@db/coffee", {"p%40ss", "p@ss"}),
        ("postgresql://app:p@ss/w@db/coffee", {"p@ss/w"}),
        ("postgresql://db/coffee?password=one&sslpassword=two", {"one", "two"}),
        ("host=db password=pass\\'word", {"pass'word"}),
        ("host=db", set()),
        ("not a dsn", {"not a dsn"}),
    ],
)
def test_the_secrets_of_a_dsn(dsn: str, secrets: set[str]) -> None:
    assert dsn_secrets(dsn) == secrets
