"""A bill in S3, on moto's server: listed, fetched once, and everything that can be wrong with it as an error of ours."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.config import BillConfig, Environment
from gocoffee_ops.errors import (
    DeadlineExceeded,
    Forbidden,
    Malformed,
    NotFound,
    OpsError,
    ServerFault,
    Throttled,
    Unauthenticated,
    Unreachable,
    Unsupported,
)
from gocoffee_ops.model import Target
from gocoffee_ops.places import open_places
from gocoffee_ops.queries import bills
from gocoffee_ops.sources.aws import Bucket
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.focus import Bill
from tests.aws import BUCKET, SECRET_KEY, Moto
from tests.focus_files import charge, write_csv, write_parquet
from tests.http_server import Answer, Asked, serving, unused_port
from tests.support import live_session

pytestmark = pytest.mark.usefixtures("aws_identity")

NOVEMBER = date(2026, 11, 1)
AS_OF = datetime(2026, 11, 9, tzinfo=UTC)
TARGET = Target("bill", "aws")


def bucket(url: str, prefix: str = "focus/", **options: Any) -> Bucket:
    return Bucket(str(TARGET), BUCKET, prefix, endpoint_url=url, region="eu-west-1", **options)


@pytest.fixture
def kept(moto: Moto, tmp_path: Path) -> Moto:
    """A bucket with two months of a bill, and what else AWS puts beside them."""
    moto.reset()
    for month, cost in (("2026-10", "5"), ("2026-11", "7")):
        path = write_parquet(tmp_path / "made" / f"{month}.parquet", [charge(BilledCost=cost)])
        moto.put(f"focus/export/data/BILLING_PERIOD={month}/export-00001.snappy.parquet", path)
    (tmp_path / "made" / "m.json").write_text("{}")
    moto.put("focus/export/metadata/BILLING_PERIOD=2026-11/export-Manifest.json", tmp_path / "made" / "m.json")
    moto.put("other/a.parquet", path)
    return moto


def test_a_bill_in_s3_is_read_and_each_file_is_on_record_with_its_etag(kept: Moto, tmp_path: Path) -> None:
    ops = live_session(tmp_path, as_of=AS_OF, sources={TARGET: Bill(str(TARGET), bucket(kept.url))})
    frame = bills.charges(ops, days=7)
    assert frame["billed"].tolist() == [Decimal(7)]
    notes = frame.attrs["notes"]["aws"]
    (file,) = notes["files"]
    assert file["name"] == "export/data/BILLING_PERIOD=2026-11/export-00001.snappy.parquet"
    assert (len(file["etag"]), file["rows"]) == (32, 1)
    assert notes["months_before_not_read"] == ["export/data/BILLING_PERIOD=2026-10/export-00001.snappy.parquet"]
    assert notes["no_bill"] == ["export/metadata/BILLING_PERIOD=2026-11/export-Manifest.json"]
    assert bills.files(ops, days=7)["etag"].tolist() == [file["etag"]]


def test_only_what_changed_is_fetched_and_only_we_may_read_it(kept: Moto, tmp_path: Path) -> None:
    shelf = bucket(kept.url)
    (first,) = shelf.stock(NOVEMBER, Deadline.after(10)).files
    assert stat.S_IMODE(first.path.parent.stat().st_mode) == 0o700
    (again,) = shelf.stock(NOVEMBER, Deadline.after(10)).files
    assert again == first
    changed = write_parquet(tmp_path / "changed.parquet", [charge(BilledCost="8"), charge(hour=1)])
    kept.put("focus/export/data/BILLING_PERIOD=2026-11/export-00001.snappy.parquet", changed)
    (new,) = shelf.stock(NOVEMBER, Deadline.after(10)).files
    assert (new.name, new.path != first.path, first.path.exists()) == (first.name, True, False)
    assert new.path.read_bytes() == changed.read_bytes()
    folder = new.path.parent
    del shelf
    assert not folder.exists()


def test_more_than_a_page_of_files_is_listed_whole(moto: Moto, tmp_path: Path) -> None:
    moto.reset()
    path = write_csv(tmp_path / "a.csv", [charge()])
    (tmp_path / "x").write_text("x")
    moto.put("focus/zz.csv", path)
    for i in range(1005):
        moto.put(f"focus/ignored-{i:04}", tmp_path / "x") if i in (0, 1004) else _quick(moto, f"focus/ignored-{i:04}")
    stock = bucket(moto.url).stock(NOVEMBER, Deadline.after(20))
    assert ([file.name for file in stock.files], len(stock.ignored)) == (["zz.csv"], 1005)


def _quick(moto: Moto, key: str) -> None:
    import urllib.request

    request = urllib.request.Request(f"{moto.url}/{BUCKET}/{key}", b"x", method="PUT")
    with urllib.request.urlopen(request, timeout=10):
        pass


def test_a_bill_that_is_too_large_is_not_fetched(kept: Moto) -> None:
    with pytest.raises(Unsupported, match=r"1 files are 0 MiB, more than max_mib = 0"):
        bucket(kept.url, max_mib=0.001).stock(NOVEMBER, Deadline.after(10))


def test_the_same_object_twice_is_refused(kept: Moto, tmp_path: Path) -> None:
    kept.put("focus/export/data/BILLING_PERIOD=2026-11/copy.parquet", tmp_path / "made" / "2026-11.parquet")
    with pytest.raises(Malformed, match=r"copy.parquet and .* hold the same"):
        bucket(kept.url).stock(NOVEMBER, Deadline.after(10))


def test_a_prefix_without_a_bill_or_a_bucket_that_is_none_is_not_found(kept: Moto) -> None:
    with pytest.raises(NotFound, match=r"no Parquet or csv file in s3://coffee-bills/nothing/"):
        bucket(kept.url, "nothing/").stock(NOVEMBER, Deadline.after(10))
    with pytest.raises(NotFound, match="NoSuchBucket"):
        Bucket(str(TARGET), "no-such-bucket", "", endpoint_url=kept.url).stock(NOVEMBER, Deadline.after(10))


LISTING = """<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>coffee-bills</Name><IsTruncated>false</IsTruncated>
<Contents><Key>focus/a.csv</Key><LastModified>2026-11-09T00:00:00.000Z</LastModified><ETag>"e1"</ETag><Size>{size}</Size></Contents>
</ListBucketResult>"""


def xml_error(code: str, message: str = "said AWS") -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


def lists(data: bytes, then: Answer) -> Callable[[Asked], Answer]:
    """Lists one object, and answers a request for it with `then`."""

    def script(asked: Asked) -> Answer:
        if "list-type" in asked.query:
            return Answer(200, LISTING.format(size=len(data)).encode(), content_type="application/xml")
        return then

    return script


DATA = b"x" * 5000
FAULTS: dict[str, tuple[Callable[[Asked], Answer], type[OpsError], str]] = {
    "401": (lambda _: Answer(401, xml_error("ExpiredToken")), Unauthenticated, "ExpiredToken: said AWS"),
    "bad signature": (lambda _: Answer(403, xml_error("SignatureDoesNotMatch")), Unauthenticated, "SignatureDoesNotMatch"),
    "may not list": (lambda _: Answer(403, xml_error("AccessDenied")), Forbidden, "may not s3:ListBucket: AccessDenied"),
    "may not get": (lists(DATA, Answer(403, xml_error("AccessDenied"))), Forbidden, "may not s3:GetObject: AccessDenied"),
    "403 without a body": (lists(DATA, Answer(403)), Forbidden, "may not s3:GetObject"),
    "slow down": (lambda _: Answer(503, xml_error("SlowDown")), Throttled, "SlowDown"),
    "5xx": (lambda _: Answer(500, xml_error("InternalError")), ServerFault, "InternalError"),
    "another region": (lambda _: Answer(400, xml_error("AuthorizationHeaderMalformed")), Unsupported, "region in gocoffee.toml"),
    "archived": (lists(DATA, Answer(403, xml_error("InvalidObjectState"))), Unsupported, "restore it"),
    "replaced": (lists(DATA, Answer(412, xml_error("PreconditionFailed"))), Malformed, "replaced it meanwhile"),
    "malformed": (lambda _: Answer(200, b"<html>sign in", content_type="text/html"), Malformed, "a page (text/html), and not AWS"),
    "malformed, and well-formed XML": (
        lambda _: Answer(200, b"<html>sign in</html>", content_type="text/html"), Malformed, "is no list of files",
    ),
    "reset": (lambda _: Answer(reset=True), Unreachable, "Connection"),
    "truncated": (lists(DATA, Answer(200, DATA, cut_at=100)), Unreachable, "the connection broke"),
    "shorter than listed": (lists(DATA, Answer(200, DATA[:99])), Malformed, "99 bytes came, and it should have 5,000"),
}  # fmt: skip


@pytest.mark.parametrize(("script", "kind", "said"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_is_an_error_of_ours(script: Callable[[Asked], Answer], kind: type[OpsError], said: str) -> None:
    with serving(script) as server, pytest.raises(kind, match=re.escape(said)) as raised:
        bucket(server.url).stock(NOVEMBER, Deadline.after(5))
    assert type(raised.value) is kind
    assert raised.value.target == "bill/aws"
    assert SECRET_KEY not in str(raised.value)


def test_what_may_pass_is_asked_again_within_the_deadline() -> None:
    answers = iter([Answer(503, xml_error("SlowDown")), Answer(500, xml_error("InternalError"))])
    listing = lists(b"", Answer(200))
    with serving(lambda asked: next(answers, None) or listing(asked)) as server:
        source = Bill(str(TARGET), bucket(server.url))
        with pytest.raises(Malformed, match="is empty"):
            source.ask("periods", NOVEMBER, Deadline.after(10))
        assert len(server.asked) == 4, "two that failed, the list, and the object"


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="Could not connect"):
        bucket(f"http://127.0.0.1:{unused_port()}").stock(NOVEMBER, Deadline.after(5))


@pytest.mark.parametrize(
    "script", [lambda _: Answer(stall=True), lists(DATA, Answer(200, DATA, drip_s=0.05))], ids=["hangs", "drips"]
)
def test_a_server_that_takes_too_long_ends_at_the_deadline(script: Callable[[Asked], Answer]) -> None:
    with serving(script) as server, pytest.raises(DeadlineExceeded, match=r"no answer after 0.7 s"):
        bucket(server.url).stock(NOVEMBER, Deadline.after(0.7))


@pytest.mark.usefixtures("nobody")
def test_without_credentials_nothing_is_asked() -> None:
    with serving(lambda _: Answer(200)) as server:
        with pytest.raises(Unauthenticated, match="Unable to locate credentials"):
            bucket(server.url).stock(NOVEMBER, Deadline.after(5))
        assert server.asked == []


def test_a_profile_that_is_none_is_unauthenticated() -> None:
    with pytest.raises(Unauthenticated, match=r"config profile \(none\) could not be found.*profile in gocoffee.toml"):
        bucket("http://127.0.0.1:1", profile="none").stock(NOVEMBER, Deadline.after(5))


def test_a_prefix_is_a_folder_and_what_begins_like_it_is_another(kept: Moto, tmp_path: Path) -> None:
    kept.put("focus-old/a.csv", write_csv(tmp_path / "old.csv", [charge(BilledCost="1000")]))
    system = BillConfig(name="aws", path=f"s3://{BUCKET}/focus", endpoint_url=kept.url)
    (place,) = open_places(Environment(name="prod", bills=(system,)), now=AS_OF).places
    assert place.connect is not None
    ops = live_session(tmp_path, as_of=AS_OF, sources={TARGET: place.connect()})
    assert bills.by_team(ops, days=7)["billed"].tolist() == [Decimal(7)]


def test_credentials_are_known_as_secrets_once_they_are_in_use(kept: Moto, tmp_path: Path) -> None:
    system = BillConfig(name="aws", path=f"s3://{BUCKET}/focus", endpoint_url=kept.url)
    opened = open_places(Environment(name="prod", bills=(system,)), now=AS_OF)
    (place,) = opened.places
    assert place.detail == f"s3://{BUCKET}/focus, team from tag team"
    assert place.connect is not None
    ops = live_session(tmp_path, as_of=AS_OF, sources={TARGET: place.connect()})
    bills.by_team(ops, days=7)
    assert ops.ledger.redactor.text(f"said {SECRET_KEY}") == "said [redacted]"
